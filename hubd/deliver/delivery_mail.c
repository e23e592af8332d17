/* delivery_mail.c - messages sent, answered for, waited for. See delivery.h. */
#include "hubd/deliver/delivery.h"

#include <event2/event.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"
#include "libhub/base/clock.h"

enum { RESULTS_STACK = 16 };

/* --- results --- */

static struct verdict decide(const struct delivery *s, const struct client_fact *f)
{
	return verdict_decide(f->stage, f->event, verdict_code(f->code, f->status), s->downgrade);
}

static void result_of(const struct delivery *s, const struct client_fact *f,
	struct queue_result *out)
{
	struct verdict v;
	char class;

	*out = (struct queue_result){
		.text = f->text, .from_peer = f->from_peer, .command = stage_names[f->stage],
	};
	if (f->ok) {
		out->verdict = s->decision == ROUTE_MAILBOX ? QUEUE_VERDICT_DELIVERED :
			QUEUE_VERDICT_RELAYED;
		out->dsn_passed_on = client_peer_has_dsn(s->client);
		snprintf(out->status, sizeof(out->status), "%s",
			f->status[0] != '\0' ? f->status : "2.0.0");
		return;
	}
	v = decide(s, f);
	out->verdict = v.action == ACTION_FAIL ? QUEUE_VERDICT_FAILED : QUEUE_VERDICT_DEFERRED;
	class = v.action == ACTION_FAIL ? '5' : '4';
	snprintf(out->status, sizeof(out->status), "%s",
		f->status[0] == class ? f->status : v.status);
}

/*
 * As OpenSMTPD says it instead of 421: it takes no more on this connection. Who has taken nothing,
 * or says that its system cannot, has not had enough.
 */
static bool has_had_enough(const struct delivery *s, const struct client_fact *f)
{
	return s->has_taken && !f->ok && f->stage == STAGE_MAIL && f->event == EVENT_TEMPORARY &&
		(f->status[0] != '\0' ? strcmp(f->status, "4.5.3") == 0 : f->code == 452);
}

/* The message is innocent: it was not really tried, or the host refuses whatever comes. */
static bool is_innocent(const struct delivery *s, const struct client_fact *facts)
{
	uint32_t i;

	for (i = 0; i < s->item->env.recipient_count; i++) {
		const struct client_fact *f = &facts[i];
		bool ended = f->event == EVENT_LOST || f->event == EVENT_CLOSING ||
			f->event == EVENT_NONSENSE || has_had_enough(s, f);

		/*
		 * A connection used before may have been closed while MAIL was on its way, or the
		 * peer has lost its place in it.
		 */
		if (!f->ok && s->sent > 0 && f->stage == STAGE_MAIL && ended)
			continue;
		if (f->ok || decide(s, f).scope != SCOPE_HOST)
			return false;
	}
	return true;
}

/* A target that was given as an address has no other name. */
static const char *hop_name(const struct delivery *s, char literal[DELIVERY_HOP_TEXT])
{
	const char *open = strchr(s->hop_text, '['), *close = strchr(s->hop_text, ']');

	if (s->target->host[0] != '\0' || open == NULL || close == NULL)
		return s->target->host;
	snprintf(literal, DELIVERY_HOP_TEXT, "%.*s", (int)(close - open - 1), open + 1);
	return literal;
}

static void apply(struct delivery *s, const struct client_fact *facts)
{
	struct queue_result few[RESULTS_STACK], *results = few;
	char literal[DELIVERY_HOP_TEXT];
	struct queue_hop hop = {
		.name = hop_name(s, literal), .text = s->hop_text,
		.tls = client_tls_version(s->client),
	};
	uint32_t i, n = s->item->env.recipient_count;

	if (n > RESULTS_STACK)
		results = xcalloc(n, sizeof(*results));
	for (i = 0; i < n; i++)
		result_of(s, &facts[i], &results[i]);
	queue_conn_done(s->qc, results, &hop);
	if (results != few)
		free(results);
}

static bool has_taken_any(const struct client_fact *facts, uint32_t n)
{
	uint32_t i;

	for (i = 0; i < n; i++)
		if (facts[i].ok)
			return true;
	return false;
}

/* It is given back. What was said to it would be said to the next one on this connection, too. */
static void give_back(struct delivery *s, const struct client_fact *why)
{
	s->host_to_blame = s->sent == 0;
	s->blame = *why;
	snprintf(s->blame_text, sizeof(s->blame_text), "%s", why->text);
	s->blame.text = s->blame_text;
	s->spent = true;
	queue_conn_return(s->qc);
}

void delivery_on_sent(struct client *c, const struct client_fact *facts, void *ctx)
{
	struct delivery *s = ctx;
	uint32_t n = s->item->env.recipient_count;

	(void)c;
	s->has_taken = s->has_taken || has_taken_any(facts, n);
	/* of a message in several transactions it may be the last ones */
	s->spent = has_had_enough(s, &facts[n - 1]);
	outgoing_close(&s->body);
	if (is_innocent(s, facts)) {
		give_back(s, &facts[n - 1]);
	} else {
		apply(s, facts);
		/* who greets everybody and takes nothing is no good */
		if (s->sent == 0)
			host_good(s->d->hosts, &s->target->addr.sa);
	}
	s->item = NULL;
	s->sent++;
}

/* --- messages --- */

static void on_body_ready(void *ctx)
{
	struct delivery *s = ctx;

	client_body_ready(s->client);
}

static ssize_t body_read(void *src, void *buf, size_t size, struct err *e)
{
	struct delivery *s = src;

	return outgoing_read(&s->body, buf, size, e);
}

