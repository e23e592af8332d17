/* authenticate.h - finds who logs in, and checks passwords by an LDAP bind. Its loop's thread only.
 *
 * The name is the uid or mail of exactly one entry under the recipient base; the password is one
 * that a simple bind as that entry accepts. It is kept no longer than the bind takes, never logged.
 * For other kinds of proof the entry alone is found, and given to whoever judges the proof.
 */
#ifndef HUB_DIRECTORY_AUTHENTICATE_H
#define HUB_DIRECTORY_AUTHENTICATE_H

#include "libhub/directory/watch.h"

enum authenticate_outcome {
	AUTHENTICATE_OK,
	AUTHENTICATE_REFUSED,		/* no such entry, two such entries, or wrong password */
	AUTHENTICATE_UNAVAILABLE,	/* the directory did not answer: 454 4.7.0 */
};

struct authenticate_result {
	enum authenticate_outcome outcome;
	const char *dn;		/* of the entry; valid during the callback */
	const char *uid, *mail;	/* its first ones, or ""; without mail a mailLocalAddress */
	const struct entry *entry;	/* valid during the callback; NULL unless OK */
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

enum { AUTHENTICATE_FILTER_MAX = 8192 };	/* bytes of a filter; longer ones find nobody */

/*
 * All: exactly one callback, never before it returns; none after cancel. find: the one entry below
 * the recipient base that the filter fits, with its uid, mail and the attribute also (may be NULL;
 * the caller's); OK says that it is there, no more.
 */
struct authenticate_op *authenticate_find_start(struct authenticator *a, const char *filter,
	const char *also, authenticate_cb *cb, void *ctx);
/*
 * Whether the filter fits anybody at all: OK, or REFUSED if it does not; UNAVAILABLE also if that
 * takes the directory longer than a moment. The result names nobody.
 */
struct authenticate_op *authenticate_any_start(struct authenticator *a, const char *filter,
	authenticate_cb *cb, void *ctx);
struct authenticate_op *authenticate_start(struct authenticator *a, const char *name,
	const char *password, authenticate_cb *cb, void *ctx);
void authenticate_cancel(struct authenticate_op **op);

/* The filter for a name: (|(uid=...)(mail=...)), escaped. The caller's, by free. */
char *authenticate_name_filter(const char *uid, const char *mail);

#endif
