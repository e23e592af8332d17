/* send_advice.c - see send_advice.h
 *
 * What cannot work as it is written, and is safe: the connector stays in force and its mail waits,
 * where without it another connector would take the mail.
 */
#include "libhub/org/send_advice.h"

const char *send_advice(const struct send_connector *c, struct arena *a)
{
	size_t i;

	if (c->auth == SMART_HOST_AUTH_HUB_SERVER && c->ignore_starttls)
		return arena_printf(a, "%s: hubIgnoreSTARTTLS does not hold: hubSmartHostAuth "
			"HubServer needs TLS", c->pool.obj.dn);
	if (c->auth != SMART_HOST_AUTH_BASIC_TLS || c->tls_domain != NULL)
		return NULL;
	for (i = 0; i < c->smart_hosts.n; i++)
		if (c->smart_hosts.v[i].name == NULL)
			return arena_printf(a, "%s: hubSmartHost \"%s\" has no name, which "
				"hubSmartHostAuth BasicAuthRequireTLS needs for the certificate, "
				"and hubTLSDomain is missing", c->pool.obj.dn,
				c->smart_hosts.v[i].text);
	return NULL;
}

/* Of no site: not by a subscription in force, nor, without any, by its own entry. */
static bool is_nowhere(const struct snapshot *s, const struct server *edge)
{
	const struct edge_subscription *sub;
	bool any = false;
	size_t i;

	for (i = 0; i < s->all[OBJ_EDGE_SUBSCRIPTION].n; i++) {
		sub = SNAPSHOT_AT(s, OBJ_EDGE_SUBSCRIPTION, edge_subscription, i);
		if (sub->server.target != &edge->obj)
			continue;
		if (sub->obj.enabled)
			return false;
		any = true;
	}
	return any || edge->site.target == NULL;
}

static bool has_hubs(const struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->all[OBJ_SERVER].n; i++)
		if (SNAPSHOT_AT(s, OBJ_SERVER, server, i)->role == ROLE_HUB)
			return true;
	return false;
}

const char *send_advice_edges(const struct send_connector *c, const struct snapshot *s,
	struct arena *a)
{
	const struct server *server;
	size_t i;

	for (i = 0; i < c->pool.sources.n; i++) {
		server = (const void *)c->pool.sources.v[i].target;
		/* an edge that stands alone needs none */
		if (server != NULL && server->role == ROLE_EDGE && server->obj.enabled &&
		    is_nowhere(s, server) && has_hubs(s))
			return arena_printf(a, "%s: hubSourceServer names the edge %s, which is "
				"subscribed to no site: no hub hands mail to it", c->pool.obj.dn,
				server->obj.name);
	}
	return NULL;
}
