/* test_route_directory.c - routing over snapshots that libhub/org built from entries
 *
 * The rules have their rows in test_choose and its neighbours; here it is seen that what the
 * directory says reaches them: references, defaults, parsed values, rejected objects.
 */
#include <string.h>

#include "libhub/routing/route.h"
#include "org_text.h"
#include "unit.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define SITE "cn=Sites," BASE
#define LINK "cn=Site Links," BASE
#define SERVERS "cn=Servers," BASE
#define CONNECTORS "cn=Connectors," BASE
#define SEND(name) "dn: cn=" name "," CONNECTORS "\nobjectClass: hubSendConnector\ncn: " name "\n"
#define SOURCE(name) "hubSourceServer: CN=" name ", " SERVERS "\n"
#define HUB(name, site) "dn: cn=" name "," SERVERS "\nobjectClass: hubServer\ncn: " name \
	"\nhubRole: Hub\nhubServerSite: cn=" site "," SITE "\n\n"

static const char world[] =
	"dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n"
	"dn: cn=London," SITE "\nobjectClass: hubSite\ncn: London\n\n"
	"dn: cn=paris," SITE "\nobjectClass: hubSite\ncn: paris\nhubHubSite: TRUE\n\n"
	"dn: cn=Rome," SITE "\nobjectClass: hubSite\ncn: Rome\n\n"
	"dn: cn=L1," LINK "\nobjectClass: hubSiteLink\ncn: L1\nhubSiteList: cn=London," SITE
	"\nhubSiteList: cn=paris," SITE "\nhubTransportCost: 7\n\n"
	"dn: cn=L2," LINK "\nobjectClass: hubSiteLink\ncn: L2\nhubSiteList: cn=Rome," SITE
	"\nhubSiteList: cn=paris," SITE "\nhubMaxMessageSize: 5000\n\n"
	HUB("hub1", "London") HUB("hub2", "London") HUB("hub3", "paris") HUB("hub4", "Rome")
	"dn: cn=edge1," SERVERS "\nobjectClass: hubServer\ncn: edge1\nhubRole: Edge\n\n"
	"dn: cn=edge1,cn=Edge Subscriptions," BASE "\nobjectClass: hubEdgeSubscription\ncn: edge1\n"
	"hubServerRef: cn=edge1," SERVERS "\nhubServerSite: cn=Rome," SITE "\n\n"
	SEND("Internet") SOURCE("hub1") SOURCE("hub2") "hubAddressSpace: *;9\n"
	"hubSmartHost: mx2.isp.example\nhubSmartHost: [192.0.2.9]:26\n\n"
	SEND("Partner") SOURCE("hub4") "hubAddressSpace: SMTP:*.partner.example;3\n\n"
	SEND("Edge") SOURCE("edge1") "hubAddressSpace: edge.example\n\n"
	SEND("Broken") SOURCE("hub1") "hubAddressSpace: *\nhubRequireTLS: TRUE\n"
	"hubIgnoreSTARTTLS: TRUE\n\n"
	"dn: cn=Fax," CONNECTORS "\nobjectClass: hubForeignConnector\ncn: Fax\n"
	SOURCE("hub3") "hubAddressSpace: FAX:+44*;1\n\n"
	"dn: cn=Own,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\ncn: Own\n"
	"hubDomain: example.com\n\n"
	"dn: cn=mbx1," SERVERS "\nobjectClass: hubMailboxServer\ncn: mbx1\n"
	"hubFQDN: mbx1.example.com\nhubServerSite: cn=London," SITE "\n\n";

static const char people[] =
	"dn: uid=anna,dc=example,dc=com\nobjectClass: inetOrgPerson\nmail: Anna@example.com\n"
	"mailLocalAddress: a@example.com\nmailHost: MBX1.example.com\n\n"
	"dn: uid=bert,dc=example,dc=com\nobjectClass: inetOrgPerson\nmail: bert@example.com\n"
	"mailRoutingAddress: a@example.com\n\n"
	"dn: uid=cleo,dc=example,dc=com\nobjectClass: inetOrgPerson\nmail: cleo@example.com\n"
	"mailRoutingAddress: c17@store.lan\nmailHost: mbx1\n\n";

#define ISP "[192.0.2.9]:26,mx2.isp.example"

/* server decision [connector cost queue-type queue-domain] of each hop */
static const struct { const char *server, *address; uint64_t size; const char *way; } rows[] = {
	{ "hub1", "u@other.example", 1,
		"hub1 connector Internet 9 SmartHostConnectorDelivery " ISP },
	{ "hub4", "u@other.example", 1,
		"hub4 relay Internet 116 SmtpRelayToSite paris; "
		"hub3 relay Internet 16 SmtpRelayToConnectorSources hub1,hub2; "
		"hub1 connector Internet 9 SmartHostConnectorDelivery " ISP },
	{ "hub1", "u@mail.partner.example", 5000,
		"hub1 relay Partner 110 SmtpRelayToSite paris; "
		"hub3 relay Partner 103 SmtpRelayToConnectorSources hub4; "
		"hub4 connector Partner 3 DnsConnectorDelivery mail.partner.example" },
	{ "hub1", "u@partner.example", 5001, "hub1 report 5.3.4" },
	{ "hub3", "u@edge.example", 1,
		"hub3 relay Edge 101 SmtpRelayToSite Rome; "
		"hub4 relay Edge 1 SmtpRelayToEdge edge1; "
		"edge1 connector Edge 1 DnsConnectorDelivery edge.example" },
	{ "hub2", "FAX:+44 20", 1,
		"hub2 relay Fax 8 SmtpRelayToConnectorSources hub3; "
		"hub3 connector Fax 1 NonSmtpGatewayDelivery +44*" },
	/* the default limit of a Send connector is 10 MB */
	{ "hub1", "u@other.example", 10485760,
		"hub1 connector Internet 9 SmartHostConnectorDelivery " ISP },
	{ "hub1", "u@other.example", 10485761, "hub1 report 5.3.4" },
	{ "hub1", "u@example.com", 1, "hub1 null" },
};

