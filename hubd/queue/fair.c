/* fair.c - see fair.h */
#include "hubd/queue/fair.h"

#include "libhub/base/clock.h"

bool fair_may_grow(uint64_t held, uint64_t own_max, uint64_t used, uint64_t max)
{
	if (max == 0 || held == 0)
		return true;
	if (used <= held)
		return used < max;
	if (own_max > max)
		own_max = max;
	/* limits are below 2^31 */
	return used < max && held * max <= own_max * (max - used);
}

bool fair_must_yield(uint64_t held, uint64_t got_at_ms)
{
	return held > 1 || clock_mono_ms() - got_at_ms > FAIR_TURN_MS;
}
