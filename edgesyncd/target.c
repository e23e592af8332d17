/* target.c - see target.h */
#include "edgesyncd/target.h"

#include <stdarg.h>
#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "edgesyncd/accounts.h"
#include "edgesyncd/clearing.h"
#include "edgesyncd/lease_keeper.h"
#include "edgesyncd/reach.h"
#include "edgesyncd/sealed.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/org/dn.h"

enum {
	DELAY_MIN_MS = 500, DELAY_MAX_MS = 15000,	/* between tries */
	OPEN_MS = 10000,
	SILENCE_MAX_MS = 10000,
	UPKEEP_MAX_MS = 5000, UPKEEP_SOON_MS = 1000,	/* between looks at the accounts */
	UPKEEP_FAILED_MS = 15000,
	GIVE_LIMIT_MS = 30000,		/* so long somebody preferred waits for the end of a push */
	REFUSALS_UNTIL_GONE = 3,	/* an edge to be cleared knows nobody any more */
};

/* A push that was asked for before the lease is ours. */
struct want {
	bool full, allow_loss;
	pusher_done_cb *cb;
	void *ctx;
	uint64_t until_ms;
	struct want *next, *prev;
};

struct target {
	const struct target_common *common;
	char *name;
	enum target_state state;

	/* what the organization says */
	const struct snapshot *s;
	const struct edge_subscription *sub;	/* of s */
	const struct snapshot *coming;		/* to be taken when the round of accounts is over */
	const struct edge_subscription *coming_sub;
	struct reach *reach;			/* NULL: cannot be reached, see error */
	struct sealed *sealed;

	/* the connection */
	size_t uri;
	struct directory_connection *c;
	size_t candidate;			/* bound, or being bound as */
	bool bound;
	char *base, *account;			/* bound as; account is normalized */
	int64_t account_expires;
	bool enrolling;
	struct sealed_own made;			/* an account that we made for ourselves */
	char *made_base, *made_account;
	int64_t certificate_expires;

	struct lease_keeper *keeper;
	struct accounts *accounts;
	struct clearing *clearing;
	struct pusher *pusher;
	bool cleared;				/* the edge is done with: delete what is inside */
	bool home_asked;
	unsigned int refusals;
	bool move;				/* to better credentials, when there is time */
	uint64_t asked_ms;			/* since when somebody else wants the lease, or 0 */

	struct event *retry, *upkeep, *patience;
	unsigned int delay_ms;
	struct want *wants;
	void (*released)(struct target *t, void *ctx);
	void *released_ctx;
	bool releasing;

	char error[400], accounts_error[300];
	int64_t error_ms;
	uint64_t connects, failures, leases, leases_lost;
	struct arena *status;			/* of the last status */
};

const char *const target_state_names[] = {
	"waiting", "connecting", "standby", "holder", "removing",
};

static void take_coming(struct target *t);

static void after_ms(struct event *ev, uint64_t ms)
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

static void note_error(struct target *t, const char *text)
{
	if (strcmp(t->error, text) != 0)
		log_event(LOG_LEVEL_WARNING, "edge-trouble", LOG_STR("edge", t->name),
			LOG_STR("text", text), LOG_END);
	snprintf(t->error, sizeof(t->error), "%s", text);
	t->error_ms = clock_wall_ms();
}

static void end_wants(struct target *t, const char *text)
{
	struct push_result result = { .error = text };
	struct want *w;

	while ((w = t->wants) != NULL) {
		DL_DELETE(t->wants, w);
		w->cb(&result, w->ctx);
		free(w);
	}
}

/* Nothing of the connection is left; the lease, if it was ours, is left to itself. */
static void disconnect(struct target *t)
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
	after_ms(t->retry, t->delay_ms);
	t->delay_ms = 2 * t->delay_ms < DELAY_MAX_MS ? 2 * t->delay_ms : DELAY_MAX_MS;
	take_coming(t);
}

