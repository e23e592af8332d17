/* test_race.c - in which order a host's addresses run. */
#include <arpa/inet.h>
#include <string.h>

#include "hubd/deliver/delivery.h"
#include "libhub/base/mem.h"
#include "unit.h"

/* A target is a letter for its host and a digit for its address; + = it was slow. */
static const struct row {
	const char *given, *expected;
} rows[] = {
	{ "a1 ", "a1" },
	{ "a1+", "a1" },
	{ "a1 a2 a3 ", "a1a2a3" },
	{ "a1+a2 ", "a2a1" },
	{ "a1 a2+", "a1a2" },
	{ "a1+a2+a3 a4 ", "a3a4a1a2" },
	{ "a1 a2+a3 ", "a1a3a2" },
	{ "a1+a2+", "a1a2" },
	{ "a1+b2 ", "a1b2" },
	{ "a1+a2 b3+b4 ", "a2a1b4b3" },
	{ "a1 b2+b3 c4 ", "a1b3b2c4" },
};

static void set_target(struct mx_target *t, const char *text)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)&t->addr;

	memset(t, 0, sizeof(*t));
	memcpy(t->host, text, 1);
	v4->sin_family = AF_INET;
	v4->sin_port = htons((uint16_t)text[1]);
}

static char digit_of(const struct mx_target *t)
{
	return (char)ntohs(((const struct sockaddr_in *)(const void *)&t->addr)->sin_port);
}

START_TEST(slow_ones_run_last)
{
	const struct row *row = &rows[_i];
	struct mx_target targets[4];
	struct deliver d = { .hosts = host_table_new() };
	struct delivery s = { .d = &d, .targets = targets, .n_targets = strlen(row->given) / 3 };
	char got[16];
	size_t i;

	for (i = 0; i < s.n_targets; i++) {
		set_target(&targets[i], row->given + 3 * i);
		if (row->given[3 * i + 2] == '+')
			host_set_slow(d.hosts, &targets[i].addr.sa);
		/* success takes nothing of it away, and none of them is left out */
		host_good(d.hosts, &targets[i].addr.sa);
		ck_assert(!host_is_out(d.hosts, &targets[i].addr.sa));
	}
	delivery_race_order(&s);
	for (i = 0; i < s.n_targets; i++) {
		got[2 * i] = targets[i].host[0];
		got[2 * i + 1] = digit_of(&targets[i]);
	}
	got[2 * i] = '\0';
	ck_assert_str_eq(got, row->expected);
	host_table_free(&d.hosts);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("race");

	tcase_add_loop_test(tc, slow_ones_run_last, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	return unit_run("race", &tc, 1);
}
