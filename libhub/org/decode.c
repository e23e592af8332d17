/* decode.c - see decode.h
 *
 * Every attribute is looked up in the table once; what the table does not know is reported and
 * ignored, so that a newer directory does not stop an older hub. A value that breaks its row's rule
 * rejects the whole object: half an object is worse than the last good one.
 */
#include "libhub/org/decode.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistr.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/fingerprint.h"

enum { NAME_CHARS_MAX = 64, ROWS_MAX = 64 };

struct decode {
	struct record *r;
	struct arena *arena;
	struct obj *obj;
	uint64_t seen;		/* bit per row of the class */
	struct err *e;
};

static int bad_value(struct decode *d, const struct attr_def *def, const struct blob *v,
	const char *rule)
{
	if ((def->flags & ATTR_SECRET) != 0)
		return err_config(d->e, "%s: %s", def->name, rule);
	return err_config(d->e, "%s \"%.*s\": %s", def->name,
		(int)(v->size > 100 ? 100 : v->size), (const char *)v->data, rule);
}

/* The value as a string, or NULL with the error set. */
static const char *as_text(struct decode *d, const struct attr_def *def, const struct blob *v)
{
	const char *text = (const char *)v->data;

	if (v->size == 0 || (def->max != 0 && v->size > def->max)) {
		err_config(d->e, "%s: a value is empty or longer than %llu bytes", def->name,
			(unsigned long long)def->max);
		return NULL;
	}
	if (!value_is_text(text, v->size)) {
		err_config(d->e, "%s: a value holds control characters or is no UTF-8",
			def->name);
		return NULL;
	}
	return text;
}

static int decode_flag(struct decode *d, const struct attr_def *def, const struct blob *v,
	bool *out)
{
	if (v->size == 4 && memcmp(v->data, "TRUE", 4) == 0)
		*out = true;
	else if (v->size == 5 && memcmp(v->data, "FALSE", 5) == 0)
		*out = false;
	else
		return bad_value(d, def, v, "neither TRUE nor FALSE");
	return 0;
}

static int decode_int(struct decode *d, const struct attr_def *def, const struct blob *v,
	uint64_t *out)
{
	uint64_t n = 0;
	size_t i;

	/* 18 digits cannot overflow */
	for (i = 0; i < v->size && i < 18 && v->data[i] >= '0' && v->data[i] <= '9'; i++)
		n = n * 10 + (uint64_t)(v->data[i] - '0');
	if (v->size == 0 || i != v->size || n < def->min || n > def->max)
		return err_config(d->e, "%s \"%.*s\": %s, %llu to %llu", def->name,
			(int)(v->size > 40 ? 40 : v->size), (const char *)v->data,
			i < v->size && i < 18 && v->data[0] != '-' ? "no whole number" :
			"out of range",
			(unsigned long long)def->min, (unsigned long long)def->max);
	*out = n;
	return 0;
}

static int decode_name(struct decode *d, const struct attr_def *def, const struct blob *v,
	const char **out)
{
	const char *text = as_text(d, def, v);
	size_t skip;

	if (text == NULL)
		return -1;
	skip = (def->flags & ATTR_WILDCARD) != 0 && strncmp(text, "*.", 2) == 0 ? 2 : 0;
	if (!value_is_domain(text + skip))
		return bad_value(d, def, v, "not a host or domain name (A-labels)");
	*out = value_lower(d->arena, text);
	return 0;
}

static int bad_choice(struct decode *d, const struct attr_def *def, const struct blob *v)
{
	const char *words = "";
	int i;

	for (i = 0; def->choices[i] != NULL; i++)
		if (*def->choices[i] != '\0')
			words = arena_printf(d->arena, "%s%s%s", words, *words != '\0' ? ", " : "",
				def->choices[i]);
	return bad_value(d, def, v, arena_printf(d->arena, "none of %s", words));
}

static int decode_choice(struct decode *d, const struct attr_def *def, const struct blob *v)
{
	int i;

	for (i = 0; def->choices[i] != NULL; i++)
		if (v->size != 0 && strlen(def->choices[i]) == v->size &&
		    memcmp(def->choices[i], v->data, v->size) == 0)
			return i;
	return bad_choice(d, def, v);
}

