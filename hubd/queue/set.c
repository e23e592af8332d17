/* set.c - the process's queues and one worker's set of them: posting, configuration, end. */
#include <stdio.h>
#include <string.h>

#include "hubd/queue/fair.h"
#include "hubd/queue/queue_priv.h"
#include "libhub/base/clock.h"

enum {
	SWEEP_PER_TURN = 100,		/* items handed to the categorizer in one turn */
	STARVED_MS = 100,		/* until we look again for a free connection */
};

struct queues *queues_new(uint32_t workers)
{
	struct queues *q = xcalloc(1, sizeof(*q));

	BUG_ON(workers == 0);
	q->n = workers;
	q->sets = xcalloc(workers, sizeof(struct queue_set *));
	atomic_init(&q->connections, 0);
	atomic_init(&q->starving, 0);
	turns_init(&q->turns, workers);
	share_init(q);
	return q;
}

void queues_set_failover(struct queues *q, struct failover *f)
{
	q->failover = f;
}

void queues_free(struct queues **qp)
{
	if (*qp == NULL)
		return;
	share_deinit(*qp);
	turns_deinit(&(*qp)->turns);
	free((*qp)->sets);
	free(*qp);
	*qp = NULL;
}

/* FNV-1a over the parts of the key: equal keys meet in one worker. */
static uint32_t key_hash(const struct queue_item *item)
{
	const char *const parts[] = { item->key.domain, item->key.connector, item->security };
	uint32_t h = 2166136261u ^ (uint32_t)item->key.type;
	size_t i;

	for (i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
		const char *p = parts[i];

		do
			h = (h ^ (unsigned char)*p) * 16777619u;
		while (*p++ != '\0');
	}
	return h;
}

void queues_post(struct queues *q, struct queue_item *item)
{
	struct queue_set *s = q->sets[key_hash(item) % q->n];

	BUG_ON(s == NULL);
	inbox_post(s->inbox, &item->node);
}

void queues_stats(struct queues *q, struct queue_stats *out)
{
	uint32_t i;

	memset(out, 0, sizeof(*out));
	out->connections = atomic_load(&q->connections);
	for (i = 0; i < q->n; i++) {
		struct queue_set *s = q->sets[i];

		if (s == NULL)
			continue;
		out->messages += atomic_load(&s->messages);
		out->queues += atomic_load(&s->n_queues);
		out->retry_queues += atomic_load(&s->n_retry);
		out->delivered += atomic_load(&s->delivered);
		out->relayed += atomic_load(&s->relayed);
		out->deferred += atomic_load(&s->deferred);
		out->failed += atomic_load(&s->failed);
		out->expired += atomic_load(&s->expired);
	}
}

void queue_set_call(struct queue_set *s, struct queue_call *call)
{
	inbox_post(s->calls, &call->node);
}

void queue_set_tell(struct queue_set *s, uint32_t worker,
	void (*fn)(struct queue_set *s, struct queue_call *call))
{
	struct queue_set *other = s->all->sets[worker];
	struct queue_call *call;

	if (other == NULL || s->stopping)
		return;
	call = xcalloc(1, sizeof(*call));
	call->fn = fn;
	queue_set_call(other, call);
}

static void on_call(struct inbox_node *node, void *ctx)
{
	struct queue_call *call = INBOX_ENTRY(node, struct queue_call, node);

	call->fn(ctx, call);
}

static void on_item(struct inbox_node *node, void *ctx)
{
	struct queue_item *item = INBOX_ENTRY(node, struct queue_item, node);
	struct queue_set *s = ctx;

	/* routed before the configuration changed: its route may be gone */
	if (item->probe)
		queue_probe(s, item);
	else if (s->live != NULL && live_is_older(item->live, s->live))
		s->hooks->recategorize(item, s->ctx);
	else
		queue_insert(s, item);
}

static void sweep_some(struct queue_set *s)
{
	struct queue_item *item;
	int n;

	for (n = 0; n < SWEEP_PER_TURN && (item = TAILQ_FIRST(&s->sweep)) != NULL; n++) {
		TAILQ_REMOVE(&s->sweep, item, link);
		atomic_fetch_sub(&s->messages, 1);
		s->hooks->recategorize(item, s->ctx);
	}
}

static void on_sweep(evutil_socket_t fd, short what, void *ctx)
{
	struct queue_set *s = ctx;

	(void)fd;
	(void)what;
	loop_touch(s->loop);
	sweep_some(s);
	queue_set_sweep(s);
}

