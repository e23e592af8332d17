/* session.h - one incoming SMTP session; shared by the files of this room only.
 *
 * Commands are obeyed strictly in order. Whatever needs another thread (a password, the disk) or
 * time (tarpit) sets wait; while it is set no further command is looked at, and session_resume goes
 * on where it stopped. A session is found by its id when an answer comes; one that ended meanwhile
 * is simply not found.
 */
#ifndef HUB_RECEIVE_SESSION_H
#define HUB_RECEIVE_SESSION_H

#include <uthash.h>

#include "hubd/login/login.h"
#include "hubd/receive/blank.h"
#include "hubd/receive/intake.h"
#include "hubd/receive/permission.h"
#include "hubd/receive/receiver.h"
#include "hubd/receive/stranger.h"
#include "libhub/smtp/command.h"
#include "libhub/smtp/stream.h"

enum session_phase {
	PHASE_COMMAND,
	PHASE_AUTH,		/* the next line is a response */
	PHASE_DATA,
	PHASE_BDAT,
};

enum session_wait {
	WAIT_NOTHING,
	WAIT_TLS,
	WAIT_LOGIN,
	WAIT_SPOOL,		/* room in the spool */
	WAIT_COMMIT,
	WAIT_DELIVERY,		/* of a message whose 250 is held back */
	WAIT_TARPIT,
	WAIT_OUTPUT,		/* the peer does not read what it asked for */
	WAIT_TURN,		/* other sessions have theirs */
};

struct transaction {
	struct arena *arena;
	struct envelope *envelope;	/* recipients grow up to capacity */
	uint32_t capacity;
	struct intake *intake;		/* from DATA or the first BDAT on */
	uint64_t chunk_left;		/* BDAT: bytes of the present chunk still to come */
	bool chunk_last;
	bool failed;			/* BDAT: a chunk was refused, the rest is too */
};

struct receiver {
	struct receiver_config cfg;
	struct inbox *arrivals, *logins;
	const struct live *live;
	struct session *sessions;	/* by id */
	uint64_t next_id;
	uint32_t lives;			/* how often live was set */
	bool draining;
	bool impatient;			/* draining, and the time of grace is over */
	struct event *grace;		/* while draining */
	struct strangers strangers;
};

struct session {
	UT_hash_handle hh;
	uint64_t id;
	struct receiver *receiver;
	struct arrival *arrival;	/* holds live and connector */
	const struct receive_connector *connector;
	struct stream *stream;
	struct transaction *tx;		/* NULL between transactions */
	struct event *timer;		/* of session_hold; made when first needed */
	char *helo;			/* as given; NULL before EHLO or HELO */
	char *identity;			/* login name or server name; NULL while anonymous */
	char *domain;			/* proven by its certificate (partner.h), or NULL */
	char *identity_mail;		/* its address, PRINCIPAL_USER only */
	struct login *login;		/* while AUTH waits for the client */
	uint8_t mechanism;		/* enum mechanism: of AUTH under way, or done */
	uint32_t mechanisms;		/* bits of them, as announced */
	uint32_t rights;		/* bits of enum right */
	uint32_t extensions;		/* enum smtp_extension, as announced */
	uint32_t errors, logon_failures, messages;
	enum principal principal;
	enum session_phase phase;
	enum session_wait wait;
	bool esmtp;
	bool logged_in;			/* AUTH has succeeded */
	bool ended_by_peer;		/* EOF seen; what is there is still obeyed */
	bool finished;			/* 221 or 421 is on its way */
	bool running;			/* session_run is on the stack */
	struct protocol_session *log_session;	/* NULL before the first line that is logged */
	uint32_t log_checked;
	bool log_verbose;		/* what session_is_logged found at log_checked */
	bool secretive;			/* see blank.h */
	uint32_t partner_checked;	/* receiver's lives when the domain was judged */
	uint64_t unacknowledged;	/* the message, in WAIT_DELIVERY */
	const char *overdue;		/* a timeout passed that has not been told yet */
	bool greeted;
	const char *peer_address;	/* the arrival's source */
};

/* --- session.c --- */

void session_begin(struct receiver *r, struct arrival *a);
/* Ends at once; idempotent against being called from callbacks. Frees the session. */
void session_end(struct session *s);
struct session *session_find(struct receiver *r, uint64_t id);
/* The server stops, and this session has nothing under way that would be lost. */
bool session_can_stop(const struct session *s);
/* An awaited answer came: wait is over, go on with what is in the input. */
void session_resume(struct session *s);
/* The peer does not speak SMTP: 554 and the end; nothing it sent is obeyed. */
void session_refuse_stranger(struct session *s, const char *why);

/* --- session_reply.c --- */

void session_greet(struct session *s);
/* Looks at no more input until delay_s from now; 0: until the next turn of the loop. */
void session_hold(struct session *s, enum session_wait wait, uint64_t delay_s);
/* One reply; enhanced codes only where they were announced. 5xx to strangers may be delayed. */
void session_reply(struct session *s, int code, const char *enhanced, const char *fmt, ...)
	PRINTF_LIKE(4, 5);
