/* test_account_plan.c - edgesyncd/account_plan.c and edge_state.c: which accounts hubs need, and
 * what an edge's server may say of them.
 */
#include <stdio.h>
#include <string.h>

#include "edgesyncd/edge_state.h"
#include "libhub/directory/draft.h"
#include "unit.h"

#define BASE "cn=Transport,o=Edge"
#define NBASE "cn=transport,o=edge"

enum { NOW_S = 1000000, DAY_S = 86400, RENEWAL_S = 7 * DAY_S, MANY = 8 };

static struct account accounts[MANY];
static struct account_value values[MANY];
static struct account_hub hubs[MANY];
static struct account_situation situation;
static struct account_plan plan;
static struct arena *arena;

static void set_up(void)
{
	arena = arena_new();
	memset(accounts, 0, sizeof(accounts));
	memset(values, 0, sizeof(values));
	memset(hubs, 0, sizeof(hubs));
	situation = (struct account_situation){ .accounts = accounts, .values = values,
		.hubs = hubs, .bound = "", .now_s = NOW_S, .renewal_s = RENEWAL_S };
}

static void tear_down(void)
{
	arena_free(&arena);
}

static void add_hub(const char *name)
{
	hubs[situation.n_hubs++] = (struct account_hub){ .name = name, .sealable = true };
}

/* Of the sealed value "digest", made age_s ago, with left_s to live. */
static struct account *add_account(const char *hub, unsigned int number, const char *digest,
	int64_t age_s, int64_t left_s)
{
	struct account *a = &accounts[situation.n_accounts++];

	a->dn = a->ndn = arena_printf(arena, "cn=%s.%u,cn=sync accounts," NBASE, hub, number);
	a->server = hub;
	snprintf(a->sealed, sizeof(a->sealed), "%s", digest);
	a->from_s = NOW_S - age_s;
	a->to_s = NOW_S + left_s;
	return a;
}

static void add_bootstrap(const char *cn, int64_t left_s)
{
	struct account *a = &accounts[situation.n_accounts++];

	a->dn = a->ndn = arena_printf(arena, "cn=bootstrap.%s,cn=sync accounts," NBASE, cn);
	a->server = "";
	a->bootstrap = true;
	a->to_s = NOW_S + left_s;
}

static struct account_value *add_value(const char *digest, const char *hub)
{
	struct account_value *v = &values[situation.n_values++];

	snprintf(v->digest, sizeof(v->digest), "%s", digest);
	v->hub = hub;
	return v;
}

/* What the plan says: "+hub" to be made, "-account" and "~value" to be deleted, "!" nobody's. */
static const char *planned(void)
{
	char text[400] = "", cn[40];
	size_t i, n = 0;

	account_plan_make(&situation, arena, &plan);
	for (i = 0; i < situation.n_hubs; i++)
		if (plan.issue[i])
			n += (size_t)sprintf(text + n, " +%s", hubs[i].name);
	for (i = 0; i < situation.n_accounts; i++)
		if (plan.delete_account[i]) {
			snprintf(cn, sizeof(cn), "%.*s", (int)strcspn(accounts[i].ndn + 3, ","),
				accounts[i].ndn + 3);
			n += (size_t)sprintf(text + n, " -%s%s", cn, plan.stray[i] ? "!" : "");
		}
	for (i = 0; i < situation.n_values; i++)
		if (plan.delete_value[i])
			n += (size_t)sprintf(text + n, " ~%.20s", values[i].digest);
	ck_assert(plan.empty == (n == 0));
	return arena_strdup(arena, n > 0 ? text + 1 : "");
}

/* hub1 is in order. */
static struct account *in_order(void)
{
	add_hub("hub1");
	add_value("v1", "hub1");
	return add_account("hub1", 1, "v1", DAY_S, 30 * DAY_S);
}

START_TEST(nothing_to_do)
{
	in_order();
	ck_assert_str_eq(planned(), "");
	ck_assert_ptr_eq(account_current(&situation, "HUB1"), &accounts[0]);
}
END_TEST

START_TEST(new_hub)
{
	in_order();
	add_hub("hub2");
	ck_assert_str_eq(planned(), "+hub2");
	hubs[1].sealable = false;
	ck_assert_str_eq(planned(), "");
}
END_TEST

START_TEST(hub_gone)
{
	in_order();
	add_account("hub2", 1, "v2", DAY_S, 30 * DAY_S);
	add_value("v2", NULL);
	ck_assert_str_eq(planned(), "-hub2.1!");
	/* the next round, the account is gone */
	situation.n_accounts--;
	ck_assert_str_eq(planned(), "~v2");
}
END_TEST

