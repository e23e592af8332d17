/* transfer_encoder.h - quoted-printable and base64 of a body part (RFC 2045 section 6), streaming.
 *
 * The caller tells bytes of text apart from line ends, since quoted-printable has a line end for
 * each of them and base64 its octets. Output does not depend on how the text is cut. Lines have at
 * most 76 characters; the last one of a part has no CRLF, for that belongs to the boundary behind
 * it. Fixed memory; one owner, no thread.
 */
#ifndef HUB_SMTP_TRANSFER_ENCODER_H
#define HUB_SMTP_TRANSFER_ENCODER_H

#include "libhub/smtp/body.h"

enum { SMTP_BASE64_BLOCK = 57 };	/* bytes that make a line of 76 */

struct smtp_transfer_encoder {
	bool base64;
	smtp_span_cb emit;
	void *ctx;
	unsigned column;		/* quoted-printable: characters of the present line */
	char blank;			/* a blank that may be the last of its line; 0 = none */
	bool begun;			/* base64: a line is out already */
	size_t held;			/* bytes in block */
	unsigned char block[SMTP_BASE64_BLOCK];
};

void smtp_transfer_encoder_init(struct smtp_transfer_encoder *x, bool base64, smtp_span_cb emit,
	void *ctx);
/* Bytes within a line; a CR or LF among them is content. */
void smtp_transfer_encode(struct smtp_transfer_encoder *x, const char *p, size_t n);
void smtp_transfer_encode_eol(struct smtp_transfer_encoder *x);
void smtp_transfer_encode_end(struct smtp_transfer_encoder *x);

/* Does quoted-printable spend three characters on it, wherever it stands? */
bool smtp_qp_escapes(unsigned char c);

#endif
