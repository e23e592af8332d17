/* loop.c - see loop.h.
 *
 * libevent 2.1 does not tell when its wait ended, so a turn is timed from the first callback that
 * calls loop_touch (inboxes and streams do, and they carry all the work) to the turn's end.
 */
#include "libhub/base/loop.h"

#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <utlist.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

struct deferred {
	struct deferred *next;
	void (*cb)(void *ctx);
	void *ctx;
};

struct loop {
	struct event_base *base;
	struct event *nudge;		/* made active so that deferred work never waits for I/O */
	struct deferred *deferred, **deferred_tail;
	struct loop_hook *hooks;
	uint64_t turn_start_ms;		/* 0 while asleep */
	uint64_t longest_turn_ms;
	char *name;
	bool stop;
};

void loop_touch(struct loop *l)
{
	if (l->turn_start_ms == 0)
		l->turn_start_ms = clock_mono_ms();
}

static void turn_end(struct loop *l)
{
	uint64_t took_ms;

	if (l->turn_start_ms == 0)
		return;
	took_ms = clock_mono_ms() - l->turn_start_ms;
	l->turn_start_ms = 0;
	if (took_ms > l->longest_turn_ms)
		l->longest_turn_ms = took_ms;
	if (took_ms > LOOP_TURN_MAX_MS)
		log_event(LOG_LEVEL_WARNING, "loop-turn-long", LOG_STR("loop", l->name),
			LOG_UINT("ms", took_ms), LOG_END);
}

static void run_deferred(struct loop *l)
{
	struct deferred *d;

	while ((d = l->deferred) != NULL) {
		l->deferred = d->next;
		if (l->deferred == NULL)
			l->deferred_tail = &l->deferred;
		d->cb(d->ctx);
		free(d);
	}
}

static void on_nudge(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
}

struct loop *loop_new(const char *name)
{
	struct loop *l = xcalloc(1, sizeof(*l));
	struct event_config *cfg = event_config_new();

	BUG_ON(cfg == NULL);
	/* a peer that is gone is an error of the write, not the end of the process */
	signal(SIGPIPE, SIG_IGN);
	event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK);
	/* timers here are coarse; the cached time saves a clock read per event */
	l->base = event_base_new_with_config(cfg);
	event_config_free(cfg);
	BUG_ON(l->base == NULL);
	l->nudge = event_new(l->base, -1, 0, on_nudge, l);
	BUG_ON(l->nudge == NULL);
	l->deferred_tail = &l->deferred;
	l->name = xstrdup(name);
	return l;
}

void loop_free(struct loop **lp)
{
	struct loop *l = *lp;

	if (l == NULL)
		return;
	while (l->hooks != NULL)
		l->hooks->cb(l->hooks->ctx);
	run_deferred(l);
	if (l->longest_turn_ms > 0)
		log_event(LOG_LEVEL_INFO, "loop-ended", LOG_STR("loop", l->name),
			LOG_UINT("longest_turn_ms", l->longest_turn_ms), LOG_END);
	event_free(l->nudge);
	event_base_free(l->base);
	free(l->name);
	free(l);
	*lp = NULL;
}

struct event_base *loop_base(struct loop *l)
{
	return l->base;
}

void loop_run(struct loop *l)
{
	pthread_setname_np(pthread_self(), l->name);
	l->stop = false;
	while (!l->stop) {
		if (event_base_loop(l->base, EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY) < 0)
			err_bug(__FILE__, __LINE__, "event_base_loop");
		run_deferred(l);
		turn_end(l);
	}
}

void loop_stop(struct loop *l)
{
	l->stop = true;
	event_active(l->nudge, 0, 0);
}

void loop_defer(struct loop *l, void (*cb)(void *ctx), void *ctx)
{
	struct deferred *d = xcalloc(1, sizeof(*d));

	d->cb = cb;
	d->ctx = ctx;
	*l->deferred_tail = d;
	l->deferred_tail = &d->next;
	event_active(l->nudge, 0, 0);
}

void loop_hook_add(struct loop *l, struct loop_hook *h)
{
	DL_APPEND(l->hooks, h);
}

void loop_hook_remove(struct loop *l, struct loop_hook *h)
{
	DL_DELETE(l->hooks, h);
}
