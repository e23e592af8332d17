/* edge_tree.h - the own directory of an edge, as hubctl finds it there.
 *
 * What the organization pushes ("replicated") and what stays with the local administrators is told
 * apart by libhub/org/edge_layout.h. Lists of changes are in an order that hub-validator permits:
 * what names goes before what is named.
 */
#ifndef HUB_TOOLS_EDGE_TREE_H
#define HUB_TOOLS_EDGE_TREE_H

#include "tools/change.h"

/* Classes that are no objects of the organization, for changes. */
extern const struct obj_class edge_state_class, sync_account_class, push_marker_class;

struct change_list {
	struct change *first, *last;
	size_t n;
};

void change_list_add(struct change_list *list, struct change *c);

/* Is this an edge's own directory? */
bool edge_tree_is(const struct org *org);
bool edge_tree_is_subscribed(const struct org *org);
/* The entry of this edge itself: of that name (may be NULL), or the only one. NULL and *e. */
const struct entry *edge_tree_self(const struct org *org, const char *name, struct err *e)
	MUST_CHECK;
/* hubSubscribed as told, and nobody holds the lease. */
struct change *edge_tree_state(const struct org *org, bool subscribed);
/* All that is replicated, or will be, is taken away; objects counts those that people know. */
void edge_tree_add_clearing(const struct org *org, struct change_list *list, size_t *objects);
void edge_tree_add_accounts_gone(const struct org *org, struct change_list *list);
void edge_tree_add_markers_gone(const struct org *org, struct change_list *list);
/* Is a marker there? Then a subscription was begun, or its removal not ended. */
bool edge_tree_has_markers(const struct org *org);

#endif
