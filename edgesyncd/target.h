/* target.h - one edge: connects to it, holds its lease or waits for it, keeps the accounts there,
 * and has its pusher at work meanwhile. On the loop of edgesyncd; see targets.h.
 *
 * Whatever goes wrong ends in target_state TARGET_WAITING with the reason, and is tried again after
 * a wait that doubles up to a limit, or at once when the organization says something else of the
 * edge. What the edge's server answers is never relied on further than what was checked.
 *
 * Bound as a bootstrap account it does one thing: it makes an account of its own. Credentials are
 * tried the newest first; a newer one that comes while it works is moved to.
 */
#ifndef HUB_EDGESYNCD_TARGET_H
#define HUB_EDGESYNCD_TARGET_H

#include "edgesyncd/home.h"
#include "edgesyncd/targets.h"

/* What all targets share; theirs to read. */
struct target_common {
	struct loop *loop;
	struct resolver *resolver;
	struct home *home;
	struct pushers *pushers;
	char *server;				/* cn of our hub */
	unsigned int lease_time_s, account_lifetime_s, account_renewal_s;
	struct tls_certificate **own;
	size_t n_own;
};

struct target;

struct target *target_new(const struct target_common *common, const char *edge);
/* At once. Sets *t to NULL; accepts a pointer to NULL. */
void target_free(struct target **t);
const char *target_name(const struct target *t);

/* sub: of s, for this edge; takes a reference to s. changed: it has to be looked at again. */
void target_set(struct target *t, const struct snapshot *s, const struct edge_subscription *sub,
	bool changed);
/* The settings in common are others. */
void target_set_settings(struct target *t);
/* Is what it was given last what the organization is now, for all we know? So it is at first. */
void target_set_settled(struct target *t, bool settled);
/*
 * Gives the lease back and closes the connection; no further tries. done comes once, perhaps before
 * this returns.
 */
void target_release(struct target *t, void (*done)(struct target *t, void *ctx), void *ctx);

void target_status(struct target *t, struct target_status *out);
void target_start(struct target *t, bool full, bool allow_loss, pusher_done_cb *cb, void *ctx);
int target_compare(struct target *t, bool full, const char *address,
	const struct pusher_compare_callbacks *cbs, void *ctx, struct err *e) MUST_CHECK;
void target_forget(struct target *t, void *ctx);

#endif
