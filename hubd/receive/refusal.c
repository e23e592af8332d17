/* refusal.c - see refusal.h */
#include "hubd/receive/refusal.h"

#include <stdlib.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"

struct refusals {
	struct event *window;	/* pending from the first line of a window to its end */
	uint64_t lines, left_out;
};

static void tell(struct refusals *r)
{
	if (r->left_out != 0)
		log_event(LOG_LEVEL_WARNING, "connections-refused",
			LOG_INT("not_logged", (int64_t)r->left_out), LOG_END);
	r->lines = r->left_out = 0;
}

static void on_window(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	tell(ctx);
}

struct refusals *refusals_new(struct loop *loop)
{
	struct refusals *r = xcalloc(1, sizeof(*r));

	r->window = evtimer_new(loop_base(loop), on_window, r);
	BUG_ON(r->window == NULL);
	return r;
}

void refusals_free(struct refusals **rp)
{
	struct refusals *r = *rp;

	*rp = NULL;
	if (r == NULL)
		return;
	tell(r);
	event_free(r->window);
	free(r);
}

void refusals_log(struct refusals *r, const char *peer, const char *connector, const char *why)
{
	static const struct timeval window = { .tv_sec = REFUSAL_WINDOW_S };

	if (!evtimer_pending(r->window, NULL))
		evtimer_add(r->window, &window);
	if (r->lines == REFUSAL_LINES) {
		r->left_out++;
		return;
	}
	r->lines++;
	log_event(LOG_LEVEL_WARNING, "connection-refused", LOG_STR("peer", peer),
		LOG_STR("connector", connector), LOG_STR("why", why), LOG_END);
}
