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
	enum spool_outcome_kind kind;	/* 0 = they go on: it is a copy */
	enum queue_report_kind report;
	struct queue_report_recipient *v;	/* with its texts in the item's arena */
	const char *remote;
};

static void record(struct queue_set *s, const struct queue_item *item,
	enum spool_outcome_kind kind)
{
	struct spool_outcome one = { 0, 0 }, *list = &one;
	uint32_t i, n = item->env.recipient_count;

	if (n > 1)
		list = xcalloc(n, sizeof(*list));
	for (i = 0; i < n; i++)
		list[i] = (struct spool_outcome){ item->index[i], kind };
	spool_outcomes(s->port, item->id, list, n, NULL, NULL);
	if (list != &one)
		free(list);
}

/* --- the log line --- */

struct line {
	const char *event;
	const struct queue_hop *hop;	/* NULL = none was asked */
	const char *status, *text;
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
		LOG_STR("status", l->status), LOG_STR("reply", l->text), LOG_STR("delay", delay),
		LOG_END);
}

/* --- reports --- */

struct wording {
	const struct queue_result *results;	/* per recipient of the item, or NULL: */
	const char *status, *text;
	const char *remote;
};

static void ticket_free(struct queue_ticket *t)
{
	queue_item_free(&t->item);
	free(t);
}

