/* errands.h - a thread that does for a loop what may block: calls on files of a slow disk.
 *
 * An errand runs on the thread, one after the other, and then comes back to the loop. In between
 * nobody else touches what it points to. One owner, the loop's thread.
 */
#ifndef HUB_BASE_ERRANDS_H
#define HUB_BASE_ERRANDS_H

#include "libhub/base/inbox.h"

struct errands;

/* The owner's own struct holds one; it is set by errands_start. */
struct errand {
	struct inbox_node node;
	void (*run)(struct errand *e);
	void (*done)(struct errand *e, void *ctx);
};

/* name: of the thread, 15 bytes at most. ctx goes to every done. NULL and *e: no thread. */
struct errands *errands_new(struct loop *loop, const char *name, void *ctx, struct err *e);
/* Waits for what is under way and runs the done of each. Accepts a pointer to NULL. */
void errands_free(struct errands **r);
/* run(e) on the thread, then exactly one done(e, ctx) on the loop, never from inside this call. */
void errands_start(struct errands *r, struct errand *e, void (*run)(struct errand *e),
	void (*done)(struct errand *e, void *ctx));

#endif
