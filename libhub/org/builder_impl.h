/* builder_impl.h - the entries a builder holds: for builder.c, build.c, builder_ldif.c, trial.c and
 * replica.c only.
 */
#ifndef HUB_ORG_BUILDER_IMPL_H
#define HUB_ORG_BUILDER_IMPL_H

#include "libhub/org/builder.h"
#include "libhub/org/hash.h"
#include "libhub/org/record.h"

struct slot {
	struct record *record;
	uint64_t round;		/* refresh that last showed it */
	uint64_t order;		/* place in a file, where the later one loses; 0 from a directory */
	UT_hash_handle by_dn, by_uuid;
};

/* A last good form that came from the cache. */
struct kept_form {
	struct record *record;
	UT_hash_handle hh;
};

struct builder {
	char *base;
	struct arena *arena;
	const char *nbase;
	struct slot *by_dn, *by_uuid;
	struct kept_form *kept;
	uint64_t round;
	uint64_t order;		/* last place given out */
	uint64_t changes;
	bool unpushed;
};

void builder_put_ordered(struct builder *b, const struct entry *e, uint64_t order);
/*
 * Puts a record that was decoded for another builder of the same base: both have it. last_good: as
 * builder_put_last_good does.
 */
void builder_adopt(struct builder *b, struct record *r, bool last_good);
void builder_drop(struct builder *b, const char *ndn);
/* As builder_losses, of the entries that counts says yes to. */
void builder_losses_of(const struct builder *b, bool (*counts)(const struct record *r),
	struct guard_loss losses[BUILDER_LOSSES]);
/* The form that builder_put_last_good gave for the entry of record, or NULL. */
struct record *builder_kept_form(const struct builder *b, const struct record *record);

/* The record of the entry, or NULL; borrowed. */
struct record *builder_record(const struct builder *b, const char *ndn);
struct record *builder_record_by_uuid(const struct builder *b, const unsigned char uuid[16]);

struct texts {
	const char **v;		/* from malloc */
	size_t n, cap;
};
void build_add_text(struct texts *t, const char *text);

struct snapshot_impl;

/*
 * A snapshot's own copy of the decoded object of r, in its arena, with references resolved in it.
 * dangling is emptied and gets a text for each that names nothing valid.
 */
struct obj *build_instance(const struct snapshot_impl *s, const struct record *r,
	struct texts *dangling);

#endif
