/* buckets.c - see buckets.h
 *
 * An HMAC is two hashes, each of which begins with a block made of the key. Those two beginnings
 * are computed once; an address costs two copies of them.
 */
#include "libhub/org/buckets.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "libhub/base/mem.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/value.h"

enum { BLOCK = 64, SHA256_SIZE = 32, INNER_PAD = 0x36, OUTER_PAD = 0x5c };

struct bucket_hasher {
	EVP_MD_CTX *inner, *outer, *work;
};

static EVP_MD_CTX *begin(const unsigned char key[BUCKET_KEY], unsigned char pad)
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	unsigned char block[BLOCK];
	size_t i;

	for (i = 0; i < BLOCK; i++)
		block[i] = (unsigned char)((i < BUCKET_KEY ? key[i] : 0) ^ pad);
	BUG_ON(md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1 ||
		EVP_DigestUpdate(md, block, sizeof(block)) != 1);
	explicit_bzero(block, sizeof(block));
	return md;
}

struct bucket_hasher *bucket_hasher_new(const unsigned char key[BUCKET_KEY])
{
	struct bucket_hasher *h = xcalloc(1, sizeof(*h));

	h->inner = begin(key, INNER_PAD);
	h->outer = begin(key, OUTER_PAD);
	h->work = EVP_MD_CTX_new();
	BUG_ON(h->work == NULL);
	return h;
}

void bucket_hasher_free(struct bucket_hasher **hp)
{
	struct bucket_hasher *h = *hp;

	*hp = NULL;
	if (h == NULL)
		return;
	/* OpenSSL wipes the states */
	EVP_MD_CTX_free(h->inner);
	EVP_MD_CTX_free(h->outer);
	EVP_MD_CTX_free(h->work);
	free(h);
}

static void hash_from(EVP_MD_CTX *work, const EVP_MD_CTX *from, const void *data, size_t size,
	unsigned char out[SHA256_SIZE])
{
	BUG_ON(EVP_MD_CTX_copy_ex(work, from) != 1 || EVP_DigestUpdate(work, data, size) != 1 ||
		EVP_DigestFinal_ex(work, out, NULL) != 1);
}

void bucket_hash(struct bucket_hasher *h, const char *folded, size_t size,
	unsigned char out[BUCKET_HASH])
{
	unsigned char digest[SHA256_SIZE];

	hash_from(h->work, h->inner, folded, size, digest);
	hash_from(h->work, h->outer, digest, sizeof(digest), digest);
	memcpy(out, digest, BUCKET_HASH);
}

void bucket_hash_address(struct bucket_hasher *h, const char *address,
	unsigned char out[BUCKET_HASH])
{
	struct arena *a = arena_new();
	const char *folded = name_fold(a, address);

	bucket_hash(h, folded, strlen(folded), out);
	arena_free(&a);
}

unsigned int bucket_number(const unsigned char hash[BUCKET_HASH])
{
	return (unsigned int)hash[0] << 4 | hash[1] >> 4;
}

void bucket_name(unsigned int number, char out[BUCKET_NAME])
{
	static const char digits[] = "0123456789abcdef";

	out[0] = digits[number >> 8 & 15];
	out[1] = digits[number >> 4 & 15];
	out[2] = digits[number & 15];
	out[3] = '\0';
}

int bucket_of_name(const char *name)
{
	static const char digits[] = "0123456789abcdef";
	const char *digit, *p = name;
	int number = 0, i;

	if (strncmp(p, "cn=", 3) == 0)
		p += 3;
	for (i = 0; i < 3; i++, p++) {
		digit = *p != '\0' ? strchr(digits, *p) : NULL;
		if (digit == NULL)
			return -1;
		number = number << 4 | (int)(digit - digits);
	}
	return *p == '\0' || strcmp(p, "," EDGE_RECIPIENTS_RDN) == 0 ? number : -1;
}

static unsigned char *hash_at(const struct bucket *b, size_t i)
{
	return b->hashes + i * BUCKET_HASH;
}

