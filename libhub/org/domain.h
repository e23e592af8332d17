/* domain.h - organization-wide settings, accepted and remote domains. */
#ifndef HUB_ORG_DOMAIN_H
#define HUB_ORG_DOMAIN_H

#include "libhub/org/object.h"

enum shadow_preference { SHADOW_PREFER_REMOTE, SHADOW_REMOTE_ONLY, SHADOW_LOCAL_ONLY };

struct organization {
	struct obj obj;
	uint64_t max_send_size, max_receive_size;	/* 0 = unlimited */
	uint64_t max_recipients;
	struct strings tls_send_domains, tls_receive_domains;
	const char *postmaster;		/* address; NULL = none set */
	struct ip_ranges internal_smtp_servers;
	bool shadow;
	int shadow_preference;
	bool reject_on_shadow_failure;
	uint64_t shadow_heartbeat_s, shadow_takeover_s, shadow_discard_s;
	uint64_t connector_failover_delay_s;
	struct ref default_domain;
	const char *epoch;
	bool plus_addressing;
};

enum accepted_type { ACCEPTED_AUTHORITATIVE, ACCEPTED_INTERNAL_RELAY, ACCEPTED_EXTERNAL_RELAY };

struct accepted_domain {
	struct obj obj;
	const char *domain_text;	/* hubDomain as written, lower case */
	const char *domain;	/* lower case, without "*." */
	bool subtree;		/* was *.domain */
	int type;
	bool recipient_validation;
	bool recipient_validation_given;
};

struct remote_domain {
	struct obj obj;
	const char *domain_text;	/* hubDomain as written, lower case */
	const char *domain;	/* without "*."; "" for * */
	bool subtree;
	bool delivery_reports, ndr, auto_reply, auto_forward, trusted_mail;
};

#endif
