/* test_explain.c - the document of a decision: its fields, every lost_by, the way to the end */
#include <string.h>

#include "routing_org.h"
#include "unit.h"

static const char *field(const json_t *o, const char *key)
{
	const json_t *v = json_object_get(o, key);

	ck_assert_msg(v != NULL, "no %s", key);
	return json_is_null(v) ? "null" : json_string_value(v);
}

/* An array of strings joined by commas. */
static const char *joined(const json_t *array, char *buf, size_t size)
{
	size_t i, at = 0;

	buf[0] = '\0';
	for (i = 0; i < json_array_size(array); i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i == 0 ? "" : ",",
			json_string_value(json_array_get(array, i)));
	return buf;
}

static json_t *explain(struct fixture *f, const char *server, const char *address, uint64_t size,
	struct recipients *recipients)
{
	struct err e = { 0 };
	json_t *o = route_explain(fixture_snapshot(f), server, address, size, NULL, recipients, &e);

	ck_assert_msg(o != NULL, "%s", e.text);
	return o;
}

/* Seen from hub1 with 1000 bytes to x.a.example: connectors, and every candidate's fate. */
static const struct { const char *connectors, *fates; } rows[] = {
	{ "", "" },
	{ "send c * hub1", "c=null" },
	{ "send c * hub1\nsend d * hub1 off", "c=null,d=disabled" },
	{ "send c * hub1\nsend d * -\nsend e * hub6", "c=null,d=no-source,e=no-source" },
	{ "send c * hub1\nsend d * hub7\nsend e * edge2", "c=null,d=unreachable,e=unreachable" },
	{ "send c * hub1\nsend d * hub3 scoped", "c=null,d=scope" },
	{ "send c * hub1\nsend d b.example hub1\nagent e FAX:* hub1\nsend f -- hub1",
		"c=null,d=no-match,e=no-match,f=no-match" },
	{ "send c * hub1\nsend d *.a.example hub5\nsend e *.example hub1",
		"c=less-specific,d=null,e=less-specific" },
	/* its most specific match is what counts */
	{ "send c *|x.a.example;9 hub1\nsend d *.a.example hub1", "c=null,d=less-specific" },
	{ "send c * hub1\nsend d * hub1 max=999", "c=null,d=size" },
	{ "send c * hub1\nsend d *.example hub1 max=999", "c=less-specific,d=size" },
	{ "send c * hub1\nsend d * hub5", "c=null,d=cost" },
	{ "send c *;5 hub2\nsend d *;5 hub1", "c=proximity,d=null" },
	{ "send d * hub1\nsend C * hub1", "C=null,d=name" },
	/* the first reason counts */
	{ "send c * hub7 off max=1\nsend d b.example hub7", "c=disabled,d=unreachable" },
};

START_TEST(candidates)
{
	struct fixture *f = routing_org_new();
	char text[400] = "";
	json_t *o, *list;
	size_t i;

	routing_org_connectors(f, rows[_i].connectors);
	o = explain(f, "hub1", "u@x.a.example", 1000, NULL);
	list = json_object_get(o, "candidates");
	for (i = 0; i < json_array_size(list); i++) {
		strcat(text, i == 0 ? "" : ",");
		strcat(text, field(json_array_get(list, i), "connector"));
		strcat(text, "=");
		strcat(text, field(json_array_get(list, i), "lost_by"));
	}
	ck_assert_str_eq(text, rows[_i].fates);
	json_decref(o);
	fixture_free(&f);
}
END_TEST

