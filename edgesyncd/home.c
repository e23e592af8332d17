/* home.c - see home.h */
#include "edgesyncd/home.h"

#include <string.h>

#include <utlist.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum { SILENCE_MS = 10000, OPEN_MS = 5000, IDLE_S = 30 };

struct request {
	struct arena *arena;
	const char *dn;
	struct directory_change *changes;	/* NULL = delete the entry */
	size_t n;
	struct directory_extras extras;
	size_t tried;				/* servers */
	bool unclear;				/* one of them was lost over it */
	home_done_cb *cb;			/* NULL = forgotten */
	void *ctx;
	struct request *next, *prev;
};

struct home {
	struct loop *loop;
	struct resolver *resolver;
	struct directory_config cfg;
	size_t uri;				/* in use, or tried next */
	struct directory_connection *c;
	bool ready;
	struct request *queue;			/* the first is under way if sent */
	bool sent;
	struct event *step, *idle;
};

static size_t count_uris(const struct home *h)
{
	size_t n = 0;

	while (h->cfg.uris[n] != NULL)
		n++;
	return n;
}

static void request_free(struct request *r)
{
	arena_free_wiped(&r->arena);
	free(r);
}

/* What the first time may have done, the second finds done. */
static bool is_done_already(int code)
{
	return code == LDAP_SUCCESS || code == LDAP_TYPE_OR_VALUE_EXISTS ||
		code == LDAP_NO_SUCH_ATTRIBUTE || code == LDAP_NO_SUCH_OBJECT;
}

static void finish(struct home *h, int code, const char *text)
{
	static const struct timeval idle = { .tv_sec = IDLE_S };
	struct request *r = h->queue;

	DL_DELETE(h->queue, r);
	h->sent = false;
	if (h->queue != NULL)
		event_active(h->step, EV_TIMEOUT, 0);
	else
		evtimer_add(h->idle, &idle);
	if (r->cb != NULL)
		r->cb(r->unclear && !is_done_already(code) ? HOME_UNCLEAR : code, text, r->ctx);
	request_free(r);
}

/* The server in use does not do it: the next one, or that was all. */
static void turn_away(struct home *h, int code, const char *text)
{
	directory_close(&h->c);
	h->ready = h->sent = false;
	h->uri = (h->uri + 1) % count_uris(h);
	if (h->queue == NULL)
		return;
	if (++h->queue->tried >= count_uris(h))
		finish(h, code, text);
	else
		event_active(h->step, EV_TIMEOUT, 0);
}

/* Other servers may be able to where one is not; what is refused, all would refuse. */
static bool may_differ(int code)
{
	return code == LDAP_UNAVAILABLE || code == LDAP_BUSY || code == LDAP_REFERRAL ||
		code == LDAP_UNWILLING_TO_PERFORM || code == LDAP_OTHER;
}

static void on_result(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct home *h = ctx;
	char text[300];
	int code;

	/* lost: on_lost comes next */
	if (m == NULL)
		return;
	code = directory_result(ld, m, text, sizeof(text));
	if (may_differ(code))
		turn_away(h, code, text);
	else
		finish(h, code, text);
}

static void send_request(struct home *h)
{
	const struct request *r = h->queue;
	struct err e = { 0 };
	int id;

	h->sent = true;
	id = r->changes != NULL ?
		directory_modify(h->c, r->dn, r->changes, r->n, &r->extras, on_result, h, &e) :
		directory_delete(h->c, r->dn, &r->extras, on_result, h, &e);
	if (id < 0)
		finish(h, HOME_FAILED, e.text);
}

static void on_ready(void *ctx)
{
	struct home *h = ctx;

	h->ready = true;
	event_active(h->step, EV_TIMEOUT, 0);
}

/* The server goes away with what was asked of it. */
static void note_unclear(struct home *h)
{
	if (h->queue != NULL && h->sent)
		h->queue->unclear = true;
}

