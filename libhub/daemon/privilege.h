/* privilege.h - from root to the service account. Before any thread is started. */
#ifndef HUB_DAEMON_PRIVILEGE_H
#define HUB_DAEMON_PRIVILEGE_H

#include <stdbool.h>

#include "libhub/base/err.h"

/*
 * Becomes user (with its groups), keeping only the capabilities of the first of these texts
 * (cap_from_text(3)) that the system grants; a container may have taken some. "=" is none. The list
 * ends with NULL. Nothing to do when already running as that user.
 */
int privilege_drop(const char *user, const char *const *capabilities, struct err *e) MUST_CHECK;
/* What we start gets no capability by our having it. */
void privilege_keep_from_children(void);
/*
 * Whether a crash may leave a core file, and others of our account may look into our memory: there
 * are passwords in it. After privilege_drop, by which the kernel forbids both.
 */
void privilege_allow_core(bool allow);
/* As many descriptors as the hard limit allows: each session is one. */
void privilege_raise_descriptors(void);

#endif
