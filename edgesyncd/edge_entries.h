/* edge_entries.h - the replicated part of an edge's tree, as it is or as it should be. Pure.
 *
 * A set of entries in the order of their normalized names relative to the tree, in an arena of its
 * own, wiped at the end: connectors carry passwords. Values of what should be there are those of
 * the snapshot that it was made of, which is kept as long.
 *
 * Containers belong to it, so that one that is missing is made again; nothing else of theirs does.
 * Of the tree's own entry only what the organization pushes is kept, and its class. Recipients and
 * markers are no part of it.
 */
#ifndef HUB_EDGESYNCD_EDGE_ENTRIES_H
#define HUB_EDGESYNCD_EDGE_ENTRIES_H

#include "libhub/org/replica_digest.h"
#include "libhub/org/snapshot.h"

enum edge_rank {
	EDGE_RANK_CONTAINER,	/* entries of a rank name those of lower ones only */
	EDGE_RANK_SITE,
	EDGE_RANK_SERVER,
	EDGE_RANK_DOMAIN,
	EDGE_RANK_CONNECTOR,
	EDGE_RANK_OTHER,	/* what an administrator of the edge put in between */
	EDGE_RANKS
};

struct edge_entry {
	const char *rdn;	/* normalized, relative to the tree; "" for its own entry */
	const struct entry *entry;
	const struct obj_class *class;	/* NULL: a container, or no class of ours */
	enum edge_rank rank;
	unsigned int depth;
	bool digested;
	unsigned char digest[REPLICA_DIGEST_SIZE];
};

struct edge_entries {
	struct arena *arena;
	const struct snapshot *s;	/* whose values are in it, or NULL */
	const char *base, *nbase;
	struct edge_entry *v;
	size_t n, room;
};

/* What the tree's own entry has here, whatever other classes it has there. */
extern const struct entry_attr edge_entries_root_class;

struct edge_entries *edge_entries_new(const char *base);
/* Sets *e to NULL; accepts a pointer to NULL. */
void edge_entries_free(struct edge_entries **e);
/*
 * Copies what belongs to the replicated part and leaves the rest out: an entry in another place,
 * an edge server and what stands below it, userPassword. False if it was left out as a whole.
 */
bool edge_entries_add(struct edge_entries *e, const struct entry *entry);
/* Without copying or looking: entry and rdn live as long as e, and belong here. */
void edge_entries_put(struct edge_entries *e, const struct entry *entry, const char *rdn);
/* After the last add or put, before anything that follows. */
void edge_entries_sort(struct edge_entries *e);
/* NULL if there is none. */
const struct edge_entry *edge_entries_find(const struct edge_entries *e, const char *rdn);
/*
 * The digest that the edge computes when this stands there. What is the same in before, which may
 * be NULL, is not computed again.
 */
void edge_entries_digest(struct edge_entries *e, const struct edge_entries *before,
	char out[REPLICA_DIGEST_TEXT]);
/* How many objects, without containers and the tree's own entry. */
size_t edge_entries_objects(const struct edge_entries *e);

#endif
