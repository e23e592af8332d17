/* test_push_loss.c - a push that would take away more than is likely is held. */
#include "push_kit.h"

#include <stdio.h>
#include <string.h>

#include "edgesyncd/pusher_priv.h"
#include "org_text.h"
#include "unit.h"

START_TEST(test_held)
{
	enum push_type type = PUSH_RECIPIENTS;
	unsigned int i;

	kit_put_people(100);
	kit_begin();
	for (i = 1; i <= 11; i++)
		kit_drop_person(i);
	AWAIT(kit.loop, kit_is_held, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(kit.status.side[type].held, "11 of 100 recipients"));
	kit_compare(false, "user11@a.example");
	ck_assert(kit.verified.edge && !kit.verified.here);
	kit_start(true, false);
	ck_assert_ptr_nonnull(strstr(kit.held, "11 of 100 recipients"));
	kit_start(true, true);
	ck_assert_str_eq(kit.held, "");
	ck_assert_uint_eq(kit.counts[type].deleted, 11);
	kit_await_in_step();
	ck_assert_ptr_null(kit.status.side[type].held);
	kit_expect_same("user11@a.example", false);
}
END_TEST

/* A loss in many pushes is held as one in a single push is; what is added passes. */
START_TEST(test_held_one_by_one)
{
	enum push_type type = PUSH_RECIPIENTS;
	char address[40];
	unsigned int i;

	kit_put_people(200);
	kit_begin();
	for (i = 1; i <= 20; i++) {
		kit_drop_person(i);
		kit_await_in_step();
	}
	/* whoever comes to the lease again has not forgotten */
	kit_attach_again();
	kit_await_in_step();
	kit_drop_person(21);
	AWAIT(kit.loop, kit_is_held, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(kit.status.side[type].held, "21 of 200 recipients"));
	kit_start(false, true);
	ck_assert_str_eq(kit.held, "");
	for (i = 22; i <= 25; i++)
		kit_drop_person(i);
	for (i = 300; i < 340; i++) {
		snprintf(address, sizeof(address), "user%u@a.example", i);
		kit_put_person(i, address, false);
	}
	kit_await_in_step();
	ck_assert_ptr_null(kit.status.side[type].held);
	kit_expect_same("user25@a.example", false);
}
END_TEST

static const char *domains(char *text, size_t size, unsigned int n)
{
	size_t used = 0;
	unsigned int i;

	text[0] = '\0';
	for (i = 1; i <= n; i++)
		used += (size_t)snprintf(text + used, size - used, "dn: cn=d%u,cn=Accepted Domains,"
			T "\nobjectClass: hubAcceptedDomain\ncn: d%u\nhubDomain: d%u.example\n\n",
			i, i, i);
	return text;
}

START_TEST(test_domains_held_one_by_one)
{
	enum push_type type = PUSH_CONFIGURATION;
	char text[12000], dn[80];
	unsigned int i;

	kit_set_organization(kit_organization);
	kit_set_organization(domains(text, sizeof(text), 60));
	kit_attach();
	kit_await_in_step();
	for (i = 1; i <= 10; i++) {
		snprintf(dn, sizeof(dn), "cn=d%u,cn=Accepted Domains," T, i);
		builder_delete_dn(kit.builder, dn);
		kit_set_organization("");
		kit_await_in_step();
	}
	builder_delete_dn(kit.builder, "cn=d11,cn=Accepted Domains," T);
	kit_set_organization("");
	AWAIT(kit.loop, kit_is_held, &type, PATIENCE_MS);
	ck_assert_ptr_nonnull(strstr(kit.status.side[type].held, "11 of 60 accepted domains"));
	kit_start(false, true);
	kit_await_in_step();
	ck_assert_ptr_null(kit.status.side[type].held);
}
END_TEST

/* After the changes alone were found to be too many. */
static bool compares_all(void *ctx)
{
	(void)ctx;
	pusher_status(kit.pusher, &kit.status);
	return kit.status.busy && kit.status.side[PUSH_RECIPIENTS].here[0] == '\0';
}

/* Whoever allows a loss while it is found out need not wait until it is tried again. */
START_TEST(test_allowed_while_busy)
{
	unsigned int i;

	kit_put_people(20000);
	kit_begin();
	for (i = 1; i <= 4000; i++)
		kit_drop_person(i);
	AWAIT(kit.loop, compares_all, NULL, PATIENCE_MS);
	ck_assert_ptr_null(kit.status.side[PUSH_RECIPIENTS].held);
	kit_start(true, true);
	ck_assert_str_eq(kit.held, "");
	ck_assert_uint_eq(kit.counts[PUSH_RECIPIENTS].deleted, 4000);
	kit_await_in_step();
}
END_TEST

static void lose(unsigned int *people, unsigned int *gone, unsigned int n)
{
	char dn[80];

	for (; n > 0; n--) {
		kit_drop_person(++*people);
		snprintf(dn, sizeof(dn), "cn=d%u,cn=Accepted Domains," T, ++*gone);
		builder_delete_dn(kit.builder, dn);
	}
	kit_set_organization("");
}

/* Each is in step or held. */
static bool is_settled(void *ctx)
{
	enum push_type type;

	(void)ctx;
	pusher_status(kit.pusher, &kit.status);
	for (type = 0; type < PUSH_TYPES; type++)
		if (!kit.status.side[type].in_step && kit.status.side[type].held == NULL)
			return false;
	return true;
}

static void on_fenced(const char *text, void *ctx)
{
	(void)ctx;
	ck_abort_msg("%s", text);
}

