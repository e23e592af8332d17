/* trial_edit.c - a change tried in place.
 *
 * An object is edited by writing a new instance over the old one, so every pointer to it (of
 * references, lists, indexes) stays good; the old bytes are kept until the verdict. Objects that
 * name it are made anew from their records, because their checks fill defaults from it, and are
 * checked again. Records that were replaced live until the next build, for keys point into them.
 *
 * This sees all that a build would: a check reads the object, what it names, its parent server and
 * that server's other connectors; a claim competes with the same claim only; and an object that
 * stays valid changes nothing for those two steps away.
 */
#include <stdio.h>
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/trial_impl.h"

/* An object overwritten, and what it was. */
struct undo {
	struct obj *obj;
	void *before;
};

struct undos {
	struct undo *v;
	size_t n, cap;
};

static void keep_record(struct records *kept, struct record *r)
{
	if (kept->n == kept->cap) {
		kept->cap = kept->cap != 0 ? kept->cap * 2 : 16;
		kept->v = xreallocarray(kept->v, kept->cap, sizeof(*kept->v));
	}
	kept->v[kept->n++] = r;
}

static void overwrite(struct undos *undos, struct obj *to, const struct obj *from)
{
	if (undos->n == undos->cap) {
		undos->cap = undos->cap != 0 ? undos->cap * 2 : 16;
		undos->v = xreallocarray(undos->v, undos->cap, sizeof(*undos->v));
	}
	undos->v[undos->n++] = (struct undo){ to, xmemdup(to, to->class->size) };
	memcpy(to, from, from->class->size);
}

/* From the last to the first, for one object may have been written twice. */
static void undos_end(struct undos *undos, bool revert)
{
	while (undos->n > 0) {
		struct undo *u = &undos->v[--undos->n];

		if (revert)
			memcpy(u->obj, u->before, u->obj->class->size);
		free(u->before);
	}
	free(undos->v);
}

static int check(const struct trial *t, struct obj *o, struct err *e)
{
	return o->class->check != NULL ? o->class->check(o, &t->s->pub, e) : 0;
}

/* A reference that dangles now and did not before. */
static int check_dangling(const struct texts *before, const struct texts *after, struct err *e)
{
	size_t i, j;

	for (i = 0; i < after->n; i++) {
		for (j = 0; j < before->n && strcmp(before->v[j], after->v[i]) != 0; j++)
			;
		if (j == before->n)
			return err_set(e, ERR_CONFIG, 0, "%s", after->v[i]);
	}
	return 0;
}

static const char *claim_of(const struct obj *o, char key[OBJ_CLAIM_MAX])
{
	return o->class->claim != NULL ? o->class->claim(o, key, OBJ_CLAIM_MAX) : NULL;
}

static int check_claim(const struct trial *t, const struct obj *o, const struct record *r,
	struct err *e)
{
	char key[OBJ_CLAIM_MAX], reason[sizeof(e->text)];
	const char *rule = claim_of(o, key);
	const struct obj *holder = rule != NULL ? snapshot_impl_lookup(t->s, key) : NULL;

	if (holder == NULL || holder == o)
		return 0;
	snprintf(reason, sizeof(reason), "%s: \"%s\" has it", rule, holder->name);
	return trial_refuse(e, r, reason);
}

struct gathered {
	const struct obj **v;
	size_t n, cap;
};

static void gather(const struct obj *referrer, const char *attr, void *ctx)
{
	struct gathered *g = ctx;

	(void)attr;
	if (g->n > 0 && g->v[g->n - 1] == referrer)
		return;
	if (g->n == g->cap) {
		g->cap = g->cap != 0 ? g->cap * 2 : 16;
		g->v = xreallocarray(g->v, g->cap, sizeof(*g->v));
	}
	g->v[g->n++] = referrer;
}

static int recheck(struct trial *t, const struct obj *referrer, struct undos *undos, struct err *e)
{
	const struct in_force *f = snapshot_impl_find(t->s, referrer->ndn);
	struct texts ignored = { 0 };

	BUG_ON(f == NULL);
	overwrite(undos, f->obj, build_instance(t->s, f->record, &ignored));
	free(ignored.v);
	if (check(t, f->obj, e) == 0)
		return 0;
	return trial_refuse_other(e, f->obj, e->text);
}

static int recheck_referrers(struct trial *t, const struct obj *o, struct undos *undos,
	struct err *e)
{
	struct gathered g = { 0 };
	int rc = 0;
	size_t i;

	snapshot_each_referrer(&t->s->pub, o, gather, &g);
	for (i = 0; i < g.n && rc == 0; i++)
		rc = recheck(t, g.v[i], undos, e);
	free(g.v);
	return rc;
}

static int judge_modified(struct trial *t, struct in_force *f, struct record *r,
	struct undos *undos, struct err *e)
{
	struct texts before = { 0 }, after = { 0 };
	struct obj *fresh;
	int rc;

