/* What is in force of an object that says nothing but what it must: every attribute with its
 * default, by usage and role where these decide, as hub-directory(7) has it. And what is refused:
 * every number just outside its range, every word that is not one of the list.
 */
#include "unit.h"

#include "libhub/org/attr.h"
#include "libhub/org/print.h"
#include "org_text.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define SERVERS "cn=Servers," BASE
#define HUB1 "hubSourceServer: cn=hub1," SERVERS "\n"
#define AT(name, container, class) \
	"dn: cn=" name ",cn=" container "," BASE "\nobjectClass: " class "\ncn: " name "\n"
#define SEND AT("x", "Connectors", "hubSendConnector") HUB1
#define RECEIVE(server) "dn: cn=x,cn=" server "," SERVERS \
	"\nobjectClass: hubReceiveConnector\ncn: x\n"
#define ACCEPTED AT("x", "Accepted Domains", "hubAcceptedDomain") "hubDomain: x.example\n"

static const char world[] =
	"dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n"
	AT("London", "Sites", "hubSite") "\n"
	AT("Paris", "Sites", "hubSite") "\n"
	AT("hub1", "Servers", "hubServer") "hubRole: Hub\nhubServerSite: cn=London,cn=Sites," BASE
	"\n\n"
	AT("edge1", "Servers", "hubServer") "hubRole: Edge\n\n";

/* hubDNSRouting, hubMaxMessageSize, hubDomainSecure and hubSendRight differ. */
#define SENT(dns, size, secure, rights) \
	"hubScoped FALSE\n" "hubDNSRouting " dns "\nhubSmartHostAuth None\nhubPort 25\n" \
	"hubExternalDNS FALSE\nhubMaxMessageSize " size "\nhubMaxMessagesPerConnection 20\n" \
	"hubMaxConcurrentConnections 0\nhubConnectionInactivityTimeout 600\n" \
	"hubProtocolLogging None\nhubRequireTLS FALSE\nhubIgnoreSTARTTLS FALSE\n" \
	"hubDomainSecure " secure "\nhubForceHELO FALSE\nhubErrorPolicy Default\n" rights
#define ROUTING "hubSendRight Routing\n"
#define EVERY_RIGHT "hubSendRight Forest\nhubSendRight Organization\n" ROUTING

#define RECEIVED(port, auth_and_groups, rate, by) \
	"hubBinding 0.0.0.0:" port "\nhubBinding [::]:" port "\n" auth_and_groups \
	"hubProtocolLogging None\nhubRequireTLS FALSE\nhubDomainSecure FALSE\n" \
	"hubMaxMessageSize 10485760\nhubMaxHeaderSize 65536\nhubMaxRecipients 200\n" \
	"hubMaxHopCount 60\nhubMaxLocalHopCount 8\nhubMaxProtocolErrors 5\n" \
	"hubMaxLogonFailures 3\nhubMaxInboundConnections 5000\nhubMaxInboundPerSource 20\n" \
	"hubMaxInboundPercentPerSource 2\nhubMessageRateLimit " rate "\n" \
	"hubMessageRateSource " by "\nhubConnectionTimeout 600\n" \
	"hubConnectionInactivityTimeout 300\nhubTarpitInterval 5\n" \
	"hubMaxAcknowledgementDelay 0\n" \
	"hubExtension 8BitMime\nhubExtension BinaryMime\nhubExtension Chunking\n" \
	"hubExtension DSN\nhubExtension EnhancedStatusCodes\nhubExtension Limits\n" \
	"hubExtension Pipelining\nhubExtension Size\nhubExtension SmtpUtf8\n"

#define SERVER(transient, connection) \
	"hubPickupMaxMessagesPerMinute 100\nhubPickupMaxHeaderSize 65536\n" \
	"hubPickupMaxRecipients 100\nhubIntraOrgProtocolLogging None\n" \
	"hubIntraOrgMaxMessagesPerConnection 20\nhubMaxOutboundConnections 1000\n" \
	"hubMaxPerDomainConnections 20\nhubGlitchRetryCount 4\nhubGlitchRetryInterval 60\n" \
	"hubTransientRetryCount 6\nhubTransientRetryInterval " transient "\n" \
	"hubConnectionFailureRetryInterval " connection "\nhubMessageRetryInterval 300\n" \
	"hubDelayNotification 14400\nhubMessageExpiration 172800\nhubQueueMaxIdleTime 180\n" \
	"hubPoisonThreshold 2\n"

