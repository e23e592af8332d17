/* categorizer.c - see categorizer.h: carries out the plan for a message. */
#include "hubd/categorize/categorizer.h"

#include <string.h>

#include "hubd/categorize/plan.h"
#include "hubd/queue/failover.h"
#include "hubd/spool/copy.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* A group within a group within ... across hubs that expand: no further than this. */
enum { REDIRECTS_MAX = 20, STORAGE_RETRY_MS = 60 * 1000, PASSED_EVERY_MS = 10 };

/* What is being categorized: a message from the spool, or a queue's item routed again. */
struct source {
	uint64_t id, body_size;
	const struct envelope *env;
	const uint32_t *index;		/* number in the spool's envelope; NULL = the same */
	const bool *skip;
	const struct queue_item *from;
	int64_t written_ms;		/* of a message from before the start; else 0 */
};

struct waiting {
	struct waiting *next;
	struct message *message;
};

struct categorizer {
	struct categorizer_config cfg;
	const struct live *live;
	struct waiting *waiting, **waiting_tail;
	size_t expanding;
	uint64_t passed_ms;		/* monotonic: the judge of connectors was told last */
};

static uint32_t spool_index(const uint32_t *index, uint32_t i)
{
	return index != NULL ? index[i] : i;
}

/* --- next hops --- */

/* Once a message: each new configuration tries again what waits, and need not say so again. */
static void log_unreachable(const struct plan *p, const struct source *src,
	const struct plan_hop *h)
{
	char id[SPOOL_ID_TEXT];
	uint32_t i;

	for (i = 0; i < h->n; i++)
		log_event(LOG_LEVEL_WARNING, "unreachable",
			LOG_STR("message", spool_id_text(src->id, id)),
			LOG_STR("from", p->env.sender),
			LOG_STR("to", p->env.recipients[h->pick[i]].address),
			LOG_STR("reason", h->route.text), LOG_END);
}

/* The judge is told what mail would like, now and then: domains to probe with. */
static void tell_passed(struct categorizer *c, const struct plan *p, const struct plan_hop *h)
{
	const char *domain;
	size_t i;

	if (h->route.passed_count == 0 || clock_mono_ms() < c->passed_ms + PASSED_EVERY_MS)
		return;
	domain = strrchr(p->env.recipients[h->pick[0]].address, '@');
	if (domain == NULL)
		return;
	c->passed_ms = clock_mono_ms();
	for (i = 0; i < h->route.passed_count; i++)
		failover_passed(c->cfg.failover, h->route.passed[i]->obj.name, domain + 1);
}

static void post_hop(struct categorizer *c, const struct plan *p, const struct source *src,
	const struct plan_hop *h)
{
	struct queue_item *item;

	if (h->route.decision == ROUTE_UNREACHABLE && src->from == NULL)
		log_unreachable(p, src, h);
	tell_passed(c, p, h);
	item = queue_item_new(c->live, src->id, src->body_size, &p->env, src->index, h->pick,
		h->n, &h->route, src->from);
	if (h->excluded.n != 0)
		queue_item_exclude(item, exclusions_text(&h->excluded, p->arena),
			p->reroute_at_ms);
	if (src->written_ms != 0)
		queue_item_note_recovery(item, src->written_ms);
	queues_post(c->cfg.queues, item);
}

/*
 * An item that waits in the Unreachable queue: posted when the disk refuses what must be written
 * before these recipients may end (a report, a group's message). They are tried again after
 * STORAGE_RETRY_MS, and expire like any other.
 */
static struct queue_item *fallback_item(struct categorizer *c, const struct plan *p,
	const struct source *src, const uint32_t *pick, uint32_t n)
{
	struct queue_item *item;
	struct route route;

	route_init(&route);
	route_set_unreachable(&route, "insufficient storage");
	item = queue_item_new(c->live, src->id, src->body_size, &p->env, src->index, pick, n,
		&route, src->from);
	item->retry_at_ms = clock_mono_ms() + STORAGE_RETRY_MS;
	return item;
}

/* --- failures --- */

/* Recipients that end once their report is safe. */
struct ending {
	struct categorizer *categorizer;
	struct queue_item *fallback;
	uint64_t id;
	enum spool_outcome_kind kind;
	size_t n;
	struct spool_outcome outcomes[];
};

static void log_failure(const struct source *src, const struct plan *p,
	const struct plan_failure *f)
{
	char id[SPOOL_ID_TEXT], delay[32];

	clock_since(p->env.received_ms, delay, sizeof(delay));
	log_event(LOG_LEVEL_INFO, "failed", LOG_STR("message", spool_id_text(src->id, id)),
		LOG_STR("from", p->env.sender), LOG_STR("to", p->env.recipients[f->i].address),
		LOG_STR("status", f->status), LOG_STR("reply", f->text),
		LOG_STR("delay", delay), LOG_END);
}

static void on_reported(bool ok, void *ctx)
{
	struct ending *end = ctx;

	if (ok) {
		spool_outcomes(end->categorizer->cfg.port, end->id, end->outcomes, end->n, NULL,
			NULL);
		queue_item_free(&end->fallback);
	} else {
		queues_post(end->categorizer->cfg.queues, end->fallback);
	}
	free(end);
}

