/* outcome.c - what became of recipients: one log line each, the report, then the spool's record.
 *
 * A recipient whose end needs a report is not ended before the report is safe: it stays with its
 * ticket, out of the queue, for what was decided about it stands. Each report copies from the
 * spool, so REPORTS_AT_ONCE of them are under way; the others wait their turn. A report that could
 * not be stored is tried again: one every REPORT_RETRY_MS, and all as soon as one was stored.
 */
#include <stdio.h>
#include <string.h>

#include "hubd/queue/queue_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"

enum { REPORT_RETRY_MS = 5 * 1000, REPORTS_AT_ONCE = 20 };

struct queue_ticket {
	TAILQ_ENTRY(queue_ticket) link;
	struct queue_set *set;
	struct queue_item *item;	/* owned; the recipients of the report */
	struct spool_outcome *ends;	/* how each of them does; NULL: they go on, it is a copy */
	struct queue_report_recipient *v;	/* this and ends in the item's arena */
};

/* --- the log line --- */

struct line {
	const char *event;
	const struct queue_hop *hop;	/* NULL = none was asked */
	const char *status, *text;
	const char *command;			/* that failed; NULL = none */
};

static void log_recipient(const struct queue_item *item, uint32_t i, const struct line *l)
{
	char id[SPOOL_ID_TEXT], delay[32];

	if (!log_enabled(LOG_LEVEL_INFO))
		return;
	clock_since(item->env.received_ms, delay, sizeof(delay));
	log_event(LOG_LEVEL_INFO, l->event, LOG_STR("message", spool_id_text(item->id, id)),
		LOG_STR("queue", item->queue != NULL ? item->queue->name : NULL),
		LOG_STR("from", item->env.sender),
		LOG_STR("to", item->env.recipients[i].address),
		LOG_STR("hop", l->hop != NULL ? l->hop->text : NULL),
		LOG_STR("tls", l->hop != NULL ? l->hop->tls : NULL),
		LOG_STR("status", l->status), LOG_STR("command", l->command),
		LOG_STR("reply", l->text), LOG_STR("delay", delay), LOG_END);
}

/* --- reports --- */

static void ticket_free(struct queue_ticket *t)
{
	queue_item_free(&t->item);
	free(t);
}

static void ask(struct queue_set *s, struct queue_ticket *t)
{
	struct queue_report r = {
		.item = t->item, .v = t->v, .n = t->item->env.recipient_count,
		.expires_ms = queue_item_expires_ms(t->item,
			s->live != NULL ? s->live : t->item->live),
	};

	TAILQ_INSERT_TAIL(&s->tickets.asked, t, link);
	s->tickets.n_asked++;
	s->hooks->report(&r, t, s->ctx);
}

static void ask_some(struct queue_set *s)
{
	struct tickets *all = &s->tickets;
	struct queue_ticket *t;

	/* an answer from inside the hook is followed up by the loop it came from */
	if (all->asking || s->stopping)
		return;
	all->asking = true;
	while (all->n_asked < REPORTS_AT_ONCE && (t = TAILQ_FIRST(&all->waiting)) != NULL) {
		TAILQ_REMOVE(&all->waiting, t, link);
		ask(s, t);
	}
	all->asking = false;
}

static void put_off(struct queue_set *s, struct queue_ticket *t)
{
	static const struct timeval later = { REPORT_RETRY_MS / 1000, 0 };

	TAILQ_INSERT_TAIL(&s->tickets.put_off, t, link);
	if (!evtimer_pending(s->tickets.timer, NULL))
		evtimer_add(s->tickets.timer, &later);
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	struct queue_set *s = ctx;
	struct queue_ticket *t = TAILQ_FIRST(&s->tickets.put_off);

	(void)fd;
	(void)what;
	loop_touch(s->loop);
	if (t == NULL)
		return;
	TAILQ_REMOVE(&s->tickets.put_off, t, link);
	TAILQ_INSERT_HEAD(&s->tickets.waiting, t, link);
	ask_some(s);
	if ((t = TAILQ_FIRST(&s->tickets.put_off)) != NULL) {
		TAILQ_REMOVE(&s->tickets.put_off, t, link);
		put_off(s, t);
	}
}