static const struct {
	enum obj_kind kind;
	const char *name;
	const char *text;	/* what is written: this is not looked at */
	const char *in_force;	/* but hubEnabled TRUE, everything else */
} rows[] = {
	{ OBJ_SEND_CONNECTOR, "x", SEND "hubAddressSpace: *\n",
	  "hubUsage Custom\n" SENT("TRUE", "10485760", "FALSE", ROUTING) },
	{ OBJ_SEND_CONNECTOR, "x", SEND "hubAddressSpace: *\nhubSmartHost: a.example\n",
	  "hubUsage Custom\n" SENT("FALSE", "10485760", "FALSE", ROUTING) },
	{ OBJ_SEND_CONNECTOR, "x", SEND "hubAddressSpace: *\nhubUsage: Internet\n",
	  SENT("TRUE", "10485760", "FALSE", ROUTING) },
	{ OBJ_SEND_CONNECTOR, "x", SEND "hubAddressSpace: *\nhubUsage: Partner\n",
	  SENT("TRUE", "10485760", "TRUE", ROUTING) },
	{ OBJ_SEND_CONNECTOR, "x",
	  SEND "hubAddressSpace: *\nhubUsage: Internal\nhubSmartHost: a.example\n",
	  SENT("FALSE", "0", "FALSE", EVERY_RIGHT) },
	{ OBJ_FOREIGN_CONNECTOR, "x", AT("x", "Connectors", "hubForeignConnector") HUB1
	  "hubAddressSpace: *\n",
	  "hubScoped FALSE\nhubDropDirectory x\nhubDropQuota 0\nhubMaxMessageSize 0\n"
	  "hubRelayDSNRequired FALSE\n" },
	{ OBJ_AGENT_CONNECTOR, "x", AT("x", "Connectors", "hubDeliveryAgentConnector") HUB1
	  "hubAddressSpace: *\nhubDeliveryProtocol: X\n",
	  "hubScoped FALSE\nhubMaxConcurrentConnections 5\nhubMaxMessagesPerConnection 20\n"
	  "hubMaxMessageSize 0\n" },
	{ OBJ_ROUTING_GROUP_CONNECTOR, "x", AT("x", "Connectors", "hubRoutingGroupConnector") HUB1
	  "hubTargetServer: a.example\n",
	  "hubCost 1\nhubBidirectional FALSE\nhubMaxMessageSize 0\n" },
	{ OBJ_RECEIVE_CONNECTOR, "x", RECEIVE("hub1"),
	  "hubUsage Custom\n" RECEIVED("25", "hubAuthMechanism None\n", "0", "IPAddress") },
	{ OBJ_RECEIVE_CONNECTOR, "x", RECEIVE("edge1"),
	  "hubUsage Custom\n" RECEIVED("25", "hubAuthMechanism None\n", "600", "IPAddress") },
	{ OBJ_RECEIVE_CONNECTOR, "x", RECEIVE("hub1") "hubUsage: Internet\n",
	  RECEIVED("25", "hubAuthMechanism Tls\nhubPermissionGroup AnonymousUsers\n",
		"0", "IPAddress") },
	{ OBJ_RECEIVE_CONNECTOR, "x", RECEIVE("hub1") "hubUsage: Internal\n",
	  RECEIVED("25", "hubAuthMechanism HubServer\nhubAuthMechanism Tls\n"
		"hubPermissionGroup HubServers\nhubPermissionGroup LegacyServers\n",
		"0", "IPAddress") },
	{ OBJ_RECEIVE_CONNECTOR, "x", RECEIVE("hub1") "hubUsage: Client\n",
	  RECEIVED("587", "hubAuthMechanism BasicAuth\nhubAuthMechanism BasicAuthRequireTLS\n"
		"hubAuthMechanism Integrated\nhubAuthMechanism Tls\n"
		"hubPermissionGroup HubUsers\n", "5", "User") },
	{ OBJ_RECEIVE_CONNECTOR, "x", RECEIVE("hub1") "hubUsage: Partner\n",
	  RECEIVED("25", "hubAuthMechanism Tls\nhubPermissionGroup Partners\n",
		"0", "IPAddress") },
	{ OBJ_SITE, "x", AT("x", "Sites", "hubSite"), "hubHubSite FALSE\nhubInboundMail TRUE\n" },
	{ OBJ_SITE_LINK, "x", AT("x", "Site Links", "hubSiteLink")
	  "hubSiteList: cn=London,cn=Sites," BASE "\nhubSiteList: cn=Paris,cn=Sites," BASE "\n",
	  "hubCost 100\nhubMaxMessageSize 0\n" },
	{ OBJ_SERVER, "x", AT("x", "Servers", "hubServer") "hubRole: Hub\n", SERVER("300", "600") },
	{ OBJ_SERVER, "x", AT("x", "Servers", "hubServer") "hubRole: Edge\n",
	  SERVER("600", "1800") },
	{ OBJ_MAILBOX_SERVER, "x", AT("x", "Servers", "hubMailboxServer"),
	  "hubPort 24\nhubDeliveryProtocol LMTP\nhubRequireTLS FALSE\n" },
	{ OBJ_ORGANIZATION, "Transport", "",
	  "hubMaxSendSize 10485760\nhubMaxReceiveSize 10485760\nhubMaxRecipients 5000\n"
	  "hubShadowRedundancy TRUE\nhubShadowPreference PreferRemote\n"
	  "hubRejectOnShadowFailure FALSE\nhubShadowHeartbeatInterval 10\n"
	  "hubShadowTakeoverTime 180\nhubShadowDiscardInterval 172800\n"
	  "hubConnectorFailoverDelay 600\nhubPlusAddressing FALSE\n" },
	{ OBJ_ACCEPTED_DOMAIN, "x", ACCEPTED,
	  "hubDomainType Authoritative\nhubRecipientValidation TRUE\n" },
	{ OBJ_ACCEPTED_DOMAIN, "x", ACCEPTED "hubDomainType: InternalRelay\n",
	  "hubRecipientValidation FALSE\n" },
	{ OBJ_ACCEPTED_DOMAIN, "x", ACCEPTED "hubDomainType: ExternalRelay\n",
	  "hubRecipientValidation FALSE\n" },
	{ OBJ_REMOTE_DOMAIN, "x", AT("x", "Remote Domains", "hubRemoteDomain")
	  "hubDomain: x.example\n",
	  "hubDeliveryReports TRUE\nhubNDR TRUE\nhubAutoReply FALSE\n"
	  "hubAutoForward FALSE\nhubTrustedMail FALSE\n" },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static const struct snapshot *build(const char *text, const char *more)
{
	struct builder *b = builder_new(BASE);
	char *all = xasprintf("%s%s", text, more);
	const struct snapshot *s;

	org_text_put(b, world);
	org_text_put(b, all);
	s = builder_build(b, NULL);
	builder_free(&b);
	free(all);
	return s;
}

static bool is_written(const struct attr_def *def, const char *text)
{
	char *line = xasprintf("\n%s: ", def->name);
	bool found = strstr(text, line) != NULL;

	free(line);
	return found;
}

struct said {
	const char *written;
	FILE *out;
};

static void add(const struct attr_def *def, const char *text, void *ctx)
{
	struct said *said = ctx;

	if (strcmp(def->name, "hubEnabled") != 0 && !is_written(def, said->written))
		fprintf(said->out, "%s %s\n", def->name, text);
}

START_TEST(what_is_in_force)
{
	const struct snapshot *s = build(rows[_i].text, "");
	const struct obj *o;
	struct said said = { rows[_i].text, NULL };
	char *text = NULL;
	size_t size;

	ck_assert_msg(s->rejection_count == 0, "%s", s->rejections[0].reason);
	o = snapshot_find(s, rows[_i].kind, rows[_i].name);
	ck_assert_ptr_nonnull(o);
	ck_assert(o->enabled);
	said.out = open_memstream(&text, &size);
	print_each(o, add, &said);
	fclose(said.out);
	ck_assert_str_eq(text, rows[_i].in_force);
	free(text);
	snapshot_unref(&s);
}
END_TEST

/* The text names the attribute, the value and what is allowed. */
static void refused(const char *text, const struct attr_def *def, const char *value,
	const char *allowed)
{
	char *line = xasprintf("%s: %s\n", def->name, value);
	char *says = xasprintf("%s \"%s\": ", def->name, value);
	const struct snapshot *s = build(text, line);
	const char *reason;

	ck_assert_msg(s->rejection_count == 1, "taken: %s", line);
	reason = s->rejections[0].reason;
	ck_assert_msg(strstr(reason, says) != NULL && strstr(reason, allowed) != NULL, "%s: %s",
		line, reason);
	snapshot_unref(&s);
	free(says);
	free(line);
}

static void outside(const char *text, const struct attr_def *def)
{
	char *allowed = xasprintf("%llu to %llu", (unsigned long long)def->min,
		(unsigned long long)def->max);
	char below[24], above[24];

	snprintf(below, sizeof(below), "%lld", (long long)def->min - 1);
	snprintf(above, sizeof(above), "%llu", (unsigned long long)def->max + 1);
	refused(text, def, below, allowed);
	refused(text, def, above, allowed);
	refused(text, def, "99999999999999999999", allowed);
	refused(text, def, "many", allowed);
	free(allowed);
}

START_TEST(what_is_refused)
{
	const char *text = rows[_i].text;
	const struct attr_def *def;
	size_t i;

	for (i = 0; (def = obj_class_row(obj_classes[rows[_i].kind], i)) != NULL; i++) {
		if (*text == '\0' || is_written(def, text))
			continue;
		if (def->kind == ATTR_INT)
			outside(text, def);
		else if (def->kind == ATTR_FLAG)
			refused(text, def, "yes", "neither TRUE nor FALSE");
		else if (def->kind == ATTR_ENUM || def->kind == ATTR_ENUMS)
			refused(text, def, "Nonsense", def->choices[1]);
	}
}
END_TEST

int main(void)
{
	TCase *defaults = tcase_create("defaults");

	tcase_add_loop_test(defaults, what_is_in_force, 0, ROWS);
	tcase_add_loop_test(defaults, what_is_refused, 0, ROWS);
	return unit_run("org_defaults", &defaults, 1);
}
