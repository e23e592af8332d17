/* second_look.c - see second_look.h */
#include "libhub/org/second_look.h"

#include <stdio.h>
#include <string.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum { LOOK_FIRST_MS = 1000, LOOK_MAX_MS = 5 * 60 * 1000 };

struct second_look {
	const char *name;
	struct watch *watch;
	struct guard guard;
	struct event *timer;
	unsigned int delay_ms;		/* before the next look */
	bool elsewhere;			/* it goes to another server */
	bool renewed;
	char epoch[GUARD_EPOCH_SIZE];	/* as shown last, believed or not */
};

static void set_timer(struct second_look *s, unsigned int ms, bool elsewhere)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	s->elsewhere = elsewhere;
	evtimer_add(s->timer, &tv);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct second_look *s = ctx;

	(void)fd;
	(void)what;
	/* not live: what it reads now may be only what changed */
	if (!watch_refresh(s->watch, s->elsewhere))
		set_timer(s, LOOK_FIRST_MS, s->elsewhere);
}

struct second_look *second_look_new(struct loop *loop, const char *name)
{
	struct second_look *s = xcalloc(1, sizeof(*s));

	s->name = name;
	s->delay_ms = LOOK_FIRST_MS;
	s->timer = evtimer_new(loop_base(loop), on_timer, s);
	BUG_ON(s->timer == NULL);
	return s;
}

void second_look_free(struct second_look **sp)
{
	struct second_look *s = *sp;

	if (s == NULL)
		return;
	*sp = NULL;
	event_free(s->timer);
	free(s);
}

void second_look_set_watch(struct second_look *s, struct watch *w)
{
	s->watch = w;
}

void second_look_begin(struct second_look *s)
{
	const char *csn = watch_csn(s->watch);

	/* whatever is judged next; but an override waits for a refresh of all */
	if (!s->guard.override)
		event_del(s->timer);
	/* changes that came one by one are in force, too */
	if (!s->guard.held && *csn != '\0')
		snprintf(s->guard.in_force.csn, sizeof(s->guard.in_force.csn), "%s", csn);
}

static void log_held(const struct second_look *s)
{
	log_event(LOG_LEVEL_ERROR, "directory-held", LOG_STR("tree", s->name),
		LOG_STR("uri", watch_uri(s->watch)), LOG_STR("reason", s->guard.reason), LOG_END);
}

static void log_believed(const struct second_look *s)
{
	log_event(LOG_LEVEL_WARNING, "directory-believed", LOG_STR("tree", s->name),
		LOG_STR("uri", watch_uri(s->watch)), LOG_END);
}

enum guard_verdict second_look_judge(struct second_look *s, struct guard_state *shown,
	const struct guard_loss *losses, size_t n, bool changed)
{
	const struct guard_state before = s->guard.in_force;
	bool was_held = s->guard.held;
	enum guard_verdict verdict;

	snprintf(shown->csn, sizeof(shown->csn), "%s", watch_csn(s->watch));
	verdict = guard_judge(&s->guard, shown, watch_provider(s->watch), losses, n, changed);
	memcpy(s->epoch, shown->epoch, sizeof(s->epoch));
	event_del(s->timer);
	if (verdict == GUARD_BELIEVE) {
		s->renewed = before.epoch[0] != '\0' && strcmp(before.epoch, shown->epoch) != 0;
		s->delay_ms = LOOK_FIRST_MS;
		if (was_held)
			log_believed(s);
		return verdict;
	}
	if (!was_held)
		log_held(s);
	set_timer(s, s->delay_ms, true);
	s->delay_ms = s->delay_ms * 2 < LOOK_MAX_MS ? s->delay_ms * 2 : LOOK_MAX_MS;
	return verdict;
}

void second_look_believe(struct second_look *s)
{
	s->guard.override = true;
	set_timer(s, 0, false);
}

bool second_look_renewed(const struct second_look *s)
{
	return s->renewed;
}

bool second_look_epoch_changed(struct second_look *s, const struct guard_state *shown)
{
	if (shown->epoch[0] == '\0' || strcmp(shown->epoch, s->epoch) == 0)
		return false;
	memcpy(s->epoch, shown->epoch, sizeof(s->epoch));
	return true;
}

void second_look_in_force(struct second_look *s, const struct guard_state *state)
{
	s->guard.in_force = *state;
}

const char *second_look_csn(const struct second_look *s)
{
	return s->guard.held || *watch_csn(s->watch) == '\0' ? s->guard.in_force.csn :
		watch_csn(s->watch);
}

const char *second_look_reason(const struct second_look *s)
{
	return s->guard.held ? s->guard.reason : NULL;
}
