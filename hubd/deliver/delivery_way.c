/* delivery_way.c - the hosts a delivery may go to, one after the other. See delivery.h.
 *
 * A delivery has places (places.h); each becomes targets, which are addresses, by its own address
 * or by DNS. A relay has them for one pool of servers after the other: those of its next stop, and
 * when none of them answers, those of the sites on the ladder (ladder.h). It starts at the next
 * stop each time, where servers that failed are left out until their time (host.h), so a stop that
 * is known to be dead costs nothing, and one that is back gets the mail again.
 */
#include "hubd/deliver/delivery.h"

#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"
#include "libhub/base/log.h"

void delivery_way_init(struct delivery *s, const struct queue_item *head)
{
	if (head->decision != ROUTE_RELAY) {
		places_of_item(head, s->live, s->domain, s->d->rota, &s->places);
		return;
	}
	s->next = head->next;
	s->fallback = head->fallback;
	s->ladder_at = head->ladder_at;
	ladder_init(&s->ladder, head->fallback_count - head->ladder_at, head->bisect);
}

void delivery_way_deinit(struct delivery *s)
{
	ladder_deinit(&s->ladder);
	free(s->targets);
}

/* From the beginning. */
static void way_restart(struct delivery *s)
{
	size_t n = s->ladder.n;
	bool bisect = s->ladder.bisect;

	ladder_deinit(&s->ladder);
	ladder_init(&s->ladder, n, bisect);
	s->pool_at = 0;
	s->on_ladder = false;
	s->place_at = 0;
	if (s->decision == ROUTE_RELAY)
		s->places.n = 0;
}

static const struct server_pool *rung_pool(const struct delivery *s, size_t rung)
{
	return &s->fallback[s->ladder_at + rung];
}

/* Nobody at the next stop answers. */
static void ladder_enter(struct delivery *s)
{
	size_t i, j;

	for (i = 0; i < s->ladder.n; i++) {
		const struct server_pool *pool = rung_pool(s, i);

		for (j = 0; j < pool->n; j++)
			if (rota_answers(s->d->rota, pool->v[j]->obj.ndn))
				ladder_note(&s->ladder, i, LADDER_ANSWERS);
	}
	s->on_ladder = true;
	s->rung = s->ladder.n;
}

/* The places of a relay's next pool. False: there is none. */
static bool next_pool(struct delivery *s)
{
	const struct server_pool *pool;

	if (s->decision != ROUTE_RELAY)
		return false;
	if (s->pool_at <= s->ladder_at) {
		pool = s->pool_at == 0 ? &s->next : &s->fallback[s->pool_at - 1];
		s->pool_at++;
	} else {
		if (!s->on_ladder)
			ladder_enter(s);
		else if (s->rung < s->ladder.n)
			ladder_note(&s->ladder, s->rung, LADDER_SILENT);
		s->rung = ladder_next(&s->ladder);
		if (s->rung == s->ladder.n)
			return false;
		pool = rung_pool(s, s->rung);
	}
	places_of_pool(pool, s->live, s->d->rota, &s->places);
	s->place_at = 0;
	return true;
}

bool delivery_arrived(struct delivery *s)
{
	if (s->place->turn != NULL)
		rota_note(s->d->rota, s->place->turn, true);
	if (!s->on_ladder)
		return true;
	ladder_note(&s->ladder, s->rung, LADDER_ANSWERS);
	s->passing = ladder_next(&s->ladder) != s->rung;
	log_event(LOG_LEVEL_INFO, s->passing ? "site-answers" : "backed-off",
		LOG_STR("queue", queue_conn_name(s->qc)),
		LOG_STR("site", s->place->server->site.target->name), LOG_STR("hop", s->hop_text),
		LOG_END);
	return !s->passing;
}

void delivery_pass(struct delivery *s)
{
	s->passing = false;
	s->target_at = s->n_targets;
	s->place_at = s->places.n;
	/* not silent: the next one is asked for with that known */
	s->rung = s->ladder.n;
	delivery_next_target(s);
}

