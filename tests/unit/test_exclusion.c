/* test_exclusion.c - the list of connectors that a message goes around (hubd/spool/exclusion.h) */
#include <stdio.h>
#include <string.h>

#include "hubd/spool/exclusion.h"
#include "unit.h"

/* A list as it comes, and as it is written again. */
static const struct { const char *text, *same; } rows[] = {
	{ "", "" },
	{ "A; expires=5; lasts=60", "A; expires=5; lasts=60" },
	{ "To%20Internet; expires=1763760000; lasts=600\nB; expires=1; lasts=2",
		"To%20Internet; expires=1763760000; lasts=600\nB; expires=1; lasts=2" },
	{ "%c3%b6; expires=5; lasts=60", "%C3%B6; expires=5; lasts=60" },
	/* of the same connector the last one counts */
	{ "a; expires=5; lasts=60\nb; expires=6; lasts=1\nA; expires=7; lasts=90",
		"b; expires=6; lasts=1\nA; expires=7; lasts=90" },
	/* what is no exclusion is left out */
	{ "A; expires=5", "" },
	{ "A; expires=5; lasts=60 x", "" },
	{ "A; expires=x; lasts=60\nB; expires=5; lasts=60", "B; expires=5; lasts=60" },
	{ "A; expires=-5; lasts=60", "" },
	{ "A; expires=5; lasts=-60", "" },
	{ "; expires=5; lasts=60", "" },
	{ "A B; expires=5; lasts=60", "" },
	{ "A%; expires=5; lasts=60", "" },
	{ "A%2; expires=5; lasts=60", "" },
	{ "A%zz; expires=5; lasts=60", "" },
	{ "A%00B; expires=5; lasts=60", "" },
	{ "A\r; expires=5; lasts=60", "" },
	{ "A; expires=99999999999999999999; lasts=60", "" },
	{ "A; expires=5; lasts=99999999999", "" },
};

START_TEST(parsed)
{
	struct arena *a = arena_new();
	struct exclusions x;

	exclusions_parse(rows[_i].text, a, &x);
	ck_assert_str_eq(exclusions_text(&x, a), rows[_i].same);
	arena_free(&a);
}
END_TEST

START_TEST(too_many_and_too_long)
{
	struct arena *a = arena_new();
	char name[300], text[400];
	struct exclusions x = { .n = 0 };
	int i;

	for (i = 0; i < 2 * EXCLUSIONS_MAX; i++)
		exclusions_renew(&x, arena_printf(a, "c%d", i), 1000, 60);
	ck_assert_uint_eq(x.n, EXCLUSIONS_MAX);
	ck_assert_str_eq(x.v[0].connector, "c8");
	/* a name of the greatest length, every byte escaped: one fits, and the newest stays */
	memset(name, ' ', sizeof(name));
	name[255] = '\0';
	snprintf(text, sizeof(text), "%s", name);
	text[0] = 'x';
	exclusions_renew(&x, name, 1000, 60);
	exclusions_renew(&x, text, 1000, 60);
	ck_assert_uint_le(strlen(exclusions_text(&x, a)), EXCLUSIONS_TEXT_MAX);
	ck_assert_int_eq(exclusions_text(&x, a)[0], 'x');
	arena_free(&a);
}
END_TEST

START_TEST(renewed)
{
	struct exclusions x = { .n = 0 };

	exclusions_renew(&x, "A", 1000, 600);
	ck_assert_int_eq(x.v[0].expires_s, 1600);
	/* met again while it is in force: nothing new */
	exclusions_renew(&x, "a", 1599, 600);
	ck_assert_uint_eq(x.n, 1);
	ck_assert_int_eq(x.v[0].expires_s, 1600);
	/* each time it comes back and has to leave again, it stays away longer */
	exclusions_renew(&x, "a", 1600, 600);
	ck_assert_int_eq(x.v[0].expires_s, 1600 + 2400);
	exclusions_renew(&x, "a", 5000, 600);
	exclusions_renew(&x, "a", 20000, 600);
	exclusions_renew(&x, "a", 100000, 600);
	ck_assert_int_eq(x.v[0].expires_s, 100000 + EXCLUSION_LONGEST_S);
	exclusions_renew(&x, "b", 1000, 1);
	ck_assert_int_eq(x.v[1].expires_s, 1000 + EXCLUSION_SHORTEST_S);
}
END_TEST

START_TEST(merged)
{
	struct arena *a = arena_new();
	struct exclusions x, y;

	exclusions_parse("A; expires=5; lasts=1\nB; expires=5; lasts=1", a, &x);
	exclusions_parse("a; expires=4; lasts=2\nb; expires=6; lasts=2\nC; expires=1; lasts=1", a,
		&y);
	exclusions_merge(&x, &y);
	ck_assert_str_eq(exclusions_text(&x, a), "A; expires=5; lasts=1\nb; expires=6; lasts=2\n"
		"C; expires=1; lasts=1");
	arena_free(&a);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("exclusion");

	tcase_add_loop_test(tc, parsed, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, too_many_and_too_long);
	tcase_add_test(tc, renewed);
	tcase_add_test(tc, merged);
	return unit_run("exclusion", &tc, 1);
}
