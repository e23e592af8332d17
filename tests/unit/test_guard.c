/* test_guard.c - libhub/org/guard: what a directory may lose at once, and who confirms it. */
#include "libhub/org/guard.h"

#include <stdio.h>
#include <string.h>

#include "unit.h"

#define EARLY "20261121100000.000000Z#000000#001#000000"
#define LATER "20261121100001.000000Z#000000#002#000000"
#define LATEST "20261121100002.000000Z#000000#001#000000"

static struct guard g;

static struct guard_state state(const char *epoch, const char *csn)
{
	struct guard_state s = { .uuid = { 1, 2, 3 } };

	snprintf(s.epoch, sizeof(s.epoch), "%s", epoch);
	snprintf(s.csn, sizeof(s.csn), "%s", csn);
	return s;
}

static void set_up(void)
{
	memset(&g, 0, sizeof(g));
	g.in_force = state("one", EARLY);
}

static const struct { size_t before, lost; bool any, large; } losses[] = {
	{ 0, 0, false, false },
	{ 1, 1, false, false },
	{ 2, 2, false, false },
	{ 3, 3, false, true },
	{ 3, 2, false, false },
	{ 12, 10, false, false },
	{ 12, 11, false, true },
	{ 109, 11, false, true },
	{ 110, 11, false, false },
	{ 1000, 100, false, false },
	{ 1000, 101, false, true },
	{ 1000000, 100000, false, false },
	{ 1000000, 100001, false, true },
	{ 9, 0, true, false },
	{ 9, 1, true, true },
};

START_TEST(what_is_too_large)
{
	struct guard_loss l = { "things", losses[_i].before, losses[_i].lost, losses[_i].any };

	ck_assert_ptr_eq(guard_too_large(&l, 1), losses[_i].large ? &l : NULL);
}
END_TEST

START_TEST(the_worst_is_told)
{
	struct guard_loss l[] = { { "a", 20, 12, false }, { "b", 90, 80, false },
		{ "c", 1000, 90, false } };

	ck_assert_str_eq(guard_too_large(l, 3)->what, "b");
}
END_TEST

static const struct guard_loss half = { "recipients", 100, 50, false };
static const struct guard_loss little = { "recipients", 100, 5, false };

static enum guard_verdict judge(struct guard_state s, size_t provider, const struct guard_loss *l)
{
	return guard_judge(&g, &s, provider, l, 1, true);
}

START_TEST(ordinary_changes_count)
{
	ck_assert_int_eq(judge(state("one", LATER), 0, &little), GUARD_BELIEVE);
	ck_assert_str_eq(g.in_force.csn, LATER);
	/* servers that say nothing of their state are believed as well */
	ck_assert_int_eq(judge(state("", ""), 0, &little), GUARD_BELIEVE);
	ck_assert_int_eq(judge(state("", EARLY), 0, &little), GUARD_BELIEVE);
}
END_TEST

START_TEST(loss_is_held_until_it_is_back)
{
	ck_assert_int_eq(judge(state("one", LATER), 0, &half), GUARD_HOLD);
	ck_assert(g.held);
	ck_assert_ptr_nonnull(strstr(g.reason, "50 of 100 recipients"));
	ck_assert_str_eq(g.in_force.csn, EARLY);
	/* the same server again proves nothing */
	ck_assert_int_eq(judge(state("one", LATEST), 0, &half), GUARD_HOLD);
	ck_assert_int_eq(judge(state("one", LATEST), 0, &little), GUARD_BELIEVE);
	ck_assert(!g.held);
	ck_assert_str_eq(g.reason, "");
}
END_TEST

START_TEST(another_server_confirms)
{
	ck_assert_int_eq(judge(state("one", LATER), 1, &half), GUARD_HOLD);
	ck_assert_int_eq(judge(state("one", LATER), 1, &half), GUARD_HOLD);
	ck_assert_int_eq(judge(state("one", LATER), 0, &half), GUARD_BELIEVE);
}
END_TEST

START_TEST(nobody_confirms_a_loss_without_a_write)
{
	ck_assert_int_eq(judge(state("one", EARLY), 0, &half), GUARD_HOLD);
	ck_assert_ptr_nonnull(strstr(g.reason, "nothing was written"));
	ck_assert_int_eq(judge(state("one", EARLY), 1, &half), GUARD_HOLD);
	ck_assert_int_eq(judge(state("one", LATER), 1, &half), GUARD_BELIEVE);
}
END_TEST

START_TEST(older_is_held_whatever_else)
{
	g.in_force = state("one", LATER);
	ck_assert_int_eq(judge(state("one", EARLY), 0, &little), GUARD_HOLD);
	ck_assert_ptr_nonnull(strstr(g.reason, "older"));
	ck_assert_int_eq(judge(state("one", EARLY), 1, &little), GUARD_HOLD);
	ck_assert_int_eq(judge(state("zero", EARLY), 1, &half), GUARD_HOLD);
	/* the replica has caught up */
	ck_assert_int_eq(judge(state("one", LATEST), 1, &little), GUARD_BELIEVE);
}
END_TEST

START_TEST(older_with_the_same_content_counts)
{
	struct guard_state older = state("one", EARLY);

	g.in_force = state("one", LATER);
	ck_assert_int_eq(guard_judge(&g, &older, 0, NULL, 0, false), GUARD_BELIEVE);
}
END_TEST

START_TEST(an_older_one_does_not_confirm_a_loss)
{
	g.in_force = state("one", LATER);
	ck_assert_int_eq(judge(state("one", EARLY), 0, &half), GUARD_HOLD);
	ck_assert_int_eq(judge(state("one", LATEST), 1, &half), GUARD_HOLD);
	ck_assert_int_eq(judge(state("one", LATEST), 0, &half), GUARD_BELIEVE);
}
END_TEST

START_TEST(a_new_epoch_of_the_same_directory_counts)
{
	struct guard_state other = state("two", LATER);

	ck_assert_int_eq(judge(state("two", LATER), 0, &half), GUARD_BELIEVE);
	ck_assert_str_eq(g.in_force.epoch, "two");
	/* no epoch at all is no new one */
	ck_assert_int_eq(judge(state("", LATEST), 0, &half), GUARD_HOLD);
	set_up();
	other.uuid[0]++;
	ck_assert_int_eq(judge(other, 0, &half), GUARD_HOLD);
}
END_TEST

START_TEST(an_override_counts_once)
{
	g.override = true;
	ck_assert_int_eq(judge(state("one", EARLY), 0, &half), GUARD_BELIEVE);
	ck_assert_int_eq(judge(state("one", LATER), 0, &half), GUARD_HOLD);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("guard");

	tcase_add_checked_fixture(t, set_up, NULL);
	tcase_add_loop_test(t, what_is_too_large, 0, sizeof(losses) / sizeof(losses[0]));
	tcase_add_test(t, the_worst_is_told);
	tcase_add_test(t, ordinary_changes_count);
	tcase_add_test(t, loss_is_held_until_it_is_back);
	tcase_add_test(t, another_server_confirms);
	tcase_add_test(t, nobody_confirms_a_loss_without_a_write);
	tcase_add_test(t, older_is_held_whatever_else);
	tcase_add_test(t, older_with_the_same_content_counts);
	tcase_add_test(t, an_older_one_does_not_confirm_a_loss);
	tcase_add_test(t, a_new_epoch_of_the_same_directory_counts);
	tcase_add_test(t, an_override_counts_once);
	return unit_run("guard", &t, 1);
}
