/* keytab.h - what is in the Kerberos keytab of this server. Reads files: at the start, and in the
 * login service's thread.
 */
#ifndef HUB_LOGIN_KEYTAB_H
#define HUB_LOGIN_KEYTAB_H

#include <stdbool.h>

#include "libhub/base/err.h"

/* Is it a keytab, with a key of some smtp/... principal in it? */
int keytab_check(const char *path, struct err *e) MUST_CHECK;
/* Has it a key of a principal smtp/... of that realm? The trust is in whoever gave us the key. */
bool keytab_has_realm(const char *path, const char *realm);
/* The name of the first principal smtp/... in it, the caller's by free; NULL if there is none. */
char *keytab_name(const char *path);

#endif
