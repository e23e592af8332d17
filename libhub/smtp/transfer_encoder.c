/* transfer_encoder.c - see transfer_encoder.h */
#include "libhub/smtp/transfer_encoder.h"

#include <openssl/evp.h>
#include <string.h>

enum {
	QP_TEXT_MAX = 75,	/* of a line; one more is kept for "=" */
	QP_PIECE = 256,		/* text looked at in one go */
	BASE64_LINE = 76,
};

void smtp_transfer_encoder_init(struct smtp_transfer_encoder *x, bool base64, smtp_span_cb emit,
	void *ctx)
{
	*x = (struct smtp_transfer_encoder){ .base64 = base64, .emit = emit, .ctx = ctx };
}

/* --- quoted-printable --- */

bool smtp_qp_escapes(unsigned char c)
{
	return c > 0x7e || c == '=' || (c < 0x20 && c != '\t');
}

/*
 * Writes one character, broken off the line before if it does not fit; returns the new end. What
 * stood within a line must not become a boundary by being at the start of one.
 */
static char *qp_put(struct smtp_transfer_encoder *x, char *out, unsigned char c, bool escaped)
{
	static const char hex[] = "0123456789ABCDEF";
	unsigned width = escaped ? 3 : 1;

	if (x->column + width > QP_TEXT_MAX) {
		memcpy(out, "=\r\n", 3);
		out += 3;
		x->column = 0;
		escaped = escaped || c == '-';
		width = escaped ? 3 : 1;
	}
	x->column += width;
	if (!escaped) {
		*out++ = (char)c;
		return out;
	}
	*out++ = '=';
	*out++ = hex[c >> 4];
	*out++ = hex[c & 15];
	return out;
}

static char *qp_release_blank(struct smtp_transfer_encoder *x, char *out, bool at_end)
{
	char blank = x->blank;

	x->blank = '\0';
	return blank != '\0' ? qp_put(x, out, (unsigned char)blank, at_end) : out;
}

static void qp_piece(struct smtp_transfer_encoder *x, const char *p, size_t n)
{
	/* each byte is three at most, and may release a blank and break the line twice */
	char buf[QP_PIECE * 10], *out = buf;
	size_t i;

	for (i = 0; i < n; i++) {
		out = qp_release_blank(x, out, false);
		if (p[i] == ' ' || p[i] == '\t')
			x->blank = p[i];
		else
			out = qp_put(x, out, (unsigned char)p[i],
				smtp_qp_escapes((unsigned char)p[i]));
	}
	if (out > buf)
		x->emit(x->ctx, buf, (size_t)(out - buf));
}

/* RFC 2045 section 6.7 (3): no blank ends a line. */
static void qp_end_line(struct smtp_transfer_encoder *x, bool crlf)
{
	char buf[16], *out = qp_release_blank(x, buf, true);

	if (crlf) {
		memcpy(out, "\r\n", 2);
		out += 2;
		x->column = 0;
	}
	if (out > buf)
		x->emit(x->ctx, buf, (size_t)(out - buf));
}

/* --- base64 --- */

static void base64_line(struct smtp_transfer_encoder *x)
{
	unsigned char line[2 + BASE64_LINE + 1] = "\r\n";
	size_t before = x->begun ? 2 : 0;
	int n = EVP_EncodeBlock(line + before, x->block, (int)x->held);

	x->emit(x->ctx, (const char *)line, before + (size_t)n);
	x->begun = true;
	x->held = 0;
}

static void base64_bytes(struct smtp_transfer_encoder *x, const char *p, size_t n)
{
	size_t part;

	for (; n > 0; p += part, n -= part) {
		part = n < sizeof(x->block) - x->held ? n : sizeof(x->block) - x->held;
		memcpy(x->block + x->held, p, part);
		x->held += part;
		if (x->held == sizeof(x->block))
			base64_line(x);
	}
}

/* --- either --- */

void smtp_transfer_encode(struct smtp_transfer_encoder *x, const char *p, size_t n)
{
	size_t part;

	if (x->base64) {
		base64_bytes(x, p, n);
		return;
	}
	for (; n > 0; p += part, n -= part) {
		part = n < QP_PIECE ? n : QP_PIECE;
		qp_piece(x, p, part);
	}
}

void smtp_transfer_encode_eol(struct smtp_transfer_encoder *x)
{
	if (x->base64)
		base64_bytes(x, "\r\n", 2);
	else
		qp_end_line(x, true);
}

void smtp_transfer_encode_end(struct smtp_transfer_encoder *x)
{
	if (!x->base64)
		qp_end_line(x, false);
	else if (x->held > 0)
		base64_line(x);
}
