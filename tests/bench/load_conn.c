/* load_conn.c - connections on one epoll, level-triggered */
#include "load.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libhub/base/mem.h"

enum { EVENTS = 256 };

struct conn {
	int fd;
	conn_input_cb *input;
	conn_gone_cb *gone;
	conn_accept_cb *accepted;	/* a listener has only this */
	void *ctx;
	char *in, *out;
	size_t in_size, out_size, out_capacity;
	size_t piece;			/* read at once; 0 = what there is room for */
	bool ending, dead, wants_write, held;
};

static int epoll_fd = -1;

uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

void poll_init(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	BUG_ON(epoll_fd < 0);
}

static void conn_watch(struct conn *c, int op)
{
	struct epoll_event ev = { .events = c->held ? 0 : EPOLLIN, .data.ptr = c };

	if (c->wants_write)
		ev.events |= EPOLLOUT;
	BUG_ON(epoll_ctl(epoll_fd, op, c->fd, &ev) != 0);
}

struct conn *conn_new(int fd, conn_input_cb *input, conn_gone_cb *gone, void *ctx)
{
	struct conn *c = xcalloc(1, sizeof(*c));

	*c = (struct conn){ .fd = fd, .input = input, .gone = gone, .ctx = ctx };
	c->in = xmalloc(CONN_BUFFER);
	conn_watch(c, EPOLL_CTL_ADD);
	return c;
}

static void conn_free(struct conn *c)
{
	if (c->gone != NULL)
		c->gone(c, c->ctx);
	close(c->fd);
	free(c->in);
	free(c->out);
	free(c);
}

static struct sockaddr_in endpoint(uint32_t address, uint16_t port)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr.s_addr = htonl(address) };
}

/* Commands are answered one by one, so none may wait to be sent with the next. */
static void tune(int fd)
{
	const int one = 1;

	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

int conn_dial(uint16_t port)
{
	struct sockaddr_in to = endpoint(INADDR_LOOPBACK, port);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -1;
	tune(fd);
	/* Blocking: on loopback a listener either has room or has not. */
	if (connect(fd, (const struct sockaddr *)&to, sizeof(to)) != 0) {
		int e = errno;

		close(fd);
		errno = e;
		return -1;
	}
	return fd;
}

void conn_put(struct conn *c, const char *data, size_t size)
{
	if (c->out_size + size > c->out_capacity) {
		c->out_capacity = (c->out_size + size) * 2;
		c->out = xrealloc(c->out, c->out_capacity);
	}
	memcpy(c->out + c->out_size, data, size);
	c->out_size += size;
}

void conn_puts(struct conn *c, const char *text)
{
	conn_put(c, text, strlen(text));
}

void conn_flush(struct conn *c)
{
	bool wants_write;

	if (c->out_size > 0 && !c->dead) {
		ssize_t n = send(c->fd, c->out, c->out_size, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			c->dead = true;
		if (n > 0) {
			c->out_size -= (size_t)n;
			memmove(c->out, c->out + n, c->out_size);
		}
	}
	wants_write = !c->dead && (c->out_size > 0 || c->ending);
	if (wants_write != c->wants_write) {
		c->wants_write = wants_write;
		conn_watch(c, EPOLL_CTL_MOD);
	}
}

void conn_end(struct conn *c)
{
	c->ending = true;
}

static void conn_feed(struct conn *c)
{
	size_t taken = c->input(c, c->in, c->in_size, c->ctx);

	c->in_size -= taken;
	memmove(c->in, c->in + taken, c->in_size);
	/* A line or a piece of data that fills all and cannot be taken: not SMTP. */
	if (c->in_size == CONN_BUFFER)
		c->dead = true;
}

static void conn_read(struct conn *c)
{
	size_t room = CONN_BUFFER - c->in_size;
	ssize_t n = read(c->fd, c->in + c->in_size,
		c->piece != 0 && c->piece < room ? c->piece : room);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR)) {
		c->dead = true;
		return;
	}
	if (n < 0)
		return;
	c->in_size += (size_t)n;
	conn_feed(c);
}

void conn_hold(struct conn *c)
{
	c->held = true;
	conn_watch(c, EPOLL_CTL_MOD);
}

static void conn_finish(struct conn *c)
{
	conn_flush(c);
	if (c->dead || (c->ending && c->out_size == 0))
		conn_free(c);
}

void conn_release(struct conn *c, size_t piece)
{
	c->held = false;
	c->piece = piece;
	conn_watch(c, EPOLL_CTL_MOD);
	if (c->in_size > 0)
		conn_feed(c);
	conn_finish(c);
}

static void conn_ready(struct conn *c, uint32_t events)
{
	if (c->accepted != NULL) {
		int fd = accept4(c->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd >= 0)
			c->accepted(fd, c->ctx);
		return;
	}
	if (c->held && (events & (EPOLLHUP | EPOLLERR)))
		c->dead = true;
	else if (events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		conn_read(c);
	conn_finish(c);
}

uint16_t listen_start(uint32_t address, uint16_t port, conn_accept_cb *cb, void *ctx,
	struct conn **out)
{
	struct sockaddr_in at = endpoint(address, port);
	socklen_t length = sizeof(at);
	struct conn *c = xcalloc(1, sizeof(*c));
	const int one = 1;

	*c = (struct conn){ .accepted = cb, .ctx = ctx };
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	BUG_ON(c->fd < 0);
	setsockopt(c->fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	tune(c->fd);
	if (bind(c->fd, (const struct sockaddr *)&at, sizeof(at)) != 0 ||
		listen(c->fd, SOMAXCONN) != 0 ||
		getsockname(c->fd, (struct sockaddr *)&at, &length) != 0) {
		listen_end(&c);
		return 0;
	}
	conn_watch(c, EPOLL_CTL_ADD);
	if (out != NULL)
		*out = c;
	return ntohs(at.sin_port);
}

void listen_end(struct conn **c)
{
	int e = errno;

	close((*c)->fd);
	free(*c);
	*c = NULL;
	errno = e;
}

void poll_turn(int timeout_ms)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(epoll_fd, ev, EVENTS, timeout_ms), i;

	for (i = 0; i < n; i++)
		conn_ready(ev[i].data.ptr, ev[i].events);
}
