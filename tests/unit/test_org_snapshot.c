/* Snapshots: what is in force, last good forms, conflicts, dangling references, fingerprints. */
#include "unit.h"

#include <pthread.h>
#include <unistd.h>

#include "org_text.h"
#include "libhub/org/print.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define CONNECTORS "cn=Connectors," BASE
#define ORG "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n"
#define LONDON "dn: cn=London,cn=Sites," BASE "\nobjectClass: hubSite\ncn: London\n\n"
#define HUB1 "dn: cn=hub1,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n" \
	"hubServerSite: CN=london,cn=sites," BASE "\n\n"
#define UUID "entryUUID: 000000000000000000000000000000aa\n"
#define SEND "dn: cn=Out," CONNECTORS "\nobjectClass: hubSendConnector\ncn: Out\n" UUID \
	"hubSourceServer: cn=hub1,cn=Servers," BASE "\n"
#define OUT SEND "hubAddressSpace: *\n\n"
#define BROKEN SEND "hubAddressSpace: *x\n\n"

static struct builder *b;
static const struct snapshot *s;

static void setup(void)
{
	b = builder_new(BASE);
}

static void teardown(void)
{
	snapshot_unref(&s);
	builder_free(&b);
}

static void build(void)
{
	const struct snapshot *next = builder_build(b, s);

	snapshot_unref(&s);
	s = next;
}

static void put_and_build(const char *text)
{
	org_text_put(b, text);
	build();
}

START_TEST(empty_directory_has_defaults)
{
	build();
	ck_assert_ptr_nonnull(s->org);
	ck_assert_uint_eq(s->org->max_recipients, 5000);
	ck_assert(s->org->shadow);
	ck_assert_uint_eq(s->rejection_count, 0);
	ck_assert_uint_eq(s->all[OBJ_ORGANIZATION].n, 0);
	ck_assert_uint_eq(strlen(s->fingerprint), FINGERPRINT_HEX);
	ck_assert_ptr_null(snapshot_find(s, OBJ_SITE, "London"));
	ck_assert_ptr_null(snapshot_accepted_domain(s, "example.com"));
	ck_assert_ptr_null(snapshot_server_by_key(s, "sha256:00"));
}
END_TEST

START_TEST(references_are_resolved)
{
	const struct send_connector *c;
	const struct server *hub;

	put_and_build(ORG LONDON HUB1 OUT);
	ck_assert_uint_eq(s->warning_count, 0);
	hub = (const void *)snapshot_find(s, OBJ_SERVER, "HUB1");
	ck_assert_ptr_nonnull(hub);
	ck_assert_ptr_eq(hub->site.target, snapshot_find(s, OBJ_SITE, "london"));
	c = SNAPSHOT_AT(s, OBJ_SEND_CONNECTOR, send_connector, 0);
	ck_assert_ptr_eq(c->pool.sources.v[0].target, &hub->obj);
	ck_assert(c->dns_routing);
	ck_assert_uint_eq(c->pool.max_size, 10485760);
	ck_assert_str_eq(c->pool.obj.rdn, "cn=out,cn=connectors");
	ck_assert_uint_eq(c->pool.obj.uuid[15], 0xaa);
}
END_TEST

START_TEST(dangling_reference_is_reported_and_absent)
{
	const struct send_connector *c;

	put_and_build(ORG LONDON OUT);
	ck_assert_uint_eq(s->rejection_count, 0);
	c = SNAPSHOT_AT(s, OBJ_SEND_CONNECTOR, send_connector, 0);
	ck_assert_uint_eq(c->pool.sources.n, 1);
	ck_assert_ptr_null(c->pool.sources.v[0].target);
	ck_assert_uint_eq(s->warning_count, 1);
	ck_assert_ptr_nonnull(strstr(s->warnings[0], "hubSourceServer names cn=hub1"));
	/* the name exists but is of another class */
	put_and_build("dn: cn=hub1,cn=Servers," BASE "\nobjectClass: hubMailboxServer\ncn: hub1\n"
		"\n");
	c = SNAPSHOT_AT(s, OBJ_SEND_CONNECTOR, send_connector, 0);
	ck_assert_ptr_null(c->pool.sources.v[0].target);
	ck_assert_uint_eq(s->warning_count, 1);
}
END_TEST