static void fail(struct target *t, const char *text)
{
	char copy[400];

	snprintf(copy, sizeof(copy), "%s", text);
	disconnect(t);
	t->failures++;
	if (t->reach != NULL)
		t->uri = (t->uri + 1) % t->reach->n_uris;
	note_error(t, copy);
	wait_and_retry(t);
}

static void failf(struct target *t, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void failf(struct target *t, const char *fmt, ...)
{
	char text[400];
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
	if (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_OBJECT) {
		log_event(LOG_LEVEL_INFO, "edge-removed", LOG_STR("edge", t->name), LOG_END);
		t->error[0] = '\0';
		/* what is left is to hear that it is gone */
		take_coming(t);
		return;
	}
	failf(t, "the edge is cleared, but its subscription cannot be deleted: %s", text);
}

static void delete_subscription(struct target *t)
{
	t->cleared = true;
	t->home_asked = true;
	home_delete(t->common->home, t->sub->obj.dn, on_subscription_deleted, t);
}

/* --- credentials --- */

/* What may be tried, the best first; NULL after the last. */
static const struct sealed_own *candidate(const struct target *t, size_t i)
{
	if (t->made_account != NULL && i == 0)
		return &t->made;
	if (t->made_account != NULL)
		i--;
	return i < t->sealed->n_own ? &t->sealed->own[i] : NULL;
}

static void forget_made(struct target *t)
{
	credential_wipe(&t->made.credential);
	free(t->made_base);
	free(t->made_account);
	t->made_base = t->made_account = NULL;
}

/* The account comes with the next snapshot too; until then we know it from here. */
static void on_account_made(const struct credential *cred, void *ctx)
{
	struct target *t = ctx;
	struct arena *a = arena_new();

	forget_made(t);
	t->made.credential = *cred;
	t->made_base = xstrdup(edge_account_base(cred->account));
	t->made_account = xstrdup(dn_normalize(a, cred->account));
	t->made.base = t->made_base;
	t->made.account = t->made_account;
	arena_free(&a);
	if (!t->enrolling)
		t->move = true;
}

static bool is_expired_bootstrap(const struct sealed_own *own)
{
	return own->credential.kind == CREDENTIAL_BOOTSTRAP &&
		own->credential.to_s <= clock_wall_s();
}

/* Is there something better than what we are bound as? */
static bool has_better(const struct target *t)
{
	const struct sealed_own *best = candidate(t, 0);

	return best != NULL && best->credential.kind == CREDENTIAL_ACCOUNT &&
		strcmp(best->account, t->account) != 0;
}

/* --- the lease --- */

static void start_wanted(struct target *t)
{
	struct push_result result = { 0 };
	struct err e = { 0 };
	struct want *w;

	while ((w = t->wants) != NULL && pusher_attached(t->pusher)) {
		DL_DELETE(t->wants, w);
		if (pusher_start(t->pusher, w->full, w->allow_loss, w->cb, w->ctx, &e) != 0) {
			result.error = e.text;
			w->cb(&result, w->ctx);
		}
		free(w);
	}
}

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
	disconnect(t);
	if (t->releasing)
		released_now(t);
	else
		delete_subscription(t);
}

/* The lease is ours: what it is for. */
static void begin_work(struct target *t)
{
	static const struct clearing_callbacks cbs = { on_clearing_last, on_cleared };

	if (t->releasing)
		return;
	if (t->sub->removed) {
		pusher_detach(t->pusher);
		accounts_cancel(t->accounts);
		t->state = TARGET_REMOVING;
		t->clearing = clearing_start(t->common->loop, t->c, t->base, t->account, &cbs, t);
		end_wants(t, "the subscription is being removed");
		return;
	}
	t->state = TARGET_HOLDER;
	pusher_detach(t->pusher);
	pusher_attach(t->pusher, t->c, t->base, t->common->server);
	start_wanted(t);
	after_ms(t->upkeep, 0);
}

static void on_held(void *ctx)
{
	struct target *t = ctx;

	t->leases++;
	t->error[0] = '\0';
	log_event(LOG_LEVEL_INFO, "lease-held", LOG_STR("edge", t->name), LOG_END);
	begin_work(t);
}

