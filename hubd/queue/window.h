/* window.h - how many connections a peer is given that has refused one. Pure; loop thread.
 *
 * When one fails beside good ones, the peer is taken to want no more than these: so many are kept
 * up, those that end included, and one more is tried after a pause that doubles while that fails,
 * and is short again once it does not.
 */
#ifndef HUB_QUEUE_WINDOW_H
#define HUB_QUEUE_WINDOW_H

#include <stdint.h>

enum {
	/* until one more is tried than the peer took: after the first failure, and after success */
	WINDOW_PAUSE_MS = 10 * 1000,
	WINDOW_STEP_MS = 1000,
	WINDOW_DOUBLINGS = 6,		/* to over ten minutes */
};

/* All zero: nothing was refused. */
struct window {
	unsigned size;		/* that the peer takes, as far as is known; 0 = any number */
	unsigned failures;	/* in a row, to have more */
	uint64_t grow_at_ms;	/* monotonic: no more than size before; 0 = now */
};

/* How many there may be now; max is the configuration's. */
uint64_t window_limit(const struct window *w, uint64_t max);
/* One failed while n_up are up. */
void window_shrink(struct window *w, unsigned n_up, uint64_t now_ms);
/* The peer took a message on one that it might not have wanted, the n_up-th or some before it. */
void window_grow(struct window *w, unsigned n_up, uint64_t max, uint64_t now_ms);

#endif
