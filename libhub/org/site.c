/* site.c - hubSite and hubSiteLink (hub-directory(7) section 6). */
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/topology.h"

static const struct attr_def site_attrs[] = {
	A_FLAG(site, hub_site, "hubHubSite", false),
	A_FLAG(site, inbound_mail, "hubInboundMail", true),
	A_TEXTS(site, subnets, "hubSubnet", ATTR_HUB_ONLY, 64),
	A_END
};

static const struct attr_def site_link_attrs[] = {
	A_REFS(site_link, sites, "hubSiteList", ATTR_REQUIRED, OBJ_SITE),
	A_INT(site_link, cost, "hubCost", 1, 99999, 100),
	A_INT_GIVEN(site_link, transport_cost, "hubTransportCost", 1, 99999, 0,
		transport_cost_given),
	A_INT(site_link, max_size, "hubMaxMessageSize", 0, ATTR_MAX_COUNT, 0),
	A_END
};

static int site_complete(void *obj, struct arena *a, struct err *e)
{
	const struct site *site = obj;
	struct ip_range range;
	struct err why;
	size_t i;

	for (i = 0; i < site->subnets.n; i++)
		if (strchr(site->subnets.v[i], '-') != NULL ||
		    value_ip_range(a, site->subnets.v[i], &range, &why) < 0)
			return err_config(e, "hubSubnet \"%.100s\": not address/bits",
				site->subnets.v[i]);
	return 0;
}

static int site_link_complete(void *obj, struct arena *a, struct err *e)
{
	const struct site_link *link = obj;
	size_t i;

	(void)a;
	for (i = 1; i < link->sites.n; i++)
		if (strcmp(link->sites.v[i].ndn, link->sites.v[0].ndn) != 0)
			return 0;
	return err_config(e, "hubSiteList needs two sites or more, and there is but %s",
		link->sites.n != 0 ? link->sites.v[0].dn : "none");
}

const struct obj_class site_class = {
	.kind = OBJ_SITE,
	.ldap_class = "hubSite",
	.noun = "site",
	.container = "cn=sites",
	.size = sizeof(struct site),
	.attrs = site_attrs,
	.complete = site_complete,
};

const struct obj_class site_link_class = {
	.kind = OBJ_SITE_LINK,
	.ldap_class = "hubSiteLink",
	.noun = "site-link",
	.container = "cn=site links",
	.size = sizeof(struct site_link),
	.attrs = site_link_attrs,
	.complete = site_link_complete,
};
