/* daemon.c - see daemon.h.
 *
 * The main thread owns the directory mirror, the signals, and the configuration in force, which it
 * makes anew from each snapshot and hands to all workers and to the acceptor. In an organization of
 * 10,000 connectors it stands still for 100 ms and more meanwhile: mail, and who wants to bring
 * some or to log in, must not wait for it.
 */
#include "hubd/daemon.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "hubd/config/certificate_check.h"
#include "hubd/control/control.h"
#include "hubd/deliver/send_log.h"
#include "hubd/login/gssapi.h"
#include "hubd/login/keytab.h"
#include "hubd/login/service.h"
#include "hubd/pickup/pickup.h"
#include "hubd/proof/prover.h"
#include "hubd/queue/failover.h"
#include "hubd/receive/acceptor.h"
#include "hubd/recovered.h"
#include "hubd/worker.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/log_writer.h"
#include "libhub/base/mem.h"
#include "libhub/base/resolver.h"
#include "libhub/daemon/identity.h"
#include "libhub/daemon/privilege.h"
#include "libhub/org/mirror.h"
#include "libhub/tls/ticket.h"

enum {
	STOP_LIMIT_S = 30,	/* what is in flight has this long to finish */
	REJECTIONS_LOGGED = 100,
};

struct daemon {
	const struct settings *settings;
	struct loop *loop;
	struct resolver *resolver;
	struct identity identity;
	struct spool *spool;
	struct queues *queues;
	struct failover *failover;
	struct rate_table *rates;
	struct protocol_log *received, *sent;	/* NULL = off */
	struct authenticator *authenticator;	/* of administrators */
	struct login_service *logins;
	struct prover *prover;
	struct acceptor *acceptor;
	struct pickup *pickup;
	struct mirror *mirror;
	struct control *control;
	const struct live *live;
	struct worker **workers;
	struct inbox **arrivals;
	struct recovered recovered;
	struct event *signals[3];
	struct event *stop_limit, *rotate_tickets;
	uint32_t running;
	bool ready, stopping, forced;
};

/* --- the configuration in force --- */

/*
 * Takes over the reference. It is told to be in force, by cb, when its bindings are open; the
 * workers know it before any connection of it comes.
 */
static void publish(struct daemon *d, const struct live *live, acceptor_cb *cb)
{
	uint32_t i;

	live_unref(&d->live);
	d->live = live;
	for (i = 0; i < d->settings->workers; i++)
		worker_set_live(d->workers[i], live);
	pickup_set_live(d->pickup, live);
	control_expect_live(d->control);
	acceptor_set_live(d->acceptor, live, cb, d);
}

static bool rejected_before(const struct snapshot *before, const struct rejection *r)
{
	size_t i;

	for (i = 0; before != NULL && i < before->rejection_count; i++)
		if (strcmp(before->rejections[i].dn, r->dn) == 0 &&
			strcmp(before->rejections[i].reason, r->reason) == 0)
			return true;
	return false;
}

/* Says what was refused since the last snapshot; of very many the first are enough for a log. */
static void log_rejections(const struct snapshot *s, const struct snapshot *before)
{
	const struct rejection *r;
	size_t i, n = s->rejection_count < REJECTIONS_LOGGED ? s->rejection_count :
		REJECTIONS_LOGGED;

	for (i = 0; i < n; i++) {
		r = &s->rejections[i];
		if (!rejected_before(before, r))
			log_event(LOG_LEVEL_ERROR, "object-refused", LOG_STR("dn", r->dn),
				LOG_STR("reason", r->reason),
				LOG_STR("in_force", r->last_good ? "last good form" : "nothing"),
				LOG_END);
	}
}

