/* ldif_change.h - a file of changes (RFC 2849) applied to the organization in memory.
 *
 * Nothing is written anywhere. The rules that hubs and the validator apply are applied to what
 * comes out, so that the answer is the one the directory would give.
 */
#ifndef HUB_TOOLS_LDIF_CHANGE_H
#define HUB_TOOLS_LDIF_CHANGE_H

#include <jansson.h>

#include "tools/org.h"

struct ldif_change {
	const struct snapshot *before;	/* org->snapshot is the one afterwards */
	json_t *refused;		/* [{dn, reason}]: why the directory would refuse it */
	json_t *warnings;		/* texts that were not there before */
	const char **touched;		/* normalized DNs of all entries the records are about */
	size_t touched_count;
};

/*
 * Applies all records of path: add, modify, delete, modrdn; one without changetype is added. -1
 * and *e if the file cannot be understood; a change that does not fit the organization (no such
 * entry, value there already) ends up in refused, and those after it are not applied. *out is to
 * be cleared in any case.
 */
int ldif_change_apply(struct org *org, const char *path, struct ldif_change *out, struct err *e)
	MUST_CHECK;
void ldif_change_clear(struct ldif_change *c);

#endif
