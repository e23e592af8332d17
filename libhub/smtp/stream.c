/* stream.c - a stream's life, its events, its clock and its output. See stream.h.
 *
 * evbuffers and plain events instead of a bufferevent: output is tried at the end of the turn and
 * only a full socket costs an event and two epoll_ctl, input is read without asking for its length
 * first, and one timer serves all timeouts. The timer is not moved when bytes move; it looks when
 * it fires, and waits on.
 */
#include "libhub/smtp/stream_priv.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

/* --- events --- */

bool stream_wants_input(const struct stream *s)
{
	if (s->closed || s->dead || s->eof || s->connecting)
		return false;
	if (s->write_wants_read)
		return true;
	if (s->finishing)
		return s->sent_fin;
	if (s->tls_state == STREAM_TLS_PENDING)
		return false;
	if (s->tls_state == STREAM_TLS_HANDSHAKE)
		return true;
	return !s->paused && !s->expired && evbuffer_get_length(s->in) < s->input_limit;
}

void stream_arm_read(struct stream *s)
{
	if ((s->reading && !s->tls_held) || !stream_wants_input(s))
		return;
	if (!s->reading)
		BUG_ON(event_add(&s->read_ev, NULL) != 0);
	s->reading = true;
	if (s->tls_held)
		event_active(&s->read_ev, EV_READ, 0);
	s->tls_held = false;
}

static void disarm_read(struct stream *s)
{
	event_del(&s->read_ev);
	s->reading = false;
}

void stream_arm_write(struct stream *s)
{
	if (s->writing)
		return;
	BUG_ON(event_add(&s->write_ev, NULL) != 0);
	s->writing = true;
}

void stream_disarm_write(struct stream *s)
{
	if (s->writing)
		event_del(&s->write_ev);
	s->writing = false;
}

static void free_deferred(void *ctx)
{
	struct stream *s = ctx;

	if (s->gone != NULL)
		s->gone(s->gone_ctx);
	stream_tls_free(s);
	evbuffer_free(s->in);
	evbuffer_free(s->out);
	free(s);
}

void stream_end_now(struct stream *s)
{
	BUG_ON(s->closed);
	if (s->finishing)
		loop_hook_remove(s->loop, &s->hook);
	stream_tls_shutdown(s);
	s->closed = true;
	event_del(&s->read_ev);
	event_del(&s->write_ev);
	event_del(&s->timer_ev);
	if (s->fd >= 0)
		close(s->fd);
	loop_defer(s->loop, free_deferred, s);
}

static void tell_closed(struct stream *s, enum stream_end reason, const char *text)
{
	if (s->told)
		return;
	/* the end of input need not be the end: output, or a handshake, may still fail */
	s->told = reason != STREAM_END_EOF;
	s->cb->on_closed(s, reason, text, s->ctx);
}

void stream_fail(struct stream *s, enum stream_end reason, const char *text)
{
	s->dead = true;
	disarm_read(s);
	stream_disarm_write(s);
	event_del(&s->timer_ev);
	evbuffer_drain(s->out, evbuffer_get_length(s->out));
	if (s->finishing)
		stream_end_now(s);
	else
		tell_closed(s, reason, text);
}

/* --- time --- */

static void arm_timer(struct stream *s)
{
	uint64_t due = s->deadline_ms, now = clock_mono_ms(), wait_ms;
	struct timeval tv;

	if (s->inactivity_ms != 0 && (due == 0 || s->activity_ms + s->inactivity_ms < due))
		due = s->activity_ms + s->inactivity_ms;
	if (s->silence_ms != 0 && (due == 0 || s->silence_due_ms < due))
		due = s->silence_due_ms;
	if (due == 0 || s->dead || (s->timer_due_ms != 0 && s->timer_due_ms <= due))
		return;
	s->timer_due_ms = due;
	wait_ms = due > now ? due - now : 1;
	tv.tv_sec = (time_t)(wait_ms / 1000);
	tv.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000);
	event_add(&s->timer_ev, &tv);
}

/* Is it the peer that keeps us waiting, or our own side that does not want its bytes? */
static bool peer_owes(const struct stream *s)
{
	return stream_wants_input(s) || evbuffer_get_length(s->out) > 0;
}

