/* connector.h - the connectors: Send, Receive, Foreign, Delivery Agent, Routing Group. */
#ifndef HUB_ORG_CONNECTOR_H
#define HUB_ORG_CONNECTOR_H

#include "libhub/org/object.h"

enum protocol_logging { PROTOCOL_LOGGING_NONE, PROTOCOL_LOGGING_VERBOSE };
enum send_usage { SEND_CUSTOM, SEND_INTERNAL, SEND_INTERNET, SEND_PARTNER };
enum smart_host_auth {
	SMART_HOST_AUTH_NONE,
	SMART_HOST_AUTH_BASIC,
	SMART_HOST_AUTH_BASIC_TLS,
	SMART_HOST_AUTH_HUB_SERVER,
	SMART_HOST_AUTH_EXTERNAL,
};
enum tls_auth_level {
	TLS_AUTH_NONE,		/* attribute absent */
	TLS_AUTH_ENCRYPTION,
	TLS_AUTH_CERTIFICATE,
	TLS_AUTH_DOMAIN,
};
/* bits by index */
enum send_right { SEND_RIGHT_ORGANIZATION, SEND_RIGHT_FOREST, SEND_RIGHT_ROUTING };
enum error_policy { ERROR_POLICY_DEFAULT, ERROR_POLICY_DOWNGRADE_AUTH, ERROR_POLICY_DOWNGRADE_DNS };

/*
 * What the kinds that compete for recipients in one pool share (hub-routing(7) sections 5 and 8).
 * First member of send_connector, foreign_connector, agent_connector and routing_group_connector.
 */
struct pool_connector {
	struct obj obj;
	struct address_spaces spaces;
	struct refs sources;		/* hubServer entries */
	bool scoped;
	uint64_t max_size;		/* bytes, 0 = unlimited */
};

struct send_connector {
	struct pool_connector pool;
	int usage;
	bool dns_routing, dns_routing_given;
	struct smart_hosts smart_hosts;
	int auth;
	const char *auth_user, *auth_password;
	uint64_t port;
	const char *fqdn;		/* NULL = the server's */
	bool external_dns;
	bool max_size_given;
	uint64_t max_messages_per_connection;	/* 0 = unlimited */
	uint64_t max_connections;		/* of one server at once; 0 = unlimited */
	uint64_t inactivity_timeout_s;
	int logging;
	bool require_tls;
	int tls_auth_level;
	const char *tls_domain;
	bool ignore_starttls;
	bool domain_secure, domain_secure_given;
	bool force_helo;
	uint32_t error_policies;
	struct ref linked;		/* receive_connector */
	struct source_addresses source_addresses;
	uint32_t send_rights;
	bool send_rights_given;
};

struct foreign_connector {
	struct pool_connector pool;
	const char *drop_directory;
	uint64_t drop_quota;
	bool relay_dsn_required;
};

struct agent_connector {
	struct pool_connector pool;
	const char *protocol;
	uint64_t max_connections;
	uint64_t max_messages_per_connection;
};

struct routing_group_connector {
	struct pool_connector pool;	/* its address spaces are the target group's */
	uint64_t cost;
	struct smart_hosts targets;	/* host names and addresses */
	struct ref target_group;
	bool bidirectional;		/* targets named by address are legacy servers here */
};

struct routing_group {
	struct obj obj;
	struct address_spaces spaces;
};

/* The kinds of the pool. */
enum { POOL_KINDS = 4 };
extern const enum obj_kind pool_kinds[POOL_KINDS];
/*
 * What is reached by the connector: its own address spaces, or those of the routing group that it
 * leads to, none while that is missing or disabled. References must be resolved.
 */
struct address_spaces pool_connector_spaces(enum obj_kind kind, const struct pool_connector *c);

enum receive_usage {
	RECEIVE_CUSTOM, RECEIVE_INTERNET, RECEIVE_INTERNAL, RECEIVE_CLIENT, RECEIVE_PARTNER,
};
/* bits by index */
enum auth_mechanism {
	AUTH_MECH_NONE, AUTH_MECH_TLS, AUTH_MECH_BASIC, AUTH_MECH_BASIC_TLS, AUTH_MECH_INTEGRATED,
	AUTH_MECH_HUB_SERVER, AUTH_MECH_EXTERNAL,
};
enum permission_group {
	GROUP_ANONYMOUS, GROUP_HUB_USERS, GROUP_HUB_SERVERS, GROUP_LEGACY_SERVERS, GROUP_PARTNERS,
};
enum right {
	RIGHT_SUBMIT, RIGHT_ACCEPT_ANY_RECIPIENT, RIGHT_ACCEPT_ANY_SENDER,
	RIGHT_ACCEPT_AUTHORITATIVE_DOMAIN_SENDER, RIGHT_ACCEPT_AUTHENTICATION_FLAG,
	RIGHT_ACCEPT_HEADERS_ROUTING, RIGHT_ACCEPT_HEADERS_ORGANIZATION,
	RIGHT_ACCEPT_HEADERS_FOREST, RIGHT_BYPASS_ANTI_SPAM, RIGHT_BYPASS_MESSAGE_SIZE_LIMIT,
	RIGHTS
};
extern const char *const right_names[RIGHTS + 1];
extern const char *const permission_group_names[];
/* Rights that a permission group carries by itself (hub-directory(7) section 4). */
uint32_t permission_group_rights(enum permission_group g);

enum smtp_extension_choice {
	EXT_PIPELINING, EXT_8BITMIME, EXT_BINARYMIME, EXT_CHUNKING, EXT_DSN,
	EXT_ENHANCEDSTATUSCODES, EXT_SIZE, EXT_SMTPUTF8, EXT_DELIVERBY, EXT_MTPRIORITY,
	EXT_FUTURERELEASE, EXT_REQUIRETLS, EXT_LIMITS,
};
enum message_rate_source { RATE_NONE, RATE_IP_ADDRESS, RATE_USER, RATE_ALL };

struct server;

struct receive_connector {
	struct obj obj;
	const struct server *server;	/* the parent entry */
	int usage;
	struct endpoints bindings;
	struct ip_ranges remotes;	/* empty = all */
	uint32_t auth;			/* bits of enum auth_mechanism */
	bool auth_given;
	uint32_t groups;		/* bits of enum permission_group */
	bool groups_given;
	struct grants grants, denies;
	const char *fqdn;		/* NULL = the server's */
	const char *banner;
	int logging;
	bool require_tls;
	bool domain_secure;
	const char *default_domain;
	uint64_t max_size;
	uint64_t max_header_size;
	uint64_t max_recipients;
	uint64_t max_hops, max_local_hops;
	uint64_t max_protocol_errors, max_logon_failures;
	uint64_t max_connections, max_per_source, max_percent_per_source;
	bool max_per_source_given;
	uint64_t message_rate;		/* per minute, 0 = unlimited */
	bool message_rate_given;
	int message_rate_source;
	bool message_rate_source_given;
	uint64_t connection_timeout_s, inactivity_timeout_s;
	uint64_t tarpit_s, max_ack_delay_s;
	uint32_t extensions;		/* bits of enum smtp_extension_choice */
};

#endif
