/* dn.h - distinguished names in one form, so that equal ones are equal strings. Pure; any thread.
 *
 * Normalized: lower case, no spaces around '=', ',' and '+', inner spaces single, escapes as in
 * RFC 4514, several values of one RDN sorted. No schema is known, so every value compares without
 * regard to case, and attribute types only by the name written.
 */
#ifndef HUB_ORG_DN_H
#define HUB_ORG_DN_H

#include "libhub/base/mem.h"

/* NULL if dn is not a DN. In the arena. "" is the root. */
const char *dn_normalize(struct arena *a, const char *dn);
/*
 * What stands before base: "cn=a,cn=b" of "cn=a,cn=b,BASE", "" for base itself, NULL if ndn is not
 * under it. Both normalized. In the arena.
 */
const char *dn_relative(struct arena *a, const char *ndn, const char *base);
/* Part of a DN, normalized or not, after the first RDN; "" at the top. */
const char *dn_parent(const char *dn);

#endif
