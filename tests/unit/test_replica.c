/* What of an edge's own directory counts: whole pushes, and nothing of half ones. */
#include "unit.h"

#include <stdio.h>

#include "libhub/base/clock.h"
#include "libhub/directory/draft.h"
#include "libhub/org/builder_impl.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/replica.h"
#include "libhub/org/replica_marker.h"
#include "org_text.h"

#define BASE "cn=Transport,o=edge"
#define CONTAINER(n) "dn: cn=" n "," BASE "\nobjectClass: hubContainer\ncn: " n "\n\n"
#define STATE(v) "dn: cn=Edge State," BASE "\nobjectClass: hubEdgeState\n" \
	"entryUUID: 000000000000000000000000000000aa\ncn: Edge State\nhubSubscribed: " v "\n\n"
#define DOMAIN(n) "dn: cn=" n ",cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\n" \
	"cn: " n "\nhubDomain: " n "\n\n"
#define OWN "dn: cn=edge1,cn=Servers," BASE "\nobjectClass: hubServer\ncn: edge1\n" \
	"hubRole: Edge\n"
#define HUB "dn: cn=hub1,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n\n"

enum { CONFIGURATION_UUID = 0xc0, RECIPIENTS_UUID = 0xc1 };

static const unsigned char key[BUCKET_KEY] = "a key of no more than 31 bytes";
static struct replica *r;
static struct recipients *people;
static const struct snapshot *now;

static void put_one(const struct entry *e, void *ctx)
{
	replica_put(ctx, e);
}

static void put(const char *text)
{
	org_text_each(text, put_one, r);
}

static void settle(void)
{
	const struct snapshot *s = builder_build(replica_settle(r, now), now);

	snapshot_unref(&now);
	now = s;
	(void)replica_settle_recipients(r, people);
}

static bool has_domain(const char *name)
{
	return snapshot_find(now, OBJ_ACCEPTED_DOMAIN, name) != NULL;
}

static const struct replica_status *status(void)
{
	static struct replica_status s;

	replica_status(r, &s);
	return &s;
}

/* The digest of what is shown, as who pushes would have it. */
static void digest_of_all(const struct builder *b, char out[REPLICA_DIGEST_TEXT])
{
	struct replica_digest *d = replica_digest_new();
	unsigned char one[REPLICA_DIGEST_SIZE];
	const struct slot *slot;

	for (slot = b->by_dn; slot != NULL; slot = slot->by_dn.next) {
		const struct record *record = slot->record;

		if (edge_layout_part(record->rdn, &record->raw) != EDGE_PART_CONFIGURATION)
			continue;
		replica_digest_entry(record->rdn, &record->raw, one);
		replica_digest_add(d, one);
	}
	replica_digest_finish(&d, out);
}

static void put_marker(enum replica_data which, struct replica_marker m)
{
	struct arena *a = arena_new();
	struct entry e = *replica_marker_entry(a, which, BASE, &m);

	e.has_uuid = true;
	e.uuid[15] = which == REPLICA_CONFIGURATION ? CONFIGURATION_UUID : RECIPIENTS_UUID;
	replica_put(r, &e);
	arena_free(&a);
}

static struct replica_marker marker_for(const char *text)
{
	struct replica_marker m = { .fingerprint = "of the source", .holder = "hub1" };
	struct builder *b = builder_new(BASE);

	org_text_put(b, text);
	digest_of_all(b, m.digest);
	builder_free(&b);
	return m;
}

#define LOCAL "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	CONTAINER("Accepted Domains") CONTAINER("Servers") CONTAINER("Recipients") \
	CONTAINER("Push") OWN "\n"
#define FIRST LOCAL DOMAIN("one.example") HUB

static void push_first(void)
{
	put(FIRST STATE("TRUE"));
	put_marker(REPLICA_CONFIGURATION, marker_for(FIRST));
	settle();
}

static void set_up(void)
{
	r = replica_new(BASE);
	people = recipients_new();
}

static void tear_down(void)
{
	snapshot_unref(&now);
	replica_free(&r);
	recipients_free(&people);
}

