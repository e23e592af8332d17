/* question.h - what is the newest change that a server has? Owning thread only.
 *
 * A search for the base entry by RFC 4533, refreshOnly: the cookie in its result names it, as the
 * cookies of a watch do, and whoever may watch may ask. It tells of this server only: what another
 * one has that has not come here yet is not named.
 */
#ifndef HUB_DIRECTORY_QUESTION_H
#define HUB_DIRECTORY_QUESTION_H

#include "libhub/directory/connection.h"
#include "libhub/directory/cookie.h"

struct question;

/*
 * newest: names that change, of each server that there are changes of, or none (cookie_covers);
 * borrowed, until this returns. NULL: e says why it is not known.
 */
typedef void question_cb(const struct cookie *newest, const struct err *e, void *ctx);

/*
 * base is the caller's and outlives it. Exactly one callback, never before this returns; none after
 * cancel, nor if the connection is lost. NULL and *e if it cannot begin.
 */
struct question *question_start(struct directory_connection *c, const char *base, question_cb *cb,
	void *ctx, struct err *e);
/* Sets *q to NULL; accepts a pointer to NULL. Before the connection is closed. */
void question_cancel(struct question **q);

#endif
