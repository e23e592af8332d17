/* plan.c - see plan.h */
#include "hubd/categorize/plan.h"

#include <ctype.h>
#include <string.h>
#include <uthash.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

/* A final address seen in this message; in the plan's arena. */
struct seen {
	UT_hash_handle hh;
	uint32_t i;			/* the recipient who has it */
	char address[];
};

/* The recipient who had the address before, or i itself. */
static uint32_t first_with(struct arena *a, struct seen **set, const char *address, uint32_t i)
{
	size_t n = strlen(address), k;
	struct seen *s = arena_alloc(a, sizeof(*s) + n + 1), *found;

	for (k = 0; k < n; k++)
		s->address[k] = (char)tolower((unsigned char)address[k]);
	HASH_FIND_STR(*set, s->address, found);
	if (found != NULL)
		return found->i;
	s->i = i;
	HASH_ADD_KEYPTR(hh, *set, s->address, n, s);
	return i;
}

/* What the sender wants to hear of one copy that stands for two: RFC 3461 section 4.1. */
static uint32_t notify_of_both(uint32_t a, uint32_t b)
{
	static const uint32_t normally = ENVELOPE_NOTIFY_FAILURE | ENVELOPE_NOTIFY_DELAY;
	uint32_t both;

	if (a == b)
		return a;
	both = (a == 0 ? normally : a) | (b == 0 ? normally : b);
	return both & ~(uint32_t)ENVELOPE_NOTIFY_NEVER;
}

/* Recipient i gets his copy as another one, whose place is first. */
static void note_duplicate(struct plan *p, uint32_t first, uint32_t i)
{
	struct envelope_recipient *r = &p->env.recipients[first];

	r->notify = notify_of_both(r->notify, p->env.recipients[i].notify);
	p->duplicates[p->duplicate_count++] = i;
}

/*
 * One copy for each. What lies behind the next hop (a connector of other servers, a mailbox server)
 * is its business: relays are equal when their queues are.
 */
static bool same_hop(const struct route *a, const struct route *b)
{
	if (a->decision != b->decision || a->queue.type != b->queue.type ||
		strcmp(a->queue.domain, b->queue.domain) != 0 ||
		strcmp(a->queue.connector, b->queue.connector) != 0)
		return false;
	return a->decision == ROUTE_RELAY || (a->connector == b->connector &&
		a->mailbox_server == b->mailbox_server);
}

static void add_pick(struct plan *p, struct plan_hop *h, uint32_t i)
{
	uint32_t *grown;

	if (h->n == h->capacity) {
		h->capacity = h->capacity == 0 ? 4 : h->capacity * 2;
		grown = arena_alloc(p->arena, h->capacity * sizeof(*grown));
		if (h->n != 0)
			memcpy(grown, h->pick, h->n * sizeof(*grown));
		h->pick = grown;
	}
	h->pick[h->n++] = i;
}

/* Whoever gets it next must not send it back. */
static void note_passed(const struct plan *p, struct plan_hop *h, const struct route *route)
{
	uint64_t lasts_s = p->live->snapshot->org->connector_failover_delay_s;
	size_t i;

	for (i = 0; i < route->passed_count; i++)
		if (live_has_failed(p->live, route->passed[i]->obj.name))
			exclusions_renew(&h->excluded, route->passed[i]->obj.name, p->now_s,
				lasts_s);
}

/* Hops of one message are few; a list is faster than a table here. */
static void add_to_hop(struct plan *p, const struct route *route, uint32_t i)
{
	struct plan_hop *h, **at = &p->hops;

	for (h = p->hops; h != NULL && !same_hop(&h->route, route); h = h->next)
		at = &h->next;
	if (h == NULL) {
		h = arena_alloc(p->arena, sizeof(*h));
		h->route = *route;
		h->excluded = p->came;
		*at = h;
	}
	note_passed(p, h, route);
	add_pick(p, h, i);
}

