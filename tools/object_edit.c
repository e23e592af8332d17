/* object_edit.c - --add-NAME and --remove-NAME: single values of an attribute that has several.
 *
 * They are written as additions and deletions, so that two administrators who each add a value both
 * find theirs there. Where the entry has no value, what is in force is a default, often one by
 * usage, which a single value would put an end to: so it is written with it.
 */
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/print.h"
#include "libhub/org/record.h"
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

/* --- defaults --- */

/* The object as c makes it, by itself. */
static const struct obj *object_of_change(const struct org *org, const struct change *c,
	struct record **record, struct err *e)
{
	struct draft r;

	draft_init(&r, org->ctl->arena);
	if (change_draft(c, org_entry(org, c->dn), &r, e) != 0)
		return NULL;
	*record = record_new(draft_entry(&r), dn_normalize(org->ctl->arena, org->base));
	BUG_ON(*record == NULL);
	record_decode(*record);
	if ((*record)->obj == NULL)
		err_set(e, ERR_PERM, 0, "%s", (*record)->error != NULL ? (*record)->error :
			"no object");
	return (*record)->obj;
}

/* The object whose defaults count, or NULL. */
static const struct obj *whose(const struct org *org, const struct change *c,
	struct record **record, struct err *e)
{
	const struct obj *o;

	if (c->kind == CHANGE_ADD || change_gives(c, "hubUsage"))
		return object_of_change(org, c, record, e);
	o = org_object(org->snapshot, c->class->kind, c->dn);
	if (o == NULL)
		err_set(e, ERR_PERM, 0, "the object is not in force, so nor is a default: give all "
			"values");
	return o;
}

/*
 * What holds where the entry says nothing, as values to be added. Lists of choices and sockets have
 * such defaults; None and Default among them stand for nothing, and alone.
 */
static int put_defaults(const struct org *org, const struct attr_def *def, struct change *c,
	struct change_attr *attr, struct err *e)
{
	struct record *record = NULL;
	const char *const *v, *told = "";
	const struct obj *o;
	size_t n, i;

	if (def->kind != ATTR_ENUMS && def->kind != ATTR_ENDPOINTS)
		return 0;
	o = whose(org, c, &record, e);
	v = o != NULL ? print_values(org->ctl->arena, o, def, false, &n) : NULL;
	for (i = 0; o != NULL && i < n; i++) {
		if (strcmp(v[i], "None") == 0 || strcmp(v[i], "Default") == 0)
			continue;
		change_put(org->ctl, c, def->name, v[i]);
		attr->added[attr->n_added++] = attr->values[attr->n - 1];
		told = arena_printf(org->ctl->arena, "%s%s%s", told, *told != '\0' ? ", " : "",
			v[i]);
	}
	record_unref(&record);
	attr->by_default = *told != '\0' ? told : NULL;
	return o != NULL ? 0 : -1;
}

int object_edit_finish(const struct change *c, struct err *e)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (c->v[i]->by_default != NULL && c->v[i]->n == 0)
			return err_set(e, ERR_PERM, 0, "%s: without any value the default is in "
				"force, with the one that is to be removed", c->v[i]->name);
	for (i = 0; i < c->n; i++)
		if (c->v[i]->by_default != NULL)
			ctl_warn("note: %s had no value: what was in force by default (%s) is "
				"written with it", c->v[i]->name, c->v[i]->by_default);
	return 0;
}

/* --- values --- */

/* The attribute with the values that the entry has now. */
static struct change_attr *start(const struct org *org, const struct attr_def *def,
	struct change *c, struct err *e)
{
	const struct entry *entry = org_entry(org, c->dn);
	struct change_attr *attr = change_attr(org->ctl, c, def->name);
	size_t i, j;

	/* begun already: what an edit before this one took back must not come again */
	if (entry == NULL || attr->by_default != NULL || attr->n != 0 ||
		attr->n_added + attr->n_deleted != 0)
		return attr;
	for (i = 0; i < entry->n; i++) {
		if (strcasecmp(entry->attrs[i].name, def->name) != 0)
			continue;
		for (j = 0; j < entry->attrs[i].n; j++)
			if (change_add_value(org->ctl, attr, entry->attrs[i].values[j].data,
				entry->attrs[i].values[j].size, e) != 0)
				return NULL;
	}
	if (attr->n == 0 && put_defaults(org, def, c, attr, e) != 0)
		return NULL;
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

/* Of those that are to be added; false if it is none. */
static bool take_back(struct change_attr *attr, const struct blob *value)
{
	size_t i;

	for (i = 0; i < attr->n_added && attr->added[i].data != value->data; i++)
		;
	if (i == attr->n_added)
		return false;
	attr->n_added--;
	memmove(&attr->added[i], &attr->added[i + 1], (attr->n_added - i) *
		sizeof(attr->added[0]));
	return true;
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
	if (!take_back(attr, &attr->values[place]))
		attr->deleted[attr->n_deleted++] = attr->values[place];
	attr->n--;
	memmove(&attr->values[place], &attr->values[place + 1],
		(attr->n - place) * sizeof(attr->values[0]));
	return 0;
}

/*
 * To an object that is made now. A value that is a default too is written once. Sockets that are
 * chosen for a new object are the only ones: it was never reached at the default.
 */
static int add_to_new(const struct org *org, const struct attr_def *def, struct change *c,
	const char *text, struct err *e)
{
	struct change_attr *attr = change_attr(org->ctl, c, def->name);
	size_t place, n;

	if (attr->n == 0 && def->kind != ATTR_ENDPOINTS &&
		put_defaults(org, def, c, attr, e) != 0)
		return -1;
	/* all of it is new: there is nothing to be added to */
	attr->n_added = 0;
	place = attr->n;
	if (object_put_values(org, def, attr, text, e) != 0)
		return -1;
	for (n = attr->n, attr->n = place; place < n; place++)
		if (place_of(org->ctl->arena, def, attr, attr->n, &attr->values[place]) == attr->n)
			attr->values[attr->n++] = attr->values[place];
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

	if (c->kind == CHANGE_ADD && arg->way == ARG_REMOVE)
		return err_set(e, ERR_PERM, 0, "a new object has no values to remove");
	if (c->kind == CHANGE_ADD)
		return add_to_new(org, def, c, arg->value, e);
	attr = start(org, def, c, e);
	if (attr == NULL)
		return -1;
	return arg->way == ARG_ADD ? add(org, def, attr, arg->value, e) :
		delete(org, def, attr, arg->value, e);
}
