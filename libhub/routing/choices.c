/* choices.c - the connectors of the snapshot as one server sees them (hub-routing(7) section 5.1)
 *
 * For every connector: whether it can be used at all from here, by which source servers, and what
 * the way to them costs. Those that can be used go into the index of address spaces.
 */
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/table.h"

struct set_entry {
	struct source_set set;
	UT_hash_handle hh;
};

struct choices_work {
	struct routing_table *t;
	struct set_entry *sets;		/* by names */
	const struct server **servers;	/* room for the sources of one connector */
};

/* One source server that exists and is enabled, and where it counts. */
struct source {
	const struct server *server;
	uint32_t site;
};

static bool source_get(const struct routing_table *t, const struct ref *r, struct source *out)
{
	if (r->target == NULL || !r->target->enabled)
		return false;
	out->server = (const void *)r->target;
	out->site = t->server_sites[out->server->index];
	return true;
}

/*
 * Can this server hand mail to the source? A hub reaches hubs by the graph, and edges of other
 * sites by a hub of theirs. An edge delivers by itself only.
 */
static bool source_reachable(const struct routing_table *t, const struct source *src)
{
	if (src->server == t->self)
		return true;
	if (t->self->role != ROLE_HUB || src->site == GRAPH_NONE ||
	    !t->graph.v[src->site].reachable)
		return false;
	return src->server->role == ROLE_HUB || src->site == t->site ||
		t->sites[src->site].hubs.n != 0;
}

/* Is site x nearer than y? By cost, hops, name (section 5.4, 5.5; equal sites do not occur). */
static bool site_nearer(const struct routing_table *t, uint32_t x, uint32_t y)
{
	const struct graph_node *a = &t->graph.v[x], *b = &t->graph.v[y];

	if (a->cost != b->cost)
		return a->cost < b->cost;
	return a->hops != b->hops ? a->hops < b->hops : x < y;
}

/* Where the nearest source servers are; lost_by if there are none. */
static void choice_place(const struct routing_table *t, struct choice *c)
{
	const struct refs *sources = &c->connector->sources;
	bool in_site = false;
	size_t i;

	c->lost_by = "no-source";
	c->site = GRAPH_NONE;
	c->nearness = NEAR_REMOTE;
	for (i = 0; i < sources->n; i++) {
		struct source src;

		if (!source_get(t, &sources->v[i], &src))
			continue;
		in_site |= src.server == t->self || (src.site != GRAPH_NONE && src.site == t->site);
		if (c->lost_by != NULL)
			c->lost_by = "unreachable";
		if (!source_reachable(t, &src))
			continue;
		c->lost_by = NULL;
		if (src.server == t->self)
			c->nearness = NEAR_SELF;
		else if (c->site == GRAPH_NONE || site_nearer(t, src.site, c->site))
			c->site = src.site;
	}
	if (c->lost_by == NULL && c->connector->scoped && !in_site)
		c->lost_by = "scope";
	if (c->nearness == NEAR_SELF)
		c->site = GRAPH_NONE;
	else if (c->site != GRAPH_NONE && c->site == t->site)
		c->nearness = NEAR_SITE;
}

static int server_order(const void *a, const void *b)
{
	const struct server *x = *(const struct server *const *)a;
	const struct server *y = *(const struct server *const *)b;

	return (x->index > y->index) - (x->index < y->index);
}

/* Source servers of one role at the connector's site, in order and without repetition. */
static size_t sources_at(struct choices_work *w, const struct choice *c, int role)
{
	size_t n = 0, kept = 0, i;
	struct source src;

	for (i = 0; i < c->connector->sources.n; i++)
		if (source_get(w->t, &c->connector->sources.v[i], &src) && src.site == c->site &&
		    src.server->role == role)
			w->servers[n++] = src.server;
	qsort(w->servers, n, sizeof(*w->servers), server_order);
	for (i = 0; i < n; i++)
		if (kept == 0 || w->servers[i] != w->servers[kept - 1])
			w->servers[kept++] = w->servers[i];
	return kept;
}