START_TEST(last_good_form_stays_in_force)
{
	char first[FINGERPRINT_HEX + 1];

	put_and_build(ORG LONDON HUB1 OUT);
	strcpy(first, s->fingerprint);
	put_and_build(BROKEN);
	ck_assert_uint_eq(s->rejection_count, 1);
	ck_assert(s->rejections[0].last_good);
	ck_assert_ptr_nonnull(strstr(s->rejections[0].reason, "*x"));
	ck_assert_uint_eq(s->all[OBJ_SEND_CONNECTOR].n, 1);
	ck_assert_str_eq(s->fingerprint, first);
	/* and from one snapshot to the next */
	build();
	ck_assert(s->rejections[0].last_good);
	/* until the entry is good again, or gone */
	put_and_build(SEND "hubAddressSpace: contoso.com\n\n");
	ck_assert_uint_eq(s->rejection_count, 0);
	ck_assert_str_ne(s->fingerprint, first);
	put_and_build(BROKEN);
	builder_delete_dn(b, "CN=out," CONNECTORS);
	build();
	ck_assert_uint_eq(s->rejection_count, 0);
	ck_assert_uint_eq(s->all[OBJ_SEND_CONNECTOR].n, 0);
	/* an entry made anew under the name has no past */
	put_and_build("dn: cn=Out," CONNECTORS "\nobjectClass: hubSendConnector\ncn: Out\n"
		"entryUUID: 000000000000000000000000000000bb\n\n");
	ck_assert_uint_eq(s->rejection_count, 1);
	ck_assert(!s->rejections[0].last_good);
}
END_TEST

START_TEST(last_good_form_must_still_pass)
{
	put_and_build(ORG LONDON HUB1 OUT);
	/* the good form names a hub that is now an edge's neighbour: mixed sources */
	org_text_put(b, SEND "hubSourceServer: cn=e,cn=Servers," BASE "\nhubAddressSpace: *\n\n");
	put_and_build("dn: cn=e,cn=Servers," BASE "\nobjectClass: hubServer\ncn: e\nhubRole: Hub\n"
		"hubServerSite: cn=London,cn=Sites," BASE "\n\n");
	ck_assert_uint_eq(s->rejection_count, 0);
	org_text_put(b, "dn: cn=e,cn=Servers," BASE "\nobjectClass: hubServer\ncn: e\n"
		"hubRole: Edge\n\n");
	put_and_build(BROKEN);
	ck_assert_uint_eq(s->rejection_count, 1);
	ck_assert(!s->rejections[0].last_good);
	ck_assert_uint_eq(s->all[OBJ_SEND_CONNECTOR].n, 0);
}
END_TEST

static void put_last_good(const struct entry *e, void *ctx)
{
	builder_put_last_good(ctx, e);
}

START_TEST(last_good_form_survives_a_restart)
{
	struct builder *again = builder_new(BASE);
	const struct snapshot *after;

	put_and_build(ORG LONDON HUB1 OUT);
	put_and_build(BROKEN);
	org_text_put(again, ORG LONDON HUB1 BROKEN);
	builder_each_last_good(s, put_last_good, again);
	after = builder_build(again, NULL);
	ck_assert_str_eq(after->fingerprint, s->fingerprint);
	ck_assert(after->rejections[0].last_good);
	snapshot_unref(&after);
	builder_free(&again);
}
END_TEST

START_TEST(later_name_loses_a_conflict_in_any_order)
{
	const char *zed = "dn: cn=Zed,cn=Accepted Domains," BASE
		"\nobjectClass: hubAcceptedDomain\ncn: Zed\nhubDomain: example.com\n\n";
	const char *anna = "dn: cn=anna,cn=Accepted Domains," BASE
		"\nobjectClass: hubAcceptedDomain\ncn: anna\nhubDomain: Example.com\n\n";

	org_text_put(b, _i == 0 ? zed : anna);
	put_and_build(_i == 0 ? anna : zed);
	ck_assert_uint_eq(s->rejection_count, 1);
	ck_assert_ptr_nonnull(strstr(s->rejections[0].dn, "Zed"));
	ck_assert_str_eq(snapshot_accepted_domain(s, "example.com")->obj.name, "anna");
}
END_TEST

