/* author.h - whose name a logged in user may put on a message. The session's thread. */
#ifndef HUB_RECEIVE_AUTHOR_H
#define HUB_RECEIVE_AUTHOR_H

#include <stdbool.h>
#include <stddef.h>

struct session;

/* Is it an address of the entry that the session logged in as? */
bool author_is_own(const struct session *s, const char *address);
/*
 * The value of a From or Sender field, unfolded (RFC 5322 section 3.6.2): are all its addresses
 * own? What cannot be read is not; n of SMTP_HEADER_VALUE_MAX means that it was cut. session is the
 * struct session.
 */
bool author_may(const char *value, size_t n, void *session);

#endif
