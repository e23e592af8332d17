/* builder.h - from raw directory entries to snapshots. Main thread (or a tool's only thread).
 *
 * The builder holds every entry under the organization as the directory last showed it, keyed by
 * entryUUID where there is one, else by DN. Entries are applied as they come; a snapshot is built
 * from what is there.
 */
#ifndef HUB_ORG_BUILDER_H
#define HUB_ORG_BUILDER_H

#include "libhub/org/guard.h"
#include "libhub/org/snapshot.h"

struct builder;

/* base: DN of the hubOrganization. */
struct builder *builder_new(const char *base);
void builder_free(struct builder **b);

/* Adds or replaces (also under another DN when the UUID is known). Copies what it needs. */
void builder_put(struct builder *b, const struct entry *e);
void builder_delete(struct builder *b, const unsigned char uuid[16]);
void builder_delete_dn(struct builder *b, const char *dn);

/* Mark and sweep around a refresh: entries not put between the two are gone. */
void builder_refresh_begin(struct builder *b);
void builder_refresh_end(struct builder *b);
/*
 * Before the end: what of each kind of entry the refresh has not shown. Entries that belong to no
 * class are the last but one kind, containers the last.
 */
enum { BUILDER_LOSSES = OBJ_KINDS + 2 };
void builder_losses(const struct builder *b, struct guard_loss losses[BUILDER_LOSSES]);
/* Grows with each change of an entry, also with the end of a refresh that takes entries away. */
uint64_t builder_changes(const struct builder *b);
/* hubEpoch as the directory showed it last ("" = none), and the entryUUID of the organization. */
void builder_identity(const struct builder *b, struct guard_state *out);
size_t builder_count(const struct builder *b);
/* The last form put of every entry, in no particular order: what is saved to the offline cache. */
void builder_each(const struct builder *b, void (*cb)(const struct entry *e, void *ctx),
	void *ctx);

/* An edge's: from now on its snapshots say that the organization has pushed nothing yet. */
void builder_set_unpushed(struct builder *b, bool unpushed);

/* Builds a snapshot with one reference. previous (may be NULL) lends last good forms. */
const struct snapshot *builder_build(struct builder *b, const struct snapshot *previous);

/* Reads an LDIF file (content records only) into the builder; e->text is "FILE:LINE: reason". */
int builder_read_ldif(struct builder *b, const char *path, struct err *e) MUST_CHECK;

/*
 * last good forms across a restart: an object in force that differs from its entry must be found
 * again after loading the cache; the cache file keeps both (see cache.h of libhub/directory).
 */
void builder_each_last_good(const struct snapshot *s,
	void (*cb)(const struct entry *e, void *ctx), void *ctx);
void builder_put_last_good(struct builder *b, const struct entry *e);

#endif
