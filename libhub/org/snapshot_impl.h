/* snapshot_impl.h - what stands behind a snapshot: for the builder, the checks and snapshot.c only.
 *
 * Written while the builder fills the snapshot, on one thread; never again once it is given out.
 */
#ifndef HUB_ORG_SNAPSHOT_IMPL_H
#define HUB_ORG_SNAPSHOT_IMPL_H

#include <stdatomic.h>

#include "libhub/org/hash.h"
#include "libhub/org/record.h"
#include "libhub/org/snapshot.h"

/* One object in force and the entry it was made of. */
struct in_force {
	struct obj *obj;
	struct record *record;
	bool last_good;
	UT_hash_handle by_dn, by_uuid;
};

/* "accepted contoso.com" and the like to the object that has it. */
struct index_entry {
	const char *key;
	const struct obj *obj;
	UT_hash_handle hh;
};

/* The Receive connectors of one server. */
struct connector_list {
	const struct server *server;
	const struct obj **v;
	size_t n, cap;
	UT_hash_handle hh;
};

struct snapshot_impl {
	struct snapshot pub;		/* first: a snapshot is handed out as this */
	atomic_uint refs;
	struct arena *arena;
	struct in_force *by_dn, *by_uuid;
	struct index_entry *index;
	struct connector_list *connectors;
};

/* One reference; nothing in it yet. */
struct snapshot_impl *snapshot_impl_new(const char *base);
/* Puts an object in force; takes a reference to record. */
void snapshot_impl_add(struct snapshot_impl *s, struct obj *obj, struct record *record,
	bool last_good);
struct in_force *snapshot_impl_find(const struct snapshot_impl *s, const char *ndn);
/* What is in force for the same entry as record: by UUID where it has one, else by DN. */
struct in_force *snapshot_impl_same(const struct snapshot_impl *s, const struct record *record);
/* The first to claim a key keeps it. key is copied. */
void snapshot_impl_index(struct snapshot_impl *s, const char *key, const struct obj *obj);
const struct obj *snapshot_impl_lookup(const struct snapshot_impl *s, const char *key);

/* For checks: the valid server that the object stands below, or NULL. */
const struct server *snapshot_parent_server(const struct snapshot *s, const struct obj *obj);

#endif
