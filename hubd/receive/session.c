/* session.c - see session.h: the life of a session and the dispatch of its commands. */
#include "hubd/receive/session.h"

#include <openssl/crypto.h>
#include <string.h>

#include "hubd/receive/manners.h"
#include "hubd/track/counters.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* Flags of a verb's row. */
enum {
	NEEDS_HELO = 1,
	NEEDS_TLS = 2,		/* where the connector requires TLS */
	NEEDS_NO_TX = 4,	/* not within a transaction */
};

static const struct {
	verb_run *run;
	unsigned int flags;
} verbs[SMTP_VERBS] = {
	[SMTP_VERB_EHLO] = { verb_ehlo, 0 },
	[SMTP_VERB_HELO] = { verb_ehlo, 0 },
	[SMTP_VERB_MAIL] = { verb_mail, NEEDS_HELO | NEEDS_TLS | NEEDS_NO_TX },
	[SMTP_VERB_RCPT] = { verb_rcpt, NEEDS_HELO | NEEDS_TLS },
	[SMTP_VERB_DATA] = { verb_data, NEEDS_HELO | NEEDS_TLS },
	[SMTP_VERB_BDAT] = { verb_bdat, NEEDS_HELO | NEEDS_TLS },
	[SMTP_VERB_RSET] = { verb_rset, 0 },
	[SMTP_VERB_NOOP] = { verb_noop, 0 },
	[SMTP_VERB_VRFY] = { verb_vrfy, NEEDS_TLS },
	[SMTP_VERB_HELP] = { verb_help, 0 },
	[SMTP_VERB_QUIT] = { verb_quit, 0 },
	[SMTP_VERB_STARTTLS] = { verb_starttls, NEEDS_NO_TX },
	[SMTP_VERB_AUTH] = { verb_auth, NEEDS_HELO | NEEDS_TLS | NEEDS_NO_TX },
};

enum {
	OUTPUT_MAX = 32 * 1024,	/* bytes of replies before the peer has to fetch some */
	STEPS_MAX = 32,	/* commands, or pieces of content, before others have their turn */
};

static void session_run(struct session *s);

/* --- state --- */

const char *session_fqdn(const struct session *s)
{
	return s->connector->fqdn != NULL ? s->connector->fqdn : s->arrival->live->fqdn;
}

uint64_t session_size_limit(const struct session *s)
{
	const struct organization *org = s->receiver->live->snapshot->org;
	uint64_t of_org = s->principal == PRINCIPAL_USER ? org->max_send_size :
		org->max_receive_size, of_connector = s->connector->max_size;

	if (session_may(s, RIGHT_BYPASS_MESSAGE_SIZE_LIMIT))
		return 0;
	if (of_connector == 0 || (of_org != 0 && of_org < of_connector))
		return of_org;
	return of_connector;
}

const struct server *session_peer_server(const struct session *s)
{
	const struct server *hub;

	if (s->principal != PRINCIPAL_HUB)
		return NULL;
	hub = snapshot_server_by_key(s->receiver->live->snapshot,
		stream_peer_key_digest(s->stream));
	return hub != NULL && strcmp(hub->obj.name, s->identity) == 0 ? hub : NULL;
}

void session_reset(struct session *s)
{
	struct transaction *tx = s->tx;

	if (tx == NULL)
		return;
	s->tx = NULL;
	stream_set_input_limit(s->stream, STREAM_INPUT_COMMANDS);
	intake_free(&tx->intake);
	arena_free(&tx->arena);
	free(tx);
}

struct session *session_find(struct receiver *r, uint64_t id)
{
	struct session *s;

	HASH_FIND(hh, r->sessions, &id, sizeof(id), s);
	return s;
}

static void session_free(struct session *s)
{
	if (s->timer != NULL)
		event_free(s->timer);
	free(s->helo);
	free(s->identity);
	free(s->identity_mail);
	free(s->domain);
	free(s->log_session);
	login_abandon(&s->login, s->receiver->cfg.logins);
	free(s);
}

/* A connection counts against the limits until it is closed: a peer may be slow to take leave. */
static void arrival_depart(void *ctx)
{
	struct arrival *a = ctx;

	inbox_post(a->departures, &a->node);
}

void session_end(struct session *s)
{
	session_log_disconnected(s);
	HASH_DEL(s->receiver->sessions, s);
	session_reset(s);
	live_unref(&s->arrival->live);
	s->arrival->departures = s->receiver->cfg.departures;
	if (s->finished || s->ended_by_peer) {
		stream_finish_then(&s->stream, arrival_depart, s->arrival);
	} else {
		stream_close(&s->stream);
		arrival_depart(s->arrival);
	}
	session_free(s);
}

/* --- dispatch --- */

void session_fault(struct session *s)
{
	uint64_t limit = s->connector->max_protocol_errors;

	s->errors++;
	if (limit == 0 || s->errors < limit || s->finished)
		return;
	counter_add(COUNTER_LIMIT_PROTOCOL_ERRORS, 1);
	session_shutdown(s, "4.7.0", "too many errors");
}

