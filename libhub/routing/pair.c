/* pair.c - what is equal in two snapshots, seen from one site; see change.h */
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/change_side.h"

/* Of plain hubs: known whether all that can be chosen is the same, and that it is. */
enum { SLOT_CHANGED = 1, SLOT_USABLE = 2, SLOT_OWN = 4, SLOT_KNOWN = 8, SLOT_EQUAL = 16 };

/* How the slots of one side stand, seen from here. */
struct pair_side {
	const struct routing_ways *ways;
	unsigned char *slots;		/* by number */
	const struct routing_table *plain;	/* made when first needed */
};

struct routing_pair {
	const struct routing_change *change;
	struct pair_side before, after;
	bool *way_same;			/* by site index before */
	bool self_same;			/* the site where the servers count */
	const struct server *edge;	/* before; NULL: seen from hubs */
	const char *server;		/* one of them */
	const char *turned;		/* the server whose own slots are marked, or NULL */
};

static const struct server *server_find(const struct routing_base *b, const char *name)
{
	const struct obj *found = snapshot_find(b->snapshot, OBJ_SERVER, name);

	BUG_ON(found == NULL);
	return (const void *)found;
}

void routing_change_key(const struct routing_change *c, const char *name,
	struct routing_change_key *out)
{
	const struct server *before = server_find(c->before.base, name);
	const struct server *after = server_find(c->after.base, name);
	bool hub = before->role == ROLE_HUB && after->role == ROLE_HUB;

	*out = (struct routing_change_key){
		.before = c->before.base->server_sites[before->index],
		.after = c->after.base->server_sites[after->index],
		.edge = hub ? NULL : before,
	};
}

/* --- ways --- */

/* Is the last step of the way to a site the same, and the site itself? */
static bool same_step(const struct routing_pair *p, uint32_t site)
{
	const struct routing_change *c = p->change;
	uint32_t twin = c->before.twin[site];
	const struct graph_node *x, *y;

	if (twin == GRAPH_NONE || !c->site_same[site])
		return false;
	x = &p->before.ways->graph.v[site];
	y = &p->after.ways->graph.v[twin];
	if (x->reachable != y->reachable)
		return false;
	if (!x->reachable)
		return true;
	return x->cost == y->cost && x->hops == y->hops && x->limit == y->limit &&
		(x->pred == GRAPH_NONE ? y->pred == GRAPH_NONE : y->pred != GRAPH_NONE &&
		c->before.twin[x->pred] == y->pred);
}

/* A way is the same if each of its steps is. */
static void ways_match(struct routing_pair *p)
{
	const struct graph *g = &p->before.ways->graph;
	uint32_t *stack = xcalloc(g->n, sizeof(*stack)), i, x;
	bool *known = xcalloc(g->n, sizeof(*known));

	p->way_same = xcalloc(g->n, sizeof(*p->way_same));
	for (i = 0; i < g->n; i++) {
		size_t depth = 0;

		for (x = i; x != GRAPH_NONE && !known[x]; x = g->v[x].pred)
			stack[depth++] = x;
		while (depth-- != 0) {
			uint32_t pred = g->v[stack[depth]].pred;

			known[stack[depth]] = true;
			p->way_same[stack[depth]] = p->self_same &&
				(pred == GRAPH_NONE || p->way_same[pred]) &&
				same_step(p, stack[depth]);
		}
	}
	free(stack);
	free(known);
}

static bool is_way_same(const struct routing_pair *p, const struct change_side *side,
	uint32_t site)
{
	if (side == &p->change->after)
		site = side->twin[site];
	return site != GRAPH_NONE && p->way_same[site];
}

/* --- slots --- */

