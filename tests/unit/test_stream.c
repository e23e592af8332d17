/* test_stream.c - libhub/smtp/stream over socket pairs and loopback.
 *
 * Each end counts its events and stops the loop at every one; WAIT runs the loop until a condition
 * holds, and fails the test when that takes longer than a guard's patience.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "identity.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/stream.h"
#include "libhub/tls/pin.h"
#include "unit.h"

enum { PATIENCE_S = 10 };

struct end {
	struct stream *s;
	int connected, readable, drained, tls, closed;
	enum stream_end reason;
	char text[100];
	bool close_in_readable, close_in_closed, close_in_tls, close_in_drained, pause_in_readable;
};

static struct loop *l;
static struct event *guard;

static void on_guard(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	ck_abort_msg("the condition did not come about");
}

#define WAIT(cond)                                                                               \
	do {                                                                                     \
		struct timeval tv = { .tv_sec = PATIENCE_S };                                    \
		event_add(guard, &tv);                                                           \
		while (!(cond))                                                                  \
			loop_run(l);                                                             \
		event_del(guard);                                                                \
	} while (0)

static void setup(void)
{
	l = loop_new("test");
	guard = evtimer_new(loop_base(l), on_guard, NULL);
}

static void teardown(void)
{
	event_free(guard);
	loop_free(&l);
}

static void on_connected(struct stream *s, void *ctx)
{
	struct end *e = ctx;

	ck_assert_ptr_eq(s, e->s);
	e->connected++;
	loop_stop(l);
}

static void on_readable(struct stream *s, void *ctx)
{
	struct end *e = ctx;

	ck_assert_ptr_eq(s, e->s);
	e->readable++;
	if (e->pause_in_readable)
		stream_pause(s);
	if (e->close_in_readable)
		stream_close(&e->s);
	loop_stop(l);
}

static void on_drained(struct stream *s, void *ctx)
{
	struct end *e = ctx;

	ck_assert_ptr_eq(s, e->s);
	e->drained++;
	if (e->close_in_drained)
		stream_close(&e->s);
	loop_stop(l);
}

static void on_tls(struct stream *s, void *ctx)
{
	struct end *e = ctx;

	ck_assert_ptr_eq(s, e->s);
	e->tls++;
	if (e->close_in_tls)
		stream_close(&e->s);
	loop_stop(l);
}

static void on_closed(struct stream *s, enum stream_end reason, const char *text, void *ctx)
{
	struct end *e = ctx;

	ck_assert_ptr_eq(s, e->s);
	e->closed++;
	e->reason = reason;
	snprintf(e->text, sizeof(e->text), "%s", text);
	if (e->close_in_closed)
		stream_close(&e->s);
	loop_stop(l);
}

static const struct stream_callbacks callbacks = {
	on_connected, on_readable, on_drained, on_tls, on_closed,
};

/* A stream, and the bare socket of its peer. */
static int bare_peer(struct end *e)
{
	int fds[2];

	memset(e, 0, sizeof(*e));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	e->s = stream_accept(l, fds[0], &callbacks, e);
	return fds[1];
}

static void both_ends(struct end *a, struct end *b)
{
	int fd = bare_peer(a);

	memset(b, 0, sizeof(*b));
	b->s = stream_accept(l, fd, &callbacks, b);
}

static void say(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
}

static void stop_soon(void *ctx)
{
	(void)ctx;
	loop_stop(l);
}

/* Lets everything that was put off for the end of the turn happen. */
static void one_turn(void)
{
	loop_defer(l, stop_soon, NULL);
	loop_run(l);
}

/* Takes what is there as a string. */
static size_t take_all(struct end *e, char *buf, size_t size)
{
	struct iovec v[4];
	size_t n = stream_peek(e->s, v, 4), used = 0, i;

	for (i = 0; i < n; i++) {
		ck_assert_uint_lt(used + v[i].iov_len, size);
		memcpy(buf + used, v[i].iov_base, v[i].iov_len);
		used += v[i].iov_len;
	}
	stream_consume(e->s, used);
	buf[used] = '\0';
	return used;
}

/* --- lines --- */

static const struct line_row {
	const char *input;
	size_t max;
	enum stream_line first, second;
	const char *text1, *text2;
} line_rows[] = {
	{ "NOOP\r\n", 100, STREAM_LINE_OK, STREAM_LINE_NONE, "NOOP", NULL },
	{ "NOOP", 100, STREAM_LINE_NONE, STREAM_LINE_NONE, NULL, NULL },
	{ "NOOP\r", 100, STREAM_LINE_NONE, STREAM_LINE_NONE, NULL, NULL },
	{ "\r\n", 100, STREAM_LINE_OK, STREAM_LINE_NONE, "", NULL },
	{ "A\r\nB\r\n", 100, STREAM_LINE_OK, STREAM_LINE_OK, "A", "B" },
	{ "A\nB\r\n", 100, STREAM_LINE_BARE_LF, STREAM_LINE_OK, "A", "B" },
	{ "\nB\r\n", 100, STREAM_LINE_BARE_LF, STREAM_LINE_OK, "", "B" },
	{ "A\rB\r\nC\r\n", 100, STREAM_LINE_BARE_CR, STREAM_LINE_OK, "A\rB", "C" },
	{ "A\r\r\nC\r\n", 100, STREAM_LINE_BARE_CR, STREAM_LINE_OK, "A\r", "C" },
	{ "12345\r\nB\r\n", 5, STREAM_LINE_OK, STREAM_LINE_OK, "12345", "B" },
	{ "123456\r\nB\r\n", 5, STREAM_LINE_TOO_LONG, STREAM_LINE_OK, NULL, "B" },
	{ "123456\nB\r\n", 5, STREAM_LINE_TOO_LONG, STREAM_LINE_OK, NULL, "B" },
	{ "1234567\r\nB\r\n", 5, STREAM_LINE_TOO_LONG, STREAM_LINE_OK, NULL, "B" },
	{ "123456789012345\r\nB\r\n", 5, STREAM_LINE_TOO_LONG, STREAM_LINE_OK, NULL, "B" },
	{ "1234567", 5, STREAM_LINE_TOO_LONG, STREAM_LINE_NONE, NULL, NULL },
	{ "12345\r", 5, STREAM_LINE_NONE, STREAM_LINE_NONE, NULL, NULL },
};

