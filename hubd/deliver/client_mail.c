/* client_mail.c - one mail transaction: MAIL, RCPT, DATA or BDAT, and the replies in their order.
 *
 * With PIPELINING the commands are written ahead when MAIL is entered; the states then only take
 * the replies. What was written ahead must be answered even when an earlier command was refused
 * (RFC 2920 section 3.1), so a refusal sets facts and goes on reading.
 */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "hubd/deliver/client_priv.h"
#include "hubd/spool/spool.h"
#include "libhub/smtp/command.h"

enum {
	PIPELINED_BODY_MAX = 64 * 1024,	/* larger ones wait for the recipients' replies */
	AUTH_VALUE_MAX = 500,		/* RFC 4954 section 3 (6) */
};

/* --- facts --- */

void client_fact_set(struct client *c, uint32_t i, const struct client_fact *f)
{
	struct client_fact *out = &c->facts[i];

	if (out->text != NULL)
		return;
	*out = *f;
	/* one reply for all is the rule: it lies in c->line already */
	if (f->text != c->line) {
		if (c->texts == NULL)
			c->texts = arena_new();
		out->text = arena_strdup(c->texts, f->text);
	}
}

void client_fact_rest(struct client *c, const struct client_fact *f)
{
	uint32_t i;

	for (i = 0; i < c->n; i++)
		client_fact_set(c, i, f);
}

void client_fact_of_reply(struct client_fact *f, enum verdict_stage stage,
	const struct smtp_reply *r, char text[CLIENT_TEXT_MAX])
{
	*f = (struct client_fact){
		.ok = smtp_reply_is_ok(r), .from_peer = true, .stage = stage, .code = r->code,
		.event = verdict_event_of(r->code),
		.text = smtp_reply_join(r, text, CLIENT_TEXT_MAX),
	};
	if (r->enhanced.class != 0)
		snprintf(f->status, sizeof(f->status), "%u.%u.%u", r->enhanced.class,
			r->enhanced.subject % 1000u, r->enhanced.detail % 1000u);
}

void client_decided(struct client *c)
{
	c->msg = NULL;
	c->pump_on = false;
	client_fit_end(c);
	c->cb->on_sent(c, c->facts, c->ctx);
}

/* Where the text of a reply goes: c->line saves a copy, but serves one reply a message. */
static char *room(struct client *c, char *own)
{
	char *p = c->line_used ? own : c->line;

	c->line_used = true;
	return p;
}

/* All undecided recipients of the transaction share this reply. */
static void rest_by_reply(struct client *c, enum verdict_stage stage, const struct smtp_reply *r)
{
	char own[CLIENT_TEXT_MAX];
	struct client_fact f;
	uint32_t i;

	client_fact_of_reply(&f, stage, r, room(c, own));
	for (i = c->slice; i < c->slice_end; i++)
		client_fact_set(c, i, &f);
}

/* --- MAIL --- */

void client_begin(struct client *c)
{
	c->n = c->msg->env->recipient_count;
	if (c->n > c->facts_size) {
		c->facts = xreallocarray(c->facts, c->n, sizeof(*c->facts));
		c->facts_size = c->n;
	}
	memset(c->facts, 0, c->n * sizeof(*c->facts));
	arena_free(&c->texts);
	c->line_used = false;
	c->enough = 0;
	client_fit_begin(c);
	c->bdat = smtp_capability_has(&c->caps, SMTP_EXT_CHUNKING);
	client_slice_begin(c, 0);
}

/* Without looking for it among those further back: recipients come sorted by domain, mostly. */
static bool has_other_domain(const struct client *c, uint32_t a, uint32_t b)
{
	const struct envelope_recipient *r = c->msg->env->recipients;
	const char *x = strrchr(r[a].address, '@'), *y = strrchr(r[b].address, '@');

	return x == NULL || y == NULL || strcasecmp(x, y) != 0;
}