static void report_failures(struct categorizer *c, const struct plan *p, const struct source *src)
{
	struct report_request q = { .live = c->live, .id = src->id, .body_size = src->body_size,
		.env = &p->env };
	const struct plan_failure *f;
	struct queue_report_recipient *v;
	struct ending *end;
	uint32_t *pick;
	size_t n = 0;

	for (f = p->failures; f != NULL; f = f->next)
		n++;
	end = xcalloc(1, sizeof(*end) + n * sizeof(end->outcomes[0]));
	v = xcalloc(n, sizeof(*v));
	pick = arena_alloc(p->arena, n * sizeof(*pick));
	for (f = p->failures; f != NULL; f = f->next) {
		pick[q.n] = f->i;
		v[q.n++] = (struct queue_report_recipient){ .kind = QUEUE_REPORT_FAILED, .i = f->i,
			.status = f->status, .diagnostic = f->text, .remote = "" };
		end->outcomes[end->n++] = (struct spool_outcome){ spool_index(src->index, f->i),
			SPOOL_FAILED };
		log_failure(src, p, f);
	}
	end->categorizer = c;
	end->id = src->id;
	end->fallback = fallback_item(c, p, src, pick, (uint32_t)n);
	q.v = v;
	reporter_send(c->cfg.reporter, &q, on_reported, end);
	free(v);
}

/* --- duplicates --- */

static void discard_duplicates(struct categorizer *c, const struct plan *p,
	const struct source *src)
{
	uint32_t i;

	for (i = 0; i < p->duplicate_count; i++)
		spool_outcome(c->cfg.port, src->id, spool_index(src->index, p->duplicates[i]),
			SPOOL_DISCARDED);
}

static void discard_dropped(struct categorizer *c, const struct plan *p, const struct source *src)
{
	const struct plan_failure *f;
	char id[SPOOL_ID_TEXT];

	for (f = p->dropped; f != NULL; f = f->next) {
		log_event(LOG_LEVEL_INFO, "discarded",
			LOG_STR("message", spool_id_text(src->id, id)),
			LOG_STR("from", p->env.sender),
			LOG_STR("to", p->env.recipients[f->i].address),
			LOG_STR("reason", f->text), LOG_END);
		spool_outcome(c->cfg.port, src->id, spool_index(src->index, f->i),
			SPOOL_DISCARDED);
	}
}

/* --- groups --- */

/* A group's message on its way into the spool. */
struct expanding {
	struct categorizer *categorizer;
	struct queue_item *fallback;	/* the message to the group itself */
	struct message *message;
};

static void not_expanded(struct expanding *x)
{
	x->categorizer->expanding--;
	message_free(&x->message);
	queues_post(x->categorizer->cfg.queues, x->fallback);
	free(x);
}

static void discard_copy(struct expanding *x)
{
	uint32_t i;

	for (i = 0; i < x->message->envelope->recipient_count; i++)
		spool_outcome(x->categorizer->cfg.port, x->message->id, i, SPOOL_DISCARDED);
}

/* The sender has been told, or need not be. */
static void on_expansion_told(bool ok, void *ctx)
{
	struct expanding *x = ctx;
	struct categorizer *c = x->categorizer;

	if (!ok) {
		discard_copy(x);
		not_expanded(x);
		return;
	}
	c->expanding--;
	spool_outcome(c->cfg.port, x->fallback->id, x->fallback->index[0], SPOOL_EXPANDED);
	queue_item_free(&x->fallback);
	categorizer_submit(c, x->message);
	free(x);
}

/*
 * RFC 3461 section 5.2.7.3: who asked for a report of success hears that the group was opened, and
 * nothing of its members' success. Only once their copy is there: it may be refused for long.
 */
static void tell_expansion(struct expanding *x)
{
	const struct queue_item *item = x->fallback;
	const struct queue_report_recipient v = { .kind = QUEUE_REPORT_EXPANDED, .i = 0,
		.status = "2.1.5", .diagnostic = "", .remote = "" };
	const struct report_request q = { .live = x->categorizer->live, .id = item->id,
		.body_size = item->body_size, .env = &item->env, .v = &v, .n = 1 };

	reporter_send(x->categorizer->cfg.reporter, &q, on_expansion_told, x);
}

static void on_expanded(uint64_t id, uint64_t body_size, const struct err *e, void *ctx)
{
	struct expanding *x = ctx;

	if (e != NULL) {
		log_text(LOG_LEVEL_ERROR, "group-not-expanded", "%s", e->text);
		not_expanded(x);
		return;
	}
	x->message->id = id;
	x->message->body_size = body_size;
	tell_expansion(x);
}

/* What of the group's NOTIFY its members have. */
static uint32_t members_notify(uint32_t notify)
{
	uint32_t rest = notify & ~(uint32_t)ENVELOPE_NOTIFY_SUCCESS;

	return notify != 0 && rest == 0 ? ENVELOPE_NOTIFY_NEVER : rest;
}