/* Ends the hearing, but a last word may still go out: a server says 421. */
static void expire(struct stream *s, enum stream_end reason, const char *text)
{
	if (s->finishing || s->tls_state == STREAM_TLS_PENDING ||
		s->tls_state == STREAM_TLS_HANDSHAKE) {
		stream_fail(s, reason, text);
		return;
	}
	s->expired = true;
	s->inactivity_ms = 0;
	s->deadline_ms = 0;
	tell_closed(s, reason, text);
}

/* Has the peer's host gone? */
static bool is_cut(struct stream *s, uint64_t now)
{
	uint32_t wait_ms = s->silence_ms;

	if (s->silence_ms == 0 || now < s->silence_due_ms)
		return false;
	if (!s->connecting && stream_silence_is_over(s->fd, s->silence_ms, &wait_ms))
		return true;
	s->silence_due_ms = now + wait_ms;
	return false;
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *s = ctx;
	uint64_t now = clock_mono_ms();

	(void)fd;
	(void)what;
	loop_touch(s->loop);
	s->timer_due_ms = 0;
	if (s->deadline_ms != 0 && now >= s->deadline_ms) {
		if (s->connecting)
			stream_fail(s, STREAM_END_CONNECT, strerror(ETIMEDOUT));
		else
			expire(s, STREAM_END_DEADLINE, "time limit exceeded");
		return;
	}
	if (s->inactivity_ms != 0 && now >= s->activity_ms + s->inactivity_ms) {
		if (peer_owes(s)) {
			expire(s, STREAM_END_INACTIVE, "inactivity timeout");
			return;
		}
		s->activity_ms = now;
	}
	if (is_cut(s, now))
		stream_fail(s, STREAM_END_RESET, strerror(ETIMEDOUT));
	else
		arm_timer(s);
}

void stream_set_inactivity(struct stream *s, uint32_t timeout_s)
{
	s->inactivity_ms = timeout_s < UINT32_MAX / 1000 ? timeout_s * 1000 : UINT32_MAX;
	s->activity_ms = clock_mono_ms();
	arm_timer(s);
}

void stream_set_silence(struct stream *s, int silence_s)
{
	stream_silence_keepalive(s->fd, silence_s);
	s->silence_ms = (uint32_t)silence_s * 1000;
	s->silence_due_ms = clock_mono_ms() + s->silence_ms;
	arm_timer(s);
}

void stream_set_deadline(struct stream *s, uint64_t timeout_ms)
{
	BUG_ON(s->connecting);
	s->deadline_ms = timeout_ms != 0 ? clock_mono_ms() + timeout_ms : 0;
	arm_timer(s);
}

/* --- reading --- */

static ssize_t read_some(struct stream *s, void *buf, size_t size, char *text)
{
	ssize_t n;

	if (s->tls_state == STREAM_TLS_ON)
		return stream_tls_read(s, buf, size, text);
	n = recv(s->fd, buf, size, 0);
	if (n > 0)
		return n;
	if (n == 0)
		return STREAM_IO_EOF;
	if (errno == EAGAIN || errno == EINTR)
		return STREAM_IO_AGAIN;
	snprintf(text, STREAM_TEXT_SIZE, "%s", strerror(errno));
	return STREAM_IO_RESET;
}

/*
 * Reads what is there, up to the limit. Returns STREAM_IO_AGAIN, or why there will be no more. A
 * plain read that came short saw all there was; OpenSSL is asked until it says so.
 */
static ssize_t fill(struct stream *s, size_t *got, char *text)
{
	unsigned char buf[STREAM_READ_CHUNK];
	size_t have, size;
	ssize_t n = STREAM_IO_AGAIN;

	while ((have = evbuffer_get_length(s->in)) < s->input_limit) {
		size = s->input_limit - have;
		if (size > sizeof(buf))
			size = sizeof(buf);
		n = read_some(s, buf, size, text);
		if (n <= 0)
			return n;
		BUG_ON(evbuffer_add(s->in, buf, (size_t)n) != 0);
		/* a password, perhaps; the owner wipes what it takes, but not what lies here */
		if (s->input_limit <= STREAM_INPUT_COMMANDS)
			explicit_bzero(buf, (size_t)n);
		*got += (size_t)n;
		if ((size_t)n < size && s->tls_state != STREAM_TLS_ON)
			break;
	}
	return STREAM_IO_AGAIN;
}

