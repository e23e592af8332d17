/* identity.h - throw-away keys and certificates for tests. */
#ifndef HUB_TESTS_IDENTITY_H
#define HUB_TESTS_IDENTITY_H

struct identity {
	char directory[40];
	char certificate[60], key[60];	/* PEM files */
};

/*
 * A fresh P-256 key and a certificate for name, signed by itself, days from now valid (< 0: was).
 */
void identity_make(struct identity *id, const char *name, int days);
void identity_remove(struct identity *id);

#endif
