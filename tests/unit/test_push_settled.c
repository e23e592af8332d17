/* test_push_settled.c - what is known of the organization when, and what is pushed of it. */
#include "push_kit.h"

#include <string.h>

#include "unit.h"

static void known(uint64_t configuration_as_of_ms, uint64_t recipients_as_of_ms)
{
	pushers_set_organization(kit.pushers, kit.snapshot, kit.recipients, configuration_as_of_ms,
		recipients_as_of_ms);
}

static bool is_busy(void *ctx)
{
	(void)ctx;
	pusher_status(kit.pusher, &kit.status);
	return kit.status.busy;
}

static bool is_idle(void *ctx)
{
	return !is_busy(ctx);
}

static bool in_step_with(void *type)
{
	pusher_status(kit.pusher, &kit.status);
	return kit.status.side[*(enum push_type *)type].in_step;
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

static bool searching, bucket_seen;

static void on_bucket(LDAP *ld, LDAPMessage *m, void *ctx)
{
	(void)ld;
	(void)ctx;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		bucket_seen = true;
	else
		searching = false;
}

static bool is_bucket_there(void *ctx)
{
	static const struct directory_query q = { .base = B, .scope = LDAP_SCOPE_SUBTREE,
		.filter = "(hubBucketHash=*)" };
	struct err e;

	(void)ctx;
	if (!searching && !bucket_seen)
		ck_assert_int_ge(directory_search(kit.connection, &q, on_bucket, NULL, &e), 0);
	searching = true;
	return bucket_seen;
}

/*
 * It is lost when a round has begun. The snapshot of the configuration is whole, and goes on; the
 * recipients change under the eyes of who has not taken them all yet.
 */
START_TEST(test_lost_while_it_reads)
{
	enum push_type configuration = PUSH_CONFIGURATION;

	/* to take them all takes some turns of the loop, even on a fast machine */
	kit_put_people(200000);
	kit_set_organization(kit_organization);
	kit_attach();
	AWAIT(kit.loop, is_busy, NULL, PATIENCE_MS);
	known(0, 0);
	/* such as what comes back shows before it is believed */
	kit_put_person(20001, "unbelieved@a.example", false);
	AWAIT(kit.loop, in_step_with, &configuration, PATIENCE_MS);
	AWAIT(kit.loop, is_idle, NULL, PATIENCE_MS);
	ck_assert_uint_eq(kit.status.side[PUSH_CONFIGURATION].pushes, 1);
	ck_assert_uint_eq(kit.status.side[PUSH_RECIPIENTS].pushes, 0);
	ck_assert(pusher_idle(kit.pusher));
	ck_assert_int_eq(await_for(kit.loop, is_bucket_there, NULL, 200), -1);
}
END_TEST

/* What is being written was known as a whole before: it is completed, and is the last. */
START_TEST(test_lost_while_it_writes)
{
	enum push_type type = PUSH_RECIPIENTS;

	kit_put_people(20000);
	kit_set_organization(kit_organization);
	kit_attach();
	AWAIT(kit.loop, is_bucket_there, NULL, PATIENCE_MS);
	ck_assert(!in_step_with(&type));
	known(0, 0);
	AWAIT(kit.loop, in_step_with, &type, PATIENCE_MS);
	ck_assert_uint_eq(kit.status.side[type].count, 20000);
	kit_put_person(20001, "unbelieved@a.example", false);
	ck_assert_int_eq(await_for(kit.loop, is_busy, NULL, 200), -1);
	ck_assert(!kit.status.side[type].in_step);
	known(UINT64_MAX, UINT64_MAX);
	kit_await_in_step();
}
END_TEST

/* Nor is anything written of many changes that were not all taken before. */
START_TEST(test_lost_before_changes)
{
	struct err e;

	kit_put_people(20);
	kit_begin();
	kit_put_people(60000);
	AWAIT(kit.loop, is_busy, NULL, PATIENCE_MS);
	known(0, 0);
	kit_start(false, false);
	ck_assert_ptr_nonnull(strstr(kit.error, "not settled"));
	ck_assert(!kit_in_step(NULL));
	ck_assert_uint_eq(kit.status.side[PUSH_RECIPIENTS].pushes, 1);
	known(UINT64_MAX, UINT64_MAX);
	kit_await_in_step();
	/* who compares is told */
	kit.done = false;
	ck_assert_int_eq(pusher_compare(kit.pusher, true, NULL, &kit_compare_cbs, NULL, &e), 0);
	AWAIT(kit.loop, is_busy, NULL, PATIENCE_MS);
	known(UINT64_MAX, 0);
	kit_await_flag(&kit.done);
	ck_assert_ptr_nonnull(strstr(kit.error, "not settled"));
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
	tcase_add_test(c, test_lost_while_it_reads);
	tcase_add_test(c, test_lost_while_it_writes);
	tcase_add_test(c, test_lost_before_changes);
	tcase_add_test(c, test_known_before);
	tcase_add_test(c, test_never_answered);
	return unit_run("push_settled", &c, 1);
}
