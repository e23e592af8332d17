/* test_recipient_changes.c - from a change of a recipient to the edits of buckets: which addresses
 * are told of, how they are kept, what becomes of them; and the hashes of everybody.
 */
#include "unit.h"

#include <string.h>

#include "await.h"
#include "edgesyncd/change_log.h"
#include "edgesyncd/recipient_edits.h"
#include "edgesyncd/recipient_scan.h"
#include "libhub/base/mem.h"

static const unsigned char key[BUCKET_KEY] = { 1, 2, 3 };
static struct recipients *r;
static struct change_log *log_;
static struct bucket_hasher *hasher;
static char told[400];

static void on_address(const char *folded, void *ctx)
{
	(void)ctx;
	strcat(strcat(told, told[0] != '\0' ? " " : ""), folded);
	change_log_add(log_, folded);
}

static void setup(void)
{
	r = recipients_new();
	recipients_set_loaded(r);
	log_ = change_log_new();
	hasher = bucket_hasher_new(key);
	recipients_watch_addresses(r, on_address, NULL);
	told[0] = '\0';
}

static void teardown(void)
{
	recipients_free(&r);
	change_log_free(&log_);
	bucket_hasher_free(&hasher);
}

static void uuid_of(unsigned int i, unsigned char uuid[16])
{
	memset(uuid, 0, 16);
	memcpy(uuid, &i, sizeof(i));
}

static void put(unsigned int i, const char *dn, const char *host, bool refuse, const char *first,
	const char *second)
{
	const char *addresses[2] = { first, second };
	struct roster_entry e = {
		.has_uuid = true, .routing = "", .host = host, .expansion = "", .dn = dn,
		.mail = first != NULL ? first : "", .addresses = addresses,
		.address_count = (first != NULL) + (second != NULL),
		.refuse_outside_mail = refuse,
	};

	told[0] = '\0';
	uuid_of(i, e.uuid);
	recipients_put_decoded(r, &e);
}

static void drop(unsigned int i)
{
	unsigned char uuid[16];

	told[0] = '\0';
	uuid_of(i, uuid);
	recipients_delete(r, uuid);
}