static void expect_line(struct end *e, const struct line_row *row, enum stream_line want,
	const char *want_text)
{
	char *text;
	size_t len;

	ck_assert_msg(stream_line(e->s, &text, &len, row->max) == want, "%s", row->input);
	if (want_text == NULL) {
		ck_assert_ptr_null(text);
		return;
	}
	ck_assert_str_eq(text, want_text);
	ck_assert_uint_eq(len, strlen(want_text));
}

START_TEST(lines)
{
	const struct line_row *row = &line_rows[_i];
	struct end e;
	int fd = bare_peer(&e);

	say(fd, row->input);
	WAIT(e.readable > 0);
	expect_line(&e, row, row->first, row->text1);
	expect_line(&e, row, row->second, row->text2);
	ck_assert_int_eq(e.closed, 0);
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* The same, byte by byte: no line may depend on how it was cut into packets. */
START_TEST(lines_dripping)
{
	const struct line_row *row = &line_rows[_i];
	enum stream_line want[2] = { row->first, row->second }, got;
	const char *want_text[2] = { row->text1, row->text2 };
	int told = 0, seen = 0;
	struct end e;
	int fd = bare_peer(&e);
	char *text;
	size_t len, i;

	for (i = 0; i < strlen(row->input); i++) {
		ck_assert_int_eq(write(fd, row->input + i, 1), 1);
		WAIT(e.readable > seen);
		seen = e.readable;
		while ((got = stream_line(e.s, &text, &len, row->max)) != STREAM_LINE_NONE) {
			ck_assert_int_lt(told, 2);
			ck_assert_int_eq(got, want[told]);
			if (text != NULL)
				ck_assert_str_eq(text, want_text[told]);
			told++;
		}
	}
	ck_assert(told == 2 || want[told] == STREAM_LINE_NONE);
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* What was searched of one line says nothing about the next. */
START_TEST(line_after_part)
{
	struct end e;
	int fd = bare_peer(&e);
	char *text;
	size_t len;

	say(fd, "12345");
	WAIT(e.readable == 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_NONE);
	say(fd, "\r\nB\r\n");
	WAIT(e.readable == 2);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "12345");
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "B");
	say(fd, "67890");
	WAIT(e.readable == 3);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_NONE);
	stream_consume(e.s, 5);
	say(fd, "C\r\n");
	WAIT(e.readable == 4);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "C");
	stream_close(&e.s);
	close(fd);
}
END_TEST

START_TEST(line_with_nul)
{
	struct end e;
	int fd = bare_peer(&e);
	char *text;
	size_t len;

	ck_assert_int_eq(write(fd, "A\0B\r\n", 5), 5);
	WAIT(e.readable > 0);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_uint_eq(len, 3);
	ck_assert_int_eq(memcmp(text, "A\0B", 4), 0);
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* A line without end neither grows nor is told twice. */
START_TEST(line_endless)
{
	struct end e;
	int fd = bare_peer(&e), i, told = 0, seen = 0;
	char block[1000], *text;
	size_t len;

	memset(block, 'x', sizeof(block));
	for (i = 0; i < 100; i++) {
		ck_assert_int_eq(write(fd, block, sizeof(block)), sizeof(block));
		WAIT(e.readable > seen);
		seen = e.readable;
		told += stream_line(e.s, &text, &len, 512) == STREAM_LINE_TOO_LONG;
		ck_assert_int_eq(stream_line(e.s, &text, &len, 512), STREAM_LINE_NONE);
		ck_assert_uint_eq(stream_input_len(e.s), 0);
	}
	ck_assert_int_eq(told, 1);
	say(fd, "x\r\nNOOP\r\n");
	WAIT(e.readable > seen);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 512), STREAM_LINE_OK);
	ck_assert_str_eq(text, "NOOP");
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* --- bulk --- */

/* 3 MB through a small input limit, plain and by TLS; order and content kept, memory bounded. */
static void pump(struct end *from, struct end *to, size_t total)
{
	unsigned char *data = xmalloc(total), *back = xmalloc(total);
	size_t got = 0, i, n;
	struct iovec v[3];

	for (i = 0; i < total; i++)
		data[i] = (unsigned char)(i * 7 + i / 251);
	for (i = 0; i < total; i += n) {
		n = i % 3 == 0 ? 1 : 70000;
		n = n < total - i ? n : total - i;
		stream_write(from->s, data + i, n);
	}
	while (got < total) {
		to->readable = 0;
		WAIT(to->readable > 0 || stream_input_len(to->s) > 0);
		ck_assert_uint_le(stream_input_len(to->s), STREAM_INPUT_COMMANDS);
		ck_assert_uint_gt(stream_peek(to->s, v, 3), 0);
		n = v[0].iov_len > 10000 ? 9999 : v[0].iov_len;
		ck_assert_uint_le(got + n, total);
		memcpy(back + got, v[0].iov_base, n);
		got += n;
		stream_consume(to->s, n);
	}
	ck_assert_int_eq(memcmp(data, back, total), 0);
	WAIT(from->drained > 0);
	ck_assert_uint_eq(stream_pending_output(from->s), 0);
	free(data);
	free(back);
}

