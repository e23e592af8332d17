/* test_connections.c - the connections of queues: how many, for how long, and for whom. */
#include <stdio.h>
#include <string.h>

#include "deliver_kit.h"
#include "libhub/base/log.h"

/* --- kept connections --- */

static void swap_certificates(void)
{
	const struct live *old = kit_live;
	struct tls_context *renewed = tls_context_new_client(NULL, NULL, NULL, NULL);
	struct err e;

	kit_live = live_new(kit_snapshot, "hub1", NULL, kit_tls, renewed, &e);
	ck_assert_ptr_nonnull(kit_live);
	queue_set_config(kit_set, kit_live);
	live_unref(&old);
	tls_context_unref(&renewed);
}

#define LMTP "S 220 hi\nC LHLO hub1.example.com\nS 250-peer\nS 250 PIPELINING\n"
#define MAILBOX "dn: cn=mbx,cn=Servers," BASE "\nobjectClass: hubMailboxServer\ncn: mbx\n" \
	"hubServerSite: cn=London,cn=Sites," BASE "\nhubAddress: 127.0.0.1:@PORT@\n"
#define HUB(n) "dn: cn=" n ",cn=Servers," BASE "\nobjectClass: hubServer\ncn: " n "\n" \
	"hubRole: Hub\nhubServerSite: cn=London,cn=Sites," BASE "\nhubAddress: 127.0.0.1:1\n"
#define OTHER_HELLO "S 220 hi\nC EHLO other.example.com\nS 250-peer\nS 250 PIPELINING\n"

/* A session carries a message, then the directory changes, then there is another message. */
static const struct kept_row {
	const char *change;		/* NULL: other certificates */
	int where;
	const char *hello, *second;	/* NULL: the same session carries both */
} kept_rows[] = {
	{ NULL, TO_OUT, HELLO, HELLO },
	{ SMART "hubComment: another revision\n", TO_OUT, HELLO, HELLO },
	{ SMART "hubFQDN: other.example.com\n", TO_OUT, HELLO, OTHER_HELLO },
	{ SMART "hubSendRight: Forest\n", TO_OUT, HELLO, HELLO },
	{ HUB("hub1") "hubFQDN: other.example.com\n", TO_OUT, HELLO, OTHER_HELLO },
	{ "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n"
		"hubTLSSendDomainSecure: b\n", TO_OUT, HELLO, HELLO },
	{ MAILBOX "hubRequireTLS: FALSE\nhubComment: another revision\n", TO_MAILBOX, LMTP,
		LMTP },
	{ MAILBOX "hubComment: another revision\n", TO_OUT, HELLO, NULL },
	{ HUB("hub2") "hubComment: another revision\n", TO_OUT, HELLO, NULL },
	{ HUB("hub2"), TO_MAILBOX, LMTP, NULL },
	{ "dn: cn=Paris,cn=Sites," BASE "\nobjectClass: hubSite\ncn: Paris\n", TO_OUT, HELLO,
		NULL },
	{ SMART "hubComment: another revision\n", TO_MAILBOX, LMTP, NULL },
};

START_TEST(kept_connections)
{
	const struct kept_row *row = &kept_rows[_i];
	const char *fate = row->where == TO_MAILBOX ? "delivered" : "relayed";
	char first[600], second[600], expected[100];

	snprintf(first, sizeof(first), "%s%s", row->hello,
		row->second != NULL ? ONE("a") QUIT : ONE("a") ONE("a") QUIT);
	kit_expect(first);
	if (row->second != NULL) {
		snprintf(second, sizeof(second), "%s%s", row->second, ONE("a") QUIT);
		kit_expect(second);
	}
	kit_configure(ORG SMART);
	kit_begin();
	kit_post(1, 1, row->where, "a");
	snprintf(expected, sizeof(expected), "1/0 %s\n", fate);
	kit_await_log(expected);
	if (row->change != NULL)
		kit_configure(row->change);
	else
		swap_certificates();
	kit_post(2, 1, row->where, "a");
	snprintf(expected, sizeof(expected), "1/0 %s\n2/0 %s\n", fate, fate);
	kit_await_log(expected);
}
END_TEST

