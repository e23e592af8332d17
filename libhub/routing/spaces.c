/* spaces.c - see spaces.h */
#include "libhub/routing/spaces.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/base/mem.h"

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

static struct space_slot *slot_new(struct space_index *x, struct arena *a, const char *key)
{
	struct space_slot *slot = arena_alloc(a, sizeof(*slot));

	slot->key = key;
	slot->number = x->slot_count++;
	return slot;
}

static struct space_slot *hash_slot_get(struct space_index *x, struct space_slot **hash,
	struct arena *a, const char *key)
{
	struct space_slot *slot;

	HASH_FIND_STR(*hash, key, slot);
	if (slot != NULL)
		return slot;
	slot = slot_new(x, a, key);
	HASH_ADD_KEYPTR(hh, *hash, slot->key, strlen(slot->key), slot);
	return slot;
}

static struct space_slot *single_slot_get(struct space_index *x, struct space_slot **single,
	struct arena *a)
{
	if (*single == NULL)
		*single = slot_new(x, a, NULL);
	return *single;
}

static struct space_slot *slot_get(struct space_index *x, struct arena *a,
	const struct address_space *space)
{
	struct space_type *type = type_get(x, a, space->type);

	switch (space->match) {
	case SPACE_EXACT:
		return hash_slot_get(x, &type->exact, a, space->key);
	case SPACE_SUBTREE:
	case SPACE_PREFIX:
		return hash_slot_get(x, &type->wider, a, space->key);
	case SPACE_ALL:
		return single_slot_get(x, &type->everything, a);
	case SPACE_INBOUND:
		return single_slot_get(x, &type->inbound, a);
	}
	BUG_ON(true);
	return NULL;
}

void space_index_add(struct space_index *x, struct arena *a, uint32_t rank,
	const struct address_space *space)
{
	struct space_slot *slot = slot_get(x, a, space);

	if (slot->n == slot->room) {
		struct space_use *more;

		slot->room = slot->room == 0 ? 1 : 2 * slot->room;
		more = arena_alloc(a, slot->room * sizeof(*more));
		if (slot->n != 0)
			memcpy(more, slot->uses, slot->n * sizeof(*more));
		slot->uses = more;
	}
	slot->uses[slot->n++] = (struct space_use){ rank, space };
}

static int longest_first(const void *a, const void *b)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;

	return (x < y) - (x > y);
}

/* The distinct lengths of the prefixes, so that a look-up asks for no other. */
static void type_lengths(struct space_type *type, struct arena *a)
{
	struct space_slot *slot, *next;
	size_t n = 0, i;

	type->lengths = arena_alloc(a, HASH_COUNT(type->wider) * sizeof(*type->lengths));
	HASH_ITER(hh, type->wider, slot, next)
		type->lengths[n++] = strlen(slot->key);
	qsort(type->lengths, n, sizeof(*type->lengths), longest_first);
	for (i = 0; i < n; i++)
		if (i == 0 || type->lengths[i] != type->lengths[i - 1])
			type->lengths[type->length_count++] = type->lengths[i];
}

static void type_slots(struct space_index *x, const struct space_type *type)
{
	struct space_slot *slot, *next;

	HASH_ITER(hh, type->exact, slot, next)
		x->slots[slot->number] = slot;
	HASH_ITER(hh, type->wider, slot, next)
		x->slots[slot->number] = slot;
	if (type->everything != NULL)
		x->slots[type->everything->number] = type->everything;
	if (type->inbound != NULL)
		x->slots[type->inbound->number] = type->inbound;
}

void space_index_finish(struct space_index *x, struct arena *a)
{
	struct space_type *type, *next;

	x->slots = arena_alloc(a, x->slot_count * sizeof(struct space_slot *));
	HASH_ITER(hh, x->types, type, next) {
		type_slots(x, type);
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

const struct space_slot *space_index_find(const struct space_index *x,
	const struct address_space *space)
{
	const struct space_slot *slot = NULL;
	const struct space_type *type;

	HASH_FIND_STR(x->types, space->type, type);
	if (type == NULL)
		return NULL;
	switch (space->match) {
	case SPACE_EXACT:
		HASH_FIND_STR(type->exact, space->key, slot);
		return slot;
	case SPACE_SUBTREE:
	case SPACE_PREFIX:
		HASH_FIND_STR(type->wider, space->key, slot);
		return slot;
	case SPACE_ALL:
		return type->everything;
	case SPACE_INBOUND:
		return type->inbound;
	}
	return NULL;
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
static const struct space_slot *next_domain(struct space_cursor *c)
{
	struct space_slot *slot = NULL;

	while (slot == NULL && c->text != NULL) {
		const char *dot = strchr(c->text, '.');

		HASH_FIND_STR(c->type->wider, c->text, slot);
		c->text = dot != NULL ? dot + 1 : NULL;
	}
	return slot;
}

static const struct space_slot *next_prefix(struct space_cursor *c)
{
	struct space_slot *slot = NULL;

	while (slot == NULL && c->step < c->type->length_count) {
		size_t length = c->type->lengths[c->step++];

		if (length <= c->length)
			HASH_FIND(hh, c->type->wider, c->text, length, slot);
	}
	return slot;
}

const struct space_slot *space_cursor_next(struct space_cursor *c)
{
	struct space_slot *exact;
	const struct space_slot *slot;

	switch (c->stage) {
	case STAGE_EXACT:
		c->stage = STAGE_WIDER;
		HASH_FIND_STR(c->type->exact, c->text, exact);
		if (exact != NULL)
			return exact;
		/* fall through */
	case STAGE_WIDER:
		slot = c->type->domains ? next_domain(c) : next_prefix(c);
		if (slot != NULL)
			return slot;
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
