/* difference.c - see difference.h */
#include "edgesyncd/difference.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"

struct work {
	struct arena *a;
	struct edge_op *ops;		/* from malloc until the end */
	size_t n, room;
	bool anew;
	struct difference *out;
};

enum { DEPTHS = 64 };		/* of an entry; deeper ones share a phase */

/* --- values --- */

static int compare_blobs(const void *x, const void *y)
{
	const struct blob *a = x, *b = y;
	size_t n = a->size < b->size ? a->size : b->size;
	int r = n != 0 ? memcmp(a->data, b->data, n) : 0;

	return r != 0 ? r : (a->size > b->size) - (a->size < b->size);
}

static bool same_in_order(const struct entry_attr *x, const struct entry_attr *y)
{
	size_t i;

	if (x->n != y->n)
		return false;
	for (i = 0; i < x->n; i++)
		if (compare_blobs(&x->values[i], &y->values[i]) != 0)
			return false;
	return true;
}

/* Each value as it compares, sorted. */
static struct entry_attr canonical(struct arena *a, const struct entry_attr *attr, bool refs)
{
	struct blob *v = arena_memdup(a, attr->values, attr->n * sizeof(*v));
	const char *ndn;
	size_t i;

	for (i = 0; refs && i < attr->n; i++) {
		ndn = v[i].size <= ENTRY_DN_MAX ? dn_normalize(a, (const char *)v[i].data) : NULL;
		if (ndn != NULL)
			v[i] = (struct blob){ (const unsigned char *)ndn, strlen(ndn) };
	}
	if (attr->n > 1)
		qsort(v, attr->n, sizeof(*v), compare_blobs);
	return (struct entry_attr){ attr->name, v, attr->n };
}

static bool is_reference(const struct obj_class *class, const char *name)
{
	const struct attr_def *def = class != NULL ? obj_class_attr(class, name) : NULL;

	return def != NULL && (def->kind == ATTR_REF || def->kind == ATTR_REFS);
}

static bool same_values(const struct obj_class *class, const struct entry_attr *x,
	const struct entry_attr *y)
{
	struct arena *a;
	struct entry_attr one, other;
	bool refs, same;

	if (same_in_order(x, y))
		return true;
	refs = is_reference(class, x->name);
	if (!refs && x->n == 1 && y->n == 1)
		return false;
	a = arena_new();
	one = canonical(a, x, refs);
	other = canonical(a, y, refs);
	same = same_in_order(&one, &other);
	arena_free_wiped(&a);
	return same;
}

/* --- writes --- */

static struct edge_op *put_op(struct work *w, enum edge_write write, const struct edge_entry *e)
{
	struct edge_op *op;

	if (w->n == w->room) {
		w->room = w->room != 0 ? w->room * 2 : 64;
		w->ops = xreallocarray(w->ops, w->room, sizeof(*w->ops));
	}
	op = &w->ops[w->n++];
	*op = (struct edge_op){ .write = write, .dn = e->entry->dn };
	return op;
}

static unsigned int bounded(unsigned int depth)
{
	return depth < DEPTHS ? depth : DEPTHS - 1;
}

static void put_delete(struct work *w, const struct edge_entry *there, bool again)
{
	struct edge_op *op = put_op(w, EDGE_DELETE, there);

	op->phase = DEPTHS - bounded(there->depth);
	op->again = again;
}

static void put_add(struct work *w, const struct edge_entry *here)
{
	struct edge_op *op = put_op(w, EDGE_ADD, here);

	op->phase = DEPTHS + 1 + (unsigned int)here->rank * DEPTHS + bounded(here->depth);
	op->entry = here->entry;
}

static void put_change(struct directory_change *changes, size_t *n, const char *name,
	const struct entry_attr *to)
{
	changes[(*n)++] = (struct directory_change){ .how = DIRECTORY_REPLACE, .attr = name,
		.values = to != NULL ? to->values : NULL, .n = to != NULL ? to->n : 0 };
}

static void put_modify(struct work *w, const struct edge_entry *here,
	const struct edge_entry *there)
{
	const struct entry *to = here->entry, *from = there->entry;
	struct directory_change *changes = NULL;
	const struct obj_class *class = here->depth == 0 ? &organization_class : here->class;
	const struct entry_attr *old;
	struct edge_op *op;
	size_t i, n = 0;

	changes = arena_alloc(w->a, (to->n + from->n) * sizeof(*changes));
	for (i = 0; i < to->n; i++) {
		old = entry_attr(from, to->attrs[i].name);
		if (old == NULL || !same_values(class, &to->attrs[i], old))
			put_change(changes, &n, to->attrs[i].name, &to->attrs[i]);
	}
	for (i = 0; i < from->n; i++)
		if (entry_attr(to, from->attrs[i].name) == NULL)
			put_change(changes, &n, from->attrs[i].name, NULL);
	if (n == 0)
		return;
	if (w->anew && here->depth > 1) {
		put_delete(w, there, true);
		put_add(w, here);
		return;
	}
	op = put_op(w, EDGE_MODIFY, there);
	op->phase = DEPTHS + 1 + EDGE_RANKS * DEPTHS;
	op->changes = changes;
	op->n = n;
}

