/* author.h - whose name a logged in user may put on a message. The session's thread. */
#ifndef HUB_RECEIVE_AUTHOR_H
#define HUB_RECEIVE_AUTHOR_H

#include <stddef.h>

struct session;

/* Of several, the highest counts. */
enum author {
	AUTHOR_OWN,		/* an address of the entry that the session logged in as */
	AUTHOR_NOT_KNOWN,	/* the recipients are not loaded yet: 451 */
	AUTHOR_FOREIGN,
};

enum author author_of(const struct session *s, const char *address);
/*
 * The value of a From or Sender field, unfolded (RFC 5322 section 3.6.2), all its addresses. What
 * cannot be read, or may be read in two ways, is foreign; n of SMTP_HEADER_VALUE_MAX means that it
 * was cut. session is the struct session.
 */
enum author author_judge(const char *value, size_t n, void *session);

#endif
