/* client.c - the session: the state table, the one place where the state changes, and the way to
 * the first message. AUTH is in client_auth.c, the transaction in client_mail.c, the body in
 * client_pump.c.
 */
#include "hubd/deliver/client_priv.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static enum step greeting_reply(struct client *c, const struct smtp_reply *r);
static enum step ehlo_enter(struct client *c);
static enum step ehlo_reply(struct client *c, const struct smtp_reply *r);
static enum step helo_enter(struct client *c);
static enum step helo_reply(struct client *c, const struct smtp_reply *r);
static enum step starttls_enter(struct client *c);
static enum step starttls_reply(struct client *c, const struct smtp_reply *r);
static enum step ready_enter(struct client *c);
static enum step unasked_reply(struct client *c, const struct smtp_reply *r);
static enum step probe_enter(struct client *c);
static enum step probe_reply(struct client *c, const struct smtp_reply *r);
static enum step rset_enter(struct client *c);
static enum step rset_reply(struct client *c, const struct smtp_reply *r);
static enum step quit_enter(struct client *c);

static const struct {
	const char *name;
	enum verdict_stage stage;
	enum step (*enter)(struct client *c);
	enum step (*reply)(struct client *c, const struct smtp_reply *r);
} states[CLIENT_STATES] = {
	[CLIENT_GREETING] = { "greeting", STAGE_GREETING, NULL, greeting_reply },
	[CLIENT_EHLO] = { "EHLO", STAGE_HELO, ehlo_enter, ehlo_reply },
	[CLIENT_HELO] = { "HELO", STAGE_HELO, helo_enter, helo_reply },
	[CLIENT_STARTTLS] = { "STARTTLS", STAGE_TLS, starttls_enter, starttls_reply },
	[CLIENT_TLS] = { "TLS handshake", STAGE_TLS, NULL, unasked_reply },
	[CLIENT_AUTH] = { "AUTH", STAGE_AUTH, client_auth_enter, client_auth_reply },
	[CLIENT_READY] = { "idle", STAGE_MAIL, ready_enter, unasked_reply },
	[CLIENT_SCAN] = { "scan", STAGE_MAIL, client_scan_enter, unasked_reply },
	[CLIENT_PROBE] = { "MAIL", STAGE_MAIL, probe_enter, probe_reply },
	[CLIENT_MAIL] = { "MAIL", STAGE_MAIL, client_mail_enter, client_mail_reply },
	[CLIENT_RCPT] = { "RCPT", STAGE_RCPT, client_rcpt_enter, client_rcpt_reply },
	[CLIENT_DATA] = { "DATA", STAGE_DATA, client_data_enter, client_data_reply },
	[CLIENT_BODY] = { "end of message", STAGE_BODY, client_body_enter, client_body_reply },
	[CLIENT_RSET] = { "RSET", STAGE_MAIL, rset_enter, rset_reply },
	[CLIENT_QUIT] = { "QUIT", STAGE_MAIL, quit_enter, NULL },
};

/* --- the machine --- */

enum step client_next(struct client *c, enum client_state next)
{
	c->next = next;
	return STEP_NEXT;
}

void client_advance(struct client *c, enum step step)
{
	while (step == STEP_NEXT) {
		c->state = c->next;
		step = states[c->state].enter != NULL ? states[c->state].enter(c) : STEP_WAIT;
	}
}

static enum step end(struct client *c, const struct client_fact *why)
{
	if (c->over)
		return STEP_OVER;
	c->over = true;
	c->cb->on_end(c, why, c->ctx);
	return STEP_OVER;
}

enum step client_fail(struct client *c, enum verdict_event event, const struct smtp_reply *r,
	const char *fmt, ...)
{
	char own[CLIENT_TEXT_MAX], text[CLIENT_TEXT_MAX];
	struct client_fact f = {
		.stage = c->connecting ? STAGE_CONNECT : states[c->state].stage,
		.event = event, .text = text,
	};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(own, sizeof(own), fmt, ap);
	va_end(ap);
	if (r != NULL)
		client_fact_of_reply(&f, f.stage, r, text);
	else
		snprintf(text, sizeof(text), "%s: %.*s", c->connecting ? "connect" :
			states[c->state].name, (int)sizeof(text) - 40, own);
	if (r == NULL)
		client_note(c, NULL, "%s", text);
	/* a reply that would be good elsewhere is no success here */
	f.ok = false;
	f.event = event;
	if (c->msg != NULL) {
		client_fact_rest(c, &f);
		client_decided(c);
	}
	return end(c, &f);
}

