/* context.h - TLS contexts: certificates, trusted authorities, options. Immutable, any thread.
 *
 * TLS 1.2 and later. A context never changes after it was made: to show other certificates the
 * owner makes a new one and swaps its pointer; sessions keep the old one by their reference. No
 * context refuses a certificate during the handshake (trust between hubs is by pinned key,
 * elsewhere verification is by policy): whoever opens a session checks afterwards, see pin.h and
 * verify.h.
 */
#ifndef HUB_TLS_CONTEXT_H
#define HUB_TLS_CONTEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"

struct tls_context;
struct tls_certificate;
struct tls_tickets;

/* --- authorities: read once, used by many contexts --- */

struct tls_authorities;

/*
 * From a PEM file, or the system's (NULL). Takes 80 ms for the 140 of a system. crl: a file of
 * revocation lists (PEM, or one in DER), or a folder of such files, or NULL. NULL with *e filled on
 * failure.
 */
struct tls_authorities *tls_authorities_load(const char *ca, const char *crl, struct err *e)
	MUST_CHECK;
/* Nobody at all: for sessions whose peer is checked by its key (pin.h). Takes no time. */
struct tls_authorities *tls_authorities_none(void);
struct tls_authorities *tls_authorities_ref(struct tls_authorities *a);
/* Accepts a pointer to NULL; sets it to NULL. */
void tls_authorities_unref(struct tls_authorities **a);

/* --- contexts --- */

/*
 * What a server shows: own to hubs, which know its key; of the others, own among them or not,
 * those that fit the name that a client asks for (certificate.h), else own. All are only read.
 */
struct tls_server_config {
	struct tls_certificate *own;
	struct tls_certificate *const *all;
	size_t n;
	struct tls_authorities *authorities;	/* of client certificates */
	struct tls_tickets *tickets;
};

/* NULL with *e filled on failure. */
struct tls_context *tls_context_server(const struct tls_server_config *cfg, struct err *e)
	MUST_CHECK;
/* What a client shows when it is asked; all are only read. */
struct tls_client_config {
	struct tls_certificate *own;		/* may be NULL */
	struct tls_certificate *const *all;	/* own among them or not */
	size_t n;
	struct tls_authorities *authorities;
};

struct tls_context *tls_context_client(const struct tls_client_config *cfg, struct err *e)
	MUST_CHECK;

/*
 * The same from files, for those with one certificate. For sessions that we accept: certificate
 * (chain, own first) and key are PEM files and required. ca (PEM file, NULL: the system's) is what
 * client certificates are verified against when asked for. NULL with *e filled on failure.
 */
struct tls_context *tls_context_new_server(const char *certificate, const char *key, const char *ca,
	struct err *e) MUST_CHECK;
/*
 * For sessions that we open: certificate and key (both or neither) are shown when the server asks.
 */
struct tls_context *tls_context_new_client(const char *certificate, const char *key, const char *ca,
	struct err *e) MUST_CHECK;
/* Any thread. ref returns its argument. unref accepts a pointer to NULL and sets it to NULL. */
struct tls_context *tls_context_ref(struct tls_context *t);
void tls_context_unref(struct tls_context **t);

/* No two contexts of the process have the same, not even one after the other. */
uint64_t tls_context_number(const struct tls_context *t);
/* Digest of the context's own public key ("sha256:<hex>"), or NULL if it has no certificate. */
const char *tls_context_key_digest(const struct tls_context *t);
/* Would a client that asks this server context for that name be shown one that is for it? */
bool tls_context_has_name(const struct tls_context *t, const char *name);

/* --- sessions, for libhub's streams and the control endpoint only --- */

/* The name by which a hub asks another for the key that the directory has (no host has it). */
#define TLS_HUB_NAME "hub.invalid"

/*
 * How a session is accepted. A session that was held on one service is not resumed on another, nor
 * with a request for a certificate if it was held without one, nor by another name.
 */
struct tls_accept {
	bool request_cert;
	/* whose certificate a client is shown that asks for none of ours; NULL: own, whatever is
	 * asked for */
	const char *name;
	const char *service;	/* such as a connector; NULL = "" */
};

/*
 * A session on a connected socket. The caller frees it by SSL_free; the session keeps what it needs
 * of the context. fd -1: the caller gives it a BIO.
 */
struct ssl_st;
struct ssl_st *tls_context_accept(struct tls_context *t, int fd, const struct tls_accept *how);

struct ssl_session_st;

/* How a session is opened. Everything is only read, during the call. */
struct tls_connect {
	const char *name;		/* SNI; may be NULL, an address is not sent */
	/*
	 * Of the host that we are: the certificate for it that somebody else signed is shown, else
	 * none, for many a server ends the handshake over one that it cannot verify. NULL: own.
	 */
	const char *own_name;
	bool mutual;			/* some certificate is shown in any case */
	bool status;			/* ask for a stapled OCSP response, see verify.h */
	struct ssl_session_st *session;	/* to be resumed; NULL = none */
};

struct ssl_st *tls_context_connect(struct tls_context *t, int fd, const struct tls_connect *how);
/* Of a session that we opened: did the server ask for our certificate? Not where it resumed. */
bool tls_was_asked(const struct ssl_st *ssl);
/* What the next session with this server may resume; the caller's. NULL: nothing (any more). */
struct ssl_session_st *tls_session_take(const struct ssl_st *ssl);

#endif
