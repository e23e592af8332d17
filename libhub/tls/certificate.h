/* certificate.h - a certificate with its chain and private key, and the names that it is for.
 *
 * Immutable and counted; any thread. The names are those of the subject alternative names, or the
 * common name where there are none: lower case, each a host name or "*." and a domain, where the
 * asterisk stands for exactly one label (RFC 6125 section 6.4.3).
 */
#ifndef HUB_TLS_CERTIFICATE_H
#define HUB_TLS_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>
#include <time.h>

#include "libhub/base/err.h"

struct tls_certificate;
struct x509_st;
struct evp_pkey_st;
struct ssl_ctx_st;
struct ssl_st;

/* Names of one certificate that are looked at, and their length without NUL. */
enum { TLS_CERTIFICATE_NAMES_MAX = 1000, TLS_NAME_MAX = 253 };

/* From PEM files: the chain, own certificate first, and the key, not encrypted. NULL and *e. */
struct tls_certificate *tls_certificate_load(const char *certificate, const char *key,
	struct err *e) MUST_CHECK;
struct tls_certificate *tls_certificate_ref(struct tls_certificate *c);
/* Accepts a pointer to NULL; sets it to NULL. */
void tls_certificate_unref(struct tls_certificate **c);

/* "sha256:<hex>" of the public key, see pin.h. */
const char *tls_certificate_key_digest(const struct tls_certificate *c);
/* The file it came from. */
const char *tls_certificate_path(const struct tls_certificate *c);
size_t tls_certificate_names(const struct tls_certificate *c, const char *const **names);
/* Borrowed: the certificate and its private key, for what is no TLS. */
struct x509_st *tls_certificate_x509(const struct tls_certificate *c);
struct evp_pkey_st *tls_certificate_private_key(const struct tls_certificate *c);
/* Within its time, by that clock. */
bool tls_certificate_is_valid(const struct tls_certificate *c, time_t now);
/* When it ends to be so, seconds since 1970. */
time_t tls_certificate_not_after(const struct tls_certificate *c);
/* Its own issuer: strangers have no reason to trust it. */
bool tls_certificate_is_self_signed(const struct tls_certificate *c);
/* Shows it in sessions of ctx, beside those with keys of other types. */
int tls_certificate_use(const struct tls_certificate *c, struct ssl_ctx_st *ctx, struct err *e)
	MUST_CHECK;
/* Shows it in that one session. -1 if OpenSSL refuses. */
int tls_certificate_use_once(const struct tls_certificate *c, struct ssl_st *ssl) MUST_CHECK;

/*
 * How well a name of a certificate fits the host: 0 = not at all, else more for the more specific
 * (its length; a wildcard less than any exact name). Both in lower case.
 */
size_t tls_name_fit(const char *name, const char *host);

/*
 * Which of these to show to who asks for host (lower case): the fit decides, then that it is valid
 * now and that somebody else signed it; where certificates are equal in all that, of each type of
 * key the newest. Fills out (room for n) and returns how many there are: several only with keys of
 * different types, between which the client's abilities decide.
 */
size_t tls_certificate_choose(struct tls_certificate *const *all, size_t n, const char *host,
	time_t now, struct tls_certificate **out);

#endif
