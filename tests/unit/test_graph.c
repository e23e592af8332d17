/* test_graph.c - least-cost paths: rows for each rule, and an oracle that tries every path */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libhub/routing/graph.h"
#include "org_fixture.h"
#include "unit.h"

static uint32_t site_index(const struct snapshot *s, const char *name)
{
	const struct obj *o = snapshot_find(s, OBJ_SITE, name);

	ck_assert_ptr_nonnull(o);
	return ((const struct site *)(const void *)o)->index;
}

/* The path as text: "A-B-C cost", or "none". */
static void path_text(const struct graph *g, uint32_t to, char *buf, size_t size)
{
	struct arena *a = arena_new();
	size_t n, i, at = 0;
	const struct site **path = graph_path(g, to, a, &n);

	if (path == NULL)
		snprintf(buf, size, "none");
	for (i = 0; path != NULL && i < n; i++)
		at += (size_t)snprintf(buf + at, size - at, "%s%s", i == 0 ? "" : "-",
			path[i]->obj.name);
	if (path != NULL)
		snprintf(buf + at, size - at, " %lld", (long long)g->v[to].cost);
	arena_free(&a);
}

/* sites; links as "sites cost" joined by ';'; from, to; the path. */
static const struct { const char *sites, *links, *from, *to, *path; } path_rows[] = {
	/* the start itself, and no way at all */
	{ "A,B", "", "A", "A", "A 0" },
	{ "A,B", "", "A", "B", "none" },
	/* lowest sum of costs, however many hops */
	{ "A,B,C", "A,C 10;A,B 4;B,C 5", "A", "C", "A-B-C 9" },
	/* equal sums: fewest hops */
	{ "A,B,C", "A,C 9;A,B 4;B,C 5", "A", "C", "A-C 9" },
	{ "A,B,C,D", "A,B 5;B,C 5;C,D 5;B,D 10", "A", "D", "A-B-D 15" },
	/* equal hops: lowest name */
	{ "A,B,C,D", "A,C 5;C,D 5;A,B 5;B,D 5", "A", "D", "A-B-D 10" },
	/* compared from the destination backwards: C before D decides, not Y after B */
	{ "A,B,Y,C,X,D", "A,B 5;B,X 5;X,D 5;A,Y 5;Y,C 5;C,D 5", "A", "D", "A-Y-C-D 15" },
	/* names fold case: alpha is before Beta, which bytes would put first */
	{ "M,alpha,Beta,Z", "M,alpha 5;alpha,Z 5;M,Beta 5;Beta,Z 5", "M", "Z", "M-alpha-Z 10" },
	{ "M,\u00e9b,\u00c9c,Z", "M,\u00e9b 5;\u00e9b,Z 5;M,\u00c9c 5;\u00c9c,Z 5", "M", "Z",
		"M-\u00e9b-Z 10" },
	/* every pair of a link is one hop at its cost */
	{ "A,B,C,D", "A,B,C,D 7", "A", "D", "A-D 7" },
	{ "A,B,C,D", "A,B,C 7;C,D,B 7", "A", "D", "A-B-D 14" },
	/* the cheapest of several links counts */
	{ "A,B", "A,B 9;A,B 3;B,A 5", "A", "B", "A-B 3" },
	/* costs up to the limit do not overflow */
	{ "A,B,C", "A,B 99999;B,C 99999", "A", "C", "A-B-C 199998" },
};

static struct fixture *fixture_of(const char *sites, const char *links)
{
	struct fixture *f = fixture_new();
	char *copy = xstrdup(sites), *p, *save = NULL, name[20];
	int n = 0;

	for (p = strtok_r(copy, ",", &save); p != NULL; p = strtok_r(NULL, ",", &save))
		fixture_site(f, p);
	free(copy);
	copy = xstrdup(links);
	for (p = strtok_r(copy, ";", &save); p != NULL; p = strtok_r(NULL, ";", &save)) {
		char *space = strchr(p, ' ');

		*space = '\0';
		snprintf(name, sizeof(name), "link %d", n++);
		fixture_link(f, name, p, strtoull(space + 1, NULL, 10));
	}
	free(copy);
	return f;
}

static void graph_of(struct graph *g, const struct snapshot *s, uint32_t from, struct arena *a)
{
	struct graph_net net;

	graph_net_build(&net, s, a);
	graph_build(g, &net, from, a);
}

