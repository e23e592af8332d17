/* targets.c - see targets.h */
#include "edgesyncd/target.h"

#include <string.h>
#include <strings.h>

#include <utlist.h>

#include "edgesyncd/belonging.h"
#include "libhub/base/mem.h"

/* A target in its list; those that are not wanted any more still give their lease back. */
struct member {
	struct targets *set;
	struct target *target;
	bool wanted, seen;
	struct member *next, *prev;
};

struct targets {
	struct target_common common;
	const struct snapshot *s;
	struct member *members;
	struct event *limit;
	void (*done)(void *ctx);
	void *done_ctx;
	bool releasing;
};

/* --- settings --- */

static void free_own(struct target_common *c)
{
	size_t i;

	for (i = 0; i < c->n_own; i++)
		tls_certificate_unref(&c->own[i]);
	free(c->own);
}

static void take_config(struct targets *t, const struct targets_config *cfg)
{
	struct target_common *c = &t->common;
	struct tls_certificate **own = xcalloc(cfg->n_own + 1, sizeof(struct tls_certificate *));
	size_t i;

	for (i = 0; i < cfg->n_own; i++)
		own[i] = tls_certificate_ref(cfg->own[i]);
	free_own(c);
	c->own = own;
	c->n_own = cfg->n_own;
	if (c->server == NULL)
		c->server = xstrdup(cfg->server);
	c->lease_time_s = cfg->lease_time_s;
	c->account_lifetime_s = cfg->account_lifetime_s;
	c->account_renewal_s = cfg->account_renewal_s;
}

struct targets *targets_new(struct loop *loop, struct resolver *resolver,
	const struct targets_config *cfg)
{
	struct targets *t = xcalloc(1, sizeof(*t));

	t->common.loop = loop;
	t->common.resolver = resolver;
	t->common.home = home_new(loop, resolver, cfg->directory);
	t->common.pushers = pushers_new(loop, &cfg->push);
	take_config(t, cfg);
	return t;
}

void targets_set_config(struct targets *t, const struct targets_config *cfg)
{
	struct member *m;

	BUG_ON(strcasecmp(cfg->server, t->common.server) != 0);
	home_set_config(t->common.home, cfg->directory);
	pushers_set_settings(t->common.pushers, &cfg->push);
	take_config(t, cfg);
	DL_FOREACH(t->members, m)
		if (m->wanted)
			target_set_settings(m->target);
}

/* --- which edges are ours --- */

static void drop(struct targets *t, struct member *m)
{
	DL_DELETE(t->members, m);
	target_free(&m->target);
	free(m);
}

static void check_done(struct targets *t)
{
	void (*done)(void *ctx) = t->done;

	if (!t->releasing || done == NULL || t->members != NULL)
		return;
	t->done = NULL;
	done(t->done_ctx);
}

static void drop_later(void *ctx)
{
	struct member *m = ctx;
	struct targets *t = m->set;

	drop(t, m);
	check_done(t);
}

static void on_released(struct target *target, void *ctx)
{
	struct member *m = ctx;

	(void)target;
	loop_defer(m->set->common.loop, drop_later, m);
}

static void retire(struct member *m)
{
	m->wanted = false;
	target_release(m->target, on_released, m);
}

static struct member *find(const struct targets *t, const char *edge)
{
	struct member *m;

	DL_FOREACH(t->members, m)
		if (m->wanted && strcasecmp(target_name(m->target), edge) == 0)
			return m;
	return NULL;
}

static const char *edge_name(const struct edge_subscription *sub)
{
	return sub->server.target != NULL ? sub->server.target->name : sub->obj.name;
}

/* One that is being removed counts as disabled, but not here. */
static bool is_ours(const struct snapshot *s, const char *hub, const struct edge_subscription *sub)
{
	const struct server *self = (const void *)snapshot_find(s, OBJ_SERVER, hub);

	return self != NULL && belonging_of(self, sub) != BELONGS_NOT &&
		(sub->obj.enabled || sub->removed);
}

static void set_target(struct targets *t, const struct snapshot *s,
	const struct edge_subscription *sub, bool changed)
{
	struct member *m = find(t, edge_name(sub));

	if (m == NULL) {
		m = xcalloc(1, sizeof(*m));
		m->set = t;
		m->wanted = true;
		m->target = target_new(&t->common, edge_name(sub));
		DL_APPEND(t->members, m);
		changed = true;
	}
	m->seen = true;
	target_set(m->target, s, sub, changed);
}

static bool is_alike(const struct snapshot *a, const struct snapshot *b)
{
	return a != NULL && snapshot_kind_is_alike(a, b, OBJ_EDGE_SUBSCRIPTION) &&
		snapshot_kind_is_alike(a, b, OBJ_SERVER) && snapshot_kind_is_alike(a, b, OBJ_SITE);
}

