/* target_said.c - what the organization says of an edge: where it is, by which key it is known, and
 * what has been sealed for us; see target.h.
 */
#include "edgesyncd/target_impl.h"

#include <string.h>

#include "libhub/base/clock.h"

const struct sealed_own *target_candidate(const struct target *t, size_t i)
{
	if (t->made_account != NULL && i == 0)
		return &t->made;
	if (t->made_account != NULL)
		i--;
	return i < t->sealed->n_own ? &t->sealed->own[i] : NULL;
}

void target_forget_made(struct target *t)
{
	credential_wipe(&t->made.credential);
	free(t->made_base);
	free(t->made_account);
	t->made_base = t->made_account = NULL;
}

static bool is_refused(const struct target *t, const struct sealed_own *own)
{
	return t->refused_account != NULL && strcmp(t->refused_account, own->account) == 0 &&
		t->refused_from_s == own->credential.from_s;
}

/* What was refused is tried again with the next connection, but none is given up for it. */
bool target_has_better(const struct target *t)
{
	const struct sealed_own *best = target_candidate(t, 0);

	return best != NULL && best->credential.kind == CREDENTIAL_ACCOUNT &&
		strcmp(best->account, t->account) != 0 && !is_refused(t, best);
}

void target_note_refused(struct target *t, const struct sealed_own *own)
{
	if (own->credential.kind == CREDENTIAL_ACCOUNT && own->credential.to_s <= clock_wall_s())
		snprintf(t->error, sizeof(t->error), "the account %.200s of the subscription has "
			"expired: " SEALED_ANEW, own->account);
	if (own != target_candidate(t, 0))
		return;
	free(t->refused_account);
	t->refused_account = xstrdup(own->account);
	t->refused_from_s = own->credential.from_s;
}

static unsigned int silence_ms(const struct target *t)
{
	uint64_t ms = (uint64_t)t->common->lease_time_s * 1000 / 3;

	return ms < SILENCE_MAX_MS ? (unsigned int)ms : SILENCE_MAX_MS;
}

/* True if the edge is to be reached in another way now. */
static bool take_reach(struct target *t)
{
	struct err e = { 0 };
	struct reach *now = reach_new(t->sub, silence_ms(t), &e);

	if (now == NULL)
		target_note_error(t, e.text);
	if (t->reach != NULL && reach_is_alike(t->reach, now)) {
		reach_free(&now);
		return false;
	}
	if (t->c != NULL)
		target_disconnect(t);
	reach_free(&t->reach);
	t->reach = now;
	t->uri = 0;
	return true;
}

static void take_sealed(struct target *t)
{
	size_t i;

	sealed_free(&t->sealed);
	t->sealed = sealed_new(t->s, t->sub, t->common->server, t->common->own, t->common->n_own);
	for (i = 0; t->made_account != NULL && i < t->sealed->n_own; i++)
		if (strcmp(t->sealed->own[i].account, t->made_account) == 0)
			target_forget_made(t);
}

static void take_change(struct target *t)
{
	bool elsewhere = take_reach(t);

	take_sealed(t);
	if (t->c == NULL && !t->releasing) {
		t->delay_ms = DELAY_MIN_MS;
		target_after_ms(t->retry, 0);
		return;
	}
	if (elsewhere || !t->bound)
		return;
	if (t->sub->removed && t->state == TARGET_HOLDER) {
		target_begin_work(t);
		return;
	}
	t->move = target_has_better(t);
	target_after_ms(t->upkeep, 0);
}

static bool is_same(const struct edge_subscription *a, const struct edge_subscription *b)
{
	if (a->serial == NULL || b->serial == NULL)
		return a->serial == b->serial;
	return strcmp(a->serial, b->serial) == 0;
}

static void take(struct target *t, const struct snapshot *s, const struct edge_subscription *sub,
	bool changed)
{
	const struct snapshot *old = t->s;

	if (!sub->removed || (old != NULL && !is_same(t->sub, sub)))
		target_forget_end(t);
	t->s = snapshot_ref(s);
	t->sub = sub;
	if (changed || t->sealed == NULL)
		take_change(t);
	snapshot_unref(&old);
}

void target_take_coming(struct target *t)
{
	const struct snapshot *s = t->coming;

	if (s == NULL || accounts_busy(t->accounts))
		return;
	t->coming = NULL;
	take(t, s, t->coming_sub, true);
	snapshot_unref(&s);
}

void target_set(struct target *t, const struct snapshot *s, const struct edge_subscription *sub,
	bool changed)
{
	/* a candidate that is being bound as, or a round of accounts, points into what we have */
	if (accounts_busy(t->accounts) || (t->c != NULL && !t->bound)) {
		if (!changed && t->coming == NULL)
			return;
		snapshot_unref(&t->coming);
		t->coming = snapshot_ref(s);
		t->coming_sub = sub;
		return;
	}
	take(t, s, sub, changed);
}

void target_set_settled(struct target *t, bool settled)
{
	bool again = settled && !t->settled;

	/* what could not be written inside need not wait until it would be tried again */
	if (settled && (t->untended || (again && t->accounts_error[0] != '\0')))
		target_after_ms(t->upkeep, 0);
	t->settled = settled;
	/* without others there is nobody who would know better */
	t->blind = !settled && t->sealed != NULL && t->sealed->n_hubs > 1;
	lease_keeper_set_blind(t->keeper, t->blind);
}

void target_set_settings(struct target *t)
{
	lease_keeper_set_time(t->keeper, t->common->lease_time_s);
	if (t->s != NULL && t->coming == NULL)
		target_set(t, t->s, t->sub, true);
}
