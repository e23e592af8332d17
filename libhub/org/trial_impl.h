/* trial_impl.h - for the files of the trial only. */
#ifndef HUB_ORG_TRIAL_IMPL_H
#define HUB_ORG_TRIAL_IMPL_H

#include "libhub/org/builder_impl.h"
#include "libhub/org/snapshot_impl.h"
#include "libhub/org/trial.h"

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

/* Forgets the snapshot: the next change builds another. */
void trial_outdate(struct trial *t);

/* --- trial_refusal.c: fills *e, gives -1 --- */

/* reason may stand in e. */
int trial_refuse(struct err *e, const struct record *r, const char *reason);
int trial_refuse_other(struct err *e, const struct obj *o, const char *reason);
/* 0 if nothing names r; what says "removed" or "renamed". */
int trial_check_unnamed(struct trial *t, const struct record *r, const char *what, struct err *e);
/* Its cn if it has one, else its DN. */
const char *trial_object_name(const struct record *r);

/* --- trial_build.c --- */

/*
 * The entry ndn (NULL = none) becomes after (NULL = none), whose name is after_ndn. -1: that would
 * reject something, or let a reference dangle, that does not now; nothing has changed.
 */
int trial_try_by_building(struct trial *t, const char *ndn, const struct entry *after,
	const char *after_ndn, struct err *e);

/* --- trial_edit.c --- */

/* Can the change from old (may be NULL) to r be judged in place? */
bool trial_can_edit(struct trial *t, const struct record *old, const struct record *r);
/* If so: judges it, and makes it of entry after, whose record is r. */
int trial_edit(struct trial *t, const struct record *old, struct record *r,
	const struct entry *after, struct err *e);
/* Out of the snapshot, which nothing names it in. */
void trial_take_away(struct trial *t, const char *ndn);

#endif
