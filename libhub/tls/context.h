/* context.h - TLS contexts: certificate, key, trusted authorities, options. Immutable, any thread.
 *
 * TLS 1.2 and later. A context never changes after it was made: to reload certificates the owner
 * builds a new one and swaps its pointer; sessions keep the old one by their reference. No context
 * refuses a certificate during the handshake (trust between hubs is by pinned key, elsewhere
 * verification is by policy): whoever opens a session checks afterwards, see pin.h and verify.h.
 */
#ifndef HUB_TLS_CONTEXT_H
#define HUB_TLS_CONTEXT_H

#include <stdbool.h>

#include "libhub/base/err.h"

struct tls_context;

/*
 * For sessions that we accept: certificate (chain, own first) and key are PEM files and required.
 * ca (PEM file, may be NULL) is what client certificates are verified against when asked for.
 * NULL with *e filled on failure.
 */
struct tls_context *tls_context_new_server(const char *certificate, const char *key, const char *ca,
	struct err *e) MUST_CHECK;
/*
 * For sessions that we open: certificate and key (both or neither) are shown when the server asks.
 * ca NULL: the system's authorities.
 */
struct tls_context *tls_context_new_client(const char *certificate, const char *key, const char *ca,
	struct err *e) MUST_CHECK;
/* Any thread. ref returns its argument. unref accepts a pointer to NULL and sets it to NULL. */
struct tls_context *tls_context_ref(struct tls_context *t);
void tls_context_unref(struct tls_context **t);

/* Digest of the context's own public key ("sha256:<hex>"), or NULL if it has no certificate. */
const char *tls_context_key_digest(const struct tls_context *t);

/*
 * A session on a connected socket, for libhub's streams only. The caller frees it by SSL_free; the
 * session keeps what it needs of the context. name: SNI, may be NULL, an address is not sent.
 */
struct ssl_st;
struct ssl_st *tls_context_accept(struct tls_context *t, int fd, bool request_cert);
struct ssl_st *tls_context_connect(struct tls_context *t, int fd, const char *name);

#endif
