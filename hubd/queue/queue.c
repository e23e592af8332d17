/* queue.c - one queue: its lists, its connections, its timer.
 *
 * Connections grow like TCP's slow start: while there is backlog, as many may be connecting as are
 * up (one when none is), to hubMaxPerDomainConnections. When one fails beside good ones, the peer
 * is taken to want no more than these: so many are kept up, those that end included, and one more
 * is tried after a pause that doubles while that fails, and is short again once it does not.
 *
 * One libevent timer a queue serves retry, waiting messages, expiry and the queue's own end; it is
 * only armed for an earlier time than it already has, so a message that passes through costs no
 * timer.
 */
#include <stdio.h>
#include <string.h>

#include "hubd/queue/fair.h"
#include "hubd/queue/queue_priv.h"
#include "hubd/queue/schedule.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"

enum {
	IDENT_STACK = 1024,
	/* until one more is tried than the peer took: after the first failure, and after success */
	GROW_PAUSE_MS = 10 * 1000,
	GROW_STEP_MS = 1000,
	GROW_DOUBLINGS = 6,		/* to over ten minutes */
	CHECK_GRAIN_MS = 1000,		/* expiry is looked at no more often */
};

size_t queue_count(const struct queue *q)
{
	return q->n_ready + q->n_waiting + q->n_held + q->n_active;
}

const char *queue_status(const struct queue *q)
{
	if (q->suspended)
		return "Suspended";
	if (q->in_retry)
		return "Retry";
	if (q->n_active > 0)
		return "Active";
	if (q->n_connecting > 0 || (q->n_ready > 0 && q->key.type != QUEUE_UNREACHABLE))
		return "Connecting";
	return "Ready";
}

/* --- timer --- */

static void arm(struct queue *q, uint64_t at_ms)
{
	uint64_t now = clock_mono_ms(), wait = at_ms > now ? at_ms - now : 0;
	struct timeval tv = { (time_t)(wait / 1000), (suseconds_t)(wait % 1000 * 1000) };

	if (q->timer_at_ms != 0 && q->timer_at_ms <= at_ms)
		return;
	q->timer_at_ms = at_ms;
	event_add(q->timer, &tv);
}

static uint64_t mono_of_wall(int64_t wall_ms)
{
	int64_t wait = wall_ms - clock_wall_ms();

	return clock_mono_ms() + (wait > 0 ? (uint64_t)wait : 0);
}

static uint64_t idle_ms(const struct queue *q)
{
	uint64_t s = q->set->live != NULL ? q->set->live->self->queue_max_idle_s : 0;

	return s != 0 ? s * 1000 : 1000;
}

static void note_empty(struct queue *q)
{
	if (queue_count(q) != 0) {
		q->empty_since_ms = 0;
	} else if (q->empty_since_ms == 0) {
		q->empty_since_ms = clock_mono_ms();
		arm(q, q->empty_since_ms + idle_ms(q));
	}
}

/* Wall time at which something is to be done about the item by its age. */
static int64_t next_check_ms(const struct queue_item *item, const struct live *live)
{
	int64_t at = queue_item_expires_ms(item, live), late;
	uint64_t delay_s = live->self->delay_notification_s;

	if (delay_s != 0 && !item->delay_reported) {
		late = item->env.expires_base_ms + (int64_t)delay_s * 1000;
		if (late < at)
			at = late;
	}
	if (item->reroute_at_ms != 0 && item->reroute_at_ms < at)
		at = item->reroute_at_ms;
	return at;
}

static void note_age(struct queue *q, const struct queue_item *item)
{
	const struct live *live = q->set->live != NULL ? q->set->live : item->live;
	int64_t at = next_check_ms(item, live);

	if (at < q->check_at_ms) {
		q->check_at_ms = at;
		arm(q, mono_of_wall(at));
	}
}

/* --- lists --- */

