/* lease.h - who may write to an edge: what to do next, decided from what is seen. Pure: no input or
 * output; the caller (lease_keeper.h) reads and writes cn=Edge State.
 *
 * The lease names its holder and when it expires by the edge's clock. That clock is learned from
 * our own writes there and carried on with our monotonic one, so that a clock inside does not
 * matter. A lease that has expired may be taken, and one that has not been changed for its whole
 * time by our own clock, so that an edge whose clock was set back does not lock everybody out.
 * Whatever is decided, the write asserts what was seen before, and the edge's access rule lets only
 * the holder write: two holders at once there are not.
 *
 * A hub that is blind, because it does not see what the organization is now, would push what is
 * old: it takes no lease. Its own it keeps, for all may be blind, but offers it when it has been
 * blind for the lease's time: then it is itself who is preferred, and whoever sees asks for it.
 *
 * Times in ms are of the monotonic clock, unless they are said to be the edge's.
 */
#ifndef HUB_EDGESYNCD_LEASE_H
#define HUB_EDGESYNCD_LEASE_H

#include <stdbool.h>
#include <stdint.h>

enum {
	LEASE_DN_SIZE = 512,		/* of an account, with the NUL */
	LEASE_TIME_SIZE = 32,
	LEASE_GRACE_MS = 5000,		/* so long a free lease is left to who was preferred */
};

enum lease_whose {
	LEASE_NOBODY,
	LEASE_OURS,		/* the account that we are bound as */
	LEASE_OUR_OTHER,	/* another account of this hub, of before a restart */
	LEASE_OTHERS,
};

/* What stands in cn=Edge State. */
struct lease_view {
	char holder[LEASE_DN_SIZE], preferred[LEASE_DN_SIZE];	/* DNs as written, or "" */
	char expiry[LEASE_TIME_SIZE];				/* as written, or "" */
	int64_t expiry_s;		/* since 1970; 0 = none, or no time that could be read */
	enum lease_whose whose, prefers;
};

struct lease {
	uint64_t time_ms;
	bool mine;
	bool seen;
	struct lease_view view;
	uint64_t seen_ms;		/* since when it has stood so, as far as we know */
	uint64_t written_ms;		/* mine: when the last write of it was sent */
	bool wrong, corrected;		/* its expiry was written before the clock was set */
	bool blind;
	uint64_t blind_ms;		/* since when */
	bool clock_known;
	int64_t edge_ms;		/* since 1970, by the edge's clock, at at_ms */
	uint64_t at_ms;
};

enum lease_step {
	LEASE_WAIT,
	LEASE_CLOCK,		/* write something of no importance, for lease_set_clock */
	LEASE_TAKE,		/* write it as ours, asserting the view; nobody is preferred then */
	LEASE_RENEW,		/* the same, while it is ours */
	LEASE_GIVE,		/* somebody else is preferred: end what is under way, give it */
	LEASE_ASK,		/* write that we are preferred: it is offered */
	LEASE_GONE,		/* it has run out before we could renew it: stop at once */
};

void lease_init(struct lease *l, unsigned int time_s);
/* Of the next write on. */
void lease_set_time(struct lease *l, unsigned int time_s);
/* Once it is not blind any more, a free lease may be taken at once. */
void lease_set_blind(struct lease *l, bool blind, uint64_t now_ms);
/* A new connection, perhaps as another account: nothing of before counts. */
void lease_forget(struct lease *l);
/* What the edge's clock showed at a write of ours that was answered now. */
void lease_set_clock(struct lease *l, int64_t edge_ms, uint64_t now_ms);
/* False if it was ours and is not any more: stop at once. */
bool lease_see(struct lease *l, const struct lease_view *view, uint64_t now_ms);
/* What to do now; with LEASE_WAIT *wait_ms is until when at the latest to ask again. */
enum lease_step lease_next(const struct lease *l, uint64_t now_ms, uint64_t *wait_ms);
/*
 * What to write of who is preferred, with LEASE_TAKE or LEASE_RENEW: ourselves (the offer), nobody,
 * or nothing.
 */
enum lease_mark { LEASE_MARK_NOTHING, LEASE_MARK_NOBODY, LEASE_MARK_US };
enum lease_mark lease_mark(const struct lease *l, uint64_t now_ms);
/* What to write as its expiry; after LEASE_TAKE or LEASE_RENEW. */
int64_t lease_expiry_s(const struct lease *l, uint64_t now_ms);
/*
 * It was written as ours: view is what stands there now. edge_ms: the edge's clock at that, 0 = not
 * told. A lease that was written by a clock that has been set meanwhile is renewed at once.
 */
void lease_written(struct lease *l, const struct lease_view *view, int64_t edge_ms,
	uint64_t sent_ms, uint64_t now_ms);
/* Given back, or lost. */
void lease_drop(struct lease *l);

#endif