START_TEST(renewal)
{
	struct account *a = in_order();

	a->to_s = NOW_S + RENEWAL_S;
	a->from_s = a->to_s - 90 * DAY_S;
	ck_assert_str_eq(planned(), "+hub1");
	/* then there are two, the new one not used yet, and what is for the former stays as well */
	add_value("v2", "hub1");
	add_account("hub1", 2, "v2", 0, 90 * DAY_S);
	ck_assert_str_eq(planned(), "");
	accounts[1].used = true;
	ck_assert_str_eq(planned(), "-hub1.1");
	accounts[1].used = false;
	accounts[1].from_s = NOW_S - ACCOUNT_OVERLAP_S;
	ck_assert_str_eq(planned(), "-hub1.1");
	/* but never the one that we are there as */
	situation.bound = accounts[0].ndn;
	ck_assert_str_eq(planned(), "");
	/* the round after */
	accounts[0] = accounts[1];
	situation.n_accounts = 1;
	ck_assert_str_eq(planned(), "~v1");
}
END_TEST

START_TEST(renewal_at_half_of_the_life)
{
	struct account *a = in_order();

	a->from_s = NOW_S - 45 * DAY_S;
	a->to_s = NOW_S + 45 * DAY_S + 1;
	ck_assert_str_eq(planned(), "");
	a->to_s = NOW_S + 45 * DAY_S;
	a->from_s = NOW_S - 45 * DAY_S;
	ck_assert_str_eq(planned(), "+hub1");
	/* whose beginning is not told */
	a->from_s = 0;
	ck_assert_str_eq(planned(), "");
}
END_TEST

START_TEST(new_accounts_are_not_near_their_end)
{
	struct account *a = in_order();

	situation.renewal_s = 89 * DAY_S;
	a->from_s = NOW_S;
	a->to_s = account_end(&situation, "hub1", 90 * DAY_S);
	ck_assert_str_eq(planned(), "");
	a->from_s -= 22 * DAY_S;
	a->to_s -= 22 * DAY_S;
	ck_assert_str_eq(planned(), "");
	a->from_s -= DAY_S;
	a->to_s -= DAY_S;
	ck_assert_str_eq(planned(), "+hub1");
}
END_TEST

START_TEST(ends_are_spread)
{
	int64_t first, second;

	add_hub("hub1");
	add_hub("hub2");
	first = account_end(&situation, "hub1", 90 * DAY_S);
	second = account_end(&situation, "HUB2", 90 * DAY_S);
	ck_assert_int_eq(first, NOW_S + 90 * DAY_S);
	ck_assert_int_lt(second, first - DAY_S);
	ck_assert_int_gt(second, NOW_S + 80 * DAY_S);
}
END_TEST

/* Two hubs made them at once, or other certificates came at once: as the hub chooses itself. */
START_TEST(made_in_one_second)
{
	in_order()->used = true;
	strcpy(accounts[0].sealed, "v2");
	accounts[0].ndn = "cn=hub1.10,cn=sync accounts," NBASE;
	add_value("v2", "hub1");
	add_account("hub1", 9, "v1", DAY_S, 30 * DAY_S);
	ck_assert_ptr_eq(account_current(&situation, "hub1"), &accounts[0]);
	ck_assert_str_eq(planned(), "-hub1.9");
	accounts[1].ndn = "cn=hub1.11,cn=sync accounts," NBASE;
	ck_assert_ptr_eq(account_current(&situation, "hub1"), &accounts[1]);
}
END_TEST

/* Nobody knows yet whether the new value stands inside. */
START_TEST(unsure)
{
	in_order()->to_s = NOW_S + RENEWAL_S;
	add_account("hub1", 2, "v2", 0, 90 * DAY_S)->used = true;
	add_value("v2", "hub1")->unsure = true;
	ck_assert_str_eq(planned(), "");
	accounts[1].from_s = NOW_S - ACCOUNT_OVERLAP_S;
	ck_assert_str_eq(planned(), "");
	values[1].unsure = false;
	ck_assert_str_eq(planned(), "-hub1.1");
}
END_TEST

START_TEST(other_certificates)
{
	in_order();
	values[0].hub = NULL;
	ck_assert_str_eq(planned(), "+hub1");
}
END_TEST