	build_instance(t->s, f->record, &before);
	fresh = build_instance(t->s, r, &after);
	overwrite(undos, f->obj, fresh);
	rc = check_dangling(&before, &after, e);
	free(before.v);
	free(after.v);
	if (rc == 0 && check(t, f->obj, e) != 0)
		rc = trial_refuse(e, r, e->text);
	if (rc == 0)
		rc = check_claim(t, f->obj, r, e);
	return rc == 0 ? recheck_referrers(t, f->obj, undos, e) : -1;
}

static void unclaim(struct trial *t, const struct obj *o)
{
	char key[OBJ_CLAIM_MAX];
	struct index_entry *entry = NULL;

	if (claim_of(o, key) != NULL)
		HASH_FIND_STR(t->s->index, key, entry);
	if (entry != NULL)
		HASH_DEL(t->s->index, entry);
}

static void enter_claim(struct trial *t, const struct obj *o)
{
	char key[OBJ_CLAIM_MAX];

	if (claim_of(o, key) != NULL)
		snapshot_impl_index(t->s, key, o);
}

static int modify(struct trial *t, struct in_force *f, struct record *r, struct err *e)
{
	struct undos undos = { 0 };
	int rc;

	rc = judge_modified(t, f, r, &undos, e);
	if (rc == 0) {
		/* the first one kept is the object itself, as it was */
		unclaim(t, undos.v[0].before);
		enter_claim(t, f->obj);
		keep_record(&t->replaced, f->record);
		f->record = record_ref(r);
	}
	undos_end(&undos, rc != 0);
	return rc;
}

/* Arrays of a snapshot are just as large as they were built; here they grow. */
static void append(struct trial *t, struct obj *o)
{
	struct objects *all = &t->s->pub.all[o->class->kind];
	size_t *room = &t->room[o->class->kind];

	if (all->n >= *room) {
		const struct obj **v;

		*room = all->n * 2 + 16;
		v = arena_alloc(t->s->arena, *room * sizeof(*v));
		if (all->n != 0)
			memcpy(v, all->v, all->n * sizeof(*v));
		all->v = v;
	}
	((const struct obj **)(uintptr_t)all->v)[all->n++] = o;
}

static int add(struct trial *t, struct record *r, struct err *e)
{
	struct texts none = { 0 }, dangling = { 0 };
	struct obj *o = build_instance(t->s, r, &dangling);
	int rc = check_dangling(&none, &dangling, e);

	free(dangling.v);
	if (rc != 0)
		return -1;
	if (check(t, o, e) != 0)
		return trial_refuse(e, r, e->text);
	if (check_claim(t, o, r, e) != 0)
		return -1;
	enter_claim(t, o);
	append(t, o);
	snapshot_impl_add(t->s, o, r, false);
	return 0;
}

bool trial_can_edit(struct trial *t, const struct record *old, const struct record *r)
{
	struct gathered g = { 0 };
	const struct obj target = { .ndn = r->ndn };

	/* what is rejected might come back */
	if (trial_snapshot(t)->rejection_count != 0 || (old != NULL && old->class != r->class))
		return false;
	if (old != NULL)
		return true;
	/* references that dangle would find it; the organization's entry stands for defaults */
	snapshot_each_referrer(&t->s->pub, &target, gather, &g);
	free(g.v);
	return g.n == 0 && r->class->kind != OBJ_ORGANIZATION;
}

int trial_edit(struct trial *t, const struct record *old, struct record *r,
	const struct entry *after, struct err *e)
{
	int rc;

	record_decode(r);
	if (r->obj == NULL)
		rc = trial_refuse(e, r, r->error);
	else if (old != NULL)
		rc = modify(t, snapshot_impl_find(t->s, r->ndn), r, e);
	else
		rc = add(t, r, e);
	if (rc == 0) {
		builder_put(t->builder, after);
		t->edits++;
	}
	return rc;
}

static void take_out(struct trial *t, struct in_force *f)
{
	struct objects *all = &t->s->pub.all[f->obj->class->kind];
	const struct obj **v = (const struct obj **)(uintptr_t)all->v;
	size_t i;

	for (i = 0; v[i] != f->obj; i++)
		BUG_ON(i + 1 == all->n);
	memmove(&v[i], &v[i + 1], (--all->n - i) * sizeof(*v));
	unclaim(t, f->obj);
	if (f->by_uuid.tbl != NULL)
		HASH_DELETE(by_uuid, t->s->by_uuid, f);
	HASH_DELETE(by_dn, t->s->by_dn, f);
	keep_record(&t->replaced, f->record);
}

void trial_take_away(struct trial *t, const char *ndn)
{
	struct in_force *f = t->s != NULL ? snapshot_impl_find(t->s, ndn) : NULL;

	/* of a connector a list remains; what is rejected may be waiting for its place */
	if (f == NULL || f->obj->class->kind == OBJ_RECEIVE_CONNECTOR ||
	    f->obj->class->kind == OBJ_ORGANIZATION || t->s->pub.rejection_count != 0)
		trial_outdate(t);
	else
		take_out(t, f);
	t->edits++;
}
