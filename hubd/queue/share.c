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
	atomic_uint used, waiting;	/* connections; queues */
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

void share_join(struct queue *q)
{
	struct queues *all = q->set->all;
	struct share *x;

	if (q->key.type != QUEUE_DNS_CONNECTOR && q->key.type != QUEUE_SMART_HOST_CONNECTOR)
		return;
	pthread_mutex_lock(&all->shares_lock);
	HASH_FIND_STR(all->shares, q->connector, x);
	if (x == NULL) {
		x = xcalloc(1, sizeof(*x) + strlen(q->connector) + 1);
		strcpy(x->name, q->connector);
		HASH_ADD_STR(all->shares, name, x);
	}
	x->refs++;
	pthread_mutex_unlock(&all->shares_lock);
	q->share = x;
}

static void sated(struct queue *q)
{
	if (!q->waits_for_share)
		return;
	q->waits_for_share = false;
	TAILQ_REMOVE(&q->set->sharing, q, sharing_link);
	atomic_fetch_sub(&q->share->waiting, 1);
}

void share_leave(struct queue *q)
{
	struct queues *all = q->set->all;
	struct share *x = q->share;

	if (x == NULL)
		return;
	sated(q);
	pthread_mutex_lock(&all->shares_lock);
	if (--x->refs == 0) {
		HASH_DEL(all->shares, x);
		free(x);
	}
	pthread_mutex_unlock(&all->shares_lock);
	q->share = NULL;
}

static void look_again(struct queue_set *s, int wait_ms)
{
	const struct timeval tv = { 0, wait_ms * 1000 };

	event_add(s->sharing_event, &tv);
}

static uint64_t limit_of(const struct queue *q)
{
	const struct queue_item *head = TAILQ_FIRST(&q->ready);

	if (head == NULL)
		head = q->probe;
	return head != NULL && head->connector != NULL ?
		((const struct send_connector *)(const void *)head->connector)->max_connections : 0;
}

static bool wait_for_turn(struct queue *q)
{
	struct queue_set *s = q->set;

	if (q->waits_for_share)
		return false;
	q->waits_for_share = true;
	TAILQ_INSERT_TAIL(&s->sharing, q, sharing_link);
	atomic_fetch_add(&q->share->waiting, 1);
	if (!evtimer_pending(s->sharing_event, NULL))
		look_again(s, SHARE_MS);
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
		return wait_for_turn(q);
	if (atomic_fetch_add(&x->used, 1) >= max && max != 0) {
		atomic_fetch_sub(&x->used, 1);
		return wait_for_turn(q);
	}
	return true;
}

bool share_may_grow(const struct queue *q, uint64_t own_max)
{
	return q->share == NULL || fair_may_grow(q->n_conns, own_max,
		atomic_load(&q->share->used), limit_of(q));
}

void share_give(struct queue *q)
{
	if (q->share == NULL)
		return;
	atomic_fetch_sub(&q->share->used, 1);
	if (!TAILQ_EMPTY(&q->set->sharing))
		look_again(q->set, 0);
}

bool share_is_wanted(const struct queue *q)
{
	return q->share != NULL && atomic_load(&q->share->waiting) > 0;
}

/* Each that waits now, once; who finds no room again goes to the end. */
static void on_turn(evutil_socket_t fd, short what, void *ctx)
{
	struct queue_set *s = ctx;
	struct queue *q, *last = TAILQ_LAST(&s->sharing, queue_list);
	bool over = last == NULL;

	(void)fd;
	(void)what;
	loop_touch(s->loop);
	while (!over) {
		q = TAILQ_FIRST(&s->sharing);
		over = q == last;
		sated(q);
		s->served = q;
		queue_run(q);
		s->served = NULL;
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
