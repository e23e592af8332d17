/* pool.c - the kinds of connectors that compete for recipients, and what each reaches. Pure. */
#include "libhub/org/connector.h"

const enum obj_kind pool_kinds[POOL_KINDS] = {
	OBJ_SEND_CONNECTOR, OBJ_FOREIGN_CONNECTOR, OBJ_AGENT_CONNECTOR, OBJ_ROUTING_GROUP_CONNECTOR,
};

struct address_spaces pool_connector_spaces(enum obj_kind kind, const struct pool_connector *c)
{
	const struct routing_group_connector *rgc;
	const struct routing_group *group;

	if (kind != OBJ_ROUTING_GROUP_CONNECTOR)
		return c->spaces;
	rgc = (const void *)c;
	group = (const void *)rgc->target_group.target;
	if (group == NULL || !group->obj.enabled)
		return (struct address_spaces){ NULL, 0 };
	return group->spaces;
}
