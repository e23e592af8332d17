/* hashed.h - the recipients of a subscribed edge: keyed hashes of their addresses, in buckets.
 *
 * Two sets. What the edge's directory shows is pending, bucket by bucket; the set in force is a
 * picture of it, taken when all of it is what the organization pushed (replica.h). Both share the
 * values of the buckets that are the same, so a picture costs 32 KB however many recipients there
 * are. Main thread, but for hashed_has, which reads a set that nobody changes.
 */
#ifndef HUB_ORG_HASHED_H
#define HUB_ORG_HASHED_H

#include <stdint.h>

#include "libhub/directory/entry.h"
#include "libhub/org/buckets.h"

/* --- what the directory shows --- */

struct hash_store;

struct hash_store *hash_store_new(void);
void hash_store_free(struct hash_store **s);

/* A bucket's entry as the directory shows it now; number < BUCKETS. */
void hash_store_put(struct hash_store *s, unsigned int number, const struct entry *e);
/* False if it is none of ours. */
bool hash_store_delete(struct hash_store *s, const unsigned char uuid[16]);
/* Buckets not put between the two are gone. */
void hash_store_refresh_begin(struct hash_store *s);
void hash_store_refresh_end(struct hash_store *s);
/* Grows with each change. */
uint64_t hash_store_changes(const struct hash_store *s);
/* The first bucket whose value is none (buckets.h), or -1. */
int hash_store_bad(const struct hash_store *s);
/* As buckets_digest says. */
void hash_store_digest(const struct hash_store *s, char out[REPLICA_DIGEST_TEXT]);

/* --- a set that does not change --- */

struct hashed;

/* What is there now, and no bucket is bad. */
struct hashed *hash_store_picture(const struct hash_store *s,
	const unsigned char key[BUCKET_KEY]);
void hashed_free(struct hashed **h);
/* Any thread. The address is folded (value.h, name_fold). */
bool hashed_has(const struct hashed *h, const char *folded);
size_t hashed_count(const struct hashed *h);
/* The value of a bucket; size 0 = there is none. */
struct blob hashed_bucket(const struct hashed *h, unsigned int number);

#endif
