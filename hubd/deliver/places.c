/* places.c - see places.h. */
#include "hubd/deliver/places.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "hubd/config/live.h"
#include "libhub/org/connector.h"

enum { SMTP_PORT = 25 };

/* Something that takes turns, and what it is. */
struct contender {
	const void *what;
	uint64_t turn;
	size_t i;
};

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
		p->turn = server != NULL ? server->obj.ndn : NULL;
		set_addr(p, &e->addr, e->port != 0 ? e->port : port);
	}
	if (addresses->n != 0 || fqdn == NULL || (p = add(out)) == NULL)
		return;
	p->name = fqdn;
	p->port = port;
	p->host = true;
	p->server = server;
	p->turn = server != NULL ? server->obj.ndn : NULL;
}

static void add_server(struct places *out, const struct server *s)
{
	add_host(out, s->fqdn, &s->addresses, SMTP_PORT, s);
}

static int contender_order(const void *a, const void *b)
{
	const struct contender *x = a, *y = b;

	if (x->turn != y->turn)
		return x->turn < y->turn ? -1 : 1;
	return (x->i > y->i) - (x->i < y->i);
}

static void add_pool(struct places *out, const struct server_pool *pool, const struct live *live,
	const struct rota *rota)
{
	struct contender *list = xcalloc(pool->n, sizeof(*list));
	size_t n = 0, i;

	for (i = 0; i < pool->n; i++)
		if (pool->v[i] != live->self)
			list[n++] = (struct contender){ pool->v[i],
				rota_turn(rota, pool->v[i]->obj.ndn), i };
	qsort(list, n, sizeof(*list), contender_order);
	for (i = 0; i < n; i++)
		add_server(out, list[i].what);
	free(list);
}

/* "--" on an edge: the hubs of the site that it is subscribed to. */
static void add_inbound(struct places *out, const struct live *live, const struct rota *rota)
{
	struct server_pool hubs = routing_table_hubs(live->table);

	add_pool(out, &hubs, live, rota);
}

/*
 * In turns. is_host: no name has MX records that could lead elsewhere, as the target servers of a
 * routing group.
 */
static void from_smart_hosts(const struct smart_hosts *hosts, uint16_t port, bool is_host,
	const struct live *live, const struct rota *rota, struct places *out)
{
	struct contender *list = xcalloc(hosts->n, sizeof(*list));
	struct place *p;
	size_t i;

	for (i = 0; i < hosts->n; i++)
		list[i] = (struct contender){ &hosts->v[i], rota_turn(rota, hosts->v[i].text), i };
	qsort(list, hosts->n, sizeof(*list), contender_order);
	for (i = 0; i < hosts->n; i++) {
		const struct smart_host *h = list[i].what;

		if (h->inbound) {
			add_inbound(out, live, rota);
			continue;
		}
		if ((p = add(out)) == NULL)
			break;
		p->name = h->name != NULL ? h->name : "";
		p->turn = h->text;
		p->port = h->port != 0 ? h->port : port;
		p->host = is_host && h->name != NULL;
		if (h->name == NULL)
			set_addr(p, &h->addr, p->port);
	}
	free(list);
}

static void from_domain(const struct send_connector *sc, const char *domain, struct places *out)
{
	struct place *p = add(out);

	p->name = domain;
	p->port = (uint16_t)sc->port;
}

void places_of_item(const struct queue_item *item, const struct live *live, const char *domain,
	const struct rota *rota, struct places *out)
{
	const struct send_connector *sc = (const void *)item->connector;
	const struct routing_group_connector *rgc = (const void *)item->connector;
	const struct mailbox_server *m = item->mailbox_server;

	out->n = 0;
	if (item->decision == ROUTE_MAILBOX)
		add_host(out, m->fqdn, &m->addresses, (uint16_t)m->port, NULL);
	else if (item->key.type == QUEUE_RELAY_TO_ROUTING_GROUP)
		from_smart_hosts(&rgc->targets, SMTP_PORT, true, live, rota, out);
	else if (item->key.type == QUEUE_DNS_CONNECTOR)
		from_domain(sc, domain, out);
	else
		from_smart_hosts(&sc->smart_hosts, (uint16_t)sc->port, false, live, rota, out);
}

void places_of_pool(const struct server_pool *pool, const struct live *live,
	const struct rota *rota, struct places *out)
{
	out->n = 0;
	add_pool(out, pool, live, rota);
}
