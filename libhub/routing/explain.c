/* explain.c - a routing decision as a document for people and tests (hub-routing(7) section 10)
 *
 * Runs route_resolve with a recorder from the point of view of one server, then from that of the
 * first server it hands over to, and so on to the end; prints what came out and decides nothing.
 */
#include <string.h>

#include "libhub/routing/trace.h"

struct explain {
	const struct snapshot *s;
	struct recipients *recipients;
	uint64_t size;
	const struct route_excluded *excluded;
};

static const char *const decision_names[] = {
	[ROUTE_CONNECTOR] = "connector",
	[ROUTE_RELAY] = "relay",
	[ROUTE_MAILBOX] = "mailbox",
	[ROUTE_REPORT] = "report",
	[ROUTE_UNREACHABLE] = "unreachable",
};

static void put(json_t *object, const char *key, json_t *value)
{
	BUG_ON(value == NULL || json_object_set_new(object, key, value) != 0);
}

static void append(json_t *array, json_t *value)
{
	BUG_ON(value == NULL || json_array_append_new(array, value) != 0);
}

/* NULL becomes null; what is no UTF-8 keeps its ASCII. */
static json_t *text(const char *s)
{
	json_t *value;
	char *copy, *p;

	if (s == NULL)
		return json_null();
	value = json_string(s);
	if (value != NULL)
		return value;
	copy = xstrdup(s);
	for (p = copy; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	value = json_string(copy);
	free(copy);
	return value;
}

static json_t *pool_names(const struct server_pool *pool)
{
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < pool->n; i++)
		append(names, text(pool->v[i]->obj.name));
	return names;
}

static json_t *fallback_names(const struct route *route)
{
	json_t *pools = json_array();
	size_t i;

	for (i = 0; i < route->fallback_count; i++)
		append(pools, pool_names(&route->fallback[i]));
	return pools;
}

static json_t *path_names(const struct route *route)
{
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < route->path_len; i++)
		append(names, text(route->path[i]->obj.name));
	return names;
}

static void put_tie(const struct site *other, bool by_name, void *ctx)
{
	json_t *tie = json_object();

	put(tie, "instead_of", text(other->obj.name));
	put(tie, "by", text(by_name ? "name" : "hops"));
	append(ctx, tie);
}

/* Each hop of the path: link, cost, limit, and what lost against it at equal cost. */
static json_t *path_hops(const struct routing_table *t, const struct route *route)
{
	json_t *hops = json_array();
	size_t i;

	for (i = 1; i < route->path_len; i++) {
		uint32_t site = route->path[i]->index;
		const struct graph_node *node = &t->graph.v[site];
		json_t *hop = json_object(), *ties = json_array();

		put(hop, "site", text(node->site->obj.name));
		put(hop, "link", text(node->link->obj.name));
		put(hop, "cost", json_integer(graph_link_cost(node->link)));
		put(hop, "max_size", json_integer((json_int_t)node->link->max_size));
		put(hop, "hubs", json_integer((json_int_t)t->sites[site].hubs.n));
		put(hop, "hub_site", json_boolean(node->site->hub_site));
		graph_ties(&t->graph, t->snapshot, site, put_tie, ties);
		put(hop, "ties", ties);
		append(hops, hop);
	}
	return hops;
}

static json_t *queue_object(const struct route *route)
{
	json_t *queue;

	if (route->decision == ROUTE_REPORT)
		return json_null();
	queue = json_object();
	put(queue, "type", text(queue_type_names[route->queue.type]));
	put(queue, "domain", text(route->queue.domain));
	put(queue, "connector", text(route->queue.connector));
	return queue;
}

static json_t *candidate_list(const struct route_trace *trace)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < trace->candidate_count; i++) {
		const struct trace_candidate *c = &trace->candidates[i];
		json_t *row = json_object();

		put(row, "connector", text(c->name));
		put(row, "lost_by", text(c->lost_by));
		put(row, "space", text(c->entry != NULL ? c->entry->space->text : NULL));
		put(row, "cost", c->entry != NULL ? json_integer(c->entry->cost) : json_null());
		append(list, row);
	}
	return list;
}

