/* server.c - hubServer and hubMailboxServer (hub-directory(7) section 6). */
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/connector.h"
#include "libhub/org/topology.h"
#include "libhub/tls/pin.h"

enum { EDGE_TRANSIENT_INTERVAL_S = 600, EDGE_CONNECTION_FAILURE_INTERVAL_S = 1800 };

static const char *const roles[] = { "Hub", "Edge", NULL };
static const char *const protocols[] = { "LMTP", "SMTP", NULL };

static const struct attr_def server_attrs[] = {
	{ .name = "hubRole", .kind = ATTR_ENUM, .flags = ATTR_REQUIRED,
	  .off = ATTR_FIELD(server, role, int), .choices = roles, .dflt = ROLE_HUB },
	A_REF(server, site, "hubServerSite", 0, OBJ_SITE),
	A_NAME(server, fqdn, "hubFQDN", 0),
	A_ENDPOINTS(server, addresses, "hubAddress", 0),
	A_BLOBS(server, certificates, "hubCertificate", 0, 4, 8192),
	A_TEXTS(server, key_digests, "hubKeyDigest", 0, 71),
	A_ENDPOINTS(server, external_dns, "hubExternalDNSServer", 0),
	A_ENDPOINTS(server, internal_dns, "hubInternalDNSServer", 0),
	A_TEXT(server, drop_root, "hubDropRoot", 0, 1024),
	A_TEXT(server, pickup_directory, "hubPickupDirectory", 0, 1024),
	A_TEXT(server, replay_directory, "hubReplayDirectory", 0, 1024),
	A_INT(server, pickup_rate, "hubPickupMaxMessagesPerMinute", 0, 20000, 100),
	A_INT(server, pickup_max_header, "hubPickupMaxHeaderSize", 0, ATTR_MAX_COUNT, 65536),
	A_INT(server, pickup_max_recipients, "hubPickupMaxRecipients", 0, 10000, 100),
	A_ENUM(server, intra_org_logging, "hubIntraOrgProtocolLogging", protocol_logging_names,
		PROTOCOL_LOGGING_NONE),
	A_INT(server, intra_org_max_messages, "hubIntraOrgMaxMessagesPerConnection", 0,
		ATTR_MAX_COUNT, 20),
	A_INT(server, max_outbound_connections, "hubMaxOutboundConnections", 0, ATTR_MAX_COUNT,
		1000),
	A_INT(server, max_per_domain_connections, "hubMaxPerDomainConnections", 0, ATTR_MAX_COUNT,
		20),
	A_ENDPOINT(server, admin, "hubAdminAddress", ATTR_PORT_REQUIRED),
	A_INT(server, glitch_retry_count, "hubGlitchRetryCount", 0, 15, 4),
	A_INT(server, glitch_retry_interval_s, "hubGlitchRetryInterval", 1, 86400, 60),
	A_INT(server, transient_retry_count, "hubTransientRetryCount", 0, 15, 6),
	A_INT_GIVEN(server, transient_retry_interval_s, "hubTransientRetryInterval", 1, 43200, 300,
		transient_retry_interval_given),
	A_INT_GIVEN(server, connection_failure_interval_s, "hubConnectionFailureRetryInterval", 1,
		1728000, 600, connection_failure_interval_given),
	A_INT(server, message_retry_interval_s, "hubMessageRetryInterval", 1, 86400, 300),
	A_INT(server, delay_notification_s, "hubDelayNotification", 1, 2592000, 14400),
	A_INT(server, message_expiration_s, "hubMessageExpiration", 5, 7776000, 172800),
	A_INT(server, queue_max_idle_s, "hubQueueMaxIdleTime", 1, 86400, 180),
	A_INT(server, poison_threshold, "hubPoisonThreshold", 1, 100, 2),
	A_END
};

static const struct attr_def mailbox_server_attrs[] = {
	A_REF(mailbox_server, site, "hubServerSite", 0, OBJ_SITE),
	A_NAME(mailbox_server, fqdn, "hubFQDN", 0),
	A_ENDPOINTS(mailbox_server, addresses, "hubAddress", 0),
	A_INT(mailbox_server, port, "hubPort", 1, 65535, 24),
	A_ENUM(mailbox_server, protocol, "hubDeliveryProtocol", protocols, DELIVERY_LMTP),
	A_FLAG(mailbox_server, require_tls, "hubRequireTLS", false),
	A_BLOBS(mailbox_server, certificates, "hubCertificate", 0, 4, 8192),
	A_TEXTS(mailbox_server, key_digests, "hubKeyDigest", 0, 71),
	A_END
};

