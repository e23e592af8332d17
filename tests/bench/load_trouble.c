/* load_trouble.c - destinations that are slow or dead, and what waits because of that
 *
 * A destination is an address with a listener of its own. One that refuses has none; one that is
 * silent has a full backlog, so that the kernel drops every SYN. Slow ones take MIN_DELAY_S and
 * more, a few different times each; every third only reads slowly.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "libhub/base/mem.h"
#include "load.h"

enum {
	FIRST_ADDRESS = 0x7f010001,	/* 127.1.0.1 */
	MIN_DELAY_S = 5, STEPS = 6,	/* to 30 seconds */
	/* a backlog of 0 takes one; what is beyond it is dropped */
	FILLERS = 4,
	TURN_MS = 100,
};

static struct {
	struct conn **listeners;
	struct run **run;
	uint32_t n, slow, dead;
	uint16_t port;
} all;

static TAILQ_HEAD(, delay) delays = TAILQ_HEAD_INITIALIZER(delays);

bool destinations_start(uint32_t n, uint16_t port, struct run **run)
{
	uint32_t i;

	all.listeners = xcalloc(n, sizeof(struct conn *));
	all.run = run;
	all.n = n;
	all.port = port;
	for (i = 0; i < n; i++)
		if (listen_start(FIRST_ADDRESS + i, port, sink_accepted, run,
			&all.listeners[i]) == 0)
			return false;
	return true;
}

uint32_t destinations_count(void)
{
	return all.n;
}

/* Nobody accepts these; they stay for the life of the process. */
static void fall_silent(uint32_t i)
{
	struct sockaddr_in at = { .sin_family = AF_INET, .sin_port = htons(all.port),
		.sin_addr.s_addr = htonl(FIRST_ADDRESS + i) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), f;
	const int one = 1;

	BUG_ON(fd < 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	BUG_ON(bind(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 || listen(fd, 0) != 0);
	for (f = 0; f < FILLERS; f++) {
		fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
		BUG_ON(fd < 0);
		BUG_ON(connect(fd, (const struct sockaddr *)&at, sizeof(at)) != 0 &&
			errno != EINPROGRESS);
	}
}

void destinations_trouble(uint32_t slow, uint32_t dead)
{
	uint32_t i;

	all.slow = slow;
	all.dead = dead;
	for (i = all.n - dead; i < all.n; i++) {
		listen_end(&all.listeners[i]);
		if (i % 2 == 0)
			fall_silent(i);
	}
}

enum trouble destination_trouble(int fd, uint32_t *delay_ms)
{
	struct sockaddr_in at;
	socklen_t length = sizeof(at);
	uint32_t i;

	*delay_ms = 0;
	if (all.slow == 0 || getsockname(fd, (struct sockaddr *)&at, &length) != 0)
		return TROUBLE_NONE;
	i = ntohl(at.sin_addr.s_addr) - FIRST_ADDRESS;
	if (i >= all.n || i < all.n - all.slow - all.dead)
		return TROUBLE_NONE;
	*delay_ms = MIN_DELAY_S * 1000 * (1 + i / 3 % STEPS);
	return (enum trouble)(TROUBLE_REPLIES + i % 3);
}

void delay_start(struct delay *d, uint32_t delay_ms)
{
	d->due_ns = now_ns() + (uint64_t)delay_ms * 1000000;
	TAILQ_INSERT_TAIL(&delays, d, link);
	conn_hold(d->c);
}

void delay_cancel(struct delay *d)
{
	if (d->due_ns == 0)
		return;
	d->due_ns = 0;
	TAILQ_REMOVE(&delays, d, link);
}

/* The callbacks of others may start or cancel delays, but each has only its own. */
int delays_turn(int max_ms)
{
	struct delay *d, *next;
	uint64_t now;

	if (TAILQ_EMPTY(&delays))
		return max_ms;
	now = now_ns();
	for (d = TAILQ_FIRST(&delays); d != NULL; d = next) {
		next = TAILQ_NEXT(d, link);
		if (d->due_ns > now)
			continue;
		delay_cancel(d);
		conn_puts(d->c, d->reply);
		d->reply[0] = '\0';
		conn_release(d->c, d->piece);
	}
	return TURN_MS;
}
