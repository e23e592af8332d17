/* outcome.c - what became of recipients: one log line each, the report, then the spool's record.
 *
 * A recipient whose end needs a report is not ended before the report is safe: it moves with its
 * ticket, and comes back into the queue if the report could not be stored.
 */
#include <stdio.h>
#include <string.h>

#include "hubd/queue/queue_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"

enum { REPORT_RETRY_MS = 60 * 1000 };

struct queue_ticket {
	LIST_ENTRY(queue_ticket) link;
	struct queue_set *set;
	struct queue_item *item;
	enum spool_outcome_kind kind;
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

void queue_ticket_done(struct queue_ticket *t, bool ok)
{
	struct queue_set *s;

	if (t == NULL)
		return;
	s = t->set;
	LIST_REMOVE(t, link);
	if (ok) {
		record(s, t->item, t->kind);
		queue_item_free(&t->item);
	} else {
		t->item->retry_at_ms = clock_mono_ms() + REPORT_RETRY_MS;
		queue_insert(s, t->item);
	}
	free(t);
}

void outcome_tickets_free(struct queue_set *s)
{
	struct queue_ticket *t;

	while ((t = LIST_FIRST(&s->tickets)) != NULL) {
		LIST_REMOVE(t, link);
		queue_item_free(&t->item);
		free(t);
	}
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

static void ask_report(struct queue_set *s, enum queue_report_kind kind,
	const struct queue_item *item, const struct wording *w, struct queue_ticket *t)
{
	uint32_t i, n = item->env.recipient_count;
	struct queue_report_recipient *v = xcalloc(n, sizeof(*v));
	struct queue_report r = {
		.kind = kind, .item = item, .v = v, .n = n,
		.remote = w->remote != NULL ? w->remote : "",
		.expires_ms = queue_item_expires_ms(item, s->live != NULL ? s->live : item->live),
	};

	for (i = 0; i < n; i++) {
		const struct queue_result *res = w->results != NULL ? &w->results[i] : NULL;
		const char *text = res != NULL ? res->text : w->text;

		v[i].i = i;
		v[i].status = res != NULL ? res->status : w->status;
		v[i].diagnostic = text != NULL ? text : "";
		v[i].from_peer = res != NULL && res->from_peer;
	}
	s->hooks->report(&r, t, s->ctx);
	free(v);
}

/* Takes the item: it ends as kind when its report is safe. */
static void end_with_report(struct queue_set *s, struct queue_item *item,
	enum queue_report_kind report, enum spool_outcome_kind kind, const struct wording *w)
{
	struct queue_ticket *t = xcalloc(1, sizeof(*t));

	t->set = s;
	t->item = item;
	t->kind = kind;
	LIST_INSERT_HEAD(&s->tickets, t, link);
	ask_report(s, report, item, w, t);
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

	ask_report(s, QUEUE_REPORT_DELAYED, item, &w, NULL);
}

/* --- the results of an attempt --- */

enum fate { FATE_DELIVERED, FATE_RELAYED, FATE_REPORT_DELIVERED, FATE_REPORT_RELAYED, FATE_DEFERRED,
	FATE_FAILED, FATES };

static enum fate fate_of(const struct queue_item *item, uint32_t i, const struct queue_result *r)
{
	bool success = (item->env.recipients[i].notify & ENVELOPE_NOTIFY_SUCCESS) != 0;

	switch (r->verdict) {
	case QUEUE_VERDICT_DELIVERED:
		return success ? FATE_REPORT_DELIVERED : FATE_DELIVERED;
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
