/* spaces.h - address spaces of a snapshot's connectors, indexed for look-up (routing, section 5.2).
 *
 * An address is matched by a handful of slots at most, from the most specific to the least; a
 * cursor yields them in that order. Built once, then immutable: cursors may run on any thread.
 */
#ifndef HUB_ROUTING_SPACES_H
#define HUB_ROUTING_SPACES_H

#include <uthash.h>

#include "libhub/org/value.h"

/* One address space of one connector, which is named by its rank. */
struct space_use {
	uint32_t rank;
	const struct address_space *space;
};

/* All uses of one address space, in the order in which they were added. */
struct space_slot {
	const char *key;
	uint32_t number;		/* counts up from 0 over the whole index */
	struct space_use *uses;
	size_t n, room;
	UT_hash_handle hh;
};

/* The spaces of one type of address. */
struct space_type {
	const char *type;
	bool domains;			/* SMTP: *.domain by labels; other types: prefixes */
	struct space_slot *exact, *wider;	/* hashes by key */
	struct space_slot *everything;	/* * */
	struct space_slot *inbound;	/* --: asked for on edges only, it says nothing to a hub */
	size_t *lengths;		/* of the prefixes, longest first; other types only */
	size_t length_count;
	UT_hash_handle hh;
};

struct space_index {
	struct space_type *types;
	struct space_slot **slots;	/* by number; after finish */
	uint32_t slot_count;
};

void space_index_add(struct space_index *x, struct arena *a, uint32_t rank,
	const struct address_space *space);
/* After the last add. */
void space_index_finish(struct space_index *x, struct arena *a);
void space_index_clear(struct space_index *x);

/* The slot of an address space; NULL if nobody uses it. */
const struct space_slot *space_index_find(const struct space_index *x,
	const struct address_space *space);

struct space_cursor {
	const struct space_type *type;
	const char *text;
	size_t length, step;
	int stage;
};

/*
 * text: a lower-case domain, or the address text of another type in lower case; it must outlive
 * the cursor. With inbound, only the address space -- is matched.
 */
void space_cursor_init(struct space_cursor *c, const struct space_index *x, const char *type,
	const char *text, bool inbound);
/* The next slot that matches, or NULL. Slots are never empty. */
const struct space_slot *space_cursor_next(struct space_cursor *c);

#endif
