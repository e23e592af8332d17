/* test_pusher.c - pushers against a slapd that stands for the edge's: first push, live changes,
 * comparison, what is refused, held or fenced.
 *
 * The organization is made by hand, and pushers_set_organization is called as the daemon would.
 */
#include "unit.h"

#include <stdio.h>
#include <string.h>

#include "await.h"
#include "edgesyncd/pusher.h"
#include "libhub/base/mem.h"
#include "libhub/base/resolver.h"
#include "libhub/org/buckets.h"
#include "org_text.h"
#include "slapd.h"

#define T "cn=Transport,dc=org"
#define B "cn=Transport,o=x"
#define SERVERS ",cn=Servers," T

static const char edge_tree[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: cn=half,o=x\nobjectClass: person\ncn: half\nsn: half\nuserPassword: secret\n\n"
	"dn: " B "\nobjectClass: hubOrganization\ncn: Transport\nhubMaxRecipients: 7\n"
	"hubEpoch: local\n\n"
	"dn: cn=Servers," B "\nobjectClass: hubContainer\ncn: Servers\n\n"
	"dn: cn=Connectors," B "\nobjectClass: hubContainer\ncn: Connectors\n\n"
	"dn: cn=Edge1,cn=Servers," B "\nobjectClass: hubServer\ncn: Edge1\nhubRole: Edge\n\n";

static const char organization[] =
	"dn: " T "\nobjectClass: hubOrganization\ncn: Transport\nhubMaxSendSize: 1000\n\n"
	"dn: cn=London,cn=Sites," T "\nobjectClass: hubSite\ncn: London\n\n"
	"dn: cn=Hub1" SERVERS "\nobjectClass: hubServer\ncn: Hub1\nhubRole: Hub\n"
	"hubServerSite: cn=London,cn=Sites," T "\n\n"
	"dn: cn=Edge1" SERVERS "\nobjectClass: hubServer\ncn: Edge1\nhubRole: Edge\n\n"
	"dn: cn=Edge1,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\ncn: Edge1\n"
	"hubServerRef: cn=Edge1" SERVERS "\nhubServerSite: cn=London,cn=Sites," T "\n\n"
	"dn: cn=Out,cn=Connectors," T "\nobjectClass: hubSendConnector\ncn: Out\n"
	"hubAddressSpace: SMTP:*;1\nhubSourceServer: cn=Edge1" SERVERS "\n\n";

static struct slapd slapd;
static struct loop *loop;
static struct resolver *resolver;
static struct directory_config config;
static struct directory_connection *connection;
static const char *uris[2];
static struct builder *builder;
static const struct snapshot *snapshot;
static struct recipients *recipients;
static struct pushers *pushers;
static struct pusher *pusher;
static struct push_status status;
static bool ready, done, fenced;
static char result_error[300], result_held[300];
static struct push_counts counts[PUSH_TYPES];
static size_t differences;
static struct push_verified verified;
static char listed[2000];

static void on_ready(void *ctx)
{
	(void)ctx;
	ready = true;
}

static void on_lost(const char *text, void *ctx)
{
	(void)ctx;
	ck_abort_msg("%s", text);
}

static void on_fenced(const char *text, void *ctx)
{
	(void)ctx;
	ck_assert_ptr_nonnull(strstr(text, "(50)"));
	fenced = true;
}

static bool flag_holds(void *ctx)
{
	return *(bool *)ctx;
}

static void connect_as(const char *dn)
{
	static const struct directory_callbacks cbs = { on_ready, on_lost };

	uris[0] = slapd.ldapi;
	config = (struct directory_config){
		.uris = uris, .bind_dn = dn, .password_file = slapd.password_file,
	};
	ready = false;
	connection = directory_open(loop, resolver, &config, uris[0], true, 0, &cbs, NULL);
	AWAIT(loop, flag_holds, &ready, PATIENCE_MS);
}

static void set_organization(const char *text)
{
	const struct snapshot *s;

	org_text_put(builder, text);
	s = builder_build(builder, snapshot);
	snapshot_unref(&snapshot);
	snapshot = s;
	pushers_set_organization(pushers, s, recipients, true, true);
}

static void put_person(unsigned int i, const char *address, bool refuse)
{
	char dn[60];
	struct roster_entry e = {
		.has_uuid = true, .routing = "", .host = "", .expansion = "", .dn = dn,
		.mail = address, .addresses = &address, .address_count = 1,
		.refuse_outside_mail = refuse,
	};

	snprintf(dn, sizeof(dn), "uid=u%u,ou=people,dc=org", i);
	memcpy(e.uuid, &i, sizeof(i));
	recipients_put_decoded(recipients, &e);
}

static void drop_person(unsigned int i)
{
	unsigned char uuid[16] = { 0 };

	memcpy(uuid, &i, sizeof(i));
	recipients_delete(recipients, uuid);
}

static void put_people(unsigned int n)
{
	char address[40];
	unsigned int i;

	for (i = 1; i <= n; i++) {
		snprintf(address, sizeof(address), "user%u@a.example", i);
		put_person(i, address, false);
	}
}

static bool in_step(void *ctx)
{
	(void)ctx;
	pusher_status(pusher, &status);
	return status.side[PUSH_CONFIGURATION].in_step && status.side[PUSH_RECIPIENTS].in_step;
}

static bool has_error(void *ctx)
{
	pusher_status(pusher, &status);
	return status.side[*(enum push_type *)ctx].error != NULL;
}

static bool is_held(void *ctx)
{
	pusher_status(pusher, &status);
	return status.side[*(enum push_type *)ctx].held != NULL;
}

static void setup(void)
{
	static const struct push_settings settings = { 20, 3600, 0 };
	static const struct pusher_callbacks cbs = { on_fenced, NULL };
	struct err e;

	slapd_make_schema(&slapd, edge_tree, HUB_SCHEMA);
	slapd_start(&slapd);
	loop = loop_new("test");
	resolver = resolver_new(loop, NULL, &e);
	ck_assert_ptr_nonnull(resolver);
	builder = builder_new(T);
	recipients = recipients_new();
	recipients_set_loaded(recipients);
	pushers = pushers_new(loop, &settings);
	pusher = pusher_new(pushers, "Edge1", &cbs, NULL);
	fenced = false;
}

static void teardown(void)
{
	pusher_free(&pusher);
	directory_close(&connection);
	pushers_free(&pushers);
	recipients_free(&recipients);
	snapshot_unref(&snapshot);
	builder_free(&builder);
	resolver_free(&resolver);
	loop_free(&loop);
	slapd_remove(&slapd);
}

static void attach(void)
{
	connect_as(SLAPD_ADMIN);
	pusher_attach(pusher, connection, B, "hub1");
}

static void on_compared(const struct push_comparison *r, void *ctx)
{
	(void)ctx;
	snprintf(result_error, sizeof(result_error), "%s", r->error != NULL ? r->error : "");
	differences = r->differences;
	verified = r->verified;
	memcpy(counts, r->counts, sizeof(counts));
	done = true;
}

static void on_difference(enum push_type type, enum push_difference what, const char *name,
	void *ctx)
{
	size_t n = strlen(listed);

	(void)ctx;
	snprintf(listed + n, sizeof(listed) - n, "%s %s %s\n", push_type_names[type],
		push_difference_names[what], name);
}

static void compare(bool full, const char *address)
{
	static const struct pusher_compare_callbacks cbs = { on_difference, on_compared };
	struct err e;

	done = false;
	listed[0] = '\0';
	ck_assert_int_eq(pusher_compare(pusher, full, address, &cbs, NULL, &e), 0);
	AWAIT(loop, flag_holds, &done, PATIENCE_MS);
}

static void on_started(const struct push_result *r, void *ctx)
{
	(void)ctx;
	snprintf(result_error, sizeof(result_error), "%s", r->error != NULL ? r->error : "");
	snprintf(result_held, sizeof(result_held), "%s", r->held != NULL ? r->held : "");
	memcpy(counts, r->counts, sizeof(counts));
	done = true;
}

static void start(bool full, bool allow_loss)
{
	struct err e;

	done = false;
	ck_assert_int_eq(pusher_start(pusher, full, allow_loss, on_started, NULL, &e), 0);
	AWAIT(loop, flag_holds, &done, PATIENCE_MS);
}

/* Nothing differs by a comparison, and the address is known there or not. */
static void expect_same(const char *address, bool known)
{
	compare(true, address);
	ck_assert_str_eq(result_error, "");
	ck_assert_str_eq(listed, "");
	ck_assert_uint_eq(differences, 0);
	ck_assert_int_eq(verified.edge, known);
	ck_assert_int_eq(verified.here, known);
}

START_TEST(test_first_push)
{
	put_people(3000);
	put_person(5000, "shy@a.example", true);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_uint_eq(status.side[PUSH_CONFIGURATION].count, 4);
	ck_assert_uint_eq(status.side[PUSH_RECIPIENTS].count, 3000);
	ck_assert_str_eq(status.side[PUSH_CONFIGURATION].here,
		status.side[PUSH_CONFIGURATION].edge);
	ck_assert_str_eq(status.side[PUSH_CONFIGURATION].edge_fingerprint, status.here_fingerprint);
	ck_assert(pusher_idle(pusher));
	expect_same("USER17@a.Example", true);
	expect_same("shy@a.example", false);
	/* another hub takes over: it finds everything in its place */
	pusher_detach(pusher);
	pusher_attach(pusher, connection, B, "hub2");
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_uint_eq(status.side[PUSH_RECIPIENTS].pushes, 1);
	ck_assert_uint_eq(status.side[PUSH_CONFIGURATION].pushes, 1);
}
END_TEST

START_TEST(test_live)
{
	put_people(300);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	set_organization("dn: cn=A,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\n"
		"cn: A\nhubDomain: a.example\n\n");
	ck_assert(!in_step(NULL));
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_uint_eq(status.side[PUSH_CONFIGURATION].total.added, 4 + 6 + 1);
	/* another address; two who have one; one of them goes; somebody wants no mail any more */
	put_person(1, "first@a.example", false);
	put_person(2, "user3@a.example", false);
	put_person(4, "user4@a.example", true);
	drop_person(3);
	drop_person(5);
	ck_assert(!in_step(NULL));
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_uint_eq(status.side[PUSH_RECIPIENTS].count, 300 + 1 - 1 - 1 - 1 - 1);
	expect_same("first@a.example", true);
	expect_same("user1@a.example", false);
	expect_same("user2@a.example", false);
	expect_same("user3@a.example", true);
	expect_same("user4@a.example", false);
	expect_same("user5@a.example", false);
	ck_assert_uint_eq(status.side[PUSH_RECIPIENTS].repaired, 0);
}
END_TEST

/* The connector leaves the edge with its source list, and an empty bucket with its last hash. */
START_TEST(test_taken_away)
{
	put_person(1, "only@a.example", false);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	set_organization("dn: cn=Out,cn=Connectors," T "\nobjectClass: hubSendConnector\ncn: Out\n"
		"hubAddressSpace: SMTP:*;1\nhubSourceServer: cn=Hub1" SERVERS "\n\n");
	drop_person(1);
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_uint_eq(status.side[PUSH_CONFIGURATION].total.deleted, 1);
	ck_assert_uint_eq(status.side[PUSH_RECIPIENTS].total.deleted, 1);
	expect_same("only@a.example", false);
}
END_TEST

START_TEST(test_edited_there)
{
	put_people(200);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_int_eq(slapd_modify(&slapd,
		"dn: cn=Out,cn=Connectors," B "\nchangetype: modify\nreplace: hubPort\n"
		"hubPort: 26\n\n"
		"dn: cn=Hub1,cn=Servers," B "\nchangetype: delete\n\n"
		"dn: cn=Mine,cn=Accepted Domains," B "\nchangetype: add\n"
		"objectClass: hubAcceptedDomain\ncn: Mine\nhubDomain: mine.example\n\n"
		"dn: cn=zzz,cn=Recipients," B "\nchangetype: add\n"
		"objectClass: hubRecipientBucket\ncn: zzz\n\n"), 0);
	compare(true, NULL);
	ck_assert_uint_eq(differences, 4);
	ck_assert_ptr_nonnull(strstr(listed, "configuration different cn=Out,cn=Connectors," B));
	ck_assert_ptr_nonnull(strstr(listed, "configuration missing cn=Hub1,cn=Servers," B));
	ck_assert_ptr_nonnull(strstr(listed,
		"configuration surplus cn=Mine,cn=Accepted Domains," B));
	ck_assert_ptr_nonnull(strstr(listed, "recipients surplus cn=zzz,cn=Recipients," B));
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_uint_eq(status.side[PUSH_CONFIGURATION].repaired, 3);
	expect_same(NULL, false);
}
END_TEST

/* An attribute with options is another one: that of the organization stays, and it goes. */
START_TEST(test_options_there)
{
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_int_eq(slapd_modify(&slapd,
		"dn: " B "\nchangetype: modify\nadd: hubPostmaster;lang-en\n"
		"hubPostmaster;lang-en: a@b.example\n-\nadd: hubEpoch;lang-en\n"
		"hubEpoch;lang-en: local\n\n"
		"dn: cn=Hub1,cn=Servers," B "\nchangetype: modify\nadd: hubRole;lang-en\n"
		"hubRole;lang-en: Edge\n\n"), 0);
	compare(true, NULL);
	ck_assert_uint_eq(differences, 2);
	start(true, false);
	ck_assert_str_eq(result_error, "");
	expect_same(NULL, false);
	/* it is there, or this would fail */
	ck_assert_int_eq(slapd_modify(&slapd, "dn: " B "\nchangetype: modify\n"
		"delete: hubEpoch;lang-en\n\n"), 0);
	ck_assert_int_ne(slapd_modify(&slapd, "dn: " B "\nchangetype: modify\n"
		"delete: hubPostmaster;lang-en\n\n"), 0);
}
END_TEST

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
		done = true;
	}
}