START_TEST(invalid_candidates)
{
	struct fixture *f = routing_org_new();
	json_t *o, *list;

	routing_org_connectors(f, "send c * hub1");
	fixture_reject(f, "cn=broken one,cn=Connectors,cn=T", "hubSendConnector", false);
	fixture_reject(f, "cn=kept,cn=Connectors,cn=T", "hubSendConnector", true);
	fixture_reject(f, "cn=Paris,cn=Sites,cn=T", "hubSite", false);
	fixture_reject(f, "no dn", "hubForeignConnector", false);
	o = explain(f, "hub1", "u@a.example", 1, NULL);
	list = json_object_get(o, "candidates");
	ck_assert_uint_eq(json_array_size(list), 3);
	ck_assert_str_eq(field(json_array_get(list, 0), "connector"), "broken one");
	ck_assert_str_eq(field(json_array_get(list, 0), "lost_by"), "invalid");
	ck_assert_str_eq(field(json_array_get(list, 1), "connector"), "c");
	ck_assert_str_eq(field(json_array_get(list, 2), "connector"), "no dn");
	json_decref(o);
	fixture_free(&f);
}
END_TEST

START_TEST(all_fields)
{
	struct fixture *f = routing_org_new();
	json_t *o, *hops, *tie;
	char buf[200];

	routing_org_connectors(f, "send far a.example;3 hub3\nsend rome r.example hub5");
	o = explain(f, "HUB1", "u@A.example", 7, NULL);
	ck_assert_str_eq(field(o, "server"), "hub1");
	ck_assert_str_eq(field(o, "address"), "u@A.example");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "size")), 7);
	ck_assert_str_eq(field(o, "decision"), "relay");
	ck_assert_str_eq(field(o, "connector"), "far");
	ck_assert_int_eq(json_integer_value(json_object_get(o, "cost")), 13);
	ck_assert_str_eq(joined(json_object_get(o, "path"), buf, sizeof(buf)), "London,Paris");
	ck_assert_str_eq(field(o, "next_site"), "Paris");
	ck_assert_str_eq(joined(json_object_get(o, "next_servers"), buf, sizeof(buf)), "hub3");
	ck_assert_uint_eq(json_array_size(json_object_get(o, "fallback")), 1);
	ck_assert_str_eq(joined(json_array_get(json_object_get(o, "fallback"), 0), buf,
		sizeof(buf)), "hub4");
	ck_assert_str_eq(field(json_object_get(o, "queue"), "type"), "SmtpRelayToConnectorSources");
	ck_assert_str_eq(field(json_object_get(o, "queue"), "domain"), "hub3");
	ck_assert_str_eq(field(json_object_get(o, "queue"), "connector"), "");
	ck_assert_str_eq(field(o, "status"), "null");
	json_decref(o);
	/* the tie that the name broke: Oslo before Paris on the way to Rome */
	o = explain(f, "hub1", "u@r.example", 7, NULL);
	hops = json_object_get(o, "hops");
	ck_assert_uint_eq(json_array_size(hops), 2);
	tie = json_array_get(json_object_get(json_array_get(hops, 1), "ties"), 0);
	ck_assert_str_eq(field(tie, "instead_of"), "Paris");
	ck_assert_str_eq(field(tie, "by"), "name");
	json_decref(o);
	fixture_free(&f);
}
END_TEST

/* From server: each hop's server and decision until the end. */
static const struct { const char *server, *hub_site, *address; uint64_t size; const char *way; }
ways[] = {
	{ "hub1", NULL, "u@a.example", 1, "hub1 connector" },
	{ "hub2", NULL, "u@a.example", 1, "hub2 relay, hub1 connector" },
	{ "hub8", NULL, "u@a.example", 1, "hub8 relay, hub1 connector" },
	{ "hub8", "Paris", "u@a.example", 1, "hub8 relay, hub3 relay, hub1 connector" },
	{ "hub8", "Paris", "u@e.example", 1,
		"hub8 relay, hub3 relay, hub1 relay, edge1 connector" },
	{ "hub8", NULL, "u@a.example", 2000000, "hub8 report" },
	{ "hub1", NULL, "u@none.example", 1, "hub1 unreachable" },
	{ "hub1", NULL, "FAX:1", 1, "hub1 report" },
	{ "hub8", "Paris", "local@contoso.com", 1, "hub8 relay, hub3 relay, hub1 mailbox" },
	{ "hub8", NULL, "store@contoso.com", 1, "hub8 relay, hub1 mailbox" },
	{ "edge1", NULL, "far@contoso.com", 1, "edge1 connector, hub1 relay, hub3 mailbox" },
	{ "hub8", NULL, "nobody@contoso.com", 1, "hub8 report" },
	{ "hub8", NULL, "list@contoso.com", 1, "hub8 null" },
};

