/* identify.h - which directory a connection leads to. Owning thread only.
 *
 * A cookie says nothing of the directory that it came from. The base is the same entry, with the
 * same entryUUID, in all providers that replicate each other; hubEpoch is what an administrator
 * changes after a restore. Only with both unchanged is a cookie good.
 */
#ifndef HUB_DIRECTORY_IDENTIFY_H
#define HUB_DIRECTORY_IDENTIFY_H

#include "libhub/directory/connection.h"

struct identify;

/* base's entryUUID, a slash, hubEpoch */
enum { IDENTIFY_TEXT = 2 * ENTRY_UUID_TEXT };

struct identity {
	unsigned char base_uuid[16];
	char text[IDENTIFY_TEXT];
};

/* e: why not; then id is NULL. */
typedef void identify_cb(const struct identity *id, const struct err *e, void *ctx);

/*
 * Looks for base and for hubEpoch in epoch_dn (both the caller's, alive until the callback); no
 * hubEpoch is one too. If the connection is lost there is no callback. NULL and *e if it cannot
 * begin.
 */
struct identify *identify_start(struct directory_connection *c, const char *base,
	const char *epoch_dn, identify_cb *cb, void *ctx, struct err *e) MUST_CHECK;
/* Sets *i to NULL; accepts a pointer to NULL. Before the connection is closed. */
void identify_cancel(struct identify **i);

#endif