/* LMTP gives several to one end of a message. */
static bool is_one_of_several(const struct client *c)
{
	return c->cfg.lmtp && c->state == CLIENT_BODY && c->last_sent && c->accepted > 1 &&
		(!c->bdat || c->chunks_pending <= 1);
}

static enum step expected_reply(struct client *c, const struct smtp_reply *r)
{
	if (c->due > 0 && !is_one_of_several(c)) {
		c->due--;
		c->owed--;
	}
	return states[c->state].reply(c, r);
}

/*
 * A reply that was here before its command had left answers something else; to take it would put
 * each that follows to the wrong command, and at last a message down as taken that was not. Only
 * an error may come in the middle of a message, and 421 any time.
 */
static bool is_early(const struct client *c, const struct smtp_reply *r)
{
	return c->due == 0 && (c->state != CLIENT_BODY || c->last_sent || r->code < 400);
}

/* It came while the last of the message was on its way, and what it answers is the message. */
static bool is_early_no(const struct client *c, const struct smtp_reply *r)
{
	return c->state == CLIENT_BODY && !c->bdat && r->code >= 400;
}

static void take_reply(struct client *c)
{
	const struct smtp_reply *r = &c->reply;
	enum step step;

	c->reading_reply = false;
	if (c->in_part)
		stream_set_deadline(c->stream, 0);
	c->in_part = false;
	if (client_auth_hides(c, r->text, r->length))
		smtp_reply_set(&c->reply, r->code, NULL, "(the reply repeats the credential)");
	if (r->code == 421)
		step = client_fail(c, EVENT_CLOSING, r, "421");
	else if (!is_early(c, r))
		step = expected_reply(c, r);
	else if (is_early_no(c, r))
		step = client_body_refused(c, r);
	else
		step = unasked_reply(c, r);
	client_advance(c, step);
}

static void take_line(struct client *c, enum stream_line kind, const char *line, size_t len)
{
	struct err e;
	int rc;

	client_log_received(c, line, len);
	if (kind != STREAM_LINE_OK) {
		client_fail(c, EVENT_NONSENSE, NULL, "the peer's reply is %s",
			kind == STREAM_LINE_TOO_LONG ? "too long" : "no line of SMTP");
		return;
	}
	if (!c->reading_reply)
		smtp_reply_begin(&c->reply);
	c->reading_reply = true;
	rc = smtp_reply_feed(&c->reply, line, len, &e);
	if (rc < 0)
		client_fail(c, EVENT_NONSENSE, NULL, "%s", e.text);
	else if (rc == 0)
		take_reply(c);
}

/* A peer may say a byte now and then and never come to an end: one timeout for the whole reply. */
static void wait_for_rest(struct client *c)
{
	if (c->in_part || (!c->reading_reply && stream_input_len(c->stream) == 0))
		return;
	c->in_part = true;
	stream_set_deadline(c->stream, (uint64_t)c->cfg.timeout_s * 1000);
}

static void on_readable(struct stream *s, void *ctx)
{
	struct client *c = ctx;
	enum stream_line kind;
	size_t len;
	char *line;

	c->due = c->owed;
	while (!c->over && c->state != CLIENT_TLS) {
		kind = stream_line(s, &line, &len, SMTP_REPLY_LINE_MAX);
		if (kind == STREAM_LINE_NONE) {
			wait_for_rest(c);
			return;
		}
		take_line(c, kind, line, len);
	}
}

static void on_connected(struct stream *s, void *ctx)
{
	struct client *c = ctx;

	(void)s;
	c->connecting = false;
	c->connected = true;
	client_log_connected(c);
}

static void on_drained(struct stream *s, void *ctx)
{
	struct client *c = ctx;

	(void)s;
	if (c->pump_on && !c->pump_waits && !c->over)
		client_advance(c, client_pump(c));
}

static void on_tls(struct stream *s, void *ctx)
{
	struct client *c = ctx;
	struct err e;

	stream_set_deadline(c->stream, 0);
	client_log_tls(c);
	if (c->cfg.check_peer != NULL && c->cfg.check_peer(s, c->ctx, &e) != 0) {
		client_fail(c, EVENT_POLICY, NULL, "%s", e.text);
		return;
	}
	client_advance(c, client_next(c, CLIENT_EHLO));
}

static void on_closed(struct stream *s, enum stream_end reason, const char *text, void *ctx)
{
	struct client *c = ctx;

	(void)s;
	c->cut = true;
	if (c->over)
		return;
	client_fail(c, EVENT_LOST, NULL, "%s",
		reason == STREAM_END_EOF ? "the peer closed the connection" :
		reason == STREAM_END_DEADLINE && c->in_part ? "the reply does not end" : text);
}

