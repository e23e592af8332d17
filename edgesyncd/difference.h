/* difference.h - from what stands on an edge to what should: the writes. Pure.
 *
 * In phases, each of which may be sent at once and has to be over before the next: deletions from
 * the leaves up, additions in the order of ranks and from the root down, modifications. Values are
 * compared as bytes whatever their order, but references as names.
 *
 * A domain is unique in a directory: two entries that exchange theirs cannot be modified one after
 * the other. For such cases entries can be made anew instead of being modified.
 */
#ifndef HUB_EDGESYNCD_DIFFERENCE_H
#define HUB_EDGESYNCD_DIFFERENCE_H

#include "edgesyncd/edge_entries.h"
#include "libhub/directory/connection.h"
#include "libhub/org/guard.h"

enum edge_write { EDGE_DELETE, EDGE_ADD, EDGE_MODIFY };

struct edge_op {
	enum edge_write write;
	unsigned int phase;
	const char *dn;
	const struct entry *entry;		/* EDGE_ADD */
	const struct directory_change *changes;	/* EDGE_MODIFY */
	size_t n;
	bool again;				/* deletion of what is added anew */
};

enum { LOST_CONNECTORS, LOST_DOMAINS, LOST_HUBS, DIFFERENCE_LOSSES };

struct difference {
	const struct edge_op *ops;		/* in order of phases */
	size_t n;
	size_t scanned;				/* objects here and there */
	/* connectors, accepted domains, hubs that would go */
	struct guard_loss losses[DIFFERENCE_LOSSES];
	size_t gains[DIFFERENCE_LOSSES];	/* that would come */
	bool other_site;			/* has other hubs: that is no loss */
};

/* anew: nothing is modified but the tree's own entry. All is in the arena or the entries'. */
void difference_make(struct arena *a, const struct edge_entries *here,
	const struct edge_entries *there, bool anew, struct difference *out);

#endif
