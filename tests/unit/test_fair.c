/* test_fair.c - what a queue may have of the connections that all share. */
#include "hubd/queue/fair.h"

#include "libhub/base/clock.h"
#include "unit.h"

static const struct row {
	uint64_t held, own_max, used, max;
	bool may;
} rows[] = {
	/* without a limit, the first one, and alone */
	{ 19, 20, 5000, 0, true },
	{ 0, 20, 999, 1000, true },
	{ 1, 2, 1, 2, true },
	{ 19, 20, 19, 20, true },
	{ 3, 5, 3, 3, false },
	{ 3, 5, 3, 2, false },
	/* beside others: less the fewer are left */
	{ 19, 20, 50, 1000, true },
	{ 19, 20, 51, 1000, false },
	{ 10, 20, 500, 1000, true },
	{ 11, 20, 500, 1000, false },
	{ 1, 20, 950, 1000, true },
	{ 1, 20, 951, 1000, false },
	{ 1, 20, 1000, 1000, false },
	{ 1, 20, 1200, 1000, false },
	{ 1, 4, 3, 4, true },
	{ 2, 4, 3, 4, false },
	/* a queue without a limit of its own has that of all */
	{ 500, UINT64_MAX, 501, 1000, false },
	{ 499, UINT64_MAX, 501, 1000, true },
	{ 1073741823, UINT64_MAX, 1073741824, 2147483647, true },
};

START_TEST(growth)
{
	const struct row *r = &rows[_i];

	ck_assert_msg(fair_may_grow(r->held, r->own_max, r->used, r->max) == r->may, "row %d", _i);
}
END_TEST

/* Fifty that never have enough leave room for hundreds that have none. */
START_TEST(the_greedy_leave_room)
{
	enum { QUEUES = 50, MAX = 1000, OWN_MAX = 20 };
	uint64_t held[QUEUES] = { 0 }, used = 0, before;
	size_t i;

	do {
		before = used;
		for (i = 0; i < QUEUES; i++)
			if (fair_may_grow(held[i], OWN_MAX, used, MAX)) {
				held[i]++;
				used++;
			}
	} while (used > before);
	ck_assert_uint_ge(held[QUEUES - 1], OWN_MAX / 4);
	ck_assert_uint_le(used, MAX * 6 / 10);
}
END_TEST

START_TEST(yielding)
{
	uint64_t now = clock_mono_ms();

	ck_assert(fair_must_yield(2, now));
	ck_assert(!fair_must_yield(1, now));
	ck_assert(fair_must_yield(1, now - FAIR_TURN_MS - 1));
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("fair");

	tcase_add_loop_test(tc, growth, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tc, the_greedy_leave_room);
	tcase_add_test(tc, yielding);
	return unit_run("fair", &tc, 1);
}
