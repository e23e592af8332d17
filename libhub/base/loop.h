/* loop.h - one event loop per thread.
 *
 * Wraps a libevent base that no other thread touches (EVENT_BASE_FLAG_NOLOCK); other threads reach
 * it through an inbox only. A turn over LOOP_TURN_MAX_MS is logged, and at the loop's end the
 * longest: nothing on a loop may block.
 */
#ifndef HUB_BASE_LOOP_H
#define HUB_BASE_LOOP_H

#include <event2/event.h>

#include "libhub/base/err.h"

enum { LOOP_TURN_MAX_MS = 50 };

struct loop;

/* name appears in logs and as the thread's name; copied. SIGPIPE is ignored from now on. */
struct loop *loop_new(const char *name);
/* Calls the hooks, frees the loop and its base; all other events must be gone. Sets *l to NULL. */
void loop_free(struct loop **l);
struct event_base *loop_base(struct loop *l);
/* Runs until loop_stop; call from the owning thread. */
void loop_run(struct loop *l);
/* Ends loop_run after the present turn; from the loop's own thread. */
void loop_stop(struct loop *l);

/*
 * Runs cb(ctx) on this loop after the events of the present turn: the place to free what a callback
 * must not free under its own caller. Owning thread only.
 */
void loop_defer(struct loop *l, void (*cb)(void *ctx), void *ctx);

/*
 * What outlives its owner and ends by itself (a connection that is being finished) hangs a hook on
 * the loop: loop_free calls cb(ctx) of those still there, which removes it. Owning thread only.
 */
struct loop_hook {
	struct loop_hook *next, *prev;
	void (*cb)(void *ctx);
	void *ctx;
};
void loop_hook_add(struct loop *l, struct loop_hook *h);
void loop_hook_remove(struct loop *l, struct loop_hook *h);

/* Callbacks that may do real work call this first: it starts the clock of the present turn. */
void loop_touch(struct loop *l);

#endif
