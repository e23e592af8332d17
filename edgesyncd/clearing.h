/* clearing.h - the end of a subscription on the edge: everything that the organization pushed there
 * is deleted, and the edge is told that it is subscribed no more. On the loop of edgesyncd.
 *
 * By the holder of the lease. Order: markers, buckets and configuration; the state, by which the
 * edge's administrators may write again; the other accounts; then, the lease given back, our own,
 * after which nobody has any business there. Whatever ends it before its end, the next try goes on.
 */
#ifndef HUB_EDGESYNCD_CLEARING_H
#define HUB_EDGESYNCD_CLEARING_H

#include "libhub/directory/connection.h"

struct clearing;

struct clearing_callbacks {
	/* Our lease ends with the next write: nobody may take it any more. */
	void (*on_last)(void *ctx);
	/* It is done (error NULL), or could not be. The handle is gone. */
	void (*on_done)(const char *error, void *ctx);
};

/*
 * c is the caller's; base and bound (normalized DN of our account) are copied. No callback before
 * it returns, none after cancel.
 */
struct clearing *clearing_start(struct loop *loop, struct directory_connection *c,
	const char *base, const char *bound, const struct clearing_callbacks *cbs, void *ctx);
/* Before the connection is closed. Sets *cl to NULL; accepts a pointer to NULL. */
void clearing_cancel(struct clearing **cl);

#endif