/* Seen from hubs: is a connector other, or farther? Can every hub of the site use it? */
static unsigned char use_state(const struct routing_pair *p, const struct change_side *side,
	const struct pair_side *view, uint32_t rank)
{
	const struct candidate *c = &side->base->candidates[rank];
	unsigned char state = side->changed[rank] ? SLOT_CHANGED : 0;
	size_t i;

	for (i = 0; i < c->place_count; i++) {
		uint32_t site = c->places[i].site;

		if (!is_way_same(p, side, site))
			state |= SLOT_CHANGED;
		if (!c->connector->scoped && view->ways->graph.v[site].reachable &&
		    view->ways->sites[site].hubs.n != 0)
			state |= SLOT_USABLE;
	}
	return state;
}

static void slots_for_hubs(const struct routing_pair *p, const struct change_side *side,
	struct pair_side *view)
{
	unsigned char *uses = xcalloc(side->base->candidate_count, 1);
	uint32_t rank, i;
	size_t j;

	for (rank = 0; rank < side->base->candidate_count; rank++)
		uses[rank] = use_state(p, side, view, rank);
	for (i = 0; i < side->base->spaces.slot_count; i++) {
		const struct space_slot *slot = side->base->spaces.slots[i];

		for (j = 0; j < slot->n; j++)
			view->slots[i] |= uses[slot->uses[j].rank];
	}
	free(uses);
}

/* An edge delivers by its own connectors only, wherever others are. */
static void slots_for_edge(const struct routing_pair *p, const struct change_side *side,
	struct pair_side *view)
{
	uint32_t index = server_find(side->base, p->edge->obj.name)->index, i;
	size_t j;

	for (i = side->sourced_first[index]; i < side->sourced_first[index + 1]; i++) {
		const struct candidate *c = &side->base->candidates[side->sourced[i]];
		struct address_spaces spaces = pool_connector_spaces(c->kind, c->connector);

		for (j = 0; side->changed[side->sourced[i]] && j < spaces.n; j++)
			view->slots[space_index_find(&side->base->spaces, &spaces.v[j])->number] |=
				SLOT_CHANGED;
	}
}

/* --- the pair --- */


struct routing_pair *routing_pair_new(const struct routing_change *c, const char *server)
{
	struct routing_pair *p = xcalloc(1, sizeof(*p));
	struct routing_change_key key;

	routing_change_key(c, server, &key);
	p->change = c;
	p->server = server;
	p->edge = key.edge;
	p->before.ways = routing_ways_new(c->before.base, key.before);
	/* By equal indices, and names are all that the ways of the other snapshot tell. */
	p->after.ways = c->ways_same && key.after == key.before ?
		routing_ways_ref(p->before.ways) : routing_ways_new(c->after.base, key.after);
	p->before.slots = xcalloc(c->before.base->spaces.slot_count, 1);
	p->after.slots = xcalloc(c->after.base->spaces.slot_count, 1);
	p->self_same = key.before == GRAPH_NONE ? key.after == GRAPH_NONE :
		key.after != GRAPH_NONE && c->before.twin[key.before] == key.after &&
		c->site_same[key.before];
	if (p->edge != NULL)
		p->self_same &= server_find(c->after.base, server)->role == p->edge->role;
	ways_match(p);
	if (p->edge != NULL) {
		slots_for_edge(p, &c->before, &p->before);
		slots_for_edge(p, &c->after, &p->after);
	} else {
		slots_for_hubs(p, &c->before, &p->before);
		slots_for_hubs(p, &c->after, &p->after);
	}
	return p;
}

void routing_pair_free(struct routing_pair **pp)
{
	struct routing_pair *p = *pp;

	*pp = NULL;
	if (p == NULL)
		return;
	routing_table_unref(&p->before.plain);
	routing_table_unref(&p->after.plain);
	routing_ways_unref(&p->before.ways);
	routing_ways_unref(&p->after.ways);
	free(p->before.slots);
	free(p->after.slots);
	free(p->way_same);
	free(p);
}

bool routing_pair_reaches_site(const struct routing_pair *p, uint32_t site)
{
	return site == GRAPH_NONE || !p->way_same[site];
}

