/* base.c - a snapshot made ready for routing: who stands where, and what is linked */
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/table.h"

/* The enabled subscription of an edge server, the first by name of several, or NULL. */
static const struct edge_subscription *edge_subscription_of(const struct snapshot *s,
	const struct server *edge, bool *any)
{
	size_t i;

	*any = false;
	for (i = 0; i < s->all[OBJ_EDGE_SUBSCRIPTION].n; i++) {
		const struct edge_subscription *sub =
			SNAPSHOT_AT(s, OBJ_EDGE_SUBSCRIPTION, edge_subscription, i);

		if (sub->server.target != &edge->obj)
			continue;
		*any = true;
		if (sub->obj.enabled)
			return sub;
	}
	return NULL;
}

/*
 * The site a server counts for: a hub's own, an edge's the one it is subscribed to. Where there is
 * no subscription, as on an edge that is not subscribed, the server's entry tells.
 */
static uint32_t server_site_index(const struct snapshot *s, const struct server *server)
{
	const struct edge_subscription *sub;
	bool any;

	if (!server->obj.enabled)
		return GRAPH_NONE;
	if (server->role == ROLE_HUB)
		return graph_site_index(&server->site);
	sub = edge_subscription_of(s, server, &any);
	if (sub != NULL)
		return graph_site_index(&sub->site);
	return any ? GRAPH_NONE : graph_site_index(&server->site);
}

/* Servers of one role at one site, in one array of all servers sorted by place. */
static size_t server_bucket(const struct routing_base *b, const struct server *server)
{
	return 2 * (size_t)b->server_sites[server->index] + (server->role == ROLE_EDGE);
}

static void base_pools(struct routing_base *b)
{
	const struct objects *servers = &b->snapshot->all[OBJ_SERVER];
	size_t buckets = 2 * b->snapshot->all[OBJ_SITE].n, total = 0, i;
	const struct server **sorted = arena_alloc(b->arena, servers->n * sizeof(*sorted));
	size_t *count = xcalloc(buckets, sizeof(*count)), *at = xcalloc(buckets, sizeof(*at));

	for (i = 0; i < servers->n; i++)
		if (b->server_sites[i] != GRAPH_NONE)
			count[server_bucket(b, SNAPSHOT_AT(b->snapshot, OBJ_SERVER, server, i))]++;
	for (i = 0; i < buckets; i++) {
		struct site_view *view = &b->sites[i / 2];

		*(i % 2 == 0 ? &view->hubs : &view->edges) =
			(struct server_pool){ sorted + total, count[i] };
		at[i] = total;
		total += count[i];
	}
	for (i = 0; i < servers->n; i++) {
		const struct server *server = SNAPSHOT_AT(b->snapshot, OBJ_SERVER, server, i);

		if (b->server_sites[i] != GRAPH_NONE)
			sorted[at[server_bucket(b, server)]++] = server;
	}
	free(count);
	free(at);
}

static void base_servers(struct routing_base *b)
{
	size_t n = b->snapshot->all[OBJ_SERVER].n, i;

	b->server_sites = arena_alloc(b->arena, n * sizeof(*b->server_sites));
	b->is_source = arena_alloc(b->arena, n * sizeof(*b->is_source));
	for (i = 0; i < n; i++)
		b->server_sites[i] = server_site_index(b->snapshot,
			SNAPSHOT_AT(b->snapshot, OBJ_SERVER, server, i));
}

static void base_linked(struct routing_base *b)
{
	const struct objects *all = &b->snapshot->all[OBJ_SEND_CONNECTOR];
	size_t i;

	b->linked = arena_alloc(b->arena, all->n * sizeof(*b->linked));
	for (i = 0; i < all->n; i++) {
		const struct send_connector *to =
			SNAPSHOT_AT(b->snapshot, OBJ_SEND_CONNECTOR, send_connector, i);

		if (to->pool.obj.enabled && to->linked.target != NULL)
			b->linked[b->linked_count++] = (struct linked){
				(const void *)to->linked.target, to,
				base_smart_hosts(b->arena, &to->smart_hosts) };
	}
}

const struct routing_base *routing_base_new(const struct snapshot *s)
{
	struct routing_base *b = xcalloc(1, sizeof(*b));

	atomic_init(&b->refs, 1);
	b->arena = arena_new();
	b->snapshot = snapshot_ref(s);
	graph_net_build(&b->net, s, b->arena);
	base_servers(b);
	b->sites = arena_alloc(b->arena, s->all[OBJ_SITE].n * sizeof(*b->sites));
	base_pools(b);
	base_candidates_build(b);
	base_linked(b);
	return b;
}

const struct routing_base *routing_base_ref(const struct routing_base *b)
{
	atomic_fetch_add(&((struct routing_base *)(uintptr_t)b)->refs, 1);
	return b;
}

void routing_base_unref(const struct routing_base **bp)
{
	struct routing_base *b = (struct routing_base *)(uintptr_t)*bp;

	*bp = NULL;
	if (b == NULL || atomic_fetch_sub(&b->refs, 1) != 1)
		return;
	space_index_clear(&b->spaces);
	arena_free(&b->arena);
	snapshot_unref(&b->snapshot);
	free(b);
}