/* This server's own object says which keys its peers know: a waiting one may be taken by it. */
static const struct live *make_live(struct daemon *d, const struct snapshot *s, struct err *e)
{
	const struct live *live = live_new(s, d->settings->common.server,
		mirror_recipients(d->mirror),
		d->identity.server, d->identity.client, e);

	if (live == NULL || !identity_settle(&d->identity, live->self))
		return live;
	live_unref(&live);
	return live_new(s, d->settings->common.server, mirror_recipients(d->mirror),
		d->identity.server,
		d->identity.client, e);
}

/* Takes over the reference. */
static const struct live *with_failed(const struct daemon *d, const struct live *live)
{
	const struct live *judged = live_with_failed(live, failover_set(d->failover));

	live_unref(&live);
	return judged;
}

static void on_judged(const struct live *live, void *ctx)
{
	struct daemon *d = ctx;

	control_set_live(d->control, live);
}

static void on_failover(void *ctx)
{
	struct daemon *d = ctx;

	if (!d->stopping && d->live != NULL)
		publish(d, with_failed(d, live_ref(d->live)), on_judged);
}

static void on_adopted(const struct live *live, void *ctx)
{
	const struct snapshot *s = live->snapshot;
	struct daemon *d = ctx;

	control_set_live(d->control, live);
	log_event(LOG_LEVEL_INFO, "configuration", LOG_STR("fingerprint", s->fingerprint),
		LOG_UINT("rejected", s->rejection_count), LOG_UINT("warnings", s->warning_count),
		LOG_END);
	if (!d->ready && !d->stopping)
		sd_notify(0, "READY=1");
	d->ready = true;
}

static void adopt(struct daemon *d, const struct snapshot *s)
{
	struct err e;
	const struct live *live;

	/* workers that have ended read no orders */
	if (d->stopping)
		return;
	live = make_live(d, s, &e);
	if (live == NULL) {
		log_event(LOG_LEVEL_ERROR, "configuration-refused",
			LOG_STR("server", d->settings->common.server), LOG_STR("why", e.text),
				LOG_END);
		return;
	}
	log_rejections(s, d->live != NULL ? d->live->snapshot : NULL);
	receiver_check_logging(live, d->received != NULL);
	send_log_check(live, d->sent != NULL);
	certificate_check_log(live, d->live);
	failover_adopt(d->failover, live);
	publish(d, with_failed(d, live), on_adopted);
}

static void on_snapshot(const struct snapshot *s, void *ctx)
{
	adopt(ctx, s);
}

/* --- TLS --- */

/*
 * SIGHUP: certificates may have been replaced; the old ones stay if the new cannot be read. It is
 * read on this loop, as nothing else is asked of it at that moment: 2 ms, with the 140 authorities
 * of a system's bundle 80 ms. New connections and sessions go on.
 */
static void reload(struct daemon *d)
{
	struct err e;

	if (d->received != NULL)
		protocol_log_reopen(d->received);
	if (d->sent != NULL)
		protocol_log_reopen(d->sent);
	/* what SIGHUP does not do, lest somebody believe that it did */
	common_settings_warn_of_changes(&d->settings->common);
	if (identity_reload(&d->identity, &d->settings->common, d->settings->crl, &e) != 0) {
		log_text(LOG_LEVEL_ERROR, "reload-failed", "%s", e.text);
		return;
	}
	log_text(LOG_LEVEL_INFO, "reloaded", "certificate and key");
	if (d->live != NULL)
		adopt(d, d->live->snapshot);
	else
		(void)identity_settle(&d->identity, NULL);
}

static void on_rotate_tickets(evutil_socket_t fd, short what, void *ctx)
{
	struct daemon *d = ctx;

	(void)fd;
	(void)what;
	identity_rotate_tickets(&d->identity);
	if (d->live != NULL)
		adopt(d, d->live->snapshot);
}

/* --- stopping --- */

static void on_worker_stopped(void *ctx)
{
	struct daemon *d = ctx;

	if (--d->running == 0)
		loop_stop(d->loop);
}

static void stop_now(struct daemon *d)
{
	uint32_t i;

	if (d->forced)
		return;
	d->forced = true;
	for (i = 0; i < d->settings->workers; i++)
		worker_stop(d->workers[i], true);
}

