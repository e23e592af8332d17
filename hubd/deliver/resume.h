/* resume.h - TLS sessions of one worker that may be resumed (RFC 5077, RFC 8446). Its thread.
 *
 * One for each identity (session_identity.h), so what is resumed was proven just as the new session
 * would have to be, by the same authorities and revocation lists and with the same certificate of
 * ours; key and name of the peer's certificate are checked again. At most RESUME_MAX are kept, for
 * RESUME_LIFE_S: whether the certificate was revoked since is asked that often.
 */
#ifndef HUB_DELIVER_RESUME_H
#define HUB_DELIVER_RESUME_H

#include "hubd/deliver/session_identity.h"

enum { RESUME_MAX = 1000, RESUME_LIFE_S = 3600 };

struct resume_table;
struct ssl_session_st;

struct resume_table *resume_table_new(void);
/* Accepts a pointer to NULL; sets it to NULL. */
void resume_table_free(struct resume_table **t);

/* NULL: there is none. The table's; valid until the next call for it. */
struct ssl_session_st *resume_get(struct resume_table *t,
	const unsigned char digest[SESSION_IDENTITY_DIGEST]);
/*
 * Takes session; it replaces the one before. NULL: does nothing. resumed: it came of that one, and
 * ends when that would have.
 */
void resume_put(struct resume_table *t, const unsigned char digest[SESSION_IDENTITY_DIGEST],
	struct ssl_session_st *session, bool resumed);
/* The peer could not cope with it. */
void resume_drop(struct resume_table *t, const unsigned char digest[SESSION_IDENTITY_DIGEST]);

#endif
