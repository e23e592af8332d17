/* choose.c - which connector takes an address (hub-routing(7) section 5) */
#include <string.h>

#include "libhub/routing/next_hop.h"
#include "libhub/routing/trace.h"

bool route_is_excluded(const struct route_excluded *excluded, const struct choice *c)
{
	size_t i;

	for (i = 0; excluded != NULL && i < excluded->n; i++)
		if (name_compare(excluded->names[i], c->connector->obj.name) == 0)
			return true;
	return false;
}

/* Sections 5.2, 5.3: size counts among the most specific only, so nothing leaks to a wider one. */
static const struct space_entry *list_pick(const struct space_list *list, uint64_t size)
{
	size_t i;

	for (i = 0; i < list->best_count; i++)
		if (size_fits(list->best[i].choice->connector->max_size, size))
			return &list->best[i];
	return NULL;
}

/* The same among those that are not excluded; what stood before it is remembered in out. */
static const struct space_entry *list_pick_other(const struct space_list *list, uint64_t size,
	const struct route_excluded *excluded, struct arena *a, struct route *out)
{
	const struct pool_connector **passed = arena_alloc(a, list->all_count * sizeof(*passed));
	size_t i;

	out->passed = passed;
	for (i = 0; i < list->all_count; i++) {
		const struct space_entry *entry = &list->all[i];

		if (route_is_excluded(excluded, entry->choice))
			passed[out->passed_count++] = entry->choice->connector;
		else if (size_fits(entry->choice->connector->max_size, size))
			return entry;
	}
	return NULL;
}

/* The largest message that the connectors of a list take; all of them have a limit. */
static uint64_t list_limit(const struct space_list *list)
{
	return list->best[list->best_count - 1].choice->connector->max_size;
}

static void no_match(const char *type, const char *space, struct route *out)
{
	if (strcmp(type, "SMTP") == 0)
		route_set_unreachable(out, "no connector that this server can use matches %s",
			space);
	else
		route_set_report(out, "5.1.2", "no connector takes %s addresses like %s", type,
			space);
}

/* One question, as it goes from hand to hand. */
struct question {
	const struct routing_table *t;
	const char *type, *space;
	uint64_t size;
	const struct route_excluded *excluded;
	struct arena *arena;
};

/*
 * Connector failover: the way without those excluded, which must not cost a message its delivery
 * (too large for the others, or for a link on the way to them). NULL then.
 */
static const struct space_entry *route_around(const struct question *q,
	const struct space_list *list, struct route *out)
{
	const struct space_entry *winner;

	if (list == NULL || q->excluded == NULL || q->excluded->n == 0)
		return NULL;
	winner = list_pick_other(list, q->size, q->excluded, q->arena, out);
	if (winner != NULL)
		next_hop_connector(q->t, winner, q->space, q->size, q->arena, out);
	return winner != NULL && out->decision != ROUTE_REPORT ? winner : NULL;
}

static const struct space_entry *route_ordinary(const struct question *q,
	const struct space_list *list, struct route *out)
{
	const struct space_entry *winner = list != NULL ? list_pick(list, q->size) : NULL;
	const struct pool_connector *const *passed = out->passed;
	size_t passed_count = out->passed_count;

	route_init(out);
	out->passed = passed;
	out->passed_count = passed_count;
	if (list == NULL)
		no_match(q->type, q->space, out);
	else if (winner == NULL)
		route_set_report(out, "5.3.4", "message of %llu bytes is larger than the limit "
			"of %llu of the connectors for %s", (unsigned long long)q->size,
			(unsigned long long)list_limit(list), q->space);
	else
		next_hop_connector(q->t, winner, q->space, q->size, q->arena, out);
	return winner;
}

static void route_by_space(const struct question *q, struct space_cursor cursor,
	struct route_trace *trace, struct route *out)
{
	struct space_cursor first = cursor;
	const struct space_list *list = table_list_next(q->t, &cursor);
	const struct space_entry *winner;
	bool around;

	route_init(out);
	winner = route_around(q, list, out);
	around = winner != NULL;
	if (!around)
		winner = route_ordinary(q, list, out);
	if (trace != NULL)
		trace_candidates(trace, q->t, first, winner, q->size, around ? q->excluded : NULL);
}

void route_external(const struct routing_table *t, const char *type, const char *space,
	uint64_t size, const struct route_excluded *excluded, struct arena *a,
	struct route_trace *trace, struct route *out)
{
	struct question q = { t, type, space, size, excluded, a };
	/* other types compare without case; only ASCII can be folded without knowing the type */
	const char *text = strcmp(type, "SMTP") == 0 ? space : value_lower(a, space);
	struct space_cursor cursor;

	space_cursor_init(&cursor, &t->base->spaces, type, text, false);
	route_by_space(&q, cursor, trace, out);
}

void route_inbound(const struct routing_table *t, const char *domain, uint64_t size,
	const struct route_excluded *excluded, struct arena *a, struct route_trace *trace,
	struct route *out)
{
	struct question q = { t, "SMTP", domain, size, excluded, a };
	struct space_cursor cursor;

	space_cursor_init(&cursor, &t->base->spaces, "SMTP", domain, true);
	route_by_space(&q, cursor, trace, out);
}

bool route_has_own_space(const struct routing_table *t, const char *domain)
{
	struct space_cursor cursor;
	const struct space_list *list;

	space_cursor_init(&cursor, &t->base->spaces, "SMTP", domain, false);
	list = table_list_next(t, &cursor);
	return list != NULL && list->all[0].space->match != SPACE_ALL;
}
