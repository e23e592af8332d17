/* unit.h - the main() that every unit test binary shares. */
#ifndef HUB_TESTS_UNIT_H
#define HUB_TESTS_UNIT_H

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>

/* Tests that wait for timeouts of many seconds are left out unless HUB_TESTS_SLOW is set. */
static inline bool unit_slow(void)
{
	return getenv("HUB_TESTS_SLOW") != NULL;
}

/* Runs one suite made of the given cases; the exit status is the number of failures, capped. */
static inline int unit_run(const char *name, TCase *const *cases, size_t n)
{
	Suite *s = suite_create(name);
	SRunner *r;
	int failed;
	size_t i;

	for (i = 0; i < n; i++)
		suite_add_tcase(s, cases[i]);
	r = srunner_create(s);
	srunner_run_all(r, CK_NORMAL);
	failed = srunner_ntests_failed(r);
	srunner_free(r);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}

#endif
