/*
 * edge_subscription_import.c - inside: takes a subscription file into the organization.
 *
 * The subscription is the last entry that is written, with everything that edgesyncd needs, so that
 * it is there as a whole or not at all; an import that was interrupted before is repeated, and what
 * it left is used. What is refused, subscription_file_check() says.
 */
#include "tools/edge_subscription.h"

#include <stdio.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/edge/credential.h"
#include "libhub/edge/subscription_file.h"
#include "libhub/org/attr.h"
#include "tools/edge_tree.h"
#include "tools/object.h"
#include "tools/server.h"
#include "tools/table.h"

enum { NAME_CHARACTERS_MAX = 64 };

struct import {
	struct org *org;
	const struct args *args;
	struct subscription_file *file;
	const char *site_dn, *site_name;
	const char *server_dn, *subscription_dn;
	const struct entry *server, *subscription;	/* as they are now, or NULL */
	struct change_list list;
	json_t *connectors;		/* {"name", "state"} */
	json_t *hubs;			/* {"name", "sealed"} */
};

static struct arena *arena_of(const struct import *m)
{
	return m->org->ctl->arena;
}

/* --- the edge as a server --- */

static int put_blobs(struct import *m, struct change *c, const char *name,
	const struct blobs *blobs, struct err *e)
{
	struct change_attr *attr;
	size_t i;

	if (blobs->n == 0 && c->kind == CHANGE_ADD)
		return 0;
	attr = change_attr(m->org->ctl, c, name);
	for (i = 0; i < blobs->n; i++)
		if (change_add_value(m->org->ctl, attr, blobs->v[i].data, blobs->v[i].size, e) != 0)
			return -1;
	return 0;
}

static void put_texts(struct import *m, struct change *c, const char *name,
	const struct strings *texts)
{
	size_t i;

	for (i = 0; i < texts->n; i++)
		change_put(m->org->ctl, c, name, texts->v[i]);
	if (texts->n == 0 && c->kind == CHANGE_MODIFY)
		change_attr(m->org->ctl, c, name);
}

/* Made, or brought up to what the file says. */
static int add_server(struct import *m, struct err *e)
{
	const struct subscription_file *file = m->file;
	const struct entry *old = m->server;
	struct change *c;

	c = old != NULL ?
		change_new(m->org->ctl, CHANGE_MODIFY, old->dn, &server_class, NULL) :
		change_new(m->org->ctl, CHANGE_ADD, m->server_dn, &server_class, file->edge);
	if (old == NULL)
		change_put(m->org->ctl, c, "hubRole", "Edge");
	change_put(m->org->ctl, c, "hubFQDN", file->fqdn);
	put_texts(m, c, "hubAddress", &file->addresses);
	if (put_blobs(m, c, "hubCertificate", &file->certificates, e) != 0)
		return -1;
	put_texts(m, c, "hubKeyDigest", &file->key_digests);
	change_list_add(&m->list, c);
	return 0;
}

/* --- connectors --- */

struct preset {
	const char *name, *value;
};

static const struct preset to_internet[] = {
	{ "hubUsage", "Internet" }, { "hubAddressSpace", "SMTP:*;100" },
	{ "hubDNSRouting", "TRUE" }, { "hubDomainSecure", "TRUE" }, { NULL, NULL }
};

static const struct preset inbound[] = {
	{ "hubUsage", "Internal" }, { "hubAddressSpace", "SMTP:--;1" }, { "hubSmartHost", "--" },
	{ "hubDNSRouting", "FALSE" }, { "hubSmartHostAuth", "HubServer" }, { NULL, NULL }
};

static void note_connector(struct import *m, const char *name, const char *state)
{
	json_array_append_new(m->connectors, json_pack("{s:o, s:s}", "name", table_string(name),
		"state", state));
}

static bool has_source(const struct entry *connector, const char *server)
{
	const struct entry_attr *sources = entry_attr(connector, "hubSourceServer");
	size_t i;

	for (i = 0; sources != NULL && i < sources->n; i++)
		if (org_same_dn((const char *)sources->values[i].data, server))
			return true;
	return false;
}

/* Another edge's: this one comes to its sources. */
static int join_connector(struct import *m, const struct entry *connector, const char *name,
	struct err *e)
{
	struct change *c = change_new(m->org->ctl, CHANGE_MODIFY, connector->dn,
		&send_connector_class, NULL);
	const struct entry_attr *sources = entry_attr(connector, "hubSourceServer");
	struct change_attr *attr = change_attr(m->org->ctl, c, "hubSourceServer");
	size_t i;

