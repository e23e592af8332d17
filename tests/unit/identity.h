/* identity.h - throw-away keys and certificates for tests. */
#ifndef HUB_TESTS_IDENTITY_H
#define HUB_TESTS_IDENTITY_H

#include <stdbool.h>

struct identity {
	char directory[40];
	char certificate[60], key[60];	/* PEM files */
};

/*
 * A fresh P-256 key and a certificate for name, signed by itself, days from now valid (< 0: was).
 */
void identity_make(struct identity *id, const char *name, int days);

struct identity_wish {
	const char *names;		/* as in openssl: "DNS:a.example,DNS:*.b.example" */
	bool rsa;			/* not P-256 */
	bool authority;			/* may sign others */
	const struct identity *issuer;	/* NULL = itself */
	int age_days, days;		/* valid since, and until (< 0: was) */
};

void identity_make_as(struct identity *id, const struct identity_wish *wish);
void identity_remove(struct identity *id);

#endif
