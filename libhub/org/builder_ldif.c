/* builder_ldif.c - an organization from an LDIF file; of a pair in conflict the later one loses. */
#include "libhub/directory/cache.h"
#include "libhub/directory/ldif.h"
#include "libhub/org/builder_impl.h"

static void put_record(const struct entry *e, void *ctx)
{
	struct arena *a = arena_new();
	struct builder *b = ctx;
	struct entry last_good;

	/* In the offline cache of a hub it stands beside the form that is not in force. */
	if (cache_entry_last_good(e, a, &last_good))
		builder_put_last_good(b, &last_good);
	else
		builder_put_ordered(b, e, ++b->order);
	arena_free(&a);
}

int builder_read_ldif(struct builder *b, const char *path, struct err *e)
{
	return ldif_read(path, put_record, b, e);
}
