/* share.c - see share.h */
#include "hubd/queue/share.h"

#include <pthread.h>
#include <string.h>

#include "hubd/queue/fair.h"
#include "hubd/queue/queue_priv.h"
#include "libhub/org/connector.h"

struct share {
	UT_hash_handle hh;
	unsigned int refs;		/* queues; under the lock */
	atomic_uint used;		/* connections */
	atomic_uint waiting;		/* queues */
	atomic_uint waiting_with_none;	/* those of them that have no connection */
	atomic_uint giving_way;		/* connections that end for those */
	atomic_uint_fast64_t limit;	/* who waited last found */
	struct turns turns;
	char name[];
};

void share_init(struct queues *all)
{
	BUG_ON(pthread_mutex_init(&all->shares_lock, NULL) != 0);
}

void share_deinit(struct queues *all)
{
	BUG_ON(all->shares != NULL);
	pthread_mutex_destroy(&all->shares_lock);
}

static struct share *share_new(const struct queues *all, const char *name)
{
	struct share *x = xcalloc(1, sizeof(*x) + strlen(name) + 1);

	strcpy(x->name, name);
	turns_init(&x->turns, all->n);
	return x;
}

void share_join(struct queue *q)
{
	struct queues *all = q->set->all;
	struct share *x;

	if (q->key.type != QUEUE_DNS_CONNECTOR && q->key.type != QUEUE_SMART_HOST_CONNECTOR)
		return;
	pthread_mutex_lock(&all->shares_lock);
	HASH_FIND_STR(all->shares, q->connector, x);
	if (x == NULL) {
		x = share_new(all, q->connector);
		HASH_ADD_STR(all->shares, name, x);
	}
	x->refs++;
	pthread_mutex_unlock(&all->shares_lock);
	q->share = x;
}

/* --- who waits --- */

static void look_again(struct queue_set *s, int wait_ms)
{
	const struct timeval tv = { 0, wait_ms * 1000 };

	event_add(s->sharing_event, &tv);
}

static void on_call(struct queue_set *s, struct queue_call *call)
{
	look_again(s, 0);
	free(call);
}

/* That set has its turn soon. */
static void call_set(struct queue_set *s, uint32_t worker)
{
	if (worker == s->worker)
		look_again(s, 0);
	else
		queue_set_tell(s, worker, on_call);
}

static bool has_room(const struct share *x)
{
	return atomic_load(&x->used) < atomic_load(&x->limit);
}

static void pass_on(struct queue_set *s, const struct share *x)
{
	uint32_t worker;

	if (has_room(x) && turns_first(&x->turns, &worker) != NO_TICKET)
		call_set(s, worker);
}

/* The list of a set is in the order of tickets. */
static void note_first(const struct queue_set *s, struct share *x)
{
	const struct queue *q;

	TAILQ_FOREACH(q, &s->sharing, sharing_link)
		if (q->share == x)
			break;
	turns_note(&x->turns, s->worker, q != NULL ? q->share_ticket : NO_TICKET);
}

static void note_none(struct queue *q)
{
	bool none = q->waits_for_share && q->n_conns == 0;

	if (none && !q->waits_with_none)
		atomic_fetch_add(&q->share->waiting_with_none, 1);
	else if (!none && q->waits_with_none)
		atomic_fetch_sub(&q->share->waiting_with_none, 1);
	q->waits_with_none = none;
}

static void sated(struct queue *q)
{
	if (!q->waits_for_share)
		return;
	q->waits_for_share = false;
	TAILQ_REMOVE(&q->set->sharing, q, sharing_link);
	atomic_fetch_sub(&q->share->waiting, 1);
	note_first(q->set, q->share);
	note_none(q);
}

void share_leave(struct queue *q)
{
	struct queues *all = q->set->all;
	struct share *x = q->share;

	if (x == NULL)
		return;
	sated(q);
	pass_on(q->set, x);
	pthread_mutex_lock(&all->shares_lock);
	if (--x->refs == 0) {
		HASH_DEL(all->shares, x);
		turns_deinit(&x->turns);
		free(x);
	}
	pthread_mutex_unlock(&all->shares_lock);
	q->share = NULL;
}

static uint64_t limit_of(const struct queue *q)
{
	const struct queue_item *head = TAILQ_FIRST(&q->ready);

	if (head == NULL)
		head = q->probe;
	return head != NULL && head->connector != NULL ?
		((const struct send_connector *)(const void *)head->connector)->max_connections : 0;
}

