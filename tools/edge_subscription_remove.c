/*
 * edge_subscription_remove.c - the end of a subscription, inside and on the edge.
 *
 * Inside, the edge goes out of every list of source servers, and hubRemoved tells edgesyncd to
 * clear the edge and then to delete the subscription; the Edge hubServer goes last. Each step may
 * be repeated: the same command ends what an earlier one has begun.
 */
#include "tools/edge_subscription.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "libhub/base/clock.h"
#include "libhub/org/attr.h"
#include "tools/edge_tree.h"
#include "tools/object.h"
#include "tools/table.h"

enum { TIMEOUT_S = 20, TIMEOUT_MAX_S = 3600, ASK_AGAIN_MS = 200 };

/* --- on the edge --- */

/* One by one: what is gone is not taken back when another cannot go. */
static enum ctl_status write_each(struct org *org, const struct change *list)
{
	struct change one;
	struct err e;

	for (; list != NULL; list = list->next) {
		one = *list;
		one.next = NULL;
		if (change_write(org, &one, &e) != 0)
			return ctl_fail("%s; the same command again goes on from there", e.text);
	}
	return CTL_DONE;
}

static struct change *clearing(const struct org *org, size_t *objects)
{
	struct change_list list = { 0 };

	edge_tree_add_accounts_gone(org, &list);
	edge_tree_add_clearing(org, &list, objects);
	edge_tree_add_markers_gone(org, &list);
	return list.first;
}

enum ctl_status edge_subscription_clear(struct ctl *ctl, struct org *org, size_t *objects)
{
	enum ctl_status status;
	struct err e;

	/* after this nobody but the local administrators writes, and what there is stays */
	status = write_each(org, edge_tree_state(org, false));
	if (status != CTL_DONE)
		return status;
	org_close(org);
	if (org_open(ctl, org, &e) != 0)
		return ctl_fail("%s", e.text);
	status = write_each(org, clearing(org, objects));
	org_close(org);
	if (status == CTL_DONE && org_open(ctl, org, &e) != 0)
		return ctl_fail("%s", e.text);
	return status;
}

static enum ctl_status remove_at_edge(struct ctl *ctl, struct org *org, const char *name)
{
	const struct entry *self;
	struct change *list;
	size_t objects = 0;
	enum ctl_status status;
	struct err e;
	json_t *o;

	self = edge_tree_self(org, name, &e);
	if (self == NULL)
		return ctl_fail("%s", e.text);
	if (!edge_tree_is_subscribed(org) && !edge_tree_has_markers(org))
		return ctl_fail("%s is not subscribed", name);
	if (ctl->what_if) {
		list = edge_tree_state(org, false);
		list->next = clearing(org, &objects);
		return object_apply(org, list);
	}
	status = edge_subscription_clear(ctl, org, &objects);
	if (status != CTL_DONE)
		return status;
	if (ctl->output == CTL_JSON) {
		o = json_pack("{s:o, s:s, s:I}", "name", table_string(name), "state", "removed",
			"objects", (json_int_t)objects);
		table_print_json(o);
		json_decref(o);
	} else {
		printf("%s is not subscribed any more: %zu objects of the organization's removed, "
			"this directory is its own administrators' again\n", name, objects);
	}
	return CTL_DONE;
}

/* --- inside --- */

struct removal {
	struct org *org;
	const char *name;
	const char *subscription;	/* DN, NULL: there is none any more */
	const char *server;		/* DN, or NULL */
	bool begun;			/* hubRemoved is TRUE already */
	json_t *connectors;		/* {"name", "removed"} */
};

static const char *find_cn(const struct org *org, const struct obj_class *class, const char *name)
{
	struct err ignored;

	return object_find(org, class, name, &ignored);
}

static int removal_find(struct removal *r, struct err *e)
{
	const struct entry *entry;
	const char *value;

	r->subscription = find_cn(r->org, &edge_subscription_class, r->name);
	entry = r->subscription != NULL ? org_entry(r->org, r->subscription) : NULL;
	value = entry != NULL ? org_entry_value(entry, "hubRemoved") : NULL;
	r->begun = value != NULL && strcmp(value, "TRUE") == 0;
	if (entry != NULL)
		r->name = org_entry_value(entry, "cn");
	value = entry != NULL ? org_entry_value(entry, "hubServerRef") : NULL;
	if (value != NULL && org_entry(r->org, value) != NULL)
		r->server = org_entry(r->org, value)->dn;
	if (entry == NULL)
		r->server = find_cn(r->org, &server_class, r->name);
	entry = r->server != NULL ? org_entry(r->org, r->server) : NULL;
	value = entry != NULL ? org_entry_value(entry, "hubRole") : NULL;
	if (value == NULL || strcmp(value, "Edge") != 0)
		r->server = NULL;
	if (r->subscription != NULL || r->server != NULL)
		return 0;
	return object_find(r->org, &edge_subscription_class, r->name, e) != NULL ? 0 : -1;
}

