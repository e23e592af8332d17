/* scram.h - SCRAM-SHA-256 and -PLUS (RFC 5802, 7677, 9266), by GNU SASL. The service's thread.
 *
 * The library asks for salt and keys in the midst of a step, and they have to be fetched first: so
 * the client's first message goes through a pass that is thrown away, for the name in it, and then
 * through the one that counts, with the verifier at hand. No password is ever known here.
 */
#ifndef HUB_LOGIN_SCRAM_H
#define HUB_LOGIN_SCRAM_H

#include "hubd/login/login.h"
#include "hubd/login/verifier.h"

/* The library's context, shared by all exchanges. NULL: see e. */
struct Gsasl;
struct Gsasl *scram_library_new(struct err *e) MUST_CHECK;
void scram_library_free(struct Gsasl **g);

/*
 * The name in the client's first message, l->response; the caller's, by free. NULL with outcome and
 * why (a literal) if the message is not one to go on with.
 */
char *scram_name(struct Gsasl *g, const struct login *l, enum login_outcome *outcome,
	const char **why);
/* The pass that counts: on LOGIN_CHALLENGE the challenge is in l. genuine: someone has v. */
enum login_outcome scram_begin(struct Gsasl *g, struct login *l, const struct verifier *v,
	bool genuine, const char **why);
/* The client's further messages. LOGIN_OK once it has seen our own proof. */
enum login_outcome scram_step(struct login *l, const char **why);
/* Accepts a login without one. */
void scram_free(struct login *l);

#endif