START_TEST(not_subscribed)
{
	put(FIRST);
	settle();
	ck_assert(has_domain("one.example"));
	ck_assert(!now->unpushed);
	put(STATE("FALSE") DOMAIN("two.example"));
	settle();
	ck_assert(has_domain("two.example"));
	ck_assert(!status()->subscribed);
}
END_TEST

START_TEST(whole_push)
{
	push_first();
	ck_assert(has_domain("one.example"));
	ck_assert(snapshot_find(now, OBJ_SERVER, "hub1") != NULL);
	ck_assert(status()->subscribed && status()->configuration.in_step);
	ck_assert_str_eq(status()->configuration.fingerprint, "of the source");
	ck_assert_str_eq(status()->configuration.holder, "hub1");
	ck_assert_int_ne(status()->configuration.in_force_since_ms, 0);
	ck_assert(!now->unpushed);
}
END_TEST

START_TEST(half_push)
{
	struct replica_marker m = marker_for(FIRST DOMAIN("two.example") DOMAIN("three.example"));

	push_first();
	put(DOMAIN("two.example"));
	settle();
	ck_assert(!has_domain("two.example") && has_domain("one.example"));
	ck_assert(!status()->configuration.in_step);
	ck_assert_int_ne(status()->configuration.incomplete_since_ms, 0);
	put_marker(REPLICA_CONFIGURATION, m);
	settle();
	ck_assert(!has_domain("two.example"));
	put(DOMAIN("three.example"));
	settle();
	ck_assert(has_domain("two.example") && has_domain("three.example"));
	ck_assert(status()->configuration.in_step);
	ck_assert_int_eq(status()->configuration.incomplete_since_ms, 0);
}
END_TEST

START_TEST(what_was_taken_away)
{
	put(DOMAIN("two.example"));
	push_first();
	ck_assert(!has_domain("one.example"));
	put_marker(REPLICA_CONFIGURATION, marker_for(FIRST DOMAIN("two.example")));
	settle();
	ck_assert(has_domain("two.example"));
	replica_refresh_begin(r);
	put(FIRST STATE("TRUE"));
	put_marker(REPLICA_CONFIGURATION, marker_for(FIRST DOMAIN("two.example")));
	replica_refresh_end(r);
	settle();
	ck_assert(has_domain("two.example"));
	put_marker(REPLICA_CONFIGURATION, marker_for(FIRST));
	settle();
	ck_assert(!has_domain("two.example") && has_domain("one.example"));
}
END_TEST

START_TEST(own_entries_at_once)
{
	const struct server *own;

	push_first();
	put(DOMAIN("two.example") OWN "hubFQDN: edge1.example\n\n");
	settle();
	own = (const void *)snapshot_find(now, OBJ_SERVER, "edge1");
	ck_assert_str_eq(own->fqdn, "edge1.example");
	ck_assert(!has_domain("two.example"));
}
END_TEST

static enum server_role role_of_hub1(void)
{
	return ((const struct server *)(const void *)snapshot_find(now, OBJ_SERVER, "hub1"))->role;
}

/* Whoever may write there makes nothing count by calling it the edge's own. */
START_TEST(a_hub_that_becomes_an_edge)
{
	push_first();
	put("dn: cn=hub1,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub1\nhubRole: Edge\n\n");
	settle();
	ck_assert(!status()->configuration.in_step);
	ck_assert_int_eq(role_of_hub1(), ROLE_HUB);
	put(HUB);
	settle();
	ck_assert(status()->configuration.in_step);
	ck_assert_int_eq(role_of_hub1(), ROLE_HUB);
}
END_TEST

START_TEST(markers_of_nonsense)
{
	static const struct {
		const char *digest, *reason;
	} rows[] = {
		{ "", "no digest" },
		{ "00", "not valid" },
		{ "0000000000000000000000000000000000000000000000000000000000000000",
			"not finished" },
	};
	unsigned char uuid[16] = { 0 };
	size_t i;

	push_first();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct replica_marker m = { .holder = "hub1" };

		snprintf(m.digest, sizeof(m.digest), "%s", rows[i].digest);
		put_marker(REPLICA_CONFIGURATION, m);
		put(DOMAIN("two.example"));
		settle();
		ck_assert(has_domain("one.example") && !has_domain("two.example"));
		ck_assert_ptr_nonnull(strstr(status()->configuration.reason, rows[i].reason));
		ck_assert_str_eq(status()->configuration.fingerprint, "of the source");
	}
	uuid[15] = CONFIGURATION_UUID;
	replica_delete(r, uuid);
	settle();
	ck_assert(has_domain("one.example") && !has_domain("two.example"));
	ck_assert_ptr_nonnull(strstr(status()->configuration.reason, "no marker"));
}
END_TEST

