/* schedule.c - see schedule.h. */
#include "hubd/queue/schedule.h"

/* The defaults of transient and connection failure intervals are longer on an edge. */
enum { EDGE_TRANSIENT_S = 600, EDGE_CONNECTION_FAILURE_S = 1800 };

static uint64_t transient_s(const struct server *self)
{
	if (self->role == ROLE_EDGE && !self->transient_retry_interval_given)
		return EDGE_TRANSIENT_S;
	return self->transient_retry_interval_s;
}

static uint64_t connection_failure_s(const struct server *self)
{
	if (self->role == ROLE_EDGE && !self->connection_failure_interval_given)
		return EDGE_CONNECTION_FAILURE_S;
	return self->connection_failure_interval_s;
}

uint64_t schedule_retry_ms(const struct server *self, uint32_t failures)
{
	uint64_t s, ms;

	if (failures <= self->glitch_retry_count)
		s = self->glitch_retry_interval_s;
	else if (failures - self->glitch_retry_count <= self->transient_retry_count)
		s = transient_s(self);
	else
		s = connection_failure_s(self);
	ms = s * 1000;
	return ms < SCHEDULE_MIN_MS ? SCHEDULE_MIN_MS : ms;
}