static void body_rewind(void *src)
{
	struct delivery *s = src;

	outgoing_rewind(&s->body);
}

static const struct client_source body_source = { body_read, body_rewind };

static void put_off(struct delivery *s, const char *text)
{
	struct client_fact f = { .stage = STAGE_MAIL, .event = EVENT_DAMAGED, .text = text };
	uint32_t i, n = s->item->env.recipient_count;
	struct client_fact *facts = xcalloc(n, sizeof(*facts));

	for (i = 0; i < n; i++)
		facts[i] = f;
	apply(s, facts);
	free(facts);
	s->item = NULL;
}

/* --- the header firewall --- */

/* enum firewall_class: what the next hop may see. */
static uint32_t passing_classes(const struct delivery *s)
{
	if (s->place->server != NULL)
		return FIREWALL_ALL;
	return s->connector != NULL ? s->connector->send_rights : FIREWALL_ROUTING;
}

/* What only the organization is told of a message; the exclusions, only our own servers. */
static void make_prefix(struct delivery *s, uint32_t passing)
{
	const struct queue_item *item = s->item;
	const char *line = s->place->server != NULL ? item->excluded : "";
	size_t n, used;

	s->prefix[0] = '\0';
	if ((passing & FIREWALL_ORGANIZATION) == 0)
		return;
	used = origin_format(&item->env.origin, s->live->fqdn, s->prefix, sizeof(s->prefix));
	used += (size_t)snprintf(s->prefix + used, sizeof(s->prefix) - used,
		ORIGIN_NAME_SIZE ": %" PRIu64 "\r\n", item->env.original_size);
	for (; *line != '\0'; line += n + (line[n] == '\n')) {
		n = strcspn(line, "\n");
		used += (size_t)snprintf(s->prefix + used, sizeof(s->prefix) - used,
			EXCLUSION_FIELD ": %.*s\r\n", (int)n, line);
		BUG_ON(used >= sizeof(s->prefix));
	}
}

/* RFC 4954 section 5, within the organization; NULL = nothing is said. */
static const char *submitter(const struct envelope *env, uint32_t passing)
{
	if ((passing & FIREWALL_ORGANIZATION) == 0)
		return NULL;
	if (env->origin.as == ORIGIN_ANONYMOUS)
		return "";
	return *env->origin.submitter != '\0' ? env->origin.submitter : NULL;
}

/* False if the body cannot be had: then the message is put off. */
static bool send_item(struct delivery *s)
{
	const struct queue_item *item = s->item;
	uint32_t passing = passing_classes(s);
	char id[SPOOL_ID_TEXT];
	struct err e;

	if (outgoing_open(&s->body, queue_set_port(s->d->set), item->id,
		item->env.classes & ~passing, on_body_ready, s, &e) != 0) {
		put_off(s, e.text);
		return false;
	}
	make_prefix(s, passing);
	s->msg = (struct client_message){
		.env = &item->env, .size = outgoing_size(&s->body), .prefix = s->prefix,
		.submitter = submitter(&item->env, passing), .source = &body_source, .src = s,
	};
	s->phase = PHASE_BUSY;
	delivery_note(s, "sending message", "%s", spool_id_text(item->id, id));
	client_send(s->client, &s->msg);
	return true;
}

/*
 * Longer would be a burden to the peer. hubConnectionInactivityTimeout is heeded a little early, so
 * that the session ends by QUIT and not because the stream's clock is up.
 */
static uint64_t rest_ms(const struct delivery *s)
{
	uint64_t limit_ms = s->connector != NULL ? s->connector->inactivity_timeout_s * 875 :
		DELIVER_IDLE_MS;

	return limit_ms < DELIVER_IDLE_MS ? limit_ms : DELIVER_IDLE_MS;
}

static void arm_idle(struct delivery *s, uint64_t wait_ms)
{
	struct timeval tv = { 0, 0 };

	tv.tv_sec = (time_t)(wait_ms / 1000);
	tv.tv_usec = (suseconds_t)(wait_ms % 1000 * 1000);
	event_add(s->idle_timer, &tv);
	s->idle_armed = true;
}

static void begin_idle(struct delivery *s)
{
	if (s->sent == 0)
		host_good(s->d->hosts, &s->target->addr.sa);
	s->phase = PHASE_IDLE;
	s->idle_since_ms = clock_mono_ms();
	/* one timer for many short rests: it looks when it fires */
	if (!s->idle_armed)
		arm_idle(s, rest_ms(s));
}

void delivery_next_message(struct delivery *s)
{
	bool over = s->stopping || s->spent || client_is_spent(s->client) ||
		clock_mono_ms() - s->opened_ms > DELIVER_AGE_MS ||
		(s->max_messages != 0 && s->sent >= s->max_messages);

	while (!over) {
		s->item = queue_conn_next(s->qc, &over);
		if (s->item == NULL)
			break;
		if (send_item(s))
			return;
	}
	if (over)
		client_quit(s->client);
	else
		begin_idle(s);
}

void delivery_on_idle(evutil_socket_t fd, short what, void *ctx)
{
	struct delivery *s = ctx;
	uint64_t rested = clock_mono_ms() - s->idle_since_ms;

	(void)fd;
	(void)what;
	loop_touch(s->d->loop);
	s->idle_armed = false;
	if (s->phase != PHASE_IDLE)
		return;
	if (rested + 1 >= rest_ms(s))
		client_quit(s->client);
	else
		arm_idle(s, rest_ms(s) - rested);
}
