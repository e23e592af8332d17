/* route_view.c - see route_view.h */
#include "tools/route_view.h"

#include <stdlib.h>
#include <string.h>

#include "tools/table.h"

const char *const destination_kind_names[] = { "site", "mailbox server", "address space" };

/*
 * Part of no valid domain, and of no text of another type: what it is put before or behind is
 * matched by * and prefixes only.
 */
static const char no_label[] = "-", no_text[] = "\x01";

/* --- destinations --- */

static void add(struct destinations *d, struct destination one)
{
	if (d->n == d->room) {
		d->room = d->room != 0 ? 2 * d->room : 64;
		d->v = xreallocarray((void *)(uintptr_t)d->v, d->room, sizeof(*d->v));
	}
	((struct destination *)(uintptr_t)d->v)[d->n++] = one;
}

static void add_space(struct ctl *ctl, struct destinations *d, const struct address_space *space)
{
	bool smtp = strcmp(space->type, "SMTP") == 0;
	struct destination one = { DESTINATION_SPACE, space->text, space->type, space->key };

	switch (space->match) {
	case SPACE_ALL:
		one.text = smtp ? no_label : no_text;
		break;
	case SPACE_SUBTREE:
		one.text = arena_printf(ctl->arena, "%s.%s", no_label, space->key);
		break;
	case SPACE_PREFIX:
		one.text = arena_printf(ctl->arena, "%s%s", space->key, no_text);
		break;
	case SPACE_EXACT:
		break;
	case SPACE_INBOUND:
		/* what it carries are the accepted domains, each of them a destination */
		return;
	}
	one.name = smtp ? arena_strdup(ctl->arena, space->text) :
		arena_printf(ctl->arena, "%s:%s", space->type, space->text);
	one.type = arena_strdup(ctl->arena, space->type);
	one.text = arena_strdup(ctl->arena, one.text);
	add(d, one);
}

static void add_spaces(struct ctl *ctl, struct destinations *d, const struct snapshot *s)
{
	static const enum obj_kind kinds[] = {
		OBJ_SEND_CONNECTOR, OBJ_FOREIGN_CONNECTOR, OBJ_AGENT_CONNECTOR };
	size_t k, i, j;

	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (i = 0; i < s->all[kinds[k]].n; i++) {
			const struct pool_connector *c =
				(const void *)s->all[kinds[k]].v[i];

			for (j = 0; j < c->spaces.n; j++)
				add_space(ctl, d, &c->spaces.v[j]);
		}
	for (i = 0; i < s->all[OBJ_ACCEPTED_DOMAIN].n; i++) {
		const struct accepted_domain *a =
			SNAPSHOT_AT(s, OBJ_ACCEPTED_DOMAIN, accepted_domain, i);
		struct address_space space = { .type = "SMTP", .text = a->domain_text,
			.key = a->domain, .match = a->subtree ? SPACE_SUBTREE : SPACE_EXACT };

		add_space(ctl, d, &space);
	}
}

void destinations_add(struct ctl *ctl, struct destinations *d, const struct snapshot *s)
{
	size_t i;

	for (i = 0; i < s->all[OBJ_SITE].n; i++)
		add(d, (struct destination){ .kind = DESTINATION_SITE,
			.name = arena_strdup(ctl->arena, s->all[OBJ_SITE].v[i]->name) });
	for (i = 0; i < s->all[OBJ_MAILBOX_SERVER].n; i++)
		add(d, (struct destination){ .kind = DESTINATION_MAILBOX_SERVER,
			.name = arena_strdup(ctl->arena, s->all[OBJ_MAILBOX_SERVER].v[i]->name) });
	add_spaces(ctl, d, s);
}

static int destination_order(const void *x, const void *y)
{
	const struct destination *a = x, *b = y;
	int c;

	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	c = name_compare(a->name, b->name);
	return c != 0 || a->text == NULL ? c : strcmp(a->text, b->text);
}

void destinations_finish(struct destinations *d)
{
	struct destination *v = (void *)(uintptr_t)d->v;
	size_t kept = 0, i;

	if (d->n != 0)
		qsort(v, d->n, sizeof(*v), destination_order);
	for (i = 0; i < d->n; i++)
		if (kept == 0 || destination_order(&v[i], &v[kept - 1]) != 0)
			v[kept++] = v[i];
	d->n = kept;
}

