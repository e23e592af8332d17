/* lease_keeper.h - takes the lease of an edge, renews it and gives it back (lease.h decides).
 *
 * Works on a connection that is bound as our account, between attach and detach: looks at cn=Edge
 * State every second or more often, which also shows a server that hangs, and writes there. One
 * request at a time. On the loop of edgesyncd.
 */
#ifndef HUB_EDGESYNCD_LEASE_KEEPER_H
#define HUB_EDGESYNCD_LEASE_KEEPER_H

#include "edgesyncd/edge_state.h"
#include "libhub/directory/connection.h"

struct lease_keeper;

/* The owner may detach in any of them, but for may_give. */
struct lease_keeper_callbacks {
	/* The lease is ours from now on. */
	void (*on_held)(void *ctx);
	/* Ours no longer: nothing may be written any more. text: why; NULL = we gave it back. */
	void (*on_gone)(const char *text, void *ctx);
	/* Somebody else is to have it: true when nothing is under way, so that it can be given. */
	bool (*may_give)(void *ctx);
	/* What stands there was looked at. */
	void (*on_seen)(const struct edge_state *state, void *ctx);
	/* What the edge answers is of no use: the owner detaches. */
	void (*on_trouble)(const char *text, void *ctx);
};

/* hub: our cn, the caller's. */
struct lease_keeper *lease_keeper_new(struct loop *loop, const char *hub, unsigned int time_s,
	const struct lease_keeper_callbacks *cbs, void *ctx);
/* Sets *k to NULL; accepts a pointer to NULL. */
void lease_keeper_free(struct lease_keeper **k);
void lease_keeper_set_time(struct lease_keeper *k, unsigned int time_s);
/* We do not see what the organization is now, and others might: see lease.h. */
void lease_keeper_set_blind(struct lease_keeper *k, bool blind);

/* c is the caller's; base and account, as who it is bound, are copied. */
void lease_keeper_attach(struct lease_keeper *k, struct directory_connection *c, const char *base,
	const char *account);
/* What is under way is abandoned; a lease that is ours is left to itself. */
void lease_keeper_detach(struct lease_keeper *k);

/* The edge refused a write of ours, as one of somebody without the lease. Calls on_gone. */
void lease_keeper_fenced(struct lease_keeper *k, const char *text);
/* Asks whoever holds it for it, when we are not blind. */
void lease_keeper_prefer(struct lease_keeper *k);
/*
 * Gives it back if it is ours, and does not take it again. done comes once, unless detached before,
 * never before this returns.
 */
void lease_keeper_release(struct lease_keeper *k, void (*done)(void *ctx));

bool lease_keeper_holds(const struct lease_keeper *k);
/* As last seen; holder "" while detached. */
const struct lease_view *lease_keeper_view(const struct lease_keeper *k);
/* The edge's clock now, or ours as long as that is not known; s since 1970. */
int64_t lease_keeper_edge_now_s(const struct lease_keeper *k);

#endif
