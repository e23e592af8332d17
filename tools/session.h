/* session.h - one blocking LDAP connection to the directory. */
#ifndef HUB_TOOLS_SESSION_H
#define HUB_TOOLS_SESSION_H

#include <ldap.h>

#include "libhub/directory/entry.h"
#include "tools/ctl.h"

struct session;

/* Connected and bound as the command line says; NULL and *e. */
struct session *session_open(const struct ctl *ctl, struct err *e) MUST_CHECK;
/* Accepts a pointer to NULL. */
void session_close(struct session **s);
LDAP *session_ldap(struct session *s);

/*
 * Calls cb for each entry, which is valid during the call; entryUUID becomes the entry's uuid. -1
 * and *e when the search fails or an entry cannot be read; *code is the LDAP result code.
 */
int session_search(struct session *s, const char *base, int scope, const char *filter,
	void (*cb)(const struct entry *entry, void *ctx), void *ctx, int *code, struct err *e)
	MUST_CHECK;

/* The last result of the session for people: "Invalid syntax (21): what slapd added". */
void session_error(struct session *s, int code, char *text, size_t size);

#endif
