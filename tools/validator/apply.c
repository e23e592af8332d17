/* apply.c - see apply.h */
#include "tools/validator/apply.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <ldap.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"

/* An entry whose attributes are being changed. */
struct work {
	struct arena *a;
	const struct obj_class *class;
	struct entry_attr *attrs;
	size_t n, room;
	int *code;
	struct err *e;
};

static const struct entry *fail(struct work *w, int code, const char *attr, const char *what)
{
	*w->code = code;
	err_set(w->e, ERR_PERM, 0, "%.100s: %s", attr, what);
	return NULL;
}

static void work_init(struct work *w, const struct entry *before)
{
	w->n = before->n;
	w->room = before->n + 16;
	w->attrs = arena_alloc(w->a, w->room * sizeof(*w->attrs));
	if (before->n != 0)
		memcpy(w->attrs, before->attrs, before->n * sizeof(*w->attrs));
}

static struct entry_attr *find(struct work *w, const char *name)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (strcasecmp(w->attrs[i].name, name) == 0)
			return &w->attrs[i];
	return NULL;
}

static struct entry_attr *find_or_make(struct work *w, const char *name)
{
	struct entry_attr *attr = find(w, name);

	if (attr != NULL)
		return attr;
	if (w->n == w->room) {
		struct entry_attr *attrs = arena_alloc(w->a, 2 * w->room * sizeof(*attrs));

		memcpy(attrs, w->attrs, w->n * sizeof(*attrs));
		w->attrs = attrs;
		w->room *= 2;
	}
	w->attrs[w->n] = (struct entry_attr){ .name = name };
	return &w->attrs[w->n++];
}

static void drop(struct work *w, const char *name)
{
	struct entry_attr *attr = find(w, name);

	if (attr != NULL)
		*attr = w->attrs[--w->n];
}

/* --- values --- */

static const char *squeeze(struct arena *a, const struct blob *v)
{
	const char *r = name_fold(a, arena_strndup(a, (const char *)v->data, v->size));
	char *out = arena_alloc(a, strlen(r) + 1), *w = out;

	for (r += strspn(r, " "); *r != '\0'; r++)
		if (*r != ' ' || (r[1] != ' ' && r[1] != '\0'))
			*w++ = *r;
	return out;
}

static bool same_value(struct work *w, const struct attr_def *def, const struct blob *x,
	const struct blob *y)
{
	const char *a = NULL, *b = NULL;

	if (x->size == y->size && memcmp(x->data, y->data, x->size) == 0)
		return true;
	if (def != NULL && def->kind == ATTR_BLOBS)
		return false;
	if (memchr(x->data, '\0', x->size) != NULL || memchr(y->data, '\0', y->size) != NULL)
		return false;
	if (def != NULL && (def->kind == ATTR_REF || def->kind == ATTR_REFS)) {
		a = dn_normalize(w->a, (const char *)x->data);
		b = dn_normalize(w->a, (const char *)y->data);
	}
	if (a == NULL || b == NULL) {
		a = squeeze(w->a, x);
		b = squeeze(w->a, y);
	}
	return strcmp(a, b) == 0;
}

/* Place of the value in the attribute, or attr->n. */
static size_t index_of(struct work *w, const struct entry_attr *attr, const struct blob *v)
{
	const struct attr_def *def = w->class != NULL ? obj_class_attr(w->class, attr->name) : NULL;
	size_t i;

	for (i = 0; i < attr->n && !same_value(w, def, &attr->values[i], v); i++)
		;
	return i;
}

static void append(struct work *w, struct entry_attr *attr, const struct blob *v, size_t n)
{
	struct blob *values = arena_alloc(w->a, (attr->n + n) * sizeof(*values));

	if (attr->n != 0)
		memcpy(values, attr->values, attr->n * sizeof(*values));
	if (n != 0)
		memcpy(values + attr->n, v, n * sizeof(*values));
	attr->values = values;
	attr->n += n;
}

static bool add_values(struct work *w, const struct entry_attr *from)
{
	struct entry_attr *attr = find_or_make(w, from->name);
	size_t i;

	for (i = 0; i < from->n; i++)
		if (index_of(w, attr, &from->values[i]) < attr->n)
			return fail(w, LDAP_TYPE_OR_VALUE_EXISTS, from->name,
				"the value is there already") != NULL;
	append(w, attr, from->values, from->n);
	return true;
}

static bool delete_values(struct work *w, const struct entry_attr *from)
{
	struct entry_attr *attr = find(w, from->name);
	struct blob *values;
	size_t i, at;

	if (attr == NULL)
		return fail(w, LDAP_NO_SUCH_ATTRIBUTE, from->name, "no such attribute") != NULL;
	if (from->n == 0) {
		drop(w, from->name);
		return true;
	}
	values = arena_memdup(w->a, attr->values, attr->n * sizeof(*values));
	attr->values = values;
	for (i = 0; i < from->n; i++) {
		at = index_of(w, attr, &from->values[i]);
		if (at == attr->n)
			return fail(w, LDAP_NO_SUCH_ATTRIBUTE, from->name,
				"no such value") != NULL;
		values[at] = values[--attr->n];
	}
	if (attr->n == 0)
		drop(w, from->name);
	return true;
}

