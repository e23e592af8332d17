/* gssapi.h - GSSAPI (Kerberos, RFC 4752) without security layers, by GNU SASL. The service's
 * thread: steps read the keytab and write the replay cache.
 */
#ifndef HUB_LOGIN_GSSAPI_H
#define HUB_LOGIN_GSSAPI_H

#include "hubd/login/login.h"

/*
 * Before any thread: Kerberos knows its keytab, and asks no DNS for our own name, from the
 * environment. state: a folder for what it has to read.
 */
int gssapi_prepare(const char *keytab, const char *state, struct err *e) MUST_CHECK;

struct Gsasl;

/*
 * One response of the client. LOGIN_OK: gssapi_principal is who it is, and asked to be nobody else.
 */
enum login_outcome gssapi_step(struct Gsasl *g, struct login *l, const char **why);
/* Of the user, "name@REALM"; valid until gssapi_free. */
const char *gssapi_principal(const struct login *l);
/* Accepts a login without one. */
void gssapi_free(struct login *l);

#endif
