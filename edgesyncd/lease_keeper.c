/* lease_keeper.c - see lease_keeper.h */
#include "edgesyncd/lease_keeper.h"

#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/directory/generalized_time.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"

enum { POLL_MS = 1000, POLLS_PER_LEASE = 6 };

enum request { NOTHING, LOOK, CLOCK, WRITE, GIVE, PREFER };

struct lease_keeper {
	struct loop *loop;
	const char *hub;
	const struct lease_keeper_callbacks *cbs;
	void *ctx;
	struct lease lease;
	struct edge_state state;
	bool held;			/* on_held was called, on_gone not yet */

	struct directory_connection *c;	/* NULL = detached */
	char *base, *account, *naccount;
	char *state_dn;
	struct event *tick;
	enum request under_way;
	int id;
	bool answered;			/* the look showed an entry */
	struct lease_view written;	/* what the write under way makes of it */
	uint64_t sent_ms;
	bool prefer;			/* asked for */
	void (*released)(void *ctx);	/* being given back for good */
};

static const char *const written_attrs[] = { "modifyTimestamp", NULL };

static void schedule(struct lease_keeper *k, uint64_t ms)
{
	struct timeval tv = { .tv_sec = (time_t)(ms / 1000),
		.tv_usec = (suseconds_t)(ms % 1000) * 1000 };

	evtimer_add(k->tick, &tv);
}

static uint64_t poll_ms(const struct lease_keeper *k)
{
	uint64_t ms = k->lease.time_ms / POLLS_PER_LEASE;

	return ms < POLL_MS ? ms : POLL_MS;
}

static void trouble(struct lease_keeper *k, const char *text)
{
	k->under_way = NOTHING;
	k->cbs->on_trouble(text, k->ctx);
}

static void gone(struct lease_keeper *k, const char *text)
{
	bool told = !k->held;

	lease_drop(&k->lease);
	k->held = false;
	if (!told)
		k->cbs->on_gone(text, k->ctx);
}

/* --- writing --- */

static void on_written(LDAP *ld, LDAPMessage *m, void *ctx);

static int modify(struct lease_keeper *k, const char *dn, const struct directory_change *changes,
	size_t n, const char *assertion, enum request what)
{
	struct directory_extras extras = { assertion, written_attrs };
	struct err e = { 0 };

	k->sent_ms = clock_mono_ms();
	k->id = directory_modify(k->c, dn, changes, n, &extras, on_written, k, &e);
	if (k->id < 0) {
		trouble(k, e.text);
		return -1;
	}
	k->under_way = what;
	return 0;
}

static struct blob text_blob(const char *text)
{
	return (struct blob){ (const unsigned char *)text, strlen(text) };
}

/*
 * Says who we are once more in our own account: for the time that tells, and it shows that the
 * account is in use.
 */
static void ask_clock(struct lease_keeper *k)
{
	struct blob hub = text_blob(k->hub);
	struct directory_change change = { DIRECTORY_REPLACE, "hubAccountServer", &hub, 1 };

	(void)modify(k, k->account, &change, 1, NULL, CLOCK);
}

/* Takes or renews. What is asserted is what was seen, so that of two who take it one does. */
static void write_lease(struct lease_keeper *k)
{
	struct arena *a = arena_new();
	struct blob holder = text_blob(k->account), expiry;
	struct directory_change changes[] = {
		{ DIRECTORY_REPLACE, "hubLeaseHolder", &holder, 1 },
		{ DIRECTORY_REPLACE, "hubLeaseExpiry", &expiry, 1 },
		{ DIRECTORY_REPLACE, "hubLeasePreferred", &holder, 1 },
	};
	enum lease_mark mark = lease_mark(&k->lease, clock_mono_ms());

	k->written = k->lease.view;
	snprintf(k->written.holder, sizeof(k->written.holder), "%s", k->account);
	k->written.expiry_s = lease_expiry_s(&k->lease, clock_mono_ms());
	generalized_time_format(k->written.expiry_s, k->written.expiry);
	k->written.whose = LEASE_OURS;
	if (mark == LEASE_MARK_NOBODY) {
		changes[2].n = 0;
		k->written.preferred[0] = '\0';
		k->written.prefers = LEASE_NOBODY;
	} else if (mark == LEASE_MARK_US) {
		memcpy(k->written.preferred, k->written.holder, sizeof(k->written.preferred));
		k->written.prefers = LEASE_OURS;
	}
	expiry = text_blob(k->written.expiry);
	(void)modify(k, k->state_dn, changes, mark == LEASE_MARK_NOTHING ? 2 : 3,
		edge_state_filter(a, &k->lease.view), WRITE);
	arena_free(&a);
}

static void give(struct lease_keeper *k)
{
	static const struct directory_change changes[] = {
		{ DIRECTORY_REPLACE, "hubLeaseHolder", NULL, 0 },
		{ DIRECTORY_REPLACE, "hubLeaseExpiry", NULL, 0 },
	};
	struct arena *a = arena_new();

	(void)modify(k, k->state_dn, changes, 2,
		edge_equals_filter(a, "hubLeaseHolder", k->account), GIVE);
	arena_free(&a);
}

