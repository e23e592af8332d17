/* deliver_kit.c - see deliver_kit.h */
#include "deliver_kit.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "hubd/agent/agents.h"
#include "hubd/drop/drop.h"

struct loop *kit_loop;
struct queues *kit_queues;
struct queue_set *kit_set, *kit_sets[WORKERS];
struct failover *kit_judge;
struct builder *kit_builder;
const struct snapshot *kit_snapshot;
const struct live *kit_live;
struct tls_context *kit_tls;
struct house kit_house;
char kit_told[LOG_SIZE];
bool kit_refuse_report, kit_hold_reports;
struct queue_ticket *kit_held[64];
size_t kit_n_held;
struct queue_item *kit_again[10];
size_t kit_n_again;

const char *kit_agents_folder;

static struct deliver *kit_deliver;
static struct drop *kit_drop;
static struct agents *kit_agents;
static uint32_t n_workers, n_stopped;

void kit_note(const char *fmt, ...)
{
	size_t n = strlen(kit_told);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(kit_told + n, sizeof(kit_told) - n, fmt, ap);
	va_end(ap);
}

/* --- peers: each connection gets the next script --- */

static void on_connection(evutil_socket_t fd, short what, void *ctx)
{
	int c = accept(fd, NULL, NULL);

	(void)what;
	(void)ctx;
	if (kit_house.n_peers == kit_house.n_scripts) {
		kit_note("connection that nothing asked for\n");
		close(c);
		return;
	}
	kit_house.peers[kit_house.n_peers] = peer_adopt(kit_loop,
		kit_house.scripts[kit_house.n_peers], c);
	kit_house.n_peers++;
}

static void house_open(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(&kit_house, 0, sizeof(kit_house));
	kit_house.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(kit_house.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(kit_house.fd, 100), 0);
	ck_assert_int_eq(getsockname(kit_house.fd, (struct sockaddr *)&a, &len), 0);
	kit_house.port = ntohs(a.sin_port);
	kit_house.ev = event_new(loop_base(kit_loop), kit_house.fd, EV_READ | EV_PERSIST,
		on_connection, NULL);
	event_add(kit_house.ev, NULL);
}

static void house_close(void)
{
	size_t i;

	event_free(kit_house.ev);
	close(kit_house.fd);
	for (i = 0; i < kit_house.n_peers; i++) {
		if (peer_trouble(kit_house.peers[i]) != NULL)
			ck_abort_msg("connection %zu: %s; log: %s", i,
				peer_trouble(kit_house.peers[i]), kit_told);
		peer_free(&kit_house.peers[i]);
	}
	ck_assert_uint_eq(kit_house.n_peers, kit_house.n_scripts);
}

void kit_expect(const char *script)
{
	kit_house.scripts[kit_house.n_scripts++] = script;
}

/* --- hooks --- */

static void on_recategorize(struct queue_item *item, void *ctx)
{
	(void)ctx;
	kit_note("again %d\n", (int)item->id);
	kit_again[kit_n_again++] = item;
}

static void on_report(const struct queue_report *r, struct queue_ticket *t, void *ctx)
{
	static const char *const kinds[] = { "failed", "delayed", "relayed", "expanded",
		"delivered" };
	size_t i;

	(void)ctx;
	for (i = 0; i < r->n; i++)
		kit_note("report %s %s %s %s\n", kinds[r->v[i].kind],
			r->item->env.recipients[r->v[i].i].address, r->v[i].status,
			r->v[i].diagnostic);
	if (kit_hold_reports) {
		kit_held[kit_n_held++] = t;
		return;
	}
	queue_ticket_done(t, !kit_refuse_report);
	kit_refuse_report = false;
}

static const struct queue_hooks hooks = { on_recategorize, on_report };

/* --- the server --- */

