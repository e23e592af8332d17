/* rate.c - see rate.h. Each source has a ring of steps, one more than make a minute, since the
 * present one has only begun. The hash table keeps its order of insertion: a source that is counted
 * goes to its end, so the first is the one that was silent for longest.
 */
#include "hubd/receive/rate.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "libhub/base/mem.h"

enum { STEPS = 60 * 1000 / RATE_STEP_MS + 1, SOURCE_MAX = 400, EXPIRED_AT_ONCE = 4 };

struct source {
	UT_hash_handle hh;
	uint64_t step;			/* of its last message */
	uint32_t counts[STEPS];		/* of step n at n % STEPS */
	char name[];
};

struct rate_table {
	pthread_mutex_t lock;		/* guards all below */
	struct source *sources;
};

struct rate_table *rate_table_new(void)
{
	struct rate_table *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	return t;
}

static void forget_first(struct rate_table *t)
{
	struct source *s = t->sources;

	HASH_DEL(t->sources, s);
	free(s);
}

void rate_table_free(struct rate_table **tp)
{
	struct rate_table *t = *tp;

	if (t == NULL)
		return;
	while (t->sources != NULL)
		forget_first(t);
	pthread_mutex_destroy(&t->lock);
	free(t);
	*tp = NULL;
}

/* A few at a time: each call makes one source at most, so they become fewer. */
static void forget_expired(struct rate_table *t, uint64_t step)
{
	int i;

	for (i = 0; i < EXPIRED_AT_ONCE && t->sources != NULL; i++)
		if (t->sources->step + STEPS <= step)
			forget_first(t);
}

static struct source *find(struct rate_table *t, const char *name)
{
	struct source *s;

	HASH_FIND(hh, t->sources, name, strnlen(name, SOURCE_MAX), s);
	return s;
}

static struct source *add(struct rate_table *t, const char *name)
{
	size_t len = strnlen(name, SOURCE_MAX);
	struct source *s = xcalloc(1, sizeof(*s) + len + 1);

	if (HASH_COUNT(t->sources) >= RATE_SOURCES_MAX)
		forget_first(t);
	memcpy(s->name, name, len);
	HASH_ADD_KEYPTR(hh, t->sources, s->name, len, s);
	return s;
}

/* Steps that have passed since the last message count nothing any more. */
static void advance(struct source *s, uint64_t step)
{
	if (step >= s->step + STEPS)
		memset(s->counts, 0, sizeof(s->counts));
	else
		while (s->step < step)
			s->counts[++s->step % STEPS] = 0;
	s->step = step;
}

static uint64_t counted(struct rate_table *t, const char *name, uint64_t step)
{
	const struct source *s = name != NULL ? find(t, name) : NULL;
	uint64_t sum = 0, i;

	if (s == NULL)
		return 0;
	for (i = step < STEPS ? 0 : step - STEPS + 1; i <= s->step; i++)
		sum += s->counts[i % STEPS];
	return sum;
}

static void count(struct rate_table *t, const char *name, uint64_t step)
{
	struct source *s;

	if (name == NULL)
		return;
	s = find(t, name);
	if (s == NULL) {
		s = add(t, name);
	} else {
		HASH_DEL(t->sources, s);
		HASH_ADD_KEYPTR(hh, t->sources, s->name, strlen(s->name), s);
	}
	advance(s, step);
	s->counts[step % STEPS]++;
}

bool rate_allow(struct rate_table *t, const char *const sources[2], uint64_t limit,
	uint64_t now_ms)
{
	uint64_t step = now_ms / RATE_STEP_MS;
	bool allowed;

	pthread_mutex_lock(&t->lock);
	forget_expired(t, step);
	allowed = counted(t, sources[0], step) < limit && counted(t, sources[1], step) < limit;
	if (allowed) {
		count(t, sources[0], step);
		count(t, sources[1], step);
	}
	pthread_mutex_unlock(&t->lock);
	return allowed;
}

size_t rate_sources(struct rate_table *t)
{
	size_t n;

	pthread_mutex_lock(&t->lock);
	n = HASH_COUNT(t->sources);
	pthread_mutex_unlock(&t->lock);
	return n;
}
