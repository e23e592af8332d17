/* login.h - name and password checks for the workers' sessions.
 *
 * The authenticator lives on the main thread; a worker posts a login and gets the same struct back
 * through its own inbox, answered. The session is named by its id, never by a pointer.
 */
#ifndef HUB_RECEIVE_LOGIN_H
#define HUB_RECEIVE_LOGIN_H

#include "libhub/base/inbox.h"
#include "libhub/directory/authenticate.h"

struct login {
	struct inbox_node node;
	struct inbox *reply_to;
	uint64_t session;
	char *name, *password;		/* password is wiped before the answer is posted */
	enum authenticate_outcome outcome;
	char mail[321];
	char text[200];			/* why not, for the log */
};

/* Owns copies of name and password. */
struct login *login_new(struct inbox *reply_to, uint64_t session, const char *name,
	const char *password);
/* Wipes what is secret. Accepts a pointer to NULL; sets it to NULL. */
void login_free(struct login **l);

struct login_service;

/* Main thread. The authenticator must outlive the service. */
struct login_service *login_service_new(struct loop *loop, struct authenticator *a);
void login_service_free(struct login_service **s);
/* Where workers post logins. */
struct inbox *login_service_inbox(struct login_service *s);

#endif
