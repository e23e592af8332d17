/* own_network.h - loopback of one's own, where no neighbour takes a port and nobody calls. */
#ifndef HUB_TESTS_OWN_NETWORK_H
#define HUB_TESTS_OWN_NETWORK_H

#include <check.h>
#include <net/if.h>
#include <sched.h>
#include <stdbool.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Moves this process, before it has threads, to a network namespace with nothing but 127.0.0.0/8.
 * False where the kernel does not let us: then it stays where it is.
 */
static inline bool own_network_enter(void)
{
	struct ifreq lo = { .ifr_flags = IFF_UP };
	int fd;

	if (unshare(CLONE_NEWNET) != 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0)
		return false;
	strcpy(lo.ifr_name, "lo");
	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(ioctl(fd, SIOCSIFFLAGS, &lo), 0);
	close(fd);
	return true;
}

#endif