/* Hops that became the same by the fan-out are put together. */
static void merge_hops(struct plan *p)
{
	struct plan_hop *h, *other, **at;
	uint32_t i;

	for (h = p->hops; h != NULL; h = h->next) {
		for (at = &h->next; (other = *at) != NULL;) {
			if (!same_hop(&h->route, &other->route)) {
				at = &other->next;
				continue;
			}
			for (i = 0; i < other->n; i++)
				add_pick(p, h, other->pick[i]);
			exclusions_merge(&h->excluded, &other->excluded);
			*at = other->next;
		}
	}
}

/* Delayed fan-out: paths that share a beginning travel as one copy to the fork. */
static void fan_out(struct plan *p)
{
	struct plan_hop *h;
	struct route **routes;
	size_t n = 0;

	for (h = p->hops; h != NULL; h = h->next)
		n += h->route.decision == ROUTE_RELAY;
	if (n < 2)
		return;
	routes = arena_alloc(p->arena, n * sizeof(*routes));
	n = 0;
	for (h = p->hops; h != NULL; h = h->next)
		if (h->route.decision == ROUTE_RELAY)
			routes[n++] = &h->route;
	route_fan_out(p->live->table, routes, n);
	merge_hops(p);
}

static void add_failure(struct plan *p, struct plan_failure **list, uint32_t i,
	const char *status, const char *text)
{
	struct plan_failure *f = arena_alloc(p->arena, sizeof(*f));

	f->i = i;
	f->status = arena_strdup(p->arena, status);
	f->text = arena_strdup(p->arena, text);
	f->next = *list;
	*list = f;
}

void plan_fail(struct plan *p, uint32_t i, const char *status, const char *text)
{
	add_failure(p, &p->failures, i, status, text);
}

/* Why what a program sends may not go to the address: the remote domain says so. NULL if it may. */
static const char *unwanted(const struct plan *p, const char *address)
{
	const char *at = strrchr(address, '@');
	const struct remote_domain *d;
	char domain[RECIPIENT_TEXT_MAX + 1];
	size_t i;

	if (p->env.automatic == ENVELOPE_AUTOMATIC_NO || at == NULL)
		return NULL;
	for (i = 0; at[i + 1] != '\0' && i < RECIPIENT_TEXT_MAX; i++)
		domain[i] = (char)tolower((unsigned char)at[i + 1]);
	domain[i] = '\0';
	if (snapshot_accepted_domain(p->live->snapshot, domain) != NULL)
		return NULL;
	d = snapshot_remote_domain(p->live->snapshot, domain);
	if (d == NULL)
		return NULL;
	if (p->env.automatic == ENVELOPE_AUTOMATIC_REPLY)
		return d->auto_reply ? NULL : "the remote domain takes no automatic replies";
	return d->auto_forward ? NULL : "the remote domain takes nothing forwarded automatically";
}

static void add_group(struct plan *p, uint32_t i, const char *address)
{
	struct plan_group *g = arena_alloc(p->arena, sizeof(*g));

	g->i = i;
	g->address = arena_strdup(p->arena, address);
	g->next = p->groups;
	p->groups = g;
}

static void rewrite(struct plan *p, uint32_t i, const char *address)
{
	struct envelope_recipient *r = &p->env.recipients[i];

	if (strcmp(r->address, address) == 0)
		return;
	if (*r->original == '\0')
		r->original = r->address;
	r->address = arena_strdup(p->arena, address);
}

static void place_routed(struct plan *p, uint32_t i, const struct resolved *r)
{
	if (r->route.decision == ROUTE_REPORT)
		plan_fail(p, i, r->route.status, r->route.text);
	else
		add_to_hop(p, &r->route, i);
}

/* The mirror of recipients is not there yet: it waits with what cannot be reached. */
static void place_waiting(struct plan *p, uint32_t i)
{
	struct route route;

	route_init(&route);
	route_set_unreachable(&route, "recipients are not loaded yet");
	add_to_hop(p, &route, i);
}

