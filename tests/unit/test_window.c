/* test_window.c - how many connections a peer is given that has refused one */
#include "hubd/queue/window.h"
#include "unit.h"

enum { MAX = 20, NOW = 1000 };

START_TEST(nothing_was_refused)
{
	struct window w = { 0 };

	ck_assert_uint_eq(window_limit(&w, MAX), MAX);
}
END_TEST

START_TEST(refused)
{
	struct window w = { 0 };

	window_shrink(&w, 3, NOW);
	ck_assert_uint_eq(window_limit(&w, MAX), 3);
	ck_assert_uint_eq(window_limit(&w, 2), 2);
	ck_assert_uint_eq(w.grow_at_ms, NOW + WINDOW_PAUSE_MS);
	w.grow_at_ms = 0;	/* that time has come */
	ck_assert_uint_eq(window_limit(&w, MAX), 4);
	ck_assert_uint_eq(window_limit(&w, 3), 3);
}
END_TEST

START_TEST(pauses_double_to_a_limit)
{
	struct window w = { 0 };
	uint64_t pause_ms = WINDOW_PAUSE_MS;
	int i;

	for (i = 0; i <= WINDOW_DOUBLINGS + 2; i++) {
		window_shrink(&w, 1, NOW);
		ck_assert_uint_eq(w.grow_at_ms, NOW + pause_ms);
		if (i < WINDOW_DOUBLINGS)
			pause_ms *= 2;
	}
	window_grow(&w, 2, MAX, NOW);
	window_shrink(&w, 2, NOW);
	ck_assert_uint_eq(w.grow_at_ms, NOW + WINDOW_PAUSE_MS);
}
END_TEST

/* So many are up when a message was taken on the one more; and what is known then. */
static const struct { unsigned size, n_up, grown; } rows[] = {
	{ 3, 4, 4 },
	{ 3, 6, 6 },
	/* others ended meanwhile: nobody said that the peer wants fewer */
	{ 3, 3, 3 },
	{ 3, 1, 3 },
	/* it takes all that we would ever give it */
	{ MAX - 1, MAX, 0 },
	{ MAX - 1, MAX + 5, 0 },
};

START_TEST(grows)
{
	struct window w = { 0 };

	window_shrink(&w, rows[_i].size, NOW);
	w.grow_at_ms = 0;
	window_grow(&w, rows[_i].n_up, MAX, NOW);
	ck_assert_uint_eq(w.size, rows[_i].grown);
	ck_assert_uint_eq(w.grow_at_ms, rows[_i].grown != 0 ? NOW + WINDOW_STEP_MS : 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("window");

	tcase_add_test(tc, nothing_was_refused);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, pauses_double_to_a_limit);
	tcase_add_loop_test(tc, grows, 0, sizeof(rows) / sizeof(rows[0]));
	return unit_run("window", &tc, 1);
}
