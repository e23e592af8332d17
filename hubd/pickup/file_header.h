/* file_header.h - what the header of a file in a pickup or replay directory says.
 *
 * Pickup takes the envelope from From, Sender, To, Cc and Bcc; replay from the lines that
 * hubd/drop/drop_text.h shows, before the message's own header. Both give the header as it is to be
 * stored: with CRLF, without what does not go on, and completed. Never trusts the bytes: what it
 * does not take breaks a rule, by which name it stands in the log and in hubd(8). Pure; any thread.
 */
#ifndef HUB_PICKUP_FILE_HEADER_H
#define HUB_PICKUP_FILE_HEADER_H

#include "hubd/spool/envelope.h"

enum pickup_kind { PICKUP_KIND_PICKUP, PICKUP_KIND_REPLAY, PICKUP_KINDS };

struct file_header_limits {
	uint32_t max_recipients;	/* 0 = no more than an envelope takes */
};

/* Everything in the arena. */
struct file_header {
	size_t size;			/* of it in the file, the empty line included */
	const char *head;		/* to be stored; ends with the empty line */
	size_t head_size;
	struct envelope_recipient *recipients;
	uint32_t recipient_count;
	/* as in struct envelope */
	const char *sender, *envid, *submitter;
	bool submitter_given;		/* "" is one, too */
	enum envelope_ret ret;
	enum envelope_body body;	/* BODY of X-Sender */
	bool body_given;
	bool smtputf8;
	const char *created_by;		/* "" = not said; only for the log */
	const char *helo, *address;	/* X-HeloDomain, X-SourceIPAddress; "" */
};

/* How a header is completed. */
struct file_header_defaults {
	const char *message_id;		/* "<...@...>" */
	const char *date;		/* RFC 5322 */
};

/*
 * The size of the header at p, its empty line included; 0 when it does not end within n bytes. A
 * line ends by LF or CRLF.
 */
size_t file_header_find_end(const char *p, size_t n);
/* p is n bytes as file_header_find_end said. NULL and *rule, a constant, with the reason in *e. */
struct file_header *file_header_read(enum pickup_kind kind, const char *p, size_t n,
	const struct file_header_limits *limits, const struct file_header_defaults *defaults,
	struct arena *a, const char **rule, struct err *e) MUST_CHECK;

#endif
