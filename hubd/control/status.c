/* status.c - GET /status: what is in force, how it came, and how the daemon is. */
#include "config.h"
#include "hubd/control/control_priv.h"

#include <stdio.h>

#include "hubd/config/certificate_check.h"
#include "hubd/queue/failover.h"
#include "hubd/spool/spool.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/tls/context.h"

static const char *const states[] = {
	[WATCH_CONNECTING] = "connecting", [WATCH_REFRESHING] = "refreshing",
	[WATCH_LIVE] = "live", [WATCH_DOWN] = "down",
};

static void put(json_t *o, const char *name, json_t *value)
{
	BUG_ON(value == NULL || json_object_set_new(o, name, value) != 0);
}

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Texts that come from elsewhere may not be UTF-8. */
static json_t *text(const char *s)
{
	json_t *value;

	if (s == NULL)
		return json_null();
	value = json_string(s);
	return value != NULL ? value : json_string("(not UTF-8)");
}

/* Hosts that people name and that are none: as many as people may have made up. */
enum { HOMELESS_SHOWN = 50 };

struct homeless {
	const struct snapshot *s;
	json_t *warnings;
	unsigned int shown;
};

/* Mail for these ends with a report 5.1.1 (routing.md section 4). */
static bool warn_homeless(const char *host, size_t count, void *ctx)
{
	const char *have = count == 1 ? "recipient has" : "recipients have";
	struct homeless *h = ctx;
	char line[400];

	if (*host == '\0')
		snprintf(line, sizeof(line), "%zu %s no mailHost", count, have);
	else if (snapshot_mailbox_server(h->s, host) == NULL)
		snprintf(line, sizeof(line), "%zu %s mailHost %.255s, which names no mailbox "
			"server", count, have, host);
	else
		return true;
	if (h->shown++ == HOMELESS_SHOWN) {
		json_array_append_new(h->warnings, text("and more recipients whose mailHost names "
			"no mailbox server"));
		return false;
	}
	json_array_append_new(h->warnings, text(line));
	return true;
}

static void put_snapshot(json_t *o, const struct snapshot *s, const struct recipients *people)
{
	json_t *rejected = json_array(), *warnings = json_array();
	size_t i;

	for (i = 0; s != NULL && i < s->rejection_count; i++) {
		json_t *r = json_object();

		put(r, "dn", text(s->rejections[i].dn));
		put(r, "object_class", text(s->rejections[i].object_class));
		put(r, "reason", text(s->rejections[i].reason));
		put(r, "last_good", json_boolean(s->rejections[i].last_good));
		json_array_append_new(rejected, r);
	}
	for (i = 0; s != NULL && i < s->warning_count; i++)
		json_array_append_new(warnings, text(s->warnings[i]));
	if (s != NULL && people != NULL && recipients_loaded(people))
		recipients_homes(people, warn_homeless, &(struct homeless){ s, warnings, 0 });
	put(o, "fingerprint", text(s != NULL ? s->fingerprint : NULL));
	put(o, "visible_fingerprint", text(s != NULL ? s->visible_fingerprint : NULL));
	put(o, "generation", s != NULL ? number(s->generation) : json_null());
	put(o, "age_s", s != NULL ? json_integer((clock_wall_ms() - s->built_ms) / 1000) :
		json_null());
	put(o, "rejected", rejected);
	put(o, "warnings", warnings);
}

/* NULL = not known, or the snapshot that has it is not in force yet */
static const char *newest_change(const struct control *c, const struct mirror_status *m)
{
	return *m->csn != '\0' && control_is_settled(c) ? m->csn : NULL;
}

