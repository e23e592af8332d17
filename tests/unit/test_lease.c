/* test_lease.c - edgesyncd/lease.c: contenders around an edge that is a few variables. */
#include <stdio.h>
#include <string.h>

#include "edgesyncd/lease.h"
#include "libhub/directory/generalized_time.h"
#include "unit.h"

enum { TIME_S = 60, TIME_MS = TIME_S * 1000, CONTENDERS = 3 };

/* What stands on the edge, and its clock against the monotonic one of everybody. */
static struct {
	char holder[LEASE_DN_SIZE], preferred[LEASE_DN_SIZE], expiry[LEASE_TIME_SIZE];
	int64_t ahead_ms;
} edge;

struct contender {
	char name[20];
	struct lease l;
	bool dead;
	unsigned int taken, renewed, given, lost, asked;
};

static struct contender who[CONTENDERS];
static uint64_t now_ms;

static enum lease_whose whose(const struct contender *c, const char *dn)
{
	if (*dn == '\0')
		return LEASE_NOBODY;
	return strcmp(dn, c->name) == 0 ? LEASE_OURS : LEASE_OTHERS;
}

static struct lease_view look(const struct contender *c)
{
	struct lease_view v = { .whose = whose(c, edge.holder),
		.prefers = whose(c, edge.preferred) };

	strcpy(v.holder, edge.holder);
	strcpy(v.preferred, edge.preferred);
	strcpy(v.expiry, edge.expiry);
	if (generalized_time_parse(v.expiry, &v.expiry_s) != 0)
		v.expiry_s = 0;
	return v;
}

static int64_t edge_clock_ms(void)
{
	return (int64_t)now_ms + edge.ahead_ms;
}

static void set_up(void)
{
	size_t i;

	memset(&edge, 0, sizeof(edge));
	memset(who, 0, sizeof(who));
	now_ms = 1000000;
	edge.ahead_ms = INT64_C(1790000000000);
	for (i = 0; i < CONTENDERS; i++) {
		snprintf(who[i].name, sizeof(who[i].name), "cn=hub%zu.1", i);
		lease_init(&who[i].l, TIME_S);
	}
}

/* The write of a take or renewal; false if the assertion failed. */
static bool write_lease(struct contender *c)
{
	struct lease_view v;

	if (strcmp(edge.holder, c->l.view.holder) != 0 ||
	    strcmp(edge.expiry, c->l.view.expiry) != 0)
		return false;
	if (lease_mark(&c->l, now_ms) == LEASE_MARK_NOBODY)
		edge.preferred[0] = '\0';
	else if (lease_mark(&c->l, now_ms) == LEASE_MARK_US)
		strcpy(edge.preferred, c->name);
	strcpy(edge.holder, c->name);
	generalized_time_format(lease_expiry_s(&c->l, now_ms), edge.expiry);
	v = look(c);
	lease_written(&c->l, &v, edge_clock_ms(), now_ms, now_ms);
	return true;
}

static void give(struct contender *c)
{
	edge.holder[0] = edge.expiry[0] = '\0';
	lease_drop(&c->l);
	c->given++;
}

/* What a keeper does each second. */
static void act(struct contender *c)
{
	struct lease_view v = look(c);
	uint64_t wait_ms;

	if (c->dead)
		return;
	if (!lease_see(&c->l, &v, now_ms))
		c->lost++;
	switch (lease_next(&c->l, now_ms, &wait_ms)) {
	case LEASE_CLOCK:
		lease_set_clock(&c->l, edge_clock_ms(), now_ms);
		c->asked++;
		break;
	case LEASE_TAKE:
		c->taken += write_lease(c);
		break;
	case LEASE_RENEW:
		c->renewed += write_lease(c);
		break;
	case LEASE_GIVE:
		give(c);
		break;
	case LEASE_ASK:
		strcpy(edge.preferred, c->name);
		break;
	case LEASE_GONE:
		lease_drop(&c->l);
		c->lost++;
		break;
	case LEASE_WAIT:
		break;
	}
}

static void run(unsigned int seconds)
{
	size_t i, holders;

	for (; seconds > 0; seconds--) {
		now_ms += 1000;
		for (i = 0; i < CONTENDERS; i++)
			act(&who[i]);
		for (i = 0, holders = 0; i < CONTENDERS; i++)
			holders += !who[i].dead && who[i].l.mine &&
				strcmp(edge.holder, who[i].name) == 0;
		ck_assert_uint_le(holders, 1);
	}
}

/* Seconds until somebody other than c holds it. */
static unsigned int until_replaced(const struct contender *c, unsigned int limit)
{
	unsigned int s;

	for (s = 0; s < limit; s++) {
		if (strcmp(edge.holder, c->name) != 0 && edge.holder[0] != '\0')
			return s;
		run(1);
	}
	return limit;
}

