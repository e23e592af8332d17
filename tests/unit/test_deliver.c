/* test_deliver.c - queues and delivery together, against scripted peers on loopback.
 *
 * The configuration is made from entries by libhub/org. The spool and DNS are replaced by the few
 * functions below: what they were told is in the log, one entry a line.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "await.h"
#include "hubd/config/live.h"
#include "hubd/deliver/deliver.h"
#include "hubd/queue/admin.h"
#include "identity.h"
#include "libhub/base/log.h"
#include "libhub/tls/pin.h"
#include "org_text.h"
#include "peer.h"
#include "unit.h"

enum { PATIENCE_MS = 8000, LOG_SIZE = 8000, PEERS = 16 };
#define TOO_OLD_MS (INT64_C(172800) * 1000 + 5000)

#define BASE "cn=Transport,dc=example,dc=com"
#define SERVER "dn: cn=hub1,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n" \
	"hubFQDN: hub1.example.com\nhubServerSite: cn=London,cn=Sites," BASE "\n" \
	"hubGlitchRetryInterval: 1\nhubMessageRetryInterval: 1\n"
#define ORG "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	"dn: cn=London,cn=Sites," BASE "\nobjectClass: hubSite\ncn: London\n\n" \
	"dn: cn=hub2,cn=Servers," BASE "\nobjectClass: hubServer\ncn: hub2\nhubRole: Hub\n" \
	"hubServerSite: cn=London,cn=Sites," BASE "\nhubAddress: 127.0.0.1:@PORT@\n\n" \
	"dn: cn=mbx,cn=Servers," BASE "\nobjectClass: hubMailboxServer\ncn: mbx\n" \
	"hubServerSite: cn=London,cn=Sites," BASE "\nhubAddress: 127.0.0.1:@PORT@\n\n" SERVER
#define OUT "\ndn: cn=Out,cn=Connectors," BASE "\nobjectClass: hubSendConnector\ncn: Out\n" \
	"hubAddressSpace: *\nhubSourceServer: cn=hub1,cn=Servers," BASE "\n"

static struct loop *l;
static struct queues *queues;
static struct queue_set *set;
static struct deliver *deliver;
static struct builder *builder;
static const struct snapshot *snapshot;
static const struct live *live;
static struct tls_context *tls;
static char told[LOG_SIZE];
static bool refuse_report, hold_reports, stopped;
static struct queue_ticket *held[64];
static size_t n_held;
static struct queue_item *again[10];	/* handed back by the queues */
static size_t n_again;

static void note(const char *fmt, ...) PRINTF_LIKE(1, 2);

static void note(const char *fmt, ...)
{
	size_t n = strlen(told);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(told + n, sizeof(told) - n, fmt, ap);
	va_end(ap);
}

/* --- in place of the spool --- */

struct spool_body {
	size_t at;
};

static const char body_text[] = "Subject: t\r\n\r\nhi\r\n";

void spool_outcomes(struct spool_port *p, uint64_t id, const struct spool_outcome *list, size_t n,
	spool_outcome_cb *cb, void *ctx)
{
	static const char *const names[] = { "", "delivered", "relayed", "failed", "expired",
		"removed" };
	size_t i;

	(void)p;
	(void)cb;
	(void)ctx;
	for (i = 0; i < n; i++)
		note("%d/%u %s\n", (int)id, list[i].recipient, names[list[i].kind]);
}

const char *spool_id_text(uint64_t id, char buf[SPOOL_ID_TEXT])
{
	snprintf(buf, SPOOL_ID_TEXT, "%016llx", (unsigned long long)id);
	return buf;
}

bool spool_id_parse(const char *text, uint64_t *id)
{
	*id = strtoull(text, NULL, 16);
	return true;
}

struct spool_body *spool_body_open(struct spool_port *p, uint64_t id, spool_ready_cb *on_ready,
	void *ctx, struct err *e)
{
	(void)p;
	(void)id;
	(void)on_ready;
	(void)ctx;
	(void)e;
	return xcalloc(1, sizeof(struct spool_body));
}

uint64_t spool_body_size(const struct spool_body *b)
{
	(void)b;
	return sizeof(body_text) - 1;
}

ssize_t spool_body_read(struct spool_body *b, void *buf, size_t size, struct err *e)
{
	size_t n = sizeof(body_text) - 1 - b->at;

	(void)e;
	n = n < size ? n : size;
	memcpy(buf, body_text + b->at, n);
	b->at += n;
	return (ssize_t)n;
}

void spool_body_rewind(struct spool_body *b)
{
	b->at = 0;
}

void spool_body_close(struct spool_body **b)
{
	free(*b);
	*b = NULL;
}

/* --- in place of DNS --- */

struct resolver_op {
	resolver_mx_cb *mx_cb;
	resolver_addr_cb *addr_cb;
	void *ctx;
	char name[RESOLVER_NAME_SIZE];
	uint16_t port;
	bool cancelled;
};

