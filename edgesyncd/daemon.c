/* daemon.c - see daemon.h.
 *
 * One thread, one loop: the mirror of the organization and its recipients, and the edges. In the
 * folder edgesyncd of `state` stand the mirror's cache and a lock: two daemons of one hub would
 * have the same accounts on the edges, and each lease would be held by both.
 */
#include "edgesyncd/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include "edgesyncd/control.h"
#include "edgesyncd/targets.h"
#include "libhub/base/log.h"
#include "libhub/base/log_writer.h"
#include "libhub/base/resolver.h"
#include "libhub/daemon/identity.h"
#include "libhub/daemon/privilege.h"
#include "libhub/org/mirror.h"
#include "libhub/tls/ticket.h"

enum { STOP_LIMIT_MS = 10 * 1000 };	/* the leases are given back within this time */

struct daemon {
	const struct edge_settings *settings;
	struct loop *loop;
	struct resolver *resolver;
	struct identity identity;
	int lock;
	char *folder;
	struct mirror *mirror;
	struct authenticator *authenticator;	/* of administrators */
	struct targets *targets;
	struct control *control;
	struct event *signals[3];
	struct event *rotate_tickets;
	bool ready, stopping;
};

/* --- the organization --- */

static const struct server *self(const struct daemon *d)
{
	const struct snapshot *s = mirror_snapshot(d->mirror);

	return s != NULL ? (const struct server *)snapshot_find(s, OBJ_SERVER,
		d->settings->common.server) : NULL;
}

static void ask(void *ctx)
{
	const struct daemon *d = ctx;

	mirror_ask(d->mirror);
}

/* What is sealed for us may be sealed to any of our keys, shown or not. */
static struct targets_config targets_config(struct daemon *d)
{
	const struct edge_settings *s = d->settings;

	return (struct targets_config){ .server = s->common.server,
		.directory = &s->common.directory, .base = s->common.base,
		.own = d->identity.files.certificates, .n_own = d->identity.files.n,
		.lease_time_s = s->lease_time_s, .account_lifetime_s = s->account_lifetime_s,
		.account_renewal_s = s->account_renewal_s,
		.push = { .recipient_delay_ms = s->recipient_delay_s * 1000,
			.comparison_interval_s = s->comparison_interval_s,
			.ask = ask, .ctx = d } };
}

static void settle_identity(struct daemon *d)
{
	if (identity_settle(&d->identity, self(d)) && d->identity.server != NULL)
		control_set_tls(d->control, d->identity.server);
}

/*
 * What the cache holds, or what was there before the directory was out of reach, may be old, and
 * what the directory shows may be nonsense: none of it goes to the edges.
 */
static void tell_targets(struct daemon *d)
{
	const struct snapshot *s = mirror_snapshot(d->mirror);
	struct mirror_status m;

	if (s == NULL || d->stopping)
		return;
	mirror_status(d->mirror, &m);
	targets_set_organization(d->targets, s, mirror_recipients(d->mirror), m.as_of_ms,
		m.recipients_as_of_ms);
}

static void on_status(void *ctx)
{
	tell_targets(ctx);
}

static void on_provider(size_t uri, void *ctx)
{
	struct daemon *d = ctx;

	authenticator_prefer(d->authenticator, uri);
}

static void on_snapshot(const struct snapshot *s, void *ctx)
{
	struct daemon *d = ctx;

	if (d->stopping)
		return;
	settle_identity(d);
	tell_targets(d);
	log_event(LOG_LEVEL_INFO, "configuration", LOG_STR("fingerprint", s->fingerprint),
		LOG_UINT("rejected", s->rejection_count), LOG_END);
	if (!d->ready)
		sd_notify(0, "READY=1");
	d->ready = true;
}

static void start_mirror(struct daemon *d)
{
	const struct common_settings *s = &d->settings->common;
	struct mirror_config cfg = { .directory = s->directory, .base = s->base,
		.recipient_base = s->recipient_base, .cache_dir = d->folder, .recipients = true,
		.on_provider = on_provider, .on_status = on_status };

	d->mirror = mirror_new(d->loop, d->resolver, &cfg, on_snapshot, d);
}

/* --- TLS --- */

/* SIGHUP: certificates may have been replaced; the old ones stay if the new cannot be read. */
static void reload(struct daemon *d)
{
	struct targets_config cfg;
	struct err e;

	common_settings_warn_of_changes(&d->settings->common);
	if (identity_reload(&d->identity, &d->settings->common, NULL, &e) != 0) {
		log_text(LOG_LEVEL_ERROR, "reload-failed", "%s", e.text);
		return;
	}
	log_text(LOG_LEVEL_INFO, "reloaded", "certificate and key");
	settle_identity(d);
	cfg = targets_config(d);
	targets_set_config(d->targets, &cfg);
}

