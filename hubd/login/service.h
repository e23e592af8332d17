/* service.h - the thread that judges logins, on a loop of its own.
 *
 * The main loop stands still while it builds a new configuration, and whoever logs in must not wait
 * for that; workers must not wait for a directory, a keytab or a slow hash. Made and freed by the
 * main thread, which calls all of this. Workers post logins (login.h) to its inbox and get each
 * back through the inbox that it names.
 *
 * Order of stopping: workers' threads end, login_service_join, workers are freed (which abandons
 * logins that are still with their sessions), login_service_free.
 */
#ifndef HUB_LOGIN_SERVICE_H
#define HUB_LOGIN_SERVICE_H

#include <stdatomic.h>

#include "hubd/login/login.h"
#include "libhub/directory/authenticate.h"

struct login_service;

/* All of it is the caller's and outlives the service. */
struct login_service_config {
	const struct directory_config *directory;
	const char *recipient_base;
	const char *resolver;		/* DNS servers, or NULL */
	const char *keytab;		/* after gssapi_prepare; NULL = no GSSAPI */
};

/* NULL: see e. */
struct login_service *login_service_new(const struct login_service_config *cfg, struct err *e)
	MUST_CHECK;
/* Joined. Accepts a pointer to NULL; sets it to NULL. */
void login_service_free(struct login_service **s);
int login_service_start(struct login_service *s, struct err *e) MUST_CHECK;
/* Ends the thread; what is under way is never answered. */
void login_service_join(struct login_service *s);
/* As authenticator_prefer. */
void login_service_prefer(struct login_service *s, size_t uri);
/*
 * Whether anybody has an authPassword, as far as is known; read by any thread. Where nobody has
 * one, nobody can log in by SCRAM, and programs that choose it by themselves try nothing else after
 * it.
 */
const atomic_bool *login_service_has_verifiers(const struct login_service *s);
/* Where workers post logins; any thread. */
struct inbox *login_service_inbox(struct login_service *s);

#endif
