/* record.c - see record.h */
#include "libhub/org/record.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"
#include "libhub/org/decode.h"
#include "libhub/org/dn.h"

static int compare_blobs(const void *x, const void *y)
{
	const struct blob *a = x, *b = y;
	size_t n = a->size < b->size ? a->size : b->size;
	int r = n != 0 ? memcmp(a->data, b->data, n) : 0;

	return r != 0 ? r : (a->size > b->size) - (a->size < b->size);
}

static bool is_sorted(const struct blob *v, size_t n)
{
	size_t i;

	for (i = 1; i < n; i++)
		if (compare_blobs(&v[i - 1], &v[i]) > 0)
			return false;
	return true;
}

/* The order of values is arbitrary in a directory; sorted, every reader has the same. */
static const struct blob *copy_values(struct arena *a, const struct entry_attr *attr)
{
	struct blob *v = arena_alloc(a, attr->n * sizeof(*v));
	size_t i;

	for (i = 0; i < attr->n; i++) {
		v[i].data = (unsigned char *)arena_strndup(a, (const char *)attr->values[i].data,
			attr->values[i].size);
		v[i].size = attr->values[i].size;
	}
	if (!is_sorted(v, attr->n))
		qsort(v, attr->n, sizeof(*v), compare_blobs);
	return v;
}

/* Is the entry small enough to be kept? *why says what is not. */
static bool within_bounds(const struct entry *e, const char **why, const char **attr)
{
	size_t i, j, total = 0;

	for (i = 0; i < e->n; i++) {
		*attr = e->attrs[i].name;
		*why = "has more than 1000 values";
		if (e->attrs[i].n > ENTRY_VALUES_MAX || i > ENTRY_VALUES_MAX)
			return false;
		*why = "makes the entry larger than 1 MiB";
		for (j = 0; j < e->attrs[i].n; j++) {
			if (e->attrs[i].values[j].size > ENTRY_BYTES_MAX)
				return false;
			total += e->attrs[i].values[j].size;
		}
		if (total > ENTRY_BYTES_MAX)
			return false;
	}
	return true;
}

static bool is_class(const char *name)
{
	return strcasecmp(name, "objectClass") == 0;
}

/* Password hashes are nobody's business, not even the offline cache's. */
static bool is_kept(const struct record *r, const char *name)
{
	if (r->error != NULL)
		return is_class(name);
	return strcasecmp(name, "userPassword") != 0;
}

static void copy_attrs(struct record *r, const struct entry *e)
{
	struct entry_attr *attrs = arena_alloc(r->arena, e->n * sizeof(*attrs));
	size_t i, n = 0;

	for (i = 0; i < e->n; i++) {
		const struct entry_attr *from = &e->attrs[i];

		if (!is_kept(r, from->name) || from->n > ENTRY_VALUES_MAX)
			continue;
		attrs[n].name = arena_strdup(r->arena, from->name);
		attrs[n].values = copy_values(r->arena, from);
		attrs[n++].n = from->n;
	}
	r->raw.attrs = attrs;
	r->raw.n = n;
}

/* The object class that is ours, if any; warns of one that looks like ours and is unknown. */
static void find_class(struct record *r)
{
	static const char *const silent[] = {
		"hubObject", "hubContainer", "hubRecipientBucket", "hubMailGroup", "hubRecipient",
		"hubEdgeState", "hubPushMarker", "hubSyncAccount", NULL
	};
	const char *unknown = NULL;
	size_t i, j, k;

	for (i = 0; i < r->raw.n; i++) {
		for (j = 0; is_class(r->raw.attrs[i].name) && j < r->raw.attrs[i].n; j++) {
			const char *name = (const char *)r->raw.attrs[i].values[j].data;

			if (r->class == NULL)
				r->class = obj_class_by_ldap(name);
			for (k = 0; silent[k] != NULL && strcasecmp(silent[k], name) != 0; k++)
				;
			if (silent[k] == NULL && strncasecmp(name, "hub", 3) == 0)
				unknown = name;
		}
	}
	if (r->class == NULL && unknown != NULL) {
		const char **warning = arena_alloc(r->arena, sizeof(*warning));

		*warning = arena_printf(r->arena, "%s: unknown object class %.64s, ignored",
			r->raw.dn, unknown);
		r->warnings = warning;
		r->warning_count = 1;
	}
}

