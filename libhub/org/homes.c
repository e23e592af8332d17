/* homes.c - see homes.h */
#include "libhub/org/homes.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "libhub/base/mem.h"
#include "libhub/org/value.h"

struct homes {
	UT_hash_handle hh;
	size_t count;
	char host[];		/* folded */
};

static struct homes *find(struct homes *h, const char *folded)
{
	struct homes *home;

	HASH_FIND_STR(h, folded, home);
	return home;
}

void homes_add(struct homes **h, const char *host)
{
	struct arena *a = arena_new();
	const char *folded = name_fold(a, host);
	struct homes *home = find(*h, folded);
	size_t n = strlen(folded);

	if (home == NULL) {
		home = xcalloc(1, sizeof(*home) + n + 1);
		memcpy(home->host, folded, n + 1);
		HASH_ADD_KEYPTR(hh, *h, home->host, n, home);
	}
	home->count++;
	arena_free(&a);
}

void homes_drop(struct homes **h, const char *host)
{
	struct arena *a = arena_new();
	struct homes *home = find(*h, name_fold(a, host));

	arena_free(&a);
	BUG_ON(home == NULL);
	if (--home->count != 0)
		return;
	HASH_DEL(*h, home);
	free(home);
}

void homes_free(struct homes **h)
{
	struct homes *home, *next;

	HASH_ITER(hh, *h, home, next) {
		HASH_DELETE(hh, *h, home);
		free(home);
	}
}

void homes_each(const struct homes *h, bool (*cb)(const char *host, size_t count, void *ctx),
	void *ctx)
{
	while (h != NULL && cb(h->host, h->count, ctx))
		h = h->hh.next;
}
