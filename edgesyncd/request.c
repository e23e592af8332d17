/* request.c - what edgesyncd is asked over its administration endpoint.
 *
 * A request to push or to look goes to all the edges it means at the same time; the answer leaves
 * when the last of them is done. How long that may take the targets bound.
 */
#include <event2/buffer.h>
#include <string.h>

#include "edgesyncd/control_priv.h"
#include "libhub/admin/answer.h"
#include "libhub/admin/answer_mirror.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum { DIFFERENCES_MAX = 10000 };	/* told of one edge; the rest is counted */

/* --- what is told --- */

static void serve_status(struct admin_call *call, void *ctx)
{
	json_t *status = control_status(ctx);

	admin_answer_json(call, HTTP_OK, status);
	json_decref(status);
}

static void serve_metrics(struct admin_call *call, void *ctx)
{
	struct evbuffer *out = evbuffer_new();

	BUG_ON(out == NULL);
	control_metrics(ctx, out);
	admin_answer_metrics(call, out);
	evbuffer_free(out);
}

/* --- what is done --- */

/* What was asked for; texts live in the body. */
struct order {
	const char *edge, *address;
	bool full, allow_loss;
};

struct work;

/* What one edge is asked, and what has come of it. */
struct part {
	struct work *work;
	char *name;
	json_t *result;
	json_t *differences;
	size_t left_out;
};

struct work {
	struct control *control;
	struct admin_call *call;
	json_t *body;
	struct order order;
	struct part *parts;
	size_t n, pending;
	void (*finish)(struct part *part);	/* adds what is told when all are done */
};

static void work_free(struct work *w)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		free(w->parts[i].name);
		json_decref(w->parts[i].result);
		json_decref(w->parts[i].differences);
	}
	free(w->parts);
	json_decref(w->body);
	free(w);
}

static void work_cancel(void *ctx)
{
	struct work *w = ctx;
	size_t i;

	for (i = 0; i < w->n; i++)
		targets_forget(w->control->cfg.targets, &w->parts[i]);
	work_free(w);
}

static void work_answer(struct work *w)
{
	json_t *o = json_object(), *edges = json_array();
	size_t i;

	for (i = 0; i < w->n; i++) {
		w->finish(&w->parts[i]);
		json_array_append(edges, w->parts[i].result);
	}
	answer_put(o, "server", answer_text(w->control->cfg.settings->common.server));
	answer_mirror_put(o, w->control->cfg.mirror, true);
	answer_put(o, "edges", edges);
	admin_answer_json(w->call, HTTP_OK, o);
	json_decref(o);
	work_free(w);
}

static void part_done(struct part *part)
{
	if (--part->work->pending == 0)
		work_answer(part->work);
}

static void add_part(const struct target_status *s, void *ctx)
{
	struct work *w = ctx;

	w->parts = xrealloc(w->parts, (w->n + 1) * sizeof(*w->parts));
	w->parts[w->n++] = (struct part){ .work = w, .name = xstrdup(s->name),
		.result = json_object() };
}

static int read_text(const json_t *body, const char *name, const char **out, struct err *e)
{
	const json_t *value = json_object_get(body, name);

	*out = json_string_value(value);
	if (value == NULL || json_is_null(value) || *out != NULL)
		return 0;
	return err_set(e, ERR_PERM, 0, "%s must be a text", name);
}

static int read_flag(const json_t *body, const char *name, bool *out, struct err *e)
{
	const json_t *value = json_object_get(body, name);

	*out = json_is_true(value);
	if (value == NULL || json_is_boolean(value))
		return 0;
	return err_set(e, ERR_PERM, 0, "%s must be true or false", name);
}

static int read_order(const json_t *body, struct order *o, struct err *e)
{
	if (!json_is_object(body))
		return err_set(e, ERR_PERM, 0, "body is no JSON object");
	if (read_text(body, "edge", &o->edge, e) != 0 ||
		read_text(body, "verify", &o->address, e) != 0 ||
		read_flag(body, "full", &o->full, e) != 0)
		return -1;
	return read_flag(body, "allow_loss", &o->allow_loss, e);
}

/* The edges that are meant. NULL: the call has been answered. */
static struct work *work_new(struct control *c, struct admin_call *call)
{
	struct work *w = xcalloc(1, sizeof(*w));
	struct target_status s;
	struct err e;

	w->control = c;
	w->call = call;
	w->body = admin_call_body(call, &e);
	if (w->body == NULL || read_order(w->body, &w->order, &e) != 0) {
		admin_answer_error(call, HTTP_BADREQUEST, "%s", e.text);
		work_free(w);
		return NULL;
	}
	if (w->order.edge == NULL) {
		targets_each(c->cfg.targets, add_part, w);
	} else if (targets_status(c->cfg.targets, w->order.edge, &s)) {
		add_part(&s, w);
	} else {
		admin_answer_error(call, HTTP_NOTFOUND, "%s knows no edge %s: it is not "
			"subscribed to this hub's site, or its subscription is not in force",
			c->cfg.settings->common.server, w->order.edge);
		work_free(w);
		return NULL;
	}
	return w;
}

/* begin fails at once, or calls back later. */
static void work_begin(struct work *w, int (*begin)(struct part *part, struct err *e))
{
	struct err e;
	size_t i;

	admin_call_wait(w->call, work_cancel, w);
	/* one more, lest it be answered before the last was begun */
	w->pending = w->n + 1;
	for (i = 0; i < w->n; i++) {
		if (begin(&w->parts[i], &e) == 0)
			continue;
		answer_put(w->parts[i].result, "error", answer_text(e.text));
		w->pending--;
	}
	if (--w->pending == 0)
		work_answer(w);
}

