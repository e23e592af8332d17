/* edge_subscription.c - hubEdgeSubscription (hub-directory(7) section 8). */
#include "libhub/org/attr.h"
#include "libhub/org/topology.h"

static const struct attr_def edge_subscription_attrs[] = {
	A_REF(edge_subscription, server, "hubServerRef", ATTR_INTERNAL, OBJ_SERVER),
	A_REF(edge_subscription, site, "hubServerSite", 0, OBJ_SITE),
	A_REF(edge_subscription, sync_site, "hubSyncSite", ATTR_HUB_ONLY | ATTR_INTERNAL,
		OBJ_SITE),
	A_HUB_INT(edge_subscription, directory_port, "hubDirectoryPort", 1, 65535, 636),
	A_BLOBS(edge_subscription, directory_certificates, "hubDirectoryCertificate", ATTR_HUB_ONLY,
		4, 8192),
	A_BLOBS(edge_subscription, credentials, "hubCredential", ATTR_SECRET | ATTR_HUB_ONLY, 256,
		8192),
	A_TEXT(edge_subscription, serial, "hubSubscriptionSerial", ATTR_HUB_ONLY |
		ATTR_INTERNAL, 64),
	ATTR_ROW(edge_subscription, removed, bool, ATTR_FLAG, "hubRemoved",
		ATTR_HUB_ONLY | ATTR_INTERNAL, .dflt = false),
	A_END
};

/* One that ends is to everybody as if it were disabled. */
static int edge_subscription_complete(void *obj, struct arena *a, struct err *e)
{
	struct edge_subscription *sub = obj;

	(void)a;
	(void)e;
	if (sub->removed)
		sub->obj.enabled = false;
	return 0;
}

static int edge_subscription_check(void *obj, const struct snapshot *s, struct err *e)
{
	const struct edge_subscription *sub = obj;
	const struct server *server = (const void *)sub->server.target;

	(void)s;
	if (server != NULL && server->role != ROLE_EDGE)
		return err_config(e, "hubServerRef names %s, which is a hub, not an edge",
			server->obj.name);
	return 0;
}

const struct obj_class edge_subscription_class = {
	.kind = OBJ_EDGE_SUBSCRIPTION,
	.ldap_class = "hubEdgeSubscription",
	.noun = "edge-subscription",
	.container = "cn=edge subscriptions",
	.size = sizeof(struct edge_subscription),
	.attrs = edge_subscription_attrs,
	.complete = edge_subscription_complete,
	.check = edge_subscription_check,
};
