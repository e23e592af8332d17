/* change_write.c - changes to the directory, and its refusals in words. */
#include <string.h>
#include <strings.h>

#include "tools/change.h"
#include "tools/edge_tree.h"

/* Who may write objects of the kind; hub-directory(7) section 10. */
static const char *role_for(enum obj_kind kind)
{
	switch (kind) {
	case OBJ_SEND_CONNECTOR:
	case OBJ_FOREIGN_CONNECTOR:
	case OBJ_AGENT_CONNECTOR:
	case OBJ_ROUTING_GROUP_CONNECTOR:
	case OBJ_ACCEPTED_DOMAIN:
	case OBJ_REMOTE_DOMAIN:
		return "Connector Management";
	case OBJ_SERVER:
	case OBJ_MAILBOX_SERVER:
	case OBJ_RECEIVE_CONNECTOR:
		return "Server Management";
	default:
		return "Organization Management";
	}
}

static const char *needed_role(const struct change *c)
{
	static const char *const trusted[] = { "hubCertificate", "hubKeyDigest", "userPassword" };
	size_t i, j;

	for (i = 0; i < c->n; i++)
		for (j = 0; j < sizeof(trusted) / sizeof(trusted[0]); j++)
			if (strcasecmp(c->v[i]->name, trusted[j]) == 0)
				return "Organization Management";
	return role_for(c->class->kind);
}

/* On an edge that the organization keeps up nobody else writes what is pushed there. */
static bool is_the_organizations(const struct org *org, const struct change *c)
{
	return edge_tree_is_subscribed(org) && c->class->kind != OBJ_SERVER &&
		c->class->kind != OBJ_RECEIVE_CONNECTOR;
}

static int explain(struct org *org, const struct change *c, int code, struct err *e)
{
	char text[200];

	switch (code) {
	case LDAP_INSUFFICIENT_ACCESS:
		return is_the_organizations(org, c) ?
			err_set(e, ERR_PERM, 0, "not allowed: this edge is subscribed; change it "
				"in the organization, from where it is pushed here") :
			err_set(e, ERR_PERM, 0, "not allowed: needs %s", needed_role(c));
	case LDAP_ALREADY_EXISTS:
		return err_set(e, ERR_PERM, 0, "it is there already; change it with \"set\"");
	case LDAP_NO_SUCH_OBJECT:
		return err_set(e, ERR_PERM, 0, c->kind == CHANGE_ADD ?
			"the place above it is missing in the directory, or not visible for this "
			"account" :
			"it is gone, or not visible for this account");
	case LDAP_NOT_ALLOWED_ON_NONLEAF:
		return err_set(e, ERR_PERM, 0, "something stands below it; remove that first");
	case LDAP_STRONG_AUTH_REQUIRED:
		return err_set(e, ERR_PERM, 0, "not allowed for anonymous: give -D DN -y FILE or "
			"-Y EXTERNAL");
	case LDAP_SERVER_DOWN:
	case LDAP_TIMEOUT:
		return err_set(e, ERR_TEMP, 0, "the directory has stopped answering; look with "
		"\"get\" "
			"whether the change was made");
	default:
		session_error(org->session, code, text, sizeof(text));
		return err_set(e, ERR_PERM, 0, "the directory refuses: %s", text);
	}
}

static LDAPMod *make_mod(struct arena *a, int op, const char *name, const struct blob *v, size_t n)
{
	struct berval **values = arena_alloc(a, (n + 1) * sizeof(*values));
	LDAPMod *mod = arena_alloc(a, sizeof(*mod));
	size_t i;

	for (i = 0; i < n; i++) {
		values[i] = arena_alloc(a, sizeof(**values));
		values[i]->bv_val = (char *)(uintptr_t)v[i].data;
		values[i]->bv_len = v[i].size;
	}
	mod->mod_op = LDAP_MOD_BVALUES | op;
	mod->mod_type = (char *)(uintptr_t)name;
	mod->mod_bvalues = n != 0 ? values : NULL;
	return mod;
}

/* libldap's own form of the attributes; they point into c. */
static LDAPMod **make_mods(struct arena *a, const struct change *c)
{
	LDAPMod **mods = arena_alloc(a, (2 * c->n + 1) * sizeof(*mods));
	const struct change_attr *attr;
	size_t i, n = 0;

	for (i = 0; i < c->n; i++) {
		attr = c->v[i];
		if (attr->n_deleted != 0)
			mods[n++] = make_mod(a, LDAP_MOD_DELETE, attr->name, attr->deleted,
				attr->n_deleted);
		if (attr->n_added != 0)
			mods[n++] = make_mod(a, LDAP_MOD_ADD, attr->name, attr->added,
				attr->n_added);
		if (attr->n_added + attr->n_deleted == 0)
			mods[n++] = make_mod(a, c->kind == CHANGE_ADD ? LDAP_MOD_ADD :
				LDAP_MOD_REPLACE, attr->name, attr->values, attr->n);
	}
	return mods;
}

