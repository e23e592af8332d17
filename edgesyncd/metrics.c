/* metrics.c - GET /metrics: the facts of /status, as OpenMetrics text. */
#include <event2/buffer.h>
#include <stdio.h>

#include "edgesyncd/control_priv.h"
#include "libhub/admin/answer.h"
#include "libhub/admin/answer_mirror.h"
#include "libhub/base/mem.h"

/* --- of an edge --- */

struct edges {
	struct target_status *v;
	size_t n;
};

struct edge_metric {
	const char *name, *help;
	enum answer_metric kind;
	uint64_t (*get)(const struct target_status *s);
};

static bool is_text(const char *s)
{
	return s != NULL && *s != '\0';
}

static uint64_t connected(const struct target_status *s)
{
	return s->state != TARGET_WAITING && s->state != TARGET_CONNECTING;
}

static uint64_t failing(const struct target_status *s)
{
	return is_text(s->error) || is_text(s->push.side[PUSH_CONFIGURATION].error) ||
		is_text(s->push.side[PUSH_RECIPIENTS].error);
}

static uint64_t lease_mine(const struct target_status *s)
{
	return s->lease_mine;
}

static uint64_t leased(const struct target_status *s)
{
	return is_text(s->lease_holder);
}

static uint64_t lease_expiry(const struct target_status *s)
{
	return (uint64_t)s->lease_expiry;
}

static uint64_t moving(const struct target_status *s)
{
	return is_text(s->former_site);
}

static uint64_t hubs(const struct target_status *s)
{
	return s->n_hubs;
}

static uint64_t hubs_enrolled(const struct target_status *s)
{
	uint64_t n = 0;
	size_t i;

	for (i = 0; i < s->n_hubs; i++)
		n += s->hubs[i].enrolled;
	return n;
}

static uint64_t certificate_expires(const struct target_status *s)
{
	return (uint64_t)s->certificate_expires;
}

static uint64_t account_expires(const struct target_status *s)
{
	return (uint64_t)s->account_expires;
}

static uint64_t connects(const struct target_status *s)
{
	return s->connects;
}

static uint64_t failures(const struct target_status *s)
{
	return s->failures;
}

static uint64_t leases(const struct target_status *s)
{
	return s->leases;
}

static uint64_t leases_lost(const struct target_status *s)
{
	return s->leases_lost;
}

static const struct edge_metric edge_metrics[] = {
	{ "edge_connected", "1 while the edge's directory is connected.", ANSWER_GAUGE, connected },
	{ "edge_failing", "1 while the last try at the edge has failed.", ANSWER_GAUGE, failing },
	{ "edge_lease_mine", "1 while this hub holds the edge's lease.", ANSWER_GAUGE, lease_mine },
	{ "edge_leased", "1 while some hub is known to hold the edge's lease.", ANSWER_GAUGE,
		leased },
	{ "edge_lease_expiry_timestamp_seconds", "When the lease ends, by the edge's clock; 0 if "
		"not known.", ANSWER_GAUGE, lease_expiry },
	{ "edge_moving", "1 while the hubs of its former site hand the edge over.", ANSWER_GAUGE,
		moving },
	{ "edge_hubs", "Enabled hubs of the edge's site.", ANSWER_GAUGE, hubs },
	{ "edge_hubs_enrolled", "Those of them with an account on the edge.", ANSWER_GAUGE,
		hubs_enrolled },
	{ "edge_certificate_expiry_timestamp_seconds", "When the certificate of the edge's "
		"directory ends; 0 if not seen.", ANSWER_GAUGE, certificate_expires },
	{ "edge_account_expiry_timestamp_seconds", "When this hub's account on the edge ends; 0 "
		"without one.", ANSWER_GAUGE, account_expires },
	{ "edge_connects", "Connections to the edge's directory.", ANSWER_COUNTER, connects },
	{ "edge_connection_failures", "Tries to connect that failed, and connections lost.",
		ANSWER_COUNTER, failures },
	{ "edge_leases", "Times that this hub took the lease.", ANSWER_COUNTER, leases },
	{ "edge_leases_lost", "Times that it lost the lease without giving it back.",
		ANSWER_COUNTER, leases_lost },
};

/* --- of one kind of data on an edge --- */

struct side_metric {
	const char *name, *help;
	enum answer_metric kind;
	uint64_t (*get)(const struct push_side *side);
};

static uint64_t is_held(const struct push_side *side)
{
	return is_text(side->held);
}

static uint64_t count(const struct push_side *side)
{
	return side->count;
}

static uint64_t pushed(const struct push_side *side)
{
	return (uint64_t)side->pushed_ms / 1000;
}

static uint64_t compared(const struct push_side *side)
{
	return (uint64_t)side->compared_ms / 1000;
}

static uint64_t pushes(const struct push_side *side)
{
	return side->pushes;
}

static uint64_t push_failures(const struct push_side *side)
{
	return side->failures;
}

static uint64_t repaired(const struct push_side *side)
{
	return side->repaired;
}

static uint64_t scanned(const struct push_side *side)
{
	return side->total.scanned;
}

static uint64_t added(const struct push_side *side)
{
	return side->total.added;
}

