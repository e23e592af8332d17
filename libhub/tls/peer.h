/* peer.h - the peer's certificate in words, for logs. Any thread. */
#ifndef HUB_TLS_PEER_H
#define HUB_TLS_PEER_H

#include <stdbool.h>

struct ssl_st;

/* All printable; what does not fit is cut off. */
struct tls_peer_text {
	char subject[250], issuer[250];	/* RFC 2253 */
	char serial[50];		/* hex */
	char thumbprint[65];		/* SHA-256 of the certificate, hex */
	char names[350];		/* alternative host names, separated by blanks */
};

/* False if the peer of the session showed no certificate. */
bool tls_peer_text(const struct ssl_st *ssl, struct tls_peer_text *out);

#endif