/* After our last byte: wait for the peer's end, throwing away what it still says. */
static void drain_finishing(struct stream *s)
{
	unsigned char buf[4096];
	ssize_t n = recv(s->fd, buf, sizeof(buf), 0);

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		stream_end_now(s);
}

/* readable: the socket is; else only stream_resume wants its on_readable. */
static void read_input(struct stream *s, bool readable, bool resumed)
{
	char text[STREAM_TEXT_SIZE];
	size_t got = 0;
	ssize_t rc = STREAM_IO_AGAIN;

	if (readable && stream_wants_input(s))
		rc = fill(s, &got, text);
	else if (readable)
		disarm_read(s);
	if (got > 0)
		s->activity_ms = clock_mono_ms();
	s->tls_held = stream_tls_has_input(s);
	if (rc != STREAM_IO_AGAIN) {
		s->eof = true;
		disarm_read(s);
	}
	if ((got > 0 || resumed) && !s->paused && s->cb->on_readable != NULL)
		s->cb->on_readable(s, s->ctx);
	if (s->closed)
		return;
	if (rc == STREAM_IO_EOF)
		tell_closed(s, STREAM_END_EOF, "connection closed by peer");
	else if (rc != STREAM_IO_AGAIN)
		stream_fail(s, stream_end_of(rc), text);
}

void stream_set_hear_out(struct stream *s)
{
	s->hear_out = true;
}

void stream_fail_output(struct stream *s, enum stream_end reason, const char *text)
{
	if (s->hear_out && !s->eof && !s->finishing)
		read_input(s, true, false);
	if (!s->closed)
		stream_fail(s, reason, text);
}

static void on_read(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *s = ctx;

	(void)fd;
	loop_touch(s->loop);
	if (s->tls_state == STREAM_TLS_HANDSHAKE) {
		stream_tls_handshake(s);
		return;
	}
	if (s->write_wants_read) {
		s->write_wants_read = false;
		stream_schedule_flush(s);
	}
	if (!s->finishing)
		read_input(s, (what & EV_READ) != 0, (what & EV_TIMEOUT) != 0);
	else if (s->sent_fin)
		drain_finishing(s);
	else
		disarm_read(s);
}

/* --- connecting and writing --- */

static void connected(struct stream *s)
{
	socklen_t len = sizeof(s->connect_errno);

	if (s->connect_errno == 0 &&
		getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &s->connect_errno, &len) != 0)
		s->connect_errno = errno;
	if (s->connect_errno != 0) {
		stream_fail(s, STREAM_END_CONNECT, strerror(s->connect_errno));
		return;
	}
	s->connecting = false;
	s->deadline_ms = 0;
	s->activity_ms = clock_mono_ms();
	stream_disarm_write(s);
	stream_arm_read(s);
	stream_schedule_flush(s);
	if (s->cb->on_connected != NULL)
		s->cb->on_connected(s, s->ctx);
}

static void on_write(evutil_socket_t fd, short what, void *ctx)
{
	struct stream *s = ctx;

	(void)fd;
	(void)what;
	loop_touch(s->loop);
	if (s->connecting) {
		connected(s);
		return;
	}
	if (s->tls_state == STREAM_TLS_HANDSHAKE) {
		stream_disarm_write(s);
		stream_tls_handshake(s);
		return;
	}
	if (s->read_wants_write) {
		s->read_wants_write = false;
		event_active(&s->read_ev, EV_READ, 0);
	}
	stream_flush(s);
}

/* --- life --- */

static struct stream *stream_new(struct loop *l, int fd, const struct stream_callbacks *cb,
	void *ctx)
{
	struct stream *s = xcalloc(1, sizeof(*s));
	struct event_base *base = loop_base(l);

	BUG_ON(cb->on_closed == NULL);
	s->loop = l;
	s->fd = fd;
	s->cb = cb;
	s->ctx = ctx;
	s->in = evbuffer_new();
	s->out = evbuffer_new();
	BUG_ON(s->in == NULL || s->out == NULL);
	s->input_limit = STREAM_INPUT_COMMANDS;
	s->activity_ms = clock_mono_ms();
	event_assign(&s->read_ev, base, fd, EV_READ | EV_PERSIST, on_read, s);
	event_assign(&s->write_ev, base, fd, EV_WRITE | EV_PERSIST, on_write, s);
	evtimer_assign(&s->timer_ev, base, on_timer, s);
	return s;
}

