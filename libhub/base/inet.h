/* inet.h - what the socket calls want to know of an IP address. Pure; any thread. */
#ifndef HUB_BASE_INET_H
#define HUB_BASE_INET_H

#include <netinet/in.h>
#include <sys/socket.h>

/* Bytes of an AF_INET or AF_INET6 address, as connect, bind and getnameinfo take them. */
static inline socklen_t inet_size(const struct sockaddr *sa)
{
	return sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
		sizeof(struct sockaddr_in);
}

#endif