static void file_waiting(struct queue *q, struct queue_item *item)
{
	struct queue_item *before = TAILQ_LAST(&q->waiting, item_list);

	while (before != NULL && before->retry_at_ms > item->retry_at_ms)
		before = TAILQ_PREV(before, item_list, link);
	if (before != NULL)
		TAILQ_INSERT_AFTER(&q->waiting, before, item, link);
	else
		TAILQ_INSERT_HEAD(&q->waiting, item, link);
	item->state = QUEUE_ITEM_RETRY;
	q->n_waiting++;
	arm(q, item->retry_at_ms);
}

static void file(struct queue *q, struct queue_item *item, bool first)
{
	item->queue = q;
	if (item->suspended) {
		item->state = QUEUE_ITEM_SUSPENDED;
		TAILQ_INSERT_TAIL(&q->held, item, link);
		q->n_held++;
	} else if (item->retry_at_ms != 0 && item->retry_at_ms > clock_mono_ms()) {
		file_waiting(q, item);
	} else {
		item->state = QUEUE_ITEM_READY;
		if (first)
			TAILQ_INSERT_HEAD(&q->ready, item, link);
		else
			TAILQ_INSERT_TAIL(&q->ready, item, link);
		q->n_ready++;
	}
	note_age(q, item);
	note_empty(q);
}

static void unfile(struct queue_item *item)
{
	struct queue *q = item->queue;

	switch (item->state) {
	case QUEUE_ITEM_READY:
		TAILQ_REMOVE(&q->ready, item, link);
		q->n_ready--;
		break;
	case QUEUE_ITEM_RETRY:
		TAILQ_REMOVE(&q->waiting, item, link);
		q->n_waiting--;
		break;
	case QUEUE_ITEM_SUSPENDED:
		TAILQ_REMOVE(&q->held, item, link);
		q->n_held--;
		break;
	case QUEUE_ITEM_ACTIVE:
		BUG_ON(true);
	}
}

void queue_take_out(struct queue_item *item)
{
	unfile(item);
	atomic_fetch_sub(&item->queue->set->messages, 1);
	note_empty(item->queue);
}

void queue_refile(struct queue_item *item)
{
	if (item->state == QUEUE_ITEM_ACTIVE)
		return;
	unfile(item);
	file(item->queue, item, false);
}

void queue_drain(struct queue *q, struct item_list *list)
{
	TAILQ_CONCAT(list, &q->ready, link);
	TAILQ_CONCAT(list, &q->waiting, link);
	TAILQ_CONCAT(list, &q->held, link);
	q->n_ready = q->n_waiting = q->n_held = 0;
	q->check_at_ms = INT64_MAX;
	note_empty(q);
}

/* --- retry --- */

static void set_error(struct queue *q, const char *status, const char *text)
{
	free(q->last_error);
	q->last_error = text != NULL ? xstrndup(text, QUEUE_TEXT_MAX) : NULL;
	snprintf(q->last_status, sizeof(q->last_status), "%s", status != NULL ? status : "");
}

static void leave_retry(struct queue *q)
{
	if (!q->in_retry)
		return;
	q->in_retry = false;
	atomic_fetch_sub(&q->set->n_retry, 1);
}

/* wait_s: 0 = as the schedule says. */
static void enter_retry(struct queue *q, uint32_t wait_s)
{
	uint64_t wait;

	if (q->in_retry)
		return;
	q->failures++;
	wait = wait_s != 0 ? (uint64_t)wait_s * 1000 :
		schedule_retry_ms(q->set->live->self, q->failures);
	q->in_retry = true;
	atomic_fetch_add(&q->set->n_retry, 1);
	q->last_retry_ms = clock_wall_ms();
	if (q->first_retry_ms == 0)
		q->first_retry_ms = q->last_retry_ms;
	q->retry_at_ms = clock_mono_ms() + wait;
	arm(q, q->retry_at_ms);
	log_event(LOG_LEVEL_WARNING, "queue-retry", LOG_STR("queue", q->name),
		LOG_UINT("failures", q->failures), LOG_UINT("wait_s", wait / 1000),
		LOG_UINT("messages", queue_count(q)), LOG_STR("status", q->last_status),
		LOG_STR("reason", q->last_error), LOG_END);
}