static void on_lost(const char *text, void *ctx)
{
	struct home *h = ctx;

	if (h->queue != NULL)
		log_event(LOG_LEVEL_INFO, "home-lost", LOG_STR("text", text), LOG_END);
	note_unclear(h);
	turn_away(h, HOME_FAILED, text);
}

static void on_step(evutil_socket_t fd, short what, void *ctx)
{
	static const struct directory_callbacks cbs = { on_ready, on_lost };
	struct home *h = ctx;

	(void)fd;
	(void)what;
	if (h->queue == NULL || h->sent)
		return;
	if (h->c == NULL)
		h->c = directory_open(h->loop, h->resolver, &h->cfg, h->cfg.uris[h->uri], true,
			OPEN_MS, &cbs, h);
	else if (h->ready)
		send_request(h);
}

static void on_idle(evutil_socket_t fd, short what, void *ctx)
{
	struct home *h = ctx;

	(void)fd;
	(void)what;
	directory_close(&h->c);
	h->ready = false;
}

static void take_config(struct home *h, const struct directory_config *cfg)
{
	h->cfg = *cfg;
	h->cfg.silence_ms = SILENCE_MS;
	h->uri = 0;
}

struct home *home_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg)
{
	struct home *h = xcalloc(1, sizeof(*h));

	h->loop = loop;
	h->resolver = resolver;
	take_config(h, cfg);
	h->step = evtimer_new(loop_base(loop), on_step, h);
	h->idle = evtimer_new(loop_base(loop), on_idle, h);
	BUG_ON(h->step == NULL || h->idle == NULL);
	return h;
}

void home_free(struct home **hp)
{
	struct home *h = *hp;
	struct request *r, *next;

	if (h == NULL)
		return;
	*hp = NULL;
	directory_close(&h->c);
	DL_FOREACH_SAFE(h->queue, r, next)
		request_free(r);
	event_free(h->step);
	event_free(h->idle);
	free(h);
}

void home_set_config(struct home *h, const struct directory_config *cfg)
{
	note_unclear(h);
	directory_close(&h->c);
	h->ready = h->sent = false;
	take_config(h, cfg);
	/* what was under way is asked for again: it may have been done */
	event_active(h->step, EV_TIMEOUT, 0);
}

static void enqueue(struct home *h, struct request *r, const char *dn, home_done_cb *cb, void *ctx)
{
	r->dn = arena_strdup(r->arena, dn);
	r->cb = cb;
	r->ctx = ctx;
	DL_APPEND(h->queue, r);
	event_del(h->idle);
	event_active(h->step, EV_TIMEOUT, 0);
}

static void copy_change(struct arena *a, struct directory_change *to,
	const struct directory_change *from)
{
	struct blob *values = arena_alloc(a, (from->n + 1) * sizeof(*values));
	size_t i;

	for (i = 0; i < from->n; i++) {
		values[i].data = arena_memdup(a, from->values[i].data, from->values[i].size);
		values[i].size = from->values[i].size;
	}
	*to = *from;
	to->attr = arena_strdup(a, from->attr);
	to->values = values;
}

void home_modify(struct home *h, const char *dn, const struct directory_change *changes, size_t n,
	home_done_cb *cb, void *ctx)
{
	struct request *r = xcalloc(1, sizeof(*r));
	size_t i;

	r->arena = arena_new();
	r->changes = arena_alloc(r->arena, n * sizeof(*r->changes));
	for (i = 0; i < n; i++)
		copy_change(r->arena, &r->changes[i], &changes[i]);
	r->n = n;
	enqueue(h, r, dn, cb, ctx);
}

void home_delete(struct home *h, const char *dn, const char *assertion, home_done_cb *cb,
	void *ctx)
{
	struct request *r = xcalloc(1, sizeof(*r));

	r->arena = arena_new();
	r->extras.assertion = arena_strdup(r->arena, assertion);
	enqueue(h, r, dn, cb, ctx);
}

void home_forget(struct home *h, void *ctx)
{
	struct request *r;

	DL_FOREACH(h->queue, r)
		if (r->ctx == ctx)
			r->cb = NULL;
}