static char *names_join(struct arena *a, const struct server *const *v, size_t n)
{
	size_t size = 1, i;
	char *names, *p;

	for (i = 0; i < n; i++)
		size += strlen(v[i]->obj.name) + 1;
	p = names = arena_alloc(a, size);
	for (i = 0; i < n; i++) {
		if (i != 0)
			*p++ = ',';
		p = stpcpy(p, v[i]->obj.name);
	}
	return names;
}

static struct server_pool pool_without(const struct server_pool *pool,
	const struct server_pool *out, struct arena *a)
{
	const struct server **v = arena_alloc(a, pool->n * sizeof(*v));
	size_t n = 0, i, j = 0;

	/* Both are in the order of names, and out is part of pool. */
	for (i = 0; i < pool->n; i++) {
		if (j < out->n && out->v[j] == pool->v[i])
			j++;
		else
			v[n++] = pool->v[i];
	}
	return (struct server_pool){ v, n };
}

/* None of the sources answers: another hub of their site, then the site's ladder (section 6). */
static void source_set_fallback(const struct routing_table *t, struct source_set *set,
	const struct site_view *view)
{
	struct server_pool others = pool_without(&view->hubs, &set->pool, t->arena), *v;

	set->others = others.n != 0;
	set->fallback_n = set->others + view->ladder_n;
	set->fallback = v = arena_alloc(t->arena, set->fallback_n * sizeof(*v));
	if (set->others != 0)
		*v++ = others;
	if (view->ladder_n != 0)
		memcpy(v, view->ladder, view->ladder_n * sizeof(*v));
}

static const struct source_set *source_set_get(struct choices_work *w, const struct choice *c)
{
	struct routing_table *t = w->t;
	size_t n = sources_at(w, c, ROLE_HUB);
	bool edges = n == 0;
	struct set_entry *entry;
	char *names;

	if (edges)
		n = sources_at(w, c, ROLE_EDGE);
	names = names_join(t->arena, w->servers, n);
	HASH_FIND_STR(w->sets, names, entry);
	if (entry != NULL)
		return &entry->set;
	entry = arena_alloc(t->arena, sizeof(*entry));
	entry->set.names = names;
	entry->set.edges = edges;
	entry->set.pool.v = arena_memdup(t->arena, w->servers, n * sizeof(*w->servers));
	entry->set.pool.n = n;
	if (!edges)
		source_set_fallback(t, &entry->set, &t->sites[c->site]);
	HASH_ADD_KEYPTR(hh, w->sets, entry->set.names, strlen(entry->set.names), entry);
	return &entry->set;
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *table_smart_hosts(struct arena *a, const struct smart_hosts *hosts)
{
	const char **texts = xcalloc(hosts->n, sizeof(*texts));
	size_t size = 1, i;
	char *list, *p;

	for (i = 0; i < hosts->n; i++) {
		texts[i] = hosts->v[i].text;
		size += strlen(texts[i]) + 1;
	}
	qsort(texts, hosts->n, sizeof(*texts), text_order);
	p = list = arena_alloc(a, size);
	for (i = 0; i < hosts->n; i++) {
		if (i != 0)
			*p++ = ',';
		p = stpcpy(p, texts[i]);
	}
	free(texts);
	return list;
}

/* What the way to the connector's other end costs, and the list that names its queue. */
static void choice_kind(struct routing_table *t, struct choice *c)
{
	const struct routing_group_connector *rgc = (const void *)c->connector;
	const struct send_connector *sc = (const void *)c->connector;

	if (c->kind == OBJ_ROUTING_GROUP_CONNECTOR) {
		c->path_cost += (int64_t)rgc->cost;
		c->smart_hosts = table_smart_hosts(t->arena, &rgc->targets);
	} else if (c->kind == OBJ_SEND_CONNECTOR && sc->smart_hosts.n != 0) {
		c->smart_hosts = table_smart_hosts(t->arena, &sc->smart_hosts);
	}
}

static void choice_build(struct choices_work *w, struct choice *c)
{
	struct routing_table *t = w->t;
	struct address_spaces spaces;
	size_t i;

	if (!c->connector->obj.enabled) {
		c->lost_by = "disabled";
		c->site = GRAPH_NONE;
		return;
	}
	choice_place(t, c);
	if (c->lost_by != NULL)
		return;
	if (c->site != GRAPH_NONE) {
		c->path_cost = t->graph.v[c->site].cost;
		c->hops = t->graph.v[c->site].hops;
		c->sources = source_set_get(w, c);
	}
	choice_kind(t, c);
	spaces = pool_connector_spaces(c->kind, c->connector);
	for (i = 0; i < spaces.n; i++)
		space_index_add(&t->spaces, t->arena, c, &spaces.v[i]);
}

static int connector_order(const struct obj *a, const struct obj *b)
{
	int c = name_compare(a->name, b->name);

	return c != 0 ? c : strcmp(a->ndn, b->ndn);
}

/* The kinds are sorted each; merging them ranks all by name. */
static void choices_merge(struct routing_table *t)
{
	size_t at[POOL_KINDS] = { 0 }, k;

	for (;;) {
		const struct obj *best = NULL;
		size_t from = 0;

		for (k = 0; k < POOL_KINDS; k++) {
			const struct objects *all = &t->snapshot->all[pool_kinds[k]];

			if (at[k] == all->n)
				continue;
			if (best == NULL || connector_order(all->v[at[k]], best) < 0) {
				best = all->v[at[k]];
				from = k;
			}
		}
		if (best == NULL)
			return;
		at[from]++;
		t->choices[t->choice_count] = (struct choice){
			.connector = (const void *)best,
			.kind = pool_kinds[from],
			.rank = (uint32_t)t->choice_count,
		};
		t->choice_count++;
	}
}

static size_t sources_most(const struct routing_table *t)
{
	size_t most = 0, i;

	for (i = 0; i < t->choice_count; i++)
		if (t->choices[i].connector->sources.n > most)
			most = t->choices[i].connector->sources.n;
	return most;
}

/* The value of a DN's first component, or the DN itself if it cannot be read. */
static const char *dn_name(const char *dn, struct arena *a)
{
	const char *name = NULL;
	LDAPDN parsed = NULL;

	if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && parsed != NULL &&
	    parsed[0] != NULL && parsed[0][0] != NULL)
		name = arena_strndup(a, parsed[0][0]->la_value.bv_val,
			parsed[0][0]->la_value.bv_len);
	ldap_dnfree(parsed);
	return name != NULL ? name : arena_strdup(a, dn);
}

