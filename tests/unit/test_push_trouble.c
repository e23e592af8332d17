/* test_push_trouble.c - pushers when what stands on the edge was edited there, when a push is cut
 * off, refused or fenced.
 */
#include "push_kit.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "edgesyncd/pusher_priv.h"
#include "libhub/org/buckets.h"
#include "org_text.h"
#include "unit.h"

static char bucket_dn[100];

static void on_bucket(LDAP *ld, LDAPMessage *m, void *ctx)
{
	char *dn;

	(void)ctx;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY) {
		dn = ldap_get_dn(ld, m);
		snprintf(bucket_dn, sizeof(bucket_dn), "%s", dn);
		ldap_memfree(dn);
	} else {
		kit.done = true;
	}
}

static void find(const char *filter, directory_message_cb *cb)
{
	const struct directory_query q = { .base = B, .scope = LDAP_SCOPE_SUBTREE,
		.filter = filter };
	struct err e;

	kit.done = false;
	ck_assert_int_ge(directory_search(kit.connection, &q, cb, NULL, &e), 0);
}

static void find_buckets(directory_message_cb *cb)
{
	find("(hubBucketHash=*)", cb);
}

static bool is_repaired(void *ctx)
{
	return kit_in_step(ctx) && kit.status.side[PUSH_CONFIGURATION].repaired == 1 &&
		kit.status.side[PUSH_RECIPIENTS].repaired == 1;
}

START_TEST(test_edited_there)
{
	kit_put_people(200);
	kit_begin();
	ck_assert_int_eq(slapd_modify(&kit.slapd,
		"dn: cn=Out,cn=Connectors," B "\nchangetype: modify\nreplace: hubPort\n"
		"hubPort: 26\n\n"
		"dn: cn=Hub1,cn=Servers," B "\nchangetype: delete\n\n"
		"dn: cn=Mine,cn=Accepted Domains," B "\nchangetype: add\n"
		"objectClass: hubAcceptedDomain\ncn: Mine\nhubDomain: mine.example\n\n"
		"dn: cn=zzz,cn=Recipients," B "\nchangetype: add\n"
		"objectClass: hubRecipientBucket\ncn: zzz\n\n"), 0);
	kit_compare(true, NULL);
	ck_assert_uint_eq(kit.differences, 4);
	ck_assert_ptr_nonnull(strstr(kit.listed,
		"configuration different cn=Out,cn=Connectors," B));
	ck_assert_ptr_nonnull(strstr(kit.listed, "configuration missing cn=Hub1,cn=Servers," B));
	ck_assert_ptr_nonnull(strstr(kit.listed,
		"configuration surplus cn=Mine,cn=Accepted Domains," B));
	ck_assert_ptr_nonnull(strstr(kit.listed, "recipients surplus cn=zzz,cn=Recipients," B));
	kit_await_in_step();
	ck_assert_uint_eq(kit.status.side[PUSH_CONFIGURATION].repaired, 3);
	kit_expect_same(NULL, false);
}
END_TEST

static bool is_repaired_again(void *ctx)
{
	(void)kit_in_step(NULL);
	return kit.status.side[PUSH_RECIPIENTS].repaired > *(const uint64_t *)ctx;
}

/* Nobody asks for it, and nothing shows it: the next comparison of itself finds it. */
START_TEST(test_compared_by_itself)
{
	static const struct push_settings settings = { .recipient_delay_ms = 20,
		.comparison_interval_s = 1 };
	char change[200];
	uint64_t repaired;

	pushers_set_settings(kit.pushers, &settings);
	kit_put_people(20);
	kit_begin();
	ck_assert_int_eq(slapd_modify(&kit.slapd,
		"dn: cn=Hub1,cn=Servers," B "\nchangetype: delete\n\n"), 0);
	find_buckets(on_bucket);
	kit_await_flag(&kit.done);
	snprintf(change, sizeof(change), "dn: %s\nchangetype: delete\n\n", bucket_dn);
	ck_assert_int_eq(slapd_modify(&kit.slapd, change), 0);
	AWAIT(kit.loop, is_repaired, NULL, PATIENCE_MS);
	kit_expect_same("user1@a.example", true);
	/* and so does the one after it */
	repaired = kit.status.side[PUSH_RECIPIENTS].repaired;
	ck_assert_int_eq(slapd_modify(&kit.slapd, change), 0);
	AWAIT(kit.loop, is_repaired_again, &repaired, PATIENCE_MS);
}
END_TEST