static void on_gone(const char *text, void *ctx)
{
	struct target *t = ctx;

	pusher_detach(t->pusher);
	clearing_cancel(&t->clearing);
	accounts_cancel(t->accounts);
	t->asked_ms = 0;
	t->state = TARGET_STANDBY;
	after_ms(t->upkeep, upkeep_ms(t));
	if (!t->releasing)
		pusher_observe(t->pusher, t->c, t->base);
	log_event(text != NULL ? LOG_LEVEL_WARNING : LOG_LEVEL_INFO, text != NULL ? "lease-lost" :
		"lease-given", LOG_STR("edge", t->name), LOG_STR("text", text), LOG_END);
	if (text == NULL)
		return;
	t->leases_lost++;
	note_error(t, text);
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
			"remove the subscription here, or make and import a new file", t->name);
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
	disconnect(t);
	t->delay_ms = DELAY_MIN_MS;
	after_ms(t->retry, 0);
	take_coming(t);
}

/* A holder first ends what is under way; the lease stays ours, by another account. */
static void move_when_idle(struct target *t)
{
	if (t->move && t->clearing == NULL && !accounts_busy(t->accounts) &&
	    (t->state != TARGET_HOLDER || pusher_idle(t->pusher)))
		reconnect(t);
}

static void bind_candidate(struct target *t);

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
	after_ms(t->upkeep, error != NULL ? UPKEEP_FAILED_MS : changed ? UPKEEP_SOON_MS :
		upkeep_ms(t));
	take_coming(t);
	if (t->c != NULL)
		move_when_idle(t);
}

static void look_at_accounts(struct target *t)
{
	struct accounts_task task = {
		.c = t->c, .base = t->base, .bound = t->account, .hub = t->common->server,
		.subscription = t->sub->obj.dn, .sealed = t->sealed,
		.edge_now_s = lease_keeper_edge_now_s(t->keeper),
		.lifetime_s = t->common->account_lifetime_s,
		.renewal_s = t->common->account_renewal_s,
		.keep = t->state == TARGET_HOLDER, .enrol = t->enrolling,
	};
	struct err e = { 0 };

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
		after_ms(t->upkeep, UPKEEP_SOON_MS);
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
		candidate(t, t->candidate)->credential.account);
	pusher_observe(t->pusher, t->c, t->base);
	if (t->wants != NULL)
		lease_keeper_prefer(t->keeper);
	after_ms(t->upkeep, 0);
}

