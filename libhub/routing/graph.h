/* graph.h - least-cost paths between sites, seen from one of them.
 *
 * Nodes are the enabled sites, edges the enabled site links (every pair of a link's sites is one
 * hop at its cost). Availability is no input: the result is a function of the snapshot alone, so
 * every hub computes the same paths. Built once, then immutable.
 */
#ifndef HUB_ROUTING_GRAPH_H
#define HUB_ROUTING_GRAPH_H

#include "libhub/org/snapshot.h"

#define GRAPH_NONE UINT32_MAX

struct graph_node {
	const struct site *site;
	bool reachable;
	uint32_t pred;			/* the site before this one; GRAPH_NONE at the start */
	const struct site_link *link;	/* the hop from pred to here */
	int64_t cost;			/* sum of the links' costs */
	uint32_t hops;
	uint64_t limit;			/* smallest size limit on the path, 0 = unlimited */
};

/* Indexed as the snapshot's sites, which is the order of names. */
struct graph {
	struct graph_node *v;
	size_t n;
};

/* One enabled link and its enabled sites. */
struct graph_link {
	const struct site_link *link;
	int64_t cost;
	const uint32_t *sites;
	size_t n;
};

/* What the graphs of one snapshot share, from whichever site they are seen; immutable as well. */
struct graph_net {
	const struct snapshot *s;
	struct graph_link *links;	/* in the order of names */
	size_t link_count;
	size_t *first;			/* by site: where its links begin; one more at the end */
	uint32_t *of_site;		/* indices of links, site by site */
};

/* Memory comes from the arena. */
void graph_net_build(struct graph_net *net, const struct snapshot *s, struct arena *a);

/*
 * Computes the best path from one site to each other one. Memory comes from the arena. from may be
 * GRAPH_NONE, or a disabled site: then nothing is reachable.
 */
void graph_build(struct graph *g, const struct graph_net *net, uint32_t from, struct arena *a);

/* Index of the site a reference names; GRAPH_NONE if it dangles or the site is disabled. */
uint32_t graph_site_index(const struct ref *r);

/* What one hop over this link costs (hub-routing(7) section 1). */
int64_t graph_link_cost(const struct site_link *link);

/* Sites of the path, the start first; n is set to how many. NULL and 0 if unreachable. */
const struct site **graph_path(const struct graph *g, uint32_t to, struct arena *a, size_t *n);

/* The first link on the path that refuses a message of this size, or NULL. */
const struct site_link *graph_path_refusal(const struct graph *g, uint32_t to, uint64_t size);

/*
 * Sites that could have come before `to` on a path of the same cost: those that lost by more hops
 * and those that lost by name. Calls back in the order of names. For explain.
 */
void graph_ties(const struct graph *g, const struct snapshot *s, uint32_t to,
	void (*cb)(const struct site *other, bool by_name, void *ctx), void *ctx);

#endif
