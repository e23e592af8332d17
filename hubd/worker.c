/* worker.c - see worker.h */
#include "hubd/worker.h"

#include <pthread.h>
#include <signal.h>
#include <string.h>

#include "hubd/agent/agents.h"
#include "hubd/categorize/categorizer.h"
#include "hubd/deliver/deliver.h"
#include "hubd/drop/drop.h"
#include "hubd/report/reporter.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/base/resolver.h"

/* How often a stopping worker looks whether its sessions are gone. */
enum { STOP_POLL_MS = 50 };

enum order_kind { ORDER_LIVE, ORDER_RECOVER, ORDER_STOP, ORDER_STOP_NOW };

/* From the main thread. */
struct order {
	struct inbox_node node;
	enum order_kind kind;
	const struct live *live;
	struct message *message;
};

struct worker {
	struct worker_config cfg;
	pthread_t thread;
	bool started;
	struct loop *loop;
	struct inbox *orders;
	struct inbox *stopped;		/* on the main loop */
	struct inbox_node stopped_node;
	struct spool_port *port;
	struct queue_set *set;
	struct resolver *resolver;	/* asks the inside DNS */
	char *dns;			/* the servers it asks now, NULL = as the settings say */
	struct deliver *deliver;
	struct drop *drop;
	struct agents *agents;
	struct reporter *reporter;
	struct categorizer *categorizer;
	struct receiver *receiver;
	struct event *stop_poll;
	bool queues_stopped;
};

/* --- what the rooms ask of each other --- */

static void on_message(struct message *m, void *ctx)
{
	struct worker *w = ctx;

	categorizer_submit(w->categorizer, m);
}

static void on_recategorize(struct queue_item *item, void *ctx)
{
	struct worker *w = ctx;

	categorizer_again(w->categorizer, item);
}

static void on_reported(bool ok, void *ctx)
{
	queue_ticket_done(ctx, ok);
}

static void on_report(const struct queue_report *r, struct queue_ticket *t, void *ctx)
{
	struct worker *w = ctx;

	reporter_send(w->reporter, &(struct report_request){ .live = queue_set_live(w->set),
		.id = r->item->id, .body_size = r->item->body_size, .env = &r->item->env,
		.v = r->v, .n = r->n, .public_hop = r->item->key.type == QUEUE_DNS_CONNECTOR,
		.expires_ms = r->expires_ms }, on_reported, t);
}

static const struct queue_hooks hooks = { .recategorize = on_recategorize, .report = on_report };

/* --- orders --- */

/* hubInternalDNSServer, as the resolver takes it; NULL when none is given. */
static char *internal_dns(const struct live *live)
{
	const struct endpoints *list = &live->self->internal_dns;
	char *text = NULL, *longer;
	size_t i;

	for (i = 0; i < list->n && i < RESOLVER_SERVERS_MAX; i++) {
		longer = xasprintf("%s%s%s", text != NULL ? text : "", text != NULL ? "," : "",
			list->v[i].text);
		free(text);
		text = longer;
	}
	return text;
}

static void set_dns(struct worker *w, const struct live *live)
{
	char *dns = internal_dns(live);
	struct err e;

	if ((dns == NULL) == (w->dns == NULL) && (dns == NULL || strcmp(dns, w->dns) == 0)) {
		free(dns);
		return;
	}
	free(w->dns);
	w->dns = dns;
	if (resolver_servers_set(w->resolver, dns != NULL ? dns : w->cfg.settings->common.resolver,
		&e) != 0)
		log_text(LOG_LEVEL_ERROR, "resolver", "hubInternalDNSServer: %s", e.text);
	deliver_forget_dns(w->deliver);
}

static void set_live(struct worker *w, const struct live *live)
{
	set_dns(w, live);
	receiver_set_live(w->receiver, live);
	categorizer_set_live(w->categorizer, live);
	queue_set_config(w->set, live);
}

static void check_stopped(struct worker *w)
{
	static const struct timeval later = { .tv_usec = STOP_POLL_MS * 1000 };

	if (w->queues_stopped && receiver_sessions(w->receiver) == 0 &&
		!reporter_is_busy(w->reporter) && !categorizer_is_busy(w->categorizer))
		loop_stop(w->loop);
	else
		evtimer_add(w->stop_poll, &later);
}

static void on_stop_poll(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	check_stopped(ctx);
}

static void on_queues_stopped(void *ctx)
{
	struct worker *w = ctx;

	w->queues_stopped = true;
}

