/* loss_window.c - see loss_window.h */
#include "edgesyncd/loss_window.h"

#include <stdio.h>
#include <string.h>

enum { HOUR_MS = 3600 * 1000 };

static void move_on(struct loss_window *w, uint64_t now_ms)
{
	uint64_t age_ms = now_ms - w->since_ms;

	if (w->held || age_ms < HOUR_MS)
		return;
	w->earlier = age_ms < 2 * (uint64_t)HOUR_MS ? w->most : 0;
	w->most = 0;
	w->since_ms = now_ms;
}

struct guard_loss loss_window_sum(struct loss_window *w, const struct guard_loss *push,
	size_t added, uint64_t now_ms)
{
	struct guard_loss sum = *push;
	size_t gone;

	move_on(w, now_ms);
	if (w->most < push->before)
		w->most = push->before;
	sum.before = w->most > w->earlier ? w->most : w->earlier;
	gone = sum.before - push->before;
	if (push->lost != 0 && gone > added)
		sum.lost += gone - added;
	return sum;
}

static void describe(const struct guard_loss *sum, const struct guard_loss *push, char *text,
	size_t size)
{
	snprintf(text, size, "it would take away %zu of %zu %s%s; if that is right, "
		"\"hubctl edge-sync start EDGE --full --allow-loss\" does it", sum->lost,
		sum->before, sum->what, sum->lost > push->lost ?
		", with those that have gone within the hour" : "");
}

bool loss_windows_hold(struct loss_window *w, const struct guard_loss *pushes,
	const size_t *added, size_t n, uint64_t now_ms, char *text, size_t size)
{
	struct guard_loss sum, worst = { .lost = 0 };
	size_t i;

	for (i = 0; i < n; i++) {
		sum = loss_window_sum(&w[i], &pushes[i], added[i], now_ms);
		w[i].held = guard_too_large(&sum, 1) != NULL;
		if (!w[i].held || sum.lost <= worst.lost)
			continue;
		worst = sum;
		describe(&sum, &pushes[i], text, size);
	}
	return worst.lost != 0;
}

void loss_window_allow(struct loss_window *w)
{
	*w = (struct loss_window){ .held = false };
}

void loss_windows_leave(struct loss_window *w, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		w[i].held = false;
		w[i].away = true;
	}
}

void loss_windows_return(struct loss_window *w, size_t n, const char *holder, const char *us)
{
	bool another = *holder != '\0' && strcmp(holder, us) != 0;
	size_t i;

	for (i = 0; i < n; i++) {
		if (w[i].away && another)
			loss_window_allow(&w[i]);
		w[i].away = false;
	}
}