/* Another hub made it, and what it wrote inside has not come to us yet. */
START_TEST(younger_than_known)
{
	in_order()->used = true;
	add_account("hub1", 2, "v2", ACCOUNT_OVERLAP_S - 1, 90 * DAY_S);
	ck_assert_str_eq(planned(), "");
	accounts[1].from_s--;
	ck_assert_str_eq(planned(), "-hub1.2");
	/* without a digest nothing can be said of it later either */
	accounts[1].from_s = NOW_S;
	accounts[1].sealed[0] = '\0';
	ck_assert_str_eq(planned(), "-hub1.2");
	/* nor is one from the future spared */
	strcpy(accounts[1].sealed, "v2");
	accounts[1].from_s = NOW_S + 2 * ACCOUNT_OVERLAP_S;
	ck_assert_str_eq(planned(), "-hub1.2");
}
END_TEST

/* The hub has no account that counts, nor can it be given one. */
START_TEST(planted_as_a_hub)
{
	in_order();
	add_hub("hub2");
	hubs[1].sealable = false;
	add_account("hub2", 7, "planted", ACCOUNT_OVERLAP_S - 1, 900 * DAY_S);
	ck_assert_str_eq(planned(), "");
	accounts[1].from_s--;
	ck_assert_str_eq(planned(), "-hub2.7");
	accounts[1].sealed[0] = '\0';
	accounts[1].from_s = 0;
	ck_assert_str_eq(planned(), "-hub2.7");
	/* without any value we see too little to judge */
	situation.n_values = 0;
	hubs[0].sealable = false;
	ck_assert_str_eq(planned(), "");
}
END_TEST

START_TEST(ended)
{
	in_order()->to_s = NOW_S;
	ck_assert_str_eq(planned(), "+hub1");
	ck_assert_ptr_null(account_current(&situation, "hub1"));
}
END_TEST

/* Between making the account and writing its secret inside. */
START_TEST(crash)
{
	in_order();
	accounts[0].used = true;
	add_account("hub1", 2, "never written", ACCOUNT_OVERLAP_S, 90 * DAY_S);
	ck_assert_str_eq(planned(), "-hub1.2");
	add_hub("hub2");
	add_account("hub2", 1, "nor this", 10, 90 * DAY_S);
	ck_assert_str_eq(planned(), "+hub2 -hub1.2");
	accounts[2].from_s = NOW_S - ACCOUNT_OVERLAP_S;
	ck_assert_str_eq(planned(), "+hub2 -hub1.2 -hub2.1");
}
END_TEST

START_TEST(account_or_value_lost)
{
	in_order();
	situation.n_accounts = 0;
	ck_assert_str_eq(planned(), "+hub1 ~v1");
	situation.n_accounts = 1;
	situation.n_values = 0;
	ck_assert_str_eq(planned(), "+hub1");
}
END_TEST

START_TEST(bootstrap)
{
	in_order();
	add_bootstrap("aa", DAY_S);
	add_value("b1", "hub1")->bootstrap = "cn=bootstrap.aa,cn=sync accounts," NBASE;
	add_value("b2", NULL);
	ck_assert_str_eq(planned(), "-bootstrap.aa");
	/* the next round */
	situation.n_accounts--;
	ck_assert_str_eq(planned(), "~b1 ~b2");
}
END_TEST

START_TEST(bootstrap_not_imported_yet)
{
	in_order();
	add_bootstrap("bb", DAY_S);
	add_value("b2", NULL);
	/* the value may be for it, and who imports the file will need both */
	ck_assert_str_eq(planned(), "");
	accounts[1].to_s = NOW_S;
	ck_assert_str_eq(planned(), "-bootstrap.bb");
	/* no file is without an end */
	accounts[1].to_s = 0;
	ck_assert_str_eq(planned(), "-bootstrap.bb!");
}
END_TEST

START_TEST(strangers)
{
	in_order();
	add_account("", 7, "", DAY_S, DAY_S);
	ck_assert_str_eq(planned(), "-.7!");
	situation.bound = accounts[1].ndn;
	ck_assert_str_eq(planned(), "");
}
END_TEST

/* --- what the edge says --- */

static const struct entry *entry(const char *dn, const char *const (*attrs)[2])
{
	struct draft *r = arena_alloc(arena, sizeof(*r));

	draft_init(r, arena);
	r->entry.dn = dn;
	for (; (*attrs)[0] != NULL; attrs++)
		ck_assert_int_eq(draft_add(r, (*attrs)[0], strlen((*attrs)[0]), (*attrs)[1],
			strlen((*attrs)[1]), NULL), 0);
	return draft_entry(r);
}

