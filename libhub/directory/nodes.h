/* nodes.h - what a watch remembers of the entries it was shown. Owning thread only.
 *
 * Hashes of DNs, not the DNs themselves, for there may be millions: enough to see that an entry
 * with children moved, which slapd does not tell of the children.
 */
#ifndef HUB_DIRECTORY_NODES_H
#define HUB_DIRECTORY_NODES_H

#include <stddef.h>

#include "libhub/directory/entry.h"

struct nodes;

/* base: the DN at the top. */
struct nodes *nodes_new(const char *base);
/* Sets *n to NULL; accepts a pointer to NULL. */
void nodes_free(struct nodes **n);
size_t nodes_count(const struct nodes *n);

/* A refresh begins: until its end nothing counts as moved, and the base has not been seen. */
void nodes_refresh_begin(struct nodes *n);
/* Entries that it did not show are forgotten. */
void nodes_refresh_end(struct nodes *n);
bool nodes_base_seen(const struct nodes *n);
bool nodes_is_base(const struct nodes *n, const unsigned char uuid[16]);

/* The base has that UUID, and is there. */
void nodes_see_base(struct nodes *n, const unsigned char uuid[16]);
/* Looks only whether the entry, which has a UUID, is the base; its owner knows the others. */
void nodes_see(struct nodes *n, const struct entry *e);
/* Remembers the entry, which has a UUID. True if it moved while it has children. */
bool nodes_put(struct nodes *n, const struct entry *e);
void nodes_delete(struct nodes *n, const unsigned char uuid[16]);

#endif
