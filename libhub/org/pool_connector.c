/* pool_connector.c - Foreign and Delivery Agent connectors, and the rule on sources that all of the
 * pool share (hub-directory(7) sections 5 and 9).
 */
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/connector.h"
#include "libhub/org/topology.h"

static const struct attr_def foreign_connector_attrs[] = {
	A_SPACES(foreign_connector, pool.spaces, "hubAddressSpace", ATTR_REQUIRED),
	A_REFS(foreign_connector, pool.sources, "hubSourceServer", ATTR_REQUIRED, OBJ_SERVER),
	A_FLAG(foreign_connector, pool.scoped, "hubScoped", false),
	A_TEXT(foreign_connector, drop_directory, "hubDropDirectory", 0, 255),
	A_INT(foreign_connector, drop_quota, "hubDropQuota", 0, ATTR_MAX_COUNT, 0),
	A_INT(foreign_connector, pool.max_size, "hubMaxMessageSize", 0, ATTR_MAX_COUNT, 0),
	A_FLAG(foreign_connector, relay_dsn_required, "hubRelayDSNRequired", false),
	A_END
};

static const struct attr_def agent_connector_attrs[] = {
	A_SPACES(agent_connector, pool.spaces, "hubAddressSpace", ATTR_REQUIRED),
	A_TEXT(agent_connector, protocol, "hubDeliveryProtocol", ATTR_REQUIRED, 64),
	A_REFS(agent_connector, pool.sources, "hubSourceServer", ATTR_REQUIRED, OBJ_SERVER),
	A_FLAG(agent_connector, pool.scoped, "hubScoped", false),
	A_INT(agent_connector, max_connections, "hubMaxConcurrentConnections", 0, ATTR_MAX_COUNT,
		5),
	A_INT(agent_connector, max_messages_per_connection, "hubMaxMessagesPerConnection", 0,
		ATTR_MAX_COUNT, 20),
	A_INT(agent_connector, pool.max_size, "hubMaxMessageSize", 0, ATTR_MAX_COUNT, 0),
	A_END
};

static const struct server *source_server(const struct ref *r)
{
	return (const void *)r->target;
}

static const char *site_name(const struct server *server)
{
	return server->site.target != NULL ? server->site.target->name : "no site";
}

bool refs_have_role(const struct refs *sources, int role)
{
	size_t i;

	for (i = 0; i < sources->n; i++)
		if (sources->v[i].target != NULL && source_server(&sources->v[i])->role == role)
			return true;
	return false;
}

int refs_check_sources(const struct refs *sources, struct err *e)
{
	const struct server *first = NULL, *server;
	size_t i;

	for (i = 0; i < sources->n; i++) {
		if (sources->v[i].target == NULL)
			continue;
		server = source_server(&sources->v[i]);
		if (first == NULL)
			first = server;
		if (server->role != first->role)
			return err_config(e, "hubSourceServer mixes hubs and edges: %s and %s",
				first->obj.name, server->obj.name);
		if (server->role == ROLE_HUB && server->site.target != first->site.target)
			return err_config(e, "hubSourceServer names hubs of different sites: "
				"%s (%s) and %s (%s)", first->obj.name, site_name(first),
				server->obj.name, site_name(server));
	}
	return 0;
}

static int check_no_inbound(const struct address_spaces *spaces, struct err *e)
{
	size_t i;

	for (i = 0; i < spaces->n; i++)
		if (spaces->v[i].match == SPACE_INBOUND)
			return err_config(e, "hubAddressSpace -- is for Send connectors of edges "
				"only");
	return 0;
}

/* The name becomes a folder under hubDropRoot: it must not lead elsewhere. */
static int foreign_connector_complete(void *obj, struct arena *a, struct err *e)
{
	struct foreign_connector *c = obj;

	(void)a;
	if (c->drop_directory == NULL)
		c->drop_directory = c->pool.obj.name;
	if (strchr(c->drop_directory, '/') != NULL || strcmp(c->drop_directory, ".") == 0 ||
	    strcmp(c->drop_directory, "..") == 0)
		return err_config(e, "hubDropDirectory \"%.100s\" must be a plain name",
			c->drop_directory);
	return 0;
}

static int foreign_connector_check(void *obj, const struct snapshot *s, struct err *e)
{
	const struct foreign_connector *c = obj;

	(void)s;
	if (check_no_inbound(&c->pool.spaces, e) < 0)
		return -1;
	if (refs_have_role(&c->pool.sources, ROLE_EDGE))
		return err_config(e, "hubSourceServer of a foreign connector names an edge: "
			"hubs only");
	return refs_check_sources(&c->pool.sources, e);
}

static int agent_connector_check(void *obj, const struct snapshot *s, struct err *e)
{
	const struct agent_connector *c = obj;

	(void)s;
	if (check_no_inbound(&c->pool.spaces, e) < 0)
		return -1;
	return refs_check_sources(&c->pool.sources, e);
}

const struct obj_class foreign_connector_class = {
	.kind = OBJ_FOREIGN_CONNECTOR,
	.ldap_class = "hubForeignConnector",
	.noun = "foreign-connector",
	.container = "cn=connectors",
	.size = sizeof(struct foreign_connector),
	.attrs = foreign_connector_attrs,
	.complete = foreign_connector_complete,
	.check = foreign_connector_check,
};

const struct obj_class agent_connector_class = {
	.kind = OBJ_AGENT_CONNECTOR,
	.ldap_class = "hubDeliveryAgentConnector",
	.noun = "delivery-agent-connector",
	.container = "cn=connectors",
	.size = sizeof(struct agent_connector),
	.attrs = agent_connector_attrs,
	.check = agent_connector_check,
};