/* Two spellings of one organization under two suffixes: order, case, defaults, spaces. */
START_TEST(fingerprint_is_of_the_meaning)
{
	struct builder *other = builder_new("CN=transport, o=other");
	const struct snapshot *t;

	put_and_build(ORG LONDON HUB1 SEND "hubAddressSpace: a.example\n"
		"hubAddressSpace: B.example;1\n"
		"hubAuthUser: u\n\n");
	org_text_put(other,
		"dn: cn=Out,cn=connectors,cn=transport,o=Other\nobjectClass: top\n"
		"objectClass: hubSendConnector\nhubAddressSpace: SMTP:b.example\n"
		"hubaddressspace: a.example;1\nhubPort: 25\nhubDNSRouting: TRUE\nhubEnabled: TRUE\n"
		"hubMaxMessageSize: 10485760\nhubSendRight: Routing\ncn: Out\nhubAuthUser: u\n"
		"hubSourceServer: cn=Hub1, cn=Servers, cn=Transport, o=other\n\n"
		"dn: cn=hub1,cn=Servers,cn=Transport,o=other\nhubRole: Hub\n"
		"objectClass: hubServer\n"
		"cn: hub1\nhubServerSite: cn=London,cn=Sites,cn=Transport,o=other\n"
		"userPassword: x\n\n"
		"dn: cn=London,cn=Sites,cn=Transport,o=other\ncn: London\nobjectClass: hubSite\n\n"
		"dn: cn=Transport,o=other\ncn: Transport\nobjectClass: hubOrganization\n\n"
		"dn: cn=Sites,cn=Transport,o=other\ncn: Sites\nobjectClass: hubContainer\n\n");
	t = builder_build(other, NULL);
	ck_assert_uint_eq(t->rejection_count + s->rejection_count, 0);
	ck_assert_uint_eq(t->warning_count, 0);
	ck_assert_str_eq(s->fingerprint, t->fingerprint);
	snapshot_unref(&t);
	builder_free(&other);
}
END_TEST

static const char *const changes[] = {
	SEND "hubAddressSpace: *\nhubPort: 26\n\n",
	SEND "hubAddressSpace: *;2\n\n",
	SEND "hubAddressSpace: *\nhubEnabled: FALSE\n\n",
	SEND "hubAddressSpace: *\nhubAuthPassword: p\n\n",
	SEND "hubAddressSpace: *\nhubComment: x\n\n",
	"dn: cn=hub2,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub2\nhubRole: Hub\n\n",
	"dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\nhubMaxSendSize: 1\n\n",
};

START_TEST(fingerprint_sees_every_change)
{
	char first[FINGERPRINT_HEX + 1];

	put_and_build(ORG LONDON HUB1 OUT);
	strcpy(first, s->fingerprint);
	put_and_build(ORG LONDON HUB1 OUT);
	ck_assert_str_eq(s->fingerprint, first);
	put_and_build(changes[_i]);
	ck_assert_uint_eq(s->rejection_count, 0);
	ck_assert_str_ne(s->fingerprint, first);
	put_and_build(ORG OUT);
	builder_delete_dn(b, "cn=hub2,cn=Servers," BASE);
	build();
	ck_assert_str_eq(s->fingerprint, first);
}
END_TEST

/* The rate of a connector depends on its server: written or not, it is the same. */
START_TEST(fingerprint_knows_late_defaults)
{
	static const char edge[] = "dn: cn=e,cn=Servers," BASE
		"\nobjectClass: hubServer\ncn: e\nhubRole: Edge\n\n"
		"dn: cn=In,cn=e,cn=Servers," BASE "\nobjectClass: hubReceiveConnector\ncn: In\n";
	const struct receive_connector *c;
	char first[FINGERPRINT_HEX + 1];
	char text[1000];

	snprintf(text, sizeof(text), "%s\n", edge);
	put_and_build(text);
	c = SNAPSHOT_AT(s, OBJ_RECEIVE_CONNECTOR, receive_connector, 0);
	ck_assert_uint_eq(c->message_rate, 600);
	ck_assert_str_eq(c->server->obj.name, "e");
	ck_assert_uint_eq(c->server->transient_retry_interval_s, 600);
	ck_assert_uint_eq(c->server->connection_failure_interval_s, 1800);
	ck_assert_uint_eq(c->bindings.n, 2);
	ck_assert_uint_eq(snapshot_server_connectors(s, c->server).n, 1);
	strcpy(first, s->fingerprint);
	snprintf(text, sizeof(text), "%shubMessageRateLimit: 600\n\n", edge);
	put_and_build(text);
	ck_assert_str_eq(s->fingerprint, first);
}
END_TEST

