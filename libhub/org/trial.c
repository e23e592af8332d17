/* trial.c - see trial.h.
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
#include "libhub/org/trial.h"

#include <stdio.h>
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/builder_impl.h"
#include "libhub/org/dn.h"
#include "libhub/org/snapshot_impl.h"

enum {
	EDITS_MAX = 1000,	/* in place, then a build frees what they left */
	NAMED_MAX = 5,		/* referrers that a refusal lists */
};

struct records {
	struct record **v;
	size_t n, cap;
};

struct trial {
	struct builder *builder;
	struct snapshot_impl *s;	/* NULL: to be built */
	struct records replaced;	/* what s may still point into */
	size_t room[OBJ_KINDS];		/* of the arrays s->pub.all, 0 = as built */
	size_t edits;
};

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

struct trial *trial_new(const char *base)
{
	struct trial *t = xcalloc(1, sizeof(*t));

	t->builder = builder_new(base);
	return t;
}

/* Forgets the snapshot: the next change builds another. */
static void outdate(struct trial *t)
{
	const struct snapshot *s = (const void *)t->s;
	size_t i;

	snapshot_unref(&s);
	t->s = NULL;
	for (i = 0; i < t->replaced.n; i++)
		record_unref(&t->replaced.v[i]);
	t->replaced.n = 0;
	t->edits = 0;
	memset(t->room, 0, sizeof(t->room));
}

void trial_free(struct trial **tp)
{
	struct trial *t = *tp;

	*tp = NULL;
	if (t == NULL)
		return;
	outdate(t);
	free(t->replaced.v);
	builder_free(&t->builder);
	free(t);
}

const struct snapshot *trial_snapshot(struct trial *t)
{
	if (t->s == NULL)
		t->s = (struct snapshot_impl *)(uintptr_t)builder_build(t->builder, NULL);
	return &t->s->pub;
}

void trial_settle(struct trial *t)
{
	if (t->edits >= EDITS_MAX)
		outdate(t);
	trial_snapshot(t);
}

/* --- entries --- */

const char *trial_normalize(const struct trial *t, struct arena *a, const char *dn)
{
	const char *ndn = strlen(dn) <= ENTRY_DN_MAX ? dn_normalize(a, dn) : NULL;

	return ndn != NULL && dn_relative(a, ndn, t->builder->nbase) != NULL ? ndn : NULL;
}

struct record *trial_record(const struct trial *t, const char *ndn)
{
	return builder_record(t->builder, ndn);
}

struct record *trial_record_new(const struct trial *t, const struct entry *e)
{
	return record_new(e, t->builder->nbase);
}

bool trial_has_children(const struct trial *t, const char *ndn)
{
	const struct slot *slot;

	for (slot = t->builder->by_dn; slot != NULL; slot = slot->by_dn.next)
		if (strcmp(dn_parent(slot->record->ndn), ndn) == 0)
			return true;
	return false;
}

void trial_refresh_begin(struct trial *t)
{
	builder_refresh_begin(t->builder);
}

void trial_refresh_end(struct trial *t)
{
	size_t before = builder_count(t->builder);

	builder_refresh_end(t->builder);
	if (builder_count(t->builder) != before)
		outdate(t);
}

/* --- what a refusal says --- */

static const char *object_name(const struct record *r)
{
	return r->obj != NULL ? r->obj->name : r->raw.dn;
}

static int refuse(struct err *e, const struct record *r, const char *reason)
{
	char text[sizeof(e->text)];

	/* reason may stand in e */
	snprintf(text, sizeof(text), "%s", reason);
	return err_set(e, ERR_CONFIG, 0, "%s \"%.80s\": %s", r->class->ldap_class, object_name(r),
		text);
}

static int refuse_other(struct err *e, const struct obj *o, const char *reason)
{
	char text[sizeof(e->text)];

	snprintf(text, sizeof(text), "%s", reason);
	return err_set(e, ERR_CONFIG, 0, "this would break %s \"%.80s\": %s", o->class->ldap_class,
		o->name, text);
}

struct naming {
	const struct obj *last;
	size_t n;
	char text[200];
};

static void add_name(const struct obj *referrer, const char *attr, void *ctx)
{
	struct naming *names = ctx;
	size_t used = strlen(names->text);

	/* one that names it twice comes twice in a row */
	if (referrer == names->last)
		return;
	names->last = referrer;
	if (++names->n > NAMED_MAX)
		return;
	snprintf(names->text + used, sizeof(names->text) - used, "%s%s \"%.40s\"%s%s%s",
		names->n > 1 ? ", " : "", referrer->class->ldap_class, referrer->name,
		attr != NULL ? " (" : " below it", attr != NULL ? attr : "",
		attr != NULL ? ")" : "");
}

