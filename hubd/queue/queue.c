/* queue.c - one queue: what is in it, and how it comes and goes.
 *
 * Its time is in queue_time.c, its connections are in conn.c.
 */
#include <stdio.h>
#include <string.h>

#include "hubd/queue/queue_priv.h"
#include "libhub/base/clock.h"

enum { IDENT_STACK = 1024 };

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
	queue_arm(q, item->retry_at_ms);
}

void queue_file(struct queue *q, struct queue_item *item, bool first)
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
	queue_note_age(q, item);
	queue_note_empty(q);
}

void queue_unfile(struct queue_item *item)
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
	queue_unfile(item);
	atomic_fetch_sub(&item->queue->set->messages, 1);
	queue_note_empty(item->queue);
}

void queue_refile(struct queue_item *item)
{
	if (item->state == QUEUE_ITEM_ACTIVE)
		return;
	queue_unfile(item);
	queue_file(item->queue, item, false);
}

void queue_drain(struct queue *q, struct item_list *list)
{
	TAILQ_CONCAT(list, &q->ready, link);
	TAILQ_CONCAT(list, &q->waiting, link);
	TAILQ_CONCAT(list, &q->held, link);
	q->n_ready = q->n_waiting = q->n_held = 0;
	q->check_at_ms = INT64_MAX;
	queue_note_empty(q);
}

/* --- the queue itself --- */

void queue_set_error(struct queue *q, const char *status, const char *text)
{
	free(q->last_error);
	q->last_error = text != NULL ? xstrndup(text, QUEUE_TEXT_MAX) : NULL;
	snprintf(q->last_status, sizeof(q->last_status), "%s", status != NULL ? status : "");
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
	q->timer = evtimer_new(loop_base(s->loop), queue_on_timer, q);
	BUG_ON(q->timer == NULL);
	share_join(q);
	HASH_ADD_KEYPTR(hh, s->queues, q->ident, strlen(q->ident), q);
	atomic_fetch_add(&s->n_queues, 1);
	return q;
}

void queue_free(struct queue *q)
{
	BUG_ON(queue_count(q) != 0 || q->n_conns != 0);
	queue_leave_retry(q);
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
		queue_set_error(q, "4.4.4", item->why);
	queue_file(q, item, false);
	queue_run(q);
}

void queue_probe(struct queue_set *s, struct queue_item *item)
{
	struct queue *q = find_or_make(s, item);

	queue_note_empty(q);
	/* a connection will tell, or mail that has its turn here */
	if (q->n_conns != 0 || q->n_ready != 0 || q->suspended || s->stopping) {
		queue_item_free(&item);
		return;
	}
	queue_item_free(&q->probe);
	q->probe = item;
	queue_leave_retry(q);
	q->window.grow_at_ms = 0;
	queue_run(q);
}
