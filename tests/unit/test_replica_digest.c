/* test_replica_digest.c - libhub/org: edge_layout, replica_digest, replica_marker. */
#include "libhub/org/replica_digest.h"

#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/replica_marker.h"
#include "org_text.h"
#include "unit.h"

#define BASE "cn=transport,o=e"

static const struct {
	const char *rdn, *text;
	enum edge_part part;
} parts[] = {
	{ "", "objectClass: hubOrganization", EDGE_PART_CONFIGURATION },
	{ "cn=connectors", "objectClass: hubContainer", EDGE_PART_LOCAL },
	{ "cn=out,cn=connectors", "objectClass: hubSendConnector", EDGE_PART_CONFIGURATION },
	{ "cn=a,cn=accepted domains", "objectClass: hubAcceptedDomain", EDGE_PART_CONFIGURATION },
	{ "cn=a,cn=remote domains", "objectClass: hubRemoteDomain", EDGE_PART_CONFIGURATION },
	{ "cn=london,cn=sites", "objectClass: hubSite", EDGE_PART_CONFIGURATION },
	{ "cn=x,cn=site links", "objectClass: hubSiteLink", EDGE_PART_CONFIGURATION },
	{ "cn=hub1,cn=servers", "objectClass: hubServer\nhubRole: Hub", EDGE_PART_CONFIGURATION },
	{ "cn=hub1,cn=servers", "objectClass: hubServer", EDGE_PART_CONFIGURATION },
	{ "cn=edge1,cn=servers", "objectClass: hubServer\nhubRole: Edge", EDGE_PART_LOCAL },
	{ "cn=in,cn=edge1,cn=servers", "objectClass: hubReceiveConnector", EDGE_PART_LOCAL },
	{ "cn=edge1,cn=edge subscriptions", "objectClass: hubEdgeSubscription",
		EDGE_PART_CONFIGURATION },
	{ "cn=0a7,cn=recipients", "objectClass: hubRecipientBucket", EDGE_PART_BUCKET },
	{ "cn=recipients", "objectClass: hubContainer", EDGE_PART_LOCAL },
	{ "cn=recipients,cn=push", "objectClass: hubPushMarker", EDGE_PART_MARKER },
	{ "cn=push", "objectClass: hubContainer", EDGE_PART_LOCAL },
	{ "cn=hub1.1,cn=sync accounts", "objectClass: hubSyncAccount", EDGE_PART_ACCOUNT },
	{ "cn=edge state", "objectClass: hubEdgeState", EDGE_PART_STATE },
	{ "cn=view-only,cn=roles", "objectClass: groupOfNames", EDGE_PART_LOCAL },
	{ "cn=stray,cn=out,cn=connectors", "objectClass: hubContainer", EDGE_PART_CONFIGURATION },
};

static void keep(const struct entry *e, void *ctx)
{
	/* part or digest is taken at once: the entry lives for the call only */
	void (**cb)(const struct entry *e, void *ctx) = ctx;

	(*cb)(e, ctx);
}

struct look {
	void (*cb)(const struct entry *e, void *ctx);
	const char *rdn;
	enum edge_part part;
	unsigned char digest[REPLICA_DIGEST_SIZE];
};

static void take_part(const struct entry *e, void *ctx)
{
	struct look *l = ctx;

	l->part = edge_layout_part(l->rdn, e);
}

static void take_digest(const struct entry *e, void *ctx)
{
	struct look *l = ctx;

	replica_digest_entry(l->rdn, e, l->digest);
}

static void look_at(struct look *l, const char *text)
{
	char *record = xasprintf("dn: cn=x\n%s\n", text);

	org_text_each(record, keep, l);
	free(record);
}

START_TEST(whose_is_what)
{
	struct look l = { .cb = take_part, .rdn = parts[_i].rdn, .part = 99 };

	look_at(&l, parts[_i].text);
	ck_assert_msg(l.part == parts[_i].part, "%s: %d", l.rdn, l.part);
}
END_TEST

