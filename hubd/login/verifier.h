/* verifier.h - what a SCRAM-SHA-256 server knows of a password: RFC 5803 values. Pure; any thread.
 *
 * authPassword: SCRAM-SHA-256$<iterations>:<salt>$<StoredKey>:<ServerKey>, the last three in base64
 * (syntax of RFC 3112: blanks around each part). Nobody can log in by what stands there.
 */
#ifndef HUB_LOGIN_VERIFIER_H
#define HUB_LOGIN_VERIFIER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	VERIFIER_ITERATIONS_MIN = 4096,		/* RFC 7677 section 4 */
	VERIFIER_ITERATIONS_MAX = 10 * 1000 * 1000,
	VERIFIER_SALT_MAX = 64,			/* bytes */
	VERIFIER_SALT_SIZE = VERIFIER_SALT_MAX / 3 * 4 + 4 + 1,
	VERIFIER_KEY_SIZE = 44 + 1,		/* 32 bytes in base64 */
};

struct verifier {
	uint32_t iterations;
	size_t salt_bytes;
	char salt[VERIFIER_SALT_SIZE];		/* base64, as are the keys */
	char stored_key[VERIFIER_KEY_SIZE], server_key[VERIFIER_KEY_SIZE];
};

/* False for any other scheme, and for a value that is damaged. */
bool verifier_parse(const char *text, size_t n, struct verifier *out);

/*
 * For a name without a verifier one that nobody has the password of: always the same for the same
 * name and secret, so that a stranger cannot tell the two apart. like: what genuine ones look like.
 */
void verifier_pretend(const char *name, const void *secret, size_t secret_size,
	const struct verifier *like, struct verifier *out);

#endif
