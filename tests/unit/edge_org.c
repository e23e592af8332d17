/* edge_org.c - see edge_org.h */
#include "edge_org.h"

#include <openssl/crypto.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/tls/certificate.h"

enum { ATTRS = 10 };

/* An entry that is being made. */
struct making {
	struct arena *a;
	struct entry_attr attrs[ATTRS];
	struct entry e;
};

static void add_blobs(struct making *m, const char *name, const struct blob *values, size_t n)
{
	BUG_ON(m->e.n == ATTRS);
	if (n > 0)
		m->attrs[m->e.n++] = (struct entry_attr){ name, values, n };
}

static void add(struct making *m, const char *name, const char *value)
{
	struct blob *v = arena_alloc(m->a, sizeof(*v));

	if (value == NULL)
		return;
	*v = (struct blob){ (const unsigned char *)arena_strdup(m->a, value), strlen(value) };
	add_blobs(m, name, v, 1);
}

static void begin(struct making *m, const char *class, const char *cn, const char *below)
{
	*m = (struct making){ .a = arena_new() };
	m->e.dn = arena_printf(m->a, "cn=%s,%s%s", cn, below, EDGE_ORG_BASE);
	m->e.attrs = m->attrs;
	add(m, "objectClass", class);
	add(m, "cn", cn);
}

static void put(struct making *m, struct builder *b)
{
	builder_put(b, &m->e);
	arena_free(&m->a);
}

struct blob edge_org_der(const struct tls_certificate *c)
{
	unsigned char *der = NULL;
	int n = i2d_X509(tls_certificate_x509(c), &der);
	struct blob out;

	BUG_ON(n <= 0);
	out = (struct blob){ xmemdup(der, (size_t)n), (size_t)n };
	OPENSSL_free(der);
	return out;
}

static void put_site(struct builder *b, const char *name)
{
	struct making m;

	begin(&m, "hubSite", name, "cn=Sites,");
	put(&m, b);
}

void edge_org_put(struct builder *b, const char *const *addresses, size_t n)
{
	struct blob values[EDGE_ORG_VALUES];
	struct making m;
	size_t i;

	m = (struct making){ .a = arena_new(), .e = { .dn = EDGE_ORG_BASE } };
	m.e.attrs = m.attrs;
	add(&m, "objectClass", "hubOrganization");
	add(&m, "cn", "Transport");
	put(&m, b);
	put_site(b, "London");
	put_site(b, "Paris");
	begin(&m, "hubServer", "edge1", "cn=Servers,");
	add(&m, "hubRole", "Edge");
	add(&m, "hubFQDN", "edge1.example");
	for (i = 0; i < n; i++)
		values[i] = (struct blob){ (const unsigned char *)addresses[i],
			strlen(addresses[i]) };
	add_blobs(&m, "hubAddress", values, n);
	put(&m, b);
}

static void add_site(struct making *m, const char *attr, const char *site)
{
	add(m, attr, arena_printf(m->a, "cn=%s,cn=Sites,%s", site, EDGE_ORG_BASE));
}

void edge_org_put_hub(struct builder *b, const char *name, const char *site,
	const struct blob *certificate, bool enabled)
{
	struct making m;

	begin(&m, "hubServer", name, "cn=Servers,");
	add(&m, "hubRole", "Hub");
	add(&m, "hubEnabled", enabled ? "TRUE" : "FALSE");
	add_site(&m, "hubServerSite", site);
	if (certificate != NULL)
		add_blobs(&m, "hubCertificate", certificate, 1);
	put(&m, b);
}

void edge_org_put_subscription(struct builder *b, const struct edge_org_subscription *s)
{
	struct making m;

	begin(&m, "hubEdgeSubscription", "edge1", "cn=Edge Subscriptions,");
	add(&m, "hubServerRef", "cn=edge1,cn=Servers," EDGE_ORG_BASE);
	add_site(&m, "hubServerSite", "London");
	add(&m, "hubDirectoryPort", s->port);
	add(&m, "hubRemoved", s->removed);
	if (s->sync_site != NULL)
		add_site(&m, "hubSyncSite", s->sync_site);
	if (s->certificate.size != 0)
		add_blobs(&m, "hubDirectoryCertificate", &s->certificate, 1);
	add_blobs(&m, "hubCredential", s->credentials, s->n);
	put(&m, b);
}

struct blob edge_org_seal(const char *account, const char *hub, enum credential_kind kind,
	int64_t from_s, int64_t to_s, const struct blob *certificates, size_t n)
{
	struct credential c = { .kind = kind, .from_s = from_s, .to_s = to_s };
	struct blob out;
	struct err e;

	snprintf(c.account, sizeof(c.account), "cn=%s,cn=Sync Accounts," EDGE_ORG_TREE, account);
	snprintf(c.password, sizeof(c.password), "of %s", account);
	snprintf(c.hub, sizeof(c.hub), "%s", hub);
	BUG_ON(credential_seal(&c, certificates, n, &out, &e) != 0);
	return out;
}
