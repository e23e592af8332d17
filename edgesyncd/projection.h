/* projection.h - of the organization, what one edge may know. Pure.
 *
 * By the tables of the classes: what is marked ATTR_HUB_ONLY never goes, and of hubs and sites only
 * what is listed here. The names of other edges, sites and servers do not go either: a reference is
 * rewritten to where its object stands on the edge, and left out if it stands nowhere there.
 */
#ifndef HUB_EDGESYNCD_PROJECTION_H
#define HUB_EDGESYNCD_PROJECTION_H

#include "edgesyncd/edge_entries.h"
#include "libhub/org/snapshot.h"

/*
 * What is to stand below base on the edge of that name; to be freed with edge_entries_free. NULL
 * when the organization has no entry of its own, or no subscription of the edge in force: then
 * nothing may be pushed.
 */
struct edge_entries *projection_new(const struct snapshot *s, const char *edge, const char *base,
	struct err *e);

#endif
