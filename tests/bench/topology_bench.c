/* topology_bench.c - from an organization in an LDIF file to routes: how long each step takes
 *
 *	topology_bench ORG.ldif BASE SERVER CONNECTORS [RUNS]
 *
 * Prints NAME=VALUE pairs, one run a line: entries to snapshot, the same after one change of an
 * entry, snapshot to the routing table of SERVER, and a look-up in it (domains as topology.py
 * names them, one in ten unknown), p50 and p99.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libhub/org/builder.h"
#include "libhub/routing/route.h"

enum { LOOKUPS = 200000, PER_ARENA = 1000 };

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static double ms_since(uint64_t from)
{
	return (double)(now_ns() - from) / 1e6;
}

static int order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static void bench_lookup(const struct routing_table *t, int connectors)
{
	uint64_t *v = xcalloc(LOOKUPS, sizeof(*v)), from;
	struct arena *a = arena_new();
	unsigned int seed = 1, i;
	struct route r;
	char domain[80];

	for (i = 0; i < LOOKUPS; i++) {
		snprintf(domain, sizeof(domain), "%s%d.example", i % 10 == 0 ? "unknown" : "domain",
			rand_r(&seed) % connectors);
		/* As a categorizer does: one arena a message. */
		if (i % PER_ARENA == 0) {
			arena_free(&a);
			a = arena_new();
		}
		from = now_ns();
		route_external(t, "SMTP", domain, 5000, NULL, a, NULL, &r);
		v[i] = now_ns() - from;
	}
	qsort(v, LOOKUPS, sizeof(*v), order);
	printf(" lookup_p50_us=%.2f lookup_p99_us=%.2f\n", (double)v[LOOKUPS / 2] / 1e3,
		(double)v[LOOKUPS / 100 * 99] / 1e3);
	arena_free(&a);
	free(v);
}

static void bench(struct builder *b, const char *server, int connectors)
{
	const struct snapshot *first, *second;
	const struct routing_table *t;
	uint64_t from = now_ns();
	struct err e;

	first = builder_build(b, NULL);
	printf("snapshot_ms=%.1f", ms_since(from));
	from = now_ns();
	second = builder_build(b, first);
	printf(" snapshot_again_ms=%.1f", ms_since(from));
	from = now_ns();
	t = routing_table_new(second, server, &e);
	if (t == NULL) {
		fprintf(stderr, "%s\n", e.text);
		exit(EXIT_FAILURE);
	}
	printf(" table_ms=%.1f rejected=%zu", ms_since(from), second->rejection_count);
	bench_lookup(t, connectors);
	routing_table_unref(&t);
	snapshot_unref(&first);
	snapshot_unref(&second);
}

int main(int argc, char **argv)
{
	int runs = argc > 5 ? atoi(argv[5]) : 5, i;
	struct builder *b;
	struct err e;

	if (argc < 5) {
		fputs("usage: topology_bench ORG.ldif BASE SERVER CONNECTORS [RUNS]\n", stderr);
		return EXIT_FAILURE;
	}
	b = builder_new(argv[2]);
	if (builder_read_ldif(b, argv[1], &e) != 0) {
		fprintf(stderr, "%s\n", e.text);
		return EXIT_FAILURE;
	}
	for (i = 0; i < runs; i++)
		bench(b, argv[3], atoi(argv[4]));
	builder_free(&b);
	return EXIT_SUCCESS;
}
