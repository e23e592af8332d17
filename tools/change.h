/* change.h - what a command would write: built, judged, shown or written.
 *
 * Before anything is written the organization as it would be afterwards is built and checked by the
 * rules that the hubs themselves apply (libhub/org).
 */
#ifndef HUB_TOOLS_CHANGE_H
#define HUB_TOOLS_CHANGE_H

#include <stdio.h>

#include "libhub/directory/draft.h"
#include "tools/org.h"

enum change_kind { CHANGE_ADD, CHANGE_MODIFY, CHANGE_DELETE };
enum { CHANGE_ATTRS_MAX = 100, CHANGE_VALUES_MAX = 1000, CHANGE_EDITS_MAX = 100 };

/* One attribute: of a new entry, or replaced in an old one (no values: removed). */
struct change_attr {
	const char *name;
	bool secret;
	struct blob values[CHANGE_VALUES_MAX];
	size_t n;
	/* not replaced, but values added to it and deleted from it, with values as the outcome */
	struct blob added[CHANGE_EDITS_MAX], deleted[CHANGE_EDITS_MAX];
	size_t n_added, n_deleted;
	const char *by_default;		/* what was in force without a value, and is added; NULL */
};

struct change {
	enum change_kind kind;
	const char *dn;
	const struct obj_class *class;
	struct change_attr *v[CHANGE_ATTRS_MAX];
	size_t n;
	bool stays;			/* a removal that is not taken back, and may be done */
	struct change *next;		/* written after this one */
};

/* In the arena of ctl. CHANGE_ADD begins with objectClass and cn. */
struct change *change_new(struct ctl *ctl, enum change_kind kind, const char *dn,
	const struct obj_class *class, const char *cn);
/* The attribute, made if it is not there yet. */
struct change_attr *change_attr(struct ctl *ctl, struct change *c, const char *name);
int change_add_value(struct ctl *ctl, struct change_attr *attr, const void *data, size_t size,
	struct err *e) MUST_CHECK;
/* Adds a text value; for what hubctl itself chooses. */
void change_put(struct ctl *ctl, struct change *c, const char *name, const char *text);
/* Does it say anything of that attribute? */
bool change_gives(const struct change *c, const char *name);
/*
 * The entry as it would be: old, which is NULL for a new one, with what c gives instead. r is
 * initialized; what it has afterwards is in its arena, but for the DN, which is c's or old's.
 */
int change_draft(const struct change *c, const struct entry *old, struct draft *r, struct err *e)
	MUST_CHECK;

/*
 * Builds org as it would be after all of list. -1 and *e when a rule is broken that was not before;
 * new warnings go to standard error. org->snapshot is the new one afterwards, in any case.
 */
int change_check(struct org *org, const struct change *list, struct err *e) MUST_CHECK;
/* LDIF, without secrets. */
void change_print(FILE *out, const struct change *list);
/* Writes all of list; when one is refused, takes back those before it, as far as org knows them. */
int change_write(struct org *org, const struct change *list, struct err *e) MUST_CHECK;
/* Takes back all of a list that was written. */
void change_take_back(struct org *org, const struct change *list);

#endif
