/* acceptor.c - see acceptor.h.
 *
 * An order goes to the thread and comes back, with the reference to its struct live: the main
 * thread drops that last, so freeing an old configuration is no work of this loop. What the
 * listeners have become is told before the order that made it so comes back.
 */
#include "hubd/receive/acceptor.h"

#include <pthread.h>
#include <signal.h>

#include "libhub/base/mem.h"

enum order_kind { ORDER_LIVE, ORDER_STOP, ORDER_END };

struct binding {
	struct binding *next;
	char *text;
	char *problem;			/* NULL while it listens */
};

/* All of them, as they stood at one moment. */
struct bindings {
	struct binding *list, **tail;
};

/* To the thread and back; what the thread tells by itself has no cb. */
struct order {
	struct inbox_node node;
	enum order_kind kind;
	const struct live *live;
	acceptor_cb *cb;
	void *ctx;
	struct bindings *bindings;	/* on the way back, if they have changed */
};

struct acceptor {
	pthread_t thread;
	bool started;
	/* of the thread */
	struct loop *loop;
	struct inbox *orders;
	struct listeners *listeners;
	/* of the main thread */
	struct inbox *replies;
	struct bindings *bindings;
};

/* --- how the bindings stand --- */

static void bindings_free(struct bindings **bp)
{
	struct bindings *b = *bp;
	struct binding *one;

	*bp = NULL;
	if (b == NULL)
		return;
	while ((one = b->list) != NULL) {
		b->list = one->next;
		free(one->text);
		free(one->problem);
		free(one);
	}
	free(b);
}

static void add_binding(const char *text, const char *problem, void *ctx)
{
	struct bindings *b = ctx;
	struct binding *one = xcalloc(1, sizeof(*one));

	one->text = xstrdup(text);
	one->problem = problem != NULL ? xstrdup(problem) : NULL;
	*b->tail = one;
	b->tail = &one->next;
}

/* --- the thread --- */

static void on_listeners_change(void *ctx)
{
	struct acceptor *a = ctx;
	struct order *o = xcalloc(1, sizeof(*o));

	o->bindings = xcalloc(1, sizeof(*o->bindings));
	o->bindings->tail = &o->bindings->list;
	listeners_each(a->listeners, add_binding, o->bindings);
	inbox_post(a->replies, &o->node);
}

static void on_order(struct inbox_node *node, void *ctx)
{
	struct acceptor *a = ctx;
	struct order *o = INBOX_ENTRY(node, struct order, node);

	switch (o->kind) {
	case ORDER_LIVE:
		listeners_set_live(a->listeners, o->live);
		break;
	case ORDER_STOP:
		listeners_stop(a->listeners);
		break;
	case ORDER_END:
		loop_stop(a->loop);
		break;
	}
	inbox_post(a->replies, &o->node);
}

static void *run(void *arg)
{
	struct acceptor *a = arg;

	loop_run(a->loop);
	return NULL;
}

/* --- the main thread --- */

static void on_reply(struct inbox_node *node, void *ctx)
{
	struct acceptor *a = ctx;
	struct order *o = INBOX_ENTRY(node, struct order, node);

	if (o->bindings != NULL) {
		bindings_free(&a->bindings);
		a->bindings = o->bindings;
	}
	if (o->cb != NULL)
		o->cb(o->live, o->ctx);
	live_unref(&o->live);
	free(o);
}

static void give(struct acceptor *a, enum order_kind kind, const struct live *live,
	acceptor_cb *cb, void *ctx)
{
	struct order *o = xcalloc(1, sizeof(*o));

	*o = (struct order){ .kind = kind, .live = live, .cb = cb, .ctx = ctx };
	inbox_post(a->orders, &o->node);
}

void acceptor_set_live(struct acceptor *a, const struct live *live, acceptor_cb *cb, void *ctx)
{
	give(a, ORDER_LIVE, live_ref(live), cb, ctx);
}

void acceptor_stop(struct acceptor *a, acceptor_cb *cb, void *ctx)
{
	give(a, ORDER_STOP, NULL, cb, ctx);
}

/* --- life --- */

struct acceptor *acceptor_new(struct loop *main_loop)
{
	struct acceptor *a = xcalloc(1, sizeof(*a));

	a->loop = loop_new("accept");
	a->orders = inbox_new(a->loop, on_order, a);
	a->listeners = listeners_new(a->loop, on_listeners_change, a);
	a->replies = inbox_new(main_loop, on_reply, a);
	return a;
}

void acceptor_free(struct acceptor **ap)
{
	struct acceptor *a = *ap;

	if (a == NULL)
		return;
	inbox_free(&a->orders);
	listeners_free(&a->listeners);
	loop_free(&a->loop);
	/* after the last that the listeners tell */
	inbox_free(&a->replies);
	bindings_free(&a->bindings);
	free(a);
	*ap = NULL;
}

void acceptor_set_receivers(struct acceptor *a, struct inbox *const *receivers, size_t n)
{
	listeners_set_receivers(a->listeners, receivers, n);
}

struct inbox *acceptor_departures(struct acceptor *a)
{
	return listeners_departures(a->listeners);
}

int acceptor_start(struct acceptor *a, struct err *e)
{
	sigset_t all, before;
	int rc;

	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&a->thread, NULL, run, a);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, ERR_TEMP, rc, "accepting thread");
	a->started = true;
	return 0;
}

void acceptor_join(struct acceptor *a)
{
	if (!a->started)
		return;
	give(a, ORDER_END, NULL, NULL, NULL);
	pthread_join(a->thread, NULL);
	a->started = false;
}

uint64_t acceptor_connections(const struct acceptor *a)
{
	return listeners_connections(a->listeners);
}

void acceptor_each_binding(const struct acceptor *a,
	void (*cb)(const char *binding, const char *problem, void *ctx), void *ctx)
{
	const struct binding *one;

	for (one = a->bindings != NULL ? a->bindings->list : NULL; one != NULL; one = one->next)
		cb(one->text, one->problem, ctx);
}
