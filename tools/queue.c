/* queue.c - hubctl queue and hubctl message: what waits on one server. */
#include <stdlib.h>
#include <string.h>

#include "tools/ask.h"
#include "tools/commands.h"
#include "tools/table.h"

enum { LIMIT_MAX = 1000000 };

static const char *const queue_heads[] = {
	"identity", "delivery_type", "status", "message_count", "connections", "next_retry_time",
	"last_error", NULL
};
static const char *const message_heads[] = {
	"id", "status", "from", "recipients", "size", "queue", "last_error", NULL
};

/* The answer of the server in question, to be freed; NULL when the reason has been printed. */
static json_t *ask(struct ctl *ctl, json_t *request)
{
	struct http_call call = { .path = "/queue", .body = request };
	const char *error;

	ask_server(ctl, &call);
	json_decref(request);
	error = json_string_value(json_object_get(call.answer, "error"));
	if (call.done && error == NULL)
		return call.answer;
	ask_failed(ctl, error != NULL ? error : call.error);
	json_decref(call.answer);
	return NULL;
}

/* --- commands --- */

static enum ctl_status show(struct ctl *ctl, json_t *answer, const char *member,
	const char *const *heads)
{
	if (answer == NULL)
		return CTL_FAILED;
	if (ctl->output == CTL_JSON)
		table_print_json(answer);
	else
		table_print_objects(ctl->arena, json_object_get(answer, member), heads);
	json_decref(answer);
	return CTL_DONE;
}

static enum ctl_status show_changed(struct ctl *ctl, json_t *answer)
{
	if (answer == NULL)
		return CTL_FAILED;
	if (ctl->output == CTL_JSON)
		table_print_json(answer);
	else
		printf("%lld changed\n",
			(long long)json_integer_value(json_object_get(answer, "changed")));
	json_decref(answer);
	return CTL_DONE;
}

/* A queue goes by its identity or by its number. */
static json_t *queue_name(const char *word)
{
	char *end;
	long long n = strtoll(word, &end, 10);

	return *end == '\0' && *word >= '0' && *word <= '9' ? json_integer((json_int_t)n) :
		table_string(word);
}

static json_t *request_of(const char *noun, const struct args *args)
{
	json_t *request = json_pack("{s:o}", "op", json_sprintf("%s-%s", noun, args->verb));
	const char *queue = args_value(args, "queue");

	if (args->n_words > 0)
		json_object_set_new(request, noun, strcmp(noun, "queue") == 0 ?
			queue_name(args->words[0]) : table_string(args->words[0]));
	if (queue != NULL)
		json_object_set_new(request, "queue", queue_name(queue));
	return request;
}

static enum ctl_status queue_list(struct ctl *ctl, const struct args *args)
{
	json_t *request = request_of("queue", args);

	json_object_set_new(request, "op", json_string("queue-list"));
	return show(ctl, ask(ctl, request), "queues", queue_heads);
}

static enum ctl_status queue_get(struct ctl *ctl, const struct args *args)
{
	json_t *request = request_of("queue", args), *answer, *queue;

	json_object_set_new(request, "op", json_string("queue-list"));
	answer = ask(ctl, request);
	if (answer == NULL)
		return CTL_FAILED;
	queue = json_incref(json_array_get(json_object_get(answer, "queues"), 0));
	json_decref(answer);
	if (queue == NULL)
		return ctl_fail("there is no queue \"%s\"", args->words[0]);
	if (ctl->output == CTL_JSON)
		table_print_json(queue);
	else
		table_print_members(ctl->arena, queue);
	json_decref(queue);
	return CTL_DONE;
}

static enum ctl_status queue_change(struct ctl *ctl, const struct args *args)
{
	json_t *request = request_of("queue", args);

	if (args_given(args, "resubmit"))
		json_object_set_new(request, "resubmit", json_true());
	return show_changed(ctl, ask(ctl, request));
}

static enum ctl_status message_list(struct ctl *ctl, const struct args *args)
{
	json_t *request = request_of("message", args);
	uint64_t limit = 0;
	struct err e;

	if (args_number(args, "limit", 1, LIMIT_MAX, &limit, &e) != 0) {
		json_decref(request);
		return ctl_usage("%s", e.text);
	}
	if (limit != 0)
		json_object_set_new(request, "limit", json_integer((json_int_t)limit));
	return show(ctl, ask(ctl, request), "messages", message_heads);
}

static enum ctl_status message_get(struct ctl *ctl, const struct args *args)
{
	json_t *answer = ask(ctl, request_of("message", args)), *list, *message;
	size_t i;

	if (answer == NULL)
		return CTL_FAILED;
	list = json_object_get(answer, "messages");
	if (ctl->output == CTL_JSON)
		table_print_json(answer);
	else
		json_array_foreach(list, i, message)
			table_print_members(ctl->arena, message);
	i = json_array_size(list);
	json_decref(answer);
	return i != 0 ? CTL_DONE : ctl_fail("there is no message %s in a queue", args->words[0]);
}

static enum ctl_status message_change(struct ctl *ctl, const struct args *args)
{
	json_t *request = request_of("message", args);

	if (args_given(args, "no-report"))
		json_object_set_new(request, "report", json_false());
	return show_changed(ctl, ask(ctl, request));
}

static const struct arg_option retry_options[] = {
	{ "resubmit", false, "route its messages again" }, { NULL, false, NULL }
};
static const struct arg_option in_queue[] = {
	{ "queue", true, "QUEUE: only there" }, { NULL, false, NULL }
};
static const struct arg_option list_options[] = {
	{ "queue", true, "QUEUE: only there" }, { "limit", true, "N: at most" }, { NULL, false,
		NULL }
};
static const struct arg_option remove_options[] = {
	{ "queue", true, "QUEUE: only there" }, { "no-report", false, "tell the sender nothing" },
	{ NULL, false, NULL }
};

const struct command queue_commands[] = {
	{ "queue", "list", 0, 0, "", NULL, queue_list },
	{ "queue", "get", 1, 1, "QUEUE", NULL, queue_get },
	{ "queue", "suspend", 1, 1, "QUEUE", NULL, queue_change },
	{ "queue", "resume", 1, 1, "QUEUE", NULL, queue_change },
	{ "queue", "retry", 1, 1, "QUEUE", retry_options, queue_change },
	{ "message", "list", 0, 0, "", list_options, message_list },
	{ "message", "get", 1, 1, "MESSAGE", NULL, message_get },
	{ "message", "suspend", 1, 1, "MESSAGE", in_queue, message_change },
	{ "message", "resume", 1, 1, "MESSAGE", in_queue, message_change },
	{ "message", "remove", 1, 1, "MESSAGE", remove_options, message_change },
	{ NULL, NULL, 0, 0, NULL, NULL, NULL }
};
