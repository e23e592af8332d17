/* target_impl.h - what the target*.c files share; nobody else includes it.
 *
 * target.c: connects, binds, holds the lease and works. target_said.c: what the organization says
 * of the edge, and the credentials. target_asked.c: what administrators ask for and are shown.
 */
#ifndef HUB_EDGESYNCD_TARGET_IMPL_H
#define HUB_EDGESYNCD_TARGET_IMPL_H

#include "edgesyncd/accounts.h"
#include "edgesyncd/clearing.h"
#include "edgesyncd/lease_keeper.h"
#include "edgesyncd/reach.h"
#include "edgesyncd/sealed.h"
#include "edgesyncd/target.h"

enum {
	DELAY_MIN_MS = 500, DELAY_MAX_MS = 15000,	/* between tries */
	OPEN_MS = 10000,
	SILENCE_MAX_MS = 10000,
	UPKEEP_MAX_MS = 5000, UPKEEP_SOON_MS = 1000,	/* between looks at the accounts */
	UPKEEP_FAILED_MS = 15000,
	ERROR_MAX = 700,
	GIVE_LIMIT_MS = 30000,		/* so long somebody preferred waits for the end of a push */
	/* an edge to be cleared knows nobody any more: so often, and for so many lease times */
	REFUSALS_UNTIL_GONE = 3, LEASES_UNTIL_GONE = 3,
};

/* A push that was asked for before the lease is ours. */
struct want {
	bool full, allow_loss;
	pusher_done_cb *cb;
	void *ctx;
	uint64_t until_ms;
	size_t failures;		/* to reach the edge, since then */
	struct want *next, *prev;
};

struct target {
	const struct target_common *common;
	char *name;
	enum target_state state;

	/* what the organization says */
	const struct snapshot *s;
	const struct edge_subscription *sub;	/* of s */
	const struct snapshot *coming;		/* to be taken when the round of accounts is over */
	const struct edge_subscription *coming_sub;
	bool settled;				/* it says what it says now, for all we know */
	bool blind;				/* it does not, and others may know better */
	bool untended;				/* accounts, while it was not settled */
	struct reach *reach;			/* NULL: cannot be reached, see error */
	struct sealed *sealed;

	/* the connection */
	size_t uri;
	struct directory_connection *c;
	size_t candidate;			/* bound, or being bound as */
	bool bound;
	char *base, *account;			/* bound as; account is normalized */
	int64_t account_expires;
	bool enrolling;
	struct sealed_own made;			/* an account that we made for ourselves */
	char *made_base, *made_account;
	char *refused_account;			/* the best, while a former one is let in */
	int64_t refused_from_s;
	int64_t certificate_expires;

	struct lease_keeper *keeper;
	struct accounts *accounts;
	struct clearing *clearing;
	struct pusher *pusher;
	bool finished;				/* the edge is done with: delete what is inside */
	bool cleared;				/* by us */
	bool home_asked;
	bool unknown, doubtful;			/* since the connection: see all_refused */
	unsigned int refusals;			/* one after the other */
	uint64_t refused_ms;			/* since when */
	bool move;				/* to better credentials, when there is time */
	uint64_t asked_ms;			/* since when somebody else wants the lease, or 0 */
	uint64_t former_asked_ms;		/* when we wanted it of a former site's hub, or 0 */

	struct event *retry, *upkeep, *patience;
	unsigned int delay_ms;
	struct want *wants;
	void (*released)(struct target *t, void *ctx);
	void *released_ctx;
	bool releasing;

	char error[ERROR_MAX], accounts_error[300];
	int64_t error_ms;
	uint64_t connects, failures, leases, leases_lost;
	struct arena *status;			/* of the last status */
};

/* --- target.c --- */

void target_after_ms(struct event *ev, uint64_t ms);
void target_note_error(struct target *t, const char *text);
/* Nothing of the connection is left; the lease, if it was ours, is left to itself. */
void target_disconnect(struct target *t);
/* What an earlier subscription came to says nothing of this one. */
void target_forget_end(struct target *t);
/* The lease is ours: what it is for. */
void target_begin_work(struct target *t);

/* --- target_said.c --- */

/* What came while it could not be taken. */
void target_take_coming(struct target *t);
/* What may be tried, the best first; NULL after the last. */
const struct sealed_own *target_candidate(const struct target *t, size_t i);
/* Is there something better than what we are bound as? */
bool target_has_better(const struct target *t);
/* The edge does not let in that candidate; t->error says so. */
void target_note_refused(struct target *t, const struct sealed_own *own);
/* The account that we made for ourselves. */
void target_forget_made(struct target *t);

/* --- target_asked.c --- */

void target_start_wanted(struct target *t);
void target_end_wants(struct target *t, const char *text);
/* The edge was not reached. Who wants a push hears it once each of its addresses was tried anew. */
void target_fail_wants(struct target *t);
/* Some have waited long enough. ctx: the target. */
void target_on_patience(evutil_socket_t fd, short what, void *ctx);

#endif