static void ask_for_it(struct lease_keeper *k)
{
	struct blob account = text_blob(k->account);
	struct directory_change change = { DIRECTORY_REPLACE, "hubLeasePreferred", &account, 1 };

	k->prefer = false;
	(void)modify(k, k->state_dn, &change, 1, NULL, PREFER);
}

/* --- deciding --- */

static void finish_release(struct lease_keeper *k)
{
	void (*released)(void *ctx) = k->released;

	k->released = NULL;
	event_del(k->tick);
	released(k->ctx);
}

static void release_step(struct lease_keeper *k)
{
	if (k->lease.mine)
		give(k);
	else
		finish_release(k);
}

/* Something is written, or the next look is due some time. */
static void step(struct lease_keeper *k)
{
	uint64_t wait_ms;

	switch (lease_next(&k->lease, clock_mono_ms(), &wait_ms)) {
	case LEASE_CLOCK:
		ask_clock(k);
		return;
	case LEASE_TAKE:
	case LEASE_RENEW:
		write_lease(k);
		return;
	case LEASE_GIVE:
		if (k->cbs->may_give(k->ctx))
			give(k);
		else if (clock_mono_ms() - k->lease.written_ms >= k->lease.time_ms / 3)
			write_lease(k);
		else
			break;
		return;
	case LEASE_ASK:
		ask_for_it(k);
		return;
	case LEASE_GONE:
		schedule(k, 0);
		gone(k, "the lease could not be renewed in time");
		return;
	case LEASE_WAIT:
		if (k->prefer && !k->lease.mine && !k->lease.blind) {
			ask_for_it(k);
			return;
		}
		break;
	}
	schedule(k, wait_ms < poll_ms(k) ? wait_ms : poll_ms(k));
}

/* --- answers --- */

static void take_written(struct lease_keeper *k, int64_t edge_ms)
{
	lease_written(&k->lease, &k->written, edge_ms, k->sent_ms, clock_mono_ms());
	k->state.lease = k->written;
	/* what was asked for is here; it is not asked for again when it is lost */
	k->prefer = false;
	schedule(k, 0);
	if (!k->held) {
		k->held = true;
		k->cbs->on_held(k->ctx);
	}
}

/* It is done, by the edge's clock then. */
static void done(struct lease_keeper *k, enum request what, int64_t edge_ms)
{
	switch (what) {
	case CLOCK:
		if (edge_ms == 0) {
			trouble(k, "the edge does not tell the time of a write");
			return;
		}
		lease_set_clock(&k->lease, edge_ms, clock_mono_ms());
		break;
	case WRITE:
		take_written(k, edge_ms);
		return;
	case GIVE:
		gone(k, NULL);
		break;
	default:
		break;
	}
	if (k->c != NULL)
		schedule(k, 0);
}

static void refused(struct lease_keeper *k, enum request what, int code, const char *text)
{
	char reason[300];

	/* somebody was quicker: look again */
	if (code == LDAP_ASSERTION_FAILED) {
		schedule(k, 0);
		return;
	}
	snprintf(reason, sizeof(reason), "the edge refuses %s: %s",
		what == CLOCK ? "to have our account written" : "to have its lease written", text);
	if (k->lease.mine)
		gone(k, reason);
	if (k->c != NULL)
		trouble(k, reason);
}

static int64_t clock_of_result(LDAP *ld, LDAPMessage *m)
{
	struct arena *a = arena_new();
	struct draft r;
	int64_t ms = 0;

	draft_init(&r, a);
	if (directory_post_read(ld, m, &r, NULL) == 0)
		ms = edge_clock_ms(draft_entry(&r));
	arena_free(&a);
	return ms;
}

static void on_written(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct lease_keeper *k = ctx;
	enum request what = k->under_way;
	char text[250];
	int code;

	k->under_way = NOTHING;
	/* lost: the owner hears of it */
	if (m == NULL)
		return;
	code = directory_result(ld, m, text, sizeof(text));
	if (code == LDAP_SUCCESS)
		done(k, what, clock_of_result(ld, m));
	else
		refused(k, what, code, text);
}

/* --- looking --- */

static int take_state(struct lease_keeper *k, LDAP *ld, LDAPMessage *m, struct err *e)
{
	struct arena *a = arena_new();
	struct draft r;
	int rc;

	draft_init(&r, a);
	rc = directory_entry(ld, m, &r, e);
	if (rc == 0)
		rc = edge_state_decode(draft_entry(&r), k->base, k->naccount, k->hub, &k->state, e);
	arena_free(&a);
	return rc;
}

static void seen(struct lease_keeper *k)
{
	bool kept = lease_see(&k->lease, &k->state.lease, clock_mono_ms());

	if (!kept)
		gone(k, "somebody else has taken the lease");
	if (k->c != NULL)
		k->cbs->on_seen(&k->state, k->ctx);
	if (k->c == NULL)
		return;
	if (k->released != NULL)
		release_step(k);
	else if (kept)
		step(k);
	else
		/* not at once: an edge that forgets what we write would have us do nothing else */
		schedule(k, poll_ms(k));
}

