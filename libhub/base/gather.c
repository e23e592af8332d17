/* gather.c - see gather.h */
#include "libhub/base/gather.h"

#include "libhub/base/clock.h"

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct gather *g = ctx;

	(void)fd;
	(void)what;
	g->first_ms = 0;
	g->cb(g->ctx);
}

void gather_init(struct gather *g, struct loop *loop, uint64_t quiet_ms, uint64_t latest_ms,
	void (*cb)(void *ctx), void *ctx)
{
	*g = (struct gather){ .quiet_ms = quiet_ms, .latest_ms = latest_ms, .cb = cb,
		.ctx = ctx };
	g->timer = evtimer_new(loop_base(loop), on_timer, g);
	BUG_ON(g->timer == NULL || quiet_ms > latest_ms);
}

void gather_deinit(struct gather *g)
{
	event_free(g->timer);
	g->timer = NULL;
}

void gather_note(struct gather *g)
{
	const struct timeval quiet = { (time_t)(g->quiet_ms / 1000),
		(suseconds_t)(g->quiet_ms % 1000 * 1000) };
	uint64_t now = clock_mono_ms();

	if (g->first_ms == 0)
		g->first_ms = now;
	/* once it might be too late, the timer stays as it is */
	if (now + g->quiet_ms <= g->first_ms + g->latest_ms)
		evtimer_add(g->timer, &quiet);
}

void gather_settle(struct gather *g)
{
	g->first_ms = 0;
	event_del(g->timer);
}

bool gather_is_due(const struct gather *g)
{
	return g->first_ms != 0;
}