/* How many recipients the peer said or showed that it takes; 0 = no limit is known. */
static uint32_t most_recipients(const struct client *c)
{
	uint32_t said = c->caps.rcpt_max;

	return said == 0 || (c->enough != 0 && c->enough < said) ? c->enough : said;
}

/* RFC 9422: the end of what the peer takes in one transaction. */
static uint32_t slice_end(const struct client *c, uint32_t start)
{
	const struct smtp_capability *caps = &c->caps;
	uint32_t i, last = start, domains = 0, named = 0, most = most_recipients(c);

	if (most == 0 && caps->rcpt_domain_max == 0)
		return c->n;
	for (i = start; i < c->n; i++) {
		if (client_is_skipped(c, i))
			continue;
		domains += named == 0 || has_other_domain(c, last, i);
		if ((most != 0 && named == most) ||
			(caps->rcpt_domain_max != 0 && domains > caps->rcpt_domain_max))
			break;
		named++;
		last = i;
	}
	return i;
}

void client_slice_begin(struct client *c, uint32_t start)
{
	c->slice = start;
	c->slice_end = slice_end(c, start);
	c->rcpt_sent = c->rcpt_done = c->final_next = start;
	c->accepted = c->chunks_pending = 0;
	c->excess = c->slice_end;
	c->mail_refused = c->data_sent = c->last_sent = c->prefix_sent = c->chunk_failed = false;
	c->pump_waits = c->pump_on = false;
	c->encoder.emit = NULL;
}

/* Goes on with recipients that were more than the peer takes at once; false if there are none. */
static bool next_slice(struct client *c)
{
	static const struct client_fact enough = { .stage = STAGE_MAIL, .event = EVENT_CLOSING,
		.text = "the peer takes no more messages on this connection" };
	uint32_t i = c->slice_end;

	while (i < c->n && c->facts[i].text != NULL)
		i++;
	if (i == c->n)
		return false;
	if (client_is_spent(c)) {
		client_fact_rest(c, &enough);
		return false;
	}
	client_body_rewind(c);
	client_slice_begin(c, i);
	return true;
}

static bool is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

/* RFC 4954 section 5: who sent it is said only if the peer can take it. */
static void write_submitter(struct client *c)
{
	const char *submitter = c->msg->submitter;
	char xtext[AUTH_VALUE_MAX + 1];

	if (submitter == NULL || !smtp_capability_has(&c->caps, SMTP_EXT_AUTH))
		return;
	if (*submitter == '\0')
		client_put(c, " AUTH=<>");
	else if ((is_ascii(submitter) || smtp_capability_has(&c->caps, SMTP_EXT_SMTPUTF8)) &&
		smtp_xtext_encode(xtext, sizeof(xtext), submitter, strlen(submitter)) > 0)
		client_put(c, " AUTH=%s", xtext);
}

static void write_mail(struct client *c)
{
	static const char *const bodies[] = { "", " BODY=8BITMIME", " BODY=BINARYMIME" };
	static const char *const rets[] = { "", " RET=FULL", " RET=HDRS" };
	const struct envelope *env = c->msg->env;
	bool dsn = smtp_capability_has(&c->caps, SMTP_EXT_DSN);
	char size[32] = "";

	/* how large a converted message gets is not known yet */
	if (smtp_capability_has(&c->caps, SMTP_EXT_SIZE) && !c->converting)
		snprintf(size, sizeof(size), " SIZE=%llu",
			(unsigned long long)client_wire_size(c->msg));
	client_put(c, "MAIL FROM:<%s>%s%s%s%s%s%s", env->sender, size,
		bodies[c->body], c->utf8 ? " SMTPUTF8" : "", dsn ? rets[env->ret] : "",
		dsn && *env->envid != '\0' ? " ENVID=" : "", dsn ? env->envid : "");
	write_submitter(c);
	client_put_end(c);
}