static void answer_mx(struct resolver_op *op)
{
	static const struct resolver_mx two[] = { { 10, "dead.example" }, { 20, "good.example" } };
	static const struct resolver_mx loop[] = { { 10, "HUB1.example.com" },
		{ 20, "good.example" } };
	static const struct resolver_mx backup[] = { { 10, "good.example" },
		{ 20, "hub1.example.com" }, { 30, "dead.example" } };
	struct resolver_mx_result r = { .outcome = RESOLVE_NX_DOMAIN, .text = "no such domain" };

	if (strcmp(op->name, "two.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_OK, "", 2, two };
	else if (strcmp(op->name, "loop.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_OK, "", 2, loop };
	else if (strcmp(op->name, "backup.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_OK, "", 3, backup };
	else if (strcmp(op->name, "null.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_NULL_MX, "null MX", 0, NULL };
	else if (strcmp(op->name, "good.example") == 0 || strcmp(op->name, "bare.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_NO_DATA, "no MX", 0, NULL };
	else if (strcmp(op->name, "slow.example") == 0)
		r = (struct resolver_mx_result){ RESOLVE_TEMP_FAILURE, "no answer", 0, NULL };
	op->mx_cb(&r, op->ctx);
}

/* dead.example is 127.0.0.2, where nobody listens. */
static void answer_addr(struct resolver_op *op)
{
	union resolver_sockaddr a;
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&a;
	struct resolver_addr_result r = { RESOLVE_OK, "", 1, &a };

	memset(&a, 0, sizeof(a));
	v4->sin_family = AF_INET;
	v4->sin_port = htons(op->port);
	v4->sin_addr.s_addr = htonl(strcmp(op->name, "dead.example") == 0 ? 0x7f000002 :
		0x7f000001);
	if (strcmp(op->name, "bare.example") == 0)
		r = (struct resolver_addr_result){ RESOLVE_NO_DATA, "none", 0, NULL };
	op->addr_cb(&r, op->ctx);
}

static void on_answer(void *ctx)
{
	struct resolver_op *op = ctx;

	if (!op->cancelled && op->mx_cb != NULL)
		answer_mx(op);
	else if (!op->cancelled)
		answer_addr(op);
	free(op);
}

struct resolver_op *resolver_mx(struct resolver *r, const char *domain, resolver_mx_cb *cb,
	void *ctx)
{
	struct resolver_op *op = xcalloc(1, sizeof(*op));

	(void)r;
	op->mx_cb = cb;
	op->ctx = ctx;
	snprintf(op->name, sizeof(op->name), "%s", domain);
	loop_defer(l, on_answer, op);
	return op;
}

struct resolver_op *resolver_addr(struct resolver *r, const char *host, uint16_t port,
	enum resolver_family family, resolver_addr_cb *cb, void *ctx)
{
	struct resolver_op *op = xcalloc(1, sizeof(*op));

	(void)r;
	(void)family;
	op->addr_cb = cb;
	op->ctx = ctx;
	op->port = port;
	snprintf(op->name, sizeof(op->name), "%s", host);
	loop_defer(l, on_answer, op);
	return op;
}

void resolver_cancel(struct resolver_op **op)
{
	if (*op != NULL)
		(*op)->cancelled = true;
	*op = NULL;
}

struct resolver *resolver_new(struct loop *loop, const struct resolver_options *options,
	struct err *e)
{
	(void)loop;
	(void)options;
	err_set(e, ERR_TEMP, 0, "none here");
	return NULL;
}

void resolver_free(struct resolver **r)
{
	*r = NULL;
}

int resolver_servers_set(struct resolver *r, const char *servers, struct err *e)
{
	(void)r;
	(void)servers;
	return err_set(e, ERR_TEMP, 0, "none here");
}

/* --- peers: each connection gets the next script --- */

static struct house {
	int fd;
	uint16_t port;
	struct event *ev;
	const char *scripts[PEERS];
	struct peer *peers[PEERS];
	size_t n_scripts, n_peers;
} house;

static void on_connection(evutil_socket_t fd, short what, void *ctx)
{
	int c = accept(fd, NULL, NULL);

	(void)what;
	(void)ctx;
	if (house.n_peers == house.n_scripts) {
		note("connection that nothing asked for\n");
		close(c);
		return;
	}
	house.peers[house.n_peers] = peer_adopt(l, house.scripts[house.n_peers], c);
	house.n_peers++;
}

static void house_open(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	memset(&house, 0, sizeof(house));
	house.fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);
	ck_assert_int_eq(bind(house.fd, (struct sockaddr *)&a, sizeof(a)), 0);
	ck_assert_int_eq(listen(house.fd, 100), 0);
	ck_assert_int_eq(getsockname(house.fd, (struct sockaddr *)&a, &len), 0);
	house.port = ntohs(a.sin_port);
	house.ev = event_new(loop_base(l), house.fd, EV_READ | EV_PERSIST, on_connection, NULL);
	event_add(house.ev, NULL);
}

static void house_close(void)
{
	size_t i;

	event_free(house.ev);
	close(house.fd);
	for (i = 0; i < house.n_peers; i++) {
		if (peer_trouble(house.peers[i]) != NULL)
			ck_abort_msg("connection %zu: %s; log: %s", i, peer_trouble(house.peers[i]),
				told);
		peer_free(&house.peers[i]);
	}
	ck_assert_uint_eq(house.n_peers, house.n_scripts);
}

static void expect(const char *script)
{
	house.scripts[house.n_scripts++] = script;
}

/* --- hooks --- */

static void on_recategorize(struct queue_item *item, void *ctx)
{
	(void)ctx;
	note("again %d\n", (int)item->id);
	again[n_again++] = item;
}

static void on_report(const struct queue_report *r, struct queue_ticket *t, void *ctx)
{
	static const char *const kinds[] = { "failed", "delayed", "delivered", "relayed" };
	size_t i;

	(void)ctx;
	for (i = 0; i < r->n; i++)
		note("report %s %s %s %s\n", kinds[r->kind],
			r->item->env.recipients[r->v[i].i].address, r->v[i].status,
			r->v[i].diagnostic);
	if (hold_reports) {
		held[n_held++] = t;
		return;
	}
	queue_ticket_done(t, !refuse_report);
	refuse_report = false;
}

static const struct queue_hooks hooks = { on_recategorize, on_report };

/* --- the server --- */

/* @PORT@ in the text is the peers' port. */
static void configure(const char *text)
{
	const struct live *old = live;
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	const char *at;
	struct err e;

	for (; (at = strstr(text, "@PORT@")) != NULL; text = at + 6)
		fprintf(f, "%.*s%u", (int)(at - text), text, (unsigned)house.port);
	fputs(text, f);
	fclose(f);
	org_text_put(builder, out);
	free(out);
	snapshot_unref(&snapshot);
	snapshot = builder_build(builder, NULL);
	ck_assert_msg(snapshot->rejection_count == 0, "%s", snapshot->rejection_count > 0 ?
		snapshot->rejections[0].reason : "");
	live = live_new(snapshot, "hub1", NULL, tls, tls, &e);
	ck_assert_msg(live != NULL, "%s", e.text);
	if (set != NULL)
		queue_set_config(set, live);
	live_unref(&old);
}

static void begin(void)
{
	queues = queues_new(1);
	set = queue_set_new(queues, 0, l, NULL, live, &hooks, NULL);
	deliver = deliver_new(set, NULL);
}

static void setup(void)
{
	told[0] = '\0';
	n_again = n_held = 0;
	refuse_report = hold_reports = stopped = false;
	l = loop_new("test");
	tls = tls_context_new_client(NULL, NULL, NULL, NULL);
	builder = builder_new(BASE);
	house_open();
}

static void on_stopped(void *ctx)
{
	(void)ctx;
	stopped = true;
}

static bool is_stopped(void *ctx)
{
	(void)ctx;
	return stopped;
}

static bool peers_done(void *ctx)
{
	size_t i;

	(void)ctx;
	for (i = 0; i < house.n_peers; i++)
		if (!peer_done(house.peers[i]))
			return false;
	return true;
}

static void teardown(void)
{
	queue_set_stop(set, on_stopped, NULL);
	AWAIT(l, is_stopped, NULL, PATIENCE_MS);
	AWAIT(l, peers_done, NULL, PATIENCE_MS);
	deliver_free(&deliver);
	queue_set_free(&set);
	queues_free(&queues);
	house_close();
	live_unref(&live);
	snapshot_unref(&snapshot);
	builder_free(&builder);
	tls_context_unref(&tls);
	loop_free(&l);
}

/* --- messages --- */

enum { TO_OUT, TO_HUB2, TO_MAILBOX, TO_NOWHERE };

static struct route route_to(int where, const char *domain)
{
	static const struct server *hub2[1];
	struct route r = { .cost = -1 };

	switch (where) {
	case TO_OUT:
		r.decision = ROUTE_CONNECTOR;
		r.connector = (const void *)snapshot_find(snapshot, OBJ_SEND_CONNECTOR, "Out");
		r.queue = (struct queue_key){ ((const struct send_connector *)(const void *)
			r.connector)->dns_routing ? QUEUE_DNS_CONNECTOR :
			QUEUE_SMART_HOST_CONNECTOR, domain, "Out" };
		break;
	case TO_HUB2:
		hub2[0] = (const void *)snapshot_find(snapshot, OBJ_SERVER, "hub2");
		r.decision = ROUTE_RELAY;
		r.next = (struct server_pool){ hub2, 1 };
		r.queue = (struct queue_key){ QUEUE_RELAY_WITHIN_SITE, "hub2", "" };
		break;
	case TO_MAILBOX:
		r.decision = ROUTE_MAILBOX;
		r.mailbox_server = (const void *)snapshot_find(snapshot, OBJ_MAILBOX_SERVER, "mbx");
		r.queue = (struct queue_key){ QUEUE_MAILBOX, "mbx", "" };
		break;
	case TO_NOWHERE:
		r.decision = ROUTE_UNREACHABLE;
		r.queue = (struct queue_key){ QUEUE_UNREACHABLE, "", "" };
		snprintf(r.text, sizeof(r.text), "no connector");
		break;
	}
	return r;
}

/* Recipients r1@DOMAIN ... rN@DOMAIN. */
static struct queue_item *item_make(uint64_t id, uint32_t n, int where, const char *domain,
	int64_t age_ms)
{
	struct envelope_recipient rcpts[8] = { 0 };
	struct envelope env = { .sender = "s@y", .recipients = rcpts, .recipient_count = n };
	struct route r = route_to(where, domain);
	char address[8][40];
	uint32_t i;

	for (i = 0; i < n; i++) {
		snprintf(address[i], sizeof(address[i]), "r%u@%s", (unsigned)i + 1, domain);
		rcpts[i].address = address[i];
	}
	env.received_ms = env.expires_base_ms = clock_wall_ms() - age_ms;
	env.original_size = 4711;
	return queue_item_new(live, id, sizeof(body_text) - 1, &env, NULL, NULL, n, &r, NULL);
}

static void post(uint64_t id, uint32_t n, int where, const char *domain)
{
	queues_post(queues, item_make(id, n, where, domain, 0));
}

static bool told_is(void *ctx)
{
	return strcmp(told, ctx) == 0;
}

static void await_log(const char *expected)
{
	size_t i;

	if (await_for(l, told_is, (void *)(uintptr_t)expected, PATIENCE_MS) >= 0)
		return;
	for (i = 0; i < house.n_peers; i++)
		if (peer_trouble(house.peers[i]) != NULL)
			ck_abort_msg("connection %zu: %s", i, peer_trouble(house.peers[i]));
	ck_abort_msg("got\n%sinstead of\n%s", told, expected);
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

/* Caller decrefs. */
static json_t *admin(const char *request)
{
	struct queue_admin *a = queue_admin_new(queues, l);
	json_t *j = json_loads(request, 0, NULL);

	asked.came = false;
	ck_assert_ptr_nonnull(j);
	queue_admin_start(a, j, on_admin, NULL);
	json_decref(j);
	AWAIT(l, has_answer, NULL, PATIENCE_MS);
	queue_admin_free(&a);
	return asked.answer;
}

/* The member of the first queue (or message). */
static const char *first_of(json_t *answer, const char *list, const char *name)
{
	return json_string_value(json_object_get(json_array_get(json_object_get(answer, list), 0),
		name));
}

static bool queue_status_is(void *ctx)
{
	json_t *j = admin("{\"op\": \"queue-list\"}");
	const char *status = first_of(j, "queues", "status");
	bool same = status != NULL && strcmp(status, ctx) == 0;

	json_decref(j);
	return same;
}

static void await_status(const char *status)
{
	uint64_t until = clock_mono_ms() + PATIENCE_MS;

	while (!queue_status_is((void *)(uintptr_t)status))
		if (clock_mono_ms() > until)
			ck_abort_msg("no queue becomes %s", status);
}

/* --- scripts --- */

#define HELLO "S 220 hi\nC EHLO hub1.example.com\nS 250-peer\nS 250 PIPELINING\n"
#define MAIL "C MAIL FROM:<s@y>\n"
#define DATA "C DATA\n"
#define OK(n) "S 250 ok\n"
#define BODY "C Subject: t\nC \nC hi\nC .\n"
#define ONE(d) MAIL "C RCPT TO:<r1@" d ">\n" DATA "S 250 ok\nS 250 ok\nS 354 go\n" BODY \
	"S 250 2.0.0 taken\n"
#define QUIT "C QUIT\nW\n"
#define SMART OUT "hubSmartHost: [127.0.0.1]:@PORT@\n"

START_TEST(three_messages_share_a_connection)
{
	expect(HELLO ONE("a") ONE("a") ONE("a") QUIT);
	configure(ORG "hubMaxPerDomainConnections: 1\n" SMART);
	begin();
	post(1, 1, TO_OUT, "a");
	post(2, 1, TO_OUT, "a");
	post(3, 1, TO_OUT, "a");
	await_log("1/0 relayed\n2/0 relayed\n3/0 relayed\n");
}
END_TEST

START_TEST(connection_ends_after_its_messages)
{
	expect(HELLO ONE("a") ONE("a") QUIT);
	expect(HELLO ONE("a") QUIT);
	configure(ORG "hubMaxPerDomainConnections: 1\n" SMART
		"hubMaxMessagesPerConnection: 2\n");
	begin();
	post(1, 1, TO_OUT, "a");
	post(2, 1, TO_OUT, "a");
	post(3, 1, TO_OUT, "a");
	await_log("1/0 relayed\n2/0 relayed\n3/0 relayed\n");
}
END_TEST

START_TEST(mixed_recipients_go_their_ways)
{
	expect(HELLO MAIL "C RCPT TO:<r1@a>\nC RCPT TO:<r2@a>\nC RCPT TO:<r3@a>\n" DATA
		"S 250 ok\nS 250 ok\nS 550 5.1.1 who\nS 451 4.2.0 later\nS 354 go\n" BODY
		"S 250 taken\n" MAIL "C RCPT TO:<r3@a>\n" DATA "S 250 ok\nS 250 ok\nS 354 go\n" BODY
		"S 250 taken\n" QUIT);
	configure(ORG SMART);
	begin();
	post(7, 3, TO_OUT, "a");
	await_log("7/0 relayed\nreport failed r2@a 5.1.1 550 5.1.1 who\n7/1 failed\n"
		"7/2 relayed\n");
}
END_TEST

START_TEST(report_comes_before_the_outcome)
{
	expect(HELLO MAIL "C RCPT TO:<r1@a>\n" DATA "S 550 5.7.1 no\nS 503 no\nS 503 no\n" QUIT);
	configure(ORG SMART);
	begin();
	refuse_report = true;
	post(1, 1, TO_OUT, "a");
	/* it could not be stored: no outcome, and no second attempt either */
	await_log("report failed r1@a 5.7.1 550 5.7.1 no\n");
	await_status("Ready");
	told[0] = '\0';
	/* the next one could: then so can the first */
	queues_post(queues, item_make(2, 1, TO_NOWHERE, "b", TOO_OLD_MS));
	await_log("report failed r1@b 4.4.7 message expired; last: no connector\n2/0 expired\n"
		"report failed r1@a 5.7.1 550 5.7.1 no\n1/0 failed\n");
}
END_TEST

/* Removed is removed, also while the sender cannot be told. */
START_TEST(removal_outlives_a_refused_report)
{
	configure(ORG SMART);
	begin();
	post(1, 1, TO_NOWHERE, "a");
	await_status("Ready");
	refuse_report = true;
	json_decref(admin("{\"op\": \"message-remove\", \"message\": \"1\"}"));
	ck_assert_str_eq(told, "report failed r1@a 5.7.0 removed by an administrator\n");
	/* asked for again by itself */
	await_log("report failed r1@a 5.7.0 removed by an administrator\n"
		"report failed r1@a 5.7.0 removed by an administrator\n1/0 removed\n");
}
END_TEST

static bool held_are(void *ctx)
{
	return n_held == (size_t)(uintptr_t)ctx;
}

/* However many end at once, few reports are under way; each that is done lets another begin. */
START_TEST(reports_wait_their_turn)
{
	size_t i;

	configure(ORG SMART);
	begin();
	hold_reports = true;
	for (i = 1; i <= 30; i++)
		queues_post(queues, item_make(i, 1, TO_NOWHERE, "a", TOO_OLD_MS));
	AWAIT(l, held_are, (void *)(uintptr_t)20, PATIENCE_MS);
	for (i = 0; i < 30; i++) {
		ck_assert_uint_eq(n_held, i + 20 < 30 ? i + 20 : 30);
		queue_ticket_done(held[i], true);
	}
	ck_assert_ptr_nonnull(strstr(told, "30/0 expired\n"));
}
END_TEST

/* Two parts of one message that came together in one queue. */
START_TEST(suspending_twice)
{
	json_t *j;
	int i;

	configure(ORG SMART);
	begin();
	post(1, 1, TO_NOWHERE, "a");
	post(1, 1, TO_NOWHERE, "a");
	await_status("Ready");
	for (i = 0; i < 2; i++) {
		j = admin("{\"op\": \"message-suspend\", \"message\": \"1\"}");
		ck_assert_int_eq(json_integer_value(json_object_get(j, "changed")), i == 0 ? 2 : 0);
		json_decref(j);
	}
}
END_TEST

START_TEST(dead_smart_host_is_passed_over)
{
	expect(HELLO ONE("a") QUIT);
	configure(ORG OUT "hubSmartHost: [127.0.0.2]:@PORT@\nhubSmartHost: [127.0.0.1]:@PORT@\n");
	begin();
	post(1, 1, TO_OUT, "a");
	await_log("1/0 relayed\n");
}
END_TEST

START_TEST(queue_retries_and_says_why)
{
	json_t *j;

	expect("S 554 5.3.2 not today\nW\n");
	expect(HELLO ONE("a") QUIT);
	configure(ORG SMART);
	begin();
	post(1, 1, TO_OUT, "a");
	await_status("Retry");
	j = admin("{\"op\": \"queue-list\"}");
	ck_assert_ptr_nonnull(strstr(first_of(j, "queues", "last_error"), "554 5.3.2 not today"));
	ck_assert_ptr_nonnull(strstr(first_of(j, "queues", "last_error"), "[127.0.0.1]"));
	ck_assert_ptr_nonnull(first_of(j, "queues", "next_retry_time"));
	ck_assert_str_eq(first_of(j, "queues", "delivery_type"), "SmartHostConnectorDelivery");
	json_decref(j);
	await_log("1/0 relayed\n");
}
END_TEST

START_TEST(message_is_innocent_of_a_closing_host)
{
	expect(HELLO ONE("a") MAIL "C RCPT TO:<r1@a>\n" DATA "S 421 4.3.2 enough\nX\n");
	expect(HELLO ONE("a") QUIT);
	configure(ORG "hubMaxPerDomainConnections: 1\n" SMART);
	begin();
	post(1, 1, TO_OUT, "a");
	post(2, 1, TO_OUT, "a");
	await_log("1/0 relayed\n2/0 relayed\n");
}
END_TEST

START_TEST(idle_connection_that_the_peer_closed)
{
	expect(HELLO ONE("a") "S 421 4.4.2 idle\nX\n");
	expect(HELLO ONE("a") QUIT);
	configure(ORG SMART);
	begin();
	post(1, 1, TO_OUT, "a");
	await_log("1/0 relayed\n");
	post(2, 1, TO_OUT, "a");
	await_log("1/0 relayed\n2/0 relayed\n");
}
END_TEST

static const struct mx_row {
	const char *domain, *script, *log;
} mx_rows[] = {
	{ "two.example", HELLO ONE("two.example") QUIT, "1/0 relayed\n" },
	{ "good.example", HELLO ONE("good.example") QUIT, "1/0 relayed\n" },
	{ "backup.example", HELLO ONE("backup.example") QUIT, "1/0 relayed\n" },
	{ "[127.0.0.1]", HELLO ONE("[127.0.0.1]") QUIT, "1/0 relayed\n" },
	{ "null.example", NULL, "report failed r1@null.example 5.1.10 null MX\n1/0 failed\n" },
	{ "loop.example", NULL, "report failed r1@loop.example 5.4.6 the mail exchanger of "
		"loop.example is this server\n1/0 failed\n" },
	{ "bare.example", NULL, "report failed r1@bare.example 5.4.4 no mail exchanger of "
		"bare.example has an address\n1/0 failed\n" },
	{ "none.example", NULL, "report failed r1@none.example 5.1.2 no such domain\n"
		"1/0 failed\n" },
};

START_TEST(mail_exchangers)
{
	const struct mx_row *row = &mx_rows[_i];

	if (row->script != NULL)
		expect(row->script);
	configure(ORG OUT "hubPort: @PORT@\n");
	begin();
	post(1, 1, TO_OUT, row->domain);
	await_log(row->log);
}
END_TEST

START_TEST(dns_trouble_is_put_off)
{
	configure(ORG OUT "hubPort: @PORT@\n");
	begin();
	post(1, 1, TO_OUT, "slow.example");
	await_status("Retry");
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(dns_failures_downgraded)
{
	configure(ORG OUT "hubPort: @PORT@\nhubErrorPolicy: DowngradeDNSFailures\n");
	begin();
	post(1, 1, TO_OUT, "none.example");
	await_status("Retry");
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(mailbox_by_lmtp)
{
	expect("S 220 hi\nC LHLO hub1.example.com\nS 250-peer\nS 250 PIPELINING\n" MAIL
		"C RCPT TO:<r1@a>\nC RCPT TO:<r2@a>\n" DATA "S 250 ok\nS 250 ok\nS 250 ok\n"
		"S 354 go\n"
		BODY "S 250 one\nS 452 4.2.2 full\n" MAIL "C RCPT TO:<r2@a>\n" DATA
		"S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 two\n" QUIT);
	configure(ORG);
	begin();
	post(1, 2, TO_MAILBOX, "a");
	await_log("1/0 delivered\n1/1 delivered\n");
}
END_TEST

START_TEST(hub_without_tls_is_not_used)
{
	json_t *j;

	expect("S 220 hi\nC EHLO hub1.example.com\nS 250 peer\nW\n");
	configure(ORG);
	begin();
	post(1, 1, TO_HUB2, "a");
	await_status("Retry");
	j = admin("{\"op\": \"queue-list\"}");
	ck_assert_ptr_nonnull(strstr(first_of(j, "queues", "last_error"), "does not offer"));
	json_decref(j);
	ck_assert_str_eq(told, "");
}
END_TEST

/* --- TLS --- */

static struct identity peer_identity;

/* hub2's key in the directory is the peers' own, or another one. */
static struct tls_context *tls_peer(bool right)
{
	char pin[TLS_PIN_SIZE], entry[3000];
	struct tls_context *ctx;
	struct err e;

	identity_make(&peer_identity, "hub2.example.com", 1);
	ctx = tls_context_new_server(peer_identity.certificate, peer_identity.key, NULL, &e);
	ck_assert_msg(ctx != NULL, "%s", e.text);
	peer_set_tls(ctx);
	ck_assert_int_eq(tls_pin_of_file(peer_identity.certificate, pin, &e), 0);
	if (!right)
		pin[10] = pin[10] == 'a' ? 'b' : 'a';
	snprintf(entry, sizeof(entry), ORG "\ndn: cn=hub2,cn=Servers," BASE
		"\nobjectClass: hubServer\ncn: hub2\nhubRole: Hub\n"
		"hubServerSite: cn=London,cn=Sites,"
		BASE "\nhubAddress: 127.0.0.1:@PORT@\nhubKeyDigest: %s\n", pin);
	configure(entry);
	return ctx;
}

#define TLS_HELLO "S 220 hi\nC EHLO hub1.example.com\nS 250-peer\nS 250 STARTTLS\nC STARTTLS\n" \
	"T 220 go\n"

START_TEST(hub_with_the_right_key)
{
	struct tls_context *ctx = tls_peer(true);

	expect(TLS_HELLO "C EHLO hub1.example.com\nS 250-peer\nS 250-PIPELINING\nS 250 CHUNKING\n"
		MAIL "C RCPT TO:<r1@a>\nC BDAT 57 LAST\nC X-Hub-Organization-OriginalSize: 4711\n"
		"C Subject: t\nC \nC hi\nS 250 ok\nS 250 ok\nS 250 taken\n" QUIT);
	begin();
	post(1, 1, TO_HUB2, "a");
	await_log("1/0 relayed\n");
	tls_context_unref(&ctx);
	identity_remove(&peer_identity);
}
END_TEST

START_TEST(hub_with_a_wrong_key)
{
	struct tls_context *ctx = tls_peer(false);
	json_t *j;

	expect(TLS_HELLO "W\n");
	begin();
	post(1, 1, TO_HUB2, "a");
	await_status("Retry");
	j = admin("{\"op\": \"queue-list\"}");
	ck_assert_ptr_nonnull(strstr(first_of(j, "queues", "last_error"),
		"is not in the directory for hub2"));
	json_decref(j);
	ck_assert_str_eq(told, "");
	tls_context_unref(&ctx);
	identity_remove(&peer_identity);
}
END_TEST

/* Opportunistic: a handshake that fails is followed by a connection in clear. */
START_TEST(broken_tls_is_done_without)
{
	expect("S 220 hi\nC EHLO hub1.example.com\nS 250-peer\nS 250 STARTTLS\nC STARTTLS\n"
		"S 220 go\nX\n");
	expect(HELLO ONE("a") QUIT);
	configure(ORG SMART);
	begin();
	post(1, 1, TO_OUT, "a");
	await_log("1/0 relayed\n");
}
END_TEST

START_TEST(required_tls_is_not_done_without)
{
	expect("S 220 hi\nC EHLO hub1.example.com\nS 250-peer\nS 250 STARTTLS\nC STARTTLS\n"
		"S 220 go\nX\n");
	configure(ORG SMART "hubRequireTLS: TRUE\n");
	begin();
	post(1, 1, TO_OUT, "a");
	await_status("Retry");
	ck_assert_str_eq(told, "");
}
END_TEST

START_TEST(old_message_expires)
{
	configure(ORG SMART);
	begin();
	queues_post(queues, item_make(1, 1, TO_NOWHERE, "a", TOO_OLD_MS));
	await_log("report failed r1@a 4.4.7 message expired; last: no connector\n1/0 expired\n");
}
END_TEST

START_TEST(late_message_is_reported_once)
{
	configure(ORG SMART);
	begin();
	queues_post(queues, item_make(1, 1, TO_NOWHERE, "a", INT64_C(14400) * 1000 + 5000));
	await_log("report delayed r1@a 4.4.4 no connector\n");
}
END_TEST

/* With its time comes another look for a way, without a new configuration. */
START_TEST(unreachable_with_a_time)
{
	struct queue_item *item;

	configure(ORG SMART);
	begin();
	item = item_make(1, 1, TO_NOWHERE, "a", 0);
	item->retry_at_ms = clock_mono_ms() + 50;
	queues_post(queues, item);
	await_log("again 1\n");
	ck_assert_uint_eq(again[0]->retry_at_ms, 0);
	queue_item_free(&again[0]);
}
END_TEST

/* Put off by one, a message does not wait for another. */
START_TEST(another_route_is_tried_at_once)
{
	struct queue_item *from, *to;
	struct route r;

	configure(ORG SMART);
	begin();
	from = item_make(1, 1, TO_OUT, "a", 0);
	from->retry_at_ms = 12345;
	r = route_to(TO_OUT, "a");
	to = queue_item_new(live, 1, 1, &from->env, NULL, NULL, 1, &r, from);
	ck_assert_uint_eq(to->retry_at_ms, 12345);
	queue_item_free(&to);
	r = route_to(TO_MAILBOX, "a");
	to = queue_item_new(live, 1, 1, &from->env, NULL, NULL, 1, &r, from);
	ck_assert_uint_eq(to->retry_at_ms, 0);
	queue_item_free(&to);
	queue_item_free(&from);
}
END_TEST

/* A queue that always has more does not keep the only connection. */
START_TEST(connections_in_turn)
{
	expect(HELLO ONE("a") QUIT);
	expect(HELLO ONE("b") QUIT);
	expect(HELLO ONE("a") QUIT);
	expect(HELLO ONE("a") QUIT);
	configure(ORG "hubMaxOutboundConnections: 1\nhubMaxPerDomainConnections: 1\n" SMART
		"hubMaxMessagesPerConnection: 1\n");
	begin();
	post(1, 1, TO_OUT, "a");
	post(2, 1, TO_OUT, "a");
	post(3, 1, TO_OUT, "a");
	post(4, 1, TO_OUT, "b");
	await_log("1/0 relayed\n4/0 relayed\n2/0 relayed\n3/0 relayed\n");
}
END_TEST

/* Handed back in order; what comes back lands in order and keeps its state. */
START_TEST(new_configuration_routes_again)
{
	struct route r;
	json_t *j;
	size_t i;

	configure(ORG SMART);
	begin();
	for (i = 1; i <= 3; i++)
		post(i, 1, TO_NOWHERE, "a");
	await_status("Ready");
	j = admin("{\"op\": \"message-suspend\", \"message\": \"2\"}");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "changed")), 1);
	json_decref(j);
	configure("dn: cn=Paris,cn=Sites," BASE "\nobjectClass: hubSite\ncn: Paris\n\n");
	await_log("again 1\nagain 3\nagain 2\n");
	r = route_to(TO_NOWHERE, "a");
	for (i = 0; i < 3; i++) {
		queues_post(queues, queue_item_new(live, again[i]->id, again[i]->body_size,
			&again[i]->env, again[i]->index, NULL, 1, &r, again[i]));
		queue_item_free(&again[i]);
	}
	await_status("Ready");
	j = admin("{\"op\": \"message-get\", \"message\": \"2\"}");
	ck_assert_str_eq(first_of(j, "messages", "status"), "Suspended");
	json_decref(j);
}
END_TEST

START_TEST(administration)
{
	json_t *j;

	expect(HELLO ONE("a") QUIT);
	configure(ORG SMART);
	begin();
	post(1, 1, TO_NOWHERE, "a");
	await_status("Ready");
	j = admin("{\"op\": \"nonsense\"}");
	ck_assert_str_eq(json_string_value(json_object_get(j, "error")),
		"unknown operation 'nonsense'");
	json_decref(j);
	j = admin("{\"op\": \"queue-suspend\"}");
	ck_assert_str_eq(json_string_value(json_object_get(j, "error")), "'queue' is missing");
	json_decref(j);
	j = admin("{\"op\": \"message-remove\", \"message\": \"9\"}");
	ck_assert_str_eq(json_string_value(json_object_get(j, "error")), "nothing matches");
	json_decref(j);
	j = admin("{\"op\": \"message-remove\", \"message\": \"1\", \"report\": false}");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "changed")), 1);
	json_decref(j);
	ck_assert_str_eq(told, "1/0 removed\n");
	/* a suspended queue takes mail and sends none */
	post(2, 1, TO_NOWHERE, "a");
	j = admin("{\"op\": \"queue-suspend\", \"queue\": 1}");
	json_decref(j);
	ck_assert(queue_status_is((void *)(uintptr_t)"Suspended"));
	j = admin("{\"op\": \"queue-resume\", \"queue\": \"Unreachable//\"}");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "changed")), 1);
	json_decref(j);
	j = admin("{\"op\": \"queue-retry\", \"queue\": 1, \"resubmit\": true}");
	json_decref(j);
	await_log("1/0 removed\nagain 2\n");
	queue_item_free(&again[0]);
	post(3, 1, TO_OUT, "a");
	await_log("1/0 removed\nagain 2\n3/0 relayed\n");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("deliver");

	log_init(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	tcase_set_timeout(tc, 30);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, three_messages_share_a_connection);
	tcase_add_test(tc, connection_ends_after_its_messages);
	tcase_add_test(tc, mixed_recipients_go_their_ways);
	tcase_add_test(tc, report_comes_before_the_outcome);
	tcase_add_test(tc, removal_outlives_a_refused_report);
	tcase_add_test(tc, reports_wait_their_turn);
	tcase_add_test(tc, suspending_twice);
	tcase_add_test(tc, dead_smart_host_is_passed_over);
	tcase_add_test(tc, queue_retries_and_says_why);
	tcase_add_test(tc, message_is_innocent_of_a_closing_host);
	tcase_add_test(tc, idle_connection_that_the_peer_closed);
	tcase_add_loop_test(tc, mail_exchangers, 0, (int)(sizeof(mx_rows) / sizeof(mx_rows[0])));
	tcase_add_test(tc, dns_trouble_is_put_off);
	tcase_add_test(tc, dns_failures_downgraded);
	tcase_add_test(tc, mailbox_by_lmtp);
	tcase_add_test(tc, hub_without_tls_is_not_used);
	tcase_add_test(tc, hub_with_the_right_key);
	tcase_add_test(tc, hub_with_a_wrong_key);
	tcase_add_test(tc, broken_tls_is_done_without);
	tcase_add_test(tc, required_tls_is_not_done_without);
	tcase_add_test(tc, old_message_expires);
	tcase_add_test(tc, late_message_is_reported_once);
	tcase_add_test(tc, unreachable_with_a_time);
	tcase_add_test(tc, another_route_is_tried_at_once);
	tcase_add_test(tc, connections_in_turn);
	tcase_add_test(tc, new_configuration_routes_again);
	tcase_add_test(tc, administration);
	return unit_run("deliver", &tc, 1);
}
