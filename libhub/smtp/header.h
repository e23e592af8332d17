/* header.h - looks through the header of a message that streams by, and takes fields out.
 *
 * Feed it the decoded message; it gives out what stays. Within the header it reads fields across
 * any cut of the input; behind it, every span goes straight on. The header ends at an empty line or
 * at the first line that is no field (smtp_header_name: malformed, that line belongs to the body;
 * an empty line is put before it, for else whoever reads the message next, with fields of ours
 * before these, might take the line for a folded one and what follows it for header). A line ends
 * at LF, with or without CR before it, so that a field cannot hide from the header firewall behind
 * a bare LF of a BINARYMIME message; behind a bare CR one could, for whoever makes CRLF of it, so
 * it is told of. Fixed memory: values are kept to SMTP_HEADER_VALUE_MAX bytes. One owner, no
 * thread, no allocation.
 */
#ifndef HUB_SMTP_HEADER_H
#define HUB_SMTP_HEADER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/smtp/body.h"

enum {
	SMTP_HEADER_NAME_MAX = 128,	/* with the blanks before the colon; longer is no name */
	SMTP_HEADER_VALUE_MAX = 1000,
	SMTP_HEADER_ID_MAX = 320,
	SMTP_HEADER_SUBJECT_MAX = 256,
};

/* Fields whose name begins with prefix, or is it, in any case of letters. */
struct smtp_header_rule {
	const char *prefix;
	bool drop;		/* take it out; else only report it */
	bool whole;		/* prefix is the name */
};

/* A field that a rule matched, complete: value unfolded, without blanks at its ends, cut at
 * SMTP_HEADER_VALUE_MAX; both NUL-terminated (bytes, NUL not excluded) and valid in the call. */
typedef void (*smtp_header_cb)(void *ctx, const struct smtp_header_rule *rule, const char *name,
	const char *value, size_t value_length);

/* Fields above the line are for reading only. */
struct smtp_header_scan {
	bool ended;			/* the header is over */
	bool malformed;			/* it ended at a line that is no field */
	bool bare;			/* a field or the empty line has a CR or LF alone */
	bool nul;			/* a field has a NUL, behind which some read no further */
	bool has_date, has_from, has_message_id;
	unsigned received;		/* Received: fields */
	unsigned dropped;		/* fields taken out */
	uint64_t size;			/* bytes of header read so far, the empty line included */
	char message_id[SMTP_HEADER_ID_MAX + 1];	/* of the first; "" none */
	char subject[SMTP_HEADER_SUBJECT_MAX + 1];	/* of the first, raw but unfolded */
	/* ---- */
	const struct smtp_header_rule *rules;
	size_t n_rules;
	smtp_span_cb emit;
	smtp_header_cb on_field;
	void *ctx;
	int state;
	int kind;			/* of the field being read */
	bool cr;			/* the last byte read, in a field, was CR */
	const struct smtp_header_rule *rule;	/* that it matched */
	size_t held;			/* bytes at the start of name not given out yet */
	size_t name_length;
	size_t value_length;
	char name[SMTP_HEADER_NAME_MAX + 1];
	char value[SMTP_HEADER_VALUE_MAX + 1];
};

/*
 * Bytes of the name of the field that the line begins, which is no folded one; 0: it is no field,
 * and begins the body. *colon is where it is. The one rule for all who look for the body (RFC 5322
 * sections 3.6.8 and 4.5).
 */
size_t smtp_header_name(const char *line, size_t n, size_t *colon);

/* rules (may be none) must outlive the scan; the first that matches counts. on_field may be NULL;
 * ctx goes to both callbacks. */
void smtp_header_init(struct smtp_header_scan *s, const struct smtp_header_rule *rules,
	size_t n_rules, smtp_span_cb emit, smtp_header_cb on_field, void *ctx);
void smtp_header_feed(struct smtp_header_scan *s, const char *p, size_t n);
/* The message is over: gives out or reports what was held back. */
void smtp_header_end(struct smtp_header_scan *s);

#endif
