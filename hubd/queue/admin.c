/* admin.c - see admin.h. One call travels to each worker and comes back with that worker's part. */
#include "hubd/queue/admin.h"

#include <inttypes.h>
#include <string.h>

#include "hubd/queue/queue_priv.h"
#include "libhub/base/clock.h"

enum { LIMIT = 1000 };

struct queue_admin {
	struct queues *queues;
	struct inbox *answers;
};

struct queue_admin_op {
	queue_admin_cb *cb;		/* NULL = cancelled */
	void *ctx;
	json_t *answer;
	uint32_t pending;
	size_t limit;
};

/* One worker's part, there and back. */
struct part {
	struct queue_call call;
	struct inbox_node back;
	struct queue_admin *admin;
	struct queue_admin_op *op;
	json_t *request, *answer;
};

/* --- what an operation is about --- */

static const char *text_of(json_t *request, const char *name)
{
	const char *s = json_string_value(json_object_get(request, name));

	return s != NULL ? s : "";
}

/* NULL when absent or null. */
static json_t *member(json_t *request, const char *name)
{
	json_t *j = json_object_get(request, name);

	return json_is_null(j) ? NULL : j;
}

static bool queue_matches(const struct queue *q, json_t *request)
{
	json_t *want = member(request, "queue");

	if (want == NULL)
		return true;
	if (json_is_integer(want))
		return (uint64_t)json_integer_value(want) == q->id;
	return strcmp(json_string_value(want) != NULL ? json_string_value(want) : "", q->name) == 0;
}

static void count_change(json_t *answer)
{
	json_t *n = json_object_get(answer, "changed");

	json_integer_set(n, json_integer_value(n) + 1);
}

/* --- queues --- */

static json_t *time_json(int64_t wall_ms)
{
	char buf[40];

	if (wall_ms == 0)
		return json_null();
	clock_rfc3339(wall_ms, buf, sizeof(buf));
	return json_string(buf);
}

static int64_t wall_of_mono(uint64_t mono_ms)
{
	return clock_wall_ms() + ((int64_t)mono_ms - (int64_t)clock_mono_ms());
}

/* Text that came with mail may hold any bytes. */
static json_t *any_text(const char *s)
{
	json_t *j = json_string(s != NULL ? s : "");

	return j != NULL ? j : json_string("(not UTF-8)");
}

static const char *category(enum queue_type type)
{
	return type == QUEUE_DNS_CONNECTOR || type == QUEUE_SMART_HOST_CONNECTOR ||
		type == QUEUE_FOREIGN_CONNECTOR || type == QUEUE_DELIVERY_AGENT ?
		"External" : "Internal";
}

static json_t *queue_json(const struct queue *q)
{
	json_t *j = json_object();

	json_object_set_new(j, "id", json_integer((json_int_t)q->id));
	json_object_set_new(j, "identity", any_text(q->name));
	json_object_set_new(j, "delivery_type", json_string(queue_type_names[q->key.type]));
	json_object_set_new(j, "next_hop_domain", any_text(q->domain));
	json_object_set_new(j, "next_hop_connector", any_text(q->connector));
	json_object_set_new(j, "next_hop_category", json_string(category(q->key.type)));
	json_object_set_new(j, "status", json_string(queue_status(q)));
	json_object_set_new(j, "connector_failed", json_boolean(q->set->live != NULL &&
		live_has_failed(q->set->live, q->connector)));
	json_object_set_new(j, "message_count", json_integer((json_int_t)queue_count(q)));
	json_object_set_new(j, "deferred_message_count", json_integer((json_int_t)q->n_waiting));
	json_object_set_new(j, "connections", json_integer((json_int_t)q->n_conns));
	json_object_set_new(j, "retry_count", json_integer((json_int_t)q->failures));
	json_object_set_new(j, "first_retry_time", time_json(q->first_retry_ms));
	json_object_set_new(j, "last_retry_time", time_json(q->last_retry_ms));
	json_object_set_new(j, "next_retry_time",
		time_json(q->in_retry ? wall_of_mono(q->retry_at_ms) : 0));
	json_object_set_new(j, "last_status", json_string(q->last_status));
	json_object_set_new(j, "last_error", any_text(q->last_error));
	return j;
}

