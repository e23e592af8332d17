/* body.c - the streaming loops of DATA. Lines that are as they should be are passed over by
 * plain.h; for all others two memchr calls a line do nearly all the work.
 */
#include "libhub/smtp/body.h"

#include <string.h>

#include "libhub/base/err.h"
#include "libhub/smtp/plain.h"

enum {
	AT_LINE,	/* at the start of a line: after CRLF, or of the message */
	AT_DOT,		/* behind a dot at the start of a line */
	AT_DOT_CR,	/* behind that and a CR */
	AT_CR,		/* behind a CR inside a line */
	IN_LINE,
};

void smtp_body_decoder_init(struct smtp_body_decoder *d, smtp_span_cb emit, void *ctx)
{
	*d = (struct smtp_body_decoder){ .state = AT_LINE, .emit = emit, .ctx = ctx };
}

static void decoder_emit(struct smtp_body_decoder *d, const char *from, const char *to)
{
	if (from == to || d->faults != 0)
		return;
	d->size += (uint64_t)(to - from);
	d->emit(d->ctx, from, (size_t)(to - from));
}

/* Goes through lines from inside one to the end of the input, or to a dot that begins a line.
 * However many CRs there are, each byte is looked at twice at most. */
static const char *decoder_lines(struct smtp_body_decoder *d, const char *at, const char *end)
{
	const char *lf, *cr;

	while (at < end) {
		lf = memchr(at, '\n', (size_t)(end - at));
		if (lf == NULL) {
			cr = memchr(at, '\r', (size_t)(end - at));
			if (cr != NULL && cr != end - 1)
				d->faults |= SMTP_BODY_BARE_CR;
			d->state = end[-1] == '\r' ? AT_CR : IN_LINE;
			return end;
		}
		cr = memchr(at, '\r', (size_t)(lf - at));
		at = lf + 1;
		if (cr != NULL && cr != lf - 1)
			d->faults |= SMTP_BODY_BARE_CR;
		if (cr == NULL || lf[-1] != '\r') {
			d->faults |= SMTP_BODY_BARE_LF;
			d->state = IN_LINE;
		} else {
			d->state = AT_LINE;
			at += smtp_plain_lines(at, (size_t)(end - at));
			if (at < end && *at == '.')
				return at;
		}
	}
	return at;
}

size_t smtp_body_decode(struct smtp_body_decoder *d, const char *p, size_t n)
{
	const char *at = p, *end = p + n, *start = p;

	BUG_ON(d->ended);
	while (at < end) {
		switch (d->state) {
		case AT_LINE:
			if (*at == '.') {
				decoder_emit(d, start, at);
				start = ++at;
				d->state = AT_DOT;
			} else {
				at += smtp_plain_lines(at, (size_t)(end - at));
				if (at < end && *at != '.')
					at = decoder_lines(d, at, end);
			}
			break;
		case AT_DOT:
			if (*at == '\r') {
				start = ++at;
				d->state = AT_DOT_CR;
			} else {
				at = decoder_lines(d, at, end);
			}
			break;
		case AT_DOT_CR:
			if (*at == '\n') {
				d->ended = true;
				return (size_t)(at + 1 - p);
			}
			/* the CR was bare; it is not given out, nor is anything after it */
			d->faults |= SMTP_BODY_BARE_CR;
			d->state = IN_LINE;
			break;
		case AT_CR:
			if (*at == '\n') {
				at++;
				d->state = AT_LINE;
			} else {
				d->faults |= SMTP_BODY_BARE_CR;
				d->state = IN_LINE;
			}
			break;
		default:
			at = decoder_lines(d, at, end);
		}
	}
	decoder_emit(d, start, end);
	return n;
}

void smtp_body_check_init(struct smtp_body_check *c)
{
	*c = (struct smtp_body_check){ 0, false };
}

void smtp_body_check_feed(struct smtp_body_check *c, const char *p, size_t n)
{
	const char *end = p + n, *lf, *cr;

	if (n == 0)
		return;
	if (c->cr && *p == '\n')
		p++;
	else if (c->cr)
		c->faults |= SMTP_BODY_BARE_CR;
	c->cr = p < end && end[-1] == '\r';
	while (p < end) {
		lf = memchr(p, '\n', (size_t)(end - p));
		cr = memchr(p, '\r', (size_t)((lf != NULL ? lf : end) - p));
		if (cr != NULL && cr + 1 != end && cr + 1 != lf)
			c->faults |= SMTP_BODY_BARE_CR;
		if (lf != NULL && (cr == NULL || lf[-1] != '\r'))
			c->faults |= SMTP_BODY_BARE_LF;
		p = lf != NULL ? lf + 1 : end;
	}
}

void smtp_body_check_end(struct smtp_body_check *c)
{
	if (c->cr)
		c->faults |= SMTP_BODY_BARE_CR;
	c->cr = false;
}

void smtp_body_encoder_init(struct smtp_body_encoder *x, smtp_span_cb emit, void *ctx)
{
	*x = (struct smtp_body_encoder){ .state = AT_LINE, .emit = emit, .ctx = ctx };
}

static void encoder_emit(struct smtp_body_encoder *x, const char *from, const char *to)
{
	if (from == to)
		return;
	x->size += (uint64_t)(to - from);
	x->emit(x->ctx, from, (size_t)(to - from));
}

static void encoder_insert(struct smtp_body_encoder *x, const char *text)
{
	encoder_emit(x, text, text + strlen(text));
}

void smtp_body_encode(struct smtp_body_encoder *x, const char *p, size_t n)
{
	/* lf: the next LF from at on, or end; looked for again only when at has passed it */
	const char *at = p, *start = p, *end = p + n, *lf = NULL, *cr;

	while (at < end) {
		if (x->state == AT_CR) {
			if (*at == '\n') {
				at++;
			} else {
				encoder_emit(x, start, at);
				encoder_insert(x, "\n");
				start = at;
			}
			x->state = AT_LINE;
			continue;
		}
		if (x->state == AT_LINE)
			at += smtp_plain_lines(at, (size_t)(end - at));
		if (at == end)
			break;
		if (x->state == AT_LINE && *at == '.') {
			encoder_emit(x, start, at);
			encoder_insert(x, ".");
			start = at;
		}
		if (lf == NULL || lf < at) {
			lf = memchr(at, '\n', (size_t)(end - at));
			if (lf == NULL)
				lf = end;
		}
		cr = memchr(at, '\r', (size_t)(lf - at));
		if (cr != NULL && cr + 1 == lf && lf < end) {
			at = lf + 1;
			x->state = AT_LINE;
		} else if (cr != NULL) {
			at = cr + 1;
			x->state = AT_CR;
		} else if (lf < end) {
			encoder_emit(x, start, lf);
			encoder_insert(x, "\r\n");
			start = at = lf + 1;
			x->state = AT_LINE;
		} else {
			at = end;
			x->state = IN_LINE;
		}
	}
	encoder_emit(x, start, end);
}

void smtp_body_encode_end(struct smtp_body_encoder *x)
{
	if (x->state == AT_CR)
		encoder_insert(x, "\n");
	else if (x->state == IN_LINE)
		encoder_insert(x, "\r\n");
	encoder_insert(x, ".\r\n");
	x->state = AT_LINE;
}
