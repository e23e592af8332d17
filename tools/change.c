/* change.c - see change.h; writing stands in change_write.c */
#include "tools/change.h"

#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"
#include "tools/ldif_out.h"

struct change *change_new(struct ctl *ctl, enum change_kind kind, const char *dn,
	const struct obj_class *class, const char *cn)
{
	struct change *c = arena_alloc(ctl->arena, sizeof(*c));

	c->kind = kind;
	c->dn = dn;
	c->class = class;
	if (kind == CHANGE_ADD) {
		change_put(ctl, c, "objectClass", class->ldap_class);
		change_put(ctl, c, "cn", cn);
	}
	return c;
}

struct change_attr *change_attr(struct ctl *ctl, struct change *c, const char *name)
{
	const struct attr_def *def = obj_class_attr(c->class, name);
	struct change_attr *attr;
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcasecmp(c->v[i]->name, name) == 0)
			return c->v[i];
	BUG_ON(c->n == CHANGE_ATTRS_MAX);
	attr = arena_alloc(ctl->arena, sizeof(*attr));
	attr->name = name;
	attr->secret = (def != NULL && (def->flags & ATTR_SECRET) != 0) ||
		strcasecmp(name, "userPassword") == 0;
	c->v[c->n++] = attr;
	return attr;
}

int change_add_value(struct ctl *ctl, struct change_attr *attr, const void *data, size_t size,
	struct err *e)
{
	char *copy;

	if (attr->n == CHANGE_VALUES_MAX)
		return err_set(e, ERR_PERM, 0, "%s: more than %d values", attr->name,
			CHANGE_VALUES_MAX);
	copy = arena_alloc(ctl->arena, size + 1);
	memcpy(copy, data, size);
	attr->values[attr->n++] = (struct blob){ (const unsigned char *)copy, size };
	return 0;
}

void change_put(struct ctl *ctl, struct change *c, const char *name, const char *text)
{
	struct err e;

	BUG_ON(change_add_value(ctl, change_attr(ctl, c, name), text, strlen(text), &e) != 0);
}

/* --- the entry as it would be --- */

static int put_values(struct draft *r, const char *name, const struct blob *values, size_t n,
	struct err *e)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (draft_add(r, name, strlen(name), values[i].data, values[i].size, e) != 0)
			return -1;
	return 0;
}

bool change_gives(const struct change *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcasecmp(c->v[i]->name, name) == 0)
			return true;
	return false;
}

int change_draft(const struct change *c, const struct entry *old, struct draft *r, struct err *e)
{
	size_t i;

	r->entry.dn = c->dn;
	if (old != NULL) {
		r->entry.dn = old->dn;
		r->entry.has_uuid = old->has_uuid;
		memcpy(r->entry.uuid, old->uuid, sizeof(r->entry.uuid));
	}
	for (i = 0; old != NULL && i < old->n; i++)
		if (!change_gives(c, old->attrs[i].name) && put_values(r, old->attrs[i].name,
			old->attrs[i].values, old->attrs[i].n, e) != 0)
			return -1;
	for (i = 0; i < c->n; i++)
		if (put_values(r, c->v[i]->name, c->v[i]->values, c->v[i]->n, e) != 0)
			return -1;
	return 0;
}

/* old is NULL for a new entry. */
static int put_changed(struct builder *b, const struct entry *old, const struct change *c,
	struct err *e)
{
	struct arena *a = arena_new();
	struct draft r;
	int rc;

	draft_init(&r, a);
	rc = change_draft(c, old, &r, e);
	if (rc == 0)
		builder_put(b, draft_entry(&r));
	arena_free(&a);
	return rc;
}

static int apply(struct org *org, const struct change *c, struct err *e)
{
	const struct entry *old = org_entry(org, c->dn);

	switch (c->kind) {
	case CHANGE_ADD:
		if (old != NULL)
			return err_set(e, ERR_PERM, 0, "it is there already");
		return put_changed(org->builder, NULL, c, e);
	case CHANGE_MODIFY:
		BUG_ON(old == NULL);
		return put_changed(org->builder, old, c, e);
	case CHANGE_DELETE:
		builder_delete_dn(org->builder, c->dn);
		break;
	}
	return 0;
}

/* --- judging --- */

static bool is_changed(const struct change *list, const char *dn)
{
	for (; list != NULL; list = list->next)
		if (org_same_dn(list->dn, dn))
			return true;
	return false;
}

static int check_rejections(const struct snapshot *before, const struct snapshot *after,
	const struct change *list, struct err *e)
{
	size_t i;

	for (i = 0; i < after->rejection_count; i++) {
		const struct rejection *r = &after->rejections[i];

		if (is_changed(list, r->dn))
			return err_set(e, ERR_PERM, 0, "%s", r->reason);
		if (org_rejection(before, r->dn) == NULL)
			return err_set(e, ERR_PERM, 0, "%s would break: %s", r->dn, r->reason);
	}
	return 0;
}

int change_check(struct org *org, const struct change *list, struct err *e)
{
	const struct snapshot *before = org->snapshot;
	const struct change *c;
	size_t i;
	int rc = 0;

	for (c = list; c != NULL && rc == 0; c = c->next)
		rc = apply(org, c, e);
	if (rc != 0)
		return rc;
	org->snapshot = builder_build(org->builder, NULL);
	rc = check_rejections(before, org->snapshot, list, e);
	for (i = 0; rc == 0 && i < org->snapshot->warning_count; i++)
		if (!snapshot_warns(before, org->snapshot->warnings[i]))
			ctl_warn("warning: %s", org->snapshot->warnings[i]);
	snapshot_unref(&before);
	return rc;
}

/* --- showing --- */

static void print_values(FILE *out, const struct change_attr *attr,
	const struct blob *values, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++) {
		if (attr->secret)
			fprintf(out, "# %s: not shown\n", attr->name);
		else
			ldif_out_value(out, attr->name, values[i].data, values[i].size);
	}
}

static void print_mod(FILE *out, const char *what, const struct change_attr *attr,
	const struct blob *values, size_t n)
{
	fprintf(out, "%s: %s\n", what, attr->name);
	print_values(out, attr, values, n);
	fputs("-\n", out);
}

static void print_attr(FILE *out, const struct change *c, const struct change_attr *attr)
{
	if (c->kind != CHANGE_MODIFY)
		print_values(out, attr, attr->values, attr->n);
	else if (attr->n_added + attr->n_deleted == 0)
		print_mod(out, "replace", attr, attr->values, attr->n);
	if (attr->n_deleted != 0)
		print_mod(out, "delete", attr, attr->deleted, attr->n_deleted);
	if (attr->n_added != 0)
		print_mod(out, "add", attr, attr->added, attr->n_added);
}

static void print_one(FILE *out, const struct change *c)
{
	static const char *const types[] = { "add", "modify", "delete" };
	size_t i;

	ldif_out_value(out, "dn", c->dn, strlen(c->dn));
	fprintf(out, "changetype: %s\n", types[c->kind]);
	for (i = 0; i < c->n; i++)
		print_attr(out, c, c->v[i]);
	putc('\n', out);
}

void change_print(FILE *out, const struct change *list)
{
	for (; list != NULL; list = list->next)
		print_one(out, list);
}
