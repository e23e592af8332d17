/* belonging.h - which hubs have business with an edge. Pure.
 *
 * An edge is of the site that its subscription names (hubServerSite). hubSyncSite of the same entry
 * names the site whose hubs have the accounts on the edge; who holds the lease as a hub of the
 * edge's own site writes it. Where they differ the edge has been moved, and the hubs of the former
 * site hand it over: they go on as before, and make accounts for those of its own site. As soon as
 * one of these has the lease it says so inside, by which the former lose what they may do there;
 * only then their accounts go. However often the edge is moved meanwhile, and whoever fails, one
 * site has working accounts and the right to write credentials.
 */
#ifndef HUB_EDGESYNCD_BELONGING_H
#define HUB_EDGESYNCD_BELONGING_H

#include "libhub/org/topology.h"

enum belonging {
	BELONGS_NOT,
	BELONGS_FORMER,		/* of the site that hands the edge over */
	BELONGS,		/* of the edge's own site */
};

/* Of an enabled hub; what is no hub or not enabled has no business with any edge. */
enum belonging belonging_of(const struct server *hub, const struct edge_subscription *sub);
/* The site that hands the edge over, or NULL. */
const struct obj *belonging_former_site(const struct edge_subscription *sub);
/* Has anybody said inside that the hubs of the edge's own site have the accounts? */
bool belonging_is_settled(const struct edge_subscription *sub);

#endif