#define RECEIVE "dn: cn=In,cn=hub1,cn=Servers," BASE "\nobjectClass: hubReceiveConnector\ncn: In\n"

START_TEST(rate_of_clients_is_by_user)
{
	const struct receive_connector *c;

	put_and_build(ORG LONDON HUB1 RECEIVE "hubUsage: Client\n\n");
	c = SNAPSHOT_AT(s, OBJ_RECEIVE_CONNECTOR, receive_connector, 0);
	ck_assert_uint_eq(c->message_rate, 5);
	ck_assert_int_eq(c->message_rate_source, RATE_USER);
	put_and_build(RECEIVE "hubUsage: Client\nhubMessageRateSource: IPAddress\n\n");
	c = SNAPSHOT_AT(s, OBJ_RECEIVE_CONNECTOR, receive_connector, 0);
	ck_assert_int_eq(c->message_rate_source, RATE_IP_ADDRESS);
	put_and_build(RECEIVE "hubUsage: Internet\n\n");
	c = SNAPSHOT_AT(s, OBJ_RECEIVE_CONNECTOR, receive_connector, 0);
	ck_assert_uint_eq(c->message_rate, 0);
	ck_assert_int_eq(c->message_rate_source, RATE_IP_ADDRESS);
}
END_TEST

START_TEST(default_domain_that_is_not_accepted_is_reported)
{
	put_and_build(ORG LONDON HUB1 RECEIVE "hubDefaultDomain: contoso.com\n\n");
	ck_assert_uint_eq(s->rejection_count, 0);
	ck_assert_uint_eq(s->warning_count, 1);
	ck_assert_ptr_nonnull(strstr(s->warnings[0], "contoso.com, which is no accepted domain"));
	put_and_build("dn: cn=c,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\n"
		"cn: c\nhubDomain: contoso.com\n\n");
	ck_assert_uint_eq(s->warning_count, 0);
}
END_TEST

static const struct {
	const char *lines;
	const char *says;	/* NULL = nothing */
} advice_rows[] = {
	{ "", NULL },
	{ "hubMaxHopCount: 7\n", "hubMaxLocalHopCount 8 is never reached: hubMaxHopCount is 7" },
	{ "hubMaxHopCount: 8\n", NULL },
	{ "hubMaxHopCount: 7\nhubMaxLocalHopCount: 0\n", NULL },
	{ "hubMaxInboundPerSource: 5001\n", "hubMaxInboundPerSource 5001 is never reached" },
	{ "hubMaxInboundPerSource: 5000\n", NULL },
	{ "hubMaxInboundPerSource: 5001\nhubMaxInboundConnections: 0\n", NULL },
	/* a default is no slip */
	{ "hubMaxInboundConnections: 10\n", NULL },
	{ "hubMaxMessageSize: 10\n", "hubMaxHeaderSize 65536 is never reached" },
	{ "hubMaxMessageSize: 0\n", NULL },
	{ "hubUsage: Internet\nhubDomainSecure: TRUE\n", "without Partners" },
	{ "hubUsage: Partner\nhubDomainSecure: TRUE\n", NULL },
	{ "hubUsage: Internet\nhubDomainSecure: TRUE\nhubGrant: Partners Submit\n", NULL },
	{ "hubMessageRateLimit: 5\nhubMessageRateSource: None\n", "holds for nobody" },
	{ "hubMessageRateLimit: 0\nhubMessageRateSource: None\n", NULL },
	{ "hubEnabled: FALSE\nhubMaxHopCount: 7\n", NULL },
};

/* It is in force all the same, and hub-validator lets it pass: see test_validator.c. */
START_TEST(what_is_odd_is_told)
{
	char text[1000];

	snprintf(text, sizeof(text), ORG LONDON HUB1 RECEIVE "%s\n", advice_rows[_i].lines);
	put_and_build(text);
	ck_assert_uint_eq(s->rejection_count, 0);
	ck_assert_uint_eq(s->warning_count, advice_rows[_i].says != NULL);
	ck_assert_uint_eq(s->advice_count, s->warning_count);
	if (advice_rows[_i].says != NULL)
		ck_assert_msg(strstr(s->warnings[0], advice_rows[_i].says) != NULL, "%s",
			s->warnings[0]);
}
END_TEST

