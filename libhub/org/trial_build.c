/* trial_build.c - a change tried by building the organization before and after it. */
#include <string.h>

#include "libhub/org/trial_impl.h"

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
	for (i = 0; i < after->warning_count - after->advice_count; i++)
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

int trial_try_by_building(struct trial *t, const char *ndn, const struct entry *after,
	const char *after_ndn, struct err *e)
{
	struct record *old = ndn != NULL ? builder_record(t->builder, ndn) : NULL;
	const struct snapshot *before, *s;

	/* what was edited in place does not know the order in which the rest is rejected */
	if (t->edits != 0)
		trial_outdate(t);
	before = snapshot_ref(trial_snapshot(t));
	if (old != NULL)
		record_ref(old);
	if (old != NULL && after != NULL && strcmp(ndn, after_ndn) != 0)
		builder_delete_dn(t->builder, ndn);
	exchange(t, ndn, after);
	trial_outdate(t);
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
	trial_outdate(t);
	t->s = (struct snapshot_impl *)(uintptr_t)before;
	record_unref(&old);
	return -1;
}