/* An attribute with options is another one: that of the organization stays, and it goes. */
START_TEST(test_options_there)
{
	kit_begin();
	ck_assert_int_eq(slapd_modify(&kit.slapd,
		"dn: " B "\nchangetype: modify\nadd: hubPostmaster;lang-en\n"
		"hubPostmaster;lang-en: a@b.example\n-\nadd: hubEpoch;lang-en\n"
		"hubEpoch;lang-en: local\n\n"
		"dn: cn=Hub1,cn=Servers," B "\nchangetype: modify\nadd: hubRole;lang-en\n"
		"hubRole;lang-en: Edge\n\n"), 0);
	kit_compare(true, NULL);
	ck_assert_uint_eq(kit.differences, 2);
	kit_start(true, false);
	ck_assert_str_eq(kit.error, "");
	kit_expect_same(NULL, false);
	/* it is there, or this would fail */
	ck_assert_int_eq(slapd_modify(&kit.slapd, "dn: " B "\nchangetype: modify\n"
		"delete: hubEpoch;lang-en\n\n"), 0);
	ck_assert_int_ne(slapd_modify(&kit.slapd, "dn: " B "\nchangetype: modify\n"
		"delete: hubPostmaster;lang-en\n\n"), 0);
}
END_TEST

/* A bucket that somebody wrote, or deleted, is noticed when it is edited: all are compared then. */
START_TEST(test_bucket_edited)
{
	static const char *const changes[] = {
		"changetype: modify\ndelete: hubBucketHash\n\n", "changetype: delete\n\n",
	};
	char text[200];

	kit_put_person(1, "one@a.example", false);
	kit_begin();
	find_buckets(on_bucket);
	kit_await_flag(&kit.done);
	snprintf(text, sizeof(text), "dn: %s\n%s", bucket_dn, changes[_i]);
	ck_assert_int_eq(slapd_modify(&kit.slapd, text), 0);
	/* the other may be in any bucket: that of the first is concerned since he goes */
	kit_drop_person(1);
	kit_put_person(2, "two@a.example", false);
	kit_await_in_step();
	kit_expect_same("two@a.example", true);
	kit_expect_same("one@a.example", false);
}
END_TEST

static bool bucket_there(void *ctx)
{
	(void)ctx;
	if (!kit.done)
		return false;
	if (bucket_dn[0] != '\0')
		return true;
	find_buckets(on_bucket);
	return false;
}

static bool key_there(void *ctx)
{
	(void)ctx;
	if (!kit.done)
		return false;
	if (bucket_dn[0] != '\0')
		return true;
	find("(hubHashKey=*)", on_bucket);
	return false;
}

/* A first push that is cut off goes on where it was. */
START_TEST(test_cut_off)
{
	const struct push_side *side = &kit.status.side[PUSH_RECIPIENTS];

	kit_put_people(20000);
	kit_set_organization(kit_organization);
	kit_attach();
	bucket_dn[0] = '\0';
	kit.done = true;
	AWAIT(kit.loop, bucket_there, NULL, PATIENCE_MS);
	ck_assert(!kit_in_step(NULL));
	kit_attach_again();
	kit_await_in_step();
	ck_assert_uint_eq(side->total.deleted, 0);
	ck_assert_uint_lt(side->total.added, 20000);
	kit_expect_same("user17@a.example", true);
	/* somebody deletes the key: all has to be written anew, and is no loss */
	ck_assert_int_eq(slapd_modify(&kit.slapd, "dn: cn=Recipients,cn=Push," B "\n"
		"changetype: modify\ndelete: hubHashKey\n\n"), 0);
	kit_attach_again();
	/* and again when that is cut off, though most hashes are of the former key then */
	bucket_dn[0] = '\0';
	kit.done = true;
	AWAIT(kit.loop, key_there, NULL, PATIENCE_MS);
	ck_assert(!kit_in_step(NULL));
	kit_attach_again();
	kit_await_in_step();
	ck_assert_ptr_null(side->held);
	kit_expect_same("user17@a.example", true);
}
END_TEST

static void on_first_bucket(LDAP *ld, LDAPMessage *m, void *ctx)
{
	char first[sizeof(bucket_dn)];

	memcpy(first, bucket_dn, sizeof(first));
	on_bucket(ld, m, ctx);
	if (first[0] != '\0' && strcmp(first, bucket_dn) < 0)
		memcpy(bucket_dn, first, sizeof(first));
}

/*
 * The first bucket cannot be read, for it is a referral: what becomes of the writes under way then
 * is not known, nor what stands there.
 */