START_TEST(first_come)
{
	run(600);
	ck_assert_str_eq(edge.holder, who[0].name);
	ck_assert_uint_eq(who[0].taken, 1);
	ck_assert_uint_ge(who[0].renewed, 600 / (TIME_S / 3) - 1);
	ck_assert_uint_le(who[0].renewed, 600 / (TIME_S / 3));
	ck_assert_uint_eq(who[1].taken + who[2].taken + who[0].lost, 0);
}
END_TEST

START_TEST(clock_is_asked_for_first)
{
	int64_t s;

	run(2);
	ck_assert_int_eq(generalized_time_parse(edge.expiry, &s), 0);
	ck_assert_int_le(s * 1000 - edge_clock_ms(), TIME_MS + 1000);
	ck_assert_int_ge(s * 1000 - edge_clock_ms(), TIME_MS - 2000);
	ck_assert_uint_eq(who[0].asked, 1);
}
END_TEST

START_TEST(crashed_holder)
{
	unsigned int s;

	run(100);
	who[0].dead = true;
	s = until_replaced(&who[0], 1000);
	ck_assert_uint_le(s, TIME_S + 2);
	ck_assert_uint_ge(s, TIME_S * 2 / 3 - 2);
}
END_TEST

START_TEST(crashed_holder_and_fresh_contender)
{
	run(100);
	who[0].dead = who[1].dead = who[2].dead = true;
	run(TIME_S + 1);
	/* one that has just come need not wait any more than for the time */
	lease_init(&who[2].l, TIME_S);
	who[2].dead = false;
	run(2);
	ck_assert_str_eq(edge.holder, who[2].name);
}
END_TEST

/* Those who wait know the clock of before; it must not make them rob a holder who is well. */
START_TEST(clock_set_under_contenders)
{
	run(1000);
	edge.ahead_ms -= 3600 * 1000;
	run(1000);
	edge.ahead_ms += 2 * 3600 * 1000;
	run(1000);
	ck_assert_str_eq(edge.holder, who[0].name);
	ck_assert_uint_eq(who[0].lost + who[1].taken + who[2].taken, 0);
}
END_TEST

START_TEST(holder_comes_back)
{
	run(100);
	lease_init(&who[0].l, TIME_S);
	run(2);
	ck_assert_uint_eq(who[0].taken, 2);
	ck_assert_uint_eq(who[1].taken + who[2].taken, 0);
}
END_TEST

START_TEST(clock_set_back)
{
	run(100);
	edge.ahead_ms -= 3600 * 1000;
	who[0].dead = true;
	/* by the edge's clock it lives for an hour; who wrote there knows that clock */
	lease_set_clock(&who[1].l, edge_clock_ms(), now_ms);
	lease_set_clock(&who[2].l, edge_clock_ms(), now_ms);
	ck_assert_uint_le(until_replaced(&who[0], 1000), TIME_S + 2);
}
END_TEST

START_TEST(clock_set_while_held)
{
	static const int64_t steps[] = { 3600 * 1000, -3600 * 1000, 90 * 1000, -90 * 1000 };
	int64_t s;
	size_t i;

	run(100);
	for (i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		edge.ahead_ms += steps[i];
		run(TIME_S);
		ck_assert_int_eq(generalized_time_parse(edge.expiry, &s), 0);
		ck_assert_int_ge(s * 1000 - edge_clock_ms(), TIME_MS / 2);
		ck_assert_int_le(s * 1000 - edge_clock_ms(), TIME_MS * 3 / 2);
	}
	ck_assert_str_eq(edge.holder, who[0].name);
	ck_assert_uint_eq(who[0].lost + who[1].taken + who[2].taken, 0);
}
END_TEST

/* What was written by the clock of before is put right at once, not a third later. */
START_TEST(clock_set_is_put_right)
{
	unsigned int renewed;

	run(100);
	edge.ahead_ms -= 3600 * 1000;
	for (renewed = who[0].renewed; who[0].renewed == renewed;)
		run(1);
	run(2);
	ck_assert_uint_eq(who[0].renewed, renewed + 2);
}
END_TEST

/* One that is never right is not written to for ever. */
START_TEST(clock_that_is_never_right)
{
	unsigned int i, renewed;

	run(100);
	renewed = who[0].renewed;
	for (i = 0; i < 2 * TIME_S; i++) {
		edge.ahead_ms += 3600 * 1000;
		run(1);
	}
	ck_assert_str_eq(edge.holder, who[0].name);
	ck_assert_uint_le(who[0].renewed - renewed, 2 * 2 * 3 + 1);
}
END_TEST

START_TEST(preferred)
{
	run(100);
	strcpy(edge.preferred, who[2].name);
	run(3);
	ck_assert_str_eq(edge.holder, who[2].name);
	ck_assert_str_eq(edge.preferred, "");
	ck_assert_uint_eq(who[0].given, 1);
	ck_assert_uint_eq(who[0].lost + who[1].taken, 0);
	run(100);
	ck_assert_str_eq(edge.holder, who[2].name);
}
END_TEST

