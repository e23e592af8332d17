/* home.h - what edgesyncd writes inside: the credentials of its subscriptions, and their end.
 *
 * A connection to the organization's directory as this hub, opened when there is something to
 * write and closed when there was nothing for a while. Requests are done one after the other. Each
 * is tried with one server after the other until one takes it, and then fails for good: whoever
 * asked decides whether to ask again.
 */
#ifndef HUB_EDGESYNCD_HOME_H
#define HUB_EDGESYNCD_HOME_H

#include "libhub/directory/connection.h"

struct home;

/* cfg is the caller's and outlives it, or the next home_set_config. */
struct home *home_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg);
/* Requests end without callback. Sets *h to NULL; accepts a pointer to NULL. */
void home_free(struct home **h);
void home_set_config(struct home *h, const struct directory_config *cfg);

enum {
	HOME_FAILED = -1,	/* no server could be asked */
	HOME_UNCLEAR = -2,	/* one was asked and was lost: it may have been done, or not */
};

/*
 * code: of LDAP, or one of those above; text for people. After a lost server the next may find that
 * the values or the entry are there, or gone, already: that code is told as it is.
 */
typedef void home_done_cb(int code, const char *text, void *ctx);

/* Everything is copied. One callback, never before this returns; none after home_forget. */
void home_modify(struct home *h, const char *dn, const struct directory_change *changes, size_t n,
	home_done_cb *cb, void *ctx);
/* assertion: a filter that the entry has to fit, else LDAP_ASSERTION_FAILED. */
void home_delete(struct home *h, const char *dn, const char *assertion, home_done_cb *cb,
	void *ctx);
/* No callbacks for ctx any more; what was asked for may still be done. */
void home_forget(struct home *h, void *ctx);

#endif
