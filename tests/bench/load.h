/* load.h - the load tool of the benches: an SMTP source and its sink in one thread.
 *
 * One thread drives both ends, so that the time from the first command sent until the last message
 * arrived needs no second clock, and each message is told from every other by the number in its
 * sender address. What lies between them is the program under test. A connection reads once and
 * writes once per wake-up, so that the tool itself costs little of the machine it shares.
 */
#ifndef HUB_BENCH_LOAD_H
#define HUB_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { CONN_BUFFER = 65536 };

struct conn;

/*
 * Takes what it can from data and returns how much that was; what it left comes again with more.
 * It may call conn_put, and conn_end, whose effect comes after it returned.
 */
typedef size_t conn_input_cb(struct conn *c, const char *data, size_t size, void *ctx);
/* The connection is gone; c dies on return. */
typedef void conn_gone_cb(struct conn *c, void *ctx);
typedef void conn_accept_cb(int fd, void *ctx);

uint64_t now_ns(void);

/* One epoll for the process. */
void poll_init(void);
/* Waits at most timeout_ms and lets everything that is ready have its turn. */
void poll_turn(int timeout_ms);

/* Takes over fd, which need not be a socket. */
struct conn *conn_new(int fd, conn_input_cb *input, conn_gone_cb *gone, void *ctx);
/* A connection to 127.0.0.1; -1 with errno. */
int conn_dial(uint16_t port);
/* Goes out when the input callback returns, or with conn_flush. */
void conn_put(struct conn *c, const char *data, size_t size);
void conn_puts(struct conn *c, const char *text);
void conn_flush(struct conn *c);
/* Closes once everything is written; gone comes from the loop. */
void conn_end(struct conn *c);
/* Listens on 127.0.0.1; port 0 lets the kernel choose. Returns the port. */
uint16_t listen_start(uint16_t port, conn_accept_cb *cb, void *ctx);

/* One measured run. Times are of now_ns; 0 = not yet. */
struct run {
	unsigned int number;		/* tells its messages from those of other runs */
	uint32_t messages;
	uint32_t size;			/* bytes of the body, headers not counted */
	uint32_t sessions;
	bool pipelining;		/* MAIL, RCPT and DATA in one segment */
	uint16_t port;			/* of the program under test */
	bool foreign_source;		/* another program sends: count only */

	uint64_t first_sent, last_arrived, progress;
	uint64_t *sent;			/* end of data, by message */
	uint64_t *acknowledged, *arrived;
	uint32_t n_started, n_acknowledged, n_refused, n_arrived, n_duplicates, n_strays;
	uint32_t n_open;		/* sessions of the source */
	char error[200];		/* the first refusal */
};

/* Every message that arrives is noted in *run, while that is not NULL. */
uint16_t sink_start(uint16_t port, struct run **run);
void source_start(struct run *r);

#endif