/* The structural class of an entry cannot be changed. */
static bool is_another_class(const struct edge_entry *here, const struct edge_entry *there)
{
	return here->depth > 1 && here->class != there->class;
}

static void compare_entry(struct work *w, const struct edge_entry *here,
	const struct edge_entry *there)
{
	if (is_another_class(here, there)) {
		put_delete(w, there, true);
		put_add(w, here);
	} else if (here->depth != 1) {
		put_modify(w, here, there);
	}
}

/* --- losses --- */

static const struct loss_kind {
	enum obj_kind kind;
	const char *what;
} loss_kinds[DIFFERENCE_LOSSES] = {
	[LOST_CONNECTORS] = { OBJ_SEND_CONNECTOR, "connectors" },
	[LOST_DOMAINS] = { OBJ_ACCEPTED_DOMAIN, "accepted domains" },
	[LOST_HUBS] = { OBJ_SERVER, "hubs" },
};

static void count_loss(struct difference *d, const struct edge_entry *there, bool lost)
{
	size_t i;

	for (i = 0; there->class != NULL && i < DIFFERENCE_LOSSES; i++)
		if (there->class->kind == loss_kinds[i].kind) {
			d->losses[i].before++;
			d->losses[i].lost += lost;
		}
}

static void count_gain(struct difference *d, const struct edge_entry *here)
{
	size_t i;

	for (i = 0; here->class != NULL && i < DIFFERENCE_LOSSES; i++)
		d->gains[i] += here->class->kind == loss_kinds[i].kind;
}

/* Has the edge moved to another site? */
static void notice_site(struct difference *d, const struct edge_entries *here,
	const struct edge_entries *there)
{
	size_t i;

	for (i = 0; i < there->n; i++)
		if (there->v[i].class == &site_class &&
		    edge_entries_find(here, there->v[i].rdn) == NULL)
			d->other_site = true;
	if (d->other_site)
		d->losses[LOST_HUBS].lost = 0;
}

/* --- all of it --- */

static int compare_phases(const void *x, const void *y)
{
	const struct edge_op *a = x, *b = y;

	return a->phase != b->phase ? (a->phase > b->phase) - (a->phase < b->phase) :
		strcmp(a->dn, b->dn);
}

static void surplus(struct work *w, const struct edge_entry *there)
{
	count_loss(w->out, there, true);
	/* what stands below a container goes; the container itself is in use */
	if (there->depth > 1)
		put_delete(w, there, false);
}

static void walk(struct work *w, const struct edge_entries *here,
	const struct edge_entries *there)
{
	size_t i = 0, j = 0;
	int order;

	while (i < here->n || j < there->n) {
		order = i == here->n ? 1 : j == there->n ? -1 :
			strcmp(here->v[i].rdn, there->v[j].rdn);
		if (order == 0) {
			count_loss(w->out, &there->v[j], false);
			compare_entry(w, &here->v[i], &there->v[j]);
		} else if (order < 0) {
			count_gain(w->out, &here->v[i]);
			put_add(w, &here->v[i]);
		} else {
			surplus(w, &there->v[j]);
		}
		w->out->scanned += order <= 0 ? here->v[i].depth != 1 : there->v[j].depth != 1;
		i += order <= 0;
		j += order >= 0;
	}
}

void difference_make(struct arena *a, const struct edge_entries *here,
	const struct edge_entries *there, bool anew, struct difference *out)
{
	struct work w = { .a = a, .anew = anew, .out = out };
	size_t i;

	*out = (struct difference){ .scanned = 0 };
	for (i = 0; i < DIFFERENCE_LOSSES; i++)
		out->losses[i].what = loss_kinds[i].what;
	walk(&w, here, there);
	notice_site(out, here, there);
	if (w.n != 0)
		qsort(w.ops, w.n, sizeof(*w.ops), compare_phases);
	out->ops = arena_memdup(a, w.ops, w.n * sizeof(*w.ops));
	out->n = w.n;
	free(w.ops);
}
