/* lists.c - which connectors an address space has for one server, best first (section 5) */
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/table.h"

/* -1, 0, 1 as strcmp. */
static int order(int64_t a, int64_t b)
{
	return (a > b) - (a < b);
}

int space_entry_compare(const struct space_entry *a, const struct space_entry *b, const char **by)
{
	int c;

	*by = "cost";
	if ((c = order(a->cost, b->cost)) != 0)
		return c;
	*by = "proximity";
	if ((c = order(a->choice->nearness, b->choice->nearness)) != 0 ||
	    (c = order(a->choice->hops, b->choice->hops)) != 0)
		return c;
	*by = "name";
	if ((c = order(a->choice->rank, b->choice->rank)) != 0)
		return c;
	*by = NULL;
	return 0;
}

static int entry_order(const void *a, const void *b)
{
	const char *by;

	return space_entry_compare(a, b, &by);
}

/* best are those of all that some size can choose; mostly it is one, and then the same. */
static void list_best(struct space_list *list, struct arena *a)
{
	uint64_t largest = 0;
	size_t i;

	list->best = list->all;
	if (list->all_count > 1)
		list->best = arena_alloc(a, list->all_count * sizeof(*list->best));
	for (i = 0; i < list->all_count; i++) {
		uint64_t limit = list->all[i].choice->connector->max_size;

		if (list->best_count != 0 && limit != 0 && limit <= largest)
			continue;
		list->best[list->best_count++] = list->all[i];
		if (limit == 0)
			return;
		largest = limit;
	}
}

static struct space_list *list_new(const struct routing_table *t, const struct space_slot *slot)
{
	struct space_list *list = arena_alloc(t->arena, sizeof(*list));
	size_t i;

	list->all = arena_alloc(t->arena, slot->n * sizeof(*list->all));
	for (i = 0; i < slot->n; i++) {
		const struct choice *choice = table_choice(t, slot->uses[i].rank);
		const struct address_space *space = slot->uses[i].space;

		if (choice->lost_by == NULL)
			list->all[list->all_count++] = (struct space_entry){
				choice, space, choice->path_cost + space->cost };
	}
	if (list->all_count > 1)
		qsort(list->all, list->all_count, sizeof(*list->all), entry_order);
	list_best(list, t->arena);
	return list;
}

const struct space_list *table_list(const struct routing_table *t, const struct space_slot *slot)
{
	const struct space_list *list;

	/* Only a lazy table has any that is missing. */
	if (t->lists[slot->number] == NULL)
		t->lists[slot->number] = list_new(t, slot);
	list = t->lists[slot->number];
	return list->all_count != 0 ? list : NULL;
}

const struct space_list *table_list_next(const struct routing_table *t, struct space_cursor *c)
{
	const struct space_list *list = NULL;
	const struct space_slot *slot;

	while (list == NULL && (slot = space_cursor_next(c)) != NULL)
		list = table_list(t, slot);
	return list;
}
