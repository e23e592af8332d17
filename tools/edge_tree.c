/* edge_tree.c - see edge_tree.h */
#include "tools/edge_tree.h"

#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"

static const struct attr_def no_attrs[] = { A_END };
static const struct attr_def marker_attrs[] = {
	{ .name = "hubHashKey", .kind = ATTR_BLOBS, .flags = ATTR_SECRET }, A_END
};

const struct obj_class edge_state_class = {
	.kind = OBJ_KINDS, .ldap_class = "hubEdgeState", .attrs = no_attrs
};
const struct obj_class sync_account_class = {
	.kind = OBJ_KINDS, .ldap_class = "hubSyncAccount", .attrs = no_attrs
};
const struct obj_class push_marker_class = {
	.kind = OBJ_KINDS, .ldap_class = "hubPushMarker", .attrs = marker_attrs
};
static const struct obj_class other_class = {
	.kind = OBJ_KINDS, .ldap_class = "hubObject", .attrs = no_attrs
};

void change_list_add(struct change_list *list, struct change *c)
{
	if (list->last != NULL)
		list->last->next = c;
	else
		list->first = c;
	list->last = c;
	list->n++;
}

/* --- what is there --- */

static const struct entry *state_entry(const struct org *org)
{
	return org_entry(org, arena_printf(org->ctl->arena, EDGE_STATE_DN ",%s", org->base));
}

/* Of an entry below the organization or its own; NULL of one whose DN is none. */
static const char *relative(const struct org *org, const struct entry *entry)
{
	struct arena *a = org->ctl->arena;
	const char *ndn = dn_normalize(a, entry->dn), *base = dn_normalize(a, org->base);

	return ndn != NULL && base != NULL ? dn_relative(a, ndn, base) : NULL;
}

static enum edge_part part_of(const struct org *org, const struct entry *entry)
{
	const char *rdn = relative(org, entry);

	return rdn != NULL ? edge_layout_part(rdn, entry) : EDGE_PART_LOCAL;
}

bool edge_tree_is(const struct org *org)
{
	return state_entry(org) != NULL;
}

bool edge_tree_is_subscribed(const struct org *org)
{
	const struct entry *state = state_entry(org);
	const char *value = state != NULL ? org_entry_value(state, "hubSubscribed") : NULL;

	return value != NULL && strcmp(value, "TRUE") == 0;
}

static bool is_edge(const struct entry *entry)
{
	const char *role = org_entry_value(entry, "hubRole");

	return org_entry_class(entry) == &server_class && role != NULL &&
		strcmp(role, "Edge") == 0;
}

const struct entry *edge_tree_self(const struct org *org, const char *name, struct err *e)
{
	const struct entry *found = NULL;
	size_t i;

	for (i = 0; i < org->n; i++) {
		const char *cn = org_entry_value(org->entries[i], "cn");

		if (!is_edge(org->entries[i]) || cn == NULL ||
			(name != NULL && name_compare(cn, name) != 0))
			continue;
		if (found != NULL) {
			err_set(e, ERR_CONFIG, 0, "this directory has several servers of role "
				"Edge: say by --server which one this is");
			return NULL;
		}
		found = org->entries[i];
	}
	if (found == NULL && name != NULL)
		err_set(e, ERR_CONFIG, 0, "this edge's own directory has no server \"%s\" of role "
			"Edge", name);
	else if (found == NULL)
		err_set(e, ERR_CONFIG, 0, "this directory does not say which server it belongs "
			"to: hubctl server new NAME --role Edge --fqdn FQDN");
	return found;
}

bool edge_tree_has_markers(const struct org *org)
{
	size_t i;

	for (i = 0; i < org->n; i++)
		if (part_of(org, org->entries[i]) == EDGE_PART_MARKER)
			return true;
	return false;
}

/* --- what is changed --- */

struct change *edge_tree_state(const struct org *org, bool subscribed)
{
	static const char *const lease[] = {
		"hubLeaseHolder", "hubLeaseExpiry", "hubLeasePreferred"
	};
	const struct entry *state = state_entry(org);
	struct change *c = change_new(org->ctl, CHANGE_MODIFY, state->dn, &edge_state_class, NULL);
	size_t i;

