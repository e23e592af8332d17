/* admission.h - who may come in: to which connector a new connection belongs, whether its limits
 * leave room, and which worker serves it. On the acceptor's thread, but for what says otherwise.
 *
 * Over a limit a connection gets 421 4.3.2 and nothing else; where TLS begins with the first byte
 * nothing can be said in clear, so there it is only closed. Connections are counted by connector
 * and source (peer_network.h) until their sessions depart.
 */
#ifndef HUB_RECEIVE_ADMISSION_H
#define HUB_RECEIVE_ADMISSION_H

#include "hubd/receive/receiver.h"

#include <sys/socket.h>

struct admission;

struct admission *admission_new(struct loop *loop);
/* All sessions have ended and their arrivals come back. Sets *a to NULL; accepts one to NULL. */
void admission_free(struct admission **a);
/* Connections are handed out in turn to these; before the first live. */
void admission_set_receivers(struct admission *a, struct inbox *const *receivers, size_t n);
void admission_set_live(struct admission *a, const struct live *live);
/* Where receivers post ended arrivals. */
struct inbox *admission_departures(struct admission *a);
/* Takes fd, a connection from peer to local (with the port). */
void admission_take(struct admission *a, int fd, const struct sockaddr_storage *peer,
	const struct sockaddr_storage *local);
/* Open now. Any thread. */
uint64_t admission_connections(const struct admission *a);

#endif