static int write_one(LDAP *ld, const struct change *c)
{
	struct arena *a = arena_new();
	int code;

	if (c->kind == CHANGE_DELETE)
		code = ldap_delete_ext_s(ld, c->dn, NULL, NULL);
	else if (c->kind == CHANGE_ADD)
		code = ldap_add_ext_s(ld, c->dn, make_mods(a, c), NULL, NULL);
	else
		code = ldap_modify_ext_s(ld, c->dn, make_mods(a, c), NULL, NULL);
	arena_free(&a);
	return code;
}

/* --- taking back --- */

static bool put_old(struct org *org, struct change *back, const char *name,
	const struct entry_attr *was)
{
	struct change_attr *attr = change_attr(org->ctl, back, name);
	struct err ignored;
	size_t i;

	for (i = 0; was != NULL && i < was->n; i++)
		if (change_add_value(org->ctl, attr, was->values[i].data, was->values[i].size,
			&ignored) != 0)
			return false;
	return true;
}

/* The entry anew, but for what this account may not read. */
static bool put_entry(struct org *org, struct change *back, const struct entry *old)
{
	size_t i;

	if (old->n > CHANGE_ATTRS_MAX)
		return false;
	back->kind = CHANGE_ADD;
	for (i = 0; i < old->n; i++)
		if (!org_is_stand_in(&old->attrs[i]) &&
			!put_old(org, back, old->attrs[i].name, &old->attrs[i]))
			return false;
	return true;
}

/* The other way round, so that what somebody else has changed since stays. */
static void put_edits(struct org *org, struct change *back, const struct change_attr *attr)
{
	struct change_attr *other = change_attr(org->ctl, back, attr->name);

	memcpy(other->added, attr->deleted, sizeof(other->added));
	memcpy(other->deleted, attr->added, sizeof(other->deleted));
	other->n_added = attr->n_deleted;
	other->n_deleted = attr->n_added;
}

/* The attributes that c changes, as they were. */
static bool put_before(struct org *org, struct change *back, const struct change *c,
	const struct entry *old)
{
	const struct change_attr *attr;
	size_t i;

	for (i = 0; i < c->n; i++) {
		attr = c->v[i];
		if (attr->n_added + attr->n_deleted != 0)
			put_edits(org, back, attr);
		else if (attr->secret || !put_old(org, back, attr->name, entry_attr(old,
			attr->name)))
			return false;
	}
	return true;
}

/* NULL if it is not known how it was. */
static struct change *inverse(struct org *org, const struct change *c)
{
	const struct entry *old = org_entry(org, c->dn);
	struct change *back;

	if (c->kind == CHANGE_ADD)
		return change_new(org->ctl, CHANGE_DELETE, c->dn, c->class, NULL);
	if (old == NULL)
		return NULL;
	back = change_new(org->ctl, CHANGE_MODIFY, old->dn, c->class, NULL);
	if (c->kind == CHANGE_DELETE)
		return put_entry(org, back, old) ? back : NULL;
	return put_before(org, back, c, old) ? back : NULL;
}

/* What was written before failed, the last one first. */
static void take_back(struct org *org, const struct change *list, const struct change *failed)
{
	static const char *const done[] = { "added", "changed", "removed" };
	const struct change *back;

	if (list == failed)
		return;
	take_back(org, list->next, failed);
	if (list->stays)
		return;
	back = inverse(org, list);
	if (back == NULL || write_one(session_ldap(org->session), back) != LDAP_SUCCESS)
		ctl_warn("%s has been %s and could not be taken back", list->dn,
			done[list->kind]);
}

void change_take_back(struct org *org, const struct change *list)
{
	take_back(org, list, NULL);
}

int change_write(struct org *org, const struct change *list, struct err *e)
{
	LDAP *ld = session_ldap(org->session);
	const struct change *c;
	struct err why;
	int code;

	for (c = list; c != NULL; c = c->next) {
		code = write_one(ld, c);
		if (code == LDAP_SUCCESS || (c->stays && code == LDAP_NO_SUCH_OBJECT))
			continue;
		explain(org, c, code, &why);
		take_back(org, list, c);
		return err_set(e, why.class, 0, "%s: %s", c->dn, why.text);
	}
	return 0;
}