/* --- start --- */

static void on_started(const struct push_result *r, void *ctx)
{
	struct part *part = ctx;
	size_t i;

	for (i = 0; i < PUSH_TYPES; i++)
		answer_put(part->result, push_type_names[i], control_counts(&r->counts[i]));
	answer_put(part->result, "error", answer_text(r->error));
	answer_put(part->result, "held", answer_text(r->held));
	part_done(part);
}

static int begin_start(struct part *part, struct err *e)
{
	const struct order *o = &part->work->order;

	answer_put(part->result, "name", answer_text(part->name));
	return targets_start(part->work->control->cfg.targets, part->name, o->full, o->allow_loss,
		on_started, part, e);
}

static void finish_start(struct part *part)
{
	json_t *o = part->result, *error = json_object_get(o, "error"),
		*held = json_object_get(o, "held");

	answer_put(o, "in_step", json_boolean(!json_is_string(error) && !json_is_string(held)));
}

static void serve_start(struct admin_call *call, void *ctx)
{
	struct work *w;

	if (admin_call_right(call) != ADMIN_ALL) {
		admin_answer_error(call, 403, "not allowed: start needs Organization Management or "
			"Server Management");
		return;
	}
	w = work_new(ctx, call);
	if (w == NULL)
		return;
	w->finish = finish_start;
	log_event(LOG_LEVEL_INFO, "administration", LOG_STR("who", admin_call_who(call)),
		LOG_STR("op", "start"), LOG_STR("edge", w->order.edge),
		LOG_STR("full", w->order.full ? "yes" : "no"),
		LOG_STR("allow_loss", w->order.allow_loss ? "yes" : "no"), LOG_END);
	work_begin(w, begin_start);
}

/* --- test --- */

static void on_difference(enum push_type type, enum push_difference what, const char *name,
	void *ctx)
{
	struct part *part = ctx;
	json_t *o;

	if (json_array_size(part->differences) == DIFFERENCES_MAX) {
		part->left_out++;
		return;
	}
	o = json_object();
	answer_put(o, "data", answer_text(push_type_names[type]));
	answer_put(o, "what", answer_text(push_difference_names[what]));
	answer_put(o, "object", answer_text(name));
	json_array_append_new(part->differences, o);
}

static void put_comparison(struct part *part, const struct push_comparison *r)
{
	json_t *counts = json_object();
	size_t i;

	for (i = 0; i < PUSH_TYPES; i++)
		answer_put(counts, push_type_names[i], control_counts(&r->counts[i]));
	answer_put(part->result, "comparison", counts);
	answer_put(part->result, "different", answer_number(r->differences));
	answer_put(part->result, "differences", json_incref(part->differences));
	answer_put(part->result, "differences_left_out", answer_number(part->left_out));
}

static void put_verified(struct part *part, const struct push_verified *v)
{
	json_t *o = json_object();

	answer_put(o, "address", answer_text(part->work->order.address));
	answer_put(o, "here", json_boolean(v->here));
	answer_put(o, "edge", json_boolean(v->edge));
	answer_put(part->result, "verified", o);
}

static void on_compared(const struct push_comparison *r, void *ctx)
{
	struct part *part = ctx;

	if (r->error != NULL)
		answer_put(part->result, "error", answer_text(r->error));
	else if (part->work->order.full)
		put_comparison(part, r);
	if (r->error == NULL && r->verified.asked)
		put_verified(part, &r->verified);
	part_done(part);
}

static int begin_test(struct part *part, struct err *e)
{
	static const struct pusher_compare_callbacks cbs = { on_difference, on_compared };
	const struct order *o = &part->work->order;

	part->differences = json_array();
	return targets_compare(part->work->control->cfg.targets, part->name, o->full, o->address,
		&cbs, part, e);
}

/* How the edge is after it was looked at, with what was found. */
static void finish_test(struct part *part)
{
	struct target_status s;
	json_t *now;

	if (!targets_status(part->work->control->cfg.targets, part->name, &s)) {
		answer_put(part->result, "name", answer_text(part->name));
		answer_put(part->result, "error", answer_text("its subscription has ended"));
		return;
	}
	now = control_edge(&s, json_object_get(part->result, "error") == NULL);
	/* what the look has found says more than the state */
	json_object_update(now, part->result);
	/* but not of why there is no connection, of which it has only the beginning */
	if ((s.state == TARGET_WAITING || s.state == TARGET_CONNECTING) && s.error != NULL)
		answer_put(now, "error", answer_text(s.error));
	json_decref(part->result);
	part->result = now;
}

static void serve_test(struct admin_call *call, void *ctx)
{
	struct work *w = work_new(ctx, call);

	if (w == NULL)
		return;
	w->finish = finish_test;
	work_begin(w, begin_test);
}

const struct admin_route control_routes[] = {
	{ "/status", EVHTTP_REQ_GET, serve_status },
	{ "/metrics", EVHTTP_REQ_GET, serve_metrics },
	{ "/start", EVHTTP_REQ_POST, serve_start },
	{ "/test", EVHTTP_REQ_POST, serve_test },
	{ NULL, EVHTTP_REQ_GET, NULL },
};
