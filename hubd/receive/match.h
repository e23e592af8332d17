/* match.h - which Receive connector a connection belongs to. Pure.
 *
 * Among the connectors of this server a binding to the local address itself beats a wildcard; then
 * the most specific remote range wins. The rules of receive_sharing.h leave a single winner.
 */
#ifndef HUB_RECEIVE_MATCH_H
#define HUB_RECEIVE_MATCH_H

#include <sys/socket.h>

#include "hubd/config/live.h"
#include "libhub/org/connector.h"

/* Both NULL if there is none. */
struct connector_match {
	const struct receive_connector *connector;
	const struct endpoint *binding;		/* of the connector */
};

/* local carries the port. */
struct connector_match connector_match(const struct live *live,
	const struct sockaddr_storage *local, const struct sockaddr_storage *peer);

#endif
