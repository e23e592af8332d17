/* spaces.c - see spaces.h */
#include "libhub/routing/spaces.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/routing/table.h"

enum { STAGE_EXACT, STAGE_WIDER, STAGE_EVERYTHING, STAGE_INBOUND, STAGE_END };

static struct space_type *type_get(struct space_index *x, struct arena *a, const char *name)
{
	struct space_type *type;

	HASH_FIND_STR(x->types, name, type);
	if (type != NULL)
		return type;
	type = arena_alloc(a, sizeof(*type));
	type->type = name;
	type->domains = strcmp(name, "SMTP") == 0;
	HASH_ADD_KEYPTR(hh, x->types, type->type, strlen(type->type), type);
	return type;
}

static struct space_list *hash_list_get(struct space_list **hash, struct arena *a, const char *key)
{
	struct space_list *list;

	HASH_FIND_STR(*hash, key, list);
	if (list != NULL)
		return list;
	list = arena_alloc(a, sizeof(*list));
	list->key = key;
	HASH_ADD_KEYPTR(hh, *hash, list->key, strlen(list->key), list);
	return list;
}

static struct space_list *single_list_get(struct space_list **single, struct arena *a)
{
	if (*single == NULL)
		*single = arena_alloc(a, sizeof(**single));
	return *single;
}

static struct space_list *list_get(struct space_type *type, struct arena *a,
	const struct address_space *space)
{
	switch (space->match) {
	case SPACE_EXACT:
		return hash_list_get(&type->exact, a, space->key);
	case SPACE_SUBTREE:
	case SPACE_PREFIX:
		return hash_list_get(&type->wider, a, space->key);
	case SPACE_ALL:
		return single_list_get(&type->everything, a);
	case SPACE_INBOUND:
		return single_list_get(&type->inbound, a);
	}
	BUG_ON(true);
	return NULL;
}

void space_index_add(struct space_index *x, struct arena *a, const struct choice *choice,
	const struct address_space *space)
{
	struct space_list *list = list_get(type_get(x, a, space->type), a, space);

	if (list->all_count == list->room) {
		struct space_entry *more;

		list->room = list->room == 0 ? 2 : 2 * list->room;
		more = arena_alloc(a, list->room * sizeof(*more));
		if (list->all_count != 0)
			memcpy(more, list->all, list->all_count * sizeof(*more));
		list->all = more;
	}
	list->all[list->all_count++] = (struct space_entry){
		.choice = choice,
		.space = space,
		.cost = choice->path_cost + space->cost,
	};
}

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

static void list_finish(struct space_list *list, struct arena *a)
{
	uint64_t largest = 0;
	size_t i;

	qsort(list->all, list->all_count, sizeof(*list->all), entry_order);
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

static int longest_first(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x < y) - (x > y);
}

/* The distinct lengths of the prefixes, so that a look-up asks for no other. */
static void type_lengths(struct space_type *type, struct arena *a)
{
	struct space_list *list, *next;
	size_t n = 0, i;

	type->lengths = arena_alloc(a, HASH_COUNT(type->wider) * sizeof(*type->lengths));
	HASH_ITER(hh, type->wider, list, next)
		type->lengths[n++] = strlen(list->key);
	qsort(type->lengths, n, sizeof(*type->lengths), longest_first);
	for (i = 0; i < n; i++)
		if (i == 0 || type->lengths[i] != type->lengths[i - 1])
			type->lengths[type->length_count++] = type->lengths[i];
}

static void hash_finish(struct space_list *hash, struct arena *a)
{
	struct space_list *list, *next;

	HASH_ITER(hh, hash, list, next)
		list_finish(list, a);
}

void space_index_finish(struct space_index *x, struct arena *a)
{
	struct space_type *type, *next;

	HASH_ITER(hh, x->types, type, next) {
		hash_finish(type->exact, a);
		hash_finish(type->wider, a);
		if (type->everything != NULL)
			list_finish(type->everything, a);
		if (type->inbound != NULL)
			list_finish(type->inbound, a);
		if (!type->domains)
			type_lengths(type, a);
	}
}

void space_index_clear(struct space_index *x)
{
	struct space_type *type, *next;

	/* Only the tables of the hashes are outside the arena. */
	HASH_ITER(hh, x->types, type, next) {
		HASH_CLEAR(hh, type->exact);
		HASH_CLEAR(hh, type->wider);
	}
	HASH_CLEAR(hh, x->types);
}

void space_cursor_init(struct space_cursor *c, const struct space_index *x, const char *type,
	const char *text, bool inbound)
{
	struct space_type *found;

	HASH_FIND_STR(x->types, type, found);
	*c = (struct space_cursor){
		.type = found,
		.text = text,
		.length = strlen(text),
		.stage = found == NULL ? STAGE_END : inbound ? STAGE_INBOUND : STAGE_EXACT,
	};
}

/* *.domain: the domain itself, then without its first label, and so on; the longest comes first. */
static const struct space_list *next_domain(struct space_cursor *c)
{
	struct space_list *list = NULL;

	while (list == NULL && c->text != NULL) {
		const char *dot = strchr(c->text, '.');

		HASH_FIND_STR(c->type->wider, c->text, list);
		c->text = dot != NULL ? dot + 1 : NULL;
	}
	return list;
}

static const struct space_list *next_prefix(struct space_cursor *c)
{
	struct space_list *list = NULL;

	while (list == NULL && c->step < c->type->length_count) {
		size_t length = c->type->lengths[c->step++];

		if (length <= c->length)
			HASH_FIND(hh, c->type->wider, c->text, length, list);
	}
	return list;
}

const struct space_list *space_cursor_next(struct space_cursor *c)
{
	struct space_list *exact;
	const struct space_list *list;

	switch (c->stage) {
	case STAGE_EXACT:
		c->stage = STAGE_WIDER;
		HASH_FIND_STR(c->type->exact, c->text, exact);
		if (exact != NULL)
			return exact;
		/* fall through */
	case STAGE_WIDER:
		list = c->type->domains ? next_domain(c) : next_prefix(c);
		if (list != NULL)
			return list;
		/* fall through */
	case STAGE_EVERYTHING:
		c->stage = STAGE_END;
		return c->type->everything;
	case STAGE_INBOUND:
		c->stage = STAGE_END;
		return c->type->inbound;
	default:
		return NULL;
	}
}
