/* probe.c - see probe.h */
#include "libhub/directory/probe.h"

#include "libhub/base/mem.h"
#include "libhub/directory/connection.h"

struct probe {
	const char *base;
	struct directory_connection *c;
	struct event *limit;
	bool saw_base;
	probe_cb *cb;
	void *ctx;
};

static void probe_free(struct probe *p)
{
	directory_close(&p->c);
	event_free(p->limit);
	free(p);
}

static void finish(struct probe *p, bool good)
{
	probe_cb *cb = p->cb;
	void *ctx = p->ctx;

	probe_free(p);
	cb(good, ctx);
}

static void on_answer(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct probe *p = ctx;

	/* lost: on_lost comes next */
	if (m == NULL)
		return;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		p->saw_base = true;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_RESULT)
		finish(p, directory_result(ld, m, NULL, 0) == LDAP_SUCCESS && p->saw_base);
}

static void on_ready(void *ctx)
{
	static const char *const nothing[] = { LDAP_NO_ATTRS, NULL };
	struct probe *p = ctx;
	struct directory_query q = {
		.base = p->base, .filter = "(objectClass=*)", .scope = LDAP_SCOPE_BASE,
		.attrs = nothing,
	};
	struct err e = { 0 };

	if (directory_search(p->c, &q, on_answer, p, &e) < 0)
		finish(p, false);
}

static void on_lost(const char *text, void *ctx)
{
	(void)text;
	finish(ctx, false);
}

static void on_limit(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	finish(ctx, false);
}

struct probe *probe_start(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *uri, const char *base,
	unsigned int limit_ms, probe_cb *cb, void *ctx)
{
	static const struct directory_callbacks cbs = { on_ready, on_lost };
	struct timeval limit = { .tv_sec = limit_ms / 1000, .tv_usec = limit_ms % 1000 * 1000 };
	struct probe *p = xcalloc(1, sizeof(*p));

	p->base = base;
	p->cb = cb;
	p->ctx = ctx;
	p->limit = evtimer_new(loop_base(loop), on_limit, p);
	BUG_ON(p->limit == NULL);
	evtimer_add(p->limit, &limit);
	p->c = directory_open(loop, resolver, cfg, uri, true, 0, &cbs, p);
	return p;
}

void probe_cancel(struct probe **pp)
{
	if (*pp == NULL)
		return;
	probe_free(*pp);
	*pp = NULL;
}
