/* loss_window.h - how much of one kind of data an edge has lost lately. Pure.
 *
 * A loss in many small pushes is the same loss as in one: a push is judged together with what has
 * gone since the most stood there, within the last hour at least and two at most. Who came in their
 * place counts, so that a steady coming and going is no loss, and what a push brings back is not
 * gone: an edge that lost it by itself is put right. Within one push what comes makes nothing good
 * that goes. A loss that was allowed is forgotten. While something is held, time does not let it
 * pass.
 *
 * In memory of this process alone: another hub that takes the lease counts from what it finds, and
 * so does a former holder who finds that another has pushed since, for he may have been allowed to.
 */
#ifndef HUB_EDGESYNCD_LOSS_WINDOW_H
#define HUB_EDGESYNCD_LOSS_WINDOW_H

#include <stdint.h>

#include "libhub/org/guard.h"

/* All zero at first. */
struct loss_window {
	uint64_t since_ms;		/* monotonic */
	size_t most, earlier;		/* that stood there since, and in the hour before */
	bool held;
	bool away;			/* since the last push */
};

/*
 * What a push would take away (before: what stands there now) and how many it would add, together
 * with what has gone; lost is 0 if the push itself takes nothing away.
 */
struct guard_loss loss_window_sum(struct loss_window *w, const struct guard_loss *push,
	size_t added, uint64_t now_ms);
/*
 * Of n kinds with a window and a number added each: is one of these sums too large? Fills text (of
 * size) then.
 */
bool loss_windows_hold(struct loss_window *w, const struct guard_loss *pushes,
	const size_t *added, size_t n, uint64_t now_ms, char *text, size_t size);
/* What is gone, or goes now, is as it should be. */
void loss_window_allow(struct loss_window *w);
/* Before the first push after a while, of n windows: who has the lease now may be another. */
void loss_windows_leave(struct loss_window *w, size_t n);
/* Before each push: the holder that the marker names, or "", and who we are. */
void loss_windows_return(struct loss_window *w, size_t n, const char *holder, const char *us);

#endif
