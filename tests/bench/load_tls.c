/* load_tls.c - the load tool for TLS: opens sessions and ends them, and counts
 *
 *	load_tls PORT CONCURRENCY SESSIONS full|resumed 1.2|1.3
 *
 * Each session takes the greeting, says EHLO and STARTTLS, shakes hands, says EHLO again and QUIT.
 * full: each begins anew; resumed: one before the others gets the ticket that all use. Prints one
 * line of figures. One thread, one epoll; the server's certificate is not looked at.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "libhub/base/mem.h"

enum { EVENTS = 64, REPLY_MAX = 4096, TURN_MS = 10000 };

enum state { GREETING, EHLO, STARTTLS, HANDSHAKE, EHLO_AGAIN, QUIT };

struct client {
	int fd;
	SSL *ssl;
	enum state state;
	char in[REPLY_MAX];
	size_t size;
};

static struct {
	struct sockaddr_in to;
	SSL_CTX *tls;
	SSL_SESSION *ticket;
	int epoll;
	bool resume;
	uint32_t sessions, started, ended, resumed, failed;
} run;

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec;
}

/* The first ticket is for all that come. */
static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	if (!run.resume || run.ticket != NULL)
		return 0;
	run.ticket = session;
	return 1;
}

static void client_new(void)
{
	struct epoll_event ev = { .events = EPOLLIN };
	struct client *c = xcalloc(1, sizeof(*c));
	static const int one = 1;

	run.started++;
	c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	BUG_ON(c->fd < 0);
	setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	/* blocking: on loopback a listener either has room or has not */
	if (connect(c->fd, (const struct sockaddr *)&run.to, sizeof(run.to)) != 0) {
		perror("load_tls: connect");
		exit(1);
	}
	BUG_ON(fcntl(c->fd, F_SETFL, O_NONBLOCK) != 0);
	ev.data.ptr = c;
	BUG_ON(epoll_ctl(run.epoll, EPOLL_CTL_ADD, c->fd, &ev) != 0);
}

static void client_end(struct client *c, bool well)
{
	if (c->ssl != NULL) {
		run.resumed += (uint32_t)SSL_session_reused(c->ssl);
		/* a session that ends otherwise may not be resumed */
		SSL_set_shutdown(c->ssl, SSL_SENT_SHUTDOWN | SSL_RECEIVED_SHUTDOWN);
		SSL_free(c->ssl);
	}
	close(c->fd);
	free(c);
	run.ended++;
	run.failed += !well;
	if (run.started < run.sessions)
		client_new();
}

static bool say(struct client *c, const char *text)
{
	size_t n = strlen(text);

	c->size = 0;
	if (c->ssl != NULL)
		return SSL_write(c->ssl, text, (int)n) == (int)n;
	return send(c->fd, text, n, MSG_NOSIGNAL) == (ssize_t)n;
}

static ssize_t hear(struct client *c)
{
	char *to = c->in + c->size;
	size_t room = sizeof(c->in) - 1 - c->size;
	int n, error;

	if (c->ssl == NULL)
		return recv(c->fd, to, room, 0);
	n = SSL_read(c->ssl, to, (int)room);
	if (n > 0)
		return n;
	error = SSL_get_error(c->ssl, n);
	errno = error == SSL_ERROR_WANT_READ ? EAGAIN : EPROTO;
	return -1;
}

/* Has the last line of a reply come? */
static bool complete(const struct client *c)
{
	const char *line = c->in, *end;

	while ((end = strstr(line, "\r\n")) != NULL) {
		if (end - line >= 3 && line[3] != '-')
			return true;
		line = end + 2;
	}
	return false;
}

static void begin_tls(struct client *c)
{
	c->ssl = SSL_new(run.tls);
	BUG_ON(c->ssl == NULL || !SSL_set_fd(c->ssl, c->fd));
	if (run.ticket != NULL)
		BUG_ON(!SSL_set_session(c->ssl, run.ticket));
	SSL_set_connect_state(c->ssl);
}

/* 1 = done, 0 = later, -1 = failed */
static int shake_hands(struct client *c)
{
	int rc = SSL_do_handshake(c->ssl);

	if (rc == 1)
		return 1;
	return SSL_get_error(c->ssl, rc) == SSL_ERROR_WANT_READ ? 0 : -1;
}

