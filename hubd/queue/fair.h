/* fair.h - what one queue may have of connections that all want and that are limited. Pure.
 *
 * The limits are hubMaxOutboundConnections for the process and hubMaxConcurrentConnections for a
 * connector. A slow next hop keeps its connections long and always wants more, so without a rule it
 * would end up with all of them, and mail for places that are well would wait for them. Therefore:
 *
 * - A queue's first connection only needs a free one. For each further one, what the queue may have
 *   at most (hubMaxPerDomainConnections) counts in full while all are free, and shrinks as they are
 *   used up. Queues that want all they can get so come to rest while some are still free, however
 *   many they are. A queue that is alone may have all.
 * - While others have none and wait for one, a connection ends after its message if its queue has
 *   more than this, or when it has had it for FAIR_TURN_MS; and none is kept idle.
 */
#ifndef HUB_QUEUE_FAIR_H
#define HUB_QUEUE_FAIR_H

#include <stdbool.h>
#include <stdint.h>

enum { FAIR_TURN_MS = 5000 };

/*
 * May a queue that holds so many have one more, as far as its share goes? own_max: what a queue may
 * have (UINT64_MAX = no limit), used: what all hold, max: the limit of all (0 = none).
 */
bool fair_may_grow(uint64_t held, uint64_t own_max, uint64_t used, uint64_t max);
/* Others wait: is it up to this queue, with a connection that it got then, to make room? */
bool fair_must_yield(uint64_t held, uint64_t got_at_ms);

#endif
