/* routing_group.c - hubRoutingGroup and hubRoutingGroupConnector (hub-directory(7) section 5). */
#include "libhub/org/attr.h"
#include "libhub/org/connector.h"
#include "libhub/org/topology.h"

static const struct attr_def routing_group_connector_attrs[] = {
	A_INT(routing_group_connector, cost, "hubCost", 1, 100, 1),
	A_REFS(routing_group_connector, pool.sources, "hubSourceServer", ATTR_REQUIRED,
		OBJ_SERVER),
	A_SMART_HOSTS(routing_group_connector, targets, "hubTargetServer", ATTR_REQUIRED),
	A_REF(routing_group_connector, target_group, "hubTargetRoutingGroup", 0, OBJ_ROUTING_GROUP),
	A_FLAG(routing_group_connector, bidirectional, "hubBidirectional", false),
	A_INT(routing_group_connector, pool.max_size, "hubMaxMessageSize", 0, ATTR_MAX_COUNT, 0),
	A_END
};

static const struct attr_def routing_group_attrs[] = {
	A_SPACES(routing_group, spaces, "hubAddressSpace", 0),
	A_END
};

static int routing_group_connector_complete(void *obj, struct arena *a, struct err *e)
{
	const struct routing_group_connector *c = obj;
	size_t i;

	(void)a;
	for (i = 0; i < c->targets.n; i++)
		if (c->targets.v[i].inbound)
			return err_config(e, "hubTargetServer -- is no host");
	return 0;
}

static int routing_group_connector_check(void *obj, const struct snapshot *s, struct err *e)
{
	const struct routing_group_connector *c = obj;

	(void)s;
	if (refs_have_role(&c->pool.sources, ROLE_EDGE))
		return err_config(e, "hubSourceServer of a routing group connector names an "
			"edge: hubs only");
	return refs_check_sources(&c->pool.sources, e);
}

static int routing_group_complete(void *obj, struct arena *a, struct err *e)
{
	const struct routing_group *g = obj;
	size_t i;

	(void)a;
	for (i = 0; i < g->spaces.n; i++)
		if (g->spaces.v[i].match == SPACE_INBOUND)
			return err_config(e, "hubAddressSpace -- is for Send connectors of edges "
				"only");
	return 0;
}

const struct obj_class routing_group_connector_class = {
	.kind = OBJ_ROUTING_GROUP_CONNECTOR,
	.ldap_class = "hubRoutingGroupConnector",
	.noun = "routing-group-connector",
	.container = "cn=connectors",
	.size = sizeof(struct routing_group_connector),
	.attrs = routing_group_connector_attrs,
	.complete = routing_group_connector_complete,
	.check = routing_group_connector_check,
};

const struct obj_class routing_group_class = {
	.kind = OBJ_ROUTING_GROUP,
	.ldap_class = "hubRoutingGroup",
	.noun = "routing-group",
	.container = "cn=routing groups",
	.size = sizeof(struct routing_group),
	.attrs = routing_group_attrs,
	.complete = routing_group_complete,
};
