/* edge_layout.h - the tree on an edge: which entries are whose, and what of them is pushed. Pure.
 *
 * The edge's own slapd holds the tree of the directory contract. While the edge is subscribed, the
 * organization's hubs write the replicated part; everything else is the edge's own. Both sides ask
 * here, so that they always mean the same by "what was pushed".
 */
#ifndef HUB_ORG_EDGE_LAYOUT_H
#define HUB_ORG_EDGE_LAYOUT_H

#include "libhub/directory/entry.h"
#include "libhub/org/object.h"

/* DNs relative to the tree, normalized; and as they are written. */
#define EDGE_STATE_RDN "cn=edge state"
#define EDGE_STATE_DN "cn=Edge State"
#define EDGE_ACCOUNTS_RDN "cn=sync accounts"
#define EDGE_ACCOUNTS_DN "cn=Sync Accounts"
#define EDGE_RECIPIENTS_RDN "cn=recipients"
#define EDGE_RECIPIENTS_DN "cn=Recipients"
#define EDGE_PUSH_RDN "cn=push"
#define EDGE_PUSH_DN "cn=Push"

enum edge_part {
	EDGE_PART_LOCAL,	/* containers, the edge's own server and all below it, roles */
	EDGE_PART_CONFIGURATION,	/* the organization's; its own entry by attributes only */
	EDGE_PART_BUCKET,	/* below cn=Recipients */
	EDGE_PART_MARKER,	/* below cn=Push, see replica_marker.h */
	EDGE_PART_STATE,
	EDGE_PART_ACCOUNT,
};

/*
 * rdn: of the entry, normalized and relative to the tree. An entry that is not known to be the
 * edge's own counts as the organization's wherever it may stand, so that a stray one shows.
 */
enum edge_part edge_layout_part(const char *rdn, const struct entry *e);

/*
 * Is the attribute of an entry in EDGE_PART_CONFIGURATION replicated? cn (but not of the
 * organization's own entry), objectClass (likewise) and the rows of its class that an edge may
 * know; never userPassword.
 */
bool edge_layout_is_pushed(const struct obj_class *class, const char *attr);
/* The first class of the entry that is one of ours, or NULL. */
const struct obj_class *edge_layout_class(const struct entry *e);

#endif