static const char *field(const json_t *o, const char *key)
{
	const char *s = json_string_value(json_object_get(o, key));

	return s != NULL ? s : "null";
}

static void way_text(const json_t *o, char *buf, size_t size)
{
	FILE *out = fmemopen(buf, size, "w");
	const json_t *hop;

	for (hop = o; json_is_object(hop); hop = json_object_get(hop, "then")) {
		const json_t *queue = json_object_get(hop, "queue");

		fprintf(out, "%s%s %s", hop == o ? "" : "; ", field(hop, "server"),
			field(hop, "decision"));
		if (json_is_object(queue))
			fprintf(out, " %s %lld %s %s", field(hop, "connector"),
				(long long)json_integer_value(json_object_get(hop, "cost")),
				field(queue, "type"), field(queue, "domain"));
		else if (json_is_string(json_object_get(hop, "status")) &&
			json_is_string(json_object_get(hop, "decision")))
			fprintf(out, " %s", field(hop, "status"));
	}
	fclose(out);
}

START_TEST(from_entries)
{
	struct builder *b = builder_new(BASE);
	const struct snapshot *s;
	char text[600];
	json_t *o;

	org_text_put(b, world);
	s = builder_build(b, NULL);
	o = route_explain(s, rows[_i].server, rows[_i].address, rows[_i].size, NULL, NULL,
		NULL);
	ck_assert_ptr_nonnull(o);
	way_text(o, text, sizeof(text));
	ck_assert_str_eq(text, rows[_i].way);
	json_decref(o);
	snapshot_unref(&s);
	builder_free(&b);
}
END_TEST

static void put_person(const struct entry *e, void *ctx)
{
	recipients_put(ctx, e);
}

/* Seen from hub2. */
static const struct { const char *address, *envelope, *mailbox, *status; } people_rows[] = {
	{ "anna@example.com", "anna@example.com", "anna@example.com", "" },
	{ "A@Example.com", "A@Example.com", "anna@example.com", "" },
	{ "bert@example.com", "a@example.com", "anna@example.com", "" },
	{ "cleo@example.com", "c17@store.lan", "cleo@example.com", "" },
	{ "dora@example.com", "dora@example.com", "", "5.1.1" },
};

START_TEST(from_people)
{
	struct builder *b = builder_new(BASE);
	struct recipients *r = recipients_new();
	struct arena *a = arena_new();
	const struct routing_table *t;
	const struct snapshot *s;
	struct resolved res;

	org_text_put(b, world);
	org_text_each(people, put_person, r);
	s = builder_build(b, NULL);
	t = routing_table_new(s, "hub2", NULL);
	ck_assert_ptr_nonnull(t);
	route_resolve(t, r, people_rows[_i].address, 1, NULL, a, NULL, &res);
	ck_assert_int_eq(res.outcome, RESOLVED_DEFER);
	recipients_set_loaded(r);
	route_resolve(t, r, people_rows[_i].address, 1, NULL, a, NULL, &res);
	ck_assert_str_eq(res.address, people_rows[_i].envelope);
	ck_assert_str_eq(res.mailbox, people_rows[_i].mailbox);
	ck_assert_str_eq(res.status, people_rows[_i].status);
	if (res.outcome == RESOLVED_ROUTED)
		ck_assert_str_eq(res.route.mailbox_server->obj.name, "mbx1");
	routing_table_unref(&t);
	snapshot_unref(&s);
	arena_free(&a);
	recipients_free(&r);
	builder_free(&b);
}
END_TEST

START_TEST(rejected_are_named)
{
	struct builder *b = builder_new(BASE);
	const struct snapshot *s;
	json_t *o, *first;

	org_text_put(b, world);
	s = builder_build(b, NULL);
	o = route_explain(s, "hub1", "u@other.example", 1, NULL, NULL, NULL);
	ck_assert_ptr_nonnull(o);
	first = json_array_get(json_object_get(o, "candidates"), 0);
	ck_assert_str_eq(field(first, "connector"), "Broken");
	ck_assert_str_eq(field(first, "lost_by"), "invalid");
	json_decref(o);
	snapshot_unref(&s);
	builder_free(&b);
}
END_TEST

/* A table keeps its snapshot, whoever else lets go of it. */
START_TEST(table_keeps_snapshot)
{
	struct builder *b = builder_new(BASE);
	const struct routing_table *t, *also;
	const struct snapshot *s;
	struct arena *a = arena_new();
	struct route r;

	org_text_put(b, world);
	s = builder_build(b, NULL);
	t = routing_table_new(s, "hub1", NULL);
	ck_assert_ptr_nonnull(t);
	snapshot_unref(&s);
	builder_free(&b);
	also = routing_table_ref(t);
	routing_table_unref(&t);
	ck_assert_ptr_null(t);
	route_external(also, "SMTP", "x.example", 1, NULL, a, NULL, &r);
	ck_assert_str_eq(r.connector->obj.name, "Internet");
	ck_assert_str_eq(routing_table_self(also)->obj.name, "hub1");
	routing_table_unref(&also);
	arena_free(&a);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("route_directory");

	tcase_add_loop_test(tc, from_entries, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, from_people, 0, sizeof(people_rows) / sizeof(people_rows[0]));
	tcase_add_test(tc, rejected_are_named);
	tcase_add_test(tc, table_keeps_snapshot);
	return unit_run("route_directory", &tc, 1);
}
