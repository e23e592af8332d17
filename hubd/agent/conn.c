/* conn.c - a connection's life: opened, listened to, ended. See conn.h.
 *
 * A connection that went wrong before it answered for one whole message makes its queue wait, the
 * longer the more often; one that had done something just ends, and another is started at once.
 */
#include "hubd/agent/conn.h"

#include <event2/buffer.h>
#include <event2/event.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"
#include "libhub/base/log.h"

enum {
	/* of a line that cannot be one any more, its end included */
	INPUT_MAX = AGENT_LINE_MAX + 2,
	OUTPUT_LOW = 16 * 1024,		/* what is left to be written before more is added */
};

/* --- end --- */

static void agent_conn_free(struct agent_conn *s, unsigned int grace_ms)
{
	agent_conn_message_free(s);
	if (s->talk != NULL)
		bufferevent_free(s->talk);
	process_release(&s->process, grace_ms);
	event_free(s->timer);
	outgoing_deinit(&s->body);
	free(s->space);
	free(s);
}

void agent_conn_end(struct agent_conn *s, enum queue_conn_outcome outcome, const char *status,
	const char *text)
{
	struct queue_conn *qc = s->qc;
	char copy[QUEUE_TEXT_MAX];

	snprintf(copy, sizeof(copy), "%s", text != NULL ? text : "");
	/* one that ends by itself may have something to tidy up; others are not trusted with it */
	agent_conn_free(s, outcome == QUEUE_CONN_CLOSED ? AGENT_CONN_END_MS : 0);
	queue_conn_end(qc, outcome, status, copy);
}

