/* request.c - what hubd is asked over its administration endpoint. */
#include <event2/buffer.h>
#include <string.h>
#include <utlist.h>

#include "hubd/control/control_priv.h"
#include "hubd/queue/admin.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* --- queues --- */

/* A request to the queues that is under way. */
struct queue_call {
	struct admin_call *call;
	struct queue_admin_op *op;
};

static void on_queue_answer(json_t *answer, void *ctx)
{
	struct queue_call *q = ctx;

	admin_answer_json(q->call, HTTP_OK, answer);
	free(q);
}

static void cancel_queue(void *ctx)
{
	struct queue_call *q = ctx;

	queue_admin_cancel(&q->op);
	free(q);
}

static bool is_reading(const char *op)
{
	return strcmp(op, "queue-list") == 0 || strcmp(op, "message-list") == 0 ||
		strcmp(op, "message-get") == 0;
}

static void log_change(const struct admin_call *call, const char *op, const json_t *body)
{
	log_event(LOG_LEVEL_INFO, "administration", LOG_STR("who", admin_call_who(call)),
		LOG_STR("op", op),
		LOG_STR("queue", json_string_value(json_object_get(body, "queue"))),
		LOG_STR("message", json_string_value(json_object_get(body, "message"))), LOG_END);
}

static void start_queue(struct control *c, struct admin_call *call, const char *op,
	json_t *body)
{
	struct queue_call *q = xcalloc(1, sizeof(*q));

	q->call = call;
	if (!is_reading(op))
		log_change(call, op, body);
	admin_call_wait(call, cancel_queue, q);
	q->op = queue_admin_start(c->queue_admin, body, on_queue_answer, q);
}

static void serve_queue(struct admin_call *call, void *ctx)
{
	struct err e;
	json_t *body = admin_call_body(call, &e);
	const char *op = json_string_value(json_object_get(body, "op"));

	if (body == NULL)
		admin_answer_error(call, HTTP_BADREQUEST, "%s", e.text);
	else if (op == NULL)
		admin_answer_error(call, HTTP_BADREQUEST, "body needs a member \"op\" with a text");
	else if (admin_call_right(call) != ADMIN_ALL && !is_reading(op))
		admin_answer_error(call, 403, "not allowed: %s needs Organization Management or "
			"Server Management", op);
	else
		start_queue(ctx, call, op, body);
	json_decref(body);
}

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

const struct admin_route control_routes[] = {
	{ "/status", EVHTTP_REQ_GET, serve_status },
	{ "/metrics", EVHTTP_REQ_GET, serve_metrics },
	{ "/queue", EVHTTP_REQ_POST, serve_queue },
	{ NULL, EVHTTP_REQ_GET, NULL },
};
