/* test_track.c - hubd/track: the table of counters. */
#include <string.h>

#include "hubd/track/counters.h"
#include "unit.h"

/* OpenMetrics: one name's samples stand together, below its one line of help. */
START_TEST(test_names_of_counters)
{
	const struct counter_row *r = counter_row((enum counter)_i), *before;
	int i;

	ck_assert_ptr_nonnull(r->name);
	ck_assert_int_eq(r->label != NULL, r->value != NULL);
	before = _i == 0 ? NULL : counter_row((enum counter)(_i - 1));
	ck_assert_int_eq(r->help == NULL, before != NULL && strcmp(before->name, r->name) == 0);
	for (i = 0; i < _i; i++) {
		before = counter_row((enum counter)i);
		if (strcmp(before->name, r->name) != 0)
			continue;
		ck_assert_ptr_nonnull(r->label);
		ck_assert_str_eq(before->label, r->label);
		ck_assert_str_ne(before->value, r->value);
		ck_assert(r->help == NULL);
	}
}
END_TEST

START_TEST(test_counting)
{
	uint64_t before = counter_get(COUNTER_LIMIT_HOPS);

	counter_add(COUNTER_LIMIT_HOPS, 1);
	counter_add(COUNTER_LIMIT_HOPS, 2);
	ck_assert_uint_eq(counter_get(COUNTER_LIMIT_HOPS), before + 3);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("track");

	tcase_add_loop_test(tc, test_names_of_counters, 0, COUNTERS);
	tcase_add_test(tc, test_counting);
	return unit_run("track", &tc, 1);
}
