/* test_buckets.c - libhub/org/buckets: the hash against HMAC of another hand, sets, digests. */
#include "libhub/org/buckets.h"

#include <string.h>

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "unit.h"

static const unsigned char key[BUCKET_KEY] = "0123456789abcdef0123456789abcdef";

static void by_openssl(const char *text, unsigned char out[BUCKET_HASH])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n;

	ck_assert_ptr_nonnull(HMAC(EVP_sha256(), key, sizeof(key), (const unsigned char *)text,
		strlen(text), digest, &n));
	ck_assert_uint_eq(n, 32);
	memcpy(out, digest, BUCKET_HASH);
}

START_TEST(hashes_are_hmac)
{
	static const char *const texts[] = {
		"", "ann@fabrikam.example", "a@b",
		"one-that-is-longer-than-a-block-of-sha-256-is-long-and-then-some@fabrikam.example",
	};
	struct bucket_hasher *h = bucket_hasher_new(key);
	unsigned char got[BUCKET_HASH], wanted[BUCKET_HASH];
	size_t i, k;

	/* twice: one hash leaves nothing behind for the next */
	for (k = 0; k < 2; k++)
		for (i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
			bucket_hash(h, texts[i], strlen(texts[i]), got);
			by_openssl(texts[i], wanted);
			ck_assert_mem_eq(got, wanted, BUCKET_HASH);
		}
	bucket_hash_address(h, "Ann@FABRIKAM.example", got);
	by_openssl("ann@fabrikam.example", wanted);
	ck_assert_mem_eq(got, wanted, BUCKET_HASH);
	bucket_hasher_free(&h);
	ck_assert_ptr_null(h);
	bucket_hasher_free(&h);
}
END_TEST

START_TEST(names)
{
	static const struct {
		const char *name;
		int number;
	} rows[] = {
		{ "000", 0 }, { "0a7", 0x0a7 }, { "fff", 4095 }, { "cn=fff,cn=recipients", 4095 },
		{ "cn=010", 16 }, { "", -1 }, { "00", -1 }, { "0000", -1 }, { "FFF", -1 },
		{ "cn=0a7,cn=push", -1 }, { "0g0", -1 }, { "cn=", -1 }, { "cn=recipients", -1 },
		{ "cn=0a7,cn=x,cn=recipients", -1 },
	};
	unsigned char hash[BUCKET_HASH] = { 0x0a, 0x7f };
	char name[BUCKET_NAME];
	unsigned int i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ck_assert_msg(bucket_of_name(rows[i].name) == rows[i].number, "%s", rows[i].name);
	for (i = 0; i < BUCKETS; i++) {
		bucket_name(i, name);
		ck_assert_int_eq(bucket_of_name(name), (int)i);
	}
	ck_assert_uint_eq(bucket_number(hash), 0x0a7);
}
END_TEST

static void make_hash(unsigned int n, unsigned char out[BUCKET_HASH])
{
	/* all of bucket 0, in no order */
	memset(out, 0, BUCKET_HASH);
	out[4] = (unsigned char)(n * 37);
	out[5] = (unsigned char)n;
}

START_TEST(sets)
{
	enum { N = 300 };
	struct bucket b = { .n = 0 };
	unsigned char hash[BUCKET_HASH];
	unsigned int i;

	for (i = 0; i < N; i++) {
		make_hash(i, hash);
		ck_assert(!bucket_has(b.hashes, b.n * BUCKET_HASH, hash));
		ck_assert(bucket_add(&b, hash));
		ck_assert(!bucket_add(&b, hash));
		ck_assert(bucket_has(b.hashes, b.n * BUCKET_HASH, hash));
		ck_assert(bucket_is_valid(0, b.hashes, b.n * BUCKET_HASH));
		if (i == 255)
			break;
	}
	ck_assert_uint_eq(b.n, 256);
	for (i = 0; i < 256; i += 2) {
		make_hash(i, hash);
		ck_assert(bucket_remove(&b, hash));
		ck_assert(!bucket_remove(&b, hash));
		ck_assert(!bucket_has(b.hashes, b.n * BUCKET_HASH, hash));
	}
	ck_assert(bucket_is_valid(0, b.hashes, b.n * BUCKET_HASH));
	ck_assert_uint_eq(b.n, 128);
	bucket_deinit(&b);
	ck_assert(!bucket_remove(&b, hash));
	ck_assert(bucket_is_valid(0, b.hashes, 0));
}
END_TEST

START_TEST(appended_and_sorted_is_added_one_by_one)
{
	struct bucket one = { .n = 0 }, all = { .n = 0 };
	unsigned char hash[BUCKET_HASH];
	unsigned int i;

	for (i = 0; i < 500; i++) {
		make_hash(i % 200, hash);
		bucket_append(&all, hash);
		bucket_add(&one, hash);
	}
	bucket_sort(&all);
	ck_assert_uint_eq(all.n, 200);
	ck_assert_uint_eq(one.n, 200);
	ck_assert_mem_eq(one.hashes, all.hashes, 200 * BUCKET_HASH);
	bucket_set(&one, all.hashes, 3 * BUCKET_HASH);
	ck_assert_uint_eq(one.n, 3);
	bucket_set(&one, all.hashes, all.n * BUCKET_HASH);
	ck_assert_mem_eq(one.hashes, all.hashes, 200 * BUCKET_HASH);
	bucket_deinit(&one);
	bucket_deinit(&all);
	bucket_sort(&all);
}
END_TEST

START_TEST(what_is_no_value)
{
	unsigned char v[3 * BUCKET_HASH] = { 0 };

	v[BUCKET_HASH + 15] = 1;
	v[2 * BUCKET_HASH + 15] = 2;
	ck_assert(bucket_is_valid(0, v, sizeof(v)));
	ck_assert(!bucket_is_valid(1, v, sizeof(v)));
	ck_assert(!bucket_is_valid(0, v, sizeof(v) - 1));
	v[2 * BUCKET_HASH + 15] = 1;
	ck_assert(!bucket_is_valid(0, v, sizeof(v)));
	v[2 * BUCKET_HASH + 15] = 0;
	ck_assert(!bucket_is_valid(0, v, sizeof(v)));
	v[2 * BUCKET_HASH] = 1;
	ck_assert(!bucket_is_valid(0, v, sizeof(v)));
}
END_TEST

START_TEST(digest_of_all)
{
	static unsigned char digests[BUCKETS][BUCKET_DIGEST];
	char empty[REPLICA_DIGEST_TEXT], other[REPLICA_DIGEST_TEXT];
	unsigned char hash[BUCKET_HASH] = { 0 };
	unsigned int i;

	for (i = 0; i < BUCKETS; i++)
		bucket_digest(NULL, 0, digests[i]);
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])digests, empty);
	/* 4096 x the SHA-256 of nothing: computed with python's hashlib */
	ck_assert_str_eq(empty,
		"f5034e4f69a7ccf4733cb59dd015bc0706cfecac7195be643399136f3d44c5e5");
	bucket_digest(hash, sizeof(hash), digests[7]);
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])digests, other);
	ck_assert_str_ne(empty, other);
	bucket_digest(NULL, 0, digests[7]);
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])digests, other);
	ck_assert_str_eq(empty, other);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("buckets");

	tcase_add_test(t, hashes_are_hmac);
	tcase_add_test(t, names);
	tcase_add_test(t, sets);
	tcase_add_test(t, appended_and_sorted_is_added_one_by_one);
	tcase_add_test(t, what_is_no_value);
	tcase_add_test(t, digest_of_all);
	return unit_run("buckets", &t, 1);
}
