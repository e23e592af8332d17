/* delivery_way.c - the hosts a delivery may go to, one after the other. See delivery.h.
 *
 * A delivery has places (places.h); each becomes targets, which are addresses, by its own address or
 * by DNS.
 */
#include "hubd/deliver/delivery.h"

#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"

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
	} else {
		v = verdict_decide(STAGE_RESOLVE, a->event, 0, s->downgrade);
		s->target = NULL;
		delivery_note_failure(s, v.status, a->text);
		/* a smart host without address is our administrator's mistake, not the sender's */
		s->hopeless = v.action == ACTION_FAIL && s->type == QUEUE_DNS_CONNECTOR;
	}
	delivery_next_target(s);
}

static void on_mx(const struct mx_answer *a, void *ctx)
{
	struct delivery *s = ctx;

	s->mx = NULL;
	take_answer(s, a);
}

static void resolve_place(struct delivery *s)
{
	const struct mx_question q = {
		.name = s->place->name, .port = s->place->port, .host = s->place->host,
		.own_name = s->type == QUEUE_DNS_CONNECTOR ? s->live->fqdn : NULL,
		.own = &s->live->self->addresses,
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
		s->place_at = 0;
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
	if (s->place_at == s->places.n)
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
			delivery_connect(s);
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
