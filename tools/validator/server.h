/* server.h - the socket on which slapd asks. Owner: the loop.
 *
 * slapd opens a connection for each change, sends one request and waits for "CONTINUE" or a result.
 * Changes are judged one after the other, in the order in which they are complete. While the view
 * refreshes, and while a verdict depends on what is pending, they wait, for HOLD_MS at most; out of
 * step they are refused. Replicated changes pass
 * at any time: the view of an empty provider comes in step only by them.
 */
#ifndef HUB_VALIDATOR_SERVER_H
#define HUB_VALIDATOR_SERVER_H

#include "libhub/base/loop.h"
#include "tools/validator/view.h"

struct server_socket;

/* A socket that nobody listens on any more is replaced. group: may connect too, NULL = owner. */
struct server_socket *server_socket_new(struct loop *loop, const char *path, const char *group,
	struct view *view, struct err *e);
/* Removes the socket, too. Sets *s to NULL; accepts a pointer to NULL. */
void server_socket_free(struct server_socket **s);
/* The view's state has changed, or a pending change has ended. */
void server_socket_wake(struct server_socket *s);

#endif
