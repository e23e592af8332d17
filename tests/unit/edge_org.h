/* edge_org.h - an organization for tests, with an edge, hubs of its site and their credentials. */
#ifndef HUB_TESTS_EDGE_ORG_H
#define HUB_TESTS_EDGE_ORG_H

#include "libhub/edge/credential.h"
#include "libhub/org/builder.h"

#define EDGE_ORG_BASE "cn=Transport,dc=org"
/* Of the edge's tree. */
#define EDGE_ORG_TREE "cn=Transport,o=Edge"

enum { EDGE_ORG_VALUES = 8 };

/* What the subscription says. */
struct edge_org_subscription {
	const char *port;		/* NULL = as it is by itself */
	const char *removed;		/* "TRUE", or NULL */
	const char *sync_site;		/* "Paris", or NULL */
	struct blob certificate;	/* of the edge's directory */
	struct blob credentials[EDGE_ORG_VALUES];
	size_t n;
};

struct tls_certificate;

/* The certificate; the caller frees the bytes. */
struct blob edge_org_der(const struct tls_certificate *c);
/* The organization, sites London and Paris, and the edge "edge1", reached at those addresses. */
void edge_org_put(struct builder *b, const char *const *addresses, size_t n);
/* certificate may be NULL. */
void edge_org_put_hub(struct builder *b, const char *name, const char *site,
	const struct blob *certificate, bool enabled);
void edge_org_put_subscription(struct builder *b, const struct edge_org_subscription *s);
/* A credential of the account "cn=ACCOUNT,cn=Sync Accounts,TREE", password "of ACCOUNT". */
struct blob edge_org_seal(const char *account, const char *hub, enum credential_kind kind,
	int64_t from_s, int64_t to_s, const struct blob *certificates, size_t n);

#endif
