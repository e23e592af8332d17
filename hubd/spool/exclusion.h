/* exclusion.h - connectors that a message goes around for a while: connector failover.
 *
 * A source server that has judged its connector failed hands the message to others with this list,
 * one header field EXCLUSION_FIELD a connector (routing, section 5):
 *
 *	To%20Internet; expires=1763760000; lasts=600
 *
 * expires is Unix time. lasts is how long that was from the start; it grows each time the same
 * connector sends the message away again, so that mail for which all connectors have failed does
 * not go round and round between their hubs. An exclusion that has expired is kept for that. The
 * text of a list, in the envelope, has one value a line. Pure; any thread.
 */
#ifndef HUB_SPOOL_EXCLUSION_H
#define HUB_SPOOL_EXCLUSION_H

#include <stdbool.h>

#include "libhub/base/mem.h"

#define EXCLUSION_FIELD "X-Hub-Organization-Excluded-Connector"

enum {
	EXCLUSIONS_MAX = 8,
	EXCLUSIONS_TEXT_MAX = 1000,
	EXCLUSION_SHORTEST_S = 60,
	EXCLUSION_LONGEST_S = 24 * 3600,
};

struct exclusion {
	const char *connector;
	int64_t expires_s;		/* wall clock */
	uint32_t lasts_s;
};

/* The one made last comes last. */
struct exclusions {
	struct exclusion v[EXCLUSIONS_MAX];
	size_t n;
};

/* What is no exclusion is left out, and of too many the first. Names in the arena. */
void exclusions_parse(const char *text, struct arena *a, struct exclusions *out);
/* In the arena; "" for none. What does not fit in EXCLUSIONS_TEXT_MAX, the oldest, is left out. */
const char *exclusions_text(const struct exclusions *x, struct arena *a);
/*
 * The connector has failed, at this wall time, once more or for the first time; lasts_s is for the
 * first. The name must live as long as x.
 */
void exclusions_renew(struct exclusions *x, const char *connector, int64_t now_s, uint64_t lasts_s);
/* Takes over what other has; of the same connector, what expires later counts. */
void exclusions_merge(struct exclusions *x, const struct exclusions *other);

#endif
