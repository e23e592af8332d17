/* status_edge.c - what an edge has got from its organization: of GET /status, and as metrics. */
#include "hubd/control/control_priv.h"

#include "libhub/admin/answer.h"
#include "libhub/base/clock.h"

static json_t *part_json(const struct replica_part *p)
{
	json_t *o = json_object();

	answer_put(o, "in_step", json_boolean(p->in_step));
	answer_put(o, "incomplete_since", answer_known_time(p->incomplete_since_ms));
	answer_put(o, "reason", answer_known_text(p->reason));
	answer_put(o, "fingerprint", answer_known_text(p->fingerprint));
	answer_put(o, "holder", answer_known_text(p->holder));
	answer_put(o, "pushed", answer_known_time(p->time_ms));
	answer_put(o, "in_force_since", answer_known_time(p->in_force_since_ms));
	return o;
}

json_t *control_status_edge(const struct control *c)
{
	struct replica_status r;
	json_t *o;

	mirror_replica_status(c->cfg.mirror, &r);
	if (!r.subscribed && (c->live == NULL || c->live->self->role != ROLE_EDGE))
		return json_null();
	o = json_object();
	answer_put(o, "subscribed", json_boolean(r.subscribed));
	answer_put(o, "configuration", r.subscribed ? part_json(&r.configuration) : json_null());
	answer_put(o, "recipients", r.subscribed ? part_json(&r.recipients) : json_null());
	return o;
}

/* 0 where there is no time. */
static uint64_t seconds_since(int64_t wall_ms)
{
	int64_t now = clock_wall_ms();

	return wall_ms == 0 || wall_ms > now ? 0 : (uint64_t)(now - wall_ms) / 1000;
}

void control_metrics_edge(const struct control *c, struct evbuffer *out)
{
	struct replica_status r;

	mirror_replica_status(c->cfg.mirror, &r);
	if (!r.subscribed)
		return;
	answer_gauge(out, "edge_configuration_in_step", "1 while the configuration that is here "
		"is all that was pushed.", r.configuration.in_step);
	answer_gauge(out, "edge_configuration_incomplete_seconds", "Since a push began that is "
		"not complete.", seconds_since(r.configuration.incomplete_since_ms));
	answer_gauge(out, "edge_recipients_in_step", "1 while the recipients that are here are "
		"all that were pushed.", r.recipients.in_step);
	answer_gauge(out, "edge_recipients_incomplete_seconds", "Since a push of recipients began "
		"that is not complete.", seconds_since(r.recipients.incomplete_since_ms));
}