static bool keeps_out(const struct plan *p, const struct resolved *r)
{
	return r->refuses_outside && r->outcome != RESOLVED_REJECT && p->outside;
}

static void place(struct plan *p, uint32_t i, struct seen **seen)
{
	uint32_t first = i;
	struct resolved r;
	const char *why;

	route_resolve(p->live->table, p->live->recipients, p->env.recipients[i].address,
		p->env.original_size, &p->excluded, p->arena, NULL, &r);
	if (keeps_out(p, &r)) {
		plan_fail(p, i, "5.7.1", "takes no mail from outside");
		recipient_info_clear(&r.info);
		return;
	}
	switch (r.outcome) {
	case RESOLVED_ROUTED:
		rewrite(p, i, r.address);
		why = unwanted(p, r.address);
		if (why == NULL && p->env.recipient_count > 1)
			first = first_with(p->arena, seen, *r.mailbox != '\0' ? r.mailbox :
				r.address, i);
		if (why != NULL)
			add_failure(p, &p->dropped, i, "", why);
		else if (first != i)
			note_duplicate(p, first, i);
		else
			place_routed(p, i, &r);
		break;
	case RESOLVED_GROUP:
		add_group(p, i, r.address);
		recipient_info_clear(&r.info);
		break;
	case RESOLVED_REJECT:
		plan_fail(p, i, r.status, r.text);
		break;
	case RESOLVED_DEFER:
		place_waiting(p, i);
		break;
	}
}

/*
 * What came by a linked Receive connector leaves by its Send connector, whoever it is for. False
 * when that is gone, disabled or not linked any more: then the address decides.
 */
static bool place_linked(struct plan *p, uint32_t i)
{
	const struct send_connector *sc = (const void *)snapshot_find(p->live->snapshot,
		OBJ_SEND_CONNECTOR, p->env.linked_connector);
	struct route route;

	if (sc == NULL || !route_to_linked(p->live->table, sc, p->arena, &route))
		return false;
	add_to_hop(p, &route, i);
	return true;
}

/* What this message goes around: as its envelope says, and what has failed here. */
static void take_exclusions(struct plan *p)
{
	static const struct route_excluded none = { NULL, 0 };
	const struct route_excluded *here = p->live->failed != NULL ?
		&p->live->failed->connectors : &none;
	const char **names;
	size_t i, n = 0;

	p->now_s = clock_wall_s();
	if (p->env.excluded != NULL)
		exclusions_parse(p->env.excluded, p->arena, &p->came);
	names = arena_alloc(p->arena, (p->came.n + here->n) * sizeof(*names));
	for (i = 0; i < p->came.n; i++) {
		const struct exclusion *x = &p->came.v[i];

		if (x->expires_s <= p->now_s)
			continue;
		names[n++] = x->connector;
		if (p->reroute_at_ms == 0 || x->expires_s * 1000 < p->reroute_at_ms)
			p->reroute_at_ms = x->expires_s * 1000;
	}
	for (i = 0; i < here->n; i++)
		names[n++] = here->names[i];
	p->excluded = (struct route_excluded){ names, n };
}

struct plan *plan_make(struct arena *a, const struct live *live, const struct envelope *env,
	const bool *skip)
{
	struct plan *p = arena_alloc(a, sizeof(*p));
	struct seen *seen = NULL;
	uint32_t i;

	p->arena = a;
	p->live = live;
	p->env = *env;
	p->env.recipients = arena_memdup(a, env->recipients,
		env->recipient_count * sizeof(*env->recipients));
	p->outside = origin_is_outside(&env->origin);
	take_exclusions(p);
	p->duplicates = arena_alloc(a, env->recipient_count * sizeof(*p->duplicates));
	for (i = 0; i < env->recipient_count; i++) {
		if (skip != NULL && skip[i])
			continue;
		if (*env->linked_connector == '\0' || !place_linked(p, i))
			place(p, i, &seen);
	}
	HASH_CLEAR(hh, seen);
	fan_out(p);
	return p;
}
