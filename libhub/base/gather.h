/* gather.h - many changes that come one after the other become one call.
 *
 * The call comes when nothing changed for quiet_ms, and at the latest latest_ms after the first
 * change, however steadily more come: a timer that were set anew just when it is due would not
 * fire (libevent takes it out of what is active), and so never in a stream that comes each turn.
 */
#ifndef HUB_BASE_GATHER_H
#define HUB_BASE_GATHER_H

#include <stdbool.h>
#include <stdint.h>

#include "libhub/base/loop.h"

struct gather {
	struct event *timer;
	uint64_t quiet_ms, latest_ms;
	uint64_t first_ms;		/* 0 = no change since the last call */
	void (*cb)(void *ctx);
	void *ctx;
};

/* Of the loop's thread, as everything here. */
void gather_init(struct gather *g, struct loop *loop, uint64_t quiet_ms, uint64_t latest_ms,
	void (*cb)(void *ctx), void *ctx);
/* No call comes after it. */
void gather_deinit(struct gather *g);
/* Something changed: the call is due, never from within. */
void gather_note(struct gather *g);
/* What changed so far is seen to: no call until the next change. */
void gather_settle(struct gather *g);
/* Is a call due? Not while it runs. */
bool gather_is_due(const struct gather *g);

#endif