static bool bucket_there(void *ctx)
{
	const struct directory_query q = { .base = B, .scope = LDAP_SCOPE_SUBTREE,
		.filter = "(hubBucketHash=*)" };
	struct err e;

	(void)ctx;
	if (!done)
		return false;
	if (bucket_dn[0] != '\0')
		return true;
	done = false;
	ck_assert_int_ge(directory_search(connection, &q, on_bucket, NULL, &e), 0);
	return false;
}

/* A first push that is cut off goes on where it was. */
START_TEST(test_cut_off)
{
	const struct push_side *side = &status.side[PUSH_RECIPIENTS];

	put_people(20000);
	set_organization(organization);
	attach();
	bucket_dn[0] = '\0';
	done = true;
	AWAIT(loop, bucket_there, NULL, PATIENCE_MS);
	ck_assert(!in_step(NULL));
	pusher_detach(pusher);
	pusher_attach(pusher, connection, B, "hub1");
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_uint_eq(side->total.deleted, 0);
	ck_assert_uint_lt(side->total.added, 20000);
	expect_same("user17@a.example", true);
	/* somebody deletes the key: all has to be written anew, and is no loss */
	ck_assert_int_eq(slapd_modify(&slapd, "dn: cn=Recipients,cn=Push," B "\n"
		"changetype: modify\ndelete: hubHashKey\n\n"), 0);
	pusher_detach(pusher);
	pusher_attach(pusher, connection, B, "hub1");
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_ptr_null(side->held);
	expect_same("user17@a.example", true);
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
	const struct directory_query q = { .base = B, .scope = LDAP_SCOPE_SUBTREE,
		.filter = "(hubBucketHash=*)" };
	enum push_type type = PUSH_RECIPIENTS;
	char text[400], address[40];
	unsigned int i;
	struct err e;

	put_people(200);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	done = false;
	bucket_dn[0] = '\0';
	ck_assert_int_ge(directory_search(connection, &q, on_first_bucket, NULL, &e), 0);
	AWAIT(loop, flag_holds, &done, PATIENCE_MS);
	snprintf(text, sizeof(text), "dn: %s\nchangetype: delete\n\ndn: %s\nchangetype: add\n"
		"objectClass: referral\nobjectClass: extensibleObject\ncn: %.3s\n"
		"ref: ldap://127.0.0.1:1/o=y\n\n", bucket_dn, bucket_dn, bucket_dn + 3);
	ck_assert_int_eq(slapd_modify(&slapd, text), 0);
	for (i = 1; i <= 200; i++)
		drop_person(i);
	put_people(200);
	for (i = 1000; i < 4000; i++) {
		snprintf(address, sizeof(address), "user%u@a.example", i);
		put_person(i, address, false);
	}
	AWAIT(loop, has_error, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(status.side[type].error, "(10)"));
	ck_assert_str_eq(status.side[type].here, "");
	ck_assert(!status.side[type].in_step);
}
END_TEST

