/* change.c - what is equal in two snapshots, whoever looks; see change.h */
#include "libhub/routing/change_side.h"

#include <stdlib.h>
#include <string.h>

static bool same_text(const char *a, const char *b)
{
	return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

bool server_pool_same(const struct server_pool *a, const struct server_pool *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (!snapshot_same_name(&a->v[i]->obj, &b->v[i]->obj))
			return false;
	return true;
}

/* --- sites --- */

static bool same_site(const struct routing_change *c, uint32_t before, uint32_t after)
{
	const struct site *x = SNAPSHOT_AT(c->before.base->snapshot, OBJ_SITE, site, before);
	const struct site *y = SNAPSHOT_AT(c->after.base->snapshot, OBJ_SITE, site, after);
	const struct site_view *v = &c->before.base->sites[before];
	const struct site_view *w = &c->after.base->sites[after];

	return x->obj.enabled == y->obj.enabled && x->hub_site == y->hub_site &&
		x->inbound_mail == y->inbound_mail && server_pool_same(&v->hubs, &w->hubs) &&
		server_pool_same(&v->edges, &w->edges);
}

/* A site is the same one if it is called the same; how it is written shows in paths. */
static void sites_match(struct routing_change *c)
{
	const struct objects *before = &c->before.base->snapshot->all[OBJ_SITE];
	const struct objects *after = &c->after.base->snapshot->all[OBJ_SITE];
	uint32_t i;

	c->before.twin = xcalloc(before->n, sizeof(*c->before.twin));
	c->after.twin = xcalloc(after->n, sizeof(*c->after.twin));
	c->site_same = xcalloc(before->n, sizeof(*c->site_same));
	for (i = 0; i < after->n; i++)
		c->after.twin[i] = GRAPH_NONE;
	for (i = 0; i < before->n; i++) {
		const struct obj *twin = snapshot_find(c->after.base->snapshot, OBJ_SITE,
			before->v[i]->name);

		c->before.twin[i] = GRAPH_NONE;
		if (twin == NULL || strcmp(twin->name, before->v[i]->name) != 0)
			continue;
		c->before.twin[i] = ((const struct site *)(const void *)twin)->index;
		c->after.twin[c->before.twin[i]] = i;
		c->site_same[i] = same_site(c, i, c->before.twin[i]);
	}
}

static bool same_link(const struct graph_link *a, const struct graph_link *b)
{
	return a->cost == b->cost && a->n == b->n && a->link->max_size == b->link->max_size &&
		strcmp(a->link->obj.name, b->link->obj.name) == 0 &&
		(a->n == 0 || memcmp(a->sites, b->sites, a->n * sizeof(*a->sites)) == 0);
}

static bool same_ways(const struct routing_change *c)
{
	const struct graph_net *x = &c->before.base->net, *y = &c->after.base->net;
	size_t i;

	if (x->s->all[OBJ_SITE].n != y->s->all[OBJ_SITE].n || x->link_count != y->link_count)
		return false;
	for (i = 0; i < x->s->all[OBJ_SITE].n; i++)
		if (!c->site_same[i] || c->before.twin[i] != i)
			return false;
	for (i = 0; i < x->link_count; i++)
		if (!same_link(&x->links[i], &y->links[i]))
			return false;
	return true;
}

/* --- connectors --- */

static bool same_sources(const struct refs *a, const struct refs *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++) {
		const struct obj *x = a->v[i].target, *y = b->v[i].target;

		if (!snapshot_same_name(x, y) || (x != NULL && x->enabled != y->enabled))
			return false;
	}
	return true;
}

static bool same_places(const struct routing_change *c, const struct candidate *a,
	const struct candidate *b)
{
	size_t i;

	if (a->has_source != b->has_source || a->place_count != b->place_count)
		return false;
	for (i = 0; i < a->place_count; i++)
		if (c->before.twin[a->places[i].site] != b->places[i].site ||
		    strcmp(a->places[i].sources->names, b->places[i].sources->names) != 0 ||
		    a->places[i].sources->edges != b->places[i].sources->edges)
			return false;
	return true;
}

static bool same_spaces(const struct candidate *a, const struct candidate *b)
{
	struct address_spaces x = pool_connector_spaces(a->kind, a->connector);
	struct address_spaces y = pool_connector_spaces(b->kind, b->connector);
	size_t i;

	if (x.n != y.n)
		return false;
	for (i = 0; i < x.n; i++)
		if (strcmp(x.v[i].type, y.v[i].type) != 0 || x.v[i].match != y.v[i].match ||
		    x.v[i].cost != y.v[i].cost || !same_text(x.v[i].key, y.v[i].key) ||
		    !same_text(x.v[i].text, y.v[i].text))
			return false;
	return true;
}

static int64_t own_cost(const struct candidate *c)
{
	return c->kind == OBJ_ROUTING_GROUP_CONNECTOR ? (int64_t)
		((const struct routing_group_connector *)(const void *)c->connector)->cost : 0;
}

/* Equal in all that routing reads of a connector. */
static bool same_candidate(const struct routing_change *c, const struct candidate *a,
	const struct candidate *b)
{
	const struct pool_connector *x = a->connector, *y = b->connector;

	return a->kind == b->kind && strcmp(x->obj.name, y->obj.name) == 0 &&
		x->obj.enabled == y->obj.enabled && x->scoped == y->scoped &&
		x->max_size == y->max_size && own_cost(a) == own_cost(b) &&
		same_text(a->smart_hosts, b->smart_hosts) &&
		same_sources(&x->sources, &y->sources) && same_places(c, a, b) &&
		same_spaces(a, b);
}

