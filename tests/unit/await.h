/* await.h - runs a loop until a condition holds; fails the test when it does not in time. */
#ifndef HUB_TESTS_AWAIT_H
#define HUB_TESTS_AWAIT_H

#include <check.h>
#include <stdbool.h>

#include "libhub/base/clock.h"
#include "libhub/base/loop.h"

/* So long a test waits for what has to come: also on a machine that does much else. */
enum { PATIENCE_MS = 30000 };

struct await {
	struct loop *loop;
	bool (*holds)(void *ctx);
	void *ctx;
	uint64_t until_ms;
	bool held;
};

static inline void await_look(evutil_socket_t fd, short what, void *ctx)
{
	struct await *a = ctx;

	(void)fd;
	(void)what;
	a->held = a->holds(a->ctx);
	if (a->held || clock_mono_ms() >= a->until_ms)
		loop_stop(a->loop);
}

/* Milliseconds that it took, or -1. */
static inline long await_for(struct loop *l, bool (*holds)(void *ctx), void *ctx,
	unsigned int limit_ms)
{
	static const struct timeval often = { 0, 2000 };
	uint64_t start_ms = clock_mono_ms();
	struct await a = { l, holds, ctx, start_ms + limit_ms, false };
	struct event *ev = event_new(loop_base(l), -1, EV_PERSIST, await_look, &a);

	event_add(ev, &often);
	loop_run(l);
	event_free(ev);
	return a.held ? (long)(clock_mono_ms() - start_ms) : -1;
}

#define AWAIT(loop, holds, ctx, limit_ms)                                                        \
	ck_assert_msg(await_for(loop, holds, ctx, limit_ms) >= 0, "not in time: " #holds)

#endif
