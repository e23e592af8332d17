/* next_hop.c - see next_hop.h */
#include "libhub/routing/next_hop.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *const queue_type_names[QUEUE_TYPES] = {
	[QUEUE_DNS_CONNECTOR] = "DnsConnectorDelivery",
	[QUEUE_SMART_HOST_CONNECTOR] = "SmartHostConnectorDelivery",
	[QUEUE_FOREIGN_CONNECTOR] = "NonSmtpGatewayDelivery",
	[QUEUE_DELIVERY_AGENT] = "DeliveryAgent",
	[QUEUE_RELAY_WITHIN_SITE] = "SmtpRelayWithinSite",
	[QUEUE_RELAY_TO_SITE] = "SmtpRelayToSite",
	[QUEUE_RELAY_TO_CONNECTOR_SOURCES] = "SmtpRelayToConnectorSources",
	[QUEUE_RELAY_TO_EDGE] = "SmtpRelayToEdge",
	[QUEUE_RELAY_TO_ROUTING_GROUP] = "SmtpRelayToRoutingGroup",
	[QUEUE_MAILBOX] = "MailboxDelivery",
	[QUEUE_UNREACHABLE] = "Unreachable",
};

void route_init(struct route *out)
{
	*out = (struct route){
		.decision = ROUTE_UNREACHABLE,
		.cost = -1,
		.queue = { QUEUE_UNREACHABLE, "", "" },
	};
}

/* A decision without a next hop: forgets any that was being prepared, but not what was chosen. */
static void route_set_none(struct route *out, enum route_decision decision)
{
	out->decision = decision;
	out->next = (struct server_pool){ 0 };
	out->fallback = NULL;
	out->fallback_count = out->ladder_at = 0;
	out->bisect = false;
	out->next_site = NULL;
	out->queue = (struct queue_key){ QUEUE_UNREACHABLE, "", "" };
}

void route_set_report(struct route *out, const char *status, const char *fmt, ...)
{
	va_list ap;

	route_set_none(out, ROUTE_REPORT);
	snprintf(out->status, sizeof(out->status), "%s", status);
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
}

void route_set_unreachable(struct route *out, const char *fmt, ...)
{
	va_list ap;

	route_set_none(out, ROUTE_UNREACHABLE);
	va_start(ap, fmt);
	vsnprintf(out->text, sizeof(out->text), fmt, ap);
	va_end(ap);
}

static void route_relay(struct route *out, const struct server_pool *next, const struct site *site,
	enum queue_type type, const char *domain)
{
	out->decision = ROUTE_RELAY;
	out->next = *next;
	out->next_site = site;
	out->queue = (struct queue_key){ type, domain, "" };
}

void route_relay_to_site(const struct routing_table *t, uint32_t site, struct route *out)
{
	const struct site *target = t->graph.v[site].site;
	const struct site_view *view = &t->sites[site];

	route_relay(out, &view->hubs, target, QUEUE_RELAY_TO_SITE, target->obj.name);
	out->fallback = view->ladder;
	out->fallback_count = view->ladder_n;
	out->ladder_at = 0;
	out->bisect = view->bisect;
}

/*
 * Sets the path to a site, which is reachable, and looks at its limits: one that refuses the
 * message means a report, never a detour (section 3). False then.
 */
static bool path_take(const struct routing_table *t, uint32_t site, uint64_t size, struct arena *a,
	struct route *out)
{
	const struct site_link *refusal = graph_path_refusal(&t->graph, site, size);

	out->path = graph_path(&t->graph, site, a, &out->path_len);
	if (refusal == NULL)
		return true;
	route_set_report(out, "5.3.4", "message of %llu bytes is larger than the limit of %llu of "
		"the site link %s", (unsigned long long)size,
		(unsigned long long)refusal->max_size, refusal->obj.name);
	return false;
}

/* Does the connector send to the hubs behind this edge? Then that is its only smart host. */
static bool sends_inbound(const struct send_connector *sc)
{
	return sc->smart_hosts.n != 0 && sc->smart_hosts.v[0].inbound;
}

static void deliver_here(const struct routing_table *t, const struct space_entry *entry,
	const char *domain, struct arena *a, struct route *out)
{
	const struct choice *c = entry->choice;

	out->decision = ROUTE_CONNECTOR;
	out->path = graph_path(&t->graph, t->site, a, &out->path_len);
	out->queue.connector = c->connector->obj.name;
	if (c->kind == OBJ_ROUTING_GROUP_CONNECTOR) {
		out->queue.type = QUEUE_RELAY_TO_ROUTING_GROUP;
		out->queue.domain = c->smart_hosts;
	} else if (c->kind != OBJ_SEND_CONNECTOR) {
		out->queue.type = c->kind == OBJ_FOREIGN_CONNECTOR ? QUEUE_FOREIGN_CONNECTOR :
			QUEUE_DELIVERY_AGENT;
		out->queue.domain = entry->space->text;
	} else if (c->smart_hosts != NULL) {
		out->queue.type = QUEUE_SMART_HOST_CONNECTOR;
		out->queue.domain = c->smart_hosts;
		if (t->site != GRAPH_NONE && sends_inbound((const void *)c->connector))
			out->next = t->sites[t->site].hubs;
	} else {
		out->queue.type = QUEUE_DNS_CONNECTOR;
		out->queue.domain = arena_strdup(a, domain);
	}
}

