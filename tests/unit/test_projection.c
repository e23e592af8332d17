/* test_projection.c - what an edge may know of a rich organization, and the writes between two
 * states of an edge.
 *
 * In the organization below whatever must not go says "never".
 */
#include "unit.h"

#include "edgesyncd/difference.h"
#include "edgesyncd/projection.h"
#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"
#include "org_text.h"

#define T "cn=Transport,dc=org"
#define B "cn=Transport,o=Edge"
#define SERVERS ",cn=Servers," T
#define CONNECTORS ",cn=Connectors," T

static const char organization[] =
	"dn: " T "\nobjectClass: hubOrganization\ncn: Transport\nhubMaxSendSize: 1000\n"
	"hubMaxReceiveSize: 2000\nhubMaxRecipients: 300\nhubPostmaster: postmaster@a.example\n"
	"hubTLSSendDomainSecure: p.example\nhubTLSReceiveDomainSecure: q.example\n"
	"hubInternalSMTPServer: 10.0.0.1\nhubConnectorFailoverDelay: 30\n"
	"hubPlusAddressing: TRUE\nhubDefaultAcceptedDomain: cn=A,cn=Accepted Domains," T "\n"
	"hubShadowRedundancy: FALSE\nhubShadowPreference: LocalOnly\n"
	"hubShadowHeartbeatInterval: 77\nhubShadowTakeoverTime: 78\nhubShadowDiscardInterval: 79\n"
	"hubRejectOnShadowFailure: FALSE\nhubEpoch: never-epoch\n\n"
	"dn: cn=London,cn=Sites," T "\nobjectClass: hubSite\ncn: London\nhubSubnet: 10.1.0.0/16\n"
	"hubInboundMail: TRUE\ndescription: never\n\n"
	"dn: cn=never-Paris,cn=Sites," T "\nobjectClass: hubSite\ncn: never-Paris\n\n"
	"dn: cn=never-Link,cn=Site Links," T "\nobjectClass: hubSiteLink\ncn: never-Link\n"
	"hubSiteList: cn=London,cn=Sites," T "\nhubSiteList: cn=never-Paris,cn=Sites," T "\n\n"
	"dn: cn=Hub1" SERVERS "\nobjectClass: top\nobjectClass: hubServer\ncn: Hub1\nhubRole: Hub\n"
	"hubServerSite: cn=London,cn=Sites," T "\nhubFQDN: hub1.a.example\nhubAddress: 10.1.0.1\n"
	"hubKeyDigest: sha256:"
	"1111111111111111111111111111111111111111111111111111111111111111\n"
	"description: never\nhubComment: never\nhubDropRoot: /never\n"
	"hubExternalDNSServer: 1.2.3.4\n"
	"hubAdminAddress: 10.1.0.1:8025\nuserPassword: never\nhubMaxOutboundConnections: 4321\n\n"
	"dn: cn=never-R,cn=Hub1" SERVERS "\nobjectClass: hubReceiveConnector\ncn: never-R\n"
	"hubBinding: 0.0.0.0:25\n\n"
	"dn: cn=never-off" SERVERS "\nobjectClass: hubServer\ncn: never-off\nhubRole: Hub\n"
	"hubServerSite: cn=London,cn=Sites," T "\nhubEnabled: FALSE\n\n"
	"dn: cn=never-far" SERVERS "\nobjectClass: hubServer\ncn: never-far\nhubRole: Hub\n"
	"hubServerSite: cn=never-Paris,cn=Sites," T "\n\n"
	"dn: cn=Edge1" SERVERS "\nobjectClass: hubServer\ncn: Edge1\nhubRole: Edge\n"
	"hubFQDN: edge1.never.example\n\n"
	"dn: cn=never-e2" SERVERS "\nobjectClass: hubServer\ncn: never-e2\nhubRole: Edge\n\n"
	"dn: cn=never-m,cn=Mailbox Servers," T "\nobjectClass: hubMailboxServer\ncn: never-m\n"
	"hubFQDN: never-m.a.example\n\n"
	"dn: cn=never-g,cn=Routing Groups," T "\nobjectClass: hubRoutingGroup\ncn: never-g\n"
	"hubAddressSpace: SMTP:never.example;1\n\n"
	"dn: cn=A,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\ncn: A\n"
	"hubDomain: a.example\nhubDomainType: InternalRelay\n\n"
	"dn: cn=B,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\ncn: B\n"
	"hubDomain: b.example\n\n"
	"dn: cn=Default,cn=Remote Domains," T "\nobjectClass: hubRemoteDomain\ncn: Default\n"
	"hubDomain: *\nhubTrustedMail: TRUE\n\n";