struct record *record_new(const struct entry *e, const char *nbase)
{
	struct arena *a = arena_new();
	const char *ndn = NULL, *rdn = NULL, *why, *attr;
	struct record *r;

	if (strlen(e->dn) <= ENTRY_DN_MAX)
		ndn = dn_normalize(a, e->dn);
	if (ndn != NULL)
		rdn = dn_relative(a, ndn, nbase);
	if (rdn == NULL) {
		arena_free_wiped(&a);
		return NULL;
	}
	r = arena_alloc(a, sizeof(*r));
	atomic_init(&r->refs, 1);
	r->arena = a;
	r->ndn = ndn;
	r->rdn = rdn;
	r->key = "";
	r->raw.dn = arena_strdup(a, e->dn);
	r->raw.has_uuid = e->has_uuid;
	memcpy(r->raw.uuid, e->uuid, sizeof(r->raw.uuid));
	if (!within_bounds(e, &why, &attr))
		r->error = arena_printf(a, "%.64s %s", attr, why);
	copy_attrs(r, e);
	find_class(r);
	return r;
}

void record_decode(struct record *r)
{
	struct err e;

	if (r->class == NULL) {
		/* only its name counts from here on */
		r->raw.attrs = NULL;
		r->raw.n = 0;
		return;
	}
	if (r->error == NULL && decode_record(r, &e) < 0) {
		r->obj = NULL;
		r->error = arena_strdup(r->arena, e.text);
	}
}

static bool values_equal(const struct entry_attr *a, const struct entry_attr *b)
{
	size_t i;

	if (a->n != b->n)
		return false;
	for (i = 0; i < a->n; i++)
		if (compare_blobs(&a->values[i], &b->values[i]) != 0)
			return false;
	return true;
}

bool record_equal(const struct record *a, const struct record *b)
{
	size_t i;

	if (strcmp(a->raw.dn, b->raw.dn) != 0 || a->raw.has_uuid != b->raw.has_uuid ||
	    memcmp(a->raw.uuid, b->raw.uuid, sizeof(a->raw.uuid)) != 0 || a->raw.n != b->raw.n)
		return false;
	for (i = 0; i < a->raw.n; i++)
		if (strcmp(a->raw.attrs[i].name, b->raw.attrs[i].name) != 0 ||
		    !values_equal(&a->raw.attrs[i], &b->raw.attrs[i]))
			return false;
	return true;
}

static const struct entry_attr *find_attr(const struct entry *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (strcasecmp(e->attrs[i].name, name) == 0)
			return &e->attrs[i];
	return NULL;
}

bool record_same(const struct record *a, const struct record *b)
{
	const struct entry_attr *other;
	size_t i;

	if (strcmp(a->ndn, b->ndn) != 0 || a->raw.n != b->raw.n)
		return false;
	for (i = 0; i < a->raw.n; i++) {
		other = find_attr(&b->raw, a->raw.attrs[i].name);
		if (other == NULL || !values_equal(&a->raw.attrs[i], other))
			return false;
	}
	return true;
}

struct record *record_ref(struct record *r)
{
	atomic_fetch_add_explicit(&r->refs, 1, memory_order_relaxed);
	return r;
}

void record_unref(struct record **rp)
{
	struct record *r = *rp;
	struct arena *a;

	*rp = NULL;
	if (r == NULL || atomic_fetch_sub_explicit(&r->refs, 1, memory_order_acq_rel) != 1)
		return;
	a = r->arena;
	/* the passwords of connectors */
	arena_free_wiped(&a);
}
