/* topology.h - sites, site links, servers, mailbox servers, edge subscriptions. */
#ifndef HUB_ORG_TOPOLOGY_H
#define HUB_ORG_TOPOLOGY_H

#include "libhub/org/object.h"

struct site {
	struct obj obj;
	bool hub_site;
	bool inbound_mail;
	struct strings subnets;
	uint32_t index;		/* position in the snapshot's sites, sorted by name */
};

struct site_link {
	struct obj obj;
	struct refs sites;
	uint64_t cost;
	uint64_t transport_cost;
	bool transport_cost_given;
	uint64_t max_size;	/* 0 = unlimited */
};

enum server_role { ROLE_HUB, ROLE_EDGE };

struct server {
	struct obj obj;
	int role;
	struct ref site;
	const char *fqdn;
	struct endpoints addresses;	/* where peers reach it; port 25 if none; empty = resolve */
	struct blobs certificates;
	struct strings key_digests;	/* sha256:hex, lower case */
	struct strings pins;		/* key_digests and those of the certificates' keys */
	struct endpoints external_dns, internal_dns;
	const char *drop_root, *pickup_directory, *replay_directory;
	/* of both: messages a minute; of pickup: bytes of header, recipients; 0 = unlimited */
	uint64_t pickup_rate, pickup_max_header, pickup_max_recipients;
	int intra_org_logging;
	uint64_t intra_org_max_messages;
	uint64_t max_outbound_connections, max_per_domain_connections;
	struct endpoint admin;
	uint64_t glitch_retry_count, glitch_retry_interval_s;
	uint64_t transient_retry_count, transient_retry_interval_s;
	bool transient_retry_interval_given, connection_failure_interval_given;
	uint64_t connection_failure_interval_s;
	uint64_t message_retry_interval_s;
	uint64_t delay_notification_s, message_expiration_s;
	uint64_t queue_max_idle_s;
	uint64_t poison_threshold;
	uint32_t index;		/* position in the snapshot's servers, sorted by name */
};

enum delivery_protocol { DELIVERY_LMTP, DELIVERY_SMTP };

struct mailbox_server {
	struct obj obj;
	struct ref site;
	const char *fqdn;
	struct endpoints addresses;
	uint64_t port;
	int protocol;
	bool require_tls;
	struct blobs certificates;
	struct strings key_digests;
	struct strings pins;		/* as of a server */
};

struct edge_subscription {
	struct obj obj;
	struct ref server;
	struct ref site;
	struct ref sync_site;	/* whose hubs have the accounts there: it hands the edge over */
	uint64_t directory_port;
	struct blobs directory_certificates;
	struct blobs credentials;
	const char *serial;	/* of the file that was imported; NULL = none */
	bool removed;		/* counts as disabled; edgesyncd clears the edge, then deletes it */
};

#endif
