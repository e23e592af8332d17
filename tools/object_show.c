/* object_show.c - see object_show.h */
#include "tools/object_show.h"

#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/print.h"
#include "tools/ldif_out.h"
#include "tools/table.h"

/* Columns after name and state. */
struct columns {
	const char *shown[5];	/* ends with NULL */
	const char *wide[8];	/* added by -o wide */
};

static const struct columns columns[OBJ_KINDS] = {
	[OBJ_SEND_CONNECTOR] = { { "address-space", "smart-host", "source-server" },
		{ "usage", "port", "scoped", "max-message-size", "require-tls",
			"smart-host-auth" } },
	[OBJ_RECEIVE_CONNECTOR] = { { "server", "binding", "remote-ip-range", "permission-group" },
		{ "usage", "auth-mechanism", "max-message-size", "max-recipients" } },
	[OBJ_FOREIGN_CONNECTOR] = { { "address-space", "source-server" },
		{ "drop-directory", "scoped", "max-message-size" } },
	[OBJ_AGENT_CONNECTOR] = { { "address-space", "delivery-protocol", "source-server" },
		{ "scoped", "max-concurrent-connections" } },
	[OBJ_ROUTING_GROUP_CONNECTOR] = { { "cost", "source-server", "target-routing-group" },
		{ "target-server", "bidirectional", "max-message-size" } },
	[OBJ_ROUTING_GROUP] = { { "address-space" }, { NULL } },
	[OBJ_SITE] = { { "hub-site", "inbound-mail", "subnet" }, { NULL } },
	[OBJ_SITE_LINK] = { { "cost", "transport-cost", "site-list" }, { "max-message-size" } },
	[OBJ_SERVER] = { { "role", "server-site", "fqdn", "address" },
		{ "admin-address", "key-digest", "external-dns-server" } },
	[OBJ_MAILBOX_SERVER] = { { "server-site", "fqdn", "address", "delivery-protocol" },
		{ "port", "require-tls" } },
	[OBJ_ACCEPTED_DOMAIN] = { { "domain", "domain-type" }, { "recipient-validation" } },
	[OBJ_REMOTE_DOMAIN] = { { "domain", "delivery-reports", "ndr" }, { "trusted-mail" } },
	[OBJ_ORGANIZATION] = { { "postmaster", "max-receive-size", "max-send-size" }, { NULL } },
	[OBJ_EDGE_SUBSCRIPTION] = { { "server-ref", "server-site" }, { "directory-port" } },
};

/* --- one object --- */

static void put_raw(json_t *out, const struct attr_def *def, const struct entry_attr *attr)
{
	char option[OPTION_NAME_MAX];
	json_t *list;
	size_t i;

	if ((def->flags & ATTR_SECRET) != 0 || def->kind == ATTR_BLOBS)
		return;
	list = json_array();
	for (i = 0; i < attr->n; i++)
		json_array_append_new(list, table_string((const char *)attr->values[i].data));
	option_name(def->name, option);
	json_object_set_new(out, option, list);
}

/* As it is written, since it does not follow the rules by which it would be printed. */
static json_t *raw_json(const struct entry *entry, const struct obj_class *class,
	const char *reason)
{
	const char *cn = org_entry_value(entry, "cn");
	json_t *out = json_pack("{s:o, s:o, s:o}", "name", table_string(cn != NULL ? cn : ""), "dn",
		table_string(entry->dn), "invalid", table_string(reason));
	const struct attr_def *def;
	size_t i;

	for (i = 0; i < entry->n; i++) {
		def = obj_class_attr(class, entry->attrs[i].name);
		if (def != NULL)
			put_raw(out, def, &entry->attrs[i]);
	}
	return out;
}

/* Name in the first RDN of a DN that the table itself wrote or that names an object. */
static const char *rdn_name(const struct org *org, const char *dn)
{
	LDAPDN parsed = NULL;
	const char *name = dn;

	if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS && parsed != NULL &&
		parsed[0] != NULL)
		name = arena_strndup(org->ctl->arena, parsed[0][0]->la_value.bv_val,
			parsed[0][0]->la_value.bv_len);
	ldap_dnfree(parsed);
	return name;
}

static const char *after_first_rdn(const char *dn)
{
	const char *comma = strchr(dn, ',');

	while (comma != NULL && comma > dn && comma[-1] == '\\')
		comma = strchr(comma + 1, ',');
	return comma != NULL ? comma + 1 : "";
}