static const char connectors[] =
	"dn: cn=Out" CONNECTORS "\nobjectClass: hubSendConnector\ncn: Out\n"
	"hubAddressSpace: SMTP:*;100\nhubSourceServer: cn=Edge1" SERVERS "\n"
	"hubSourceServer: cn=never-e2" SERVERS "\nhubSmartHost: relay.example\n"
	"hubSmartHostAuth: BasicAuthRequireTLS\nhubAuthUser: user\nhubAuthPassword: secret\n"
	"hubSourceAddress: Edge1 192.0.2.1\nhubSourceAddress: never-e2 192.0.2.2\n"
	"hubComment: mine\n\n"
	"dn: cn=never-c" CONNECTORS "\nobjectClass: hubSendConnector\ncn: never-c\n"
	"hubAddressSpace: SMTP:*;1\nhubSourceServer: cn=never-e2" SERVERS "\n"
	"hubAuthPassword: never\n\n"
	"dn: cn=never-h" CONNECTORS "\nobjectClass: hubSendConnector\ncn: never-h\n"
	"hubAddressSpace: SMTP:*;1\nhubSourceServer: cn=Hub1" SERVERS "\n\n"
	"dn: cn=never-f" CONNECTORS "\nobjectClass: hubForeignConnector\ncn: never-f\n"
	"hubAddressSpace: FAX:*;1\nhubSourceServer: cn=Hub1" SERVERS "\n\n"
	"dn: cn=Edge1,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\ncn: Edge1\n"
	"hubServerRef: cn=Edge1" SERVERS "\nhubServerSite: cn=London,cn=Sites," T "\n"
	"hubDirectoryPort: 1636\nhubCredential: never\nhubDirectoryCertificate: never\n"
	"hubComment: never\n\n"
	"dn: cn=never-e2,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\n"
	"cn: never-e2\nhubServerRef: cn=never-e2" SERVERS "\n"
	"hubServerSite: cn=London,cn=Sites," T "\n\n";

/* All of it, but for the containers. */
static const char projected[] =
	"cn=a,cn=accepted domains (" "cn=A,cn=Accepted Domains," B ")\n"
	" cn: A\n hubDomain: a.example\n hubDomainType: InternalRelay\n"
	" objectClass: hubAcceptedDomain\n"
	"cn=b,cn=accepted domains (cn=B,cn=Accepted Domains," B ")\n"
	" cn: B\n hubDomain: b.example\n objectClass: hubAcceptedDomain\n"
	"cn=default,cn=remote domains (cn=Default,cn=Remote Domains," B ")\n"
	" cn: Default\n hubDomain: *\n hubTrustedMail: TRUE\n objectClass: hubRemoteDomain\n"
	"cn=edge1,cn=edge subscriptions (cn=Edge1,cn=Edge Subscriptions," B ")\n"
	" cn: Edge1\n hubServerRef: cn=Edge1,cn=Servers," B "\n"
	" hubServerSite: cn=London,cn=Sites," B "\n objectClass: hubEdgeSubscription\n"
	"cn=hub1,cn=servers (cn=Hub1,cn=Servers," B ")\n"
	" cn: Hub1\n hubAddress: 10.1.0.1\n hubFQDN: hub1.a.example\n"
	" hubKeyDigest: sha256:"
	"1111111111111111111111111111111111111111111111111111111111111111\n"
	" hubRole: Hub\n hubServerSite: cn=London,cn=Sites," B "\n objectClass: hubServer\n"
	"cn=london,cn=sites (cn=London,cn=Sites," B ")\n"
	" cn: London\n hubInboundMail: TRUE\n objectClass: hubSite\n"
	"cn=out,cn=connectors (cn=Out,cn=Connectors," B ")\n"
	" cn: Out\n hubAddressSpace: SMTP:*;100\n hubAuthPassword: secret\n hubAuthUser: user\n"
	" hubComment: mine\n hubSmartHost: relay.example\n hubSmartHostAuth: BasicAuthRequireTLS\n"
	" hubSourceAddress: Edge1 192.0.2.1\n hubSourceServer: cn=Edge1,cn=Servers," B "\n"
	" objectClass: hubSendConnector\n";

