/* settings.h - hubd.conf: only what cannot come from the directory. */
#ifndef HUB_CONFIG_SETTINGS_H
#define HUB_CONFIG_SETTINGS_H

#include <stdint.h>

#include "libhub/daemon/common_settings.h"

struct settings {
	struct common_settings common;	/* first */
	const char *crl;		/* revocation lists: file or folder, or NULL */
	const char *keytab;		/* or NULL */
	uint32_t workers;
	const char *protocol_log;	/* folder, or NULL = off */
	uint64_t protocol_log_file_size, protocol_log_total_size;	/* total: 0 = no limit */
	uint32_t protocol_log_age;	/* days, 0 = no limit */
	const char *agents;		/* folder of delivery agents, or NULL */
	uint32_t agent_timeout_s;
};

/* Everything lives in the arena. Checks what can be checked without the directory. */
int settings_load(const char *path, struct arena *arena, struct settings *out, struct err *e)
	MUST_CHECK;
/* See common_settings_blame. */
int settings_blame(const struct settings *s, const char *key, struct err *e);

#endif
