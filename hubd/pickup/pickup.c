/* pickup.c - the thread and what it is told. See pickup.h. */
#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "hubd/pickup/pickup_priv.h"
#include "libhub/base/inbox.h"
#include "libhub/base/mem.h"

enum order_kind { ORDER_LIVE, ORDER_STOP, ORDER_END };

/* From the main thread and, of ORDER_STOP, back. */
struct order {
	struct inbox_node node;
	enum order_kind kind;
	const struct live *live;
	void (*cb)(void *ctx);
	void *ctx;
};

/* --- the thread --- */

void pickup_file_ended(struct pickup *p)
{
	struct order *o = p->stopping;
	size_t i;

	for (i = 0; i < PICKUP_KINDS; i++)
		if (p->folders[i].n_files != 0)
			return;
	if (o == NULL || p->ended)
		return;
	p->stopping = NULL;
	inbox_post(p->replies, &o->node);
}

static void take_live(struct pickup *p, const struct live *live)
{
	size_t i;

	live_unref(&p->live);
	p->live = live;
	for (i = 0; i < PICKUP_KINDS && !p->closed; i++)
		folder_set_live(&p->folders[i]);
}

static void close_all(struct pickup *p)
{
	size_t i;

	if (p->closed)
		return;
	p->closed = true;
	for (i = 0; i < PICKUP_KINDS; i++)
		folder_stop(&p->folders[i]);
}

static void on_order(struct inbox_node *node, void *ctx)
{
	struct pickup *p = ctx;
	struct order *o = INBOX_ENTRY(node, struct order, node);

	switch (o->kind) {
	case ORDER_LIVE:
		take_live(p, o->live);
		break;
	case ORDER_STOP:
		close_all(p);
		p->stopping = o;
		pickup_file_ended(p);
		return;
	case ORDER_END:
		close_all(p);
		loop_stop(p->loop);
		break;
	}
	free(o);
}

static void *run(void *arg)
{
	struct pickup *p = arg;

	loop_run(p->loop);
	return NULL;
}

/* --- the main thread --- */

static void on_reply(struct inbox_node *node, void *ctx)
{
	struct order *o = INBOX_ENTRY(node, struct order, node);

	(void)ctx;
	o->cb(o->ctx);
	free(o);
}

static void give(struct pickup *p, enum order_kind kind, const struct live *live,
	void (*cb)(void *ctx), void *ctx)
{
	struct order *o = xcalloc(1, sizeof(*o));

	*o = (struct order){ .kind = kind, .live = live, .cb = cb, .ctx = ctx };
	inbox_post(p->orders, &o->node);
}

void pickup_set_live(struct pickup *p, const struct live *live)
{
	give(p, ORDER_LIVE, live_ref(live), NULL, NULL);
}

void pickup_stop(struct pickup *p, void (*cb)(void *ctx), void *ctx)
{
	give(p, ORDER_STOP, NULL, cb, ctx);
}

/* --- life --- */

struct pickup *pickup_new(const struct pickup_config *cfg)
{
	struct pickup *p = xcalloc(1, sizeof(*p));
	size_t i;

	p->cfg = *cfg;
	p->loop = loop_new("pickup");
	p->orders = inbox_new(p->loop, on_order, p);
	p->replies = inbox_new(cfg->main_loop, on_reply, p);
	p->port = spool_port_new(cfg->spool, p->loop);
	for (i = 0; i < PICKUP_KINDS; i++)
		folder_init(&p->folders[i], p, (enum pickup_kind)i);
	return p;
}

int pickup_start(struct pickup *p, struct err *e)
{
	sigset_t all, before;
	int rc;

	/* who opens a file while it is asked whether somebody writes to it (fcntl(2), leases) */
	signal(SIGIO, SIG_IGN);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&p->thread, NULL, run, p);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, ERR_TEMP, rc, "pickup thread");
	p->started = true;
	return 0;
}

void pickup_join(struct pickup *p)
{
	if (!p->started)
		return;
	give(p, ORDER_END, NULL, NULL, NULL);
	pthread_join(p->thread, NULL);
	p->started = false;
	/* what is being committed is answered by spool_close */
	p->ended = true;
}

void pickup_free(struct pickup **pp)
{
	struct pickup *p = *pp;
	size_t i;

	if (p == NULL)
		return;
	*pp = NULL;
	spool_port_free(&p->port);
	for (i = 0; i < PICKUP_KINDS; i++)
		folder_deinit(&p->folders[i]);
	inbox_free(&p->orders);
	inbox_free(&p->replies);
	free(p->stopping);
	live_unref(&p->live);
	loop_free(&p->loop);
	free(p);
}
