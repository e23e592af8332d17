/* load.h - the load tool of the benches: an SMTP source and its sink in one thread.
 *
 * One thread drives both ends, so that the time from the first command sent until the last message
 * arrived needs no second clock, and each message is told from every other by the number in its
 * sender address. What lies between them is the program under test. A connection reads once and
 * writes once per wake-up, so that the tool itself costs little of the machine it shares.
 *
 * With destinations, message i goes to someone@dD.sink.example, D being i modulo their number, and
 * each has an address of 127.1.0.0/16 at the sink's port, where it may be slow or dead.
 */
#ifndef HUB_BENCH_LOAD_H
#define HUB_BENCH_LOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

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
/*
 * Until it is released nothing is read, then first what was left. A piece is the most that is read
 * at once, 0 = what there is room for. Not to be released inside a callback of c.
 */
void conn_hold(struct conn *c);
void conn_release(struct conn *c, size_t piece);
/*
 * Listens on address, in host order; port 0 lets the kernel choose. Returns the port, 0 with errno;
 * *out may be NULL.
 */
uint16_t listen_start(uint32_t address, uint16_t port, conn_accept_cb *cb, void *ctx,
	struct conn **out);
void listen_end(struct conn **c);

/* One measured run. Times are of now_ns; 0 = not yet. */
struct run {
	unsigned int number;		/* tells its messages from those of other runs */
	uint32_t messages;
	uint32_t size;			/* bytes of the body, headers not counted */
	uint32_t sessions;
	bool pipelining;		/* MAIL, RCPT and DATA in one segment */
	uint16_t port;			/* of the program under test */
	bool foreign_source;		/* another program sends: count only */
	uint32_t destinations;		/* 0 = one, without a number */
	uint32_t watched;		/* the first so many; mail for others is not waited for */
	uint32_t expected;		/* messages that are waited for */

	uint64_t first_sent, last_arrived, progress;
	uint64_t *sent;			/* end of data, by message */
	uint64_t *acknowledged, *arrived;
	uint32_t n_started, n_acknowledged, n_refused, n_arrived, n_duplicates, n_strays;
	uint32_t n_open;		/* sessions of the source */
	uint32_t n_connections;		/* that the sink took meanwhile */
	char error[200];		/* the first refusal */
};

/* --- load_sink.c --- */

/* Every message that arrives is noted in *run, while that is not NULL. */
uint16_t sink_start(uint16_t port, struct run **run);
void sink_accepted(int fd, void *run);
/* Open connections now. */
uint32_t sink_connections(void);

/* --- load_source.c --- */

void source_start(struct run *r);

/* --- load_trouble.c --- */

enum trouble {
	TROUBLE_NONE,
	TROUBLE_REPLIES,		/* each takes its time */
	TROUBLE_VERDICT,		/* only the one after the data does */
	TROUBLE_READING,		/* data are read in small pieces */
};

struct delay {
	TAILQ_ENTRY(delay) link;	/* in its list while due_ns is not 0 */
	struct conn *c;
	uint64_t due_ns;
	size_t piece;
	char reply[200];		/* said then, "" = nothing */
};

/* So many addresses, the sink's callback for each. False with errno. */
bool destinations_start(uint32_t n, uint16_t port, struct run **run);
uint32_t destinations_count(void);
/*
 * From now on the last dead ones are dead: every other refuses connections, the rest let them wait
 * for ever. So many before those are slow.
 */
void destinations_trouble(uint32_t slow, uint32_t dead);
/* Of an accepted connection; *delay_ms is how slow. */
enum trouble destination_trouble(int fd, uint32_t *delay_ms);

/* c is held until then; delay belongs to the caller, who cancels it when c is gone. */
void delay_start(struct delay *d, uint32_t delay_ms);
void delay_cancel(struct delay *d);
/* Lets all go on whose time has come; milliseconds until the next, at most max_ms. */
int delays_turn(int max_ms);

#endif
