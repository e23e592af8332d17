/* test_loss_window.c - losses in many small pushes, and the time that lets them pass. */
#include "unit.h"

#include <string.h>

#include "edgesyncd/loss_window.h"

#define MINUTES(n) ((uint64_t)(n) * 60 * 1000)

static struct loss_window window;
static char text[300];

static void setup(void)
{
	memset(&window, 0, sizeof(window));
}

static bool holds_of(size_t before, size_t lost, size_t added, uint64_t now_ms)
{
	const struct guard_loss push = { .what = "things", .before = before, .lost = lost };

	return loss_windows_hold(&window, &push, &added, 1, now_ms, text, sizeof(text));
}

static bool holds(size_t before, size_t lost, uint64_t now_ms)
{
	return holds_of(before, lost, 0, now_ms);
}

/* How many go, one a push, before one is held. */
static size_t take(size_t there, size_t adds, uint64_t now_ms, uint64_t pause_ms)
{
	size_t n;

	for (n = 0; there != 0 && !holds(there, 1, now_ms); n++) {
		there += adds - 1;
		now_ms += pause_ms;
		if (n == 1000)
			break;
	}
	return n;
}

START_TEST(test_one_by_one)
{
	static const struct { size_t there, adds, taken; } rows[] = {
		{ 200, 0, 20 }, { 1000, 0, 100 }, { 50, 0, 10 }, { 3, 0, 2 }, { 2, 0, 2 },
		/* one comes for each that goes */
		{ 200, 1, 1000 },
	};

	ck_assert_uint_eq(take(rows[_i].there, rows[_i].adds, MINUTES(9000), 10),
		rows[_i].taken);
}
END_TEST

START_TEST(test_text)
{
	ck_assert(holds(100, 11, MINUTES(1)));
	ck_assert_ptr_nonnull(strstr(text, "11 of 100 things; "));
	ck_assert(!holds(100, 9, MINUTES(2)));
	ck_assert(holds(91, 2, MINUTES(3)));
	ck_assert_ptr_nonnull(strstr(text, "11 of 100 things, with those "));
	/* what takes nothing away passes */
	ck_assert(!holds(91, 0, MINUTES(4)));
}
END_TEST

/* An hour counts wholly wherever it begins, and so does one in which little happened. */
START_TEST(test_time)
{
	ck_assert(!holds(200, 15, MINUTES(9000)));
	ck_assert(!holds(185, 5, MINUTES(9059)));
	ck_assert(holds(180, 1, MINUTES(9061)));
	setup();
	ck_assert(!holds(200, 20, MINUTES(9000)));
	ck_assert(!holds(180, 18, MINUTES(9000 + 121)));
	setup();
	/* slowly enough */
	ck_assert_uint_eq(take(200, 0, MINUTES(9000), MINUTES(20)), 199);
}
END_TEST

START_TEST(test_held_and_allowed)
{
	ck_assert(holds(200, 150, MINUTES(1)));
	ck_assert(!holds(200, 20, MINUTES(2)));
	ck_assert(holds(180, 1, MINUTES(3)));
	/* what is held does not pass by waiting */
	ck_assert(holds(180, 1, MINUTES(300)));
	/* unless what was to go came back */
	ck_assert(!holds(180, 0, MINUTES(301)));
	ck_assert(!holds(180, 1, MINUTES(302)));
	ck_assert(holds(180, 20, MINUTES(303)));
	loss_window_allow(&window);
	ck_assert(!holds(160, 16, MINUTES(304)));
}
END_TEST

/* Those that come raise what a tenth is of. */
/* An edge that was restored from a backup has lost by itself what it is given back. */
START_TEST(test_given_back)
{
	ck_assert(!holds(60000, 0, 1));
	ck_assert(!holds_of(50000, 5, 10005, 2));
	/* but what goes itself is no less for that */
	ck_assert(holds_of(50000, 7000, 20000, 3));
	setup();
	ck_assert(!holds(60000, 0, 1));
	ck_assert(holds_of(50000, 5, 100, 2));
	setup();
	ck_assert(!holds(60000, 0, 1));
	/* what was not given back yet counts, no more */
	ck_assert(!holds_of(50000, 5, 9000, 2));
	/* and who takes nothing away is not held for what has gone */
	ck_assert(!holds_of(50000, 0, 0, 3));
}
END_TEST

/* What another holder was allowed is nothing to be made good; our own is not forgotten. */
START_TEST(test_another_holder)
{
	static const struct {
		const char *holder;
		bool away, holds;
	} rows[] = {
		{ "hub2", true, false }, { "hub1", true, true }, { "", true, true },
		{ "hub2", false, true },
	};

	ck_assert(!holds(60, 0, MINUTES(1)));
	if (rows[_i].away)
		loss_windows_leave(&window, 1);
	loss_windows_return(&window, 1, rows[_i].holder, "hub1");
	ck_assert_int_eq(holds(45, 1, MINUTES(2)), rows[_i].holds);
	/* once */
	loss_windows_return(&window, 1, "hub2", "hub1");
	ck_assert_int_eq(holds(45, 5, MINUTES(3)), rows[_i].holds);
}
END_TEST

START_TEST(test_additions)
{
	ck_assert(!holds(0, 0, MINUTES(1)));
	ck_assert(!holds(200, 20, MINUTES(2)));
	ck_assert(!holds(1000, 0, MINUTES(3)));
	ck_assert(!holds(1000, 100, MINUTES(4)));
	ck_assert(holds(900, 1, MINUTES(5)));
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("loss window");

	tcase_add_checked_fixture(c, setup, NULL);
	tcase_add_loop_test(c, test_one_by_one, 0, 6);
	tcase_add_test(c, test_text);
	tcase_add_test(c, test_time);
	tcase_add_test(c, test_held_and_allowed);
	tcase_add_test(c, test_given_back);
	tcase_add_loop_test(c, test_another_holder, 0, 4);
	tcase_add_test(c, test_additions);
	return unit_run("loss_window", &c, 1);
}