/* Refuses what something still names; what says "removed" or "renamed". */
static int check_unnamed(struct trial *t, const struct record *r, const char *what, struct err *e)
{
	struct naming names = { 0 };
	const struct obj target = { .ndn = r->ndn };

	snapshot_each_referrer(trial_snapshot(t), &target, add_name, &names);
	if (names.n == 0)
		return 0;
	return err_set(e, ERR_CONFIG, 0, "%s \"%.60s\" cannot be %s, %zu still name%s it: %s%s",
		r->class->ldap_class, object_name(r), what, names.n, names.n == 1 ? "s" : "",
		names.text, names.n > NAMED_MAX ? ", ..." : "");
}

/* --- by building before and after --- */

static bool rejected_in(const struct snapshot *s, const struct rejection *r)
{
	size_t i;

	for (i = 0; i < s->rejection_count; i++)
		if (strcmp(s->rejections[i].dn, r->dn) == 0 &&
		    strcmp(s->rejections[i].reason, r->reason) == 0)
			return true;
	return false;
}

static bool warned_in(const struct snapshot *s, const char *text)
{
	size_t i;

	for (i = 0; i < s->warning_count; i++)
		if (strcmp(s->warnings[i], text) == 0)
			return true;
	return false;
}

/* A warning of a record is about words we do not know; the others are dangling references. */
static bool is_dangling(const struct trial *t, const char *text)
{
	const struct slot *slot;
	size_t i;

	for (slot = t->builder->by_dn; slot != NULL; slot = slot->by_dn.next)
		for (i = 0; i < slot->record->warning_count; i++)
			if (strcmp(slot->record->warnings[i], text) == 0)
				return false;
	return true;
}

static int compare(const struct trial *t, const struct snapshot *before,
	const struct snapshot *after, struct err *e)
{
	size_t i;

	for (i = 0; i < after->rejection_count; i++)
		if (!rejected_in(before, &after->rejections[i]))
			return err_set(e, ERR_CONFIG, 0, "%s %.100s: %s",
				after->rejections[i].object_class, after->rejections[i].dn,
				after->rejections[i].reason);
	for (i = 0; i < after->warning_count; i++)
		if (!warned_in(before, after->warnings[i]) && is_dangling(t, after->warnings[i]))
			return err_set(e, ERR_CONFIG, 0, "%s", after->warnings[i]);
	return 0;
}

/* The entry ndn (NULL = none) becomes after (NULL = none). */
static void exchange(struct trial *t, const char *ndn, const struct entry *after)
{
	if (ndn != NULL && after == NULL)
		builder_delete_dn(t->builder, ndn);
	if (after != NULL)
		builder_put(t->builder, after);
}

static int try_by_building(struct trial *t, const char *ndn, const struct entry *after,
	const char *after_ndn, struct err *e)
{
	struct record *old = ndn != NULL ? builder_record(t->builder, ndn) : NULL;
	const struct snapshot *before, *s;

	/* what was edited in place does not know the order in which the rest is rejected */
	if (t->edits != 0)
		outdate(t);
	before = snapshot_ref(trial_snapshot(t));
	if (old != NULL)
		record_ref(old);
	if (old != NULL && after != NULL && strcmp(ndn, after_ndn) != 0)
		builder_delete_dn(t->builder, ndn);
	exchange(t, ndn, after);
	outdate(t);
	s = trial_snapshot(t);
	if (compare(t, before, s, e) == 0) {
		snapshot_unref(&before);
		record_unref(&old);
		return 0;
	}
	if (after != NULL)
		builder_delete_dn(t->builder, after_ndn);
	if (old != NULL)
		builder_put(t->builder, &old->raw);
	outdate(t);
	t->s = (struct snapshot_impl *)(uintptr_t)before;
	record_unref(&old);
	return -1;
}

/* --- in place --- */

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
	return refuse(e, r, reason);
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
	return refuse_other(e, f->obj, e->text);
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
		rc = refuse(e, r, e->text);
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
		return refuse(e, r, e->text);
	if (check_claim(t, o, r, e) != 0)
		return -1;
	enter_claim(t, o);
	append(t, o);
	snapshot_impl_add(t->s, o, r, false);
	return 0;
}

/* --- changes --- */

/* Can the change be judged in place? There must be nothing rejected, for that might come back. */
static bool in_place(struct trial *t, const struct record *old, const struct record *r)
{
	struct gathered g = { 0 };
	const struct obj target = { .ndn = r->ndn };

	if (trial_snapshot(t)->rejection_count != 0 || (old != NULL && old->class != r->class))
		return false;
	if (old != NULL)
		return true;
	/* references that dangle would find it; the organization's entry stands for defaults */
	snapshot_each_referrer(&t->s->pub, &target, gather, &g);
	free(g.v);
	return g.n == 0 && r->class->kind != OBJ_ORGANIZATION;
}

