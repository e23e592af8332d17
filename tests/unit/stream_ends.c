/* stream_ends.c - see stream_ends.h */
#include "stream_ends.h"

#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "libhub/base/mem.h"

struct loop *loop;
struct event *ends_guard;

static void on_guard(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	ck_abort_msg("the condition did not come about");
}

void ends_setup(void)
{
	loop = loop_new("test");
	ends_guard = evtimer_new(loop_base(loop), on_guard, NULL);
}

void ends_teardown(void)
{
	event_free(ends_guard);
	loop_free(&loop);
}

static void on_connected(struct stream *s, void *ctx)
{
	struct end *e = ctx;

	ck_assert_ptr_eq(s, e->s);
	e->connected++;
	loop_stop(loop);
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
	loop_stop(loop);
}

static void on_drained(struct stream *s, void *ctx)
{
	struct end *e = ctx;

	ck_assert_ptr_eq(s, e->s);
	e->drained++;
	if (e->close_in_drained)
		stream_close(&e->s);
	loop_stop(loop);
}

static void on_tls(struct stream *s, void *ctx)
{
	struct end *e = ctx;

	ck_assert_ptr_eq(s, e->s);
	e->tls++;
	if (e->close_in_tls)
		stream_close(&e->s);
	loop_stop(loop);
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
	loop_stop(loop);
}

const struct stream_callbacks ends_callbacks = {
	on_connected, on_readable, on_drained, on_tls, on_closed,
};

int ends_bare(struct end *e)
{
	int fds[2];

	memset(e, 0, sizeof(*e));
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	e->s = stream_accept(loop, fds[0], &ends_callbacks, e);
	return fds[1];
}

void ends_both(struct end *a, struct end *b)
{
	int fd = ends_bare(a);

	memset(b, 0, sizeof(*b));
	b->s = stream_accept(loop, fd, &ends_callbacks, b);
}

void ends_say(int fd, const char *text)
{
	ck_assert_int_eq(write(fd, text, strlen(text)), (int)strlen(text));
}

static void stop_soon(void *ctx)
{
	(void)ctx;
	loop_stop(loop);
}

void ends_turn(void)
{
	loop_defer(loop, stop_soon, NULL);
	loop_run(loop);
}

size_t ends_take(struct end *e, char *buf, size_t size)
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

void ends_pump(struct end *from, struct end *to, size_t total)
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
