/* route_map.c - see route_map.h
 *
 * The snapshot becomes one document, which is also what -o json prints; text, DOT and SVG are made
 * of that.
 */
#include "tools/route_map.h"

#include <stdio.h>
#include <string.h>

#include "libhub/routing/route.h"
#include "tools/org.h"
#include "tools/route_map_svg.h"
#include "tools/table.h"

static bool names(const struct ref *r, const struct obj *o)
{
	return r->target == o;
}

/* The site an edge is reached from: of its subscription, else its own. */
static const struct obj *edge_site(const struct snapshot *s, const struct server *edge)
{
	size_t i;

	for (i = 0; i < s->all[OBJ_EDGE_SUBSCRIPTION].n; i++) {
		const struct edge_subscription *sub =
			SNAPSHOT_AT(s, OBJ_EDGE_SUBSCRIPTION, edge_subscription, i);

		if (sub->obj.enabled && names(&sub->server, &edge->obj))
			return sub->site.target;
	}
	return edge->site.target;
}

static const struct obj *server_site(const struct snapshot *s, const struct server *server)
{
	return server->role == ROLE_EDGE ? edge_site(s, server) : server->site.target;
}

static json_t *servers_of(const struct snapshot *s, const struct obj *site, int role)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < s->all[OBJ_SERVER].n; i++) {
		const struct server *server = SNAPSHOT_AT(s, OBJ_SERVER, server, i);

		if (server->role == role && server->obj.enabled && server_site(s, server) == site)
			json_array_append_new(list, json_string(server->obj.name));
	}
	return list;
}

static json_t *mailbox_servers_of(const struct snapshot *s, const struct obj *site)
{
	json_t *list = json_array();
	size_t i;

	for (i = 0; i < s->all[OBJ_MAILBOX_SERVER].n; i++) {
		const struct mailbox_server *m =
			SNAPSHOT_AT(s, OBJ_MAILBOX_SERVER, mailbox_server, i);

		if (m->obj.enabled && names(&m->site, site))
			json_array_append_new(list, json_string(m->obj.name));
	}
	return list;
}

static bool has_source_at(const struct snapshot *s, const struct pool_connector *c,
	const struct obj *site)
{
	size_t i;

	for (i = 0; i < c->sources.n; i++) {
		const struct server *server = (const void *)c->sources.v[i].target;

		if (server != NULL && server->obj.enabled && server_site(s, server) == site)
			return true;
	}
	return false;
}

/* The routing group of other systems that a connector leads to, or NULL. */
static const char *target_group(const struct pool_connector *c)
{
	const struct routing_group_connector *rgc = (const void *)c;

	if (c->obj.class->kind != OBJ_ROUTING_GROUP_CONNECTOR || rgc->target_group.target == NULL)
		return NULL;
	return rgc->target_group.target->name;
}

static json_t *connector_json(const struct pool_connector *c)
{
	struct address_spaces reached = pool_connector_spaces(c->obj.class->kind, c);
	json_t *spaces = json_array();
	size_t i;

	for (i = 0; i < reached.n; i++) {
		const struct address_space *space = &reached.v[i];

		json_array_append_new(spaces, strcmp(space->type, "SMTP") == 0 ?
			json_string(space->text) :
			json_sprintf("%s:%s", space->type, space->text));
	}
	return json_pack("{s:s, s:o, s:s?}", "connector", c->obj.name, "address_spaces", spaces,
		"routing_group", target_group(c));
}

static json_t *connectors_of(const struct snapshot *s, const struct obj *site)
{
	json_t *list = json_array();
	size_t k, i;

	for (k = 0; k < POOL_KINDS; k++)
		for (i = 0; i < s->all[pool_kinds[k]].n; i++) {
			const struct pool_connector *c =
				(const void *)s->all[pool_kinds[k]].v[i];

			if (c->obj.enabled && has_source_at(s, c, site))
				json_array_append_new(list, connector_json(c));
		}
	return list;
}