/* Where hash is or would be among n sorted ones. */
static size_t place_of(const unsigned char *hashes, size_t n, const unsigned char *hash)
{
	size_t low = 0, high = n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (memcmp(hashes + middle * BUCKET_HASH, hash, BUCKET_HASH) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

bool bucket_has(const unsigned char *value, size_t size, const unsigned char hash[BUCKET_HASH])
{
	size_t n = size / BUCKET_HASH, i = place_of(value, n, hash);

	return i < n && memcmp(value + i * BUCKET_HASH, hash, BUCKET_HASH) == 0;
}

bool bucket_is_valid(unsigned int number, const unsigned char *value, size_t size)
{
	size_t i;

	if (size % BUCKET_HASH != 0 || size / BUCKET_HASH > BUCKET_HASHES_MAX)
		return false;
	for (i = 0; i < size; i += BUCKET_HASH)
		if (bucket_number(value + i) != number ||
		    (i != 0 && memcmp(value + i - BUCKET_HASH, value + i, BUCKET_HASH) >= 0))
			return false;
	return true;
}

void bucket_deinit(struct bucket *b)
{
	free(b->hashes);
	*b = (struct bucket){ .hashes = NULL };
}

static void make_room(struct bucket *b, size_t n)
{
	if (n <= b->room)
		return;
	b->room = n > 2 * b->room ? n : 2 * b->room;
	b->hashes = xreallocarray(b->hashes, b->room, BUCKET_HASH);
}

void bucket_set(struct bucket *b, const unsigned char *value, size_t size)
{
	b->n = size / BUCKET_HASH;
	make_room(b, b->n);
	if (b->n != 0)
		memcpy(b->hashes, value, b->n * BUCKET_HASH);
}

bool bucket_add(struct bucket *b, const unsigned char hash[BUCKET_HASH])
{
	size_t i = place_of(b->hashes, b->n, hash);

	if (i < b->n && memcmp(hash_at(b, i), hash, BUCKET_HASH) == 0)
		return false;
	make_room(b, b->n + 1);
	memmove(hash_at(b, i + 1), hash_at(b, i), (b->n - i) * BUCKET_HASH);
	memcpy(hash_at(b, i), hash, BUCKET_HASH);
	b->n++;
	return true;
}

bool bucket_remove(struct bucket *b, const unsigned char hash[BUCKET_HASH])
{
	size_t i = place_of(b->hashes, b->n, hash);

	if (i == b->n || memcmp(hash_at(b, i), hash, BUCKET_HASH) != 0)
		return false;
	b->n--;
	memmove(hash_at(b, i), hash_at(b, i + 1), (b->n - i) * BUCKET_HASH);
	return true;
}

void bucket_append(struct bucket *b, const unsigned char hash[BUCKET_HASH])
{
	make_room(b, b->n + 1);
	memcpy(hash_at(b, b->n++), hash, BUCKET_HASH);
}

static int compare_hashes(const void *x, const void *y)
{
	return memcmp(x, y, BUCKET_HASH);
}

void bucket_sort(struct bucket *b)
{
	size_t i, n = 0;

	if (b->n != 0)
		qsort(b->hashes, b->n, BUCKET_HASH, compare_hashes);
	for (i = 0; i < b->n; i++)
		if (n == 0 || memcmp(hash_at(b, n - 1), hash_at(b, i), BUCKET_HASH) != 0)
			memmove(hash_at(b, n++), hash_at(b, i), BUCKET_HASH);
	b->n = n;
}

void bucket_digest(const unsigned char *value, size_t size, unsigned char out[BUCKET_DIGEST])
{
	BUG_ON(EVP_Digest(size != 0 ? (const void *)value : "", size, out, NULL, EVP_sha256(),
		NULL) != 1);
}

void buckets_digest(const unsigned char digests[BUCKETS][BUCKET_DIGEST],
	char out[REPLICA_DIGEST_TEXT])
{
	unsigned char digest[BUCKET_DIGEST];

	bucket_digest(digests[0], (size_t)BUCKETS * BUCKET_DIGEST, digest);
	replica_digest_text(digest, out);
}
