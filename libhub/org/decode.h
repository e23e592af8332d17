/* decode.h - from the raw values of an entry to a typed object, by the table of its class. */
#ifndef HUB_ORG_DECODE_H
#define HUB_ORG_DECODE_H

#include "libhub/org/record.h"

/*
 * Fills obj, key, warnings and digest of r, whose class is known. On failure e->text names the
 * attribute, the value and the rule, and r is as before but for warnings.
 */
int decode_record(struct record *r, struct err *e) MUST_CHECK;
/* Writes the defaults of every row, those that depend on other attributes excepted. */
void decode_defaults(struct obj *obj);

#endif