START_TEST(bulk_plain)
{
	struct end a, b;

	both_ends(&a, &b);
	pump(&a, &b, 3000000);
	pump(&b, &a, 1000000);
	stream_close(&a.s);
	stream_close(&b.s);
}
END_TEST

START_TEST(bulk_limit)
{
	char block[STREAM_INPUT_COMMANDS];
	struct end a, b;

	both_ends(&a, &b);
	memset(block, 'x', sizeof(block));
	stream_write(a.s, block, sizeof(block));
	stream_write(a.s, "yz", 2);
	WAIT(b.readable > 0 && stream_input_len(b.s) == sizeof(block));
	one_turn();
	one_turn();
	ck_assert_uint_eq(stream_input_len(b.s), sizeof(block));
	stream_set_input_limit(b.s, STREAM_INPUT_BULK);
	WAIT(stream_input_len(b.s) == sizeof(block) + 2);
	stream_close(&a.s);
	stream_close(&b.s);
}
END_TEST

static void count(void *ctx)
{
	++*(int *)ctx;
}

START_TEST(write_reference)
{
	struct end a, b;
	int cleaned = 0;
	char buf[100];

	both_ends(&a, &b);
	stream_printf(a.s, "%d ", 250);
	stream_write_ref(a.s, "OK", 2, count, &cleaned);
	stream_write(a.s, "\r\n", 2);
	ck_assert_int_eq(cleaned, 0);
	ck_assert_uint_eq(stream_pending_output(a.s), 8);
	WAIT(b.readable > 0);
	take_all(&b, buf, sizeof(buf));
	ck_assert_str_eq(buf, "250 OK\r\n");
	ck_assert_int_eq(cleaned, 1);
	/* not sent, on a stream that ends */
	stream_write_ref(a.s, "OK", 2, count, &cleaned);
	stream_close(&a.s);
	ck_assert_int_eq(cleaned, 1);
	one_turn();
	ck_assert_int_eq(cleaned, 2);
	/* nor on one that is dead */
	WAIT(b.closed > 0);
	stream_write(b.s, "x", 1);
	one_turn();
	ck_assert_uint_eq(stream_pending_output(b.s), 0);
	stream_write_ref(b.s, "OK", 2, count, &cleaned);
	ck_assert_int_eq(cleaned, 2);
	one_turn();
	one_turn();
	ck_assert_int_eq(cleaned, 3);
	stream_close(&b.s);
}
END_TEST

/* What is written in one turn arrives as one packet. */
START_TEST(corking)
{
	int fds[2], i;
	struct end e = { 0 };
	char buf[100];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
	e.s = stream_accept(l, fds[0], &callbacks, &e);
	for (i = 0; i < 5; i++)
		stream_printf(e.s, "250 %d\r\n", i);
	WAIT(e.drained == 1);
	ck_assert_int_eq(recv(fds[1], buf, sizeof(buf), MSG_DONTWAIT), 35);
	stream_close(&e.s);
	close(fds[1]);
}
END_TEST

START_TEST(pausing)
{
	struct end e;
	int fd = bare_peer(&e);
	char *text;
	size_t len;

	say(fd, "A\r\nB\r\n");
	e.pause_in_readable = true;
	WAIT(e.readable == 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	say(fd, "C\r\n");
	one_turn();
	one_turn();
	ck_assert_int_eq(e.readable, 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "B");
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_NONE);
	e.pause_in_readable = false;
	stream_resume(e.s);
	ck_assert_int_eq(e.readable, 1);
	WAIT(e.readable == 2);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "C");
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* Resuming with input left calls back, but not at once. */
START_TEST(pausing_with_rest)
{
	struct end e;
	int fd = bare_peer(&e);
	char *text;
	size_t len;

	say(fd, "A\r\nB\r\n");
	WAIT(e.readable == 1);
	stream_pause(e.s);
	stream_resume(e.s);
	ck_assert_int_eq(e.readable, 1);
	WAIT(e.readable == 2);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "A");
	/* the line given out does not count as input left */
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	stream_pause(e.s);
	stream_resume(e.s);
	one_turn();
	one_turn();
	ck_assert_int_eq(e.readable, 2);
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* --- ends --- */

START_TEST(end_eof)
{
	struct end e;
	int fd = bare_peer(&e);
	char buf[10], *text;
	size_t len;

	say(fd, "QUIT\r\n");
	shutdown(fd, SHUT_WR);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_EOF);
	ck_assert_int_eq(e.readable, 1);
	/* what is left can be read, and answered */
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	stream_write(e.s, "221\r\n", 5);
	stream_finish(&e.s);
	ck_assert_ptr_null(e.s);
	one_turn();
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 5);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 0);
	close(fd);
}
END_TEST