static uint64_t changed(const struct push_side *side)
{
	return side->total.changed;
}

static uint64_t deleted(const struct push_side *side)
{
	return side->total.deleted;
}

static uint64_t refused(const struct push_side *side)
{
	return side->total.failed;
}

static const struct side_metric side_metrics[] = {
	{ "edge_held", "1 while a push is held since it would take away too much.", ANSWER_GAUGE,
		is_held },
	{ "edge_objects", "Objects or addresses on the edge.", ANSWER_GAUGE, count },
	{ "edge_pushed_timestamp_seconds", "When what stands there was last pushed or found right; "
		"0 if never.", ANSWER_GAUGE, pushed },
	{ "edge_compared_timestamp_seconds", "When all of it was last read; 0 if never.",
		ANSWER_GAUGE, compared },
	{ "edge_pushes", "Pushes that came to their end.", ANSWER_COUNTER, pushes },
	{ "edge_push_failures", "Pushes that failed.", ANSWER_COUNTER, push_failures },
	{ "edge_repaired", "Objects or buckets that a comparison found different.", ANSWER_COUNTER,
		repaired },
	{ "edge_scanned", "Objects or addresses looked at.", ANSWER_COUNTER, scanned },
	{ "edge_added", "Objects or addresses added.", ANSWER_COUNTER, added },
	{ "edge_changed", "Objects or addresses changed.", ANSWER_COUNTER, changed },
	{ "edge_deleted", "Objects or addresses deleted.", ANSWER_COUNTER, deleted },
	{ "edge_refused", "Objects or addresses that the edge refused.", ANSWER_COUNTER, refused },
};

/* --- text --- */

enum { LABEL_MAX = 600 };

/* A label's value, escaped. */
static void escape(const char *value, char out[LABEL_MAX])
{
	size_t n = 0;

	for (; *value != '\0' && n + 3 < LABEL_MAX; value++) {
		if (*value == '\\' || *value == '"' || *value == '\n')
			out[n++] = '\\';
		out[n++] = *value == '\n' ? 'n' : *value;
	}
	out[n] = '\0';
}

static void print_edge_metric(struct evbuffer *out, const struct edge_metric *m,
	const struct edges *edges)
{
	char name[LABEL_MAX], labels[LABEL_MAX + 20];
	size_t i;

	answer_metric(out, m->kind, m->name, m->help);
	for (i = 0; i < edges->n; i++) {
		escape(edges->v[i].name, name);
		snprintf(labels, sizeof(labels), "{edge=\"%s\"}", name);
		answer_sample(out, m->kind, m->name, labels, m->get(&edges->v[i]));
	}
}

static void print_side_metric(struct evbuffer *out, const struct side_metric *m,
	const struct edges *edges)
{
	char name[LABEL_MAX], labels[LABEL_MAX + 60];
	size_t i, type;

	answer_metric(out, m->kind, m->name, m->help);
	for (i = 0; i < edges->n; i++) {
		escape(edges->v[i].name, name);
		for (type = 0; type < PUSH_TYPES; type++) {
			snprintf(labels, sizeof(labels), "{edge=\"%s\",data=\"%s\"}", name,
				push_type_names[type]);
			answer_sample(out, m->kind, m->name, labels,
				m->get(&edges->v[i].push.side[type]));
		}
	}
}

/* Where nobody knows there is no sample, lest it be taken for a no. */
static void print_in_step(struct evbuffer *out, const struct edges *edges)
{
	char name[LABEL_MAX], labels[LABEL_MAX + 60];
	enum push_type type;
	size_t i;
	int known;

	answer_metric(out, ANSWER_GAUGE, "edge_in_step", "1 while what should stand on the edge "
		"does; only where this hub knows.");
	for (i = 0; i < edges->n; i++) {
		escape(edges->v[i].name, name);
		for (type = 0; type < PUSH_TYPES; type++) {
			known = control_in_step(&edges->v[i], type, false);
			snprintf(labels, sizeof(labels), "{edge=\"%s\",data=\"%s\"}", name,
				push_type_names[type]);
			if (known >= 0)
				answer_sample(out, ANSWER_GAUGE, "edge_in_step", labels,
					(uint64_t)known);
		}
	}
}

static void add_edge(const struct target_status *s, void *ctx)
{
	struct edges *edges = ctx;

	edges->v = xrealloc(edges->v, (edges->n + 1) * sizeof(*edges->v));
	edges->v[edges->n++] = *s;
}

void control_metrics(const struct control *c, struct evbuffer *out)
{
	struct edges edges = { NULL, 0 };
	size_t i;

	targets_each(c->cfg.targets, add_edge, &edges);
	answer_mirror_metrics(out, c->cfg.mirror, mirror_snapshot(c->cfg.mirror));
	answer_gauge(out, "edges", "Edges of this hub's site.", edges.n);
	for (i = 0; i < sizeof(edge_metrics) / sizeof(edge_metrics[0]); i++)
		print_edge_metric(out, &edge_metrics[i], &edges);
	print_in_step(out, &edges);
	for (i = 0; i < sizeof(side_metrics) / sizeof(side_metrics[0]); i++)
		print_side_metric(out, &side_metrics[i], &edges);
	free(edges.v);
}
