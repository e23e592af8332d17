/* connection.h - one LDAP connection on the loop. Owning thread only.
 *
 * libldap encodes and decodes; the bytes go through a bufferevent of ours under its socket buffer
 * (LDAP_PROTO_EXT), so no libldap call ever waits. Requests are answered through callbacks by
 * message id. Losing the connection fails every pending request once, then calls on_lost once.
 */
#ifndef HUB_DIRECTORY_CONNECTION_H
#define HUB_DIRECTORY_CONNECTION_H

#include <ldap.h>

#include "libhub/directory/draft.h"
#include "libhub/directory/watch.h"

enum { DIRECTORY_BIND_MS = 3000 };

struct directory_connection;

struct directory_callbacks {
	/* Connected, and bound if it was asked for. */
	void (*on_ready)(void *ctx);
	/* Opening failed, or the connection is gone; the owner still calls directory_close. */
	void (*on_lost)(const char *text, void *ctx);
};

/*
 * One answer of a request: to a search entries, references and, if it goes with controls,
 * intermediate responses come one by one; the last, and to all else the only one, is the result of
 * that kind of request, after which it is over. A server that answers in another way is lost. m is
 * the caller's and NULL if the connection was lost.
 */
typedef void directory_message_cb(LDAP *ld, LDAPMessage *m, void *ctx);

/*
 * bind: as cfg says, before on_ready. limit_ms: of all until on_ready, 0 = only each phase's own.
 * cfg and cbs are the caller's and outlive the connection. No callback before this returns, none
 * after directory_close, which may be called in any callback.
 */
struct directory_connection *directory_open(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *uri, bool bind, unsigned int limit_ms,
	const struct directory_callbacks *cbs, void *ctx);
/* Sets *c to NULL; accepts a pointer to NULL. */
void directory_close(struct directory_connection **c);

struct directory_query {
	const char *base, *filter;
	int scope;			/* LDAP_SCOPE_* */
	const char *const *attrs;	/* ends with NULL; NULL = all user attributes */
	LDAPControl **controls;		/* ends with NULL; may be NULL */
	int size_limit;			/* 0 = none */
	int time_limit_s;		/* of the server; 0 = its own */
};

/* Only after on_ready. The id of the request, or -1 when it cannot be encoded: no callback then. */
int directory_search(struct directory_connection *c, const struct directory_query *q,
	directory_message_cb *cb, void *ctx, struct err *e) MUST_CHECK;
/* Simple bind; nothing else may be under way. */
int directory_bind(struct directory_connection *c, const char *dn, const char *password,
	directory_message_cb *cb, void *ctx, struct err *e) MUST_CHECK;

/* How the values given change an attribute; the values of the protocol (RFC 4511 section 4.6). */
enum directory_how { DIRECTORY_ADD = 0, DIRECTORY_DELETE = 1, DIRECTORY_REPLACE = 2 };

struct directory_change {
	enum directory_how how;
	const char *attr;		/* with options, such as ";binary", if it takes any */
	const struct blob *values;	/* n 0: DELETE and REPLACE leave none */
	size_t n;
};

/* What goes with a write; all may be NULL. */
struct directory_extras {
	/* A filter that the entry has to fit, else LDAP_ASSERTION_FAILED (RFC 4528). */
	const char *assertion;
	/* Attributes of the entry after the write, for directory_post_read; ends with NULL. */
	const char *const *post_read;
};

/*
 * Writes: only after on_ready, any number at once, which the server does in any order; the one
 * message is the result. The id of the request, or -1 when it cannot be encoded: no callback then.
 * extras may be NULL.
 */
int directory_add(struct directory_connection *c, const struct entry *entry,
	const struct directory_extras *extras, directory_message_cb *cb, void *ctx,
	struct err *e) MUST_CHECK;
int directory_modify(struct directory_connection *c, const char *dn,
	const struct directory_change *changes, size_t n, const struct directory_extras *extras,
	directory_message_cb *cb, void *ctx, struct err *e) MUST_CHECK;
int directory_delete(struct directory_connection *c, const char *dn,
	const struct directory_extras *extras, directory_message_cb *cb, void *ctx,
	struct err *e) MUST_CHECK;
/* The entry that came with a result (RFC 4527), as directory_entry; -1 if none did. */
int directory_post_read(LDAP *ld, LDAPMessage *m, struct draft *r, struct err *e) MUST_CHECK;

/* No callback for id from now on. */
void directory_abandon(struct directory_connection *c, int id);

/* When the server's certificate expires, seconds since 1970; 0 without TLS. After on_ready. */
int64_t directory_certificate_expires(const struct directory_connection *c);

/*
 * Result code of a result message, with text for people: "Invalid credentials (49): more text".
 * referral and controls are left out. Never below 0: LDAP_OTHER in place of what is no result.
 */
int directory_result(LDAP *ld, LDAPMessage *m, char *text, size_t size);
/* The entry of a search entry message, in the arena of r, which has been initialized. */
int directory_entry(LDAP *ld, LDAPMessage *m, struct draft *r, struct err *e) MUST_CHECK;

#endif
