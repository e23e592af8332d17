/* replica_digest.h - SHA-256 over the configuration that was pushed to an edge. Pure; any thread.
 *
 * Of an entry: over its name relative to the tree, the number of attributes, then of each attribute
 * that is pushed (edge_layout.h), in the order of their names in lower case: name, number of
 * values, values in the order of their bytes; DNs normalized. A string is preceded by its length;
 * that and every number is four bytes, big-endian. An attribute without values does not count.
 *
 * Of the whole: over the digests of the entries of EDGE_PART_CONFIGURATION, in their own order. So
 * whoever keeps 32 bytes an entry sees what changed, and has the whole without reading it again.
 * Whoever pushes takes what ought to stand there, the edge what does.
 */
#ifndef HUB_ORG_REPLICA_DIGEST_H
#define HUB_ORG_REPLICA_DIGEST_H

#include "libhub/directory/entry.h"

enum { REPLICA_DIGEST_SIZE = 32, REPLICA_DIGEST_TEXT = 65 /* in hex with NUL */ };

/* rdn: relative to the tree, normalized. */
void replica_digest_entry(const char *rdn, const struct entry *e,
	unsigned char out[REPLICA_DIGEST_SIZE]);

struct replica_digest;

struct replica_digest *replica_digest_new(void);
/* In any order. */
void replica_digest_add(struct replica_digest *d, const unsigned char entry[REPLICA_DIGEST_SIZE]);
/* The digest of the whole; frees d and sets it to NULL. */
void replica_digest_finish(struct replica_digest **d, char out[REPLICA_DIGEST_TEXT]);
/* Of any SHA-256, in hex. */
void replica_digest_text(const unsigned char digest[REPLICA_DIGEST_SIZE],
	char out[REPLICA_DIGEST_TEXT]);

#endif