void queue_retry_now(struct queue *q)
{
	struct queue_item *item;

	leave_retry(q);
	q->open_after_ms = 0;
	while ((item = TAILQ_FIRST(&q->waiting)) != NULL) {
		unfile(item);
		item->retry_at_ms = 0;
		file(q, item, false);
	}
	queue_run(q);
}

void queue_resubmit(struct queue *q)
{
	TAILQ_CONCAT(&q->set->sweep, &q->ready, link);
	TAILQ_CONCAT(&q->set->sweep, &q->waiting, link);
	q->n_ready = q->n_waiting = 0;
	note_empty(q);
	queue_set_sweep(q->set);
}

/* --- age --- */

static void expire(struct queue *q, struct queue_item *item)
{
	char text[QUEUE_TEXT_MAX];
	const char *why = item->last_error != NULL ? item->last_error :
		q->last_error != NULL ? q->last_error : item->why;

	snprintf(text, sizeof(text), "message expired%s%s", *why != '\0' ? "; last: " : "", why);
	queue_take_out(item);
	outcome_fail(q->set, item, SPOOL_EXPIRED, true, "4.4.7", text);
}

/* It goes around a connector no longer. */
static void route_again(struct queue *q, struct queue_item *item)
{
	unfile(item);
	TAILQ_INSERT_TAIL(&q->set->sweep, item, link);
	queue_set_sweep(q->set);
}

static void check_list(struct queue *q, struct item_list *list, int64_t now)
{
	const struct live *live = q->set->live;
	struct queue_item *item, *next;

	for (item = TAILQ_FIRST(list); item != NULL; item = next) {
		next = TAILQ_NEXT(item, link);
		if (queue_item_expires_ms(item, live) <= now) {
			expire(q, item);
			continue;
		}
		if (item->reroute_at_ms != 0 && item->reroute_at_ms <= now) {
			route_again(q, item);
			continue;
		}
		if (next_check_ms(item, live) <= now) {
			item->delay_reported = true;
			outcome_delayed(q->set, item);
		}
		note_age(q, item);
	}
}

static void check_age(struct queue *q)
{
	int64_t now = clock_wall_ms();

	if (q->set->live == NULL || q->check_at_ms > now)
		return;
	q->check_at_ms = INT64_MAX;
	check_list(q, &q->ready, now);
	check_list(q, &q->waiting, now);
	check_list(q, &q->held, now);
	if (q->check_at_ms < now + CHECK_GRAIN_MS)
		q->check_at_ms = now + CHECK_GRAIN_MS;
	note_empty(q);
}

/* --- the queue itself --- */

static void wake_waiting(struct queue *q, uint64_t now)
{
	struct queue_item *item;

	while ((item = TAILQ_FIRST(&q->waiting)) != NULL && item->retry_at_ms <= now) {
		unfile(item);
		if (q->key.type == QUEUE_UNREACHABLE) {
			/* nothing is delivered from here, but another route may be there now */
			item->retry_at_ms = 0;
			TAILQ_INSERT_TAIL(&q->set->sweep, item, link);
			queue_set_sweep(q->set);
		} else {
			file(q, item, false);
		}
	}
	note_empty(q);
}

static void rearm(struct queue *q)
{
	const struct queue_item *first = TAILQ_FIRST(&q->waiting);

	if (q->in_retry)
		arm(q, q->retry_at_ms);
	if (q->open_after_ms != 0)
		arm(q, q->open_after_ms);
	if (first != NULL)
		arm(q, first->retry_at_ms);
	if (q->check_at_ms != INT64_MAX)
		arm(q, mono_of_wall(q->check_at_ms));
	if (q->empty_since_ms != 0)
		arm(q, q->empty_since_ms + idle_ms(q));
}