static void bound_now(struct target *t)
{
	const struct sealed_own *own = candidate(t, t->candidate);

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

static void all_refused(struct target *t, const char *text)
{
	/* nobody of us has any business on an edge that has been cleared */
	if (t->sub->removed && ++t->refusals >= REFUSALS_UNTIL_GONE) {
		disconnect(t);
		delete_subscription(t);
		return;
	}
	fail(t, text);
}

static void on_bound(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct target *t = ctx;
	const struct sealed_own *own = candidate(t, t->candidate);
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
	snprintf(t->error, sizeof(t->error), "%.100s refuses the bind as %.100s: %s",
		t->reach->uris[t->uri], own->account, text);
	if (own == &t->made)
		forget_made(t);
	else
		t->candidate++;
	bind_candidate(t);
}

/* In t->error stands what happened to the one before, if there was one. */
static void bind_candidate(struct target *t)
{
	const struct sealed_own *own;
	char text[400];
	struct err e = { 0 };

	for (; (own = candidate(t, t->candidate)) != NULL; t->candidate++) {
		/* on an edge that is to be cleared it is tried nevertheless, to be sure */
		if (!is_expired_bootstrap(own) || t->sub->removed)
			break;
		snprintf(t->error, sizeof(t->error), "the bootstrap account of the subscription "
			"has expired: make and import a new file");
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
	if (t->cleared) {
		delete_subscription(t);
		return;
	}
	if (t->reach == NULL) {
		after_ms(t->retry, DELAY_MAX_MS);
		return;
	}
	if (candidate(t, 0) == NULL) {
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

/* --- what the organization says --- */

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
		note_error(t, e.text);
	if (t->reach != NULL && reach_is_alike(t->reach, now)) {
		reach_free(&now);
		return false;
	}
	if (t->c != NULL)
		disconnect(t);
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
			forget_made(t);
}

static void take_change(struct target *t)
{
	bool elsewhere = take_reach(t);

	take_sealed(t);
	if (t->c == NULL && !t->releasing) {
		t->delay_ms = DELAY_MIN_MS;
		after_ms(t->retry, 0);
		return;
	}
	if (elsewhere || !t->bound)
		return;
	if (t->sub->removed && t->state == TARGET_HOLDER) {
		begin_work(t);
		return;
	}
	t->move = has_better(t);
	after_ms(t->upkeep, 0);
}

static void take(struct target *t, const struct snapshot *s, const struct edge_subscription *sub,
	bool changed)
{
	const struct snapshot *old = t->s;

	t->s = snapshot_ref(s);
	t->sub = sub;
	if (changed || t->sealed == NULL)
		take_change(t);
	snapshot_unref(&old);
}

static void take_coming(struct target *t)
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

void target_set_settings(struct target *t)
{
	lease_keeper_set_time(t->keeper, t->common->lease_time_s);
	if (t->s != NULL && t->coming == NULL)
		target_set(t, t->s, t->sub, true);
}

/* --- life --- */

static void on_patience(evutil_socket_t fd, short what, void *ctx)
{
	struct target *t = ctx;
	struct push_result result = { 0 };
	uint64_t now_ms = clock_mono_ms();
	struct want *w, *next;
	char text[500];

	(void)fd;
	(void)what;
	if (t->error[0] != '\0')
		snprintf(text, sizeof(text), "%s", t->error);
	else
		snprintf(text, sizeof(text), "the lease is held by %.300s, who does not give it",
			lease_keeper_view(t->keeper)->holder);
	result.error = text;
	DL_FOREACH_SAFE(t->wants, w, next) {
		if (w->until_ms > now_ms)
			continue;
		DL_DELETE(t->wants, w);
		w->cb(&result, w->ctx);
		free(w);
	}
	if (t->wants != NULL)
		after_ms(t->patience, UPKEEP_SOON_MS);
}

static void on_push_change(void *ctx)
{
	struct target *t = ctx;

	if (t->move && t->state == TARGET_HOLDER)
		after_ms(t->upkeep, 0);
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
	t->patience = evtimer_new(loop_base(common->loop), on_patience, t);
	BUG_ON(t->retry == NULL || t->upkeep == NULL || t->patience == NULL);
	return t;
}

void target_free(struct target **tp)
{
	struct target *t = *tp;

	if (t == NULL)
		return;
	*tp = NULL;
	end_wants(t, "the edge is no longer ours to push to");
	disconnect(t);
	if (t->home_asked)
		home_forget(t->common->home, t);
	pusher_free(&t->pusher);
	accounts_free(&t->accounts);
	lease_keeper_free(&t->keeper);
	event_free(t->retry);
	event_free(t->upkeep);
	event_free(t->patience);
	sealed_free(&t->sealed);
	forget_made(t);
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

	disconnect(t);
	released_now(t);
}

void target_release(struct target *t, void (*done)(struct target *t, void *ctx), void *ctx)
{
	t->releasing = true;
	t->released = done;
	t->released_ctx = ctx;
	event_del(t->retry);
	end_wants(t, "edgesyncd ends here");
	if (t->bound && t->clearing == NULL && lease_keeper_holds(t->keeper)) {
		pusher_detach(t->pusher);
		accounts_cancel(t->accounts);
		t->state = TARGET_STANDBY;
		lease_keeper_release(t->keeper, on_released);
		return;
	}
	disconnect(t);
	released_now(t);
}

/* --- asked from outside --- */

void target_start(struct target *t, bool full, bool allow_loss, pusher_done_cb *cb, void *ctx)
{
	uint64_t limit_ms = (uint64_t)t->common->lease_time_s * 1000;
	struct want *w = xcalloc(1, sizeof(*w));

	w->full = full;
	w->allow_loss = allow_loss;
	w->cb = cb;
	w->ctx = ctx;
	w->until_ms = clock_mono_ms() + limit_ms;
	DL_APPEND(t->wants, w);
	after_ms(t->patience, limit_ms < UPKEEP_SOON_MS ? limit_ms : UPKEEP_SOON_MS);
	if (t->state == TARGET_HOLDER) {
		start_wanted(t);
	} else if (t->bound) {
		lease_keeper_prefer(t->keeper);
	} else if (t->c == NULL && t->s != NULL) {
		t->delay_ms = DELAY_MIN_MS;
		after_ms(t->retry, 0);
	}
}

int target_compare(struct target *t, bool full, const char *address,
	const struct pusher_compare_callbacks *cbs, void *ctx, struct err *e)
{
	if (t->bound && t->clearing == NULL)
		return pusher_compare(t->pusher, full, address, cbs, ctx, e);
	return err_set(e, ERR_TEMP, 0, "not connected to %s%s%s", t->name,
		t->error[0] != '\0' ? ": " : "", t->error);
}

void target_forget(struct target *t, void *ctx)
{
	struct want *w, *next;

	DL_FOREACH_SAFE(t->wants, w, next)
		if (w->ctx == ctx) {
			DL_DELETE(t->wants, w);
			free(w);
		}
	pusher_forget(t->pusher, ctx);
}

/* --- status --- */

static const char *hub_of(struct target *t, const char *account)
{
	const char *hub;

	if (*account == '\0')
		return "";
	hub = t->base != NULL ? edge_account_hub(t->status, account, t->base, NULL) : NULL;
	return hub != NULL ? hub : arena_strdup(t->status, account);
}

static void list_hubs(struct target *t, struct target_status *out)
{
	struct target_hub *hubs;
	size_t i;

	if (t->sealed == NULL)
		return;
	out->n_hubs = t->sealed->n_hubs;
	out->hubs = hubs = arena_alloc(t->status, (out->n_hubs + 1) * sizeof(*hubs));
	for (i = 0; i < out->n_hubs; i++) {
		hubs[i].name = arena_strdup(t->status, t->sealed->hubs[i].name);
		hubs[i].enrolled = accounts_enrolled(t->accounts, hubs[i].name,
			&hubs[i].account_expires);
	}
}

static const char *error_of(struct target *t)
{
	const char *text = t->error[0] != '\0' ? t->error : t->accounts_error;

	return *text != '\0' ? arena_strdup(t->status, text) : NULL;
}

void target_status(struct target *t, struct target_status *out)
{
	const struct lease_view *lease = lease_keeper_view(t->keeper);

	arena_free(&t->status);
	t->status = arena_new();
	memset(out, 0, sizeof(*out));
	out->name = t->name;
	out->site = t->sub != NULL && t->sub->site.target != NULL ?
		arena_strdup(t->status, t->sub->site.target->name) : "";
	out->state = t->state;
	out->uri = t->reach != NULL ? arena_strdup(t->status, t->reach->uris[t->uri]) : "";
	out->error = error_of(t);
	out->error_ms = t->error_ms;
	out->lease_holder = hub_of(t, lease->holder);
	out->lease_expiry = lease->expiry_s;
	out->lease_mine = lease_keeper_holds(t->keeper);
	out->lease_preferred = hub_of(t, lease->preferred);
	list_hubs(t, out);
	out->certificate_expires = t->certificate_expires;
	out->account_expires = t->account_expires;
	out->connects = t->connects;
	out->failures = t->failures;
	out->leases = t->leases;
	out->leases_lost = t->leases_lost;
	pusher_status(t->pusher, &out->push);
}
