/* address_watch.c - see address_watch.h
 *
 * What the messages say is not looked at: that there was one is enough to look at the addresses
 * anew, and messages that did not fit (ENOBUFS) are a change like any other.
 */
#include "hubd/receive/address_watch.h"

#include <errno.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"

struct address_watch {
	struct event *readable;
	int fd;
	void (*on_change)(void *ctx);
	void *ctx;
};

static void on_message(evutil_socket_t fd, short what, void *ctx)
{
	struct address_watch *w = ctx;
	char buf[8192];
	bool any = false;
	ssize_t n;

	(void)what;
	for (;;) {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n == 0 || (n < 0 && errno != ENOBUFS && errno != EINTR))
			break;
		any = true;
	}
	if (any)
		w->on_change(w->ctx);
}

static int open_socket(void)
{
	struct sockaddr_nl groups = { .nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_IPV4_IFADDR | RTMGRP_IPV6_IFADDR };
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, NETLINK_ROUTE);

	if (fd >= 0 && bind(fd, (const struct sockaddr *)&groups, sizeof(groups)) == 0)
		return fd;
	log_event(LOG_LEVEL_WARNING, "addresses-not-watched", LOG_STR("why", strerror(errno)),
		LOG_END);
	if (fd >= 0)
		close(fd);
	return -1;
}

struct address_watch *address_watch_new(struct loop *loop, void (*on_change)(void *ctx), void *ctx)
{
	int fd = open_socket();
	struct address_watch *w;

	if (fd < 0)
		return NULL;
	w = xcalloc(1, sizeof(*w));
	w->fd = fd;
	w->on_change = on_change;
	w->ctx = ctx;
	w->readable = event_new(loop_base(loop), fd, EV_READ | EV_PERSIST, on_message, w);
	BUG_ON(w->readable == NULL || event_add(w->readable, NULL) != 0);
	return w;
}

void address_watch_free(struct address_watch **wp)
{
	struct address_watch *w = *wp;

	*wp = NULL;
	if (w == NULL)
		return;
	event_free(w->readable);
	close(w->fd);
	free(w);
}
