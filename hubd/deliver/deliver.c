/* deliver.c - connections of queues to SMTP and LMTP peers. See deliver.h. */
#include "hubd/deliver/deliver.h"

#include <event2/event.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"
#include "hubd/deliver/client.h"
#include "hubd/deliver/host.h"
#include "hubd/deliver/mx.h"
#include "hubd/deliver/places.h"
#include "hubd/deliver/policy.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"

enum {
	IMPLICIT_TIMEOUT_S = 600,	/* without a connector; RFC 5321 section 4.5.3.2.6 */
	RESULTS_STACK = 16,
	HOP_TEXT = RESOLVER_NAME_SIZE + 96,
	SERVERS_TEXT = 1024,
};

struct deliver {
	struct queue_set *set;
	struct loop *loop;
	struct host_table *hosts;
	struct mx *internal, *external;
	struct resolver *external_resolver;
	char external_servers[SERVERS_TEXT];
};

enum phase {
	PHASE_START,		/* nothing done yet */
	PHASE_RESOLVE,
	PHASE_CONNECT,		/* a client is on its way to being ready */
	PHASE_IDLE,
	PHASE_BUSY,
};

struct session {
	struct deliver *d;
	struct queue_conn *qc;
	const struct live *live;	/* qc's */
	enum phase phase;
	bool stopping;

	/* of the queue */
	enum route_decision decision;
	enum queue_type type;
	const struct send_connector *connector;	/* NULL without one */
	const struct mailbox_server *mailbox;
	char *domain;
	bool require_tls;
	uint32_t downgrade;
	uint64_t max_messages;		/* 0 = unlimited */

	/* where to */
	struct places places;
	size_t place_at;		/* of the next */
	const struct place *place;
	struct mx_op *mx;
	struct mx_target *targets;	/* of the place */
	size_t n_targets, target_at;
	const struct mx_target *target;
	bool take_all;			/* also hosts that are left out */
	bool skipped, tried;

	/* the session */
	struct client *client;
	struct policy policy;
	char hop_text[HOP_TEXT];
	uint64_t sent;			/* messages on this connection */
	struct event *idle_timer;
	bool idle_armed;
	uint64_t idle_since_ms;

	/* the message */
	const struct queue_item *item;
	struct spool_body *body;
	struct client_message msg;
	char prefix[64];
	bool host_to_blame;		/* it was given back because of the host */

	/* the last failure, for the queue */
	bool hopeless;
	char status[QUEUE_STATUS_SIZE];
	char text[QUEUE_TEXT_MAX];
};

static void next_target(struct session *s);

/* --- end --- */

static void end(struct session *s, enum queue_conn_outcome outcome)
{
	struct queue_conn *qc = s->qc;
	char status[QUEUE_STATUS_SIZE], text[QUEUE_TEXT_MAX];

	mx_cancel(&s->mx);
	client_free(&s->client);
	spool_body_close(&s->body);
	event_free(s->idle_timer);
	free(s->targets);
	free(s->domain);
	memcpy(status, s->status, sizeof(status));
	memcpy(text, s->text, sizeof(text));
	free(s);
	queue_conn_end(qc, outcome, status, text);
}

static void note_failure(struct session *s, const char *status, const char *text)
{
	snprintf(s->status, sizeof(s->status), "%s", status);
	if (s->target != NULL)
		snprintf(s->text, sizeof(s->text), "%.180s: %.400s", s->hop_text, text);
	else
		snprintf(s->text, sizeof(s->text), "%.500s", text);
}

/* --- results --- */

static void result_of(const struct session *s, const struct client_fact *f,
	struct queue_result *out)
{
	struct verdict v;
	char class;

	*out = (struct queue_result){ .text = f->text, .from_peer = f->from_peer };
	if (f->ok) {
		out->verdict = s->decision == ROUTE_MAILBOX ? QUEUE_VERDICT_DELIVERED :
			QUEUE_VERDICT_RELAYED;
		out->dsn_passed_on = client_peer_has_dsn(s->client);
		snprintf(out->status, sizeof(out->status), "%s",
			f->status[0] != '\0' ? f->status : "2.0.0");
		return;
	}
	v = verdict_decide(f->stage, f->event, f->code, s->downgrade);
	out->verdict = v.action == ACTION_FAIL ? QUEUE_VERDICT_FAILED : QUEUE_VERDICT_DEFERRED;
	class = v.action == ACTION_FAIL ? '5' : '4';
	snprintf(out->status, sizeof(out->status), "%s",
		f->status[0] == class ? f->status : v.status);
}

