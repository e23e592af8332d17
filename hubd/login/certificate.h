/* certificate.h - who holds a certificate, by direct trust: the entry that has that very
 * certificate in userCertificate. Pure; any thread.
 *
 * Issuer, names and expiry do not matter: TLS has shown that the peer holds the key, the directory
 * says whose certificate it is.
 */
#ifndef HUB_LOGIN_CERTIFICATE_H
#define HUB_LOGIN_CERTIFICATE_H

#include <stdbool.h>
#include <stddef.h>

struct entry;

/*
 * A filter by certificateExactMatch (serial number and issuer, RFC 4523); the caller's, by free.
 * Anybody can make a certificate with the same two: what is found still has to be compared. NULL if
 * the bytes are no certificate.
 */
char *certificate_filter(const unsigned char *der, size_t size);
/* Does the entry's userCertificate hold exactly these bytes? */
bool certificate_is_of(const struct entry *e, const unsigned char *der, size_t size);

#endif