	if (has_source(connector, m->server_dn)) {
		note_connector(m, name, "kept");
		return 0;
	}
	for (i = 0; sources != NULL && i < sources->n; i++)
		if (change_add_value(m->org->ctl, attr, sources->values[i].data,
			sources->values[i].size, e) != 0)
			return -1;
	change_put(m->org->ctl, c, "hubSourceServer", m->server_dn);
	attr->added[attr->n_added++] = attr->values[attr->n - 1];
	note_connector(m, name, "joined");
	change_list_add(&m->list, c);
	return 0;
}

static int add_connector(struct import *m, const char *prefix, const struct preset *p,
	struct err *e)
{
	const char *name, *dn;
	const struct entry *there;
	struct change *c;
	struct err why;

	name = arena_printf(arena_of(m), "%s%s%s", prefix, m->site_name,
		p == to_internet ? " to Internet" : "");
	if (object_check_name(name, &why) != 0)
		return err_set(e, ERR_CONFIG, 0, "the connector \"%s\" cannot be made: its name "
			"has more than %d characters; import without it and make one by hand",
			name, NAME_CHARACTERS_MAX);
	dn = object_dn(m->org, &send_connector_class, name, NULL);
	there = org_entry(m->org, dn);
	if (there != NULL)
		return join_connector(m, there, name, e);
	c = change_new(m->org->ctl, CHANGE_ADD, dn, &send_connector_class, name);
	for (; p->name != NULL; p++)
		change_put(m->org->ctl, c, p->name, p->value);
	change_put(m->org->ctl, c, "hubSourceServer", m->server_dn);
	note_connector(m, name, "created");
	change_list_add(&m->list, c);
	return 0;
}

static int add_connectors(struct import *m, struct err *e)
{
	if (!args_given(m->args, "no-internet-connector") &&
		add_connector(m, "EdgeSync - ", to_internet, e) != 0)
		return -1;
	if (!args_given(m->args, "no-inbound-connector") &&
		add_connector(m, "EdgeSync - Inbound to ", inbound, e) != 0)
		return -1;
	return 0;
}

/* --- the subscription --- */

static int seal(struct import *m, const struct server *hub, struct change_attr *attr,
	struct err *e)
{
	struct credential c = {
		.kind = CREDENTIAL_BOOTSTRAP, .from_s = m->file->from_s, .to_s = m->file->to_s
	};
	struct blob sealed;
	int rc;

	snprintf(c.account, sizeof(c.account), "%s", m->file->account);
	snprintf(c.password, sizeof(c.password), "%s", m->file->password);
	snprintf(c.hub, sizeof(c.hub), "%s", hub->obj.name);
	rc = credential_seal(&c, hub->certificates.v, hub->certificates.n, &sealed, e);
	credential_wipe(&c);
	if (rc != 0)
		return -1;
	rc = change_add_value(m->org->ctl, attr, sealed.data, sealed.size, e);
	free((void *)(uintptr_t)sealed.data);
	return rc;
}

/* The reason why not, or NULL. Another hub can let it in later. */
static const char *seal_to(struct import *m, const struct server *hub, struct change_attr *attr)
{
	struct err e;

	if (hub->certificates.n == 0)
		return "it has no hubCertificate";
	return seal(m, hub, attr, &e) == 0 ? NULL : arena_strdup(arena_of(m), e.text);
}

static int seal_to_hubs(struct import *m, struct change *c, struct err *e)
{
	const struct objects *servers = &m->org->snapshot->all[OBJ_SERVER];
	struct change_attr *attr = change_attr(m->org->ctl, c, "hubCredential");
	const char *why, *last = NULL;
	size_t i;

	for (i = 0; i < servers->n; i++) {
		const struct server *hub = SNAPSHOT_AT(m->org->snapshot, OBJ_SERVER, server, i);

		if (hub->role != ROLE_HUB || !hub->obj.enabled || hub->site.target == NULL ||
			!org_same_dn(hub->site.target->dn, m->site_dn))
			continue;
		why = seal_to(m, hub, attr);
		last = why != NULL ? why : last;
		json_array_append_new(m->hubs, json_pack("{s:o, s:b, s:o}", "name",
			table_string(hub->obj.name), "sealed", why == NULL, "reason",
			table_string(why)));
	}
	if (json_array_size(m->hubs) == 0)
		return err_set(e, ERR_CONFIG, 0, "site %s has no enabled hub that could reach the "
			"edge", m->site_name);
	if (attr->n == 0)
		return err_set(e, ERR_CONFIG, 0, "the password can be sealed to no hub of site %s: "
			"%s (hubctl server set HUB --certificate FILE)", m->site_name, last);
	return 0;
}

