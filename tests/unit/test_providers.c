/* test_providers.c - libhub/directory/providers: who is tried when, the way back, no flapping. */
#include "libhub/directory/providers.h"
#include "unit.h"

enum { LONG_MS = 60 * 1000, CALM_MS = 20 * 60 * 1000 };

static struct providers p;
static uint64_t now;

static void set_up(void)
{
	now = 1000;
	providers_init(&p, 3, false);
}

static void live_for(uint64_t ms)
{
	providers_begin(&p);
	providers_live(&p, now);
	now += ms;
}

static void expect_next(bool hangs, size_t at, unsigned int delay_ms)
{
	ck_assert_uint_eq(providers_failed(&p, hangs, now), delay_ms);
	ck_assert_uint_eq(p.at, at);
}

START_TEST(a_round_tries_each_at_once)
{
	unsigned int waits[] = { 100, 200, 400, 800, 1600, 3200, 5000, 5000 };
	size_t i;

	for (i = 0; i < sizeof(waits) / sizeof(waits[0]); i++) {
		providers_begin(&p);
		expect_next(false, 1, 0);
		providers_begin(&p);
		expect_next(true, 2, 0);
		providers_begin(&p);
		expect_next(false, 0, waits[i]);
	}
}
END_TEST

START_TEST(opening_gets_more_time_when_nobody_is_quick)
{
	int i;

	ck_assert_uint_eq(providers_begin(&p), PROVIDERS_OPEN_MS);
	providers_failed(&p, false, now);
	providers_begin(&p);
	providers_failed(&p, false, now);
	ck_assert_uint_eq(providers_begin(&p), PROVIDERS_OPEN_MS);
	providers_failed(&p, false, now);
	ck_assert_uint_eq(providers_begin(&p), 2 * PROVIDERS_OPEN_MS);
	for (i = 0; i < 20; i++) {
		providers_failed(&p, false, now);
		providers_begin(&p);
	}
	ck_assert_uint_eq(p.open_ms, 8 * PROVIDERS_OPEN_MS);
	live_for(LONG_MS);
	expect_next(true, (p.at + 1) % 3, 0);
	ck_assert_uint_eq(providers_begin(&p), PROVIDERS_OPEN_MS);
}
END_TEST

START_TEST(after_a_good_time)
{
	live_for(LONG_MS);
	/* closed, perhaps restarted: the preferred one again */
	expect_next(false, 0, 0);
	live_for(LONG_MS);
	expect_next(true, 1, 0);
	live_for(LONG_MS);
	expect_next(true, 2, 0);
	live_for(LONG_MS);
	expect_next(false, 0, 0);
}
END_TEST

START_TEST(one_that_closes_each_time_is_no_busy_loop)
{
	unsigned int waited = 0;
	int i;

	for (i = 0; i < 30; i++) {
		live_for(10);
		waited += providers_failed(&p, false, now);
	}
	ck_assert_uint_gt(waited, 10000);
}
END_TEST

START_TEST(alone)
{
	providers_init(&p, 1, true);
	ck_assert_uint_eq(providers_begin(&p), 0);
	expect_next(false, 0, 100);
	providers_begin(&p);
	expect_next(false, 0, 200);
	live_for(LONG_MS);
	expect_next(true, 0, 100);
	ck_assert(!providers_other(&p));
}
END_TEST

static unsigned int probes_until_return(void)
{
	unsigned int n = 1;

	while (!providers_probed(&p, true))
		n++;
	return n;
}

START_TEST(returns_after_good_probes_in_a_row)
{
	live_for(LONG_MS);
	expect_next(true, 1, 0);
	live_for(LONG_MS);
	ck_assert(!providers_probed(&p, true));
	ck_assert(!providers_probed(&p, false));
	ck_assert(!providers_probed(&p, true));
	ck_assert(providers_probed(&p, true));
	ck_assert_uint_eq(p.at, 0);
}
END_TEST

START_TEST(one_that_comes_and_goes_is_returned_to_less_and_less)
{
	unsigned int expected = PROVIDERS_PROBES;
	int i;

	for (i = 0; i < 10; i++) {
		live_for(LONG_MS);
		expect_next(true, 1, 0);
		live_for(LONG_MS);
		ck_assert_uint_eq(probes_until_return(), expected);
		if (expected < PROVIDERS_PROBES_MAX)
			expected *= 2;
	}
	/* a good time makes up for it */
	live_for(CALM_MS);
	expect_next(true, 1, 0);
	live_for(LONG_MS);
	ck_assert_uint_eq(probes_until_return(), PROVIDERS_PROBES);
}
END_TEST

START_TEST(another_opinion)
{
	live_for(LONG_MS);
	ck_assert(providers_other(&p));
	ck_assert_uint_eq(p.at, 1);
	providers_begin(&p);
	expect_next(false, 2, 0);
	/* the one that was doubted is not returned to all the time */
	live_for(LONG_MS);
	ck_assert_uint_eq(probes_until_return(), PROVIDERS_PROBES);
	live_for(LONG_MS);
	ck_assert(providers_other(&p));
	live_for(LONG_MS);
	ck_assert_uint_eq(probes_until_return(), 2 * PROVIDERS_PROBES);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("providers");

	tcase_add_checked_fixture(t, set_up, NULL);
	tcase_add_test(t, a_round_tries_each_at_once);
	tcase_add_test(t, opening_gets_more_time_when_nobody_is_quick);
	tcase_add_test(t, after_a_good_time);
	tcase_add_test(t, one_that_closes_each_time_is_no_busy_loop);
	tcase_add_test(t, alone);
	tcase_add_test(t, returns_after_good_probes_in_a_row);
	tcase_add_test(t, one_that_comes_and_goes_is_returned_to_less_and_less);
	tcase_add_test(t, another_opinion);
	return unit_run("providers", &t, 1);
}
