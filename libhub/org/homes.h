/* homes.h - how many recipients name which home server, kept by the mirror of recipients.
 *
 * Hosts are few however many recipients there are, so that a look at them finds every mailHost that
 * names no mailbox server. Not locked: the owner's lock covers it.
 */
#ifndef HUB_ORG_HOMES_H
#define HUB_ORG_HOMES_H

#include <stdbool.h>
#include <stddef.h>

struct homes;

/* Hosts compare without case. *h is NULL at first, and again when all are dropped. */
void homes_add(struct homes **h, const char *host);
void homes_drop(struct homes **h, const char *host);
void homes_free(struct homes **h);
void homes_each(const struct homes *h, bool (*cb)(const char *host, size_t count, void *ctx),
	void *ctx);

#endif
