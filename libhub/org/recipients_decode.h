/* recipients_decode.h - what an entry of the directory says of a recipient. Pure.
 *
 * Nothing in an entry is believed: counts and lengths are bounded here, and a value that is no
 * address, no DN or no text is left out.
 */
#ifndef HUB_ORG_RECIPIENTS_DECODE_H
#define HUB_ORG_RECIPIENTS_DECODE_H

#include "libhub/base/mem.h"
#include "libhub/directory/entry.h"
#include "libhub/org/roster.h"

/*
 * Strings are in the arena or the entry's. -1 if its DN is none. An entry without an address is no
 * recipient but may be the parent of some.
 */
int recipients_decode(struct arena *a, const struct entry *e, struct roster_entry *out) MUST_CHECK;

#endif