START_TEST(end_inside_callbacks)
{
	struct end e;
	int fd;

	fd = bare_peer(&e);
	e.close_in_readable = true;
	say(fd, "NOOP\r\n");
	WAIT(e.readable == 1);
	ck_assert_ptr_null(e.s);
	close(fd);

	fd = bare_peer(&e);
	e.close_in_closed = true;
	say(fd, "NOOP\r\n");
	close(fd);
	WAIT(e.closed == 1);
	ck_assert_ptr_null(e.s);

	fd = bare_peer(&e);
	e.close_in_drained = true;
	stream_write(e.s, "x", 1);
	WAIT(e.drained == 1);
	ck_assert_ptr_null(e.s);
	close(fd);

	stream_close(&e.s);
	stream_finish(&e.s);
	one_turn();
	ck_assert_int_eq(e.closed, 0);
}
END_TEST

/* A peer that is gone: the write fails, the stream says so once and swallows what comes after. */
START_TEST(end_reset)
{
	struct end e;
	int fd = bare_peer(&e);

	stream_pause(e.s);
	close(fd);
	stream_write(e.s, "250 OK\r\n", 8);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_RESET);
	ck_assert_uint_gt(strlen(e.text), 0);
	stream_write(e.s, "250 OK\r\n", 8);
	ck_assert_uint_eq(stream_pending_output(e.s), 0);
	one_turn();
	ck_assert_int_eq(e.closed, 1);
	stream_close(&e.s);
}
END_TEST

/* The last words arrive although input is still unread; the socket goes with the peer. */
START_TEST(finish_lingers)
{
	struct end e;
	int fd = bare_peer(&e);
	char buf[20];

	say(fd, "EHLO x\r\n");
	stream_write(e.s, "421 busy\r\n", 10);
	stream_finish(&e.s);
	one_turn();
	say(fd, "more\r\n");
	one_turn();
	ck_assert_int_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 10);
	ck_assert_int_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 0);
	close(fd);
	one_turn();
	ck_assert_int_eq(e.closed, 0);
}
END_TEST

/* The loop goes while a stream still finishes: the address sanitizer would tell of a leak. */
START_TEST(finish_without_loop)
{
	struct end e;
	int fd = bare_peer(&e);

	stream_write(e.s, "421 bye\r\n", 9);
	stream_finish(&e.s);
	one_turn();
	teardown();
	ck_assert_int_eq(e.closed, 0);
	setup();
	close(fd);
}
END_TEST

START_TEST(handing_over)
{
	struct end e, next = { 0 };
	int fd = bare_peer(&e);

	next.s = e.s;
	stream_set_callbacks(e.s, &callbacks, &next);
	say(fd, "x");
	WAIT(next.readable == 1);
	ck_assert_int_eq(e.readable, 0);
	stream_close(&next.s);
	close(fd);
}
END_TEST

/* --- time --- */

START_TEST(time_inactivity)
{
	struct end e;
	char buf[20];
	int fd = bare_peer(&e);
	uint64_t start = clock_mono_ms();

	stream_set_inactivity(e.s, 1);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_INACTIVE);
	ck_assert_uint_ge(clock_mono_ms() - start, 1000);
	/* nothing is heard any more, a last word is */
	say(fd, "NOOP\r\n");
	stream_write(e.s, "421 timeout\r\n", 13);
	stream_finish(&e.s);
	one_turn();
	one_turn();
	ck_assert_int_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 13);
	ck_assert_int_eq(e.readable, 0);
	ck_assert_int_eq(e.closed, 1);
	close(fd);
	one_turn();
}
END_TEST

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)what;
	(void)fd;
	say(*(int *)ctx, "x");
}

/* Bytes put inactivity off, but not the deadline. */
START_TEST(time_deadline)
{
	struct end e;
	int fd = bare_peer(&e);
	struct timeval tick = { .tv_usec = 200000 };
	struct event *ticker = event_new(loop_base(l), -1, EV_PERSIST, on_tick, &fd);
	uint64_t start = clock_mono_ms();

	event_add(ticker, &tick);
	stream_set_inactivity(e.s, 1);
	stream_set_deadline(e.s, 1500);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_DEADLINE);
	ck_assert_uint_ge(clock_mono_ms() - start, 1500);
	event_free(ticker);
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* While we do not listen, silence is not the peer's fault. */
START_TEST(time_paused)
{
	struct end e, other;
	int fd = bare_peer(&e), fd2 = bare_peer(&other);

	stream_set_inactivity(e.s, 1);
	stream_pause(e.s);
	stream_set_inactivity(other.s, 2);
	WAIT(other.closed == 1);
	ck_assert_int_eq(e.closed, 0);
	stream_set_inactivity(e.s, 0);
	stream_close(&e.s);
	stream_close(&other.s);
	close(fd);
	close(fd2);
}
END_TEST

/* --- connecting --- */

static int listen_loopback(struct sockaddr_in *sin)
{
	socklen_t len = sizeof(*sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	memset(sin, 0, sizeof(*sin));
	sin->sin_family = AF_INET;
	sin->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)sin, sizeof(*sin)), 0);
	ck_assert_int_eq(listen(fd, 5), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)sin, &len), 0);
	return fd;
}