/* Always false. Every set may have idle connections that end now. */
static bool wait_for_turn(struct queue *q, uint64_t max)
{
	struct queue_set *s = q->set;
	uint32_t i;

	if (q->waits_for_share)
		return false;
	q->waits_for_share = true;
	atomic_store(&q->share->limit, max);
	/* somebody was faster than who has the turn: it keeps its place */
	if (s->served == q) {
		TAILQ_INSERT_HEAD(&s->sharing, q, sharing_link);
	} else {
		q->share_ticket = turns_ticket(&q->share->turns);
		TAILQ_INSERT_TAIL(&s->sharing, q, sharing_link);
	}
	atomic_fetch_add(&q->share->waiting, 1);
	note_first(s, q->share);
	note_none(q);
	for (i = 0; i < s->all->n; i++)
		call_set(s, i);
	return false;
}

bool share_take(struct queue *q)
{
	struct share *x = q->share;
	uint64_t max;

	if (x == NULL)
		return true;
	max = limit_of(q);
	if (max != 0 && q->set->served != q && atomic_load(&x->waiting) > 0)
		return wait_for_turn(q, max);
	if (atomic_fetch_add(&x->used, 1) >= max && max != 0) {
		atomic_fetch_sub(&x->used, 1);
		return wait_for_turn(q, max);
	}
	/* a turn is for one */
	if (q->set->served == q)
		q->set->served = NULL;
	return true;
}

bool share_may_grow(const struct queue *q, uint64_t own_max)
{
	uint64_t max, used;

	if (q->share == NULL)
		return true;
	max = limit_of(q);
	used = atomic_load(&q->share->used);
	if (max != 0 && q->key.type == QUEUE_DNS_CONNECTOR && q->n_conns > 0 && used + 1 >= max)
		return false;
	return fair_may_grow(q->n_conns, own_max, used, max);
}

void share_give(struct queue *q, bool gave_way)
{
	struct share *x = q->share;

	if (x == NULL)
		return;
	atomic_fetch_sub(&x->used, 1);
	if (gave_way)
		atomic_fetch_sub(&x->giving_way, 1);
	note_none(q);
	if (atomic_load(&x->waiting) > 0)
		pass_on(q->set, x);
}

bool share_is_wanted(const struct queue *q)
{
	return q->share != NULL && atomic_load(&q->share->waiting) > q->waits_for_share;
}

bool share_gives_way(struct queue_conn *qc)
{
	struct share *x = qc->q->share;

	if (x == NULL || qc->gives_way ||
		atomic_load(&x->waiting_with_none) <= atomic_load(&x->giving_way) ||
		!fair_must_yield(qc->q->n_conns, qc->up_at_ms))
		return false;
	atomic_fetch_add(&x->giving_way, 1);
	qc->gives_way = true;
	return true;
}

/* --- turns --- */

static void serve(struct queue_set *s, struct queue *q)
{
	struct share *x = q->share;
	uint64_t max = limit_of(q);
	uint32_t worker;

	/* it may have no use for it any more, or no limit */
	if (max != 0) {
		atomic_store(&x->limit, max);
		if (!has_room(x) || turns_first(&x->turns, &worker) != q->share_ticket)
			return;
	}
	sated(q);
	s->served = q;
	queue_run(q);
	s->served = NULL;
	pass_on(s, x);
}

/* There is no room while connections that nobody uses have it. */
static void end_idle(struct queue_set *s)
{
	struct queue *q, *next;

	if (s->n_idle == 0)
		return;
	HASH_ITER(hh, s->queues, q, next)
		if (q->n_idle > 0 && share_is_wanted(q) && !has_room(q->share))
			queue_end_idle(q);
}

/* Each that waits now, once; who waits for another connection goes to the end. */
static void on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct queue_set *s = ctx;
	struct queue *q = TAILQ_FIRST(&s->sharing), *next;
	struct queue *last = TAILQ_LAST(&s->sharing, queue_list);

	(void)fd;
	(void)what;
	loop_touch(s->loop);
	end_idle(s);
	for (; q != NULL; q = next) {
		next = q != last ? TAILQ_NEXT(q, sharing_link) : NULL;
		serve(s, q);
	}
	if (!TAILQ_EMPTY(&s->sharing) && !evtimer_pending(s->sharing_event, NULL))
		look_again(s, SHARE_MS);
}

void share_set_init(struct queue_set *s)
{
	TAILQ_INIT(&s->sharing);
	s->sharing_event = evtimer_new(loop_base(s->loop), on_turn, s);
	BUG_ON(s->sharing_event == NULL);
}

void share_set_deinit(struct queue_set *s)
{
	event_free(s->sharing_event);
}
