/* object_edit.c - --add-NAME and --remove-NAME: single values of an attribute that has several.
 *
 * They are written as additions and deletions, so that two administrators who each add a value both
 * find theirs there.
 */
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/value.h"
#include "tools/object.h"

/* An address space as it is printed, or NULL. */
static const char *space_text(struct arena *a, const char *text)
{
	struct address_space space;
	struct err ignored;

	if (value_address_space(a, text, &space, &ignored) != 0)
		return NULL;
	return arena_printf(a, "%s:%s;%u", space.type, space.text, space.cost);
}

static bool same_value(struct arena *a, const struct attr_def *def, const struct blob *x,
	const struct blob *y)
{
	const char *tx = (const char *)x->data, *ty = (const char *)y->data, *sx, *sy;

	if (x->size == y->size && memcmp(x->data, y->data, x->size) == 0)
		return true;
	if (def->kind == ATTR_BLOBS)
		return false;
	if (def->kind == ATTR_REFS)
		return org_same_dn(tx, ty);
	sx = def->kind == ATTR_SPACES ? space_text(a, tx) : NULL;
	sy = def->kind == ATTR_SPACES ? space_text(a, ty) : NULL;
	return name_compare(sx != NULL ? sx : tx, sy != NULL ? sy : ty) == 0;
}

/* Place among the first n values, or n. */
static size_t place_of(struct arena *a, const struct attr_def *def, const struct change_attr *attr,
	size_t n, const struct blob *value)
{
	size_t i;

	for (i = 0; i < n && !same_value(a, def, &attr->values[i], value); i++)
		;
	return i;
}

/* The attribute with the values that the entry has now. */
static struct change_attr *start(const struct org *org, const struct attr_def *def,
	struct change *c, struct err *e)
{
	const struct entry *entry = org_entry(org, c->dn);
	struct change_attr *attr = change_attr(org->ctl, c, def->name);
	size_t i, j;

	if (entry == NULL || attr->n_added + attr->n_deleted != 0)
		return attr;
	for (i = 0; i < entry->n; i++) {
		if (strcasecmp(entry->attrs[i].name, def->name) != 0)
			continue;
		for (j = 0; j < entry->attrs[i].n; j++)
			if (change_add_value(org->ctl, attr, entry->attrs[i].values[j].data,
				entry->attrs[i].values[j].size, e) != 0)
				return NULL;
	}
	return attr;
}

static int add(const struct org *org, const struct attr_def *def, struct change_attr *attr,
	const char *text, struct err *e)
{
	size_t before = attr->n, i;

	if (object_put_values(org, def, attr, text, e) != 0)
		return -1;
	for (i = before; i < attr->n; i++) {
		if (place_of(org->ctl->arena, def, attr, i, &attr->values[i]) < i)
			return err_set(e, ERR_PERM, 0, "%s is there already", text);
		if (attr->n_added == CHANGE_EDITS_MAX)
			return err_set(e, ERR_PERM, 0, "more than %d values", CHANGE_EDITS_MAX);
		attr->added[attr->n_added++] = attr->values[i];
	}
	return 0;
}

static int take_out(const struct org *org, const struct attr_def *def, struct change_attr *attr,
	const struct blob *value, const char *text, struct err *e)
{
	size_t place = place_of(org->ctl->arena, def, attr, attr->n, value);

	if (place == attr->n)
		return err_set(e, ERR_PERM, 0, "%s is not there", def->kind == ATTR_BLOBS ?
			text : (const char *)value->data);
	if (attr->n_deleted == CHANGE_EDITS_MAX)
		return err_set(e, ERR_PERM, 0, "more than %d values", CHANGE_EDITS_MAX);
	/* as the directory has it */
	attr->deleted[attr->n_deleted++] = attr->values[place];
	attr->n--;
	memmove(&attr->values[place], &attr->values[place + 1],
		(attr->n - place) * sizeof(attr->values[0]));
	return 0;
}

static int delete(const struct org *org, const struct attr_def *def, struct change_attr *attr,
	const char *text, struct err *e)
{
	struct change_attr *wanted = arena_alloc(org->ctl->arena, sizeof(*wanted));
	size_t i;

	wanted->name = attr->name;
	if (object_put_values(org, def, wanted, text, e) != 0)
		return -1;
	for (i = 0; i < wanted->n; i++)
		if (take_out(org, def, attr, &wanted->values[i], text, e) != 0)
			return -1;
	return 0;
}

int object_edit(const struct org *org, const struct attr_def *def, const struct arg *arg,
	struct change *c, struct err *e)
{
	struct change_attr *attr;

	if (c->kind == CHANGE_ADD)
		return err_set(e, ERR_PERM, 0, "a new object has no values to remove");
	attr = start(org, def, c, e);
	if (attr == NULL)
		return -1;
	return arg->way == ARG_ADD ? add(org, def, attr, arg->value, e) :
		delete(org, def, attr, arg->value, e);
}