START_TEST(connect_works)
{
	struct sockaddr_in sin, source = { .sin_family = AF_INET };
	int lfd = listen_loopback(&sin);
	struct end a = { 0 }, b = { 0 };
	struct sockaddr_storage local;
	char buf[20];

	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	a.s = stream_connect(l, (struct sockaddr *)&sin, sizeof(sin), (struct sockaddr *)&source,
		sizeof(source), 5000, &callbacks, &a);
	stream_write(a.s, "early", 5);
	ck_assert_int_eq(a.connected, 0);
	WAIT(a.connected == 1);
	b.s = stream_accept(l, accept(lfd, NULL, NULL), &callbacks, &b);
	WAIT(b.readable == 1);
	take_all(&b, buf, sizeof(buf));
	ck_assert_str_eq(buf, "early");
	ck_assert_int_eq(((const struct sockaddr_in *)stream_peer(a.s))->sin_port, sin.sin_port);
	ck_assert_uint_eq(((const struct sockaddr_in *)stream_peer(b.s))->sin_addr.s_addr,
		source.sin_addr.s_addr);
	stream_local(b.s, &local);
	ck_assert_int_eq(((struct sockaddr_in *)&local)->sin_port, sin.sin_port);
	stream_close(&a.s);
	WAIT(b.closed == 1);
	ck_assert_int_eq(b.reason, STREAM_END_EOF);
	stream_close(&b.s);
	close(lfd);
}
END_TEST

START_TEST(connect_refused)
{
	struct sockaddr_in sin;
	int lfd = listen_loopback(&sin);
	struct end a = { 0 };

	close(lfd);
	a.s = stream_connect(l, (struct sockaddr *)&sin, sizeof(sin), NULL, 0, 5000, &callbacks,
		&a);
	ck_assert_int_eq(a.closed, 0);
	WAIT(a.closed == 1);
	ck_assert_int_eq(a.reason, STREAM_END_CONNECT);
	ck_assert_str_eq(a.text, "Connection refused");
	stream_close(&a.s);
}
END_TEST

/* Fails before the loop runs (an address that is not ours to bind), yet is told from the loop. */
START_TEST(connect_at_once)
{
	struct sockaddr_in sin, source = { .sin_family = AF_INET };
	int lfd = listen_loopback(&sin);
	struct end a = { 0 };

	source.sin_addr.s_addr = inet_addr("192.0.2.77");
	a.s = stream_connect(l, (struct sockaddr *)&sin, sizeof(sin), (struct sockaddr *)&source,
		sizeof(source), 5000, &callbacks, &a);
	ck_assert_int_eq(a.closed, 0);
	WAIT(a.closed == 1);
	ck_assert_int_eq(a.reason, STREAM_END_CONNECT);
	stream_close(&a.s);
	/* cancelled before it could be told */
	a.s = stream_connect(l, (struct sockaddr *)&sin, sizeof(sin), (struct sockaddr *)&source,
		sizeof(source), 5000, &callbacks, &a);
	stream_close(&a.s);
	one_turn();
	ck_assert_int_eq(a.closed, 1);
	close(lfd);
}
END_TEST

/* A full backlog drops further connection requests: the peer is there but does not answer. */
START_TEST(connect_timeout)
{
	struct sockaddr_in sin;
	int lfd = listen_loopback(&sin), fillers[4];
	struct end a = { 0 };
	size_t i;

	ck_assert_int_eq(listen(lfd, 0), 0);
	for (i = 0; i < 4; i++) {
		fillers[i] = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
		(void)!connect(fillers[i], (struct sockaddr *)&sin, sizeof(sin));
	}
	a.s = stream_connect(l, (struct sockaddr *)&sin, sizeof(sin), NULL, 0, 300, &callbacks, &a);
	WAIT(a.closed == 1);
	ck_assert_int_eq(a.reason, STREAM_END_CONNECT);
	ck_assert_str_eq(a.text, "Connection timed out");
	stream_close(&a.s);
	for (i = 0; i < 4; i++)
		close(fillers[i]);
	close(lfd);
}
END_TEST

/* --- TLS --- */

static struct identity server_id, client_id;
static struct tls_context *server_tls, *client_tls, *anonymous_tls;

static void setup_tls(void)
{
	struct err e;

	setup();
	identity_make(&server_id, "hub1.example.com", 10);
	identity_make(&client_id, "hub2.example.com", -10);	/* expired: pins do not care */
	server_tls = tls_context_new_server(server_id.certificate, server_id.key,
		server_id.certificate, &e);
	ck_assert_msg(server_tls != NULL, "%s", e.text);
	client_tls = tls_context_new_client(client_id.certificate, client_id.key,
		server_id.certificate, &e);
	ck_assert_msg(client_tls != NULL, "%s", e.text);
	anonymous_tls = tls_context_new_client(NULL, NULL, NULL, &e);
	ck_assert_msg(anonymous_tls != NULL, "%s", e.text);
}

static void teardown_tls(void)
{
	tls_context_unref(&server_tls);
	tls_context_unref(&client_tls);
	tls_context_unref(&anonymous_tls);
	identity_remove(&server_id);
	identity_remove(&client_id);
	teardown();
}

