/* permission.c - see permission.h */
#include "hubd/receive/permission.h"

static const struct {
	const char *name;
	enum permission_group group;
} principals[PRINCIPALS] = {
	[PRINCIPAL_ANONYMOUS] = { "anonymous", GROUP_ANONYMOUS },
	[PRINCIPAL_USER] = { "user", GROUP_HUB_USERS },
	[PRINCIPAL_HUB] = { "hub", GROUP_HUB_SERVERS },
	[PRINCIPAL_EXTERNAL] = { "external", GROUP_HUB_SERVERS },
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