static void write_notify(struct client *c, uint32_t notify)
{
	static const struct {
		uint32_t bit;
		const char *word;
	} words[] = {
		{ ENVELOPE_NOTIFY_NEVER, "NEVER" },
		{ ENVELOPE_NOTIFY_SUCCESS, "SUCCESS" },
		{ ENVELOPE_NOTIFY_FAILURE, "FAILURE" },
		{ ENVELOPE_NOTIFY_DELAY, "DELAY" },
	};
	const char *before = " NOTIFY=";
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++)
		if ((notify & words[i].bit) != 0) {
			client_put(c, "%s%s", before, words[i].word);
			before = ",";
		}
}

/*
 * RFC 3461 section 4.2: the address as the sender knows it survives our rewriting. What is not
 * ASCII goes to a peer without SMTPUTF8 in the other form of RFC 6533 section 3, if that fits.
 */
static void write_orcpt(struct client *c, const struct envelope_recipient *r)
{
	const char *original = r->original;
	char text[SMTP_ORCPT_MAX + 1];
	int n;

	if (*r->orcpt != '\0' && (c->utf8 || smtp_is_ascii(r->orcpt)))
		client_put(c, " ORCPT=%s", r->orcpt);
	else if (*r->orcpt != '\0' && smtp_utf8_address_encode(text, sizeof(text), r->orcpt,
		strlen(r->orcpt), false) > 0)
		client_put(c, " ORCPT=%s", text);
	if (*r->orcpt != '\0' || *original == '\0')
		return;
	if (smtp_is_ascii(original))
		n = smtp_xtext_encode(text, sizeof(text), original, strlen(original));
	else
		n = smtp_utf8_address_encode(text, sizeof(text), original, strlen(original), true);
	if (n > 0)
		client_put(c, " ORCPT=%s;%s",
			smtp_is_ascii(original) ? "rfc822" : "utf-8", text);
}

static void write_rcpt(struct client *c)
{
	const struct envelope_recipient *r = &c->msg->env->recipients[c->rcpt_sent++];

	if (client_is_skipped(c, c->rcpt_sent - 1))
		return;
	client_put(c, "RCPT TO:<%s>", r->address);
	if (smtp_capability_has(&c->caps, SMTP_EXT_DSN)) {
		write_notify(c, r->notify);
		write_orcpt(c, r);
	}
	client_put_end(c);
}

static enum step begin_body(struct client *c)
{
	c->data_sent = true;
	if (c->bdat) {
		c->pump_on = true;
		return client_pump(c);
	}
	client_say(c, "DATA");
	return STEP_WAIT;
}

enum step client_mail_enter(struct client *c)
{
	if (client_needs_scan(c))
		return client_next(c, CLIENT_SCAN);
	if (!c->fitted && !client_fits(c)) {
		client_decided(c);
		return c->over ? STEP_OVER : client_next(c, CLIENT_READY);
	}
	write_mail(c);
	c->mails++;
	if (!smtp_capability_has(&c->caps, SMTP_EXT_PIPELINING))
		return STEP_WAIT;
	while (c->rcpt_sent < c->slice_end)
		write_rcpt(c);
	if (c->bdat && client_wire_size(c->msg) > PIPELINED_BODY_MAX)
		return STEP_WAIT;
	return begin_body(c);
}

/*
 * RFC 5321 section 4.5.3.1.10: what was too much for a transaction that succeeded is for the next
 * one. It takes at least one recipient off, so it ends.
 */
static void put_back_excess(struct client *c)
{
	uint32_t i;

	for (i = c->excess; i < c->slice_end; i++)
		if (!client_is_skipped(c, i))
			c->facts[i] = (struct client_fact){ .text = NULL };
	c->slice_end = c->excess;
}

/* The transaction is over; the session goes on, by RSET if next says so. */
static enum step finish(struct client *c, enum client_state next)
{
	if (next == CLIENT_READY)
		put_back_excess(c);
	if (next_slice(c))
		return client_next(c, next == CLIENT_RSET ? CLIENT_RSET : CLIENT_MAIL);
	client_decided(c);
	return c->over ? STEP_OVER : client_next(c, next);
}

