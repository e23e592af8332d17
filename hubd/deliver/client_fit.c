/* client_fit.c - can the peer take the message, and in what form?
 *
 * Most peers take any message as it is, and nothing is looked at. A message for one that lacks
 * 8BITMIME, BINARYMIME or SMTPUTF8 is read once before MAIL:
 *  - a body that the peer does not take is converted (conversion.h), or fails (RFC 6152 section 3).
 *    8-bit text that nobody declared, or that has no sender to return it to, goes out as it
 *    came in if it cannot be converted;
 *  - a message that was sent with SMTPUTF8 goes without it if its header and the addresses are
 *    ASCII (RFC 6531 section 3.6). A recipient that is not ASCII fails alone.
 */
#include <event2/buffer.h>
#include <event2/event.h>
#include <stdio.h>
#include <string.h>

#include "hubd/deliver/client_priv.h"
#include "hubd/spool/spool.h"
#include "libhub/smtp/address.h"

enum {
	READ_SIZE = 8192,
	SCAN_TURN = 512 * 1024,		/* bytes looked at before others get their turn */
};

static bool has(const struct client *c, uint32_t extensions)
{
	return smtp_capability_has(&c->caps, extensions);
}

uint64_t client_wire_size(const struct client_message *m)
{
	return m->size + strlen(m->prefix);
}

/* A fact of our own about the whole message: nothing was asked. */
static bool fail_all(struct client *c, enum verdict_event event, const char *text)
{
	struct client_fact f = { .stage = STAGE_MAIL, .event = event, .text = text };

	client_fact_rest(c, &f);
	return false;
}

void client_fit_begin(struct client *c)
{
	c->body = c->msg->env->body;
	c->utf8 = c->msg->env->smtputf8;
	c->fitted = c->scanned = c->converting = c->source_over = false;
}

void client_fit_end(struct client *c)
{
	free(c->conversion);
	c->conversion = NULL;
	if (c->converted != NULL)
		evbuffer_free(c->converted);
	c->converted = NULL;
	if (c->breath != NULL)
		event_free(c->breath);
	c->breath = NULL;
}

/* --- what the peer takes --- */

/* RFC 6531 section 3.1 (8): who takes UTF-8 headers takes 8-bit bodies. */
static bool takes_8bit(const struct client *c)
{
	return has(c, SMTP_EXT_8BITMIME) || (c->utf8 && has(c, SMTP_EXT_SMTPUTF8));
}

static bool takes_binary(const struct client *c)
{
	return has(c, SMTP_EXT_BINARYMIME | SMTP_EXT_CHUNKING);
}

static bool takes_body(const struct client *c)
{
	return c->msg->env->body == ENVELOPE_BODY_BINARYMIME ? takes_binary(c) : takes_8bit(c);
}

bool client_needs_scan(const struct client *c)
{
	return !c->scanned && (!takes_body(c) || (c->utf8 && !has(c, SMTP_EXT_SMTPUTF8)));
}

/* --- the look at it --- */

static void on_breath(evutil_socket_t fd, short what, void *ctx)
{
	struct client *c = ctx;

	(void)fd;
	(void)what;
	loop_touch(c->loop);
	client_advance(c, client_scan_enter(c));
}

static enum step scan_later(struct client *c)
{
	static const struct timeval now = { 0, 0 };

	if (c->breath == NULL)
		c->breath = evtimer_new(loop_base(c->loop), on_breath, c);
	BUG_ON(c->breath == NULL || event_add(c->breath, &now) != 0);
	return STEP_WAIT;
}

enum step client_scan_enter(struct client *c)
{
	const struct client_message *m = c->msg;
	char buf[READ_SIZE];
	size_t turn = 0;
	struct err e;
	ssize_t n;

	if (c->conversion == NULL) {
		c->conversion = xmalloc(sizeof(*c->conversion));
		smtp_conversion_init(c->conversion, takes_8bit(c) ? SMTP_CONVERSION_TO_8BIT :
			SMTP_CONVERSION_TO_7BIT);
	}
	while ((n = m->source->read(m->src, buf, sizeof(buf), &e)) > 0) {
		smtp_conversion_feed(c->conversion, buf, (size_t)n);
		turn += (size_t)n;
		if (turn >= SCAN_TURN)
			return scan_later(c);
	}
	if (n == SPOOL_BODY_WAIT)
		return STEP_WAIT;
	if (n < 0)
		return client_fail(c, EVENT_DAMAGED, NULL, "%s", e.text);
	smtp_conversion_end(c->conversion);
	m->source->rewind(m->src);
	c->scanned = true;
	return client_next(c, CLIENT_MAIL);
}

/* --- addresses --- */

/* Addresses may come from the directory: nothing in one may end the command that carries it. */
static bool is_carryable(const char *address)
{
	bool quoted = *address == '"';

	for (; *address != '\0'; address++) {
		unsigned char ch = (unsigned char)*address;

		if (ch < 0x20 || ch == 0x7f ||
			(!quoted && (ch == ' ' || ch == '<' || ch == '>')))
			return false;
	}
	return true;
}

