/* conversion.h - carries an 8-bit or binary message over a way that takes less (RFC 6152 section 3,
 * RFC 3030 section 3).
 *
 * Two passes over the message. The first one looks: which parts have bytes that the way does not
 * take, and can they be encoded? The second one writes the message anew, with those parts in
 * quoted-printable or base64, whichever is shorter, and labels to match. Parts that fit are copied.
 * What no encoding can help is told as a fault, and the message is not written:
 *  - a field of a header with 8-bit text, which only SMTPUTF8 carries;
 *  - a part below multipart/signed, since its signature would be broken;
 *  - a part whose declared encoding is not what it holds, a multipart without a boundary,
 *    message/partial and message/external-body; what lies behind SMTP_CONVERSION_PARTS parts.
 * A message that is no MIME becomes text in the charset unknown-8bit (RFC 1428). Lines before the
 * first and behind the last boundary of a multipart, which nobody shows, are left out if they do
 * not fit.
 *
 * Streaming with fixed memory; the result does not depend on where the input is cut. One owner, no
 * thread, no allocation.
 */
#ifndef HUB_SMTP_CONVERSION_H
#define HUB_SMTP_CONVERSION_H

#include <stdint.h>

#include "libhub/smtp/mime_field.h"
#include "libhub/smtp/transfer_encoder.h"

enum {
	SMTP_CONVERSION_PARTS = 1000,
	SMTP_CONVERSION_DEPTH = 16,	/* of multiparts; deeper ones can only be copied */
	SMTP_CONVERSION_LINE = 998,	/* RFC 5321 section 4.5.3.1.6, without CRLF */
	SMTP_CONVERSION_VALUE = 1000,	/* of a field; the rest is not looked at */
};

enum smtp_conversion_target {
	SMTP_CONVERSION_TO_7BIT,	/* ASCII in lines */
	SMTP_CONVERSION_TO_8BIT,	/* any octets but NUL, in lines */
};

/* Why a message cannot be converted; bits. */
enum smtp_conversion_fault {
	SMTP_CONVERSION_HEADER = 1u << 0,
	SMTP_CONVERSION_SIGNED = 1u << 1,
	SMTP_CONVERSION_OPAQUE = 1u << 2,
};

/* An entity: the message, a part, or a message in a part. */
struct smtp_conversion_entity {
	bool is_message;		/* it has the header of a message */
	bool has_version;		/* MIME-Version */
	bool has_type, has_encoding;
	bool is_signed;			/* it lies below multipart/signed */
	bool misfit;			/* it has bytes that the way does not take */
	bool bare;			/* NUL, or CR or LF alone */
	size_t number;
	struct smtp_mime_type type;
	enum smtp_mime_encoding encoding;
	uint64_t bytes, escapes;	/* of its body, for the choice of the encoding */
};

/* A multipart that is open. */
struct smtp_conversion_level {
	size_t length;
	bool digest, is_signed;
	bool begun;			/* its boundary was seen */
	bool misfit;			/* what came before that does not fit */
	char boundary[SMTP_BOUNDARY_MAX];
};

/* The fields above the line are for reading, after the first pass. */
struct smtp_conversion {
	uint32_t faults;		/* enum smtp_conversion_fault */
	bool needed;			/* some part has to be encoded */
	bool has_8bit;
	bool has_8bit_header;		/* in a header, those of parts included */
	/* ---- */
	enum smtp_conversion_target target;
	smtp_span_cb emit;		/* NULL in the first pass */
	void *ctx;
	int state;
	bool eol_held;			/* a line end that may belong to a boundary */
	bool line_begun;		/* the piece to come goes on with a line */
	bool field_open, field_dropped;
	int field;			/* that is read into value */
	size_t parts;
	uint8_t plan[SMTP_CONVERSION_PARTS];
	size_t depth;
	struct smtp_conversion_level levels[SMTP_CONVERSION_DEPTH];
	struct smtp_conversion_entity entity;
	struct smtp_transfer_encoder encoder;
	size_t value_length;
	char value[SMTP_CONVERSION_VALUE];
	size_t held;
	char line[SMTP_CONVERSION_LINE + 2];
};

/* The first pass. */
void smtp_conversion_init(struct smtp_conversion *x, enum smtp_conversion_target target);
/* The second one, after smtp_conversion_end; only without faults. */
void smtp_conversion_rewind(struct smtp_conversion *x, smtp_span_cb emit, void *ctx);
void smtp_conversion_feed(struct smtp_conversion *x, const char *p, size_t n);
/* The message is over. */
void smtp_conversion_end(struct smtp_conversion *x);
/* One of the faults in words that go behind "the message"; a constant. */
const char *smtp_conversion_fault_text(uint32_t faults);

#endif