static bool has_no_queue(void *ctx)
{
	struct queue_stats stats;

	(void)ctx;
	queues_stats(kit_queues, &stats);
	return stats.queues == 0;
}

/* A queue that is empty ends by the time that is in force, not by the one when it became so. */
START_TEST(idle_time_is_shortened)
{
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG "hubQueueMaxIdleTime: 3600\n" SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n");
	kit_configure(SERVER "hubQueueMaxIdleTime: 1\n");
	AWAIT(kit_loop, has_no_queue, NULL, PATIENCE_MS);
}
END_TEST

/* --- peers that take little --- */

static bool all_nine(void *ctx)
{
	(void)ctx;
	return strstr(kit_told, "9/0 relayed\n") != NULL;
}

/* A second connection is refused: the one that is taken is replaced at once when it ends. */
START_TEST(refused_growth_starves_nobody)
{
	size_t i;

	kit_expect(HELLO ONE("a") ONE("a") ONE("a") QUIT);
	kit_expect("S 421 4.7.0 too many connections\nX\n");
	kit_expect(HELLO ONE("a") ONE("a") ONE("a") QUIT);
	kit_expect(HELLO ONE("a") ONE("a") ONE("a") QUIT);
	kit_configure(ORG SMART "hubMaxMessagesPerConnection: 3\n");
	kit_begin();
	for (i = 1; i <= 9; i++)
		kit_post(i, 1, TO_OUT, "a");
	/* not as late as growth is tried again */
	ck_assert_int_ge(await_for(kit_loop, all_nine, NULL, 8000), 0);
}
END_TEST

#define NO_MAIL HELLO MAIL "C RCPT TO:<r1@a>\n" DATA "S 421 4.7.0 not now\nX\n"

static json_int_t failures_in_a_row(void)
{
	json_t *j = kit_admin("{\"op\": \"queue-list\"}");
	json_t *queue = json_array_get(json_object_get(j, "queues"), 0);
	json_int_t n = json_integer_value(json_object_get(queue, "retry_count"));

	json_decref(j);
	return n;
}

