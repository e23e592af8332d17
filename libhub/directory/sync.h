/* sync.h - the protocol elements of RFC 4533 (content synchronization), decoded. Pure.
 *
 * libldap's own ldap_sync_* calls are not used: they block until the refresh is done and hand out
 * the head of a message chain instead of the message.
 */
#ifndef HUB_DIRECTORY_SYNC_H
#define HUB_DIRECTORY_SYNC_H

#include <ldap.h>
#include <stdbool.h>

#include "libhub/base/err.h"
#include "libhub/directory/cookie.h"

/*
 * The request control for refreshAndPersist, from where the cookie says (NULL or none: everything);
 * free with ldap_control_free.
 */
LDAPControl *sync_request_new(const struct cookie *cookie);
/* The same for refreshOnly, of everything: a search that ends, with a cookie in its result. */
LDAPControl *sync_once_new(void);

/* RFC 4533 section 2.3; the values are those of the protocol. */
enum sync_state { SYNC_PRESENT, SYNC_ADD, SYNC_MODIFY, SYNC_DELETE };

/* What the state control of an entry message says; the cookie may be none. */
struct sync_entry {
	enum sync_state state;
	unsigned char uuid[16];
	struct cookie cookie;
};

int sync_entry_state(LDAP *ld, LDAPMessage *m, struct sync_entry *entry,
	struct err *e) MUST_CHECK;

/* RFC 4533 section 2.4: of the result message of such a search; the cookie may be none. */
int sync_done_cookie(LDAP *ld, LDAPMessage *m, struct cookie *cookie, struct err *e) MUST_CHECK;

enum sync_info_kind {
	SYNC_INFO_OTHER,		/* a new cookie, or an intermediate message of others */
	SYNC_INFO_REFRESH_DONE,		/* what follows are live changes */
	SYNC_INFO_DELETED,		/* a set of entries that are gone */
	SYNC_INFO_PRESENT,		/* a set of entries that are unchanged */
};

struct sync_info {
	enum sync_info_kind kind;
	bool present_phase;		/* what was not named in this refresh does not exist */
	struct berval *uuids;		/* of the sets, 16 bytes each, ends with bv_val NULL */
	struct cookie cookie;		/* may be none */
};

/* sync_info_clear afterwards in any case. */
int sync_info_parse(LDAP *ld, LDAPMessage *m, struct sync_info *info, struct err *e) MUST_CHECK;
void sync_info_clear(struct sync_info *info);

/*
 * The BER values themselves: of the state and the done control, and of the intermediate message. -1
 * if it cannot be decoded. *info is zero before; sync_info_clear afterwards in any case.
 */
int sync_state_decode(struct berval *value, struct sync_entry *entry) MUST_CHECK;
int sync_done_decode(struct berval *value, struct cookie *cookie) MUST_CHECK;
int sync_info_decode(struct berval *value, struct sync_info *info) MUST_CHECK;

#endif