/* A bucket that somebody wrote, or deleted, is noticed when it is edited: all are compared then. */
START_TEST(test_bucket_edited)
{
	static const char *const changes[] = {
		"changetype: modify\ndelete: hubBucketHash\n\n", "changetype: delete\n\n",
	};
	const struct directory_query q = { .base = B, .scope = LDAP_SCOPE_SUBTREE,
		.filter = "(hubBucketHash=*)" };
	char text[200];
	struct err e;

	put_person(1, "one@a.example", false);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	done = false;
	ck_assert_int_ge(directory_search(connection, &q, on_bucket, NULL, &e), 0);
	AWAIT(loop, flag_holds, &done, PATIENCE_MS);
	snprintf(text, sizeof(text), "dn: %s\n%s", bucket_dn, changes[_i]);
	ck_assert_int_eq(slapd_modify(&slapd, text), 0);
	/* the other may be in any bucket: that of the first is concerned since he goes */
	drop_person(1);
	put_person(2, "two@a.example", false);
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	expect_same("two@a.example", true);
	expect_same("one@a.example", false);
}
END_TEST

/* What is refused is named and tried again; until it succeeds there is no marker. */
START_TEST(test_refused)
{
	enum push_type type = PUSH_CONFIGURATION;
	char before[REPLICA_DIGEST_TEXT];

	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	snprintf(before, sizeof(before), "%s", status.side[type].edge);
	ck_assert_int_eq(slapd_modify(&slapd, "dn: cn=R,cn=Hub1,cn=Servers," B "\n"
		"changetype: add\nobjectClass: hubReceiveConnector\ncn: R\n\n"), 0);
	set_organization("dn: cn=Hub1" SERVERS "\nobjectClass: hubServer\ncn: Hub1\nhubRole: Hub\n"
		"hubEnabled: FALSE\n\ndn: cn=A,cn=Accepted Domains," T "\n"
		"objectClass: hubAcceptedDomain\ncn: A\nhubDomain: a.example\n\n");
	AWAIT(loop, has_error, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(status.side[type].error, "cn=Hub1,cn=Servers," B));
	ck_assert_ptr_nonnull(strstr(status.side[type].error, "(66)"));
	ck_assert_str_eq(status.side[type].edge, before);
	ck_assert(!status.side[type].in_step);
	ck_assert_int_eq(slapd_modify(&slapd, "dn: cn=R,cn=Hub1,cn=Servers," B "\n"
		"changetype: delete\n\n"), 0);
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_ptr_null(status.side[type].error);
	ck_assert_uint_ge(status.side[type].failures, 1);
}
END_TEST

