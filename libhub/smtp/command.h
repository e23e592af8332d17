/* command.h - one SMTP command line, parsed into a value or refused with the reply to send.
 *
 * Covers the syntax only: whether a command is in order now, and whether STARTTLS, AUTH or BDAT is
 * open to this client, is the session's matter. Parameters of MAIL and RCPT are known only when
 * their extension is in the set that was announced (after HELO: the empty set). Lenient where real
 * clients are sloppy and nothing can be misread: blanks around "FROM:", before and after the line's
 * words. The line is without its CRLF and may hold any byte. Pure, allocates nothing.
 */
#ifndef HUB_SMTP_COMMAND_H
#define HUB_SMTP_COMMAND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/smtp/address.h"
#include "libhub/smtp/extension.h"
#include "libhub/smtp/reply.h"

enum {
	SMTP_COMMAND_MAX = 2048,	/* a line: RFC 5321's 512 and what the extensions add */
	SMTP_AUTH_MAX = 12288,		/* AUTH with initial response: RFC 4954 §4 */
	SMTP_ENVID_MAX = 100,		/* RFC 3461 §4.4 */
	SMTP_ORCPT_MAX = 500,		/* RFC 3461 §4.2 */
};

enum smtp_verb {
	SMTP_VERB_UNKNOWN = 0,
	SMTP_VERB_EHLO,
	SMTP_VERB_HELO,
	SMTP_VERB_LHLO,
	SMTP_VERB_MAIL,
	SMTP_VERB_RCPT,
	SMTP_VERB_DATA,
	SMTP_VERB_BDAT,
	SMTP_VERB_RSET,
	SMTP_VERB_NOOP,
	SMTP_VERB_VRFY,
	SMTP_VERB_EXPN,
	SMTP_VERB_HELP,
	SMTP_VERB_QUIT,
	SMTP_VERB_STARTTLS,
	SMTP_VERB_AUTH,
	SMTP_VERBS
};

enum smtp_body {
	SMTP_BODY_UNSPECIFIED = 0,	/* no BODY=: 7BIT by RFC 6152 */
	SMTP_BODY_7BIT,
	SMTP_BODY_8BITMIME,
	SMTP_BODY_BINARYMIME,
};

enum smtp_ret {
	SMTP_RET_UNSPECIFIED = 0,
	SMTP_RET_FULL,
	SMTP_RET_HDRS,
};

/* Bits; 0: no NOTIFY= was given. */
enum smtp_notify {
	SMTP_NOTIFY_NEVER = 1u << 0,
	SMTP_NOTIFY_SUCCESS = 1u << 1,
	SMTP_NOTIFY_FAILURE = 1u << 2,
	SMTP_NOTIFY_DELAY = 1u << 3,
};

/* EHLO, HELO, LHLO. A bare IPv4 address, as devices send it, counts as the literal it should be. */
struct smtp_command_helo {
	bool literal;				/* name is an address literal */
	char name[SMTP_DOMAIN_MAX + 1];		/* canonical */
};

struct smtp_command_mail {
	struct smtp_address from;		/* null path: length 0 */
	bool size_given;
	bool utf8;				/* SMTPUTF8 */
	bool auth_given;			/* AUTH=, RFC 4954 §5 */
	enum smtp_body body;
	enum smtp_ret ret;
	uint64_t size;				/* as declared */
	struct smtp_address auth;		/* of AUTH=; length 0: AUTH=<> */
	char envid[SMTP_ENVID_MAX + 1];		/* in xtext as it came; "": none */
};

struct smtp_command_rcpt {
	struct smtp_address to;
	uint32_t notify;			/* enum smtp_notify */
	char orcpt[SMTP_ORCPT_MAX + 1];		/* "type;xtext" as it came; "": none */
};

struct smtp_command_bdat {
	uint64_t size;
	bool last;
};

/* Both point into the line. */
struct smtp_command_auth {
	const char *mechanism;
	size_t mechanism_length;
	const char *initial;		/* NULL: none given; the response "=" has length 0 */
	size_t initial_length;
};

/* The argument of NOOP, HELP, VRFY, EXPN, or of an unknown command; points into the line. */
struct smtp_command_text {
	const char *p;
	size_t length;
};

struct smtp_command {
	enum smtp_verb verb;
	union {
		struct smtp_command_helo helo;
		struct smtp_command_mail mail;
		struct smtp_command_rcpt rcpt;
		struct smtp_command_bdat bdat;
		struct smtp_command_auth auth;
		struct smtp_command_text text;
	};
};

struct smtp_command_context {
	uint32_t extensions;	/* enum smtp_extension: what was announced to this client */
	bool utf8;		/* this transaction began with MAIL ... SMTPUTF8 */
	const char *default_domain;	/* canonical, for addresses without one; NULL = none */
};

/* Returns 0 with *c filled, or -1 with *error the reply to send; c->verb is right in either case,
 * the rest of *c is undefined after -1. An unknown verb is an error as well (500 5.5.1). After a
 * refused BDAT nobody knows where the next command begins: the session has to close. */
int smtp_command_parse(struct smtp_command *c, const char *line, size_t n,
	const struct smtp_command_context *context, struct smtp_reply *error) MUST_CHECK;
/* "MAIL"; "UNKNOWN" for SMTP_VERB_UNKNOWN. A constant. */
const char *smtp_verb_name(enum smtp_verb verb);

#endif
