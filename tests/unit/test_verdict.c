/* test_verdict.c - every row of the failure policy, and the schedule of retries. */
#include "hubd/deliver/verdict.h"
#include "hubd/queue/schedule.h"
#include "unit.h"

static const struct row {
	enum verdict_stage stage;
	enum verdict_event event;
	int code;
	uint32_t downgrade;
	enum verdict_scope scope;
	enum verdict_action action;
	const char *status;
} rows[] = {
	/* resolving */
	{ STAGE_RESOLVE, EVENT_NX_DOMAIN, 0, 0, SCOPE_DESTINATION, ACTION_FAIL, "5.1.2" },
	{ STAGE_RESOLVE, EVENT_NO_ADDRESS, 0, 0, SCOPE_DESTINATION, ACTION_FAIL, "5.4.4" },
	{ STAGE_RESOLVE, EVENT_NULL_MX, 0, 0, SCOPE_DESTINATION, ACTION_FAIL, "5.1.10" },
	{ STAGE_RESOLVE, EVENT_LOOP, 0, 0, SCOPE_DESTINATION, ACTION_FAIL, "5.4.6" },
	{ STAGE_RESOLVE, EVENT_DNS_TEMPORARY, 0, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.4.3" },
	{ STAGE_RESOLVE, EVENT_NX_DOMAIN, 0, VERDICT_DOWNGRADE_DNS, SCOPE_HOST, ACTION_NEXT_HOST,
		"4.4.4" },
	{ STAGE_RESOLVE, EVENT_NX_DOMAIN, 0, VERDICT_DOWNGRADE_AUTH, SCOPE_DESTINATION,
		ACTION_FAIL, "5.1.2" },
	/* until the session is ready */
	{ STAGE_CONNECT, EVENT_LOST, 0, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.4.1" },
	{ STAGE_GREETING, EVENT_PERMANENT, 554, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.3.2" },
	{ STAGE_GREETING, EVENT_CLOSING, 421, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.4.2" },
	{ STAGE_GREETING, EVENT_NONSENSE, 0, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.4.2" },
	{ STAGE_HELO, EVENT_PERMANENT, 550, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.3.2" },
	{ STAGE_HELO, EVENT_LOST, 0, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.4.2" },
	{ STAGE_TLS, EVENT_POLICY, 0, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.7.0" },
	{ STAGE_TLS, EVENT_PERMANENT, 554, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.7.0" },
	{ STAGE_TLS, EVENT_LOST, 0, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.7.0" },
	{ STAGE_AUTH, EVENT_PERMANENT, 535, 0, SCOPE_DESTINATION, ACTION_FAIL, "5.7.8" },
	{ STAGE_AUTH, EVENT_PERMANENT, 535, VERDICT_DOWNGRADE_AUTH, SCOPE_HOST, ACTION_NEXT_HOST,
		"4.7.0" },
	{ STAGE_AUTH, EVENT_TEMPORARY, 454, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.7.0" },
	{ STAGE_AUTH, EVENT_POLICY, 0, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.7.0" },
	/* known before asking */
	{ STAGE_MAIL, EVENT_TOO_BIG, 0, 0, SCOPE_MESSAGE, ACTION_FAIL, "5.3.4" },
	{ STAGE_MAIL, EVENT_NO_8BIT, 0, 0, SCOPE_MESSAGE, ACTION_FAIL, "5.6.3" },
	{ STAGE_MAIL, EVENT_NO_BINARY, 0, 0, SCOPE_MESSAGE, ACTION_FAIL, "5.6.3" },
	{ STAGE_RCPT, EVENT_NO_UTF8, 0, 0, SCOPE_RECIPIENT, ACTION_FAIL, "5.6.7" },
	{ STAGE_MAIL, EVENT_NO_UTF8_HEADER, 0, 0, SCOPE_MESSAGE, ACTION_FAIL, "5.6.9" },
	{ STAGE_RCPT, EVENT_BAD_ADDRESS, 0, 0, SCOPE_RECIPIENT, ACTION_FAIL, "5.1.3" },
	{ STAGE_BODY, EVENT_DAMAGED, 0, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.3.0" },
	{ STAGE_MAIL, EVENT_PERMANENT, 530, VERDICT_DIRECT_TRUST, SCOPE_HOST, ACTION_NEXT_HOST,
		"4.7.0" },
	{ STAGE_MAIL, EVENT_PERMANENT, 550, VERDICT_DIRECT_TRUST, SCOPE_MESSAGE, ACTION_FAIL,
		"5.0.0" },
	{ STAGE_MAIL, EVENT_PERMANENT, 530, VERDICT_DOWNGRADE_AUTH, SCOPE_MESSAGE, ACTION_FAIL,
		"5.0.0" },
	{ STAGE_MAIL, EVENT_PERMANENT, VERDICT_NOT_PERMITTED, VERDICT_DIRECT_TRUST, SCOPE_MESSAGE,
		ACTION_RETRY, "4.7.0" },
	{ STAGE_MAIL, EVENT_PERMANENT, VERDICT_NOT_PERMITTED, 0, SCOPE_MESSAGE, ACTION_FAIL,
		"5.0.0" },
	{ STAGE_RCPT, EVENT_PERMANENT, 530, VERDICT_DIRECT_TRUST, SCOPE_RECIPIENT, ACTION_RETRY,
		"4.7.0" },
	{ STAGE_RCPT, EVENT_PERMANENT, VERDICT_NOT_PERMITTED, VERDICT_DIRECT_TRUST,
		SCOPE_RECIPIENT, ACTION_RETRY, "4.7.0" },
	{ STAGE_RCPT, EVENT_PERMANENT, VERDICT_NOT_PERMITTED, VERDICT_DOWNGRADE_AUTH,
		SCOPE_RECIPIENT, ACTION_FAIL, "5.0.0" },
	{ STAGE_RCPT, EVENT_PERMANENT, 550, VERDICT_DIRECT_TRUST, SCOPE_RECIPIENT, ACTION_FAIL,
		"5.0.0" },
	{ STAGE_RCPT, EVENT_PERMANENT, 530, 0, SCOPE_RECIPIENT, ACTION_FAIL, "5.0.0" },
	{ STAGE_BODY, EVENT_PERMANENT, 530, VERDICT_DIRECT_TRUST, SCOPE_MESSAGE, ACTION_FAIL,
		"5.0.0" },
	{ STAGE_BODY, EVENT_PERMANENT, VERDICT_NOT_PERMITTED, VERDICT_DIRECT_TRUST, SCOPE_MESSAGE,
		ACTION_FAIL, "5.0.0" },
	/* the transaction */
	{ STAGE_MAIL, EVENT_CLOSING, 421, 0, SCOPE_HOST, ACTION_NEXT_HOST, "4.3.2" },
	{ STAGE_RCPT, EVENT_CLOSING, 421, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.3.2" },
	{ STAGE_DATA, EVENT_CLOSING, 421, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.3.2" },
	{ STAGE_MAIL, EVENT_LOST, 0, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.4.2" },
	{ STAGE_BODY, EVENT_LOST, 0, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.4.2" },
	{ STAGE_DATA, EVENT_NONSENSE, 0, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.5.0" },
	{ STAGE_RCPT, EVENT_PERMANENT, 552, 0, SCOPE_RECIPIENT, ACTION_RETRY, "4.5.3" },
	{ STAGE_RCPT, EVENT_TEMPORARY, 450, 0, SCOPE_RECIPIENT, ACTION_RETRY, "4.0.0" },
	{ STAGE_RCPT, EVENT_PERMANENT, 550, 0, SCOPE_RECIPIENT, ACTION_FAIL, "5.0.0" },
	{ STAGE_MAIL, EVENT_TEMPORARY, 452, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.3.1" },
	{ STAGE_BODY, EVENT_TEMPORARY, 452, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.0.0" },
	{ STAGE_MAIL, EVENT_TEMPORARY, 451, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.0.0" },
	{ STAGE_MAIL, EVENT_PERMANENT, 552, 0, SCOPE_MESSAGE, ACTION_FAIL, "5.0.0" },
	{ STAGE_BODY, EVENT_PERMANENT, 554, 0, SCOPE_MESSAGE, ACTION_FAIL, "5.0.0" },
	{ STAGE_MAIL, EVENT_POLICY, 0, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.7.0" },
	{ STAGE_MAIL, EVENT_NX_DOMAIN, 0, 0, SCOPE_MESSAGE, ACTION_RETRY, "4.0.0" },
};

START_TEST(test_row)
{
	const struct row *r = &rows[_i];
	struct verdict v = verdict_decide(r->stage, r->event, r->code, r->downgrade);

	ck_assert_int_eq(v.scope, r->scope);
	ck_assert_int_eq(v.action, r->action);
	ck_assert_str_eq(v.status, r->status);
}
END_TEST

START_TEST(test_event_of_reply)
{
	ck_assert_int_eq(verdict_event_of(421), EVENT_CLOSING);
	ck_assert_int_eq(verdict_event_of(450), EVENT_TEMPORARY);
	ck_assert_int_eq(verdict_event_of(550), EVENT_PERMANENT);
	ck_assert_int_eq(verdict_event_of(250), EVENT_NONSENSE);
	ck_assert_int_eq(verdict_event_of(354), EVENT_NONSENSE);
}
END_TEST

START_TEST(test_code_to_decide_by)
{
	ck_assert_int_eq(verdict_code(550, "5.7.1"), VERDICT_NOT_PERMITTED);
	ck_assert_int_eq(verdict_code(554, "5.7.0"), VERDICT_NOT_PERMITTED);
	ck_assert_int_eq(verdict_code(530, "5.7.0"), 530);
	ck_assert_int_eq(verdict_code(530, "5.7.1"), 530);
	ck_assert_int_eq(verdict_code(530, ""), 530);
	ck_assert_int_eq(verdict_code(550, "5.7.13"), 550);
	ck_assert_int_eq(verdict_code(550, "5.1.1"), 550);
	ck_assert_int_eq(verdict_code(450, "4.7.1"), 450);
	ck_assert_int_eq(verdict_code(552, "5.2.2"), 550);
	ck_assert_int_eq(verdict_code(552, "5.5.3"), 552);
	ck_assert_int_eq(verdict_code(552, ""), 552);
}
END_TEST

START_TEST(test_schedule)
{
	struct server s = {
		.glitch_retry_count = 2, .glitch_retry_interval_s = 60,
		.transient_retry_count = 3, .transient_retry_interval_s = 300,
		.connection_failure_interval_s = 600,
	};
	static const uint64_t hub_s[] = { 60, 60, 300, 300, 300, 600, 600 };
	uint32_t i;

	for (i = 0; i < 7; i++)
		ck_assert_uint_eq(schedule_retry_ms(&s, i + 1), hub_s[i] * 1000);
	s.glitch_retry_interval_s = 0;
	ck_assert_uint_eq(schedule_retry_ms(&s, 1), SCHEDULE_MIN_MS);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("verdict");

	tcase_add_loop_test(tc, test_row, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tc, test_event_of_reply);
	tcase_add_test(tc, test_code_to_decide_by);
	tcase_add_test(tc, test_schedule);
	return unit_run("verdict", &tc, 1);
}
