/* test_stream.c - libhub/smtp/stream over socket pairs: lines, bulk, and how streams end. */
#include <malloc.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/mem.h"
#include "stream_ends.h"

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
	int fd = ends_bare(&e);

	ends_say(fd, row->input);
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
	int fd = ends_bare(&e);
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
	int fd = ends_bare(&e);
	char *text;
	size_t len;

	ends_say(fd, "12345");
	WAIT(e.readable == 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_NONE);
	ends_say(fd, "\r\nB\r\n");
	WAIT(e.readable == 2);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "12345");
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "B");
	ends_say(fd, "67890");
	WAIT(e.readable == 3);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_NONE);
	stream_consume(e.s, 5);
	ends_say(fd, "C\r\n");
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
	int fd = ends_bare(&e);
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
	int fd = ends_bare(&e), i, told = 0, seen = 0;
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
	ends_say(fd, "x\r\nNOOP\r\n");
	WAIT(e.readable > seen);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 512), STREAM_LINE_OK);
	ck_assert_str_eq(text, "NOOP");
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* --- bulk --- */

START_TEST(bulk_plain)
{
	struct end a, b;

	ends_both(&a, &b);
	ends_pump(&a, &b, 3000000);
	ends_pump(&b, &a, 1000000);
	stream_close(&a.s);
	stream_close(&b.s);
}
END_TEST

START_TEST(bulk_limit)
{
	char block[STREAM_INPUT_COMMANDS];
	struct end a, b;

	ends_both(&a, &b);
	memset(block, 'x', sizeof(block));
	stream_write(a.s, block, sizeof(block));
	stream_write(a.s, "yz", 2);
	WAIT(b.readable > 0 && stream_input_len(b.s) == sizeof(block));
	ends_turn();
	ends_turn();
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

	ends_both(&a, &b);
	stream_printf(a.s, "%d ", 250);
	stream_write_ref(a.s, "OK", 2, count, &cleaned);
	stream_write(a.s, "\r\n", 2);
	ck_assert_int_eq(cleaned, 0);
	ck_assert_uint_eq(stream_pending_output(a.s), 8);
	WAIT(b.readable > 0);
	ends_take(&b, buf, sizeof(buf));
	ck_assert_str_eq(buf, "250 OK\r\n");
	ck_assert_int_eq(cleaned, 1);
	/* not sent, on a stream that ends */
	stream_write_ref(a.s, "OK", 2, count, &cleaned);
	stream_close(&a.s);
	ck_assert_int_eq(cleaned, 1);
	ends_turn();
	ck_assert_int_eq(cleaned, 2);
	/* nor on one that is dead */
	WAIT(b.closed > 0);
	stream_write(b.s, "x", 1);
	ends_turn();
	ck_assert_uint_eq(stream_pending_output(b.s), 0);
	stream_write_ref(b.s, "OK", 2, count, &cleaned);
	ck_assert_int_eq(cleaned, 2);
	ends_turn();
	ends_turn();
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
	e.s = stream_accept(loop, fds[0], &ends_callbacks, &e);
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
	int fd = ends_bare(&e);
	char *text;
	size_t len;

	ends_say(fd, "A\r\nB\r\n");
	e.pause_in_readable = true;
	WAIT(e.readable == 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ends_say(fd, "C\r\n");
	ends_turn();
	ends_turn();
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
	int fd = ends_bare(&e);
	char *text;
	size_t len;

	ends_say(fd, "A\r\nB\r\n");
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
	ends_turn();
	ends_turn();
	ck_assert_int_eq(e.readable, 2);
	stream_close(&e.s);
	close(fd);
}
END_TEST

/* --- ends --- */

START_TEST(end_eof)
{
	struct end e;
	int fd = ends_bare(&e);
	char buf[10], *text;
	size_t len;

	ends_say(fd, "QUIT\r\n");
	shutdown(fd, SHUT_WR);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_EOF);
	ck_assert_int_eq(e.readable, 1);
	/* what is left can be read, and answered */
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	stream_write(e.s, "221\r\n", 5);
	stream_finish(&e.s);
	ck_assert_ptr_null(e.s);
	ends_turn();
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 5);
	ck_assert_int_eq(read(fd, buf, sizeof(buf)), 0);
	close(fd);
}
END_TEST