/* The message is innocent: it was not really tried, or the host refuses whatever comes. */
static bool is_innocent(const struct session *s, const struct client_fact *facts)
{
	uint32_t i;

	for (i = 0; i < s->item->env.recipient_count; i++) {
		const struct client_fact *f = &facts[i];
		bool ended = f->event == EVENT_LOST || f->event == EVENT_CLOSING;

		/* a connection used before may have been closed while MAIL was on its way */
		if (!f->ok && s->sent > 0 && f->stage == STAGE_MAIL && ended)
			continue;
		if (f->ok || verdict_decide(f->stage, f->event, f->code, s->downgrade).scope !=
			SCOPE_HOST)
			return false;
	}
	return true;
}

static void apply(struct session *s, const struct client_fact *facts)
{
	struct queue_result few[RESULTS_STACK], *results = few;
	struct queue_hop hop = {
		.name = s->target->host, .text = s->hop_text,
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

static void on_sent(struct client *c, const struct client_fact *facts, void *ctx)
{
	struct session *s = ctx;

	(void)c;
	spool_body_close(&s->body);
	if (is_innocent(s, facts)) {
		s->host_to_blame = s->sent == 0;
		queue_conn_return(s->qc);
	} else {
		apply(s, facts);
	}
	s->item = NULL;
	s->sent++;
}

/* --- messages --- */

static void on_body_ready(void *ctx)
{
	struct session *s = ctx;

	client_body_ready(s->client);
}

static ssize_t body_read(void *src, void *buf, size_t size, struct err *e)
{
	return spool_body_read(src, buf, size, e);
}

static void body_rewind(void *src)
{
	spool_body_rewind(src);
}

static const struct client_source body_source = { body_read, body_rewind };

static void put_off(struct session *s, const char *text)
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

/* False if the body cannot be had: then the message is put off. */
static bool send_item(struct session *s)
{
	const struct queue_item *item = s->item;
	struct err e;

	s->body = spool_body_open(queue_set_port(s->d->set), item->id, on_body_ready, s, &e);
	if (s->body == NULL) {
		put_off(s, e.text);
		return false;
	}
	s->prefix[0] = '\0';
	if (s->place->server != NULL)
		snprintf(s->prefix, sizeof(s->prefix),
			"X-Hub-Organization-OriginalSize: %" PRIu64 "\r\n",
			item->env.original_size);
	s->msg = (struct client_message){
		.env = &item->env, .size = spool_body_size(s->body), .prefix = s->prefix,
		.source = &body_source, .src = s->body,
	};
	s->phase = PHASE_BUSY;
	client_send(s->client, &s->msg);
	return true;
}

static void begin_idle(struct session *s)
{
	static const struct timeval tv = { DELIVER_IDLE_MS / 1000, DELIVER_IDLE_MS % 1000 * 1000 };

	s->phase = PHASE_IDLE;
	s->idle_since_ms = clock_mono_ms();
	/* one timer for many short rests: it looks when it fires */
	if (!s->idle_armed)
		event_add(s->idle_timer, &tv);
	s->idle_armed = true;
}

static void next_message(struct session *s)
{
	bool over = s->stopping || (s->max_messages != 0 && s->sent >= s->max_messages);

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

static void on_idle(evutil_socket_t fd, short what, void *ctx)
{
	struct session *s = ctx;
	uint64_t rested = clock_mono_ms() - s->idle_since_ms;

	(void)fd;
	(void)what;
	loop_touch(s->d->loop);
	s->idle_armed = false;
	if (s->phase != PHASE_IDLE)
		return;
	if (rested + 1 >= DELIVER_IDLE_MS) {
		client_quit(s->client);
	} else {
		struct timeval tv = { 0, 0 };

		tv.tv_sec = (time_t)((DELIVER_IDLE_MS - rested) / 1000);
		tv.tv_usec = (suseconds_t)((DELIVER_IDLE_MS - rested) % 1000 * 1000);
		event_add(s->idle_timer, &tv);
		s->idle_armed = true;
	}
}

static void on_ready(struct client *c, void *ctx)
{
	struct session *s = ctx;

	(void)c;
	if (s->phase == PHASE_CONNECT) {
		host_good(s->d->hosts, &s->target->addr.sa);
		queue_conn_up(s->qc);
		s->phase = PHASE_BUSY;
	}
	next_message(s);
}

/* --- the end of a client --- */

static void host_is_no_use(struct session *s, const struct client_fact *why)
{
	struct verdict v = verdict_decide(why->stage, why->event, why->code, s->downgrade);

	note_failure(s, why->status[0] == '4' ? why->status : v.status, why->text);
	log_event(LOG_LEVEL_INFO, "host-failed", LOG_STR("queue", queue_conn_name(s->qc)),
		LOG_STR("hop", s->hop_text), LOG_STR("stage", stage_names[why->stage]),
		LOG_STR("reason", why->text), LOG_END);
	if (v.scope == SCOPE_DESTINATION && v.action == ACTION_FAIL) {
		end(s, QUEUE_CONN_HOPELESS);
		return;
	}
	host_failed(s->d->hosts, &s->target->addr.sa, s->live->self);
	next_target(s);
}

static void on_end(struct client *c, const struct client_fact *why, void *ctx)
{
	struct session *s = ctx;
	bool was_ready = s->phase == PHASE_BUSY || s->phase == PHASE_IDLE;

	(void)c;
	client_free(&s->client);
	if (why->ok || (was_ready && !s->host_to_blame) || s->stopping) {
		end(s, QUEUE_CONN_CLOSED);
		return;
	}
	if (why->stage == STAGE_TLS && why->event == EVENT_LOST &&
		s->policy.tls == CLIENT_TLS_IF_OFFERED) {
		/* opportunistic: better in clear than not at all, but on a new connection */
		host_set_clear(s->d->hosts, &s->target->addr.sa);
		s->target_at--;
		next_target(s);
		return;
	}
	host_is_no_use(s, why);
}

static int check_peer(struct stream *stream, void *ctx, struct err *e)
{
	struct session *s = ctx;

	return policy_check(&s->policy, s->live, stream, e);
}

static const struct client_callbacks client_events = {
	.on_ready = on_ready,
	.on_sent = on_sent,
	.on_end = on_end,
};

/* --- connecting --- */

static void hop_text_make(struct session *s)
{
	const struct sockaddr *sa = &s->target->addr.sa;
	socklen_t len = sa->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
		sizeof(struct sockaddr_in);
	char ip[64], port[16];

	if (getnameinfo(sa, len, ip, sizeof(ip), port, sizeof(port),
		NI_NUMERICHOST | NI_NUMERICSERV) != 0)
		snprintf(ip, sizeof(ip), "?"), port[0] = '\0';
	snprintf(s->hop_text, sizeof(s->hop_text), "%s[%s]:%s", s->target->host, ip, port);
}

static bool make_policy(struct session *s)
{
	const struct policy_case pc = {
		.live = s->live, .connector = s->connector, .mailbox = s->mailbox,
		.server = s->place->server, .domain = s->domain, .host = s->place->name,
		.require_tls = s->require_tls,
	};

	policy_make(&pc, &s->policy);
	if (s->policy.refusal == NULL)
		return true;
	note_failure(s, "4.7.0", s->policy.refusal);
	return false;
}

static const struct sockaddr *source_of(const struct session *s, socklen_t *len)
{
	const struct sockaddr_storage *addr;
	size_t i;

	for (i = 0; s->connector != NULL && i < s->connector->source_addresses.n; i++) {
		const struct source_address *sa = &s->connector->source_addresses.v[i];

		addr = &sa->addr;
		if (addr->ss_family != s->target->addr.sa.sa_family || (sa->server != NULL &&
			name_compare(sa->server, s->live->self->obj.name) != 0))
			continue;
		*len = addr->ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
			sizeof(struct sockaddr_in);
		return (const struct sockaddr *)(const void *)addr;
	}
	*len = 0;
	return NULL;
}

static const char *own_name(const struct session *s)
{
	if (s->connector != NULL && s->connector->fqdn != NULL)
		return s->connector->fqdn;
	return s->live->fqdn;
}

static uint32_t timeout_of(const struct session *s)
{
	return s->connector != NULL ? (uint32_t)s->connector->inactivity_timeout_s :
		IMPLICIT_TIMEOUT_S;
}

static void connect_target(struct session *s)
{
	const struct sockaddr *to = &s->target->addr.sa, *source;
	bool clear = host_is_clear(s->d->hosts, to) && s->policy.tls == CLIENT_TLS_IF_OFFERED;
	struct client_config cfg = {
		.lmtp = s->mailbox != NULL && s->mailbox->protocol == DELIVERY_LMTP,
		.force_helo = s->connector != NULL && s->connector->force_helo,
		.name = own_name(s),
		.tls = clear ? CLIENT_TLS_NEVER : s->policy.tls,
		.context = s->live->tls_client,
		.sni = s->target->host[0] != '\0' ? s->target->host : NULL,
		.check_peer = check_peer,
		.user = s->policy.user, .password = s->policy.password,
		.timeout_s = timeout_of(s),
	};
	socklen_t source_len;

	s->phase = PHASE_CONNECT;
	s->tried = true;
	s->sent = 0;
	s->host_to_blame = false;
	source = source_of(s, &source_len);
	s->client = client_new(s->d->loop, &cfg, &client_events, s);
	client_connect(s->client, to, to->sa_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
		sizeof(struct sockaddr_in), source, source_len, DELIVER_CONNECT_MS);
}

/* --- places --- */

static void set_targets(struct session *s, const struct mx_target *targets, size_t n)
{
	s->targets = xreallocarray(s->targets, n, sizeof(*targets));
	memcpy(s->targets, targets, n * sizeof(*targets));
	s->n_targets = n;
	s->target_at = 0;
}

static void take_answer(struct session *s, const struct mx_answer *a)
{
	struct verdict v;

	if (a->ok) {
		set_targets(s, a->targets, a->n);
	} else {
		v = verdict_decide(STAGE_RESOLVE, a->event, 0, s->downgrade);
		s->target = NULL;
		note_failure(s, v.status, a->text);
		/* a smart host without address is our administrator's mistake, not the sender's */
		s->hopeless = v.action == ACTION_FAIL && s->type == QUEUE_DNS_CONNECTOR;
	}
	next_target(s);
}

static void on_mx(const struct mx_answer *a, void *ctx)
{
	struct session *s = ctx;

	s->mx = NULL;
	take_answer(s, a);
}

static struct mx *external_mx(struct deliver *d, const struct live *live);

static void resolve_place(struct session *s)
{
	const struct mx_question q = {
		.name = s->place->name, .port = s->place->port, .host = s->place->host,
		.own_name = s->type == QUEUE_DNS_CONNECTOR ? s->live->fqdn : NULL,
		.own = &s->live->self->addresses,
	};
	struct mx *mx = s->d->internal;
	struct mx_answer a;

	if (s->connector != NULL && s->connector->external_dns)
		mx = external_mx(s->d, s->live);
	if (mx_cached(mx, &q, &a)) {
		take_answer(s, &a);
		return;
	}
	s->phase = PHASE_RESOLVE;
	s->mx = mx_start(mx, &q, on_mx, s);
}

/* Everything was tried. Left out hosts get their chance if nobody else was asked. */
static void exhausted(struct session *s)
{
	if (!s->tried && s->skipped && !s->take_all) {
		s->take_all = true;
		s->place_at = 0;
		next_target(s);
		return;
	}
	if (s->text[0] == '\0') {
		s->target = NULL;
		note_failure(s, "4.4.4", "there is no host to deliver to");
	}
	end(s, s->hopeless ? QUEUE_CONN_HOPELESS : QUEUE_CONN_FAILED);
}

static void literal_target(struct session *s)
{
	struct mx_target t;

	memset(&t, 0, sizeof(t));
	snprintf(t.host, sizeof(t.host), "%s", s->place->name);
	t.addr = s->place->addr;
	set_targets(s, &t, 1);
}

/* The next place becomes targets, now or later. False: there is none. */
static bool next_place(struct session *s)
{
	if (s->place_at == s->places.n)
		return false;
	s->place = &s->places.v[s->place_at++];
	s->n_targets = s->target_at = 0;
	s->target = NULL;
	return true;
}

static void next_target(struct session *s)
{
	for (;;) {
		while (s->target_at < s->n_targets) {
			s->target = &s->targets[s->target_at++];
			if (!s->take_all && host_is_out(s->d->hosts, &s->target->addr.sa)) {
				s->skipped = true;
				continue;
			}
			hop_text_make(s);
			connect_target(s);
			return;
		}
		if (!next_place(s)) {
			exhausted(s);
			return;
		}
		if (!make_policy(s))
			continue;
		if (!s->place->literal) {
			resolve_place(s);
			return;
		}
		literal_target(s);
	}
}

/* --- the transport --- */

static void start(void *ctx)
{
	struct session *s = ctx;

	if (s->stopping)
		end(s, QUEUE_CONN_CLOSED);
	else
		next_target(s);
}

static uint32_t downgrade_of(const struct send_connector *sc)
{
	uint32_t bits = 0;

	if ((sc->error_policies & 1u << ERROR_POLICY_DOWNGRADE_AUTH) != 0)
		bits |= VERDICT_DOWNGRADE_AUTH;
	if ((sc->error_policies & 1u << ERROR_POLICY_DOWNGRADE_DNS) != 0)
		bits |= VERDICT_DOWNGRADE_DNS;
	return bits;
}

static void *session_open(struct queue_conn *qc, const struct queue_item *head, void *ctx)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->d = ctx;
	s->qc = qc;
	s->live = queue_conn_live(qc);
	s->decision = head->decision;
	s->type = head->key.type;
	s->mailbox = head->decision == ROUTE_MAILBOX ? head->mailbox_server : NULL;
	if (head->decision == ROUTE_CONNECTOR) {
		s->connector = (const void *)head->connector;
		s->downgrade = downgrade_of(s->connector);
		s->max_messages = s->connector->max_messages_per_connection;
	} else {
		s->max_messages = s->live->self->intra_org_max_messages;
	}
	s->domain = xstrdup(head->key.domain);
	s->require_tls = head->env.require_tls;
	places_make(head, s->live, s->domain, queue_conn_serial(qc), &s->places);
	s->idle_timer = evtimer_new(loop_base(s->d->loop), on_idle, s);
	BUG_ON(s->idle_timer == NULL);
	loop_defer(s->d->loop, start, s);
	return s;
}

static void session_wake(void *conn)
{
	next_message(conn);
}

static void session_stop(void *conn)
{
	struct session *s = conn;

	s->stopping = true;
	if (s->phase == PHASE_IDLE)
		client_quit(s->client);
	else if (s->phase == PHASE_RESOLVE || s->phase == PHASE_CONNECT)
		end(s, QUEUE_CONN_CLOSED);
}

static const struct queue_transport transport = {
	.open = session_open,
	.wake = session_wake,
	.stop = session_stop,
};

/* --- life --- */

static void servers_text(const struct endpoints *list, char *out, size_t size)
{
	size_t i, n = 0;

	out[0] = '\0';
	for (i = 0; i < list->n && n < size; i++)
		n += (size_t)snprintf(out + n, size - n, "%s%s", i > 0 ? "," : "",
			list->v[i].text);
}

/* The resolver of the server's hubExternalDNSServer; without such a list the internal one. */
static struct mx *external_mx(struct deliver *d, const struct live *live)
{
	char servers[SERVERS_TEXT];
	struct resolver_options options = { .servers = servers };
	struct err e;
	int rc = 0;

	servers_text(&live->self->external_dns, servers, sizeof(servers));
	if (servers[0] == '\0')
		return d->internal;
	if (d->external != NULL && strcmp(servers, d->external_servers) == 0)
		return d->external;
	if (d->external == NULL) {
		d->external_resolver = resolver_new(d->loop, &options, &e);
		rc = d->external_resolver == NULL ? -1 : 0;
		if (rc == 0)
			d->external = mx_new(d->loop, d->external_resolver);
	} else {
		rc = resolver_servers_set(d->external_resolver, servers, &e);
	}
	if (rc != 0)
		log_event(LOG_LEVEL_ERROR, "external-dns", LOG_STR("reason", e.text), LOG_END);
	else
		memcpy(d->external_servers, servers, sizeof(servers));
	return d->external != NULL ? d->external : d->internal;
}

struct deliver *deliver_new(struct queue_set *set, struct resolver *internal)
{
	static const enum queue_type types[] = {
		QUEUE_DNS_CONNECTOR, QUEUE_SMART_HOST_CONNECTOR, QUEUE_RELAY_WITHIN_SITE,
		QUEUE_RELAY_TO_SITE, QUEUE_RELAY_TO_CONNECTOR_SOURCES, QUEUE_RELAY_TO_EDGE,
		QUEUE_MAILBOX,
	};
	struct deliver *d = xcalloc(1, sizeof(*d));
	size_t i;

	d->set = set;
	d->loop = queue_set_loop(set);
	d->hosts = host_table_new();
	d->internal = mx_new(d->loop, internal);
	for (i = 0; i < sizeof(types) / sizeof(types[0]); i++)
		queue_set_transport(set, types[i], &transport, d);
	return d;
}

void deliver_free(struct deliver **dp)
{
	struct deliver *d = *dp;

	if (d == NULL)
		return;
	mx_free(&d->internal);
	mx_free(&d->external);
	resolver_free(&d->external_resolver);
	host_table_free(&d->hosts);
	free(d);
	*dp = NULL;
}