/*
 * Up to the first slot that some connector of can be used for certain, all must be equal. On both
 * sides: then the slots up to there hold the same connectors, and the first that can be used is the
 * same one.
 */
static bool are_slots_same(const struct routing_pair *p, const struct pair_side *view,
	const struct change_slots *slots)
{
	size_t i;

	if (p->edge != NULL && slots->inbound != GRAPH_NONE &&
	    view->slots[slots->inbound] & SLOT_CHANGED)
		return false;
	for (i = 0; i < slots->n; i++) {
		if (view->slots[slots->v[i]] & SLOT_CHANGED)
			return false;
		if (view->slots[slots->v[i]] & SLOT_USABLE)
			break;
	}
	return true;
}

bool routing_pair_reaches(const struct routing_pair *p, size_t number)
{
	const struct change_address *address = &p->change->addresses[number];

	return !p->self_same || !address->domain_same ||
		!are_slots_same(p, &p->before, &address->before) ||
		!are_slots_same(p, &p->after, &address->after);
}

/* --- plain hubs --- */

static bool same_entry(const struct routing_pair *p, const struct space_entry *x,
	const struct space_entry *y)
{
	const struct choice *a = x->choice, *b = y->choice;
	const struct routing_change *c = p->change;

	if (c->before.changed[a->rank] || c->after.changed[b->rank] || x->cost != y->cost ||
	    strcmp(a->connector->obj.ndn, b->connector->obj.ndn) != 0)
		return false;
	/* A plain hub is no source server, so there is a site. */
	return p->way_same[a->site] && c->before.twin[a->site] == b->site;
}

/* Of a list only the best are ever chosen: those that are not may change as they like. */
static bool same_list(const struct routing_pair *p, const struct space_list *x,
	const struct space_list *y)
{
	size_t i;

	if (x == NULL || y == NULL)
		return x == y;
	if (x->best_count != y->best_count)
		return false;
	for (i = 0; i < x->best_count; i++)
		if (!same_entry(p, &x->best[i], &y->best[i]))
			return false;
	return true;
}

static const struct space_list *plain_list(const struct pair_side *view,
	const struct change_side *side, const struct address_space *space)
{
	const struct space_slot *slot = space_index_find(&side->base->spaces, space);

	return slot != NULL ? table_list(view->plain, slot) : NULL;
}

static bool is_slot_equal(struct routing_pair *p, const struct change_side *side,
	struct pair_side *view, uint32_t number)
{
	const struct address_space *space = side->base->spaces.slots[number]->uses[0].space;

	if (!(view->slots[number] & SLOT_CHANGED))
		return true;
	if (view->slots[number] & SLOT_KNOWN)
		return view->slots[number] & SLOT_EQUAL;
	if (p->before.plain == NULL) {
		p->before.plain = routing_pair_before(p, p->server, true);
		p->after.plain = routing_pair_after(p, p->server, true);
	}
	view->slots[number] |= SLOT_KNOWN;
	if (same_list(p, plain_list(&p->before, &p->change->before, space),
	    plain_list(&p->after, &p->change->after, space)))
		view->slots[number] |= SLOT_EQUAL;
	return view->slots[number] & SLOT_EQUAL;
}

static bool are_slots_equal(struct routing_pair *p, const struct change_side *side,
	struct pair_side *view, const struct change_slots *slots)
{
	size_t i;

	for (i = 0; i < slots->n; i++) {
		if (!is_slot_equal(p, side, view, slots->v[i]))
			return false;
		if (view->slots[slots->v[i]] & SLOT_USABLE)
			break;
	}
	return true;
}

bool routing_pair_reaches_plain(struct routing_pair *p, size_t number)
{
	const struct change_address *address = &p->change->addresses[number];

	return !p->self_same || !address->domain_same ||
		!are_slots_equal(p, &p->change->before, &p->before, &address->before) ||
		!are_slots_equal(p, &p->change->after, &p->after, &address->after);
}

