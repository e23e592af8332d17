/* graph.c - see graph.h
 *
 * Dijkstra's algorithm over (cost, hops), with the names decided on the way.
 *
 * Why choosing the predecessor alone is enough. Among the paths to d of least (cost, hops) we want
 * the one whose site names are lowest when compared from the destination backwards. All of them
 * have the same number of hops, so this is the lexicographic minimum of the reversed sequences:
 * first the lowest predecessor p of d, and with p fixed the lowest reversed path to p among the
 * rests that are left. Such a rest has cost(d) - cost(p, d) and hops(d) - 1, and that is the least
 * (cost, hops) of p, or a better way to p would make a better way to d. So the rests are exactly
 * the best paths to p, whose backwards minimum is, by induction over hops, the path that p keeps.
 * Costs are at least 1, hence every such p is settled before d and the chain ends at the start.
 *
 * A consequence the rest of routing relies on: every suffix of a chosen path is the path chosen
 * from its first site. (A predecessor of least cost seen from a site on the path is one seen from
 * the start as well, and the lowest of the larger set is in the smaller.) So a hub site that
 * categorizes again goes on along the path the first hub saw.
 *
 * Why a link is looked at once. All its pairs cost the same, so the member settled first offers
 * each other member the least (cost, hops) that the link can give; equals are settled in the order
 * of names, so it is also the lowest name to come through it.
 *
 * The nearest site is found by scanning: with 1,000 sites that is a millisecond, and none of our
 * libraries brings a priority queue.
 */
#include "libhub/routing/graph.h"

struct graph_member {
	uint32_t link, next;		/* next membership of the same site */
};

struct graph_work {
	const struct snapshot *s;
	struct graph *g;
	bool *settled;			/* by site */
	bool *done;			/* by link */
	uint32_t *first;		/* by site: first membership */
	struct graph_member *members;
};

uint32_t graph_site_index(const struct ref *r)
{
	if (r->target == NULL || !r->target->enabled)
		return GRAPH_NONE;
	return ((const struct site *)(const void *)r->target)->index;
}

int64_t graph_link_cost(const struct site_link *link)
{
	uint64_t cost = link->transport_cost_given ? link->transport_cost : link->cost;

	/* The proof above needs positive costs; the checks of the directory see to it as well. */
	return cost == 0 ? 1 : (int64_t)cost;
}

/* The smaller of two limits where 0 means none. */
static uint64_t limit_min(uint64_t a, uint64_t b)
{
	if (a == 0 || b == 0)
		return a + b;
	return a < b ? a : b;
}

static void work_links(struct graph_work *w, struct arena *a)
{
	size_t links = w->s->all[OBJ_SITE_LINK].n, total = 0, i, j;
	uint32_t used = 0;

	for (i = 0; i < links; i++)
		total += SNAPSHOT_AT(w->s, OBJ_SITE_LINK, site_link, i)->sites.n;
	BUG_ON(total >= GRAPH_NONE);
	w->members = arena_alloc(a, total * sizeof(*w->members));
	/* Backwards, so that each site's list is in the order of the links' names. */
	for (i = links; i-- > 0;) {
		const struct site_link *link = SNAPSHOT_AT(w->s, OBJ_SITE_LINK, site_link, i);

		for (j = 0; link->obj.enabled && j < link->sites.n; j++) {
			uint32_t site = graph_site_index(&link->sites.v[j]);

			if (site == GRAPH_NONE)
				continue;
			w->members[used] = (struct graph_member){ (uint32_t)i, w->first[site] };
			w->first[site] = used++;
		}
	}
}

/* Is the way over pred and link better than the one node has? */
static bool node_improves(const struct graph_node *node, int64_t cost, uint32_t hops, uint32_t pred,
	const struct site_link *link)
{
	if (!node->reachable || cost != node->cost)
		return !node->reachable || cost < node->cost;
	if (hops != node->hops)
		return hops < node->hops;
	if (pred != node->pred)
		return pred < node->pred;
	/* Two links of one cost join the pair: the one that refuses less counts. */
	return node->link->max_size != 0 &&
		(link->max_size == 0 || link->max_size > node->link->max_size);
}

static void link_relax(struct graph_work *w, uint32_t from, const struct site_link *link)
{
	const struct graph_node *x = &w->g->v[from];
	int64_t cost = x->cost + graph_link_cost(link);
	size_t i;

	for (i = 0; i < link->sites.n; i++) {
		uint32_t to = graph_site_index(&link->sites.v[i]);
		struct graph_node *d;

		if (to == GRAPH_NONE || w->settled[to])
			continue;
		d = &w->g->v[to];
		if (!node_improves(d, cost, x->hops + 1, from, link))
			continue;
		d->reachable = true;
		d->pred = from;
		d->link = link;
		d->cost = cost;
		d->hops = x->hops + 1;
		d->limit = limit_min(x->limit, link->max_size);
	}
}