START_TEST(test_read_failed)
{
	enum push_type type = PUSH_RECIPIENTS;
	char text[400], address[40];
	unsigned int i;

	kit_put_people(200);
	kit_begin();
	bucket_dn[0] = '\0';
	find_buckets(on_first_bucket);
	kit_await_flag(&kit.done);
	snprintf(text, sizeof(text), "dn: %s\nchangetype: delete\n\ndn: %s\nchangetype: add\n"
		"objectClass: referral\nobjectClass: extensibleObject\ncn: %.3s\n"
		"ref: ldap://127.0.0.1:1/o=y\n\n", bucket_dn, bucket_dn, bucket_dn + 3);
	ck_assert_int_eq(slapd_modify(&kit.slapd, text), 0);
	for (i = 1; i <= 200; i++)
		kit_drop_person(i);
	kit_put_people(200);
	for (i = 1000; i < 4000; i++) {
		snprintf(address, sizeof(address), "user%u@a.example", i);
		kit_put_person(i, address, false);
	}
	AWAIT(kit.loop, kit_has_error, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(kit.status.side[type].error, "(10)"));
	ck_assert_str_eq(kit.status.side[type].here, "");
	ck_assert(!kit.status.side[type].in_step);
}
END_TEST

/* In the place of Hub1. */
static const char other_hub[] =
	"dn: cn=Hub1" SERVERS "\nobjectClass: hubServer\ncn: Hub1\nhubRole: Hub\n"
	"hubEnabled: FALSE\n\n"
	"dn: cn=Hub2" SERVERS "\nobjectClass: hubServer\ncn: Hub2\nhubRole: Hub\n"
	"hubServerSite: cn=London,cn=Sites," T "\n\n";

/* What is refused is named and tried again; until it succeeds there is no marker. */
START_TEST(test_refused)
{
	enum push_type type = PUSH_CONFIGURATION;
	char before[REPLICA_DIGEST_TEXT];

	kit_begin();
	snprintf(before, sizeof(before), "%s", kit.status.side[type].edge);
	ck_assert_int_eq(slapd_modify(&kit.slapd, "dn: cn=R,cn=Hub1,cn=Servers," B "\n"
		"changetype: add\nobjectClass: hubReceiveConnector\ncn: R\n\n"), 0);
	kit_set_organization("dn: cn=A,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\n"
		"cn: A\nhubDomain: a.example\n\n");
	kit_set_organization(other_hub);
	AWAIT(kit.loop, kit_has_error, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(kit.status.side[type].error, "cn=Hub1,cn=Servers," B));
	ck_assert_ptr_nonnull(strstr(kit.status.side[type].error, "(66)"));
	ck_assert_str_eq(kit.status.side[type].edge, before);
	ck_assert(!kit.status.side[type].in_step);
	ck_assert_int_eq(slapd_modify(&kit.slapd, "dn: cn=R,cn=Hub1,cn=Servers," B "\n"
		"changetype: delete\n\n"), 0);
	kit_await_in_step();
	ck_assert_ptr_null(kit.status.side[type].error);
	ck_assert_uint_ge(kit.status.side[type].failures, 1);
}
END_TEST

#define RECEIVER "dn: cn=R,cn=Hub1,cn=Servers," B "\nchangetype: "

/* Each pause is twice the former, up to a minute, and there is none after a success. */
START_TEST(test_back_off)
{
	const struct push_half *h = &kit.pusher->halves[PUSH_CONFIGURATION];
	enum push_type type = PUSH_CONFIGURATION;
	unsigned int expected_ms;

	kit_begin();
	ck_assert_int_eq(slapd_modify(&kit.slapd, RECEIVER "add\n"
		"objectClass: hubReceiveConnector\ncn: R\n\n"), 0);
	kit_set_organization(other_hub);
	AWAIT(kit.loop, kit_has_error, &type, PATIENCE_MS);
	ck_assert_uint_ge(h->failures, 1);
	while (h->failures < 9) {
		expected_ms = h->failures < 7 ? 1000u << (h->failures - 1) : 60000;
		ck_assert_uint_eq(h->back_off_ms, expected_ms);
		/* who asks does not wait for it */
		kit_start(true, false);
		ck_assert_str_ne(kit.error, "");
	}
	ck_assert_int_eq(slapd_modify(&kit.slapd, RECEIVER "delete\n\n"), 0);
	kit_start(true, false);
	ck_assert_str_eq(kit.error, "");
	ck_assert_uint_eq(h->back_off_ms, 0);
}
END_TEST

static void put_domain(const char *cn, const char *domain)
{
	char text[200];

	snprintf(text, sizeof(text), "dn: cn=%s,cn=Accepted Domains," T "\n"
		"objectClass: hubAcceptedDomain\ncn: %s\nhubDomain: %s\n\n", cn, cn, domain);
	org_text_put(kit.builder, text);
}

