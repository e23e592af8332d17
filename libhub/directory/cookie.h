/* cookie.h - how far a consumer of RFC 4533 has come, in the form of OpenLDAP. Pure; any thread.
 *
 * For the protocol a cookie is opaque. slapd's ("rid=000,sid=001,csn=CSN;CSN") must be looked into
 * for two reasons: while changes come in, it names only the CSN of the server that changed, and a
 * consumer that came back with that alone would be sent everything; and a cookie with a sid makes
 * the provider keep that server's changes from us. So CSNs are merged by server, and the rest
 * is left out. A cookie of another form is kept as it came.
 */
#ifndef HUB_DIRECTORY_COOKIE_H
#define HUB_DIRECTORY_COOKIE_H

#include <stdbool.h>
#include <stddef.h>

enum { COOKIE_MAX = 4096 };

struct cookie {
	size_t size;			/* 0 = none */
	char text[COOKIE_MAX];
};

/* Longer than COOKIE_MAX: none. */
void cookie_set(struct cookie *c, const void *text, size_t size);
/* to becomes what a consumer has reached that was at to and then was given from. */
void cookie_merge(struct cookie *to, const struct cookie *from);

enum { COOKIE_CSN_SIZE = 41 };

/*
 * The newest change sequence number in it, of whatever server, with a NUL; they compare as texts.
 * False if it names none.
 */
bool cookie_newest(const struct cookie *c, char csn[COOKIE_CSN_SIZE]);
/*
 * Whether one that has come to shown has all that answer names: of each server in answer shown has
 * a change that is not older. The newest of all says nothing of the others: each server has a
 * clock of its own. An answer that names none is covered.
 */
bool cookie_covers(const struct cookie *shown, const struct cookie *answer);

#endif