/* After a reply, or the handshake; false when the session has failed. */
static bool advance(struct client *c)
{
	int rc;

	switch (c->state++) {
	case GREETING:
		return say(c, "EHLO client.example\r\n");
	case EHLO:
		return say(c, "STARTTLS\r\n");
	case STARTTLS:
		begin_tls(c);
		/* fall through */
	case HANDSHAKE:
		c->state = HANDSHAKE;
		rc = shake_hands(c);
		if (rc <= 0)
			return rc == 0;
		c->state = EHLO_AGAIN;
		return say(c, "EHLO client.example\r\n");
	case EHLO_AGAIN:
		return say(c, "QUIT\r\n");
	case QUIT:
		break;
	}
	return false;
}

static void client_ready(struct client *c)
{
	ssize_t n;

	if (c->state == HANDSHAKE) {
		if (!advance(c))
			client_end(c, false);
		return;
	}
	n = hear(c);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		client_end(c, false);
		return;
	}
	c->size += (size_t)n;
	c->in[c->size] = '\0';
	if (!complete(c))
		return;
	if (c->in[0] != '2' && c->in[0] != '3')
		client_end(c, false);
	else if (c->state == QUIT)
		client_end(c, true);
	else if (!advance(c))
		client_end(c, false);
}

static void turn(void)
{
	struct epoll_event ev[EVENTS];
	int n = epoll_wait(run.epoll, ev, EVENTS, TURN_MS), i;

	if (n == 0) {
		fprintf(stderr, "load_tls: nothing came for %d s\n", TURN_MS / 1000);
		exit(1);
	}
	for (i = 0; i < n; i++)
		client_ready(ev[i].data.ptr);
}

static void go(uint32_t sessions, uint32_t concurrency)
{
	run.sessions = sessions;
	run.started = run.ended = run.resumed = run.failed = 0;
	while (run.started < sessions && run.started < concurrency)
		client_new();
	while (run.ended < sessions)
		turn();
}

static void tls_init(const char *version)
{
	int number = strcmp(version, "1.2") == 0 ? TLS1_2_VERSION : TLS1_3_VERSION;

	run.tls = SSL_CTX_new(TLS_client_method());
	BUG_ON(run.tls == NULL);
	BUG_ON(!SSL_CTX_set_min_proto_version(run.tls, number));
	BUG_ON(!SSL_CTX_set_max_proto_version(run.tls, number));
	SSL_CTX_set_session_cache_mode(run.tls, SSL_SESS_CACHE_CLIENT |
		SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(run.tls, on_ticket);
}

int main(int argc, char **argv)
{
	uint32_t concurrency, sessions;
	uint64_t began;
	double seconds;

	if (argc != 6) {
		fprintf(stderr, "usage: load_tls PORT CONCURRENCY SESSIONS full|resumed 1.2|1.3\n");
		return 2;
	}
	run.to = (struct sockaddr_in){ .sin_family = AF_INET,
		.sin_port = htons((uint16_t)strtoul(argv[1], NULL, 10)),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	concurrency = (uint32_t)strtoul(argv[2], NULL, 10);
	sessions = (uint32_t)strtoul(argv[3], NULL, 10);
	run.resume = strcmp(argv[4], "resumed") == 0;
	run.epoll = epoll_create1(EPOLL_CLOEXEC);
	tls_init(argv[5]);
	if (run.resume)
		go(1, 1);
	/* or OpenSSL, as a client with a cache, would take the ticket for used up */
	SSL_CTX_set_session_cache_mode(run.tls, SSL_SESS_CACHE_OFF);
	began = now_ns();
	go(sessions, concurrency);
	seconds = (double)(now_ns() - began) / 1e9;
	printf("result sessions=%u resumed=%u failed=%u seconds=%.3f rate=%.1f\n", run.sessions,
		run.resumed, run.failed, seconds, run.sessions / seconds);
	SSL_SESSION_free(run.ticket);
	SSL_CTX_free(run.tls);
	close(run.epoll);
	return run.failed != 0;
}