/* After some refused writes no more are sent than are under way. */
START_TEST(test_gives_up)
{
	const struct push_side *side = &kit.status.side[PUSH_CONFIGURATION];
	char cn[20], domain[40];
	unsigned int i;

	kit_begin();
	ck_assert_int_eq(slapd_modify(&kit.slapd, "dn: cn=Accepted Domains," B "\n"
		"changetype: delete\n\n"), 0);
	for (i = 0; i < 150; i++) {
		snprintf(cn, sizeof(cn), "d%u", i);
		snprintf(domain, sizeof(domain), "d%u.example", i);
		put_domain(cn, domain);
	}
	kit_set_organization("");
	kit_await_in_step();
	ck_assert_uint_eq(side->failures, 1);
	ck_assert_uint_ge(side->total.failed, 16);
	ck_assert_uint_lt(side->total.failed, 64 + 16);
	kit_expect_same(NULL, false);
}
END_TEST

/* Neither can be modified first: both are made anew, but later modifications are such again. */
START_TEST(test_exchanged)
{
	const struct push_side *side = &kit.status.side[PUSH_CONFIGURATION];
	uint64_t added, changed;

	slapd_stop(&kit.slapd, SIGTERM);
	slapd_configure(&kit.slapd, "moduleload unique\noverlay unique\n"
		"unique_uri ldap:///" B "?hubDomain?sub\n");
	slapd_start(&kit.slapd);
	put_domain("A", "a.example");
	put_domain("B", "b.example");
	kit_begin();
	added = side->total.added;
	put_domain("A", "b.example");
	put_domain("B", "a.example");
	kit_set_organization("");
	kit_await_in_step();
	ck_assert_uint_eq(side->failures, 1);
	ck_assert_uint_eq(side->total.added, added + 2);
	kit_expect_same(NULL, false);
	changed = side->total.changed;
	put_domain("A", "c.example");
	kit_set_organization("");
	kit_await_in_step();
	ck_assert_uint_eq(side->total.added, added + 2);
	ck_assert_uint_gt(side->total.changed, changed);
	kit_expect_same(NULL, false);
}
END_TEST

START_TEST(test_fenced)
{
	kit_put_people(20);
	kit_set_organization(kit_organization);
	kit_connect_as(HALF);
	pusher_attach(kit.pusher, kit.connection, B, "hub1");
	kit_await_flag(&kit.fenced);
	ck_assert(pusher_idle(kit.pusher));
	/* the other half was ended, and hears nothing any more: this comes after its answers */
	bucket_dn[0] = '\0';
	find_buckets(on_bucket);
	kit_await_flag(&kit.done);
	pusher_status(kit.pusher, &kit.status);
	/* the recipients' half may have failed before, for it sees no cn=Recipients */
	ck_assert_ptr_nonnull(kit.status.side[PUSH_CONFIGURATION].error);
	ck_assert_ptr_nonnull(strstr(kit.status.side[PUSH_CONFIGURATION].error, "(50)"));
	ck_assert_str_eq(bucket_dn, "");
	pusher_detach(kit.pusher);
	directory_close(&kit.connection);
	kit_connect_as(SLAPD_ADMIN);
	pusher_attach(kit.pusher, kit.connection, B, "hub1");
	kit_await_in_step();
}
END_TEST

/* What the edge says at the fence is told, not what went wrong before. */
START_TEST(test_fence_after_error)
{
	enum push_type type = PUSH_CONFIGURATION;

	kit_put_people(20);
	kit_begin();
	ck_assert_int_eq(slapd_modify(&kit.slapd, "dn: cn=R,cn=Hub1,cn=Servers," B "\n"
		"changetype: add\nobjectClass: hubReceiveConnector\ncn: R\n\n"), 0);
	kit_set_organization(other_hub);
	AWAIT(kit.loop, kit_has_error, &type, PATIENCE_MS);
	pusher_detach(kit.pusher);
	directory_close(&kit.connection);
	pushers_set_organization(kit.pushers, kit.snapshot, kit.recipients, 0, UINT64_MAX);
	kit_drop_person(1);
	kit_connect_as(HALF);
	pusher_attach(kit.pusher, kit.connection, B, "hub1");
	kit_await_flag(&kit.fenced);
	ck_assert(pusher_idle(kit.pusher));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("push_trouble");

	if (!slapd_available())
		return 77;
	tcase_set_timeout(c, 400);
	tcase_add_checked_fixture(c, kit_setup, kit_teardown);
	tcase_add_test(c, test_edited_there);
	tcase_add_test(c, test_compared_by_itself);
	tcase_add_test(c, test_options_there);
	tcase_add_loop_test(c, test_bucket_edited, 0, 2);
	tcase_add_test(c, test_cut_off);
	tcase_add_test(c, test_read_failed);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_back_off);
	tcase_add_test(c, test_gives_up);
	tcase_add_test(c, test_exchanged);
	tcase_add_test(c, test_fenced);
	tcase_add_test(c, test_fence_after_error);
	return unit_run("push_trouble", &c, 1);
}
