/* listener.h - the sockets that Receive connectors bind, and who may connect. On the
 * acceptor's thread (acceptor.h), but for what says otherwise.
 *
 * Listeners follow the directory: each new configuration opens and closes sockets without touching
 * sessions. A binding that cannot be opened (an address this host lacks) is off alone, with an
 * alarm, and tried again. Connections are counted here; over a limit they get 421 4.3.2 and nothing
 * else. Among connectors of a binding a specific local address beats a wildcard, then the most
 * specific remote range wins.
 */
#ifndef HUB_RECEIVE_LISTENER_H
#define HUB_RECEIVE_LISTENER_H

#include "hubd/receive/receiver.h"

#include <sys/socket.h>

struct listeners;

/* on_change: bindings may have come or gone, opened or failed; also from within calls. */
struct listeners *listeners_new(struct loop *loop, void (*on_change)(void *ctx), void *ctx);
/* All sessions have ended and their arrivals come back. */
void listeners_free(struct listeners **l);
/* Connections are handed out in turn to these; before the first live. */
void listeners_set_receivers(struct listeners *l, struct inbox *const *receivers, size_t n);
/* Where receivers post ended arrivals. */
struct inbox *listeners_departures(struct listeners *l);
void listeners_set_live(struct listeners *l, const struct live *live);
/* Closes all sockets for good; sessions go on. */
void listeners_stop(struct listeners *l);
/* Open now. Any thread. */
uint64_t listeners_connections(const struct listeners *l);

/* Calls cb for each binding: text, NULL when it listens or why it does not. */
void listeners_each(const struct listeners *l,
	void (*cb)(const char *binding, const char *problem, void *ctx), void *ctx);

/* Both NULL if there is none. */
struct listener_match {
	const struct receive_connector *connector;
	const struct endpoint *binding;		/* of the connector */
};

/* What takes a connection. Pure. local carries the port. */
struct listener_match listener_match(const struct live *live, const struct sockaddr_storage *local,
	const struct sockaddr_storage *peer);

#endif
