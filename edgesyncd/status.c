/* status.c - GET /status: the organization as it is known here, and how each edge is. */
#include "config.h"
#include "edgesyncd/control_priv.h"

#include "libhub/admin/answer.h"
#include "libhub/admin/answer_mirror.h"
#include "libhub/base/clock.h"

/* --- an edge --- */

static bool is_text(const char *s)
{
	return s != NULL && *s != '\0';
}

static json_t *known_s(int64_t wall_s)
{
	return answer_known_time(wall_s * 1000);
}

/* 0 = not known. */
static json_t *age(int64_t since_ms)
{
	return since_ms != 0 ? json_integer((clock_wall_ms() - since_ms) / 1000) : json_null();
}

json_t *control_counts(const struct push_counts *n)
{
	json_t *o = json_object();

	answer_put(o, "scanned", answer_number(n->scanned));
	answer_put(o, "added", answer_number(n->added));
	answer_put(o, "changed", answer_number(n->changed));
	answer_put(o, "deleted", answer_number(n->deleted));
	answer_put(o, "failed", answer_number(n->failed));
	return o;
}

static json_t *side_json(const struct push_status *p, const struct push_side *side)
{
	json_t *o = json_object();

	answer_put(o, "here", answer_known_text(side->here));
	answer_put(o, "edge", answer_known_text(side->edge));
	/* who only observes has not counted what differs */
	answer_put(o, "count", is_text(side->here) && side->counted &&
		(side->in_step || !p->observes) ? answer_number(side->count) : json_null());
	answer_put(o, "pushed", answer_known_time(side->pushed_ms));
	answer_put(o, "compared", answer_known_time(side->compared_ms));
	answer_put(o, "age_s", age(side->pushed_ms));
	answer_put(o, "held", answer_known_text(side->held));
	answer_put(o, "error", answer_known_text(side->error));
	answer_put(o, "pushes", answer_number(side->pushes));
	answer_put(o, "failures", answer_number(side->failures));
	answer_put(o, "repaired", answer_number(side->repaired));
	answer_put(o, "total", control_counts(&side->total));
	return o;
}

static json_t *lease_json(const struct target_status *s)
{
	json_t *o = json_object();

	answer_put(o, "holder", answer_known_text(s->lease_holder));
	answer_put(o, "expiry", known_s(s->lease_expiry));
	answer_put(o, "mine", json_boolean(s->lease_mine));
	answer_put(o, "preferred", answer_known_text(s->lease_preferred));
	return o;
}

static json_t *hubs_json(const struct target_status *s)
{
	json_t *list = json_array(), *o;
	size_t i;

	for (i = 0; i < s->n_hubs; i++) {
		o = json_object();
		answer_put(o, "name", answer_text(s->hubs[i].name));
		answer_put(o, "enrolled", json_boolean(s->hubs[i].enrolled));
		answer_put(o, "account_expires", known_s(s->hubs[i].account_expires));
		json_array_append_new(list, o);
	}
	return list;
}

/* The first of what is wrong. */
static const char *worst(const char *first, const char *second, const char *third)
{
	return is_text(first) ? first : is_text(second) ? second : third;
}

/*
 * Of an edge that is not reached nobody knows what stands there now; nor does who only observes it,
 * once what should stand there has changed since he looked.
 */
int control_in_step(const struct target_status *s, enum push_type type, bool looked)
{
	const struct push_side *side = &s->push.side[type];

	if (s->state == TARGET_WAITING || s->state == TARGET_CONNECTING || !is_text(side->here) ||
		!is_text(side->edge))
		return -1;
	return side->in_step ? 1 : s->push.observes && !looked ? -1 : 0;
}

static json_t *in_step(const struct target_status *s, enum push_type type, bool looked)
{
	int known = control_in_step(s, type, looked);

	return known >= 0 ? json_boolean(known) : json_null();
}

/* What stands there is at least so old; of both halves the older one counts. */
static int64_t pushed_ms(const struct push_status *p)
{
	int64_t a = p->side[PUSH_CONFIGURATION].pushed_ms, b = p->side[PUSH_RECIPIENTS].pushed_ms;

	return a < b ? a : b;
}

static void put_push(json_t *o, const struct target_status *s, bool looked)
{
	const struct push_status *p = &s->push;
	const struct push_side *side = p->side;
	json_t *steps = json_object(), *fingerprint = json_object();
	enum push_type i;

	for (i = 0; i < PUSH_TYPES; i++)
		answer_put(steps, push_type_names[i], in_step(s, i, looked));
	answer_put(fingerprint, "here", answer_known_text(p->here_fingerprint));
	answer_put(fingerprint, "edge",
		answer_known_text(side[PUSH_CONFIGURATION].edge_fingerprint));
	answer_put(o, "in_step", steps);
	answer_put(o, "fingerprint", fingerprint);
	answer_put(o, "age_s", age(pushed_ms(p)));
	answer_put(o, "busy", json_boolean(p->busy));
	answer_put(o, "held", answer_known_text(worst(side[0].held, side[1].held, NULL)));
	answer_put(o, "error", answer_known_text(worst(s->error, side[0].error, side[1].error)));
	for (i = 0; i < PUSH_TYPES; i++)
		answer_put(o, push_type_names[i], side_json(p, &side[i]));
}

json_t *control_edge(const struct target_status *s, bool looked)
{
	json_t *o = json_object();

	answer_put(o, "name", answer_text(s->name));
	answer_put(o, "site", answer_text(s->site));
	answer_put(o, "former_site", answer_known_text(s->former_site));
	answer_put(o, "state", answer_text(target_state_names[s->state]));
	answer_put(o, "uri", answer_known_text(s->uri));
	put_push(o, s, looked);
	answer_put(o, "error_since", is_text(s->error) ? answer_known_time(s->error_ms) :
		json_null());
	answer_put(o, "lease", lease_json(s));
	answer_put(o, "hubs", hubs_json(s));
	answer_put(o, "certificate_expires", known_s(s->certificate_expires));
	answer_put(o, "account_expires", known_s(s->account_expires));
	answer_put(o, "connects", answer_number(s->connects));
	answer_put(o, "failures", answer_number(s->failures));
	answer_put(o, "leases_taken", answer_number(s->leases));
	answer_put(o, "leases_lost", answer_number(s->leases_lost));
	return o;
}

/* --- all --- */

static void add_edge(const struct target_status *s, void *ctx)
{
	json_array_append_new(ctx, control_edge(s, false));
}

json_t *control_status(const struct control *c)
{
	const struct snapshot *s = mirror_snapshot(c->cfg.mirror);
	json_t *o = json_object(), *edges = json_array();

	answer_put(o, "server", answer_text(c->cfg.settings->common.server));
	answer_put(o, "version", answer_text(PACKAGE_VERSION));
	answer_put(o, "fingerprint", answer_text(s != NULL ? s->fingerprint : NULL));
	answer_put(o, "age_s", age(s != NULL ? s->built_ms : 0));
	answer_mirror_put(o, c->cfg.mirror, true);
	targets_each(c->cfg.targets, add_edge, edges);
	answer_put(o, "edges", edges);
	return o;
}
