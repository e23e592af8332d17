/* socket_address.h - addresses from texts. */
#ifndef HUB_TESTS_SOCKET_ADDRESS_H
#define HUB_TESTS_SOCKET_ADDRESS_H

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "unit.h"

/* text: "192.0.2.1" or "2001:db8::1" */
static inline struct sockaddr_storage socket_address(const char *text, uint16_t port)
{
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in6 *v6 = (void *)&a;
	struct sockaddr_in *v4 = (void *)&a;

	if (inet_pton(AF_INET, text, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
	} else {
		ck_assert_int_eq(inet_pton(AF_INET6, text, &v6->sin6_addr), 1);
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
	}
	return a;
}

#endif