/* r belongs to an object and there is a snapshot. */
static int store_in_place(struct trial *t, const struct record *old, struct record *r,
	const struct entry *after, struct err *e)
{
	int rc;

	record_decode(r);
	if (r->obj == NULL)
		rc = refuse(e, r, r->error);
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

int trial_store(struct trial *t, const struct entry *after, struct err *e)
{
	struct record *r = record_new(after, t->builder->nbase), *old;
	int rc = 0;

	if (r == NULL)
		return 0;
	old = builder_record(t->builder, r->ndn);
	if (r->class == NULL && (old == NULL || old->class == NULL))
		builder_put(t->builder, after);
	else if (r->class == NULL || !in_place(t, old, r))
		rc = try_by_building(t, old != NULL ? r->ndn : NULL, after, r->ndn, e);
	else
		rc = store_in_place(t, old, r, after, e);
	record_unref(&r);
	return rc;
}

/* Is the entry known by another name? */
static bool is_renamed(const struct trial *t, const struct record *r)
{
	const struct record *old = r->raw.has_uuid ?
		builder_record_by_uuid(t->builder, r->raw.uuid) : NULL;

	return old != NULL && strcmp(old->ndn, r->ndn) != 0;
}

/* Does the snapshot stay as it is with r instead of old? */
static bool changes_nothing(const struct record *old, const struct record *r)
{
	if (r->class == NULL)
		return old == NULL || old->class == NULL;
	return old != NULL && old->class == r->class && record_same(old, r);
}

void trial_put(struct trial *t, const struct entry *e)
{
	struct record *r = record_new(e, t->builder->nbase), *old;
	struct err ignored;

	if (r == NULL)
		return;
	old = builder_record(t->builder, r->ndn);
	/* what another writer made is mostly good, too, and need not be built anew */
	if (is_renamed(t, r))
		outdate(t);
	else if (!changes_nothing(old, r) && (t->s == NULL || r->class == NULL ||
		 !in_place(t, old, r) || store_in_place(t, old, r, e, &ignored) != 0))
		outdate(t);
	builder_put(t->builder, e);
	record_unref(&r);
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

/* Out of the snapshot, which nothing names it in. */
static void take_away(struct trial *t, const char *ndn)
{
	struct in_force *f = t->s != NULL ? snapshot_impl_find(t->s, ndn) : NULL;

	/* of a connector a list remains; what is rejected may be waiting for its place */
	if (f == NULL || f->obj->class->kind == OBJ_RECEIVE_CONNECTOR ||
	    f->obj->class->kind == OBJ_ORGANIZATION || t->s->pub.rejection_count != 0)
		outdate(t);
	else
		take_out(t, f);
	t->edits++;
}

int trial_remove(struct trial *t, const char *ndn, struct err *e)
{
	const struct record *r = builder_record(t->builder, ndn);

	if (r == NULL)
		return 0;
	if (r->class != NULL) {
		if (check_unnamed(t, r, "removed", e) != 0)
			return -1;
		if (trial_has_children(t, ndn))
			return err_set(e, ERR_CONFIG, 0, "%s \"%.80s\" cannot be removed: there "
				"are entries below it", r->class->ldap_class, object_name(r));
		take_away(t, ndn);
	}
	builder_delete_dn(t->builder, ndn);
	return 0;
}

void trial_delete_dn(struct trial *t, const char *ndn)
{
	const struct record *r = builder_record(t->builder, ndn);
	struct err ignored;

	if (r == NULL)
		return;
	if (t->s != NULL && r->class != NULL && check_unnamed(t, r, "removed", &ignored) == 0)
		take_away(t, ndn);
	else if (r->class != NULL)
		outdate(t);
	builder_delete_dn(t->builder, ndn);
}

void trial_delete(struct trial *t, const unsigned char uuid[16])
{
	const struct record *r = builder_record_by_uuid(t->builder, uuid);

	if (r != NULL)
		trial_delete_dn(t, r->ndn);
}

int trial_rename(struct trial *t, const char *ndn, const struct entry *after, struct err *e)
{
	const struct record *r = builder_record(t->builder, ndn);
	struct record *renamed;
	int rc;

	if (r == NULL)
		return 0;
	if (r->class != NULL && check_unnamed(t, r, "renamed", e) != 0)
		return -1;
	if (trial_has_children(t, ndn))
		return err_set(e, ERR_CONFIG, 0, "%.200s cannot be renamed: there are entries "
			"below it", r->raw.dn);
	renamed = record_new(after, t->builder->nbase);
	if (renamed == NULL)
		return err_set(e, ERR_CONFIG, 0, "%.200s cannot be moved out of the organization",
			r->raw.dn);
	rc = try_by_building(t, ndn, after, renamed->ndn, e);
	record_unref(&renamed);
	return rc;
}
