/* trace.c - see trace.h */
#include "libhub/routing/trace.h"

#include <stdlib.h>

static const char *entry_lost_by(const struct space_entry *entry, const struct space_entry *winner,
	size_t level, uint64_t size, const struct route_excluded *excluded)
{
	const char *by;

	if (level != 0)
		return "less-specific";
	if (route_is_excluded(excluded, entry->choice))
		return "failed";
	if (!size_fits(entry->choice->connector->max_size, size))
		return "size";
	/* Whatever fits at the first level cannot be better than what was chosen. */
	BUG_ON(winner == NULL || space_entry_compare(winner, entry, &by) > 0);
	space_entry_compare(winner, entry, &by);
	return by;
}

static int candidate_order(const void *a, const void *b)
{
	const struct trace_candidate *x = a, *y = b;

	return name_compare(x->name, y->name);
}

static void trace_rejected(struct route_trace *trace, const struct routing_table *t)
{
	size_t i;

	for (i = 0; i < t->base->rejected_count; i++)
		trace->candidates[trace->candidate_count++] =
			(struct trace_candidate){ t->base->rejected[i], "invalid", NULL };
	qsort(trace->candidates, trace->candidate_count, sizeof(*trace->candidates),
		candidate_order);
}

void trace_candidates(struct route_trace *trace, const struct routing_table *t,
	struct space_cursor cursor, const struct space_entry *winner, uint64_t size,
	const struct route_excluded *excluded)
{
	const struct space_list *list;
	size_t level = 0;
	uint32_t i;

	trace->candidates = arena_alloc(trace->arena,
		(t->base->candidate_count + t->base->rejected_count) * sizeof(*trace->candidates));
	for (i = 0; i < t->base->candidate_count; i++) {
		const struct choice *c = table_choice(t, i);

		trace->candidates[i] = (struct trace_candidate){
			c->connector->obj.name,
			c->lost_by != NULL ? c->lost_by : "no-match", NULL };
	}
	trace->candidate_count = t->base->candidate_count;
	for (; (list = table_list_next(t, &cursor)) != NULL; level++) {
		for (i = 0; i < list->all_count; i++) {
			const struct space_entry *entry = &list->all[i];
			struct trace_candidate *c = &trace->candidates[entry->choice->rank];

			/* The first match of a connector is its most specific and cheapest. */
			if (c->entry != NULL)
				continue;
			c->entry = entry;
			c->lost_by = entry_lost_by(entry, winner, level, size, excluded);
		}
	}
	trace_rejected(trace, t);
}
