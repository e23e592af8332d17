/* session_log.c - see session.h: what a session writes to the Receive protocol log. */
#include "hubd/receive/session.h"

#include <stdarg.h>
#include <string.h>

#include "hubd/receive/blank.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* What stands on all lines of this session; made for the first. */
static struct protocol_session *session_line(struct session *s)
{
	struct protocol_session *p = s->log_session;
	struct sockaddr_storage local;

	if (p != NULL)
		return p;
	p = s->log_session = xcalloc(1, sizeof(*p));
	p->id = s->id;
	snprintf(p->connector, sizeof(p->connector), "%.64s\\%.64s",
		s->receiver->live->self->obj.name, s->connector->obj.name);
	stream_local(s->stream, &local);
	protocol_endpoint(&local, p->local);
	protocol_endpoint(stream_peer(s->stream), p->remote);
	return p;
}

static void write_line(struct session *s, enum protocol_event event, const char *data, size_t n,
	const char *context)
{
	protocol_log_write(s->receiver->cfg.protocol_log, session_line(s), event, data, n,
		context);
}

bool session_is_logged(struct session *s)
{
	const struct receive_connector *rc;

	if (s->log_checked != s->receiver->lives) {
		s->log_checked = s->receiver->lives;
		rc = session_current_connector(s);
		s->log_verbose = s->receiver->cfg.protocol_log != NULL && rc != NULL &&
			rc->logging == PROTOCOL_LOGGING_VERBOSE;
	}
	return s->log_verbose;
}

void session_note_write(struct session *s, const char *context, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	protocol_log_note(s->receiver->cfg.protocol_log, session_line(s), context, fmt, ap);
	va_end(ap);
}

void session_log_connected(struct session *s)
{
	if (session_is_logged(s))
		write_line(s, PROTOCOL_CONNECT, NULL, 0, NULL);
}

void session_log_disconnected(struct session *s)
{
	if (session_is_logged(s))
		write_line(s, PROTOCOL_DISCONNECT, NULL, 0,
			s->finished ? "Local" : "Remote");
}

/* A challenge may help to guess the password that answers it. */
static size_t shown_of_reply(const char *line, size_t n)
{
	static const char challenge[] = "334 ";

	return n > sizeof(challenge) && memcmp(line, challenge, sizeof(challenge) - 1) == 0 ?
		sizeof(challenge) - 2 : n;
}

void session_log_sent(struct session *s, const char *wire, size_t n)
{
	const char *end;
	size_t length;

	if (!session_is_logged(s))
		return;
	for (; n != 0; wire += length + 1, n -= length + 1) {
		end = memchr(wire, '\n', n);
		if (end == NULL)
			return;
		length = (size_t)(end - wire);
		write_line(s, PROTOCOL_SENT, wire, shown_of_reply(wire, length - 1), NULL);
	}
}

void session_log_command(struct session *s, const struct blank_line *line)
{
	struct blank_line l = *line;
	char text[BLANK_MAX];

	l.secretive = s->secretive;
	s->secretive = s->secretive || l.verb == SMTP_VERB_AUTH || l.verb == SMTP_VERB_DATA ||
		l.verb == SMTP_VERB_BDAT;
	if (!session_is_logged(s))
		return;
	if (blank_command(&l, text) == BLANK_TEXT)
		write_line(s, PROTOCOL_RECEIVED, text, strlen(text), NULL);
	else
		write_line(s, PROTOCOL_RECEIVED, l.p, l.n, NULL);
}

void session_log_hidden(struct session *s, size_t n, const char *what)
{
	char text[BLANK_MAX];

	if (!session_is_logged(s))
		return;
	blank_all(n, text);
	write_line(s, PROTOCOL_RECEIVED, text, strlen(text), what);
}

void receiver_check_logging(const struct live *live, bool is_kept)
{
	struct objects mine = snapshot_server_connectors(live->snapshot, live->self);
	size_t i;

	for (i = 0; i < mine.n && !is_kept; i++) {
		const struct receive_connector *rc = (const void *)mine.v[i];

		if (rc->obj.enabled && rc->logging == PROTOCOL_LOGGING_VERBOSE)
			log_event(LOG_LEVEL_WARNING, "protocol-log-off",
				LOG_STR("connector", rc->obj.name),
				LOG_STR("why", "protocol_log = off in the settings"), LOG_END);
	}
}