static const char projected_root[] =
	" (" B ")\n hubConnectorFailoverDelay: 30\n"
	" hubDefaultAcceptedDomain: cn=A,cn=Accepted Domains," B "\n"
	" hubInternalSMTPServer: 10.0.0.1\n hubMaxReceiveSize: 2000\n hubMaxRecipients: 300\n"
	" hubMaxSendSize: 1000\n hubPlusAddressing: TRUE\n hubPostmaster: postmaster@a.example\n"
	" hubTLSReceiveDomainSecure: q.example\n hubTLSSendDomainSecure: p.example\n"
	" objectClass: hubOrganization\n";

static const struct snapshot *snapshot_of(const char *first, const char *second)
{
	struct builder *b = builder_new(T);
	const struct snapshot *s;

	org_text_put(b, first);
	org_text_put(b, connectors);
	org_text_put(b, second);
	s = builder_build(b, NULL);
	builder_free(&b);
	return s;
}

static int compare_lines(const void *x, const void *y)
{
	return strcmp(*(char *const *)x, *(char *const *)y);
}

static void dump_entry(FILE *out, const struct edge_entry *e)
{
	char *lines[64];
	size_t i, j, n = 0;

	fprintf(out, "%s (%s)\n", e->rdn, e->entry->dn);
	for (i = 0; i < e->entry->n; i++)
		for (j = 0; j < e->entry->attrs[i].n; j++)
			lines[n++] = xasprintf(" %s: %s\n", e->entry->attrs[i].name,
				(const char *)e->entry->attrs[i].values[j].data);
	qsort(lines, n, sizeof(*lines), compare_lines);
	for (i = 0; i < n; i++) {
		fputs(lines[i], out);
		free(lines[i]);
	}
}

static char *dump(const struct edge_entries *e, bool root)
{
	char *text = NULL;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	for (i = 0; i < e->n; i++)
		if (root ? e->v[i].depth == 0 : e->v[i].depth > 1)
			dump_entry(out, &e->v[i]);
	fclose(out);
	return text;
}

static struct edge_entries *project(const char *first, const char *second)
{
	const struct snapshot *s = snapshot_of(first, second);
	struct edge_entries *e;
	struct err err;

	e = projection_new(s, "Edge1", B, &err);
	ck_assert_msg(e != NULL, "%s", e == NULL ? err.text : "");
	snapshot_unref(&s);
	return e;
}

START_TEST(test_everything)
{
	struct edge_entries *e = project(organization, "");
	char *text = dump(e, false), *root = dump(e, true);

	ck_assert_str_eq(text, projected);
	ck_assert_str_eq(root, projected_root);
	ck_assert_ptr_null(strstr(text, "never"));
	free(text);
	free(root);
	edge_entries_free(&e);
}
END_TEST

