/* ways.c - the paths from one site, and where mail stops on them (routing, sections 2 and 3) */
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/table.h"

/*
 * A site that is drained (hubInboundMail) is, for servers elsewhere, one without servers: nothing
 * stops there or is handed over there. Its own servers go on as before, and paths lead through it.
 */
static void ways_drain(struct routing_ways *w)
{
	uint32_t i;

	for (i = 0; i < w->graph.n; i++)
		if (i != w->site && !w->graph.v[i].site->inbound_mail)
			w->sites[i].hubs.n = w->sites[i].edges.n = 0;
}

/* The first hub site on the way to a site, the site itself included (section 3). */
static uint32_t site_stop(const struct routing_ways *w, uint32_t site)
{
	uint32_t first = GRAPH_NONE, x;

	if (!w->graph.v[site].reachable)
		return GRAPH_NONE;
	for (x = site; x != w->site; x = w->graph.v[x].pred)
		if (w->graph.v[x].site->hub_site && w->sites[x].hubs.n != 0)
			first = x;
	return first;
}

static void ways_stops(struct routing_ways *w)
{
	uint32_t i;

	for (i = 0; i < w->graph.n; i++)
		w->sites[i].stop = site_stop(w, i);
}

const struct routing_ways *routing_ways_new(const struct routing_base *b, uint32_t site)
{
	struct routing_ways *w = xcalloc(1, sizeof(*w));

	atomic_init(&w->refs, 1);
	w->arena = arena_new();
	w->site = site;
	graph_build(&w->graph, &b->net, site, w->arena);
	w->sites = arena_memdup(w->arena, b->sites, w->graph.n * sizeof(*w->sites));
	ways_drain(w);
	ways_stops(w);
	ways_ladders_build(w);
	return w;
}

const struct routing_ways *routing_ways_ref(const struct routing_ways *w)
{
	atomic_fetch_add(&((struct routing_ways *)(uintptr_t)w)->refs, 1);
	return w;
}

void routing_ways_unref(const struct routing_ways **wp)
{
	struct routing_ways *w = (struct routing_ways *)(uintptr_t)*wp;

	*wp = NULL;
	if (w == NULL || atomic_fetch_sub(&w->refs, 1) != 1)
		return;
	arena_free(&w->arena);
	free(w);
}
