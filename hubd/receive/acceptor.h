/* acceptor.h - the thread that accepts connections: listeners on a loop of their own.
 *
 * The main loop stands still while it builds a new configuration; who connects must not wait for
 * that. Made and freed by the main thread, which calls all of this and gets all callbacks on its
 * own loop. Order of stopping: acceptor_stop, then the workers, whose sessions still depart to it;
 * acceptor_join and acceptor_free after the last session has ended.
 */
#ifndef HUB_RECEIVE_ACCEPTOR_H
#define HUB_RECEIVE_ACCEPTOR_H

#include "hubd/receive/listener.h"

struct acceptor;

/* live is what the order was about, borrowed; NULL after acceptor_stop. */
typedef void acceptor_cb(const struct live *live, void *ctx);

struct acceptor *acceptor_new(struct loop *main_loop);
/*
 * Joined, and all who send departures gone. Callbacks that are due come before it returns. Accepts
 * a pointer to NULL; sets it to NULL.
 */
void acceptor_free(struct acceptor **a);
/* As listeners_set_receivers; before acceptor_start. */
void acceptor_set_receivers(struct acceptor *a, struct inbox *const *receivers, size_t n);
struct inbox *acceptor_departures(struct acceptor *a);
/* The thread binds with the capabilities that the caller has now. */
int acceptor_start(struct acceptor *a, struct err *e) MUST_CHECK;

/* Orders, carried out in turn. cb comes once sockets are open and closed as live says. */
void acceptor_set_live(struct acceptor *a, const struct live *live, acceptor_cb *cb, void *ctx);
/* cb comes once all sockets are closed for good. */
void acceptor_stop(struct acceptor *a, acceptor_cb *cb, void *ctx);
/* Ends the thread and waits for it. */
void acceptor_join(struct acceptor *a);

/* Connections that are open now. */
uint64_t acceptor_connections(const struct acceptor *a);
/* As listeners_each, as the thread told it last. */
void acceptor_each_binding(const struct acceptor *a,
	void (*cb)(const char *binding, const char *problem, void *ctx), void *ctx);

#endif
