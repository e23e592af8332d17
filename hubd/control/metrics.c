/* metrics.c - GET /metrics: the counters at hand, as OpenMetrics text. */
#include <event2/buffer.h>
#include <stdio.h>

#include "hubd/control/control_priv.h"
#include "hubd/queue/failover.h"
#include "hubd/spool/spool.h"
#include "hubd/track/counters.h"
#include "libhub/admin/answer.h"
#include "libhub/admin/answer_mirror.h"

static void spool_metrics(const struct control *c, struct evbuffer *out)
{
	struct spool_stats s;

	spool_stats(c->cfg.spool, &s);
	answer_gauge(out, "spool_messages", "Messages in the spool.", s.messages);
	answer_gauge(out, "spool_segments", "Segment files in use.", s.segments);
	answer_gauge(out, "spool_accepting", "1 while messages are taken.", s.accepting);
	answer_counter(out, "spool_committed", "Messages made durable.", s.committed);
	answer_counter(out, "spool_refused", "Messages refused for lack of room or a failing disk.",
		s.refused);
	answer_counter(out, "spool_syncs", "Synchronizations with the disk.", s.syncs);
	answer_counter(out, "spool_written_bytes", "Bytes written to the spool.", s.bytes_written);
}

static void queue_metrics(const struct control *c, struct evbuffer *out)
{
	struct queue_stats s;

	queues_stats(c->cfg.queues, &s);
	answer_gauge(out, "queues", "Queues.", s.queues);
	answer_gauge(out, "queues_retry", "Queues whose next hop cannot be reached.",
		s.retry_queues);
	answer_gauge(out, "queue_messages", "Messages in queues.", s.messages);
	answer_gauge(out, "queue_connections", "Outgoing connections.", s.connections);
	answer_counter(out, "recipients_delivered", "Recipients delivered at their final place.",
		s.delivered);
	answer_counter(out, "recipients_relayed", "Recipients handed to the next hop.", s.relayed);
	answer_counter(out, "recipients_deferred", "Recipients put off.", s.deferred);
	answer_counter(out, "recipients_failed", "Recipients that failed.", s.failed);
	answer_counter(out, "recipients_expired", "Recipients given up for their age.", s.expired);
}

static void failover_metrics(const struct control *c, struct evbuffer *out)
{
	uint64_t failed, judged;

	failover_counts(c->cfg.failover, &failed, &judged);
	answer_gauge(out, "connectors_failed", "Send connectors of this server judged failed.",
		failed);
	answer_counter(out, "connector_failovers", "Times that a Send connector was judged failed.",
		judged);
}

static void configuration_metrics(const struct control *c, struct evbuffer *out)
{
	const struct snapshot *s = control_snapshot(c);

	answer_mirror_metrics(out, c->cfg.mirror, s);
	if (s == NULL)
		return;
	answer_gauge(out, "configuration_rejected_objects", "Objects that break a rule.",
		s->rejection_count);
	answer_gauge(out, "configuration_warnings", "References to nothing and the like.",
		s->warning_count);
}

/* The table of counters; those of one name share its lines of type and help. */
static void table_metrics(struct evbuffer *out)
{
	char labels[200];
	int i;

	for (i = 0; i < COUNTERS; i++) {
		const struct counter_row *r = counter_row((enum counter)i);

		if (r->help != NULL)
			answer_metric(out, ANSWER_COUNTER, r->name, r->help);
		if (r->label != NULL)
			snprintf(labels, sizeof(labels), "{%s=\"%s\"}", r->label, r->value);
		answer_sample(out, ANSWER_COUNTER, r->name, r->label != NULL ? labels : "",
			counter_get((enum counter)i));
	}
}

struct binding_count {
	uint64_t all, off;
};

static void count_binding(const char *binding, const char *problem, void *ctx)
{
	struct binding_count *n = ctx;

	(void)binding;
	n->all++;
	n->off += problem != NULL;
}

static void binding_metrics(const struct control *c, struct evbuffer *out)
{
	struct binding_count n = { 0, 0 };

	c->cfg.each_binding(c->cfg.ctx, count_binding, &n);
	answer_gauge(out, "bindings", "Bindings of Receive connectors.", n.all);
	answer_gauge(out, "bindings_off",
		"Bindings that are off, as where the host lacks the address.",
		n.off);
}

void control_metrics(const struct control *c, struct evbuffer *out)
{
	answer_gauge(out, "connections", "Incoming SMTP connections.",
		c->cfg.connections(c->cfg.ctx));
	binding_metrics(c, out);
	spool_metrics(c, out);
	queue_metrics(c, out);
	failover_metrics(c, out);
	configuration_metrics(c, out);
	control_metrics_edge(c, out);
	table_metrics(out);
}
