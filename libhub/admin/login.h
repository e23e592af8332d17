/* login.h - who an administrator is and what the directory's roles let him do. Main thread.
 *
 * The password is checked by a bind; membership is then looked up as this server, under cn=Roles of
 * the organization, so a change of roles counts at the next request.
 */
#ifndef HUB_ADMIN_LOGIN_H
#define HUB_ADMIN_LOGIN_H

#include "libhub/directory/authenticate.h"

enum admin_right { ADMIN_NOTHING, ADMIN_READ, ADMIN_ALL };

struct admin_login_config {
	struct loop *loop;
	struct resolver *resolver;
	const struct directory_config *directory;
	const char *base;		/* of the organization */
	struct authenticator *authenticator;
};

/* right counts with AUTHENTICATE_OK only. text: who it is, or why not, valid during the call. */
typedef void admin_login_cb(enum authenticate_outcome outcome, enum admin_right right,
	const char *text, void *ctx);

struct admin_login;

/*
 * name: as authenticate.h takes it, or a DN. cfg outlives the login. Exactly one callback, never
 * before this returns, none after cancel.
 */
struct admin_login *admin_login_start(const struct admin_login_config *cfg, const char *name,
	const char *password, admin_login_cb *cb, void *ctx);
/* Accepts a pointer to NULL. After the callback the login is gone; do not cancel it then. */
void admin_login_cancel(struct admin_login **l);

#endif