START_TEST(test_held)
{
	enum push_type type = PUSH_RECIPIENTS;
	unsigned int i;

	put_people(100);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	for (i = 1; i <= 11; i++)
		drop_person(i);
	AWAIT(loop, is_held, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(status.side[type].held, "11 of 100 recipients"));
	compare(false, "user11@a.example");
	ck_assert(verified.edge && !verified.here);
	start(true, false);
	ck_assert_ptr_nonnull(strstr(result_held, "11 of 100 recipients"));
	start(true, true);
	ck_assert_str_eq(result_held, "");
	ck_assert_uint_eq(counts[type].deleted, 11);
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_ptr_null(status.side[type].held);
	expect_same("user11@a.example", false);
}
END_TEST

/* A loss in many pushes is held as one in a single push is; what is added passes. */
START_TEST(test_held_one_by_one)
{
	enum push_type type = PUSH_RECIPIENTS;
	char address[40];
	unsigned int i;

	put_people(200);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	for (i = 1; i <= 20; i++) {
		drop_person(i);
		AWAIT(loop, in_step, NULL, PATIENCE_MS);
	}
	/* whoever comes to the lease again has not forgotten */
	pusher_detach(pusher);
	pusher_attach(pusher, connection, B, "hub1");
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	drop_person(21);
	AWAIT(loop, is_held, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(status.side[type].held, "21 of 200 recipients"));
	start(false, true);
	ck_assert_str_eq(result_held, "");
	for (i = 22; i <= 25; i++)
		drop_person(i);
	for (i = 300; i < 340; i++) {
		snprintf(address, sizeof(address), "user%u@a.example", i);
		put_person(i, address, false);
	}
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_ptr_null(status.side[type].held);
	expect_same("user25@a.example", false);
}
END_TEST