static void on_stop_limit(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	log_text(LOG_LEVEL_WARNING, "stopping", "%d s are over; mail in flight stays in the spool",
		STOP_LIMIT_S);
	stop_now(ctx);
}

/* Whatever was taken is on its way to the workers: no more comes after their order to stop. */
static void on_pickup_stopped(void *ctx)
{
	struct daemon *d = ctx;
	uint32_t i;

	if (d->forced)
		return;
	for (i = 0; i < d->settings->workers; i++)
		worker_stop(d->workers[i], false);
}

static void on_closed(const struct live *live, void *ctx)
{
	struct daemon *d = ctx;

	(void)live;
	pickup_stop(d->pickup, on_pickup_stopped, d);
}

static void stop(struct daemon *d)
{
	static const struct timeval limit = { .tv_sec = STOP_LIMIT_S };

	if (d->stopping) {
		log_text(LOG_LEVEL_WARNING, "stopping", "asked again: mail in flight stays in the "
			"spool");
		stop_now(d);
		return;
	}
	d->stopping = true;
	sd_notify(0, "STOPPING=1");
	log_text(LOG_LEVEL_INFO, "stopping", "no new sessions; finishing what is in flight");
	acceptor_stop(d->acceptor, on_closed, d);
	evtimer_add(d->stop_limit, &limit);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	(void)what;
	if (number == SIGHUP)
		reload(ctx);
	else
		stop(ctx);
}

/* --- the spool --- */

static int open_spool(struct daemon *d, struct err *e)
{
	struct spool_config cfg = { 0 };
	char *folder = xasprintf("%s/spool", d->settings->common.state);

	cfg.folder = folder;
	d->spool = spool_open(&cfg, recovered_take, &d->recovered, NULL, e);
	free(folder);
	if (d->spool == NULL)
		return -1;
	return 0;
}

/* --- logins --- */

/* After the privileges are dropped and before there are threads. */
static int open_logins(struct daemon *d, struct err *e)
{
	const struct settings *s = d->settings;
	struct login_service_config cfg = { .directory = &s->common.directory,
		.recipient_base = s->common.recipient_base, .resolver = s->common.resolver,
		.keytab = s->keytab };

	if (s->keytab != NULL && (keytab_check(s->keytab, e) != 0 ||
		gssapi_prepare(s->keytab, s->common.state, e) != 0))
		return settings_blame(s, "keytab", e);
	d->logins = login_service_new(&cfg, e);
	d->prover = prover_new(s->keytab, e);
	if (d->logins == NULL || d->prover == NULL || login_service_start(d->logins, e) != 0)
		return -1;
	return prover_start(d->prover, e);
}

/* --- life --- */

/* On the pickup's thread. */
static void on_file_message(struct message *m, void *ctx)
{
	struct daemon *d = ctx;

	worker_recover(d->workers[m->id % d->settings->workers], m);
}

static int start_threads(struct daemon *d, struct err *e)
{
	uint32_t i, n = d->settings->workers;
	struct worker_config cfg = { .settings = d->settings, .spool = d->spool,
		.queues = d->queues, .failover = d->failover, .rates = d->rates,
		.received = d->received, .sent = d->sent,
		.logins = login_service_inbox(d->logins), .prover = d->prover,
		.has_verifiers = login_service_has_verifiers(d->logins),
		.departures = acceptor_departures(d->acceptor), .main_loop = d->loop,
		.on_stopped = on_worker_stopped, .ctx = d };

	d->workers = xcalloc(n, sizeof(*d->workers));
	d->arrivals = xcalloc(n, sizeof(*d->arrivals));
	for (i = 0; i < n; i++) {
		cfg.index = i;
		d->workers[i] = worker_new(&cfg, e);
		if (d->workers[i] == NULL)
			return -1;
		d->arrivals[i] = worker_arrivals(d->workers[i]);
	}
	acceptor_set_receivers(d->acceptor, d->arrivals, n);
	for (i = 0; i < n; i++) {
		if (worker_start(d->workers[i], e) != 0)
			return -1;
		d->running++;
	}
	if (pickup_start(d->pickup, e) != 0 || acceptor_start(d->acceptor, e) != 0)
		return -1;
	recovered_hand_out(&d->recovered, d->workers, n);
	return 0;
}

