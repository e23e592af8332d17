/* test_sealed.c - edgesyncd/sealed.c and reach.c: what a hub makes of a subscription: whose its
 * credentials are, which open, and where the edge is.
 */
#include <stdio.h>
#include <string.h>

#include "edge_org.h"
#include "edgesyncd/reach.h"
#include "edgesyncd/sealed.h"
#include "identity.h"
#include "libhub/base/mem.h"
#include "libhub/tls/certificate.h"
#include "unit.h"

enum { HUBS = 3, NOW_S = 1800000000 };

static struct identity identities[HUBS];
static struct tls_certificate *keys[HUBS];
static struct blob ders[HUBS];
static struct builder *builder;
static const struct snapshot *snapshot;
static struct edge_org_subscription subscription;
static struct sealed *sealed;

static void set_up(void)
{
	struct err e;
	char name[10];
	size_t i;

	builder = builder_new(EDGE_ORG_BASE);
	edge_org_put(builder, NULL, 0);
	for (i = 0; i < HUBS; i++) {
		snprintf(name, sizeof(name), "hub%zu", i + 1);
		identity_make(&identities[i], name, 1);
		keys[i] = tls_certificate_load(identities[i].certificate, identities[i].key, &e);
		ck_assert_msg(keys[i] != NULL, "%s", e.text);
		ders[i] = edge_org_der(keys[i]);
		edge_org_put_hub(builder, name, "London", &ders[i], true);
	}
	memset(&subscription, 0, sizeof(subscription));
	subscription.certificate = ders[2];
}

static void tear_down(void)
{
	size_t i;

	sealed_free(&sealed);
	for (i = 0; i < subscription.n; i++)
		free((void *)(uintptr_t)subscription.credentials[i].data);
	for (i = 0; i < HUBS; i++) {
		tls_certificate_unref(&keys[i]);
		free((void *)(uintptr_t)ders[i].data);
		identity_remove(&identities[i]);
	}
	snapshot_unref(&snapshot);
	builder_free(&builder);
}

static void seal(const char *account, const char *hub, enum credential_kind kind, int64_t from_s,
	const struct blob *certificates, size_t n)
{
	subscription.credentials[subscription.n++] = edge_org_seal(account, hub, kind, from_s,
		from_s + 1000, certificates, n);
}

static const struct edge_subscription *build(void)
{
	edge_org_put_subscription(builder, &subscription);
	snapshot_unref(&snapshot);
	snapshot = builder_build(builder, NULL);
	ck_assert_uint_eq(snapshot->all[OBJ_EDGE_SUBSCRIPTION].n, 1);
	return SNAPSHOT_AT(snapshot, OBJ_EDGE_SUBSCRIPTION, edge_subscription, 0);
}

/* As hub1 sees it. */
static void look(void)
{
	const struct edge_subscription *sub = build();

	sealed = sealed_new(snapshot, sub, "hub1", keys, 1);
}

/* The value that was sealed as account. */
static size_t place_of(size_t i)
{
	char digest[ACCOUNT_DIGEST_SIZE];
	size_t k;

	sealed_digest(&subscription.credentials[i], digest);
	for (k = 0; k < sealed->n; k++)
		if (strcmp(sealed->values[k].digest, digest) == 0)
			return k;
	ck_abort_msg("value %zu is not there", i);
}

/* The newest account first, of two of one second the later by its number; bootstraps last. */
START_TEST(best_first)
{
	static const char *const order[] = { "hub1.3", "hub1.10", "hub1.9", "bootstrap.b",
		"bootstrap.a" };
	char account[100];
	size_t i;

	seal("bootstrap.a", "hub1", CREDENTIAL_BOOTSTRAP, NOW_S, &ders[0], 1);
	seal("hub1.9", "hub1", CREDENTIAL_ACCOUNT, NOW_S, &ders[0], 1);
	seal("hub1.3", "hub1", CREDENTIAL_ACCOUNT, NOW_S + 1, &ders[0], 1);
	seal("hub1.10", "hub1", CREDENTIAL_ACCOUNT, NOW_S, &ders[0], 1);
	seal("bootstrap.b", "hub1", CREDENTIAL_BOOTSTRAP, NOW_S + 5, &ders[0], 1);
	look();
	ck_assert_uint_eq(sealed->n_own, 5);
	for (i = 0; i < 5; i++) {
		snprintf(account, sizeof(account), "cn=%s,cn=sync accounts,"
			"cn=transport,o=edge", order[i]);
		ck_assert_str_eq(sealed->own[i].account, account);
		ck_assert_str_eq(sealed->own[i].base, EDGE_ORG_TREE);
	}
	ck_assert_str_eq(sealed->own[0].credential.password, "of hub1.3");
	ck_assert_str_eq(sealed->problem, "");
}
END_TEST

/* Of those that are not ours we see for whom they are, if for all keys of one hub and no other. */
START_TEST(for_whom)
{
	const struct blob two[] = { ders[0], ders[1] };

	seal("hub1.1", "hub1", CREDENTIAL_ACCOUNT, NOW_S, &ders[0], 1);
	seal("hub2.1", "hub2", CREDENTIAL_ACCOUNT, NOW_S, &ders[1], 1);
	seal("hub2.2", "hub2", CREDENTIAL_ACCOUNT, NOW_S, two, 2);
	seal("bootstrap.a", "hub1", CREDENTIAL_BOOTSTRAP, NOW_S, &ders[0], 1);
	look();
	ck_assert_str_eq(sealed->values[place_of(0)].hub, "hub1");
	ck_assert_str_eq(sealed->values[place_of(1)].hub, "hub2");
	ck_assert_ptr_null(sealed->values[place_of(2)].hub);
	ck_assert_ptr_null(sealed->values[place_of(0)].bootstrap);
	ck_assert_ptr_null(sealed->values[place_of(1)].bootstrap);
	ck_assert_str_eq(sealed->values[place_of(3)].bootstrap,
		"cn=bootstrap.a,cn=sync accounts,cn=transport,o=edge");
	/* that of hub2 which opens with our key, too, is another's account nevertheless */
	ck_assert_uint_eq(sealed->n_own, 2);
}
END_TEST

