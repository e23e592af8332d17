/* Every rule of the organization: what breaks it is rejected with a text that names it, and the
 * neighbour that just does not break it passes.
 */
#include "unit.h"

#include "org_text.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define SITE "cn=Sites," BASE
#define SERVERS "cn=Servers," BASE
#define CONNECTORS "cn=Connectors," BASE

/* Two sites with a hub each, a second hub in London, an edge. */
static const char world[] =
	"dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n"
	"dn: cn=London," SITE "\nobjectClass: hubSite\ncn: London\n\n"
	"dn: cn=Paris," SITE "\nobjectClass: hubSite\ncn: Paris\n\n"
	"dn: cn=hub1," SERVERS "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n"
	"hubServerSite: cn=London," SITE "\n\n"
	"dn: cn=hub2," SERVERS "\nobjectClass: hubServer\ncn: hub2\nhubRole: Hub\n"
	"hubServerSite: cn=London," SITE "\n\n"
	"dn: cn=hub3," SERVERS "\nobjectClass: hubServer\ncn: hub3\nhubRole: Hub\n"
	"hubServerSite: cn=Paris," SITE "\n\n"
	"dn: cn=edge1," SERVERS "\nobjectClass: hubServer\ncn: edge1\nhubRole: Edge\n\n"
	"dn: cn=In,cn=hub1," SERVERS "\nobjectClass: hubReceiveConnector\ncn: In\n"
	"hubBinding: 192.0.2.1:25\nhubRemoteIPRange: 10.0.0.0/8\n"
	"hubRemoteIPRange: 2001:db8::/32\n\n"
	"dn: cn=Filter," CONNECTORS "\nobjectClass: hubSendConnector\ncn: Filter\n"
	"hubLinkedReceiveConnector: cn=In,cn=hub1," SERVERS "\nhubSmartHost: filter.example\n"
	"hubMaxMessageSize: 0\n\n"
	"dn: cn=Example,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\ncn: Example\n"
	"hubDomain: example.com\n\n"
	"dn: cn=Default,cn=Remote Domains," BASE "\nobjectClass: hubRemoteDomain\ncn: Default\n"
	"hubDomain: *\n\n";

/* Heads of the objects under test; "zz" sorts after the world's, so it is the one that loses. */
#define SEND "dn: cn=zz," CONNECTORS "\nobjectClass: hubSendConnector\ncn: zz\n"
#define HUB1 "hubSourceServer: cn=hub1," SERVERS "\n"
#define HUB2 "hubSourceServer: CN=hub2, " SERVERS "\n"
#define HUB3 "hubSourceServer: cn=hub3," SERVERS "\n"
#define EDGE1 "hubSourceServer: cn=edge1," SERVERS "\n"
#define ANY SEND HUB1 "hubAddressSpace: *\n"
#define SMART ANY "hubSmartHost: relay.example\n"
#define BASIC_TLS SMART "hubSmartHostAuth: BasicAuthRequireTLS\nhubAuthUser: u\n" \
	"hubAuthPassword: p\n"
#define LINKED SEND "hubLinkedReceiveConnector: cn=gone,cn=hub1," SERVERS "\n"
#define RECEIVE "dn: cn=zz,cn=hub1," SERVERS "\nobjectClass: hubReceiveConnector\ncn: zz\n"
#define RECEIVE_AT RECEIVE "hubBinding: 192.0.2.1:25\n"
#define FOREIGN "dn: cn=zz," CONNECTORS "\nobjectClass: hubForeignConnector\ncn: zz\n"
#define AGENT "dn: cn=zz," CONNECTORS "\nobjectClass: hubDeliveryAgentConnector\ncn: zz\n"
#define RGC "dn: cn=zz," CONNECTORS "\nobjectClass: hubRoutingGroupConnector\ncn: zz\n"
#define LINK "dn: cn=zz,cn=Site Links," BASE "\nobjectClass: hubSiteLink\ncn: zz\n"
#define TWO_SITES "hubSiteList: cn=London," SITE "\nhubSiteList: cn=Paris," SITE "\n"
#define SERVER "dn: cn=zz," SERVERS "\nobjectClass: hubServer\ncn: zz\nhubRole: Hub\n"
#define ACCEPTED "dn: cn=zz,cn=Accepted Domains," BASE "\nobjectClass: hubAcceptedDomain\ncn: zz\n"
#define REMOTE "dn: cn=zz,cn=Remote Domains," BASE "\nobjectClass: hubRemoteDomain\ncn: zz\n"
#define EDGE_SUB "dn: cn=zz,cn=Edge Subscriptions," BASE "\n" \
	"objectClass: hubEdgeSubscription\ncn: zz\n"