/* "NAME address" in hubSourceAddress names a source server. */
static bool is_address_of(struct arena *a, const struct blob *value, const char *server)
{
	struct source_address parsed;
	struct err ignored;

	return value_source_address(a, (const char *)value->data, &parsed, &ignored) == 0 &&
		parsed.server != NULL && name_compare(parsed.server, server) == 0;
}

static void drop_addresses(const struct org *org, struct change *c, const struct entry *connector,
	const char *server)
{
	const struct entry_attr *there = entry_attr(connector, "hubSourceAddress");
	struct change_attr *attr = NULL;
	struct err ignored;
	size_t i, n = 0;

	for (i = 0; there != NULL && i < there->n; i++)
		n += is_address_of(org->ctl->arena, &there->values[i], server);
	if (n == 0)
		return;
	attr = change_attr(org->ctl, c, "hubSourceAddress");
	for (i = 0; i < there->n; i++) {
		if (!is_address_of(org->ctl->arena, &there->values[i], server))
			BUG_ON(change_add_value(org->ctl, attr, there->values[i].data,
				there->values[i].size, &ignored) != 0);
		else if (attr->n_deleted < CHANGE_EDITS_MAX)
			attr->deleted[attr->n_deleted++] = there->values[i];
	}
}

/* The connector without the edge, or its removal if it has no other source; NULL: not named. */
static struct change *without_source(struct removal *r, const struct entry *connector)
{
	const struct entry_attr *sources = entry_attr(connector, "hubSourceServer");
	const struct obj_class *class = org_entry_class(connector);
	struct change *c;
	struct change_attr *attr;
	struct err ignored;
	size_t i;

	if (sources == NULL || class == NULL)
		return NULL;
	c = change_new(r->org->ctl, CHANGE_MODIFY, connector->dn, class, NULL);
	attr = change_attr(r->org->ctl, c, "hubSourceServer");
	for (i = 0; i < sources->n; i++) {
		if (org_same_dn((const char *)sources->values[i].data, r->server))
			attr->deleted[attr->n_deleted++] = sources->values[i];
		else
			BUG_ON(change_add_value(r->org->ctl, attr, sources->values[i].data,
				sources->values[i].size, &ignored) != 0);
	}
	if (attr->n_deleted == 0)
		return NULL;
	json_array_append_new(r->connectors, json_pack("{s:o, s:b}", "name",
		table_string(org_entry_value(connector, "cn")), "removed", attr->n == 0));
	if (attr->n == 0)
		return change_new(r->org->ctl, CHANGE_DELETE, connector->dn, class, NULL);
	drop_addresses(r->org, c, connector, r->name);
	return c;
}

static void add_sources(struct removal *r, struct change_list *list)
{
	struct change *c;
	size_t i;

	for (i = 0; r->server != NULL && i < r->org->n; i++) {
		c = without_source(r, r->org->entries[i]);
		if (c != NULL)
			change_list_add(list, c);
	}
}

static void add_server(struct removal *r, struct change_list *list)
{
	struct change *c, *next;

	if (r->server == NULL)
		return;
	for (c = object_removals(r->org, &server_class, r->server); c != NULL; c = next) {
		next = c->next;
		change_list_add(list, c);
	}
}

/* What is done before the edge is waited for; with now, all. */
static struct change *first_changes(struct removal *r, bool now)
{
	struct change_list list = { 0 };
	struct change *c;

	add_sources(r, &list);
	if (r->subscription != NULL && (now || !r->begun)) {
		c = change_new(r->org->ctl, now ? CHANGE_DELETE : CHANGE_MODIFY, r->subscription,
			&edge_subscription_class, NULL);
		if (!now)
			change_put(r->org->ctl, c, "hubRemoved", "TRUE");
		change_list_add(&list, c);
	}
	if (now || r->subscription == NULL)
		add_server(r, &list);
	return list.first;
}

