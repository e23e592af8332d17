/* organization.c - hubOrganization (hub-directory(7) section 7). */
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/domain.h"

static const char *const preferences[] = { "PreferRemote", "RemoteOnly", "LocalOnly", NULL };

static const struct attr_def organization_attrs[] = {
	A_INT(organization, max_send_size, "hubMaxSendSize", 0, ATTR_MAX_COUNT, 10485760),
	A_INT(organization, max_receive_size, "hubMaxReceiveSize", 0, ATTR_MAX_COUNT, 10485760),
	A_INT(organization, max_recipients, "hubMaxRecipients", 0, 512000, 5000),
	A_NAMES(organization, tls_send_domains, "hubTLSSendDomainSecure", 0),
	A_NAMES(organization, tls_receive_domains, "hubTLSReceiveDomainSecure", 0),
	A_TEXT(organization, postmaster, "hubPostmaster", 0, 320),
	A_RANGES(organization, internal_smtp_servers, "hubInternalSMTPServer"),
	A_HUB_FLAG(organization, shadow, "hubShadowRedundancy", true),
	A_HUB_ENUM(organization, shadow_preference, "hubShadowPreference", preferences,
		SHADOW_PREFER_REMOTE),
	A_HUB_FLAG(organization, reject_on_shadow_failure, "hubRejectOnShadowFailure", false),
	A_HUB_INT(organization, shadow_heartbeat_s, "hubShadowHeartbeatInterval", 1, 86400, 10),
	A_HUB_INT(organization, shadow_takeover_s, "hubShadowTakeoverTime", 1, 2592000, 180),
	A_HUB_INT(organization, shadow_discard_s, "hubShadowDiscardInterval", 1, 7776000, 172800),
	A_INT(organization, connector_failover_delay_s, "hubConnectorFailoverDelay", 0, 2592000,
		600),
	A_REF(organization, default_domain, "hubDefaultAcceptedDomain", 0, OBJ_ACCEPTED_DOMAIN),
	A_TEXT(organization, epoch, "hubEpoch", ATTR_HUB_ONLY, 36),
	A_FLAG(organization, plus_addressing, "hubPlusAddressing", false),
	A_END
};

static int organization_complete(void *obj, struct arena *a, struct err *e)
{
	const struct organization *org = obj;
	const char *at;

	(void)a;
	if (org->postmaster == NULL)
		return 0;
	at = strrchr(org->postmaster, '@');
	if (at == NULL || at == org->postmaster || !value_is_domain(at + 1) ||
	    strchr(org->postmaster, ' ') != NULL)
		return err_config(e, "hubPostmaster \"%.100s\" is no address",
			org->postmaster);
	return 0;
}

const struct obj_class organization_class = {
	.kind = OBJ_ORGANIZATION,
	.ldap_class = "hubOrganization",
	.noun = "organization",
	.container = "",
	.size = sizeof(struct organization),
	.attrs = organization_attrs,
	.complete = organization_complete,
};
