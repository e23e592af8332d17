/* authenticate.h - checks a name and a password by an LDAP bind. Main thread only.
 *
 * The name is the uid or mail of exactly one entry under the recipient base; the password is one
 * that a simple bind as that entry accepts. It is kept no longer than the bind takes, never logged.
 */
#ifndef HUB_DIRECTORY_AUTHENTICATE_H
#define HUB_DIRECTORY_AUTHENTICATE_H

#include "libhub/directory/watch.h"

enum authenticate_outcome {
	AUTHENTICATE_OK,
	AUTHENTICATE_REFUSED,		/* no such name, two such names, or wrong password */
	AUTHENTICATE_UNAVAILABLE,	/* the directory did not answer: 454 4.7.0 */
};

struct authenticate_result {
	enum authenticate_outcome outcome;
	const char *dn;		/* of the entry; valid during the callback */
	const char *mail;	/* its mail, or "" */
	const char *text;	/* why not, for the log */
};

typedef void authenticate_cb(const struct authenticate_result *r, void *ctx);

struct authenticator;
struct authenticate_op;

struct authenticator *authenticator_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *recipient_base);
/* Operations under way end without callback. */
void authenticator_free(struct authenticator **a);

/*
 * The directory server, by its place in cfg->uris, that is known to answer: new requests go there
 * until it fails.
 */
void authenticator_prefer(struct authenticator *a, size_t uri);
/* The one that requests go to now. */
size_t authenticator_uri(const struct authenticator *a);

/* Exactly one callback, never before this returns; none after cancel. */
struct authenticate_op *authenticate_start(struct authenticator *a, const char *name,
	const char *password, authenticate_cb *cb, void *ctx);
void authenticate_cancel(struct authenticate_op **op);

#endif
