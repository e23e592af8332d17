/* policy.h - how a peer has to prove itself, and how we prove ourselves to it. Pure; any thread.
 *
 * Hubs and edges of the organization: STARTTLS and the key that the directory pins, nothing else.
 * Elsewhere TLS is taken where it is offered and believed whoever answers, unless the connector
 * asks for more (hubRequireTLS, hubTLSAuthLevel, hubDomainSecure, hubSmartHostAuth).
 */
#ifndef HUB_DELIVER_POLICY_H
#define HUB_DELIVER_POLICY_H

#include "hubd/deliver/client.h"
#include "hubd/queue/queue.h"
#include "libhub/org/connector.h"

enum policy_trust {
	POLICY_TRUST_ANYBODY,
	POLICY_TRUST_SERVER,		/* the keys of one hubServer */
	POLICY_TRUST_ANY_SERVER,	/* of any enabled hubServer */
	POLICY_TRUST_MAILBOX,		/* of the hubMailboxServer */
};

struct policy {
	enum client_tls tls;
	enum policy_trust trust;
	enum tls_verify verify;		/* its certificate, beside that; what the level asks for */
	const char *verify_name;
	bool mutual;			/* and the peer asks for our certificate */
	const struct server *server;
	const struct mailbox_server *mailbox;
	enum client_auth auth;
	const char *user, *password;	/* for that, or NULL */
	const char *refusal;		/* why nothing may be sent at all, or NULL */
};

/* What a policy is made of. */
struct policy_case {
	const struct live *live;
	const struct send_connector *connector;	/* NULL without one */
	const struct mailbox_server *mailbox;	/* the next hop, or NULL */
	const struct server *server;		/* the next hop, or NULL */
	const char *domain;			/* of the recipients; "" */
	const char *host;			/* name of the smart host; "" */
	bool require_tls;			/* the message does (RFC 8689) */
	bool has_keytab;
};

void policy_make(const struct policy_case *pc, struct policy *out);
/*
 * Is the peer of the stream who it should be? -1 with the reason. POLICY_UNPROVEN: it has yet to
 * show that by AUTH.
 */
enum { POLICY_UNPROVEN = 1 };
int policy_check(const struct policy *p, const struct live *live, const struct stream *s,
	struct err *e) MUST_CHECK;

#endif
