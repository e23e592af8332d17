/* permission.c - see permission.h */
#include "hubd/receive/permission.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	enum permission_group group;
} principals[PRINCIPALS] = {
	[PRINCIPAL_ANONYMOUS] = { "anonymous", GROUP_ANONYMOUS },
	[PRINCIPAL_USER] = { "user", GROUP_HUB_USERS },
	[PRINCIPAL_HUB] = { "hub", GROUP_HUB_SERVERS },
	[PRINCIPAL_EXTERNAL] = { "external", GROUP_HUB_SERVERS },
	[PRINCIPAL_LEGACY] = { "legacy", GROUP_LEGACY_SERVERS },
	[PRINCIPAL_PARTNER] = { "partner", GROUP_PARTNERS },
};

/* What "Externally Secured Servers" do not get of the rights of hub servers. */
enum {
	HUB_SERVERS_ONLY = 1u << RIGHT_ACCEPT_HEADERS_ORGANIZATION |
		1u << RIGHT_ACCEPT_HEADERS_FOREST,
};

const char *principal_name(enum principal p)
{
	return principals[p].name;
}

static uint32_t granted(const struct grants *list, uint32_t group_bit)
{
	uint32_t rights = 0;
	size_t i;

	for (i = 0; i < list->n; i++)
		if ((list->v[i].groups & group_bit) != 0)
			rights |= list->v[i].rights;
	return rights;
}

uint32_t permission_rights(const struct receive_connector *rc, enum principal p)
{
	uint32_t bit = 1u << principals[p].group, rights = 0;

	if ((rc->groups & bit) != 0)
		rights = permission_group_rights(principals[p].group);
	if (p == PRINCIPAL_EXTERNAL)
		rights &= ~(uint32_t)HUB_SERVERS_ONLY;
	rights |= granted(&rc->grants, bit);
	return rights & ~granted(&rc->denies, bit);
}

const char *permission_text(uint32_t rights, char buf[PERMISSION_TEXT_MAX])
{
	size_t used = 0;
	int i;

	for (i = 0; i < RIGHTS; i++)
		if ((rights >> i & 1) != 0)
			used += (size_t)snprintf(buf + used, PERMISSION_TEXT_MAX - used, "%s%s",
				used != 0 ? " " : "", right_names[i]);
	BUG_ON(used >= PERMISSION_TEXT_MAX);
	if (used == 0)
		snprintf(buf, PERMISSION_TEXT_MAX, "None");
	return buf;
}

static bool is_source(const struct pool_connector *c, const struct server *self)
{
	size_t i;

	for (i = 0; i < c->sources.n; i++)
		if (c->sources.v[i].target == &self->obj)
			return true;
	return false;
}

/* Names would have to be looked up, and whoever answers for them could be anybody. */
static bool is_target(const struct smart_hosts *targets, const char *address)
{
	char text[INET6_ADDRSTRLEN];
	size_t i;

	for (i = 0; i < targets->n; i++) {
		const struct sockaddr_storage *a = &targets->v[i].addr;
		const struct sockaddr_in6 *in6 = (const void *)a;
		const struct sockaddr_in *in = (const void *)a;

		if (targets->v[i].name == NULL &&
			inet_ntop(a->ss_family, a->ss_family == AF_INET ?
				(const void *)&in->sin_addr : (const void *)&in6->sin6_addr, text,
				sizeof(text)) != NULL && strcmp(text, address) == 0)
			return true;
	}
	return false;
}

bool permission_is_legacy(const struct live *live, const char *address)
{
	const struct objects *all = &live->snapshot->all[OBJ_ROUTING_GROUP_CONNECTOR];
	size_t i;

	for (i = 0; i < all->n; i++) {
		const struct routing_group_connector *c = SNAPSHOT_AT(live->snapshot,
			OBJ_ROUTING_GROUP_CONNECTOR, routing_group_connector, i);

		if (c->bidirectional && c->pool.obj.enabled && is_source(&c->pool, live->self) &&
			is_target(&c->targets, address))
			return true;
	}
	return false;
}

/* An edge's own directory has no other's subscriptions: to it the hubs are all there are. */
bool permission_is_member(const struct live *live, const struct server *server)
{
	const struct objects *all = &live->snapshot->all[OBJ_EDGE_SUBSCRIPTION];
	size_t i;

	if (server->role == ROLE_HUB || live->self->role == ROLE_EDGE)
		return true;
	for (i = 0; i < all->n; i++) {
		const struct edge_subscription *sub = SNAPSHOT_AT(live->snapshot,
			OBJ_EDGE_SUBSCRIPTION, edge_subscription, i);

		if (sub->obj.enabled && sub->server.target == &server->obj)
			return true;
	}
	return false;
}