void kit_configure(const char *text)
{
	const struct live *old = kit_live;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	const char *at;
	struct err e;
	uint32_t i;

	for (; (at = strstr(text, "@PORT@")) != NULL; text = at + 6)
		fprintf(f, "%.*s%u", (int)(at - text), text, (unsigned)kit_house.port);
	fputs(text, f);
	fclose(f);
	org_text_put(kit_builder, out);
	free(out);
	snapshot_unref(&kit_snapshot);
	kit_snapshot = builder_build(kit_builder, NULL);
	ck_assert_msg(kit_snapshot->rejection_count == 0, "%s", kit_snapshot->rejection_count > 0 ?
		kit_snapshot->rejections[0].reason : "");
	kit_live = live_new(kit_snapshot, "hub1", NULL, kit_tls, kit_tls, &e);
	ck_assert_msg(kit_live != NULL, "%s", e.text);
	if (kit_judge != NULL)
		failover_adopt(kit_judge, kit_live);
	for (i = 0; i < n_workers; i++)
		queue_set_config(kit_sets[i], kit_live);
	live_unref(&old);
}

void kit_begin(void)
{
	kit_begin_with(1);
}

static void on_judged(void *ctx)
{
	(void)ctx;
}

void kit_begin_with(uint32_t workers)
{
	uint32_t i;

	ck_assert_uint_le(workers, WORKERS);
	kit_queues = queues_new(workers);
	kit_judge = failover_new(kit_loop, kit_queues, on_judged, NULL);
	failover_adopt(kit_judge, kit_live);
	queues_set_failover(kit_queues, kit_judge);
	for (i = 0; i < workers; i++)
		kit_sets[i] = queue_set_new(kit_queues, i, kit_loop, NULL, kit_live, &hooks, NULL);
	kit_set = kit_sets[0];
	n_workers = workers;
	kit_deliver = deliver_new(&(struct deliver_config){ .set = kit_set });
	kit_drop = drop_new(kit_set);
	kit_agents = agents_new(kit_set, &(struct agents_config){ .folder = kit_agents_folder,
		.timeout_ms = PATIENCE_MS });
}

void kit_setup(void)
{
	kit_told[0] = '\0';
	kit_n_again = kit_n_held = 0;
	kit_refuse_report = kit_hold_reports = false;
	n_workers = n_stopped = 0;
	kit_loop = loop_new("test");
	kit_tls = tls_context_new_client(NULL, NULL, NULL, NULL);
	kit_builder = builder_new(BASE);
	house_open();
}

static void on_stopped(void *ctx)
{
	(void)ctx;
	n_stopped++;
}

static bool is_stopped(void *ctx)
{
	(void)ctx;
	return n_stopped == n_workers;
}

static bool peers_done(void *ctx)
{
	size_t i;

	(void)ctx;
	for (i = 0; i < kit_house.n_peers; i++)
		if (!peer_done(kit_house.peers[i]))
			return false;
	return true;
}

void kit_teardown(void)
{
	uint32_t i;

	for (i = 0; i < n_workers; i++)
		queue_set_stop(kit_sets[i], on_stopped, NULL);
	AWAIT(kit_loop, is_stopped, NULL, PATIENCE_MS);
	AWAIT(kit_loop, peers_done, NULL, PATIENCE_MS);
	deliver_free(&kit_deliver);
	drop_free(&kit_drop);
	agents_free(&kit_agents);
	for (i = 0; i < n_workers; i++)
		queue_set_free(&kit_sets[i]);
	failover_free(&kit_judge);
	queues_free(&kit_queues);
	house_close();
	live_unref(&kit_live);
	snapshot_unref(&kit_snapshot);
	builder_free(&kit_builder);
	tls_context_unref(&kit_tls);
	loop_free(&kit_loop);
}

/* --- messages --- */

struct route kit_route(int where, const char *domain)
{
	static const struct server *hub2[1];
	struct route r = { .cost = -1 };

