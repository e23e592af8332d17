/* configuration_push.h - the configuration of one edge: what stands there, and its rounds.
 *
 * Between attach and detach it remembers what stands on the edge, from reading it or having written
 * it; after a write that failed it knows nothing and reads again. Owning loop only.
 */
#ifndef HUB_EDGESYNCD_CONFIGURATION_PUSH_H
#define HUB_EDGESYNCD_CONFIGURATION_PUSH_H

#include "edgesyncd/push_round.h"
#include "libhub/org/replica_marker.h"

struct configuration_push;

struct configuration_push *configuration_push_new(struct loop *loop, const char *edge);
/* Detaches. Sets *p to NULL; accepts a pointer to NULL. */
void configuration_push_free(struct configuration_push **p);

void configuration_push_attach(struct configuration_push *p, struct directory_connection *c,
	const char *base, const char *holder);
void configuration_push_detach(struct configuration_push *p);

/* Only while attached, one at a time, with the snapshot that is to stand there. */
void configuration_push_start(struct configuration_push *p, const struct snapshot *s,
	unsigned int flags, const struct round_callbacks *cbs, void *ctx);

struct configuration_known {
	bool pushed;			/* a round has ended in step since attach */
	const char *fingerprint;	/* of the snapshot that it was about */
	const char *here;		/* digest of what should stand there; "" */
	const struct replica_marker *marker;	/* as it stands there; NULL = not known */
	size_t objects;			/* that stand there, if that is counted */
	bool counted;
};
void configuration_push_known(const struct configuration_push *p,
	struct configuration_known *out);

#endif
