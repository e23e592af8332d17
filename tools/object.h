/*
 * object.h - the verbs that every kind of object has: new, set, get, list, remove, enable, disable.
 */
#ifndef HUB_TOOLS_OBJECT_H
#define HUB_TOOLS_OBJECT_H

#include "tools/args.h"
#include "tools/change.h"

/* noun is known to libhub/org. verb NULL-checked by the caller. */
enum ctl_status object_run(struct ctl *ctl, const struct obj_class *class, int argc, char **argv,
	struct args *args);
bool object_has_verb(const struct obj_class *class, const char *verb);

/*
 * From the options of the class in args to values of c, names of objects turned into DNs and files
 * into what they hold. An attribute whose options are --no-NAME or empty gets no value.
 */
int object_take_options(const struct org *org, const struct args *args, struct change *c,
	struct err *e) MUST_CHECK;
/* Values of one option into attr, which may have some already; for --add-NAME and --remove-NAME. */
int object_put_values(const struct org *org, const struct attr_def *def, struct change_attr *attr,
	const char *text, struct err *e) MUST_CHECK;
int object_edit(const struct org *org, const struct attr_def *def, const struct arg *arg,
	struct change *c, struct err *e) MUST_CHECK;
/*
 * After all edits: says which defaults are written with them; -1 if what was removed would be in
 * force by default again.
 */
int object_edit_finish(const struct change *c, struct err *e) MUST_CHECK;
/* The DN of the object that the word names (a DN or a name), or NULL and *e. */
const char *object_find(const struct org *org, const struct obj_class *class, const char *word,
	struct err *e) MUST_CHECK;
/*
 * The DN for a new object of that name; parent is the server's DN where the class stands below one.
 */
const char *object_dn(const struct org *org, const struct obj_class *class, const char *cn,
	const char *parent);
/* 0 if a new object can be called so. */
int object_check_name(const char *cn, struct err *e) MUST_CHECK;
/* The removal of an object; Receive connectors go before their server. */
struct change *object_removals(struct org *org, const struct obj_class *class, const char *dn);
/*
 * Judges, then shows (--what-if) or writes the changes, without a word when they are written.
 */
enum ctl_status object_apply(struct org *org, const struct change *list);
/*
 * Judges, then shows (--what-if) or writes the changes; one line that says what was done, or the
 * JSON of the object at the head of the list.
 */
enum ctl_status object_commit(struct org *org, const struct change *list);

#endif