START_TEST(before_the_first_push)
{
	struct replica_marker m = marker_for(LOCAL);

	*m.holder = '\0';
	put(LOCAL STATE("TRUE"));
	settle();
	ck_assert(now->unpushed);
	put_marker(REPLICA_CONFIGURATION, m);
	settle();
	ck_assert(now->unpushed);
	put(DOMAIN("one.example") HUB);
	settle();
	ck_assert(now->unpushed && !has_domain("one.example"));
	put_marker(REPLICA_CONFIGURATION, marker_for(FIRST));
	settle();
	ck_assert(!now->unpushed && has_domain("one.example"));
}
END_TEST

START_TEST(the_end_of_a_subscription)
{
	push_first();
	put(DOMAIN("two.example"));
	settle();
	put(STATE("FALSE"));
	settle();
	ck_assert(has_domain("two.example"));
	ck_assert(!status()->subscribed);
	put(STATE("TRUE"));
	settle();
	ck_assert(has_domain("two.example"));
	ck_assert(!status()->configuration.in_step);
}
END_TEST

#define WORDLESS "dn: cn=Edge State," BASE "\nobjectClass: hubEdgeState\n" \
	"entryUUID: 000000000000000000000000000000ab\ncn: Edge State\n\n"

/* Half a push stands there, and is not to come into force by the lack of a word. */
static void expect_half(void)
{
	settle();
	ck_assert(status()->subscribed && !status()->configuration.in_step);
	ck_assert(has_domain("one.example") && !has_domain("two.example"));
}

START_TEST(a_state_without_a_word)
{
	unsigned char state[16] = { [15] = 0xaa };

	push_first();
	put(DOMAIN("two.example"));
	replica_delete(r, state);
	expect_half();
	put(WORDLESS);
	expect_half();
	replica_refresh_begin(r);
	put(FIRST DOMAIN("two.example"));
	put_marker(REPLICA_CONFIGURATION, marker_for(FIRST));
	replica_refresh_end(r);
	expect_half();
	put(STATE("FALSE"));
	settle();
	ck_assert(!status()->subscribed && has_domain("two.example"));
	put(WORDLESS);
	settle();
	ck_assert(!status()->subscribed);
}
END_TEST

/* --- what the guard gets to see --- */

static size_t lost(void)
{
	struct guard_loss losses[BUILDER_LOSSES];
	size_t i, n = 0;

	replica_losses(r, losses);
	for (i = 0; i < BUILDER_LOSSES; i++)
		n += losses[i].lost;
	return n;
}

START_TEST(losses)
{
	static const struct {
		const char *state;
		size_t lost;
	} rows[] = {
		{ STATE("TRUE"), 0 },
		{ STATE("FALSE"), 0 },
		/* nothing explains it, and the state is gone too */
		{ "", 3 },
		{ "dn: cn=Edge State," BASE "\nobjectClass: hubEdgeState\n"
			"entryUUID: 000000000000000000000000000000aa\ncn: Edge State\n\n", 2 },
	};
	size_t i;

	push_first();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		replica_refresh_begin(r);
		put(LOCAL);
		put(rows[i].state);
		ck_assert_uint_eq(lost(), rows[i].lost);
		put(FIRST STATE("TRUE"));
		put_marker(REPLICA_CONFIGURATION, marker_for(FIRST));
		replica_refresh_end(r);
		settle();
	}
	replica_refresh_begin(r);
	put("dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" STATE("TRUE"));
	ck_assert_uint_eq(lost(), 5);
}
END_TEST

