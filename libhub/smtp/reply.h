/* reply.h - an SMTP reply as a value: made and written by a server, read by a client.
 *
 * The text is printable ASCII always: every other byte becomes '?' on the way in, so a reply can be
 * written to the wire, to a log and into a delivery report without another look. Lines of a
 * multi-line reply are kept apart by '\n'. Text beyond SMTP_REPLY_TEXT_MAX is cut off and the reply
 * marked; the code is right all the same. A pure value: copy it freely, no thread owns it.
 */
#ifndef HUB_SMTP_REPLY_H
#define HUB_SMTP_REPLY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"

enum {
	SMTP_REPLY_LINE_MAX = 4096,	/* longest line taken from a peer, without CRLF */
	SMTP_REPLY_LINES_MAX = 100,	/* more are an attack or a loop, not an answer */
	SMTP_REPLY_TEXT_MAX = 2048,	/* text kept, all lines together, with the final NUL */
	SMTP_REPLY_WIRE_MAX = 4096,	/* what smtp_reply_format may write, with a final NUL */
	SMTP_REPLY_JOINED_MAX = 600,	/* a buffer for smtp_reply_join that suits a log line */
	SMTP_STATUS_SIZE = 12,		/* "5.999.999" and a NUL */
};

/* RFC 3463; class 0: no enhanced code. */
struct smtp_enhanced {
	uint8_t class;
	uint16_t subject;
	uint16_t detail;
};

struct smtp_reply {
	int code;			/* 200 to 599; 0: nothing set or read yet */
	struct smtp_enhanced enhanced;
	uint16_t lines;
	bool truncated;			/* text was longer than is kept */
	bool complete;			/* of a reply being read: its last line was seen */
	uint16_t length;		/* of text */
	char text[SMTP_REPLY_TEXT_MAX];
};

/* Makes *r a reply of one line. enhanced is such as "5.5.4", or NULL for none (greeting, EHLO and
 * HELO, 3xx). Bytes outside printable ASCII, newline included, become '?'. */
void smtp_reply_set(struct smtp_reply *r, int code, const char *enhanced, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
/* Adds a line to a reply that smtp_reply_set began; beyond SMTP_REPLY_LINES_MAX nothing happens. */
void smtp_reply_add_line(struct smtp_reply *r, const char *fmt, ...) PRINTF_LIKE(2, 3);
/* Writes the reply as lines with CRLF, none longer than 512 bytes (RFC 5321 §4.5.3.1.5; longer
 * text is cut), with the enhanced code on each when with_enhanced is set and the reply has one.
 * buf holds SMTP_REPLY_WIRE_MAX bytes. Returns the length; a NUL follows. */
size_t smtp_reply_format(const struct smtp_reply *r, bool with_enhanced, char *buf);

/* Starts reading a reply into *r. */
void smtp_reply_begin(struct smtp_reply *r);
/* Takes one line from a peer, without its line end. Returns 1 when more lines belong to the reply,
 * 0 when it is complete, -1 when this is no SMTP reply (*e says why, class ERR_TEMP: another host
 * or another day may speak SMTP). A missing text or enhanced code and trailing blanks are fine. */
int smtp_reply_feed(struct smtp_reply *r, const char *line, size_t n, struct err *e) MUST_CHECK;

/* The n-th line of the text, from 0; *length is its length, NULL when there is none. */
const char *smtp_reply_line(const struct smtp_reply *r, unsigned n, size_t *length);
/* "550 5.1.1 no such user; try later": all on one line, for logs and the Diagnostic-Code of a
 * report; lines without text are left out. Cut to size; "[...]" at its end says that the peer said
 * more than is kept. Returns buf. */
const char *smtp_reply_join(const struct smtp_reply *r, char *buf, size_t size);
/* The status for a report, "5.1.1", into buf (SMTP_STATUS_SIZE bytes); made from the code, "5.0.0",
 * when the reply has none. Returns buf. */
const char *smtp_reply_status(const struct smtp_reply *r, char *buf);
/* Reads "5.1.1" (RFC 3463 §2) at p; returns the bytes taken, 0 when there is no such code. */
size_t smtp_enhanced_parse(struct smtp_enhanced *x, const char *p, size_t n);

static inline bool smtp_reply_is_ok(const struct smtp_reply *r)
{
	return r->code >= 200 && r->code < 300;
}

static inline bool smtp_reply_is_temporary(const struct smtp_reply *r)
{
	return r->code >= 400 && r->code < 500;
}

static inline bool smtp_reply_is_permanent(const struct smtp_reply *r)
{
	return r->code >= 500 && r->code < 600;
}

#endif
