/* test_cookie.c - libhub/directory/cookie: how far two consumers have come. */
#include <string.h>

#include "libhub/directory/cookie.h"
#include "unit.h"

#define CSN(time, sid) "20261122" time ".000000Z#000000#" sid "#000000"
#define OLD CSN("100000", "001")
#define NEW CSN("100001", "001")
#define AHEAD CSN("110000", "002")
#define LATER CSN("110001", "002")

static struct cookie cookie(const char *text)
{
	struct cookie c;

	cookie_set(&c, text, strlen(text));
	return c;
}

static const struct {
	const char *shown, *answer;
	bool covers;
} rows[] = {
	{ "rid=000,csn=" NEW, "rid=000,csn=" NEW, true },
	{ "rid=000,csn=" NEW, "rid=000,csn=" OLD, true },
	{ "rid=000,csn=" OLD, "rid=000,csn=" NEW, false },
	/* the newest of all is shown, but not that of each */
	{ "rid=000,csn=" OLD ";" AHEAD, "rid=000,csn=" NEW ";" AHEAD, false },
	{ "rid=000,csn=" OLD ";" LATER, "rid=000,csn=" NEW ";" AHEAD, false },
	{ "rid=000,csn=" NEW ";" AHEAD, "rid=000,csn=" NEW ";" LATER, false },
	{ "rid=000,csn=" AHEAD ";" NEW, "rid=000,sid=001,csn=" NEW ";" AHEAD, true },
	{ "rid=000,csn=" NEW ";" LATER, "rid=000,csn=" OLD ";" AHEAD, true },
	/* of one server nothing was shown, or nothing is asked for */
	{ "rid=000,csn=" AHEAD, "rid=000,csn=" OLD ";" AHEAD, false },
	{ "rid=000,csn=" OLD ";" AHEAD, "rid=000,csn=" OLD, true },
	{ "", "rid=000,csn=" OLD, false },
	{ "rid=000", "rid=000,csn=" OLD, false },
	{ "of another form", "rid=000,csn=" OLD, false },
	{ "rid=000,csn=" OLD, "rid=000", true },
	{ "rid=000,csn=" OLD, "", true },
	{ "", "", true },
};

START_TEST(test_covers)
{
	struct cookie shown = cookie(rows[_i].shown), answer = cookie(rows[_i].answer);

	ck_assert_msg(cookie_covers(&shown, &answer) == rows[_i].covers, "%s: %s", rows[_i].shown,
		rows[_i].answer);
}
END_TEST

/* While changes come in only the server that changed is named. */
START_TEST(test_covers_what_was_merged)
{
	struct cookie shown = cookie("rid=000,csn=" OLD ";" AHEAD);
	struct cookie answer = cookie("rid=000,csn=" NEW ";" AHEAD);
	struct cookie change = cookie("rid=000,sid=001,csn=" NEW);

	ck_assert(!cookie_covers(&shown, &answer));
	cookie_merge(&shown, &change);
	ck_assert(cookie_covers(&shown, &answer));
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("cookie");

	tcase_add_loop_test(t, test_covers, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(t, test_covers_what_was_merged);
	return unit_run("cookie", &t, 1);
}