START_TEST(proven_by_the_digest)
{
#define NEXT LOCAL DOMAIN("two.example") HUB
	static const struct {
		const char *own, *pushed;	/* what is shown */
		bool proven;
		int64_t time_s;
	} rows[] = {
		{ LOCAL, DOMAIN("two.example") HUB, true, 1000 },
		/* what was in force once */
		{ LOCAL, DOMAIN("two.example") HUB, false, 900 },
				/* half a push, or another one */
		{ LOCAL, HUB, false, 1000 },
		{ LOCAL, DOMAIN("two.example") DOMAIN("three.example") HUB, false, 1000 },
		/* the edge's own: other, more, less */
		{ LOCAL OWN "hubComment: other\n\n", DOMAIN("two.example") HUB, false, 1000 },
		{ LOCAL CONTAINER("More"), DOMAIN("two.example") HUB, false, 1000 },
		{ "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n"
			CONTAINER("Accepted Domains") CONTAINER("Servers") CONTAINER("Push") OWN
			"\n", DOMAIN("two.example") HUB, false, 1000 },
		{ LOCAL "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n"
			"hubEpoch: other\n\n", DOMAIN("two.example") HUB, false, 1000 },
	};
	struct replica_marker first = marker_for(FIRST), next = marker_for(NEXT);
	size_t i;

	first.time_s = 950;
	push_first();
	put_marker(REPLICA_CONFIGURATION, first);
	settle();
	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		replica_refresh_begin(r);
		put(rows[i].own);
		put(rows[i].pushed);
		put(STATE("TRUE"));
		ck_assert(!replica_is_proven(r));
		next.time_s = rows[i].time_s;
		put_marker(REPLICA_CONFIGURATION, next);
		ck_assert_msg(replica_is_proven(r) == rows[i].proven, "row %zu", i);
		put(STATE("FALSE"));
		ck_assert(!replica_is_proven(r));
		/* all is as it was */
		put(FIRST STATE("TRUE"));
		put_marker(REPLICA_CONFIGURATION, first);
		replica_refresh_end(r);
		replica_refresh_begin(r);
		put(FIRST STATE("TRUE"));
		put_marker(REPLICA_CONFIGURATION, first);
		ck_assert(replica_is_proven(r));
		replica_refresh_end(r);
		settle();
	}
}
END_TEST

/* An entry that gets the marker's name is the marker, and no more what it was; and back. */
START_TEST(renamed)
{
	put("dn: cn=old,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\ncn: old\n"
		"hubDomain: old.example\nentryUUID: 000000000000000000000000000000c0\n\n");
	push_first();
	ck_assert(status()->configuration.in_step);
	put("dn: cn=new,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\ncn: new\n"
		"hubDomain: new.example\nentryUUID: 000000000000000000000000000000c0\n\n");
	settle();
	ck_assert(!status()->configuration.in_step);
	ck_assert_msg(strstr(status()->configuration.reason, "there is no marker") != NULL, "%s",
		status()->configuration.reason);
	ck_assert(!has_domain("new"));
}
END_TEST

/* A marker that a refresh does not show is none; since when is said from the first on. */
START_TEST(marker_that_vanishes)
{
	int64_t since_ms;

	push_first();
	replica_refresh_begin(r);
	put(FIRST STATE("TRUE"));
	replica_refresh_end(r);
	settle();
	ck_assert_msg(strstr(status()->configuration.reason, "there is no marker") != NULL, "%s",
		status()->configuration.reason);
	ck_assert(has_domain("one.example"));
	since_ms = status()->configuration.incomplete_since_ms;
	while (clock_wall_ms() == since_ms)
		;
	put(DOMAIN("two.example"));
	settle();
	ck_assert_int_eq(status()->configuration.incomplete_since_ms, since_ms);
}
END_TEST

/* --- recipients --- */