void queue_ticket_done(struct queue_ticket *t, bool ok)
{
	struct queue_set *s = t->set;

	TAILQ_REMOVE(&s->tickets.asked, t, link);
	s->tickets.n_asked--;
	if (!ok) {
		put_off(s, t);
	} else {
		if (t->ends != NULL)
			spool_outcomes(s->port, t->item->id, t->ends,
				t->item->env.recipient_count, NULL, NULL);
		ticket_free(t);
		TAILQ_CONCAT(&s->tickets.waiting, &s->tickets.put_off, link);
	}
	ask_some(s);
}

void outcome_tickets_init(struct queue_set *s)
{
	TAILQ_INIT(&s->tickets.asked);
	TAILQ_INIT(&s->tickets.waiting);
	TAILQ_INIT(&s->tickets.put_off);
	s->tickets.timer = evtimer_new(loop_base(s->loop), on_retry, s);
	BUG_ON(s->tickets.timer == NULL);
}

void outcome_tickets_free(struct queue_set *s)
{
	struct queue_ticket *t;

	TAILQ_CONCAT(&s->tickets.asked, &s->tickets.waiting, link);
	TAILQ_CONCAT(&s->tickets.asked, &s->tickets.put_off, link);
	while ((t = TAILQ_FIRST(&s->tickets.asked)) != NULL) {
		TAILQ_REMOVE(&s->tickets.asked, t, link);
		ticket_free(t);
	}
	event_free(s->tickets.timer);
}

static const char *keep(struct arena *a, const char *text)
{
	return text != NULL && *text != '\0' ? arena_strdup(a, text) : "";
}

/* Takes the item with what is to be said of its recipients; both are in the item's arena. */
static void tell(struct queue_set *s, struct queue_item *item, struct queue_report_recipient *v,
	struct spool_outcome *ends)
{
	struct queue_ticket *t = xcalloc(1, sizeof(*t));

	t->set = s;
	t->item = item;
	t->v = v;
	t->ends = ends;
	TAILQ_INSERT_TAIL(&s->tickets.waiting, t, link);
	ask_some(s);
}

/* The same of all; texts are kept once. */
static struct queue_report_recipient *say_of_all(struct queue_item *item,
	enum queue_report_kind kind, const char *status, const char *text)
{
	uint32_t i, n = item->env.recipient_count;
	struct queue_report_recipient *v = arena_alloc(item->arena, n * sizeof(*v));

	status = keep(item->arena, status);
	text = keep(item->arena, text);
	for (i = 0; i < n; i++)
		v[i] = (struct queue_report_recipient){ .kind = kind, .i = i, .status = status,
			.diagnostic = text, .remote = "" };
	return v;
}

/* What the peer said when it was asked last; our own words stay where it said nothing. */
static void say_refusals(const struct queue_item *item, struct queue_report_recipient *v,
	bool status)
{
	uint32_t i;

	for (i = 0; item->refusals != NULL && i < item->env.recipient_count; i++) {
		const struct queue_refusal *r = &item->refusals[i];

		if (!r->from_peer && !status)
			continue;
		v[i].diagnostic = r->text;
		v[i].from_peer = r->from_peer;
		v[i].remote = r->remote;
		if (status && r->status[0] != '\0')
			v[i].status = r->status;
	}
}

/* How each recipient of item ends, but for its kind. */
static struct spool_outcome *list_ends(struct spool_outcome *list, const struct queue_item *item,
	enum spool_outcome_kind kind)
{
	uint32_t i;

	for (i = 0; i < item->env.recipient_count; i++)
		list[i] = (struct spool_outcome){ item->index[i], kind };
	return list;
}

static struct spool_outcome *new_ends(const struct queue_item *item)
{
	return arena_alloc(item->arena, item->env.recipient_count *
		sizeof(struct spool_outcome));
}

void outcome_fail(struct queue_set *s, struct queue_item *item, enum spool_outcome_kind kind,
	bool report, const char *status, const char *text)
{
	struct line l = { .event = kind == SPOOL_REMOVED ? "removed" : "failed", .status = status,
		.text = text };
	uint32_t i, n = item->env.recipient_count;
	struct spool_outcome *ends = list_ends(new_ends(item), item, kind);
	struct queue_report_recipient *v;

	for (i = 0; i < n; i++)
		log_recipient(item, i, &l);
	atomic_fetch_add(kind == SPOOL_EXPIRED ? &s->expired : &s->failed, n);
	if (!report) {
		spool_outcomes(s->port, item->id, ends, n, NULL, NULL);
		queue_item_free(&item);
		return;
	}
	v = say_of_all(item, QUEUE_REPORT_FAILED, status, text);
	if (kind == SPOOL_EXPIRED)
		say_refusals(item, v, false);
	tell(s, item, v, ends);
}

