/* route_table.c - see route_table.h */
#include "tools/route_table.h"

#include <string.h>

#include "tools/org.h"
#include "tools/route_view.h"
#include "tools/table.h"

/* Connectors that match as specifically as the one chosen, by the trace of explain. */
static json_t *other_connectors(const struct org *org, const char *server,
	const struct destination *d)
{
	static const char *const close[] = { "cost", "proximity", "name", "size", "failed" };
	struct arena *a = arena_new();
	const char *address = strcmp(d->type, "SMTP") == 0 ?
		arena_printf(a, "any@%s", d->text) : arena_printf(a, "%s:%s", d->type, d->text);
	struct err e;
	json_t *o = route_explain(org->snapshot, server, address, 0, NULL, NULL, &e), *row;
	json_t *names = json_array();
	size_t i, j;

	json_array_foreach(json_object_get(o, "candidates"), i, row) {
		const char *lost = json_string_value(json_object_get(row, "lost_by"));

		for (j = 0; lost != NULL && j < sizeof(close) / sizeof(close[0]); j++)
			if (strcmp(lost, close[j]) == 0)
				json_array_append(names, json_object_get(row, "connector"));
	}
	json_decref(o);
	arena_free(&a);
	return names;
}

static json_t *rows(const struct org *org, const struct routing_table *t,
	const struct destinations *all, enum destination_kind kind, const char *key)
{
	struct arena *a = org->ctl->arena;
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < all->n; i++) {
		const struct destination *d = &all->v[i];
		struct route_view found;
		json_t *view;

		if (d->kind != kind || !route_view_has(t, d))
			continue;
		route_view_get(t, d, 0, a, &found);
		view = route_view_json(&found);
		json_object_set_new(view, key, json_string(d->name));
		if (kind == DESTINATION_SPACE)
			json_object_set_new(view, "others", other_connectors(org,
				routing_table_self(t)->obj.name, d));
		json_array_append_new(list, view);
	}
	return list;
}

static void print_rows(struct arena *a, const json_t *list, const char *key)
{
	const char *heads[] = { key, "cost", "what", "others", NULL };
	struct table *t;
	json_t *view;
	size_t i;

	if (json_array_size(list) == 0)
		return;
	/* only address spaces have others */
	if (json_object_get(json_array_get(list, 0), "others") == NULL)
		heads[3] = NULL;
	t = table_new(a, heads);
	json_array_foreach(list, i, view) {
		const char *cells[] = {
			table_text(a, json_object_get(view, key)),
			table_text(a, json_object_get(view, "cost")),
			route_view_text(a, view),
			table_text(a, json_object_get(view, "others")),
		};

		table_row(t, cells);
	}
	table_print(t);
}

static void show(const struct org *org, const struct routing_table *t)
{
	struct arena *a = org->ctl->arena;
	const struct server *self = routing_table_self(t);
	struct destinations all = { 0 };
	json_t *out;

	destinations_add(org->ctl, &all, org->snapshot);
	destinations_finish(&all);
	out = json_pack("{s:s, s:s?, s:o, s:o, s:o}", "server", self->obj.name, "site",
		self->site.target != NULL ? self->site.target->name : NULL,
		"sites", rows(org, t, &all, DESTINATION_SITE, "site"),
		"mailbox_servers", rows(org, t, &all, DESTINATION_MAILBOX_SERVER,
		"mailbox_server"),
		"address_spaces", rows(org, t, &all, DESTINATION_SPACE, "address_space"));
	if (org->ctl->output == CTL_JSON) {
		table_print_json(out);
	} else {
		print_rows(a, json_object_get(out, "sites"), "site");
		print_rows(a, json_object_get(out, "mailbox_servers"), "mailbox_server");
		print_rows(a, json_object_get(out, "address_spaces"), "address_space");
	}
	json_decref(out);
	destinations_clear(&all);
}

enum ctl_status route_table_run(struct ctl *ctl, const struct args *args)
{
	const struct routing_table *t = NULL;
	enum ctl_status status = CTL_DONE;
	const char *server;
	struct org org;
	struct err e;

	(void)args;
	if (org_open(ctl, &org, &e) != 0) {
		status = ctl_fail("%s", e.text);
	} else if ((server = org_point_of_view(&org, NULL)) == NULL) {
		status = ctl_usage("of which server? --server NAME");
	} else {
		t = routing_table_new(org.snapshot, server, &e);
		if (t == NULL)
			status = ctl_fail("%s", e.text);
		else
			show(&org, t);
	}
	routing_table_unref(&t);
	org_close(&org);
	return status;
}