/* Who greets and then takes nothing is asked at longer intervals, as who is not there at all. */
START_TEST(greeting_is_no_success)
{
	uint64_t until_ms;

	kit_expect(NO_MAIL);
	kit_expect(NO_MAIL);
	kit_expect(NO_MAIL);
	kit_configure(ORG SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	until_ms = clock_mono_ms() + PATIENCE_MS;
	while (failures_in_a_row() < 3)
		ck_assert_uint_lt(clock_mono_ms(), until_ms);
	ck_assert_str_eq(kit_told, "");
}
END_TEST

static void post_probe(void)
{
	struct route r = kit_route(TO_OUT, "a");

	queues_post(kit_queues, queue_item_new_probe(kit_live, r.connector, &r.queue));
}

/* Nor is it one for a probe, which asks for a transaction and takes it back. */
START_TEST(probe_asks_for_more_than_a_greeting)
{
	kit_expect(HELLO "C MAIL FROM:<>\nS 421 4.3.2 not now\nX\n");
	kit_expect(HELLO "C MAIL FROM:<>\nS 250 ok\nC RSET\nS 250 ok\n" QUIT);
	kit_configure(ORG SMART);
	kit_begin();
	post_probe();
	kit_await_status("Retry");
	ck_assert_int_eq(failures_in_a_row(), 1);
	post_probe();
	kit_await_status("Ready");
	ck_assert_int_eq(failures_in_a_row(), 0);
}
END_TEST

/* Who does not like the null sender can be reached all the same. */
START_TEST(probe_that_is_refused_has_arrived)
{
	kit_expect(HELLO "C MAIL FROM:<>\nS 550 5.7.1 not from nobody\n" QUIT);
	kit_configure(ORG SMART);
	kit_begin();
	post_probe();
	kit_await_status("Ready");
	ck_assert_int_eq(failures_in_a_row(), 0);
}
END_TEST

/* --- who has a turn --- */

/* A queue that always has more does not keep the only connection. */
START_TEST(connections_in_turn)
{
	kit_expect(HELLO ONE("a") QUIT);
	kit_expect(HELLO ONE("b") QUIT);
	kit_expect(HELLO ONE("a") QUIT);
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG "hubMaxOutboundConnections: 1\nhubMaxPerDomainConnections: 1\n" SMART
		"hubMaxMessagesPerConnection: 1\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_post(2, 1, TO_OUT, "a");
	kit_post(3, 1, TO_OUT, "a");
	kit_post(4, 1, TO_OUT, "b");
	kit_await_log("1/0 relayed\n4/0 relayed\n2/0 relayed\n3/0 relayed\n");
}
END_TEST

#define HANGS(d) HELLO MAIL "C RCPT TO:<r1@" d ">\n" DATA "W\n"

static size_t with_peers(void)
{
	json_t *j = kit_admin("{\"op\": \"message-list\"}"), *one;
	size_t i, n = 0;

	json_array_foreach(json_object_get(j, "messages"), i, one)
		n += strcmp(json_string_value(json_object_get(one, "status")), "Active") == 0;
	json_decref(j);
	return n;
}

static void await_with_peers(size_t n)
{
	uint64_t until_ms = clock_mono_ms() + PATIENCE_MS;

	while (with_peers() < n)
		ck_assert_uint_lt(clock_mono_ms(), until_ms);
}

/* Peers that take long do not get the last connection, though there is mail for them. */
START_TEST(slow_ones_leave_room)
{
	size_t i;

	kit_expect(HANGS("c"));
	kit_expect(HANGS("a"));
	kit_expect(HANGS("a"));
	kit_expect(HELLO ONE("b") QUIT);
	kit_configure(ORG "hubMaxOutboundConnections: 4\nhubMaxPerDomainConnections: 4\n" SMART
		"hubConnectionInactivityTimeout: 3\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, "c");
	await_with_peers(1);
	for (i = 2; i < 7; i++)
		kit_post(i, 1, TO_OUT, "a");
	await_with_peers(3);
	kit_post(7, 1, TO_OUT, "b");
	kit_await_log("7/0 relayed\n");
}
END_TEST

/* A transport that does what the test says; connections in the order in which they were opened. */
enum { FAKES = 64 };

static struct fake {
	struct queue_conn *qc;		/* NULL = it has ended */
	char domain[40];
	bool woken, told_to_stop, idle;
} fakes[FAKES];
static size_t n_fakes;

static void *fake_open(struct queue_conn *qc, const struct queue_item *head, void *ctx)
{
	struct fake *f = &fakes[n_fakes++];

	(void)ctx;
	ck_assert_uint_le(n_fakes, FAKES);
	*f = (struct fake){ .qc = qc };
	snprintf(f->domain, sizeof(f->domain), "%s", head->key.domain);
	return f;
}

static void fake_end(struct fake *f, enum queue_conn_outcome outcome)
{
	struct queue_conn *qc = f->qc;

	f->qc = NULL;
	queue_conn_end(qc, outcome, "4.4.1", "failed");
}

static void fake_wake(void *conn)
{
	struct fake *f = conn;

	f->woken = true;
	f->idle = false;
}

static void fake_stop(void *conn)
{
	struct fake *f = conn;

	f->told_to_stop = true;
	if (f->idle)
		fake_end(f, QUEUE_CONN_CLOSED);
}

static const struct queue_transport fake_transport = { fake_open, fake_wake, fake_stop };

static void begin_fake(const char *text, uint32_t workers)
{
	uint32_t i;

	n_fakes = 0;
	kit_configure(text);
	kit_begin_with(workers);
	for (i = 0; i < workers; i++)
		queue_set_transport(kit_sets[i], QUEUE_SMART_HOST_CONNECTOR, &fake_transport, NULL);
}

static void on_stopped(void *ctx)
{
	(void)ctx;
}

/* Else the queues could not stop. */
static void end_fakes(void)
{
	size_t i;

	for (i = 0; i < WORKERS && kit_sets[i] != NULL; i++)
		queue_set_stop(kit_sets[i], on_stopped, NULL);
	for (i = 0; i < n_fakes; i++)
		if (fakes[i].qc != NULL)
			fake_end(&fakes[i], QUEUE_CONN_CLOSED);
}

static bool opened(void *ctx)
{
	return n_fakes >= (size_t)(uintptr_t)ctx;
}

static struct fake *await_fake(size_t i)
{
	AWAIT(kit_loop, opened, (void *)(uintptr_t)(i + 1), PATIENCE_MS);
	return &fakes[i];
}

/* NULL with *end: so it has to end. */
static const struct queue_item *take(struct fake *f, bool *end)
{
	const struct queue_item *item = queue_conn_next(f->qc, end);

	f->woken = false;
	f->idle = item == NULL && !*end;
	return item;
}

static void answer_to(const char *command, struct fake *f, enum queue_verdict verdict,
	const char *status)
{
	static const struct queue_hop hop = { "peer", "peer", NULL };
	struct queue_result r = { .verdict = verdict, .from_peer = true, .text = "said so",
		.command = command };

	snprintf(r.status, sizeof(r.status), "%s", status);
	queue_conn_done(f->qc, &r, &hop);
}

static void answer(struct fake *f, enum queue_verdict verdict, const char *status)
{
	answer_to("end of message", f, verdict, status);
}

/* One message goes through. */
static void carry(struct fake *f)
{
	bool end;

	ck_assert_ptr_nonnull(take(f, &end));
	answer(f, QUEUE_VERDICT_RELAYED, "2.0.0");
}

static void post_some(uint64_t from, uint64_t n, const char *domain)
{
	uint64_t i;

	for (i = 0; i < n; i++)
		kit_post(from + i, 1, TO_OUT, domain);
}

/* What a connection gives back while it looks for another host, the other one carries. */
START_TEST(message_returned_goes_on_at_once)
{
	struct fake *a, *b;
	bool end;

	begin_fake(ORG "hubMaxPerDomainConnections: 2\n" SMART, 1);
	post_some(1, 3, "a");
	a = await_fake(0);
	queue_conn_up(a->qc);
	ck_assert_ptr_nonnull(take(a, &end));
	b = await_fake(1);
	queue_conn_up(b->qc);
	ck_assert_ptr_nonnull(take(b, &end));
	answer(a, QUEUE_VERDICT_RELAYED, "2.0.0");
	carry(a);
	ck_assert_ptr_null(take(a, &end));
	ck_assert(!end);
	queue_conn_return(b->qc);
	ck_assert(a->woken);
	carry(a);
	/* and nobody else was called for that */
	ck_assert_uint_eq(n_fakes, 2);
	end_fakes();
}
END_TEST

enum { REFUSED = 10 };

/* A peer whose disk is full is not asked for each of many messages. */
START_TEST(system_that_takes_nothing_is_left_alone)
{
	struct fake *f;
	bool end;
	int i;

	begin_fake(ORG "hubMaxPerDomainConnections: 1\n" SMART, 1);
	post_some(1, 60, "a");
	f = await_fake(0);
	queue_conn_up(f->qc);
	for (i = 0; i < 3 * REFUSED - 1; i++) {
		ck_assert_ptr_nonnull(take(f, &end));
		/* mailboxes that are full, or one that is taken, are another matter */
		if (i < REFUSED)
			answer(f, QUEUE_VERDICT_DEFERRED, "4.2.2");
		else if (i == 2 * REFUSED - 1)
			answer(f, QUEUE_VERDICT_RELAYED, "2.0.0");
		else
			answer(f, QUEUE_VERDICT_DEFERRED, "4.3.1");
		ck_assert(!f->told_to_stop && !kit_has_status("Retry"));
	}
	ck_assert_ptr_nonnull(take(f, &end));
	answer(f, QUEUE_VERDICT_DEFERRED, "4.3.1");
	ck_assert(f->told_to_stop && kit_has_status("Retry"));
	fake_end(f, QUEUE_CONN_CLOSED);
	/* when its time comes as many tell that it is no better: it may have been these alone */
	f = await_fake(1);
	queue_conn_up(f->qc);
	for (i = 0; i < REFUSED; i++) {
		ck_assert(!f->told_to_stop);
		ck_assert_ptr_nonnull(take(f, &end));
		answer(f, QUEUE_VERDICT_DEFERRED, "4.3.1");
	}
	ck_assert(f->told_to_stop && kit_has_status("Retry"));
	ck_assert_int_eq(failures_in_a_row(), 2);
	fake_end(f, QUEUE_CONN_CLOSED);
	f = await_fake(2);
	queue_conn_up(f->qc);
	carry(f);
	ck_assert(!f->told_to_stop);
	end_fakes();
}
END_TEST

static bool has_judged(void *ctx)
{
	uint64_t failed, judged;

	(void)ctx;
	failover_counts(kit_judge, &failed, &judged);
	return failed > 0;
}

/* A smart host that answers and takes nothing is of no more use than one that is not there. */
START_TEST(system_that_takes_nothing_is_judged)
{
	struct fake *f;
	bool end;
	int i;

	begin_fake(ORG SMART, 1);
	kit_configure("dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n"
		"hubConnectorFailoverDelay: 1\n");
	post_some(1, REFUSED, "a");
	f = await_fake(0);
	queue_conn_up(f->qc);
	for (i = 0; i < REFUSED; i++) {
		ck_assert_ptr_nonnull(take(f, &end));
		answer(f, QUEUE_VERDICT_DEFERRED, "4.3.1");
	}
	AWAIT(kit_loop, has_judged, NULL, PATIENCE_MS);
	end_fakes();
}
END_TEST

/* What it cannot find out about recipients is no reason to keep mail for others back. */
START_TEST(refused_recipients_hold_up_nobody)
{
	struct fake *f;
	bool end;
	int i;

	begin_fake(ORG "hubMaxPerDomainConnections: 1\n" SMART, 1);
	post_some(1, 2 * REFUSED + 1, "a");
	f = await_fake(0);
	queue_conn_up(f->qc);
	for (i = 0; i < 2 * REFUSED; i++) {
		ck_assert_ptr_nonnull(take(f, &end));
		answer_to("RCPT", f, QUEUE_VERDICT_DEFERRED, "4.3.0");
		ck_assert(!f->told_to_stop);
	}
	carry(f);
	end_fakes();
}
END_TEST

#define NARROW(n) ORG SMART "hubMaxConcurrentConnections: " n "\n"

/* That a queue could do with more itself is no reason to end what it has. */
START_TEST(own_wish_ends_no_connection)
{
	struct fake *f;
	bool end;

	begin_fake(NARROW("1"), 1);
	post_some(1, 3, "a");
	f = await_fake(0);
	queue_conn_up(f->qc);
	carry(f);
	carry(f);
	carry(f);
	ck_assert_ptr_null(take(f, &end));
	ck_assert(!end);
	ck_assert_uint_eq(n_fakes, 1);
	end_fakes();
}
END_TEST

static bool has_ended(void *ctx)
{
	return ((struct fake *)ctx)->qc == NULL;
}

#define NARROW_SERVER(n) ORG "hubMaxOutboundConnections: " n "\nhubMaxPerDomainConnections: " n \
	"\n" SMART

START_TEST(idle_connection_makes_room_at_once)
{
	static const char *const limits[] = { NARROW("1"), NARROW_SERVER("1") };
	struct fake *f;
	bool end;

	begin_fake(limits[_i], 2);
	post_some(1, 1, "a");
	f = await_fake(0);
	queue_conn_up(f->qc);
	carry(f);
	ck_assert_ptr_null(take(f, &end));
	ck_assert(!end);
	/* one of these domains is in the other worker */
	post_some(2, 1, "b");
	post_some(3, 1, "c");
	post_some(4, 1, "d");
	AWAIT(kit_loop, has_ended, f, PATIENCE_MS);
	ck_assert_str_ne(await_fake(1)->domain, "a");
	ck_assert_uint_eq(n_fakes, 2);
	end_fakes();
}
END_TEST

/* The same limit for all connectors: who has more than one makes room, however much mail it has. */
START_TEST(busy_connection_makes_room)
{
	const struct queue_item *item;
	uint64_t id = 10;
	struct fake *a;
	bool end;

	begin_fake(NARROW_SERVER("2"), 1);
	post_some(1, 3, "a");
	a = await_fake(0);
	queue_conn_up(a->qc);
	item = take(a, &end);
	queue_conn_up(await_fake(1)->qc);
	post_some(5, 1, "b");
	do {
		ck_assert_ptr_nonnull(item);
		ck_assert_uint_lt(id, 1000);
		post_some(id++, 2, "a");
		event_base_loop(loop_base(kit_loop), EVLOOP_NONBLOCK);
		answer(a, QUEUE_VERDICT_RELAYED, "2.0.0");
		item = take(a, &end);
	} while (!end);
	fake_end(a, QUEUE_CONN_CLOSED);
	ck_assert_str_eq(await_fake(2)->domain, "b");
	end_fakes();
}
END_TEST

/* Mail without end for one domain, and one message for another. */
START_TEST(busy_connection_gives_way)
{
	uint64_t id = 10, until_ms = clock_mono_ms() + PATIENCE_MS;
	struct fake *a, *other;
	bool end = false;

	begin_fake(NARROW("2"), 1);
	post_some(1, 3, "a");
	a = await_fake(0);
	queue_conn_up(a->qc);
	carry(a);
	other = await_fake(1);
	queue_conn_up(other->qc);
	post_some(5, 1, "b");
	while (!end && clock_mono_ms() < until_ms) {
		post_some(id++, 2, "a");
		AWAIT(kit_loop, opened, (void *)(uintptr_t)2, PATIENCE_MS);
		if (take(a, &end) != NULL)
			answer(a, QUEUE_VERDICT_RELAYED, "2.0.0");
	}
	ck_assert(end);
	/* one is enough */
	carry(other);
	fake_end(a, QUEUE_CONN_CLOSED);
	ck_assert_str_eq(await_fake(2)->domain, "b");
	end_fakes();
}
END_TEST

/* Queues of two workers, each with a lot to do: all have their turn before one has a second. */
START_TEST(turns_go_round_all_workers)
{
	static const char *const limits[] = { NARROW("1"), NARROW_SERVER("1") };
	enum { DOMAINS = 8, ROUNDS = 3 };
	char domain[] = "a", first[DOMAINS + 1] = "";
	size_t i;

	begin_fake(limits[_i], 2);
	for (i = 0; i < DOMAINS; i++) {
		domain[0] = (char)('a' + i);
		post_some(100 * i + 100, ROUNDS + 1, domain);
	}
	for (i = 0; i < DOMAINS * ROUNDS; i++) {
		struct fake *f = await_fake(i);

		ck_assert_uint_eq(n_fakes, i + 1);
		if (i < DOMAINS) {
			ck_assert_msg(strchr(first, f->domain[0]) == NULL, "%s again after %s",
				f->domain, first);
			first[i] = f->domain[0];
		} else {
			ck_assert_int_eq(f->domain[0], first[i % DOMAINS]);
		}
		queue_conn_up(f->qc);
		carry(f);
		fake_end(f, QUEUE_CONN_CLOSED);
	}
	end_fakes();
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("connections");

	log_init(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, kit_setup, kit_teardown);
	tcase_add_loop_test(tc, kept_connections, 0, sizeof(kept_rows) / sizeof(kept_rows[0]));
	tcase_add_test(tc, idle_time_is_shortened);
	tcase_add_test(tc, refused_growth_starves_nobody);
	tcase_add_test(tc, greeting_is_no_success);
	tcase_add_test(tc, probe_asks_for_more_than_a_greeting);
	tcase_add_test(tc, probe_that_is_refused_has_arrived);
	tcase_add_test(tc, connections_in_turn);
	tcase_add_test(tc, slow_ones_leave_room);
	tcase_add_test(tc, message_returned_goes_on_at_once);
	tcase_add_test(tc, system_that_takes_nothing_is_left_alone);
	tcase_add_test(tc, system_that_takes_nothing_is_judged);
	tcase_add_test(tc, refused_recipients_hold_up_nobody);
	tcase_add_test(tc, own_wish_ends_no_connection);
	tcase_add_loop_test(tc, idle_connection_makes_room_at_once, 0, 2);
	tcase_add_test(tc, busy_connection_makes_room);
	tcase_add_test(tc, busy_connection_gives_way);
	tcase_add_loop_test(tc, turns_go_round_all_workers, 0, 2);
	return unit_run("connections", &tc, 1);
}
