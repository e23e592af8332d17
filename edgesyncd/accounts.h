/* accounts.h - the accounts of hubs on one edge: looked at, made, deleted (account_plan.h says
 * which). On the loop of edgesyncd.
 *
 * A round reads what stands below cn=Sync Accounts and, where this hub holds the lease, does what
 * the plan says, one step after the other; what cannot be done for one hub is told at the end and
 * holds up nothing else. An account is made on the edge first, then its secret is written inside,
 * sealed for its hub; whatever happens in between, the next round puts it right. An account is only
 * taken back when it is certain that its secret does not stand inside. Whose the accounts are now
 * (belonging.h) is written before anything else.
 */
#ifndef HUB_EDGESYNCD_ACCOUNTS_H
#define HUB_EDGESYNCD_ACCOUNTS_H

#include "edgesyncd/home.h"
#include "edgesyncd/sealed.h"

enum { ACCOUNTS_MAX = 1000 };	/* an edge that shows more shows nonsense */

struct accounts;

/* Everything is only read, during the call of accounts_start; the connection stays the caller's. */
struct accounts_task {
	struct directory_connection *c;
	const char *base;		/* of the edge's tree */
	const char *bound;		/* normalized DN of who we are there */
	const char *hub;		/* our cn */
	const char *subscription;	/* DN inside */
	const char *site;		/* the edge's, by name */
	const char *claim;		/* DN to be written as hubSyncSite, or NULL */
	const struct sealed *sealed;	/* stays until accounts_cancel or the end of the round */
	int64_t edge_now_s;
	unsigned int lifetime_s, renewal_s;
	/* All that the plan says; else only what stands there is looked at. */
	bool keep;
	/* We hand the edge over: say if there is nobody to take it. */
	bool former;
	/* We are bound as a bootstrap account: make an account for our hub and do no more. */
	bool enrol;
};

struct accounts_callbacks {
	/* An account was made for our own hub; cred is wiped afterwards. */
	void (*on_made)(const struct credential *cred, void *ctx);
	/*
	 * The round is over. error: NULL, or what could not be done. changed: something was made or
	 * deleted, so another round may find more to do.
	 */
	void (*on_done)(const char *error, bool changed, void *ctx);
};

struct accounts *accounts_new(struct home *home, const struct accounts_callbacks *cbs, void *ctx);
/* Cancels. Sets *a to NULL; accepts a pointer to NULL. */
void accounts_free(struct accounts **a);

/* Not while a round is under way. on_done comes once, never before this returns; not after -1. */
int accounts_start(struct accounts *a, const struct accounts_task *task, struct err *e) MUST_CHECK;
/* Before the connection is closed. No callback any more. */
void accounts_cancel(struct accounts *a);
bool accounts_busy(const struct accounts *a);

/* Of that hub, as of the last round: has it an account that counts, and until when (0: no end)? */
bool accounts_enrolled(const struct accounts *a, const char *hub, int64_t *expires_s);

#endif