/* Replies are written whole, one write a turn: waiting to fill a segment only delays them. */
static void set_nodelay(int fd)
{
	static const int one = 1;

	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
}

struct stream *stream_accept(struct loop *l, int fd, const struct stream_callbacks *cb, void *ctx)
{
	struct stream *s;
	socklen_t len = sizeof(s->peer);

	BUG_ON(evutil_make_socket_nonblocking(fd) != 0);
	set_nodelay(fd);
	s = stream_new(l, fd, cb, ctx);
	if (getpeername(fd, (struct sockaddr *)&s->peer, &len) != 0)
		s->peer.ss_family = AF_UNSPEC;
	stream_arm_read(s);
	return s;
}

int stream_connect_socket(const struct sockaddr *to, socklen_t to_len,
	const struct sockaddr *source, socklen_t source_len, int *error)
{
	static const int one = 1;
	int fd = socket(to->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	*error = 0;
	if (fd < 0) {
		*error = errno;
		return -1;
	}
	set_nodelay(fd);
	if (source != NULL) {
		/* the port is chosen at connect, when the whole address pair is known */
		(void)setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &one, sizeof(one));
		if (bind(fd, source, source_len) != 0)
			*error = errno;
	}
	if (*error == 0 && connect(fd, to, to_len) != 0 && errno != EINPROGRESS)
		*error = errno;
	return fd;
}

struct stream *stream_connect(struct loop *l, const struct sockaddr *to, socklen_t to_len,
	const struct sockaddr *source, socklen_t source_len, uint32_t timeout_ms,
	const struct stream_callbacks *cb, void *ctx)
{
	struct stream *s;
	int fd, error;

	BUG_ON(to_len > sizeof(s->peer));
	fd = stream_connect_socket(to, to_len, source, source_len, &error);
	s = stream_new(l, fd, cb, ctx);
	memcpy(&s->peer, to, to_len);
	s->connecting = true;
	s->connect_errno = error;
	s->deadline_ms = s->activity_ms + timeout_ms;
	if (error == 0) {
		stream_arm_write(s);
		arm_timer(s);
	} else {
		event_active(&s->write_ev, EV_WRITE, 0);
	}
	return s;
}

void stream_close(struct stream **sp)
{
	struct stream *s = *sp;

	*sp = NULL;
	if (s != NULL)
		stream_end_now(s);
}

static void on_closed_finishing(struct stream *s, enum stream_end reason, const char *text,
	void *ctx)
{
	(void)s;
	(void)reason;
	(void)text;
	(void)ctx;
}

static void end_by_loop(void *ctx)
{
	stream_end_now(ctx);
}

void stream_finish(struct stream **sp)
{
	static const struct stream_callbacks nobody = { .on_closed = on_closed_finishing };
	struct stream *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	if (s->dead || s->connecting || s->tls_state == STREAM_TLS_PENDING ||
		s->tls_state == STREAM_TLS_HANDSHAKE) {
		stream_end_now(s);
		return;
	}
	s->finishing = true;
	s->hook.cb = end_by_loop;
	s->hook.ctx = s;
	loop_hook_add(s->loop, &s->hook);
	s->cb = &nobody;
	evbuffer_drain(s->in, evbuffer_get_length(s->in));
	s->inactivity_ms = 0;
	s->deadline_ms = clock_mono_ms() + STREAM_FINISH_MS;
	arm_timer(s);
	stream_schedule_flush(s);
}

void stream_finish_then(struct stream **sp, void (*gone)(void *ctx), void *ctx)
{
	(*sp)->gone = gone;
	(*sp)->gone_ctx = ctx;
	stream_finish(sp);
}

void stream_set_callbacks(struct stream *s, const struct stream_callbacks *cb, void *ctx)
{
	BUG_ON(cb->on_closed == NULL);
	s->cb = cb;
	s->ctx = ctx;
}

/* --- addresses --- */

const struct sockaddr_storage *stream_peer(const struct stream *s)
{
	return &s->peer;
}

void stream_local(const struct stream *s, struct sockaddr_storage *out)
{
	socklen_t len = sizeof(*out);

	memset(out, 0, sizeof(*out));
	if (s->fd < 0 || getsockname(s->fd, (struct sockaddr *)out, &len) != 0)
		out->ss_family = AF_UNSPEC;
}
