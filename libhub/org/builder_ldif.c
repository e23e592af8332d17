/* builder_ldif.c - an organization from an LDIF file; of a pair in conflict the later one loses. */
#include "libhub/directory/ldif.h"
#include "libhub/org/builder_impl.h"

static void put_record(const struct entry *e, void *ctx)
{
	struct builder *b = ctx;

	builder_put_ordered(b, e, ++b->order);
}

int builder_read_ldif(struct builder *b, const char *path, struct err *e)
{
	return ldif_read(path, put_record, b, e);
}
