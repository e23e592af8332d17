/* trial.h - the organization on which changes are tried one by one. One thread.
 *
 * Holds the entries of a builder and a snapshot of its own, which it edits in place: a change costs
 * what it can affect (the object, what names it, what it competes with), not a build of the whole.
 * Where that is not enough (renaming, objects that are rejected already) the snapshot is built
 * before and after, and what is rejected or dangling in both is compared.
 *
 * What is refused leaves nothing behind.
 */
#ifndef HUB_ORG_TRIAL_H
#define HUB_ORG_TRIAL_H

#include "libhub/org/record.h"
#include "libhub/org/snapshot.h"

struct trial;

/* base: DN of the hubOrganization. */
struct trial *trial_new(const char *base);
/* Sets *t to NULL; accepts a pointer to NULL. */
void trial_free(struct trial **t);

/* What the directory shows, taken over without a check; see builder.h. */
void trial_put(struct trial *t, const struct entry *e);
void trial_delete(struct trial *t, const unsigned char uuid[16]);
void trial_delete_dn(struct trial *t, const char *ndn);
void trial_refresh_begin(struct trial *t);
void trial_refresh_end(struct trial *t);

/* In the arena; NULL if dn is no DN at or below the base. */
const char *trial_normalize(const struct trial *t, struct arena *a, const char *dn);
/* The entry as it is now, or NULL; borrowed until the next change. */
struct record *trial_record(const struct trial *t, const char *ndn);
/* A record of e for comparisons, not decoded; NULL if it is not below the base. The caller's. */
struct record *trial_record_new(const struct trial *t, const struct entry *e);
/* Has the entry entries below it? */
bool trial_has_children(const struct trial *t, const char *ndn);

/*
 * A change by a person. -1: it would break a rule, that e->text tells with attribute and culprit,
 * and nothing has changed.
 */
int trial_store(struct trial *t, const struct entry *after, struct err *e) MUST_CHECK;
int trial_remove(struct trial *t, const char *ndn, struct err *e) MUST_CHECK;
/* after: the entry with its new name; the same name in other words is a rename too. */
int trial_rename(struct trial *t, const char *ndn, const struct entry *after, struct err *e)
	MUST_CHECK;

/* Builds now what the next change would have to wait for. */
void trial_settle(struct trial *t);
/* The organization as it would be; built first if need be, borrowed. */
const struct snapshot *trial_snapshot(struct trial *t);

#endif
