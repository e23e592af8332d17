/* sealed.h - the credentials of a subscription as this hub sees them. Main loop; immutable.
 *
 * Those for us are opened, and who every value is for is found out from whom it is sealed to.
 * Secrets are wiped when it is freed.
 */
#ifndef HUB_EDGESYNCD_SEALED_H
#define HUB_EDGESYNCD_SEALED_H

#include "edgesyncd/account_plan.h"
#include "libhub/edge/credential.h"
#include "libhub/org/snapshot.h"

/* For people: how hubs come by credentials when those that there are are of no use. */
#define SEALED_ANEW "\"hubctl edge-subscription new --force --file FILE\" on the edge and " \
	"\"hubctl edge-subscription import FILE --site SITE\" here make new ones"

/* One that opened. */
struct sealed_own {
	struct credential credential;
	const char *base;		/* of the edge's tree */
	const char *account;		/* normalized */
};

struct sealed {
	struct arena *arena;
	const struct account_value *values;	/* all, in the order of the subscription */
	const struct blob *blobs;
	size_t n;
	struct sealed_own *own;		/* best first: accounts before bootstraps, newest first */
	size_t n_own;
	struct account_hub *hubs;	/* enabled, with business there (belonging.h) */
	struct blobs *certificates;	/* of each of them */
	size_t n_hubs;
	bool former;			/* ours is of the site that hands the edge over */
	char problem[400];		/* why no value is of use, if n_own is 0 */
};

/* hub: our cn. own: our certificates with their keys. Keeps nothing of the snapshot. */
struct sealed *sealed_new(const struct snapshot *s, const struct edge_subscription *sub,
	const char *hub, struct tls_certificate *const *own, size_t n_own);
/* Sets *s to NULL; accepts a pointer to NULL. */
void sealed_free(struct sealed **s);

/* SHA-256, hex. */
void sealed_digest(const struct blob *value, char out[ACCOUNT_DIGEST_SIZE]);

#endif
