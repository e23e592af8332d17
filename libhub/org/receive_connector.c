/* receive_connector.c - hubReceiveConnector: table, defaults by usage, rules (hub-directory(7)
 * sections 4 and 9).
 *
 * What concerns two connectors of one server at a time is in receive_sharing.c.
 */
#include "libhub/org/connector.h"

#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/receive_sharing.h"
#include "libhub/org/snapshot_impl.h"
#include "libhub/org/topology.h"

static const char *const usages[] = {
	"Custom", "Internet", "Internal", "Client", "Partner", NULL
};
static const char *const mechanisms[] = {
	"None", "Tls", "BasicAuth", "BasicAuthRequireTLS", "Integrated", "HubServer",
	"ExternalAuthoritative", NULL
};
static const char *const extensions[] = {
	"Pipelining", "8BitMime", "BinaryMime", "Chunking", "DSN", "EnhancedStatusCodes", "Size",
	"SmtpUtf8", "DeliverBy", "MtPriority", "FutureRelease", "RequireTls", "Limits", NULL
};
static const char *const rate_sources[] = { "None", "IPAddress", "User", "All", NULL };

#define MECH(x) (UINT32_C(1) << AUTH_MECH_##x)
#define GROUP(x) (UINT32_C(1) << GROUP_##x)

/* The default: all that is implemented.  The rest may be written, and is never announced. */
#define EXT(x) (UINT32_C(1) << EXT_##x)
#define EXTENSIONS_DEFAULT (EXT(PIPELINING) | EXT(8BITMIME) | EXT(BINARYMIME) | EXT(CHUNKING) | \
	EXT(DSN) | EXT(ENHANCEDSTATUSCODES) | EXT(SIZE) | EXT(SMTPUTF8) | EXT(LIMITS))

enum { EDGE_MESSAGE_RATE = 600, CLIENT_MESSAGE_RATE = 5, HEADER_SIZE_MIN = 512 };

static const struct attr_def receive_connector_attrs[] = {
	A_ENUM(receive_connector, usage, "hubUsage", usages, RECEIVE_CUSTOM),
	A_ENDPOINTS(receive_connector, bindings, "hubBinding", ATTR_BINDING),
	A_RANGES(receive_connector, remotes, "hubRemoteIPRange"),
	A_ENUMS_GIVEN(receive_connector, auth, "hubAuthMechanism", mechanisms, MECH(NONE),
		auth_given),
	A_ENUMS_GIVEN(receive_connector, groups, "hubPermissionGroup", permission_group_names, 0,
		groups_given),
	A_GRANTS(receive_connector, grants, "hubGrant"),
	A_GRANTS(receive_connector, denies, "hubDeny"),
	A_NAME(receive_connector, fqdn, "hubFQDN", 0),
	A_TEXT(receive_connector, banner, "hubBanner", 0, 510),
	A_ENUM(receive_connector, logging, "hubProtocolLogging", protocol_logging_names,
		PROTOCOL_LOGGING_NONE),
	A_FLAG(receive_connector, require_tls, "hubRequireTLS", false),
	A_FLAG(receive_connector, domain_secure, "hubDomainSecure", false),
	A_NAME(receive_connector, default_domain, "hubDefaultDomain", 0),
	A_INT(receive_connector, max_size, "hubMaxMessageSize", 0, ATTR_MAX_COUNT, 10485760),
	A_INT(receive_connector, max_header_size, "hubMaxHeaderSize", 0, ATTR_MAX_COUNT, 65536),
	A_INT(receive_connector, max_recipients, "hubMaxRecipients", 0, 512000, 200),
	A_INT(receive_connector, max_hops, "hubMaxHopCount", 1, 500, 60),
	A_INT(receive_connector, max_local_hops, "hubMaxLocalHopCount", 0, 50, 8),
	A_INT(receive_connector, max_protocol_errors, "hubMaxProtocolErrors", 0, ATTR_MAX_COUNT, 5),
	A_INT(receive_connector, max_logon_failures, "hubMaxLogonFailures", 0, 10, 3),
	A_INT(receive_connector, max_connections, "hubMaxInboundConnections", 0, ATTR_MAX_COUNT,
		5000),
	A_INT_GIVEN(receive_connector, max_per_source, "hubMaxInboundPerSource", 0, 10000, 20,
		max_per_source_given),
	A_INT(receive_connector, max_percent_per_source, "hubMaxInboundPercentPerSource", 1, 100,
		2),
	A_INT_GIVEN(receive_connector, message_rate, "hubMessageRateLimit", 0, ATTR_MAX_COUNT, 0,
		message_rate_given),
	A_ENUM_GIVEN(receive_connector, message_rate_source, "hubMessageRateSource", rate_sources,
		RATE_IP_ADDRESS, message_rate_source_given),
	A_INT(receive_connector, connection_timeout_s, "hubConnectionTimeout", 1, 86400, 600),
	A_INT(receive_connector, inactivity_timeout_s, "hubConnectionInactivityTimeout", 1, 86400,
		300),
	A_INT(receive_connector, tarpit_s, "hubTarpitInterval", 0, 600, 5),
	A_INT(receive_connector, max_ack_delay_s, "hubMaxAcknowledgementDelay", 0, 86400, 0),
	A_ENUMS(receive_connector, extensions, "hubExtension", extensions, EXTENSIONS_DEFAULT),
	A_END
};