enum step client_mail_reply(struct client *c, const struct smtp_reply *r)
{
	if (r->code >= 300 && r->code < 400)
		return client_fail(c, EVENT_NONSENSE, r, "reply");
	if (smtp_reply_is_ok(r))
		return client_next(c, CLIENT_RCPT);
	rest_by_reply(c, STAGE_MAIL, r);
	c->mail_refused = true;
	if (c->rcpt_sent == 0)
		return finish(c, CLIENT_READY);
	return client_next(c, CLIENT_RCPT);
}

/* --- RCPT --- */

/* All recipients have their reply. */
static enum step after_rcpt(struct client *c)
{
	if (c->data_sent)
		return client_next(c, c->bdat ? CLIENT_BODY : CLIENT_DATA);
	if (c->accepted == 0)
		return finish(c, c->mail_refused ? CLIENT_READY : CLIENT_RSET);
	return client_next(c, CLIENT_DATA);
}

enum step client_rcpt_enter(struct client *c)
{
	while (c->rcpt_done < c->slice_end && client_is_skipped(c, c->rcpt_done)) {
		if (c->rcpt_sent == c->rcpt_done)
			c->rcpt_sent++;
		c->rcpt_done++;
	}
	if (c->rcpt_done == c->slice_end)
		return after_rcpt(c);
	if (c->rcpt_sent == c->rcpt_done)
		write_rcpt(c);
	return STEP_WAIT;
}

/*
 * Does it say that there are too many recipients? By its status (452 and 451 are seen with that),
 * or without one by a code that may mean it.
 */
static bool is_excess(const struct client_fact *f, const struct smtp_reply *r)
{
	if (r->enhanced.class != 0)
		return r->enhanced.subject == 5 && r->enhanced.detail == 3;
	return f->code == 452 || f->code == 552;
}

/* Only at the end of those that the peer took: one after them shows that it was not the number. */
static void note_excess(struct client *c, bool is_one)
{
	if (!is_one) {
		c->excess = c->slice_end;
	} else if (c->excess == c->slice_end && c->accepted > 0) {
		c->excess = c->rcpt_done;
		c->enough = c->accepted;
	}
}

enum step client_rcpt_reply(struct client *c, const struct smtp_reply *r)
{
	char text[CLIENT_TEXT_MAX];
	struct client_fact f;

	if (r->code >= 300 && r->code < 400)
		return client_fail(c, EVENT_NONSENSE, r, "reply");
	if (smtp_reply_is_ok(r) && !c->mail_refused) {
		c->accepted++;
		note_excess(c, false);
	} else {
		client_fact_of_reply(&f, STAGE_RCPT, r, text);
		if (f.ok)	/* accepted though MAIL was not: MAIL's fact stands */
			f.event = EVENT_NONSENSE;
		f.ok = false;
		note_excess(c, is_excess(&f, r));
		client_fact_set(c, c->rcpt_done, &f);
	}
	c->rcpt_done++;
	return client_next(c, CLIENT_RCPT);
}

/* --- DATA --- */

enum step client_data_enter(struct client *c)
{
	if (c->data_sent)
		return STEP_WAIT;
	if (!c->bdat)
		return begin_body(c);
	return client_next(c, CLIENT_BODY);
}

enum step client_data_reply(struct client *c, const struct smtp_reply *r)
{
	if (r->code == 354)
		return client_next(c, CLIENT_BODY);
	if (r->code < 400)
		return client_fail(c, EVENT_NONSENSE, r, "reply");
	rest_by_reply(c, STAGE_DATA, r);
	return finish(c, c->mail_refused ? CLIENT_READY : CLIENT_RSET);
}

/* --- the body and its reply --- */

/*
 * A server that says 354 with no recipient at all waits for a message nevertheless: it gets an
 * empty one, and its answer is of no interest.
 */
static enum step empty_body(struct client *c)
{
	stream_write(c->stream, ".\r\n", 3);
	c->owed++;
	c->last_sent = true;
	return STEP_WAIT;
}

