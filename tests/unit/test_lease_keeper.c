/* test_lease_keeper.c - edgesyncd/lease_keeper.c against an edge that is a few variables behind a
 * socket, with a clock of its own.
 */
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "edgesyncd/lease_keeper.h"
#include "ldap_peer.h"
#include "libhub/directory/generalized_time.h"
#include "stepped_clock.h"
#include "unit.h"

#define BASE "cn=Transport,o=Edge"
#define OURS "cn=hub1.1,cn=Sync Accounts," BASE
#define OUR_OTHER "cn=hub1.2,cn=Sync Accounts," BASE
#define OTHERS "cn=hub2.1,cn=Sync Accounts," BASE

/* The lease's time: short, for its thirds are waited for. */
enum { TIME_S = 2, YEAR_S = 365 * 86400 };

/* The edge. */
static struct ldap_peer peer;
static struct {
	char holder[LDAP_PEER_TEXT], expiry[LDAP_PEER_TEXT], preferred[LDAP_PEER_TEXT];
	const char *subscribed;
	bool changed;			/* since it was shown */
	int64_t ahead_s;		/* of its clock */
	bool gone;			/* there is no such entry */
	bool tells_no_time;
	bool forgets;			/* what was written */
	int refuses;			/* code of writes of the state, or 0 */
	int holds_back;			/* kinds of requests that have no answer for now */
	const char *quicker;		/* who takes it just before the next write, or NULL */
	struct ldap_request held_back;
	size_t clocks, writes, looks;
} edge;

enum { HOLD_WRITES = 1, HOLD_LOOKS = 2 };

static struct loop *loop;
static struct directory_config config;
static struct directory_connection *connection;
static struct lease_keeper *keeper;
static bool ready, may_give, released;
static size_t held, gone, asked_to_give, seen;
static char why_gone[300], why_trouble[300];

/* --- the edge --- */

static int64_t edge_now_s(void)
{
	return clock_wall_s() + edge.ahead_s;
}

static void show_state(const struct ldap_request *r)
{
	const char *attrs[] = {
		"hubSubscribed", edge.subscribed,
		"hubLeaseHolder", *edge.holder != '\0' ? edge.holder : NULL,
		"hubLeaseExpiry", *edge.expiry != '\0' ? edge.expiry : NULL,
		"hubLeasePreferred", *edge.preferred != '\0' ? edge.preferred : NULL, NULL,
	};

	edge.looks++;
	edge.changed = false;
	if (!edge.gone)
		ldap_peer_entry(&peer, r->id, r->dn, attrs);
	ldap_peer_answer(&peer, r, edge.gone ? LDAP_NO_SUCH_OBJECT : LDAP_SUCCESS);
}

static void set_state(const char *attr, const char *value)
{
	char *to = strcmp(attr, "hubLeaseHolder") == 0 ? edge.holder :
		strcmp(attr, "hubLeaseExpiry") == 0 ? edge.expiry :
		strcmp(attr, "hubLeasePreferred") == 0 ? edge.preferred : NULL;

	ck_assert_msg(to != NULL, "%s", attr);
	snprintf(to, LDAP_PEER_TEXT, "%s", value);
	edge.changed = true;
}

static void say_written(const struct ldap_request *r)
{
	char now[GENERALIZED_TIME_TEXT];

	generalized_time_format(edge_now_s(), now);
	if (edge.tells_no_time)
		ldap_peer_answer(&peer, r, LDAP_SUCCESS);
	else
		ldap_peer_written(&peer, r, now);
}

static void write_state(const struct ldap_request *r)
{
	size_t i;

	edge.writes++;
	if (edge.quicker != NULL) {
		set_state("hubLeaseHolder", edge.quicker);
		edge.quicker = NULL;
	}
	if (edge.refuses != 0) {
		ldap_peer_answer(&peer, r, edge.refuses);
		return;
	}
	/* whoever asserts, asserts all that was shown */
	if (r->asserts && edge.changed) {
		ldap_peer_answer(&peer, r, LDAP_ASSERTION_FAILED);
		return;
	}
	for (i = 0; i < r->n && !edge.forgets; i++)
		set_state(r->changes[i].attr, r->changes[i].value);
	edge.changed = false;
	say_written(r);
}

