/* context_priv.h - what the context*.c files share; nobody else includes it.
 *
 * context.c: life, options. authorities.c: whom we trust. context_server.c: which certificate is
 * shown, what a session may be resumed as, tickets. context_client.c: sessions that we open.
 */
#ifndef HUB_TLS_CONTEXT_PRIV_H
#define HUB_TLS_CONTEXT_PRIV_H

#include "libhub/tls/certificate.h"
#include "libhub/tls/context.h"

#include <openssl/ssl.h>
#include <stdatomic.h>
#include <uthash.h>

enum { TLS_DIGEST_SIZE = 32 };

struct tls_authorities {
	X509_STORE *store;
	unsigned char digest[TLS_DIGEST_SIZE];	/* of all files */
	atomic_uint refs;
};

/* Certificates that are shown together, with keys of different types. */
struct tls_group {
	SSL_CTX *ssl;
	struct tls_certificate **certificates;
	size_t n;
	struct tls_group *next;
};

/* A name of certificates, "*." and a domain included, and who is shown for it. */
struct tls_name {
	UT_hash_handle hh;
	struct tls_group *group;
	char name[];
};

struct tls_context {
	struct tls_group *own;		/* one certificate, or none */
	struct tls_group *groups;	/* all, own included */
	struct tls_name *names;
	struct tls_authorities *authorities;
	struct tls_tickets *tickets;	/* of servers */
	struct tls_certificate **all;	/* of clients: what may be shown besides own */
	size_t n_all;
	uint64_t number;
	const char *key_digest;		/* NULL without certificate */
	atomic_uint refs;
};

/* A new group of t with the options that all have; certificates may be none. NULL and *e. */
struct tls_group *tls_group_new(struct tls_context *t, const SSL_METHOD *method,
	struct tls_certificate *const *certificates, size_t n, struct err *e) MUST_CHECK;
/* An empty context. Takes its own reference to authorities. */
struct tls_context *tls_context_begin(struct tls_authorities *authorities);
/* Into lower case and without a dot at the end; false if it is no name at all. */
bool tls_name_fold(const char *name, char out[TLS_NAME_MAX + 1]);
bool tls_name_fold_n(const char *name, size_t n, char out[TLS_NAME_MAX + 1]);

#endif