static void on_provider(size_t uri, void *ctx)
{
	struct daemon *d = ctx;

	authenticator_prefer(d->authenticator, uri);
	login_service_prefer(d->logins, uri);
}

static void start_mirror(struct daemon *d)
{
	const struct common_settings *s = &d->settings->common;
	char *cache = xasprintf("%s/cache", s->state);
	struct mirror_config cfg = { .directory = s->directory, .base = s->base,
		.recipient_base = s->recipient_base, .cache_dir = cache, .recipients = true,
		.on_provider = on_provider };

	(void)mkdir(cache, 0700);
	d->mirror = mirror_new(d->loop, d->resolver, &cfg, on_snapshot, d);
	free(cache);
}

static void each_binding(void *ctx, control_binding_cb *cb, void *cb_ctx)
{
	const struct daemon *d = ctx;

	acceptor_each_binding(d->acceptor, cb, cb_ctx);
}

static uint64_t connections(void *ctx)
{
	const struct daemon *d = ctx;

	return acceptor_connections(d->acceptor);
}

static int start_control(struct daemon *d, struct err *e)
{
	struct control_config cfg = { .loop = d->loop, .resolver = d->resolver,
		.settings = d->settings, .tls_server = d->identity.server, .mirror = d->mirror,
		.spool = d->spool, .queues = d->queues, .failover = d->failover,
		.authenticator = d->authenticator,
		.each_binding = each_binding, .connections = connections, .ctx = d };

	d->control = control_new(&cfg, e);
	return d->control != NULL ? 0 : -1;
}

static void watch_signals(struct daemon *d)
{
	static const int numbers[] = { SIGHUP, SIGTERM, SIGINT };
	static const struct timeval rotation = { .tv_sec = TLS_TICKET_KEY_LIFE_S };
	size_t i;

	for (i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
		d->signals[i] = evsignal_new(loop_base(d->loop), numbers[i], on_signal, d);
		BUG_ON(d->signals[i] == NULL || event_add(d->signals[i], NULL) != 0);
	}
	d->stop_limit = evtimer_new(loop_base(d->loop), on_stop_limit, d);
	d->rotate_tickets = event_new(loop_base(d->loop), -1, EV_PERSIST, on_rotate_tickets, d);
	BUG_ON(d->stop_limit == NULL || d->rotate_tickets == NULL);
	event_add(d->rotate_tickets, &rotation);
}

static void start_protocol_logs(struct daemon *d)
{
	const struct settings *s = d->settings;
	struct protocol_log_config cfg = { .side = PROTOCOL_LOG_RECEIVE,
		.folder = s->protocol_log, .file_size = s->protocol_log_file_size,
		.total_size = s->protocol_log_total_size, .age_days = s->protocol_log_age };

	if (s->protocol_log == NULL)
		return;
	d->received = protocol_log_new(&cfg);
	cfg.side = PROTOCOL_LOG_SEND;
	d->sent = protocol_log_new(&cfg);
}