static void set_targets(struct delivery *s, const struct mx_target *targets, size_t n)
{
	s->targets = xreallocarray(s->targets, n, sizeof(*targets));
	memcpy(s->targets, targets, n * sizeof(*targets));
	s->n_targets = n;
	s->target_at = 0;
}

static void take_answer(struct delivery *s, const struct mx_answer *a)
{
	struct verdict v;

	if (a->ok) {
		set_targets(s, a->targets, a->n);
		delivery_race_order(s);
	} else {
		v = verdict_decide(STAGE_RESOLVE, a->event, 0, s->downgrade);
		s->target = NULL;
		/* a smart host without address is our administrator's mistake, not the sender's */
		s->hopeless = v.action == ACTION_FAIL && s->type == QUEUE_DNS_CONNECTOR;
		delivery_note_failure(s, v.action == ACTION_FAIL && !s->hopeless ? "4.4.4" :
			v.status, a->text);
	}
	delivery_next_target(s);
}

static void on_mx(const struct mx_answer *a, void *ctx)
{
	struct delivery *s = ctx;

	s->mx = NULL;
	take_answer(s, a);
}

static bool is_own(const struct sockaddr *sa, void *ctx)
{
	struct delivery *s = ctx;

	return ourselves_is(s->d->ourselves, s->live, sa);
}

static void resolve_place(struct delivery *s)
{
	const struct mx_question q = {
		.name = s->place->name, .port = s->place->port, .host = s->place->host,
		.own_name = s->type == QUEUE_DNS_CONNECTOR ? s->live->fqdn : NULL,
		.is_own = is_own, .own_ctx = s,
	};
	struct mx *mx = s->d->internal;
	struct mx_answer a;

	if (s->connector != NULL && s->connector->external_dns)
		mx = deliver_external_mx(s->d, s->live);
	if (mx_cached(mx, &q, &a)) {
		take_answer(s, &a);
		return;
	}
	s->phase = PHASE_RESOLVE;
	s->mx = mx_start(mx, &q, on_mx, s);
}

/* Everything was tried. Left out hosts get their chance if nobody else was asked. */
static void exhausted(struct delivery *s)
{
	if (!s->tried && s->skipped && !s->take_all) {
		s->take_all = true;
		way_restart(s);
		delivery_next_target(s);
		return;
	}
	if (s->text[0] == '\0') {
		s->target = NULL;
		delivery_note_failure(s, "4.4.4", "there is no host to deliver to");
	}
	delivery_end(s, s->hopeless ? QUEUE_CONN_HOPELESS : QUEUE_CONN_FAILED);
}

static void literal_target(struct delivery *s)
{
	struct mx_target t;

	memset(&t, 0, sizeof(t));
	snprintf(t.host, sizeof(t.host), "%s", s->place->name);
	t.addr = s->place->addr;
	set_targets(s, &t, 1);
}

/* The next place becomes targets, now or later. False: there is none. */
static bool next_place(struct delivery *s)
{
	while (s->place_at == s->places.n)
		if (!next_pool(s))
			return false;
	s->place = &s->places.v[s->place_at++];
	s->n_targets = s->target_at = 0;
	s->target = NULL;
	return true;
}

void delivery_next_target(struct delivery *s)
{
	for (;;) {
		while (s->target_at < s->n_targets) {
			s->target = &s->targets[s->target_at++];
			if (!s->take_all && host_is_out(s->d->hosts, &s->target->addr.sa)) {
				s->skipped = true;
				continue;
			}
			if (delivery_race(s) || delivery_connect(s))
				return;
		}
		if (!next_place(s)) {
			exhausted(s);
			return;
		}
		if (!delivery_make_policy(s))
			continue;
		if (!s->place->literal) {
			resolve_place(s);
			return;
		}
		literal_target(s);
	}
}