static void on_order(struct inbox_node *node, void *ctx)
{
	struct worker *w = ctx;
	struct order *o = INBOX_ENTRY(node, struct order, node);

	switch (o->kind) {
	case ORDER_LIVE:
		set_live(w, o->live);
		live_unref(&o->live);
		break;
	case ORDER_RECOVER:
		/* it came when the worker had ended, and is in the spool */
		if (w->categorizer == NULL)
			message_free(&o->message);
		else
			categorizer_submit(w->categorizer, o->message);
		break;
	case ORDER_STOP:
		receiver_drain(w->receiver);
		queue_set_stop(w->set, on_queues_stopped, w);
		check_stopped(w);
		break;
	case ORDER_STOP_NOW:
		loop_stop(w->loop);
		break;
	}
	free(o);
}

static void give(struct worker *w, enum order_kind kind, const struct live *live,
	struct message *message)
{
	struct order *o = xcalloc(1, sizeof(*o));

	*o = (struct order){ .kind = kind, .live = live, .message = message };
	inbox_post(w->orders, &o->node);
}

void worker_set_live(struct worker *w, const struct live *live)
{
	give(w, ORDER_LIVE, live_ref(live), NULL);
}

void worker_recover(struct worker *w, struct message *m)
{
	give(w, ORDER_RECOVER, NULL, m);
}

void worker_stop(struct worker *w, bool now)
{
	give(w, now ? ORDER_STOP_NOW : ORDER_STOP, NULL, NULL);
}

/* --- life --- */

static void on_stopped(struct inbox_node *node, void *ctx)
{
	struct worker *w = ctx;

	(void)node;
	w->cfg.on_stopped(w->cfg.ctx);
}

static void *run(void *arg)
{
	struct worker *w = arg;

	loop_run(w->loop);
	inbox_post(w->stopped, &w->stopped_node);
	return NULL;
}

struct worker *worker_new(const struct worker_config *cfg, struct err *e)
{
	struct worker *w = xcalloc(1, sizeof(*w));
	struct resolver_options dns = { .servers = cfg->settings->common.resolver };
	char name[16];

	w->cfg = *cfg;
	snprintf(name, sizeof(name), "worker-%u", cfg->index);
	w->loop = loop_new(name);
	w->orders = inbox_new(w->loop, on_order, w);
	w->stopped = inbox_new(cfg->main_loop, on_stopped, w);
	w->stop_poll = evtimer_new(loop_base(w->loop), on_stop_poll, w);
	w->port = spool_port_new(cfg->spool, w->loop);
	w->set = queue_set_new(cfg->queues, cfg->index, w->loop, w->port, NULL, &hooks, w);
	w->reporter = reporter_new(w->loop, w->port, on_message, w);
	w->categorizer = categorizer_new(&(struct categorizer_config){ .loop = w->loop,
		.port = w->port, .queues = cfg->queues, .reporter = w->reporter,
		.failover = cfg->failover });
	w->receiver = receiver_new(&(struct receiver_config){ .loop = w->loop,
		.worker = cfg->index, .port = w->port, .rates = cfg->rates,
		.protocol_log = cfg->received, .logins = cfg->logins,
		.has_verifiers = cfg->has_verifiers,
		.gssapi = cfg->settings->keytab != NULL,
		.departures = cfg->departures, .on_message = on_message, .ctx = w });
	w->resolver = resolver_new(w->loop, &dns, e);
	if (w->resolver == NULL) {
		worker_free(&w);
		return NULL;
	}
	w->drop = drop_new(w->set);
	w->deliver = deliver_new(&(struct deliver_config){ .set = w->set, .worker = cfg->index,
		.internal = w->resolver, .log = cfg->sent, .prover = cfg->prover });
	w->agents = agents_new(w->set, &(struct agents_config){ .folder = cfg->settings->agents,
		.timeout_ms = cfg->settings->agent_timeout_s * 1000 });
	return w;
}

void worker_free(struct worker **wp)
{
	struct worker *w = *wp;

	if (w == NULL)
		return;
	receiver_close(w->receiver);
	/* hands out the last commits, which need all the rooms */
	spool_port_free(&w->port);
	receiver_free(&w->receiver);
	categorizer_free(&w->categorizer);
	reporter_free(&w->reporter);
	deliver_free(&w->deliver);
	drop_free(&w->drop);
	agents_free(&w->agents);
	queue_set_free(&w->set);
	resolver_free(&w->resolver);
	free(w->dns);
	inbox_free(&w->orders);
	inbox_free(&w->stopped);
	event_free(w->stop_poll);
	loop_free(&w->loop);
	free(w);
	*wp = NULL;
}

int worker_start(struct worker *w, struct err *e)
{
	sigset_t all, before;
	int rc;

	/* signals are the main thread's */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&w->thread, NULL, run, w);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0)
		return err_set(e, ERR_TEMP, rc, "worker thread");
	w->started = true;
	return 0;
}

struct inbox *worker_arrivals(struct worker *w)
{
	return receiver_inbox(w->receiver);
}

void worker_join(struct worker *w)
{
	if (w->started)
		pthread_join(w->thread, NULL);
	w->started = false;
}