static const struct {
	uint32_t auth, groups;
} by_usage[] = {
	[RECEIVE_CUSTOM] = { MECH(NONE), 0 },
	[RECEIVE_INTERNET] = { MECH(TLS), GROUP(ANONYMOUS) },
	[RECEIVE_INTERNAL] = { MECH(TLS) | MECH(HUB_SERVER),
		GROUP(HUB_SERVERS) | GROUP(LEGACY_SERVERS) },
	[RECEIVE_CLIENT] = { MECH(TLS) | MECH(BASIC) | MECH(BASIC_TLS) | MECH(INTEGRATED),
		GROUP(HUB_USERS) },
	[RECEIVE_PARTNER] = { MECH(TLS), GROUP(PARTNERS) },
};

static int default_bindings(struct receive_connector *c, struct arena *a, struct err *e)
{
	bool client = c->usage == RECEIVE_CLIENT;
	struct endpoint *v;

	if (c->bindings.n != 0)
		return 0;
	v = arena_alloc(a, 2 * sizeof(*v));
	if (value_endpoint(a, client ? "0.0.0.0:587" : "0.0.0.0:25", true, &v[0], e) < 0 ||
	    value_endpoint(a, client ? "[::]:587" : "[::]:25", true, &v[1], e) < 0)
		return -1;
	c->bindings = (struct endpoints){ v, 2 };
	return 0;
}

static int receive_connector_complete(void *obj, struct arena *a, struct err *e)
{
	struct receive_connector *c = obj;

	if (!c->auth_given)
		c->auth = by_usage[c->usage].auth;
	if (!c->groups_given)
		c->groups = by_usage[c->usage].groups;
	if (!c->message_rate_given && c->usage == RECEIVE_CLIENT)
		c->message_rate = CLIENT_MESSAGE_RATE;
	if (!c->message_rate_source_given && c->usage == RECEIVE_CLIENT)
		c->message_rate_source = RATE_USER;
	return default_bindings(c, a, e);
}

static int needs(struct err *e, const char *what, const char *needed)
{
	return err_config(e, "%s needs %s", what, needed);
}

static int check_auth(const struct receive_connector *c, struct err *e)
{
	bool tls = (c->auth & MECH(TLS)) != 0;
	bool external = (c->auth & MECH(EXTERNAL)) != 0;

	if ((c->auth & MECH(NONE)) != 0 && c->auth != MECH(NONE))
		return err_config(e, "hubAuthMechanism None stands alone");
	if ((c->auth & MECH(BASIC_TLS)) != 0 && (!tls || (c->auth & MECH(BASIC)) == 0))
		return needs(e, "hubAuthMechanism BasicAuthRequireTLS", tls ? "BasicAuth" : "Tls");
	if (external && (c->auth & ~(MECH(EXTERNAL) | MECH(TLS))) != 0)
		return err_config(e, "hubAuthMechanism ExternalAuthoritative stands beside "
			"nothing but Tls");
	if (external && (c->groups & GROUP(HUB_SERVERS)) == 0)
		return needs(e, "hubAuthMechanism ExternalAuthoritative",
			"hubPermissionGroup HubServers");
	if (c->domain_secure && external)
		return err_config(e, "hubDomainSecure and hubAuthMechanism "
			"ExternalAuthoritative exclude each other");
	if (c->domain_secure && !tls)
		return needs(e, "hubDomainSecure", "hubAuthMechanism Tls");
	if (c->require_tls && !tls)
		return needs(e, "hubRequireTLS", "hubAuthMechanism Tls");
	return 0;
}

