/* send_connector.c - hubSendConnector: table, defaults, rules; hub-directory(7) sections 3 and 9 */
#include "libhub/org/connector.h"

#include <stdio.h>
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/topology.h"

static const char *const usages[] = { "Custom", "Internal", "Internet", "Partner", NULL };
static const char *const auths[] = {
	"None", "BasicAuth", "BasicAuthRequireTLS", "HubServer", "ExternalAuthoritative", NULL
};
/* index 0 is "absent", which nobody can write */
static const char *const auth_levels[] = {
	"", "EncryptionOnly", "CertificateValidation", "DomainValidation", NULL
};
static const char *const rights[] = { "Organization", "Forest", "Routing", NULL };
static const char *const policies[] = {
	"Default", "DowngradeAuthFailures", "DowngradeDNSFailures", NULL
};

static const struct attr_def send_connector_attrs[] = {
	A_ENUM(send_connector, usage, "hubUsage", usages, SEND_CUSTOM),
	A_SPACES(send_connector, pool.spaces, "hubAddressSpace", 0),
	A_FLAG(send_connector, pool.scoped, "hubScoped", false),
	A_REFS(send_connector, pool.sources, "hubSourceServer", 0, OBJ_SERVER),
	A_FLAG_GIVEN(send_connector, dns_routing, "hubDNSRouting", true, dns_routing_given),
	A_SMART_HOSTS(send_connector, smart_hosts, "hubSmartHost", 0),
	A_ENUM(send_connector, auth, "hubSmartHostAuth", auths, SMART_HOST_AUTH_NONE),
	A_TEXT(send_connector, auth_user, "hubAuthUser", 0, 512),
	A_TEXT(send_connector, auth_password, "hubAuthPassword", ATTR_SECRET, 1024),
	A_INT(send_connector, port, "hubPort", 1, 65535, 25),
	A_NAME(send_connector, fqdn, "hubFQDN", 0),
	A_FLAG(send_connector, external_dns, "hubExternalDNS", false),
	A_INT_GIVEN(send_connector, pool.max_size, "hubMaxMessageSize", 0, ATTR_MAX_COUNT, 10485760,
		max_size_given),
	A_INT(send_connector, max_messages_per_connection, "hubMaxMessagesPerConnection", 0,
		ATTR_MAX_COUNT, 20),
	A_INT(send_connector, max_connections, "hubMaxConcurrentConnections", 0, ATTR_MAX_COUNT, 0),
	A_INT(send_connector, inactivity_timeout_s, "hubConnectionInactivityTimeout", 1, 86400,
		600),
	A_ENUM(send_connector, logging, "hubProtocolLogging", protocol_logging_names,
		PROTOCOL_LOGGING_NONE),
	A_FLAG(send_connector, require_tls, "hubRequireTLS", false),
	A_ENUM(send_connector, tls_auth_level, "hubTLSAuthLevel", auth_levels, TLS_AUTH_NONE),
	A_NAME(send_connector, tls_domain, "hubTLSDomain", ATTR_WILDCARD),
	A_FLAG(send_connector, ignore_starttls, "hubIgnoreSTARTTLS", false),
	A_FLAG_GIVEN(send_connector, domain_secure, "hubDomainSecure", false, domain_secure_given),
	A_FLAG(send_connector, force_helo, "hubForceHELO", false),
	A_ENUMS(send_connector, error_policies, "hubErrorPolicy", policies,
		UINT32_C(1) << ERROR_POLICY_DEFAULT),
	A_REF(send_connector, linked, "hubLinkedReceiveConnector", 0, OBJ_RECEIVE_CONNECTOR),
	A_SOURCES(send_connector, source_addresses, "hubSourceAddress"),
	A_ENUMS_GIVEN(send_connector, send_rights, "hubSendRight", rights,
		UINT32_C(1) << SEND_RIGHT_ROUTING, send_rights_given),
	A_END
};

static int refuse(struct err *e, const char *rule)
{
	return err_config(e, "%s", rule);
}

static int send_connector_complete(void *obj, struct arena *a, struct err *e)
{
	struct send_connector *c = obj;

	(void)a;
	(void)e;
	if (!c->dns_routing_given)
		c->dns_routing = c->smart_hosts.n == 0;
	if (!c->domain_secure_given)
		c->domain_secure = c->usage == SEND_PARTNER;
	if (!c->max_size_given && c->usage == SEND_INTERNAL)
		c->pool.max_size = 0;
	if (!c->send_rights_given && c->usage == SEND_INTERNAL)
		c->send_rights |= UINT32_C(1) << SEND_RIGHT_ORGANIZATION |
			UINT32_C(1) << SEND_RIGHT_FOREST;
	return 0;
}