static bool allowed_now(struct session *s, enum smtp_verb verb)
{
	unsigned int flags = verbs[verb].flags;

	if ((flags & NEEDS_HELO) != 0 && s->helo == NULL)
		session_reply(s, 503, "5.5.1", "send EHLO first");
	else if ((flags & NEEDS_TLS) != 0 && s->connector->require_tls &&
		!stream_is_tls(s->stream))
		session_reply(s, 530, "5.7.0", "issue a STARTTLS command first");
	else if ((flags & NEEDS_NO_TX) != 0 && s->tx != NULL)
		session_reply(s, 503, "5.5.1", "not within a mail transaction");
	else
		return true;
	/* the chunk behind BDAT must not be read as commands */
	s->finished = s->finished || verb == SMTP_VERB_BDAT;
	session_fault(s);
	return false;
}

/* Gives the verb of the line. */
static enum smtp_verb obey(struct session *s, const char *line, size_t n)
{
	struct smtp_command_context context = { .extensions = s->extensions,
		.default_domain = s->connector->default_domain,
		.utf8 = s->tx != NULL && s->tx->envelope->smtputf8 };
	struct smtp_command c;
	struct smtp_reply error;
	bool well_formed;

	/* AUTH= of those who are trusted with it, also where nobody can log in */
	if (s->extensions != 0 && session_may(s, RIGHT_ACCEPT_AUTHENTICATION_FLAG))
		context.extensions |= SMTP_EXT_AUTH;
	well_formed = smtp_command_parse(&c, line, n, &context, &error) == 0;
	session_log_command(s, &(struct blank_line){ line, n, c.verb, well_formed, false });
	if (!well_formed) {
		if (c.verb == SMTP_VERB_UNKNOWN && manners_is_web(line, n)) {
			session_refuse_stranger(s, "speaks SMTP, not HTTP");
			return c.verb;
		}
		/* nobody knows how long the chunk behind a malformed BDAT is */
		s->finished = c.verb == SMTP_VERB_BDAT;
		session_send(s, &error);
		session_fault(s);
	} else if (verbs[c.verb].run == NULL) {
		session_reply(s, 502, "5.5.1", "%s is not implemented here",
			smtp_verb_name(c.verb));
		session_fault(s);
	} else if (allowed_now(s, c.verb)) {
		verbs[c.verb].run(s, &c);
	}
	return c.verb;
}

/* A password, or what a client takes for its place: the input's memory is used by others later. */
static void obey_and_forget(struct session *s, char *line, size_t n)
{
	enum smtp_verb verb = obey(s, line, n);

	if (verb == SMTP_VERB_AUTH || (verb == SMTP_VERB_UNKNOWN && s->secretive))
		OPENSSL_cleanse(line, n);
}

static void refuse_line(struct session *s, enum stream_line what, size_t n)
{
	session_log_hidden(s, n, what == STREAM_LINE_TOO_LONG ? "line too long" : "bare CR or LF");
	if (s->phase == PHASE_AUTH)
		auth_broken_line(s, what);
	else if (what == STREAM_LINE_TOO_LONG)
		session_reply(s, 500, "5.5.6", "line too long");
	else
		session_reply(s, 500, "5.5.2", "bare %s: lines end by CRLF",
			what == STREAM_LINE_BARE_LF ? "LF" : "CR");
	session_fault(s);
}

/* Takes one line; false when there is none. */
static bool take_line(struct session *s)
{
	size_t max = s->phase == PHASE_COMMAND ? SMTP_COMMAND_MAX : SMTP_AUTH_MAX, n;
	enum stream_line what;
	char *line;

	if (s->phase == PHASE_COMMAND && (s->extensions & SMTP_EXT_AUTH) != 0)
		max = SMTP_AUTH_MAX;
	what = stream_line(s->stream, &line, &n, max);
	if (what == STREAM_LINE_NONE)
		return false;
	if (what == STREAM_LINE_BARE_LF && manners_is_web(line, n)) {
		session_log_hidden(s, n, "HTTP");
		session_refuse_stranger(s, "speaks SMTP, not HTTP");
	} else if (what != STREAM_LINE_OK) {
		refuse_line(s, what, n);
	} else if (s->phase == PHASE_COMMAND) {
		if (s->tx != NULL || session_renew(s))
			obey_and_forget(s, line, n);
	} else {
		session_log_hidden(s, n, NULL);
		auth_line(s, line, n);
		OPENSSL_cleanse(line, n);
	}
	return true;
}

static bool in_content(const struct session *s)
{
	return s->phase == PHASE_DATA || s->phase == PHASE_BDAT;
}

/*
 * Replies that the peer does not fetch are kept, so no more are made for a while (RFC 2920 section
 * 3.2 asks clients to read while they write, as they would wait for each other else).
 */
static void hold_for_output(struct session *s)
{
	if (s->wait == WAIT_NOTHING && stream_pending_output(s->stream) > OUTPUT_MAX)
		s->wait = WAIT_OUTPUT;
}