/* The bucket of an address alone, and the digest of all if it is the only one. */
static unsigned int bucket_with(const char *address, struct bucket *b, char digest[])
{
	static unsigned char digests[BUCKETS][BUCKET_DIGEST];
	struct bucket_hasher *hasher = bucket_hasher_new(key);
	unsigned char hash[BUCKET_HASH];
	unsigned int number;
	size_t i;

	bucket_hash_address(hasher, address, hash);
	bucket_hasher_free(&hasher);
	number = bucket_number(hash);
	ck_assert(bucket_add(b, hash));
	for (i = 0; i < BUCKETS; i++)
		bucket_digest(NULL, 0, digests[i]);
	bucket_digest(b->hashes, b->n * BUCKET_HASH, digests[number]);
	buckets_digest((const unsigned char (*)[BUCKET_DIGEST])digests, digest);
	return number;
}

static void put_bucket(unsigned int number, const void *value, size_t size)
{
	struct blob b = { value, size };
	struct entry_attr attr = { "hubBucketHash", &b, 1 };
	char dn[100];
	struct entry e = { .dn = dn, .has_uuid = true, .attrs = &attr, .n = 1 };

	snprintf(dn, sizeof(dn), "cn=%03x,cn=Recipients," BASE, number);
	e.uuid[14] = (unsigned char)(number >> 8 | 0x80);
	e.uuid[15] = (unsigned char)number;
	replica_put(r, &e);
}

static enum recipient_outcome find(const char *address)
{
	struct recipient_info info;

	recipients_find_plus(people, true, address, &info);
	if (info.outcome == RECIPIENT_MAILBOX && strchr(address, '+') == NULL)
		ck_assert_str_eq(info.mail, address);
	recipient_info_clear(&info);
	return info.outcome;
}

static struct bucket with_anna;
static unsigned int annas;
static struct replica_marker annas_marker;

static void push_anna(void)
{
	memset(&annas_marker, 0, sizeof(annas_marker));
	annas = bucket_with("anna@one.example", &with_anna, annas_marker.digest);
	strcpy(annas_marker.holder, "hub1");
	annas_marker.has_key = true;
	memcpy(annas_marker.key, key, sizeof(key));
	put_bucket(annas, with_anna.hashes, with_anna.n * BUCKET_HASH);
	put_marker(REPLICA_RECIPIENTS, annas_marker);
	settle();
	bucket_deinit(&with_anna);
}

START_TEST(hashed_recipients)
{
	uint64_t round;

	push_first();
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_NOT_LOADED);
	round = replica_recipients_round(r);
	push_anna();
	/* which is to be saved */
	ck_assert_uint_ne(replica_recipients_round(r), round);
	/* that they can be asked for is news only once */
	put_marker(REPLICA_RECIPIENTS, annas_marker);
	ck_assert(!replica_settle_recipients(r, people));
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	ck_assert_int_eq(find("ANNA@One.Example"), RECIPIENT_MAILBOX);
	ck_assert_int_eq(find("anna+lists@one.example"), RECIPIENT_MAILBOX);
	ck_assert_int_eq(find("bruno@one.example"), RECIPIENT_UNKNOWN);
	ck_assert_uint_eq(recipients_known(people), 1);
	put(STATE("FALSE"));
	recipients_set_loaded(people);
	settle();
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_UNKNOWN);
	ck_assert(!recipients_by_hash(people));
}
END_TEST

START_TEST(half_a_push_of_recipients)
{
	unsigned char uuid[16] = { 0 };

	push_first();
	push_anna();
	put_bucket(annas, NULL, 0);
	settle();
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	ck_assert(!status()->recipients.in_step);
	uuid[14] = (unsigned char)(annas >> 8 | 0x80);
	uuid[15] = (unsigned char)annas;
	replica_delete(r, uuid);
	settle();
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	/* another refresh that has it again */
	replica_refresh_begin(r);
	push_first();
	push_anna();
	replica_refresh_end(r);
	settle();
	ck_assert(status()->recipients.in_step);
}
END_TEST

START_TEST(buckets_of_nonsense)
{
	unsigned char value[2 * BUCKET_HASH] = { 0 };
	static const size_t sizes[] = { 1, BUCKET_HASH - 1, 2 * BUCKET_HASH };
	size_t i;

	push_first();
	push_anna();
	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		/* the same hash twice is none, too */
		put_bucket(0, value, sizes[i]);
		settle();
		ck_assert_ptr_nonnull(strstr(status()->recipients.reason, "bucket cn=000"));
		ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	}
	put("dn: cn=xyz,cn=Recipients," BASE "\nobjectClass: hubRecipientBucket\ncn: xyz\n\n");
	put_bucket(0, NULL, 0);
	settle();
	ck_assert(status()->recipients.in_step);
}
END_TEST

