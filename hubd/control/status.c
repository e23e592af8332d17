/* status.c - GET /status: what is in force, how it came, and how the daemon is. */
#include "config.h"
#include "hubd/control/control_priv.h"

#include <stdio.h>

#include "hubd/config/certificate_check.h"
#include "hubd/queue/failover.h"
#include "hubd/spool/spool.h"
#include "libhub/admin/answer.h"
#include "libhub/admin/answer_mirror.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/tls/context.h"

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
		json_array_append_new(h->warnings,
			answer_text("and more recipients whose mailHost names "
			"no mailbox server"));
		return false;
	}
	json_array_append_new(h->warnings, answer_text(line));
	return true;
}

static void put_snapshot(json_t *o, const struct snapshot *s, const struct recipients *people)
{
	json_t *rejected = json_array(), *warnings = json_array();
	size_t i;

	for (i = 0; s != NULL && i < s->rejection_count; i++) {
		json_t *r = json_object();

		answer_put(r, "dn", answer_text(s->rejections[i].dn));
		answer_put(r, "object_class", answer_text(s->rejections[i].object_class));
		answer_put(r, "reason", answer_text(s->rejections[i].reason));
		answer_put(r, "last_good", json_boolean(s->rejections[i].last_good));
		json_array_append_new(rejected, r);
	}
	for (i = 0; s != NULL && i < s->warning_count; i++)
		json_array_append_new(warnings, answer_text(s->warnings[i]));
	if (s != NULL && people != NULL && !recipients_by_hash(people) &&
	    recipients_loaded(people))
		recipients_homes(people, warn_homeless, &(struct homeless){ s, warnings, 0 });
	answer_put(o, "fingerprint", answer_text(s != NULL ? s->fingerprint : NULL));
	answer_put(o, "visible_fingerprint",
		answer_text(s != NULL ? s->visible_fingerprint : NULL));
	answer_put(o, "generation", s != NULL ? answer_number(s->generation) : json_null());
	answer_put(o, "age_s", s != NULL ? json_integer((clock_wall_ms() - s->built_ms) / 1000) :
		json_null());
	answer_put(o, "rejected", rejected);
	answer_put(o, "warnings", warnings);
}

static void put_binding(const char *binding, const char *problem, void *ctx)
{
	json_t *o = json_object();

	answer_put(o, "binding", answer_text(binding));
	answer_put(o, "problem", answer_text(problem));
	json_array_append_new(ctx, o);
}

static void put_spool(json_t *o, const struct control *c)
{
	struct spool_stats s;
	json_t *spool = json_object();

	spool_stats(c->cfg.spool, &s);
	answer_put(spool, "messages", answer_number(s.messages));
	answer_put(spool, "accepting", json_boolean(s.accepting));
	answer_put(spool, "committed", answer_number(s.committed));
	answer_put(spool, "refused", answer_number(s.refused));
	answer_put(spool, "segments", answer_number(s.segments));
	answer_put(o, "spool", spool);
}

static void put_queues(json_t *o, const struct control *c)
{
	struct queue_stats s;
	json_t *queues = json_object();

	queues_stats(c->cfg.queues, &s);
	answer_put(queues, "queues", answer_number(s.queues));
	answer_put(queues, "retry_queues", answer_number(s.retry_queues));
	answer_put(queues, "messages", answer_number(s.messages));
	answer_put(queues, "connections", answer_number(s.connections));
	answer_put(queues, "delivered", answer_number(s.delivered));
	answer_put(queues, "relayed", answer_number(s.relayed));
	answer_put(queues, "deferred", answer_number(s.deferred));
	answer_put(queues, "failed", answer_number(s.failed));
	answer_put(queues, "expired", answer_number(s.expired));
	answer_put(o, "queues", queues);
}

static void put_failed(const struct failover_row *row, void *ctx)
{
	json_t *o = json_object();

	answer_put(o, "connector", answer_text(row->connector));
	answer_put(o, "since", answer_time(row->since_ms));
	answer_put(o, "next_probe", answer_time(row->next_probe_ms));
	answer_put(o, "reason", answer_text(row->reason));
	json_array_append_new(ctx, o);
}

static void put_certificate(const char *connector, const char *name, const char *problem, void *ctx)
{
	json_t *o = json_object();

	answer_put(o, "connector", answer_text(connector));
	answer_put(o, "name", answer_text(name));
	answer_put(o, "problem", answer_text(problem));
	json_array_append_new(ctx, o);
}

json_t *control_status(const struct control *c)
{
	json_t *o = json_object(), *listeners = json_array(), *failed = json_array(),
		*missing = json_array();
	const char *key = c->tls != NULL ? tls_context_key_digest(c->tls) : NULL;

	answer_put(o, "server", answer_text(c->cfg.settings->common.server));
	answer_put(o, "version", answer_text(PACKAGE_VERSION));
	/* what the mirror has, also while this server is not allowed to act on it */
	put_snapshot(o, control_snapshot(c), mirror_recipients(c->cfg.mirror));
	answer_put(o, "in_force", json_boolean(c->live != NULL));
	/* a change whose snapshot is not in force yet is not told */
	answer_mirror_put(o, c->cfg.mirror, control_is_settled(c));
	answer_put(o, "edge", control_status_edge(c));
	c->cfg.each_binding(c->cfg.ctx, put_binding, listeners);
	answer_put(o, "listeners", listeners);
	answer_put(o, "connections", answer_number(c->cfg.connections(c->cfg.ctx)));
	put_spool(o, c);
	put_queues(o, c);
	failover_each(c->cfg.failover, put_failed, failed);
	answer_put(o, "failed_connectors", failed);
	if (c->live != NULL)
		certificate_check_each(c->live, put_certificate, missing);
	answer_put(o, "missing_certificates", missing);
	answer_put(o, "key_digest", answer_text(key));
	answer_put(o, "key_in_directory", json_boolean(key != NULL && c->live != NULL &&
		server_has_key(c->live->self, key)));
	return o;
}