/* Enabled ones of the edge's site. */
START_TEST(which_hubs)
{
	edge_org_put_hub(builder, "hub2", "London", &ders[1], false);
	edge_org_put_hub(builder, "hub3", "Paris", &ders[2], true);
	edge_org_put_hub(builder, "hub4", "London", NULL, true);
	look();
	ck_assert_uint_eq(sealed->n_hubs, 2);
	ck_assert_str_eq(sealed->hubs[0].name, "hub1");
	ck_assert(sealed->hubs[0].sealable);
	ck_assert_str_eq(sealed->hubs[1].name, "hub4");
	ck_assert(!sealed->hubs[1].sealable);
	/* it has none yet: that is no trouble */
	ck_assert_ptr_null(sealed->hubs[1].trouble);
}
END_TEST

static void problem_is(const char *text)
{
	look();
	ck_assert_uint_eq(sealed->n_own, 0);
	ck_assert_msg(strstr(sealed->problem, text) != NULL, "%s", sealed->problem);
}

START_TEST(none_at_all)
{
	problem_is("the subscription has no credentials");
}
END_TEST

START_TEST(none_for_us)
{
	seal("hub2.1", "hub2", CREDENTIAL_ACCOUNT, NOW_S, &ders[1], 1);
	problem_is("none of the 1 credentials of the subscription opens with a key of hub1");
}
END_TEST

START_TEST(damaged)
{
	unsigned char *bytes;

	seal("hub1.1", "hub1", CREDENTIAL_ACCOUNT, NOW_S, &ders[0], 1);
	bytes = (unsigned char *)(uintptr_t)subscription.credentials[0].data;
	bytes[subscription.credentials[0].size - 1] ^= 1;
	problem_is("sealed credential");
}
END_TEST

/* --- where it is --- */

static struct reach *reach(struct err *e)
{
	return reach_new(build(), 1000, e);
}

START_TEST(reached_by_name)
{
	struct err e;
	struct reach *r;

	subscription.port = "6360";
	r = reach(&e);
	ck_assert_msg(r != NULL, "%s", e.text);
	ck_assert_uint_eq(r->n_uris, 1);
	ck_assert_str_eq(r->uris[0], "ldaps://edge1.example:6360");
	ck_assert_str_eq(r->pins[0], tls_certificate_key_digest(keys[2]));
	ck_assert_ptr_null(r->pins[1]);
	ck_assert_ptr_eq(r->config.pins, r->pins);
	ck_assert_uint_eq(r->config.silence_ms, 1000);
	reach_free(&r);
}
END_TEST

/* With addresses its name is not asked for. */
START_TEST(reached_by_addresses)
{
	static const char *const addresses[] = { "192.0.2.1", "[2001:db8::1]:2525" };
	struct err e;
	struct reach *r;

	edge_org_put(builder, addresses, 2);
	subscription.port = "636";
	r = reach(&e);
	ck_assert_msg(r != NULL, "%s", e.text);
	ck_assert_uint_eq(r->n_uris, 2);
	ck_assert_str_eq(r->uris[0], "ldaps://192.0.2.1:636");
	ck_assert_str_eq(r->uris[1], "ldaps://[2001:db8::1]:636");
	ck_assert_ptr_null(r->uris[2]);
	reach_free(&r);
}
END_TEST

START_TEST(reached_by_no_key)
{
	struct err e;

	subscription.certificate = (struct blob){ NULL, 0 };
	ck_assert_ptr_null(reach(&e));
	ck_assert_msg(strstr(e.text, "no hubDirectoryCertificate") != NULL, "%s", e.text);
}
END_TEST

/* Any other address, key or time is another way there. */
START_TEST(reached_in_another_way)
{
	static const char *const addresses[] = { "192.0.2.1", "192.0.2.2" };
	struct reach *by_one, *by_two, *again, *slower, *by_key;
	struct err e;

	edge_org_put(builder, addresses, 1);
	by_one = reach(&e);
	again = reach(&e);
	slower = reach_new(build(), 2000, &e);
	edge_org_put(builder, addresses, 2);
	by_two = reach(&e);
	subscription.certificate = ders[1];
	by_key = reach(&e);
	ck_assert(reach_is_alike(by_one, again));
	ck_assert(!reach_is_alike(by_one, slower));
	ck_assert(!reach_is_alike(by_one, by_two));
	ck_assert(!reach_is_alike(by_two, by_one));
	ck_assert(!reach_is_alike(by_two, by_key));
	ck_assert(!reach_is_alike(by_one, NULL));
	ck_assert(!reach_is_alike(NULL, by_one));
	ck_assert(reach_is_alike(NULL, NULL));
	reach_free(&by_one);
	reach_free(&again);
	reach_free(&slower);
	reach_free(&by_two);
	reach_free(&by_key);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("sealed");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, best_first);
	tcase_add_test(tc, for_whom);
	tcase_add_test(tc, which_hubs);
	tcase_add_test(tc, none_at_all);
	tcase_add_test(tc, none_for_us);
	tcase_add_test(tc, damaged);
	tcase_add_test(tc, reached_by_name);
	tcase_add_test(tc, reached_by_addresses);
	tcase_add_test(tc, reached_by_no_key);
	tcase_add_test(tc, reached_in_another_way);
	return unit_run("sealed", &tc, 1);
}
