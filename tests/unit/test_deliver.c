/* test_deliver.c - queues and delivery together. */
#include <stdio.h>
#include <string.h>

#include "deliver_kit.h"
#include "identity.h"
#include "libhub/base/log.h"
#include "libhub/tls/pin.h"

START_TEST(three_messages_share_a_connection)
{
	kit_expect(HELLO ONE("a") ONE("a") ONE("a") QUIT);
	kit_configure(ORG "hubMaxPerDomainConnections: 1\n" SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_post(2, 1, TO_OUT, "a");
	kit_post(3, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n2/0 relayed\n3/0 relayed\n");
}
END_TEST

START_TEST(connection_ends_after_its_messages)
{
	kit_expect(HELLO ONE("a") ONE("a") QUIT);
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG "hubMaxPerDomainConnections: 1\n" SMART
		"hubMaxMessagesPerConnection: 2\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_post(2, 1, TO_OUT, "a");
	kit_post(3, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n2/0 relayed\n3/0 relayed\n");
}
END_TEST

START_TEST(mixed_recipients_go_their_ways)
{
	kit_expect(HELLO MAIL "C RCPT TO:<r1@a>\nC RCPT TO:<r2@a>\nC RCPT TO:<r3@a>\n" DATA
		"S 250 ok\nS 250 ok\nS 550 5.1.1 who\nS 451 4.2.0 later\nS 354 go\n" BODY
		"S 250 taken\n" MAIL "C RCPT TO:<r3@a>\n" DATA "S 250 ok\nS 250 ok\nS 354 go\n" BODY
		"S 250 taken\n" QUIT);
	kit_configure(ORG SMART);
	kit_begin();
	kit_post(7, 3, TO_OUT, "a");
	kit_await_log("7/0 relayed\nreport failed r2@a 5.1.1 550 5.1.1 who\n7/1 failed\n"
		"7/2 relayed\n");
}
END_TEST

START_TEST(report_comes_before_the_outcome)
{
	kit_expect(HELLO MAIL "C RCPT TO:<r1@a>\n" DATA
		"S 550 5.7.1 no\nS 503 no\nS 503 no\n" QUIT);
	kit_configure(ORG SMART);
	kit_begin();
	kit_refuse_report = true;
	kit_post(1, 1, TO_OUT, "a");
	/* it could not be stored: no outcome, and no second attempt either */
	kit_await_log("report failed r1@a 5.7.1 550 5.7.1 no\n");
	kit_await_status("Ready");
	kit_told[0] = '\0';
	/* the next one could: then so can the first */
	queues_post(kit_queues, kit_item(2, 1, TO_NOWHERE, "b", TOO_OLD_MS));
	kit_await_log("report failed r1@b 4.4.7 message expired; last: no connector\n2/0 expired\n"
		"report failed r1@a 5.7.1 550 5.7.1 no\n1/0 failed\n");
}
END_TEST

/* Removed is removed, also while the sender cannot be told. */
START_TEST(removal_outlives_a_refused_report)
{
	kit_configure(ORG SMART);
	kit_begin();
	kit_post(1, 1, TO_NOWHERE, "a");
	kit_await_status("Ready");
	kit_refuse_report = true;
	json_decref(kit_admin("{\"op\": \"message-remove\", \"message\": \"1\"}"));
	ck_assert_str_eq(kit_told, "report failed r1@a 5.7.0 removed by an administrator\n");
	/* asked for again by itself */
	kit_await_log("report failed r1@a 5.7.0 removed by an administrator\n"
		"report failed r1@a 5.7.0 removed by an administrator\n1/0 removed\n");
}
END_TEST

static bool held_are(void *ctx)
{
	return kit_n_held == (size_t)(uintptr_t)ctx;
}

/* However many end at once, few reports are under way; each that is done lets another begin. */
START_TEST(reports_wait_their_turn)
{
	size_t i;

	kit_configure(ORG SMART);
	kit_begin();
	kit_hold_reports = true;
	for (i = 1; i <= 30; i++)
		queues_post(kit_queues, kit_item(i, 1, TO_NOWHERE, "a", TOO_OLD_MS));
	AWAIT(kit_loop, held_are, (void *)(uintptr_t)20, PATIENCE_MS);
	for (i = 0; i < 30; i++) {
		ck_assert_uint_eq(kit_n_held, i + 20 < 30 ? i + 20 : 30);
		queue_ticket_done(kit_held[i], true);
	}
	ck_assert_ptr_nonnull(strstr(kit_told, "30/0 expired\n"));
}
END_TEST

/* Two parts of one message that came together in one queue. */
START_TEST(suspending_twice)
{
	json_t *j;
	int i;

	kit_configure(ORG SMART);
	kit_begin();
	kit_post(1, 1, TO_NOWHERE, "a");
	kit_post(1, 1, TO_NOWHERE, "a");
	kit_await_status("Ready");
	for (i = 0; i < 2; i++) {
		j = kit_admin("{\"op\": \"message-suspend\", \"message\": \"1\"}");
		ck_assert_int_eq(json_integer_value(json_object_get(j, "changed")), i == 0 ? 2 : 0);
		json_decref(j);
	}
}
END_TEST

START_TEST(dead_smart_host_is_passed_over)
{
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG OUT "hubSmartHost: [127.0.0.2]:@PORT@\n"
		"hubSmartHost: [127.0.0.1]:@PORT@\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n");
}
END_TEST

START_TEST(queue_retries_and_says_why)
{
	json_t *j;

	kit_expect("S 554 5.3.2 not today\nW\n");
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_await_status("Retry");
	j = kit_admin("{\"op\": \"queue-list\"}");
	ck_assert_ptr_nonnull(strstr(kit_first_of(j, "queues", "last_error"),
		"554 5.3.2 not today"));
	ck_assert_ptr_nonnull(strstr(kit_first_of(j, "queues", "last_error"), "[127.0.0.1]"));
	ck_assert_ptr_nonnull(kit_first_of(j, "queues", "next_retry_time"));
	ck_assert_str_eq(kit_first_of(j, "queues", "delivery_type"), "SmartHostConnectorDelivery");
	json_decref(j);
	kit_await_log("1/0 relayed\n");
}
END_TEST

START_TEST(message_is_innocent_of_a_closing_host)
{
	kit_expect(HELLO ONE("a") MAIL "C RCPT TO:<r1@a>\n" DATA "S 421 4.3.2 enough\nX\n");
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG "hubMaxPerDomainConnections: 1\n" SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_post(2, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n2/0 relayed\n");
}
END_TEST

START_TEST(closing_host_is_about_the_message)
{
	kit_expect(HELLO MAIL "C RCPT TO:<r1@a>\n" DATA "S 250 ok\nS 421 4.7.0 not him\nX\n");
	kit_expect(HELLO ONE("a") "W\n");
	kit_configure(ORG "hubMaxPerDomainConnections: 1\n" SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_post(2, 1, TO_OUT, "a");
	kit_await_log("2/0 relayed\n");
}
END_TEST

START_TEST(idle_connection_that_the_peer_closed)
{
	kit_expect(HELLO ONE("a") "S 421 4.4.2 idle\nX\n");
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n");
	kit_post(2, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n2/0 relayed\n");
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
		kit_expect(row->script);
	kit_configure(ORG OUT "hubPort: @PORT@\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, row->domain);
	kit_await_log(row->log);
}
END_TEST

START_TEST(literal_that_is_ourselves)
{
	kit_configure(ORG "hubAddress: 127.0.0.1:@PORT@\n" OUT "hubPort: @PORT@\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, "[127.0.0.1]");
	kit_await_log("report failed r1@[127.0.0.1] 5.4.6 the address is this server\n"
		"1/0 failed\n");
}
END_TEST

/* Whoever names a smart host knows what is there. */
START_TEST(smart_host_that_is_ourselves)
{
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG "hubAddress: 127.0.0.1:@PORT@\n" SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n");
}
END_TEST

START_TEST(dns_trouble_is_put_off)
{
	kit_configure(ORG OUT "hubPort: @PORT@\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, "slow.example");
	kit_await_status("Retry");
	ck_assert_str_eq(kit_told, "");
}
END_TEST

START_TEST(dns_failures_downgraded)
{
	kit_configure(ORG OUT "hubPort: @PORT@\nhubErrorPolicy: DowngradeDNSFailures\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, "none.example");
	kit_await_status("Retry");
	ck_assert_str_eq(kit_told, "");
}
END_TEST

START_TEST(mailbox_by_lmtp)
{
	kit_expect("S 220 hi\nC LHLO hub1.example.com\nS 250-peer\nS 250 PIPELINING\n" MAIL
		"C RCPT TO:<r1@a>\nC RCPT TO:<r2@a>\n" DATA "S 250 ok\nS 250 ok\nS 250 ok\n"
		"S 354 go\n"
		BODY "S 250 one\nS 452 4.2.2 full\n" MAIL "C RCPT TO:<r2@a>\n" DATA
		"S 250 ok\nS 250 ok\nS 354 go\n" BODY "S 250 two\n" QUIT);
	kit_configure(ORG);
	kit_begin();
	kit_post(1, 2, TO_MAILBOX, "a");
	kit_await_log("1/0 delivered\n1/1 delivered\n");
}
END_TEST

START_TEST(hub_without_tls_is_not_used)
{
	json_t *j;

	kit_expect("S 220 hi\nC EHLO hub1.example.com\nS 250 peer\nW\n");
	kit_configure(ORG);
	kit_begin();
	kit_post(1, 1, TO_HUB2, "a");
	kit_await_status("Retry");
	j = kit_admin("{\"op\": \"queue-list\"}");
	ck_assert_ptr_nonnull(strstr(kit_first_of(j, "queues", "last_error"), "does not offer"));
	json_decref(j);
	ck_assert_str_eq(kit_told, "");
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
	kit_configure(entry);
	return ctx;
}

#define TLS_HELLO "S 220 hi\nC EHLO hub1.example.com\nS 250-peer\nS 250 STARTTLS\nC STARTTLS\n" \
	"T 220 go\n"

START_TEST(hub_with_the_right_key)
{
	struct tls_context *ctx = tls_peer(true);

	kit_expect(TLS_HELLO "C EHLO hub1.example.com\nS 250-peer\nS 250-PIPELINING\n"
		"S 250 CHUNKING\n" MAIL "C RCPT TO:<r1@a>\nC BDAT 182 LAST\n"
		"C X-Hub-Organization-AuthAs: Anonymous\n"
		"C X-Hub-Organization-AuthSource: hub1.example.com\n"
		"C X-Hub-Organization-AuthMechanism: 00\n"
		"C X-Hub-Organization-OriginalSize: 4711\n"
		"C Subject: t\nC \nC hi\nS 250 ok\nS 250 ok\nS 250 taken\n" QUIT);
	kit_begin();
	kit_post(1, 1, TO_HUB2, "a");
	kit_await_log("1/0 relayed\n");
	tls_context_unref(&ctx);
	identity_remove(&peer_identity);
}
END_TEST

START_TEST(hub_with_a_wrong_key)
{
	struct tls_context *ctx = tls_peer(false);
	json_t *j;

	kit_expect(TLS_HELLO "W\n");
	kit_begin();
	kit_post(1, 1, TO_HUB2, "a");
	kit_await_status("Retry");
	j = kit_admin("{\"op\": \"queue-list\"}");
	ck_assert_ptr_nonnull(strstr(kit_first_of(j, "queues", "last_error"),
		"is not in the directory for hub2"));
	json_decref(j);
	ck_assert_str_eq(kit_told, "");
	tls_context_unref(&ctx);
	identity_remove(&peer_identity);
}
END_TEST

/* Opportunistic: a handshake that fails is followed by a connection in clear. */
START_TEST(broken_tls_is_done_without)
{
	kit_expect("S 220 hi\nC EHLO hub1.example.com\nS 250-peer\nS 250 STARTTLS\nC STARTTLS\n"
		"S 220 go\nX\n");
	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG SMART);
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_await_log("1/0 relayed\n");
}
END_TEST

START_TEST(required_tls_is_not_done_without)
{
	kit_expect("S 220 hi\nC EHLO hub1.example.com\nS 250-peer\nS 250 STARTTLS\nC STARTTLS\n"
		"S 220 go\nX\n");
	kit_configure(ORG SMART "hubRequireTLS: TRUE\n");
	kit_begin();
	kit_post(1, 1, TO_OUT, "a");
	kit_await_status("Retry");
	ck_assert_str_eq(kit_told, "");
}
END_TEST

START_TEST(old_message_expires)
{
	kit_configure(ORG SMART);
	kit_begin();
	queues_post(kit_queues, kit_item(1, 1, TO_NOWHERE, "a", TOO_OLD_MS));
	kit_await_log("report failed r1@a 4.4.7 message expired; last: no connector\n"
		"1/0 expired\n");
}
END_TEST

START_TEST(late_message_is_reported_once)
{
	kit_configure(ORG SMART);
	kit_begin();
	queues_post(kit_queues, kit_item(1, 1, TO_NOWHERE, "a", INT64_C(14400) * 1000 + 5000));
	kit_await_log("report delayed r1@a 4.4.4 no connector\n");
}
END_TEST

/* With its time comes another look for a way, without a new configuration. */
START_TEST(unreachable_with_a_time)
{
	struct queue_item *item;

	kit_configure(ORG SMART);
	kit_begin();
	item = kit_item(1, 1, TO_NOWHERE, "a", 0);
	item->retry_at_ms = clock_mono_ms() + 50;
	queues_post(kit_queues, item);
	kit_await_log("again 1\n");
	ck_assert_uint_eq(kit_again[0]->retry_at_ms, 0);
	queue_item_free(&kit_again[0]);
}
END_TEST

/* Put off by one, a message does not wait for another. */
START_TEST(another_route_is_tried_at_once)
{
	struct queue_item *from, *to;
	struct route r;

	kit_configure(ORG SMART);
	kit_begin();
	from = kit_item(1, 1, TO_OUT, "a", 0);
	from->retry_at_ms = 12345;
	r = kit_route(TO_OUT, "a");
	to = queue_item_new(kit_live, 1, 1, &from->env, NULL, NULL, 1, &r, from);
	ck_assert_uint_eq(to->retry_at_ms, 12345);
	queue_item_free(&to);
	r = kit_route(TO_MAILBOX, "a");
	to = queue_item_new(kit_live, 1, 1, &from->env, NULL, NULL, 1, &r, from);
	ck_assert_uint_eq(to->retry_at_ms, 0);
	queue_item_free(&to);
	queue_item_free(&from);
}
END_TEST

/* Handed back in order; what comes back lands in order and keeps its state. */
START_TEST(new_configuration_routes_again)
{
	struct route r;
	json_t *j;
	size_t i;

	kit_configure(ORG SMART);
	kit_begin();
	for (i = 1; i <= 3; i++)
		kit_post(i, 1, TO_NOWHERE, "a");
	kit_await_status("Ready");
	j = kit_admin("{\"op\": \"message-suspend\", \"message\": \"2\"}");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "changed")), 1);
	json_decref(j);
	kit_configure("dn: cn=Paris,cn=Sites," BASE "\nobjectClass: hubSite\ncn: Paris\n\n");
	kit_await_log("again 1\nagain 3\nagain 2\n");
	r = kit_route(TO_NOWHERE, "a");
	for (i = 0; i < 3; i++) {
		queues_post(kit_queues, queue_item_new(kit_live, kit_again[i]->id,
			kit_again[i]->body_size, &kit_again[i]->env, kit_again[i]->index, NULL, 1,
			&r, kit_again[i]));
		queue_item_free(&kit_again[i]);
	}
	kit_await_status("Ready");
	j = kit_admin("{\"op\": \"message-get\", \"message\": \"2\"}");
	ck_assert_str_eq(kit_first_of(j, "messages", "status"), "Suspended");
	json_decref(j);
}
END_TEST

START_TEST(administration)
{
	json_t *j;

	kit_expect(HELLO ONE("a") QUIT);
	kit_configure(ORG SMART);
	kit_begin();
	kit_post(1, 1, TO_NOWHERE, "a");
	kit_await_status("Ready");
	j = kit_admin("{\"op\": \"nonsense\"}");
	ck_assert_str_eq(json_string_value(json_object_get(j, "error")),
		"unknown operation 'nonsense'");
	json_decref(j);
	j = kit_admin("{\"op\": \"queue-suspend\"}");
	ck_assert_str_eq(json_string_value(json_object_get(j, "error")), "'queue' is missing");
	json_decref(j);
	j = kit_admin("{\"op\": \"message-remove\", \"message\": \"9\"}");
	ck_assert_str_eq(json_string_value(json_object_get(j, "error")), "nothing matches");
	json_decref(j);
	j = kit_admin("{\"op\": \"message-remove\", \"message\": \"1\", \"report\": false}");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "changed")), 1);
	json_decref(j);
	ck_assert_str_eq(kit_told, "1/0 removed\n");
	/* a suspended queue takes mail and sends none */
	kit_post(2, 1, TO_NOWHERE, "a");
	j = kit_admin("{\"op\": \"queue-suspend\", \"queue\": 1}");
	json_decref(j);
	ck_assert(kit_has_status("Suspended"));
	j = kit_admin("{\"op\": \"queue-resume\", \"queue\": \"Unreachable//\"}");
	ck_assert_int_eq(json_integer_value(json_object_get(j, "changed")), 1);
	json_decref(j);
	j = kit_admin("{\"op\": \"queue-retry\", \"queue\": 1, \"resubmit\": true}");
	json_decref(j);
	kit_await_log("1/0 removed\nagain 2\n");
	queue_item_free(&kit_again[0]);
	kit_post(3, 1, TO_OUT, "a");
	kit_await_log("1/0 removed\nagain 2\n3/0 relayed\n");
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("deliver");

	log_init(LOG_FORMAT_TEXT, LOG_LEVEL_ERROR);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, kit_setup, kit_teardown);
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
	tcase_add_test(tc, closing_host_is_about_the_message);
	tcase_add_test(tc, idle_connection_that_the_peer_closed);
	tcase_add_loop_test(tc, mail_exchangers, 0, (int)(sizeof(mx_rows) / sizeof(mx_rows[0])));
	tcase_add_test(tc, literal_that_is_ourselves);
	tcase_add_test(tc, smart_host_that_is_ourselves);
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
	tcase_add_test(tc, new_configuration_routes_again);
	tcase_add_test(tc, administration);
	return unit_run("deliver", &tc, 1);
}