START_TEST(test_nothing_without_its_root)
{
	const struct snapshot *s = snapshot_of(strstr(organization, "dn: cn=London"), "");
	struct err e;

	ck_assert_ptr_null(projection_new(s, "Edge1", B, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "organization"));
	snapshot_unref(&s);
	s = snapshot_of(organization, "");
	ck_assert_ptr_null(projection_new(s, "Hub1", B, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "subscription"));
	snapshot_unref(&s);
}
END_TEST

/* The edge has been moved there, and keeps those that it knows. */
START_TEST(test_nothing_for_a_site_without_hubs)
{
	const struct snapshot *s = snapshot_of(organization, "dn: cn=Paris,cn=Sites," T "\n"
		"objectClass: hubSite\ncn: Paris\n\n"
		"dn: cn=Edge1,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\n"
		"cn: Edge1\nhubServerRef: cn=Edge1" SERVERS "\n"
		"hubServerSite: cn=Paris,cn=Sites," T "\n\n");
	struct err e;

	ck_assert_ptr_null(projection_new(s, "Edge1", B, &e));
	ck_assert_str_eq(e.text, "site Paris has no enabled hub: Edge1 keeps those that it has");
	snapshot_unref(&s);
}
END_TEST

/* A connector that works for a Receive connector of the edge, which only the edge knows. */
START_TEST(test_linked)
{
	struct edge_entries *e = project(organization,
		"dn: cn=L" CONNECTORS "\nobjectClass: hubSendConnector\ncn: L\n"
		"hubSourceServer: CN=edge1, cn=Servers," T "\nhubSmartHost: h.example\n"
		"hubMaxMessageSize: 0\n"
		"hubLinkedReceiveConnector: cn=In,cn=Edge1" SERVERS "\n\n");
	const struct edge_entry *l = edge_entries_find(e, "cn=l,cn=connectors");

	ck_assert_ptr_nonnull(l);
	ck_assert_str_eq(entry_text(l->entry, "hubLinkedReceiveConnector"),
		"cn=In,cn=Edge1,cn=Servers," B);
	edge_entries_free(&e);
}
END_TEST

static void put_there(const struct entry *e, void *ctx)
{
	edge_entries_add(ctx, e);
}

static struct replica_digest *whole;

/* As the edge computes it, of what it sees. */
static void digest_one(const struct entry *e, void *ctx)
{
	struct arena *a = arena_new();
	const char *rdn = dn_relative(a, dn_normalize(a, e->dn), dn_normalize(a, B));
	unsigned char digest[REPLICA_DIGEST_SIZE];

	(void)ctx;
	if (edge_layout_part(rdn, e) == EDGE_PART_CONFIGURATION) {
		replica_digest_entry(rdn, e, digest);
		replica_digest_add(whole, digest);
	}
	arena_free(&a);
}

START_TEST(test_digest)
{
	static const char there[] =
		"dn: " B "\nobjectClass: top\nobjectClass: dcObject\nobjectClass: hubOrganization\n"
		"cn: Transport\nhubEpoch: local\nhubShadowRedundancy: TRUE\nhubMaxSendSize: 1000\n"
		"hubDefaultAcceptedDomain: CN=a,cn=Accepted Domains," B "\n\n"
		"dn: cn=Sites," B "\nobjectClass: hubContainer\ncn: Sites\n\n"
		"dn: cn=London,cn=Sites," B "\nobjectClass: hubSite\ncn: London\n\n"
		"dn: cn=Edge1,cn=Servers," B "\nobjectClass: hubServer\ncn: Edge1\n"
		"hubRole: Edge\n\n";
	struct edge_entries *e = edge_entries_new(B);
	char expected[REPLICA_DIGEST_TEXT], text[REPLICA_DIGEST_TEXT];

	whole = replica_digest_new();
	org_text_each(there, digest_one, NULL);
	replica_digest_finish(&whole, expected);
	org_text_each(there, put_there, e);
	edge_entries_sort(e);
	edge_entries_digest(e, NULL, text);
	ck_assert_str_eq(text, expected);
	edge_entries_free(&e);
}
END_TEST

