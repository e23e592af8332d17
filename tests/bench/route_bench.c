/* route_bench.c - how long a routing table takes to build, and one look-up in it
 *
 *	route_bench [CONNECTORS [SITES [LINKS]]]		default 10000 100 300
 *
 * Prints one line a figure. A tenth of the connectors share the address space *, the others have a
 * domain of their own, half of them with subdomains; sources are spread over all sites.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "libhub/routing/route.h"
#include "org_fixture.h"

enum { LOOKUPS = 200000, BUILDS = 5, PER_ARENA = 1000 };

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void figures(const char *what, const char *unit, uint64_t *v, size_t n, double divisor)
{
	qsort(v, n, sizeof(*v), order);
	printf("%-28s p50 %9.2f %s  p99 %9.2f %s  max %9.2f %s\n", what,
		(double)v[n / 2] / divisor, unit, (double)v[n * 99 / 100] / divisor, unit,
		(double)v[n - 1] / divisor, unit);
}

static void topology(struct fixture *f, unsigned int sites, unsigned int links)
{
	char name[40], pair[80];
	unsigned int i, seed = 1;

	for (i = 0; i < sites; i++) {
		snprintf(name, sizeof(name), "site %u", i);
		fixture_site(f, name);
		snprintf(pair, sizeof(pair), "hub %ua", i);
		fixture_hub(f, pair, name);
		snprintf(pair, sizeof(pair), "hub %ub", i);
		fixture_hub(f, pair, name);
	}
	for (i = 0; i < links; i++) {
		/* First a chain, so that every site is reached, then at random. */
		unsigned int x = i + 1 < sites ? i : (unsigned int)rand_r(&seed) % sites;
		unsigned int y = i + 1 < sites ? i + 1 : (unsigned int)rand_r(&seed) % sites;

		snprintf(name, sizeof(name), "link %u", i);
		snprintf(pair, sizeof(pair), "site %u,site %u", x, y);
		fixture_link(f, name, pair, 1 + (uint64_t)rand_r(&seed) % 100);
	}
}

static void connectors(struct fixture *f, unsigned int n, unsigned int sites)
{
	char name[40], space[60], source[40];
	unsigned int i;

	for (i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "connector %u", i);
		if (i % 10 == 0)
			snprintf(space, sizeof(space), "*;%u", 1 + i % 100);
		else
			snprintf(space, sizeof(space), "%sdomain%u.example", i % 2 ? "*." : "", i);
		snprintf(source, sizeof(source), "hub %ua,hub %ub", i % sites, i % sites);
		fixture_send(f, name, space, source)->pool.max_size = 10485760 + i;
	}
}

static void bench_build(const struct snapshot *s)
{
	uint64_t v[BUILDS], from;
	int i;

	for (i = 0; i < BUILDS; i++) {
		const struct routing_table *t;

		from = now_ns();
		t = routing_table_new(s, "hub 0a", NULL);
		BUG_ON(t == NULL);
		v[i] = now_ns() - from;
		routing_table_unref(&t);
	}
	figures("table build", "ms", v, BUILDS, 1e6);
}

static void bench_lookup(const struct routing_table *t, const char *what, const char *format,
	uint64_t size)
{
	uint64_t *v = xcalloc(LOOKUPS, sizeof(*v)), from;
	struct arena *a = arena_new();
	unsigned int seed = 1, i;
	struct route r;
	char domain[80];

	for (i = 0; i < LOOKUPS; i++) {
		int n = snprintf(domain, sizeof(domain), "%s", format);

		if (strchr(format, '#') != NULL)
			n = snprintf(domain, sizeof(domain), "a.b.domain%d.example",
				rand_r(&seed) % 10000);
		BUG_ON(n <= 0);
		/* As a categorizer does: one arena a message. */
		if (i % PER_ARENA == 0) {
			arena_free(&a);
			a = arena_new();
		}
		from = now_ns();
		route_external(t, "SMTP", domain, size, NULL, a, NULL, &r);
		v[i] = now_ns() - from;
	}
	figures(what, "us", v, LOOKUPS, 1e3);
	arena_free(&a);
	free(v);
}

static unsigned int argument(int argc, char **argv, int i, unsigned int dflt)
{
	return argc > i ? (unsigned int)strtoul(argv[i], NULL, 10) : dflt;
}

int main(int argc, char **argv)
{
	unsigned int n = argument(argc, argv, 1, 10000), sites = argument(argc, argv, 2, 100);
	unsigned int links = argument(argc, argv, 3, 300);
	struct fixture *f = fixture_new();
	const struct routing_table *t;

	BUG_ON(sites < 2);
	printf("%u connectors, %u sites, %u links, %u hubs\n", n, sites, links, 2 * sites);
	topology(f, sites, links);
	connectors(f, n, sites);
	bench_build(fixture_snapshot(f));
	t = routing_table_new(fixture_snapshot(f), "hub 0a", NULL);
	BUG_ON(t == NULL);
	bench_lookup(t, "look-up, random domains", "#", 5000);
	bench_lookup(t, "look-up, one of * connectors", "other.example", 5000);
	bench_lookup(t, "look-up, all too small", "other.example", 50000000);
	routing_table_unref(&t);
	fixture_free(&f);
	return 0;
}