static void starttls(struct end *server, struct end *client, struct tls_context *client_context,
	bool request_cert)
{
	char *text;
	size_t len;
	struct err e;

	both_ends(server, client);
	stream_write(client->s, "STARTTLS\r\n", 10);
	WAIT(server->readable == 1);
	ck_assert_int_eq(stream_line(server->s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_int_eq(stream_starttls_server(server->s, server_tls, request_cert,
		"220 ready\r\n", &e), 0);
	WAIT(client->readable == 1);
	ck_assert_int_eq(stream_line(client->s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "220 ready");
	ck_assert(!stream_is_tls(client->s));
	ck_assert_int_eq(stream_starttls_client(client->s, client_context, "hub1.example.com", &e),
		0);
}

START_TEST(tls_mutual)
{
	struct end a, b;
	char pin[TLS_PIN_SIZE], buf[100];
	struct err e;

	starttls(&a, &b, client_tls, true);
	WAIT(a.tls == 1 && b.tls == 1);
	ck_assert(stream_is_tls(a.s) && stream_is_tls(b.s));
	ck_assert_int_eq(tls_pin_of_file(client_id.certificate, pin, &e), 0);
	ck_assert_str_eq(stream_peer_key_digest(a.s), pin);
	ck_assert_str_eq(tls_context_key_digest(client_tls), pin);
	ck_assert_int_eq(tls_pin_of_file(server_id.certificate, pin, &e), 0);
	ck_assert_str_eq(stream_peer_key_digest(b.s), pin);
	ck_assert_str_eq(stream_tls_version(a.s), "TLSv1.3");
	ck_assert_int_ge(stream_tls_bits(a.s), 128);
	stream_write(b.s, "EHLO x\r\n", 8);
	WAIT(a.readable == 2);
	take_all(&a, buf, sizeof(buf));
	ck_assert_str_eq(buf, "EHLO x\r\n");
	pump(&a, &b, 2000000);
	pump(&b, &a, 1000000);
	stream_close(&b.s);
	WAIT(a.closed == 1);
	ck_assert_int_eq(a.reason, STREAM_END_EOF);
	stream_finish(&a.s);
}
END_TEST

START_TEST(tls_without_client_certificate)
{
	struct end a, b;

	starttls(&a, &b, anonymous_tls, true);
	WAIT(a.tls == 1 && b.tls == 1);
	ck_assert_ptr_null(stream_peer_key_digest(a.s));
	ck_assert_ptr_nonnull(stream_peer_key_digest(b.s));
	stream_close(&a.s);
	stream_close(&b.s);
	/* and where none is asked for, none is shown */
	starttls(&a, &b, client_tls, false);
	WAIT(a.tls == 1 && b.tls == 1);
	ck_assert_ptr_null(stream_peer_key_digest(a.s));
	stream_close(&a.s);
	stream_close(&b.s);
}
END_TEST

START_TEST(tls_verification)
{
	struct end a, b, c, d;
	struct err e;

	starttls(&a, &b, client_tls, true);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_ENCRYPTION, NULL, &e), -1);
	starttls(&c, &d, anonymous_tls, false);
	WAIT(a.tls == 1 && b.tls == 1 && c.tls == 1 && d.tls == 1);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_ENCRYPTION, NULL, &e), 0);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_CERTIFICATE, NULL, &e), 0);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, "hub1.example.com", &e), 0);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, "*.example.com", &e), 0);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, "*.com", &e), -1);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, "hub2.example.com", &e), -1);
	ck_assert_str_eq(e.text, "certificate is not for hub2.example.com");
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, NULL, &e), -1);
	/* unknown authority and expired: told, though the handshake let it pass */
	ck_assert_int_eq(stream_peer_verify(a.s, TLS_VERIFY_CERTIFICATE, NULL, &e), -1);
	/* another client that does not know the authority */
	ck_assert_int_eq(stream_peer_verify(d.s, TLS_VERIFY_ENCRYPTION, NULL, &e), 0);
	ck_assert_int_eq(stream_peer_verify(d.s, TLS_VERIFY_CERTIFICATE, NULL, &e), -1);
	ck_assert_int_eq(stream_peer_verify(c.s, TLS_VERIFY_CERTIFICATE, NULL, &e), -1);
	stream_close(&a.s);
	stream_close(&b.s);
	stream_close(&c.s);
	stream_close(&d.s);
}
END_TEST

/* CVE-2011-0411: what came in clear behind STARTTLS is never read as if it had come by TLS. */
START_TEST(tls_injection)
{
	struct end e;
	int fd = bare_peer(&e);
	struct err err;
	char *text;
	size_t len;

	say(fd, "STARTTLS\r\nMAIL FROM:<>\r\n");
	WAIT(e.readable == 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_int_eq(stream_starttls_server(e.s, server_tls, false, "220 ready\r\n", &err), -1);
	ck_assert_uint_eq(stream_input_len(e.s), 0);
	ck_assert_uint_eq(stream_pending_output(e.s), 0);
	stream_close(&e.s);
	close(fd);

	fd = bare_peer(&e);
	say(fd, "220 ready\r\n250 injected\r\n");
	WAIT(e.readable == 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_int_eq(stream_starttls_client(e.s, client_tls, NULL, &err), -1);
	stream_close(&e.s);
	close(fd);
}
END_TEST

START_TEST(tls_garbage)
{
	struct end e;
	int fd = bare_peer(&e);
	struct err err;
	char buf[100];

	e.close_in_closed = true;
	ck_assert_int_eq(stream_starttls_server(e.s, server_tls, false, NULL, &err), 0);
	say(fd, "EHLO this is not a handshake at all\r\n");
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_TLS);
	ck_assert_int_eq(strncmp(e.text, "TLS handshake failed: ", 22), 0);
	close(fd);

	/* and a peer that goes away in the middle */
	fd = bare_peer(&e);
	ck_assert_int_eq(stream_starttls_client(e.s, client_tls, NULL, &err), 0);
	one_turn();
	ck_assert_int_gt(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 0);
	close(fd);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_TLS);
	stream_close(&e.s);
}
END_TEST

