/* dial.h - from an LDAP URI to a connected stream: name look-up, connect, TLS. Owning loop only.
 *
 * ldapi:// (a Unix socket), ldap:// and ldaps://. For ldaps the server's certificate has been
 * verified against cfg->ca (the system's authorities if NULL) and names the URI's host or address,
 * or has one of the keys in cfg->pins, before anything is sent. Each phase has a timeout; up to
 * DIAL_ADDRESSES addresses of a name are tried in turn.
 */
#ifndef HUB_DIRECTORY_DIAL_H
#define HUB_DIRECTORY_DIAL_H

#include <event2/bufferevent.h>

#include "libhub/directory/watch.h"

enum { DIAL_RESOLVE_MS = 5000, DIAL_CONNECT_MS = 3000, DIAL_TLS_MS = 3000, DIAL_ADDRESSES = 4 };

struct dial;

/* bev belongs to the callee, closes its socket when freed, and is not enabled; NULL: see e. */
typedef void dial_cb(struct bufferevent *bev, const struct err *e, void *ctx);

/* Exactly one callback, never before this returns; none after cancel. Copies uri, not cfg. */
struct dial *dial_start(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *uri, dial_cb *cb, void *ctx);
/* Accepts a pointer to NULL. After the callback the handle is gone; do not cancel it then. */
void dial_cancel(struct dial **d);

/* Is the server on this machine, so that trying often costs nothing? */
bool dial_is_local(const char *uri);

#endif
