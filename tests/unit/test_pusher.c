/* test_pusher.c - pushers while all is well: first push, live changes, comparison, who may look. */
#include "push_kit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "edgesyncd/pusher_priv.h"
#include "unit.h"

START_TEST(test_first_push)
{
	kit_put_people(3000);
	kit_put_person(5000, "shy@a.example", true);
	kit_begin();
	ck_assert_uint_eq(kit.status.side[PUSH_CONFIGURATION].count, 4);
	ck_assert_uint_eq(kit.status.side[PUSH_RECIPIENTS].count, 3000);
	ck_assert_str_eq(kit.status.side[PUSH_CONFIGURATION].here,
		kit.status.side[PUSH_CONFIGURATION].edge);
	ck_assert_str_eq(kit.status.side[PUSH_CONFIGURATION].edge_fingerprint,
		kit.status.here_fingerprint);
	ck_assert(pusher_idle(kit.pusher));
	kit_expect_same("USER17@a.Example", true);
	kit_expect_same("shy@a.example", false);
	/* another hub takes over: it finds everything in its place */
	pusher_detach(kit.pusher);
	ck_assert(!kit_in_step(NULL));
	pusher_attach(kit.pusher, kit.connection, B, "hub2");
	kit_await_in_step();
	ck_assert_uint_eq(kit.status.side[PUSH_RECIPIENTS].pushes, 1);
	ck_assert_uint_eq(kit.status.side[PUSH_CONFIGURATION].pushes, 1);
}
END_TEST

static bool has_line(const char *dn, const char *line)
{
	char command[600];

	snprintf(command, sizeof(command), "ldapsearch -Q -LLL -Y EXTERNAL -H '%s' -s base "
		"-b '%s' | grep -qx '%s'", kit.slapd.ldapi, dn, line);
	return system(command) == 0;
}

/* Markers without a holder, as a new subscription leaves them, say that nothing was pushed. */
START_TEST(test_markers_without_holder)
{
	static const char *const markers[] = { "cn=Configuration,cn=Push," B,
		"cn=Recipients,cn=Push," B };
	char text[200];
	size_t i;

	kit_put_people(30);
	kit_begin();
	pusher_detach(kit.pusher);
	for (i = 0; i < 2; i++) {
		ck_assert(has_line(markers[i], "hubPushHolder: hub1"));
		snprintf(text, sizeof(text), "dn: %s\nchangetype: modify\n"
			"delete: hubPushHolder\n", markers[i]);
		ck_assert_int_eq(slapd_modify(&kit.slapd, text), 0);
	}
	pusher_attach(kit.pusher, kit.connection, B, "hub2");
	kit_await_in_step();
	for (i = 0; i < 2; i++)
		ck_assert_msg(has_line(markers[i], "hubPushHolder: hub2"), "%s", markers[i]);
	kit_expect_same("user7@a.example", true);
}
END_TEST

static size_t answered;

static void on_answered(const struct push_result *r, void *ctx)
{
	ck_assert_ptr_null(r->error);
	/* not the one that was forgotten */
	ck_assert_ptr_eq(ctx, &answered);
	answered++;
}

static bool two_are_answered(void *ctx)
{
	(void)ctx;
	return answered == 2;
}

/* One after the other, but for one that nobody waits for any more. */
START_TEST(test_several_orders)
{
	char address[RECIPIENT_TEXT_MAX + 2], other;
	struct err e;

	kit_put_people(30);
	kit_begin();
	answered = 0;
	ck_assert_int_eq(pusher_start(kit.pusher, true, false, on_answered, &answered, &e), 0);
	ck_assert_int_eq(pusher_start(kit.pusher, true, false, on_answered, &other, &e), 0);
	ck_assert_int_eq(pusher_start(kit.pusher, false, false, on_answered, &answered, &e), 0);
	ck_assert(!pusher_idle(kit.pusher));
	pusher_forget(kit.pusher, &other);
	AWAIT(kit.loop, two_are_answered, NULL, PATIENCE_MS);
	memset(address, 'x', sizeof(address));
	address[sizeof(address) - 1] = '\0';
	ck_assert_int_eq(pusher_compare(kit.pusher, false, address, &kit_compare_cbs, NULL, &e),
		-1);
	ck_assert_str_eq(e.text, "the address is too long");
}
END_TEST