/* STARTTLS and no more: the owner waits for the handshake and has to be told that none comes. */
START_TEST(tls_after_eof)
{
	struct end e;
	int fd = bare_peer(&e);
	struct err err;

	shutdown(fd, SHUT_WR);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_EOF);
	ck_assert_int_eq(stream_starttls_server(e.s, server_tls, false, NULL, &err), 0);
	WAIT(e.closed == 2);
	ck_assert_int_eq(e.reason, STREAM_END_TLS);
	stream_close(&e.s);
	close(fd);
}
END_TEST

START_TEST(tls_timeout)
{
	struct end e;
	int fd = bare_peer(&e);
	struct err err;

	ck_assert_int_eq(stream_starttls_server(e.s, server_tls, false, NULL, &err), 0);
	stream_set_inactivity(e.s, 1);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_INACTIVE);
	stream_close(&e.s);
	close(fd);
}
END_TEST

START_TEST(tls_close_in_callback)
{
	struct end a, b;

	starttls(&a, &b, client_tls, true);
	a.close_in_tls = true;
	WAIT(a.tls == 1 && b.closed == 1);
	ck_assert_ptr_null(a.s);
	stream_close(&b.s);

	/* closing in the middle of the handshake */
	starttls(&a, &b, client_tls, true);
	stream_close(&a.s);
	WAIT(b.closed == 1);
	stream_finish(&b.s);
}
END_TEST

/* The owner writes before the handshake is over: not one byte of it goes out in clear. */
START_TEST(tls_early_output)
{
	struct end a, b;
	char buf[100];

	starttls(&a, &b, client_tls, true);
	stream_write(b.s, "EHLO x\r\n", 8);
	WAIT(a.readable == 2);
	ck_assert(stream_is_tls(a.s));
	take_all(&a, buf, sizeof(buf));
	ck_assert_str_eq(buf, "EHLO x\r\n");
	/* a last reply by TLS is not lost either */
	stream_write(a.s, "221 bye\r\n", 9);
	stream_finish(&a.s);
	WAIT(b.closed == 1);
	ck_assert_int_eq(b.reason, STREAM_END_EOF);
	take_all(&b, buf, sizeof(buf));
	ck_assert_str_eq(buf, "221 bye\r\n");
	stream_close(&b.s);
	/* the other end reads close_notify, then the end, and is gone too, or it would leak here */
	one_turn();
	one_turn();
}
END_TEST

START_TEST(tls_paused)
{
	struct end a, b;
	char buf[10001];

	starttls(&a, &b, client_tls, true);
	WAIT(a.tls == 1 && b.tls == 1);
	/* a record larger than the limit: the rest waits inside OpenSSL, with no event to come */
	stream_set_input_limit(a.s, 4000);
	memset(buf, 'x', 10000);
	stream_write(b.s, buf, 10000);
	WAIT(stream_input_len(a.s) == 4000);
	one_turn();
	stream_pause(a.s);
	take_all(&a, buf, sizeof(buf));
	one_turn();
	one_turn();
	ck_assert_uint_eq(stream_input_len(a.s), 0);
	stream_resume(a.s);
	WAIT(stream_input_len(a.s) == 4000);
	/* and consuming alone brings the last of it */
	take_all(&a, buf, sizeof(buf));
	WAIT(stream_input_len(a.s) == 2000);
	stream_close(&a.s);
	stream_close(&b.s);
}
END_TEST

/* --- pins and contexts --- */

START_TEST(pins)
{
	char pin[TLS_PIN_SIZE], upper[TLS_PIN_SIZE], other[TLS_PIN_SIZE];
	struct err e;
	const char *list[2] = { "nonsense", upper };
	size_t i;

	ck_assert_int_eq(tls_pin_of_file(server_id.certificate, pin, &e), 0);
	ck_assert_int_eq(tls_pin_of_file(client_id.certificate, other, &e), 0);
	ck_assert_uint_eq(strlen(pin), TLS_PIN_SIZE - 1);
	for (i = 0; i < TLS_PIN_SIZE; i++)
		upper[i] = pin[i] >= 'a' && pin[i] <= 'z' ? (char)(pin[i] - 'a' + 'A') : pin[i];
	ck_assert(tls_pin_equal(pin, upper));
	ck_assert(!tls_pin_equal(pin, other));
	ck_assert(!tls_pin_equal(NULL, pin));
	ck_assert(!tls_pin_equal("nonsense", "nonsense"));
	ck_assert(tls_pin_match(pin, list, 2, NULL, 0));
	ck_assert(!tls_pin_match(other, list, 2, NULL, 0));
	ck_assert(!tls_pin_match(NULL, list, 2, NULL, 0));
	ck_assert_int_eq(tls_pin_normalize("sha256:12", other, &e), -1);
	ck_assert_int_eq(tls_pin_of_der("garbage", 7, other, &e), -1);
	ck_assert_int_eq(tls_pin_of_der("", 0, other, &e), -1);
	ck_assert_int_eq(tls_pin_of_file("/nonexistent", other, &e), -1);
	ck_assert_int_eq(strncmp(e.text, "/nonexistent: ", 14), 0);
}
END_TEST