void destinations_clear(struct destinations *d)
{
	free((void *)(uintptr_t)d->v);
	*d = (struct destinations){ 0 };
}

/* --- decisions --- */

static const char *const decision_names[] = {
	[ROUTE_CONNECTOR] = "connector",
	[ROUTE_RELAY] = "relay",
	[ROUTE_MAILBOX] = "mailbox",
	[ROUTE_REPORT] = "report",
	[ROUTE_UNREACHABLE] = "unreachable",
};

static json_t *pool_names(const struct server_pool *pool)
{
	json_t *names = json_array();
	size_t i;

	for (i = 0; i < pool->n; i++)
		json_array_append_new(names, json_string(pool->v[i]->obj.name));
	return names;
}

static json_t *view_of_route(const struct route *r)
{
	json_t *path = json_array(), *fallback = json_array();
	size_t i;

	for (i = 0; i < r->path_len; i++)
		json_array_append_new(path, json_string(r->path[i]->obj.name));
	for (i = 0; i < r->fallback_count; i++)
		json_array_append_new(fallback, pool_names(&r->fallback[i]));
	return json_pack("{s:s, s:s?, s:o, s:o, s:s?, s:o, s:o, s:s?, s:s?, s:s?}",
		"decision", decision_names[r->decision],
		"connector", r->connector != NULL ? r->connector->obj.name : NULL,
		"cost", r->cost >= 0 ? json_integer(r->cost) : json_null(), "path", path,
		"next_site", r->next_site != NULL ? r->next_site->obj.name : NULL,
		"next_servers", pool_names(&r->next), "fallback", fallback,
		"queue_type", r->decision == ROUTE_REPORT ? NULL : queue_type_names[r->queue.type],
		"status", *r->status != '\0' ? r->status : NULL,
		"text", *r->text != '\0' ? r->text : NULL);
}

static json_t *view_of(const char *decision, const char *status, const char *text)
{
	return json_pack("{s:s, s:n, s:n, s:[], s:n, s:[], s:[], s:n, s:s?, s:s?}", "decision",
		decision, "connector", "cost", "path", "next_site", "next_servers", "fallback",
		"queue_type", "status", status, "text", text);
}

/* Mail for a site as such is mail for a mailbox server that might stand there. */
static json_t *view_site(const struct routing_table *t, const char *name, uint64_t size,
	struct arena *a)
{
	const struct obj *site = snapshot_find(routing_table_snapshot(t), OBJ_SITE, name);
	struct mailbox_server any = { .obj = { .name = "", .enabled = true } };
	struct route route;

	if (site == NULL)
		return view_of("none", NULL, "no such site");
	any.site = (struct ref){ site->dn, site->ndn, site };
	route_mailbox(t, &any, size, a, NULL, &route);
	if (route.decision == ROUTE_MAILBOX)
		return view_of("mailbox", NULL, NULL);
	if (route.decision == ROUTE_UNREACHABLE)
		return view_of("unreachable", NULL, "no path, or no enabled hub there");
	return view_of_route(&route);
}

static json_t *view_mailbox_server(const struct routing_table *t, const char *name, uint64_t size,
	struct arena *a)
{
	const struct obj *home = snapshot_find(routing_table_snapshot(t), OBJ_MAILBOX_SERVER,
		name);
	struct route route;

	if (home == NULL)
		return view_of("none", NULL, "no such mailbox server");
	route_mailbox(t, (const void *)home, size, a, NULL, &route);
	return view_of_route(&route);
}

/* Who is not found in an internal relay domain leaves by connector: that is its second half. */
static json_t *view_directory(const struct routing_table *t, const char *domain, uint64_t size,
	struct arena *a)
{
	const struct accepted_domain *accepted =
		snapshot_accepted_domain(routing_table_snapshot(t), domain);
	struct route route;
	json_t *view;

