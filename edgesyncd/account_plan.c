/* account_plan.c - see account_plan.h */
#include "edgesyncd/account_plan.h"

#include <string.h>
#include <strings.h>

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

	return v != NULL && v->hub != NULL && strcasecmp(v->hub, hub) == 0;
}

static bool lasts_longer(const struct account *a, const struct account *b)
{
	if (a->to_s == 0 || b->to_s == 0)
		return a->to_s == 0 && b->to_s != 0;
	return a->to_s > b->to_s;
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

static bool nears_its_end(const struct account_situation *s, const struct account *a)
{
	return a->to_s != 0 && a->to_s - s->now_s <= (int64_t)s->renewal_s;
}

bool account_value_is_of(const struct account_situation *s, const struct account_value *v,
	const char *hub)
{
	size_t i;

	if (v->hub != NULL && strcasecmp(v->hub, hub) == 0)
		return true;
	for (i = 0; i < s->n_accounts; i++)
		if (is_of(&s->accounts[i], hub) && strcmp(s->accounts[i].sealed, v->digest) == 0)
			return true;
	return false;
}

static void plan_hub(const struct account_situation *s, size_t i, struct account_plan *out)
{
	const char *hub = s->hubs[i].name;
	const struct account *best = account_current(s, hub), *a;
	size_t k;

	out->issue[i] = s->hubs[i].sealable && (best == NULL || nears_its_end(s, best));
	for (k = 0; best != NULL && k < s->n_accounts; k++) {
		a = &s->accounts[k];
		/* who is at work with the former one may go on until he has seen the new one */
		if (a != best && is_of(a, hub) && (best->used || has_ended(s, a) ||
		    best->from_s + ACCOUNT_OVERLAP_S <= s->now_s))
			out->delete_account[k] = true;
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
		if (a->bootstrap ? bootstrap_is_done(s, a) :
		    a->server[0] != '\0' && !is_hub_of_site(s, a->server))
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
	out->delete_value = arena_alloc(a, s->n_values * sizeof(bool));
	for (i = 0; i < s->n_hubs; i++)
		plan_hub(s, i, out);
	plan_strays(s, out);
	plan_values(s, out);
	out->empty = !any(out->issue, s->n_hubs) && !any(out->delete_account, s->n_accounts) &&
		!any(out->delete_value, s->n_values);
}
