/* delivery_race.c - a host with several addresses: the first that answers. See race.h.
 *
 * All addresses of one host run, but those that rest (host.h) and those that nothing may be sent to
 * from here. One that was overtaken comes last for a while (host.h), so that nobody waits for it.
 * All that have not failed are tried if nothing comes of the winner. Hosts, that is exchangers,
 * never run against each other: their order is the domain's will.
 */
#include "hubd/deliver/delivery.h"

#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"

/* Of the targets, from the present one on. */
static size_t host_end(const struct delivery *s)
{
	size_t i = s->target_at;

	while (i < s->n_targets && strcmp(s->targets[i].host, s->target->host) == 0)
		i++;
	return i;
}

static bool may_run(struct delivery *s, const struct sockaddr *to, const struct sockaddr **source)
{
	char why[QUEUE_TEXT_MAX];

	if (!s->take_all && host_is_out(s->d->hosts, to)) {
		s->skipped = true;
		return false;
	}
	return delivery_source(s, to, source, why) == NULL;
}

/* One after another: who came to nothing, the winner if there is one, who may still be of use. */
static size_t reorder(struct delivery *s, const struct race_result *res)
{
	struct mx_target done[RACE_MAX], rest[RACE_MAX];
	size_t first = s->raced[0], n_done = 0, n_rest = 0, i;

	for (i = 0; i < s->n_raced; i++) {
		const struct mx_target *t = &s->targets[s->raced[i]];

		if (res->fd >= 0 && i == res->winner)
			continue;
		if (res->errors[i] == RACE_NOT_BEGUN || res->errors[i] == RACE_NO_ANSWER)
			rest[n_rest++] = *t;
		else
			done[n_done++] = *t;
	}
	if (res->fd >= 0)
		done[n_done++] = s->targets[s->raced[res->winner]];
	for (i = 0; i < s->n_raced; i++)
		s->targets[s->raced[i]] = i < n_done ? done[i] : rest[i - n_done];
	return n_done == 0 ? first : s->raced[n_done - 1];
}

static void note_failed(struct delivery *s, int error)
{
	char text[QUEUE_TEXT_MAX];

	snprintf(text, sizeof(text), "connect: %s", strerror(error));
	delivery_unreachable(s, text);
	delivery_note(s, NULL, "%s: %s", s->hop_text, text);
}

static void note_slow(struct delivery *s)
{
	host_set_slow(s->d->hosts, &s->target->addr.sa);
	delivery_name_hop(s);
	delivery_note(s, NULL, "%s: another address of the host was faster", s->hop_text);
}

/* Of those that have not won. Slow is only who began before the winner. */
static void note_runner(struct delivery *s, const struct race_result *res, size_t i)
{
	s->target = &s->targets[s->raced[i]];
	if (res->errors[i] > 0)
		note_failed(s, res->errors[i]);
	else if (res->errors[i] == RACE_NO_ANSWER && i < res->winner)
		note_slow(s);
}

static void on_race(const struct race_result *res, void *ctx)
{
	struct delivery *s = ctx;
	const struct sockaddr *source;
	char why[QUEUE_TEXT_MAX];
	size_t i, at;

	s->race = NULL;
	for (i = 0; i < s->n_raced; i++)
		if (res->fd < 0 || i != res->winner)
			note_runner(s, res, i);
	at = reorder(s, res);
	s->target_at = at + 1;
	if (res->fd < 0) {
		delivery_next_target(s);
		return;
	}
	s->target = &s->targets[at];
	/* it had one a moment ago; the session's identity knows where it comes from */
	(void)delivery_source(s, &s->target->addr.sa, &source, why);
	delivery_connected(s, res->fd, source);
}

void delivery_race_order(struct delivery *s)
{
	size_t i, fast = 0;		/* where the host's next that is not slow belongs */
	struct mx_target t;

	for (i = 0; i < s->n_targets; i++) {
		if (strcmp(s->targets[i].host, s->targets[fast].host) != 0)
			fast = i;
		if (host_is_slow(s->d->hosts, &s->targets[i].addr.sa))
			continue;
		if (fast < i) {
			t = s->targets[i];
			memmove(&s->targets[fast + 1], &s->targets[fast], (i - fast) * sizeof(t));
			s->targets[fast] = t;
		}
		fast++;
	}
}

bool delivery_race(struct delivery *s)
{
	struct race_runner runners[RACE_MAX];
	size_t i, end = host_end(s);

	if (end == s->target_at || s->target->host[0] == '\0')
		return false;
	s->n_raced = 0;
	for (i = s->target_at - 1; i < end && s->n_raced < RACE_MAX; i++) {
		struct race_runner *r = &runners[s->n_raced];

		r->to = &s->targets[i].addr.sa;
		if (may_run(s, r->to, &r->source))
			s->raced[s->n_raced++] = i;
	}
	if (s->n_raced < 2)
		return false;
	for (i = 0; i < s->n_raced; i++)
		host_try(s->d->hosts, runners[i].to);
	if (s->place->turn != NULL)
		rota_take(s->d->rota, s->place->turn);
	s->phase = PHASE_CONNECT;
	s->tried = true;
	delivery_note(s, NULL, "attempting to connect to %zu addresses of %s", s->n_raced,
		s->target->host);
	s->race = race_start(s->d->loop, runners, s->n_raced,
		s->place->server != NULL ? DELIVER_SERVER_CONNECT_MS : DELIVER_CONNECT_MS,
		on_race, s);
	return true;
}
