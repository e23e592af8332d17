/* target.c - see target.h */
#include "edgesyncd/target_impl.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include "edgesyncd/belonging.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/org/dn.h"

void target_after_ms(struct event *ev, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	evtimer_add(ev, &tv);
}

static unsigned int upkeep_ms(const struct target *t)
{
	uint64_t ms = (uint64_t)t->common->account_renewal_s * 1000 / 4;

	if (ms < UPKEEP_SOON_MS)
		ms = UPKEEP_SOON_MS;
	return ms < UPKEEP_MAX_MS ? (unsigned int)ms : UPKEEP_MAX_MS;
}

/* --- what is wrong --- */

void target_note_error(struct target *t, const char *text)
{
	if (strcmp(t->error, text) != 0)
		log_event(LOG_LEVEL_WARNING, "edge-trouble", LOG_STR("edge", t->name),
			LOG_STR("text", text), LOG_END);
	snprintf(t->error, sizeof(t->error), "%s", text);
	t->error_ms = clock_wall_ms();
}

void target_disconnect(struct target *t)
{
	event_del(t->upkeep);
	pusher_detach(t->pusher);
	clearing_cancel(&t->clearing);
	accounts_cancel(t->accounts);
	lease_keeper_detach(t->keeper);
	directory_close(&t->c);
	free(t->base);
	free(t->account);
	t->base = t->account = NULL;
	t->bound = t->enrolling = t->move = false;
	t->asked_ms = 0;
	t->state = TARGET_WAITING;
}

static void released_now(struct target *t)
{
	void (*released)(struct target *t, void *ctx) = t->released;

	t->released = NULL;
	if (released != NULL)
		released(t, t->released_ctx);
}

static void wait_and_retry(struct target *t)
{
	if (t->releasing) {
		released_now(t);
		return;
	}
	target_after_ms(t->retry, t->delay_ms);
	t->delay_ms = 2 * t->delay_ms < DELAY_MAX_MS ? 2 * t->delay_ms : DELAY_MAX_MS;
	target_take_coming(t);
}

static void fail(struct target *t, const char *text)
{
	char copy[ERROR_MAX];

	snprintf(copy, sizeof(copy), "%s", text);
	target_disconnect(t);
	t->failures++;
	if (t->reach != NULL)
		t->uri = (t->uri + 1) % t->reach->n_uris;
	target_note_error(t, copy);
	if (t->reach != NULL)
		target_fail_wants(t);
	wait_and_retry(t);
}

