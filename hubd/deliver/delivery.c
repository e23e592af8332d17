/* delivery.c - a connection's life: opened, connected, ended. See delivery.h. */
#include "hubd/deliver/delivery.h"

#include <event2/event.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"
#include "libhub/base/clock.h"
#include "libhub/base/inet.h"
#include "libhub/base/log.h"

enum { IMPLICIT_TIMEOUT_S = 600 };	/* without a connector; RFC 5321 section 4.5.3.2.6 */

/* --- end --- */

void delivery_end(struct delivery *s, enum queue_conn_outcome outcome)
{
	struct queue_conn *qc = s->qc;
	char status[QUEUE_STATUS_SIZE], text[QUEUE_TEXT_MAX];

	mx_cancel(&s->mx);
	race_cancel(&s->race);
	client_free(&s->client);
	send_log_deinit(&s->log);
	delivery_tls_forget(s);
	outgoing_deinit(&s->body);
	event_free(s->answer_timer);
	event_free(s->idle_timer);
	delivery_way_deinit(s);
	free(s->domain);
	memcpy(status, s->status, sizeof(status));
	memcpy(text, s->text, sizeof(text));
	free(s);
	queue_conn_end(qc, outcome, status, text);
}

void delivery_note_failure(struct delivery *s, const char *status, const char *text)
{
	/* of a relay it matters most why it cannot get where it should */
	if (s->on_ladder && s->text[0] != '\0')
		return;
	snprintf(s->status, sizeof(s->status), "%s", status);
	if (s->target != NULL)
		snprintf(s->text, sizeof(s->text), "%.180s: %.400s", s->hop_text, text);
	else
		snprintf(s->text, sizeof(s->text), "%.500s", text);
}

static void on_ready(struct client *c, void *ctx)
{
	struct delivery *s = ctx;

	(void)c;
	if (s->phase == PHASE_CONNECT) {
		s->opened_ms = clock_mono_ms();
		if (!delivery_arrived(s)) {
			host_good(s->d->hosts, &s->target->addr.sa);
			client_quit(s->client);
			return;
		}
		event_del(s->answer_timer);
		delivery_tls_ready(s);
		queue_conn_up(s->qc);
		s->phase = PHASE_BUSY;
	}
	delivery_next_message(s);
}

/* --- the end of a client --- */

/* For people, perhaps in text: a reply alone does not tell what it was an answer to. */
static const char *describe(const struct delivery *s, const struct client_fact *why,
	char text[QUEUE_TEXT_MAX])
{
	const char *said = delivery_tls_blame(s, why, text);

	if (said != why->text || !why->from_peer)
		return said;
	snprintf(text, QUEUE_TEXT_MAX, "%s: %s", stage_names[why->stage], why->text);
	return text;
}

/* False: so does everything else. */
static bool target_failed(struct delivery *s, const struct client_fact *why)
{
	struct verdict v = verdict_decide(why->stage, why->event,
		verdict_code(why->code, why->status), s->downgrade);
	char text[QUEUE_TEXT_MAX];

	delivery_note_failure(s, why->status[0] == '4' ? why->status : v.status,
		describe(s, why, text));
	log_event(LOG_LEVEL_INFO, "host-failed", LOG_STR("queue", queue_conn_name(s->qc)),
		LOG_STR("hop", s->hop_text), LOG_STR("stage", stage_names[why->stage]),
		LOG_STR("reason", why->text), LOG_END);
	if (v.scope == SCOPE_DESTINATION && v.action == ACTION_FAIL)
		return false;
	host_failed(s->d->hosts, &s->target->addr.sa, s->live->self);
	if (s->place->turn != NULL)
		rota_note(s->d->rota, s->place->turn, false);
	return true;
}

static void host_is_no_use(struct delivery *s, const struct client_fact *why)
{
	if (target_failed(s, why))
		delivery_next_target(s);
	else
		delivery_end(s, QUEUE_CONN_HOPELESS);
}

static void on_end(struct client *c, const struct client_fact *why, void *ctx)
{
	struct delivery *s = ctx;
	bool was_ready = s->phase == PHASE_BUSY || s->phase == PHASE_IDLE;

	(void)c;
	event_del(s->answer_timer);
	client_free(&s->client);
	if (s->passing && !s->stopping) {
		delivery_pass(s);
		return;
	}
	if (s->stopping || (was_ready && !s->host_to_blame) || (why->ok && !was_ready)) {
		delivery_end(s, QUEUE_CONN_CLOSED);
		return;
	}
	/* it let us go, but had said that it takes nothing */
	if (why->ok) {
		host_is_no_use(s, &s->blame);
		return;
	}
	if (delivery_tls_again(s, why)) {
		/* the very host, even if it was troubled before and rests for everybody else */
		if (!delivery_connect(s))
			delivery_next_target(s);
		return;
	}
	host_is_no_use(s, why);
}

