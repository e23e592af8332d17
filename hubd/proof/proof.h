/* proof.h - one attempt of a session of ours to prove to a peer who we are: SASL as client.
 *
 * A worker makes it and posts it to the prover (prover.h), which gives it back through the worker's
 * inbox with what has to be said; it goes to and fro, with a challenge of the peer each time, until
 * it is complete or has failed. It belongs to one thread at a time: the one it was posted to; owner
 * alone is the worker's all the time. What is secret is wiped as soon as it has been used, and
 * stands in no text.
 */
#ifndef HUB_PROOF_PROOF_H
#define HUB_PROOF_PROOF_H

#include <stdbool.h>
#include <stddef.h>

#include "libhub/base/inbox.h"

enum proof_mechanism {
	PROOF_LOGIN,
	PROOF_PLAIN,
	PROOF_SCRAM,
	PROOF_SCRAM_PLUS,
	PROOF_GSSAPI,
	PROOF_MECHANISMS
};
/* As they are offered: "SCRAM-SHA-256". */
extern const char *const proof_mechanism_names[PROOF_MECHANISMS];

enum proof_outcome {
	PROOF_MORE,			/* say the response; a challenge will follow */
	PROOF_COMPLETE,			/* say the response, if any; then we know all we need to */
	PROOF_REFUSED,			/* the challenge says so: cancel it, and hear the reply */
	PROOF_FAILED,			/* the peer's part is wrong, or cannot be understood */
	PROOF_UNAVAILABLE,		/* ours cannot be had now: no ticket, no key */
};

/* RFC 4954 section 4: the longest line of the dialogue. */
enum { PROOF_LINE_MAX = 12288, PROOF_TEXT_SIZE = 300, PROOF_BINDING_SIZE = 32 };

struct Gsasl_session;

struct proof {
	struct inbox_node node;
	struct inbox *reply_to;
	void *owner;			/* of the worker; NULL = nobody waits for it any more */
	enum proof_mechanism mechanism;
	bool abandoned;
	/* asked */
	char *user, *password;		/* GSSAPI: the principal, and NULL */
	char *host;			/* GSSAPI: the peer's name */
	unsigned char binding[PROOF_BINDING_SIZE];	/* of the channel, for PLUS (RFC 9266) */
	char *challenge;		/* base64 as it came; NULL at first */
	/* answered */
	enum proof_outcome outcome;
	char *response;			/* base64; NULL = nothing to say */
	char text[PROOF_TEXT_SIZE];	/* why not; without any secret */
	/* of the prover */
	struct Gsasl_session *session;
};

/* user, password and host are copied and may be NULL. */
struct proof *proof_new(struct inbox *reply_to, void *owner, enum proof_mechanism m,
	const char *user, const char *password, const char *host);
/* Takes a copy of n bytes, wipes what was there. */
void proof_challenge_set(struct proof *p, const char *text, size_t n);
/* Wipes the text before it frees it; *text becomes NULL, and may be. */
void proof_text_wipe(char **text);
/* The prover's; others use prover_abandon. Accepts a pointer to NULL; sets it to NULL. */
void proof_free(struct proof **p);

#endif