static bool is_over(const struct queue *q, uint64_t now)
{
	return q->empty_since_ms != 0 && q->n_conns == 0 && !q->suspended &&
		now >= q->empty_since_ms + idle_ms(q);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct queue *q = ctx;
	uint64_t now = clock_mono_ms();

	(void)fd;
	(void)what;
	loop_touch(q->set->loop);
	q->timer_at_ms = 0;
	if (is_over(q, now)) {
		queue_free(q);
		return;
	}
	/* a queue that cannot end yet (connection, suspension) looks again an idle time later */
	if (q->empty_since_ms != 0 && now >= q->empty_since_ms + idle_ms(q))
		q->empty_since_ms = now;
	if (q->in_retry && q->retry_at_ms <= now)
		leave_retry(q);
	if (q->open_after_ms <= now)
		q->open_after_ms = 0;
	wake_waiting(q, now);
	check_age(q);
	queue_run(q);
	rearm(q);
}

static struct queue *queue_new(struct queue_set *s, const char *ident,
	const struct queue_item *item)
{
	struct queue *q = xcalloc(1, sizeof(*q));

	q->set = s;
	q->id = s->next_id++ * s->all->n + s->worker + 1;
	q->ident = xstrdup(ident);
	q->domain = xstrdup(item->key.domain);
	q->connector = xstrdup(item->key.connector);
	q->security = xstrdup(item->security);
	q->key = (struct queue_key){ item->key.type, q->domain, q->connector };
	q->name = xasprintf("%s/%s/%s", queue_type_names[q->key.type], q->domain, q->connector);
	TAILQ_INIT(&q->ready);
	TAILQ_INIT(&q->waiting);
	TAILQ_INIT(&q->held);
	TAILQ_INIT(&q->conns);
	q->check_at_ms = INT64_MAX;
	q->timer = evtimer_new(loop_base(s->loop), on_timer, q);
	BUG_ON(q->timer == NULL);
	share_join(q);
	HASH_ADD_KEYPTR(hh, s->queues, q->ident, strlen(q->ident), q);
	atomic_fetch_add(&s->n_queues, 1);
	return q;
}

void queue_free(struct queue *q)
{
	BUG_ON(queue_count(q) != 0 || q->n_conns != 0);
	leave_retry(q);
	queue_set_sated(q);
	share_leave(q);
	atomic_fetch_sub(&q->set->n_queues, 1);
	HASH_DEL(q->set->queues, q);
	queue_item_free(&q->probe);
	event_free(q->timer);
	free(q->ident);
	free(q->name);
	free(q->domain);
	free(q->connector);
	free(q->security);
	free(q->last_error);
	free(q);
}

static struct queue *find_or_make(struct queue_set *s, const struct queue_item *item)
{
	char stack[IDENT_STACK], *ident = stack;
	struct queue *q;
	int n;

	n = snprintf(stack, sizeof(stack), "%d\n%s\n%s\n%s", (int)item->key.type, item->key.domain,
		item->key.connector, item->security);
	BUG_ON(n < 0);
	if ((size_t)n >= sizeof(stack))
		ident = xasprintf("%d\n%s\n%s\n%s", (int)item->key.type, item->key.domain,
			item->key.connector, item->security);
	HASH_FIND(hh, s->queues, ident, (size_t)n, q);
	if (q == NULL)
		q = queue_new(s, ident, item);
	if (ident != stack)
		free(ident);
	return q;
}

void queue_insert(struct queue_set *s, struct queue_item *item)
{
	struct queue *q = find_or_make(s, item);

	atomic_fetch_add(&s->messages, 1);
	if (q->key.type == QUEUE_UNREACHABLE)
		set_error(q, "4.4.4", item->why);
	file(q, item, false);
	queue_run(q);
}

void queue_probe(struct queue_set *s, struct queue_item *item)
{
	struct queue *q = find_or_make(s, item);

	note_empty(q);
	/* a connection will tell, or mail that has its turn here */
	if (q->n_conns != 0 || q->n_ready != 0 || q->suspended || s->stopping) {
		queue_item_free(&item);
		return;
	}
	queue_item_free(&q->probe);
	q->probe = item;
	leave_retry(q);
	q->open_after_ms = 0;
	queue_run(q);
}