START_TEST(end_inside_callbacks)
{
	struct end e;
	int fd;

	fd = ends_bare(&e);
	e.close_in_readable = true;
	ends_say(fd, "NOOP\r\n");
	WAIT(e.readable == 1);
	ck_assert_ptr_null(e.s);
	close(fd);

	fd = ends_bare(&e);
	e.close_in_closed = true;
	ends_say(fd, "NOOP\r\n");
	close(fd);
	WAIT(e.closed == 1);
	ck_assert_ptr_null(e.s);

	fd = ends_bare(&e);
	e.close_in_drained = true;
	stream_write(e.s, "x", 1);
	WAIT(e.drained == 1);
	ck_assert_ptr_null(e.s);
	close(fd);

	stream_close(&e.s);
	stream_finish(&e.s);
	ends_turn();
	ck_assert_int_eq(e.closed, 0);
}
END_TEST

/* A peer that is gone: the write fails, the stream says so once and swallows what comes after. */
START_TEST(end_reset)
{
	struct end e;
	int fd = ends_bare(&e);

	stream_pause(e.s);
	close(fd);
	stream_write(e.s, "250 OK\r\n", 8);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_RESET);
	ck_assert_uint_gt(strlen(e.text), 0);
	stream_write(e.s, "250 OK\r\n", 8);
	ck_assert_uint_eq(stream_pending_output(e.s), 0);
	ends_turn();
	ck_assert_int_eq(e.closed, 1);
	stream_close(&e.s);
}
END_TEST

static void say_and_go(void *ctx)
{
	int *fd = ctx;

	ends_say(*fd, "552 too big\r\n");
	close(*fd);
}

/* What a peer said before it went is heard even if it is the write that tells of its end. */
START_TEST(end_reset_with_last_words)
{
	struct end e;
	int fd = ends_bare(&e);
	char *text;
	size_t len;

	stream_set_hear_out(e.s);
	/* between the look at what can be read and the write */
	loop_defer(loop, say_and_go, &fd);
	stream_write(e.s, "more\r\n", 6);
	WAIT(e.closed > 0);
	ck_assert_int_eq(e.readable, 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "552 too big");
	stream_close(&e.s);
}
END_TEST

/* The last words arrive although input is still unread; the socket goes with the peer. */
START_TEST(finish_lingers)
{
	struct end e;
	int fd = ends_bare(&e);
	char buf[20];

	ends_say(fd, "EHLO x\r\n");
	stream_write(e.s, "421 busy\r\n", 10);
	stream_finish(&e.s);
	ends_turn();
	ends_say(fd, "more\r\n");
	ends_turn();
	ck_assert_int_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 10);
	ck_assert_int_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 0);
	close(fd);
	ends_turn();
	ck_assert_int_eq(e.closed, 0);
}
END_TEST

/* The loop goes while a stream still finishes: the address sanitizer would tell of a leak. */
START_TEST(finish_without_loop)
{
	struct end e;
	int fd = ends_bare(&e);

	stream_write(e.s, "421 bye\r\n", 9);
	stream_finish(&e.s);
	ends_turn();
	ends_teardown();
	ck_assert_int_eq(e.closed, 0);
	ends_setup();
	close(fd);
}
END_TEST

START_TEST(handing_over)
{
	struct end e, next = { 0 };
	int fd = ends_bare(&e);

	next.s = e.s;
	stream_set_callbacks(e.s, &ends_callbacks, &next);
	ends_say(fd, "x");
	WAIT(next.readable == 1);
	ck_assert_int_eq(e.readable, 0);
	stream_close(&next.s);
	close(fd);
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
		fds[i] = ends_bare(&ends[i]);
		ends_say(fds[i], "EHLO x\r\n");
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
	TCase *c = tcase_create("stream");
	const int n_rows = sizeof(line_rows) / sizeof(line_rows[0]);

	tcase_add_checked_fixture(c, ends_setup, ends_teardown);
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, lines, 0, n_rows);
	tcase_add_loop_test(c, lines_dripping, 0, n_rows);
	tcase_add_test(c, line_after_part);
	tcase_add_test(c, line_with_nul);
	tcase_add_test(c, line_endless);
	tcase_add_test(c, bulk_plain);
	tcase_add_test(c, bulk_limit);
	tcase_add_test(c, write_reference);
	tcase_add_test(c, corking);
	tcase_add_test(c, pausing);
	tcase_add_test(c, pausing_with_rest);
	tcase_add_test(c, end_eof);
	tcase_add_test(c, end_inside_callbacks);
	tcase_add_test(c, end_reset);
	tcase_add_test(c, end_reset_with_last_words);
	tcase_add_test(c, finish_lingers);
	tcase_add_test(c, finish_without_loop);
	tcase_add_test(c, handing_over);
	tcase_add_test(c, idle_is_small);
	return unit_run("stream", &c, 1);
}