static void on_request(const struct ldap_request *r, void *ctx)
{
	(void)ctx;
	if (r->op == LDAP_REQ_SEARCH && (edge.holds_back & HOLD_LOOKS) == 0) {
		show_state(r);
	} else if (r->op == LDAP_REQ_MODIFY && strncmp(r->dn, "cn=Edge State,", 14) != 0) {
		edge.clocks++;
		ck_assert_str_eq(r->dn, OURS);
		ck_assert_str_eq(r->changes[0].attr, "hubAccountServer");
		ck_assert_str_eq(r->changes[0].value, "hub1");
		say_written(r);
	} else if (r->op == LDAP_REQ_MODIFY && (edge.holds_back & HOLD_WRITES) == 0) {
		write_state(r);
	} else if (r->op == LDAP_REQ_SEARCH || r->op == LDAP_REQ_MODIFY) {
		edge.held_back = *r;
	}
}

static void give_to(const char *holder, int64_t left_s)
{
	set_state("hubLeaseHolder", holder);
	generalized_time_format(edge_now_s() + left_s, edge.expiry);
}

static int64_t left_s(void)
{
	int64_t s;

	ck_assert_msg(generalized_time_parse(edge.expiry, &s) == 0, "%s", edge.expiry);
	return s - edge_now_s();
}

/* --- its keeper --- */

static void on_held(void *ctx)
{
	(void)ctx;
	held++;
}

static void on_gone(const char *text, void *ctx)
{
	(void)ctx;
	gone++;
	ck_assert(!lease_keeper_holds(keeper));
	snprintf(why_gone, sizeof(why_gone), "%s", text != NULL ? text : "given");
}

static bool on_may_give(void *ctx)
{
	(void)ctx;
	asked_to_give++;
	return may_give;
}

static void on_seen(const struct edge_state *state, void *ctx)
{
	(void)state;
	(void)ctx;
	seen++;
}

static void on_trouble(const char *text, void *ctx)
{
	(void)ctx;
	snprintf(why_trouble, sizeof(why_trouble), "%s", text);
	lease_keeper_detach(keeper);
}

static void on_released(void *ctx)
{
	(void)ctx;
	released = true;
}

static void on_ready(void *ctx)
{
	(void)ctx;
	ready = true;
}

static void on_lost(const char *text, void *ctx)
{
	(void)ctx;
	ck_abort_msg("%s", text);
}

static bool flag_holds(void *ctx)
{
	return *(const bool *)ctx;
}

static void set_up(void)
{
	static const struct directory_callbacks callbacks = { on_ready, on_lost };
	static const struct lease_keeper_callbacks cbs = { on_held, on_gone, on_may_give, on_seen,
		on_trouble };

	memset(&edge, 0, sizeof(edge));
	edge.subscribed = "TRUE";
	ready = may_give = released = false;
	held = gone = asked_to_give = seen = 0;
	why_gone[0] = why_trouble[0] = '\0';
	clock_ahead_ms = 0;
	loop = loop_new("test");
	ldap_peer_open(&peer, loop, NULL, on_request, NULL);
	connection = directory_open(loop, NULL, &config, peer.uri, false, 0, &callbacks, NULL);
	AWAIT(loop, flag_holds, &ready, PATIENCE_MS);
	keeper = lease_keeper_new(loop, "hub1", TIME_S, &cbs, NULL);
}

static void tear_down(void)
{
	lease_keeper_free(&keeper);
	directory_close(&connection);
	ldap_peer_close(&peer);
	loop_free(&loop);
}

static void attach(void)
{
	lease_keeper_attach(keeper, connection, BASE, OURS);
}

/* --- waiting for what it does --- */

/* At least so many. */
struct count {
	const size_t *n;
	size_t least;
};

static bool is_reached(void *ctx)
{
	const struct count *c = ctx;

	return *c->n >= c->least;
}

static void await_count(const size_t *n, size_t least)
{
	struct count c = { n, least };

	AWAIT(loop, is_reached, &c, PATIENCE_MS);
}

static bool is_in_trouble(void *ctx)
{
	(void)ctx;
	return why_trouble[0] != '\0';
}

static void await_trouble(const char *text)
{
	AWAIT(loop, is_in_trouble, NULL, PATIENCE_MS);
	ck_assert_msg(strstr(why_trouble, text) != NULL, "%s", why_trouble);
}