void queue_set_sweep(struct queue_set *s)
{
	static const struct timeval now = { 0, 0 };

	if (!TAILQ_EMPTY(&s->sweep))
		event_add(s->sweep_event, &now);
}

static void look_again(struct queue_set *s, int wait_ms)
{
	const struct timeval tv = { 0, wait_ms * 1000 };

	event_add(s->starved_event, &tv);
}

/* One connection that nobody uses for each queue that has none. */
static void end_idle(struct queue_set *s)
{
	unsigned n = atomic_load(&s->all->starving);
	struct queue *q, *next;

	if (s->n_idle == 0)
		return;
	HASH_ITER(hh, s->queues, q, next)
		for (; n > 0 && q->n_idle > 0 && queue_set_is_starved(s); n--)
			queue_end_idle(q);
}

static void on_want(struct queue_set *s, struct queue_call *call)
{
	free(call);
	if (s->live != NULL && !s->stopping)
		end_idle(s);
}

static void want_room(struct queue_set *s)
{
	uint64_t now = clock_mono_ms();
	uint32_t i;

	end_idle(s);
	if (now - s->wanted_at_ms < STARVED_MS)
		return;
	s->wanted_at_ms = now;
	for (i = 0; i < s->all->n; i++)
		if (i != s->worker)
			queue_set_tell(s, i, on_want);
}

static void on_turn(struct queue_set *s, struct queue_call *call)
{
	free(call);
	look_again(s, 0);
}

/* Who has waited longest looks for a free connection. */
static void pass_on(struct queue_set *s)
{
	uint64_t max = s->live->self->max_outbound_connections;
	uint32_t worker;

	if ((max != 0 && atomic_load(&s->all->connections) >= max) ||
		turns_first(&s->all->turns, &worker) == NO_TICKET)
		return;
	if (worker == s->worker)
		look_again(s, 0);
	else
		queue_set_tell(s, worker, on_turn);
}

static void look_later(struct queue_set *s)
{
	if (!TAILQ_EMPTY(&s->starving) && !evtimer_pending(s->starved_event, NULL))
		look_again(s, STARVED_MS);
}

static bool is_first(const struct queue *q)
{
	uint32_t worker;

	return turns_first(&q->set->all->turns, &worker) == q->starving_ticket;
}

static void on_starved(evutil_socket_t fd, short what, void *ctx)
{
	struct queue_set *s = ctx;
	struct queue *q;

	(void)fd;
	(void)what;
	loop_touch(s->loop);
	s->serving = true;
	while ((q = TAILQ_FIRST(&s->starving)) != NULL && is_first(q)) {
		queue_set_sated(q);
		if (!queue_serve(q))
			break;
	}
	s->serving = false;
	pass_on(s);
	if (!TAILQ_EMPTY(&s->starving))
		want_room(s);
	look_later(s);
}

static void note_starving(struct queue *q, bool starving)
{
	struct queue_set *s = q->set;
	const struct queue *first = TAILQ_FIRST(&s->starving);

	q->starving = starving;
	if (starving)
		atomic_fetch_add(&s->all->starving, 1);
	else
		atomic_fetch_sub(&s->all->starving, 1);
	turns_note(&s->all->turns, s->worker, first != NULL ? first->starving_ticket : NO_TICKET);
	look_later(s);
}

void queue_set_starve(struct queue *q)
{
	if (q->starving)
		return;
	q->starving_ticket = turns_ticket(&q->set->all->turns);
	TAILQ_INSERT_TAIL(&q->set->starving, q, starving_link);
	note_starving(q, true);
}

void queue_set_sated(struct queue *q)
{
	if (!q->starving)
		return;
	TAILQ_REMOVE(&q->set->starving, q, starving_link);
	note_starving(q, false);
}

bool queue_set_may_grow(const struct queue *q, uint64_t own_max)
{
	return fair_may_grow(q->n_conns, own_max, atomic_load(&q->set->all->connections),
		q->set->live->self->max_outbound_connections);
}

/* What is free already is theirs: another worker just has not looked yet. */
bool queue_set_is_starved(const struct queue_set *s)
{
	unsigned waiting = atomic_load(&s->all->starving);
	uint64_t max;

	if (waiting == 0)
		return false;
	max = s->live->self->max_outbound_connections;
	return max != 0 && atomic_load(&s->all->connections) + (uint64_t)waiting > max;
}

/* It was being served, but somebody was faster. */
static void keep_place(struct queue *q)
{
	TAILQ_INSERT_HEAD(&q->set->starving, q, starving_link);
	note_starving(q, true);
}

