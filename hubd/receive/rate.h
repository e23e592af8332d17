/* rate.h - messages a minute by source, for hubMessageRateLimit. Any thread.
 *
 * One table for the process with a lock of its own, held for one look-up: the limit counts all
 * workers' sessions together. Entries vanish a minute after their last message.
 */
#ifndef HUB_RECEIVE_RATE_H
#define HUB_RECEIVE_RATE_H

#include <stdbool.h>
#include <stdint.h>

struct rate_table;

struct rate_table *rate_table_new(void);
void rate_table_free(struct rate_table **t);
/* Counts one message of source; false if that is more than limit within the present minute. */
bool rate_allow(struct rate_table *t, const char *source, uint64_t limit);

#endif
