/* listen_socket.h - a TCP socket that listens. Any thread. */
#ifndef HUB_RECEIVE_LISTEN_SOCKET_H
#define HUB_RECEIVE_LISTEN_SOCKET_H

#include <stdbool.h>
#include <sys/socket.h>

enum { LISTEN_SOCKET_BACKLOG = 1024 };

/*
 * addr with the port; an IPv6 wildcard is for IPv6 only. share: others that share may have the port
 * too, see listen_socket_share. -1: errno says why.
 */
int listen_socket_open(const struct sockaddr_storage *addr, bool share);
/* May sockets of this user, if they share as well, be bound beside this one? */
void listen_socket_share(int fd, bool on);
/* Has this host the address, as far as anybody can tell? If not, errno says so. */
bool host_has_address(const struct sockaddr_storage *addr);

#endif
