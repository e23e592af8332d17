/* hashed.c - see hashed.h */
#include "libhub/org/hashed.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/org/hash.h"

/* The value of one bucket. Counted, by the main thread only. */
struct value {
	unsigned int refs;
	size_t size;
	unsigned char digest[BUCKET_DIGEST];
	unsigned char bytes[];
};

/* A bucket as the directory shows it. */
struct slot {
	unsigned int number;
	bool has_uuid;
	unsigned char uuid[16];
	struct value *value;
	bool bad;
	uint64_t round;
	UT_hash_handle hh;
};

struct hash_store {
	struct slot *v[BUCKETS];	/* NULL = no entry */
	struct slot *by_uuid;
	uint64_t round, changes;
};

struct hashed {
	unsigned char key[BUCKET_KEY];
	struct value *v[BUCKETS];	/* NULL = empty */
	size_t count;
};

static struct value *value_new(const struct blob *b)
{
	struct value *v = xmalloc(sizeof(*v) + b->size);

	v->refs = 1;
	v->size = b->size;
	if (b->size != 0)
		memcpy(v->bytes, b->data, b->size);
	bucket_digest(v->bytes, v->size, v->digest);
	return v;
}

static void value_unref(struct value *v)
{
	if (v != NULL && --v->refs == 0)
		free(v);
}

/* --- what the directory shows --- */

struct hash_store *hash_store_new(void)
{
	return xcalloc(1, sizeof(struct hash_store));
}

static void drop(struct hash_store *s, struct slot *slot)
{
	s->v[slot->number] = NULL;
	if (slot->has_uuid)
		HASH_DEL(s->by_uuid, slot);
	value_unref(slot->value);
	free(slot);
	s->changes++;
}

void hash_store_free(struct hash_store **sp)
{
	struct hash_store *s = *sp;
	size_t i;

	*sp = NULL;
	if (s == NULL)
		return;
	for (i = 0; i < BUCKETS; i++)
		if (s->v[i] != NULL)
			drop(s, s->v[i]);
	free(s);
}

static struct slot *find(const struct hash_store *s, const unsigned char uuid[16])
{
	struct slot *slot;

	HASH_FIND(hh, s->by_uuid, uuid, 16, slot);
	return slot;
}

/* A value that cannot be is not kept: nothing of it will be in force. */
static void set_value(struct slot *slot, const struct blob *b)
{
	static const struct blob none;

	slot->bad = !bucket_is_valid(slot->number, b->data, b->size);
	slot->value = value_new(slot->bad ? &none : b);
}

static bool is_as_it_was(const struct slot *slot, const struct blob *b)
{
	return !slot->bad && slot->value->size == b->size &&
		(b->size == 0 || memcmp(slot->value->bytes, b->data, b->size) == 0);
}

static void set_uuid(struct hash_store *s, struct slot *slot, const struct entry *e)
{
	if (slot->has_uuid)
		HASH_DEL(s->by_uuid, slot);
	slot->has_uuid = e->has_uuid;
	memcpy(slot->uuid, e->uuid, sizeof(slot->uuid));
	if (slot->has_uuid)
		HASH_ADD(hh, s->by_uuid, uuid, sizeof(slot->uuid), slot);
}

void hash_store_put(struct hash_store *s, unsigned int number, const struct entry *e)
{
	static const struct blob none;
	const struct entry_attr *attr = entry_attr(e, "hubBucketHash");
	const struct blob *b = attr != NULL && attr->n != 0 ? &attr->values[0] : &none;
	struct slot *slot = s->v[number], *same = e->has_uuid ? find(s, e->uuid) : NULL;

	/* it had another name */
	if (same != NULL && same != slot)
		drop(s, same);
	if (slot != NULL && !is_as_it_was(slot, b)) {
		drop(s, slot);
		slot = NULL;
	}
	if (slot == NULL) {
		slot = s->v[number] = xcalloc(1, sizeof(*slot));
		slot->number = number;
		set_value(slot, b);
		s->changes++;
	}
	slot->round = s->round;
	set_uuid(s, slot, e);
}

bool hash_store_delete(struct hash_store *s, const unsigned char uuid[16])
{
	struct slot *slot = find(s, uuid);

	if (slot == NULL)
		return false;
	drop(s, slot);
	return true;
}

void hash_store_refresh_begin(struct hash_store *s)
{
	s->round++;
}

void hash_store_refresh_end(struct hash_store *s)
{
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		if (s->v[i] != NULL && s->v[i]->round != s->round)
			drop(s, s->v[i]);
}

uint64_t hash_store_changes(const struct hash_store *s)
{
	return s->changes;
}

int hash_store_bad(const struct hash_store *s)
{
	int i;

	for (i = 0; i < BUCKETS; i++)
		if (s->v[i] != NULL && s->v[i]->bad)
			return i;
	return -1;
}

void hash_store_digest(const struct hash_store *s, char out[REPLICA_DIGEST_TEXT])
{
	static const struct blob none;
	struct value *empty = value_new(&none);
	unsigned char (*digests)[BUCKET_DIGEST] = xcalloc(BUCKETS, sizeof(*digests));
	size_t i;

	for (i = 0; i < BUCKETS; i++)
		memcpy(digests[i], (s->v[i] != NULL ? s->v[i]->value : empty)->digest,
			sizeof(digests[i]));
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])digests, out);
	free(digests);
	value_unref(empty);
}

/* --- a set that does not change --- */

struct hashed *hash_store_picture(const struct hash_store *s, const unsigned char key[BUCKET_KEY])
{
	struct hashed *h = xcalloc(1, sizeof(*h));
	size_t i;

	memcpy(h->key, key, sizeof(h->key));
	for (i = 0; i < BUCKETS; i++) {
		if (s->v[i] == NULL || s->v[i]->value->size == 0)
			continue;
		h->v[i] = s->v[i]->value;
		h->v[i]->refs++;
		h->count += h->v[i]->size / BUCKET_HASH;
	}
	return h;
}

void hashed_free(struct hashed **hp)
{
	struct hashed *h = *hp;
	size_t i;

	*hp = NULL;
	if (h == NULL)
		return;
	for (i = 0; i < BUCKETS; i++)
		value_unref(h->v[i]);
	explicit_bzero(h->key, sizeof(h->key));
	free(h);
}

bool hashed_has(const struct hashed *h, const char *folded)
{
	/* one each: threads look at the same time, and the key's part is 1 us */
	struct bucket_hasher *hasher = bucket_hasher_new(h->key);
	unsigned char hash[BUCKET_HASH];
	const struct value *v;

	bucket_hash(hasher, folded, strlen(folded), hash);
	bucket_hasher_free(&hasher);
	v = h->v[bucket_number(hash)];
	return v != NULL && bucket_has(v->bytes, v->size, hash);
}

size_t hashed_count(const struct hashed *h)
{
	return h->count;
}

struct blob hashed_bucket(const struct hashed *h, unsigned int number)
{
	const struct value *v = h->v[number];

	return v != NULL ? (struct blob){ v->bytes, v->size } : (struct blob){ NULL, 0 };
}