static int decode_ref(struct decode *d, const struct attr_def *def, const struct blob *v,
	struct ref *out)
{
	out->dn = (const char *)v->data;
	out->ndn = NULL;
	if (v->size != 0 && v->size <= ENTRY_DN_MAX && strlen(out->dn) == v->size)
		out->ndn = dn_normalize(d->arena, out->dn);
	return out->ndn != NULL ? 0 : bad_value(d, def, v, "not a DN");
}

/* What value.h parses takes a string and says what is wrong; the attribute is put before it. */
static int decode_structured(struct decode *d, const struct attr_def *def, const struct blob *v,
	void *out)
{
	const char *text = as_text(d, def, v);
	struct err why;
	int r = -1;

	if (text == NULL)
		return -1;
	switch (def->kind) {
	case ATTR_SPACES:
		r = value_address_space(d->arena, text, out, &why);
		break;
	case ATTR_SMART_HOSTS:
		r = value_smart_host(d->arena, text, out, &why);
		break;
	case ATTR_ENDPOINT:
	case ATTR_ENDPOINTS:
		r = (def->flags & ATTR_BINDING) != 0 ? value_binding(d->arena, text, out, &why) :
			value_endpoint(d->arena, text, (def->flags & ATTR_PORT_REQUIRED) != 0, out,
				&why);
		break;
	case ATTR_RANGES:
		r = value_ip_range(d->arena, text, out, &why);
		break;
	case ATTR_GRANTS:
		r = value_grant(text, out, &why);
		break;
	case ATTR_SOURCES:
		r = value_source_address(d->arena, text, out, &why);
		break;
	default:
		BUG_ON(true);
	}
	return r == 0 ? 0 : err_config(d->e, "%s: %s", def->name, why.text);
}

static int decode_blob(struct decode *d, const struct attr_def *def, const struct blob *v,
	struct blob *out)
{
	if (v->size == 0 || v->size > def->max)
		return err_config(d->e, "%s: a value is empty or larger than %llu bytes",
			def->name, (unsigned long long)def->max);
	*out = *v;
	return 0;
}

/* One value into one element of a list, or into a single-valued field. */
static int decode_value(struct decode *d, const struct attr_def *def, const struct blob *v,
	void *out)
{
	int choice;

	switch (def->kind) {
	case ATTR_FLAG:
		return decode_flag(d, def, v, out);
	case ATTR_INT:
		return decode_int(d, def, v, out);
	case ATTR_TEXT:
	case ATTR_TEXTS:
		*(const char **)out = as_text(d, def, v);
		return *(const char **)out != NULL ? 0 : -1;
	case ATTR_NAME:
	case ATTR_NAMES:
		return decode_name(d, def, v, out);
	case ATTR_REF:
	case ATTR_REFS:
		return decode_ref(d, def, v, out);
	case ATTR_ENUM:
		choice = decode_choice(d, def, v);
		*(int *)out = choice;
		return choice < 0 ? -1 : 0;
	case ATTR_ENUMS:
		choice = decode_choice(d, def, v);
		if (choice >= 0)
			*(uint32_t *)out |= UINT32_C(1) << choice;
		return choice < 0 ? -1 : 0;
	case ATTR_BLOBS:
		return decode_blob(d, def, v, out);
	default:
		return decode_structured(d, def, v, out);
	}
}

/* Size of an element of a list; 0 for what is no list. */
static size_t element_size(enum attr_kind kind)
{
	switch (kind) {
	case ATTR_TEXTS:
	case ATTR_NAMES:
		return sizeof(const char *);
	case ATTR_REFS:
		return sizeof(struct ref);
	case ATTR_BLOBS:
		return sizeof(struct blob);
	case ATTR_SPACES:
		return sizeof(struct address_space);
	case ATTR_SMART_HOSTS:
		return sizeof(struct smart_host);
	case ATTR_ENDPOINTS:
		return sizeof(struct endpoint);
	case ATTR_RANGES:
		return sizeof(struct ip_range);
	case ATTR_GRANTS:
		return sizeof(struct grant);
	case ATTR_SOURCES:
		return sizeof(struct source_address);
	default:
		return 0;
	}
}