	change_put(org->ctl, c, "hubSubscribed", subscribed ? "TRUE" : "FALSE");
	for (i = 0; i < sizeof(lease) / sizeof(lease[0]); i++)
		if (entry_attr(state, lease[i]) != NULL)
			change_attr(org->ctl, c, lease[i]);
	return c;
}

static void add_removal(const struct org *org, struct change_list *list, const struct entry *entry,
	const struct obj_class *class)
{
	change_list_add(list, change_new(org->ctl, CHANGE_DELETE, entry->dn, class, NULL));
}

static void add_part_gone(const struct org *org, struct change_list *list, enum edge_part part,
	const struct obj_class *class)
{
	size_t i;

	for (i = 0; i < org->n; i++) {
		if (part_of(org, org->entries[i]) != part)
			continue;
		add_removal(org, list, org->entries[i], class);
		list->last->stays = true;
	}
}

void edge_tree_add_accounts_gone(const struct org *org, struct change_list *list)
{
	add_part_gone(org, list, EDGE_PART_ACCOUNT, &sync_account_class);
}

void edge_tree_add_markers_gone(const struct org *org, struct change_list *list)
{
	add_part_gone(org, list, EDGE_PART_MARKER, &push_marker_class);
}

/* Is it the organization's, or does it stand below a hub, which is? */
static bool is_replicated(const struct org *org, const struct entry *entry)
{
	const struct entry *server;

	if (org_entry_class(entry) != &receive_connector_class)
		return part_of(org, entry) == EDGE_PART_CONFIGURATION;
	server = org_entry(org, dn_parent(entry->dn));
	return server != NULL && !is_edge(server);
}

/* Of that class, NULL: of none; but not the organization's own. */
static void add_class_gone(const struct org *org, struct change_list *list,
	const struct obj_class *class)
{
	size_t i;

	for (i = 0; i < org->n; i++)
		if (org_entry_class(org->entries[i]) == class && is_replicated(org,
			org->entries[i]))
			add_removal(org, list, org->entries[i], class != NULL ? class :
				&other_class);
}

/* What the organization will say of itself, or has said. */
static void add_defaults(const struct org *org, struct change_list *list)
{
	const struct entry *root = org_entry(org, org->base);
	struct change *c = change_new(org->ctl, CHANGE_MODIFY, root->dn, &organization_class, NULL);
	size_t i;

	for (i = 0; i < root->n; i++)
		if (edge_layout_is_pushed(&organization_class, root->attrs[i].name))
			change_attr(org->ctl, c, root->attrs[i].name);
	if (c->n != 0)
		change_list_add(list, c);
}

/* Its site goes; the subscription will say to which one it belongs. */
static void add_siteless(const struct org *org, struct change_list *list)
{
	struct change *c;
	size_t i;

	for (i = 0; i < org->n; i++) {
		if (!is_edge(org->entries[i]) || entry_attr(org->entries[i], "hubServerSite") ==
			NULL)
			continue;
		c = change_new(org->ctl, CHANGE_MODIFY, org->entries[i]->dn, &server_class, NULL);
		change_attr(org->ctl, c, "hubServerSite");
		change_list_add(list, c);
	}
}

static size_t count_removals(const struct change *c)
{
	size_t n = 0;

	for (; c != NULL; c = c->next)
		n += c->kind == CHANGE_DELETE;
	return n;
}

void edge_tree_add_clearing(const struct org *org, struct change_list *list, size_t *objects)
{
	static const struct obj_class *const before_domains[] = {
		&send_connector_class, &foreign_connector_class, &agent_connector_class,
		&routing_group_connector_class, &routing_group_class, &remote_domain_class,
	};
	static const struct obj_class *const before_sites[] = {
		&accepted_domain_class, &edge_subscription_class, &receive_connector_class,
		&server_class, &mailbox_server_class, &site_link_class,
	};
	struct change *last = list->last;
	size_t i;

	for (i = 0; i < sizeof(before_domains) / sizeof(before_domains[0]); i++)
		add_class_gone(org, list, before_domains[i]);
	add_defaults(org, list);
	for (i = 0; i < sizeof(before_sites) / sizeof(before_sites[0]); i++)
		add_class_gone(org, list, before_sites[i]);
	add_siteless(org, list);
	add_class_gone(org, list, &site_class);
	add_class_gone(org, list, NULL);
	*objects = count_removals(last != NULL ? last->next : list->first);
	add_part_gone(org, list, EDGE_PART_BUCKET, &other_class);
}