static const struct {
	const char *dn, *hub;
	unsigned int number;
} names[] = {
	{ "cn=hub1.1,cn=Sync Accounts," BASE, "hub1", 1 },
	{ "CN=Hub1.12,  cn=sync accounts," BASE, "hub1", 12 },
	{ "cn=hub.one.3,cn=Sync Accounts," BASE, "hub.one", 3 },
	{ "cn=a\\,b.3,cn=Sync Accounts," BASE, "a,b", 3 },
	{ "cn=hub1,cn=Sync Accounts," BASE, NULL, 0 },
	{ "cn=hub1.,cn=Sync Accounts," BASE, NULL, 0 },
	{ "cn=.1,cn=Sync Accounts," BASE, NULL, 0 },
	{ "cn=hub1.1x,cn=Sync Accounts," BASE, NULL, 0 },
	{ "cn=hub1.1234567890,cn=Sync Accounts," BASE, NULL, 0 },
	{ "cn=hub1.1,cn=Other," BASE, NULL, 0 },
	{ "cn=hub1.1,cn=Sync Accounts,o=Other", NULL, 0 },
	{ "uid=hub1.1,cn=Sync Accounts," BASE, NULL, 0 },
	{ "cn=x+cn=hub1.1,cn=Sync Accounts," BASE, NULL, 0 },
	{ "nonsense", NULL, 0 },
	{ "", NULL, 0 },
};

START_TEST(account_names)
{
	unsigned int number = 0;
	const char *hub = edge_account_hub(arena, names[_i].dn, BASE, &number);

	ck_assert_pstr_eq(hub, names[_i].hub);
	ck_assert_uint_eq(number, names[_i].number);
}
END_TEST

START_TEST(account_name_made)
{
	const char *dn = edge_account_dn(arena, "a,b+c", 4, BASE);

	ck_assert_str_eq(dn, "cn=a\\,b\\+c.4,cn=Sync Accounts," BASE);
	ck_assert_str_eq(edge_account_hub(arena, dn, BASE, NULL), "a,b+c");
	ck_assert_str_eq(edge_account_base(dn), BASE);
	ck_assert_ptr_null(edge_account_base("cn=x,o=y"));
}
END_TEST

#define DIGEST "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

START_TEST(account_entry)
{
	static const char *const attrs[][2] = {
		{ "description", "sealed sha256:" DIGEST },
		{ "hubAccountServer", "hub1" },
		{ "hubValidFrom", "20261122101400Z" },
		{ "hubValidTo", "20261122101500Z" },
		{ "modifiersName", "cn=HUB1.1,cn=Sync Accounts, " BASE },
		{ NULL, NULL },
	};
	struct account a;

	ck_assert_int_eq(edge_account_decode(entry("cn=hub1.1,cn=Sync Accounts," BASE, attrs), BASE,
		arena, &a, NULL), 0);
	ck_assert_str_eq(a.sealed, DIGEST);
	ck_assert_str_eq(a.server, "hub1");
	ck_assert_int_eq(a.to_s, 1795342500);
	ck_assert_int_eq(a.from_s, 1795342440);
	ck_assert(a.used && !a.bootstrap);
}
END_TEST

START_TEST(account_entry_of_others)
{
	static const char *const attrs[][2] = {
		{ "description", "sealed sha256:" DIGEST "0" },
		{ "modifiersName", "cn=admin,o=Edge" }, { NULL, NULL },
	};
	static const char *const broken[][2] = { { "hubValidTo", "soon" }, { NULL, NULL } };
	struct account a;
	struct err e = { 0 };

	ck_assert_int_eq(edge_account_decode(entry("cn=bootstrap.ff,cn=Sync Accounts," BASE, attrs),
		BASE, arena, &a, NULL), 0);
	ck_assert(a.bootstrap && !a.used);
	ck_assert_str_eq(a.sealed, "");
	ck_assert_str_eq(a.server, "");
	ck_assert_int_eq(edge_account_decode(entry("cn=hub1.1,cn=Sync Accounts," BASE, broken),
		BASE, arena, &a, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "hubValidTo"));
	ck_assert_int_eq(edge_account_decode(entry("nonsense", attrs), BASE, arena, &a, &e), -1);
}
END_TEST

