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
 * The nearest site comes from a binary heap, which none of our libraries brings. A site that is
 * found a nearer way is put in once more; what is left of it comes out settled and is passed over.
 */
#include "libhub/routing/graph.h"

#include <stdlib.h>

struct heap_item {
	int64_t cost;
	uint32_t hops, site;
};

struct graph_work {
	const struct graph_net *net;
	struct graph *g;
	bool *settled;			/* by site */
	bool *done;			/* by link */
	struct heap_item *heap;		/* a link offers each of its sites once: room for all */
	size_t heap_count;
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

static size_t net_links(struct graph_net *net, struct arena *a)
{
	const struct objects *all = &net->s->all[OBJ_SITE_LINK];
	size_t total = 0, i, j;

	net->links = arena_alloc(a, all->n * sizeof(*net->links));
	for (i = 0; i < all->n; i++) {
		const struct site_link *link = SNAPSHOT_AT(net->s, OBJ_SITE_LINK, site_link, i);
		uint32_t *sites;
		size_t n = 0;

		if (!link->obj.enabled)
			continue;
		sites = arena_alloc(a, link->sites.n * sizeof(*sites));
		for (j = 0; j < link->sites.n; j++) {
			sites[n] = graph_site_index(&link->sites.v[j]);
			n += sites[n] != GRAPH_NONE;
		}
		net->links[net->link_count++] =
			(struct graph_link){ link, graph_link_cost(link), sites, n };
		total += n;
	}
	return total;
}

void graph_net_build(struct graph_net *net, const struct snapshot *s, struct arena *a)
{
	size_t sites = s->all[OBJ_SITE].n, total, i, j, *at;

	*net = (struct graph_net){ .s = s };
	BUG_ON(sites >= GRAPH_NONE);
	total = net_links(net, a);
	net->of_site = arena_alloc(a, total * sizeof(*net->of_site));
	net->first = arena_alloc(a, (sites + 1) * sizeof(*net->first));
	at = xcalloc(sites + 1, sizeof(*at));
	for (i = 0; i < net->link_count; i++)
		for (j = 0; j < net->links[i].n; j++)
			net->first[net->links[i].sites[j] + 1]++;
	for (i = 0; i < sites; i++)
		at[i + 1] = net->first[i + 1] += net->first[i];
	for (i = 0; i < net->link_count; i++)
		for (j = 0; j < net->links[i].n; j++)
			net->of_site[at[net->links[i].sites[j]]++] = (uint32_t)i;
	free(at);
}

/* --- the heap --- */

/* The settling order: least (cost, hops, name). */
static bool item_before(const struct heap_item *a, const struct heap_item *b)
{
	if (a->cost != b->cost)
		return a->cost < b->cost;
	return a->hops != b->hops ? a->hops < b->hops : a->site < b->site;
}

static void heap_push(struct graph_work *w, struct heap_item item)
{
	size_t i = w->heap_count++;

	for (; i != 0 && item_before(&item, &w->heap[(i - 1) / 2]); i = (i - 1) / 2)
		w->heap[i] = w->heap[(i - 1) / 2];
	w->heap[i] = item;
}

static struct heap_item heap_pop(struct graph_work *w)
{
	struct heap_item first = w->heap[0], last = w->heap[--w->heap_count];
	size_t i = 0, child;

	while ((child = 2 * i + 1) < w->heap_count) {
		child += child + 1 < w->heap_count &&
			item_before(&w->heap[child + 1], &w->heap[child]);
		if (!item_before(&w->heap[child], &last))
			break;
		w->heap[i] = w->heap[child];
		i = child;
	}
	w->heap[i] = last;
	return first;
}

/* --- the search --- */

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

static void link_relax(struct graph_work *w, uint32_t from, const struct graph_link *l)
{
	const struct graph_node *x = &w->g->v[from];
	int64_t cost = x->cost + l->cost;
	size_t i;

	for (i = 0; i < l->n; i++) {
		uint32_t to = l->sites[i], hops = x->hops + 1;
		struct graph_node *d = &w->g->v[to];

		if (w->settled[to] || !node_improves(d, cost, hops, from, l->link))
			continue;
		if (!d->reachable || d->cost != cost || d->hops != hops)
			heap_push(w, (struct heap_item){ cost, hops, to });
		d->reachable = true;
		d->pred = from;
		d->link = l->link;
		d->cost = cost;
		d->hops = hops;
		d->limit = limit_min(x->limit, l->link->max_size);
	}
}

static void work_run(struct graph_work *w)
{
	while (w->heap_count != 0) {
		uint32_t x = heap_pop(w).site;
		size_t m;

		if (w->settled[x])
			continue;
		w->settled[x] = true;
		for (m = w->net->first[x]; m < w->net->first[x + 1]; m++) {
			uint32_t link = w->net->of_site[m];

			if (w->done[link])
				continue;
			w->done[link] = true;
			link_relax(w, x, &w->net->links[link]);
		}
	}
}

void graph_build(struct graph *g, const struct graph_net *net, uint32_t from, struct arena *a)
{
	struct graph_work w = { .net = net, .g = g };
	size_t i;

	g->n = net->s->all[OBJ_SITE].n;
	g->v = arena_alloc(a, g->n * sizeof(*g->v));
	for (i = 0; i < g->n; i++) {
		g->v[i].site = SNAPSHOT_AT(net->s, OBJ_SITE, site, i);
		g->v[i].pred = GRAPH_NONE;
	}
	if (from == GRAPH_NONE || !g->v[from].site->obj.enabled)
		return;
	w.settled = xcalloc(g->n, sizeof(*w.settled));
	w.done = xcalloc(net->link_count, sizeof(*w.done));
	w.heap = xcalloc(net->first[g->n] + 1, sizeof(*w.heap));
	g->v[from].reachable = true;
	heap_push(&w, (struct heap_item){ .site = from });
	work_run(&w);
	free(w.settled);
	free(w.done);
	free(w.heap);
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
