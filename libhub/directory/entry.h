/* entry.h - one raw directory entry: what a search, an LDIF file or the offline cache gives. */
#ifndef HUB_DIRECTORY_ENTRY_H
#define HUB_DIRECTORY_ENTRY_H

#include <stdbool.h>
#include <stddef.h>

struct blob {
	const unsigned char *data;
	size_t size;
};

struct entry_attr {
	const char *name;		/* as the source wrote it, without options */
	const struct blob *values;	/* each followed by a NUL that size does not count */
	size_t n;
};

/* An entry with a longer one is not taken. */
enum { ENTRY_DN_MAX = 2048 };

/* Belongs to whoever made it; a callee that keeps something copies it. */
struct entry {
	const char *dn;
	bool has_uuid;
	unsigned char uuid[16];		/* entryUUID */
	const struct entry_attr *attrs;
	size_t n;
};

/* NULL if the entry has none of that name (compared without regard to case). */
const struct entry_attr *entry_attr(const struct entry *e, const char *name);
/* Its first value, ended by a NUL, or NULL. */
const char *entry_text(const struct entry *e, const char *name);

#endif