/* What was allowed while another hub held the lease is not held by the former one. */
START_TEST(test_allowed_elsewhere)
{
	static const struct pusher_callbacks cbs = { on_fenced, NULL };
	struct pusher *former = kit.pusher;
	unsigned int people = 0, gone = 0;
	char text[12000];

	kit_put_people(60);
	kit_set_organization(domains(text, sizeof(text), 60));
	kit_begin();
	lose(&people, &gone, 5);
	kit_await_in_step();
	pusher_detach(former);
	kit.pusher = pusher_new(kit.pushers, "Edge1", &cbs, NULL);
	pusher_attach(kit.pusher, kit.connection, B, "hub2");
	kit_await_in_step();
	lose(&people, &gone, 15);
	kit_start(true, true);
	ck_assert_str_eq(kit.held, "");
	ck_assert_uint_eq(kit.counts[PUSH_RECIPIENTS].deleted, 15);
	ck_assert_uint_eq(kit.counts[PUSH_CONFIGURATION].deleted, 15);
	pusher_free(&kit.pusher);
	kit.pusher = former;
	pusher_attach(former, kit.connection, B, "hub1");
	kit_await_in_step();
	lose(&people, &gone, 1);
	AWAIT(kit.loop, is_settled, NULL, PATIENCE_MS);
	ck_assert_ptr_null(kit.status.side[PUSH_CONFIGURATION].held);
	ck_assert_ptr_null(kit.status.side[PUSH_RECIPIENTS].held);
}
END_TEST

static bool pause_is_within(enum push_type type, long from_s, long to_s)
{
	struct timeval due, now;

	ck_assert(evtimer_pending(kit.pusher->halves[type].timer, &due));
	evutil_gettimeofday(&now, NULL);
	return due.tv_sec - now.tv_sec >= from_s && due.tv_sec - now.tv_sec <= to_s;
}

/* What is held is tried again after minutes, and not at once when another address comes. */
START_TEST(test_pause_while_held)
{
	enum push_type type = PUSH_RECIPIENTS;
	unsigned int i;

	kit_put_people(100);
	kit_begin();
	for (i = 1; i <= 11; i++)
		kit_drop_person(i);
	AWAIT(kit.loop, kit_is_held, &type, PATIENCE_MS);
	ck_assert(pause_is_within(type, 200, 300));
	kit_put_person(300, "another@a.example", false);
	ck_assert(pause_is_within(type, 20, 60));
}
END_TEST

/*
 * Without a holder the hashes that stand there may be of a former key: that all of them are others
 * is no loss.
 */
START_TEST(test_key_without_holder)
{
	kit_put_people(100);
	kit_begin();
	pusher_detach(kit.pusher);
	ck_assert_int_eq(slapd_modify(&kit.slapd, "dn: cn=Recipients,cn=Push," B "\n"
		"changetype: modify\nreplace: hubHashKey\n"
		"hubHashKey:: AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=\n-\n"
		"delete: hubPushHolder\n\n"), 0);
	pusher_attach(kit.pusher, kit.connection, B, "hub1");
	AWAIT(kit.loop, is_settled, NULL, PATIENCE_MS);
	ck_assert_ptr_null(kit.status.side[PUSH_RECIPIENTS].held);
	kit_expect_same("user17@a.example", true);
}
END_TEST

static void put_hubs(const char *site, unsigned int n)
{
	char text[400];
	unsigned int i;

	snprintf(text, sizeof(text), "dn: cn=%s,cn=Sites," T "\nobjectClass: hubSite\ncn: %s\n\n",
		site, site);
	org_text_put(kit.builder, text);
	for (i = 1; i <= n; i++) {
		snprintf(text, sizeof(text), "dn: cn=%s%u" SERVERS "\nobjectClass: hubServer\n"
			"cn: %s%u\nhubRole: Hub\nhubServerSite: cn=%s,cn=Sites," T "\n\n", site, i,
			site, i, site);
		org_text_put(kit.builder, text);
	}
}

/* An edge that moved to a smaller site has lost no hubs, nor later when one goes there. */
START_TEST(test_other_site)
{
	put_hubs("London", 60);
	put_hubs("Paris", 20);
	kit_begin();
	kit_set_organization("dn: cn=Edge1,cn=Edge Subscriptions," T "\n"
		"objectClass: hubEdgeSubscription\ncn: Edge1\nhubServerRef: cn=Edge1" SERVERS "\n"
		"hubServerSite: cn=Paris,cn=Sites," T "\n\n");
	AWAIT(kit.loop, is_settled, NULL, PATIENCE_MS);
	ck_assert_ptr_null(kit.status.side[PUSH_CONFIGURATION].held);
	ck_assert_uint_ge(kit.status.side[PUSH_CONFIGURATION].total.deleted, 60);
	builder_delete_dn(kit.builder, "cn=Paris1" SERVERS);
	kit_set_organization("");
	AWAIT(kit.loop, is_settled, NULL, PATIENCE_MS);
	ck_assert_ptr_null(kit.status.side[PUSH_CONFIGURATION].held);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("push_loss");

	if (!slapd_available())
		return 77;
	tcase_set_timeout(c, 400);
	tcase_add_checked_fixture(c, kit_setup, kit_teardown);
	tcase_add_test(c, test_held);
	tcase_add_test(c, test_held_one_by_one);
	tcase_add_test(c, test_domains_held_one_by_one);
	tcase_add_test(c, test_allowed_while_busy);
	tcase_add_test(c, test_allowed_elsewhere);
	tcase_add_test(c, test_pause_while_held);
	tcase_add_test(c, test_key_without_holder);
	tcase_add_test(c, test_other_site);
	return unit_run("push_loss", &c, 1);
}