static int decode_state(const char *const (*attrs)[2], struct edge_state *out)
{
	return edge_state_decode(entry("cn=Edge State," BASE, attrs), BASE,
		"cn=hub1.2,cn=sync accounts," NBASE, "hub1", out, NULL);
}

START_TEST(state_entry)
{
	static const char *const ours[][2] = {
		{ "hubSubscribed", "TRUE" },
		{ "hubLeaseHolder", "cn=hub1.2,cn=Sync Accounts," BASE },
		{ "hubLeaseExpiry", "20261122101500Z" },
		{ "hubLeasePreferred", "cn=hub2.1,cn=Sync Accounts," BASE }, { NULL, NULL },
	};
	static const char *const other[][2] = {
		{ "hubLeaseHolder", "cn=hub1.1,cn=Sync Accounts," BASE },
		{ "hubLeaseExpiry", "tomorrow" },
		{ "hubLeasePreferred", "cn=hub1.7,cn=Sync Accounts," BASE }, { NULL, NULL },
	};
	static const char *const nothing[][2] = { { NULL, NULL } };
	struct edge_state s;

	ck_assert_int_eq(decode_state(ours, &s), 0);
	ck_assert(s.subscribed);
	ck_assert_int_eq(s.lease.whose, LEASE_OURS);
	ck_assert_int_eq(s.lease.prefers, LEASE_OTHERS);
	ck_assert_int_eq(s.lease.expiry_s, 1795342500);
	ck_assert_str_eq(edge_state_filter(arena, &s.lease), "(&(hubLeaseHolder=cn=hub1.2,"
		"cn=Sync Accounts," BASE ")(hubLeaseExpiry=20261122101500Z)"
		"(hubLeasePreferred=cn=hub2.1,cn=Sync Accounts," BASE "))");
	ck_assert_int_eq(decode_state(other, &s), 0);
	ck_assert(!s.subscribed);
	ck_assert_int_eq(s.lease.whose, LEASE_OUR_OTHER);
	ck_assert_int_eq(s.lease.prefers, LEASE_OURS);
	ck_assert_int_eq(s.lease.expiry_s, 0);
	ck_assert_int_eq(decode_state(nothing, &s), 0);
	ck_assert_int_eq(s.lease.whose, LEASE_NOBODY);
	ck_assert_str_eq(edge_state_filter(arena, &s.lease),
		"(&(!(hubLeaseHolder=*))(!(hubLeaseExpiry=*))(!(hubLeasePreferred=*)))");
}
END_TEST

START_TEST(state_nonsense)
{
	char *dn = arena_alloc(arena, 3000);
	const char *const attrs[][2] = { { "hubLeaseHolder", dn }, { NULL, NULL } };
	struct edge_state s;

	strcpy(dn, "no)(DN*");
	ck_assert_int_eq(decode_state(attrs, &s), 0);
	ck_assert_int_eq(s.lease.whose, LEASE_OTHERS);
	ck_assert_str_eq(edge_state_filter(arena, &s.lease),
		"(&(hubLeaseHolder=no\\29\\28DN\\2A)(!(hubLeaseExpiry=*))"
		"(!(hubLeasePreferred=*)))");
	memset(dn, 'x', 2999);
	memcpy(dn, "cn=", 3);
	ck_assert_int_eq(decode_state(attrs, &s), -1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("account_plan");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, nothing_to_do);
	tcase_add_test(tc, new_hub);
	tcase_add_test(tc, hub_gone);
	tcase_add_test(tc, renewal);
	tcase_add_test(tc, renewal_at_half_of_the_life);
	tcase_add_test(tc, new_accounts_are_not_near_their_end);
	tcase_add_test(tc, ends_are_spread);
	tcase_add_test(tc, made_in_one_second);
	tcase_add_test(tc, unsure);
	tcase_add_test(tc, other_certificates);
	tcase_add_test(tc, younger_than_known);
	tcase_add_test(tc, planted_as_a_hub);
	tcase_add_test(tc, ended);
	tcase_add_test(tc, crash);
	tcase_add_test(tc, account_or_value_lost);
	tcase_add_test(tc, bootstrap);
	tcase_add_test(tc, bootstrap_not_imported_yet);
	tcase_add_test(tc, strangers);
	tcase_add_loop_test(tc, account_names, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(tc, account_name_made);
	tcase_add_test(tc, account_entry);
	tcase_add_test(tc, account_entry_of_others);
	tcase_add_test(tc, state_entry);
	tcase_add_test(tc, state_nonsense);
	return unit_run("account_plan", &tc, 1);
}
