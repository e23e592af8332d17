/* window.c - see window.h */
#include "hubd/queue/window.h"

uint64_t window_limit(const struct window *w, uint64_t max)
{
	uint64_t limit = (uint64_t)w->size + (w->grow_at_ms == 0);

	return w->size == 0 || limit > max ? max : limit;
}

void window_shrink(struct window *w, unsigned n_up, uint64_t now_ms)
{
	w->size = n_up;
	w->grow_at_ms = now_ms + ((uint64_t)WINDOW_PAUSE_MS << w->failures);
	if (w->failures < WINDOW_DOUBLINGS)
		w->failures++;
}

/* Others may have ended in the meantime: what was known of the peer stands. */
void window_grow(struct window *w, unsigned n_up, uint64_t max, uint64_t now_ms)
{
	if (n_up > w->size)
		w->size = n_up;
	w->failures = 0;
	if (w->size >= max)
		w->size = 0;
	w->grow_at_ms = w->size != 0 ? now_ms + WINDOW_STEP_MS : 0;
}
