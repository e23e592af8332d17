/* load_source.c - hands messages in over sessions that stay open */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "load.h"

/* What the next reply answers. */
enum state { GREETING, EHLO, MAIL, RCPT, DATA, DOT, QUIT };

struct session {
	struct run *run;
	enum state state;
	uint32_t message;
	bool data_sent;
};

static const char headers[] =
	"From: <someone@source.example>\r\nTo: <someone@sink.example>\r\n"
	"Date: Sat, 21 Nov 2026 12:00:00 +0000\r\nSubject: a message of the load tool\r\n";

static void session_put_body(struct session *s, struct conn *c)
{
	static char line[81] = "";
	uint32_t left = s->run->size;
	char id[80];

	if (line[0] == '\0') {
		memset(line, 'X', 78);
		memcpy(line + 78, "\r\n", 3);
	}
	conn_put(c, headers, sizeof(headers) - 1);
	snprintf(id, sizeof(id), "Message-ID: <r%u.m%u@source.example>\r\n\r\n", s->run->number,
		s->message);
	conn_puts(c, id);
	for (; left >= 80; left -= 80)
		conn_put(c, line, 80);
	if (left > 2)
		conn_put(c, line + 80 - left, left);
	conn_puts(c, ".\r\n");
}

static const char *recipient(const struct session *s)
{
	static char text[60];
	uint32_t n = s->run->destinations;

	if (n == 0)
		return "RCPT TO:<someone@sink.example>\r\n";
	snprintf(text, sizeof(text), "RCPT TO:<someone@d%u.sink.example>\r\n", s->message % n);
	return text;
}

static void session_next(struct session *s, struct conn *c)
{
	struct run *r = s->run;
	char text[100];

	if (r->n_started == r->messages) {
		conn_puts(c, "QUIT\r\n");
		s->state = QUIT;
		return;
	}
	s->message = r->n_started++;
	if (r->first_sent == 0)
		r->first_sent = now_ns();
	snprintf(text, sizeof(text), "MAIL FROM:<r%u.m%u@source.example>\r\n", r->number,
		s->message);
	conn_puts(c, text);
	if (r->pipelining) {
		conn_puts(c, recipient(s));
		conn_puts(c, "DATA\r\n");
	}
	s->state = MAIL;
}

static void session_refused(struct session *s, struct conn *c, const char *reply, size_t size)
{
	struct run *r = s->run;

	r->n_refused++;
	if (r->error[0] == '\0')
		snprintf(r->error, sizeof(r->error), "%.*s", (int)size, reply);
	conn_end(c);
}

static void session_acknowledged(struct session *s, struct conn *c)
{
	struct run *r = s->run;

	r->progress = now_ns();
	r->acknowledged[s->message] = r->progress;
	r->n_acknowledged++;
	session_next(s, c);
}

static void session_advance(struct session *s, struct conn *c)
{
	switch (s->state) {
	case GREETING:
		conn_puts(c, "EHLO source.example\r\n");
		s->state = EHLO;
		break;
	case EHLO:
		session_next(s, c);
		break;
	case MAIL:
		if (!s->run->pipelining)
			conn_puts(c, recipient(s));
		s->state = RCPT;
		break;
	case RCPT:
		if (!s->run->pipelining)
			conn_puts(c, "DATA\r\n");
		s->state = DATA;
		break;
	case DATA:
		session_put_body(s, c);
		s->run->sent[s->message] = now_ns();
		s->state = DOT;
		break;
	case DOT:
		session_acknowledged(s, c);
		break;
	case QUIT:
		conn_end(c);
		break;
	}
}

static size_t session_input(struct conn *c, const char *data, size_t size, void *ctx)
{
	struct session *s = ctx;
	size_t taken = 0;

	for (;;) {
		const char *line = data + taken, *end = memchr(line, '\n', size - taken);
		size_t length;

		if (end == NULL)
			return taken;
		length = (size_t)(end - line);
		taken += length + 1;
		if (length > 3 && line[3] == '-')
			continue;
		if (line[0] != (s->state == DATA ? '3' : '2')) {
			session_refused(s, c, line, length);
			return size;
		}
		session_advance(s, c);
	}
}

static void session_gone(struct conn *c, void *ctx)
{
	struct session *s = ctx;

	(void)c;
	if (s->state != QUIT && s->run->error[0] == '\0')
		snprintf(s->run->error, sizeof(s->run->error), "connection closed in state %d",
			(int)s->state);
	s->run->n_open--;
	free(s);
}

void source_start(struct run *r)
{
	uint32_t i;

	for (i = 0; i < r->sessions; i++) {
		struct session *s;
		int fd = conn_dial(r->port);

		if (fd < 0) {
			snprintf(r->error, sizeof(r->error), "connect: %s", strerror(errno));
			return;
		}
		s = xcalloc(1, sizeof(*s));
		s->run = r;
		conn_new(fd, session_input, session_gone, s);
		r->n_open++;
	}
}
