/* listener.h - the sockets that Receive connectors bind. On the acceptor's thread (acceptor.h), but
 * for what says otherwise.
 *
 * Listeners follow the directory: each new configuration opens and closes sockets without touching
 * sessions, and whoever has connected to a socket that closes is still served. A binding that
 * cannot be opened, or whose address this host lacks, is off alone, with an alarm, until it can be.
 */
#ifndef HUB_RECEIVE_LISTENER_H
#define HUB_RECEIVE_LISTENER_H

#include "hubd/receive/receiver.h"

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

#endif