START_TEST(what_an_edge_may_know)
{
	static const struct {
		const struct obj_class *class;
		const char *attr;
		bool pushed;
	} rows[] = {
		{ &server_class, "hubFQDN", true }, { &server_class, "HUBCERTIFICATE", true },
		{ &server_class, "hubAdminAddress", false },
		{ &server_class, "hubComment", false },
		{ &server_class, "userPassword", false },
		{ &send_connector_class, "hubAuthPassword", true },
		{ &send_connector_class, "hubComment", true },
		{ &organization_class, "hubMaxRecipients", true },
		{ &organization_class, "hubInternalSMTPServer", true },
		{ &organization_class, "hubEpoch", false }, { &organization_class, "cn", false },
		{ &organization_class, "hubShadowRedundancy", false },
		{ &organization_class, "hubShadowTakeoverTime", false },
		{ &edge_subscription_class, "hubServerRef", true },
		{ &edge_subscription_class, "hubServerSite", true },
		{ &edge_subscription_class, "hubCredential", false },
		{ &edge_subscription_class, "hubDirectoryPort", false },
		{ &edge_subscription_class, "hubDirectoryCertificate", false },
		{ &edge_subscription_class, "hubSubscriptionSerial", false },
		{ &edge_subscription_class, "hubRemoved", false },
		{ &edge_subscription_class, "hubSyncSite", false },
		{ &site_class, "hubSubnet", false }, { &site_class, "cn", true },
		{ &site_class, "hubInboundMail", true },
		{ NULL, "objectClass", true }, { NULL, "hubComment", false },
	};
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ck_assert_msg(edge_layout_is_pushed(rows[i].class, rows[i].attr) ==
			rows[i].pushed, "row %zu: %s", i, rows[i].attr);
}
END_TEST

static const char connector[] = "objectClass: hubSendConnector\ncn: Out\n"
	"hubAddressSpace: SMTP:*;1\nhubAddressSpace: a.example\n"
	"hubSourceServer: cn=edge1,cn=Servers,cn=Transport,o=e\nhubAuthPassword: s";

/* The same, or not, to the digest. */
static const struct {
	const char *text;
	bool same;
} variants[] = {
	{ connector, true },
	/* order of attributes and values, case of names, how a DN is written */
	{ "hubAuthPassword: s\nHUBADDRESSSPACE: a.example\nhubAddressSpace: SMTP:*;1\ncn: Out\n"
		"hubSourceServer: CN=Edge1, cn=servers,cn=transport,o=E\n"
		"objectclass: hubSendConnector", true },
	/* what is not pushed, and what no entry may show */
	{ "objectClass: hubSendConnector\ncn: Out\nhubAddressSpace: SMTP:*;1\n"
		"hubAddressSpace: a.example\nuserPassword: x\nhubEpoch: y\n"
		"hubSourceServer: cn=edge1,cn=Servers,cn=Transport,o=e\nhubAuthPassword: s",
		true },
	/* one value less, another value, a value moved to another attribute */
	{ "objectClass: hubSendConnector\ncn: Out\nhubAddressSpace: SMTP:*;1\n"
		"hubSourceServer: cn=edge1,cn=Servers,cn=Transport,o=e\nhubAuthPassword: s",
		false },
	{ "objectClass: hubSendConnector\ncn: Out\nhubAddressSpace: SMTP:*;1\n"
		"hubAddressSpace: a.example\n"
		"hubSourceServer: cn=edge1,cn=Servers,cn=Transport,o=e\nhubAuthPassword: t",
		false },
	{ "objectClass: hubSendConnector\ncn: Out\nhubAddressSpace: SMTP:*;1\n"
		"hubSmartHost: a.example\n"
		"hubSourceServer: cn=edge1,cn=Servers,cn=Transport,o=e\nhubAuthPassword: s",
		false },
	{ "objectClass: hubSendConnector\ncn: out\nhubAddressSpace: SMTP:*;1\n"
		"hubAddressSpace: a.example\n"
		"hubSourceServer: cn=edge1,cn=Servers,cn=Transport,o=e\nhubAuthPassword: s",
		false },
};

START_TEST(digest_of_an_entry)
{
	struct look l = { .cb = take_digest, .rdn = "cn=out,cn=connectors" }, first = l;

	look_at(&first, connector);
	look_at(&l, variants[_i].text);
	ck_assert((memcmp(l.digest, first.digest, sizeof(l.digest)) == 0) == variants[_i].same);
	l.rdn = "cn=in,cn=connectors";
	look_at(&l, variants[_i].text);
	ck_assert_mem_ne(l.digest, first.digest, sizeof(l.digest));
}
END_TEST

START_TEST(digest_of_a_site_is_what_the_manual_says)
{
	/* printf of the pieces, each with its length before it, through sha256sum */
	static const char wanted[] =
		"405f192886c06d30b38c6d5c212845e7e3dfee123af1f9f01187f3c8f3f1feba";
	struct look l = { .cb = take_digest, .rdn = "cn=london,cn=sites" };
	char text[REPLICA_DIGEST_TEXT];

	look_at(&l, "objectClass: hubSite\ncn: London\nhubSubnet: 10.0.0.0/8");
	replica_digest_text(l.digest, text);
	ck_assert_str_eq(text, wanted);
}
END_TEST