static int check_bindings(const struct receive_connector *c, struct err *e)
{
	bool tls = (c->auth & MECH(TLS)) != 0;
	const struct endpoint *one, *other;

	for (one = c->bindings.v; one < c->bindings.v + c->bindings.n; one++) {
		if (one->tls && !tls)
			return err_config(e, "hubBinding %s needs hubAuthMechanism Tls",
				one->text);
		for (other = c->bindings.v; other < one; other++)
			if (endpoint_same_place(one, other) && one->tls != other->tls)
				return err_config(e, "hubBinding %s stands beside %s: TLS begins "
					"with the first byte or it does not", one->text,
					other->text);
	}
	return 0;
}

/* What a reply of SMTP may hold; no attribute has control characters. */
static bool is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

static int check_limits(const struct receive_connector *c, struct err *e)
{
	uint32_t binary = UINT32_C(1) << EXT_BINARYMIME, chunking = UINT32_C(1) << EXT_CHUNKING;

	if (c->inactivity_timeout_s >= c->connection_timeout_s)
		return err_config(e, "hubConnectionInactivityTimeout %llu is not below "
			"hubConnectionTimeout %llu", (unsigned long long)c->inactivity_timeout_s,
			(unsigned long long)c->connection_timeout_s);
	if (c->max_header_size != 0 && c->max_header_size < HEADER_SIZE_MIN)
		return err_config(e, "hubMaxHeaderSize %llu is less than any header: it is in "
			"bytes, 0 or at least %d", (unsigned long long)c->max_header_size,
			HEADER_SIZE_MIN);
	if (c->banner != NULL && (strncmp(c->banner, "220 ", 4) != 0 || c->banner[4] == '\0' ||
		!is_ascii(c->banner)))
		return err_config(e, "hubBanner \"%.60s\" must begin with \"220 \" and a name, and "
			"be ASCII", c->banner);
	if ((c->extensions & binary) != 0 && (c->extensions & chunking) == 0)
		return needs(e, "hubExtension BinaryMime", "Chunking (RFC 3030)");
	return 0;
}

static void edge_defaults(struct receive_connector *c)
{
	if (c->server->role != ROLE_EDGE)
		return;
	if (!c->message_rate_given && c->usage != RECEIVE_CLIENT)
		c->message_rate = EDGE_MESSAGE_RATE;
	if (!c->groups_given)
		c->groups &= ~GROUP(LEGACY_SERVERS);
}

static int receive_connector_check(void *obj, const struct snapshot *s, struct err *e)
{
	struct receive_connector *c = obj;
	struct objects others;
	size_t i;

	c->server = snapshot_parent_server(s, &c->obj);
	if (c->server == NULL)
		return err_config(e, "a Receive connector stands below its hubServer, and "
			"there is no valid one above this");
	edge_defaults(c);
	if (check_auth(c, e) < 0 || check_bindings(c, e) < 0 || check_limits(c, e) < 0)
		return -1;
	others = snapshot_server_connectors(s, c->server);
	for (i = 0; i < others.n; i++)
		if (receive_sharing_check(c, (const void *)others.v[i], e) < 0)
			return -1;
	return 0;
}

const struct obj_class receive_connector_class = {
	.kind = OBJ_RECEIVE_CONNECTOR,
	.ldap_class = "hubReceiveConnector",
	.noun = "receive-connector",
	.size = sizeof(struct receive_connector),
	.attrs = receive_connector_attrs,
	.complete = receive_connector_complete,
	.check = receive_connector_check,
	.late_defaults = true,
};