START_TEST(recipients_markers_of_nonsense)
{
	push_first();
	push_anna();
	annas_marker.has_key = false;
	put_marker(REPLICA_RECIPIENTS, annas_marker);
	settle();
	ck_assert_ptr_nonnull(strstr(status()->recipients.reason, "hubHashKey"));
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	annas_marker.has_key = true;
	*annas_marker.holder = '\0';
	put_marker(REPLICA_RECIPIENTS, annas_marker);
	settle();
	ck_assert_ptr_nonnull(strstr(status()->recipients.reason, "nothing was pushed"));
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
}
END_TEST

/* --- the cache --- */

struct copies {
	struct arena *arena;
	struct entry *v[100];
	size_t n;
};

static void copy(const struct entry *e, void *ctx)
{
	struct copies *c = ctx;

	ck_assert_uint_lt(c->n, 100);
	c->v[c->n++] = entry_copy(c->arena, e);
}

START_TEST(restart_amid_a_push)
{
	struct copies org = { .arena = arena_new() }, buckets = { .arena = arena_new() };
	size_t i;

	push_first();
	push_anna();
	put(DOMAIN("two.example"));
	put_bucket(annas, NULL, 0);
	put(_i == 0 ? STATE("TRUE") : WORDLESS);
	settle();
	replica_each(r, copy, &org);
	replica_each_recipient(r, copy, &buckets);
	tear_down();
	set_up();
	for (i = 0; i < org.n; i++)
		replica_load(r, org.v[i], false);
	replica_trust(r);
	settle();
	for (i = 0; i < buckets.n; i++)
		replica_put(r, buckets.v[i]);
	settle();
	ck_assert(has_domain("one.example") && !has_domain("two.example"));
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	ck_assert(status()->configuration.in_step && status()->recipients.in_step);
	ck_assert_str_eq(status()->configuration.fingerprint, "of the source");
	replica_refresh_begin(r);
	put(FIRST STATE("TRUE") DOMAIN("two.example"));
	put_marker(REPLICA_CONFIGURATION, marker_for(FIRST));
	put_marker(REPLICA_RECIPIENTS, annas_marker);
	ck_assert_uint_eq(lost(), 0);
	replica_refresh_end(r);
	settle();
	ck_assert(has_domain("one.example") && !has_domain("two.example"));
	ck_assert_int_eq(find("anna@one.example"), RECIPIENT_MAILBOX);
	ck_assert(!status()->configuration.in_step && !status()->recipients.in_step);
	arena_free(&org.arena);
	arena_free(&buckets.arena);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("configuration"), *p = tcase_create("recipients");
	TCase *const cases[] = { c, p };

	tcase_add_checked_fixture(c, set_up, tear_down);
	tcase_add_test(c, not_subscribed);
	tcase_add_test(c, renamed);
	tcase_add_test(c, marker_that_vanishes);
	tcase_add_test(c, whole_push);
	tcase_add_test(c, half_push);
	tcase_add_test(c, what_was_taken_away);
	tcase_add_test(c, own_entries_at_once);
	tcase_add_test(c, a_hub_that_becomes_an_edge);
	tcase_add_test(c, markers_of_nonsense);
	tcase_add_test(c, before_the_first_push);
	tcase_add_test(c, the_end_of_a_subscription);
	tcase_add_test(c, a_state_without_a_word);
	tcase_add_test(c, losses);
	tcase_add_test(c, proven_by_the_digest);
	tcase_add_checked_fixture(p, set_up, tear_down);
	tcase_add_test(p, hashed_recipients);
	tcase_add_test(p, half_a_push_of_recipients);
	tcase_add_test(p, buckets_of_nonsense);
	tcase_add_test(p, recipients_markers_of_nonsense);
	tcase_add_loop_test(p, restart_amid_a_push, 0, 2);
	return unit_run("replica", cases, sizeof(cases) / sizeof(cases[0]));
}
