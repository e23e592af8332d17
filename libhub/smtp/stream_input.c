/* stream_input.c - what the owner takes out of a stream: lines and bulk data. See stream.h. */
#include "libhub/smtp/stream_priv.h"

#include <string.h>

#include "libhub/base/clock.h"

/* The line given out last goes now that the owner is done with it. */
static void drop_taken(struct stream *s)
{
	if (s->taken == 0)
		return;
	evbuffer_drain(s->in, s->taken);
	s->taken = 0;
	stream_arm_read(s);
}

/* Drops input through the next LF. False if that has not come yet. */
static bool skip_line(struct stream *s)
{
	struct evbuffer_ptr lf = evbuffer_search(s->in, "\n", 1, NULL);

	s->scanned = 0;
	s->skipping = lf.pos < 0;
	evbuffer_drain(s->in, s->skipping ? evbuffer_get_length(s->in) : (size_t)lf.pos + 1);
	stream_arm_read(s);
	return !s->skipping;
}

/* The first n bytes in one piece (n > 0, no more than there are). */
static char *contiguous(struct stream *s, size_t n)
{
	struct evbuffer_iovec first;

	if (evbuffer_peek(s->in, -1, NULL, &first, 1) > 0 && first.iov_len >= n)
		return first.iov_base;
	return (char *)evbuffer_pullup(s->in, (ev_ssize_t)n);
}

static enum stream_line take_line(struct stream *s, char *p, size_t lf, char **text, size_t *len,
	size_t max)
{
	bool cr = lf > 0 && p[lf - 1] == '\r';
	size_t n = lf - cr;

	s->scanned = 0;
	s->taken = lf + 1;
	if (n > max)
		return STREAM_LINE_TOO_LONG;
	p[n] = '\0';
	*text = p;
	*len = n;
	if (!cr)
		return STREAM_LINE_BARE_LF;
	return memchr(p, '\r', n) != NULL ? STREAM_LINE_BARE_CR : STREAM_LINE_OK;
}

enum stream_line stream_line(struct stream *s, char **text, size_t *len, size_t max)
{
	size_t total, look;
	char *p, *lf;

	*text = NULL;
	*len = 0;
	drop_taken(s);
	if (s->skipping && !skip_line(s))
		return STREAM_LINE_NONE;
	total = evbuffer_get_length(s->in);
	look = total < max + 2 ? total : max + 2;
	if (look == s->scanned)
		return STREAM_LINE_NONE;
	p = contiguous(s, look);
	lf = s->scanned < look ? memchr(p + s->scanned, '\n', look - s->scanned) : NULL;
	if (lf != NULL)
		return take_line(s, p, (size_t)(lf - p), text, len, max);
	if (look == max + 2) {
		s->skipping = true;
		return STREAM_LINE_TOO_LONG;
	}
	s->scanned = look;
	return STREAM_LINE_NONE;
}

size_t stream_input_len(struct stream *s)
{
	drop_taken(s);
	return evbuffer_get_length(s->in);
}

size_t stream_peek(struct stream *s, struct iovec *pieces, size_t n)
{
	int have;

	drop_taken(s);
	have = evbuffer_peek(s->in, -1, NULL, pieces, (int)n);
	return (size_t)have < n ? (size_t)have : n;
}

void stream_consume(struct stream *s, size_t len)
{
	drop_taken(s);
	BUG_ON(len > evbuffer_get_length(s->in));
	evbuffer_drain(s->in, len);
	s->scanned = 0;
	stream_arm_read(s);
}

void stream_set_input_limit(struct stream *s, size_t limit)
{
	s->input_limit = limit;
	stream_tls_cleanse(s, limit <= STREAM_INPUT_COMMANDS);
	stream_arm_read(s);
}

void stream_pause(struct stream *s)
{
	s->paused = true;
}

void stream_resume(struct stream *s)
{
	if (!s->paused)
		return;
	s->paused = false;
	/* the peer could not be heard meanwhile */
	s->activity_ms = clock_mono_ms();
	stream_arm_read(s);
	if (!s->dead && evbuffer_get_length(s->in) > s->taken)
		event_active(&s->read_ev, EV_TIMEOUT, 0);
}
