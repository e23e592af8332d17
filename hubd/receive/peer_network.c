/* peer_network.c - see peer_network.h */
#include "hubd/receive/peer_network.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

void peer_network_text(const struct sockaddr_storage *peer, char buf[PEER_NETWORK_TEXT])
{
	const struct sockaddr_in6 *in6 = (const void *)peer;
	const struct sockaddr_in *in = (const void *)peer;
	struct in6_addr network = { 0 };
	char text[INET6_ADDRSTRLEN];

	if (peer->ss_family == AF_INET) {
		inet_ntop(AF_INET, &in->sin_addr, buf, PEER_NETWORK_TEXT);
		return;
	}
	memcpy(&network, &in6->sin6_addr, 8);
	inet_ntop(AF_INET6, &network, text, sizeof(text));
	snprintf(buf, PEER_NETWORK_TEXT, "%s/64", text);
}
