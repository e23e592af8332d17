/* rate.h - messages a minute by source, for hubMessageRateLimit. Any thread.
 *
 * One table for the process with a lock of its own, held for one look-up: the limit counts all
 * workers' sessions together. The minute slides by RATE_STEP_MS: no 60 seconds, wherever they
 * begin, see more than the limit. A source vanishes a minute after its last message; beyond
 * RATE_SOURCES_MAX the one that was silent for longest is forgotten, so many addresses cost no
 * memory.
 */
#ifndef HUB_RECEIVE_RATE_H
#define HUB_RECEIVE_RATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RATE_STEP_MS = 5 * 1000, RATE_SOURCES_MAX = 65536 };

struct rate_table;

struct rate_table *rate_table_new(void);
/* Accepts a pointer to NULL; sets it to NULL. */
void rate_table_free(struct rate_table **t);
/*
 * Counts one message of every source that is not NULL, two at most, or none of them when it is one
 * too many for any: false. now_ms is clock_mono_ms().
 */
bool rate_allow(struct rate_table *t, const char *const sources[2], uint64_t limit,
	uint64_t now_ms);
size_t rate_sources(struct rate_table *t);

#endif
