/* verify.h - checking the peer of an established session by authority and name. Any thread.
 *
 * The handshake accepts any certificate; this asks afterwards, from what OpenSSL found then. What
 * is enforced: the chain leads to a trusted authority; each certificate is in its time and for
 * servers (where we accepted the session: for clients or servers); none is in a revocation list of
 * its issuer that we were given, and no such list is too old; what a server stapled does not say
 * that it is revoked, and where its certificate promises a staple, says that it is good
 * (staple.h). A resumed session was checked for all but the time when it began: whoever keeps it
 * keeps it apart, with the authorities of then.
 */
#ifndef HUB_TLS_VERIFY_H
#define HUB_TLS_VERIFY_H

#include "libhub/base/err.h"

/* The values of hubTLSAuthLevel. */
enum tls_verify {
	TLS_VERIFY_ENCRYPTION,	/* EncryptionOnly: TLS is enough */
	TLS_VERIFY_CERTIFICATE,	/* CertificateValidation: all of the above */
	TLS_VERIFY_DOMAIN,	/* DomainValidation: and the certificate names the host or domain */
};

struct ssl_st;

/*
 * 0 if the peer satisfies mode. name: for TLS_VERIFY_DOMAIN a host name, or a domain written
 * "*.example.com" that any one host of it satisfies; else ignored. -1 with the reason in *e.
 */
int tls_verify_peer(const struct ssl_st *ssl, enum tls_verify mode, const char *name,
	struct err *e) MUST_CHECK;

#endif