START_TEST(digest_of_the_whole)
{
	struct replica_digest *d = replica_digest_new();
	unsigned char one[REPLICA_DIGEST_SIZE] = { 1 }, two[REPLICA_DIGEST_SIZE] = { 2 };
	char empty[REPLICA_DIGEST_TEXT], a[REPLICA_DIGEST_TEXT], b[REPLICA_DIGEST_TEXT];

	replica_digest_finish(&d, empty);
	ck_assert_ptr_null(d);
	ck_assert_str_eq(empty,
		"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
	d = replica_digest_new();
	replica_digest_add(d, one);
	replica_digest_add(d, two);
	replica_digest_finish(&d, a);
	d = replica_digest_new();
	replica_digest_add(d, two);
	replica_digest_add(d, one);
	replica_digest_finish(&d, b);
	ck_assert_str_eq(a, b);
	d = replica_digest_new();
	replica_digest_add(d, one);
	replica_digest_finish(&d, b);
	ck_assert_str_ne(a, b);
	/* the same entry twice is not once */
	d = replica_digest_new();
	replica_digest_add(d, one);
	replica_digest_add(d, one);
	replica_digest_finish(&d, a);
	ck_assert_str_ne(a, b);
}
END_TEST

static void fill(struct replica_marker *m)
{
	memset(m, 0, sizeof(*m));
	strcpy(m->fingerprint, "abc");
	memset(m->digest, 'a', sizeof(m->digest) - 1);
	strcpy(m->holder, "hub1");
	m->time_s = 1763806771;
	m->has_key = true;
	memset(m->key, 0, sizeof(m->key));
	m->key[31] = 7;
}

START_TEST(markers)
{
	struct arena *a = arena_new();
	struct replica_marker m, back;
	const struct entry *e;
	struct err err;

	fill(&m);
	e = replica_marker_entry(a, REPLICA_RECIPIENTS, "cn=Transport,o=e", &m);
	ck_assert_str_eq(e->dn, "cn=Recipients,cn=Push,cn=Transport,o=e");
	ck_assert_str_eq(dn_relative(a, dn_normalize(a, e->dn), BASE),
		replica_marker_rdns[REPLICA_RECIPIENTS]);
	ck_assert_int_eq(replica_marker_read(e, &back, &err), 0);
	ck_assert_mem_eq(&m, &back, sizeof(m));
	memset(&m, 0, sizeof(m));
	e = replica_marker_entry(a, REPLICA_CONFIGURATION, "cn=Transport,o=e", &m);
	ck_assert_uint_eq(e->n, 2);
	ck_assert_int_eq(replica_marker_read(e, &back, &err), 0);
	ck_assert_mem_eq(&m, &back, sizeof(m));
	arena_free(&a);
}
END_TEST

static const char *const bad_markers[] = {
	"objectClass: hubContainer", "objectClass: hubPushMarker\nhubPushDigest: abc",
	"objectClass: hubPushMarker\nhubPushDigest: "
		"G3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
	"objectClass: hubPushMarker\nhubPushTime: yesterday",
	"objectClass: hubPushMarker\nhubHashKey: short",
};

static void read_marker(const struct entry *e, void *ctx)
{
	struct replica_marker m;
	struct err err = { .text = "" };

	(void)ctx;
	ck_assert_int_eq(replica_marker_read(e, &m, &err), -1);
	ck_assert_ptr_nonnull(strstr(err.text, "cn=x"));
	ck_assert_str_eq(m.digest, "");
}

START_TEST(what_is_no_marker)
{
	struct look l = { .cb = read_marker };

	look_at(&l, bad_markers[_i]);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("replica");

	tcase_add_loop_test(t, whose_is_what, 0, (int)(sizeof(parts) / sizeof(*parts)));
	tcase_add_test(t, what_an_edge_may_know);
	tcase_add_loop_test(t, digest_of_an_entry, 0, (int)(sizeof(variants) / sizeof(*variants)));
	tcase_add_test(t, digest_of_a_site_is_what_the_manual_says);
	tcase_add_test(t, digest_of_the_whole);
	tcase_add_test(t, markers);
	tcase_add_loop_test(t, what_is_no_marker, 0,
		(int)(sizeof(bad_markers) / sizeof(*bad_markers)));
	return unit_run("replica_digest", &t, 1);
}