START_TEST(test_live)
{
	kit_put_people(300);
	kit_begin();
	kit_set_organization("dn: cn=A,cn=Accepted Domains," T "\nobjectClass: hubAcceptedDomain\n"
		"cn: A\nhubDomain: a.example\n\n");
	ck_assert(!kit_in_step(NULL));
	kit_await_in_step();
	ck_assert_uint_eq(kit.status.side[PUSH_CONFIGURATION].total.added, 4 + 6 + 1);
	/* another address; two who have one; one of them goes; somebody wants no mail any more */
	kit_put_person(1, "first@a.example", false);
	kit_put_person(2, "user3@a.example", false);
	kit_put_person(4, "user4@a.example", true);
	kit_drop_person(3);
	kit_drop_person(5);
	ck_assert(!kit_in_step(NULL));
	kit_await_in_step();
	ck_assert_uint_eq(kit.status.side[PUSH_RECIPIENTS].count, 300 + 1 - 1 - 1 - 1 - 1);
	kit_expect_same("first@a.example", true);
	kit_expect_same("user1@a.example", false);
	kit_expect_same("user2@a.example", false);
	kit_expect_same("user3@a.example", true);
	kit_expect_same("user4@a.example", false);
	kit_expect_same("user5@a.example", false);
	ck_assert_uint_eq(kit.status.side[PUSH_RECIPIENTS].repaired, 0);
}
END_TEST

/* The connector leaves the edge with its source list, and an empty bucket with its last hash. */
START_TEST(test_taken_away)
{
	kit_put_person(1, "only@a.example", false);
	kit_begin();
	kit_set_organization("dn: cn=Out,cn=Connectors," T "\nobjectClass: hubSendConnector\n"
		"cn: Out\nhubAddressSpace: SMTP:*;1\nhubSourceServer: cn=Hub1" SERVERS "\n\n");
	kit_drop_person(1);
	kit_await_in_step();
	ck_assert_uint_eq(kit.status.side[PUSH_CONFIGURATION].total.deleted, 1);
	ck_assert_uint_eq(kit.status.side[PUSH_RECIPIENTS].total.deleted, 1);
	kit_expect_same("only@a.example", false);
}
END_TEST

/* Who does not hold the lease may look. */
START_TEST(test_observed)
{
	struct err e;

	kit_put_people(50);
	kit_begin();
	pusher_detach(kit.pusher);
	pusher_observe(kit.pusher, kit.connection, B);
	kit_compare(false, NULL);
	pusher_status(kit.pusher, &kit.status);
	ck_assert(kit.status.observes && kit.status.side[PUSH_CONFIGURATION].in_step);
	ck_assert_str_eq(kit.status.side[PUSH_RECIPIENTS].edge_fingerprint, "50 addresses");
	kit_compare(true, NULL);
	ck_assert(kit_in_step(NULL));
	kit_put_person(60, "new@a.example", false);
	kit_compare(true, NULL);
	ck_assert_uint_eq(kit.differences, 1);
	ck_assert_ptr_nonnull(strstr(kit.listed, ": 1 missing, 0 too many"));
	ck_assert_int_eq(pusher_start(kit.pusher, true, false, kit_on_started, NULL, &e), -1);
	/* it changed nothing */
	kit_compare(true, "new@a.example");
	ck_assert(kit.verified.here && !kit.verified.edge);
}
END_TEST

static unsigned int people;

/* One more whenever it is asked. */
static bool are_pushed_while_more_come(void *ctx)
{
	const uint64_t *pushes = ctx;
	char address[40];

	snprintf(address, sizeof(address), "new%u@a.example", ++people);
	kit_put_person(people, address, false);
	pusher_status(kit.pusher, &kit.status);
	return kit.status.side[PUSH_RECIPIENTS].pushes > *pushes;
}

/*
 * The delay counts from the first change that is not pushed, and does not begin anew with the
 * next one: changes never pause for as long as that here.
 */
START_TEST(test_addresses_that_keep_coming)
{
	static const struct push_settings settings = { .recipient_delay_ms = 1000,
		.comparison_interval_s = 3600 };
	uint64_t pushes;
	int i;

	people = 20;
	kit_put_people(people);
	kit_begin();
	pushers_set_settings(kit.pushers, &settings);
	for (i = 0; i < 2; i++) {
		pushes = kit.status.side[PUSH_RECIPIENTS].pushes;
		AWAIT(kit.loop, are_pushed_while_more_come, &pushes, PATIENCE_MS);
	}
	kit_await_in_step();
}
END_TEST

static bool log_is_taken(void *ctx)
{
	(void)ctx;
	return kit.pusher->halves[PUSH_RECIPIENTS].busy;
}