	switch (where) {
	case TO_OUT:
		r.decision = ROUTE_CONNECTOR;
		r.connector = (const void *)snapshot_find(kit_snapshot, OBJ_SEND_CONNECTOR, "Out");
		r.queue = (struct queue_key){ ((const struct send_connector *)(const void *)
			r.connector)->dns_routing ? QUEUE_DNS_CONNECTOR :
			QUEUE_SMART_HOST_CONNECTOR, domain, "Out" };
		break;
	case TO_HUB2:
		hub2[0] = (const void *)snapshot_find(kit_snapshot, OBJ_SERVER, "hub2");
		r.decision = ROUTE_RELAY;
		r.next = (struct server_pool){ hub2, 1 };
		r.queue = (struct queue_key){ QUEUE_RELAY_WITHIN_SITE, "hub2", "" };
		break;
	case TO_MAILBOX:
		r.decision = ROUTE_MAILBOX;
		r.mailbox_server = (const void *)snapshot_find(kit_snapshot, OBJ_MAILBOX_SERVER,
			"mbx");
		r.queue = (struct queue_key){ QUEUE_MAILBOX, "mbx", "" };
		break;
	case TO_DROP:
		r.decision = ROUTE_CONNECTOR;
		r.connector = (const void *)snapshot_find(kit_snapshot, OBJ_FOREIGN_CONNECTOR,
			"Fax");
		r.queue = (struct queue_key){ QUEUE_FOREIGN_CONNECTOR, domain, "Fax" };
		break;
	case TO_AGENT:
		r.decision = ROUTE_CONNECTOR;
		r.connector = (const void *)snapshot_find(kit_snapshot, OBJ_AGENT_CONNECTOR,
			"Agent");
		r.queue = (struct queue_key){ QUEUE_DELIVERY_AGENT, domain, "Agent" };
		break;
	case TO_NOWHERE:
		r.decision = ROUTE_UNREACHABLE;
		r.queue = (struct queue_key){ QUEUE_UNREACHABLE, "", "" };
		snprintf(r.text, sizeof(r.text), "no connector");
		break;
	}
	return r;
}

struct queue_item *kit_item(uint64_t id, uint32_t n, int where, const char *domain,
	int64_t age_ms)
{
	struct envelope_recipient rcpts[8] = { 0 };
	struct envelope env = { .sender = "s@y", .recipients = rcpts, .recipient_count = n };
	struct route r = kit_route(where, domain);
	char address[8][40];
	uint32_t i;

	for (i = 0; i < n; i++) {
		snprintf(address[i], sizeof(address[i]), "r%u@%s", (unsigned)i + 1, domain);
		rcpts[i].address = address[i];
	}
	env.received_ms = env.expires_base_ms = clock_wall_ms() - age_ms;
	env.original_size = 4711;
	return queue_item_new(kit_live, id, sizeof(kit_body) - 1, &env, NULL, NULL, n, &r, NULL);
}

void kit_post(uint64_t id, uint32_t n, int where, const char *domain)
{
	queues_post(kit_queues, kit_item(id, n, where, domain, 0));
}

static bool told_is(void *ctx)
{
	return strcmp(kit_told, ctx) == 0;
}

void kit_await_log(const char *expected)
{
	size_t i;

	if (await_for(kit_loop, told_is, (void *)(uintptr_t)expected, PATIENCE_MS) >= 0)
		return;
	for (i = 0; i < kit_house.n_peers; i++)
		if (peer_trouble(kit_house.peers[i]) != NULL)
			ck_abort_msg("connection %zu: %s", i, peer_trouble(kit_house.peers[i]));
	ck_abort_msg("got\n%sinstead of\n%s", kit_told, expected);
}

/* --- administration --- */

static struct {
	bool came;
	char *text;
	json_t *answer;
} asked;

static void on_admin(json_t *answer, void *ctx)
{
	(void)ctx;
	asked.came = true;
	asked.answer = json_incref(answer);
}

static bool has_answer(void *ctx)
{
	(void)ctx;
	return asked.came;
}

json_t *kit_admin(const char *request)
{
	struct queue_admin *a = queue_admin_new(kit_queues, kit_loop);
	json_t *j = json_loads(request, 0, NULL);

	asked.came = false;
	ck_assert_ptr_nonnull(j);
	queue_admin_start(a, j, on_admin, NULL);
	json_decref(j);
	AWAIT(kit_loop, has_answer, NULL, PATIENCE_MS);
	queue_admin_free(&a);
	return asked.answer;
}

const char *kit_first_of(json_t *answer, const char *list, const char *name)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(answer, list), 0),
		name));
}

bool kit_has_status(const char *wanted)
{
	json_t *j = kit_admin("{\"op\": \"queue-list\"}");
	const char *status = kit_first_of(j, "queues", "status");
	bool same = status != NULL && strcmp(status, wanted) == 0;

	json_decref(j);
	return same;
}

void kit_await_status(const char *status)
{
	uint64_t until = clock_mono_ms() + PATIENCE_MS;

	while (!kit_has_status(status))
		if (clock_mono_ms() > until)
			ck_abort_msg("no queue becomes %s", status);
}
