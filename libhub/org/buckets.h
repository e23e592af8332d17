/* buckets.h - recipients as keyed hashes in 4096 buckets, as they stand on an edge. Pure.
 *
 * Hash of an address: the first 16 bytes of HMAC-SHA-256 (RFC 2104 section 5 on the truncation)
 * over its folded form (name_fold, as recipients.h compares addresses). Its first 12 bits are its
 * bucket. The value of a bucket (hubBucketHash) is its hashes, sorted, each once, without anything
 * between them; a bucket without hashes has no entry. Entries are cn=000 to cn=fff.
 */
#ifndef HUB_ORG_BUCKETS_H
#define HUB_ORG_BUCKETS_H

#include <stdbool.h>
#include <stddef.h>

#include "libhub/org/replica_digest.h"

enum {
	BUCKETS = 4096,
	BUCKET_KEY = 32,
	BUCKET_HASH = 16,
	BUCKET_DIGEST = 32,
	BUCKET_NAME = 4,		/* "fff" with NUL */
	/* more than ten million addresses give one bucket; a larger value is not believed */
	BUCKET_HASHES_MAX = 65536,
};

struct bucket_hasher;

/* Of one thread at a time. */
struct bucket_hasher *bucket_hasher_new(const unsigned char key[BUCKET_KEY]);
/* Wipes the key. Sets *h to NULL; accepts a pointer to NULL. */
void bucket_hasher_free(struct bucket_hasher **h);
/* Of an address that is folded already. About 1 us. */
void bucket_hash(struct bucket_hasher *h, const char *folded, size_t size,
	unsigned char out[BUCKET_HASH]);
/* Of one as it was written. */
void bucket_hash_address(struct bucket_hasher *h, const char *address,
	unsigned char out[BUCKET_HASH]);

/* 0 to BUCKETS - 1 */
unsigned int bucket_number(const unsigned char hash[BUCKET_HASH]);
void bucket_name(unsigned int number, char out[BUCKET_NAME]);
/* Of a name relative to the tree ("cn=0a7,cn=recipients") or alone ("0a7"); -1 if it is none. */
int bucket_of_name(const char *name);

/* The hashes of one bucket. */
struct bucket {
	unsigned char *hashes;	/* n * BUCKET_HASH bytes; NULL if there never were any */
	size_t n, room;
};

void bucket_deinit(struct bucket *b);
/* Is that a value of bucket number: whole hashes, sorted, of that bucket, each once? */
bool bucket_is_valid(unsigned int number, const unsigned char *value, size_t size);
/* Takes over a copy of a valid value instead of what was there. */
void bucket_set(struct bucket *b, const unsigned char *value, size_t size);
/* False if it was (add), was not (remove) there. */
bool bucket_add(struct bucket *b, const unsigned char hash[BUCKET_HASH]);
bool bucket_remove(struct bucket *b, const unsigned char hash[BUCKET_HASH]);
/* For very many: append in any order, then sort once, which also drops what is there twice. */
void bucket_append(struct bucket *b, const unsigned char hash[BUCKET_HASH]);
void bucket_sort(struct bucket *b);
/* In a valid value. */
bool bucket_has(const unsigned char *value, size_t size, const unsigned char hash[BUCKET_HASH]);

/* SHA-256 of a value; of nothing if size is 0. */
void bucket_digest(const unsigned char *value, size_t size, unsigned char out[BUCKET_DIGEST]);
/* Of all buckets: SHA-256 over their digests, in hex. */
void buckets_digest(const unsigned char digests[BUCKETS][BUCKET_DIGEST],
	char out[REPLICA_DIGEST_TEXT]);

#endif
