/* schedule.c - see schedule.h. */
#include "hubd/queue/schedule.h"

uint64_t schedule_retry_ms(const struct server *self, uint32_t failures)
{
	uint64_t s, ms;

	if (failures <= self->glitch_retry_count)
		s = self->glitch_retry_interval_s;
	else if (failures - self->glitch_retry_count <= self->transient_retry_count)
		s = self->transient_retry_interval_s;
	else
		s = self->connection_failure_interval_s;
	ms = s * 1000;
	return ms < SCHEDULE_MIN_MS ? SCHEDULE_MIN_MS : ms;
}
