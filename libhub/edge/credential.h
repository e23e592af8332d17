/* credential.h - secrets of accounts on edges, sealed to the certificates of a hub. Any thread.
 *
 * A value of hubCredential is CMS (RFC 5652) in DER, encrypted with AES-256-GCM (RFC 5084) to every
 * certificate of one hub, so that it opens with the old key and the new one while the hub's is
 * being changed. Inside is one JSON object:
 *	{"account": DN on the edge, "password": ..., "from": s, "to": s since 1970,
 *	 "kind": "bootstrap" or "account", "hub": name}
 * Who may not open a value still sees to which keys it is sealed. It is not signed: who may
 * write the attribute is the directory's business.
 */
#ifndef HUB_EDGE_CREDENTIAL_H
#define HUB_EDGE_CREDENTIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"
#include "libhub/directory/entry.h"

struct tls_certificate;

enum credential_kind { CREDENTIAL_BOOTSTRAP, CREDENTIAL_ACCOUNT };

enum {
	CREDENTIAL_PASSWORD = 129,	/* with NUL */
	CREDENTIAL_HUB = 257,
	CREDENTIAL_SEALED_MAX = 8192,	/* a value */
	CREDENTIAL_PASSWORD_MADE = 44,	/* 32 bytes in base64url with NUL */
};

struct credential {
	enum credential_kind kind;
	char account[ENTRY_DN_MAX + 1];
	char password[CREDENTIAL_PASSWORD];
	char hub[CREDENTIAL_HUB];
	int64_t from_s, to_s;		/* since 1970 */
};

/* A new secret, 256 random bits. */
void credential_make_password(char out[CREDENTIAL_PASSWORD_MADE]);
/*
 * How the edge keeps it (userPassword): {SSHA}, which is enough for one that nobody can guess. With
 * NUL.
 */
enum { CREDENTIAL_HASH_TEXT = 64 };
void credential_hash_password(const char *password, char out[CREDENTIAL_HASH_TEXT]);
/* Leaves nothing of it. */
void credential_wipe(struct credential *c);

/*
 * To all of the certificates (DER, one at least). *out is the caller's, to free; it is no secret.
 * -1 if a certificate is none or has a key that nothing can be encrypted to (RSA and EC can).
 */
int credential_seal(const struct credential *c, const struct blob *certificates, size_t n,
	struct blob *out, struct err *e) MUST_CHECK;

enum credential_opening {
	CREDENTIAL_OPENED,
	CREDENTIAL_NOT_OURS,	/* sealed to others: nothing is wrong */
	CREDENTIAL_BROKEN,	/* no sealed credential, or damaged; *e says what */
};

/* Tries all of own; *c is filled only if opened. The caller wipes it. */
enum credential_opening credential_open(const struct blob *sealed,
	struct tls_certificate *const *own, size_t n, struct credential *c, struct err *e);

/*
 * Of the certificates, how many it is sealed to; *others (may be NULL) is how many it is sealed to
 * that are none of them. -1 if it is no sealed credential.
 */
int credential_recipients(const struct blob *sealed, const struct blob *certificates, size_t n,
	size_t *others);

/* What is sealed; the caller frees and wipes it. And back: -1 if it has another form. */
char *credential_to_json(const struct credential *c);
int credential_from_json(const char *text, size_t size, struct credential *c,
	struct err *e) MUST_CHECK;

#endif
