/* conn.c - the connections of a queue: when one is opened, what it gets, and what its end means.
 *
 * They grow like TCP's slow start: while there is backlog, as many may be connecting as are up (one
 * when none is), to hubMaxPerDomainConnections; where the peer refuses one, see window.h, and where
 * others want some as well, fair.h. A peer whose system takes nothing at all, UNABLE_MAX messages
 * in a row, is left alone for a while.
 */
#include <string.h>

#include "hubd/queue/fair.h"
#include "hubd/queue/queue_priv.h"
#include "libhub/base/clock.h"
#include "libhub/org/connector.h"

enum { UNABLE_MAX = 10 };

static void set_state(struct queue_conn *qc, enum conn_state state)
{
	struct queue *q = qc->q;
	bool was_idle = qc->state == CONN_IDLE, idle = state == CONN_IDLE;

	q->n_connecting -= qc->state == CONN_CONNECTING;
	qc->state = state;
	q->n_connecting += state == CONN_CONNECTING;
	q->n_idle += idle;
	q->n_idle -= was_idle;
	q->set->n_idle += idle;
	q->set->n_idle -= was_idle;
}

static void set_up(struct queue_conn *qc, bool up)
{
	qc->q->n_up += up;
	qc->q->n_up -= qc->up;
	qc->up = up;
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

static bool may_open(const struct queue *q)
{
	unsigned at_once = q->n_up > 1 ? q->n_up : 1;

	return q->n_ready + (q->probe != NULL) > q->n_connecting && q->n_connecting < at_once &&
		q->n_conns < window_limit(&q->window, conns_max(q)) &&
		queue_set_may_grow(q, conns_max(q)) && share_may_grow(q, conns_max(q));
}

/* It is of use: the schedule begins anew. */
static void peer_is_good(struct queue *q)
{
	q->failures = 0;
	q->unable = 0;
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
		share_give(q, false);
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
	qc->hop = conn_hop(head);
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
static bool is_stale(struct queue_conn *qc, const struct live *now)
{
	return !conn_fits(qc, now->snapshot) || qc->live->tls_client != now->tls_client;
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

void queue_end_idle(struct queue *q)
{
	struct queue_conn *qc;

	TAILQ_FOREACH(qc, &q->conns, link)
		if (qc->state == CONN_IDLE) {
			stop_conn(qc);
			return;
		}
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
static bool has_to_yield(struct queue_conn *qc, bool idle)
{
	const struct queue *q = qc->q;

	if (idle)
		return share_is_wanted(q) || queue_set_is_starved(q->set);
	return share_gives_way(qc) || (queue_set_is_starved(q->set) &&
		fair_must_yield(q->n_conns, qc->up_at_ms));
}

const struct queue_item *queue_conn_next(struct queue_conn *qc, bool *end)
{
	struct queue *q = qc->q;
	struct queue_item *item = TAILQ_FIRST(&q->ready);

	BUG_ON(qc->item != NULL);
	*end = q->set->stopping || q->suspended || qc->state == CONN_ENDING || (item != NULL &&
		(!conn_fits(qc, item->live->snapshot) || is_stale(qc, q->set->live))) ||
		has_to_yield(qc, item == NULL);
	if (*end || item == NULL) {
		set_state(qc, *end ? CONN_ENDING : CONN_IDLE);
		return NULL;
	}
	set_state(qc, CONN_BUSY);
	queue_unfile(item);
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
		set_up(qc, true);
		qc->up_at_ms = clock_mono_ms();
		qc->beyond = q->window.size != 0 && q->n_up > q->window.size;
	}
	if (qc->state == CONN_CONNECTING)
		set_state(qc, CONN_BUSY);
	queue_leave_retry(q);
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
		queue_file(q, item, first);
	}
	queue_note_empty(q);
}

void queue_conn_put_off(struct queue_conn *qc, uint32_t wait_s)
{
	qc->put_off = true;
	qc->wait_s = wait_s;
}

/*
 * Nothing of the message was taken, and for what the peer's system lacks (RFC 3463, x.3.x), not for
 * what it could not find out about a recipient.
 */
static bool is_unable(const struct queue_item *item, const struct queue_result *results)
{
	uint32_t i;

	for (i = 0; i < item->env.recipient_count; i++)
		if (results[i].verdict != QUEUE_VERDICT_DEFERRED || !results[i].from_peer ||
			strncmp(results[i].status, "4.3.", 4) != 0 ||
			strcmp(results[i].command, "RCPT") == 0)
			return false;
	return true;
}

/* The others will fare no better. The schedule goes on where it was until one is taken. */
static void note_unable(struct queue *q, const struct queue_result *result)
{
	if (q->in_retry || ++q->unable < UNABLE_MAX)
		return;
	q->unable = 0;
	queue_set_error(q, result->status, result->text);
	queue_enter_retry(q, 0);
	queue_stop_conns(q);
	failover_port_failure(q->set->failover, &q->key, result->status, result->text);
}

static void settle(struct queue_conn *qc, const struct queue_result *results,
	const struct queue_hop *hop)
{
	struct queue *q = qc->q;
	struct queue_item *item = item_of(qc), *rest = outcome_apply(q->set, item, results, hop);

	if (rest == NULL) {
		atomic_fetch_sub(&q->set->messages, 1);
		queue_note_empty(q);
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
	bool unable = is_unable(qc->item, results);

	if (!unable)
		peer_is_good(q);
	if (qc->beyond) {
		window_grow(&q->window, q->n_up, conns_max(q), clock_mono_ms());
		if (q->window.grow_at_ms != 0)
			queue_arm(q, q->window.grow_at_ms);
	}
	qc->beyond = false;
	if (!unable)
		failover_port_success(q->set->failover, &q->key);
	settle(qc, results, hop);
	if (unable)
		note_unable(q, results);
}

void queue_conn_broken(struct queue_conn *qc, const struct queue_result *results,
	const struct queue_hop *hop)
{
	settle(qc, results, hop);
}

/* It has to show again that it is of use; others, which are, may take the message. */
void queue_conn_return(struct queue_conn *qc)
{
	put_back(qc->q, item_of(qc), true);
	set_up(qc, false);
	if (qc->state != CONN_ENDING)
		set_state(qc, CONN_CONNECTING);
	queue_run(qc->q);
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
	queue_note_empty(q);
}

static void conn_free(struct queue_conn *qc)
{
	struct queue *q = qc->q;

	set_state(qc, CONN_ENDING);
	TAILQ_REMOVE(&q->conns, qc, link);
	q->n_conns--;
	set_up(qc, false);
	share_give(q, qc->gives_way);
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
		put_back(q, item_of(qc), true);
	conn_free(qc);
	if (outcome != QUEUE_CONN_CLOSED)
		queue_set_error(q, status, text);
	if (outcome == QUEUE_CONN_HOPELESS)
		fail_all(q, status, text);
	if (outcome == QUEUE_CONN_FAILED && (q->n_up == 0 || put_off)) {
		queue_enter_retry(q, wait_s);
		if (put_off)
			queue_stop_conns(q);
		failover_port_failure(q->set->failover, &q->key, status, text);
	} else if (outcome == QUEUE_CONN_FAILED) {
		window_shrink(&q->window, q->n_up, clock_mono_ms());
		queue_arm(q, q->window.grow_at_ms);
	}
	queue_run(q);
}