/* What openssl itself computes for the same key, and a certificate in DER as the pin. */
START_TEST(pin_of_der)
{
	char command[400], pin[TLS_PIN_SIZE], want[100] = "sha256:", der[2000];
	struct tls_pin_der cert = { .data = der };
	struct err e;
	FILE *f;

	snprintf(command, sizeof(command), "openssl x509 -in %s -noout -pubkey | "
		"openssl pkey -pubin -outform DER | sha256sum", server_id.certificate);
	f = popen(command, "r");
	ck_assert_int_eq(fscanf(f, "%64s", want + 7), 1);
	pclose(f);
	snprintf(command, sizeof(command), "openssl x509 -in %s -outform DER",
		server_id.certificate);
	f = popen(command, "r");
	cert.len = fread(der, 1, sizeof(der) - 1, f);
	pclose(f);
	ck_assert_int_eq(tls_pin_of_der(cert.data, cert.len, pin, &e), 0);
	ck_assert_str_eq(pin, want);
	ck_assert(tls_pin_match(want, NULL, 0, &cert, 1));
	cert.len++;
	ck_assert(!tls_pin_match(want, NULL, 0, &cert, 1));
}
END_TEST

START_TEST(contexts_bad)
{
	struct err e;

	ck_assert_ptr_null(tls_context_new_server("/nonexistent", server_id.key, NULL, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent"));
	ck_assert_ptr_null(tls_context_new_server(NULL, NULL, NULL, &e));
	ck_assert_ptr_null(tls_context_new_server(server_id.certificate, client_id.key, NULL, &e));
	ck_assert_ptr_nonnull(strstr(e.text, client_id.key));
	ck_assert_ptr_null(tls_context_new_client(server_id.certificate, NULL, NULL, &e));
	ck_assert_ptr_null(tls_context_new_client(NULL, NULL, server_id.key, &e));
	ck_assert_int_eq(e.class, ERR_CONFIG);
}
END_TEST

/* --- size --- */

enum { IDLE_STREAMS = 500, IDLE_BYTES_MAX = 2048 };

START_TEST(idle_is_small)
{
	struct end *ends = xcalloc(IDLE_STREAMS, sizeof(*ends));
	int *fds = xcalloc(IDLE_STREAMS, sizeof(*fds)), i;
	struct rlimit files = { 4096, 4096 };
	size_t before, per_stream, len;
	char *text;

	(void)setrlimit(RLIMIT_NOFILE, &files);
	before = mallinfo2().uordblks;
	for (i = 0; i < IDLE_STREAMS; i++) {
		fds[i] = bare_peer(&ends[i]);
		say(fds[i], "EHLO x\r\n");
		WAIT(ends[i].readable == 1);
		ck_assert_int_eq(stream_line(ends[i].s, &text, &len, 100), STREAM_LINE_OK);
		ck_assert_int_eq(stream_line(ends[i].s, &text, &len, 100), STREAM_LINE_NONE);
		stream_write(ends[i].s, "250 x\r\n", 7);
		WAIT(ends[i].drained == 1);
	}
	per_stream = (mallinfo2().uordblks - before) / IDLE_STREAMS;
	ck_assert_msg(per_stream < IDLE_BYTES_MAX, "%zu bytes", per_stream);
	for (i = 0; i < IDLE_STREAMS; i++) {
		stream_close(&ends[i].s);
		close(fds[i]);
	}
	free(ends);
	free(fds);
}
END_TEST

int main(void)
{
	TCase *plain = tcase_create("plain"), *tls = tcase_create("tls");
	TCase *const cases[] = { plain, tls };
	const int n_rows = sizeof(line_rows) / sizeof(line_rows[0]);

	tcase_add_checked_fixture(plain, setup, teardown);
	tcase_set_timeout(plain, 30);
	tcase_add_loop_test(plain, lines, 0, n_rows);
	tcase_add_loop_test(plain, lines_dripping, 0, n_rows);
	tcase_add_test(plain, line_after_part);
	tcase_add_test(plain, line_with_nul);
	tcase_add_test(plain, line_endless);
	tcase_add_test(plain, bulk_plain);
	tcase_add_test(plain, bulk_limit);
	tcase_add_test(plain, write_reference);
	tcase_add_test(plain, corking);
	tcase_add_test(plain, pausing);
	tcase_add_test(plain, pausing_with_rest);
	tcase_add_test(plain, end_eof);
	tcase_add_test(plain, end_inside_callbacks);
	tcase_add_test(plain, end_reset);
	tcase_add_test(plain, finish_lingers);
	tcase_add_test(plain, finish_without_loop);
	tcase_add_test(plain, handing_over);
	tcase_add_test(plain, time_inactivity);
	tcase_add_test(plain, time_deadline);
	tcase_add_test(plain, time_paused);
	tcase_add_test(plain, connect_works);
	tcase_add_test(plain, connect_refused);
	tcase_add_test(plain, connect_at_once);
	tcase_add_test(plain, connect_timeout);
	tcase_add_test(plain, idle_is_small);

	tcase_add_checked_fixture(tls, setup_tls, teardown_tls);
	tcase_set_timeout(tls, 30);
	tcase_add_test(tls, tls_mutual);
	tcase_add_test(tls, tls_without_client_certificate);
	tcase_add_test(tls, tls_verification);
	tcase_add_test(tls, tls_injection);
	tcase_add_test(tls, tls_garbage);
	tcase_add_test(tls, tls_after_eof);
	tcase_add_test(tls, tls_timeout);
	tcase_add_test(tls, tls_close_in_callback);
	tcase_add_test(tls, tls_early_output);
	tcase_add_test(tls, tls_paused);
	tcase_add_test(tls, pins);
	tcase_add_test(tls, pin_of_der);
	tcase_add_test(tls, contexts_bad);
	return unit_run("stream", cases, sizeof(cases) / sizeof(cases[0]));
}
