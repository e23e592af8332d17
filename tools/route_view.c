/* route_view.c - see route_view.h */
#include "tools/route_view.h"

#include <stdio.h>
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
	struct destination one = { DESTINATION_SPACE, space->text, space->type, space->key, NULL };

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
	one.address = arena_printf(ctl->arena, "any@%s", one.text);
	add(d, one);
}

static void add_spaces(struct ctl *ctl, struct destinations *d, const struct snapshot *s)
{
	size_t k, i, j;

	for (k = 0; k < POOL_KINDS; k++)
		for (i = 0; i < s->all[pool_kinds[k]].n; i++) {
			struct address_spaces spaces = pool_connector_spaces(pool_kinds[k],
				(const void *)s->all[pool_kinds[k]].v[i]);

			for (j = 0; j < spaces.n; j++)
				add_space(ctl, d, &spaces.v[j]);
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

/* Is domain text the one named, or below it? */
static bool is_below(const char *text, const char *domain)
{
	size_t n = strlen(text), m = strlen(domain);

	return n >= m && strcmp(text + n - m, domain) == 0 && (n == m || text[n - m - 1] == '.');
}

bool destination_matches(const struct destination *d, const struct address_space *space)
{
	if (d->kind != DESTINATION_SPACE || strcmp(d->type, space->type) != 0)
		return false;
	switch (space->match) {
	case SPACE_EXACT:
		return strcmp(d->text, space->key) == 0;
	case SPACE_SUBTREE:
		return is_below(d->text, space->key);
	case SPACE_PREFIX:
		return strncmp(d->text, space->key, strlen(space->key)) == 0;
	case SPACE_ALL:
	case SPACE_INBOUND:
		return true;
	}
	BUG_ON(true);
	return true;
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

json_t *route_view_json(const struct route_view *view)
{
	const struct route *r = &view->route;
	json_t *path = json_array(), *fallback = json_array(), *out;
	bool queued = r->decision != ROUTE_REPORT && strcmp(view->decision, "none") != 0;
	size_t i;

	for (i = 0; i < r->path_len; i++)
		json_array_append_new(path, json_string(r->path[i]->obj.name));
	for (i = 0; i < r->fallback_count; i++)
		json_array_append_new(fallback, pool_names(&r->fallback[i]));
	out = json_pack("{s:s, s:s?, s:o, s:o, s:s?, s:o, s:o, s:s?, s:s?, s:s?}",
		"decision", view->decision,
		"connector", r->connector != NULL ? r->connector->obj.name : NULL,
		"cost", r->cost >= 0 ? json_integer(r->cost) : json_null(), "path", path,
		"next_site", r->next_site != NULL ? r->next_site->obj.name : NULL,
		"next_servers", pool_names(&r->next), "fallback", fallback,
		"queue_type", queued ? queue_type_names[r->queue.type] : NULL,
		"status", *r->status != '\0' ? r->status : NULL,
		"text", *r->text != '\0' ? r->text : NULL);
	BUG_ON(out == NULL);
	return out;
}

static void set_none(struct route_view *out, const char *decision)
{
	out->decision = decision;
	out->route = (struct route){ .decision = ROUTE_UNREACHABLE, .cost = -1,
		.queue = { QUEUE_UNREACHABLE, "", "" } };
}

/* Mail for a site as such is mail for a mailbox server that might stand there. */
static void view_site(const struct routing_table *t, const char *name, uint64_t size,
	struct arena *a, struct route_view *out)
{
	const struct obj *site = snapshot_find(routing_table_snapshot(t), OBJ_SITE, name);
	struct mailbox_server any = { .obj = { .name = "", .enabled = true } };

	if (site == NULL) {
		set_none(out, "none");
		return;
	}
	any.site = (struct ref){ site->dn, site->ndn, site };
	route_mailbox(t, &any, size, a, NULL, &out->route);
	out->route.mailbox_server = NULL;
	out->decision = decision_names[out->route.decision];
	if (out->route.decision == ROUTE_UNREACHABLE)
		snprintf(out->route.text, sizeof(out->route.text), "no path to site %s, or no "
			"enabled hub there", name);
}

static void view_mailbox_server(const struct routing_table *t, const char *name, uint64_t size,
	struct arena *a, struct route_view *out)
{
	const struct obj *home = snapshot_find(routing_table_snapshot(t), OBJ_MAILBOX_SERVER,
		name);

	if (home == NULL) {
		set_none(out, "none");
		return;
	}
	route_mailbox(t, (const void *)home, size, a, NULL, &out->route);
	out->decision = decision_names[out->route.decision];
}

/* Who is not found in an internal relay domain leaves by connector: that is its second half. */
static void view_directory(const struct routing_table *t, const char *domain, uint64_t size,
	struct arena *a, struct route_view *out)
{
	const struct accepted_domain *accepted =
		snapshot_accepted_domain(routing_table_snapshot(t), domain);

	set_none(out, "directory");
	if (accepted != NULL && accepted->type == ACCEPTED_INTERNAL_RELAY)
		route_external(t, "SMTP", domain, size, NULL, a, NULL, &out->route);
}

static void view_space(const struct routing_table *t, const struct destination *d, uint64_t size,
	struct arena *a, struct route_view *out)
{
	struct resolved *r;

	if (strcmp(d->type, "SMTP") != 0) {
		route_external(t, d->type, d->text, size, NULL, a, NULL, &out->route);
		out->decision = decision_names[out->route.decision];
		return;
	}
	r = arena_alloc(a, sizeof(*r));
	route_resolve(t, NULL, d->address, size, NULL, a,
		NULL, r);
	switch (r->outcome) {
	case RESOLVED_ROUTED:
		out->route = r->route;
		out->decision = decision_names[out->route.decision];
		break;
	case RESOLVED_REJECT:
		set_none(out, decision_names[ROUTE_REPORT]);
		out->route.decision = ROUTE_REPORT;
		memcpy(out->route.status, r->status, sizeof(out->route.status));
		memcpy(out->route.text, r->text, sizeof(out->route.text));
		break;
	default:
		view_directory(t, d->text, size, a, out);
		break;
	}
}

void route_view_get(const struct routing_table *t, const struct destination *d, uint64_t size,
	struct arena *a, struct route_view *out)
{
	if (d->kind == DESTINATION_SITE)
		view_site(t, d->name, size, a, out);
	else if (d->kind == DESTINATION_MAILBOX_SERVER)
		view_mailbox_server(t, d->name, size, a, out);
	else
		view_space(t, d, size, a, out);
}

bool route_view_has(const struct routing_table *t, const struct destination *d)
{
	return routing_table_self(t)->role == ROLE_HUB || d->kind == DESTINATION_SPACE;
}

static bool same_way(const struct route *a, const struct route *b)
{
	size_t i;

	if (a->path_len != b->path_len || a->fallback_count != b->fallback_count)
		return false;
	for (i = 0; i < a->path_len; i++)
		if (!snapshot_same_name(&a->path[i]->obj, &b->path[i]->obj))
			return false;
	for (i = 0; i < a->fallback_count; i++)
		if (!server_pool_same(&a->fallback[i], &b->fallback[i]))
			return false;
	return server_pool_same(&a->next, &b->next);
}

static const struct obj *object_of(const void *with_obj_first)
{
	return with_obj_first;
}

bool route_view_same(const struct route_view *a, const struct route_view *b)
{
	const struct route *x = &a->route, *y = &b->route;

	if (strcmp(a->decision, b->decision) != 0)
		return false;
	/* Whoever is told, or waits, does not see which connector it would have been. */
	if (x->decision == y->decision &&
	    (x->decision == ROUTE_REPORT || x->decision == ROUTE_UNREACHABLE))
		return strcmp(x->status, y->status) == 0;
	return x->decision == y->decision && x->queue.type == y->queue.type &&
		strcmp(x->queue.domain, y->queue.domain) == 0 &&
		snapshot_same_name(object_of(x->connector), object_of(y->connector)) &&
		snapshot_same_name(object_of(x->next_site), object_of(y->next_site)) &&
		same_way(x, y);
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
		return arena_strdup(a, decision);
	text = arena_printf(a, "to %s (%s)", member(a, view, "next_site"),
		member(a, view, "next_servers"));
	if (*connector != '\0')
		text = arena_printf(a, "%s for %s", text, connector);
	return json_array_size(json_object_get(view, "path")) <= 2 ? text :
		arena_printf(a, "%s on %s", text, way(a, view));
}