static void failf(struct target *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void failf(struct target *t, const char *fmt, ...)
{
	char text[ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	fail(t, text);
}

/* --- the end of the subscription inside --- */

static void on_subscription_deleted(int code, const char *text, void *ctx)
{
	struct target *t = ctx;

	t->home_asked = false;
	if (code == LDAP_SUCCESS && !t->cleared)
		log_event(LOG_LEVEL_WARNING, "edge-removed", LOG_STR("edge", t->name),
			LOG_STR("text", "deleted without being cleared: what the organization has "
				"there may be left"), LOG_END);
	/* not there, or not to be removed any more: somebody else was quicker */
	if (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_OBJECT || code == LDAP_ASSERTION_FAILED) {
		if (t->cleared || code != LDAP_SUCCESS)
			log_event(LOG_LEVEL_INFO, "edge-removed", LOG_STR("edge", t->name),
				LOG_END);
		t->error[0] = '\0';
		/* what is left is to hear that it is gone */
		target_take_coming(t);
		return;
	}
	failf(t, "%s, but its subscription cannot be deleted: %s", t->cleared ?
		"the edge is cleared" : "the edge does not know us any more", text);
}

static void delete_subscription(struct target *t)
{
	t->finished = true;
	t->home_asked = true;
	/* one of that name may have been made anew meanwhile */
	home_delete(t->common->home, t->sub->obj.dn, "(hubRemoved=TRUE)", on_subscription_deleted,
		t);
}

void target_forget_end(struct target *t)
{
	if (t->home_asked)
		home_forget(t->common->home, t);
	t->home_asked = t->finished = t->cleared = false;
	t->refusals = 0;
}

/* --- credentials --- */

/* The account comes with the next snapshot too; until then we know it from here. */
static void on_account_made(const struct credential *cred, void *ctx)
{
	struct target *t = ctx;
	struct arena *a = arena_new();

	target_forget_made(t);
	t->made.credential = *cred;
	t->made_base = xstrdup(edge_account_base(cred->account));
	t->made_account = xstrdup(dn_normalize(a, cred->account));
	t->made.base = t->made_base;
	t->made.account = t->made_account;
	arena_free(&a);
	if (!t->enrolling)
		t->move = true;
}

static bool is_expired(const struct sealed_own *own)
{
	return own->credential.to_s <= clock_wall_s();
}

static bool is_expired_bootstrap(const struct sealed_own *own)
{
	return own->credential.kind == CREDENTIAL_BOOTSTRAP && is_expired(own);
}

/* --- the lease --- */

static void on_clearing_last(void *ctx)
{
	struct target *t = ctx;

	lease_keeper_detach(t->keeper);
}

static void on_cleared(const char *error, void *ctx)
{
	struct target *t = ctx;

	t->clearing = NULL;
	if (error != NULL) {
		fail(t, error);
		return;
	}
	log_event(LOG_LEVEL_INFO, "edge-cleared", LOG_STR("edge", t->name), LOG_END);
	t->cleared = true;
	target_disconnect(t);
	if (t->releasing)
		released_now(t);
	else
		delete_subscription(t);
}

void target_begin_work(struct target *t)
{
	static const struct clearing_callbacks cbs = { on_clearing_last, on_cleared };

	if (t->releasing)
		return;
	if (t->sub->removed) {
		pusher_detach(t->pusher);
		accounts_cancel(t->accounts);
		t->state = TARGET_REMOVING;
		t->clearing = clearing_start(t->common->loop, t->c, t->base, t->account, &cbs, t);
		target_end_wants(t, "the subscription is being removed");
		return;
	}
	t->state = TARGET_HOLDER;
	pusher_detach(t->pusher);
	pusher_attach(t->pusher, t->c, t->base, t->common->server);
	target_start_wanted(t);
	target_after_ms(t->upkeep, 0);
}

static void on_held(void *ctx)
{
	struct target *t = ctx;

	t->leases++;
	t->error[0] = '\0';
	log_event(LOG_LEVEL_INFO, "lease-held", LOG_STR("edge", t->name), LOG_END);
	target_begin_work(t);
}

static void on_gone(const char *text, void *ctx)
{
	struct target *t = ctx;

	pusher_detach(t->pusher);
	clearing_cancel(&t->clearing);
	accounts_cancel(t->accounts);
	t->asked_ms = 0;
	t->state = TARGET_STANDBY;
	target_after_ms(t->upkeep, upkeep_ms(t));
	if (!t->releasing)
		pusher_observe(t->pusher, t->c, t->base);
	log_event(text != NULL ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, text != NULL ? "lease-lost" :
		"lease-given", LOG_STR("edge", t->name), LOG_STR("text", text), LOG_END);
	if (text == NULL)
		return;
	t->leases_lost++;
	target_note_error(t, text);
}

static bool may_give(void *ctx)
{
	struct target *t = ctx;
	uint64_t now_ms = clock_mono_ms();

	if (t->asked_ms == 0)
		t->asked_ms = now_ms;
	if (t->clearing != NULL)
		return false;
	return pusher_idle(t->pusher) || now_ms - t->asked_ms >= GIVE_LIMIT_MS;
}

static bool is_of_its_site(const struct target *t, const char *account)
{
	struct arena *a = arena_new();
	const char *hub = edge_account_hub(a, account, t->base, NULL);
	bool found = false;
	size_t i;

	for (i = 0; hub != NULL && i < t->sealed->n_hubs && !found; i++)
		found = !t->sealed->hubs[i].former &&
			strcasecmp(t->sealed->hubs[i].name, hub) == 0;
	arena_free(&a);
	return found;
}

/*
 * A holder who is of another site hands the edge over, or should. Once a hub has claimed the edge
 * for its site nothing is to be handed over: then it is we who see an old state of the directory.
 * Not too often: so may he.
 */
static void ask_former(struct target *t, const struct lease_view *lease)
{
	uint64_t now_ms = clock_mono_ms(), lease_ms = t->common->lease_time_s * UINT64_C(1000);

	if (belonging_is_settled(t->sub) || t->sealed->former || t->releasing ||
	    lease->whose != LEASE_OTHERS || lease->prefers != LEASE_NOBODY ||
	    is_of_its_site(t, lease->holder) ||
	    (t->former_asked_ms != 0 && now_ms - t->former_asked_ms < lease_ms))
		return;
	t->former_asked_ms = now_ms;
	lease_keeper_prefer(t->keeper);
}

static void on_seen(const struct edge_state *state, void *ctx)
{
	struct target *t = ctx;

	if (state->lease.prefers != LEASE_OTHERS)
		t->asked_ms = 0;
	/* a lease that was lost is well kept by another */
	if (state->lease.whose == LEASE_OTHERS)
		t->error[0] = '\0';
	if (!state->subscribed && !t->sub->removed && !t->releasing)
		failf(t, "%s is not subscribed any more, its own administrator has ended that: "
			"\"hubctl edge-subscription remove %s\" removes it here, or " SEALED_ANEW,
			t->name, t->name);
	else
		ask_former(t, &state->lease);
}

static void on_trouble(const char *text, void *ctx)
{
	fail(ctx, text);
}

static void on_fenced(const char *text, void *ctx)
{
	struct target *t = ctx;

	lease_keeper_fenced(t->keeper, text);
}

/* --- accounts --- */

static void reconnect(struct target *t)
{
	target_disconnect(t);
	t->delay_ms = DELAY_MIN_MS;
	target_after_ms(t->retry, 0);
	target_take_coming(t);
}

/* A holder first ends what is under way; the lease stays ours, by another account. */
static void move_when_idle(struct target *t)
{
	if (t->move && t->clearing == NULL && !accounts_busy(t->accounts) &&
	    (t->state != TARGET_HOLDER || pusher_idle(t->pusher)))
		reconnect(t);
}

static void bind_candidate(struct target *t);

/*
 * While the organization is not settled, or not heard of since the lease is ours, accounts are only
 * looked at: a hub that has left the site since would get another, one that has joined it would
 * lose its own, and nobody knows what stands inside.
 */
static bool may_tend(const struct target *t)
{
	return t->settled && pusher_is_confirmed(t->pusher);
}

static void on_accounts_done(const char *error, bool changed, void *ctx)
{
	struct target *t = ctx;

	if (error != NULL && strcmp(t->accounts_error, error) != 0)
		log_event(LOG_LEVEL_WARNING, "accounts", LOG_STR("edge", t->name),
			LOG_STR("text", error), LOG_END);
	snprintf(t->accounts_error, sizeof(t->accounts_error), "%s", error != NULL ? error : "");
	if (t->enrolling) {
		t->enrolling = false;
		if (error != NULL) {
			fail(t, error);
			return;
		}
		if (t->made_account == NULL) {
			failf(t, "%s is no enabled hub of the edge's site", t->common->server);
			return;
		}
		/* which is the first candidate */
		t->candidate = 0;
		bind_candidate(t);
		return;
	}
	if (t->untended && may_tend(t))
		changed = true;
	target_after_ms(t->upkeep, changed ? UPKEEP_SOON_MS : error != NULL ? UPKEEP_FAILED_MS :
		upkeep_ms(t));
	target_take_coming(t);
	if (t->c != NULL)
		move_when_idle(t);
}

/* The lease is ours, so the accounts are: whoever handed the edge over is done. */
static const char *claimed_site(const struct target *t)
{
	return t->state == TARGET_HOLDER && !t->sealed->former && !belonging_is_settled(t->sub) ?
		t->sub->site.target->dn : NULL;
}

static void look_at_accounts(struct target *t)
{
	bool holds = t->state == TARGET_HOLDER;
	bool tends = holds && may_tend(t);
	struct accounts_task task = {
		.c = t->c, .base = t->base, .bound = t->account, .hub = t->common->server,
		.subscription = t->sub->obj.dn, .site = t->sub->site.target->name,
		.claim = claimed_site(t), .sealed = t->sealed, .former = t->sealed->former,
		.edge_now_s = lease_keeper_edge_now_s(t->keeper),
		.lifetime_s = t->common->account_lifetime_s,
		.renewal_s = t->common->account_renewal_s,
		.keep = tends, .enrol = t->enrolling,
	};
	struct err e = { 0 };

	t->untended = holds && !tends;
	if (accounts_start(t->accounts, &task, &e) != 0)
		fail(t, e.text);
}

static void on_upkeep(evutil_socket_t fd, short what, void *ctx)
{
	struct target *t = ctx;

	(void)fd;
	(void)what;
	if (t->c == NULL || !t->bound || accounts_busy(t->accounts) || t->clearing != NULL ||
	    t->releasing)
		return;
	if (t->move) {
		move_when_idle(t);
		if (t->c == NULL)
			return;
		target_after_ms(t->upkeep, UPKEEP_SOON_MS);
	}
	look_at_accounts(t);
}

/* --- connecting --- */

static void bound_as_account(struct target *t)
{
	t->bound = true;
	t->state = TARGET_STANDBY;
	t->error[0] = '\0';
	t->delay_ms = DELAY_MIN_MS;
	t->refusals = 0;
	log_event(LOG_LEVEL_INFO, "edge-connected", LOG_STR("edge", t->name),
		LOG_STR("uri", t->reach->uris[t->uri]), LOG_STR("account", t->account), LOG_END);
	lease_keeper_attach(t->keeper, t->c, t->base,
		target_candidate(t, t->candidate)->credential.account);
	pusher_observe(t->pusher, t->c, t->base);
	if (t->wants != NULL)
		lease_keeper_prefer(t->keeper);
	target_after_ms(t->upkeep, 0);
}

static void bound_now(struct target *t)
{
	const struct sealed_own *own = target_candidate(t, t->candidate);

	free(t->base);
	free(t->account);
	t->base = xstrdup(own->base);
	t->account = xstrdup(own->account);
	t->account_expires = own->credential.to_s;
	if (own->credential.kind == CREDENTIAL_ACCOUNT) {
		bound_as_account(t);
		return;
	}
	log_event(LOG_LEVEL_INFO, "enrolling", LOG_STR("edge", t->name),
		LOG_STR("account", t->account), LOG_END);
	t->enrolling = true;
	look_at_accounts(t);
}

/* What is refused though it should be good; what else a bind may come to says nothing of that. */
static void note_refusal(struct target *t, const struct sealed_own *own, int code)
{
	if (is_expired(own))
		return;
	if (code == LDAP_INVALID_CREDENTIALS || code == LDAP_NO_SUCH_OBJECT)
		t->unknown = true;
	else
		t->doubtful = true;
}

/*
 * Nobody of us has any business on an edge that has been cleared, by another hub or by its own
 * administrator. But it may be that another hub is about to, or that the edge is in trouble.
 */
static void all_refused(struct target *t, const char *text)
{
	uint64_t now_ms = clock_mono_ms(), lease_ms = t->common->lease_time_s * UINT64_C(1000);

	if (!t->sub->removed || !t->unknown || t->doubtful) {
		t->refusals = 0;
		if (t->sub->removed && !t->unknown && !t->doubtful)
			failf(t, "%s cannot be cleared, for all accounts there have expired: "
				"\"hubctl edge-subscription remove %s --now\" ends it", t->name,
				t->name);
		else if (t->unknown && !t->doubtful)
			failf(t, "%.250s; it knows none of our accounts: if its own administrator "
				"has ended the subscription \"hubctl edge-subscription remove %s\" "
				"removes it here, else " SEALED_ANEW, text, t->name);
		else
			fail(t, text);
		return;
	}
	if (t->refusals++ == 0)
		t->refused_ms = now_ms;
	if (t->refusals >= REFUSALS_UNTIL_GONE &&
	    now_ms - t->refused_ms >= LEASES_UNTIL_GONE * lease_ms) {
		target_disconnect(t);
		delete_subscription(t);
		return;
	}
	if (t->delay_ms > lease_ms)
		t->delay_ms = (unsigned int)lease_ms;
	fail(t, text);
}

static void on_bound(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct target *t = ctx;
	const struct sealed_own *own = target_candidate(t, t->candidate);
	char text[150];
	int code;

	/* lost: on_lost comes next */
	if (m == NULL)
		return;
	code = directory_result(ld, m, text, sizeof(text));
	if (code == LDAP_SUCCESS) {
		bound_now(t);
		return;
	}
	note_refusal(t, own, code);
	snprintf(t->error, sizeof(t->error), "%.100s refuses the bind as %.100s: %s",
		t->reach->uris[t->uri], own->account, text);
	target_note_refused(t, own);
	if (own == &t->made)
		target_forget_made(t);
	else
		t->candidate++;
	bind_candidate(t);
}

/* In t->error stands what happened to the one before, if there was one. */
static void bind_candidate(struct target *t)
{
	const struct sealed_own *own;
	char text[ERROR_MAX];
	struct err e = { 0 };

	for (; (own = target_candidate(t, t->candidate)) != NULL; t->candidate++) {
		/* on an edge that is to be cleared it is tried nevertheless, to be sure */
		if (!is_expired_bootstrap(own) || t->sub->removed)
			break;
		snprintf(t->error, sizeof(t->error), "the bootstrap account of the subscription "
			"has expired: " SEALED_ANEW);
	}
	if (own == NULL) {
		snprintf(text, sizeof(text), "%s", t->error);
		t->error[0] = '\0';
		all_refused(t, text);
		return;
	}
	if (directory_bind(t->c, own->credential.account, own->credential.password, on_bound, t,
			&e) < 0)
		fail(t, e.text);
}

static void on_ready(void *ctx)
{
	struct target *t = ctx;

	t->connects++;
	t->unknown = t->doubtful = false;
	t->certificate_expires = directory_certificate_expires(t->c);
	t->candidate = 0;
	bind_candidate(t);
}

static void on_lost(const char *text, void *ctx)
{
	fail(ctx, text);
}

static void connect_now(struct target *t)
{
	static const struct directory_callbacks cbs = { on_ready, on_lost };

	if (t->releasing || t->c != NULL || t->home_asked)
		return;
	if (t->finished) {
		delete_subscription(t);
		return;
	}
	if (t->reach == NULL) {
		target_end_wants(t, t->error);
		target_after_ms(t->retry, DELAY_MAX_MS);
		return;
	}
	if (target_candidate(t, 0) == NULL) {
		if (t->sub->removed && t->sub->credentials.n == 0)
			delete_subscription(t);
		else
			fail(t, t->sealed->problem);
		return;
	}
	t->state = TARGET_CONNECTING;
	t->c = directory_open(t->common->loop, t->common->resolver, &t->reach->config,
		t->reach->uris[t->uri], false, OPEN_MS, &cbs, t);
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	connect_now(ctx);
}

/* --- life --- */

static void on_push_change(void *ctx)
{
	struct target *t = ctx;

	if (t->move && t->state == TARGET_HOLDER)
		target_after_ms(t->upkeep, 0);
}

struct target *target_new(const struct target_common *common, const char *edge)
{
	static const struct lease_keeper_callbacks lease = { on_held, on_gone, may_give, on_seen,
		on_trouble };
	static const struct accounts_callbacks accounts = { on_account_made, on_accounts_done };
	static const struct pusher_callbacks pusher = { on_fenced, on_push_change };
	struct target *t = xcalloc(1, sizeof(*t));

	t->common = common;
	t->name = xstrdup(edge);
	t->delay_ms = DELAY_MIN_MS;
	t->keeper = lease_keeper_new(common->loop, common->server, common->lease_time_s, &lease, t);
	t->accounts = accounts_new(common->home, &accounts, t);
	t->pusher = pusher_new(common->pushers, edge, &pusher, t);
	t->retry = evtimer_new(loop_base(common->loop), on_retry, t);
	t->upkeep = evtimer_new(loop_base(common->loop), on_upkeep, t);
	t->patience = evtimer_new(loop_base(common->loop), target_on_patience, t);
	BUG_ON(t->retry == NULL || t->upkeep == NULL || t->patience == NULL);
	return t;
}

void target_free(struct target **tp)
{
	struct target *t = *tp;

	if (t == NULL)
		return;
	*tp = NULL;
	target_end_wants(t, "the edge is no longer ours to push to");
	target_disconnect(t);
	if (t->home_asked)
		home_forget(t->common->home, t);
	pusher_free(&t->pusher);
	accounts_free(&t->accounts);
	lease_keeper_free(&t->keeper);
	event_free(t->retry);
	event_free(t->upkeep);
	event_free(t->patience);
	sealed_free(&t->sealed);
	target_forget_made(t);
	free(t->refused_account);
	reach_free(&t->reach);
	snapshot_unref(&t->coming);
	snapshot_unref(&t->s);
	arena_free(&t->status);
	free(t->name);
	free(t);
}

const char *target_name(const struct target *t)
{
	return t->name;
}

static void on_released(void *ctx)
{
	struct target *t = ctx;

	target_disconnect(t);
	released_now(t);
}

void target_release(struct target *t, void (*done)(struct target *t, void *ctx), void *ctx)
{
	t->releasing = true;
	t->released = done;
	t->released_ctx = ctx;
	event_del(t->retry);
	target_end_wants(t, "edgesyncd ends here");
	if (t->bound && t->clearing == NULL && lease_keeper_holds(t->keeper)) {
		pusher_detach(t->pusher);
		accounts_cancel(t->accounts);
		t->state = TARGET_STANDBY;
		lease_keeper_release(t->keeper, on_released);
		return;
	}
	target_disconnect(t);
	released_now(t);
}