void session_send(struct session *s, const struct smtp_reply *r);
/* 334 and a challenge of AUTH, which is not shown in the protocol log. */
void session_challenge(struct session *s, const char *base64);
/* A reply and the end: 421 4.x.x. */
void session_shutdown(struct session *s, const char *enhanced, const char *text);

/* --- session.c: state --- */

/* Counts a protocol error; the session ends by it at hubMaxProtocolErrors. */
void session_fault(struct session *s);
/* Our name on this connector. */
const char *session_fqdn(const struct session *s);
/* What this session may send in one message at most; 0 = unlimited. */
uint64_t session_size_limit(const struct session *s);
/*
 * Is it encapsulated (smtp/encapsulation.h) in a domain of ours, and nobody's here? A fax and the
 * like leave the organization, and may cost money: that is relay, though the domain is ours.
 * Somebody whom the directory knows by such an address is a recipient like any other.
 */
bool session_is_of_other_type(struct session *s, const struct smtp_address *a);
/* How many recipients it may name in one transaction. */
uint64_t session_recipient_limit(const struct session *s);
/* The server of ours that the peer is, by its key, as now configured; NULL if it is none. */
const struct server *session_peer_server(const struct session *s);
/* Ends the transaction, if any, without effect. */
void session_reset(struct session *s);

/* --- judge.c --- */

/* Rights anew from principal and connector. */
void session_judge(struct session *s);
bool session_may(const struct session *s, enum right r);
/* Anonymous, or trusted by the connector; no identity: as at the beginning. Judge it then. */
void session_forget_peer(struct session *s);
/* enum firewall_class: the fields that it may set. */
uint32_t session_accepted_classes(const struct session *s);
/* The origin of a message that begins with this MAIL; texts in the arena. */
void session_judge_origin(const struct session *s, const struct smtp_command_mail *mail,
	struct origin *o, struct arena *a);
/* What a trusted peer told instead, if it did: into the transaction's envelope. */
void session_take_origin(const struct session *s, const struct origin *told);

/* --- session_log.c: the Receive protocol log --- */

/*
 * A line of information ("*") in the Receive protocol log: what was decided, and in context why or
 * about what; NULL for none. Never a credential. Costs a comparison while the session's connector
 * is not logged (hubProtocolLogging), and the arguments are not evaluated then.
 */
#define session_note(s, context, ...)                                           \
	do {                                                                    \
		if (session_is_logged(s))                                       \
			session_note_write((s), (context), __VA_ARGS__);        \
	} while (0)

bool session_is_logged(struct session *s);
void session_note_write(struct session *s, const char *context, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
void session_log_connected(struct session *s);
void session_log_disconnected(struct session *s);
/* Lines as they went out, with their CRLF. */
void session_log_sent(struct session *s, const char *wire, size_t n);
/* A command line as it came, whether the connector is logged now or not; secretive is ours. */
void session_log_command(struct session *s, const struct blank_line *line);
/* A line of n bytes that is not to be seen. */
void session_log_hidden(struct session *s, size_t n, const char *context);

/* --- one verb, one function (verb_*.c) --- */

typedef void verb_run(struct session *s, const struct smtp_command *c);

verb_run verb_ehlo, verb_mail, verb_rcpt, verb_data, verb_bdat, verb_rset, verb_noop, verb_vrfy,
	verb_help, verb_quit, verb_starttls, verb_auth;

/* --- session_connector.c --- */
/* Its connector as now configured, whatever its name; NULL if it is gone. */
const struct receive_connector *session_current_connector(const struct session *s);
/*
 * Between transactions: from now on with the configuration as it is now. False: that does not let
 * it go on, and the session is being shut down.
 */
bool session_renew(struct session *s);

/* --- verb_auth.c --- */
void auth_line(struct session *s, const char *line, size_t n);
/* In place of a response there was a line that is none of SMTP. */
void auth_broken_line(struct session *s, enum stream_line what);
/* Takes the login over. */
void auth_answered(struct session *s, struct login *l);

/* --- acknowledge.c --- */
/* The message is safe: 250, now or when it is delivered (WAIT_DELIVERY). */
void acknowledge(struct session *s, uint64_t id);
/* Ends WAIT_DELIVERY: the 250 waits no longer. May end the session. */
void acknowledge_now(struct session *s);

/* --- verb_starttls.c --- */
/* TLS before the greeting. */
void implicit_tls_begin(struct session *s);
void starttls_done(struct session *s);

/* --- content.c: DATA and BDAT bytes --- */

/* Makes the intake of the present transaction and writes the Received field. */
void content_begin(struct session *s);
/* Takes input in PHASE_DATA or PHASE_BDAT; false when there is nothing more to do now. */
bool content_feed(struct session *s);
/* The message is complete: verdict, then commit or refusal. */
void content_finish(struct session *s);

#endif
