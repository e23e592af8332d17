/* test_push_settled.c - what is known of the organization when, and what is pushed of it. */
#include "push_kit.h"

#include <string.h>

#include "unit.h"

static void known(uint64_t configuration_as_of_ms, uint64_t recipients_as_of_ms)
{
	pushers_set_organization(kit.pushers, kit.snapshot, kit.recipients, configuration_as_of_ms,
		recipients_as_of_ms);
}

static uint64_t pushes(void)
{
	pusher_status(kit.pusher, &kit.status);
	return kit.status.side[PUSH_CONFIGURATION].pushes +
		kit.status.side[PUSH_RECIPIENTS].pushes;
}

/* --- the directory is not to be believed --- */

START_TEST(test_unsettled)
{
	struct err e;

	kit_set_organization(kit_organization);
	known(0, 0);
	kit_attach();
	kit_start(true, true);
	ck_assert_ptr_nonnull(strstr(kit.error, "not settled"));
	ck_assert(!kit_in_step(NULL));
	known(UINT64_MAX, UINT64_MAX);
	kit_await_in_step();
	/* what is under way ends with the connection */
	kit.done = false;
	ck_assert_int_eq(pusher_compare(kit.pusher, true, NULL, &kit_compare_cbs, NULL, &e), 0);
	pusher_detach(kit.pusher);
	ck_assert(kit.done);
	ck_assert_str_ne(kit.error, "");
	ck_assert_int_eq(pusher_start(kit.pusher, true, false, kit_on_started, NULL, &e), -1);
}
END_TEST

/* --- it was heard before the lease was ours, and what stands there may be newer --- */

static unsigned int asked;

static void on_ask(void *ctx)
{
	(void)ctx;
	asked++;
}

static bool has_error(void *text)
{
	enum push_type type = PUSH_CONFIGURATION;

	return kit_has_error(&type) && strstr(kit.status.side[type].error, text) != NULL;
}

/* As of a moment before the lease. */
static uint64_t known_before(void)
{
	static const struct push_settings settings = { .recipient_delay_ms = 20,
		.comparison_interval_s = 3600, .ask = on_ask };
	uint64_t before_ms = clock_mono_ms() - 1;

	kit_put_people(20);
	kit_set_organization(kit_organization);
	pushers_set_settings(kit.pushers, &settings);
	known(before_ms, before_ms);
	kit_attach();
	ck_assert_uint_eq(asked, 1);
	return before_ms;
}

START_TEST(test_known_before)
{
	uint64_t before_ms = known_before(), now_ms;
	struct err e;

	/* to look is another matter */
	kit_compare(false, NULL);
	kit.done = false;
	ck_assert_int_eq(pusher_start(kit.pusher, true, false, kit_on_started, NULL, &e), 0);
	AWAIT(kit.loop, has_error, "has not answered since", PATIENCE_MS);
	ck_assert(pushes() == 0 && !kit.done && !kit.status.busy);
	/* each half by itself */
	now_ms = clock_mono_ms();
	known(now_ms, before_ms);
	ck_assert_int_eq(await_for(kit.loop, kit_in_step, NULL, 300), -1);
	ck_assert(kit.status.side[PUSH_CONFIGURATION].in_step && !kit.done);
	known(now_ms, now_ms);
	kit_await_flag(&kit.done);
	ck_assert_str_eq(kit.error, "");
	kit_await_in_step();
	ck_assert_ptr_null(kit.status.side[PUSH_RECIPIENTS].error);
}
END_TEST

START_TEST(test_never_answered)
{
	struct err e;

	known_before();
	kit.done = false;
	ck_assert_int_eq(pusher_start(kit.pusher, true, false, kit_on_started, NULL, &e), 0);
	ck_assert_int_eq(await_for(kit.loop, kit_in_step, NULL, 300), -1);
	ck_assert(!kit.done);
	known(0, 0);
	kit_await_flag(&kit.done);
	ck_assert_ptr_nonnull(strstr(kit.error, "not settled"));
	ck_assert_uint_eq(pushes(), 0);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("push_settled");

	if (!slapd_available())
		return 77;
	tcase_set_timeout(c, 400);
	tcase_add_checked_fixture(c, kit_setup, kit_teardown);
	tcase_add_test(c, test_unsettled);
	tcase_add_test(c, test_known_before);
	tcase_add_test(c, test_never_answered);
	return unit_run("push_settled", &c, 1);
}
