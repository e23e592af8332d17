/* body.h - message bytes on their way through DATA: decoder, encoder, and the check for BDAT.
 *
 * Streaming and zero copy: spans given out point into the input (or to constants) and are valid
 * during the callback only. The result does not depend on where the chunks are cut. The decoder
 * ends a message at CRLF "." CRLF and at nothing else (RFC 5321 §4.1.1.4): a lone CR or LF ends no
 * line, so nothing can be smuggled behind a dot between them. One owner, no thread, no allocation.
 */
#ifndef HUB_SMTP_BODY_H
#define HUB_SMTP_BODY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Takes n > 0 bytes of output. */
typedef void (*smtp_span_cb)(void *ctx, const char *p, size_t n);

/* What is wrong with a body; bits. */
enum smtp_body_fault {
	SMTP_BODY_BARE_CR = 1u << 0,
	SMTP_BODY_BARE_LF = 1u << 1,
};

/* Fields are for reading only. */
struct smtp_body_decoder {
	uint32_t faults;	/* enum smtp_body_fault; once set, no output: it is incomplete */
	int state;
	bool ended;		/* CRLF.CRLF was seen */
	uint64_t size;		/* bytes given out */
	smtp_span_cb emit;
	void *ctx;
};

void smtp_body_decoder_init(struct smtp_body_decoder *d, smtp_span_cb emit, void *ctx);
/* Takes wire bytes; gives out the text without dot stuffing, with its last CRLF. Returns how many
 * bytes were taken: all, or fewer when the end was found (d->ended), what follows then being the
 * next command. After a fault it goes on to the real end, so that the session stays in step and can
 * refuse the message (550 5.6.0). Call it no more after the end. */
size_t smtp_body_decode(struct smtp_body_decoder *d, const char *p, size_t n);

/* Check of the chunks of BDAT, where there is no dot and no end: RFC 3030 has text in CRLF lines
 * unless BODY=BINARYMIME. */
struct smtp_body_check {
	uint32_t faults;	/* enum smtp_body_fault */
	bool cr;		/* the last byte was CR */
};

void smtp_body_check_init(struct smtp_body_check *c);
void smtp_body_check_feed(struct smtp_body_check *c, const char *p, size_t n);
/* After the last chunk: a CR at the very end is bare. */
void smtp_body_check_end(struct smtp_body_check *c);

/* Writes a message for DATA. A bare CR or LF, which text never has, becomes CRLF: whatever a
 * receiver takes for a line end, it cannot be made to see another end of the message. */
struct smtp_body_encoder {
	int state;
	uint64_t size;		/* bytes given out */
	smtp_span_cb emit;
	void *ctx;
};

void smtp_body_encoder_init(struct smtp_body_encoder *x, smtp_span_cb emit, void *ctx);
void smtp_body_encode(struct smtp_body_encoder *x, const char *p, size_t n);
/* Gives out the last CRLF if the message lacks it, then the final ".\r\n". */
void smtp_body_encode_end(struct smtp_body_encoder *x);

#endif