/* --- one server of the pair --- */

static void own_slots(const struct change_side *side, struct pair_side *view, const char *server,
	bool own)
{
	uint32_t index = server_find(side->base, server)->index, i;
	size_t j;

	for (i = side->sourced_first[index]; i < side->sourced_first[index + 1]; i++) {
		const struct candidate *c = &side->base->candidates[side->sourced[i]];
		struct address_spaces spaces = pool_connector_spaces(c->kind, c->connector);

		for (j = 0; j < spaces.n; j++) {
			const struct space_slot *slot = space_index_find(&side->base->spaces,
				&spaces.v[j]);

			BUG_ON(slot == NULL);
			if (own)
				view->slots[slot->number] |= SLOT_OWN;
			else
				view->slots[slot->number] &= (unsigned char)~SLOT_OWN;
		}
	}
}

void routing_pair_turn(struct routing_pair *p, const char *server)
{
	if (p->turned != NULL) {
		own_slots(&p->change->before, &p->before, p->turned, false);
		own_slots(&p->change->after, &p->after, p->turned, false);
	}
	own_slots(&p->change->before, &p->before, server, true);
	own_slots(&p->change->after, &p->after, server, true);
	p->turned = server;
}

/* Slots behind one that all can use decide nothing. */
static bool are_slots_own(const struct pair_side *view, const struct change_slots *slots)
{
	size_t i;

	for (i = 0; i < slots->n; i++) {
		if (view->slots[slots->v[i]] & SLOT_OWN)
			return true;
		if (view->slots[slots->v[i]] & SLOT_USABLE)
			break;
	}
	return false;
}

bool routing_pair_is_own(const struct routing_pair *p, size_t number)
{
	const struct change_address *address = &p->change->addresses[number];

	return p->edge != NULL || are_slots_own(&p->before, &address->before) ||
		are_slots_own(&p->after, &address->after);
}

const struct routing_table *routing_pair_before(const struct routing_pair *p, const char *server,
	bool plain)
{
	const struct routing_base *b = p->change->before.base;

	return routing_table_lazy(b, p->before.ways, server_find(b, server), plain);
}

const struct routing_table *routing_pair_after(const struct routing_pair *p, const char *server,
	bool plain)
{
	const struct routing_base *b = p->change->after.base;

	return routing_table_lazy(b, p->after.ways, server_find(b, server), plain);
}

/* --- limits --- */

static void list_limits(const struct routing_table *t, const struct space_list *list,
	routing_limit_cb *cb, void *ctx)
{
	size_t i;

	for (i = 0; list != NULL && i < list->best_count; i++) {
		const struct choice *c = list->best[i].choice;

		cb(c->connector->max_size, ctx);
		if (c->site != GRAPH_NONE)
			cb(t->graph.v[c->site].limit, ctx);
	}
}

void routing_change_limits(const struct routing_change *c, size_t number,
	const struct routing_table *t, routing_limit_cb *cb, void *ctx)
{
	const struct change_address *address = &c->addresses[number];
	struct space_cursor cursor;

	space_cursor_init(&cursor, &t->base->spaces, address->type, address->text, false);
	list_limits(t, table_list_next(t, &cursor), cb, ctx);
	if (t->self->role != ROLE_EDGE)
		return;
	space_cursor_init(&cursor, &t->base->spaces, address->type, address->text, true);
	list_limits(t, table_list_next(t, &cursor), cb, ctx);
}

void routing_table_site_limits(const struct routing_table *t, const char *site,
	routing_limit_cb *cb, void *ctx)
{
	const struct obj *found = snapshot_find(t->snapshot, OBJ_SITE, site);

	if (found != NULL)
		cb(t->graph.v[((const struct site *)(const void *)found)->index].limit, ctx);
}
