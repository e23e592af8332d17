/* route_change.c - hubctl route what-if: which decisions a file of changes would alter.
 *
 * The routing tables of every server are built before and after, and asked about every destination
 * of either, at size 0 and just above every size limit there is; between two of these sizes no
 * decision can differ.
 */
#include "tools/route_change.h"

#include <stdlib.h>
#include <string.h>

#include "tools/ldif_change.h"
#include "tools/route_view.h"
#include "tools/table.h"

struct sizes {
	uint64_t *v;
	size_t n, room;
};

struct comparison {
	struct ctl *ctl;
	const struct snapshot *before, *after;
	struct destinations destinations;
	struct sizes sizes;
	json_t *changes, *added, *removed;
};

/* --- sizes --- */

static void sizes_add(struct sizes *s, uint64_t size)
{
	if (s->n == s->room) {
		s->room = s->room != 0 ? 2 * s->room : 64;
		s->v = xreallocarray(s->v, s->room, sizeof(*s->v));
	}
	s->v[s->n++] = size;
}

static void sizes_take(struct sizes *s, const struct snapshot *snapshot)
{
	static const enum obj_kind kinds[] = {
		OBJ_SEND_CONNECTOR, OBJ_FOREIGN_CONNECTOR, OBJ_AGENT_CONNECTOR };
	size_t k, i;

	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (i = 0; i < snapshot->all[kinds[k]].n; i++)
			sizes_add(s, ((const struct pool_connector *)(const void *)
				snapshot->all[kinds[k]].v[i])->max_size);
	for (i = 0; i < snapshot->all[OBJ_SITE_LINK].n; i++)
		sizes_add(s, SNAPSHOT_AT(snapshot, OBJ_SITE_LINK, site_link, i)->max_size);
}