/* --- connections --- */

static void set_state(struct queue_conn *qc, enum conn_state state)
{
	struct queue *q = qc->q;

	q->n_connecting -= qc->state == CONN_CONNECTING;
	q->n_idle -= qc->state == CONN_IDLE;
	qc->state = state;
	q->n_connecting += state == CONN_CONNECTING;
	q->n_idle += state == CONN_IDLE;
}

static uint64_t conns_max(const struct queue *q)
{
	const struct queue_item *head = TAILQ_FIRST(&q->ready);
	uint64_t max = q->set->live->self->max_per_domain_connections;

	if (q->key.type == QUEUE_DELIVERY_AGENT && head != NULL && head->connector != NULL)
		max = ((const struct agent_connector *)(const void *)head->connector)->
			max_connections;
	return max != 0 ? max : UINT64_MAX;
}

/* What the peer was seen to take, and now and then one more. */
static uint64_t conns_wanted(const struct queue *q)
{
	uint64_t max = conns_max(q), window = q->window + (q->open_after_ms == 0);

	return q->window == 0 || window > max ? max : window;
}

static bool may_open(const struct queue *q)
{
	unsigned at_once = q->n_up > 1 ? q->n_up : 1;

	return q->n_ready + (q->probe != NULL) > q->n_connecting && q->n_connecting < at_once &&
		q->n_conns < conns_wanted(q) && queue_set_may_grow(q, conns_max(q)) &&
		share_may_grow(q, conns_max(q));
}

static void pause_growth(struct queue *q, uint64_t ms)
{
	q->open_after_ms = clock_mono_ms() + ms;
	arm(q, q->open_after_ms);
}

/* One failed while others are up. */
static void window_shrink(struct queue *q)
{
	q->window = q->n_up;
	pause_growth(q, (uint64_t)GROW_PAUSE_MS << q->window_failures);
	if (q->window_failures < GROW_DOUBLINGS)
		q->window_failures++;
}

/* The peer took a message on one that it might not have wanted. */
static void window_grow(struct queue *q)
{
	q->window = q->n_up < conns_max(q) ? q->n_up : 0;
	q->window_failures = 0;
	if (q->window != 0)
		pause_growth(q, GROW_STEP_MS);
}

/* It is of use: the schedule begins anew. */
static void peer_is_good(struct queue *q)
{
	q->failures = 0;
	q->first_retry_ms = 0;
}

static bool open_one(struct queue *q)
{
	const struct transport *t = &q->set->transports[q->key.type];
	const struct queue_item *head = TAILQ_FIRST(&q->ready);
	struct queue_conn *qc;

	if (t->t == NULL || !share_take(q))
		return false;
	if (!queue_set_connection_take(q)) {
		share_give(q);
		return false;
	}
	qc = xcalloc(1, sizeof(*qc));
	qc->probe = head == NULL;
	if (qc->probe)
		head = q->probe;
	qc->q = q;
	/* certificates, authorities and revocation lists as they are now */
	qc->live = live_ref(live_routes_alike(head->live, q->set->live) ? q->set->live :
		head->live);
	qc->routed = live_ref(head->live);
	qc->state = CONN_CONNECTING;
	q->n_connecting++;
	q->n_conns++;
	TAILQ_INSERT_TAIL(&q->conns, qc, link);
	qc->obj = t->t->open(qc, head, t->ctx);
	queue_item_free(&q->probe);
	return true;
}

static void wake_idle(struct queue *q)
{
	struct queue_conn *qc;

	while (q->n_idle > 0 && q->n_ready > 0) {
		/* the one used last: the others may rest and end */
		TAILQ_FOREACH_REVERSE(qc, &q->conns, conn_list, link)
			if (qc->state == CONN_IDLE)
				break;
		set_state(qc, CONN_BUSY);
		q->set->transports[q->key.type].t->wake(qc->obj);
	}
}

