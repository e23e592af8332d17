/* record.h - one directory entry as the builder keeps it: the raw values and what they decode to.
 *
 * Immutable once decoded and shared by reference count between the builder and snapshots, so that a
 * rebuild decodes nothing that did not change. Everything lives in the record's arena; references
 * in the decoded object are not resolved, that is done in each snapshot's own copy.
 */
#ifndef HUB_ORG_RECORD_H
#define HUB_ORG_RECORD_H

#include <stdatomic.h>

#include "libhub/directory/entry.h"
#include "libhub/org/object.h"

enum { RECORD_DIGEST = 32 };

struct record {
	atomic_uint refs;
	struct arena *arena;
	struct entry raw;	/* values sorted; userPassword left out */
	const char *ndn, *rdn;
	const char *key;	/* folded name, orders like name_compare; "" if there is none */
	const struct obj_class *class;	/* NULL: an entry that is no object of ours */
	struct obj *obj;	/* NULL: does not decode, see error */
	const char *error;
	const char *const *warnings;
	size_t warning_count;
	unsigned char digest[RECORD_DIGEST];	/* of obj, see fingerprint.h */
	/* of what is pushed of it, from when it is asked for; the main thread's */
	bool has_pushed;
	unsigned char pushed[RECORD_DIGEST];
};

/*
 * Copies what is within the bounds of attr.h; an entry beyond them becomes a record with an error.
 * NULL if the entry is not at or under nbase (normalized). One reference.
 */
struct record *record_new(const struct entry *e, const char *nbase);
/* Fills class, obj or error, warnings, digest. Once, before the record is shared. */
void record_decode(struct record *r);
/* Same DN, UUID and values? */
bool record_equal(const struct record *a, const struct record *b);
/* Same name and values, whatever their order and whether the UUID is known? Of objects. */
bool record_same(const struct record *a, const struct record *b);
struct record *record_ref(struct record *r);
/* Sets *r to NULL; accepts a pointer to NULL. Any thread. */
void record_unref(struct record **r);

#endif
