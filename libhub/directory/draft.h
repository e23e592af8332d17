/* draft.h - an entry in the making: values are added one by one, in any order of attributes.
 *
 * Everything lies in the arena given, so the finished entry lives as long as that. What an outside
 * source can make large is bounded here: attributes by DRAFT_ATTRS_MAX, names by DRAFT_NAME_MAX;
 * the bytes of values are bounded by whoever reads them.
 */
#ifndef HUB_DIRECTORY_DRAFT_H
#define HUB_DIRECTORY_DRAFT_H

#include "libhub/base/err.h"
#include "libhub/base/mem.h"
#include "libhub/directory/entry.h"

enum { DRAFT_ATTRS_MAX = 1000, DRAFT_NAME_MAX = 255 };

struct draft_attr;

/*
 * What becomes of values under a name with options (";lang-en", RFC 4512 section 2.5): those of an
 * attribute of their own, which is what they are. Joined to the others is what a search gives that
 * asks for the attribute. ";binary" is always dropped.
 */
enum draft_options { DRAFT_JOINED, DRAFT_APART, DRAFT_LEFT_OUT };

struct draft {
	struct arena *arena;
	enum draft_options options;	/* set directly, after draft_init */
	struct entry entry;		/* dn and uuid are set directly */
	struct draft_attr *attrs;
	size_t n, room;
};

void draft_init(struct draft *r, struct arena *a);
/*
 * Copies one value. Values of one name are joined, and entryUUID becomes the entry's uuid instead
 * of an attribute.
 */
int draft_add(struct draft *r, const char *name, size_t name_size, const void *value, size_t size,
	struct err *e) MUST_CHECK;
/* The finished entry, part of r; needs dn. */
const struct entry *draft_entry(struct draft *r);

/* A deep copy in the arena. */
struct entry *entry_copy(struct arena *a, const struct entry *e);
/* RFC 4530: 8-4-4-4-12 hex digits. -1 if text is no UUID. */
int entry_uuid_parse(const char *text, unsigned char uuid[16]) MUST_CHECK;
enum { ENTRY_UUID_TEXT = 37 };	/* with the NUL */
void entry_uuid_format(const unsigned char uuid[16], char text[ENTRY_UUID_TEXT]);

#endif
