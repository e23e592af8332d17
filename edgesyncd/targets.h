/* targets.h - the edges that this hub's edgesyncd keeps in step, or would.
 *
 * A target is one enabled hubEdgeSubscription of this hub's site, or one that has been moved away
 * from it and is still handed over (belonging.h, target.h). Each reaches its edge by itself, holds
 * the lease there or waits for it, keeps the accounts of the site's hubs, and has a pusher
 * (pusher.h) which works while the lease is ours. Faults of one edge are its own.
 *
 * All on the one loop of edgesyncd; nothing blocks. No callback comes before the call that asks for
 * it returns.
 */
#ifndef HUB_EDGESYNCD_TARGETS_H
#define HUB_EDGESYNCD_TARGETS_H

#include "edgesyncd/pusher.h"
#include "libhub/base/resolver.h"
#include "libhub/directory/watch.h"
#include "libhub/tls/certificate.h"

/* Strings are the caller's and outlive their use: until targets_free or the next set of them. */
struct targets_config {
	const char *server;			/* cn of this hub's hubServer */
	/* The organization's directory, where we write as this hub; its base. */
	const struct directory_config *directory;
	const char *base;
	/* What is sealed for us opens with one of these, such as those of an identity; counted. */
	struct tls_certificate *const *own;
	size_t n_own;
	unsigned int lease_time_s;
	unsigned int account_lifetime_s;
	unsigned int account_renewal_s;		/* before its end an account gets a successor */
	struct push_settings push;
};

struct targets;

struct targets *targets_new(struct loop *loop, struct resolver *resolver,
	const struct targets_config *cfg);
/* At once: what is not released runs out. Sets *t to NULL; accepts a pointer to NULL. */
void targets_free(struct targets **t);
/* Other settings: applied as edges are connected to, leases are renewed and so on. */
void targets_set_config(struct targets *t, const struct targets_config *cfg);
/*
 * What the organization is now; see pushers_set_organization for what the arguments are. The first
 * that is settled makes the targets. While the configuration is not, no lease is taken, and ours
 * are offered after their time if the site has other hubs: those may know better. Nor are accounts
 * made or deleted then.
 */
void targets_set_organization(struct targets *t, const struct snapshot *s,
	struct recipients *recipients, uint64_t configuration_as_of_ms,
	uint64_t recipients_as_of_ms);
/*
 * Shutdown: pushes end, leases are given back, connections closed. done comes once, after limit_ms
 * at the latest; then there is only targets_free. Not twice.
 */
void targets_release(struct targets *t, unsigned int limit_ms, void (*done)(void *ctx), void *ctx);

enum target_state {
	TARGET_WAITING,		/* for the next try, see error */
	TARGET_CONNECTING,
	TARGET_STANDBY,		/* connected; somebody else holds the lease */
	TARGET_HOLDER,		/* the lease is ours */
	TARGET_REMOVING,	/* the lease is ours, and the edge is being cleared */
};
/* "waiting", "connecting", ... */
extern const char *const target_state_names[];

struct target_hub {
	const char *name;
	bool enrolled;			/* has an account there that counts, as far as we know */
	int64_t account_expires;	/* s since 1970; 0 = not known */
};

/* Texts and arrays are good until the next turn of the loop. */
struct target_status {
	const char *name, *site;
	const char *former_site;	/* whose hubs hand it over, or "" */
	enum target_state state;
	const char *uri;		/* in use or tried next */
	const char *error;		/* the last one that still matters, or NULL */
	int64_t error_ms;		/* wall; of that */
	const char *lease_holder;	/* hub, or account where that is not known; "" = nobody */
	int64_t lease_expiry;		/* s since 1970, by the edge's clock; 0 = none */
	bool lease_mine;
	const char *lease_preferred;	/* hub that was asked to hold it, or "" */
	const struct target_hub *hubs;	/* of its site, enabled; known only while connected */
	size_t n_hubs;
	int64_t certificate_expires;	/* of the edge's directory, s since 1970; 0 = not seen */
	int64_t account_expires;	/* of our account there; 0 = we have none */
	uint64_t connects, failures;	/* since the start */
	uint64_t leases, leases_lost;	/* taken; lost without being given back */
	struct push_status push;
};

void targets_each(const struct targets *t,
	void (*cb)(const struct target_status *status, void *ctx), void *ctx);
/* By cn of the edge, in any case. False if there is none. */
bool targets_status(const struct targets *t, const char *edge, struct target_status *out);

/*
 * Pushes to that edge now, see pusher_start. Where somebody else holds the lease, he is asked for
 * it first; if he does not give it within lease_time_s, the result says who holds it. Exactly one
 * callback, none after targets_forget. -1 if there is no such edge.
 */
int targets_start(struct targets *t, const char *edge, bool full, bool allow_loss,
	pusher_done_cb *cb, void *ctx, struct err *e) MUST_CHECK;
/* See pusher_compare; whoever holds the lease. -1 also while the edge is not connected to. */
int targets_compare(struct targets *t, const char *edge, bool full, const char *address,
	const struct pusher_compare_callbacks *cbs, void *ctx, struct err *e) MUST_CHECK;
/* The callbacks of calls with this ctx are not made. */
void targets_forget(struct targets *t, void *ctx);

#endif