#define SMART "hubAddressSpace: *\nhubSmartHost: relay.example\nhubSmartHostAuth: "
#define BASIC_TLS SMART "BasicAuthRequireTLS\nhubAuthUser: u\nhubAuthPassword: p\n"

static const struct {
	const char *lines;
	const char *says;	/* NULL = nothing */
} send_advice_rows[] = {
	{ SMART "HubServer\n", NULL },
	{ SMART "HubServer\nhubIgnoreSTARTTLS: TRUE\n",
	  "hubIgnoreSTARTTLS does not hold: hubSmartHostAuth HubServer needs TLS" },
	{ SMART "ExternalAuthoritative\nhubIgnoreSTARTTLS: TRUE\n", NULL },
	{ BASIC_TLS, NULL },
	{ BASIC_TLS "hubSmartHost: [192.0.2.1]\n", "hubSmartHost \"[192.0.2.1]\" has no name" },
	{ BASIC_TLS "hubSmartHost: [192.0.2.1]\nhubEnabled: FALSE\n", NULL },
	{ BASIC_TLS "hubSmartHost: [192.0.2.1]\nhubRequireTLS: TRUE\n"
	  "hubTLSAuthLevel: DomainValidation\nhubTLSDomain: a.example\n", NULL },
};

/* Out of force it would leave its mail to the next best connector. */
START_TEST(odd_send_connectors_stay_in_force)
{
	char text[1000];

	snprintf(text, sizeof(text), ORG LONDON HUB1 SEND "%s\n", send_advice_rows[_i].lines);
	put_and_build(text);
	ck_assert_uint_eq(s->rejection_count, 0);
	ck_assert_uint_eq(s->advice_count, send_advice_rows[_i].says != NULL);
	ck_assert_uint_eq(s->advice_count, s->warning_count);
	if (send_advice_rows[_i].says != NULL)
		ck_assert_msg(strstr(s->warnings[0], send_advice_rows[_i].says) != NULL, "%s",
			s->warnings[0]);
}
END_TEST

#define EDGE1 "dn: cn=edge1,cn=Servers," BASE "\nobjectClass: hubServer\ncn: edge1\n" \
	"hubRole: Edge\n"
#define BY_EDGE "\ndn: cn=By edge," CONNECTORS "\nobjectClass: hubSendConnector\n" \
	"cn: By edge\nhubAddressSpace: *\nhubSourceServer: cn=edge1,cn=Servers," BASE "\n"
#define SUBSCRIPTION "\ndn: cn=edge1,cn=Edge Subscriptions," BASE "\ncn: edge1\n" \
	"objectClass: hubEdgeSubscription\nhubServerRef: cn=edge1,cn=Servers," BASE "\n" \
	"hubServerSite: cn=London,cn=Sites," BASE "\n"

static const struct {
	const char *text;
	bool says;
} edge_advice_rows[] = {
	{ HUB1 EDGE1 BY_EDGE, true },
	{ HUB1 EDGE1 BY_EDGE SUBSCRIPTION, false },
	{ HUB1 EDGE1 BY_EDGE SUBSCRIPTION "hubRemoved: TRUE\n", true },
	{ HUB1 EDGE1 BY_EDGE SUBSCRIPTION "hubEnabled: FALSE\n", true },
	{ HUB1 EDGE1 BY_EDGE "hubEnabled: FALSE\n", false },
	{ HUB1 EDGE1 "hubEnabled: FALSE\n" BY_EDGE, false },
	{ HUB1 EDGE1 "hubServerSite: cn=London,cn=Sites," BASE "\n" BY_EDGE, false },
	/* it stands alone */
	{ EDGE1 BY_EDGE, false },
};

START_TEST(edges_that_no_hub_reaches_are_told)
{
	char text[2000];

	snprintf(text, sizeof(text), ORG LONDON "%s\n", edge_advice_rows[_i].text);
	put_and_build(text);
	ck_assert_uint_eq(s->rejection_count, 0);
	ck_assert_uint_eq(s->warning_count, edge_advice_rows[_i].says);
	ck_assert_uint_eq(s->advice_count, s->warning_count);
	if (edge_advice_rows[_i].says)
		ck_assert_ptr_nonnull(strstr(s->warnings[0], "edge1, which is subscribed to no "
			"site"));
}
END_TEST

