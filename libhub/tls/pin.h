/* pin.h - direct trust: a peer is who the directory says if it holds the pinned key. Any thread.
 *
 * What is compared is the SHA-256 of the DER SubjectPublicKeyInfo, written "sha256:" and 64
 * lower-case hex digits. Expiry, issuer and names of the certificate do not matter. A certificate
 * in the directory (hubCertificate, DER) stands for the key in it; several pins at once are usual
 * while a key is being changed.
 */
#ifndef HUB_TLS_PIN_H
#define HUB_TLS_PIN_H

#include <stdbool.h>
#include <stddef.h>

#include "libhub/base/err.h"

/* "sha256:" + 64 digits + NUL */
enum { TLS_PIN_SIZE = 7 + 64 + 1 };
/* A certificate in the directory may not be larger, in bytes. */
enum { TLS_PIN_DER_MAX = 64 * 1024 };

struct tls_pin_der {
	const void *data;
	size_t len;
};

struct x509_st;

/* Digest of the key in a certificate. */
int tls_pin_of_x509(const struct x509_st *cert, char out[TLS_PIN_SIZE], struct err *e) MUST_CHECK;
int tls_pin_of_der(const void *der, size_t len, char out[TLS_PIN_SIZE], struct err *e) MUST_CHECK;
/* Of the first certificate in a PEM file. */
int tls_pin_of_file(const char *path, char out[TLS_PIN_SIZE], struct err *e) MUST_CHECK;
/*
 * Brings a digest as people write it (hex in either case) into the form above; -1 if it is not a
 * SHA-256 digest.
 */
int tls_pin_normalize(const char *text, char out[TLS_PIN_SIZE], struct err *e) MUST_CHECK;
/* The same key? Either may be in any case; false if either is malformed or NULL. */
bool tls_pin_equal(const char *a, const char *b);
/*
 * Does digest (of a peer, may be NULL) match any digest string or the key of any certificate?
 * Entries that cannot be read match nothing.
 */
bool tls_pin_match(const char *digest, const char *const *digests, size_t n_digests,
	const struct tls_pin_der *certs, size_t n_certs);

#endif