enum step client_body_enter(struct client *c)
{
	if (!c->bdat && c->accepted == 0)
		return empty_body(c);
	if (!c->bdat || !c->data_sent) {
		c->data_sent = c->pump_on = true;
		return client_pump(c);
	}
	return STEP_WAIT;
}

/*
 * The i-th accepted recipient that has no fact yet (RFC 2033 section 4.2: replies in their order).
 */
static uint32_t next_accepted(struct client *c)
{
	while (c->facts[c->final_next].text != NULL)
		c->final_next++;
	return c->final_next;
}

static enum step lmtp_reply(struct client *c, const struct smtp_reply *r)
{
	char own[CLIENT_TEXT_MAX];
	struct client_fact f;

	client_fact_of_reply(&f, STAGE_BODY, r, room(c, own));
	client_fact_set(c, next_accepted(c), &f);
	return --c->accepted == 0 ? finish(c, CLIENT_READY) : STEP_WAIT;
}

/* Something is left to be read that is not about the end of the session. */
static bool says_more(const struct client *c)
{
	struct iovec piece;

	return stream_peek(c->stream, &piece, 1) == 1 && piece.iov_len >= 3 &&
		memcmp(piece.iov_base, "421", 3) != 0;
}

/*
 * Does what the peer says not fit what it was told? It takes the message before it has it; or,
 * where no 354 shows that both are at one place, there was a reply too many, and this one belongs
 * to an earlier command.
 */
static bool out_of_step(const struct client *c)
{
	return stream_pending_output(c->stream) > 0 || (c->bdat && !c->cfg.lmtp && says_more(c));
}

/* The reply to the end of the message. */
static enum step final_reply(struct client *c, const struct smtp_reply *r)
{
	if (smtp_reply_is_ok(r) && out_of_step(c))
		return client_fail(c, EVENT_NONSENSE, NULL, "a reply to something else: %d",
			r->code);
	if (c->cfg.lmtp && c->chunk_failed)	/* one reply or one for each? servers differ */
		return client_fail(c, EVENT_NONSENSE, r, "reply");
	if (c->cfg.lmtp && c->accepted > 0)
		return lmtp_reply(c, r);
	rest_by_reply(c, STAGE_BODY, r);
	return finish(c, c->mail_refused || smtp_reply_is_ok(r) ? CLIENT_READY : CLIENT_RSET);
}

/* A reply to a chunk that is not the last. */
static enum step chunk_reply(struct client *c, const struct smtp_reply *r)
{
	if (!smtp_reply_is_ok(r)) {
		rest_by_reply(c, STAGE_DATA, r);
		c->chunk_failed = true;
		c->pump_on = false;
	}
	if (c->chunk_failed && !c->last_sent && c->chunks_pending == 0)
		return finish(c, CLIENT_RSET);
	return c->pump_on && !c->pump_waits ? client_pump(c) : STEP_WAIT;
}

/* A no before the message was all sent: nothing can follow on this connection. */
enum step client_body_refused(struct client *c, const struct smtp_reply *r)
{
	rest_by_reply(c, STAGE_BODY, r);
	return client_fail(c, verdict_event_of(r->code), r, "reply");
}

enum step client_body_reply(struct client *c, const struct smtp_reply *r)
{
	if (r->code >= 300 && r->code < 400)
		return client_fail(c, EVENT_NONSENSE, r, "reply");
	if (c->bdat) {
		if (c->chunks_pending == 0)
			return client_fail(c, EVENT_NONSENSE, r, "reply");
		if (!c->last_sent || c->chunks_pending > 1) {
			c->chunks_pending--;
			return chunk_reply(c, r);
		}
		return final_reply(c, r);
	}
	if (!c->last_sent || (!smtp_reply_is_ok(r) && stream_pending_output(c->stream) > 0))
		return client_body_refused(c, r);
	return final_reply(c, r);
}