void outcome_delayed(struct queue_set *s, struct queue_item *item)
{
	const struct queue *q = item->queue;
	bool own = item->last_error != NULL;
	const char *status = own ? item->last_status : q->last_status;
	struct queue_item *copy = item_split(item, NULL, item->env.recipient_count);
	struct queue_report_recipient *v;

	v = say_of_all(copy, QUEUE_REPORT_DELAYED, status[0] != '\0' ? status : "4.4.1",
		own ? item->last_error : q->last_error != NULL ? q->last_error : item->why);
	say_refusals(copy, v, true);
	tell(s, copy, v, NULL);
}

/* --- the results of an attempt --- */

enum fate { FATE_DELIVERED, FATE_RELAYED, FATE_REPORT_DELIVERED, FATE_REPORT_RELAYED, FATE_DEFERRED,
	FATE_FAILED, FATES };

static enum fate fate_of(const struct queue_item *item, uint32_t i, const struct queue_result *r)
{
	bool success = (item->env.recipients[i].notify & ENVELOPE_NOTIFY_SUCCESS) != 0;

	switch (r->verdict) {
	case QUEUE_VERDICT_DELIVERED:
		return success && !r->dsn_passed_on ? FATE_REPORT_DELIVERED : FATE_DELIVERED;
	case QUEUE_VERDICT_RELAYED:
		return success && !r->dsn_passed_on ? FATE_REPORT_RELAYED : FATE_RELAYED;
	case QUEUE_VERDICT_DEFERRED:
		return FATE_DEFERRED;
	case QUEUE_VERDICT_FAILED:
		return FATE_FAILED;
	}
	BUG_ON(true);
	return FATE_FAILED;
}

/* What follows a fate. */
enum course { COURSE_RECORDED, COURSE_TOLD, COURSE_GOES_ON, COURSES };

static const struct fate_row {
	const char *event;
	enum course course;
	enum spool_outcome_kind kind;
	enum queue_report_kind report;
} fates[FATES] = {
	[FATE_DELIVERED] = { "delivered", COURSE_RECORDED, SPOOL_DELIVERED, 0 },
	[FATE_RELAYED] = { "relayed", COURSE_RECORDED, SPOOL_RELAYED, 0 },
	[FATE_REPORT_DELIVERED] = { "delivered", COURSE_TOLD, SPOOL_DELIVERED,
		QUEUE_REPORT_DELIVERED },
	[FATE_REPORT_RELAYED] = { "relayed", COURSE_TOLD, SPOOL_RELAYED, QUEUE_REPORT_RELAYED },
	[FATE_DEFERRED] = { "deferred", COURSE_GOES_ON, 0, 0 },
	[FATE_FAILED] = { "failed", COURSE_TOLD, SPOOL_FAILED, QUEUE_REPORT_FAILED },
};

static void count(struct queue_set *s, enum fate fate)
{
	atomic_fetch_add(fate == FATE_FAILED ? &s->failed :
		fate == FATE_DEFERRED ? &s->deferred :
		fate == FATE_DELIVERED || fate == FATE_REPORT_DELIVERED ? &s->delivered :
		&s->relayed, 1);
}

/* The results of an attempt, for the recipients of one item. */
struct attempt {
	const enum fate *fates;
	const struct queue_result *results;
	const struct queue_hop *hop;
};

static void meet_recorded(struct queue_set *s, struct queue_item *item, const struct attempt *a)
{
	uint32_t i, n = item->env.recipient_count;
	struct spool_outcome one, *ends = n == 1 ? &one : xcalloc(n, sizeof(*ends));

	for (i = 0; i < n; i++)
		ends[i] = (struct spool_outcome){ item->index[i], fates[a->fates[i]].kind };
	spool_outcomes(s->port, item->id, ends, n, NULL, NULL);
	if (ends != &one)
		free(ends);
	queue_item_free(&item);
}

