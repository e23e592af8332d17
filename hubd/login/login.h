/* login.h - one attempt of a session to log in.
 *
 * A worker makes it, says what the client said, and posts it to the login service (service.h); it
 * comes back through the worker's own inbox, answered. With mechanisms of several steps it goes to
 * and fro until it is decided. It belongs to one thread at a time: the one that it was posted to.
 * The session is named by its id, never by a pointer. What is secret is wiped as soon as it has
 * been used, and never logged.
 */
#ifndef HUB_LOGIN_LOGIN_H
#define HUB_LOGIN_LOGIN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/inbox.h"

enum login_mechanism {
	LOGIN_PASSWORD,			/* PLAIN and LOGIN: name and password, by a bind */
	LOGIN_CERTIFICATE,		/* EXTERNAL: name ("" = whose it is) and certificate */
	/* response after response: */
	LOGIN_SCRAM,
	LOGIN_SCRAM_PLUS,
	LOGIN_GSSAPI,
};

enum login_outcome {
	LOGIN_OK,
	LOGIN_CHALLENGE,		/* the client has to answer that, then post it again */
	LOGIN_REFUSED,
	LOGIN_MALFORMED,		/* what the client said is not of this mechanism */
	LOGIN_UNAVAILABLE,		/* nobody can tell now: 454 4.7.0 */
};

/* RFC 4954 section 4: of base64 lines up to 12288 bytes. */
enum { LOGIN_RESPONSE_MAX = 12288 / 4 * 3 };
enum { LOGIN_NAME_SIZE = 321, LOGIN_TEXT_SIZE = 300, LOGIN_BINDING_SIZE = 32 };

/* Bytes that are wiped before they are freed. */
struct login_bytes {
	unsigned char *data;		/* followed by a NUL; NULL = none */
	size_t size;
};

struct scram;
struct gssapi;

struct login {
	struct inbox_node node;
	struct inbox *reply_to;
	uint64_t session;
	enum login_mechanism mechanism;
	bool abandoned;			/* the session has no use for an answer */
	/* asked */
	char *name, *password;
	struct login_bytes certificate;	/* that the client has shown, DER */
	struct login_bytes response;
	char *fqdn;			/* our name: of the service that tickets are for */
	char *epoch;			/* hubEpoch, or NULL */
	bool bound;			/* there is a channel binding (RFC 9266) */
	unsigned char binding[LOGIN_BINDING_SIZE];
	/* answered */
	enum login_outcome outcome;
	struct login_bytes challenge;
	char user[LOGIN_NAME_SIZE];	/* who it is: the entry's uid, or what stands for it */
	char mail[LOGIN_NAME_SIZE];
	char text[LOGIN_TEXT_SIZE];	/* why not, for the log */
	/* of the service */
	struct scram *scram;
	struct gssapi *gssapi;
};

struct login *login_new(struct inbox *reply_to, uint64_t session, enum login_mechanism m);
/*
 * Wipes what is secret. Accepts a pointer to NULL; sets it to NULL. Whoever is not the service
 * gives a login up by login_abandon.
 */
void login_free(struct login **l);
/* Wipes and frees what was there, takes a copy; data may be NULL. */
void login_bytes_set(struct login_bytes *b, const void *data, size_t size);
void login_password_wipe(struct login *l);
/* Any thread that has it: the service (its inbox) frees it. Sets *l to NULL, accepts NULL there. */
void login_abandon(struct login **l, struct inbox *service);

/* The service has decided, or asks on: posts it back. The text is for the log. */
void login_answer(struct login *l, enum login_outcome outcome, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

#endif
