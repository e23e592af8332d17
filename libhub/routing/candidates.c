/* candidates.c - the connectors of a snapshot, whoever looks (routing, section 5.1)
 *
 * For every connector: at which sites it has source servers and what the next hop to them is
 * called; and for every address space the enabled connectors that claim it.
 */
#include <ldap.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/table.h"

struct set_entry {
	struct source_set set;
	UT_hash_handle hh;
};

struct candidates_work {
	struct routing_base *b;
	struct set_entry *sets;		/* by names */
	const struct server **servers;	/* room for the sources of one connector */
	struct place *places;		/* likewise */
};

/* One source server that exists and is enabled, and where it counts. */
struct source {
	const struct server *server;
	uint32_t site;
};

static bool source_get(const struct routing_base *b, const struct ref *r, struct source *out)
{
	if (r->target == NULL || !r->target->enabled)
		return false;
	out->server = (const void *)r->target;
	out->site = b->server_sites[out->server->index];
	return true;
}

static int server_order(const void *a, const void *b)
{
	const struct server *x = *(const struct server *const *)a;
	const struct server *y = *(const struct server *const *)b;

	return (x->index > y->index) - (x->index < y->index);
}

/* Source servers of one role at a site, in order and without repetition. */
static size_t sources_at(struct candidates_work *w, const struct refs *sources, uint32_t site,
	int role)
{
	size_t n = 0, kept = 0, i;
	struct source src;

	for (i = 0; i < sources->n; i++)
		if (source_get(w->b, &sources->v[i], &src) && src.site == site &&
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

static const struct source_set *source_set_get(struct candidates_work *w,
	const struct refs *sources, uint32_t site)
{
	struct arena *a = w->b->arena;
	size_t n = sources_at(w, sources, site, ROLE_HUB);
	bool edges = n == 0;
	struct set_entry *entry;
	char *names;

	if (edges)
		n = sources_at(w, sources, site, ROLE_EDGE);
	names = names_join(a, w->servers, n);
	HASH_FIND_STR(w->sets, names, entry);
	if (entry != NULL)
		return &entry->set;
	entry = arena_alloc(a, sizeof(*entry));
	entry->set.names = names;
	entry->set.edges = edges;
	entry->set.number = w->b->set_count++;
	entry->set.pool.v = arena_memdup(a, w->servers, n * sizeof(*w->servers));
	entry->set.pool.n = n;
	if (!edges)
		entry->set.others = pool_without(&w->b->sites[site].hubs, &entry->set.pool, a);
	HASH_ADD_KEYPTR(hh, w->sets, entry->set.names, strlen(entry->set.names), entry);
	return &entry->set;
}

static void candidate_places(struct candidates_work *w, struct candidate *c)
{
	const struct refs *sources = &c->connector->sources;
	size_t i, j;

	for (i = 0; i < sources->n; i++) {
		struct source src;

		if (!source_get(w->b, &sources->v[i], &src))
			continue;
		c->has_source = true;
		w->b->is_source[src.server->index] = true;
		for (j = 0; j < c->place_count && w->places[j].site != src.site; j++)
			;
		if (src.site == GRAPH_NONE || j < c->place_count)
			continue;
		w->places[c->place_count++] = (struct place){ src.site,
			source_set_get(w, sources, src.site) };
	}
	c->places = arena_memdup(w->b->arena, w->places, c->place_count * sizeof(*w->places));
}

static int text_order(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char *base_smart_hosts(struct arena *a, const struct smart_hosts *hosts)
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

static const char *candidate_hosts(struct routing_base *b, const struct candidate *c)
{
	const struct routing_group_connector *rgc = (const void *)c->connector;
	const struct send_connector *sc = (const void *)c->connector;

	if (c->kind == OBJ_ROUTING_GROUP_CONNECTOR)
		return base_smart_hosts(b->arena, &rgc->targets);
	return c->kind == OBJ_SEND_CONNECTOR && sc->smart_hosts.n != 0 ?
		base_smart_hosts(b->arena, &sc->smart_hosts) : NULL;
}

static void candidate_build(struct candidates_work *w, struct candidate *c, uint32_t rank)
{
	struct routing_base *b = w->b;
	struct address_spaces spaces;
	size_t i;

	if (!c->connector->obj.enabled)
		return;
	candidate_places(w, c);
	c->smart_hosts = candidate_hosts(b, c);
	spaces = pool_connector_spaces(c->kind, c->connector);
	for (i = 0; i < spaces.n; i++)
		space_index_add(&b->spaces, b->arena, rank, &spaces.v[i]);
}

static int connector_order(const struct obj *a, const struct obj *b)
{
	int c = name_compare(a->name, b->name);

	return c != 0 ? c : strcmp(a->ndn, b->ndn);
}

/* The kinds are sorted each; merging them ranks all by name. */
static void candidates_merge(struct routing_base *b)
{
	size_t at[POOL_KINDS] = { 0 }, k;

	for (;;) {
		const struct obj *best = NULL;
		size_t from = 0;

		for (k = 0; k < POOL_KINDS; k++) {
			const struct objects *all = &b->snapshot->all[pool_kinds[k]];

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
		b->candidates[b->candidate_count++] = (struct candidate){
			.connector = (const void *)best,
			.kind = pool_kinds[from],
		};
	}
}

static size_t sources_most(const struct routing_base *b)
{
	size_t most = 0, i;

	for (i = 0; i < b->candidate_count; i++)
		if (b->candidates[i].connector->sources.n > most)
			most = b->candidates[i].connector->sources.n;
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
static void base_rejected(struct routing_base *b)
{
	static const char *const classes[POOL_KINDS] = {
		"hubSendConnector", "hubForeignConnector", "hubDeliveryAgentConnector",
		"hubRoutingGroupConnector" };
	const struct snapshot *s = b->snapshot;
	size_t i, k;

	b->rejected = arena_alloc(b->arena, s->rejection_count * sizeof(*b->rejected));
	for (i = 0; i < s->rejection_count; i++)
		for (k = 0; k < POOL_KINDS && !s->rejections[i].last_good; k++)
			if (strcasecmp(s->rejections[i].object_class, classes[k]) == 0)
				b->rejected[b->rejected_count++] =
					dn_name(s->rejections[i].dn, b->arena);
}

void base_candidates_build(struct routing_base *b)
{
	struct candidates_work w = { .b = b };
	size_t total = 0;
	uint32_t i;

	for (i = 0; i < POOL_KINDS; i++)
		total += b->snapshot->all[pool_kinds[i]].n;
	BUG_ON(total >= UINT32_MAX);
	b->candidates = arena_alloc(b->arena, total * sizeof(*b->candidates));
	candidates_merge(b);
	w.servers = xcalloc(sources_most(b), sizeof(*w.servers));
	w.places = xcalloc(sources_most(b), sizeof(*w.places));
	for (i = 0; i < b->candidate_count; i++)
		candidate_build(&w, &b->candidates[i], i);
	space_index_finish(&b->spaces, b->arena);
	base_rejected(b);
	HASH_CLEAR(hh, w.sets);
	free(w.servers);
	free(w.places);
}
