/* test_stream_connect.c - libhub/smtp/stream: connecting, and what takes too long. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "stream_ends.h"

/* --- time --- */

START_TEST(time_inactivity)
{
	struct end e;
	char buf[20];
	int fd = ends_bare(&e);
	uint64_t start = clock_mono_ms();

	stream_set_inactivity(e.s, 1);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_INACTIVE);
	ck_assert_uint_ge(clock_mono_ms() - start, 1000);
	/* nothing is heard any more, a last word is */
	ends_say(fd, "NOOP\r\n");
	stream_write(e.s, "421 timeout\r\n", 13);
	stream_finish(&e.s);
	ends_turn();
	ends_turn();
	ck_assert_int_eq(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 13);
	ck_assert_int_eq(e.readable, 0);
	ck_assert_int_eq(e.closed, 1);
	close(fd);
	ends_turn();
}
END_TEST

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	(void)what;
	(void)fd;
	ends_say(*(int *)ctx, "x");
}

/* Bytes put inactivity off, but not the deadline. */
START_TEST(time_deadline)
{
	struct end e;
	int fd = ends_bare(&e);
	struct timeval tick = { .tv_usec = 200000 };
	struct event *ticker = event_new(loop_base(loop), -1, EV_PERSIST, on_tick, &fd);
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
	int fd = ends_bare(&e), fd2 = ends_bare(&other);

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

/* A peer whose window is closed for long is slow, not gone. */
START_TEST(slow_peer_is_not_silent)
{
	static char data[8 * 1024 * 1024];
	struct sockaddr_in sin;
	struct end a = { 0 }, other;
	int lfd = listen_loopback(&sin), fd, clock = ends_bare(&other);
	size_t got = 0;
	ssize_t n;

	a.s = stream_connect(loop, (struct sockaddr *)&sin, sizeof(sin), NULL, 0, 5000,
		&ends_callbacks, &a);
	stream_set_silence(a.s, 2);
	WAIT(a.connected == 1);
	fd = accept(lfd, NULL, NULL);
	ck_assert_int_ge(fd, 0);
	stream_write(a.s, data, sizeof(data));
	stream_set_inactivity(other.s, 7);
	WAIT(other.closed == 1);
	ck_assert_int_eq(a.closed, 0);
	ck_assert_uint_gt(stream_pending_output(a.s), 0);
	while (got < sizeof(data)) {
		n = recv(fd, data, sizeof(data), MSG_DONTWAIT);
		ck_assert(n > 0 || errno == EAGAIN);
		got += n > 0 ? (size_t)n : 0;
		event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	}
	ck_assert_int_eq(a.closed, 0);
	stream_close(&a.s);
	stream_close(&other.s);
	close(clock);
	close(fd);
	close(lfd);
}
END_TEST

START_TEST(connect_works)
{
	struct sockaddr_in sin, source = { .sin_family = AF_INET };
	int lfd = listen_loopback(&sin);
	struct end a = { 0 }, b = { 0 };
	struct sockaddr_storage local;
	char buf[20];

	source.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
	a.s = stream_connect(loop, (struct sockaddr *)&sin, sizeof(sin), (struct sockaddr *)&source,
		sizeof(source), 5000, &ends_callbacks, &a);
	stream_write(a.s, "early", 5);
	ck_assert_int_eq(a.connected, 0);
	WAIT(a.connected == 1);
	b.s = stream_accept(loop, accept(lfd, NULL, NULL), &ends_callbacks, &b);
	WAIT(b.readable == 1);
	ends_take(&b, buf, sizeof(buf));
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
	a.s = stream_connect(loop, (struct sockaddr *)&sin, sizeof(sin), NULL, 0, 5000,
		&ends_callbacks, &a);
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
	a.s = stream_connect(loop, (struct sockaddr *)&sin, sizeof(sin), (struct sockaddr *)&source,
		sizeof(source), 5000, &ends_callbacks, &a);
	ck_assert_int_eq(a.closed, 0);
	WAIT(a.closed == 1);
	ck_assert_int_eq(a.reason, STREAM_END_CONNECT);
	stream_close(&a.s);
	/* cancelled before it could be told */
	a.s = stream_connect(loop, (struct sockaddr *)&sin, sizeof(sin), (struct sockaddr *)&source,
		sizeof(source), 5000, &ends_callbacks, &a);
	stream_close(&a.s);
	ends_turn();
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
	a.s = stream_connect(loop, (struct sockaddr *)&sin, sizeof(sin), NULL, 0, 300,
		&ends_callbacks, &a);
	WAIT(a.closed == 1);
	ck_assert_int_eq(a.reason, STREAM_END_CONNECT);
	ck_assert_str_eq(a.text, "Connection timed out");
	stream_close(&a.s);
	for (i = 0; i < 4; i++)
		close(fillers[i]);
	close(lfd);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("stream_connect");

	tcase_add_checked_fixture(c, ends_setup, ends_teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, time_inactivity);
	tcase_add_test(c, time_deadline);
	tcase_add_test(c, time_paused);
	tcase_add_test(c, slow_peer_is_not_silent);
	tcase_add_test(c, connect_works);
	tcase_add_test(c, connect_refused);
	tcase_add_test(c, connect_at_once);
	tcase_add_test(c, connect_timeout);
	return unit_run("stream_connect", &c, 1);
}
