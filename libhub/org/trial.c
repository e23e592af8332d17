/* trial.c - see trial.h: entries, and which way a change of them is tried. */
#include "libhub/org/trial.h"

#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/trial_impl.h"

enum { EDITS_MAX = 1000 };	/* in place, then a build frees what they left */

struct trial *trial_new(const char *base)
{
	struct trial *t = xcalloc(1, sizeof(*t));

	t->builder = builder_new(base);
	return t;
}

void trial_outdate(struct trial *t)
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
	trial_outdate(t);
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
		trial_outdate(t);
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
		trial_outdate(t);
}

/* --- changes --- */

int trial_store(struct trial *t, const struct entry *after, struct err *e)
{
	struct record *r = record_new(after, t->builder->nbase), *old;
	int rc = 0;

	if (r == NULL)
		return 0;
	old = builder_record(t->builder, r->ndn);
	if (r->class == NULL && (old == NULL || old->class == NULL))
		builder_put(t->builder, after);
	else if (r->class == NULL || !trial_can_edit(t, old, r))
		rc = trial_try_by_building(t, old != NULL ? r->ndn : NULL, after, r->ndn, e);
	else
		rc = trial_edit(t, old, r, after, e);
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
		trial_outdate(t);
	else if (!changes_nothing(old, r) && (t->s == NULL || r->class == NULL ||
		 !trial_can_edit(t, old, r) || trial_edit(t, old, r, e, &ignored) != 0))
		trial_outdate(t);
	builder_put(t->builder, e);
	record_unref(&r);
}

int trial_remove(struct trial *t, const char *ndn, struct err *e)
{
	const struct record *r = builder_record(t->builder, ndn);

	if (r == NULL)
		return 0;
	if (r->class != NULL) {
		if (trial_check_unnamed(t, r, "removed", e) != 0)
			return -1;
		if (trial_has_children(t, ndn))
			return err_set(e, ERR_CONFIG, 0, "%s \"%.80s\" cannot be removed: there "
				"are entries below it", r->class->ldap_class, trial_object_name(r));
		trial_take_away(t, ndn);
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
	if (t->s != NULL && r->class != NULL && trial_check_unnamed(t, r, "removed", &ignored) == 0)
		trial_take_away(t, ndn);
	else if (r->class != NULL)
		trial_outdate(t);
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
	if (r->class != NULL && trial_check_unnamed(t, r, "renamed", e) != 0)
		return -1;
	if (trial_has_children(t, ndn))
		return err_set(e, ERR_CONFIG, 0, "%.200s cannot be renamed: there are entries "
			"below it", r->raw.dn);
	renamed = record_new(after, t->builder->nbase);
	if (renamed == NULL)
		return err_set(e, ERR_CONFIG, 0, "%.200s cannot be moved out of the organization",
			r->raw.dn);
	rc = trial_try_by_building(t, ndn, after, renamed->ndn, e);
	record_unref(&renamed);
	return rc;
}