static bool is_held_back(void *ctx)
{
	(void)ctx;
	return edge.held_back.id != 0;
}

static void take_it(void)
{
	attach();
	await_count(&held, 1);
	ck_assert(lease_keeper_holds(keeper));
	ck_assert_str_eq(edge.holder, OURS);
}

/* --- taking and renewing --- */

/* Until when is said by the edge's clock, wherever that is. */
START_TEST(free_lease)
{
	edge.ahead_s = YEAR_S;
	take_it();
	ck_assert_uint_eq(edge.clocks, 1);
	ck_assert_int_ge(left_s(), TIME_S - 1);
	ck_assert_int_le(left_s(), TIME_S + 1);
	ck_assert_int_ge(lease_keeper_edge_now_s(keeper), edge_now_s() - 1);
	ck_assert_int_le(lease_keeper_edge_now_s(keeper), edge_now_s() + 1);
	ck_assert_str_eq(lease_keeper_view(keeper)->holder, OURS);
}
END_TEST

START_TEST(renewed)
{
	int64_t before_s;

	take_it();
	ck_assert_int_eq(generalized_time_parse(edge.expiry, &before_s), 0);
	await_count(&edge.writes, 3);
	ck_assert_int_gt(left_s() + edge_now_s(), before_s);
	ck_assert_uint_eq(held, 1);
	ck_assert_uint_eq(gone, 0);
}
END_TEST

/* It was free when it was looked at, and is not any more: that is no trouble. */
START_TEST(somebody_is_quicker)
{
	edge.quicker = OTHERS;
	generalized_time_format(edge_now_s() + YEAR_S, edge.expiry);
	attach();
	await_count(&edge.writes, 1);
	await_count(&seen, seen + 2);
	ck_assert_str_eq(edge.holder, OTHERS);
	ck_assert_uint_eq(held, 0);
	ck_assert_uint_eq(gone, 0);
	ck_assert_str_eq(why_trouble, "");
}
END_TEST

START_TEST(lease_of_before_a_restart)
{
	give_to(OUR_OTHER, YEAR_S);
	take_it();
}
END_TEST

/* Somebody else's that says it runs out in a year is believed as long as it is renewed. */
START_TEST(lease_of_somebody_else)
{
	give_to(OTHERS, YEAR_S);
	attach();
	await_count(&edge.looks, 3);
	ck_assert_uint_eq(edge.writes, 0);
	clock_ahead_ms += TIME_S * 1000;
	await_count(&held, 1);
	ck_assert_str_eq(edge.holder, OURS);
}
END_TEST

/* --- losing it --- */

START_TEST(taken_away)
{
	take_it();
	give_to(OTHERS, YEAR_S);
	await_count(&gone, 1);
	ck_assert_str_eq(why_gone, "somebody else has taken the lease");
	await_count(&seen, seen + 2);
	ck_assert_uint_eq(gone, 1);
	ck_assert_str_eq(edge.holder, OTHERS);
	ck_assert_str_eq(why_trouble, "");
}
END_TEST

/* Between a look and the renewal: who took it keeps it. */
START_TEST(taken_away_before_a_renewal)
{
	take_it();
	edge.quicker = OTHERS;
	generalized_time_format(edge_now_s() + YEAR_S, edge.expiry);
	await_count(&gone, 1);
	ck_assert_str_eq(edge.holder, OTHERS);
	ck_assert_str_eq(why_gone, "somebody else has taken the lease");
}
END_TEST

START_TEST(renewal_refused)
{
	take_it();
	edge.refuses = LDAP_INSUFFICIENT_ACCESS;
	await_trouble("the edge refuses to have its lease written: ");
	ck_assert_uint_eq(gone, 1);
	ck_assert_msg(strstr(why_gone, "(50)") != NULL, "%s", why_gone);
}
END_TEST

/*
 * We stood still for longer than it lasts: then nothing may be written, though it still has our
 * name, before it is taken anew.
 */
START_TEST(stood_still)
{
	take_it();
	clock_ahead_ms += TIME_S * 1000;
	await_count(&gone, 1);
	ck_assert_str_eq(why_gone, "the lease could not be renewed in time");
	await_count(&held, 2);
	ck_assert_str_eq(edge.holder, OURS);
}
END_TEST

