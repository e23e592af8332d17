/* session_identity.h - what two sessions must have in common to stand for each other. Any thread.
 *
 * Everything that decides to whom we speak, who we say we are, how the peer is proven and how we
 * prove ourselves. A session that is kept, or resumed by TLS, serves what would have the very same
 * identity, and nothing else: mail that asks for more than the session had would be sent to whoever
 * answered, a session proven by one credential would carry what belongs to another.
 *
 * Where it is used: connections belong to a queue, whose key has what its messages ask for, and
 * carry messages as long as the certificates are those they were opened with and the directory says
 * the same of everything that the identity is made of (hubd/queue/conn_fit.c); what TLS may resume
 * is kept by the identity's digest (resume.h). The digest holds no secret that could be read back.
 */
#ifndef HUB_DELIVER_SESSION_IDENTITY_H
#define HUB_DELIVER_SESSION_IDENTITY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>

#include "libhub/base/resolver.h"

enum { SESSION_IDENTITY_DIGEST = 32 };

/* Texts are borrowed and may be NULL, which is not the same as "". */
struct session_identity {
	/* the way */
	union resolver_sockaddr to;	/* address and port */
	union resolver_sockaddr from;	/* our end, if it is prescribed; else of family 0 */
	const char *owner;		/* DN of the hub or mailbox server, or the queue */

	/* who we are */
	const char *name;		/* in EHLO, and by which the certificate is chosen */
	uint64_t context;		/* our certificates, the authorities and revocation lists */
	const char *user, *password;
	int auth;			/* enum client_auth, or 0 */
	bool lmtp, force_helo;

	/* who the peer has to be */
	int tls;			/* enum client_tls */
	int trust;			/* enum policy_trust */
	int verify;			/* enum tls_verify */
	bool mutual;
	const char *verify_name;
	const char *asked_name;		/* SNI */
	bool require_tls;		/* the messages do (RFC 8689) */
};

/* The first field in which they differ, for people; NULL = they are equal. */
const char *session_identity_differs(const struct session_identity *a,
	const struct session_identity *b);
void session_identity_digest(const struct session_identity *id,
	unsigned char out[SESSION_IDENTITY_DIGEST]);

#endif
