/* reach.h - where the directory of an edge is, and which keys it may have. Main loop; immutable. */
#ifndef HUB_EDGESYNCD_REACH_H
#define HUB_EDGESYNCD_REACH_H

#include "libhub/directory/watch.h"
#include "libhub/org/topology.h"

struct reach {
	struct arena *arena;
	const char *const *uris;	/* ldaps://, one at least */
	size_t n_uris;
	const char *const *pins;	/* ends with NULL */
	struct directory_config config;	/* uris and pins are those above */
};

/* NULL with the reason if the subscription does not say enough. */
struct reach *reach_new(const struct edge_subscription *sub, unsigned int silence_ms,
	struct err *e) MUST_CHECK;
/* Not while a connection uses its config. Sets *r to NULL; accepts a pointer to NULL. */
void reach_free(struct reach **r);
/* Either may be NULL. */
bool reach_is_alike(const struct reach *a, const struct reach *b);

#endif