static const struct stream_callbacks stream_events = {
	.on_connected = on_connected,
	.on_readable = on_readable,
	.on_drained = on_drained,
	.on_tls = on_tls,
	.on_closed = on_closed,
};

/* --- life --- */

struct client *client_new(struct loop *l, const struct client_config *cfg,
	const struct client_callbacks *cb, void *ctx)
{
	struct client *c = xcalloc(1, sizeof(*c));

	BUG_ON(cfg->tls != CLIENT_TLS_NEVER && cfg->context == NULL);
	BUG_ON(cfg->auth != CLIENT_AUTH_NONE && cfg->prover == NULL);
	c->loop = l;
	c->cfg = *cfg;
	c->cb = cb;
	c->ctx = ctx;
	c->state = CLIENT_GREETING;
	c->owed = 1;
	return c;
}

void client_connect(struct client *c, const struct sockaddr *to, socklen_t to_len,
	const struct sockaddr *source, socklen_t source_len, uint32_t timeout_ms)
{
	c->connecting = true;
	c->stream = stream_connect(c->loop, to, to_len, source, source_len, timeout_ms,
		&stream_events, c);
	stream_set_inactivity(c->stream, c->cfg.timeout_s);
	stream_set_silence(c->stream, c->cfg.silence_s);
	stream_set_hear_out(c->stream);
	if (send_log_is_on(c->cfg.log))
		send_log_ends(c->cfg.log, c->stream);
	client_note(c, NULL, "attempting to connect");
}

void client_adopt(struct client *c, int fd)
{
	c->stream = stream_accept(c->loop, fd, &stream_events, c);
	stream_set_inactivity(c->stream, c->cfg.timeout_s);
	stream_set_silence(c->stream, c->cfg.silence_s);
	stream_set_hear_out(c->stream);
	c->connected = true;
	client_log_connected(c);
}

static void free_deferred(void *ctx)
{
	struct client *c = ctx;

	arena_free(&c->texts);
	free(c->facts);
	free(c);
}

void client_free(struct client **cp)
{
	struct client *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	c->over = true;
	c->msg = NULL;
	c->pump_on = false;
	client_fit_end(c);
	client_auth_end(c);
	send_log_session_end(c->cfg.log, c->connected, c->cut ? "Remote" : "Local");
	c->cfg.log = NULL;
	if (c->state == CLIENT_QUIT)
		stream_finish(&c->stream);
	else
		stream_close(&c->stream);
	/* we may be below one of its own functions */
	loop_defer(c->loop, free_deferred, c);
}

/* --- to the point where mail may be sent --- */

static enum step refused(struct client *c, const struct smtp_reply *r)
{
	return client_fail(c, verdict_event_of(r->code), r, "refused");
}

static enum step greeting_reply(struct client *c, const struct smtp_reply *r)
{
	if (r->code != 220)
		return refused(c, r);
	return client_next(c, c->cfg.force_helo ? CLIENT_HELO : CLIENT_EHLO);
}

static enum step ehlo_enter(struct client *c)
{
	client_put(c, "%s %s", c->cfg.lmtp ? "LHLO" : "EHLO", c->cfg.name);
	client_put_end(c);
	return STEP_WAIT;
}

/* The session is set up as far as TLS goes. */
static enum step then_auth(struct client *c)
{
	return client_next(c, client_needs_auth(c) ? CLIENT_AUTH : CLIENT_READY);
}

static enum step ehlo_reply(struct client *c, const struct smtp_reply *r)
{
	bool needs_ehlo = c->cfg.lmtp || c->cfg.tls == CLIENT_TLS_ALWAYS || client_needs_auth(c) ||
		stream_is_tls(c->stream);

	if (smtp_reply_is_permanent(r) && !needs_ehlo)
		return client_next(c, CLIENT_HELO);
	if (!smtp_reply_is_ok(r))
		return refused(c, r);
	smtp_capability_parse(&c->caps, r);
	if (stream_is_tls(c->stream) || c->cfg.tls == CLIENT_TLS_NEVER)
		return then_auth(c);
	if (smtp_capability_has(&c->caps, SMTP_EXT_STARTTLS) || c->cfg.tls == CLIENT_TLS_ALWAYS)
		return client_next(c, CLIENT_STARTTLS);
	return then_auth(c);
}

static enum step helo_enter(struct client *c)
{
	memset(&c->caps, 0, sizeof(c->caps));
	client_put(c, "HELO %s", c->cfg.name);
	client_put_end(c);
	return STEP_WAIT;
}

