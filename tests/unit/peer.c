/* peer.c - see peer.h */
#include "peer.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "libhub/base/mem.h"
#include "libhub/smtp/stream.h"

struct peer {
	struct loop *loop;
	struct stream *stream;
	struct event *again;
	char *script, *at;		/* at: the line to play, NULL = none is left */
	size_t skip;			/* bytes that D still waits for */
	bool ended;			/* the other end sends no more */
	char trouble[600];
};

static struct tls_context *peer_tls;

void peer_set_tls(struct tls_context *tls)
{
	peer_tls = tls;
}

static void trouble(struct peer *p, const char *expected, const char *came)
{
	if (p->trouble[0] == '\0')
		snprintf(p->trouble, sizeof(p->trouble), "expected '%.250s', got '%.250s'",
			expected,
			came);
	p->at = NULL;
}

/* True if the line of the script is done with. */
static bool expect(struct peer *p, const char *text, size_t len, bool prefix)
{
	enum stream_line kind;
	size_t got_len;
	char *got;

	kind = stream_line(p->stream, &got, &got_len, 8000);
	if (kind == STREAM_LINE_NONE) {
		if (p->ended)
			trouble(p, text, "(end)");
		return false;
	}
	if (kind != STREAM_LINE_OK || (prefix ? got_len < len : got_len != len) ||
		memcmp(got, text, len) != 0) {
		trouble(p, text, kind == STREAM_LINE_OK ? got : "(no line)");
		return false;
	}
	return true;
}

static void skip(struct peer *p)
{
	size_t n = stream_input_len(p->stream);

	if (n > p->skip)
		n = p->skip;
	stream_consume(p->stream, n);
	p->skip -= n;
}

static void shake_hands(struct peer *p, const char *text)
{
	char ready[200];
	struct err e;

	snprintf(ready, sizeof(ready), "%.190s\r\n", text);
	if (stream_starttls_server(p->stream, peer_tls,
		&(struct tls_accept){ .request_cert = true }, ready, &e) != 0)
		trouble(p, "nothing behind STARTTLS", e.text);
}

/* One line; false: wait. */
static bool play(struct peer *p, char op, const char *text)
{
	static const struct timeval soon = { 0, 1000 };

	switch (op) {
	case 'S':
		stream_printf(p->stream, "%s\r\n", text);
		return true;
	case 'R':
	case 'L':
		stream_printf(p->stream, "%s%s", text, op == 'L' ? "\r\n" : "");
		event_add(p->again, &soon);
		return true;
	case 'C':
		return expect(p, text, strlen(text), false);
	case 'P':
		return expect(p, text, strlen(text), true);
	case 'X':
		stream_finish(&p->stream);
		return true;
	case 'T':
		shake_hands(p, text);
		return p->at != NULL;
	case 'D':
		if (p->skip == 0)
			p->skip = strtoul(text, NULL, 10);
		skip(p);
		return p->skip == 0;
	case 'W':
		stream_consume(p->stream, stream_input_len(p->stream));
		return p->ended;
	}
	BUG_ON(true);
	return true;
}

static void run(struct peer *p)
{
	char *end, op, text[2000];

	while (p->at != NULL && (p->stream != NULL || *p->at == '\0')) {
		if (*p->at == '\0') {
			p->at = NULL;
			return;
		}
		end = strchrnul(p->at, '\n');
		op = *p->at;
		snprintf(text, sizeof(text), "%.*s", end - p->at > 2 ? (int)(end - p->at - 2) : 0,
			p->at + 2);
		if (!play(p, op, text))
			return;
		p->at = *end != '\0' ? end + 1 : end;
		if (op == 'R' || op == 'L')
			return;
	}
}

static void on_again(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	run(ctx);
}

static void on_readable(struct stream *s, void *ctx)
{
	struct peer *p = ctx;

	(void)s;
	if (!event_pending(p->again, EV_TIMEOUT, NULL))
		run(p);
}

static void on_closed(struct stream *s, enum stream_end reason, const char *text, void *ctx)
{
	struct peer *p = ctx;

	(void)s;
	(void)reason;
	(void)text;
	p->ended = true;
	run(p);
}

static void on_tls(struct stream *s, void *ctx)
{
	(void)s;
	run(ctx);
}

static const struct stream_callbacks events = {
	.on_tls = on_tls,
	.on_readable = on_readable,
	.on_closed = on_closed,
};

struct peer *peer_new(struct loop *l, const char *script, int *fd)
{
	int pair[2];

	BUG_ON(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) != 0);
	*fd = pair[0];
	return peer_adopt(l, script, pair[1]);
}

struct peer *peer_adopt(struct loop *l, const char *script, int fd)
{
	struct peer *p = xcalloc(1, sizeof(*p));

	p->loop = l;
	p->script = p->at = xstrdup(script);
	p->again = evtimer_new(loop_base(l), on_again, p);
	p->stream = stream_accept(l, fd, &events, p);
	run(p);
	return p;
}

bool peer_done(const struct peer *p)
{
	return p->at == NULL;
}

const char *peer_trouble(const struct peer *p)
{
	return p->trouble[0] != '\0' ? p->trouble : NULL;
}

void peer_free(struct peer **pp)
{
	struct peer *p = *pp;

	stream_close(&p->stream);
	event_free(p->again);
	free(p->script);
	free(p);
	*pp = NULL;
}