/* So many that the log does not hold them, while they are taken: everything is compared. */
START_TEST(test_log_overrun)
{
	unsigned int i;

	kit_put_people(20);
	kit_begin();
	for (i = 0; i < 2; i++) {
		while (change_log_end(kit.pushers->log) < (i + 1) * 60000)
			kit_put_person(1, change_log_end(kit.pushers->log) % 4 < 2 ?
				"one@a.example" : "two@a.example", false);
		if (i == 0)
			AWAIT(kit.loop, log_is_taken, NULL, PATIENCE_MS);
	}
	kit_put_person(1, "three@a.example", false);
	kit_await_in_step();
	kit_expect_same("three@a.example", true);
	kit_expect_same("one@a.example", false);
}
END_TEST

static unsigned int compared;

static void on_compared(const struct push_comparison *r, void *ctx)
{
	(void)ctx;
	ck_assert_ptr_null(r->error);
	compared++;
}

/* At most one is at work with all recipients. */
static bool all_compared(void *ctx)
{
	unsigned int busy = 0;
	struct pusher *p;

	(void)ctx;
	for (p = kit.pushers->list; p != NULL; p = p->next)
		busy += p->halves[PUSH_RECIPIENTS].busy;
	ck_assert_uint_le(busy, 1);
	return compared == 3;
}

static const struct pusher_callbacks turn_cbs;

/* Recipients are compared for one edge after the other; who was last is last in line. */
START_TEST(test_turns)
{
	static const struct pusher_compare_callbacks cbs = { NULL, on_compared };
	struct pusher *p[3] = { kit.pusher };
	struct pushers *all = kit.pushers;
	struct err e;
	size_t i;

	for (i = 1; i < 3; i++)
		p[i] = pusher_new(all, "Edge1", &turn_cbs, NULL);
	ck_assert(pushers_take_turn(all, p[0]) && !pushers_take_turn(all, p[1]));
	/* who only waits ends nobody else's */
	pushers_end_turn(all, p[1]);
	ck_assert(!pushers_take_turn(all, p[2]) && pushers_take_turn(all, p[0]));
	pushers_end_turn(all, p[0]);
	ck_assert(all->list == p[1] && p[1]->next == p[2] && p[2]->next == p[0]);
	ck_assert(pushers_take_turn(all, p[1]));
	pushers_end_turn(all, p[1]);
	ck_assert(all->list == p[2]);
	kit_put_people(20000);
	kit_begin();
	compared = 0;
	for (i = 0; i < 3; i++) {
		if (i > 0)
			pusher_observe(p[i], kit.connection, B);
		ck_assert_int_eq(pusher_compare(p[i], true, NULL, &cbs, NULL, &e), 0);
	}
	AWAIT(kit.loop, all_compared, NULL, PATIENCE_MS);
	pusher_free(&p[1]);
	pusher_free(&p[2]);
}
END_TEST

/* By hand: HUB_PUSH_MANY=1000000. */
START_TEST(test_many)
{
	const char *text = getenv("HUB_PUSH_MANY");
	unsigned int n = text != NULL ? (unsigned int)atoi(text) : 20000;
	long first, second, live;

	kit_put_people(n);
	kit_set_organization(kit_organization);
	kit_attach();
	first = await_for(kit.loop, kit_in_step, NULL, 300000);
	ck_assert_int_ge(first, 0);
	kit_compare(true, NULL);
	kit.done = false;
	second = (long)clock_mono_ms();
	kit_start(true, false);
	second = (long)clock_mono_ms() - second;
	ck_assert_uint_eq(kit.counts[PUSH_RECIPIENTS].added, 0);
	kit_put_person(n + 1, "new@a.example", false);
	live = await_for(kit.loop, kit_in_step, NULL, 300000);
	if (text != NULL)
		printf("%u: first push %ld ms, comparison %ld ms, one %ld ms\n", n, first, second,
			live);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("pusher");

	if (!slapd_available())
		return 77;
	tcase_set_timeout(c, 400);
	tcase_add_checked_fixture(c, kit_setup, kit_teardown);
	tcase_add_test(c, test_first_push);
	tcase_add_test(c, test_markers_without_holder);
	tcase_add_test(c, test_several_orders);
	tcase_add_test(c, test_live);
	tcase_add_test(c, test_taken_away);
	tcase_add_test(c, test_observed);
	tcase_add_test(c, test_addresses_that_keep_coming);
	tcase_add_test(c, test_log_overrun);
	tcase_add_test(c, test_turns);
	tcase_add_test(c, test_many);
	return unit_run("pusher", &c, 1);
}
