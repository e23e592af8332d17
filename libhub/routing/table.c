/* table.c - a routing table's life */
#include "libhub/routing/table.h"

#include <stdlib.h>
#include <string.h>

const struct routing_table *routing_table_lazy(const struct routing_base *b,
	const struct routing_ways *w, const struct server *self, bool plain)
{
	struct routing_table *t = xcalloc(1, sizeof(*t));

	atomic_init(&t->refs, 1);
	t->arena = arena_new();
	t->base = routing_base_ref(b);
	t->ways = routing_ways_ref(w);
	t->self = self;
	t->plain = plain;
	t->snapshot = b->snapshot;
	t->site = w->site;
	t->graph = w->graph;
	t->sites = w->sites;
	t->choices = arena_alloc(t->arena, b->candidate_count * sizeof(struct choice *));
	t->fallbacks = arena_alloc(t->arena, b->set_count * sizeof(*t->fallbacks));
	t->lists = arena_alloc(t->arena, b->spaces.slot_count * sizeof(struct space_list *));
	return t;
}

static void table_fill(const struct routing_table *t)
{
	uint32_t i;

	for (i = 0; i < t->base->candidate_count; i++)
		table_choice(t, i);
	for (i = 0; i < t->base->spaces.slot_count; i++)
		table_list(t, t->base->spaces.slots[i]);
}

const struct routing_table *routing_table_new(const struct snapshot *s, const char *self,
	struct err *e)
{
	const struct obj *found = snapshot_find(s, OBJ_SERVER, self);
	const struct server *server = (const void *)found;
	const struct routing_table *t;
	const struct routing_base *b;
	const struct routing_ways *w;

	if (found == NULL) {
		err_set(e, ERR_CONFIG, 0, "no server named %s in the directory", self);
		return NULL;
	}
	b = routing_base_new(s);
	w = routing_ways_new(b, b->server_sites[server->index]);
	t = routing_table_lazy(b, w, server, false);
	table_fill(t);
	routing_ways_unref(&w);
	routing_base_unref(&b);
	return t;
}

const struct routing_table *routing_table_ref(const struct routing_table *t)
{
	/* The count is the one part of a table that changes. */
	atomic_fetch_add(&((struct routing_table *)(uintptr_t)t)->refs, 1);
	return t;
}

void routing_table_unref(const struct routing_table **tp)
{
	struct routing_table *t = (struct routing_table *)(uintptr_t)*tp;

	*tp = NULL;
	if (t == NULL || atomic_fetch_sub(&t->refs, 1) != 1)
		return;
	arena_free(&t->arena);
	routing_ways_unref(&t->ways);
	routing_base_unref(&t->base);
	free(t);
}

const struct snapshot *routing_table_snapshot(const struct routing_table *t)
{
	return t->snapshot;
}

const struct server *routing_table_self(const struct routing_table *t)
{
	return t->self;
}

struct server_pool routing_table_hubs(const struct routing_table *t)
{
	return t->site == GRAPH_NONE ? (struct server_pool){ 0 } : t->sites[t->site].hubs;
}

const struct send_connector *route_linked(const struct routing_table *t,
	const struct receive_connector *rc)
{
	size_t i;

	/* by name: a session may hold its connector from a snapshot before the table's */
	for (i = 0; i < t->base->linked_count; i++)
		if (strcmp(t->base->linked[i].from->obj.ndn, rc->obj.ndn) == 0)
			return t->base->linked[i].to;
	return NULL;
}
