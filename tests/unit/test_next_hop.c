/* test_next_hop.c - where mail goes now: a row for each rule (hub-routing(7) sections 3, 6, 7) */
#include <stdio.h>
#include <string.h>

#include "libhub/routing/next_hop.h"
#include "routing_org.h"
#include "unit.h"

/* hub_sites: joined by commas. to: a domain, or @mailbox-server. */
static const struct {
	const char *self, *hub_sites, *connectors, *to;
	uint64_t size;
	const char *hop, *path;
} rows[] = {
	/* I am a source server: MX, smart hosts (sorted), foreign, agent */
	{ "hub1", "", "send c * hub1,hub2", "a.example", 1,
		"connector c cost 1 queue DnsConnectorDelivery a.example", "London" },
	{ "hub1", "", "send c * hub1 hosts=mx.b,[192.0.2.1]:26,mx.a", "a.example", 1,
		"connector c cost 1 queue SmartHostConnectorDelivery [192.0.2.1]:26,mx.a,mx.b",
		"London" },
	{ "hub1", "", "foreign c *.A.example hub1", "b.a.example", 1,
		"connector c cost 1 queue NonSmtpGatewayDelivery *.A.example", "London" },
	{ "hub1", "", "agent c * hub1", "a.example", 1,
		"connector c cost 1 queue DeliveryAgent *", "London" },
	/* also when there are others */
	{ "hub2", "", "send c * hub1,hub2", "a.example", 1,
		"connector c cost 1 queue DnsConnectorDelivery a.example", "London" },
	{ "edge1", "", "send c * edge1", "a.example", 1,
		"connector c cost 1 queue DnsConnectorDelivery a.example", "London" },
	/* a source server in my site */
	{ "hub1", "", "send c * hub2", "a.example", 1,
		"relay c cost 1 to London hub2 queue SmtpRelayWithinSite hub2", "London" },
	{ "hub1", "", "send c * hub2,hub5", "a.example", 1,
		"relay c cost 1 to London hub2 queue SmtpRelayWithinSite hub2", "London" },
	/* source servers elsewhere: straight to them, then another hub of that site */
	{ "hub1", "", "send c * hub4", "a.example", 1,
		"relay c cost 11 to Paris hub4 fallback hub3 "
		"queue SmtpRelayToConnectorSources hub4", "London,Paris" },
	{ "hub1", "", "send c * hub4,hub3,hub4", "a.example", 1,
		"relay c cost 11 to Paris hub3,hub4 "
		"queue SmtpRelayToConnectorSources hub3,hub4", "London,Paris" },
	{ "hub1", "", "send c * hub5", "a.example", 1,
		"relay c cost 21 to Rome hub5 queue SmtpRelayToConnectorSources hub5",
		"London,Oslo,Rome" },
	/* of source servers at two sites of one cost, those fewer hops away */
	{ "hub1", "", "send c * hub5,hub9", "a.example", 1,
		"relay c cost 21 to Zurich hub9 queue SmtpRelayToConnectorSources hub9",
		"London,Zurich" },
	/* at a hub site before it: to any hub there; the nearest counts */
	{ "hub8", "Paris", "send c * hub2", "a.example", 1,
		"relay c cost 16 to Paris hub3,hub4 queue SmtpRelayToSite Paris",
		"Bern,Paris,London" },
	{ "hub8", "London,Paris", "send c * hub9", "a.example", 1,
		"relay c cost 36 to Paris hub3,hub4 queue SmtpRelayToSite Paris",
		"Bern,Paris,London,Zurich" },
	{ "hub8", "London", "send c * hub9", "a.example", 1,
		"relay c cost 36 to London hub1,hub2 fallback hub3,hub4 "
		"queue SmtpRelayToSite London",
		"Bern,Paris,London,Zurich" },
	/* the destination being a hub site changes nothing, nor does mine, nor one off the path */
	{ "hub8", "London,Bern,Rome", "send c * hub2", "a.example", 1,
		"relay c cost 16 to London hub2 fallback hub1 fallback hub3,hub4 "
		"queue SmtpRelayToConnectorSources hub2", "Bern,Paris,London" },
	/* a hub site without a hub is none */
	{ "hub1", "Oslo", "send c * hub5", "a.example", 1,
		"relay c cost 21 to Rome hub5 queue SmtpRelayToConnectorSources hub5",
		"London,Oslo,Rome" },
	/* edges: from hubs of their site only; others relay to any hub of that site */
	{ "hub1", "", "send c * edge1", "a.example", 1,
		"relay c cost 1 to London edge1 queue SmtpRelayToEdge edge1", "London" },
	{ "hub3", "", "send c * edge1", "a.example", 1,
		"relay c cost 11 to London hub1,hub2 queue SmtpRelayToSite London",
		"Paris,London" },
	{ "hub8", "Paris", "send c * edge1", "a.example", 1,
		"relay c cost 16 to Paris hub3,hub4 queue SmtpRelayToSite Paris",
		"Bern,Paris,London" },
	{ "hub1", "", "send c * edge2", "a.example", 1, "unreachable", "" },
	/* a link's limit counts on the whole path, and makes no detour */
	{ "hub8", "", "send c * hub1", "a.example", 1000000,
		"relay c cost 16 to London hub1 fallback hub2 fallback hub3,hub4 "
		"queue SmtpRelayToConnectorSources hub1", "Bern,Paris,London" },
	{ "hub8", "", "send c * hub1", "a.example", 1000001, "report 5.3.4",
		"Bern,Paris,London" },
	{ "hub1", "Paris", "send c * hub8", "a.example", 1000001, "report 5.3.4",
		"London,Paris,Bern" },
	{ "hub8", "", "send c * hub8", "a.example", 1000001,
		"connector c cost 1 queue DnsConnectorDelivery a.example", "Bern" },
	/* limits are no input of the choice: b is as near as its path, then the link refuses */
	{ "hub8", "", "send a *;100 hub8\nsend b *;1 hub3", "a.example", 1000001,
		"report 5.3.4", "Bern,Paris" },
	/* mailbox servers: here, elsewhere, behind a hub site */
	{ "hub1", "", "", "@mbx-London", 1, "mailbox mbx-London", "London" },
	{ "hub1", "", "", "@mbx-Rome", 1,
		"relay mbx-Rome cost 20 to Rome hub5 queue SmtpRelayToSite Rome",
		"London,Oslo,Rome" },
	{ "hub8", "Paris", "", "@mbx-London", 1,
		"relay mbx-London cost 15 to Paris hub3,hub4 queue SmtpRelayToSite Paris",
		"Bern,Paris,London" },
	{ "hub8", "", "", "@mbx-London", 1000001, "report 5.3.4", "Bern,Paris,London" },
	/* no hub there, no path, no site of mine */
	{ "hub1", "", "", "@mbx-Oslo", 1, "unreachable", "" },
	{ "hub1", "", "", "@mbx-Island", 1, "unreachable", "" },
	{ "stray", "", "", "@mbx-London", 1, "unreachable", "" },
	{ "hub7", "", "", "@mbx-Island", 1, "mailbox mbx-Island", "Island" },
};