static const char *domains(char *text, size_t size, unsigned int n)
{
	size_t used = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 1; i <= n; i++)
		used += (size_t)snprintf(text + used, size - used, "dn: cn=d%u,cn=Accepted Domains,"
			T "\nobjectClass: hubAcceptedDomain\ncn: d%u\nhubDomain: d%u.example\n\n",
			i, i, i);
	return text;
}

START_TEST(test_domains_held_one_by_one)
{
	enum push_type type = PUSH_CONFIGURATION;
	char text[12000], dn[80];
	unsigned int i;

	set_organization(organization);
	set_organization(domains(text, sizeof(text), 60));
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	for (i = 1; i <= 10; i++) {
		snprintf(dn, sizeof(dn), "cn=d%u,cn=Accepted Domains," T, i);
		builder_delete_dn(builder, dn);
		set_organization("");
		AWAIT(loop, in_step, NULL, PATIENCE_MS);
	}
	builder_delete_dn(builder, "cn=d11,cn=Accepted Domains," T);
	set_organization("");
	AWAIT(loop, is_held, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(status.side[type].held, "11 of 60 accepted domains"));
	start(false, true);
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_ptr_null(status.side[type].held);
}
END_TEST

/* After the changes alone were found to be too many. */
static bool compares_all(void *ctx)
{
	(void)ctx;
	pusher_status(pusher, &status);
	return status.busy && status.side[PUSH_RECIPIENTS].here[0] == '\0';
}