static void ask(struct queue_set *s, struct queue_ticket *t)
{
	struct queue_report r = {
		.kind = t->report, .item = t->item, .v = t->v,
		.n = t->item->env.recipient_count, .remote = t->remote,
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
		if (t->kind != 0)
			record(s, t->item, t->kind);
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

/* One text for all recipients is kept once. */
static void keep_wording(struct queue_ticket *t, const struct wording *w)
{
	struct arena *a = t->item->arena;
	uint32_t i, n = t->item->env.recipient_count;
	const char *status = "", *text = "";

	t->v = arena_alloc(a, n * sizeof(*t->v));
	t->remote = keep(a, w->remote);
	if (w->results == NULL) {
		status = keep(a, w->status);
		text = keep(a, w->text);
	}
	for (i = 0; i < n; i++) {
		const struct queue_result *res = w->results != NULL ? &w->results[i] : NULL;

		t->v[i].i = i;
		t->v[i].status = res != NULL ? keep(a, res->status) : status;
		t->v[i].diagnostic = res != NULL ? keep(a, res->text) : text;
		t->v[i].from_peer = res != NULL && res->from_peer;
	}
}

/* Takes the item: it ends as kind when its report is safe. */
static void end_with_report(struct queue_set *s, struct queue_item *item,
	enum queue_report_kind report, enum spool_outcome_kind kind, const struct wording *w)
{
	struct queue_ticket *t = xcalloc(1, sizeof(*t));

	t->set = s;
	t->item = item;
	t->kind = kind;
	t->report = report;
	keep_wording(t, w);
	TAILQ_INSERT_TAIL(&s->tickets.waiting, t, link);
	ask_some(s);
}

void outcome_fail(struct queue_set *s, struct queue_item *item, enum spool_outcome_kind kind,
	bool report, const char *status, const char *text)
{
	struct line l = { .event = kind == SPOOL_REMOVED ? "removed" : "failed", .status = status,
		.text = text };
	struct wording w = { .status = status, .text = text };
	uint32_t i, n = item->env.recipient_count;

	for (i = 0; i < n; i++)
		log_recipient(item, i, &l);
	atomic_fetch_add(kind == SPOOL_EXPIRED ? &s->expired : &s->failed, n);
	if (report) {
		end_with_report(s, item, QUEUE_REPORT_FAILED, kind, &w);
	} else {
		record(s, item, kind);
		queue_item_free(&item);
	}
}

void outcome_delayed(struct queue_set *s, struct queue_item *item)
{
	const struct queue *q = item->queue;
	bool own = item->last_error != NULL;
	const char *status = own ? item->last_status : q->last_status;
	struct wording w = {
		.status = status[0] != '\0' ? status : "4.4.1",
		.text = own ? item->last_error : q->last_error != NULL ? q->last_error :
			item->why,
	};

	end_with_report(s, item_split(item, NULL, item->env.recipient_count),
		QUEUE_REPORT_DELAYED, 0, &w);
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

static const struct fate_row {
	const char *event;
	enum spool_outcome_kind kind;		/* 0 = goes on */
	bool report;
	enum queue_report_kind report_kind;
} fates[FATES] = {
	[FATE_DELIVERED] = { "delivered", SPOOL_DELIVERED, false, 0 },
	[FATE_RELAYED] = { "relayed", SPOOL_RELAYED, false, 0 },
	[FATE_REPORT_DELIVERED] = { "delivered", SPOOL_DELIVERED, true, QUEUE_REPORT_DELIVERED },
	[FATE_REPORT_RELAYED] = { "relayed", SPOOL_RELAYED, true, QUEUE_REPORT_RELAYED },
	[FATE_DEFERRED] = { "deferred", 0, false, 0 },
	[FATE_FAILED] = { "failed", SPOOL_FAILED, true, QUEUE_REPORT_FAILED },
};

static void count(struct queue_set *s, enum fate fate, uint32_t n)
{
	atomic_fetch_add(fate == FATE_FAILED ? &s->failed :
		fate == FATE_DEFERRED ? &s->deferred :
		fate == FATE_DELIVERED || fate == FATE_REPORT_DELIVERED ? &s->delivered :
		&s->relayed, n);
}

/* All recipients of item share a fate. Takes it; gives it back if it goes on. */
static struct queue_item *meet(struct queue_set *s, struct queue_item *item, enum fate fate,
	const struct queue_result *results, const struct queue_hop *hop)
{
	const struct fate_row *row = &fates[fate];
	struct wording w = { .results = results, .remote = hop != NULL ? hop->name : "" };

	count(s, fate, item->env.recipient_count);
	if (fate == FATE_DEFERRED) {
		item_set_error(item, results[0].status, results[0].text);
		return item;
	}
	if (row->report) {
		end_with_report(s, item, row->report_kind, row->kind, &w);
	} else {
		record(s, item, row->kind);
		queue_item_free(&item);
	}
	return NULL;
}

/* The recipients of one fate, as an item of their own; NULL if there are none. */
static struct queue_item *pick_fate(const struct queue_item *item, enum fate fate,
	const enum fate *all, const struct queue_result *results, uint32_t *pick,
	struct queue_result *picked)
{
	struct queue_item *part;
	uint32_t i, n = 0;

	for (i = 0; i < item->env.recipient_count; i++)
		if (all[i] == fate) {
			picked[n] = results[i];
			pick[n++] = i;
		}
	if (n == 0)
		return NULL;
	part = item_split(item, pick, n);
	part->queue = item->queue;
	return part;
}

static struct queue_item *meet_mixed(struct queue_set *s, struct queue_item *item,
	const enum fate *all, const struct queue_result *results, const struct queue_hop *hop)
{
	uint32_t n = item->env.recipient_count;
	uint32_t *pick = xcalloc(n, sizeof(*pick));
	struct queue_result *picked = xcalloc(n, sizeof(*picked));
	struct queue_item *rest = NULL, *part;
	int fate;

	for (fate = 0; fate < FATES; fate++) {
		part = pick_fate(item, (enum fate)fate, all, results, pick, picked);
		if (part != NULL)
			part = meet(s, part, (enum fate)fate, picked, hop);
		if (part != NULL)
			rest = part;
	}
	queue_item_free(&item);
	free(picked);
	free(pick);
	return rest;
}

struct queue_item *outcome_apply(struct queue_set *s, struct queue_item *item,
	const struct queue_result *results, const struct queue_hop *hop)
{
	uint32_t i, n = item->env.recipient_count;
	enum fate one, *all = n == 1 ? &one : xcalloc(n, sizeof(*all));
	struct queue_item *rest;
	bool mixed = false;

	for (i = 0; i < n; i++) {
		struct line l = { .hop = hop, .status = results[i].status,
			.text = results[i].text };

		all[i] = fate_of(item, i, &results[i]);
		mixed = mixed || all[i] != all[0];
		l.event = fates[all[i]].event;
		log_recipient(item, i, &l);
	}
	if (mixed)
		rest = meet_mixed(s, item, all, results, hop);
	else
		rest = meet(s, item, all[0], results, hop);
	if (all != &one)
		free(all);
	return rest;
}
