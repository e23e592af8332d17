/* account_plan.c - see account_plan.h */
#include "edgesyncd/account_plan.h"

#include <string.h>
#include <strings.h>

enum { SPREAD = 64, PLACES = 16 };

static const struct account_value *value_of(const struct account_situation *s,
	const struct account *a)
{
	size_t i;

	for (i = 0; a->sealed[0] != '\0' && i < s->n_values; i++)
		if (strcmp(s->values[i].digest, a->sealed) == 0)
			return &s->values[i];
	return NULL;
}

static bool has_ended(const struct account_situation *s, const struct account *a)
{
	return a->to_s != 0 && a->to_s <= s->now_s;
}

static bool is_of(const struct account *a, const char *hub)
{
	return !a->bootstrap && strcasecmp(a->server, hub) == 0;
}

static bool counts(const struct account_situation *s, const struct account *a, const char *hub)
{
	const struct account_value *v = is_of(a, hub) && !has_ended(s, a) ? value_of(s, a) : NULL;

	return v != NULL && !v->unsure && v->hub != NULL && strcasecmp(v->hub, hub) == 0;
}

int account_name_compare(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b);

	return n == m ? strcmp(a, b) : n > m ? 1 : -1;
}

static bool lasts_longer(const struct account *a, const struct account *b)
{
	if (a->to_s == 0 || b->to_s == 0)
		return a->to_s == 0 && b->to_s != 0;
	if (a->to_s != b->to_s)
		return a->to_s > b->to_s;
	return account_name_compare(a->ndn, b->ndn) > 0;
}

const struct account *account_current(const struct account_situation *s, const char *hub)
{
	const struct account *best = NULL;
	size_t i;

	for (i = 0; i < s->n_accounts; i++)
		if (counts(s, &s->accounts[i], hub) &&
		    (best == NULL || lasts_longer(&s->accounts[i], best)))
			best = &s->accounts[i];
	return best;
}

/*
 * Half of the life is left for trouble, however short the setting is; and however long it is, a
 * quarter passes, so that a new account is never near its end.
 */
static bool nears_its_end(const struct account_situation *s, const struct account *a)
{
	int64_t life_s = a->to_s - a->from_s;
	int64_t early_s = s->renewal_s;

	if (a->from_s != 0 && early_s < life_s / 2)
		early_s = life_s / 2;
	if (a->from_s != 0 && early_s > life_s / 4 * 3)
		early_s = life_s / 4 * 3;
	return a->to_s != 0 && a->to_s - s->now_s <= early_s;
}

int64_t account_end(const struct account_situation *s, const char *hub, unsigned int lifetime_s)
{
	unsigned int place;

	for (place = 0; place < s->n_hubs; place++)
		if (strcasecmp(s->hubs[place].name, hub) == 0)
			break;
	return s->now_s + lifetime_s - (int64_t)(place % PLACES) * (lifetime_s / SPREAD);
}

static bool is_in_doubt(const struct account_situation *s, const char *hub)
{
	size_t i;

	for (i = 0; i < s->n_values; i++)
		if (s->values[i].unsure && strcasecmp(s->values[i].hub, hub) == 0)
			return true;
	return false;
}

/* What was made lately, perhaps by another hub, may be known inside before we hear of it. */
static bool is_young(const struct account_situation *s, const struct account *a)
{
	return a->sealed[0] != '\0' && a->from_s + ACCOUNT_OVERLAP_S > s->now_s &&
		a->from_s <= s->now_s + ACCOUNT_OVERLAP_S;
}

static bool has_successor(const struct account_situation *s, const struct account *a,
	const struct account *best)
{
	const struct account_value *v = value_of(s, a);

	if (a == best || has_ended(s, a))
		return a != best;
	if ((v != NULL && v->unsure) || (a->from_s > best->from_s && is_young(s, a)))
		return false;
	/* who is at work with the former one may go on until he has seen the new one */
	return best->used || best->from_s + ACCOUNT_OVERLAP_S <= s->now_s;
}

/* Nothing inside is for it; without any value we do not see what is there. */
static bool is_unknown(const struct account_situation *s, const struct account *a)
{
	return s->n_values > 0 && value_of(s, a) == NULL && !is_young(s, a);
}

static void plan_hub(const struct account_situation *s, size_t i, struct account_plan *out)
{
	const char *hub = s->hubs[i].name;
	const struct account *best = account_current(s, hub), *a;
	size_t k;

	out->issue[i] = s->hubs[i].sealable && !is_in_doubt(s, hub) &&
		(best == NULL || nears_its_end(s, best));
	for (k = 0; k < s->n_accounts; k++) {
		a = &s->accounts[k];
		if (is_of(a, hub))
			out->delete_account[k] = best != NULL ? has_successor(s, a, best) :
				is_unknown(s, a);
	}
}

static bool is_hub_of_site(const struct account_situation *s, const char *name)
{
	size_t i;

	for (i = 0; i < s->n_hubs; i++)
		if (strcasecmp(s->hubs[i].name, name) == 0)
			return true;
	return false;
}

/* Of a subscription file they all have an end. */
static bool is_stray(const struct account_situation *s, const struct account *a)
{
	return a->bootstrap ? a->to_s == 0 : !is_hub_of_site(s, a->server);
}

/* One that nobody has imported yet stays: it is not ours to judge. */
static bool bootstrap_is_done(const struct account_situation *s, const struct account *a)
{
	size_t i;

	for (i = 0; i < s->n_values; i++)
		if (s->values[i].bootstrap != NULL && strcmp(s->values[i].bootstrap, a->ndn) == 0)
			return true;
	return has_ended(s, a);
}

static void plan_strays(const struct account_situation *s, struct account_plan *out)
{
	const struct account *a;
	size_t i;

	for (i = 0; i < s->n_accounts; i++) {
		a = &s->accounts[i];
		out->stray[i] = is_stray(s, a);
		if (out->stray[i] || (a->bootstrap && bootstrap_is_done(s, a)))
			out->delete_account[i] = true;
		if (strcmp(a->ndn, s->bound) == 0)
			out->delete_account[i] = false;
	}
}

/* A value that is for no account; while there is a bootstrap account it may be for that. */
static void plan_values(const struct account_situation *s, struct account_plan *out)
{
	const struct account *a;
	size_t i, k;
	bool known;

	for (i = 0; i < s->n_accounts; i++)
		if (s->accounts[i].bootstrap)
			return;
	for (i = 0; i < s->n_values; i++) {
		for (k = 0, known = false; k < s->n_accounts && !known; k++) {
			a = &s->accounts[k];
			known = strcmp(a->sealed, s->values[i].digest) == 0;
		}
		out->delete_value[i] = !known;
	}
}

static bool any(const bool *flags, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (flags[i])
			return true;
	return false;
}

void account_plan_make(const struct account_situation *s, struct arena *a,
	struct account_plan *out)
{
	size_t i;

	out->issue = arena_alloc(a, s->n_hubs * sizeof(bool));
	out->delete_account = arena_alloc(a, s->n_accounts * sizeof(bool));
	out->stray = arena_alloc(a, s->n_accounts * sizeof(bool));
	out->delete_value = arena_alloc(a, s->n_values * sizeof(bool));
	for (i = 0; i < s->n_hubs; i++)
		plan_hub(s, i, out);
	plan_strays(s, out);
	plan_values(s, out);
	out->empty = !any(out->issue, s->n_hubs) && !any(out->delete_account, s->n_accounts) &&
		!any(out->delete_value, s->n_values);
}