static void op_queue_list(struct queue *q, json_t *request, json_t *answer)
{
	(void)request;
	json_array_append_new(json_object_get(answer, "queues"), queue_json(q));
}

static void op_queue_suspend(struct queue *q, json_t *request, json_t *answer)
{
	(void)request;
	q->suspended = true;
	count_change(answer);
}

static void op_queue_resume(struct queue *q, json_t *request, json_t *answer)
{
	(void)request;
	if (!q->suspended)
		return;
	q->suspended = false;
	count_change(answer);
	queue_run(q);
}

static void op_queue_retry(struct queue *q, json_t *request, json_t *answer)
{
	count_change(answer);
	if (json_is_true(json_object_get(request, "resubmit")))
		queue_resubmit(q);
	else
		queue_retry_now(q);
}

/* --- messages --- */

typedef void item_fn(struct queue_item *item, json_t *request, json_t *answer);

static json_t *message_json(const struct queue_item *item)
{
	const struct queue *q = item->queue;
	json_t *j = json_object(), *to = json_array();
	char id[SPOOL_ID_TEXT];
	uint32_t i;

	for (i = 0; i < item->env.recipient_count; i++)
		json_array_append_new(to, any_text(item->env.recipients[i].address));
	json_object_set_new(j, "id", json_string(spool_id_text(item->id, id)));
	json_object_set_new(j, "queue", any_text(q->name));
	json_object_set_new(j, "queue_id", json_integer((json_int_t)q->id));
	json_object_set_new(j, "status", json_string(item->removing ? "PendingRemove" :
		item->suspended && item->state == QUEUE_ITEM_ACTIVE ? "PendingSuspend" :
		item_state_names[item->state]));
	json_object_set_new(j, "from", any_text(item->env.sender));
	json_object_set_new(j, "recipients", to);
	json_object_set_new(j, "size", json_integer((json_int_t)item->body_size));
	json_object_set_new(j, "message_id", any_text(item->env.message_id));
	json_object_set_new(j, "subject", any_text(item->env.subject));
	json_object_set_new(j, "source", any_text(item->env.connector));
	json_object_set_new(j, "source_ip", any_text(item->env.peer_address));
	json_object_set_new(j, "received", time_json(item->env.received_ms));
	json_object_set_new(j, "expires", time_json(queue_item_expires_ms(item,
		q->set->live != NULL ? q->set->live : item->live)));
	json_object_set_new(j, "retry_count", json_integer((json_int_t)item->retry_count));
	json_object_set_new(j, "next_retry_time", time_json(item->state == QUEUE_ITEM_RETRY ?
		wall_of_mono(item->retry_at_ms) : 0));
	json_object_set_new(j, "last_status", json_string(item->last_status));
	json_object_set_new(j, "last_error", any_text(item->last_error));
	return j;
}

static void message_show(struct queue_item *item, json_t *request, json_t *answer)
{
	json_t *list = json_object_get(answer, "messages");

	(void)request;
	if (json_array_size(list) < (size_t)json_integer_value(json_object_get(answer, "limit")))
		json_array_append_new(list, message_json(item));
}

static void message_suspend(struct queue_item *item, json_t *request, json_t *answer)
{
	(void)request;
	/* filing it again would put it before us in the list that is walked just now */
	if (item->suspended)
		return;
	item->suspended = true;
	count_change(answer);
	queue_refile(item);
}

static void message_resume(struct queue_item *item, json_t *request, json_t *answer)
{
	(void)request;
	if (!item->suspended)
		return;
	item->suspended = false;
	item->retry_at_ms = 0;
	count_change(answer);
	queue_refile(item);
}