START_TEST(what_is_not_known_is_ignored)
{
	put_and_build(ORG LONDON
		"dn: cn=x,cn=Sites," BASE "\nobjectClass: hubSpaceship\ncn: x\n\n"
		"dn: cn=Roles," BASE "\nobjectClass: groupOfNames\ncn: Roles\n\n"
		"dn: cn=Paris,cn=Sites," BASE "\nobjectClass: hubSite\ncn: Paris\nhubWarp: 9\n"
		"sn: x\n\n"
		"dn: cn=elsewhere,dc=example,dc=com\nobjectClass: hubSite\ncn: elsewhere\n\n");
	ck_assert_uint_eq(s->all[OBJ_SITE].n, 2);
	ck_assert_uint_eq(s->warning_count, 2);
	ck_assert_ptr_nonnull(strstr(s->warnings[0], "hubSpaceship"));
	ck_assert_ptr_nonnull(strstr(s->warnings[1], "hubWarp"));
	ck_assert_uint_eq(s->rejection_count, 0);
}
END_TEST

START_TEST(refresh_sweeps_and_rename_keeps)
{
	put_and_build(ORG LONDON HUB1 OUT);
	ck_assert_uint_eq(builder_count(b), 4);
	org_text_put(b, "dn: cn=Exit," CONNECTORS "\nobjectClass: hubSendConnector\ncn: Exit\n" UUID
		"hubSourceServer: cn=hub1,cn=Servers," BASE "\nhubAddressSpace: *\n\n");
	ck_assert_uint_eq(builder_count(b), 4);
	build();
	ck_assert_ptr_null(snapshot_find(s, OBJ_SEND_CONNECTOR, "Out"));
	ck_assert_ptr_nonnull(snapshot_find(s, OBJ_SEND_CONNECTOR, "exit"));
	/* out of the organization */
	org_text_put(b, "dn: cn=Exit,dc=example,dc=com\nobjectClass: hubSendConnector\ncn: Exit\n"
		UUID "\n");
	ck_assert_uint_eq(builder_count(b), 3);
	builder_refresh_begin(b);
	org_text_put(b, ORG LONDON);
	builder_refresh_end(b);
	ck_assert_uint_eq(builder_count(b), 2);
}
END_TEST

/* An object beyond the bounds is rejected alone and nothing of it is kept. */
START_TEST(too_many_values_reject_one_object)
{
	static struct blob values[1001];
	struct blob class = { (const unsigned char *)"hubSite", 7 };
	struct blob cn = { (const unsigned char *)"Big", 3 };
	const struct entry_attr attrs[] = {
		{ "objectClass", &class, 1 }, { "cn", &cn, 1 }, { "hubSubnet", values, 1001 },
	};
	const struct entry e = { .dn = "cn=Big,cn=Sites," BASE, .attrs = attrs, .n = 3 };
	size_t i;

	for (i = 0; i < 1001; i++)
		values[i] = (struct blob){ (const unsigned char *)"10.0.0.0/8", 10 };
	builder_put(b, &e);
	put_and_build(ORG LONDON);
	ck_assert_uint_eq(s->rejection_count, 1);
	ck_assert_ptr_nonnull(strstr(s->rejections[0].reason, "1000"));
	ck_assert_uint_eq(s->all[OBJ_SITE].n, 1);
}
END_TEST

static const struct {
	const char *domain, *name;
} lookups[] = {
	{ "example.com", "exact" }, { "a.example.com", "tree" }, { "b.a.example.com", "tree" },
	{ "deep.sub.example.com", "subtree" }, { "sub.example.com", "subtree" },
	{ "xexample.com", NULL }, { "com", NULL }, { "off.example", NULL },
};