#define HOST "hubSmartHost: relay.example\n"
#define BASIC "hubAuthMechanism: BasicAuth\n"
#define TLS "hubAuthMechanism: Tls\n"
#define EXTERNAL "hubAuthMechanism: ExternalAuthoritative\n"
#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const struct {
	const char *bad;	/* rejected */
	const char *says;	/* the reason contains */
	const char *good;	/* accepted */
} rows[] = {
	/* names and types */
	{ ANY "hubEnabled: yes\n", "hubEnabled", ANY "hubEnabled: FALSE\n" },
	{ ANY "hubPort: 0\n", "hubPort \"0\": out of range, 1 to 65535", ANY "hubPort: 1\n" },
	{ ANY "hubPort: 2x\n", "hubPort \"2x\": no whole number, 1 to 65535", ANY "hubPort: 2\n" },
	{ ANY "hubPort: 65536\n", "hubPort", ANY "hubPort: 65535\n" },
	{ ANY "hubPort: 25\nhubPort: 26\n", "takes one", ANY "hubPort: 26\n" },
	{ ANY "hubMaxMessageSize: -1\n", "hubMaxMessageSize", ANY "hubMaxMessageSize: 0\n" },
	{ ANY "hubConnectionInactivityTimeout: 86401\n", "hubConnectionInactivityTimeout",
	  ANY "hubConnectionInactivityTimeout: 86400\n" },
	{ ANY "hubUsage: internet\n", "hubUsage \"internet\"", ANY "hubUsage: Internet\n" },
	{ ANY "hubErrorPolicy: Never\n", "hubErrorPolicy",
	  ANY "hubErrorPolicy: DowngradeDNSFailures\n" },
	{ ANY "hubFQDN: a b\n", "hubFQDN", ANY "hubFQDN: mail.example.com\n" },
	{ "dn: cn=a\\+b," CONNECTORS "\nobjectClass: hubSendConnector\ncn: a+b\n" HUB1
	  "hubAddressSpace: *\n", "cn \"a+b\"",
	  "dn: cn=zz," CONNECTORS "\nobjectClass: hubSendConnector\ncn: Zürich - to Internet\n" HUB1
	  "hubAddressSpace: *\n" },

	/* Send connectors: next hop */
	{ SMART "hubDNSRouting: TRUE\n", "exclude each other", SMART "hubDNSRouting: FALSE\n" },
	{ ANY "hubDNSRouting: FALSE\n", "needs a hubSmartHost", ANY "hubDNSRouting: TRUE\n" },
	{ ANY "hubUsage: Internal\n", "Internal needs smart hosts", SMART "hubUsage: Internal\n" },
	{ SMART "hubUsage: Partner\n", "Partner needs DNS routing", ANY "hubUsage: Partner\n" },
	{ ANY "hubSmartHostAuth: HubServer\n", "needs smart hosts",
	  SMART "hubSmartHostAuth: HubServer\n" },
	{ SMART "hubSmartHostAuth: BasicAuth\n", "hubAuthUser is missing",
	  SMART "hubSmartHostAuth: BasicAuth\nhubAuthUser: u\nhubAuthPassword: p\n" },
	{ SMART "hubSmartHostAuth: BasicAuthRequireTLS\nhubAuthUser: u\n",
	  "hubAuthPassword is missing",
	  SMART "hubSmartHostAuth: BasicAuthRequireTLS\nhubAuthUser: u\nhubAuthPassword: p\n" },
	{ ANY "hubSmartHost: 192.0.2.1\n", "brackets", ANY "hubSmartHost: [192.0.2.1]:26\n" },
	{ SMART "hubSmartHost: --\n", "edges only",
	  SEND EDGE1 "hubAddressSpace: --\nhubSmartHost: --\n" },

	/* address spaces */
	{ SEND HUB1, "hubAddressSpace is missing", ANY },
	{ SEND HUB1 "hubAddressSpace: *contoso.com\n", "wildcard",
	  SEND HUB1 "hubAddressSpace: *.contoso.com\n" },
	{ SEND HUB1 "hubAddressSpace: a.*.com\n", "wildcard",
	  SEND HUB1 "hubAddressSpace: *.com\n" },
	{ SEND HUB1 "hubAddressSpace: contoso.com;0\n", "1 to 100",
	  SEND HUB1 "hubAddressSpace: contoso.com;1\n" },
	{ SEND HUB1 "hubAddressSpace: contoso.com;101\n", "1 to 100",
	  SEND HUB1 "hubAddressSpace: SMTP:contoso.com;100\n" },
	{ SEND HUB1 "hubAddressSpace: FAX:*\n", "needs a hubSmartHost",
	  SEND HUB1 HOST "hubAddressSpace: FAX:*\n" },
	{ SEND HUB1 HOST "hubAddressSpace: X400:c=us;a=adatum\n", "needs a cost",
	  SEND HUB1 HOST "hubAddressSpace: X400:o=MySite;p=MyOrg;a=adatum;c=us;5\n" },
	{ SEND HUB1 HOST "hubAddressSpace: X400:MyOrg;1\n", "RFC 1685",
	  SEND HUB1 HOST "hubAddressSpace: X400:/C=US/A=ADATUM/P=MyOrg\n" },
	{ SEND HUB1 HOST "hubAddressSpace: X400:c=us;a=x;zz=1;1\n", "unknown label",
	  SEND HUB1 HOST "hubAddressSpace: X400:c=us;a=x;dda:type=1;1\n" },
	{ SEND HUB1 HOST "hubAddressSpace: X400:p=MyOrg;1\n", "are needed",
	  SEND HUB1 HOST "hubAddressSpace: X400:*\n" },
	{ SEND HUB1 "hubAddressSpace: --\n", "edges only",
	  SEND EDGE1 "hubAddressSpace: --\n" },
	{ SEND EDGE1 HOST "hubAddressSpace: FAX:*\n", "edges send SMTP only",
	  SEND HUB1 HOST "hubAddressSpace: FAX:*\n" },

	/* sources */
	{ SEND "hubAddressSpace: *\n", "no source server", ANY },
	{ ANY EDGE1, "mixes hubs and edges", SEND EDGE1 "hubAddressSpace: *\n" },
	{ ANY HUB3, "different sites", ANY HUB2 },
	{ ANY "hubSourceAddress: hub2 192.0.2.9\n", "no hubSourceServer",
	  ANY HUB2 "hubSourceAddress: hub2 192.0.2.9\n" },
	{ ANY "hubSourceAddress: hub1\n", "source address", ANY "hubSourceAddress: 2001:db8::9\n" },

	/* TLS */
	{ ANY "hubRequireTLS: TRUE\nhubIgnoreSTARTTLS: TRUE\n", "hubIgnoreSTARTTLS",
	  ANY "hubRequireTLS: TRUE\nhubIgnoreSTARTTLS: FALSE\n" },
	{ ANY "hubTLSAuthLevel: EncryptionOnly\n", "needs hubRequireTLS",
	  ANY "hubTLSAuthLevel: EncryptionOnly\nhubRequireTLS: TRUE\n" },
	{ ANY "hubTLSAuthLevel: CertificateValidation\nhubRequireTLS: TRUE\n"
	  "hubTLSDomain: a.example\n",
	  "needs hubTLSAuthLevel DomainValidation",
	  ANY "hubTLSAuthLevel: DomainValidation\nhubRequireTLS: TRUE\n"
	  "hubTLSDomain: *.a.example\n" },
	{ SMART "hubTLSAuthLevel: DomainValidation\nhubRequireTLS: TRUE\n", "needs hubTLSDomain",
	  ANY "hubTLSAuthLevel: DomainValidation\nhubRequireTLS: TRUE\n" },
	{ SMART "hubDomainSecure: TRUE\n", "hubDomainSecure needs DNS routing",
	  ANY "hubDomainSecure: TRUE\n" },
	{ ANY "hubDomainSecure: TRUE\nhubIgnoreSTARTTLS: TRUE\n", "exclude each other",
	  ANY "hubIgnoreSTARTTLS: TRUE\n" },
	{ ANY "hubUsage: Partner\nhubIgnoreSTARTTLS: TRUE\n", "hubDomainSecure",
	  ANY "hubUsage: Partner\nhubIgnoreSTARTTLS: TRUE\nhubDomainSecure: FALSE\n" },
	{ BASIC_TLS "hubIgnoreSTARTTLS: TRUE\n", "exclude each other", BASIC_TLS },
	{ ANY "hubForceHELO: TRUE\nhubRequireTLS: TRUE\n", "hubForceHELO excludes TLS",
	  ANY "hubForceHELO: TRUE\n" },
	{ SMART "hubForceHELO: TRUE\nhubSmartHostAuth: BasicAuth\nhubAuthUser: u\n"
	  "hubAuthPassword: p\n",
	  "hubForceHELO excludes authentication",
	  SMART "hubForceHELO: TRUE\nhubSmartHostAuth: ExternalAuthoritative\n" },

	/* linked */
	{ LINKED HOST "hubMaxMessageSize: 0\nhubAddressSpace: *\n", "excludes hubAddressSpace",
	  LINKED HOST "hubMaxMessageSize: 0\n" },
	{ LINKED "hubMaxMessageSize: 0\n", "not DNS routing",
	  LINKED HOST "hubMaxMessageSize: 0\n" },
	{ LINKED HOST "hubMaxMessageSize: 0\nhubScoped: TRUE\n", "excludes hubScoped",
	  LINKED HOST "hubMaxMessageSize: 0\n" },
	{ LINKED HOST, "unlimited size", LINKED HOST "hubUsage: Internal\n" },
	{ LINKED HOST "hubMaxMessageSize: 0\nhubSendRight: Organization\n",
	  "needs hubSendRight Routing",
	  LINKED HOST "hubMaxMessageSize: 0\nhubSendRight: Organization\nhubSendRight: Routing\n" },
	{ SEND HOST "hubMaxMessageSize: 0\nhubLinkedReceiveConnector: cn=In,cn=hub1," SERVERS "\n",
	  "already linked: \"Filter\" has it",
	  SEND HOST "hubMaxMessageSize: 0\nhubEnabled: FALSE\n"
	  "hubLinkedReceiveConnector: cn=In,cn=hub1," SERVERS "\n" },

	/* Receive connectors */
	{ RECEIVE "hubMaxHeaderSize: 1\n", "less than any header",
	  RECEIVE "hubMaxHeaderSize: 512\n" },
	{ RECEIVE "hubMaxHeaderSize: 511\n", "at least 512", RECEIVE "hubMaxHeaderSize: 0\n" },
	{ RECEIVE "hubBinding: 192.0.2.7\n", "a port is needed",
	  RECEIVE "hubBinding: 192.0.2.7:25\n" },
	{ RECEIVE "hubBinding: 2001:db8::1:25\n", "a port is needed",
	  RECEIVE "hubBinding: [2001:db8::1]:25\n" },
	{ RECEIVE "hubBinding: [fe80::1%eth0]:25\n", "without zone",
	  RECEIVE "hubBinding: [fe80::1]:25\n" },
	{ RECEIVE "hubBinding: [::ffff:192.0.2.1]:25\n", "IPv6 form",
	  RECEIVE "hubBinding: 192.0.2.7:25\n" },
	{ RECEIVE "hubBinding: 0.0.0.0:465 ssl\n", "behind the port",
	  RECEIVE TLS "hubBinding: 0.0.0.0:465 tls\n" },
	{ RECEIVE "hubBinding: 0.0.0.0:465 tls\n", "tls needs hubAuthMechanism Tls",
	  RECEIVE "hubUsage: Client\nhubBinding: 0.0.0.0:465 tls\n" },
	{ RECEIVE TLS "hubBinding: 0.0.0.0:465\nhubBinding: 0.0.0.0:465 tls\n",
	  "with the first byte or it does not",
	  RECEIVE TLS "hubBinding: 0.0.0.0:587\nhubBinding: 0.0.0.0:465 tls\n" },
	{ RECEIVE TLS "hubBinding: 192.0.2.1:25 tls\nhubRemoteIPRange: 10.1.0.0/16\n",
	  "for both or for neither",
	  RECEIVE TLS "hubBinding: 0.0.0.0:25 tls\nhubRemoteIPRange: 10.1.0.0/16\n" },
	{ RECEIVE "hubAuthMechanism: BasicAuthRequireTLS\n" TLS, "needs BasicAuth",
	  RECEIVE "hubAuthMechanism: BasicAuthRequireTLS\n" BASIC TLS },
	{ RECEIVE "hubAuthMechanism: BasicAuthRequireTLS\n" BASIC, "needs Tls",
	  RECEIVE "hubAuthMechanism: BasicAuthRequireTLS\n" BASIC TLS },
	{ RECEIVE EXTERNAL BASIC "hubPermissionGroup: HubServers\n", "beside nothing but Tls",
	  RECEIVE EXTERNAL TLS "hubPermissionGroup: HubServers\n" },
	{ RECEIVE EXTERNAL "hubPermissionGroup: AnonymousUsers\n",
	  "needs hubPermissionGroup HubServers",
	  RECEIVE EXTERNAL "hubPermissionGroup: HubServers\n" },
	{ RECEIVE EXTERNAL TLS "hubPermissionGroup: HubServers\nhubDomainSecure: TRUE\n",
	  "hubDomainSecure", RECEIVE TLS "hubDomainSecure: TRUE\n" },
	{ RECEIVE "hubAuthMechanism: None\n" TLS, "stands alone",
	  RECEIVE "hubAuthMechanism: None\n" },
	{ RECEIVE "hubRequireTLS: TRUE\n", "needs hubAuthMechanism Tls",
	  RECEIVE TLS "hubRequireTLS: TRUE\n" },
	{ RECEIVE "hubConnectionTimeout: 300\n", "not below hubConnectionTimeout",
	  RECEIVE "hubConnectionTimeout: 301\n" },
	{ RECEIVE "hubBanner: hello\n", "must begin with", RECEIVE "hubBanner: 220 hello\n" },
	{ RECEIVE "hubBanner:: MjIwIA==\n", "must begin with", RECEIVE "hubBanner: 220 hello\n" },
	{ RECEIVE "hubBanner: 220 gr\303\274\303\237 Gott\n", "be ASCII",
	  RECEIVE "hubBanner: 220 hello\n" },
	{ RECEIVE "hubGrant: Everybody Submit\n", "principal",
	  RECEIVE "hubGrant: AnonymousUsers Accept-Any-Recipient\n" },
	{ RECEIVE "hubDeny: HubUsers Fly\n", "unknown right",
	  RECEIVE "hubDeny: HubUsers Submit\n" },
	{ RECEIVE "hubExtension: BinaryMime\n", "Chunking",
	  RECEIVE "hubExtension: BinaryMime\nhubExtension: Chunking\n" },
	{ "dn: cn=zz,cn=nobody," SERVERS "\nobjectClass: hubReceiveConnector\ncn: zz\n",
	  "below its hubServer", RECEIVE },
	{ RECEIVE_AT "hubRemoteIPRange: 10.0.0.0/8\n", "without one containing the other",
	  RECEIVE_AT "hubRemoteIPRange: 10.1.0.0/16\n" },
	{ RECEIVE_AT "hubRemoteIPRange: 10.255.0.0-11.0.0.0\n", "of the same server",
	  RECEIVE_AT "hubRemoteIPRange: 9.0.0.0-11.0.0.0\n" },
	{ RECEIVE_AT "hubRemoteIPRange: 10.255.255.255-192.168.0.1\n", "overlap", RECEIVE_AT },
	{ RECEIVE_AT "hubRemoteIPRange: 10.0.0.0/8\n", "overlap",
	  RECEIVE "hubBinding: 0.0.0.0:25\nhubRemoteIPRange: 10.0.0.0/8\n" },
	{ RECEIVE_AT "hubRemoteIPRange: 10.0.0.0/8\n", "overlap",
	  RECEIVE_AT "hubRemoteIPRange: 10.0.0.0/8\nhubEnabled: FALSE\n" },
	{ RECEIVE "hubRemoteIPRange: 10.0.0.1/8\n", "beyond the prefix",
	  RECEIVE "hubRemoteIPRange: 10.0.0.0/8\n" },
	{ RECEIVE "hubRemoteIPRange: 10.0.0.9-10.0.0.1\n", "above the last",
	  RECEIVE "hubRemoteIPRange: 10.0.0.1-10.0.0.9\n" },
	{ RECEIVE "hubRemoteIPRange: 10.0.0.0/33\n", "more than 32 bits",
	  RECEIVE "hubRemoteIPRange: 10.0.0.0/32\n" },

	/* the other connectors */
	{ FOREIGN "hubAddressSpace: FAX:*\n" EDGE1, "hubs only",
	  FOREIGN "hubAddressSpace: FAX:*\n" HUB1 },
	{ FOREIGN "hubAddressSpace: FAX:*\n", "hubSourceServer is missing",
	  FOREIGN "hubAddressSpace: FAX:*\n" HUB1 },
	{ FOREIGN "hubAddressSpace: FAX:*\n" HUB1 "hubDropDirectory: ../x\n", "plain name",
	  FOREIGN "hubAddressSpace: FAX:*\n" HUB1 "hubDropDirectory: x\n" },
	{ AGENT "hubAddressSpace: SMS:*\n" HUB1, "hubDeliveryProtocol is missing",
	  AGENT "hubAddressSpace: SMS:*\nhubDeliveryProtocol: SMS\n" HUB1 },
	{ RGC HUB1 HUB3 "hubTargetServer: old.example\n", "different sites",
	  RGC HUB1 HUB2 "hubTargetServer: old.example\n" },
	{ RGC HUB1, "hubTargetServer is missing", RGC HUB1 "hubTargetServer: old.example\n" },

	/* topology */
	{ LINK "hubSiteList: cn=London," SITE "\n", "two sites or more", LINK TWO_SITES },
	{ LINK TWO_SITES "hubCost: 0\n", "hubCost", LINK TWO_SITES "hubCost: 99999\n" },
	{ LINK TWO_SITES "hubTransportCost: 100000\n", "hubTransportCost",
	  LINK TWO_SITES "hubTransportCost: 1\n" },
	{ "dn: cn=zz," SERVERS "\nobjectClass: hubServer\ncn: zz\n", "hubRole is missing", SERVER },
	{ SERVER "hubMaxOutboundConnections: 19\n", "hubMaxPerDomainConnections",
	  SERVER "hubMaxOutboundConnections: 20\n" },
	{ SERVER "hubKeyDigest: sha256:12\n", "hubKeyDigest",
	  SERVER "hubKeyDigest: sha256:" DIGEST "\n" },
	{ SERVER "hubCertificate: no\n", "hubCertificate", SERVER },
	{ SERVER "hubAddress: host.example\n", "hubAddress",
	  SERVER "hubAddress: 192.0.2.3:2525\n" },
	{ SERVER "hubAdminAddress: 192.0.2.3\n", "port is needed",
	  SERVER "hubAdminAddress: 192.0.2.3:8443\n" },
	{ SERVER "hubDropRoot: drop\n", "absolute", SERVER "hubDropRoot: /drop\n" },
	{ SERVER "hubPickupDirectory: /a\nhubReplayDirectory: /a\n", "both",
	  SERVER "hubPickupDirectory: /a\nhubReplayDirectory: /b\n" },

	/* domains */
	{ ACCEPTED, "hubDomain is missing", ACCEPTED "hubDomain: contoso.com\n" },
	{ ACCEPTED "hubDomain: EXAMPLE.com\n", "\"Example\" has it",
	  ACCEPTED "hubDomain: *.example.com\n" },
	{ ACCEPTED "hubDomain: *\n", "hubDomain", ACCEPTED "hubDomain: *.contoso.com\n" },
	{ ACCEPTED "hubDomain: münchen.example\n", "A-labels",
	  ACCEPTED "hubDomain: xn--mnchen-3ya.example\n" },
	{ REMOTE "hubDomain: *\n", "another remote domain", REMOTE "hubDomain: contoso.com\n" },
	{ "dn: " BASE "\nobjectClass: hubOrganization\ncn: zz\nhubPostmaster: nobody\n",
	  "no address",
	  "dn: " BASE "\nobjectClass: hubOrganization\ncn: zz\nhubPostmaster: pm@example.com\n" },
	{ "dn: cn=zz," BASE "\nobjectClass: hubOrganization\ncn: zz\n", "at the base only",
	  "dn: " BASE "\nobjectClass: hubOrganization\ncn: zz\n" },
	/* places and names */
	{ "dn: cn=zz,cn=Remote Domains," BASE "\nobjectClass: hubAcceptedDomain\ncn: zz\n"
	  "hubDomain: contoso.com\n", "directly below cn=accepted domains",
	  ACCEPTED "hubDomain: contoso.com\n" },
	{ "dn: cn=zz,cn=x,cn=Sites," BASE "\nobjectClass: hubSite\ncn: zz\n",
	  "directly below cn=sites",
	  "dn: cn=zz,cn=Sites," BASE "\nobjectClass: hubSite\ncn: zz\n" },
	{ "dn: cn=zz+sn=y,cn=Sites," BASE "\nobjectClass: hubSite\ncn: zz\nsn: y\n",
	  "cn alone", "dn: cn=zz,cn=Sites," BASE "\nobjectClass: hubSite\ncn: zz\nsn: y\n" },
	{ "dn: cn=zz,cn=Sites," BASE "\nobjectClass: hubSite\ncn:: enog\n", "with a space",
	  "dn: cn=zz,cn=Sites," BASE "\nobjectClass: hubSite\ncn: z z\n" },
	{ EDGE_SUB "hubServerRef: cn=hub1," SERVERS "\n", "not an edge",
	  EDGE_SUB "hubServerRef: cn=edge1," SERVERS "\n" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct snapshot *build(const char *text)
{
	struct builder *b = builder_new(BASE);
	const struct snapshot *s;

	org_text_put(b, world);
	org_text_put(b, text);
	s = builder_build(b, NULL);
	builder_free(&b);
	return s;
}

START_TEST(rule_rejects_and_neighbour_passes)
{
	const struct snapshot *s = build(rows[_i].bad);

	ck_assert_msg(s->rejection_count == 1, "not rejected: %s", rows[_i].bad);
	ck_assert_msg(strstr(s->rejections[0].reason, rows[_i].says) != NULL,
		"\"%s\" does not say \"%s\"", s->rejections[0].reason, rows[_i].says);
	ck_assert(!s->rejections[0].last_good);
	snapshot_unref(&s);

	s = build(rows[_i].good);
	ck_assert_msg(s->rejection_count == 0, "rejected: %s: %s", rows[_i].good,
		s->rejections[0].reason);
	snapshot_unref(&s);
}
END_TEST

int main(void)
{
	TCase *rules = tcase_create("rules");

	tcase_add_loop_test(rules, rule_rejects_and_neighbour_passes, 0, ROWS);
	return unit_run("org_rules", &rules, 1);
}
