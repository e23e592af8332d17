/* edge_layout.c - see edge_layout.h */
#include "libhub/org/edge_layout.h"

#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"

/* What an edge may know of a hub. */
static const char *const hub_attrs[] = {
	"hubRole", "hubServerSite", "hubFQDN", "hubAddress", "hubCertificate", "hubKeyDigest",
	"hubEnabled", NULL
};

/* Of the containers only what stands below them is the organization's. */
static const char *const containers[] = {
	"cn=connectors", "cn=accepted domains", "cn=remote domains", "cn=sites", "cn=site links",
	"cn=routing groups", "cn=servers", "cn=edge subscriptions", NULL
};

static bool is_below(const char *rdn, const char *container)
{
	size_t n = strlen(rdn), k = strlen(container);

	return n > k && rdn[n - k - 1] == ',' && strcmp(rdn + n - k, container) == 0;
}

/* An edge's own entry, or anything below a server. */
static bool is_own_server(const char *rdn, const struct entry *e)
{
	static const char servers[] = "cn=servers";
	const char *role = entry_text(e, "hubRole");
	size_t n = strlen(rdn);

	if (!is_below(rdn, servers))
		return false;
	/* a comma in a name is written as an escape */
	return memchr(rdn, ',', n - sizeof(servers)) != NULL ||
		(role != NULL && strcasecmp(role, "Edge") == 0);
}

enum edge_part edge_layout_part(const char *rdn, const struct entry *e)
{
	size_t i;

	if (*rdn == '\0')
		return EDGE_PART_CONFIGURATION;
	if (is_below(rdn, EDGE_RECIPIENTS_RDN))
		return EDGE_PART_BUCKET;
	if (is_below(rdn, EDGE_PUSH_RDN))
		return EDGE_PART_MARKER;
	if (is_below(rdn, EDGE_ACCOUNTS_RDN))
		return EDGE_PART_ACCOUNT;
	if (strcmp(rdn, EDGE_STATE_RDN) == 0)
		return EDGE_PART_STATE;
	if (is_own_server(rdn, e))
		return EDGE_PART_LOCAL;
	for (i = 0; containers[i] != NULL; i++)
		if (is_below(rdn, containers[i]))
			return EDGE_PART_CONFIGURATION;
	return EDGE_PART_LOCAL;
}

const struct obj_class *edge_layout_class(const struct entry *e)
{
	const struct entry_attr *classes = entry_attr(e, "objectClass");
	const struct obj_class *class = NULL;
	size_t i;

	for (i = 0; classes != NULL && class == NULL && i < classes->n; i++)
		class = obj_class_by_ldap((const char *)classes->values[i].data);
	return class;
}

static bool is_in(const char *const *list, const char *name)
{
	for (; *list != NULL; list++)
		if (strcasecmp(*list, name) == 0)
			return true;
	return false;
}

bool edge_layout_is_pushed(const struct obj_class *class, const char *attr)
{
	const struct attr_def *def;

	if (strcasecmp(attr, "cn") == 0 || strcasecmp(attr, "objectClass") == 0)
		return class != &organization_class;
	if (class == NULL)
		return false;
	if (class == &server_class)
		return is_in(hub_attrs, attr);
	def = obj_class_attr(class, attr);
	return def != NULL && (def->flags & ATTR_HUB_ONLY) == 0;
}
