/* spaces.h - address spaces of one routing table, indexed for look-up (hub-routing(7) section 5.2).
 *
 * An address is matched by a handful of lists at most, from the most specific to the least; a
 * cursor yields them in that order. Built once, then immutable: cursors may run on any thread.
 */
#ifndef HUB_ROUTING_SPACES_H
#define HUB_ROUTING_SPACES_H

#include <uthash.h>

#include "libhub/org/value.h"

struct choice;

/* One address space of one connector. */
struct space_entry {
	const struct choice *choice;
	const struct address_space *space;
	int64_t cost;			/* aggregate: the way and the space */
};

/* All entries of one address space, best first. */
struct space_list {
	const char *key;
	struct space_entry *all;
	size_t all_count, room;
	/*
	 * Those that some message size can choose: an entry behind a better one that takes larger
	 * messages is left out, so few are left however many connectors share a space.
	 */
	struct space_entry *best;
	size_t best_count;
	UT_hash_handle hh;
};

/* The spaces of one type of address. */
struct space_type {
	const char *type;
	bool domains;			/* SMTP: *.domain by labels; other types: prefixes */
	struct space_list *exact, *wider;	/* hashes by key */
	struct space_list *everything;	/* * */
	struct space_list *inbound;	/* --: asked for on edges only, it says nothing to a hub */
	size_t *lengths;		/* of the prefixes, longest first; other types only */
	size_t length_count;
	UT_hash_handle hh;
};

struct space_index {
	struct space_type *types;
};

void space_index_add(struct space_index *x, struct arena *a, const struct choice *choice,
	const struct address_space *space);
/* After the last add: puts every list in order. */
void space_index_finish(struct space_index *x, struct arena *a);
void space_index_clear(struct space_index *x);

/*
 * Which of two entries is preferred (section 5, steps 4 to 6): less than 0 if a is. *by tells what
 * decided, as lost_by names it; NULL if the entries are of one connector.
 */
int space_entry_compare(const struct space_entry *a, const struct space_entry *b, const char **by);

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
/* The next list that matches, or NULL. Lists are never empty. */
const struct space_list *space_cursor_next(struct space_cursor *c);

#endif