static void message_remove(struct queue_item *item, json_t *request, json_t *answer)
{
	bool report = !json_is_false(json_object_get(request, "report"));
	struct queue_set *s = item->queue->set;

	count_change(answer);
	item->removing = true;
	item->remove_silently = !report;
	if (item->state == QUEUE_ITEM_ACTIVE)
		return;		/* it may still succeed; queue.c sees to it if not */
	queue_take_out(item);
	outcome_fail(s, item, SPOOL_REMOVED, report, "5.7.0", "removed by an administrator");
}

static void each_of(struct item_list *list, bool all, uint64_t id, item_fn *fn, json_t *request,
	json_t *answer)
{
	struct queue_item *item, *next;

	for (item = TAILQ_FIRST(list); item != NULL; item = next) {
		next = TAILQ_NEXT(item, link);
		if (all || item->id == id)
			fn(item, request, answer);
	}
}

/* Messages that change lists are visited once: held first, as suspension only moves there. */
static void each_message(struct queue *q, item_fn *fn, json_t *request, json_t *answer)
{
	bool all = member(request, "message") == NULL;
	struct queue_conn *qc;
	uint64_t id = 0;

	if (!all && !spool_id_parse(text_of(request, "message"), &id))
		return;
	TAILQ_FOREACH(qc, &q->conns, link)
		if (qc->item != NULL && (all || qc->item->id == id))
			fn(qc->item, request, answer);
	each_of(&q->held, all, id, fn, request, answer);
	each_of(&q->ready, all, id, fn, request, answer);
	each_of(&q->waiting, all, id, fn, request, answer);
}

static void op_message_show(struct queue *q, json_t *request, json_t *answer)
{
	each_message(q, message_show, request, answer);
}

static void op_message_suspend(struct queue *q, json_t *request, json_t *answer)
{
	each_message(q, message_suspend, request, answer);
}

static void op_message_resume(struct queue *q, json_t *request, json_t *answer)
{
	each_message(q, message_resume, request, answer);
	queue_run(q);
}

static void op_message_remove(struct queue *q, json_t *request, json_t *answer)
{
	each_message(q, message_remove, request, answer);
}

/* --- the operations --- */

static const struct operation {
	const char *name;
	const char *needs;		/* member of the request, or NULL */
	const char *list;		/* member of the answer that is a list; NULL: "changed" */
	void (*run)(struct queue *q, json_t *request, json_t *answer);
} operations[] = {
	{ "queue-list", NULL, "queues", op_queue_list },
	{ "queue-suspend", "queue", NULL, op_queue_suspend },
	{ "queue-resume", "queue", NULL, op_queue_resume },
	{ "queue-retry", "queue", NULL, op_queue_retry },
	{ "message-list", NULL, "messages", op_message_show },
	{ "message-get", "message", "messages", op_message_show },
	{ "message-suspend", "message", NULL, op_message_suspend },
	{ "message-resume", "message", NULL, op_message_resume },
	{ "message-remove", "message", NULL, op_message_remove },
};

static const struct operation *operation_find(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(operations) / sizeof(operations[0]); i++)
		if (strcmp(operations[i].name, name) == 0)
			return &operations[i];
	return NULL;
}

static json_t *empty_answer(const struct operation *o, size_t limit)
{
	json_t *j = json_object();

	if (o->list != NULL)
		json_object_set_new(j, o->list, json_array());
	else
		json_object_set_new(j, "changed", json_integer(0));
	json_object_set_new(j, "limit", json_integer((json_int_t)limit));
	return j;
}

/* On the worker. */
static void work(struct queue_set *s, struct queue_call *call)
{
	struct part *p = INBOX_ENTRY(call, struct part, call);
	const struct operation *o = operation_find(text_of(p->request, "op"));
	struct queue *q, *next;

	HASH_ITER(hh, s->queues, q, next)
		if (queue_matches(q, p->request))
			o->run(q, p->request, p->answer);
	inbox_post(p->admin->answers, &p->back);
}