static bool may_run(const struct queue *q)
{
	return q->set->live != NULL && !q->set->stopping && !q->suspended && !q->in_retry &&
		q->key.type != QUEUE_UNREACHABLE;
}

void queue_run(struct queue *q)
{
	if (!may_run(q))
		return;
	wake_idle(q);
	while (may_open(q) && open_one(q))
		;
}

bool queue_serve(struct queue *q)
{
	if (!may_run(q) || !may_open(q))
		return true;
	/* who found no room in its connector holds up nobody else */
	if (!open_one(q))
		return !q->starving;
	if (may_open(q))
		queue_set_starve(q);
	return true;
}

static void stop_conn(struct queue_conn *qc)
{
	set_state(qc, CONN_ENDING);
	qc->q->set->transports[qc->q->key.type].t->stop(qc->obj);
}

void queue_stop_conns(struct queue *q)
{
	struct queue_conn *qc, *next;

	for (qc = TAILQ_FIRST(&q->conns); qc != NULL; qc = next) {
		next = TAILQ_NEXT(qc, link);
		if (qc->state != CONN_ENDING)
			stop_conn(qc);
	}
}

/* It was opened with another configuration, or other certificates, than what is in force. */
static bool is_stale(const struct queue_conn *qc, const struct live *now)
{
	return qc->live->snapshot != now->snapshot || qc->live->tls_client != now->tls_client;
}

static struct queue_conn *idle_and_stale(const struct queue *q)
{
	struct queue_conn *qc;

	TAILQ_FOREACH(qc, &q->conns, link)
		if (qc->state == CONN_IDLE && is_stale(qc, q->set->live))
			return qc;
	return NULL;
}

/* From the head each time: the end of one may wake others, which then end as well. */
void queue_end_stale(struct queue *q)
{
	struct queue_conn *qc;

	while ((qc = idle_and_stale(q)) != NULL)
		stop_conn(qc);
}

const struct live *queue_conn_live(const struct queue_conn *qc)
{
	return qc->live;
}

const char *queue_conn_name(const struct queue_conn *qc)
{
	return qc->q->name;
}

/* Is it to make room for another queue, which has no connection at all? */
static bool has_to_yield(const struct queue_conn *qc, bool idle)
{
	const struct queue *q = qc->q;

	return (share_is_wanted(q) || queue_set_is_starved(q->set)) &&
		(idle || fair_must_yield(q->n_conns, qc->up_at_ms));
}

const struct queue_item *queue_conn_next(struct queue_conn *qc, bool *end)
{
	struct queue *q = qc->q;
	struct queue_item *item = TAILQ_FIRST(&q->ready);

	BUG_ON(qc->item != NULL);
	*end = q->set->stopping || q->suspended || qc->state == CONN_ENDING || (item != NULL &&
		(item->live->snapshot != qc->live->snapshot || is_stale(qc, q->set->live))) ||
		has_to_yield(qc, item == NULL);
	if (*end || item == NULL) {
		set_state(qc, *end ? CONN_ENDING : CONN_IDLE);
		return NULL;
	}
	set_state(qc, CONN_BUSY);
	unfile(item);
	item->state = QUEUE_ITEM_ACTIVE;
	q->n_active++;
	qc->item = item;
	queue_run(q);
	return item;
}

void queue_conn_up(struct queue_conn *qc)
{
	struct queue *q = qc->q;

	if (!qc->up) {
		qc->up = true;
		qc->up_at_ms = clock_mono_ms();
		q->n_up++;
		qc->beyond = q->window != 0 && q->n_up > q->window;
	}
	if (qc->state == CONN_CONNECTING)
		set_state(qc, CONN_BUSY);
	leave_retry(q);
	if (!qc->probe)
		return;
	peer_is_good(q);
	failover_port_success(q->set->failover, &q->key);
}

static struct queue_item *item_of(struct queue_conn *qc)
{
	struct queue_item *item = qc->item;

	BUG_ON(item == NULL);
	qc->item = NULL;
	qc->q->n_active--;
	return item;
}