/* The digests in their one form, followed by those of the keys in the certificates. */
static int make_pins(struct arena *a, const struct blobs *certificates, struct strings *digests,
	struct strings *pins, struct err *e)
{
	char (*text)[TLS_PIN_SIZE] = arena_alloc(a, (digests->n + certificates->n) * TLS_PIN_SIZE);
	const char **v = arena_alloc(a, (digests->n + certificates->n) * sizeof(*v));
	struct err why;
	size_t i, n = 0;

	for (i = 0; i < digests->n; i++, n++)
		if (tls_pin_normalize(digests->v[i], text[n], &why) < 0)
			return err_config(e, "hubKeyDigest \"%.80s\": not sha256: and 64 "
				"hexadecimal digits", digests->v[i]);
	for (i = 0; i < certificates->n; i++, n++)
		if (tls_pin_of_der(certificates->v[i].data, certificates->v[i].size, text[n],
			&why) < 0)
			return err_config(e, "hubCertificate: value %zu is no X.509 certificate "
				"in DER", i + 1);
	for (i = 0; i < n; i++)
		v[i] = text[i];
	*pins = (struct strings){ v, n };
	*digests = (struct strings){ v, digests->n };
	return 0;
}

static int check_path(const char *attr, const char *path, struct err *e)
{
	if (path == NULL || *path == '/')
		return 0;
	return err_config(e, "%s \"%.100s\" must be an absolute path", attr, path);
}

static int server_complete(void *obj, struct arena *a, struct err *e)
{
	struct server *s = obj;

	if (!s->transient_retry_interval_given && s->role == ROLE_EDGE)
		s->transient_retry_interval_s = EDGE_TRANSIENT_INTERVAL_S;
	if (!s->connection_failure_interval_given && s->role == ROLE_EDGE)
		s->connection_failure_interval_s = EDGE_CONNECTION_FAILURE_INTERVAL_S;
	if (check_path("hubDropRoot", s->drop_root, e) < 0 ||
	    check_path("hubPickupDirectory", s->pickup_directory, e) < 0 ||
	    check_path("hubReplayDirectory", s->replay_directory, e) < 0)
		return -1;
	if (s->pickup_directory != NULL && s->replay_directory != NULL &&
	    strcmp(s->pickup_directory, s->replay_directory) == 0)
		return err_config(e, "hubPickupDirectory and hubReplayDirectory are both "
			"\"%.100s\"", s->pickup_directory);
	return make_pins(a, &s->certificates, &s->key_digests, &s->pins, e);
}

static int server_check(void *obj, const struct snapshot *snapshot, struct err *e)
{
	const struct server *s = obj;

	(void)snapshot;
	/* 0 is unlimited: per domain it is above any total but an unlimited one */
	if (s->max_outbound_connections != 0 &&
	    (s->max_per_domain_connections == 0 ||
	     s->max_per_domain_connections > s->max_outbound_connections))
		return err_config(e, "hubMaxPerDomainConnections %llu (0 is unlimited) is "
			"above hubMaxOutboundConnections %llu",
			(unsigned long long)s->max_per_domain_connections,
			(unsigned long long)s->max_outbound_connections);
	return 0;
}

static int mailbox_server_complete(void *obj, struct arena *a, struct err *e)
{
	struct mailbox_server *s = obj;

	return make_pins(a, &s->certificates, &s->key_digests, &s->pins, e);
}

const struct obj_class server_class = {
	.kind = OBJ_SERVER,
	.ldap_class = "hubServer",
	.noun = "server",
	.container = "cn=servers",
	.size = sizeof(struct server),
	.attrs = server_attrs,
	.complete = server_complete,
	.check = server_check,
};

const struct obj_class mailbox_server_class = {
	.kind = OBJ_MAILBOX_SERVER,
	.ldap_class = "hubMailboxServer",
	.noun = "mailbox-server",
	.container = "cn=servers",
	.size = sizeof(struct mailbox_server),
	.attrs = mailbox_server_attrs,
	.complete = mailbox_server_complete,
};