/* One report for all that is told of this attempt. One text for all recipients is kept once. */
static void meet_told(struct queue_set *s, struct queue_item *item, const struct attempt *a)
{
	struct queue_report_recipient *v = say_of_all(item, QUEUE_REPORT_FAILED, "", "");
	struct spool_outcome *ends = list_ends(new_ends(item), item, SPOOL_FAILED);
	const char *remote = keep(item->arena, a->hop != NULL ? a->hop->name : "");
	uint32_t i;

	for (i = 0; i < item->env.recipient_count; i++) {
		const struct queue_result *r = &a->results[i];
		bool again = i > 0 && r->text == a->results[i - 1].text;

		ends[i].kind = fates[a->fates[i]].kind;
		v[i].kind = fates[a->fates[i]].report;
		v[i].status = keep(item->arena, r->status);
		v[i].diagnostic = again ? v[i - 1].diagnostic : keep(item->arena, r->text);
		v[i].from_peer = r->from_peer;
		v[i].remote = remote;
	}
	tell(s, item, v, ends);
}

/* For people: a reply alone does not tell what it was an answer to. */
static void keep_error(struct queue_item *item, const struct queue_result *r)
{
	char text[QUEUE_TEXT_MAX];

	if (!r->from_peer || r->command == NULL) {
		item_set_error(item, r->status, r->text);
		return;
	}
	snprintf(text, sizeof(text), "%s: %s", r->command, r->text);
	item_set_error(item, r->status, text);
}

/* All recipients of item share a course. Takes it; gives it back if it goes on. */
static struct queue_item *meet(struct queue_set *s, struct queue_item *item,
	enum course course, const struct attempt *a)
{
	switch (course) {
	case COURSE_RECORDED:
		meet_recorded(s, item, a);
		return NULL;
	case COURSE_TOLD:
		meet_told(s, item, a);
		return NULL;
	default:
		keep_error(item, &a->results[0]);
		refusals_set(item, a->results, a->hop != NULL ? a->hop->name : "");
		return item;
	}
}

/* Room for the recipients of one course. */
struct picks {
	uint32_t *pick;
	enum fate *fates;
	struct queue_result *results;
};

/* The recipients of one course, as an item of their own; NULL if there are none. */
static struct queue_item *pick_course(const struct queue_item *item, enum course course,
	const struct attempt *all, struct picks *p)
{
	struct queue_item *part;
	uint32_t i, n = 0;

	for (i = 0; i < item->env.recipient_count; i++)
		if (fates[all->fates[i]].course == course) {
			p->results[n] = all->results[i];
			p->fates[n] = all->fates[i];
			p->pick[n++] = i;
		}
	if (n == 0)
		return NULL;
	part = item_split(item, p->pick, n);
	part->queue = item->queue;
	return part;
}

static struct queue_item *meet_mixed(struct queue_set *s, struct queue_item *item,
	const struct attempt *all)
{
	uint32_t n = item->env.recipient_count;
	struct picks p = { .pick = xcalloc(n, sizeof(*p.pick)),
		.fates = xcalloc(n, sizeof(*p.fates)),
		.results = xcalloc(n, sizeof(*p.results)) };
	const struct attempt a = { .fates = p.fates, .results = p.results, .hop = all->hop };
	struct queue_item *rest = NULL, *part;
	int course;

	for (course = 0; course < COURSES; course++) {
		part = pick_course(item, (enum course)course, all, &p);
		if (part != NULL)
			part = meet(s, part, (enum course)course, &a);
		if (part != NULL)
			rest = part;
	}
	queue_item_free(&item);
	free(p.results);
	free(p.fates);
	free(p.pick);
	return rest;
}

struct queue_item *outcome_apply(struct queue_set *s, struct queue_item *item,
	const struct queue_result *results, const struct queue_hop *hop)
{
	uint32_t i, n = item->env.recipient_count;
	enum fate one, *all = n == 1 ? &one : xcalloc(n, sizeof(*all));
	const struct attempt a = { .fates = all, .results = results, .hop = hop };
	struct queue_item *rest;
	bool mixed = false;

	for (i = 0; i < n; i++) {
		struct line l = { .hop = hop, .status = results[i].status,
			.text = results[i].text };

		all[i] = fate_of(item, i, &results[i]);
		mixed = mixed || fates[all[i]].course != fates[all[0]].course;
		l.event = fates[all[i]].event;
		if (results[i].verdict == QUEUE_VERDICT_DEFERRED ||
			results[i].verdict == QUEUE_VERDICT_FAILED)
			l.command = results[i].command;
		log_recipient(item, i, &l);
		count(s, all[i]);
	}
	rest = mixed ? meet_mixed(s, item, &a) : meet(s, item, fates[all[0]].course, &a);
	if (all != &one)
		free(all);
	return rest;
}