static void put_directory(json_t *o, const struct control *c)
{
	struct mirror_status m;
	struct recipients *r = mirror_recipients(c->cfg.mirror);
	json_t *directory = json_object(), *recipients = json_object();

	mirror_status(c->cfg.mirror, &m);
	put(directory, "state", text(states[m.state]));
	put(directory, "uri", text(m.uri));
	put(directory, "error", text(m.error != NULL && *m.error != '\0' ? m.error : NULL));
	put(directory, "newest_change", text(newest_change(c, &m)));
	put(directory, "held", text(m.held));
	put(o, "directory", directory);
	put(o, "from_cache", json_boolean(m.from_cache));
	put(o, "in_step_since_ms", m.in_step_since_ms != 0 ? json_integer(m.in_step_since_ms) :
		json_null());
	put(recipients, "count", number(m.recipients));
	put(recipients, "loaded", json_boolean(r != NULL && recipients_loaded(r)));
	put(recipients, "state", text(states[m.recipients_state]));
	put(recipients, "held", text(m.recipients_held));
	put(o, "recipients", recipients);
}

static void put_binding(const char *binding, const char *problem, void *ctx)
{
	json_t *o = json_object();

	put(o, "binding", text(binding));
	put(o, "problem", text(problem));
	json_array_append_new(ctx, o);
}

static void put_spool(json_t *o, const struct control *c)
{
	struct spool_stats s;
	json_t *spool = json_object();

	spool_stats(c->cfg.spool, &s);
	put(spool, "messages", number(s.messages));
	put(spool, "accepting", json_boolean(s.accepting));
	put(spool, "committed", number(s.committed));
	put(spool, "refused", number(s.refused));
	put(spool, "segments", number(s.segments));
	put(o, "spool", spool);
}

static void put_queues(json_t *o, const struct control *c)
{
	struct queue_stats s;
	json_t *queues = json_object();

	queues_stats(c->cfg.queues, &s);
	put(queues, "queues", number(s.queues));
	put(queues, "retry_queues", number(s.retry_queues));
	put(queues, "messages", number(s.messages));
	put(queues, "connections", number(s.connections));
	put(queues, "delivered", number(s.delivered));
	put(queues, "relayed", number(s.relayed));
	put(queues, "deferred", number(s.deferred));
	put(queues, "failed", number(s.failed));
	put(queues, "expired", number(s.expired));
	put(o, "queues", queues);
}

static json_t *time_text(int64_t wall_ms)
{
	char buf[40];

	clock_rfc3339(wall_ms, buf, sizeof(buf));
	return json_string(buf);
}

static void put_failed(const struct failover_row *row, void *ctx)
{
	json_t *o = json_object();

	put(o, "connector", text(row->connector));
	put(o, "since", time_text(row->since_ms));
	put(o, "next_probe", time_text(row->next_probe_ms));
	put(o, "reason", text(row->reason));
	json_array_append_new(ctx, o);
}

static void put_certificate(const char *connector, const char *name, const char *problem, void *ctx)
{
	json_t *o = json_object();

	put(o, "connector", text(connector));
	put(o, "name", text(name));
	put(o, "problem", text(problem));
	json_array_append_new(ctx, o);
}

json_t *control_status(const struct control *c)
{
	json_t *o = json_object(), *listeners = json_array(), *failed = json_array(),
		*missing = json_array();
	const char *key = c->tls != NULL ? tls_context_key_digest(c->tls) : NULL;

	put(o, "server", text(c->cfg.settings->common.server));
	put(o, "version", text(PACKAGE_VERSION));
	/* what the mirror has, also while this server is not allowed to act on it */
	put_snapshot(o, control_snapshot(c), mirror_recipients(c->cfg.mirror));
	put(o, "in_force", json_boolean(c->live != NULL));
	put_directory(o, c);
	c->cfg.each_binding(c->cfg.ctx, put_binding, listeners);
	put(o, "listeners", listeners);
	put(o, "connections", number(c->cfg.connections(c->cfg.ctx)));
	put_spool(o, c);
	put_queues(o, c);
	failover_each(c->cfg.failover, put_failed, failed);
	put(o, "failed_connectors", failed);
	if (c->live != NULL)
		certificate_check_each(c->live, put_certificate, missing);
	put(o, "missing_certificates", missing);
	put(o, "key_digest", text(key));
	put(o, "key_in_directory", json_boolean(key != NULL && c->live != NULL &&
		server_has_key(c->live->self, key)));
	return o;
}