START_TEST(test_told)
{
	put(1, "uid=a,o=x", "h1", false, "a@x", "b@x");
	ck_assert_str_eq(told, "a@x b@x");
	/* nothing that an edge would see */
	put(1, "uid=a,o=x", "h2", false, "a@x", "b@x");
	ck_assert_str_eq(told, "");
	put(1, "uid=renamed,o=x", "h2", false, "a@x", "b@x");
	ck_assert_str_eq(told, "");
	put(1, "uid=a,o=x", "h2", false, "a@x", "c@x");
	ck_assert_str_eq(told, "a@x b@x a@x c@x");
	put(1, "uid=a,o=x", "h2", true, "a@x", "c@x");
	ck_assert_str_eq(told, "a@x c@x a@x c@x");
	/* another takes its name */
	put(2, "uid=a,o=x", "h2", false, "d@x", NULL);
	ck_assert_str_eq(told, "a@x c@x d@x");
	put(2, "uid=a,o=x", "h2", false, NULL, NULL);
	ck_assert_str_eq(told, "d@x");
	put(2, "uid=a,o=x", "h2", false, "e@x", NULL);
	drop(2);
	ck_assert_str_eq(told, "e@x");
	drop(2);
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(test_swept)
{
	put(1, "uid=a,o=x", "", false, "a@x", NULL);
	put(2, "uid=b,o=x", "", false, "b@x", NULL);
	recipients_refresh_begin(r, false);
	put(2, "uid=b,o=x", "", false, "b@x", NULL);
	recipients_refresh_end(r);
	while (recipients_sweep(r, 10))
		;
	ck_assert_str_eq(told, "a@x");
}
END_TEST

START_TEST(test_takes_outside_mail)
{
	put(1, "uid=a,o=x", "", true, "a@x", "shared@x");
	put(2, "uid=b,o=x", "", false, "b@x", "shared@x");
	ck_assert(!recipients_takes_outside_mail(r, "a@x"));
	ck_assert(recipients_takes_outside_mail(r, "b@x"));
	ck_assert(recipients_takes_outside_mail(r, "shared@x"));
	ck_assert(!recipients_takes_outside_mail(r, "nobody@x"));
	ck_assert(!recipients_takes_outside_mail(r, "no address"));
	drop(2);
	ck_assert(!recipients_takes_outside_mail(r, "shared@x"));
}
END_TEST

START_TEST(test_log)
{
	uint64_t i;
	char text[20];

	for (i = 0; i < CHANGE_LOG_MAX + 10; i++) {
		snprintf(text, sizeof(text), "%u", (unsigned int)i);
		change_log_add(log_, text);
	}
	ck_assert_uint_eq(change_log_end(log_), CHANGE_LOG_MAX + 10);
	ck_assert(!change_log_reaches(log_, 9));
	ck_assert(change_log_reaches(log_, 10));
	ck_assert_str_eq(change_log_at(log_, 10), "10");
	ck_assert_str_eq(change_log_at(log_, CHANGE_LOG_MAX + 9), text);
	change_log_trim(log_, 20);
	ck_assert(!change_log_reaches(log_, 19));
	ck_assert_str_eq(change_log_at(log_, 20), "20");
	change_log_trim(log_, UINT64_MAX);
	ck_assert(change_log_reaches(log_, change_log_end(log_)));
}
END_TEST

static void expect_bucket(const char *address, bool present)
{
	unsigned char hash[BUCKET_HASH];
	struct recipient_edits edits = { .v = NULL };
	struct bucket b = { .hashes = NULL };
	uint64_t place = 0, added = 0, removed = 0;
	size_t i, end;

	bucket_hash(hasher, address, strlen(address), hash);
	if (!present)
		bucket_add(&b, hash);
	while (!recipient_edits_take(&edits, log_, &place, change_log_end(log_), r, hasher, 0))
		;
	recipient_edits_finish(&edits);
	for (i = 0; i < edits.n; i = end) {
		end = recipient_edits_bucket(&edits, i);
		if (bucket_number(edits.v[i].hash) == bucket_number(hash))
			recipient_edits_apply(&edits, i, end, &b, &added, &removed);
	}
	ck_assert_int_eq(bucket_has(b.hashes, b.n * BUCKET_HASH, hash), present);
	ck_assert_uint_ge(present ? added : removed, 1);
	recipient_edits_clear(&edits);
	bucket_deinit(&b);
}

START_TEST(test_edits)
{
	unsigned int i;

	for (i = 0; i < 100; i++)
		put(1, "uid=a,o=x", "", false, i % 2 == 0 ? "odd@x" : "even@x", NULL);
	expect_bucket("even@x", true);
	expect_bucket("odd@x", false);
}
END_TEST

static bool scanned;

static void on_scanned(void *ctx)
{
	(void)ctx;
	scanned = true;
}

static bool is_scanned(void *ctx)
{
	(void)ctx;
	return scanned;
}

START_TEST(test_scan)
{
	struct loop *loop = loop_new("test");
	struct recipient_scan *s;
	unsigned char hash[BUCKET_HASH];
	const struct bucket *b;

	put(1, "uid=a,o=x", "", true, "a@x", "shared@x");
	put(2, "uid=b,o=x", "", false, "b@x", "shared@x");
	put(3, "uid=c,o=x", "", false, "c@x", "b@x");
	scanned = false;
	s = recipient_scan_start(loop, r, key, on_scanned, NULL);
	ck_assert(!scanned);
	AWAIT(loop, is_scanned, NULL, PATIENCE_MS);
	ck_assert_uint_eq(recipient_scan_count(s), 3);
	bucket_hash(hasher, "shared@x", 8, hash);
	b = recipient_scan_bucket(s, bucket_number(hash));
	ck_assert(bucket_has(b->hashes, b->n * BUCKET_HASH, hash));
	bucket_hash(hasher, "a@x", 3, hash);
	b = recipient_scan_bucket(s, bucket_number(hash));
	ck_assert(!bucket_has(b->hashes, b->n * BUCKET_HASH, hash));
	recipient_scan_free(&s);
	s = recipient_scan_start(loop, r, key, on_scanned, NULL);
	recipient_scan_free(&s);
	loop_free(&loop);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("recipient changes");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, test_told);
	tcase_add_test(c, test_swept);
	tcase_add_test(c, test_takes_outside_mail);
	tcase_add_test(c, test_log);
	tcase_add_test(c, test_edits);
	tcase_add_test(c, test_scan);
	return unit_run("recipient changes", &c, 1);
}