	if (accepted == NULL || accepted->type != ACCEPTED_INTERNAL_RELAY)
		return view_of("directory", NULL, NULL);
	route_external(t, "SMTP", domain, size, a, NULL, &route);
	view = view_of_route(&route);
	json_object_set_new(view, "text", json_sprintf("who is not in the directory: %s",
		decision_names[route.decision]));
	json_object_set_new(view, "decision", json_string("directory"));
	return view;
}

static json_t *view_space(const struct routing_table *t, const struct destination *d, uint64_t size,
	struct arena *a)
{
	struct resolved *r;

	if (strcmp(d->type, "SMTP") != 0) {
		struct route route;

		route_external(t, d->type, d->text, size, a, NULL, &route);
		return view_of_route(&route);
	}
	r = arena_alloc(a, sizeof(*r));
	route_resolve(t, NULL, arena_printf(a, "any@%s", d->text), size, a, NULL, r);
	switch (r->outcome) {
	case RESOLVED_ROUTED:
		return view_of_route(&r->route);
	case RESOLVED_REJECT:
		return view_of("report", r->status, r->text);
	default:
		return view_directory(t, d->text, size, a);
	}
}

json_t *route_view(const struct routing_table *t, const struct destination *d, uint64_t size)
{
	struct arena *a = arena_new();
	json_t *view;

	if (d->kind == DESTINATION_SITE)
		view = view_site(t, d->name, size, a);
	else if (d->kind == DESTINATION_MAILBOX_SERVER)
		view = view_mailbox_server(t, d->name, size, a);
	else
		view = view_space(t, d, size, a);
	BUG_ON(view == NULL);
	arena_free(&a);
	return view;
}

bool route_view_has(const struct routing_table *t, const struct destination *d)
{
	return routing_table_self(t)->role == ROLE_HUB || d->kind == DESTINATION_SPACE;
}

bool route_view_same(const json_t *a, const json_t *b)
{
	static const char *const members[] = {
		"connector", "path", "next_site", "next_servers", "fallback",
		"queue_type", "status"
	};
	const char *decision = json_string_value(json_object_get(a, "decision"));
	size_t i, n = sizeof(members) / sizeof(members[0]);

	if (!json_equal(json_object_get(a, "decision"), json_object_get(b, "decision")))
		return false;
	/* Whoever is told, or waits, does not see which connector it would have been. */
	if (strcmp(decision, "report") == 0 || strcmp(decision, "unreachable") == 0)
		return json_equal(json_object_get(a, "status"), json_object_get(b, "status"));
	for (i = 0; i < n; i++)
		if (!json_equal(json_object_get(a, members[i]), json_object_get(b, members[i])))
			return false;
	return true;
}

static const char *member(struct arena *a, const json_t *view, const char *name)
{
	const char *text = table_text(a, json_object_get(view, name));

	return text != NULL ? text : "";
}

/* "Edinburgh > London": the way from here. */
static const char *way(struct arena *a, const json_t *view)
{
	const json_t *path = json_object_get(view, "path");
	const char *text = "";
	json_t *site;
	size_t i;

	json_array_foreach(path, i, site)
		text = arena_printf(a, "%s%s%s", text, i == 0 ? "" : " > ",
			json_string_value(site));
	return text;
}

const char *route_view_text(struct arena *a, const json_t *view)
{
	const char *decision = member(a, view, "decision"), *connector = member(a, view,
		"connector"), *text;

	if (strcmp(decision, "connector") == 0)
		return arena_printf(a, "delivers by %s", connector);
	if (strcmp(decision, "mailbox") == 0)
		return "delivers to the mailbox server";
	if (strcmp(decision, "report") == 0)
		return arena_printf(a, "report %s", member(a, view, "status"));
	if (strcmp(decision, "directory") == 0)
		return *connector == '\0' ? "resolves in the directory" :
			arena_printf(a, "resolves in the directory, else by %s", connector);
	if (strcmp(decision, "relay") != 0)
		return decision;
	text = arena_printf(a, "to %s (%s)", member(a, view, "next_site"),
		member(a, view, "next_servers"));
	if (*connector != '\0')
		text = arena_printf(a, "%s for %s", text, connector);
	return json_array_size(json_object_get(view, "path")) <= 2 ? text :
		arena_printf(a, "%s on %s", text, way(a, view));
}