/* What does not change is not computed again, and what does is. */
START_TEST(test_digest_again)
{
	/* one that comes between others, and one that changes */
	const char *more = "dn: cn=AA,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\n"
		"cn: AA\nhubDomain: c.example\n\n"
		"dn: cn=B,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\ncn: B\n"
		"hubDomain: other.example\n\n";
	struct edge_entries *before = project(organization, "");
	struct edge_entries *after = project(organization, more);
	char first[REPLICA_DIGEST_TEXT], second[REPLICA_DIGEST_TEXT], alone[REPLICA_DIGEST_TEXT];
	struct edge_entries *other = project(organization, more);

	edge_entries_digest(before, NULL, first);
	edge_entries_digest(after, before, second);
	edge_entries_digest(other, NULL, alone);
	ck_assert_str_eq(second, alone);
	ck_assert_str_ne(second, first);
	edge_entries_free(&before);
	edge_entries_free(&after);
	edge_entries_free(&other);
}
END_TEST

/* --- differences --- */

static struct arena *arena;
static struct difference d;
static bool anew;

static void setup(void)
{
	anew = false;
	arena = arena_new();
}

static void teardown(void)
{
	arena_free(&arena);
}

/* What stands on the edge: the projection of one organization, with other entries in between. */
static struct edge_entries *there_of(struct edge_entries *projection, const char *more)
{
	org_text_each(more, put_there, projection);
	edge_entries_sort(projection);
	return projection;
}

static char *ops_text(const struct difference *diff)
{
	static const char signs[] = { [EDGE_DELETE] = '-', [EDGE_ADD] = '+', [EDGE_MODIFY] = '*' };
	char *text = NULL;
	size_t size, i, j;
	FILE *out = open_memstream(&text, &size);

	for (i = 0; i < diff->n; i++) {
		fprintf(out, "%c%.*s", signs[diff->ops[i].write],
			(int)(strcmp(diff->ops[i].dn, B) == 0 ? strlen(B) :
			strlen(diff->ops[i].dn) - strlen("," B)), diff->ops[i].dn);
		for (j = 0; j < diff->ops[i].n; j++)
			fprintf(out, " %s=%zu", diff->ops[i].changes[j].attr,
				diff->ops[i].changes[j].n);
		fputc('\n', out);
	}
	fclose(out);
	return text;
}

static void expect_ops(struct edge_entries *here, struct edge_entries *there, const char *expected)
{
	char *text;

	difference_make(arena, here, there, anew, &d);
	text = ops_text(&d);
	ck_assert_str_eq(text, expected);
	free(text);
	edge_entries_free(&here);
	edge_entries_free(&there);
}

START_TEST(test_no_difference)
{
	/* as slapd gives it back: other order and case of names, other spelling of DNs */
	struct edge_entries *there = project(organization, ""), *other = edge_entries_new(B);
	size_t i;

	for (i = there->n; i-- > 0;)
		edge_entries_add(other, there->v[i].entry);
	edge_entries_free(&there);
	edge_entries_sort(other);
	expect_ops(project(organization, ""), other, "");
}
END_TEST

START_TEST(test_same_reference)
{
	struct edge_entries *there = edge_entries_new(B), *here = edge_entries_new(B);

	there_of(there, "dn: cn=x,cn=Sites," B "\nobjectClass: hubEdgeSubscription\ncn: x\n"
		"hubServerSite: CN=London, CN=sites,cn=transport,O=edge\n\n");
	there_of(here, "dn: cn=X,cn=Sites," B "\nobjectClass: hubEdgeSubscription\ncn: x\n"
		"hubServerSite: cn=London,cn=Sites,cn=Transport,o=Edge\n\n");
	expect_ops(here, there, "");
}
END_TEST