#define SET_LIST(type) (*ATTR_AT(struct type, obj, def) = (struct type){ v, n })

static void set_list(struct obj *obj, const struct attr_def *def, void *v, size_t n)
{
	switch (def->kind) {
	case ATTR_TEXTS:
	case ATTR_NAMES:
		SET_LIST(strings);
		break;
	case ATTR_REFS:
		SET_LIST(refs);
		break;
	case ATTR_BLOBS:
		SET_LIST(blobs);
		break;
	case ATTR_SPACES:
		SET_LIST(address_spaces);
		break;
	case ATTR_SMART_HOSTS:
		SET_LIST(smart_hosts);
		break;
	case ATTR_ENDPOINTS:
		SET_LIST(endpoints);
		break;
	case ATTR_RANGES:
		SET_LIST(ip_ranges);
		break;
	case ATTR_GRANTS:
		SET_LIST(grants);
		break;
	case ATTR_SOURCES:
		SET_LIST(source_addresses);
		break;
	default:
		BUG_ON(true);
	}
}

static int decode_list(struct decode *d, const struct attr_def *def, const struct entry_attr *attr,
	size_t element)
{
	char *v = arena_alloc(d->arena, attr->n * element);
	size_t i;

	if (def->kind == ATTR_BLOBS && attr->n > def->min)
		return err_config(d->e, "%s has %zu values, at most %llu are allowed",
			def->name, attr->n, (unsigned long long)def->min);
	for (i = 0; i < attr->n; i++)
		if (decode_value(d, def, &attr->values[i], v + i * element) < 0)
			return -1;
	set_list(d->obj, def, v, attr->n);
	return 0;
}

static int decode_attr(struct decode *d, const struct attr_def *def, const struct entry_attr *attr)
{
	size_t element = element_size(def->kind);
	size_t i;

	if (attr->n == 0)
		return 0;
	if (def->present_off != 0)
		*(bool *)((char *)d->obj + def->present_off) = true;
	if (element != 0)
		return decode_list(d, def, attr, element);
	if (def->kind == ATTR_ENUMS)
		*ATTR_AT(uint32_t, d->obj, def) = 0;
	else if (attr->n > 1)
		return err_config(d->e, "%s has %zu values and takes one", def->name, attr->n);
	for (i = 0; i < attr->n; i++)
		if (decode_value(d, def, &attr->values[i], (char *)d->obj + def->off) < 0)
			return -1;
	return 0;
}

static void set_default(struct obj *obj, const struct attr_def *def)
{
	switch (def->kind) {
	case ATTR_FLAG:
		*ATTR_AT(bool, obj, def) = def->dflt != 0;
		break;
	case ATTR_INT:
		*ATTR_AT(uint64_t, obj, def) = def->dflt;
		break;
	case ATTR_ENUM:
		*ATTR_AT(int, obj, def) = (int)def->dflt;
		break;
	case ATTR_ENUMS:
		*ATTR_AT(uint32_t, obj, def) = (uint32_t)def->dflt;
		break;
	default:
		break;
	}
}

void decode_defaults(struct obj *obj)
{
	const struct attr_def *def;
	size_t i;

	for (i = 0; (def = obj_class_row(obj->class, i)) != NULL; i++)
		set_default(obj, def);
}

static size_t characters(const struct blob *v)
{
	return u8_mbsnlen(v->data, v->size);
}

static int decode_cn(struct decode *d, const struct entry_attr *attr)
{
	const struct blob *v = &attr->values[0];
	const char *name = (const char *)v->data;

	if (attr->n != 1)
		return err_config(d->e, "cn has %zu values and takes one", attr->n);
	if (v->size == 0 || !value_is_text(name, v->size) || characters(v) > NAME_CHARS_MAX)
		return err_config(d->e, "cn \"%.64s\": empty, control characters, or longer "
			"than 64 characters", name);
	/* slapd compares names without them, so two objects could be one for a person */
	if (name[0] == ' ' || name[v->size - 1] == ' ')
		return err_config(d->e, "cn \"%.64s\" begins or ends with a space", name);
	if (strpbrk(name, "[]*()+,;<>=#/\"\\") != NULL)
		return err_config(d->e, "cn \"%.64s\": none of [ ] * ( ) + , ; < > = # / \" "
			"\\ may stand in it", name);
	d->obj->name = name;
	d->r->key = name_fold(d->arena, name);
	return 0;
}

