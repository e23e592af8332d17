/* schedule.h - when a queue that failed is tried again. Pure; any thread. */
#ifndef HUB_QUEUE_SCHEDULE_H
#define HUB_QUEUE_SCHEDULE_H

#include <stdint.h>

#include "libhub/org/topology.h"

/*
 * Milliseconds until the next attempt after failures attempts in a row (at least 1): glitch retries
 * first, then transient ones, then the connection failure interval for ever. Never below
 * SCHEDULE_MIN_MS, so that an interval of 0 is no busy loop.
 */
uint64_t schedule_retry_ms(const struct server *self, uint32_t failures);
enum { SCHEDULE_MIN_MS = 1000 };

#endif
