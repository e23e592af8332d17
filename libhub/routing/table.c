/* table.c - a routing table's life, and what stands at each site */
#include "libhub/routing/table.h"

#include <string.h>

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
 * The site a server counts for: a hub's own, an edge's the one it is subscribed to. An edge's own
 * directory holds no subscription, there the server's entry tells.
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
static size_t server_bucket(const struct routing_table *t, const struct server *server)
{
	return 2 * (size_t)t->server_sites[server->index] + (server->role == ROLE_EDGE);
}

static void table_pools(struct routing_table *t)
{
	const struct objects *servers = &t->snapshot->all[OBJ_SERVER];
	size_t buckets = 2 * t->graph.n, total = 0, i;
	const struct server **sorted = arena_alloc(t->arena, servers->n * sizeof(*sorted));
	size_t *count = xcalloc(buckets, sizeof(*count)), *at = xcalloc(buckets, sizeof(*at));

	for (i = 0; i < servers->n; i++)
		if (t->server_sites[i] != GRAPH_NONE)
			count[server_bucket(t, SNAPSHOT_AT(t->snapshot, OBJ_SERVER, server, i))]++;
	for (i = 0; i < buckets; i++) {
		struct site_view *view = &t->sites[i / 2];

		*(i % 2 == 0 ? &view->hubs : &view->edges) =
			(struct server_pool){ sorted + total, count[i] };
		at[i] = total;
		total += count[i];
	}
	for (i = 0; i < servers->n; i++) {
		const struct server *server = SNAPSHOT_AT(t->snapshot, OBJ_SERVER, server, i);

		if (t->server_sites[i] != GRAPH_NONE)
			sorted[at[server_bucket(t, server)]++] = server;
	}
	free(count);
	free(at);
}

static void table_servers(struct routing_table *t)
{
	size_t n = t->snapshot->all[OBJ_SERVER].n, i;

	t->server_sites = arena_alloc(t->arena, n * sizeof(*t->server_sites));
	for (i = 0; i < n; i++)
		t->server_sites[i] = server_site_index(t->snapshot,
			SNAPSHOT_AT(t->snapshot, OBJ_SERVER, server, i));
	t->site = t->server_sites[t->self->index];
}

/*
 * A site that is drained (hubInboundMail) is, for servers elsewhere, one without servers: nothing
 * stops there or is handed over there. Its own servers go on as before, and paths lead through it.
 */
static void table_drain(struct routing_table *t)
{
	size_t n = t->snapshot->all[OBJ_SERVER].n, i;

	for (i = 0; i < n; i++) {
		uint32_t site = t->server_sites[i];

		if (site != GRAPH_NONE && site != t->site &&
		    !SNAPSHOT_AT(t->snapshot, OBJ_SITE, site, site)->inbound_mail)
			t->server_sites[i] = GRAPH_NONE;
	}
}

/* The first hub site on the way to a site, the site itself included (section 3). */
static uint32_t site_stop(const struct routing_table *t, uint32_t site)
{
	uint32_t first = GRAPH_NONE, x;

	if (!t->graph.v[site].reachable)
		return GRAPH_NONE;
	for (x = site; x != t->site; x = t->graph.v[x].pred)
		if (t->graph.v[x].site->hub_site && t->sites[x].hubs.n != 0)
			first = x;
	return first;
}

static void table_stops(struct routing_table *t)
{
	uint32_t i;

	for (i = 0; i < t->graph.n; i++)
		t->sites[i].stop = site_stop(t, i);
}

static void table_linked(struct routing_table *t)
{
	const struct objects *all = &t->snapshot->all[OBJ_SEND_CONNECTOR];
	size_t i;

	t->linked = arena_alloc(t->arena, all->n * sizeof(*t->linked));
	for (i = 0; i < all->n; i++) {
		const struct send_connector *to =
			SNAPSHOT_AT(t->snapshot, OBJ_SEND_CONNECTOR, send_connector, i);

		if (to->pool.obj.enabled && to->linked.target != NULL)
			t->linked[t->linked_count++] = (struct linked){
				(const void *)to->linked.target, to,
				table_smart_hosts(t->arena, &to->smart_hosts) };
	}
}

const struct routing_table *routing_table_new(const struct snapshot *s, const char *self,
	struct err *e)
{
	const struct obj *found = snapshot_find(s, OBJ_SERVER, self);
	struct routing_table *t;

	if (found == NULL) {
		err_set(e, ERR_CONFIG, 0, "no server named %s in the directory", self);
		return NULL;
	}
	t = xcalloc(1, sizeof(*t));
	atomic_init(&t->refs, 1);
	t->arena = arena_new();
	t->snapshot = snapshot_ref(s);
	t->self = (const void *)found;
	table_servers(t);
	table_drain(t);
	graph_build(&t->graph, s, t->site, t->arena);
	t->sites = arena_alloc(t->arena, t->graph.n * sizeof(*t->sites));
	table_pools(t);
	table_stops(t);
	table_ladders_build(t);
	table_choices_build(t);
	table_linked(t);
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
	space_index_clear(&t->spaces);
	arena_free(&t->arena);
	snapshot_unref(&t->snapshot);
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

const struct send_connector *route_linked(const struct routing_table *t,
	const struct receive_connector *rc)
{
	size_t i;

	/* by name: a session may hold its connector from a snapshot before the table's */
	for (i = 0; i < t->linked_count; i++)
		if (strcmp(t->linked[i].from->obj.ndn, rc->obj.ndn) == 0)
			return t->linked[i].to;
	return NULL;
}
