/* test_choose.c - which connector takes an address: a row a rule of hub-routing(7) section 5 */
#include <stdio.h>
#include <string.h>

#include "routing_org.h"
#include "unit.h"

/* Seen from hub1 in London. type:space, or a domain. */
static const struct {
	const char *connectors, *space;
	uint64_t size;
	const char *chosen;	/* name and cost, or what happens instead */
} rows[] = {
	/* no connector at all */
	{ "", "a.example", 1, "unreachable" },
	{ "send c b.example hub1", "a.example", 1, "unreachable" },
	{ "send c * hub1", "FAX:123", 1, "report 5.1.2" },
	/* 1: enabled, source exists and is enabled, reachable, in scope */
	{ "send c a.example hub1 off", "a.example", 1, "unreachable" },
	{ "send c a.example -", "a.example", 1, "unreachable" },
	{ "send c a.example nobody", "a.example", 1, "unreachable" },
	{ "send c a.example hub6", "a.example", 1, "unreachable" },
	{ "send c a.example hub5,hub6", "a.example", 1, "c 21" },
	{ "send c a.example hub7", "a.example", 1, "unreachable" },
	{ "send c a.example stray", "a.example", 1, "unreachable" },
	{ "send c a.example hub2 scoped", "a.example", 1, "c 1" },
	{ "send c a.example edge1 scoped", "a.example", 1, "c 1" },
	{ "send c a.example hub3 scoped", "a.example", 1, "unreachable" },
	{ "send c a.example hub3", "a.example", 1, "c 11" },
	{ "foreign c FAX:* hub7", "FAX:123", 1, "report 5.1.2" },
	/* what cannot be used does not hide a wider connector */
	{ "send c a.example hub7\nsend w * hub1", "a.example", 1, "w 1" },
	/* 2: specificity before anything else */
	{ "send w * hub1\nsend s *.a.example hub3\nsend x a.example;100 hub5", "a.example", 1,
		"x 120" },
	{ "send w * hub1\nsend s *.a.example;100 hub5", "a.example", 1, "s 120" },
	{ "send w * hub1\nsend s *.a.example hub5", "b.a.example", 1, "s 21" },
	{ "send s *.a.example hub1\nsend t *.b.a.example hub5", "c.b.a.example", 1, "t 21" },
	{ "send s *.a.example hub1\nsend t *.b.a.example hub5", "b.a.example", 1, "t 21" },
	{ "send s *.a.example hub1\nsend t *.b.a.example hub5", "ab.a.example", 1, "s 1" },
	/* an exact space matches only itself, a subtree only whole labels */
	{ "send x a.example hub1", "b.a.example", 1, "unreachable" },
	{ "send s *.a.example hub1", "ba.example", 1, "unreachable" },
	{ "send s *.a.example hub1", "example", 1, "unreachable" },
	/* other types: exact, longest prefix, all; each type by itself; case does not count */
	{ "agent e FAX:123 hub5\nagent p FAX:12* hub1", "FAX:123", 1, "e 21" },
	{ "agent p FAX:1* hub1\nagent q FAX:12* hub5", "FAX:123", 1, "q 21" },
	{ "agent p FAX:1* hub5\nagent q FAX:* hub1", "FAX:123", 1, "p 21" },
	{ "agent p FAX:12* hub5\nagent q FAX:* hub1", "FAX:1", 1, "q 1" },
	{ "agent p FAX:12* hub5", "FAX:12", 1, "p 21" },
	{ "agent p FAX:* hub1\nagent q SMS:* hub5", "SMS:1", 1, "q 21" },
	{ "foreign p X400:c=US;a=x*;1 hub1", "X400:C=us", 1, "report 5.1.2" },
	{ "foreign p NOTES:Bob* hub1", "NOTES:boB/acme", 1, "p 1" },
	/* -- says nothing on a hub */
	{ "send e -- hub1", "a.example", 1, "unreachable" },
	/* 3: size after specificity: nothing leaks to a wider connector */
	{ "send x a.example hub1 max=100\nsend w * hub1", "a.example", 101, "report 5.3.4" },
	{ "send x a.example hub1 max=100\nsend w * hub1", "a.example", 100, "x 1" },
	{ "send x a.example hub1 max=100\nsend y a.example hub5", "a.example", 101, "y 21" },
	{ "send x a.example;1 hub1 max=100\nsend y a.example;2 hub1 max=300\n"
		"send z a.example;3 hub1 max=200", "a.example", 150, "y 2" },
	{ "send x a.example;1 hub1 max=100\nsend y a.example;3 hub1 max=300\n"
		"send z a.example;2 hub1 max=200", "a.example", 150, "z 2" },
	{ "send x a.example;1 hub1 max=100\nsend y a.example;3 hub1 max=300\n"
		"send z a.example;2 hub1 max=200", "a.example", 250, "y 3" },
	{ "agent p FAX:* hub1 max=10", "FAX:1", 11, "report 5.3.4" },
	/* 4: aggregate cost: the way and the space */
	{ "send a *;30 hub1\nsend b *;1 hub3", "x.example", 1, "b 11" },
	{ "send a *;30 hub3\nsend b *;30 hub5", "x.example", 1, "a 40" },
	{ "send a *;30 hub3\nsend b *;19 hub5", "x.example", 1, "b 39" },
	{ "send a *;50|*;5 hub1\nsend b *;9 hub1", "x.example", 1, "a 5" },
	/* the nearest of several source servers counts */
	{ "send a * hub5,hub3", "x.example", 1, "a 11" },
	{ "send a * hub5,hub1", "x.example", 1, "a 1" },
	/* 5: proximity: this server, my site, fewest hops */
	{ "send a *;5 hub2\nsend b *;5 hub1", "x.example", 1, "b 5" },
	{ "send a *;15 hub3\nsend b *;25 hub2", "x.example", 1, "b 25" },
	{ "send a *;15 hub3\nsend b *;25 edge1", "x.example", 1, "b 25" },
	{ "send a *;5 hub5\nsend b *;15 hub3", "x.example", 1, "b 25" },
	/* 6: lowest name, case folded */
	{ "send Beta * hub1\nsend alpha * hub1", "x.example", 1, "alpha 1" },
	{ "send b * hub1\nagent c * hub1\nforeign a * hub1", "x.example", 1, "a 1" },
	{ "send b SMTP:* hub1\nforeign a FAX:* hub1", "x.example", 1, "b 1" },
};

