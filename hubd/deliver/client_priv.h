/* client_priv.h - what the files of the client share. See client.h. */
#ifndef HUB_DELIVER_CLIENT_PRIV_H
#define HUB_DELIVER_CLIENT_PRIV_H

#include "hubd/deliver/client.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/body.h"
#include "libhub/smtp/capability.h"
#include "libhub/smtp/conversion.h"

enum client_state {
	CLIENT_GREETING,
	CLIENT_EHLO,
	CLIENT_HELO,
	CLIENT_STARTTLS,
	CLIENT_TLS,
	CLIENT_AUTH,
	CLIENT_READY,
	CLIENT_SCAN,		/* looks whether the peer can take the message as it is */
	CLIENT_PROBE,
	CLIENT_MAIL,
	CLIENT_RCPT,
	CLIENT_DATA,
	CLIENT_BODY,		/* the body goes out, replies to chunks come in, then the last */
	CLIENT_RSET,
	CLIENT_QUIT,
	CLIENT_STATES
};

enum step {
	STEP_WAIT,		/* for the peer, or the owner */
	STEP_NEXT,		/* to c->next; its own state again is allowed */
	STEP_OVER,		/* the session has ended, or the client is freed */
};

struct client {
	struct loop *loop;
	struct stream *stream;
	struct client_config cfg;
	const struct client_callbacks *cb;
	void *ctx;
	enum client_state state, next;
	bool connecting;
	bool over;			/* on_end was called or client_free */
	bool connected, cut;		/* by the peer, or on the way */
	struct smtp_reply reply;
	bool reading_reply;		/* reply holds a part */
	bool in_part;			/* the clock runs until the rest of it is here */
	uint32_t owed;			/* replies to what was said, the greeting included */
	uint32_t due;			/* of these, to what was said before the input was read */
	struct smtp_capability caps;
	char line[CLIENT_TEXT_MAX];	/* text of the first reply that facts refer to */
	bool line_used;

	uint32_t mails;			/* MAIL commands so far */

	/* AUTH */
	bool proven;			/* the peer is who it should be without it */
	struct proof *proof;		/* under way, or NULL */
	bool proof_away;		/* it is with the prover */
	bool proof_begun;		/* AUTH was said */
	bool scram_refused;
	bool response_held;		/* until the peer has taken AUTH: it did not fit */

	/* owner's wishes while ready */
	bool asking;			/* inside on_ready */
	bool quit;

	/* the message */
	const struct client_message *msg;
	struct arena *texts;		/* of facts; NULL until needed */
	struct client_fact *facts;
	uint32_t facts_size;
	uint32_t n;			/* recipients */
	uint32_t slice, slice_end;	/* those of the present transaction */
	uint32_t rcpt_sent, rcpt_done;	/* commands written, replies taken */
	uint32_t accepted;
	uint32_t excess;		/* the first of those at the end that were too many */
	uint32_t enough;		/* what the peer took before it said so; 0 = it has not */
	uint32_t final_next;		/* LMTP: the recipient whose reply comes next */
	bool mail_refused;
	bool bdat;
	bool data_sent;			/* DATA or the first BDAT is out */
	bool last_sent;			/* the end of the message is out */
	bool prefix_sent;
	bool chunk_failed;
	uint32_t chunks_pending;	/* replies to BDAT outstanding */
	bool pump_waits;		/* for the source */
	bool pump_on;
	struct smtp_body_encoder encoder;

	/* the form in which the peer takes it */
	bool fitted;			/* it is decided */
	enum envelope_body body;
	bool utf8;
	bool scanned;
	bool converting;		/* what goes out comes from the conversion */
	bool source_over;
	struct smtp_conversion *conversion;	/* NULL if the message was not looked at */
	struct evbuffer *converted;
	struct event *breath;		/* between two turns of a long scan; NULL until needed */
};

/* --- client.c --- */

enum step client_next(struct client *c, enum client_state next);
/* Ends the session with what happened; a message under way is decided first. */
enum step client_fail(struct client *c, enum verdict_event event, const struct smtp_reply *r,
	const char *fmt, ...) PRINTF_LIKE(4, 5);
void client_advance(struct client *c, enum step step);

/* --- client_log.c: commands, and the protocol log --- */

/* A line of information in the protocol log, see send_log.h. */
#define client_note(c, context, ...) send_log_note((c)->cfg.log, (context), __VA_ARGS__)
/* A part of a command that is no secret, and its end, to which a reply is owed. */
void client_put(struct client *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
void client_put_end(struct client *c);
/* A whole one, without CRLF. */
void client_say(struct client *c, const char *command);
/* In the protocol log: one that ended in a secret of n bytes; shown has its blank. */
void client_log_secret(struct client *c, const char *shown, size_t n);
void client_log_received(struct client *c, const char *line, size_t n);
void client_log_connected(struct client *c);
/* After the handshake. */
void client_log_tls(struct client *c);

/* --- client_auth.c --- */

bool client_needs_auth(const struct client *c);
enum step client_auth_enter(struct client *c);
enum step client_auth_reply(struct client *c, const struct smtp_reply *r);
/* Whatever is under way is given up. */
void client_auth_end(struct client *c);
/* Does what the peer says repeat the credential? */
bool client_auth_hides(const struct client *c, const char *text, size_t n);

/* --- client_mail.c: the transaction --- */

/* Takes the message that client_send gave. */
void client_begin(struct client *c);
enum step client_mail_enter(struct client *c);
enum step client_mail_reply(struct client *c, const struct smtp_reply *r);
enum step client_rcpt_enter(struct client *c);
enum step client_rcpt_reply(struct client *c, const struct smtp_reply *r);
enum step client_data_enter(struct client *c);
enum step client_data_reply(struct client *c, const struct smtp_reply *r);
enum step client_body_enter(struct client *c);
enum step client_body_reply(struct client *c, const struct smtp_reply *r);
enum step client_body_refused(struct client *c, const struct smtp_reply *r);
/* Gives recipient i its fact; text is copied. The first fact that is not ok stands. */
void client_fact_set(struct client *c, uint32_t i, const struct client_fact *f);
/* The same to all recipients that are not decided. */
void client_fact_rest(struct client *c, const struct client_fact *f);
void client_fact_of_reply(struct client_fact *f, enum verdict_stage stage,
	const struct smtp_reply *r, char text[CLIENT_TEXT_MAX]);
/* Begins with the recipients from start on, as many as the peer takes at once. */
void client_slice_begin(struct client *c, uint32_t start);
/* The message is decided: tells the owner and forgets it. */
void client_decided(struct client *c);

/* --- client_fit.c: what the peer can take --- */

void client_fit_begin(struct client *c);
void client_fit_end(struct client *c);
bool client_needs_scan(const struct client *c);
enum step client_scan_enter(struct client *c);
/* Can the peer take the message, and in what form? False with the facts set. */
bool client_fits(struct client *c);
/* The recipient has its fact before anything is said of it. */
bool client_is_skipped(const struct client *c, uint32_t i);
/* With the prefix, before any conversion. */
uint64_t client_wire_size(const struct client_message *m);
/* Back to the beginning of what goes out. */
void client_body_rewind(struct client *c);
/* As client_source's read, of what goes out. */
ssize_t client_body_read(struct client *c, void *buf, size_t size, struct err *e);

/* --- client_pump.c: the body --- */

/* Writes what can be written now. */
enum step client_pump(struct client *c);

#endif