/* Whoever allows a loss while it is found out need not wait until it is tried again. */
START_TEST(test_allowed_while_busy)
{
	unsigned int i;

	put_people(20000);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	for (i = 1; i <= 4000; i++)
		drop_person(i);
	AWAIT(loop, compares_all, NULL, PATIENCE_MS);
	ck_assert_ptr_null(status.side[PUSH_RECIPIENTS].held);
	start(true, true);
	ck_assert_str_eq(result_held, "");
	ck_assert_uint_eq(counts[PUSH_RECIPIENTS].deleted, 4000);
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
}
END_TEST

/* Nothing goes out while the organization's directory is not to be believed. */
START_TEST(test_unsettled)
{
	static const struct pusher_compare_callbacks cbs = { on_difference, on_compared };
	struct err e;

	set_organization(organization);
	pushers_set_organization(pushers, snapshot, recipients, false, false);
	attach();
	start(true, true);
	ck_assert_ptr_nonnull(strstr(result_error, "not settled"));
	ck_assert(!in_step(NULL));
	pushers_set_organization(pushers, snapshot, recipients, true, true);
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	/* what is under way ends with the connection */
	done = false;
	ck_assert_int_eq(pusher_compare(pusher, true, NULL, &cbs, NULL, &e), 0);
	pusher_detach(pusher);
	ck_assert(done);
	ck_assert_str_ne(result_error, "");
	ck_assert_int_eq(pusher_start(pusher, true, false, on_started, NULL, &e), -1);
}
END_TEST

/* Who does not hold the lease may look. */
START_TEST(test_observed)
{
	struct err e;

	put_people(50);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	pusher_detach(pusher);
	pusher_observe(pusher, connection, B);
	compare(false, NULL);
	pusher_status(pusher, &status);
	ck_assert(status.observes && status.side[PUSH_CONFIGURATION].in_step);
	ck_assert_str_eq(status.side[PUSH_RECIPIENTS].edge_fingerprint, "50 addresses");
	compare(true, NULL);
	ck_assert(in_step(NULL));
	put_person(60, "new@a.example", false);
	compare(true, NULL);
	ck_assert_uint_eq(differences, 1);
	ck_assert_ptr_nonnull(strstr(listed, ": 1 missing, 0 too many"));
	ck_assert_int_eq(pusher_start(pusher, true, false, on_started, NULL, &e), -1);
	/* it changed nothing */
	compare(true, "new@a.example");
	ck_assert(verified.here && !verified.edge);
}
END_TEST