static int check_next_hop(const struct send_connector *c, struct err *e)
{
	bool basic = c->auth == SMART_HOST_AUTH_BASIC || c->auth == SMART_HOST_AUTH_BASIC_TLS;

	if (c->dns_routing && c->smart_hosts.n != 0)
		return err_config(e, "hubDNSRouting TRUE and hubSmartHost \"%s\" exclude "
			"each other", c->smart_hosts.v[0].text);
	if (!c->dns_routing && c->smart_hosts.n == 0)
		return refuse(e, "hubDNSRouting FALSE needs a hubSmartHost");
	if (c->usage == SEND_INTERNAL && c->dns_routing)
		return refuse(e, "hubUsage Internal needs smart hosts: hubSmartHost is missing");
	if (c->usage == SEND_PARTNER && !c->dns_routing)
		return err_config(e, "hubUsage Partner needs DNS routing and excludes "
			"hubSmartHost \"%s\"",
			c->smart_hosts.n != 0 ? c->smart_hosts.v[0].text : "");
	if (c->dns_routing && c->auth != SMART_HOST_AUTH_NONE)
		return err_config(e, "hubSmartHostAuth %s needs smart hosts, not DNS routing",
			auths[c->auth]);
	if (basic && (c->auth_user == NULL || c->auth_password == NULL))
		return err_config(e, "hubSmartHostAuth %s needs hubAuthUser and "
			"hubAuthPassword: %s is missing", auths[c->auth],
			c->auth_user == NULL ? "hubAuthUser" : "hubAuthPassword");
	return 0;
}

static int check_tls(const struct send_connector *c, struct err *e)
{
	if (c->require_tls && c->ignore_starttls)
		return refuse(e, "hubRequireTLS and hubIgnoreSTARTTLS exclude each other");
	if (c->tls_auth_level != TLS_AUTH_NONE && !c->require_tls)
		return err_config(e, "hubTLSAuthLevel %s needs hubRequireTLS TRUE",
			auth_levels[c->tls_auth_level]);
	if (c->tls_domain != NULL && c->tls_auth_level != TLS_AUTH_DOMAIN)
		return err_config(e, "hubTLSDomain %s needs hubTLSAuthLevel DomainValidation",
			c->tls_domain);
	if (c->tls_auth_level == TLS_AUTH_DOMAIN && c->smart_hosts.n != 0 && c->tls_domain == NULL)
		return refuse(e,
			"hubTLSAuthLevel DomainValidation with smart hosts needs hubTLSDomain");
	if (c->domain_secure && !c->dns_routing)
		return refuse(e, "hubDomainSecure needs DNS routing, not smart hosts");
	if (c->domain_secure && c->ignore_starttls)
		return refuse(e, "hubDomainSecure and hubIgnoreSTARTTLS exclude each other");
	if (c->auth == SMART_HOST_AUTH_BASIC_TLS && c->ignore_starttls)
		return refuse(e,
			"hubSmartHostAuth BasicAuthRequireTLS and hubIgnoreSTARTTLS exclude "
			"each other");
	return 0;
}

/* HELO has no extensions, so neither STARTTLS nor AUTH can follow (RFC 5321 section 2.2.1). */
static int check_helo(const struct send_connector *c, struct err *e)
{
	if (!c->force_helo)
		return 0;
	if (c->require_tls || c->domain_secure)
		return err_config(e, "hubForceHELO excludes TLS: %s is TRUE",
			c->require_tls ? "hubRequireTLS" : "hubDomainSecure");
	if (c->auth != SMART_HOST_AUTH_NONE && c->auth != SMART_HOST_AUTH_EXTERNAL)
		return err_config(e, "hubForceHELO excludes authentication: "
			"hubSmartHostAuth is %s", auths[c->auth]);
	return 0;
}

