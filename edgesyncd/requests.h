/* requests.h - several LDAP requests under way on a connection that somebody else owns.
 *
 * Each is called back once with its result code, unless requests_cancel comes first or the
 * connection is lost: of that its owner hears from the connection, and cancels. Owning loop only.
 */
#ifndef HUB_EDGESYNCD_REQUESTS_H
#define HUB_EDGESYNCD_REQUESTS_H

#include "libhub/directory/connection.h"

/* As many at once as keep a slapd busy over a long line. */
enum { REQUESTS_MAX = 64 };

/* code: of the protocol; text: with the server's words, until the callback returns. */
typedef void request_cb(int code, const char *text, void *ctx);
/* One entry of a search, in the arena a, which ends after the call. */
typedef void request_entry_cb(const struct entry *e, void *ctx);

struct request;

struct requests {
	struct directory_connection *c;	/* NULL = none: nothing may be asked for */
	struct request *list;
	size_t n;
};

/* In each: -1 if it could not be sent; then there is no callback. */
int requests_search(struct requests *r, const struct directory_query *q, request_entry_cb *each,
	request_cb *cb, void *ctx, struct err *e) MUST_CHECK;
int requests_add(struct requests *r, const struct entry *entry, request_cb *cb, void *ctx,
	struct err *e) MUST_CHECK;
int requests_modify(struct requests *r, const char *dn, const struct directory_change *changes,
	size_t n, request_cb *cb, void *ctx, struct err *e) MUST_CHECK;
int requests_delete(struct requests *r, const char *dn, request_cb *cb, void *ctx,
	struct err *e) MUST_CHECK;
/* Abandons all; no callbacks. */
void requests_cancel(struct requests *r);

#endif