bool queue_set_connection_take(struct queue *q)
{
	struct queue_set *s = q->set;
	uint64_t max = s->live->self->max_outbound_connections;

	if (!s->serving && atomic_load(&s->all->starving) > 0) {
		queue_set_starve(q);
		pass_on(s);
		return false;
	}
	if (atomic_fetch_add(&s->all->connections, 1) >= max && max != 0) {
		atomic_fetch_sub(&s->all->connections, 1);
		if (s->serving)
			keep_place(q);
		else
			queue_set_starve(q);
		return false;
	}
	s->n_conns++;
	return true;
}

void queue_set_connection_give(struct queue_set *s)
{
	atomic_fetch_sub(&s->all->connections, 1);
	s->n_conns--;
	pass_on(s);
	if (s->stopping && s->n_conns == 0 && s->stopped != NULL)
		loop_defer(s->loop, s->stopped, s->stopped_ctx);
}

struct queue_set *queue_set_new(struct queues *q, uint32_t worker, struct loop *loop,
	struct spool_port *port, const struct live *live, const struct queue_hooks *hooks,
	void *ctx)
{
	struct queue_set *s = xcalloc(1, sizeof(*s));

	BUG_ON(worker >= q->n || q->sets[worker] != NULL);
	s->all = q;
	s->worker = worker;
	s->loop = loop;
	s->port = port;
	s->live = live != NULL ? live_ref(live) : NULL;
	s->hooks = hooks;
	s->ctx = ctx;
	TAILQ_INIT(&s->sweep);
	TAILQ_INIT(&s->starving);
	outcome_tickets_init(s);
	share_set_init(s);
	if (q->failover != NULL)
		s->failover = failover_port_new(q->failover);
	s->inbox = inbox_new(loop, on_item, s);
	s->calls = inbox_new(loop, on_call, s);
	s->sweep_event = evtimer_new(loop_base(loop), on_sweep, s);
	s->starved_event = evtimer_new(loop_base(loop), on_starved, s);
	BUG_ON(s->sweep_event == NULL || s->starved_event == NULL);
	q->sets[worker] = s;
	return s;
}

void queue_set_free(struct queue_set **sp)
{
	struct queue_set *s = *sp;
	struct queue_item *item;
	struct queue *q, *next;

	if (s == NULL)
		return;
	BUG_ON(s->n_conns != 0);
	s->stopping = true;
	inbox_free(&s->calls);
	live_unref(&s->live);	/* items still in the inbox are only filed now */
	inbox_free(&s->inbox);
	HASH_ITER(hh, s->queues, q, next) {
		queue_drain(q, &s->sweep);
		queue_free(q);
	}
	while ((item = TAILQ_FIRST(&s->sweep)) != NULL) {
		TAILQ_REMOVE(&s->sweep, item, link);
		queue_item_free(&item);
	}
	outcome_tickets_free(s);
	failover_port_free(&s->failover);
	event_free(s->sweep_event);
	event_free(s->starved_event);
	share_set_deinit(s);
	s->all->sets[s->worker] = NULL;
	free(s);
	*sp = NULL;
}

void queue_set_config(struct queue_set *s, const struct live *live)
{
	const struct live *old = s->live;
	struct queue *q, *next;

	s->live = live_ref(live);
	failover_port_forget(s->failover);
	HASH_ITER(hh, s->queues, q, next) {
		/* the same snapshot again: what was missing then may be there now (recipients) */
		queue_end_stale(q);
		queue_rearm(q);
		if (old != NULL && live_routes_alike(old, live) && q->key.type != QUEUE_UNREACHABLE)
			continue;
		queue_item_free(&q->probe);
		queue_drain(q, &s->sweep);
	}
	live_unref(&old);
	queue_set_sweep(s);
}

const struct live *queue_set_live(const struct queue_set *s)
{
	return s->live;
}

struct loop *queue_set_loop(const struct queue_set *s)
{
	return s->loop;
}

struct spool_port *queue_set_port(const struct queue_set *s)
{
	return s->port;
}

void queue_set_transport(struct queue_set *s, enum queue_type type,
	const struct queue_transport *t, void *ctx)
{
	s->transports[type] = (struct transport){ t, ctx };
}

void queue_set_stop(struct queue_set *s, void (*done)(void *ctx), void *ctx)
{
	struct queue *q, *next;

	s->stopping = true;
	s->stopped = done;
	s->stopped_ctx = ctx;
	if (s->n_conns == 0) {
		loop_defer(s->loop, done, ctx);
		return;
	}
	HASH_ITER(hh, s->queues, q, next)
		queue_stop_conns(q);
}