static bool replace_values(struct work *w, const struct entry_attr *from)
{
	struct entry_attr *attr;

	if (from->n == 0) {
		drop(w, from->name);
		return true;
	}
	attr = find_or_make(w, from->name);
	attr->values = from->values;
	attr->n = from->n;
	return true;
}

static bool increment(struct work *w, const struct entry_attr *from)
{
	struct entry_attr *attr = find(w, from->name);
	struct blob *value;
	long long sum;
	char *text;

	if (attr == NULL || attr->n != 1 || from->n != 1)
		return fail(w, LDAP_NO_SUCH_ATTRIBUTE, from->name, "one value is needed") != NULL;
	if (__builtin_add_overflow(strtoll((const char *)attr->values[0].data, NULL, 10),
		strtoll((const char *)from->values[0].data, NULL, 10), &sum))
		return fail(w, LDAP_CONSTRAINT_VIOLATION, from->name, "out of range") != NULL;
	text = arena_printf(w->a, "%lld", sum);
	value = arena_alloc(w->a, sizeof(*value));
	*value = (struct blob){ (const unsigned char *)text, strlen(text) };
	attr->values = value;
	return true;
}

static bool apply_mod(struct work *w, const struct mod *mod)
{
	/* hashes are not kept, so nobody can say what is there */
	if (strcasecmp(mod->attr.name, "userPassword") == 0)
		return true;
	switch (mod->kind) {
	case MOD_ADD:
		return add_values(w, &mod->attr);
	case MOD_DELETE:
		return delete_values(w, &mod->attr);
	case MOD_REPLACE:
		return replace_values(w, &mod->attr);
	case MOD_INCREMENT:
		return increment(w, &mod->attr);
	}
	return false;
}

static const struct entry *finish(struct work *w, const struct entry *before, const char *dn)
{
	struct entry *after = arena_memdup(w->a, before, sizeof(*after));

	after->dn = dn;
	after->attrs = w->attrs;
	after->n = w->n;
	return after;
}

/* --- the first RDN of a name --- */

/* Calls what for each attribute of the RDN; what has reported why if it gives false. */
static bool each_ava(struct work *w, const char *dn,
	bool (*what)(struct work *w, const struct entry_attr *ava))
{
	LDAPDN parsed = NULL;
	bool ok = true;
	size_t i;

	if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS || parsed == NULL) {
		ldap_dnfree(parsed);
		return fail(w, LDAP_INVALID_DN_SYNTAX, dn, "not a name") != NULL;
	}
	for (i = 0; ok && parsed[0][i] != NULL; i++) {
		const LDAPAVA *ava = parsed[0][i];
		struct blob *v = arena_alloc(w->a, sizeof(*v));
		struct entry_attr attr = { .values = v, .n = 1 };

		attr.name = arena_strndup(w->a, ava->la_attr.bv_val, ava->la_attr.bv_len);
		v->data = (unsigned char *)arena_strndup(w->a, ava->la_value.bv_val,
			ava->la_value.bv_len);
		v->size = ava->la_value.bv_len;
		ok = what(w, &attr);
	}
	ldap_dnfree(parsed);
	return ok;
}

/* The directory adds what the name says and the entry does not. */
static bool add_missing(struct work *w, const struct entry_attr *ava)
{
	struct entry_attr *attr = find_or_make(w, ava->name);

	if (index_of(w, attr, &ava->values[0]) == attr->n)
		append(w, attr, ava->values, 1);
	return true;
}

static bool take_away(struct work *w, const struct entry_attr *ava)
{
	return delete_values(w, ava);
}

const struct entry *apply_add(struct arena *a, const struct request *r, int *code, struct err *e)
{
	struct work w = { .a = a, .code = code, .e = e };

	work_init(&w, r->entry);
	if (!each_ava(&w, r->dn, add_missing))
		return NULL;
	return finish(&w, r->entry, r->dn);
}

const struct entry *apply_modify(struct arena *a, const struct entry *before,
	const struct obj_class *class, const struct request *r, int *code, struct err *e)
{
	struct work w = { .a = a, .class = class, .code = code, .e = e };
	size_t i;

	work_init(&w, before);
	for (i = 0; i < r->mod_count; i++)
		if (!apply_mod(&w, &r->mods[i]))
			return NULL;
	return finish(&w, before, before->dn);
}

const struct entry *apply_rename(struct arena *a, const struct entry *before,
	const struct request *r, int *code, struct err *e)
{
	struct work w = { .a = a, .code = code, .e = e };
	const char *parent = r->new_superior != NULL ? r->new_superior : dn_parent(before->dn);
	const char *dn = *parent != '\0' ? arena_printf(a, "%s,%s", r->new_rdn, parent) :
		r->new_rdn;

	work_init(&w, before);
	if (r->delete_old_rdn && !each_ava(&w, before->dn, take_away))
		return NULL;
	if (!each_ava(&w, dn, add_missing))
		return NULL;
	return finish(&w, before, dn);
}
