/* places.c - see places.h. */
#include "hubd/deliver/places.h"

#include <netinet/in.h>
#include <string.h>

#include "hubd/config/live.h"
#include "libhub/org/connector.h"

enum { SMTP_PORT = 25 };

static struct place *add(struct places *out)
{
	struct place *p;

	if (out->n == PLACES_MAX)
		return NULL;
	p = &out->v[out->n++];
	memset(p, 0, sizeof(*p));
	return p;
}

static void set_addr(struct place *p, const struct sockaddr_storage *addr, uint16_t port)
{
	p->literal = true;
	p->addr.storage = *addr;
	p->port = port;
	if (addr->ss_family == AF_INET6)
		((struct sockaddr_in6 *)(void *)&p->addr)->sin6_port = htons(port);
	else
		((struct sockaddr_in *)(void *)&p->addr)->sin_port = htons(port);
}

/* A host of ours: its addresses, else its name. */
static void add_host(struct places *out, const char *fqdn, const struct endpoints *addresses,
	uint16_t port, const struct server *server)
{
	struct place *p;
	size_t i;

	for (i = 0; i < addresses->n; i++) {
		const struct endpoint *e = &addresses->v[i];

		if ((p = add(out)) == NULL)
			return;
		p->name = fqdn != NULL ? fqdn : "";
		p->server = server;
		set_addr(p, &e->addr, e->port != 0 ? e->port : port);
	}
	if (addresses->n != 0 || fqdn == NULL || (p = add(out)) == NULL)
		return;
	p->name = fqdn;
	p->port = port;
	p->host = true;
	p->server = server;
}

static void add_server(struct places *out, const struct server *s)
{
	add_host(out, s->fqdn, &s->addresses, SMTP_PORT, s);
}

static void from_pools(const struct queue_item *item, const struct live *live, uint64_t serial,
	struct places *out)
{
	size_t i, j;

	for (i = 0; i < item->pool_count; i++) {
		const struct server_pool *p = &item->pools[i];

		for (j = 0; j < p->n; j++) {
			const struct server *s = p->v[(serial + j) % p->n];

			if (s != live->self)
				add_server(out, s);
		}
	}
}

/* "--" on an edge: the hubs of the site that it is subscribed to. */
static void add_inbound(struct places *out, const struct live *live, uint64_t serial)
{
	const struct objects *all = &live->snapshot->all[OBJ_SERVER];
	size_t i;

	for (i = 0; i < all->n; i++) {
		const struct server *s = SNAPSHOT_AT(live->snapshot, OBJ_SERVER, server,
			(serial + i) % all->n);

		if (s->role == ROLE_HUB && s->obj.enabled && s->site.target != NULL &&
			s->site.target == live->self->site.target)
			add_server(out, s);
	}
}

/* A name or an address from the configuration of a connector. NULL: no room. */
static struct place *add_smart_host(struct places *out, const struct smart_host *h, uint16_t port)
{
	struct place *p = add(out);

	if (p == NULL)
		return NULL;
	p->name = h->name != NULL ? h->name : "";
	p->port = h->port != 0 ? h->port : port;
	if (h->name == NULL)
		set_addr(p, &h->addr, p->port);
	return p;
}

/* Target servers are hosts: their names have no MX records that could lead elsewhere. */
static void from_targets(const struct routing_group_connector *rgc, uint64_t serial,
	struct places *out)
{
	struct place *p;
	size_t i;

	for (i = 0; i < rgc->targets.n; i++) {
		p = add_smart_host(out, &rgc->targets.v[(serial + i) % rgc->targets.n], SMTP_PORT);
		if (p == NULL)
			return;
		p->host = !p->literal;
	}
}

static void from_smart_hosts(const struct send_connector *sc, const struct live *live,
	uint64_t serial, struct places *out)
{
	size_t i;

	for (i = 0; i < sc->smart_hosts.n; i++) {
		const struct smart_host *h = &sc->smart_hosts.v[(serial + i) % sc->smart_hosts.n];

		if (h->inbound)
			add_inbound(out, live, serial);
		else if (add_smart_host(out, h, (uint16_t)sc->port) == NULL)
			return;
	}
}

static void from_domain(const struct send_connector *sc, const char *domain, struct places *out)
{
	struct place *p = add(out);

	p->name = domain;
	p->port = (uint16_t)sc->port;
}

void places_make(const struct queue_item *item, const struct live *live, const char *domain,
	uint64_t serial, struct places *out)
{
	const struct send_connector *sc = (const void *)item->connector;
	const struct mailbox_server *m = item->mailbox_server;

	out->n = 0;
	if (item->decision == ROUTE_RELAY)
		from_pools(item, live, serial, out);
	else if (item->decision == ROUTE_MAILBOX)
		add_host(out, m->fqdn, &m->addresses, (uint16_t)m->port, NULL);
	else if (item->key.type == QUEUE_RELAY_TO_ROUTING_GROUP)
		from_targets((const void *)item->connector, serial, out);
	else if (item->key.type == QUEUE_DNS_CONNECTOR)
		from_domain(sc, domain, out);
	else
		from_smart_hosts(sc, live, serial, out);
}