START_TEST(preferred_does_not_come)
{
	run(100);
	strcpy(edge.preferred, "cn=gone.1");
	run(3);
	ck_assert_str_eq(edge.holder, "");
	run(LEASE_GRACE_MS / 1000);
	ck_assert_str_ne(edge.holder, "");
	ck_assert_str_eq(edge.preferred, "");
}
END_TEST

START_TEST(fenced)
{
	run(100);
	strcpy(edge.holder, who[1].name);
	run(1);
	ck_assert_uint_eq(who[0].lost, 1);
	ck_assert(!who[0].l.mine);
}
END_TEST

START_TEST(holder_without_answers)
{
	uint64_t wait_ms;

	run(100);
	/* nothing is seen for long, then it wakes up: it must not go on as if nothing had been */
	now_ms += TIME_MS;
	ck_assert_int_eq(lease_next(&who[0].l, now_ms, &wait_ms), LEASE_GONE);
}
END_TEST

static void set_blind(struct contender *c, bool blind)
{
	lease_set_blind(&c->l, blind, now_ms);
}

/* What it would push is old: somebody who knows better is to have it, unless it soon knows, too. */
START_TEST(blind_holder)
{
	unsigned int s;

	run(100);
	set_blind(&who[0], true);
	run(TIME_S - 2);
	set_blind(&who[0], false);
	run(100);
	ck_assert_uint_eq(who[0].given + who[0].lost, 0);
	ck_assert_str_eq(edge.holder, who[0].name);
	/* said again and again it is no shorter */
	for (s = 0; s < TIME_S * 4 / 3 + 4; s++) {
		set_blind(&who[0], true);
		run(1);
	}
	ck_assert_uint_eq(who[0].given, 1);
	ck_assert_uint_eq(who[0].lost, 0);
	ck_assert(who[1].l.mine != who[2].l.mine);
	run(100);
	ck_assert_str_eq(edge.preferred, "");
	ck_assert_uint_eq(who[1].taken + who[2].taken, 1);
}
END_TEST

/* Nobody would know better: it stays with who has it, until somebody does. */
START_TEST(all_are_blind)
{
	size_t i;

	run(100);
	for (i = 0; i < CONTENDERS; i++)
		set_blind(&who[i], true);
	run(10 * TIME_S);
	ck_assert_str_eq(edge.holder, who[0].name);
	ck_assert_str_eq(edge.preferred, who[0].name);
	ck_assert_uint_eq(who[0].taken, 1);
	ck_assert_uint_eq(who[0].given + who[0].lost, 0);
	set_blind(&who[0], false);
	run(TIME_S);
	ck_assert_str_eq(edge.preferred, "");
	set_blind(&who[0], true);
	run(2 * TIME_S);
	set_blind(&who[2], false);
	run(4);
	ck_assert_str_eq(edge.holder, who[2].name);
	ck_assert_str_eq(edge.preferred, "");
}
END_TEST

START_TEST(blind_contender)
{
	run(100);
	set_blind(&who[1], true);
	set_blind(&who[2], true);
	who[0].dead = true;
	edge.holder[0] = edge.expiry[0] = '\0';
	strcpy(edge.preferred, who[1].name);
	run(10 * TIME_S);
	ck_assert_str_eq(edge.holder, "");
	set_blind(&who[2], false);
	run(2);
	ck_assert_str_eq(edge.holder, who[2].name);
	/* what is its own, by what stands there, it goes on with */
	set_blind(&who[2], true);
	lease_forget(&who[2].l);
	run(TIME_S);
	ck_assert_str_eq(edge.holder, who[2].name);
	ck_assert_uint_eq(who[2].taken, 2);
	ck_assert_uint_eq(who[1].taken, 0);
}
END_TEST

START_TEST(nonsense_expiry)
{
	strcpy(edge.holder, "cn=other.1");
	strcpy(edge.expiry, "whenever");
	lease_set_clock(&who[1].l, edge_clock_ms(), now_ms);
	ck_assert_uint_le(until_replaced(&(struct contender){ .name = "cn=other.1" }, 1000),
		TIME_S + 2);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("lease");

	tcase_add_checked_fixture(tc, set_up, NULL);
	tcase_add_test(tc, first_come);
	tcase_add_test(tc, clock_is_asked_for_first);
	tcase_add_test(tc, clock_set_under_contenders);
	tcase_add_test(tc, crashed_holder);
	tcase_add_test(tc, crashed_holder_and_fresh_contender);
	tcase_add_test(tc, holder_comes_back);
	tcase_add_test(tc, clock_set_back);
	tcase_add_test(tc, clock_set_while_held);
	tcase_add_test(tc, clock_set_is_put_right);
	tcase_add_test(tc, clock_that_is_never_right);
	tcase_add_test(tc, preferred);
	tcase_add_test(tc, preferred_does_not_come);
	tcase_add_test(tc, fenced);
	tcase_add_test(tc, holder_without_answers);
	tcase_add_test(tc, blind_holder);
	tcase_add_test(tc, all_are_blind);
	tcase_add_test(tc, blind_contender);
	tcase_add_test(tc, nonsense_expiry);
	return unit_run("lease", &tc, 1);
}
