/* listen_socket.c - see listen_socket.h */
#include "hubd/receive/listen_socket.h"

#include <errno.h>
#include <netinet/in.h>
#include <unistd.h>

#include "libhub/base/inet.h"

static int close_failed(int fd)
{
	int saved = errno;

	close(fd);
	errno = saved;
	return -1;
}

void listen_socket_share(int fd, bool on)
{
	int value = on;

	setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &value, sizeof(value));
}

static int bound_socket(const struct sockaddr_storage *addr, bool share)
{
	const struct sockaddr *sa = (const void *)addr;
	int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	listen_socket_share(fd, share);
	if (addr->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, sa, inet_size(sa)) == 0)
		return fd;
	return close_failed(fd);
}

int listen_socket_open(const struct sockaddr_storage *addr, bool share)
{
	int fd = bound_socket(addr, share);

	if (fd < 0 || listen(fd, LISTEN_SOCKET_BACKLOG) == 0)
		return fd;
	return close_failed(fd);
}

bool host_has_address(const struct sockaddr_storage *addr)
{
	struct sockaddr_storage any_port = *addr;
	struct sockaddr_in6 *in6 = (void *)&any_port;
	struct sockaddr_in *in = (void *)&any_port;
	int fd;

	if (addr->ss_family == AF_INET)
		in->sin_port = 0;
	else
		in6->sin6_port = 0;
	fd = bound_socket(&any_port, false);
	if (fd < 0)
		return errno != EADDRNOTAVAIL && errno != EINVAL;
	close(fd);
	return true;
}