/* The unsettled site of least (cost, hops, name). */
static uint32_t work_nearest(const struct graph_work *w)
{
	uint32_t best = GRAPH_NONE, i;

	for (i = 0; i < w->g->n; i++) {
		const struct graph_node *node = &w->g->v[i];

		if (!node->reachable || w->settled[i])
			continue;
		if (best == GRAPH_NONE || node->cost < w->g->v[best].cost ||
		    (node->cost == w->g->v[best].cost && node->hops < w->g->v[best].hops))
			best = i;
	}
	return best;
}

static void work_run(struct graph_work *w)
{
	uint32_t x, m;

	while ((x = work_nearest(w)) != GRAPH_NONE) {
		w->settled[x] = true;
		for (m = w->first[x]; m != GRAPH_NONE; m = w->members[m].next) {
			uint32_t link = w->members[m].link;

			if (w->done[link])
				continue;
			w->done[link] = true;
			link_relax(w, x, SNAPSHOT_AT(w->s, OBJ_SITE_LINK, site_link, link));
		}
	}
}

void graph_build(struct graph *g, const struct snapshot *s, uint32_t from, struct arena *a)
{
	struct arena *scratch = arena_new();
	struct graph_work w = { .s = s, .g = g };
	size_t i;

	g->n = s->all[OBJ_SITE].n;
	BUG_ON(g->n >= GRAPH_NONE);
	g->v = arena_alloc(a, g->n * sizeof(*g->v));
	w.settled = arena_alloc(scratch, g->n * sizeof(*w.settled));
	w.done = arena_alloc(scratch, s->all[OBJ_SITE_LINK].n * sizeof(*w.done));
	w.first = arena_alloc(scratch, g->n * sizeof(*w.first));
	for (i = 0; i < g->n; i++) {
		g->v[i].site = SNAPSHOT_AT(s, OBJ_SITE, site, i);
		g->v[i].pred = GRAPH_NONE;
		w.first[i] = GRAPH_NONE;
	}
	work_links(&w, scratch);
	if (from != GRAPH_NONE && g->v[from].site->obj.enabled) {
		g->v[from].reachable = true;
		work_run(&w);
	}
	arena_free(&scratch);
}

const struct site **graph_path(const struct graph *g, uint32_t to, struct arena *a, size_t *n)
{
	const struct site **path;
	size_t i;

	*n = 0;
	if (to == GRAPH_NONE || !g->v[to].reachable)
		return NULL;
	i = (size_t)g->v[to].hops + 1;
	*n = i;
	path = arena_alloc(a, i * sizeof(*path));
	for (; to != GRAPH_NONE; to = g->v[to].pred)
		path[--i] = g->v[to].site;
	return path;
}

const struct site_link *graph_path_refusal(const struct graph *g, uint32_t to, uint64_t size)
{
	const struct site_link *first = NULL;

	if (g->v[to].limit == 0 || size <= g->v[to].limit)
		return NULL;
	for (; g->v[to].link != NULL; to = g->v[to].pred) {
		const struct site_link *link = g->v[to].link;

		if (link->max_size != 0 && size > link->max_size)
			first = link;
	}
	return first;
}

/* Cost of the cheapest link between two sites, 0 if none joins them. */
static int64_t pair_cost(const struct snapshot *s, uint32_t x, uint32_t y)
{
	int64_t best = 0;
	size_t i, j;

	for (i = 0; i < s->all[OBJ_SITE_LINK].n; i++) {
		const struct site_link *link = SNAPSHOT_AT(s, OBJ_SITE_LINK, site_link, i);
		bool has_x = false, has_y = false;

		for (j = 0; link->obj.enabled && j < link->sites.n; j++) {
			uint32_t site = graph_site_index(&link->sites.v[j]);

			has_x |= site == x;
			has_y |= site == y;
		}
		if (has_x && has_y && (best == 0 || graph_link_cost(link) < best))
			best = graph_link_cost(link);
	}
	return best;
}

void graph_ties(const struct graph *g, const struct snapshot *s, uint32_t to,
	void (*cb)(const struct site *other, bool by_name, void *ctx), void *ctx)
{
	const struct graph_node *d = &g->v[to];
	uint32_t p;

	if (!d->reachable || d->pred == GRAPH_NONE)
		return;
	for (p = 0; p < g->n; p++) {
		const struct graph_node *node = &g->v[p];
		int64_t hop;

		if (!node->reachable || p == d->pred || p == to || node->cost >= d->cost)
			continue;
		hop = pair_cost(s, p, to);
		if (hop != 0 && node->cost + hop == d->cost)
			cb(node->site, node->hops + 1 == d->hops, ctx);
	}
}
