/* request.h - what slapd asks over its slapo-sock overlay, as text (slapd-sock(5)). Pure.
 *
 * A request is an operation's name, some lines about it, then what the operation carries in LDIF,
 * and ends with an empty line. Everything lies in the arena given.
 */
#ifndef HUB_VALIDATOR_REQUEST_H
#define HUB_VALIDATOR_REQUEST_H

#include <stdbool.h>

#include "libhub/base/mem.h"
#include "libhub/directory/entry.h"

enum { REQUEST_MAX = 4 * 1024 * 1024, REQUEST_MODS_MAX = 1000 };

enum request_kind {
	REQUEST_ADD,
	REQUEST_MODIFY,
	REQUEST_RENAME,
	REQUEST_DELETE,
	REQUEST_OTHER,		/* nothing that changes an entry */
};

enum mod_kind { MOD_ADD, MOD_DELETE, MOD_REPLACE, MOD_INCREMENT };

struct mod {
	enum mod_kind kind;
	struct entry_attr attr;		/* n may be 0 */
};

struct request {
	enum request_kind kind;
	const char *bind_dn;		/* "" for a replicated change; NULL = not told */
	const char *dn;
	const struct entry *entry;	/* REQUEST_ADD */
	const struct mod *mods;		/* REQUEST_MODIFY */
	size_t mod_count;
	const char *new_rdn, *new_superior;	/* REQUEST_RENAME; superior NULL = the same */
	bool delete_old_rdn;
};

/* Where the request at the start of text ends, its empty line included; 0 = more must come. */
size_t request_end(const char *text, size_t size);
/* text: one whole request. -1: no such request, e says why. */
int request_parse(struct arena *a, const char *text, size_t size, struct request *out,
	struct err *e) MUST_CHECK;
/*
 * Is it to be judged? What changes no entry is not, nor what another provider took in: the watch
 * shows that in a moment. Only replication comes without a name.
 */
bool request_is_change(const struct request *r);

#endif