static enum step helo_reply(struct client *c, const struct smtp_reply *r)
{
	if (!smtp_reply_is_ok(r))
		return refused(c, r);
	return client_next(c, CLIENT_READY);
}

static enum step starttls_enter(struct client *c)
{
	if (!smtp_capability_has(&c->caps, SMTP_EXT_STARTTLS))
		return client_fail(c, EVENT_POLICY, NULL,
			"required, but the peer does not offer it");
	client_say(c, "STARTTLS");
	return STEP_WAIT;
}

static enum step starttls_reply(struct client *c, const struct smtp_reply *r)
{
	struct err e;

	/*
	 * After any other yes the peer may wait for TLS; and a credential goes in clear only where
	 * TLS was never in sight.
	 */
	if (r->code != 220 && (r->code < 400 || c->cfg.tls == CLIENT_TLS_ALWAYS ||
		client_needs_auth(c)))
		return refused(c, r);
	if (r->code != 220)
		return then_auth(c);
	/* RFC 3207 section 4.2: what was said in clear is forgotten */
	memset(&c->caps, 0, sizeof(c->caps));
	if (stream_starttls_client(c->stream, c->cfg.context, &c->cfg.handshake, &e) != 0)
		return client_fail(c, EVENT_NONSENSE, NULL, "%s", e.text);
	stream_set_deadline(c->stream, (uint64_t)c->cfg.timeout_s * 1000);
	return client_next(c, CLIENT_TLS);
}

/* --- between messages --- */

static enum step wish(struct client *c)
{
	if (c->over)
		return STEP_OVER;
	if (c->msg != NULL)
		return client_next(c, CLIENT_MAIL);
	if (c->quit)
		return client_next(c, CLIENT_QUIT);
	return STEP_WAIT;
}

static enum step probe_enter(struct client *c)
{
	c->mails++;
	client_say(c, "MAIL FROM:<>");
	return STEP_WAIT;
}

static enum step probe_reply(struct client *c, const struct smtp_reply *r)
{
	return client_next(c, smtp_reply_is_ok(r) ? CLIENT_RSET : CLIENT_READY);
}

static enum step ready_enter(struct client *c)
{
	if (c->cfg.probe) {
		c->cfg.probe = false;
		return client_next(c, CLIENT_PROBE);
	}
	c->asking = true;
	c->cb->on_ready(c, c->ctx);
	c->asking = false;
	return wish(c);
}

void client_send(struct client *c, const struct client_message *m)
{
	BUG_ON(c->over || c->state != CLIENT_READY || c->msg != NULL);
	c->msg = m;
	client_begin(c);
	if (!c->asking)
		client_advance(c, wish(c));
}

void client_quit(struct client *c)
{
	BUG_ON(c->over || c->state != CLIENT_READY || c->msg != NULL);
	c->quit = true;
	if (!c->asking)
		client_advance(c, wish(c));
}

static enum step unasked_reply(struct client *c, const struct smtp_reply *r)
{
	char text[CLIENT_TEXT_MAX];

	return client_fail(c, EVENT_NONSENSE, NULL, "a reply that nothing asked for: %s",
		smtp_reply_join(r, text, sizeof(text)));
}

static enum step rset_enter(struct client *c)
{
	client_say(c, "RSET");
	return STEP_WAIT;
}

static enum step rset_reply(struct client *c, const struct smtp_reply *r)
{
	if (!smtp_reply_is_ok(r))
		return refused(c, r);
	return client_next(c, c->msg != NULL ? CLIENT_MAIL : CLIENT_READY);
}

/* The 221 is not waited for: the stream sees to it that QUIT gets there. */
static enum step quit_enter(struct client *c)
{
	static const struct client_fact bye = { .ok = true, .stage = STAGE_MAIL, .text = "" };

	client_say(c, "QUIT");
	return end(c, &bye);
}

bool client_peer_has_dsn(const struct client *c)
{
	return smtp_capability_has(&c->caps, SMTP_EXT_DSN);
}

bool client_is_spent(const struct client *c)
{
	return c->caps.mail_max != 0 && c->mails >= c->caps.mail_max;
}

const char *client_tls_version(const struct client *c)
{
	return c->stream != NULL ? stream_tls_version(c->stream) : NULL;
}

struct ssl_session_st *client_tls_session_take(const struct client *c)
{
	return c->stream != NULL ? stream_tls_session_take(c->stream) : NULL;
}

bool client_tls_resumed(const struct client *c)
{
	return c->stream != NULL && stream_tls_resumed(c->stream);
}
