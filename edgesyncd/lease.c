/* lease.c - see lease.h */
#include "edgesyncd/lease.h"

#include <string.h>

#include "libhub/base/mem.h"

void lease_init(struct lease *l, unsigned int time_s)
{
	memset(l, 0, sizeof(*l));
	lease_set_time(l, time_s);
}

void lease_set_time(struct lease *l, unsigned int time_s)
{
	BUG_ON(time_s == 0);
	l->time_ms = (uint64_t)time_s * 1000;
}

void lease_set_blind(struct lease *l, bool blind, uint64_t now_ms)
{
	if (blind && !l->blind)
		l->blind_ms = now_ms;
	l->blind = blind;
}

void lease_forget(struct lease *l)
{
	l->mine = false;
	l->seen = false;
	l->clock_known = false;
	l->wrong = l->corrected = false;
}

void lease_set_clock(struct lease *l, int64_t edge_ms, uint64_t now_ms)
{
	l->clock_known = true;
	l->edge_ms = edge_ms;
	l->at_ms = now_ms;
}

static int64_t edge_now_ms(const struct lease *l, uint64_t now_ms)
{
	return l->edge_ms + (int64_t)(now_ms - l->at_ms);
}

static bool is_same(const struct lease_view *a, const struct lease_view *b)
{
	return strcmp(a->holder, b->holder) == 0 && strcmp(a->expiry, b->expiry) == 0;
}

bool lease_see(struct lease *l, const struct lease_view *view, uint64_t now_ms)
{
	bool lost = l->mine && view->whose != LEASE_OURS;

	if (!l->seen || !is_same(&l->view, view))
		l->seen_ms = now_ms;
	l->seen = true;
	l->view = *view;
	if (lost)
		lease_drop(l);
	return !lost;
}

static enum lease_step next_of_holder(const struct lease *l, uint64_t now_ms, uint64_t *wait_ms)
{
	uint64_t age_ms = now_ms - l->written_ms;

	if (age_ms >= l->time_ms)
		return LEASE_GONE;
	if (l->view.prefers == LEASE_OTHERS)
		return LEASE_GIVE;
	if (l->wrong || age_ms >= l->time_ms / 3)
		return LEASE_RENEW;
	*wait_ms = l->time_ms / 3 - age_ms;
	return LEASE_WAIT;
}

static bool is_offered(const struct lease *l)
{
	return l->view.whose == LEASE_OTHERS && l->view.prefers == LEASE_OTHERS &&
		strcmp(l->view.holder, l->view.preferred) == 0;
}

enum lease_mark lease_mark(const struct lease *l, uint64_t now_ms)
{
	if (!l->mine)	/* who was preferred and has not come has had the chance */
		return l->view.preferred[0] != '\0' ? LEASE_MARK_NOBODY : LEASE_MARK_NOTHING;
	if (l->view.prefers == LEASE_OURS)
		return l->blind ? LEASE_MARK_NOTHING : LEASE_MARK_NOBODY;
	return l->blind && now_ms - l->blind_ms >= l->time_ms &&
		l->view.preferred[0] == '\0' ? LEASE_MARK_US : LEASE_MARK_NOTHING;
}

/* How long until somebody else's lease is free by our clock. */
static uint64_t until_silent_ms(const struct lease *l, uint64_t now_ms)
{
	uint64_t stood_ms = now_ms - l->seen_ms;

	return l->view.whose == LEASE_NOBODY || stood_ms >= l->time_ms ? 0 : l->time_ms - stood_ms;
}

/* By either. */
static uint64_t until_free_ms(const struct lease *l, uint64_t now_ms)
{
	uint64_t left_ms = until_silent_ms(l, now_ms);
	int64_t by_clock_ms;

	if (left_ms == 0)
		return 0;
	/* without a time that can be read it does not expire by the clock, but by ours */
	by_clock_ms = l->view.expiry_s * 1000 - edge_now_ms(l, now_ms);
	if (l->view.expiry_s == 0 || by_clock_ms >= (int64_t)left_ms)
		return left_ms;
	return by_clock_ms >= 0 ? (uint64_t)by_clock_ms + 1 : 0;
}

static uint64_t grace_ms(const struct lease *l, uint64_t now_ms)
{
	uint64_t stood_ms = now_ms - l->seen_ms;
	uint64_t grace = l->time_ms / 2 < LEASE_GRACE_MS ? l->time_ms / 2 : LEASE_GRACE_MS;

	if (l->view.prefers != LEASE_OTHERS || l->view.whose != LEASE_NOBODY || stood_ms >= grace)
		return 0;
	return grace - stood_ms;
}

enum lease_step lease_next(const struct lease *l, uint64_t now_ms, uint64_t *wait_ms)
{
	*wait_ms = l->time_ms;
	if (l->mine)
		return next_of_holder(l, now_ms, wait_ms);
	if (!l->seen)
		return LEASE_WAIT;
	if (!l->clock_known)
		return LEASE_CLOCK;
	if (l->view.whose == LEASE_OURS || l->view.whose == LEASE_OUR_OTHER)
		return LEASE_TAKE;
	if (l->blind)
		return LEASE_WAIT;
	if (is_offered(l) && until_free_ms(l, now_ms) > 0)
		return LEASE_ASK;
	*wait_ms = until_free_ms(l, now_ms) + grace_ms(l, now_ms);
	if (*wait_ms > 0)
		return LEASE_WAIT;
	/* the edge's clock may have been set since we learned it, under a holder who is well */
	if (until_silent_ms(l, now_ms) > 0 && now_ms - l->at_ms > l->time_ms / 3)
		return LEASE_CLOCK;
	return LEASE_TAKE;
}

int64_t lease_expiry_s(const struct lease *l, uint64_t now_ms)
{
	BUG_ON(!l->clock_known);
	return (edge_now_ms(l, now_ms) + (int64_t)l->time_ms + 999) / 1000;
}

/* More than a quarter of its time too early or too late. */
static bool is_wrong(const struct lease *l, int64_t edge_ms)
{
	int64_t off_ms = l->view.expiry_s * 1000 - edge_ms - (int64_t)l->time_ms;
	int64_t limit_ms = (int64_t)l->time_ms / 4 + 1000;

	return off_ms < -limit_ms || off_ms > limit_ms;
}

void lease_written(struct lease *l, const struct lease_view *view, int64_t edge_ms,
	uint64_t sent_ms, uint64_t now_ms)
{
	l->mine = true;
	l->seen = true;
	l->view = *view;
	l->seen_ms = now_ms;
	l->written_ms = sent_ms;
	if (edge_ms != 0)
		lease_set_clock(l, edge_ms, now_ms);
	/* once only: a clock that is never right would be written to for ever */
	l->wrong = edge_ms != 0 && !l->corrected && is_wrong(l, edge_ms);
	l->corrected = l->wrong;
}

void lease_drop(struct lease *l)
{
	l->mine = false;
	l->wrong = l->corrected = false;
}