START_TEST(hop_by_hop)
{
	struct fixture *f = routing_org_new();
	char text[300] = "";
	json_t *o, *hop;

	fixture_accepted(f, "contoso.com", ACCEPTED_AUTHORITATIVE);
	fixture_person(f, "local@contoso.com", "", "mbx-London");
	fixture_person(f, "store@contoso.com", "id@store.lan", "mbx-London");
	fixture_person(f, "far@contoso.com", "", "mbx-Paris");
	fixture_recipient(f, "list@contoso.com", RECIPIENT_GROUP);
	routing_org_connectors(f, "send a a.example hub1\nsend e e.example edge1\n"
		"send in -- edge1 hosts=--");
	if (ways[_i].hub_site != NULL)
		((struct site *)(uintptr_t)snapshot_find(fixture_snapshot(f), OBJ_SITE,
			ways[_i].hub_site))->hub_site = true;
	o = explain(f, ways[_i].server, ways[_i].address, ways[_i].size, fixture_recipients(f));
	for (hop = o; json_is_object(hop); hop = json_object_get(hop, "then")) {
		strcat(text, hop == o ? "" : ", ");
		strcat(text, field(hop, "server"));
		strcat(text, " ");
		strcat(text, field(hop, "decision"));
	}
	ck_assert_str_eq(text, ways[_i].way);
	json_decref(o);
	fixture_free(&f);
}
END_TEST

START_TEST(refusals_and_unknowns)
{
	struct fixture *f = routing_org_new();
	struct err e = { 0 };
	json_t *o;

	fixture_accepted(f, "contoso.com", ACCEPTED_AUTHORITATIVE);
	o = explain(f, "hub1", "local@contoso.com", 1, NULL);
	ck_assert_str_eq(field(o, "decision"), "null");
	ck_assert(json_is_false(json_object_get(o, "examined")));
	ck_assert_str_eq(field(o, "text"), "recipients were not examined");
	json_decref(o);
	o = explain(f, "hub1", "nobody@contoso.com", 1, fixture_recipients(f));
	ck_assert_str_eq(field(o, "decision"), "report");
	ck_assert_str_eq(field(o, "status"), "5.1.1");
	ck_assert(json_is_null(json_object_get(o, "queue")));
	ck_assert(json_is_null(json_object_get(o, "cost")));
	json_decref(o);
	/* bytes that are no UTF-8 are shown, not fatal */
	o = explain(f, "hub1", "\xff@a.example", 1, NULL);
	ck_assert_str_eq(field(o, "address"), "?@a.example");
	json_decref(o);
	ck_assert_ptr_null(route_explain(fixture_snapshot(f), "nobody", "a@b.c", 1, NULL, NULL,
		&e));
	ck_assert_str_eq(e.text, "no server named nobody in the directory");
	ck_assert_ptr_null(route_explain(fixture_snapshot(f), "hub1", "", 1, NULL, NULL, &e));
	ck_assert_str_eq(e.text, "no address to explain");
	fixture_free(&f);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("explain");

	tcase_add_loop_test(tc, candidates, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, invalid_candidates);
	tcase_add_test(tc, all_fields);
	tcase_add_loop_test(tc, hop_by_hop, 0, sizeof(ways) / sizeof(ways[0]));
	tcase_add_test(tc, refusals_and_unknowns);
	return unit_run("explain", &tc, 1);
}