static void on_look(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct lease_keeper *k = ctx;
	struct err e = { 0 };
	char text[250];

	if (m == NULL) {
		k->under_way = NOTHING;
		return;
	}
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY) {
		k->answered = true;
		if (take_state(k, ld, m, &e) != 0) {
			directory_abandon(k->c, k->id);
			trouble(k, e.text);
		}
		return;
	}
	if (ldap_msgtype(m) != LDAP_RES_SEARCH_RESULT)
		return;
	k->under_way = NOTHING;
	if (directory_result(ld, m, text, sizeof(text)) != LDAP_SUCCESS || !k->answered) {
		err_set(&e, ERR_TEMP, 0, "cannot read %s: %s", k->state_dn, text);
		trouble(k, e.text);
		return;
	}
	seen(k);
}

static void look(struct lease_keeper *k)
{
	static const char *const attrs[] = { "hubSubscribed", "hubLeaseHolder", "hubLeaseExpiry",
		"hubLeasePreferred", NULL };
	struct directory_query q = {
		.base = k->state_dn, .filter = "(objectClass=*)", .scope = LDAP_SCOPE_BASE,
		.attrs = attrs,
	};
	struct err e = { 0 };

	k->answered = false;
	k->id = directory_search(k->c, &q, on_look, k, &e);
	if (k->id < 0)
		trouble(k, e.text);
	else
		k->under_way = LOOK;
}

static void on_tick(evutil_socket_t fd, short what, void *ctx)
{
	struct lease_keeper *k = ctx;

	(void)fd;
	(void)what;
	if (k->c != NULL && k->under_way == NOTHING)
		look(k);
}

/* --- life --- */

struct lease_keeper *lease_keeper_new(struct loop *loop, const char *hub, unsigned int time_s,
	const struct lease_keeper_callbacks *cbs, void *ctx)
{
	struct lease_keeper *k = xcalloc(1, sizeof(*k));

	k->loop = loop;
	k->hub = hub;
	k->cbs = cbs;
	k->ctx = ctx;
	lease_init(&k->lease, time_s);
	k->tick = evtimer_new(loop_base(loop), on_tick, k);
	BUG_ON(k->tick == NULL);
	return k;
}

void lease_keeper_free(struct lease_keeper **kp)
{
	struct lease_keeper *k = *kp;

	if (k == NULL)
		return;
	*kp = NULL;
	lease_keeper_detach(k);
	event_free(k->tick);
	free(k);
}

void lease_keeper_set_time(struct lease_keeper *k, unsigned int time_s)
{
	lease_set_time(&k->lease, time_s);
}

void lease_keeper_set_blind(struct lease_keeper *k, bool blind)
{
	lease_set_blind(&k->lease, blind, clock_mono_ms());
}

void lease_keeper_attach(struct lease_keeper *k, struct directory_connection *c, const char *base,
	const char *account)
{
	struct arena *a = arena_new();
	const char *ndn = dn_normalize(a, account);

	BUG_ON(k->c != NULL || ndn == NULL);
	k->c = c;
	k->base = xstrdup(base);
	k->account = xstrdup(account);
	k->naccount = xstrdup(ndn);
	k->state_dn = xasprintf("%s,%s", EDGE_STATE_DN, base);
	arena_free(&a);
	lease_forget(&k->lease);
	schedule(k, 0);
}

void lease_keeper_detach(struct lease_keeper *k)
{
	if (k->c == NULL)
		return;
	if (k->under_way != NOTHING)
		directory_abandon(k->c, k->id);
	k->under_way = NOTHING;
	k->c = NULL;
	k->held = k->prefer = false;
	k->released = NULL;
	lease_forget(&k->lease);
	memset(&k->state, 0, sizeof(k->state));
	event_del(k->tick);
	free(k->base);
	free(k->account);
	free(k->naccount);
	free(k->state_dn);
}

void lease_keeper_fenced(struct lease_keeper *k, const char *text)
{
	gone(k, text);
	if (k->c != NULL && k->under_way == NOTHING)
		schedule(k, 0);
}

void lease_keeper_prefer(struct lease_keeper *k)
{
	k->prefer = true;
	if (k->c != NULL && k->under_way == NOTHING)
		schedule(k, 0);
}

void lease_keeper_release(struct lease_keeper *k, void (*done_cb)(void *ctx))
{
	BUG_ON(k->c == NULL || k->released != NULL);
	k->released = done_cb;
	if (k->under_way == NOTHING)
		schedule(k, 0);
}

bool lease_keeper_holds(const struct lease_keeper *k)
{
	return k->held;
}

const struct lease_view *lease_keeper_view(const struct lease_keeper *k)
{
	return &k->state.lease;
}

int64_t lease_keeper_edge_now_s(const struct lease_keeper *k)
{
	const struct lease *l = &k->lease;

	if (!l->clock_known)
		return clock_wall_s();
	return (l->edge_ms + (int64_t)(clock_mono_ms() - l->at_ms)) / 1000;
}