/* --- there and back --- */

static void merge(struct queue_admin_op *op, json_t *part)
{
	static const char *const lists[] = { "queues", "messages" };
	json_t *changed = json_object_get(op->answer, "changed"), *to, *from, *item;
	size_t i, k;

	for (i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		to = json_object_get(op->answer, lists[i]);
		from = json_object_get(part, lists[i]);
		json_array_foreach(from, k, item)
			if (json_array_size(to) < op->limit)
				json_array_append(to, item);
	}
	if (changed != NULL)
		json_integer_set(changed, json_integer_value(changed) +
			json_integer_value(json_object_get(part, "changed")));
}

static void finish(struct queue_admin_op *op)
{
	json_t *changed = json_object_get(op->answer, "changed");

	json_object_del(op->answer, "limit");
	if (changed != NULL && json_integer_value(changed) == 0)
		json_object_set_new(op->answer, "error", json_string("nothing matches"));
	if (op->cb != NULL)
		op->cb(op->answer, op->ctx);
	json_decref(op->answer);
	free(op);
}

static void on_answer(struct inbox_node *node, void *ctx)
{
	struct part *p = INBOX_ENTRY(node, struct part, back);
	struct queue_admin_op *op = p->op;

	(void)ctx;
	if (p->answer != NULL)
		merge(op, p->answer);
	json_decref(p->answer);
	json_decref(p->request);
	free(p);
	if (--op->pending == 0)
		finish(op);
}

struct queue_admin *queue_admin_new(struct queues *q, struct loop *loop)
{
	struct queue_admin *a = xcalloc(1, sizeof(*a));

	a->queues = q;
	a->answers = inbox_new(loop, on_answer, a);
	return a;
}

void queue_admin_free(struct queue_admin **a)
{
	if (*a == NULL)
		return;
	inbox_free(&(*a)->answers);
	free(*a);
	*a = NULL;
}

static struct part *part_new(struct queue_admin *a, struct queue_admin_op *op)
{
	struct part *p = xcalloc(1, sizeof(*p));

	p->admin = a;
	p->op = op;
	op->pending++;
	return p;
}

/* A request that no worker need see: the answer takes the same way home. */
static void refuse(struct queue_admin *a, struct queue_admin_op *op, const char *fmt,
	const char *arg)
{
	op->answer = json_pack("{s:o}", "error", json_sprintf(fmt, arg));
	inbox_post(a->answers, &part_new(a, op)->back);
}

static void ask_all(struct queue_admin *a, struct queue_admin_op *op, const struct operation *o,
	json_t *request)
{
	uint32_t i;

	op->answer = empty_answer(o, op->limit);
	for (i = 0; i < a->queues->n; i++) {
		struct part *p = part_new(a, op);

		p->call.fn = work;
		/* each thread its own values: JSON's reference counts are no thread's business */
		p->request = json_deep_copy(request);
		p->answer = empty_answer(o, op->limit);
		queue_set_call(a->queues->sets[i], &p->call);
	}
}

struct queue_admin_op *queue_admin_start(struct queue_admin *a, json_t *request,
	queue_admin_cb *cb, void *ctx)
{
	struct queue_admin_op *op = xcalloc(1, sizeof(*op));
	const struct operation *o = operation_find(text_of(request, "op"));
	json_int_t limit = json_integer_value(json_object_get(request, "limit"));

	op->cb = cb;
	op->ctx = ctx;
	op->limit = limit > 0 ? (size_t)limit : LIMIT;
	if (o == NULL)
		refuse(a, op, "unknown operation '%s'", text_of(request, "op"));
	else if (o->needs != NULL && member(request, o->needs) == NULL)
		refuse(a, op, "'%s' is missing", o->needs);
	else
		ask_all(a, op, o, request);
	return op;
}

void queue_admin_cancel(struct queue_admin_op **op)
{
	if (*op != NULL)
		(*op)->cb = NULL;
	*op = NULL;
}
