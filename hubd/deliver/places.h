/* places.h - the list of places one connection may go to, in order. Owning loop's thread.
 *
 * A place is an address or a name that has yet to be looked up. Places that are equally good stand
 * in the order of their turns (rota.h), so that successive connections share the load.
 */
#ifndef HUB_DELIVER_PLACES_H
#define HUB_DELIVER_PLACES_H

#include "hubd/deliver/rota.h"
#include "hubd/queue/queue.h"
#include "libhub/base/resolver.h"

enum { PLACES_MAX = 64 };

struct place {
	const char *name;		/* as in the configuration or the queue's domain */
	const char *turn;		/* by which the rota knows it; NULL = it takes no turns */
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

/* Of a connector or a mailbox server. domain: the recipients', for MX; must outlive out. */
void places_of_item(const struct queue_item *item, const struct live *live, const char *domain,
	const struct rota *rota, struct places *out);
/* The servers of a pool, without this one. */
void places_of_pool(const struct server_pool *pool, const struct live *live,
	const struct rota *rota, struct places *out);

#endif