/* It counts from when the renewal was sent, however late it is answered. */
START_TEST(answer_comes_late)
{
	take_it();
	edge.holds_back = HOLD_WRITES;
	AWAIT(loop, is_held_back, NULL, PATIENCE_MS);
	clock_ahead_ms += TIME_S * 1000;
	edge.holds_back = 0;
	write_state(&edge.held_back);
	await_count(&gone, 1);
	ck_assert_str_eq(why_gone, "the lease could not be renewed in time");
	await_count(&held, 2);
}
END_TEST

/* It says yes and does no: that is tried again and again, but not without a pause. */
START_TEST(forgotten)
{
	uint64_t begin_ms = clock_mono_ms();

	edge.forgets = true;
	attach();
	await_count(&gone, 3);
	ck_assert_uint_ge(clock_mono_ms() - begin_ms, 2 * TIME_S * 1000 / 6);
	ck_assert_str_eq(why_trouble, "");
}
END_TEST

/* --- its clock --- */

/* A lease that was written by a clock that has been set back would end too late. */
START_TEST(clock_set_back)
{
	edge.ahead_s = YEAR_S;
	take_it();
	edge.ahead_s = 0;
	/* with the first it learns the time, with the second it says it */
	await_count(&edge.writes, 3);
	ck_assert_int_le(left_s(), TIME_S + 1);
	ck_assert_int_ge(left_s(), TIME_S - 1);
	ck_assert_uint_eq(gone, 0);
}
END_TEST

START_TEST(clock_set_on)
{
	take_it();
	edge.ahead_s = YEAR_S;
	await_count(&edge.writes, 3);
	ck_assert_int_ge(left_s(), TIME_S - 1);
	ck_assert_uint_eq(gone, 0);
}
END_TEST

START_TEST(clock_that_is_not_told)
{
	edge.tells_no_time = true;
	attach();
	await_trouble("the edge does not tell the time of a write");
	ck_assert_uint_eq(edge.writes, 0);
}
END_TEST

/* --- what makes no sense --- */

START_TEST(no_state)
{
	edge.gone = true;
	attach();
	await_trouble("cannot read cn=Edge State," BASE);
}
END_TEST

START_TEST(holder_without_end)
{
	memset(edge.holder, 'x', LDAP_PEER_TEXT - 1);
	memcpy(edge.holder, "cn=", 3);
	attach();
	/* a name that is no account of ours is somebody else's */
	await_count(&seen, 1);
	ck_assert_str_eq(why_trouble, "");
}
END_TEST

/* --- who is preferred --- */

/* What is under way is ended first, and meanwhile it stays ours. */
START_TEST(somebody_else_is_preferred)
{
	take_it();
	set_state("hubLeasePreferred", OTHERS);
	await_count(&asked_to_give, 1);
	await_count(&edge.writes, 3);
	ck_assert_str_eq(edge.holder, OURS);
	ck_assert_uint_eq(gone, 0);
	may_give = true;
	await_count(&gone, 1);
	ck_assert_str_eq(why_gone, "given");
	ck_assert_str_eq(edge.holder, "");
	ck_assert_str_eq(edge.expiry, "");
	ck_assert_str_eq(edge.preferred, OTHERS);
}
END_TEST

/* Somebody else has it when it is to be given: his is not touched. */
START_TEST(given_too_late)
{
	take_it();
	may_give = true;
	edge.quicker = OTHERS;
	set_state("hubLeasePreferred", OTHERS);
	await_count(&gone, 1);
	ck_assert_str_eq(edge.holder, OTHERS);
	ck_assert_str_eq(why_gone, "somebody else has taken the lease");
}
END_TEST

START_TEST(asked_for)
{
	give_to(OTHERS, YEAR_S);
	attach();
	await_count(&seen, 1);
	lease_keeper_prefer(keeper);
	await_count(&edge.writes, 1);
	ck_assert_str_eq(edge.preferred, OURS);
	ck_assert_str_eq(edge.holder, OTHERS);
	/* once is enough */
	set_state("hubLeasePreferred", "");
	await_count(&seen, seen + 3);
	ck_assert_str_eq(edge.preferred, "");
	/* it is given, and nobody is preferred any more */
	set_state("hubLeasePreferred", OURS);
	set_state("hubLeaseHolder", "");
	set_state("hubLeaseExpiry", "");
	await_count(&held, 1);
	ck_assert_str_eq(edge.preferred, "");
}
END_TEST

