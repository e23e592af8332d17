/* queue_time.c - what a queue does when its time comes: retry, waiting messages, age, its own end.
 *
 * One libevent timer a queue serves all of it; it is only armed for an earlier time than it already
 * has, so a message that passes through costs no timer.
 */
#include "hubd/queue/queue_priv.h"
#include "hubd/queue/schedule.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"

enum { CHECK_GRAIN_MS = 1000 };		/* expiry is looked at no more often */

/* --- timer --- */

void queue_arm(struct queue *q, uint64_t at_ms)
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

void queue_note_empty(struct queue *q)
{
	if (queue_count(q) != 0) {
		q->empty_since_ms = 0;
	} else if (q->empty_since_ms == 0) {
		q->empty_since_ms = clock_mono_ms();
		queue_arm(q, q->empty_since_ms + idle_ms(q));
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

void queue_note_age(struct queue *q, const struct queue_item *item)
{
	const struct live *live = q->set->live != NULL ? q->set->live : item->live;
	int64_t at = next_check_ms(item, live);

	if (at < q->check_at_ms) {
		q->check_at_ms = at;
		queue_arm(q, mono_of_wall(at));
	}
}

/* --- retry --- */

void queue_leave_retry(struct queue *q)
{
	if (!q->in_retry)
		return;
	q->in_retry = false;
	atomic_fetch_sub(&q->set->n_retry, 1);
}

/* wait_s: 0 = as the schedule says. */
void queue_enter_retry(struct queue *q, uint32_t wait_s)
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
	queue_arm(q, q->retry_at_ms);
	log_event(LOG_LEVEL_WARNING, "queue-retry", LOG_STR("queue", q->name),
		LOG_UINT("failures", q->failures), LOG_UINT("wait_s", wait / 1000),
		LOG_UINT("messages", queue_count(q)), LOG_STR("status", q->last_status),
		LOG_STR("reason", q->last_error), LOG_END);
}

void queue_retry_now(struct queue *q)
{
	struct queue_item *item;

	queue_leave_retry(q);
	q->window.grow_at_ms = 0;
	while ((item = TAILQ_FIRST(&q->waiting)) != NULL) {
		queue_unfile(item);
		item->retry_at_ms = 0;
		queue_file(q, item, false);
	}
	queue_run(q);
}

void queue_resubmit(struct queue *q)
{
	TAILQ_CONCAT(&q->set->sweep, &q->ready, link);
	TAILQ_CONCAT(&q->set->sweep, &q->waiting, link);
	q->n_ready = q->n_waiting = 0;
	queue_note_empty(q);
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
	queue_unfile(item);
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
		queue_note_age(q, item);
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
	queue_note_empty(q);
}

static void wake_waiting(struct queue *q, uint64_t now)
{
	struct queue_item *item;

	while ((item = TAILQ_FIRST(&q->waiting)) != NULL && item->retry_at_ms <= now) {
		queue_unfile(item);
		if (q->key.type == QUEUE_UNREACHABLE) {
			/* nothing is delivered from here, but another route may be there now */
			item->retry_at_ms = 0;
			TAILQ_INSERT_TAIL(&q->set->sweep, item, link);
			queue_set_sweep(q->set);
		} else {
			queue_file(q, item, false);
		}
	}
	queue_note_empty(q);
}

void queue_rearm(struct queue *q)
{
	const struct queue_item *first = TAILQ_FIRST(&q->waiting);

	if (q->in_retry)
		queue_arm(q, q->retry_at_ms);
	if (q->window.grow_at_ms != 0)
		queue_arm(q, q->window.grow_at_ms);
	if (first != NULL)
		queue_arm(q, first->retry_at_ms);
	if (q->check_at_ms != INT64_MAX)
		queue_arm(q, mono_of_wall(q->check_at_ms));
	if (q->empty_since_ms != 0)
		queue_arm(q, q->empty_since_ms + idle_ms(q));
}

static bool is_over(const struct queue *q, uint64_t now)
{
	return q->empty_since_ms != 0 && q->n_conns == 0 && !q->suspended &&
		now >= q->empty_since_ms + idle_ms(q);
}

void queue_on_timer(evutil_socket_t fd, short what, void *ctx)
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
		queue_leave_retry(q);
	if (q->window.grow_at_ms <= now)
		q->window.grow_at_ms = 0;
	wake_waiting(q, now);
	check_age(q);
	queue_run(q);
	queue_rearm(q);
}
