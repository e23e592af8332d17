/* peer_network.h - who counts as one source where limits are by source. Pure; any thread.
 *
 * An IPv4 address is one. Of IPv6 a network of 64 bits is: every host has so many addresses of its
 * own (RFC 4862 section 5.5.3, RFC 8981), and by address would never come to a limit.
 */
#ifndef HUB_RECEIVE_PEER_NETWORK_H
#define HUB_RECEIVE_PEER_NETWORK_H

#include <sys/socket.h>

enum { PEER_NETWORK_TEXT = 64 };

/* "192.0.2.1" or "2001:db8:1:2::/64". */
void peer_network_text(const struct sockaddr_storage *peer, char buf[PEER_NETWORK_TEXT]);

#endif