static void put_route(json_t *o, const struct routing_table *t, const struct route *route,
	const struct route_trace *trace)
{
	put(o, "decision", text(decision_names[route->decision]));
	put(o, "connector", text(route->connector != NULL ? route->connector->obj.name : NULL));
	put(o, "mailbox_server", text(route->mailbox_server != NULL ?
		route->mailbox_server->obj.name : NULL));
	put(o, "cost", route->cost >= 0 ? json_integer(route->cost) : json_null());
	put(o, "path", path_names(route));
	put(o, "hops", path_hops(t, route));
	put(o, "next_site", text(route->next_site != NULL ? route->next_site->obj.name : NULL));
	put(o, "next_servers", pool_names(&route->next));
	put(o, "fallback", fallback_names(route));
	put(o, "bisect", json_boolean(route->bisect));
	put(o, "queue", queue_object(route));
	put(o, "candidates", candidate_list(trace));
	put(o, "status", text(route->status[0] != '\0' ? route->status : NULL));
	put(o, "text", text(route->text[0] != '\0' ? route->text : NULL));
}

/* No route: refused, not loaded, not examined, or a group whose members are routed each. */
static void put_no_route(json_t *o, const struct routing_table *t, const struct resolved *res,
	const struct route_trace *trace)
{
	struct route none = { .decision = ROUTE_REPORT, .cost = -1 };

	put_route(o, t, &none, trace);
	if (res->outcome != RESOLVED_REJECT)
		put(o, "decision", json_null());
	if (res->status[0] != '\0')
		put(o, "status", text(res->status));
	if (res->text[0] != '\0')
		put(o, "text", text(res->text));
}

static void put_members(json_t *o, const struct recipient_info *info)
{
	json_t *members = json_array();
	size_t i;

	for (i = 0; i < info->member_count; i++)
		append(members, text(info->members[i]));
	put(o, "members", members);
	put(o, "text", text("a group: every member is routed by itself"));
}

/*
 * One hop: what server does with address. next and next_address (RECIPIENT_TEXT_MAX + 1 bytes) tell
 * who has it then, NULL at the end.
 */
static json_t *explain_hop(const struct explain *x, const char *server, const char *address,
	const struct server **next, char *next_address, struct err *e)
{
	const struct routing_table *t = routing_table_new(x->s, server, e);
	struct route_trace trace = { 0 };
	struct resolved *res;
	json_t *o;

	*next = NULL;
	if (t == NULL)
		return NULL;
	trace.arena = arena_new();
	res = arena_alloc(trace.arena, sizeof(*res));
	route_resolve(t, x->recipients, address, x->size, x->excluded, trace.arena, &trace, res);
	o = json_object();
	put(o, "server", text(t->self->obj.name));
	put(o, "address", text(address));
	put(o, "size", json_integer((json_int_t)x->size));
	put(o, "envelope", text(res->address));
	put(o, "examined", json_boolean(res->outcome != RESOLVED_DEFER));
	if (res->outcome == RESOLVED_ROUTED)
		put_route(o, t, &res->route, &trace);
	else
		put_no_route(o, t, res, &trace);
	if (res->outcome == RESOLVED_GROUP) {
		put_members(o, &res->info);
		recipient_info_clear(&res->info);
	}
	if (res->outcome == RESOLVED_ROUTED && res->route.next.n != 0)
		*next = res->route.next.v[0];
	memcpy(next_address, res->address, sizeof(res->address));
	put(o, "then", json_null());
	arena_free(&trace.arena);
	routing_table_unref(&t);
	return o;
}

json_t *route_explain(const struct snapshot *s, const char *server, const char *address,
	uint64_t size, const struct route_excluded *excluded, struct recipients *recipients,
	struct err *e)
{
	struct explain x = { .s = s, .recipients = recipients, .size = size,
		.excluded = excluded };
	char at[RECIPIENT_TEXT_MAX + 1], next_address[RECIPIENT_TEXT_MAX + 1];
	const struct server *next, *self;
	json_t *first, *last;
	bool *seen;

	if (address[0] == '\0') {
		err_set(e, ERR_PERM, 0, "no address to explain");
		return NULL;
	}
	first = last = explain_hop(&x, server, address, &next, next_address, e);
	if (first == NULL)
		return NULL;
	seen = xcalloc(s->all[OBJ_SERVER].n, sizeof(*seen));
	self = (const void *)snapshot_find(s, OBJ_SERVER, server);
	seen[self->index] = true;
	while (next != NULL) {
		json_t *then;

		if (seen[next->index]) {
			put(last, "loop", text(next->obj.name));
			break;
		}
		seen[next->index] = true;
		memcpy(at, next_address, sizeof(at));
		then = explain_hop(&x, next->obj.name, at, &next, next_address, e);
		BUG_ON(then == NULL);
		put(last, "then", then);
		last = then;
	}
	free(seen);
	return first;
}
