/* client_pump.c - the body from its source to the peer, as chunks (RFC 3030) or dot-stuffed.
 *
 * Runs whenever there is something to do: at the start, when the source has more, when output is
 * with the kernel, and without PIPELINING after each chunk's reply. A body whose source fails is
 * never ended: the connection is closed, so the peer discards what it has.
 */
#include <stdio.h>
#include <string.h>

#include "hubd/deliver/client_priv.h"
#include "hubd/spool/spool.h"

enum { CHUNK_MAX = 64 * 1024 };

/*
 * Fills buf; *end when the body is complete. Returns the bytes, or -1 with *e. What is there before
 * the source waits counts.
 */
static ssize_t fill(struct client *c, char *buf, size_t size, bool *end, struct err *e)
{
	const struct client_message *m = c->msg;
	size_t n = 0;
	ssize_t got;

	*end = false;
	if (!c->prefix_sent) {
		n = strlen(m->prefix);
		BUG_ON(n >= size);
		memcpy(buf, m->prefix, n);
		c->prefix_sent = true;
	}
	while (n < size) {
		got = client_body_read(c, buf + n, size - n, e);
		if (got == SPOOL_BODY_WAIT) {
			c->pump_waits = true;
			break;
		}
		if (got < 0)
			return -1;
		if (got == 0) {
			*end = true;
			break;
		}
		n += (size_t)got;
	}
	return (ssize_t)n;
}

static void write_chunk(struct client *c, const char *buf, size_t n, bool end)
{
	client_put(c, "BDAT %zu%s", n, end ? " LAST" : "");
	client_put_end(c);
	stream_write(c->stream, buf, n);
	c->chunks_pending++;
}

static void emit(void *ctx, const char *p, size_t n)
{
	struct client *c = ctx;

	stream_write(c->stream, p, n);
}

static void write_text(struct client *c, const char *buf, size_t n, bool end)
{
	if (c->encoder.emit == NULL)
		smtp_body_encoder_init(&c->encoder, emit, c);
	if (n > 0)
		smtp_body_encode(&c->encoder, buf, n);
	if (end)
		smtp_body_encode_end(&c->encoder);
}

/* May another piece go out now? */
static bool has_room(const struct client *c)
{
	if (c->bdat && c->chunks_pending > 0 &&
		!smtp_capability_has(&c->caps, SMTP_EXT_PIPELINING))
		return false;
	return stream_pending_output(c->stream) < CLIENT_OUTPUT_MAX;
}

enum step client_pump(struct client *c)
{
	char buf[CHUNK_MAX];
	struct err e;
	bool end = false;
	ssize_t n;

	while (c->pump_on && !c->pump_waits && has_room(c)) {
		n = fill(c, buf, sizeof(buf), &end, &e);
		if (n < 0)
			return client_fail(c, EVENT_DAMAGED, NULL, "%s", e.text);
		if (n == 0 && !end)
			break;
		if (c->bdat)
			write_chunk(c, buf, (size_t)n, end);
		else
			write_text(c, buf, (size_t)n, end);
		if (end) {
			c->pump_on = false;
			c->last_sent = true;
			c->encoder.emit = NULL;
			c->owed += c->bdat ? 0 : 1;
		}
	}
	return STEP_WAIT;
}

void client_body_ready(struct client *c)
{
	if (!c->over && c->state == CLIENT_SCAN)
		client_advance(c, client_scan_enter(c));
	if (c->over || !c->pump_on)
		return;
	c->pump_waits = false;
	client_advance(c, client_pump(c));
}
