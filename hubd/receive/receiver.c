/* receiver.c - see receiver.h */
#include "hubd/receive/receiver.h"

#include "hubd/receive/session.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

/*
 * Session ids carry their worker in the upper bits and begin with the second of the start, so that
 * logs of days do not show one twice.
 */
enum { WORKER_SHIFT = 48, START_SHIFT = 16 };

static void on_arrival(struct inbox_node *node, void *ctx)
{
	struct receiver *r = ctx;

	session_begin(r, INBOX_ENTRY(node, struct arrival, node));
}

static void on_login_answer(struct inbox_node *node, void *ctx)
{
	struct receiver *r = ctx;
	struct login *l = INBOX_ENTRY(node, struct login, node);
	struct session *s = session_find(r, l->session);

	if (s != NULL)
		auth_answered(s, l);
	else
		login_abandon(&l, r->cfg.logins);
}

struct receiver *receiver_new(const struct receiver_config *cfg)
{
	struct receiver *r = xcalloc(1, sizeof(*r));

	r->cfg = *cfg;
	r->next_id = (uint64_t)cfg->worker << WORKER_SHIFT |
		(uint64_t)(uint32_t)clock_wall_s() << START_SHIFT | 1;
	r->arrivals = inbox_new(cfg->loop, on_arrival, r);
	r->logins = inbox_new(cfg->loop, on_login_answer, r);
	return r;
}

void receiver_close(struct receiver *r)
{
	struct session *s, *next;

	HASH_ITER(hh, r->sessions, s, next)
		session_end(s);
}

void receiver_free(struct receiver **rp)
{
	struct receiver *r = *rp;

	if (r == NULL)
		return;
	/* arrivals still on their way become sessions for a moment */
	inbox_free(&r->arrivals);
	inbox_free(&r->logins);
	receiver_close(r);
	live_unref(&r->live);
	if (r->grace != NULL)
		event_free(r->grace);
	free(r);
	*rp = NULL;
}

struct inbox *receiver_inbox(struct receiver *r)
{
	return r->arrivals;
}

void receiver_set_live(struct receiver *r, const struct live *live)
{
	live_unref(&r->live);
	r->live = live_ref(live);
	r->lives++;
}

/* What is not delivered by now stays in the spool. */
static void acknowledge_all(struct receiver *r)
{
	struct session *s, *next;

	HASH_ITER(hh, r->sessions, s, next)
		if (s->wait == WAIT_DELIVERY)
			acknowledge_now(s);
}

static void stop_idle(struct receiver *r)
{
	struct session *s, *next;

	HASH_ITER(hh, r->sessions, s, next)
		if (s->wait == WAIT_NOTHING && session_can_stop(s))
			session_shutdown(s, "4.3.2", "the server is stopping");
}

static void on_grace_over(evutil_socket_t fd, short what, void *ctx)
{
	struct receiver *r = ctx;

	(void)fd;
	(void)what;
	r->impatient = true;
	stop_idle(r);
}

void receiver_drain(struct receiver *r)
{
	static const struct timeval grace = { .tv_sec = RECEIVER_GRACE_S };

	r->draining = true;
	acknowledge_all(r);
	stop_idle(r);
	r->grace = evtimer_new(loop_base(r->cfg.loop), on_grace_over, r);
	BUG_ON(r->grace == NULL);
	evtimer_add(r->grace, &grace);
}

uint32_t receiver_sessions(const struct receiver *r)
{
	return (uint32_t)HASH_COUNT(r->sessions);
}
