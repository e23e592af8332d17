/* expand.c - the members of a group, nested groups opened. Pure but for reading the mirror. */
#include <ctype.h>
#include <string.h>
#include <uthash.h>

#include "hubd/categorize/plan.h"
#include "libhub/base/mem.h"

struct name {
	UT_hash_handle hh;
	struct name *next;		/* still to be looked at */
	char address[];			/* lower case */
};

struct expansion {
	struct arena *arena;
	struct name *seen, *todo;
	const char **members;
	uint32_t n, capacity;
	bool outside;
};

/* Each address is looked at once: that ends loops and drops duplicates alike. */
static void meet(struct expansion *x, const char *address)
{
	size_t n = strlen(address), i;
	struct name *name = arena_alloc(x->arena, sizeof(*name) + n + 1), *found;

	for (i = 0; i < n; i++)
		name->address[i] = (char)tolower((unsigned char)address[i]);
	HASH_FIND_STR(x->seen, name->address, found);
	if (found != NULL)
		return;
	HASH_ADD_KEYPTR(hh, x->seen, name->address, n, name);
	name->next = x->todo;
	x->todo = name;
}

static void add_member(struct expansion *x, const char *address)
{
	const char **grown;

	if (x->n == x->capacity) {
		x->capacity = x->capacity == 0 ? 16 : x->capacity * 2;
		grown = arena_alloc(x->arena, x->capacity * sizeof(*grown));
		if (x->n != 0)
			memcpy(grown, x->members, x->n * sizeof(*grown));
		x->members = grown;
	}
	x->members[x->n++] = address;
}

/* The group at hand, which was judged before, is the first one that is looked at. */
static void look_at(struct expansion *x, struct recipients *r, const char *address)
{
	bool nested = HASH_COUNT(x->seen) > 1;
	struct recipient_info info;
	size_t i;

	recipients_find(r, address, &info);
	if (info.outcome == RECIPIENT_GROUP && !(x->outside && nested && info.refuse_outside_mail))
		for (i = 0; i < info.member_count && HASH_COUNT(x->seen) <= EXPAND_MAX; i++)
			meet(x, info.members[i]);
	else
		add_member(x, address);
	recipient_info_clear(&info);
}

bool expand_group(struct arena *a, struct recipients *r, const char *group, bool outside,
	const char *const **members, uint32_t *n)
{
	struct expansion x = { .arena = a, .outside = outside };
	struct name *name;
	bool complete;

	meet(&x, group);
	while ((name = x.todo) != NULL && HASH_COUNT(x.seen) <= EXPAND_MAX) {
		x.todo = name->next;
		look_at(&x, r, name->address);
	}
	complete = x.todo == NULL;
	HASH_CLEAR(hh, x.seen);
	*members = x.members;
	*n = x.n;
	return complete;
}
