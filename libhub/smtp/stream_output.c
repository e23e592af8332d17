/* stream_output.c - what the owner writes, and how it leaves. See stream.h. */
#include "libhub/smtp/stream_priv.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

/* Writes in one go before others get their turn. */
enum { WRITES_MAX = 16 };

static void flush_deferred(void *ctx)
{
	struct stream *s = ctx;

	s->flush_scheduled = false;
	if (!s->closed && !s->writing)
		stream_flush(s);
}

void stream_schedule_flush(struct stream *s)
{
	if (s->flush_scheduled || s->dead)
		return;
	s->flush_scheduled = true;
	loop_defer(s->loop, flush_deferred, s);
}

static ssize_t write_some(struct stream *s, char *text)
{
	ev_ssize_t most = s->tls_state == STREAM_TLS_PENDING ? (ev_ssize_t)s->plain_left : -1;
	int n;

	if (s->tls_state == STREAM_TLS_ON)
		return stream_tls_write(s, text);
	n = evbuffer_write_atmost(s->out, s->fd, most);
	if (n > 0) {
		if (s->tls_state == STREAM_TLS_PENDING)
			s->plain_left -= (size_t)n;
		return n;
	}
	if (n == 0 || errno == EAGAIN || errno == EINTR)
		return STREAM_IO_AGAIN;
	snprintf(text, STREAM_TEXT_SIZE, "%s", strerror(errno));
	return STREAM_IO_RESET;
}

static bool output_left(const struct stream *s)
{
	if (s->tls_state == STREAM_TLS_PENDING)
		return s->plain_left > 0;
	return evbuffer_get_length(s->out) > 0 || s->held_len > 0;
}

/* The last output is with the kernel. A reset would destroy it on its way, so hear the peer out. */
static void finish_sent(struct stream *s)
{
	if (s->eof) {
		stream_end_now(s);
		return;
	}
	stream_tls_shutdown(s);
	shutdown(s->fd, SHUT_WR);
	s->sent_fin = true;
	stream_arm_read(s);
}

static void all_sent(struct stream *s, bool progress)
{
	stream_disarm_write(s);
	if (s->tls_state == STREAM_TLS_PENDING) {
		s->tls_state = STREAM_TLS_HANDSHAKE;
		stream_tls_begin(s);
	} else if (s->finishing && !s->sent_fin) {
		finish_sent(s);
	} else if (progress && !s->finishing && s->cb->on_drained != NULL) {
		s->cb->on_drained(s, s->ctx);
	}
}

void stream_flush(struct stream *s)
{
	char text[STREAM_TEXT_SIZE];
	bool progress = false;
	ssize_t n = 1;
	int i;

	if (s->dead || s->connecting || s->tls_state == STREAM_TLS_HANDSHAKE)
		return;
	for (i = 0; i < WRITES_MAX && n > 0 && output_left(s); i++) {
		n = write_some(s, text);
		progress = progress || n > 0;
	}
	if (progress)
		s->activity_ms = clock_mono_ms();
	if (n < 0)
		stream_fail_output(s, stream_end_of(n), text);
	else if (!output_left(s))
		all_sent(s, progress);
	else if (s->write_wants_read)
		stream_arm_read(s);
	else
		stream_arm_write(s);
}

void stream_write(struct stream *s, const void *data, size_t len)
{
	if (s->dead || len == 0)
		return;
	BUG_ON(evbuffer_add(s->out, data, len) != 0);
	stream_schedule_flush(s);
}

void stream_vprintf(struct stream *s, const char *fmt, va_list ap)
{
	if (s->dead)
		return;
	BUG_ON(evbuffer_add_vprintf(s->out, fmt, ap) < 0);
	stream_schedule_flush(s);
}

void stream_printf(struct stream *s, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	stream_vprintf(s, fmt, ap);
	va_end(ap);
}

struct reference {
	void (*cleanup)(void *ctx);
	void *ctx;
};

static void on_reference_done(const void *data, size_t len, void *ctx)
{
	struct reference *ref = ctx;

	(void)data;
	(void)len;
	ref->cleanup(ref->ctx);
	free(ref);
}

void stream_write_ref(struct stream *s, const void *data, size_t len, void (*cleanup)(void *ctx),
	void *ctx)
{
	struct reference *ref;

	if (s->dead || len == 0) {
		loop_defer(s->loop, cleanup, ctx);
		return;
	}
	ref = xmalloc(sizeof(*ref));
	ref->cleanup = cleanup;
	ref->ctx = ctx;
	BUG_ON(evbuffer_add_reference(s->out, data, len, on_reference_done, ref) != 0);
	stream_schedule_flush(s);
}

size_t stream_pending_output(const struct stream *s)
{
	return evbuffer_get_length(s->out);
}