/* Keeps a note that attr was ignored; warnings has room for one per attribute. */
static void warn_unknown(struct record *r, const char **warnings, const char *attr)
{
	if (strncasecmp(attr, "hub", 3) != 0)
		return;
	warnings[r->warning_count++] = arena_printf(r->arena, "%s: attribute %.64s is not known of "
		"%s, ignored", r->raw.dn, attr, r->class->ldap_class);
}

static int decode_attrs(struct decode *d)
{
	const struct entry *raw = &d->r->raw;
	const char **warnings = arena_alloc(d->arena, raw->n * sizeof(*warnings));
	size_t i;

	d->r->warnings = warnings;
	for (i = 0; i < raw->n; i++) {
		const struct entry_attr *attr = &raw->attrs[i];
		const struct attr_def *def = obj_class_attr(d->r->class, attr->name);

		if (strcasecmp(attr->name, "cn") == 0) {
			if (decode_cn(d, attr) < 0)
				return -1;
		} else if (def == NULL) {
			warn_unknown(d->r, warnings, attr->name);
		} else {
			if (decode_attr(d, def, attr) < 0)
				return -1;
			if ((def->flags & ATTR_REQUIRED) != 0)
				d->seen |= UINT64_C(1) << (def - d->r->class->attrs);
		}
	}
	return 0;
}

static int check_required(struct decode *d)
{
	const struct attr_def *def = d->r->class->attrs;
	size_t i;

	if (d->obj->name == NULL)
		return err_config(d->e, "cn is missing");
	for (i = 0; def[i].name != NULL; i++) {
		BUG_ON(i >= ROWS_MAX);
		if ((def[i].flags & ATTR_REQUIRED) != 0 && (d->seen & UINT64_C(1) << i) == 0)
			return err_config(d->e, "%s is missing", def[i].name);
	}
	return 0;
}

/*
 * Who may write into one container must not be able to make objects of another there: the access
 * rules go by containers, and so does hubctl.
 */
static int check_place(struct decode *d)
{
	const struct obj_class *class = d->r->class;
	const char *rdn = d->r->rdn, *parent = dn_parent(rdn);

	if (class->kind == OBJ_ORGANIZATION)
		return *rdn == '\0' ? 0 :
			err_config(d->e, "hubOrganization stands at the base only");
	if (class->container != NULL && strcmp(parent, class->container) != 0)
		return err_config(d->e, "a %s must stand directly below %s", class->ldap_class,
			class->container);
	/* no name has a "+" in it: this one joins two attributes */
	if (strncmp(rdn, "cn=", 3) != 0 || memchr(rdn, '+', (size_t)(parent - rdn)) != NULL)
		return err_config(d->e, "the first part of the DN must be cn alone");
	return 0;
}

int decode_record(struct record *r, struct err *e)
{
	struct decode d = { .r = r, .arena = r->arena, .e = e };

	r->warning_count = 0;
	d.obj = arena_alloc(r->arena, r->class->size);
	d.obj->class = r->class;
	d.obj->dn = r->raw.dn;
	d.obj->ndn = r->ndn;
	d.obj->rdn = r->rdn;
	if (r->raw.has_uuid)
		memcpy(d.obj->uuid, r->raw.uuid, sizeof(d.obj->uuid));
	decode_defaults(d.obj);
	if (decode_attrs(&d) < 0 || check_required(&d) < 0 || check_place(&d) < 0)
		return -1;
	if (r->class->complete != NULL && r->class->complete(d.obj, r->arena, e) < 0)
		return -1;
	r->obj = d.obj;
	fingerprint_object(d.obj, r->digest);
	return 0;
}