START_TEST(most_specific_domain_is_found)
{
#define DOMAIN(name, domain) "dn: cn=" name ",cn=Accepted Domains," BASE                          \
	"\nobjectClass: hubAcceptedDomain\ncn: " name "\nhubDomain: " domain "\n"
	const struct accepted_domain *found;

	put_and_build(DOMAIN("exact", "example.com") "\n" DOMAIN("tree", "*.example.com") "\n"
		DOMAIN("subtree", "*.sub.example.com") "\n"
		DOMAIN("off", "off.example") "hubEnabled: FALSE\n\n"
		"dn: cn=Default,cn=Remote Domains," BASE "\nobjectClass: hubRemoteDomain\n"
		"cn: Default\n"
		"hubDomain: *\n\n");
	found = snapshot_accepted_domain(s, lookups[_i].domain);
	if (lookups[_i].name == NULL)
		ck_assert_ptr_null(found);
	else
		ck_assert_str_eq(found->obj.name, lookups[_i].name);
	ck_assert_str_eq(snapshot_remote_domain(s, lookups[_i].domain)->obj.name, "Default");
}
END_TEST

#define DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(servers_are_found_by_key_and_host)
{
	const struct server *server;

	put_and_build("dn: cn=k,cn=Servers," BASE "\nobjectClass: hubServer\ncn: k\nhubRole: Hub\n"
		"hubKeyDigest: sha256:0123456789ABCDEF0123456789abcdef"
		"0123456789abcdef0123456789abcdef\n\n"
		"dn: cn=MBX,cn=Servers," BASE "\nobjectClass: hubMailboxServer\ncn: MBX\n"
		"hubFQDN: Mbx.example.com\n\n");
	server = snapshot_server_by_key(s, DIGEST);
	ck_assert_ptr_nonnull(server);
	ck_assert(server_has_key(server, DIGEST));
	ck_assert_ptr_nonnull(snapshot_mailbox_server(s, "mbx.EXAMPLE.com"));
	ck_assert_ptr_eq(snapshot_mailbox_server(s, "mbx"), snapshot_mailbox_server(s,
		"mbx.example.com"));
	ck_assert_ptr_null(snapshot_mailbox_server(s, "mbx.example"));
	put_and_build("dn: cn=k,cn=Servers," BASE "\nobjectClass: hubServer\ncn: k\nhubRole: Hub\n"
		"hubEnabled: FALSE\nhubKeyDigest: " DIGEST "\n\n");
	ck_assert_ptr_null(snapshot_server_by_key(s, DIGEST));
}
END_TEST

struct referrers {
	char text[400];
};

static void note_referrer(const struct obj *o, const char *attr, void *ctx)
{
	struct referrers *r = ctx;
	size_t n = strlen(r->text);

	snprintf(r->text + n, sizeof(r->text) - n, "%s %s;", o->name, attr != NULL ? attr :
		"below");
}

START_TEST(referrers_are_listed)
{
	struct referrers r = { "" };

	put_and_build(ORG LONDON HUB1 OUT "dn: cn=In,cn=hub1,cn=Servers," BASE
		"\nobjectClass: hubReceiveConnector\ncn: In\n\n");
	snapshot_each_referrer(s, snapshot_find(s, OBJ_SERVER, "hub1"), note_referrer, &r);
	ck_assert_str_eq(r.text, "Out hubSourceServer;In below;");
}
END_TEST

START_TEST(json_has_types_and_no_secrets)
{
	json_t *json;
	char *text;

	put_and_build(ORG LONDON HUB1 SEND "hubAddressSpace: *\nhubSmartHost: b.example\n"
		"hubSmartHost: a.example:26\nhubSmartHostAuth: BasicAuth\nhubAuthUser: u\n"
		"hubAuthPassword: opensesame\n\n");
	ck_assert_uint_eq(s->rejection_count, 0);
	json = object_to_json(s->all[OBJ_SEND_CONNECTOR].v[0]);
	text = json_dumps(json, JSON_SORT_KEYS | JSON_COMPACT);
	ck_assert_ptr_null(strstr(text, "opensesame"));
	ck_assert_ptr_nonnull(strstr(text, "\"port\":25"));
	ck_assert_ptr_nonnull(strstr(text, "\"dns-routing\":false"));
	ck_assert_ptr_nonnull(strstr(text, "\"smart-host\":[\"a.example:26\",\"b.example\"]"));
	ck_assert_ptr_nonnull(strstr(text, "\"address-space\":[\"SMTP:*;1\"]"));
	ck_assert_ptr_nonnull(strstr(text, "\"usage\":\"Custom\""));
	ck_assert_ptr_null(strstr(text, "tls-auth-level"));
	free(text);
	json_decref(json);
}
END_TEST