/* What was asked for and has come is not asked for again when it is lost. */
START_TEST(asked_for_and_taken)
{
	attach();
	lease_keeper_prefer(keeper);
	await_count(&held, 1);
	give_to(OTHERS, YEAR_S);
	await_count(&gone, 1);
	await_count(&seen, seen + 2);
	ck_assert_str_eq(edge.preferred, "");
}
END_TEST

START_TEST(blind)
{
	lease_keeper_set_blind(keeper, true);
	attach();
	lease_keeper_prefer(keeper);
	await_count(&seen, 3);
	ck_assert_uint_eq(edge.writes, 0);
	lease_keeper_set_blind(keeper, false);
	await_count(&held, 1);
}
END_TEST

/* --- the end --- */

START_TEST(given_back)
{
	take_it();
	lease_keeper_release(keeper, on_released);
	ck_assert(!released);
	AWAIT(loop, flag_holds, &released, PATIENCE_MS);
	ck_assert_str_eq(edge.holder, "");
	ck_assert_uint_eq(gone, 1);
	ck_assert_str_eq(why_gone, "given");
	ck_assert_uint_eq(held, 1);
}
END_TEST

START_TEST(nothing_to_give_back)
{
	give_to(OTHERS, YEAR_S);
	attach();
	await_count(&seen, 1);
	lease_keeper_release(keeper, on_released);
	AWAIT(loop, flag_holds, &released, PATIENCE_MS);
	ck_assert_str_eq(edge.holder, OTHERS);
	ck_assert_uint_eq(edge.writes, 0);
	ck_assert_uint_eq(gone, 0);
}
END_TEST

/* What the edge answers to a request that was under way is nobody's any more. */
START_TEST(left_amid_a_request)
{
	take_it();
	edge.holds_back = HOLD_WRITES;
	AWAIT(loop, is_held_back, NULL, PATIENCE_MS);
	lease_keeper_detach(keeper);
	ck_assert(!lease_keeper_holds(keeper));
	ck_assert_str_eq(lease_keeper_view(keeper)->holder, "");
	edge.holds_back = 0;
	write_state(&edge.held_back);
	attach();
	await_count(&held, 2);
	ck_assert_uint_eq(gone, 0);
	/* the clock of another connection is another */
	ck_assert_uint_eq(edge.clocks, 2);
}
END_TEST

/* A write of somebody else of ours was refused, as of one without the lease. */
START_TEST(fenced)
{
	take_it();
	lease_keeper_fenced(keeper, "refused");
	ck_assert_uint_eq(gone, 1);
	ck_assert_str_eq(why_gone, "refused");
	lease_keeper_fenced(keeper, "refused again");
	ck_assert_uint_eq(gone, 1);
	await_count(&held, 2);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("lease keeper");

	tcase_set_timeout(tc, 100);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, free_lease);
	tcase_add_test(tc, renewed);
	tcase_add_test(tc, somebody_is_quicker);
	tcase_add_test(tc, lease_of_before_a_restart);
	tcase_add_test(tc, lease_of_somebody_else);
	tcase_add_test(tc, taken_away);
	tcase_add_test(tc, taken_away_before_a_renewal);
	tcase_add_test(tc, renewal_refused);
	tcase_add_test(tc, stood_still);
	tcase_add_test(tc, answer_comes_late);
	tcase_add_test(tc, forgotten);
	tcase_add_test(tc, clock_set_back);
	tcase_add_test(tc, clock_set_on);
	tcase_add_test(tc, clock_that_is_not_told);
	tcase_add_test(tc, no_state);
	tcase_add_test(tc, holder_without_end);
	tcase_add_test(tc, somebody_else_is_preferred);
	tcase_add_test(tc, given_too_late);
	tcase_add_test(tc, asked_for);
	tcase_add_test(tc, asked_for_and_taken);
	tcase_add_test(tc, blind);
	tcase_add_test(tc, given_back);
	tcase_add_test(tc, nothing_to_give_back);
	tcase_add_test(tc, left_amid_a_request);
	tcase_add_test(tc, fenced);
	return unit_run("lease keeper", &tc, 1);
}
