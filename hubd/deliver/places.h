/* places.h - the list of places one connection may go to, in order. Pure; any thread.
 *
 * A place is an address or a name that has yet to be looked up. Places that are equally good are
 * rotated by a serial number, so successive connections of a queue share the load.
 */
#ifndef HUB_DELIVER_PLACES_H
#define HUB_DELIVER_PLACES_H

#include "hubd/queue/queue.h"
#include "libhub/base/resolver.h"

enum { PLACES_MAX = 64 };

struct place {
	const char *name;		/* as in the configuration or the queue's domain */
	uint16_t port;
	bool host;			/* look up its address, no MX */
	bool literal;			/* addr is it */
	union resolver_sockaddr addr;
	const struct server *server;	/* a server of the organization: its keys are pinned */
};

struct places {
	struct place v[PLACES_MAX];
	size_t n;
};

/* domain: the recipients' domain, for a connector that uses MX; must outlive out. */
void places_make(const struct queue_item *item, const struct live *live, const char *domain,
	uint64_t serial, struct places *out);

#endif