/* After an attempt: to its list, to the categorizer, or away if an administrator wants that. */
static void put_back(struct queue *q, struct queue_item *item, bool first)
{
	struct queue_set *s = q->set;

	item->queue = q;
	if (item->removing) {
		atomic_fetch_sub(&s->messages, 1);
		outcome_fail(s, item, SPOOL_REMOVED, !item->remove_silently, "5.7.0",
			"removed by an administrator");
	} else if (s->live != NULL && !live_routes_alike(item->live, s->live) && !s->stopping) {
		atomic_fetch_sub(&s->messages, 1);
		s->hooks->recategorize(item, s->ctx);
	} else {
		file(q, item, first);
	}
	note_empty(q);
}

void queue_conn_put_off(struct queue_conn *qc, uint32_t wait_s)
{
	qc->put_off = true;
	qc->wait_s = wait_s;
}

static void settle(struct queue_conn *qc, const struct queue_result *results,
	const struct queue_hop *hop)
{
	struct queue *q = qc->q;
	struct queue_item *item = item_of(qc), *rest = outcome_apply(q->set, item, results, hop);

	if (rest == NULL) {
		atomic_fetch_sub(&q->set->messages, 1);
		note_empty(q);
		return;
	}
	rest->retry_count++;
	rest->retry_at_ms = clock_mono_ms() +
		q->set->live->self->message_retry_interval_s * 1000;
	put_back(q, rest, false);
}

void queue_conn_done(struct queue_conn *qc, const struct queue_result *results,
	const struct queue_hop *hop)
{
	struct queue *q = qc->q;

	peer_is_good(q);
	if (qc->beyond)
		window_grow(q);
	qc->beyond = false;
	failover_port_success(q->set->failover, &q->key);
	settle(qc, results, hop);
}

void queue_conn_broken(struct queue_conn *qc, const struct queue_result *results,
	const struct queue_hop *hop)
{
	settle(qc, results, hop);
}

void queue_conn_return(struct queue_conn *qc)
{
	put_back(qc->q, item_of(qc), true);
}

static void fail_all(struct queue *q, const char *status, const char *text)
{
	struct item_list list = TAILQ_HEAD_INITIALIZER(list);
	struct queue_item *item;

	TAILQ_CONCAT(&list, &q->ready, link);
	TAILQ_CONCAT(&list, &q->waiting, link);
	q->n_ready = q->n_waiting = 0;
	while ((item = TAILQ_FIRST(&list)) != NULL) {
		TAILQ_REMOVE(&list, item, link);
		atomic_fetch_sub(&q->set->messages, 1);
		outcome_fail(q->set, item, SPOOL_FAILED, true, status, text);
	}
	note_empty(q);
}

static void conn_free(struct queue_conn *qc)
{
	struct queue *q = qc->q;

	set_state(qc, CONN_ENDING);
	TAILQ_REMOVE(&q->conns, qc, link);
	q->n_conns--;
	q->n_up -= qc->up;
	share_give(q);
	queue_set_connection_give(q->set);
	live_unref(&qc->live);
	live_unref(&qc->routed);
	free(qc);
}

void queue_conn_end(struct queue_conn *qc, enum queue_conn_outcome outcome, const char *status,
	const char *text)
{
	bool put_off = qc->put_off;
	uint32_t wait_s = qc->wait_s;
	struct queue *q = qc->q;

	if (qc->item != NULL)
		queue_conn_return(qc);
	conn_free(qc);
	if (outcome != QUEUE_CONN_CLOSED)
		set_error(q, status, text);
	if (outcome == QUEUE_CONN_HOPELESS)
		fail_all(q, status, text);
	if (outcome == QUEUE_CONN_FAILED && (q->n_up == 0 || put_off)) {
		enter_retry(q, wait_s);
		if (put_off)
			queue_stop_conns(q);
		failover_port_failure(q->set->failover, &q->key, status, text);
	} else if (outcome == QUEUE_CONN_FAILED) {
		window_shrink(q);
	}
	queue_run(q);
}