static void ignore_entry(const struct entry *entry, void *ctx)
{
	(void)entry;
	(void)ctx;
}

/* Until edgesyncd has deleted the subscription. False: it has not yet. */
static bool wait_gone(struct removal *r, uint64_t timeout_s)
{
	const struct timespec pause = { .tv_nsec = ASK_AGAIN_MS * 1000000L };
	uint64_t end = clock_mono_ms() + timeout_s * 1000;
	struct err ignored;
	int code;

	for (;;) {
		if (session_search(r->org->session, r->subscription, LDAP_SCOPE_BASE,
			"(objectClass=*)", ignore_entry, NULL, &code, &ignored) != 0 &&
			code == LDAP_NO_SUCH_OBJECT)
			return true;
		if (clock_mono_ms() >= end)
			return false;
		nanosleep(&pause, NULL);
	}
}

/* asked: the edge, which is clear then if it is removed. */
static void say_state(const struct removal *r, const char *state, bool asked)
{
	bool removed = strcmp(state, "removed") == 0;
	const json_t *row;
	size_t i;
	json_t *o;

	if (r->org->ctl->output == CTL_JSON) {
		o = json_pack("{s:o, s:s, s:O}", "name", table_string(r->name), "state", state,
			"connectors", r->connectors);
		table_print_json(o);
		json_decref(o);
		return;
	}
	json_array_foreach(r->connectors, i, row)
		printf(json_is_true(json_object_get(row, "removed")) ?
			"removed connector \"%s\": the edge was its only source\n" :
			"\"%s\" has the edge as source no more\n",
			table_text(r->org->ctl->arena, json_object_get(row, "name")));
	if (removed && asked)
		printf("%s is removed\n", r->name);
	else if (removed)
		printf("%s is removed here; it was not asked, and keeps what was pushed there "
			"until \"hubctl edge-subscription remove %s\" is done on the edge itself\n",
			r->name, r->name);
	else
		printf("%s is out of use, but not cleared yet: edgesyncd cannot reach it or is not "
			"running.\nIt deletes what was pushed there, and then the subscription, "
			"as soon as it can.\nThe same command again then removes the server; with "
			"--now it does so without the edge.\n", r->name);
}

/* After the subscription: with what has come to name the edge since. */
static enum ctl_status remove_server(struct removal *r)
{
	struct ctl *ctl = r->org->ctl;
	struct change *list;
	struct err e;

	org_close(r->org);
	if (org_open(ctl, r->org, &e) != 0)
		return ctl_fail("%s", e.text);
	r->subscription = NULL;
	if (r->server != NULL && org_entry(r->org, r->server) == NULL)
		r->server = NULL;
	list = first_changes(r, false);
	return list != NULL ? object_apply(r->org, list) : CTL_DONE;
}

static enum ctl_status remove_inside(struct org *org, const char *name, bool now,
	uint64_t timeout_s)
{
	struct removal r = { .org = org, .name = name, .connectors = json_array() };
	struct change *list;
	enum ctl_status status = CTL_DONE;
	bool done = true, asked;
	struct err e;

	if (removal_find(&r, &e) != 0) {
		json_decref(r.connectors);
		return ctl_fail("%s", e.text);
	}
	asked = !now || r.subscription == NULL;
	list = first_changes(&r, now);
	if (list != NULL)
		status = object_apply(org, list);
	if (status == CTL_DONE && !org->ctl->what_if) {
		if (!now && r.subscription != NULL) {
			done = wait_gone(&r, timeout_s);
			status = done ? remove_server(&r) : CTL_DONE;
		}
		if (status == CTL_DONE)
			say_state(&r, done ? "removed" : "removing", asked);
	}
	json_decref(r.connectors);
	return status;
}

enum ctl_status edge_subscription_remove(struct ctl *ctl, const struct args *args)
{
	uint64_t timeout_s = TIMEOUT_S;
	enum ctl_status status;
	struct org org;
	struct err e;

	if (args_number(args, "timeout", 0, TIMEOUT_MAX_S, &timeout_s, &e) != 0)
		return ctl_usage("%s", e.text);
	if (org_open(ctl, &org, &e) != 0)
		status = ctl_fail("%s", e.text);
	else if (edge_tree_is(&org))
		status = remove_at_edge(ctl, &org, args->words[0]);
	else
		status = remove_inside(&org, args->words[0], args_given(args, "now"), timeout_s);
	org_close(&org);
	return status;
}
