/* test_file_name.c - names of files under way, of servers that share a directory. */
#include <string.h>

#include "hubd/config/live.h"
#include "hubd/pickup/pickup_priv.h"
#include "libhub/org/topology.h"
#include "unit.h"

#define LONG "0123456789012345678901234567890123456789012345678901234567890123456789012345678"

/* A server, and what a.eml is called while it is under way there. */
static const struct {
	const char *server;
	const char *temp;
} rows[] = {
	{ "hub", "a.hub.tmp" },
	{ "x.hub", "a.x%2Ehub.tmp" },
	{ "x%2Ehub", "a.x%252Ehub.tmp" },
	{ "x/hub", "a.x%2Fhub.tmp" },
	{ ".hub", "a.%2Ehub.tmp" },
	{ LONG "h", "a." LONG "h.tmp" },
	{ LONG ".", NULL },
	{ LONG "/", NULL },
};

static char *named(int row, char *(*name_of)(const struct pickup_folder *f, const char *name),
	const char *name)
{
	struct server server = { .obj.name = rows[row].server };
	struct live live = { .self = &server };
	struct pickup pickup = { .live = &live };
	struct pickup_folder folder = { .pickup = &pickup };

	return name_of(&folder, name);
}

START_TEST(each_finds_its_own)
{
	char *temp = named(_i, file_name_temp, "a.eml"), *name = named(_i, file_name_of_temp, temp);

	if (rows[_i].temp != NULL)
		ck_assert_str_eq(temp, rows[_i].temp);
	ck_assert_str_eq(name, "a.eml");
	free(name);
	free(temp);
}
END_TEST

START_TEST(nobody_finds_anothers)
{
	char *temp = named(_i, file_name_temp, "a.eml"), *name;
	int other;

	for (other = 0; other < (int)(sizeof(rows) / sizeof(rows[0])); other++) {
		name = named(other, file_name_of_temp, temp);
		ck_assert_msg((name != NULL) == (other == _i), "%s is taken by %s", temp,
			rows[other].server);
		free(name);
	}
	free(temp);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("file_name");

	tcase_add_loop_test(c, each_finds_its_own, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(c, nobody_finds_anothers, 0, sizeof(rows) / sizeof(rows[0]));
	return unit_run("file_name", &c, 1);
}