START_TEST(paths)
{
	struct fixture *f = fixture_of(path_rows[_i].sites, path_rows[_i].links);
	const struct snapshot *s = fixture_snapshot(f);
	struct arena *a = arena_new();
	struct graph g;
	char text[200];

	graph_of(&g, s, site_index(s, path_rows[_i].from), a);
	path_text(&g, site_index(s, path_rows[_i].to), text, sizeof(text));
	ck_assert_str_eq(text, path_rows[_i].path);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

START_TEST(disabled_is_absent)
{
	struct fixture *f = fixture_of("A,B,C,D", "A,B 1;B,D 1;A,C 9;C,D 9");
	const struct snapshot *s = fixture_snapshot(f);
	struct site *b = (struct site *)(uintptr_t)snapshot_find(s, OBJ_SITE, "B");
	struct arena *a = arena_new();
	struct graph g;
	char text[200];

	b->obj.enabled = false;
	graph_of(&g, s, site_index(s, "A"), a);
	path_text(&g, site_index(s, "D"), text, sizeof(text));
	ck_assert_str_eq(text, "A-C-D 18");
	path_text(&g, site_index(s, "B"), text, sizeof(text));
	ck_assert_str_eq(text, "none");
	b->obj.enabled = true;
	((struct obj *)(uintptr_t)s->all[OBJ_SITE_LINK].v[0])->enabled = false;
	graph_of(&g, s, site_index(s, "A"), a);
	path_text(&g, site_index(s, "B"), text, sizeof(text));
	ck_assert_str_eq(text, "A-C-D-B 19");
	graph_of(&g, s, GRAPH_NONE, a);
	ck_assert(!g.v[0].reachable);
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

START_TEST(transport_cost_replaces)
{
	struct fixture *f = fixture_new();
	const struct snapshot *s;
	struct arena *a = arena_new();
	struct site_link *direct;
	struct graph g;
	char text[200];

	fixture_site(f, "A");
	fixture_site(f, "B");
	fixture_site(f, "C");
	fixture_link(f, "1", "A,C", 10);
	fixture_link(f, "2", "C,B", 10);
	direct = fixture_link(f, "3", "A,B", 1);
	direct->transport_cost = 50;
	s = fixture_snapshot(f);
	graph_of(&g, s, site_index(s, "A"), a);
	path_text(&g, site_index(s, "B"), text, sizeof(text));
	ck_assert_str_eq(text, "A-B 1");
	direct->transport_cost_given = true;
	graph_of(&g, s, site_index(s, "A"), a);
	path_text(&g, site_index(s, "B"), text, sizeof(text));
	ck_assert_str_eq(text, "A-C-B 20");
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

START_TEST(limits_on_the_path)
{
	struct fixture *f = fixture_new();
	const struct snapshot *s;
	struct arena *a = arena_new();
	struct graph g;
	uint32_t d;

	fixture_site(f, "A");
	fixture_site(f, "B");
	fixture_site(f, "C");
	fixture_site(f, "D");
	fixture_link(f, "1", "A,B", 1)->max_size = 500;
	fixture_link(f, "2", "B,C", 1)->max_size = 100;
	fixture_link(f, "3", "C,D", 1);
	/* as cheap as "2" would be, but larger: it counts; a costlier one does not */
	fixture_link(f, "4", "B,C", 1)->max_size = 200;
	fixture_link(f, "5", "B,C", 2)->max_size = 900;
	s = fixture_snapshot(f);
	graph_of(&g, s, site_index(s, "A"), a);
	d = site_index(s, "D");
	ck_assert_uint_eq(g.v[d].limit, 200);
	ck_assert_ptr_null(graph_path_refusal(&g, d, 200));
	ck_assert_str_eq(graph_path_refusal(&g, d, 201)->obj.name, "4");
	ck_assert_str_eq(graph_path_refusal(&g, d, 501)->obj.name, "1");
	ck_assert_ptr_null(graph_path_refusal(&g, site_index(s, "A"), 501));
	arena_free(&a);
	fixture_free(&f);
}
END_TEST

/* The oracle: all simple paths of a small graph, compared by the words of the rule. */

enum { ORACLE_SITES = 7, ORACLE_GRAPHS = 2000 };

struct oracle {
	const struct snapshot *s;
	size_t n;
	int64_t hop[ORACLE_SITES][ORACLE_SITES];	/* cheapest link of a pair, 0 = none */
	uint32_t best[ORACLE_SITES], now[ORACLE_SITES];
	size_t best_len, now_len;
	int64_t best_cost, now_cost;
	uint32_t to;
};

static bool oracle_better(const struct oracle *o)
{
	size_t i;

	if (o->best_len == 0 || o->now_cost != o->best_cost)
		return o->best_len == 0 || o->now_cost < o->best_cost;
	if (o->now_len != o->best_len)
		return o->now_len < o->best_len;
	for (i = o->now_len; i-- > 0; ) {
		int c = strcasecmp(o->s->all[OBJ_SITE].v[o->now[i]]->name,
			o->s->all[OBJ_SITE].v[o->best[i]]->name);

		if (c != 0)
			return c < 0;
	}
	return false;
}

static void oracle_walk(struct oracle *o, uint32_t at)
{
	uint32_t next;
	size_t i;

	o->now[o->now_len++] = at;
	if (at == o->to && oracle_better(o)) {
		memcpy(o->best, o->now, sizeof(o->best));
		o->best_len = o->now_len;
		o->best_cost = o->now_cost;
	}
	for (next = 0; at != o->to && next < o->n; next++) {
		bool seen = false;

		for (i = 0; i < o->now_len; i++)
			seen |= o->now[i] == next;
		if (seen || o->hop[at][next] == 0)
			continue;
		o->now_cost += o->hop[at][next];
		oracle_walk(o, next);
		o->now_cost -= o->hop[at][next];
	}
	o->now_len--;
}

static void oracle_pairs(struct oracle *o)
{
	size_t l, i, j;

	for (l = 0; l < o->s->all[OBJ_SITE_LINK].n; l++) {
		const struct site_link *link = SNAPSHOT_AT(o->s, OBJ_SITE_LINK, site_link, l);

		for (i = 0; i < link->sites.n; i++)
			for (j = 0; j < link->sites.n; j++) {
				uint32_t x = ((const struct site *)(const void *)
					link->sites.v[i].target)->index;
				uint32_t y = ((const struct site *)(const void *)
					link->sites.v[j].target)->index;

				if (x != y && (o->hop[x][y] == 0 ||
				    (int64_t)link->cost < o->hop[x][y]))
					o->hop[x][y] = (int64_t)link->cost;
			}
	}
}

/* Mixed case, and prefixes of each other. */
static const char *const oracle_names[ORACLE_SITES] = {
	"a", "B", "ab", "Aa", "c", "D", "bB" };

static struct fixture *random_graph(unsigned int seed)
{
	struct fixture *f = fixture_new();
	unsigned int state = seed;
	int n = 2 + rand_r(&state) % (ORACLE_SITES - 1), links = rand_r(&state) % 12 + 1, i, k;

	for (i = 0; i < n; i++)
		fixture_site(f, oracle_names[i]);
	for (i = 0; i < links; i++) {
		int members = 2 + (rand_r(&state) % 4 == 0 ? rand_r(&state) % 3 : 0);
		char name[20], sites[60] = "";

		for (k = 0; k < members; k++) {
			strcat(sites, oracle_names[rand_r(&state) % n]);
			strcat(sites, ",");
		}
		snprintf(name, sizeof(name), "link %d", i);
		fixture_link(f, name, sites, (uint64_t)(1 + rand_r(&state) % 3));
	}
	return f;
}

static void oracle_compare(const struct snapshot *s, uint32_t from, unsigned int seed)
{
	struct oracle o = { .s = s, .n = s->all[OBJ_SITE].n };
	struct arena *a = arena_new();
	struct graph g;
	size_t n, i;

	oracle_pairs(&o);
	graph_of(&g, s, from, a);
	for (o.to = 0; o.to < o.n; o.to++) {
		const struct site **path = graph_path(&g, o.to, a, &n);

		o.best_len = o.now_len = 0;
		o.now_cost = 0;
		oracle_walk(&o, from);
		ck_assert_msg(n == o.best_len, "seed %u: %u to %u", seed, from, o.to);
		ck_assert_msg(n == 0 || g.v[o.to].cost == o.best_cost, "seed %u: cost %u to %u",
			seed, from, o.to);
		for (i = 0; i < n; i++)
			ck_assert_msg(path[i]->index == o.best[i], "seed %u: path %u to %u at %zu",
				seed, from, o.to, i);
	}
	arena_free(&a);
}

START_TEST(every_path_tried)
{
	unsigned int seed;
	uint32_t from;

	for (seed = 1; seed <= ORACLE_GRAPHS; seed++) {
		struct fixture *f = random_graph(seed);
		const struct snapshot *s = fixture_snapshot(f);

		for (from = 0; from < s->all[OBJ_SITE].n; from++)
			oracle_compare(s, from, seed);
		fixture_free(&f);
	}
}
END_TEST

/* A hub site on the way goes on along the very path the first hub saw. */
START_TEST(suffixes_are_paths)
{
	unsigned int seed;
	uint32_t to;
	size_t n, m, i, k;

	for (seed = 1; seed <= 300; seed++) {
		struct fixture *f = random_graph(seed);
		const struct snapshot *s = fixture_snapshot(f);
		struct arena *a = arena_new();
		struct graph g, h;

		graph_of(&g, s, 0, a);
		for (to = 0; to < g.n; to++) {
			const struct site **path = graph_path(&g, to, a, &n), **rest;

			for (i = 0; i < n; i++) {
				graph_of(&h, s, path[i]->index, a);
				rest = graph_path(&h, to, a, &m);
				ck_assert_msg(m == n - i, "seed %u", seed);
				for (k = 0; k < m; k++)
					ck_assert_msg(rest[k] == path[i + k], "seed %u", seed);
			}
		}
		arena_free(&a);
		fixture_free(&f);
	}
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("graph");

	tcase_add_loop_test(tc, paths, 0, sizeof(path_rows) / sizeof(path_rows[0]));
	tcase_add_test(tc, disabled_is_absent);
	tcase_add_test(tc, transport_cost_replaces);
	tcase_add_test(tc, limits_on_the_path);
	tcase_add_test(tc, every_path_tried);
	tcase_add_test(tc, suffixes_are_paths);
	tcase_set_timeout(tc, 60);
	return unit_run("graph", &tc, 1);
}
