/* privilege.h - from root to the service account. Before any thread is started. */
#ifndef HUB_DAEMON_PRIVILEGE_H
#define HUB_DAEMON_PRIVILEGE_H

#include <stdbool.h>

#include "libhub/base/err.h"

/*
 * As a service: becomes user (with its groups; NULL = stays), keeping only the capabilities of the
 * first of these texts (cap_from_text(3)) that the system grants; a container may have taken some.
 * "=" is none. The list ends with NULL. What we start gets no capability by our having it. Without
 * core_files a crash leaves none, and others of our account may not look into our memory: there are
 * passwords in it. As many descriptors as the hard limit allows: each session is one.
 */
int privilege_settle(const char *user, const char *const *capabilities, bool core_files,
	struct err *e) MUST_CHECK;

#endif
