/* choices.c - the connectors of the snapshot as one server sees them (routing, section 5.1)
 *
 * For every connector: whether it can be used at all from here, by which source servers, and what
 * the way to them costs.
 */
#include <string.h>

#include "libhub/routing/table.h"

/*
 * Can this server hand mail to source servers there? A hub reaches hubs by the graph, and edges of
 * other sites by a hub of theirs. An edge delivers by itself only.
 */
static bool place_reachable(const struct routing_table *t, uint32_t site)
{
	return t->self->role == ROLE_HUB && t->graph.v[site].reachable &&
		(site == t->site || t->sites[site].hubs.n != 0);
}

/* Is site x nearer than y? By cost, hops, name (section 5.4, 5.5; equal sites do not occur). */
static bool site_nearer(const struct routing_table *t, uint32_t x, uint32_t y)
{
	const struct graph_node *a = &t->graph.v[x], *b = &t->graph.v[y];

	if (a->cost != b->cost)
		return a->cost < b->cost;
	return a->hops != b->hops ? a->hops < b->hops : x < y;
}

static bool is_source(const struct routing_table *t, const struct pool_connector *connector)
{
	size_t i;

	if (t->plain || !t->self->obj.enabled || !t->base->is_source[t->self->index])
		return false;
	for (i = 0; i < connector->sources.n; i++)
		if (connector->sources.v[i].target == &t->self->obj)
			return true;
	return false;
}

/* Where the nearest source servers are; lost_by if there are none. */
static void choice_place(const struct routing_table *t, const struct candidate *from,
	struct choice *c)
{
	bool self = is_source(t, from->connector), in_site = self;
	size_t i;

	c->site = GRAPH_NONE;
	c->nearness = self ? NEAR_SELF : NEAR_REMOTE;
	for (i = 0; i < from->place_count; i++) {
		const struct place *place = &from->places[i];

		in_site |= place->site == t->site;
		if (self || !place_reachable(t, place->site) ||
		    (c->site != GRAPH_NONE && !site_nearer(t, place->site, c->site)))
			continue;
		c->site = place->site;
		c->sources = place->sources;
	}
	if (!self && c->site == GRAPH_NONE)
		c->lost_by = from->has_source ? "unreachable" : "no-source";
	else if (from->connector->scoped && !in_site)
		c->lost_by = "scope";
	else if (!self && c->site == t->site)
		c->nearness = NEAR_SITE;
}

/* None of the sources answers: another hub of their site, then the site's ladder (section 6). */
static const struct source_fallback *choice_fallback(const struct routing_table *t,
	const struct source_set *set, const struct site_view *view)
{
	struct source_fallback *f = &t->fallbacks[set->number];
	struct server_pool *v;

	if (f->ready || set->edges)
		return f;
	f->ready = true;
	f->n = (set->others.n != 0) + view->ladder_n;
	f->v = v = arena_alloc(t->arena, f->n * sizeof(*v));
	if (set->others.n != 0)
		*v++ = set->others;
	if (view->ladder_n != 0)
		memcpy(v, view->ladder, view->ladder_n * sizeof(*v));
	return f;
}

static void choice_build(const struct routing_table *t, const struct candidate *from,
	struct choice *c)
{
	c->connector = from->connector;
	c->kind = from->kind;
	c->rank = (uint32_t)(from - t->base->candidates);
	c->smart_hosts = from->smart_hosts;
	if (!c->connector->obj.enabled) {
		c->lost_by = "disabled";
		c->site = GRAPH_NONE;
		return;
	}
	choice_place(t, from, c);
	if (c->site != GRAPH_NONE) {
		c->path_cost = t->graph.v[c->site].cost;
		c->hops = t->graph.v[c->site].hops;
		c->fallback = choice_fallback(t, c->sources, &t->sites[c->site]);
	}
	if (c->kind == OBJ_ROUTING_GROUP_CONNECTOR)
		c->path_cost += (int64_t)((const struct routing_group_connector *)
			(const void *)c->connector)->cost;
}

const struct choice *table_choice(const struct routing_table *t, uint32_t rank)
{
	/* Only a lazy table has any that is missing. */
	if (t->choices[rank] == NULL) {
		t->choices[rank] = arena_alloc(t->arena, sizeof(struct choice));
		choice_build(t, &t->base->candidates[rank], t->choices[rank]);
	}
	return t->choices[rank];
}
