/* apply.h - what an entry is after a change. Pure.
 *
 * Values compare as the directory compares them: names by their normal form, octets as they are,
 * everything else without regard to case and repeated spaces.
 */
#ifndef HUB_VALIDATOR_APPLY_H
#define HUB_VALIDATOR_APPLY_H

#include "libhub/org/object.h"
#include "tools/validator/request.h"

/*
 * The entry after the change, in the arena; it keeps the UUID of before. class: of before, NULL if
 * it is no object. NULL: the directory would refuse, *code is the LDAP result and e the reason.
 */
const struct entry *apply_add(struct arena *a, const struct request *r, int *code, struct err *e);
const struct entry *apply_modify(struct arena *a, const struct entry *before,
	const struct obj_class *class, const struct request *r, int *code, struct err *e);
const struct entry *apply_rename(struct arena *a, const struct entry *before,
	const struct request *r, int *code, struct err *e);

#endif