static json_t *with_server(const struct org *org, const struct obj_class *class, const char *dn,
	json_t *o)
{
	if (class->kind == OBJ_RECEIVE_CONNECTOR)
		json_object_set_new(o, "server", table_string(rdn_name(org, after_first_rdn(dn))));
	return o;
}

static json_t *rejected_json(const struct org *org, const struct obj_class *class, const char *dn)
{
	const struct entry *entry = org_entry(org, dn);
	const char *reason = org_rejection(org->snapshot, dn);

	if (entry == NULL)
		return NULL;
	return with_server(org, class, dn,
		raw_json(entry, class, reason != NULL ? reason : "not in force"));
}

json_t *object_show_json(const struct org *org, const struct obj_class *class, const char *dn)
{
	const struct obj *o = org_object(org->snapshot, class->kind, dn);

	return o != NULL ? with_server(org, class, dn, object_to_json(o)) :
		rejected_json(org, class, dn);
}

void object_show_one(const struct org *org, const struct obj_class *class, const char *dn)
{
	json_t *o = object_show_json(org, class, dn);

	if (org->ctl->output == CTL_JSON)
		table_print_json(o);
	else if (org->ctl->output == CTL_LDIF)
		ldif_out_entry(stdout, org_entry(org, dn));
	else
		table_print_members(org->ctl->arena, o);
	json_decref(o);
}

/* --- lists --- */

static const char *state_of(const json_t *o)
{
	if (json_object_get(o, "invalid") != NULL)
		return "invalid";
	return json_is_false(json_object_get(o, "enabled")) ? "disabled" : "enabled";
}

/* References are long; a name says enough in a table. */
static const char *cell(const struct org *org, const struct obj_class *class, const char *head,
	const json_t *o)
{
	const struct attr_def *def = obj_class_option(class, head);
	const json_t *value = json_object_get(o, head);
	json_t *one, *names;
	const char *text;
	size_t i;

	if (def == NULL || (def->kind != ATTR_REF && def->kind != ATTR_REFS))
		return table_text(org->ctl->arena, value);
	if (json_is_string(value))
		return rdn_name(org, json_string_value(value));
	names = json_array();
	json_array_foreach(value, i, one)
		json_array_append_new(names, json_string(rdn_name(org, json_string_value(one))));
	text = table_text(org->ctl->arena, names);
	if (text != NULL)
		text = arena_strdup(org->ctl->arena, text);
	json_decref(names);
	return text;
}

static void print_table(const struct org *org, const struct obj_class *class, const json_t *list)
{
	const struct columns *c = &columns[class->kind];
	const char *heads[16] = { "name", "state" }, *cells[16];
	struct table *t;
	size_t n = 2, i, j;
	json_t *o;

	for (i = 0; i < 5 && c->shown[i] != NULL; i++)
		heads[n++] = c->shown[i];
	for (i = 0; org->ctl->output == CTL_WIDE && i < 8 && c->wide[i] != NULL; i++)
		heads[n++] = c->wide[i];
	t = table_new(org->ctl->arena, heads);
	json_array_foreach(list, i, o) {
		cells[0] = json_string_value(json_object_get(o, "name"));
		cells[1] = state_of(o);
		for (j = 2; j < n; j++)
			cells[j] = cell(org, class, heads[j], o);
		table_row(t, cells);
	}
	table_print(t);
}

static bool is_wanted(const json_t *o, const char *server)
{
	const char *of = json_string_value(json_object_get(o, "server"));

	return server == NULL || of == NULL || name_compare(of, server) == 0;
}

static void add(json_t *list, json_t *o, const char *server)
{
	if (o != NULL && is_wanted(o, server))
		json_array_append(list, o);
	json_decref(o);
}

void object_show_list(const struct org *org, const struct obj_class *class, const char *server)
{
	const struct snapshot *s = org->snapshot;
	json_t *list = json_array(), *o;
	size_t i;

	for (i = 0; i < s->all[class->kind].n; i++)
		add(list, with_server(org, class, s->all[class->kind].v[i]->dn,
			object_to_json(s->all[class->kind].v[i])), server);
	for (i = 0; i < s->rejection_count; i++)
		if (strcasecmp(s->rejections[i].object_class, class->ldap_class) == 0)
			add(list, rejected_json(org, class, s->rejections[i].dn), server);
	if (org->ctl->output == CTL_JSON) {
		table_print_json(list);
	} else if (org->ctl->output == CTL_LDIF) {
		json_array_foreach(list, i, o)
			ldif_out_entry(stdout, org_entry(org,
				json_string_value(json_object_get(o, "dn"))));
	} else {
		print_table(org, class, list);
	}
	json_decref(list);
}