static json_t *site_json(const struct snapshot *s, const struct site *site)
{
	return json_pack("{s:s, s:b, s:b, s:o, s:o, s:o, s:o}", "site", site->obj.name, "enabled",
		site->obj.enabled, "hub_site", site->hub_site,
		"hubs", servers_of(s, &site->obj, ROLE_HUB),
		"edges", servers_of(s, &site->obj, ROLE_EDGE),
		"mailbox_servers", mailbox_servers_of(s, &site->obj),
		"connectors", connectors_of(s, &site->obj));
}

static bool is_repeated(const struct refs *refs, size_t i)
{
	size_t j;

	for (j = 0; j < i; j++)
		if (refs->v[j].target == refs->v[i].target)
			return true;
	return false;
}

static json_t *link_json(const struct site_link *link)
{
	json_t *sites = json_array();
	uint64_t cost = link->transport_cost_given ? link->transport_cost : link->cost;
	size_t i;

	for (i = 0; i < link->sites.n; i++)
		if (link->sites.v[i].target != NULL && !is_repeated(&link->sites, i))
			json_array_append_new(sites,
				json_string(link->sites.v[i].target->name));
	return json_pack("{s:s, s:b, s:o, s:I, s:I}", "link", link->obj.name, "enabled",
		link->obj.enabled, "sites", sites, "cost", (json_int_t)cost, "max_size",
		(json_int_t)link->max_size);
}

static json_t *map_json(const struct snapshot *s)
{
	json_t *sites = json_array(), *links = json_array();
	size_t i;

	for (i = 0; i < s->all[OBJ_SITE].n; i++)
		json_array_append_new(sites, site_json(s, SNAPSHOT_AT(s, OBJ_SITE, site, i)));
	for (i = 0; i < s->all[OBJ_SITE_LINK].n; i++)
		json_array_append_new(links, link_json(SNAPSHOT_AT(s, OBJ_SITE_LINK, site_link,
			i)));
	return json_pack("{s:o, s:o}", "sites", sites, "links", links);
}

/* --- text --- */

static const char *text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static void print_member(struct arena *a, const json_t *site, const char *name, const char *head)
{
	const json_t *list = json_object_get(site, name);

	if (json_array_size(list) != 0)
		printf("  %-12s%s\n", head, table_text(a, list));
}

static bool has_name(const json_t *list, const char *name)
{
	json_t *one;
	size_t i;

	json_array_foreach(list, i, one)
		if (strcmp(json_string_value(one), name) == 0)
			return true;
	return false;
}

static const char *link_note(struct arena *a, const json_t *link)
{
	json_int_t limit = json_integer_value(json_object_get(link, "max_size"));

	return arena_printf(a, "cost %lld%s%s",
		(long long)json_integer_value(json_object_get(link, "cost")), limit == 0 ? "" :
		arena_printf(a, ", at most %lld bytes", (long long)limit),
		json_is_true(json_object_get(link, "enabled")) ? "" : ", disabled");
}

/* Every link of the site with the sites at its other ends. */
static void print_links(struct arena *a, const json_t *map, const char *site)
{
	json_t *link, *other;
	size_t i, j;

	json_array_foreach(json_object_get(map, "links"), i, link) {
		const json_t *sites = json_object_get(link, "sites");
		const char *ends = "";

		if (!has_name(sites, site))
			continue;
		json_array_foreach(sites, j, other)
			if (strcmp(json_string_value(other), site) != 0)
				ends = arena_printf(a, "%s%s%s", ends, *ends != '\0' ? ", " : "",
					json_string_value(other));
		printf("  %-12s%s (%s, %s)\n", "to", ends, text_of(link, "link"),
			link_note(a, link));
	}
}

const char *route_map_reach(struct arena *a, const json_t *connector)
{
	const char *group = json_string_value(json_object_get(connector, "routing_group"));
	const char *spaces = table_text(a, json_object_get(connector, "address_spaces"));

	if (spaces == NULL || *spaces == '\0')
		spaces = "no address space";
	return group != NULL ? arena_printf(a, "routing group %s, %s", group, spaces) : spaces;
}