/* Connectors that broke a rule and have no earlier form: only explain wants to name them. */
static void table_rejected(struct routing_table *t)
{
	static const char *const classes[POOL_KINDS] = {
		"hubSendConnector", "hubForeignConnector", "hubDeliveryAgentConnector",
		"hubRoutingGroupConnector" };
	const struct snapshot *s = t->snapshot;
	size_t i, k;

	t->rejected = arena_alloc(t->arena, s->rejection_count * sizeof(*t->rejected));
	for (i = 0; i < s->rejection_count; i++)
		for (k = 0; k < POOL_KINDS && !s->rejections[i].last_good; k++)
			if (strcasecmp(s->rejections[i].object_class, classes[k]) == 0)
				t->rejected[t->rejected_count++] =
					dn_name(s->rejections[i].dn, t->arena);
}

void table_choices_build(struct routing_table *t)
{
	struct choices_work w = { .t = t };
	size_t total = 0, i;

	for (i = 0; i < POOL_KINDS; i++)
		total += t->snapshot->all[pool_kinds[i]].n;
	BUG_ON(total >= UINT32_MAX);
	t->choices = arena_alloc(t->arena, total * sizeof(*t->choices));
	choices_merge(t);
	w.servers = xcalloc(sources_most(t), sizeof(*w.servers));
	for (i = 0; i < t->choice_count; i++)
		choice_build(&w, &t->choices[i]);
	space_index_finish(&t->spaces, t->arena);
	table_rejected(t);
	HASH_CLEAR(hh, w.sets);
	free(w.servers);
}