static int add_subscription(struct import *m, struct err *e)
{
	const struct subscription_file *file = m->file;
	struct ctl *ctl = m->org->ctl;
	bool there = m->subscription != NULL;
	char serial[SUBSCRIPTION_FILE_SERIAL];
	struct change *c;

	c = change_new(ctl, there ? CHANGE_MODIFY : CHANGE_ADD, m->subscription_dn,
		&edge_subscription_class, file->edge);
	change_put(ctl, c, "hubServerRef", m->server_dn);
	change_put(ctl, c, "hubServerSite", m->site_dn);
	change_put(ctl, c, "hubSyncSite", m->site_dn);
	change_put(ctl, c, "hubDirectoryPort", arena_printf(arena_of(m), "%u",
		(unsigned int)file->port));
	subscription_file_serial(file, serial);
	change_put(ctl, c, "hubSubscriptionSerial", serial);
	if (put_blobs(m, c, "hubDirectoryCertificate", &file->directory_certificates, e) != 0)
		return -1;
	change_list_add(&m->list, c);
	return seal_to_hubs(m, c, e);
}

/* --- the command --- */

static void say_done(const struct import *m)
{
	struct arena *a = arena_of(m);
	const json_t *row;
	size_t i;
	json_t *o;

	json_array_foreach(m->hubs, i, row)
		if (!json_is_true(json_object_get(row, "sealed")))
			ctl_warn("warning: hub %s cannot reach the edge before another hub of the "
				"site lets it in: %s",
				table_text(a, json_object_get(row, "name")),
				table_text(a, json_object_get(row, "reason")));
	if (m->org->ctl->output == CTL_JSON) {
		o = json_pack("{s:o, s:o, s:o, s:O, s:O}", "name", table_string(m->file->edge),
			"site", table_string(m->site_name), "subscription",
			table_string(m->subscription_dn), "connectors", m->connectors,
			"hubs", m->hubs);
		table_print_json(o);
		json_decref(o);
		return;
	}
	printf("%s is subscribed to site %s\n", m->file->edge, m->site_name);
	json_array_foreach(m->connectors, i, row)
		printf("%s send connector \"%s\"\n",
			table_text(a, json_object_get(row, "state")),
			table_text(a, json_object_get(row, "name")));
	printf("Is it in step? hubctl edge-sync test %s, on a hub of %s where edgesyncd runs\n",
		m->file->edge, m->site_name);
}

/* Connectors come with the first import only: later they are the administrators'. */
static int collect(struct import *m, struct err *e)
{
	if (add_server(m, e) != 0)
		return -1;
	if (m->subscription == NULL && add_connectors(m, e) != 0)
		return -1;
	return add_subscription(m, e);
}

static int find_place(struct import *m, const char *site, struct err *e)
{
	const struct subscription_file *file = m->file;

	m->site_dn = object_find(m->org, &site_class, site, e);
	if (m->site_dn == NULL || object_check_name(file->edge, e) != 0)
		return -1;
	m->site_name = org_entry_value(org_entry(m->org, m->site_dn), "cn");
	m->server_dn = object_dn(m->org, &server_class, file->edge, NULL);
	m->server = org_entry(m->org, m->server_dn);
	m->subscription_dn = object_dn(m->org, &edge_subscription_class, file->edge, NULL);
	m->subscription = org_entry(m->org, m->subscription_dn);
	return 0;
}

static enum ctl_status run(struct import *m, const char *site)
{
	enum ctl_status status;
	struct err e;

	if (edge_tree_is(m->org))
		return ctl_fail("this is an edge's own directory: a file is imported into the "
			"organization's");
	if (find_place(m, site, &e) != 0 ||
		subscription_file_check(m->file, m->org->snapshot, m->site_name, clock_wall_s(),
		args_given(m->args, "replace"), &e) != 0 || collect(m, &e) != 0)
		return ctl_fail("%s: %s", m->args->words[0], e.text);
	status = object_apply(m->org, m->list.first);
	if (status == CTL_DONE && !m->org->ctl->what_if)
		say_done(m);
	return status;
}

enum ctl_status edge_subscription_import(struct ctl *ctl, const struct args *args)
{
	const char *site = args_value(args, "site");
	struct import m = { .args = args };
	enum ctl_status status;
	struct org org;
	struct err e;

	if (site == NULL)
		return ctl_usage("edge-subscription import needs --site SITE");
	m.file = subscription_file_read(args->words[0], &e);
	if (m.file == NULL)
		return ctl_fail("%s", e.text);
	m.org = &org;
	m.connectors = json_array();
	m.hubs = json_array();
	if (org_open(ctl, &org, &e) != 0)
		status = ctl_fail("%s", e.text);
	else
		status = run(&m, site);
	org_close(&org);
	json_decref(m.connectors);
	json_decref(m.hubs);
	subscription_file_free(&m.file);
	return status;
}