static void hub_sites_set(struct fixture *f, const char *names)
{
	const struct snapshot *s = fixture_snapshot(f);
	char *copy = xstrdup(names), *name, *save = NULL;

	for (name = strtok_r(copy, ",", &save); name != NULL; name = strtok_r(NULL, ",", &save))
		((struct site *)(uintptr_t)snapshot_find(s, OBJ_SITE, name))->hub_site = true;
	free(copy);
}

static void route_to(const struct routing_table *t, const char *to, uint64_t size,
	struct arena *a, struct route *r)
{
	const struct snapshot *s = routing_table_snapshot(t);

	if (to[0] == '@')
		route_mailbox(t, snapshot_mailbox_server(s, to + 1), size, a, NULL, r);
	else
		route_external(t, "SMTP", to, size, NULL, a, NULL, r);
}

static void path_text(const struct route *r, char *buf, size_t size)
{
	size_t at = 0, i;

	buf[0] = '\0';
	for (i = 0; i < r->path_len; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i == 0 ? "" : ",",
			r->path[i]->obj.name);
}

START_TEST(hops)
{
	struct fixture *f = routing_org_new();
	struct arena *a = arena_new();
	const struct routing_table *t;
	char text[300], path[300];
	struct route r;

	routing_org_connectors(f, rows[_i].connectors);
	hub_sites_set(f, rows[_i].hub_sites);
	t = routing_table_new(fixture_snapshot(f), rows[_i].self, NULL);
	ck_assert_ptr_nonnull(t);
	route_to(t, rows[_i].to, rows[_i].size, a, &r);
	routing_org_text(&r, text, sizeof(text));
	ck_assert_str_eq(text, rows[_i].hop);
	path_text(&r, path, sizeof(path));
	ck_assert_str_eq(path, rows[_i].path);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

START_TEST(absent_things)
{
	struct fixture *f = routing_org_new();
	struct arena *a = arena_new();
	const struct snapshot *s;
	const struct routing_table *t;
	struct mailbox_server *m;
	struct route r;

	routing_org_connectors(f, "send c a.example edge1");
	fixture_subscription(f, "edge1")->obj.enabled = false;
	m = fixture_mailbox_server(f, "odd", "nowhere");
	s = fixture_snapshot(f);
	t = routing_table_new(s, "hub1", NULL);
	ck_assert_ptr_nonnull(t);
	route_external(t, "SMTP", "a.example", 1, NULL, a, NULL, &r);
	ck_assert_int_eq(r.decision, ROUTE_UNREACHABLE);
	route_mailbox(t, m, 1, a, NULL, &r);
	ck_assert_str_eq(r.text, "the site of mailbox server odd does not exist or is disabled");
	m->obj.enabled = false;
	route_mailbox(t, m, 1, a, NULL, &r);
	ck_assert_str_eq(r.text, "mailbox server odd is disabled");
	ck_assert_int_eq(r.queue.type, QUEUE_UNREACHABLE);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

/* A queue's item has the pool after the arena is gone. */
START_TEST(one_hub_of_this_site)
{
	struct fixture *f = routing_org_new();
	struct server *hub = fixture_hub(f, "hub10", "London");
	struct arena *a = arena_new();
	const struct routing_table *t = routing_table_new(fixture_snapshot(f), "hub1", NULL);
	struct route r, again;

	ck_assert_ptr_nonnull(t);
	route_to_hub(t, hub, 1, a, &r);
	ck_assert_int_eq(r.queue.type, QUEUE_RELAY_WITHIN_SITE);
	ck_assert_str_eq(r.queue.domain, "hub10");
	ck_assert_uint_eq(r.next.n, 1);
	ck_assert_ptr_eq(r.next.v[0], hub);
	route_to_hub(t, hub, 1, a, &again);
	ck_assert_ptr_eq(r.next.v, again.next.v);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

START_TEST(linked)
{
	struct fixture *f = routing_org_new();
	struct arena *a = arena_new();
	const struct routing_table *t;
	struct receive_connector *in = fixture_receive(f, "in", "hub1");
	struct receive_connector *other = fixture_receive(f, "other", "hub1");
	struct send_connector *filter = fixture_send(f, "filter", "", "hub1");
	struct receive_connector earlier = *in;
	struct route r;
	char text[200];

	fixture_smart_hosts(f, filter, "f2,f1");
	filter->linked.target = &in->obj;
	t = routing_table_new(fixture_snapshot(f), "hub1", NULL);
	ck_assert_ptr_nonnull(t);
	ck_assert_ptr_eq(route_linked(t, in), filter);
	ck_assert_ptr_null(route_linked(t, other));
	/* a session may know its connector by an earlier snapshot */
	ck_assert_ptr_eq(route_linked(t, &earlier), filter);
	ck_assert(route_to_linked(t, filter, a, &r));
	routing_org_text(&r, text, sizeof(text));
	ck_assert_str_eq(text, "connector filter cost 0 queue SmartHostConnectorDelivery f1,f2");
	routing_table_unref(&t);
	filter->pool.obj.enabled = false;
	t = routing_table_new(fixture_snapshot(f), "hub1", NULL);
	ck_assert_ptr_nonnull(t);
	ck_assert_ptr_null(route_linked(t, in));
	/* mail that came in before */
	ck_assert(!route_to_linked(t, filter, a, &r));
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

/* One hub of this site, and what a queue keeps of it: the table's, however the route was made. */
START_TEST(to_one_hub)
{
	struct fixture *f = routing_org_new();
	struct arena *a = arena_new();
	const struct snapshot *s = fixture_snapshot(f);
	const struct routing_table *t = routing_table_new(s, "hub1", NULL);
	const struct server *hub = (const void *)snapshot_find(s, OBJ_SERVER, "hub2");
	struct route r, again;

	ck_assert_ptr_nonnull(t);
	route_to_hub(t, hub, 1, a, &r);
	ck_assert_int_eq(r.queue.type, QUEUE_RELAY_WITHIN_SITE);
	ck_assert_uint_eq(r.next.n, 1);
	ck_assert_ptr_eq(r.next.v[0], hub);
	route_to_hub(t, hub, 1, a, &again);
	ck_assert_ptr_eq(r.next.v, again.next.v);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

/* Delayed fan-out. A - B - C - D, C - E, B - F, A - G; B and C have hubs unless named. */
static const struct { const char *hubless, *hub_sites, *to[4], *hops[4]; } fan_outs[] = {
	/* one recipient, and several of one next hop, go straight */
	{ "", "", { "@D" }, { "D" } },
	{ "", "", { "@D", "@D" }, { "D", "D" } },
	/* the last common site */
	{ "", "", { "@D", "@E" }, { "C", "C" } },
	{ "", "", { "@D", "@F" }, { "B", "B" } },
	{ "", "", { "@D", "@E", "@F" }, { "B", "B", "B" } },
	/* other branches are untouched, and so is what stays here */
	{ "", "", { "@D", "@G", "@E", "@A" }, { "C", "G", "C", "-" } },
	/* one destination on the way to the other */
	{ "", "", { "@B", "@D" }, { "B", "B" } },
	{ "", "", { "@D", "@C", "@E" }, { "C", "C", "C" } },
	/* the fork has no hub: the last common site that has one, or none */
	{ "C", "", { "@D", "@E" }, { "B", "B" } },
	{ "B,C", "", { "@D", "@E" }, { "D", "E" } },
	{ "B", "", { "@D", "@E", "@F" }, { "C", "C", "F" } },
	{ "B", "", { "@D", "@F" }, { "D", "F" } },
	/* never past a hub site */
	{ "", "B", { "@D", "@E" }, { "B", "B" } },
	{ "", "C", { "@D", "@F" }, { "B", "B" } },
	/* two next hops at one site: one copy there */
	{ "", "", { "@D", "x.example" }, { "D", "D" } },
};

static struct fixture *tree_new(const char *hubless, const char *hub_sites)
{
	static const char *const names[] = { "A", "B", "C", "D", "E", "F", "G" };
	static const char *const links[] = { "A,B", "B,C", "C,D", "C,E", "B,F", "A,G" };
	struct fixture *f = fixture_new();
	char hub[8];
	size_t i;

	for (i = 0; i < 7; i++) {
		fixture_site(f, names[i])->hub_site = strstr(hub_sites, names[i]) != NULL;
		snprintf(hub, sizeof(hub), "hub%s", names[i]);
		if (strstr(hubless, names[i]) == NULL)
			fixture_hub(f, hub, names[i]);
		fixture_mailbox_server(f, names[i], names[i]);
	}
	for (i = 0; i < 6; i++)
		fixture_link(f, links[i], links[i], 1);
	fixture_send(f, "c", "x.example", "hubD");
	return f;
}

START_TEST(fan_out)
{
	struct fixture *f = tree_new(fan_outs[_i].hubless, fan_outs[_i].hub_sites);
	struct arena *a = arena_new();
	const struct routing_table *t = routing_table_new(fixture_snapshot(f), "hubA", NULL);
	struct route routes[4], *list[4];
	size_t n, i;

	ck_assert_ptr_nonnull(t);
	for (n = 0; n < 4 && fan_outs[_i].to[n] != NULL; n++) {
		route_to(t, fan_outs[_i].to[n], 1, a, &routes[n]);
		list[n] = &routes[n];
	}
	route_fan_out(t, list, n);
	for (i = 0; i < n; i++) {
		ck_assert_str_eq(routes[i].next_site != NULL ? routes[i].next_site->obj.name : "-",
			fan_outs[_i].hops[i]);
		if (routes[i].queue.type == QUEUE_RELAY_TO_SITE)
			ck_assert_str_eq(routes[i].queue.domain, fan_outs[_i].hops[i]);
		if (routes[i].decision == ROUTE_RELAY)
			ck_assert_ptr_eq(routes[i].next.v[0]->site.target,
				&routes[i].next_site->obj);
	}
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

/*
 * The ladder, on the chain A - B - C - D - E - F - G: mail to a site (@) or the connector x.example
 * of hubG, which with hubH stands at G.
 */
static const struct {
	const char *self, *hubless, *hub_sites, *to, *ladder;
	size_t at;
	bool bisect;
} ladders[] = {
	{ "hubA", "", "", "@B", "hubB,", 0, false },
	{ "hubA", "", "", "@C", "hubC,|hubB,", 0, false },
	{ "hubA", "", "", "@E", "hubE,|hubD,|hubC,|hubB,", 0, false },
	{ "hubA", "", "", "@F", "hubF,|hubE,|hubD,|hubC,|hubB,", 0, true },
	{ "hubB", "", "", "@F", "hubF,|hubE,|hubD,|hubC,", 0, false },
	{ "hubF", "", "", "@A", "hubA,|hubB,|hubC,|hubD,|hubE,", 0, true },
	/* a site without hub is passed over, but a hop as others */
	{ "hubA", "B,D", "", "@F", "hubF,|hubE,|hubC,", 0, true },
	{ "hubA", "B,C,D,E", "", "@F", "hubF,", 0, false },
	/* a hub site is where the ladder begins; one without hub is none */
	{ "hubA", "", "D", "@F", "hubD,|hubC,|hubB,", 0, false },
	{ "hubA", "", "B,D", "@F", "hubB,", 0, false },
	{ "hubC", "", "B", "@F", "hubF,|hubE,|hubD,", 0, false },
	{ "hubA", "D", "D", "@F", "hubF,|hubE,|hubC,|hubB,", 0, true },
	{ "hubA", "", "F", "@F", "hubF,|hubE,|hubD,|hubC,|hubB,", 0, true },
	/* the sources of a connector, another hub of their site, the sites before it */
	{ "hubD", "", "", "x.example", "hubG,|hubH,|hubF,|hubE,", 1, false },
	{ "hubA", "C,D", "", "x.example", "hubG,|hubH,|hubF,|hubE,|hubB,", 1, true },
	{ "hubA", "", "C", "x.example", "hubC,|hubB,", 0, false },
	/* nobody is nearer than we are */
	{ "hubH", "", "", "x.example", "hubG,", 0, false },
	{ "hubG", "", "", "@G", "", 0, false },
};

static struct fixture *chain_new(const char *hubless, const char *hub_sites)
{
	static const char *const links[] = { "A,B", "B,C", "C,D", "D,E", "E,F", "F,G" };
	struct fixture *f = fixture_new();
	char site[2] = "A", hub[8];
	size_t i;

	for (i = 0; i < 7; i++, site[0]++) {
		fixture_site(f, site)->hub_site = strchr(hub_sites, site[0]) != NULL;
		snprintf(hub, sizeof(hub), "hub%s", site);
		if (strchr(hubless, site[0]) == NULL)
			fixture_hub(f, hub, site);
		fixture_mailbox_server(f, site, site);
	}
	fixture_hub(f, "hubH", "G");
	for (i = 0; i < 6; i++)
		fixture_link(f, links[i], links[i], 1);
	fixture_send(f, "c", "x.example", "hubG");
	return f;
}

static void ladder_text(const struct route *r, FILE *out)
{
	size_t i, j;

	for (i = 0; r->decision == ROUTE_RELAY && i <= r->fallback_count; i++) {
		const struct server_pool *pool = i == 0 ? &r->next : &r->fallback[i - 1];

		fputs(i == 0 ? "" : "|", out);
		for (j = 0; j < pool->n; j++)
			fprintf(out, "%s,", pool->v[j]->obj.name);
	}
	fclose(out);
}

START_TEST(ladder)
{
	struct fixture *f = chain_new(ladders[_i].hubless, ladders[_i].hub_sites);
	struct arena *a = arena_new();
	const struct routing_table *t =
		routing_table_new(fixture_snapshot(f), ladders[_i].self, NULL);
	char text[300] = "";
	struct route r;

	ck_assert_ptr_nonnull(t);
	route_to(t, ladders[_i].to, 1, a, &r);
	ladder_text(&r, fmemopen(text, sizeof(text), "w"));
	ck_assert_str_eq(text, ladders[_i].ladder);
	ck_assert_uint_eq(r.ladder_at, ladders[_i].at);
	ck_assert_int_eq(r.bisect, ladders[_i].bisect);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

/* Recipients of one next hop keep it as it is, here the source servers. */
START_TEST(no_fork)
{
	struct fixture *f = tree_new("", "");
	struct arena *a = arena_new();
	const struct routing_table *t = routing_table_new(fixture_snapshot(f), "hubA", NULL);
	struct route x, y, *list[] = { &x, &y };

	ck_assert_ptr_nonnull(t);
	route_to(t, "x.example", 1, a, &x);
	route_to(t, "x.example", 1, a, &y);
	route_fan_out(t, list, 2);
	ck_assert_int_eq(x.queue.type, QUEUE_RELAY_TO_CONNECTOR_SOURCES);
	ck_assert_int_eq(y.queue.type, QUEUE_RELAY_TO_CONNECTOR_SOURCES);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("next_hop");

	tcase_add_loop_test(tc, hops, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, absent_things);
	tcase_add_test(tc, one_hub_of_this_site);
	tcase_add_test(tc, linked);
	tcase_add_test(tc, to_one_hub);
	tcase_add_loop_test(tc, fan_out, 0, sizeof(fan_outs) / sizeof(fan_outs[0]));
	tcase_add_test(tc, no_fork);
	tcase_add_loop_test(tc, ladder, 0, sizeof(ladders) / sizeof(ladders[0]));
	return unit_run("next_hop", &tc, 1);
}
