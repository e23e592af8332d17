/* choose.c - which connector takes an address (hub-routing(7) section 5) */
#include <ctype.h>
#include <string.h>

#include "libhub/routing/next_hop.h"
#include "libhub/routing/trace.h"

/* Sections 5.2, 5.3: size counts among the most specific only, so nothing leaks to a wider one. */
static const struct space_entry *list_pick(const struct space_list *list, uint64_t size)
{
	size_t i;

	for (i = 0; i < list->best_count; i++)
		if (size_fits(list->best[i].choice->connector->max_size, size))
			return &list->best[i];
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

/* Other types compare without case; only ASCII can be folded without knowing the type. */
static const char *text_fold(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text), *p;

	for (p = copy; *p != '\0'; p++)
		*p = (char)tolower((unsigned char)*p);
	return copy;
}

static void route_by_space(const struct routing_table *t, struct space_cursor cursor,
	const char *type, const char *space, uint64_t size, struct arena *a,
	struct route_trace *trace, struct route *out)
{
	struct space_cursor first = cursor;
	const struct space_list *list = space_cursor_next(&cursor);
	const struct space_entry *winner = list != NULL ? list_pick(list, size) : NULL;

	route_init(out);
	if (list == NULL)
		no_match(type, space, out);
	else if (winner == NULL)
		route_set_report(out, "5.3.4", "message of %llu bytes is larger than the limit "
			"of %llu of the connectors for %s", (unsigned long long)size,
			(unsigned long long)list_limit(list), space);
	else
		next_hop_connector(t, winner, space, size, a, out);
	if (trace != NULL)
		trace_candidates(trace, t, first, winner, size);
}

void route_external(const struct routing_table *t, const char *type, const char *space,
	uint64_t size, struct arena *a, struct route_trace *trace, struct route *out)
{
	struct space_cursor cursor;
	const char *text = strcmp(type, "SMTP") == 0 ? space : text_fold(a, space);

	space_cursor_init(&cursor, &t->spaces, type, text, false);
	route_by_space(t, cursor, type, space, size, a, trace, out);
}

void route_inbound(const struct routing_table *t, const char *domain, uint64_t size,
	struct arena *a, struct route_trace *trace, struct route *out)
{
	struct space_cursor cursor;

	space_cursor_init(&cursor, &t->spaces, "SMTP", domain, true);
	route_by_space(t, cursor, "SMTP", domain, size, a, trace, out);
}

bool route_has_own_space(const struct routing_table *t, const char *domain)
{
	struct space_cursor cursor;
	const struct space_list *list;

	space_cursor_init(&cursor, &t->spaces, "SMTP", domain, false);
	list = space_cursor_next(&cursor);
	return list != NULL && list->all[0].space->match != SPACE_ALL;
}
