/* client.h - one SMTP or LMTP session as client: speaks, and reports facts. Owning loop's thread.
 *
 * The session gets to the point where mail may be sent (greeting, EHLO, STARTTLS, AUTH), takes one
 * message after another, and tells for each recipient how far it got and what was said; what
 * follows from that is decided elsewhere (verdict.h). It knows no queue, no spool and no DNS.
 *
 * Commands are pipelined as far as the peer allows: with CHUNKING a small message is one write
 * (MAIL, RCPT, BDAT and the body) and one read. Bodies stream from their source and wait while the
 * peer is slow; at most CLIENT_OUTPUT_MAX bytes are held. A message for more recipients than the
 * peer takes at once, as it said before (RFC 9422) or says then (RFC 5321 section 4.5.3.1.10), is
 * sent as often as it takes.
 */
#ifndef HUB_DELIVER_CLIENT_H
#define HUB_DELIVER_CLIENT_H

#include <sys/socket.h>
#include <sys/types.h>

#include "hubd/deliver/send_log.h"
#include "hubd/deliver/verdict.h"
#include "hubd/proof/prover.h"
#include "hubd/spool/envelope.h"
#include "libhub/base/loop.h"
#include "libhub/smtp/reply.h"
#include "libhub/smtp/stream.h"

struct client;

enum { CLIENT_TEXT_MAX = SMTP_REPLY_TEXT_MAX + 152, CLIENT_OUTPUT_MAX = 256 * 1024 };

enum client_tls {
	CLIENT_TLS_NEVER,
	CLIENT_TLS_IF_OFFERED,
	CLIENT_TLS_ALWAYS,
};

enum client_auth {
	CLIENT_AUTH_NONE,
	CLIENT_AUTH_PASSWORD,		/* user and password, by the strongest mechanism offered */
	CLIENT_AUTH_KERBEROS,		/* GSSAPI, unless client_proven; user: see ticket.h */
};

/* Strings stay valid as long as the client. */
struct client_config {
	bool lmtp;
	bool force_helo;
	const char *name;			/* ours, in EHLO */
	enum client_tls tls;
	struct tls_context *context;		/* unless CLIENT_TLS_NEVER */
	struct tls_connect handshake;
	/* After the handshake: is it who it should be? NULL = anybody is. */
	int (*check_peer)(struct stream *s, void *ctx, struct err *e);
	enum client_auth auth;
	const char *user, *password;
	const char *peer_name;			/* for GSSAPI; may be NULL */
	struct prover *prover;			/* with auth, as proofs: */
	struct inbox *proofs;			/* its reader calls client_auth_answered */
	uint32_t timeout_s;			/* without a byte from the peer */
	int silence_s;				/* stream_set_silence */
	/*
	 * Before it is ready the peer is asked whether it takes mail, by a transaction that goes no
	 * further than MAIL: whatever it says to that will do, but not that it closes.
	 */
	bool probe;
	struct send_log *log;			/* NULL = none */
};

/* What was learnt. Strings are valid during the callback. */
struct client_fact {
	bool ok;
	bool from_peer;			/* text is a reply */
	enum verdict_stage stage;
	enum verdict_event event;	/* unless ok */
	int code;			/* of the reply, 0 = none */
	char status[12];		/* enhanced code of the reply, "" = none */
	const char *text;		/* one line */
};

/* A body: read is as spool_body_read; rewind goes back to its beginning. */
struct client_source {
	ssize_t (*read)(void *src, void *buf, size_t size, struct err *e);
	void (*rewind)(void *src);
};

/* Stays valid until on_sent, or client_free. */
struct client_message {
	const struct envelope *env;
	uint64_t size;			/* of the body; of the header less may come */
	const char *prefix;		/* header lines that go before it; "" = none */
	const char *submitter;		/* AUTH=, if the peer has AUTH; "" = <>; NULL = none */
	const struct client_source *source;
	void *src;
};

/*
 * on_ready: a message may be sent, or client_quit called, from inside or any time later. on_sent:
 * facts[i] for each recipient; then on_ready or on_end follows. on_end: the session is over, once;
 * why->ok after client_quit. None comes from inside client_new, client_connect, client_adopt.
 */
struct client_callbacks {
	void (*on_ready)(struct client *c, void *ctx);
	void (*on_sent)(struct client *c, const struct client_fact *facts, void *ctx);
	void (*on_end)(struct client *c, const struct client_fact *why, void *ctx);
};

/* cfg is copied, its strings are not. */
struct client *client_new(struct loop *l, const struct client_config *cfg,
	const struct client_callbacks *cb, void *ctx);
/* Then one of these. source may be NULL; fd is connected. */
void client_connect(struct client *c, const struct sockaddr *to, socklen_t to_len,
	const struct sockaddr *source, socklen_t source_len, uint32_t timeout_ms);
void client_adopt(struct client *c, int fd);
/* Ends whatever goes on; no callback comes after it. Accepts a pointer to NULL; sets it to NULL. */
void client_free(struct client **c);

/* In check_peer: no AUTH is needed. */
void client_proven(struct client *c);
/* A proof came back from the prover. */
void client_auth_answered(struct inbox_node *node, struct prover *prover);

/* Only when ready. */
void client_send(struct client *c, const struct client_message *m);
/* Only when ready: QUIT; then on_end. */
void client_quit(struct client *c);
/* The source said SPOOL_BODY_WAIT and has more now. */
void client_body_ready(struct client *c);

/* Did the peer offer DSN (so it takes over NOTIFY)? */
bool client_peer_has_dsn(const struct client *c);
/* RFC 9422: the peer takes no more messages on this connection. */
bool client_is_spent(const struct client *c);
/* See tls_session_take in context.h. */
struct ssl_session_st *client_tls_session_take(const struct client *c);
bool client_tls_resumed(const struct client *c);
/* "TLSv1.3" or NULL. */
const char *client_tls_version(const struct client *c);

#endif
