/* conn_mail.c - messages given to an agent, and its verdicts. See conn.h. */
#include <event2/buffer.h>
#include <inttypes.h>
#include <linux/sockios.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "hubd/agent/conn.h"
#include "hubd/config/live.h"
#include "libhub/smtp/encapsulation.h"

enum {
	CHUNK = 16 * 1024,
	OUTPUT_HIGH = 64 * 1024,	/* the body is read until so much waits to be written */
};

void agent_conn_message_free(struct agent_conn *s)
{
	outgoing_close(&s->body);
	arena_free(&s->arena);
	s->results = NULL;
	s->decided = NULL;
	s->item = NULL;
}

/* --- results --- */

typedef void tell_cb(struct queue_conn *qc, const struct queue_result *results,
	const struct queue_hop *hop);

static void tell_queue(struct agent_conn *s, tell_cb *tell)
{
	struct queue_hop hop = { .name = "", .text = s->name };

	tell(s->qc, s->results, &hop);
	agent_conn_message_free(s);
}

/* It answered for everybody. */
static void complete(struct agent_conn *s)
{
	tell_queue(s, queue_conn_done);
	s->done++;
}

void agent_conn_done(struct agent_conn *s)
{
	complete(s);
	agent_conn_next_message(s);
}

void agent_conn_give_up(struct agent_conn *s, const char *text)
{
	uint32_t i;

	if (s->undecided == 0) {
		complete(s);
		return;
	}
	for (i = 0; i < s->item->env.recipient_count; i++)
		if (!s->decided[i])
			s->results[i] = (struct queue_result){
				.verdict = QUEUE_VERDICT_DEFERRED, .status = "4.3.0", .text = text,
			};
	tell_queue(s, queue_conn_broken);
}

/* --- verdicts --- */

static void decide(struct agent_conn *s, uint32_t i, const struct agent_line *line,
	const char *text)
{
	static const enum queue_verdict verdicts[AGENT_WORDS] = {
		[AGENT_DELIVERED] = QUEUE_VERDICT_DELIVERED,
		[AGENT_RELAYED] = QUEUE_VERDICT_RELAYED,
		[AGENT_FAILED] = QUEUE_VERDICT_FAILED,
		[AGENT_DEFERRED] = QUEUE_VERDICT_DEFERRED,
	};
	struct queue_result *r = &s->results[i];

	r->verdict = verdicts[line->word];
	snprintf(r->status, sizeof(r->status), "%s", *line->status != '\0' ? line->status :
		"2.0.0");
	r->text = text;
	s->decided[i] = true;
	s->undecided--;
}

/* Is some of the message still on its way? What was not read cannot have been delivered. */
static bool is_unread(const struct agent_conn *s)
{
	int bytes = 0;

	return evbuffer_get_length(bufferevent_get_output(s->talk)) > 0 ||
		(ioctl(bufferevent_getfd(s->talk), SIOCOUTQ, &bytes) == 0 && bytes > 0);
}

const char *agent_conn_take_verdict(struct agent_conn *s, const struct agent_line *line)
{
	const char *text;
	uint32_t i, n;

	if (s->item == NULL)
		return "gave a verdict without a message";
	if (s->phase != PHASE_VERDICTS || is_unread(s))
		return "gave a verdict before it had the message";
	n = s->item->env.recipient_count;
	if (!line->all && (line->number < s->first || line->number - s->first >= n))
		return "gave a verdict for a recipient that the message has not";
	if (line->all ? s->undecided == 0 : s->decided[line->number - s->first])
		return "gave a second verdict for a recipient";
	text = arena_strdup(s->arena, line->text);
	if (!line->all) {
		decide(s, (uint32_t)(line->number - s->first), line, text);
	} else {
		for (i = 0; i < n; i++)
			if (!s->decided[i])
				decide(s, i, line, text);
	}
	agent_conn_arm(s, s->a->timeout_ms);
	return NULL;
}

/* --- the body --- */

bool agent_conn_pump(struct agent_conn *s)
{
	struct evbuffer *out = bufferevent_get_output(s->talk);
	char chunk[CHUNK];
	struct err e;
	ssize_t n;

	while (evbuffer_get_length(out) < OUTPUT_HIGH) {
		n = outgoing_read(&s->body, chunk, sizeof(chunk), &e);
		if (n == SPOOL_BODY_WAIT)
			break;
		if (n < 0) {
			/* our own copy: the agent is to forget what it has of it */
			evbuffer_add_printf(out, "ABORT\n");
			agent_conn_give_up(s, e.text);
			return false;
		}
		if (n == 0) {
			evbuffer_add_printf(out, "END\n");
			outgoing_close(&s->body);
			s->phase = PHASE_VERDICTS;
			agent_conn_arm(s, s->a->timeout_ms);
			break;
		}
		evbuffer_add_printf(out, "CHUNK %zd\n", n);
		evbuffer_add(out, chunk, (size_t)n);
	}
	return true;
}

static void on_body_ready(void *ctx)
{
	struct agent_conn *s = ctx;

	if (!agent_conn_pump(s))
		agent_conn_next_message(s);
}

/* --- the envelope --- */

/* What begins with a word and goes to the end of the line. */
static void put_text(struct evbuffer *out, const char *word, const char *text)
{
	if (*text != '\0' && strpbrk(text, "\r\n") == NULL)
		evbuffer_add_printf(out, "%s %s\n", word, text);
}