/* A directory gives the values of an attribute in any order; another one of them differs. */
START_TEST(test_same_values_in_another_order)
{
	static const char in[] = "dn: cn=In,cn=Connectors," B "\nobjectClass: hubSendConnector\n"
		"cn: In\n";
	char here[300], there[300], other[300];

	snprintf(here, sizeof(here), "%s%s", in, "hubAddressSpace: SMTP:a;1\n"
		"hubAddressSpace: SMTP:b;1\n\n");
	snprintf(there, sizeof(there), "%s%s", in, "hubAddressSpace: SMTP:b;1\n"
		"hubAddressSpace: SMTP:a;1\n\n");
	snprintf(other, sizeof(other), "%s%s", in, "hubAddressSpace: SMTP:b;1\n"
		"hubAddressSpace: SMTP:b;2\n\n");
	expect_ops(there_of(edge_entries_new(B), here), there_of(edge_entries_new(B), there), "");
	expect_ops(there_of(edge_entries_new(B), here), there_of(edge_entries_new(B), other),
		"*cn=In,cn=Connectors hubAddressSpace=2\n");
}
END_TEST

START_TEST(test_order)
{
	struct edge_entries *empty = edge_entries_new(B);

	org_text_each("dn: " B "\nobjectClass: hubOrganization\ncn: Transport\nhubMaxSendSize: 5\n"
		"hubEpoch: mine\nhubShadowRedundancy: TRUE\n\n"
		"dn: cn=old,cn=Sites," B "\nobjectClass: hubSite\ncn: old\n\n"
		"dn: cn=below,cn=old,cn=Sites," B "\nobjectClass: hubContainer\ncn: below\n\n"
		"dn: cn=Edge1,cn=Servers," B "\nobjectClass: hubServer\ncn: Edge1\n"
		"hubRole: Edge\n\n"
		"dn: cn=In,cn=Edge1,cn=Servers," B "\nobjectClass: hubReceiveConnector\n\n",
		put_there, empty);
	edge_entries_sort(empty);
	expect_ops(project("dn: " T "\nobjectClass: hubOrganization\ncn: Transport\n"
		"hubMaxSendSize: 6\nhubPlusAddressing: TRUE\n\n", strstr(organization,
		"dn: cn=London")), empty,
		"-cn=below,cn=old,cn=Sites\n-cn=old,cn=Sites\n"
		"+cn=Accepted Domains\n+cn=Connectors\n+cn=Edge Subscriptions\n+cn=Push\n"
		"+cn=Recipients\n+cn=Remote Domains\n+cn=Servers\n+cn=Sites\n+cn=London,cn=Sites\n"
		"+cn=Hub1,cn=Servers\n"
		"+cn=A,cn=Accepted Domains\n+cn=B,cn=Accepted Domains\n"
		"+cn=Default,cn=Remote Domains\n"
		"+cn=Edge1,cn=Edge Subscriptions\n+cn=Out,cn=Connectors\n"
		"*cn=Transport,o=Edge hubMaxSendSize=1 hubPlusAddressing=1\n");
}
END_TEST

START_TEST(test_modify)
{
	const char *more = "dn: cn=C,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\n"
		"cn: C\nhubDomain: c.example\nhubDomainType: ExternalRelay\n\n";
	const char *changed = "dn: cn=C,cn=Accepted Domains," T "\n"
		"objectClass: hubAcceptedDomain\ncn: C\nhubDomain: C.example\n"
		"hubRecipientValidation: TRUE\n\n";

	expect_ops(project(organization, changed), project(organization, more),
		"*cn=C,cn=Accepted Domains hubDomain=1 hubRecipientValidation=1 "
		"hubDomainType=0\n");
}
END_TEST

