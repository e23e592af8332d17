/* key_pairs.h - the certificates and keys that the settings name, folders looked into.
 *
 * Of a folder each file NAME.crt or NAME.pem is a certificate, whose key is NAME.key of the folder
 * beside it in the settings (usually the same one); in the order of their names, hidden files left
 * out. So one can be added or taken away without editing the settings. Blocks; any thread.
 */
#ifndef HUB_DAEMON_KEY_PAIRS_H
#define HUB_DAEMON_KEY_PAIRS_H

#include "libhub/daemon/common_settings.h"

/* At most so many in a folder. */
enum { KEY_PAIRS_FOLDER_MAX = 1000 };

/* -1 with *e filled ends the walk, whose result that is. */
typedef int key_pair_cb(const char *certificate, const char *key, void *ctx, struct err *e);

int key_pairs_each(const struct settings_key_pairs *p, key_pair_cb *cb, void *ctx,
	struct err *e) MUST_CHECK;

#endif