static void put_notify(struct evbuffer *out, uint32_t notify)
{
	static const struct {
		uint32_t bit;
		const char *name;
	} names[] = {
		{ ENVELOPE_NOTIFY_NEVER, "NEVER" }, { ENVELOPE_NOTIFY_SUCCESS, "SUCCESS" },
		{ ENVELOPE_NOTIFY_FAILURE, "FAILURE" }, { ENVELOPE_NOTIFY_DELAY, "DELAY" },
	};
	const char *before = "NOTIFY ";
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((notify & names[i].bit) == 0)
			continue;
		evbuffer_add_printf(out, "%s%s", before, names[i].name);
		before = ",";
	}
	if (notify != 0)
		evbuffer_add_printf(out, "\n");
}

static void put_recipient(struct evbuffer *out, uint64_t number,
	const struct envelope_recipient *r)
{
	struct encapsulated e;

	evbuffer_add_printf(out, "RECIPIENT %" PRIu64 " <%s>\n", number, r->address);
	if (encapsulation_read(r->address, &e) == ENCAPSULATION_WHOLE)
		evbuffer_add_printf(out, "ADDRESS %s:%s\n", e.type, e.text);
	put_text(out, "ORCPT", r->orcpt);
	put_notify(out, r->notify);
}

static void put_envelope(struct agent_conn *s, struct evbuffer *out)
{
	static const char *const bodies[] = { "7BIT", "8BITMIME", "BINARYMIME" };
	static const char *const rets[] = { "", "FULL", "HDRS" };
	const struct envelope *env = &s->item->env;
	char id[SPOOL_ID_TEXT];
	uint32_t i;

	evbuffer_add_printf(out, "MESSAGE %s\nSENDER <%s>\nSIZE %" PRIu64 "\nBODY %s\n",
		spool_id_text(s->item->id, id), env->sender, outgoing_size(&s->body),
		bodies[env->body]);
	if (env->smtputf8)
		evbuffer_add_printf(out, "SMTPUTF8\n");
	if (env->require_tls)
		evbuffer_add_printf(out, "REQUIRETLS\n");
	put_text(out, "ENVID", env->envid);
	put_text(out, "RET", rets[env->ret]);
	for (i = 0; i < env->recipient_count; i++)
		put_recipient(out, s->first + i, &env->recipients[i]);
	evbuffer_add_printf(out, "DATA\n");
}

/* An address that would be more than its line. None of those that we take is. */
static bool fits_lines(const struct envelope *env)
{
	uint32_t i;

	if (strpbrk(env->sender, "\r\n") != NULL)
		return false;
	for (i = 0; i < env->recipient_count; i++)
		if (strpbrk(env->recipients[i].address, "\r\n") != NULL)
			return false;
	return true;
}

static void refuse_item(struct agent_conn *s, enum queue_verdict verdict, const char *status,
	const char *text)
{
	uint32_t i;

	for (i = 0; i < s->item->env.recipient_count; i++) {
		s->results[i] = (struct queue_result){ .verdict = verdict, .text = text };
		snprintf(s->results[i].status, sizeof(s->results[i].status), "%s", status);
	}
	tell_queue(s, queue_conn_broken);
}

/* False if it cannot be sent; then the queue has been told. */
static bool send_item(struct agent_conn *s)
{
	uint32_t n = s->item->env.recipient_count;
	struct err e;

	s->arena = arena_new();
	s->results = arena_alloc(s->arena, n * sizeof(*s->results));
	s->decided = arena_alloc(s->arena, n * sizeof(*s->decided));
	s->undecided = n;
	s->first = s->next;
	s->next += n;
	if (s->item->env.require_tls && !s->heeds_tls) {
		/* RFC 8689 section 4.2.1, as of a next hop without the extension */
		refuse_item(s, QUEUE_VERDICT_FAILED, "5.7.30", "the sender requires TLS on the "
			"whole way, which this way out does not promise");
		return false;
	}
	if (!fits_lines(&s->item->env)) {
		refuse_item(s, QUEUE_VERDICT_FAILED, "5.1.3", "no agent can be told the address");
		return false;
	}
	/* whatever leaves the organization: its own fields do not */
	if (outgoing_open(&s->body, queue_set_port(s->a->set), s->item->id,
		s->item->env.classes & ~(uint32_t)FIREWALL_ROUTING, on_body_ready, s, &e) != 0) {
		refuse_item(s, QUEUE_VERDICT_DEFERRED, "4.3.0", e.text);
		return false;
	}
	s->phase = PHASE_BODY;
	agent_conn_arm(s, s->a->timeout_ms);
	put_envelope(s, bufferevent_get_output(s->talk));
	return agent_conn_pump(s);
}

void agent_conn_next_message(struct agent_conn *s)
{
	uint64_t max = s->connector->max_messages_per_connection;
	bool over = s->stopping || (max != 0 && s->done >= max);

	while (!over) {
		s->item = queue_conn_next(s->qc, &over);
		if (s->item == NULL)
			break;
		if (send_item(s))
			return;
	}
	if (over) {
		agent_conn_close(s);
	} else {
		s->phase = PHASE_IDLE;
		agent_conn_arm(s, AGENT_CONN_IDLE_MS);
	}
}