static int check_linked(const struct send_connector *c, struct err *e)
{
	if (c->pool.spaces.n != 0)
		return err_config(e, "hubLinkedReceiveConnector excludes hubAddressSpace "
			"\"%s\"", c->pool.spaces.v[0].text);
	if (c->dns_routing)
		return refuse(e, "hubLinkedReceiveConnector needs smart hosts, not DNS routing");
	if (c->pool.scoped)
		return refuse(e, "hubLinkedReceiveConnector excludes hubScoped");
	if (c->pool.max_size != 0)
		return err_config(e, "hubLinkedReceiveConnector needs an unlimited size: "
			"hubMaxMessageSize is %llu, not 0", (unsigned long long)c->pool.max_size);
	/* without its Received fields mail that comes back again and again is not known */
	if ((c->send_rights & 1u << SEND_RIGHT_ROUTING) == 0)
		return refuse(e, "hubLinkedReceiveConnector needs hubSendRight Routing: loops "
			"would not be seen");
	return 0;
}

static int check_spaces(const struct send_connector *c, bool edge, struct err *e)
{
	size_t i;

	if (c->pool.spaces.n == 0)
		return refuse(e,
			"hubAddressSpace is missing: a connector that is not linked needs one");
	for (i = 0; i < c->pool.spaces.n; i++) {
		const struct address_space *s = &c->pool.spaces.v[i];

		if (strcmp(s->type, "SMTP") != 0 && c->smart_hosts.n == 0)
			return err_config(e, "hubAddressSpace \"%s:%.100s\" is not SMTP and "
				"needs a hubSmartHost", s->type, s->text);
		if (strcmp(s->type, "SMTP") != 0 && edge)
			return err_config(e, "hubAddressSpace \"%s:%.100s\" is not SMTP: "
				"edges send SMTP only", s->type, s->text);
		if (s->match == SPACE_INBOUND && !edge)
			return refuse(e, "hubAddressSpace -- is for connectors of edges only");
	}
	return 0;
}

/* A server named in hubSourceAddress must be one of the sources. */
static int check_source_addresses(const struct send_connector *c, struct err *e)
{
	size_t i, j;

	for (i = 0; i < c->source_addresses.n; i++) {
		const char *server = c->source_addresses.v[i].server;
		bool found = server == NULL || c->pool.sources.n == 0;

		for (j = 0; j < c->pool.sources.n && !found; j++) {
			const struct ref *r = &c->pool.sources.v[j];

			found = r->target == NULL || name_compare(r->target->name, server) == 0;
		}
		if (!found)
			return err_config(e, "hubSourceAddress names %.64s, which is no "
				"hubSourceServer of the connector", server);
	}
	return 0;
}

static int check_sources(const struct send_connector *c, bool edge, struct err *e)
{
	size_t i;

	/* A linked connector works on the Receive connector's server. */
	if (c->pool.sources.n == 0 && c->linked.dn == NULL)
		return refuse(e, "hubSourceServer is missing: no source server");
	if (refs_check_sources(&c->pool.sources, e) < 0)
		return -1;
	for (i = 0; i < c->smart_hosts.n; i++)
		if (c->smart_hosts.v[i].inbound && !edge)
			return refuse(e, "hubSmartHost -- is for connectors of edges only");
	return check_source_addresses(c, e);
}

static int send_connector_check(void *obj, const struct snapshot *s, struct err *e)
{
	const struct send_connector *c = obj;
	bool edge = refs_have_role(&c->pool.sources, ROLE_EDGE);

	(void)s;
	if (check_next_hop(c, e) < 0 || check_tls(c, e) < 0 || check_helo(c, e) < 0)
		return -1;
	if ((c->linked.dn != NULL ? check_linked(c, e) : check_spaces(c, edge, e)) < 0)
		return -1;
	return check_sources(c, edge, e);
}

static const char *send_connector_claim(const void *obj, char *buf, size_t size)
{
	const struct send_connector *c = obj;

	if (c->linked.ndn == NULL || !c->pool.obj.enabled)
		return NULL;
	snprintf(buf, size, "linked %s", c->linked.ndn);
	return "hubLinkedReceiveConnector names a connector that is already linked";
}

const struct obj_class send_connector_class = {
	.kind = OBJ_SEND_CONNECTOR,
	.ldap_class = "hubSendConnector",
	.noun = "send-connector",
	.container = "cn=connectors",
	.size = sizeof(struct send_connector),
	.attrs = send_connector_attrs,
	.complete = send_connector_complete,
	.check = send_connector_check,
	.claim = send_connector_claim,
};
