/* staple.h - what the issuer says of a server's certificate, sent along by the server itself
 * (OCSP stapling: RFC 6066 section 8, RFC 6960). Any thread.
 *
 * No responder is ever asked by us: that would tell it who writes to whom, and hold up the session.
 * What is stapled counts only if the certificate's issuer, or whom it delegated, signed it and it
 * is of now; else it is as if nothing came. That is no obstacle but for a certificate which itself
 * says that a staple always comes (must-staple, RFC 7633).
 */
#ifndef HUB_TLS_STAPLE_H
#define HUB_TLS_STAPLE_H

#include "libhub/base/err.h"

struct ssl_st;

/*
 * Of a session that we opened, asking for it, and whose certificate was verified just now: -1 with
 * the reason if it is revoked, or has to be proven good and is not.
 */
int staple_check(const struct ssl_st *ssl, struct err *e) MUST_CHECK;

#endif