static int candidate_order(const struct candidate *a, const struct candidate *b)
{
	int order = name_compare(a->connector->obj.name, b->connector->obj.name);

	return order != 0 ? order : strcmp(a->connector->obj.ndn, b->connector->obj.ndn);
}

/* Both sides are in the same order, so those that are the same stand in it likewise. */
static void candidates_match(struct routing_change *c)
{
	struct change_side *x = &c->before, *y = &c->after;
	size_t n = x->base->candidate_count, m = y->base->candidate_count;
	uint32_t i = 0, j = 0;

	x->changed = xcalloc(n, sizeof(*x->changed));
	y->changed = xcalloc(m, sizeof(*y->changed));
	while (i < n || j < m) {
		const struct candidate *a = &x->base->candidates[i], *b = &y->base->candidates[j];
		int order = i == n ? 1 : j == m ? -1 : candidate_order(a, b);

		if (order != 0 || !same_candidate(c, a, b)) {
			if (order <= 0)
				x->changed[i] = true;
			if (order >= 0)
				y->changed[j] = true;
		}
		i += order <= 0;
		j += order >= 0;
	}
}

/* Counts the connectors of each server; with ranks it writes them where at says. */
static void sourced_count(const struct routing_base *b, uint32_t *at, uint32_t *ranks)
{
	uint32_t rank;
	size_t i;

	for (rank = 0; rank < b->candidate_count; rank++) {
		const struct pool_connector *c = b->candidates[rank].connector;

		for (i = 0; c->obj.enabled && i < c->sources.n; i++) {
			const struct server *server = (const void *)c->sources.v[i].target;

			if (server == NULL)
				continue;
			if (ranks != NULL)
				ranks[at[server->index]] = rank;
			at[server->index]++;
		}
	}
}

static void side_sourced(struct change_side *side)
{
	size_t servers = side->base->snapshot->all[OBJ_SERVER].n, i;
	uint32_t *at = xcalloc(servers + 1, sizeof(*at)), n, total = 0;

	sourced_count(side->base, at, NULL);
	side->sourced_first = xcalloc(servers + 1, sizeof(*side->sourced_first));
	for (i = 0; i <= servers; i++) {
		n = at[i];
		at[i] = side->sourced_first[i] = total;
		total += n;
	}
	side->sourced = xcalloc(total, sizeof(*side->sourced));
	sourced_count(side->base, at, side->sourced);
	free(at);
}

/* --- addresses --- */

static void slots_find(const struct change_side *side, const struct change_address *address,
	struct change_slots *out)
{
	const struct space_slot *slot;
	struct space_cursor cursor;

	space_cursor_init(&cursor, &side->base->spaces, address->type, address->text, false);
	while ((slot = space_cursor_next(&cursor)) != NULL) {
		if (out->n == out->room) {
			out->room = out->room != 0 ? 2 * out->room : 4;
			out->v = xreallocarray(out->v, out->room, sizeof(*out->v));
		}
		out->v[out->n++] = slot->number;
	}
	space_cursor_init(&cursor, &side->base->spaces, address->type, address->text, true);
	slot = space_cursor_next(&cursor);
	out->inbound = slot != NULL ? slot->number : GRAPH_NONE;
}

static bool same_domain(const struct routing_change *c, const struct change_address *address)
{
	const struct accepted_domain *x, *y;

	if (strcmp(address->type, "SMTP") != 0)
		return true;
	x = snapshot_accepted_domain(c->before.base->snapshot, address->text);
	y = snapshot_accepted_domain(c->after.base->snapshot, address->text);
	return (x == NULL) == (y == NULL) && (x == NULL || (x->type == y->type &&
		x->recipient_validation == y->recipient_validation));
}

size_t routing_change_add(struct routing_change *c, const char *type, const char *text)
{
	struct change_address *address;

	if (c->address_count == c->address_room) {
		c->address_room = c->address_room != 0 ? 2 * c->address_room : 64;
		c->addresses = xreallocarray(c->addresses, c->address_room, sizeof(*c->addresses));
	}
	address = &c->addresses[c->address_count];
	*address = (struct change_address){ .type = arena_strdup(c->arena, type),
		.text = value_lower(c->arena, text) };
	address->domain_same = same_domain(c, address);
	slots_find(&c->before, address, &address->before);
	slots_find(&c->after, address, &address->after);
	return c->address_count++;
}

uint32_t routing_change_site(const struct routing_change *c, const char *name)
{
	const struct obj *found = snapshot_find(c->before.base->snapshot, OBJ_SITE, name);

	if (found == NULL || strcmp(found->name, name) != 0)
		return GRAPH_NONE;
	return ((const struct site *)(const void *)found)->index;
}

/* --- all --- */

struct routing_change *routing_change_new(const struct snapshot *before,
	const struct snapshot *after)
{
	struct routing_change *c = xcalloc(1, sizeof(*c));

	c->arena = arena_new();
	c->before.base = routing_base_new(before);
	c->after.base = routing_base_new(after);
	sites_match(c);
	c->ways_same = same_ways(c);
	candidates_match(c);
	side_sourced(&c->before);
	side_sourced(&c->after);
	return c;
}

static void side_clear(struct change_side *side)
{
	routing_base_unref(&side->base);
	free(side->twin);
	free(side->changed);
	free(side->sourced_first);
	free(side->sourced);
}

void routing_change_free(struct routing_change **cp)
{
	struct routing_change *c = *cp;
	size_t i;

	*cp = NULL;
	if (c == NULL)
		return;
	for (i = 0; i < c->address_count; i++) {
		free(c->addresses[i].before.v);
		free(c->addresses[i].after.v);
	}
	free(c->addresses);
	side_clear(&c->before);
	side_clear(&c->after);
	free(c->site_same);
	arena_free(&c->arena);
	free(c);
}