static void *drop_references(void *arg)
{
	const struct snapshot *mine = arg;

	snapshot_unref(&mine);
	return NULL;
}

/* The last reference may go on any thread, after the builder itself. */
START_TEST(snapshot_outlives_its_builder)
{
	pthread_t thread;

	put_and_build(ORG LONDON HUB1 OUT);
	snapshot_ref(s);
	builder_free(&b);
	ck_assert_int_eq(pthread_create(&thread, NULL, drop_references, (void *)(uintptr_t)s), 0);
	pthread_join(thread, NULL);
	ck_assert_str_eq(s->all[OBJ_SITE].v[0]->name, "London");
}
END_TEST

/* In a file the order is that of the lines, whatever the names: the later one loses. */
START_TEST(later_in_a_file_loses_a_conflict)
{
	static const char text[] = "version: 1\n\n"
		"dn: cn=Zed,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\ncn: Zed\n"
		"hubDomain: example.com\n\n"
		"dn: cn=Anna,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\n"
		"cn:: QW5uYQ==\nhubDomain: example.com\n\n"
		"dn: cn=Beta,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\n"
		"cn: Beta\nhubDomain: beta.example\n";
	char path[] = "/tmp/test_org_XXXXXX";
	int fd = mkstemp(path);
	struct err e;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, text, sizeof(text) - 1), (ssize_t)sizeof(text) - 1);
	close(fd);
	ck_assert_msg(builder_read_ldif(b, path, &e) == 0, "%s", e.text);
	unlink(path);
	build();
	ck_assert_uint_eq(s->rejection_count, 1);
	ck_assert_ptr_nonnull(strstr(s->rejections[0].dn, "Anna"));
	/* what is in force is in the order of names all the same */
	ck_assert_uint_eq(s->all[OBJ_ACCEPTED_DOMAIN].n, 2);
	ck_assert_str_eq(s->all[OBJ_ACCEPTED_DOMAIN].v[0]->name, "Beta");
	ck_assert_ptr_nonnull(snapshot_find(s, OBJ_ACCEPTED_DOMAIN, "zed"));
	ck_assert_int_lt(builder_read_ldif(b, path, &e), 0);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	TCase *cases[] = { tcase_create("snapshot") };
	TCase *c = cases[0];

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_test(c, empty_directory_has_defaults);
	tcase_add_test(c, references_are_resolved);
	tcase_add_test(c, dangling_reference_is_reported_and_absent);
	tcase_add_loop_test(c, what_is_odd_is_told, 0,
		sizeof(advice_rows) / sizeof(advice_rows[0]));
	tcase_add_loop_test(c, odd_send_connectors_stay_in_force, 0,
		sizeof(send_advice_rows) / sizeof(send_advice_rows[0]));
	tcase_add_loop_test(c, edges_that_no_hub_reaches_are_told, 0,
		sizeof(edge_advice_rows) / sizeof(edge_advice_rows[0]));
	tcase_add_test(c, rate_of_clients_is_by_user);
	tcase_add_test(c, default_domain_that_is_not_accepted_is_reported);
	tcase_add_test(c, last_good_form_stays_in_force);
	tcase_add_test(c, last_good_form_must_still_pass);
	tcase_add_test(c, last_good_form_survives_a_restart);
	tcase_add_test(c, later_in_a_file_loses_a_conflict);
	tcase_add_loop_test(c, later_name_loses_a_conflict_in_any_order, 0, 2);
	tcase_add_test(c, fingerprint_is_of_the_meaning);
	tcase_add_loop_test(c, fingerprint_sees_every_change, 0, COUNT(changes));
	tcase_add_test(c, fingerprint_knows_late_defaults);
	tcase_add_test(c, what_is_not_known_is_ignored);
	tcase_add_test(c, refresh_sweeps_and_rename_keeps);
	tcase_add_test(c, too_many_values_reject_one_object);
	tcase_add_loop_test(c, most_specific_domain_is_found, 0, COUNT(lookups));
	tcase_add_test(c, servers_are_found_by_key_and_host);
	tcase_add_test(c, referrers_are_listed);
	tcase_add_test(c, json_has_types_and_no_secrets);
	tcase_add_test(c, snapshot_outlives_its_builder);
	return unit_run("org_snapshot", cases, 1);
}
