/* settings.h - edgesyncd.conf: only what cannot come from the directory. */
#ifndef HUB_EDGESYNCD_SETTINGS_H
#define HUB_EDGESYNCD_SETTINGS_H

#include <stdint.h>

#include "libhub/daemon/common_settings.h"

struct edge_settings {
	struct common_settings common;	/* first */
	uint32_t lease_time_s;		/* who crashed is replaced after so long */
	uint32_t account_lifetime_s;	/* of a hub's account on an edge */
	uint32_t account_renewal_s;	/* it is replaced when so much of it is left */
	uint32_t comparison_interval_s;	/* everything on an edge is read again */
	uint32_t recipient_delay_s;	/* changes of recipients are gathered for so long */
};

/* Everything lives in the arena. Checks what can be checked without the directory. */
int edge_settings_load(const char *path, struct arena *arena, struct edge_settings *out,
	struct err *e) MUST_CHECK;

#endif