static void print_text(struct arena *a, const json_t *map)
{
	json_t *site, *row;
	size_t i, j;

	json_array_foreach(json_object_get(map, "sites"), i, site) {
		printf("%s%s%s\n", text_of(site, "site"),
			json_is_true(json_object_get(site, "hub_site")) ? " (hub site)" : "",
			json_is_true(json_object_get(site, "enabled")) ? "" : " (disabled)");
		print_member(a, site, "hubs", "hubs");
		print_member(a, site, "edges", "edges");
		print_member(a, site, "mailbox_servers", "mailboxes");
		json_array_foreach(json_object_get(site, "connectors"), j, row)
			printf("  %-12s%s (%s)\n", "connector", text_of(row, "connector"),
				route_map_reach(a, row));
		print_links(a, map, text_of(site, "site"));
	}
}

/* --- DOT --- */

static void put_quoted(const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '"' || *text == '\\')
			putchar('\\');
		putchar(*text);
	}
}

static void dot_site(struct arena *a, const json_t *site)
{
	bool hub_site = json_is_true(json_object_get(site, "hub_site"));
	json_t *row;
	size_t i;

	printf("\t\"");
	put_quoted(text_of(site, "site"));
	printf("\" [label=\"");
	put_quoted(text_of(site, "site"));
	if (json_array_size(json_object_get(site, "hubs")) != 0)
		printf("\\n%s", table_text(a, json_object_get(site, "hubs")));
	if (json_array_size(json_object_get(site, "edges")) != 0)
		printf("\\nedge %s", table_text(a, json_object_get(site, "edges")));
	json_array_foreach(json_object_get(site, "connectors"), i, row) {
		fputs("\\n", stdout);
		put_quoted(arena_printf(a, "%s: %s", text_of(row, "connector"),
			route_map_reach(a, row)));
	}
	printf("\"%s%s];\n", hub_site ? ", penwidth=3" : "",
		json_is_true(json_object_get(site, "enabled")) ? "" : ", style=dashed");
}

static void dot_link(struct arena *a, const json_t *link)
{
	const json_t *sites = json_object_get(link, "sites");
	json_t *site;
	size_t i;

	if (json_array_size(sites) == 2) {
		printf("\t\"");
		put_quoted(json_string_value(json_array_get(sites, 0)));
		printf("\" -- \"");
		put_quoted(json_string_value(json_array_get(sites, 1)));
		printf("\" [label=\"%s\"];\n", link_note(a, link));
		return;
	}
	printf("\t\"link ");
	put_quoted(text_of(link, "link"));
	printf("\" [shape=plaintext, label=\"%s\"];\n", link_note(a, link));
	json_array_foreach(sites, i, site) {
		printf("\t\"link ");
		put_quoted(text_of(link, "link"));
		printf("\" -- \"");
		put_quoted(json_string_value(site));
		puts("\";");
	}
}

static void print_dot(struct arena *a, const json_t *map)
{
	json_t *o;
	size_t i;

	puts("graph sites {\n\tnode [shape=box, fontname=\"sans-serif\"];");
	json_array_foreach(json_object_get(map, "sites"), i, o)
		dot_site(a, o);
	json_array_foreach(json_object_get(map, "links"), i, o)
		dot_link(a, o);
	puts("}");
}

enum ctl_status route_map_run(struct ctl *ctl, const struct args *args)
{
	const char *format = args_value(args, "format");
	enum ctl_status status = CTL_DONE;
	struct org org;
	struct err e;
	json_t *map;

	if (format == NULL)
		format = "text";
	if (strcmp(format, "text") != 0 && strcmp(format, "dot") != 0 && strcmp(format, "svg") != 0)
		return ctl_usage("--format %s: the formats are text, dot and svg", format);
	if (org_open(ctl, &org, &e) != 0) {
		org_close(&org);
		return ctl_fail("%s", e.text);
	}
	map = map_json(org.snapshot);
	if (ctl->output == CTL_JSON)
		table_print_json(map);
	else if (strcmp(format, "svg") == 0)
		route_map_svg(stdout, ctl->arena, map);
	else if (strcmp(format, "dot") == 0)
		print_dot(ctl->arena, map);
	else
		print_text(ctl->arena, map);
	json_decref(map);
	org_close(&org);
	return status;
}
