/* trace.h - what explain records while the ordinary code routes. Private to libhub/routing.
 *
 * The recorder never decides anything: it is told the winner and asks the functions that chose it
 * why each other connector lost.
 */
#ifndef HUB_ROUTING_TRACE_H
#define HUB_ROUTING_TRACE_H

#include "libhub/routing/table.h"

struct trace_candidate {
	const char *name;
	const char *lost_by;		/* NULL = chosen */
	const struct space_entry *entry;	/* the address space that matched, or NULL */
};

struct route_trace {
	struct arena *arena;
	struct trace_candidate *candidates;	/* in the order of names */
	size_t candidate_count;
};

/*
 * Records the fate of every connector. cursor stands before the first list; winner is NULL if none
 * was chosen; excluded is NULL unless that counted.
 */
void trace_candidates(struct route_trace *trace, const struct routing_table *t,
	struct space_cursor cursor, const struct space_entry *winner, uint64_t size,
	const struct route_excluded *excluded);

/* choose.c: excluded may be NULL. */
bool route_is_excluded(const struct route_excluded *excluded, const struct choice *c);

#endif