/* NULL if SMTP can name the address to this peer. */
static const struct client_fact *address_fault(const struct client *c, const char *address)
{
	static const struct client_fact bad = { .stage = STAGE_RCPT, .event = EVENT_BAD_ADDRESS,
		.text = "the address has characters that SMTP cannot carry" };
	static const struct client_fact utf8 = { .stage = STAGE_RCPT, .event = EVENT_NO_UTF8,
		.text = "the address is not ASCII, and the peer does not offer SMTPUTF8" };
	static const struct client_fact sender = { .stage = STAGE_MAIL, .event = EVENT_NO_UTF8,
		.text = "the sender is not ASCII, and the peer does not offer SMTPUTF8" };

	if (!is_carryable(address))
		return &bad;
	/* domains are A-labels already, so it is the local part */
	if (c->msg->env->smtputf8 && !has(c, SMTP_EXT_SMTPUTF8) && !smtp_is_ascii(address))
		return address == c->msg->env->sender ? &sender : &utf8;
	return NULL;
}

bool client_is_skipped(const struct client *c, uint32_t i)
{
	return c->facts[i].text != NULL && (c->facts[i].event == EVENT_BAD_ADDRESS ||
		c->facts[i].event == EVENT_NO_UTF8);
}

/* Recipients that cannot be named get their fact; true if any is left. */
static bool addresses_fit(struct client *c)
{
	const struct envelope *env = c->msg->env;
	const struct client_fact *fault = address_fault(c, env->sender);
	uint32_t i, left = 0;

	if (fault != NULL) {
		client_fact_rest(c, fault);
		return false;
	}
	for (i = 0; i < c->n; i++) {
		fault = address_fault(c, env->recipients[i].address);
		if (fault == NULL)
			left++;
		else
			client_fact_set(c, i, fault);
	}
	return left > 0;
}

/* --- the form --- */

static void emit(void *ctx, const char *p, size_t n)
{
	struct client *c = ctx;

	BUG_ON(evbuffer_add(c->converted, p, n) != 0);
}

static void convert(struct client *c)
{
	c->converted = evbuffer_new();
	BUG_ON(c->converted == NULL);
	c->converting = true;
	c->body = c->conversion->target == SMTP_CONVERSION_TO_8BIT ? ENVELOPE_BODY_8BITMIME :
		ENVELOPE_BODY_7BIT;
	smtp_conversion_rewind(c->conversion, emit, c);
}

void client_body_rewind(struct client *c)
{
	c->msg->source->rewind(c->msg->src);
	if (!c->converting)
		return;
	evbuffer_drain(c->converted, evbuffer_get_length(c->converted));
	c->source_over = false;
	smtp_conversion_rewind(c->conversion, emit, c);
}

static bool body_fits(struct client *c)
{
	bool binary = c->msg->env->body == ENVELOPE_BODY_BINARYMIME;
	char text[CLIENT_TEXT_MAX];

	if (takes_body(c))
		return true;
	if (!binary && !c->conversion->has_8bit) {
		c->body = ENVELOPE_BODY_7BIT;
		return true;
	}
	if (c->conversion->faults == 0) {
		convert(c);
		return true;
	}
	/* a report that does not fit cannot be returned: as it is it may at least be read */
	if (c->msg->env->body == ENVELOPE_BODY_7BIT || (!binary && *c->msg->env->sender == '\0')) {
		c->body = ENVELOPE_BODY_7BIT;
		return true;
	}
	snprintf(text, sizeof(text), "the peer does not offer %s, and the message %s",
		binary ? "BINARYMIME" : "8BITMIME",
		smtp_conversion_fault_text(c->conversion->faults));
	return fail_all(c, binary ? EVENT_NO_BINARY : EVENT_NO_8BIT, text);
}

bool client_fits(struct client *c)
{
	char text[CLIENT_TEXT_MAX];

	if (!addresses_fit(c))
		return false;
	if (c->caps.size_max != 0 && client_wire_size(c->msg) > c->caps.size_max) {
		snprintf(text, sizeof(text), "the message has %llu bytes, the peer takes %llu",
			(unsigned long long)client_wire_size(c->msg),
			(unsigned long long)c->caps.size_max);
		return fail_all(c, EVENT_TOO_BIG, text);
	}
	if (c->utf8 && !has(c, SMTP_EXT_SMTPUTF8)) {
		if (c->conversion->has_8bit_header)
			return fail_all(c, EVENT_NO_UTF8_HEADER, "the header is not ASCII, and the "
				"peer does not offer SMTPUTF8");
		c->utf8 = false;
	}
	if (!body_fits(c))
		return false;
	/* 8BITMIME is needed by nobody who was not asked for it */
	if (c->body == ENVELOPE_BODY_8BITMIME && !has(c, SMTP_EXT_8BITMIME))
		c->body = ENVELOPE_BODY_7BIT;
	c->fitted = true;
	return true;
}

/* --- what goes out --- */

ssize_t client_body_read(struct client *c, void *buf, size_t size, struct err *e)
{
	const struct client_message *m = c->msg;
	char raw[READ_SIZE];
	ssize_t n;

	if (!c->converting)
		return m->source->read(m->src, buf, size, e);
	while (evbuffer_get_length(c->converted) == 0 && !c->source_over) {
		n = m->source->read(m->src, raw, sizeof(raw), e);
		if (n < 0)
			return n;
		c->source_over = n == 0;
		if (c->source_over)
			smtp_conversion_end(c->conversion);
		else
			smtp_conversion_feed(c->conversion, raw, (size_t)n);
	}
	return evbuffer_remove(c->converted, buf, size);
}
