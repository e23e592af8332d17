/* rate.c - see rate.h. A fixed window of one minute for each source. */
#include "hubd/receive/rate.h"

#include <pthread.h>
#include <string.h>
#include <uthash.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

enum { WINDOW_MS = 60 * 1000, SOURCE_MAX = 400, SWEEP_EVERY = 4096 };

struct source {
	UT_hash_handle hh;
	uint64_t window_start_ms;
	uint64_t count;
	char name[];
};

struct rate_table {
	pthread_mutex_t lock;		/* guards all below */
	struct source *sources;
	unsigned int since_sweep;
};

struct rate_table *rate_table_new(void)
{
	struct rate_table *t = xcalloc(1, sizeof(*t));

	pthread_mutex_init(&t->lock, NULL);
	return t;
}

static void sweep(struct rate_table *t, uint64_t now_ms, bool all)
{
	struct source *s, *next;

	HASH_ITER(hh, t->sources, s, next) {
		if (!all && now_ms - s->window_start_ms < WINDOW_MS)
			continue;
		HASH_DEL(t->sources, s);
		free(s);
	}
	t->since_sweep = 0;
}

void rate_table_free(struct rate_table **tp)
{
	struct rate_table *t = *tp;

	if (t == NULL)
		return;
	sweep(t, 0, true);
	pthread_mutex_destroy(&t->lock);
	free(t);
	*tp = NULL;
}

static struct source *find(struct rate_table *t, const char *name)
{
	size_t len = strnlen(name, SOURCE_MAX);
	struct source *s;

	HASH_FIND(hh, t->sources, name, len, s);
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s) + len + 1);
		memcpy(s->name, name, len);
		HASH_ADD_KEYPTR(hh, t->sources, s->name, len, s);
	}
	return s;
}

bool rate_allow(struct rate_table *t, const char *name, uint64_t limit)
{
	uint64_t now_ms = clock_mono_ms();
	struct source *s;
	bool allowed;

	pthread_mutex_lock(&t->lock);
	if (++t->since_sweep >= SWEEP_EVERY)
		sweep(t, now_ms, false);
	s = find(t, name);
	if (now_ms - s->window_start_ms >= WINDOW_MS) {
		s->window_start_ms = now_ms;
		s->count = 0;
	}
	allowed = s->count < limit;
	if (allowed)
		s->count++;
	pthread_mutex_unlock(&t->lock);
	return allowed;
}