static void take_snapshot(struct targets *t, const struct snapshot *s)
{
	bool changed = !is_alike(t->s, s);
	const struct edge_subscription *sub;
	struct member *m, *next;
	size_t i;

	DL_FOREACH(t->members, m)
		m->seen = false;
	for (i = 0; i < s->all[OBJ_EDGE_SUBSCRIPTION].n; i++) {
		sub = SNAPSHOT_AT(s, OBJ_EDGE_SUBSCRIPTION, edge_subscription, i);
		if (is_ours(s, t->common.server, sub))
			set_target(t, s, sub, changed);
	}
	DL_FOREACH_SAFE(t->members, m, next)
		if (m->wanted && !m->seen)
			retire(m);
	snapshot_unref(&t->s);
	t->s = snapshot_ref(s);
}

void targets_set_organization(struct targets *t, const struct snapshot *s,
	struct recipients *recipients, uint64_t configuration_as_of_ms,
	uint64_t recipients_as_of_ms)
{
	struct member *m;

	if (t->releasing)
		return;
	pushers_set_organization(t->common.pushers, s, recipients, configuration_as_of_ms,
		recipients_as_of_ms);
	/* what is not certain ends no subscription */
	if (s != NULL && s != t->s && configuration_as_of_ms != 0)
		take_snapshot(t, s);
	DL_FOREACH(t->members, m)
		target_set_settled(m->target, configuration_as_of_ms != 0);
}

/* --- the end --- */

static void on_limit(evutil_socket_t fd, short what, void *ctx)
{
	struct targets *t = ctx;
	void (*done)(void *ctx) = t->done;

	(void)fd;
	(void)what;
	t->done = NULL;
	if (done != NULL)
		done(t->done_ctx);
}

static void check_done_later(void *ctx)
{
	check_done(ctx);
}

void targets_release(struct targets *t, unsigned int limit_ms, void (*done)(void *ctx), void *ctx)
{
	struct timeval limit = { .tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000 };
	struct member *m, *next;

	BUG_ON(t->releasing);
	t->releasing = true;
	t->done = done;
	t->done_ctx = ctx;
	t->limit = evtimer_new(loop_base(t->common.loop), on_limit, t);
	BUG_ON(t->limit == NULL);
	evtimer_add(t->limit, &limit);
	DL_FOREACH_SAFE(t->members, m, next)
		if (m->wanted)
			retire(m);
	loop_defer(t->common.loop, check_done_later, t);
}

void targets_free(struct targets **tp)
{
	struct targets *t = *tp;
	struct member *m, *next;

	if (t == NULL)
		return;
	*tp = NULL;
	DL_FOREACH_SAFE(t->members, m, next)
		drop(t, m);
	if (t->limit != NULL)
		event_free(t->limit);
	pushers_free(&t->common.pushers);
	home_free(&t->common.home);
	free_own(&t->common);
	free(t->common.server);
	snapshot_unref(&t->s);
	free(t);
}

/* --- status, and what is asked for --- */

void targets_each(const struct targets *t,
	void (*cb)(const struct target_status *status, void *ctx), void *ctx)
{
	struct target_status status;
	struct member *m;

	DL_FOREACH(t->members, m) {
		if (!m->wanted)
			continue;
		target_status(m->target, &status);
		cb(&status, ctx);
	}
}

bool targets_status(const struct targets *t, const char *edge, struct target_status *out)
{
	struct member *m = find(t, edge);

	if (m == NULL)
		return false;
	target_status(m->target, out);
	return true;
}

static struct member *find_or_say(const struct targets *t, const char *edge, struct err *e)
{
	struct member *m = find(t, edge);

	if (m == NULL)
		err_set(e, ERR_PERM, 0, "no edge %.100s is subscribed to the site of %s", edge,
			t->common.server);
	return m;
}

int targets_start(struct targets *t, const char *edge, bool full, bool allow_loss,
	pusher_done_cb *cb, void *ctx, struct err *e)
{
	struct member *m = find_or_say(t, edge, e);

	if (m == NULL)
		return -1;
	target_start(m->target, full, allow_loss, cb, ctx);
	return 0;
}

int targets_compare(struct targets *t, const char *edge, bool full, const char *address,
	const struct pusher_compare_callbacks *cbs, void *ctx, struct err *e)
{
	struct member *m = find_or_say(t, edge, e);

	return m != NULL ? target_compare(m->target, full, address, cbs, ctx, e) : -1;
}

void targets_forget(struct targets *t, void *ctx)
{
	struct member *m;

	DL_FOREACH(t->members, m)
		target_forget(m->target, ctx);
}