void agent_conn_blame(struct agent_conn *s, const char *fmt, ...)
{
	char why[300], text[QUEUE_TEXT_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	snprintf(text, sizeof(text), "%s %s", s->name, why);
	log_event(LOG_LEVEL_WARNING, "agent-failed", LOG_STR("queue", queue_conn_name(s->qc)),
		LOG_STR("agent", s->connector->protocol), LOG_STR("reason", why), LOG_END);
	if (s->item != NULL)
		agent_conn_give_up(s, text);
	process_release(&s->process, 0);
	agent_conn_end(s, s->done > 0 ? QUEUE_CONN_CLOSED : QUEUE_CONN_FAILED, "4.3.0", text);
}

void agent_conn_arm(struct agent_conn *s, uint32_t timeout_ms)
{
	struct timeval tv = { timeout_ms / 1000, (suseconds_t)(timeout_ms % 1000 * 1000) };

	event_add(s->timer, &tv);
}

void agent_conn_close(struct agent_conn *s)
{
	s->phase = PHASE_CLOSING;
	evbuffer_add_printf(bufferevent_get_output(s->talk), "CLOSE\n");
	agent_conn_arm(s, s->a->timeout_ms < AGENT_CONN_CLOSE_MS ? s->a->timeout_ms :
		AGENT_CONN_CLOSE_MS);
}

/* --- what the agent says --- */

/* The agent speaks for the whole queue. */
static void end_queue(struct agent_conn *s, const struct agent_line *line)
{
	bool defers = line->word == AGENT_DEFER_QUEUE;
	char text[QUEUE_TEXT_MAX];

	snprintf(text, sizeof(text), "%s: %s", s->name, line->text);
	log_event(LOG_LEVEL_WARNING, defers ? "agent-defers-queue" : "agent-fails-queue",
		LOG_STR("queue", queue_conn_name(s->qc)),
		LOG_STR("agent", s->connector->protocol), LOG_STR("status", line->status),
		LOG_STR("reason", line->text), LOG_END);
	if (s->item != NULL && s->undecided < s->item->env.recipient_count)
		agent_conn_give_up(s, text);
	if (defers)
		queue_conn_put_off(s->qc, (uint32_t)line->number);
	agent_conn_end(s, defers ? QUEUE_CONN_FAILED : QUEUE_CONN_HOPELESS, line->status, text);
}

static const char *take_ready(struct agent_conn *s, const struct agent_line *line)
{
	if (s->phase != PHASE_OPENING)
		return "said READY twice";
	s->heeds_tls = line->heeds_tls;
	queue_conn_up(s->qc);
	s->phase = PHASE_IDLE;
	if (s->stopping)
		agent_conn_close(s);
	else
		agent_conn_next_message(s);
	return NULL;
}

/* False: the connection is over. */
static bool take_line(struct agent_conn *s, const char *text, size_t size)
{
	struct agent_line line;
	const char *wrong;
	struct err e;

	if (agent_line_parse(text, size, &line, &e) != 0) {
		agent_conn_blame(s, "broke the protocol: %s", e.text);
		return false;
	}
	if (line.word == AGENT_FAIL_QUEUE || line.word == AGENT_DEFER_QUEUE) {
		end_queue(s, &line);
		return false;
	}
	wrong = line.word == AGENT_READY ? take_ready(s, &line) : agent_conn_take_verdict(s, &line);
	if (wrong != NULL)
		agent_conn_blame(s, "%s", wrong);
	return wrong == NULL;
}

/* A message ends when all has been read that came with its last verdict. */
static void on_read(struct bufferevent *bev, void *ctx)
{
	struct agent_conn *s = ctx;
	struct evbuffer *in = bufferevent_get_input(bev);
	bool goes_on = true;
	size_t n;
	char *line;

	loop_touch(s->a->loop);
	if (s->phase == PHASE_CLOSING) {
		/* what it says at its end means nothing */
		evbuffer_drain(in, evbuffer_get_length(in));
		return;
	}
	while (goes_on && (line = evbuffer_readln(in, &n, EVBUFFER_EOL_LF)) != NULL) {
		goes_on = take_line(s, line, n);
		free(line);
	}
	if (!goes_on)
		return;
	if (evbuffer_get_length(in) > AGENT_LINE_MAX)
		agent_conn_blame(s, "broke the protocol: a line longer than %d bytes",
			AGENT_LINE_MAX);
	else if (s->item != NULL && s->undecided == 0 && evbuffer_get_length(in) == 0)
		agent_conn_done(s);
}

static void on_written(struct bufferevent *bev, void *ctx)
{
	struct agent_conn *s = ctx;

	(void)bev;
	loop_touch(s->a->loop);
	if (s->phase == PHASE_BODY || s->phase == PHASE_VERDICTS)
		agent_conn_arm(s, s->a->timeout_ms);
	if (s->phase == PHASE_BODY && !agent_conn_pump(s))
		agent_conn_next_message(s);
}

/* --- its end --- */

static void gone(struct agent_conn *s, const char *how)
{
	const struct queue_item *item = s->item;

	if (item != NULL && s->undecided == item->env.recipient_count && s->done > 0) {
		/* perhaps it had enough of us before it saw the message: another gets it */
		agent_conn_end(s, QUEUE_CONN_CLOSED, NULL, NULL);
		return;
	}
	agent_conn_blame(s, "ended %s (%s)", s->item != NULL ? "in the midst of a message" :
		"before it was ready", how);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct agent_conn *s = ctx;

	loop_touch(s->a->loop);
	if ((what & BEV_EVENT_WRITING) != 0) {
		/* it may have said why before it went: that is to be read yet */
		bufferevent_disable(bev, EV_WRITE);
		return;
	}
	if (s->phase == PHASE_IDLE || s->phase == PHASE_CLOSING) {
		agent_conn_end(s, QUEUE_CONN_CLOSED, NULL, NULL);
		return;
	}
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	outgoing_close(&s->body);
	s->phase = PHASE_GONE;
	if (s->process == NULL)
		gone(s, "it is gone");
	else
		agent_conn_arm(s, AGENT_CONN_END_MS);
}

static void on_process_end(const char *how, void *ctx)
{
	struct agent_conn *s = ctx;

	s->process = NULL;
	if (s->phase == PHASE_GONE)
		gone(s, how);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct agent_conn *s = ctx;

	(void)fd;
	(void)what;
	loop_touch(s->a->loop);
	switch (s->phase) {
	case PHASE_IDLE:
		agent_conn_close(s);
		break;
	case PHASE_CLOSING:
		process_release(&s->process, 0);
		agent_conn_end(s, QUEUE_CONN_CLOSED, NULL, NULL);
		break;
	case PHASE_GONE:
		gone(s, "it closed its socket");
		break;
	default:
		agent_conn_blame(s, "%s", s->phase == PHASE_STARTING ? "is not started in time" :
			s->phase == PHASE_OPENING ? "is not ready in time" :
			s->phase == PHASE_BODY ? "does not read on" : "does not answer");
		break;
	}
}

/* --- opening --- */

static void greet(struct agent_conn *s)
{
	evbuffer_add_printf(bufferevent_get_output(s->talk),
		"HUB-AGENT 1\nPROTOCOL %s\nCONNECTOR %s\nQUEUE %s\nSERVER %s\nMESSAGES %" PRIu64
		"\nSIZE %" PRIu64 "\nOPEN\n", s->connector->protocol, s->connector->pool.obj.name,
		s->space, s->live->fqdn, s->connector->max_messages_per_connection,
		s->connector->pool.max_size);
}

static void listen_to(struct agent_conn *s, int fd)
{
	s->talk = bufferevent_socket_new(loop_base(s->a->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	BUG_ON(s->talk == NULL);
	bufferevent_setcb(s->talk, on_read, on_written, on_event, s);
	bufferevent_setwatermark(s->talk, EV_READ, 0, INPUT_MAX);
	bufferevent_setwatermark(s->talk, EV_WRITE, OUTPUT_LOW, 0);
	bufferevent_enable(s->talk, EV_READ | EV_WRITE);
}

static void on_process_start(int socket, const struct err *e, void *ctx)
{
	struct agent_conn *s = ctx;

	if (socket < 0) {
		s->process = NULL;
		agent_conn_blame(s, "cannot be started: %s", e->text);
		return;
	}
	listen_to(s, socket);
	s->phase = PHASE_OPENING;
	agent_conn_arm(s, s->a->timeout_ms);
	greet(s);
}

static void start(void *ctx)
{
	static const struct process_calls calls = { on_process_start, on_process_end };
	struct agent_conn *s = ctx;
	struct err e;

	if (s->stopping) {
		agent_conn_end(s, QUEUE_CONN_CLOSED, NULL, NULL);
		return;
	}
	if (s->a->folder == NULL)
		err_set(&e, ERR_CONFIG, 0, "no agents are registered on this server");
	else
		s->process = process_start(s->a->processes, s->a->folder, s->connector->protocol,
			&calls, s, &e);
	if (s->process == NULL) {
		agent_conn_blame(s, "cannot be started: %s", e.text);
		return;
	}
	s->phase = PHASE_STARTING;
	agent_conn_arm(s, s->a->timeout_ms);
}

static void *agent_conn_open(struct queue_conn *qc, const struct queue_item *head, void *ctx)
{
	struct agent_conn *s = xcalloc(1, sizeof(*s));

	s->a = ctx;
	s->qc = qc;
	s->live = queue_conn_live(qc);
	s->connector = (const void *)head->connector;
	s->space = xstrdup(head->key.domain);
	snprintf(s->name, sizeof(s->name), "agent %s", s->connector->protocol);
	s->next = 1;
	s->timer = evtimer_new(loop_base(s->a->loop), on_timer, s);
	BUG_ON(s->timer == NULL);
	loop_defer(s->a->loop, start, s);
	return s;
}

static void agent_conn_wake(void *conn)
{
	struct agent_conn *s = conn;

	/* one that is closing ends soon, and the queue opens another */
	if (s->phase == PHASE_IDLE)
		agent_conn_next_message(s);
}

static void agent_conn_stop(void *conn)
{
	struct agent_conn *s = conn;

	s->stopping = true;
	if (s->phase == PHASE_IDLE)
		agent_conn_close(s);
	else if (s->phase == PHASE_STARTING || s->phase == PHASE_OPENING)
		agent_conn_end(s, QUEUE_CONN_CLOSED, NULL, NULL);
}

const struct queue_transport agent_conn_transport = {
	.open = agent_conn_open,
	.wake = agent_conn_wake,
	.stop = agent_conn_stop,
};