static void choose_text(const struct route *r, char *buf, size_t size)
{
	if (r->connector != NULL)
		snprintf(buf, size, "%s %lld", r->connector->obj.name, (long long)r->cost);
	else
		routing_org_text(r, buf, size);
}

START_TEST(chosen)
{
	struct fixture *f = routing_org_new();
	struct arena *a = arena_new();
	const struct routing_table *t;
	const char *space = rows[_i].space, *colon = strchr(space, ':');
	char text[200], type[10] = "SMTP";
	struct route r;

	routing_org_connectors(f, rows[_i].connectors);
	t = routing_table_new(fixture_snapshot(f), "hub1", NULL);
	ck_assert_ptr_nonnull(t);
	if (colon != NULL) {
		snprintf(type, sizeof(type), "%.*s", (int)(colon - space), space);
		space = colon + 1;
	}
	route_external(t, type, space, rows[_i].size, NULL, a, NULL, &r);
	choose_text(&r, text, sizeof(text));
	ck_assert_str_eq(text, rows[_i].chosen);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

/* Seen from elsewhere. */
static const struct { const char *self, *connectors, *chosen; } views[] = {
	/* the same connectors, other distances */
	{ "hub5", "send a *;5 hub1\nsend b *;20 hub3", "a 25" },
	{ "hub3", "send a *;5 hub1\nsend b *;20 hub3", "a 15" },
	{ "hub3", "send a *;15 hub1\nsend b *;20 hub3", "b 20" },
	/* an edge behind a site without a hub is out of reach, from its own site too it is not */
	{ "hub1", "send a * edge2", "unreachable" },
	{ "hub5", "send a * edge1", "a 21" },
	/* an edge delivers by itself and reaches nobody else's connectors */
	{ "edge1", "send a * edge1", "a 1" },
	{ "edge1", "send a * edge2", "unreachable" },
	{ "edge1", "send a * hub1", "unreachable" },
	/* a hub without a site has only itself */
	{ "stray", "send a * stray\nsend b a.example hub1", "a 1" },
	{ "stray", "send b a.example hub1", "unreachable" },
	{ "hub6", "send b a.example hub6", "unreachable" },
};

START_TEST(seen_from)
{
	struct fixture *f = routing_org_new();
	struct arena *a = arena_new();
	const struct routing_table *t;
	char text[200];
	struct route r;

	routing_org_connectors(f, views[_i].connectors);
	t = routing_table_new(fixture_snapshot(f), views[_i].self, NULL);
	ck_assert_ptr_nonnull(t);
	route_external(t, "SMTP", "a.example", 1, NULL, a, NULL, &r);
	choose_text(&r, text, sizeof(text));
	ck_assert_str_eq(text, views[_i].chosen);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

/* Connector failover; failed: names divided by commas. Seen from hub1. */
static const struct {
	const char *connectors, *failed;
	uint64_t size;
	const char *chosen, *passed;
} failed_rows[] = {
	{ "send a *;1 hub1\nsend b *;10 hub3", "", 1, "a 1", "" },
	{ "send a *;1 hub1\nsend b *;10 hub3", "a", 1, "b 20", "a" },
	{ "send a *;1 hub1\nsend b *;10 hub3", "A", 1, "b 20", "a" },
	{ "send a *;1 hub1\nsend b *;10 hub3", "b", 1, "a 1", "" },
	{ "send a *;1 hub1\nsend b *;10 hub3\nsend c *;90 hub1", "b,a", 1, "c 90", "a,b" },
	/* nobody is left: as if nothing had failed, and never the wider one */
	{ "send a *;1 hub1\nsend b *;10 hub3", "a,b", 1, "a 1", "a,b" },
	{ "send a a.example hub1\nsend b * hub3", "a", 1, "a 1", "a" },
	{ "send a *.example hub1\nsend b * hub3", "a", 1, "a 1", "a" },
	{ "send a a.example hub1\nsend b a.example;50 hub1\nsend c * hub1", "a", 1, "b 50", "a" },
	/* no report because of it: too large for the other one */
	{ "send a *;1 hub1\nsend b *;10 hub1 max=100", "a", 101, "a 1", "a" },
	{ "send a *;1 hub1\nsend b *;10 hub1 max=100", "a", 100, "b 10", "a" },
	{ "send a *;1 hub1\nsend b *;10 hub1 max=100\nsend c *;20 hub1", "a", 101, "c 20", "a" },
	{ "send a * hub1", "nobody", 1, "a 1", "" },
};

static void passed_text(const struct route *r, char *buf, size_t size)
{
	size_t n = 0, i;

	buf[0] = '\0';
	for (i = 0; i < r->passed_count && n < size; i++)
		n += (size_t)snprintf(buf + n, size - n, "%s%s", i != 0 ? "," : "",
			r->passed[i]->obj.name);
}

START_TEST(failed_over)
{
	struct fixture *f = routing_org_new();
	struct arena *a = arena_new();
	char list[100], text[200], *save = NULL;
	const char *names[4];
	struct route_excluded failed = { names, 0 };
	const struct routing_table *t;
	struct route r;

	routing_org_connectors(f, failed_rows[_i].connectors);
	t = routing_table_new(fixture_snapshot(f), "hub1", NULL);
	ck_assert_ptr_nonnull(t);
	snprintf(list, sizeof(list), "%s", failed_rows[_i].failed);
	for (names[0] = strtok_r(list, ",", &save); names[failed.n] != NULL;
		names[failed.n] = strtok_r(NULL, ",", &save))
		failed.n++;
	route_external(t, "SMTP", "a.example", failed_rows[_i].size, &failed, a, NULL, &r);
	choose_text(&r, text, sizeof(text));
	ck_assert_str_eq(text, failed_rows[_i].chosen);
	passed_text(&r, text, sizeof(text));
	ck_assert_str_eq(text, failed_rows[_i].passed);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

START_TEST(reasons_are_said)
{
	struct fixture *f = routing_org_new();
	struct arena *a = arena_new();
	const struct routing_table *t;
	struct route r;

	routing_org_connectors(f, "send x a.example hub1 max=100\nsend y a.example hub1 max=200");
	t = routing_table_new(fixture_snapshot(f), "HUB1", NULL);
	ck_assert_ptr_nonnull(t);
	route_external(t, "SMTP", "a.example", 201, NULL, a, NULL, &r);
	ck_assert_str_eq(r.text, "message of 201 bytes is larger than the limit of 200 of the "
		"connectors for a.example");
	ck_assert_int_eq(r.cost, -1);
	route_external(t, "SMTP", "b.example", 1, NULL, a, NULL, &r);
	ck_assert_str_eq(r.text, "no connector that this server can use matches b.example");
	ck_assert_int_eq(r.queue.type, QUEUE_UNREACHABLE);
	routing_table_unref(&t);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

START_TEST(unknown_self)
{
	struct fixture *f = routing_org_new();
	struct err e = { 0 };

	ck_assert_ptr_null(routing_table_new(fixture_snapshot(f), "nobody", &e));
	ck_assert_str_eq(e.text, "no server named nobody in the directory");
	fixture_free(&f);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("choose");

	tcase_add_loop_test(tc, chosen, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(tc, seen_from, 0, sizeof(views) / sizeof(views[0]));
	tcase_add_loop_test(tc, failed_over, 0, sizeof(failed_rows) / sizeof(failed_rows[0]));
	tcase_add_test(tc, reasons_are_said);
	tcase_add_test(tc, unknown_self);
	return unit_run("choose", &tc, 1);
}