/* It did not get to where mail can be sent, or does not let us go from there. */
static void on_no_answer(evutil_socket_t fd, short what, void *ctx)
{
	struct delivery *s = ctx;
	const struct client_fact why = {
		.stage = STAGE_GREETING, .event = EVENT_LOST, .text = "no session in time",
	};

	(void)fd;
	(void)what;
	loop_touch(s->d->loop);
	client_free(&s->client);
	if (s->passing)
		delivery_pass(s);
	else
		host_is_no_use(s, &why);
}

static int check_peer(struct stream *stream, void *ctx, struct err *e)
{
	struct delivery *s = ctx;
	int rc = policy_check(&s->policy, s->live, stream, e);

	delivery_tls_judged(s, stream, rc >= 0);
	if (rc == 0 && s->policy.trust == POLICY_TRUST_ANY_SERVER) {
		delivery_note(s, NULL, "the peer's key is that of a server in the directory");
		client_proven(s->client);
	}
	return rc == POLICY_UNPROVEN ? 0 : rc;
}

static const struct client_callbacks client_events = {
	.on_ready = on_ready,
	.on_sent = delivery_on_sent,
	.on_end = on_end,
};

/* --- connecting --- */

void delivery_name_hop(struct delivery *s)
{
	const struct sockaddr *sa = &s->target->addr.sa;
	char ip[64], port[16];

	if (getnameinfo(sa, inet_size(sa), ip, sizeof(ip), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(ip, sizeof(ip), "?"), port[0] = '\0';
	snprintf(s->hop_text, sizeof(s->hop_text), "%s[%s]:%s", s->target->host, ip, port);
}

bool delivery_make_policy(struct delivery *s)
{
	const struct policy_case pc = {
		.live = s->live, .connector = s->connector, .mailbox = s->mailbox,
		.server = s->place->server, .domain = s->domain, .host = s->place->name,
		.require_tls = s->require_tls, .has_keytab = s->d->prover != NULL &&
			prover_has_keytab(s->d->prover),
	};

	policy_make(&pc, &s->policy);
	if (s->policy.refusal == NULL)
		return true;
	delivery_note_failure(s, "4.7.0", s->policy.refusal);
	return false;
}

static const char *own_name(const struct delivery *s)
{
	if (s->connector != NULL && s->connector->fqdn != NULL)
		return s->connector->fqdn;
	return s->live->fqdn;
}

static uint32_t timeout_of(const struct delivery *s)
{
	return s->connector != NULL ? (uint32_t)s->connector->inactivity_timeout_s :
		IMPLICIT_TIMEOUT_S;
}

static void make_client(struct delivery *s, const struct sockaddr *source)
{
	struct client_config cfg = {
		.lmtp = s->mailbox != NULL && s->mailbox->protocol == DELIVERY_LMTP,
		.force_helo = s->connector != NULL && s->connector->force_helo,
		.name = own_name(s),
		.tls = s->policy.tls,
		.check_peer = check_peer,
		.auth = s->policy.auth, .user = s->policy.user, .password = s->policy.password,
		.peer_name = s->target->host, .prover = s->d->prover, .proofs = s->d->proofs,
		.timeout_s = timeout_of(s),
		.silence_s = s->place->server != NULL ? DELIVER_SERVER_SILENCE_S :
			DELIVER_SILENCE_S,
		.probe = s->probe,
		.log = &s->log,
	};

	s->phase = PHASE_CONNECT;
	s->tried = true;
	s->sent = 0;
	s->has_taken = false;
	s->host_to_blame = false;
	s->spent = false;
	delivery_tls_prepare(s, source, &cfg);
	s->client = client_new(s->d->loop, &cfg, &client_events, s);
}

static void await_answer(struct delivery *s)
{
	static const struct timeval answer = { DELIVER_SERVER_ANSWER_MS / 1000, 0 };

	if (s->place->server != NULL)
		event_add(s->answer_timer, &answer);
}

bool delivery_connect(struct delivery *s)
{
	const struct sockaddr *to = &s->target->addr.sa, *source;
	const char *status;
	char why[QUEUE_TEXT_MAX];

	delivery_name_hop(s);
	status = delivery_source(s, to, &source, why);
	if (status != NULL) {
		delivery_note(s, NULL, "%s", why);
		delivery_note_failure(s, status, why);
		return false;
	}
	host_try(s->d->hosts, to);
	if (s->place->turn != NULL)
		rota_take(s->d->rota, s->place->turn);
	make_client(s, source);
	client_connect(s->client, to, inet_size(to), source,
		source != NULL ? inet_size(source) : 0,
		s->place->server != NULL ? DELIVER_SERVER_CONNECT_MS : DELIVER_CONNECT_MS);
	await_answer(s);
	return true;
}

void delivery_connected(struct delivery *s, int fd, const struct sockaddr *source)
{
	delivery_name_hop(s);
	make_client(s, source);
	client_adopt(s->client, fd);
	await_answer(s);
}

void delivery_unreachable(struct delivery *s, const char *text)
{
	delivery_name_hop(s);
	target_failed(s, &(struct client_fact){ .stage = STAGE_CONNECT, .event = EVENT_LOST,
		.text = text });
}

/* --- the transport --- */

void delivery_start_some(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval next_turn;
	struct deliver *d = ctx;
	struct delivery *s;
	int i;

	(void)fd;
	(void)what;
	loop_touch(d->loop);
	for (i = 0; i < DELIVERY_STARTS_PER_TURN && (s = TAILQ_FIRST(&d->starting)) != NULL; i++) {
		TAILQ_REMOVE(&d->starting, s, starting);
		if (s->stopping)
			delivery_end(s, QUEUE_CONN_CLOSED);
		else
			delivery_next_target(s);
	}
	if (!TAILQ_EMPTY(&d->starting))
		event_add(d->start_event, &next_turn);
}

static uint32_t downgrade_of(const struct send_connector *sc)
{
	uint32_t bits = 0;

	if ((sc->error_policies & 1u << ERROR_POLICY_DOWNGRADE_AUTH) != 0)
		bits |= VERDICT_DOWNGRADE_AUTH;
	if ((sc->error_policies & 1u << ERROR_POLICY_DOWNGRADE_DNS) != 0)
		bits |= VERDICT_DOWNGRADE_DNS;
	if (sc->auth == SMART_HOST_AUTH_HUB_SERVER)
		bits |= VERDICT_DIRECT_TRUST;
	return bits;
}

static void *delivery_open(struct queue_conn *qc, const struct queue_item *head, void *ctx)
{
	struct delivery *s = xcalloc(1, sizeof(*s));

	s->d = ctx;
	s->qc = qc;
	s->live = queue_conn_live(qc);
	s->decision = head->decision;
	s->type = head->key.type;
	s->mailbox = head->decision == ROUTE_MAILBOX ? head->mailbox_server : NULL;
	if (head->decision == ROUTE_CONNECTOR && s->type != QUEUE_RELAY_TO_ROUTING_GROUP) {
		s->connector = (const void *)head->connector;
		s->downgrade = downgrade_of(s->connector);
		s->max_messages = s->connector->max_messages_per_connection;
	} else {
		s->downgrade = s->decision == ROUTE_RELAY ? VERDICT_DIRECT_TRUST : 0;
		s->max_messages = s->live->self->intra_org_max_messages;
	}
	send_log_init(&s->log, &s->d->log, s->connector);
	s->domain = xstrdup(head->key.domain);
	s->require_tls = head->env.require_tls;
	s->probe = head->probe;
	delivery_way_init(s, head);
	s->idle_timer = evtimer_new(loop_base(s->d->loop), delivery_on_idle, s);
	s->answer_timer = evtimer_new(loop_base(s->d->loop), on_no_answer, s);
	BUG_ON(s->idle_timer == NULL || s->answer_timer == NULL);
	if (TAILQ_EMPTY(&s->d->starting))
		event_active(s->d->start_event, 0, 0);
	TAILQ_INSERT_TAIL(&s->d->starting, s, starting);
	return s;
}

static void delivery_wake(void *conn)
{
	delivery_next_message(conn);
}

static void delivery_stop(void *conn)
{
	struct delivery *s = conn;

	s->stopping = true;
	if (s->phase == PHASE_IDLE)
		client_quit(s->client);
	else if (s->phase == PHASE_RESOLVE || s->phase == PHASE_CONNECT)
		delivery_end(s, QUEUE_CONN_CLOSED);
}

const struct queue_transport delivery_transport = {
	.open = delivery_open,
	.wake = delivery_wake,
	.stop = delivery_stop,
};