/* However much one peer asks for at once, a turn of the loop stays short. */
static void hold_for_others(struct session *s)
{
	if (s->wait == WAIT_NOTHING)
		session_hold(s, WAIT_TURN, 0);
}

bool session_can_stop(const struct session *s)
{
	const struct receiver *r = s->receiver;

	return r->draining && !in_content(s) &&
		(s->tx == NULL || (r->impatient && s->tx->intake == NULL));
}

static void session_run(struct session *s)
{
	unsigned int steps = 0;
	bool more = true;

	s->running = true;
	while (more && s->wait == WAIT_NOTHING && !s->finished) {
		if (s->overdue != NULL)
			session_shutdown(s, "4.4.2", s->overdue);
		else if (session_can_stop(s))
			session_shutdown(s, "4.3.2", "the server is stopping");
		else
			more = in_content(s) ? content_feed(s) : take_line(s);
		hold_for_output(s);
		if (++steps == STEPS_MAX && more)
			hold_for_others(s);
	}
	s->running = false;
	if (s->finished || (s->ended_by_peer && s->wait == WAIT_NOTHING))
		session_end(s);
}

void session_resume(struct session *s)
{
	s->wait = WAIT_NOTHING;
	if (!s->running)
		session_run(s);
}

/* --- the stream's events --- */

static void on_readable(struct stream *stream, void *ctx)
{
	struct session *s = ctx;

	(void)stream;
	if (s->wait == WAIT_NOTHING)
		session_run(s);
}

static void on_drained(struct stream *stream, void *ctx)
{
	struct session *s = ctx;

	(void)stream;
	/* not at once: output is tried at the end of a turn, and this one would never end */
	if (s->wait == WAIT_OUTPUT)
		session_hold(s, WAIT_TURN, 0);
}

static void on_tls(struct stream *stream, void *ctx)
{
	(void)stream;
	starttls_done(ctx);
}

/*
 * The answer about a message that is being made durable comes first: told of a timeout instead, its
 * sender would send it again.
 */
static void time_out(struct session *s, enum stream_end reason)
{
	bool idle = reason == STREAM_END_INACTIVE;

	counter_add(idle ? COUNTER_LIMIT_INACTIVITY : COUNTER_LIMIT_CONNECTION_TIMEOUT, 1);
	s->overdue = idle ? "timeout: nothing was said for too long" :
		"timeout: the session takes too long";
	if (s->wait == WAIT_DELIVERY)
		acknowledge_now(s);
	else if (s->wait != WAIT_COMMIT)
		session_shutdown(s, "4.4.2", s->overdue);
}

static void on_closed(struct stream *stream, enum stream_end reason, const char *text, void *ctx)
{
	struct session *s = ctx;

	(void)stream;
	if (reason == STREAM_END_EOF) {
		s->ended_by_peer = true;
		/* a stranger that is held back and hangs up need not be waited for */
		if (s->wait == WAIT_TARPIT)
			session_end(s);
		else if (s->wait == WAIT_NOTHING)
			session_run(s);
		return;
	}
	if (reason == STREAM_END_INACTIVE || reason == STREAM_END_DEADLINE) {
		time_out(s, reason);
		return;
	}
	if (reason == STREAM_END_TLS) {
		session_note(s, "TLS", "%s", text);
		counter_add(COUNTER_TLS_FAILED, 1);
	}
	/* no warning, whatever it is: anybody who looks whether a port is open causes it */
	log_event(LOG_LEVEL_INFO, "session-lost", LOG_UINT("session", s->id),
		LOG_STR("peer", s->peer_address), LOG_STR("why", text), LOG_END);
	session_end(s);
}

static const struct stream_callbacks callbacks = {
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_tls = on_tls,
	.on_closed = on_closed,
};

/* --- begin --- */

void session_begin(struct receiver *r, struct arrival *a)
{
	struct session *s = xcalloc(1, sizeof(*s));

	/* the configuration that admitted it may still be on its way to this worker */
	if (r->live == NULL)
		receiver_set_live(r, a->live);
	s->id = r->next_id++;
	s->receiver = r;
	s->arrival = a;
	s->connector = a->connector;
	s->peer_address = a->source;
	HASH_ADD(hh, r->sessions, id, sizeof(s->id), s);
	s->stream = stream_accept(r->cfg.loop, a->fd, &callbacks, s);
	stream_set_inactivity(s->stream, (uint32_t)s->connector->inactivity_timeout_s);
	stream_set_deadline(s->stream, s->connector->connection_timeout_s * 1000);
	session_forget_peer(s);
	counter_add(COUNTER_RECEIVE_SESSIONS, 1);
	session_log_connected(s);
	session_judge(s);
	if (a->tls) {
		implicit_tls_begin(s);
	} else if (s->principal == PRINCIPAL_ANONYMOUS && manners_spoke_first(a->fd)) {
		session_refuse_stranger(s, "greets first: wait for it");
		session_end(s);
	} else {
		session_greet(s);
	}
}