/* The source servers are at a remote site (section 6, third and fourth row). */
static void relay_to_sources(const struct routing_table *t, const struct choice *c, uint64_t size,
	struct arena *a, struct route *out)
{
	uint32_t stop = t->sites[c->site].stop;

	if (!path_take(t, c->site, size, a, out))
		return;
	if (stop != GRAPH_NONE && stop != c->site) {
		route_relay_to_site(t, stop, out);
		return;
	}
	if (c->sources->edges) {
		route_relay_to_site(t, c->site, out);
		return;
	}
	route_relay(out, &c->sources->pool, t->graph.v[c->site].site,
		QUEUE_RELAY_TO_CONNECTOR_SOURCES, c->sources->names);
	out->fallback = c->fallback->v;
	out->fallback_count = c->fallback->n;
	out->ladder_at = c->sources->others.n != 0;
	out->bisect = t->sites[c->site].bisect;
}

void next_hop_connector(const struct routing_table *t, const struct space_entry *entry,
	const char *domain, uint64_t size, struct arena *a, struct route *out)
{
	const struct choice *c = entry->choice;

	out->connector = c->connector;
	out->cost = entry->cost;
	switch (c->nearness) {
	case NEAR_SELF:
		deliver_here(t, entry, domain, a, out);
		break;
	case NEAR_SITE:
		out->path = graph_path(&t->graph, t->site, a, &out->path_len);
		route_relay(out, &c->sources->pool, t->graph.v[t->site].site,
			c->sources->edges ? QUEUE_RELAY_TO_EDGE : QUEUE_RELAY_WITHIN_SITE,
			c->sources->names);
		break;
	case NEAR_REMOTE:
		relay_to_sources(t, c, size, a, out);
		break;
	}
}

bool route_to_linked(const struct routing_table *t, const struct send_connector *sc,
	struct arena *a, struct route *out)
{
	size_t i;

	route_init(out);
	for (i = 0; i < t->base->linked_count && t->base->linked[i].to != sc; i++)
		;
	if (i == t->base->linked_count)
		return false;
	out->decision = ROUTE_CONNECTOR;
	out->connector = &sc->pool;
	out->cost = 0;
	out->path = graph_path(&t->graph, t->site, a, &out->path_len);
	out->queue = (struct queue_key){ QUEUE_SMART_HOST_CONNECTOR, t->base->linked[i].smart_hosts,
		sc->pool.obj.name };
	return true;
}

/* Itself, in the list of its site's: who queues mail for it keeps the pool as long as the table. */
static struct server_pool pool_of_one(const struct server_pool *hubs, const struct server *hub)
{
	size_t i;

	for (i = 0; i < hubs->n && hubs->v[i] != hub; i++)
		;
	BUG_ON(i == hubs->n);
	return (struct server_pool){ hubs->v + i, 1 };
}

void route_to_hub(const struct routing_table *t, const struct server *hub, uint64_t size,
	struct arena *a, struct route *out)
{
	uint32_t site = table_server_site(t, hub);

	route_init(out);
	if (site == GRAPH_NONE || !t->graph.v[site].reachable) {
		route_set_unreachable(out, "no path leads to hub %s", hub->obj.name);
	} else if (path_take(t, site, size, a, out)) {
		out->cost = t->graph.v[site].cost;
		if (site == t->site) {
			const struct server_pool pool = pool_of_one(&t->sites[site].hubs, hub);

			route_relay(out, &pool, t->graph.v[site].site, QUEUE_RELAY_WITHIN_SITE,
				hub->obj.name);
		} else {
			route_relay_to_site(t, t->sites[site].stop != GRAPH_NONE ?
				t->sites[site].stop : site, out);
		}
	}
}

void route_mailbox(const struct routing_table *t, const struct mailbox_server *home,
	uint64_t size, struct arena *a, struct route_trace *trace, struct route *out)
{
	const char *name = home->obj.name;
	uint32_t site = graph_site_index(&home->site);

	(void)trace;	/* no connector competes */
	route_init(out);
	out->mailbox_server = home;
	if (!home->obj.enabled) {
		route_set_unreachable(out, "mailbox server %s is disabled", name);
	} else if (site == GRAPH_NONE) {
		route_set_unreachable(out, "the site of mailbox server %s does not exist or is "
			"disabled", name);
	} else if (!t->graph.v[site].reachable) {
		route_set_unreachable(out, "no path leads to site %s of mailbox server %s",
			t->graph.v[site].site->obj.name, name);
	} else if (site != t->site && !t->graph.v[site].site->inbound_mail) {
		route_set_unreachable(out, "site %s of mailbox server %s is drained "
			"(hubInboundMail)", t->graph.v[site].site->obj.name, name);
	} else if (site != t->site && t->sites[site].hubs.n == 0) {
		/* Wherever it went from here, nobody there could hand it to the mailbox server. */
		route_set_unreachable(out, "site %s of mailbox server %s has no enabled hub",
			t->graph.v[site].site->obj.name, name);
	} else if (path_take(t, site, size, a, out)) {
		out->cost = t->graph.v[site].cost;
		if (site == t->site) {
			out->decision = ROUTE_MAILBOX;
			out->queue = (struct queue_key){ QUEUE_MAILBOX, name, "" };
		} else {
			route_relay_to_site(t, t->sites[site].stop != GRAPH_NONE ?
				t->sites[site].stop : site, out);
		}
	}
}