static int size_order(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* From limits, where 0 is none, to the sizes to ask about: 0 and each limit exceeded by one. */
static void sizes_finish(struct sizes *s)
{
	size_t kept = 0, i;

	sizes_add(s, 0);
	qsort(s->v, s->n, sizeof(*s->v), size_order);
	for (i = 0; i < s->n; i++)
		if (i == 0 || s->v[i] != s->v[i - 1])
			s->v[kept++] = s->v[i];
	s->n = kept;
	for (i = 0; i < s->n; i++)
		s->v[i] += s->v[i] != 0;
}

/* --- comparing --- */

static bool same_place(const struct mailbox_server *x, const struct mailbox_server *y)
{
	return x->obj.enabled == y->obj.enabled && x->site.target != NULL &&
		y->site.target != NULL &&
		name_compare(x->site.target->name, y->site.target->name) == 0;
}

/* A mailbox server that stays where it is changes with its site: the site tells. */
static bool is_told_by_site(const struct comparison *c, const struct destination *d)
{
	const struct obj *before, *after;

	if (d->kind != DESTINATION_MAILBOX_SERVER)
		return false;
	before = snapshot_find(c->before, OBJ_MAILBOX_SERVER, d->name);
	after = snapshot_find(c->after, OBJ_MAILBOX_SERVER, d->name);
	return before != NULL && after != NULL &&
		same_place((const void *)before, (const void *)after);
}

static void put_change(struct comparison *c, const char *server, const struct destination *d,
	uint64_t size, const struct route_view *before, const struct route_view *after)
{
	json_array_append_new(c->changes, json_pack("{s:s, s:s, s:s, s:I, s:o, s:o}", "server",
		server, "kind", destination_kind_names[d->kind], "destination", d->name, "size",
		(json_int_t)size, "before", route_view_json(before), "after",
		route_view_json(after)));
}

/* Each pair of decisions once, at the smallest size that has it. */
static void compare_destination(struct comparison *c, const struct routing_table *before,
	const struct routing_table *after, const struct destination *d)
{
	struct arena *a = arena_new();
	struct route_view x, y, last_x, last_y;
	size_t i;

	for (i = 0; i < c->sizes.n; i++) {
		route_view_get(before, d, c->sizes.v[i], a, &x);
		route_view_get(after, d, c->sizes.v[i], a, &y);
		if (i != 0 && route_view_same(&x, &last_x) && route_view_same(&y, &last_y))
			continue;
		if (!route_view_same(&x, &y))
			put_change(c, routing_table_self(after)->obj.name, d, c->sizes.v[i], &x,
				&y);
		last_x = x;
		last_y = y;
	}
	arena_free(&a);
}

static void compare_server(struct comparison *c, const char *name)
{
	const struct routing_table *before, *after;
	struct err e;
	size_t i;

	before = routing_table_new(c->before, name, &e);
	after = routing_table_new(c->after, name, &e);
	BUG_ON(before == NULL || after == NULL);
	for (i = 0; i < c->destinations.n; i++)
		if (route_view_has(before, &c->destinations.v[i]) &&
		    !is_told_by_site(c, &c->destinations.v[i]))
			compare_destination(c, before, after, &c->destinations.v[i]);
	routing_table_unref(&before);
	routing_table_unref(&after);
}

/* --- servers that decide alike --- */

static bool is_source(const struct snapshot *s, const struct obj *server)
{
	static const enum obj_kind kinds[] = {
		OBJ_SEND_CONNECTOR, OBJ_FOREIGN_CONNECTOR, OBJ_AGENT_CONNECTOR };
	size_t k, i, j;

	for (k = 0; k < sizeof(kinds) / sizeof(kinds[0]); k++)
		for (i = 0; i < s->all[kinds[k]].n; i++) {
			const struct pool_connector *c =
				(const void *)s->all[kinds[k]].v[i];

			for (j = 0; j < c->sources.n; j++)
				if (c->sources.v[j].target == server)
					return true;
		}
	return false;
}

/* The site of a hub that delivers with no connector itself, else NULL. */
static const struct obj *plain_site(const struct snapshot *s, const char *name)
{
	const struct server *server = (const void *)snapshot_find(s, OBJ_SERVER, name);

	return server->role == ROLE_HUB && !is_source(s, &server->obj) ? server->site.target :
		NULL;
}

/* What was found of one server, from that row on, for another one. */
static void repeat(json_t *changes, size_t from, size_t to, const char *server)
{
	size_t i;

	for (i = from; i < to; i++) {
		json_t *row = json_copy(json_array_get(changes, i));

		json_object_set_new(row, "server", json_string(server));
		json_array_append_new(changes, row);
	}
}

/* Plain hubs of one site, before and after, decide alike: the first of them stands for all. */
struct plain {
	const struct obj *before, *after;
	size_t from, to;
};

static void compare_or_repeat(struct comparison *c, struct plain *seen, size_t *n, const char *name)
{
	struct plain p = { plain_site(c->before, name), plain_site(c->after, name),
		json_array_size(c->changes), 0 };
	size_t i;

	for (i = 0; p.before != NULL && p.after != NULL && i < *n; i++)
		if (seen[i].before == p.before && seen[i].after == p.after) {
			repeat(c->changes, seen[i].from, seen[i].to, name);
			return;
		}
	compare_server(c, name);
	p.to = json_array_size(c->changes);
	seen[(*n)++] = p;
}

/* --- all --- */

static bool is_server(const struct snapshot *s, const char *name)
{
	const struct obj *o = snapshot_find(s, OBJ_SERVER, name);

	return o != NULL && o->enabled;
}

static void put_names(json_t *list, const struct snapshot *s, const struct snapshot *without)
{
	size_t i;

	for (i = 0; i < s->all[OBJ_SERVER].n; i++) {
		const struct obj *o = s->all[OBJ_SERVER].v[i];

		if (o->enabled && !is_server(without, o->name))
			json_array_append_new(list, json_string(o->name));
	}
}

static void compare_all(struct comparison *c)
{
	const struct objects *servers = &c->before->all[OBJ_SERVER];
	struct plain *seen;
	size_t n = 0, i;

	put_names(c->added, c->after, c->before);
	put_names(c->removed, c->before, c->after);
	if (strcmp(c->before->fingerprint, c->after->fingerprint) == 0)
		return;
	destinations_add(c->ctl, &c->destinations, c->before);
	destinations_add(c->ctl, &c->destinations, c->after);
	destinations_finish(&c->destinations);
	sizes_take(&c->sizes, c->before);
	sizes_take(&c->sizes, c->after);
	sizes_finish(&c->sizes);
	seen = xcalloc(servers->n, sizeof(*seen));
	for (i = 0; i < servers->n; i++)
		if (is_server(c->before, servers->v[i]->name) &&
		    is_server(c->after, servers->v[i]->name))
			compare_or_repeat(c, seen, &n, servers->v[i]->name);
	free(seen);
	destinations_clear(&c->destinations);
	free(c->sizes.v);
}

/* --- showing --- */

static void print_list(const char *what, struct arena *a, const json_t *list)
{
	if (json_array_size(list) != 0)
		printf("%s: %s\n", what, table_text(a, list));
}

static void print_changes(struct arena *a, const json_t *changes)
{
	static const char *const heads[] = {
		"server", "destination", "larger-than", "before", "after", NULL
	};
	struct table *t = table_new(a, heads);
	json_t *row;
	size_t i;

	json_array_foreach(changes, i, row) {
		json_int_t size = json_integer_value(json_object_get(row, "size"));
		const char *kind = json_string_value(json_object_get(row, "kind"));
		const char *name = json_string_value(json_object_get(row, "destination"));
		const char *cells[] = {
			json_string_value(json_object_get(row, "server")),
			strcmp(kind, destination_kind_names[DESTINATION_SPACE]) == 0 ? name :
				arena_printf(a, "%s %s", kind, name),
			size == 0 ? NULL : arena_printf(a, "%lld", (long long)size - 1),
			route_view_text(a, json_object_get(row, "before")),
			route_view_text(a, json_object_get(row, "after")),
		};

		table_row(t, cells);
	}
	table_print(t);
}

static void print_result(struct arena *a, const struct comparison *c,
	const struct ldif_change *change)
{
	json_t *row;
	size_t i;

	json_array_foreach(change->refused, i, row)
		printf("refused: %s: %s\n", json_string_value(json_object_get(row, "dn")),
			json_string_value(json_object_get(row, "reason")));
	json_array_foreach(change->warnings, i, row)
		printf("warning: %s\n", json_string_value(row));
	print_list("servers that come", a, c->added);
	print_list("servers that go", a, c->removed);
	if (json_array_size(c->changes) == 0)
		puts("no decision changes");
	else
		print_changes(a, c->changes);
}

static enum ctl_status show(struct ctl *ctl, const struct org *org,
	const struct ldif_change *change)
{
	struct comparison c = { .ctl = ctl, .before = change->before, .after = org->snapshot,
		.changes = json_array(), .added = json_array(), .removed = json_array() };
	bool refused = json_array_size(change->refused) != 0;
	json_t *out;

	compare_all(&c);
	out = json_pack("{s:b, s:O, s:O, s:o, s:o, s:o}", "refused", refused, "rejected",
		change->refused, "warnings", change->warnings, "servers_added", c.added,
		"servers_removed", c.removed, "changes", c.changes);
	if (ctl->output == CTL_JSON)
		table_print_json(out);
	else
		print_result(ctl->arena, &c, change);
	json_decref(out);
	return refused ? CTL_FAILED : CTL_DONE;
}

enum ctl_status route_what_if_run(struct ctl *ctl, const struct args *args)
{
	struct ldif_change change = { 0 };
	enum ctl_status status;
	struct org org;
	struct err e;

	if (org_open(ctl, &org, &e) != 0 ||
	    ldif_change_apply(&org, args->words[0], &change, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = show(ctl, &org, &change);
	ldif_change_clear(&change);
	org_close(&org);
	return status;
}