static int start(struct daemon *d, struct err *e)
{
	/* bindings change at run time; the lease tells whether somebody writes to a pickup file */
	static const char *const capabilities[] = { "cap_net_bind_service,cap_lease=ep",
		"cap_net_bind_service=ep", NULL };
	const struct common_settings *s = &d->settings->common;
	struct resolver_options options = { .servers = s->resolver };

	if (privilege_settle(s->user, capabilities, s->core_files != 0, e) != 0)
		return -1;
	/* "reload" that comes before there is anything to reload does not end the process */
	signal(SIGHUP, SIG_IGN);
	log_writer_start();
	if (identity_load(&d->identity, s, d->settings->crl, e) != 0 || open_spool(d, e) != 0)
		return -1;
	d->loop = loop_new("main");
	d->resolver = resolver_new(d->loop, &options, e);
	if (d->resolver == NULL)
		return -1;
	d->queues = queues_new(d->settings->workers);
	d->failover = failover_new(d->loop, d->queues, on_failover, d);
	queues_set_failover(d->queues, d->failover);
	d->rates = rate_table_new();
	start_protocol_logs(d);
	d->authenticator = authenticator_new(d->loop, d->resolver, &s->directory,
		s->recipient_base);
	if (open_logins(d, e) != 0)
		return -1;
	d->acceptor = acceptor_new(d->loop);
	d->pickup = pickup_new(&(struct pickup_config){ .spool = d->spool, .main_loop = d->loop,
		.on_message = on_file_message, .ctx = d });
	watch_signals(d);
	if (start_threads(d, e) != 0)
		return -1;
	start_mirror(d);
	return start_control(d, e);
}

static void free_workers(struct daemon *d)
{
	uint32_t i;

	for (i = 0; i < d->settings->workers; i++)
		worker_join(d->workers[i]);
	login_service_join(d->logins);
	prover_join(d->prover);
	spool_close(&d->spool);
	if (d->forced)
		return;
	for (i = 0; i < d->settings->workers; i++)
		worker_free(&d->workers[i]);
	free(d->workers);
	free(d->arrivals);
}

/* Once the signals have no events any more they would end the process in the midst of this. */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

/* Sessions that did not end in time hang on what is here, and nobody is left to end them. */
static void exit_as_it_is(struct daemon *d)
{
	control_free(&d->control);
	mirror_free(&d->mirror);
	protocol_log_free(&d->received);
	protocol_log_free(&d->sent);
	log_writer_stop();
	_exit(0);
}

static void finish(struct daemon *d)
{
	size_t i;

	block_signals();
	event_free(d->stop_limit);
	event_free(d->rotate_tickets);
	for (i = 0; i < sizeof(d->signals) / sizeof(d->signals[0]); i++)
		event_free(d->signals[i]);
	acceptor_join(d->acceptor);
	pickup_join(d->pickup);
	free_workers(d);
	if (d->forced)
		exit_as_it_is(d);
	acceptor_free(&d->acceptor);
	pickup_free(&d->pickup);
	control_free(&d->control);
	login_service_free(&d->logins);
	prover_free(&d->prover);
	authenticator_free(&d->authenticator);
	live_unref(&d->live);
	mirror_free(&d->mirror);
	failover_free(&d->failover);
	queues_free(&d->queues);
	rate_table_free(&d->rates);
	protocol_log_free(&d->received);
	protocol_log_free(&d->sent);
	resolver_free(&d->resolver);
	identity_deinit(&d->identity);
	loop_free(&d->loop);
}

int daemon_run(const struct settings *settings)
{
	struct daemon d = { .settings = settings };
	struct err e;

	if (start(&d, &e) != 0) {
		/* half-started: threads may run on what is here, so the process ends as it is */
		log_text(LOG_LEVEL_ERROR, "start-failed", "%s", e.text);
		log_writer_stop();
		_exit(e.class == ERR_CONFIG ? 2 : 1);
	}
	loop_run(d.loop);
	log_text(LOG_LEVEL_INFO, "stopped", "%s", d.forced ? "mail in flight is in the spool" :
		"nothing in flight");
	finish(&d);
	return 0;
}

int daemon_check(const struct settings *settings, struct err *e)
{
	if (identity_check(&settings->common, settings->crl, e) != 0)
		return -1;
	if (settings->keytab != NULL && keytab_check(settings->keytab, e) != 0)
		return settings_blame(settings, "keytab", e);
	return 0;
}