START_TEST(test_anew)
{
	const char *other = "dn: cn=A,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\n"
		"cn: A\nhubDomain: b.example\n\ndn: cn=B,cn=Accepted Domains," T "\n"
		"objectClass: hubAcceptedDomain\ncn: B\nhubDomain: a.example\n\n"
		"dn: " T "\nobjectClass: hubOrganization\ncn: Transport\nhubMaxRecipients: 3\n\n";

	anew = true;
	expect_ops(project(organization, other), project(organization, "dn: " T "\n"
		"objectClass: hubOrganization\ncn: Transport\n\n"),
		"-cn=A,cn=Accepted Domains\n-cn=B,cn=Accepted Domains\n"
		"+cn=A,cn=Accepted Domains\n+cn=B,cn=Accepted Domains\n"
		"*cn=Transport,o=Edge hubMaxRecipients=1\n");
	ck_assert_uint_eq(d.losses[1].lost, 0);
}
END_TEST

START_TEST(test_another_class)
{
	struct edge_entries *there = edge_entries_new(B), *here = edge_entries_new(B);

	there_of(there, "dn: cn=x,cn=Connectors," B "\nobjectClass: hubForeignConnector\n\n");
	there_of(here, "dn: cn=x,cn=Connectors," B "\nobjectClass: hubSendConnector\ncn: x\n\n");
	expect_ops(here, there, "-cn=x,cn=Connectors\n+cn=x,cn=Connectors\n");
}
END_TEST

START_TEST(test_losses)
{
	expect_ops(project(organization, ""), there_of(project(organization, ""),
		"dn: cn=H2,cn=Servers," B "\nobjectClass: hubServer\nhubRole: Hub\n\n"
		"dn: cn=Z,cn=Accepted Domains," B "\nobjectClass: hubAcceptedDomain\n\n"
		"dn: cn=Stray,cn=Connectors," B "\nobjectClass: hubContainer\n\n"),
		"-cn=H2,cn=Servers\n-cn=Stray,cn=Connectors\n-cn=Z,cn=Accepted Domains\n");
	ck_assert_uint_eq(d.losses[0].before, 1);
	ck_assert_uint_eq(d.losses[0].lost, 0);
	ck_assert_uint_eq(d.losses[1].before, 3);
	ck_assert_uint_eq(d.losses[1].lost, 1);
	ck_assert_uint_eq(d.losses[2].before, 2);
	ck_assert_uint_eq(d.losses[2].lost, 1);
}
END_TEST

/* All hubs are others when the edge has moved to another site. */
START_TEST(test_another_site)
{
	struct edge_entries *there = edge_entries_new(B), *here = project(organization, "");

	there_of(there, "dn: cn=Paris,cn=Sites," B "\nobjectClass: hubSite\ncn: Paris\n\n"
		"dn: cn=P1,cn=Servers," B "\nobjectClass: hubServer\nhubRole: Hub\n\n");
	difference_make(arena, here, there, anew, &d);
	ck_assert_uint_eq(d.losses[2].before, 1);
	ck_assert_uint_eq(d.losses[2].lost, 0);
	edge_entries_free(&here);
	edge_entries_free(&there);
}
END_TEST

int main(void)
{
	TCase *cases[2] = { tcase_create("projection"), tcase_create("difference") };

	tcase_add_test(cases[0], test_everything);
	tcase_add_test(cases[0], test_nothing_for_a_site_without_hubs);
	tcase_add_test(cases[0], test_nothing_without_its_root);
	tcase_add_test(cases[0], test_linked);
	tcase_add_test(cases[0], test_digest);
	tcase_add_test(cases[0], test_digest_again);
	tcase_add_checked_fixture(cases[1], setup, teardown);
	tcase_add_test(cases[1], test_no_difference);
	tcase_add_test(cases[1], test_same_reference);
	tcase_add_test(cases[1], test_same_values_in_another_order);
	tcase_add_test(cases[1], test_order);
	tcase_add_test(cases[1], test_modify);
	tcase_add_test(cases[1], test_anew);
	tcase_add_test(cases[1], test_another_class);
	tcase_add_test(cases[1], test_losses);
	tcase_add_test(cases[1], test_another_site);
	return unit_run("projection", cases, 2);
}