/* Copies texts into the new message's arena: the plan's is thrown away. */
static struct envelope *group_envelope(const struct plan *p, const struct plan_group *g,
	struct arena *a, const char *const *members, uint32_t n)
{
	const struct envelope_recipient *group = &p->env.recipients[g->i];
	struct envelope *env;
	const void *blob;
	size_t size;
	struct err e;
	struct envelope shape = p->env;
	uint32_t i;

	shape.recipients = arena_alloc(p->arena, n * sizeof(*shape.recipients));
	shape.recipient_count = n;
	for (i = 0; i < n; i++) {
		shape.recipients[i] = *group;
		shape.recipients[i].address = members[i];
		shape.recipients[i].original = group->address;
		shape.recipients[i].redirects = group->redirects + 1;
		shape.recipients[i].notify = members_notify(group->notify);
	}
	if (envelope_encode(&shape, p->arena, &blob, &size, &e) != 0)
		return NULL;
	env = envelope_decode(blob, size, a, &e);
	BUG_ON(env == NULL);
	return env;
}

static void expand(struct categorizer *c, struct plan *p, const struct source *src,
	const struct plan_group *g)
{
	const char *const *members;
	struct expanding *x;
	struct envelope *env;
	struct arena *a;
	const void *blob;
	size_t size;
	struct err e;
	uint32_t n;

	if (p->env.recipients[g->i].redirects >= REDIRECTS_MAX) {
		plan_fail(p, g->i, "5.4.6", "groups within groups too deep: a loop");
		return;
	}
	if (!expand_group(p->arena, c->live->recipients, g->address, p->outside, &members, &n) ||
		n == 0) {
		plan_fail(p, g->i, "5.1.1", n == 0 ? "the group has no members with an address" :
			"the group has too many members");
		return;
	}
	a = arena_new();
	env = group_envelope(p, g, a, members, n);
	if (env == NULL || envelope_encode(env, a, &blob, &size, &e) != 0) {
		arena_free(&a);
		plan_fail(p, g->i, "5.3.0", "the group's members do not fit an envelope");
		return;
	}
	c->expanding++;
	x = xcalloc(1, sizeof(*x));
	*x = (struct expanding){ .categorizer = c, .message = message_new(a, env),
		.fallback = fallback_item(c, p, src, &g->i, 1) };
	spool_copy_start(spool_copy_new(c->cfg.port, c->cfg.loop, on_expanded, x), src->id,
		SPOOL_COPY_BODY, blob, size, n);
}

/* --- carrying out --- */

static void carry_out(struct categorizer *c, const struct source *src)
{
	struct arena *a = arena_new();
	struct plan *p = plan_make(a, c->live, src->env, src->skip);
	const struct plan_group *g;
	const struct plan_hop *h;

	for (g = p->groups; g != NULL; g = g->next)
		expand(c, p, src, g);
	if (p->failures != NULL)
		report_failures(c, p, src);
	discard_duplicates(c, p, src);
	discard_dropped(c, p, src);
	for (h = p->hops; h != NULL; h = h->next)
		post_hop(c, p, src, h);
	arena_free(&a);
}

static void categorize(struct categorizer *c, struct message *m)
{
	struct source src = { .id = m->id, .body_size = m->body_size, .env = m->envelope,
		.skip = m->done, .written_ms = m->written_ms };

	carry_out(c, &src);
	message_free(&m);
}

void categorizer_submit(struct categorizer *c, struct message *m)
{
	struct waiting *w;

	if (c->live != NULL) {
		categorize(c, m);
		return;
	}
	w = xcalloc(1, sizeof(*w));
	w->message = m;
	*c->waiting_tail = w;
	c->waiting_tail = &w->next;
}

void categorizer_again(struct categorizer *c, struct queue_item *item)
{
	struct source src = { .id = item->id, .body_size = item->body_size, .env = &item->env,
		.index = item->index, .from = item };

	carry_out(c, &src);
	queue_item_free(&item);
}

void categorizer_set_live(struct categorizer *c, const struct live *live)
{
	struct waiting *w, *next;

	live_unref(&c->live);
	c->live = live_ref(live);
	w = c->waiting;
	c->waiting = NULL;
	c->waiting_tail = &c->waiting;
	for (; w != NULL; w = next) {
		next = w->next;
		categorize(c, w->message);
		free(w);
	}
}

struct categorizer *categorizer_new(const struct categorizer_config *cfg)
{
	struct categorizer *c = xcalloc(1, sizeof(*c));

	c->cfg = *cfg;
	c->waiting_tail = &c->waiting;
	return c;
}

bool categorizer_is_busy(const struct categorizer *c)
{
	return c->expanding != 0;
}

void categorizer_free(struct categorizer **cp)
{
	struct categorizer *c = *cp;
	struct waiting *w, *next;

	if (c == NULL)
		return;
	for (w = c->waiting; w != NULL; w = next) {
		next = w->next;
		message_free(&w->message);
		free(w);
	}
	live_unref(&c->live);
	free(c);
	*cp = NULL;
}
