/* subscription_file.h - what hubctl writes on an edge and reads inside: one LDIF record.
 *
 * hub-directory(7) section 8 has the form. The file carries a password that is good for one log-in:
 * mode 0600, wiped from memory. Its last line is the SHA-256 of all before it, against damage on
 * the way; who can write the file can write the line too. Nothing in it is believed: counts, sizes
 * and forms are checked in reading, and what the organization has to say against it, in
 * subscription_file_check. Any thread.
 */
#ifndef HUB_EDGE_SUBSCRIPTION_FILE_H
#define HUB_EDGE_SUBSCRIPTION_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "libhub/base/err.h"
#include "libhub/org/snapshot.h"

enum {
	SUBSCRIPTION_FILE_VERSION = 1,
	SUBSCRIPTION_FILE_SIZE_MAX = 256 * 1024,
	SUBSCRIPTION_FILE_CERTIFICATES = 4,	/* of each kind, as in the directory */
	SUBSCRIPTION_FILE_ADDRESSES = 16,
	SUBSCRIPTION_FILE_SERIAL = 56,		/* "20261122101931Z <uuid>" with NUL */
	/* the edge's clock may be ahead of ours by so much */
	SUBSCRIPTION_FILE_SLACK_S = 300,
};

/* Texts are the caller's in writing; in what was read they live as long as the struct. */
struct subscription_file {
	struct arena *arena;		/* of what was read; NULL in writing */
	const char *edge;		/* name, cn of its hubServer */
	const char *uuid;		/* hubFileSerial; in writing NULL = a new one */
	const char *fqdn;
	uint16_t port;			/* of the edge's directory */
	struct blobs directory_certificates;	/* DER */
	struct blobs certificates;	/* of the edge's hubd: these or key_digests, or both */
	struct strings key_digests;	/* sha256:hex */
	struct strings addresses;	/* hubAddress */
	const char *account;		/* DN on the edge: cn=...,cn=Sync Accounts,<its tree> */
	const char *password;
	int64_t from_s, to_s;		/* since 1970 */
};

/*
 * Into an empty file of the caller's, whose name is for the error; then it is on the disk. On -1
 * there may be a part of it.
 */
int subscription_file_write(int fd, const char *path, const struct subscription_file *f,
	struct err *e) MUST_CHECK;
/* NULL and *e with the reason: not readable, damaged, of another form or version. */
struct subscription_file *subscription_file_read(const char *path, struct err *e) MUST_CHECK;
/* The same of a text in memory; name stands for the file. */
struct subscription_file *subscription_file_parse(const char *name, const char *text, size_t size,
	struct err *e) MUST_CHECK;
/* Of what was read. Wipes. Sets *f to NULL; accepts a pointer to NULL. */
void subscription_file_free(struct subscription_file **f);

/*
 * May it be imported into the organization for that site? -1 and the reason: expired, not valid
 * yet, imported before or older than what was (hubSubscriptionSerial), the name of a hub or mailbox
 * server, name, address or key of another edge, another site, an edge being removed. replace: the
 * edge was installed anew, so its FQDN and certificate may be others than those subscribed.
 */
int subscription_file_check(const struct subscription_file *f, const struct snapshot *s,
	const char *site, int64_t now_s, bool replace, struct err *e) MUST_CHECK;

/* What is written to hubSubscriptionSerial after the import. */
void subscription_file_serial(const struct subscription_file *f,
	char out[SUBSCRIPTION_FILE_SERIAL]);

#endif