static void on_rotate_tickets(evutil_socket_t fd, short what, void *ctx)
{
	struct daemon *d = ctx;

	(void)fd;
	(void)what;
	identity_rotate_tickets(&d->identity);
	settle_identity(d);
}

/* --- stopping --- */

static void on_released(void *ctx)
{
	struct daemon *d = ctx;

	loop_stop(d->loop);
}

static void stop(struct daemon *d)
{
	if (d->stopping) {
		log_text(LOG_LEVEL_WARNING, "stopping", "asked again: leases not given back run "
			"out");
		loop_stop(d->loop);
		return;
	}
	d->stopping = true;
	sd_notify(0, "STOPPING=1");
	log_text(LOG_LEVEL_INFO, "stopping", "giving back the leases");
	targets_release(d->targets, STOP_LIMIT_MS, on_released, d);
}

static void on_signal(evutil_socket_t number, short what, void *ctx)
{
	(void)what;
	if (number == SIGHUP)
		reload(ctx);
	else
		stop(ctx);
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
	d->rotate_tickets = event_new(loop_base(d->loop), -1, EV_PERSIST, on_rotate_tickets, d);
	BUG_ON(d->rotate_tickets == NULL);
	event_add(d->rotate_tickets, &rotation);
}

/* --- life --- */

/* The kernel lets go of it when the process ends, however it does. */
static int take_lock(struct daemon *d, const char *path, struct err *e)
{
	d->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (d->lock < 0)
		return err_set(e, ERR_CONFIG, errno, "state: %s", path);
	if (flock(d->lock, LOCK_EX | LOCK_NB) != 0)
		return err_set(e, ERR_TEMP, 0, "state: another edgesyncd runs with %s",
			d->settings->common.state);
	return 0;
}

static int open_folder(struct daemon *d, struct err *e)
{
	char *path;
	int rc;

	d->folder = xasprintf("%s/edgesyncd", d->settings->common.state);
	if (mkdir(d->folder, 0700) != 0 && errno != EEXIST)
		return err_set(e, ERR_CONFIG, errno, "state: %s", d->folder);
	path = xasprintf("%s/lock", d->folder);
	rc = take_lock(d, path, e);
	free(path);
	return rc;
}

static void start_targets(struct daemon *d)
{
	struct targets_config cfg = targets_config(d);

	d->targets = targets_new(d->loop, d->resolver, &cfg);
}

static int start_control(struct daemon *d, struct err *e)
{
	struct control_config cfg = { .loop = d->loop, .resolver = d->resolver,
		.settings = d->settings, .tls = d->identity.server, .mirror = d->mirror,
		.targets = d->targets, .authenticator = d->authenticator };

	d->control = control_new(&cfg, e);
	return d->control != NULL ? 0 : -1;
}

static int start(struct daemon *d, struct err *e)
{
	static const char *const capabilities[] = { "=", NULL };
	const struct common_settings *s = &d->settings->common;
	struct resolver_options options = { .servers = s->resolver };

	if (privilege_settle(s->user, capabilities, s->core_files != 0, e) != 0)
		return -1;
	/* "reload" that comes before there is anything to reload does not end the process */
	signal(SIGHUP, SIG_IGN);
	log_writer_start();
	if (identity_load(&d->identity, s, NULL, e) != 0 || open_folder(d, e) != 0)
		return -1;
	d->loop = loop_new("main");
	d->resolver = resolver_new(d->loop, &options, e);
	if (d->resolver == NULL)
		return -1;
	d->authenticator = authenticator_new(d->loop, d->resolver, &s->directory,
		s->recipient_base);
	watch_signals(d);
	start_targets(d);
	start_mirror(d);
	return start_control(d, e);
}

/* Once the signals have no events any more they would end the process in the midst of this. */
static void block_signals(void)
{
	sigset_t all;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, NULL);
}

static void finish(struct daemon *d)
{
	size_t i;

	block_signals();
	event_free(d->rotate_tickets);
	for (i = 0; i < sizeof(d->signals) / sizeof(d->signals[0]); i++)
		event_free(d->signals[i]);
	control_free(&d->control);
	targets_free(&d->targets);
	authenticator_free(&d->authenticator);
	mirror_free(&d->mirror);
	resolver_free(&d->resolver);
	identity_deinit(&d->identity);
	loop_free(&d->loop);
	close(d->lock);
	free(d->folder);
}

int daemon_run(const struct edge_settings *settings)
{
	struct daemon d = { .settings = settings, .lock = -1 };
	struct err e;

	if (start(&d, &e) != 0) {
		log_text(LOG_LEVEL_ERROR, "start-failed", "%s", e.text);
		log_writer_stop();
		_exit(e.class == ERR_CONFIG ? 2 : 1);
	}
	loop_run(d.loop);
	log_text(LOG_LEVEL_INFO, "stopped", "%s", "leases are given back or run out");
	finish(&d);
	return 0;
}

int daemon_check(const struct edge_settings *settings, struct err *e)
{
	return identity_check(&settings->common, NULL, e);
}