START_TEST(test_fenced)
{
	const struct directory_query q = { .base = B, .scope = LDAP_SCOPE_SUBTREE,
		.filter = "(hubBucketHash=*)" };
	struct err e;

	put_people(20);
	set_organization(organization);
	connect_as("cn=half,o=x");
	pusher_attach(pusher, connection, B, "hub1");
	AWAIT(loop, flag_holds, &fenced, PATIENCE_MS);
	ck_assert(pusher_idle(pusher));
	/* the other half was ended, and hears nothing any more: this comes after its answers */
	bucket_dn[0] = '\0';
	done = false;
	ck_assert_int_ge(directory_search(connection, &q, on_bucket, NULL, &e), 0);
	AWAIT(loop, flag_holds, &done, PATIENCE_MS);
	pusher_status(pusher, &status);
	/* the recipients' half may have failed before, for it sees no cn=Recipients */
	ck_assert_ptr_nonnull(status.side[PUSH_CONFIGURATION].error);
	ck_assert_ptr_nonnull(strstr(status.side[PUSH_CONFIGURATION].error, "(50)"));
	ck_assert_str_eq(bucket_dn, "");
	pusher_detach(pusher);
	directory_close(&connection);
	connect_as(SLAPD_ADMIN);
	pusher_attach(pusher, connection, B, "hub1");
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
}
END_TEST

/* What the edge says at the fence is told, not what went wrong before. */
START_TEST(test_fence_after_error)
{
	enum push_type type = PUSH_CONFIGURATION;

	put_people(20);
	set_organization(organization);
	attach();
	AWAIT(loop, in_step, NULL, PATIENCE_MS);
	ck_assert_int_eq(slapd_modify(&slapd, "dn: cn=R,cn=Hub1,cn=Servers," B "\n"
		"changetype: add\nobjectClass: hubReceiveConnector\ncn: R\n\n"), 0);
	set_organization("dn: cn=Hub1" SERVERS "\nobjectClass: hubServer\ncn: Hub1\nhubRole: Hub\n"
		"hubEnabled: FALSE\n\n");
	AWAIT(loop, has_error, &type, PATIENCE_MS);
	pusher_detach(pusher);
	directory_close(&connection);
	pushers_set_organization(pushers, snapshot, recipients, false, true);
	drop_person(1);
	connect_as("cn=half,o=x");
	pusher_attach(pusher, connection, B, "hub1");
	AWAIT(loop, flag_holds, &fenced, PATIENCE_MS);
	ck_assert(pusher_idle(pusher));
}
END_TEST

/* By hand: HUB_PUSH_MANY=1000000. */
START_TEST(test_many)
{
	const char *text = getenv("HUB_PUSH_MANY");
	unsigned int n = text != NULL ? (unsigned int)atoi(text) : 20000;
	long first, second, live;

	put_people(n);
	set_organization(organization);
	attach();
	first = await_for(loop, in_step, NULL, 300000);
	ck_assert_int_ge(first, 0);
	compare(true, NULL);
	done = false;
	second = (long)clock_mono_ms();
	start(true, false);
	second = (long)clock_mono_ms() - second;
	ck_assert_uint_eq(counts[PUSH_RECIPIENTS].added, 0);
	put_person(n + 1, "new@a.example", false);
	live = await_for(loop, in_step, NULL, 300000);
	if (text != NULL)
		printf("%u: first push %ld ms, comparison %ld ms, one %ld ms\n", n, first, second,
			live);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("pusher");

	if (!slapd_available())
		return 77;
	tcase_set_timeout(c, 400);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, test_first_push);
	tcase_add_test(c, test_live);
	tcase_add_test(c, test_taken_away);
	tcase_add_test(c, test_edited_there);
	tcase_add_test(c, test_options_there);
	tcase_add_loop_test(c, test_bucket_edited, 0, 2);
	tcase_add_test(c, test_refused);
	tcase_add_test(c, test_held);
	tcase_add_test(c, test_held_one_by_one);
	tcase_add_test(c, test_domains_held_one_by_one);
	tcase_add_test(c, test_allowed_while_busy);
	tcase_add_test(c, test_cut_off);
	tcase_add_test(c, test_read_failed);
	tcase_add_test(c, test_unsettled);
	tcase_add_test(c, test_observed);
	tcase_add_test(c, test_fenced);
	tcase_add_test(c, test_fence_after_error);
	tcase_add_test(c, test_many);
	return unit_run("pusher", &c, 1);
}
