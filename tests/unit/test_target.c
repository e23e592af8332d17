/* test_target.c - edgesyncd/target.c, target_said.c and target_asked.c: by which account an edge is
 * entered, and what becomes of one that lets nobody in. The edge is behind a socket; what is
 * written inside comes to functions of this file.
 */
#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "edge_org.h"
#include "edgesyncd/target.h"
#include "identity.h"
#include "ldap_peer.h"
#include "libhub/directory/generalized_time.h"
#include "libhub/tls/certificate.h"
#include "stepped_clock.h"
#include "unit.h"

#define BELOW ",cn=Sync Accounts," EDGE_ORG_TREE

enum { LEASE_S = 2, LIFE_S = 90 * 86400, MANY = 20 };

static struct loop *loop;
static struct identity hub, edges;	/* keys of hub1 and of the edge's directory */
static struct tls_certificate *own, *edge_key;
static struct blob hub_der, edge_der;
static struct builder *builder;
static const struct snapshot *snapshot;
static struct edge_org_subscription subscription;
static char port[10];
static struct target_common common;
static struct target *target;
static struct target_status status;

/* The edge. */
static struct ldap_peer peer;
static SSL_CTX *tls;
static struct {
	const char *subscribed;
	char holder[100];
	struct {
		char cn[40];
		int code;
	} binds[MANY];			/* what becomes of a bind; of others: 49 */
	size_t n_binds;
	char bound[MANY][40];		/* as whom it was tried, in that order */
	size_t tried;
	size_t asked;			/* for the lease */
	size_t accounts_made;
} edge;

/* Inside. */
static size_t deleted_inside, forgotten_inside;
static home_done_cb *inside_cb;
static void *inside_ctx;

static size_t answers;
static char answer[300];

/* --- inside --- */

void home_modify(struct home *h, const char *dn, const struct directory_change *changes, size_t n,
	home_done_cb *cb, void *ctx)
{
	(void)h;
	(void)dn;
	(void)changes;
	(void)n;
	inside_cb = cb;
	inside_ctx = ctx;
}

void home_delete(struct home *h, const char *dn, const char *assertion, home_done_cb *cb,
	void *ctx)
{
	(void)h;
	ck_assert_str_eq(dn, "cn=edge1,cn=Edge Subscriptions," EDGE_ORG_BASE);
	ck_assert_str_eq(assertion, "(hubRemoved=TRUE)");
	deleted_inside++;
	inside_cb = cb;
	inside_ctx = ctx;
}

void home_forget(struct home *h, void *ctx)
{
	(void)h;
	(void)ctx;
	forgotten_inside++;
}

/* --- the edge --- */

static void let_in(const char *cn, int code)
{
	snprintf(edge.binds[edge.n_binds].cn, sizeof(edge.binds[0].cn), "%s", cn);
	edge.binds[edge.n_binds++].code = code;
}

static void take_bind(const struct ldap_request *r)
{
	char password[100];
	int code = LDAP_INVALID_CREDENTIALS;
	const char *cn = r->dn + 3;
	size_t n = strcspn(cn, ","), i;

	ck_assert_uint_lt(edge.tried, MANY);
	snprintf(edge.bound[edge.tried++], sizeof(edge.bound[0]), "%.*s", (int)n, cn);
	for (i = 0; i < edge.n_binds; i++)
		if (strlen(edge.binds[i].cn) == n && strncmp(edge.binds[i].cn, cn, n) == 0)
			code = edge.binds[i].code;
	snprintf(password, sizeof(password), "of %.*s", (int)n, cn);
	ck_assert_str_eq(r->password, password);
	ldap_peer_answer(&peer, r, code);
}

/* Only its state; of accounts it shows none. */
static void show(const struct ldap_request *r)
{
	char expiry[GENERALIZED_TIME_TEXT];
	const char *const attrs[] = { "hubSubscribed", edge.subscribed, "hubLeaseHolder",
		*edge.holder != '\0' ? edge.holder : NULL, "hubLeaseExpiry",
		*edge.holder != '\0' ? expiry : NULL, NULL };

	/* whoever holds it renews it */
	generalized_time_format(clock_wall_s() + 1000 + (int64_t)peer.requests, expiry);
	if (strncmp(r->dn, "cn=Edge State,", 14) == 0 || strcmp(r->dn, EDGE_ORG_TREE) == 0)
		ldap_peer_entry(&peer, r->id, "cn=Edge State," EDGE_ORG_TREE, attrs);
	ldap_peer_answer(&peer, r, LDAP_SUCCESS);
}

/* So the value that a contender asserts is never the one that stands there. */
static bool is_renewed_meanwhile(const struct ldap_request *r)
{
	return *edge.holder != '\0' && strncmp(edge.holder, "cn=hub1.", 8) != 0 && r->n > 0 &&
		strcmp(r->changes[0].attr, "hubLeaseHolder") == 0;
}

static void take_write(const struct ldap_request *r)
{
	char now[GENERALIZED_TIME_TEXT];
	size_t i;

	if (is_renewed_meanwhile(r)) {
		ldap_peer_answer(&peer, r, LDAP_ASSERTION_FAILED);
		return;
	}
	for (i = 0; i < r->n; i++) {
		if (strcmp(r->changes[i].attr, "hubLeaseHolder") == 0)
			snprintf(edge.holder, sizeof(edge.holder), "%s", r->changes[i].value);
		edge.asked += strcmp(r->changes[i].attr, "hubLeasePreferred") == 0;
	}
	edge.accounts_made += r->op == LDAP_REQ_ADD && strstr(r->dn, BELOW) != NULL;
	generalized_time_format(clock_wall_s(), now);
	ldap_peer_written(&peer, r, now);
}

static void on_request(const struct ldap_request *r, void *ctx)
{
	(void)ctx;
	if (r->op == LDAP_REQ_BIND)
		take_bind(r);
	else if (r->op == LDAP_REQ_SEARCH)
		show(r);
	else if (r->op != LDAP_REQ_ABANDON)
		take_write(r);
}

/* --- around every test --- */

static struct tls_certificate *make_key(struct identity *id, const char *name)
{
	struct tls_certificate *c;
	struct err e;

	identity_make(id, name, 1);
	c = tls_certificate_load(id->certificate, id->key, &e);
	ck_assert_msg(c != NULL, "%s", e.text);
	return c;
}

static void set_up(void)
{
	static const struct push_settings push = { .recipient_delay_ms = 20,
		.comparison_interval_s = 3600 };
	static const char *const addresses[] = { "127.0.0.1" };

	memset(&edge, 0, sizeof(edge));
	memset(&subscription, 0, sizeof(subscription));
	memset(&status, 0, sizeof(status));
	edge.subscribed = "TRUE";
	deleted_inside = forgotten_inside = answers = 0;
	clock_ahead_ms = 0;
	loop = loop_new("test");
	own = make_key(&hub, "hub1");
	edge_key = make_key(&edges, "edge1");
	hub_der = edge_org_der(own);
	edge_der = edge_org_der(edge_key);
	tls = SSL_CTX_new(TLS_server_method());
	ck_assert_int_eq(SSL_CTX_use_certificate_file(tls, edges.certificate, SSL_FILETYPE_PEM),
		1);
	ck_assert_int_eq(SSL_CTX_use_PrivateKey_file(tls, edges.key, SSL_FILETYPE_PEM), 1);
	ldap_peer_open(&peer, loop, tls, on_request, NULL);
	snprintf(port, sizeof(port), "%u", peer.port);
	subscription.port = port;
	subscription.certificate = edge_der;
	builder = builder_new(EDGE_ORG_BASE);
	edge_org_put(builder, addresses, 1);
	edge_org_put_hub(builder, "hub1", "London", &hub_der, true);
	common = (struct target_common){ .loop = loop, .pushers = pushers_new(loop, &push),
		.server = (char *)(uintptr_t)"hub1", .lease_time_s = LEASE_S,
		.account_lifetime_s = LIFE_S, .account_renewal_s = 7 * 86400, .own = &own,
		.n_own = 1 };
	target = target_new(&common, "edge1");
}

static void tear_down(void)
{
	size_t i;

	target_free(&target);
	pushers_free(&common.pushers);
	ldap_peer_close(&peer);
	SSL_CTX_free(tls);
	snapshot_unref(&snapshot);
	builder_free(&builder);
	for (i = 0; i < subscription.n; i++)
		free((void *)(uintptr_t)subscription.credentials[i].data);
	tls_certificate_unref(&own);
	tls_certificate_unref(&edge_key);
	free((void *)(uintptr_t)hub_der.data);
	free((void *)(uintptr_t)edge_der.data);
	identity_remove(&hub);
	identity_remove(&edges);
	loop_free(&loop);
}

/* A credential of ours, made age_s ago. */
static void add_credential(const char *cn, enum credential_kind kind, int64_t age_s,
	int64_t left_s)
{
	int64_t now_s = clock_wall_s();

	subscription.credentials[subscription.n++] = edge_org_seal(cn, "hub1", kind,
		now_s - age_s, now_s + left_s, &hub_der, 1);
}

static void add_account(const char *cn, int64_t age_s)
{
	add_credential(cn, CREDENTIAL_ACCOUNT, age_s, LIFE_S);
}

/* The organization says it. */
static void say(void)
{
	const struct snapshot *s;

	edge_org_put_subscription(builder, &subscription);
	s = builder_build(builder, NULL);
	snapshot_unref(&snapshot);
	snapshot = s;
	ck_assert_uint_eq(s->all[OBJ_EDGE_SUBSCRIPTION].n, 1);
	target_set(target, s, SNAPSHOT_AT(s, OBJ_EDGE_SUBSCRIPTION, edge_subscription, 0), true);
}

static bool is_in_state(void *ctx)
{
	target_status(target, &status);
	return status.state == *(const enum target_state *)ctx;
}

static void await_state(enum target_state state)
{
	AWAIT(loop, is_in_state, &state, PATIENCE_MS);
}

static bool has_error(void *ctx)
{
	target_status(target, &status);
	return status.error != NULL && strstr(status.error, ctx) != NULL;
}

static void await_error(const char *text)
{
	AWAIT(loop, has_error, (void *)(uintptr_t)text, PATIENCE_MS);
}

static bool is_tried(void *ctx)
{
	return edge.tried >= *(const size_t *)ctx;
}

static void await_tried(size_t n)
{
	AWAIT(loop, is_tried, &n, PATIENCE_MS);
}

static bool is_requested(void *ctx)
{
	return peer.requests >= *(const size_t *)ctx;
}

/* So much of what goes on. */
static void let_it_work(size_t requests)
{
	size_t until = peer.requests + requests;

	AWAIT(loop, is_requested, &until, PATIENCE_MS);
}

/* --- by which account --- */

START_TEST(newest_account)
{
	add_account("hub1.1", 1000);
	add_account("hub1.2", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	let_in("hub1.2", LDAP_SUCCESS);
	say();
	await_state(TARGET_HOLDER);
	ck_assert_uint_eq(edge.tried, 1);
	ck_assert_str_eq(edge.bound[0], "hub1.2");
	ck_assert_ptr_null(status.error);
	ck_assert(status.lease_mine);
	ck_assert_str_eq(status.lease_holder, "hub1");
	ck_assert_str_eq(status.site, "London");
	ck_assert_int_gt(status.certificate_expires, clock_wall_s());
}
END_TEST

/*
 * The newest is refused: the one before it opens, too. It is stayed with, whatever else the
 * organization says of the edge.
 */
START_TEST(former_account)
{
	add_account("hub1.1", 1000);
	add_account("hub1.2", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	await_state(TARGET_HOLDER);
	ck_assert_str_eq(edge.bound[0], "hub1.2");
	ck_assert_str_eq(edge.bound[1], "hub1.1");
	ck_assert_ptr_null(status.error);
	say();
	let_it_work(10);
	ck_assert_uint_eq(edge.tried, 2);
	ck_assert_uint_eq(peer.connections, 1);
	await_state(TARGET_HOLDER);
}
END_TEST

/* A better one that comes is moved to, and the lease is ours by that one. */
START_TEST(newer_account)
{
	add_account("hub1.1", 1000);
	let_in("hub1.1", LDAP_SUCCESS);
	let_in("hub1.2", LDAP_SUCCESS);
	say();
	await_state(TARGET_HOLDER);
	add_account("hub1.2", 10);
	say();
	await_tried(2);
	await_state(TARGET_HOLDER);
	ck_assert_str_eq(edge.bound[1], "hub1.2");
	let_it_work(10);
	ck_assert_uint_eq(edge.tried, 2);
}
END_TEST

/* With the next connection what was refused is tried again. */
START_TEST(former_account_and_a_new_connection)
{
	add_account("hub1.1", 1000);
	add_account("hub1.2", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	await_state(TARGET_HOLDER);
	let_in("hub1.2", LDAP_SUCCESS);
	ldap_peer_drop(&peer);
	await_tried(3);
	await_state(TARGET_HOLDER);
	ck_assert_str_eq(edge.bound[2], "hub1.2");
	ck_assert_uint_eq(status.failures, 1);
}
END_TEST

/* --- nobody is let in --- */

START_TEST(all_are_refused)
{
	add_account("hub1.1", 1000);
	add_account("hub1.2", 10);
	say();
	await_error("it knows none of our accounts");
	ck_assert_uint_eq(status.state, TARGET_WAITING);
	ck_assert_str_eq(edge.bound[0], "hub1.2");
	ck_assert_str_eq(edge.bound[1], "hub1.1");
	/* and is tried again, later and later */
	await_tried(6);
	ck_assert_uint_eq(deleted_inside, 0);
	ck_assert_uint_ge(status.failures, 1);
}
END_TEST

/* In trouble it says nothing of who we are. */
START_TEST(all_are_refused_in_trouble)
{
	add_account("hub1.1", 1000);
	let_in("hub1.1", LDAP_UNAVAILABLE);
	say();
	await_error("refuses the bind as cn=hub1.1");
	ck_assert_ptr_null(strstr(status.error, "it knows none of our accounts"));
}
END_TEST

START_TEST(expired_account)
{
	add_credential("hub1.1", CREDENTIAL_ACCOUNT, 1000, -10);
	say();
	await_error("of the subscription has expired");
	ck_assert_uint_ge(edge.tried, 1);
}
END_TEST

/* Not even tried. */
START_TEST(expired_bootstrap)
{
	add_credential("bootstrap.ab", CREDENTIAL_BOOTSTRAP, 1000, -10);
	let_in("bootstrap.ab", LDAP_SUCCESS);
	say();
	await_error("the bootstrap account of the subscription has expired");
	ck_assert_uint_eq(edge.tried, 0);
}
END_TEST

START_TEST(ended_by_its_administrator)
{
	edge.subscribed = "FALSE";
	add_account("hub1.1", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	await_error("edge1 is not subscribed any more, its own administrator has ended that");
	ck_assert(!status.lease_mine);
}
END_TEST

/* --- an edge that is to be removed, and knows nobody --- */

static bool is_deleted_inside(void *ctx)
{
	(void)ctx;
	return deleted_inside > 0;
}

/* Often enough, and for long enough: only then there is nothing to be cleared there. */
START_TEST(removed_and_unknown)
{
	add_account("hub1.1", 10);
	subscription.removed = "TRUE";
	say();
	await_tried(4);
	ck_assert_uint_eq(deleted_inside, 0);
	clock_ahead_ms += 3 * LEASE_S * 1000;
	AWAIT(loop, is_deleted_inside, NULL, PATIENCE_MS);
	ck_assert_uint_eq(deleted_inside, 1);
	inside_cb(LDAP_SUCCESS, "", inside_ctx);
	target_status(target, &status);
	ck_assert_ptr_null(status.error);
}
END_TEST

START_TEST(removed_and_in_trouble)
{
	add_account("hub1.1", 10);
	let_in("hub1.1", LDAP_UNAVAILABLE);
	subscription.removed = "TRUE";
	say();
	await_tried(2);
	clock_ahead_ms += 3 * LEASE_S * 1000;
	await_tried(4);
	ck_assert_uint_eq(deleted_inside, 0);
}
END_TEST

/* Between two refusals we were let in: it counts anew. */
START_TEST(removed_and_not_deleted_inside)
{
	add_account("hub1.1", 10);
	subscription.removed = "TRUE";
	say();
	await_tried(2);
	clock_ahead_ms += 3 * LEASE_S * 1000;
	AWAIT(loop, is_deleted_inside, NULL, PATIENCE_MS);
	inside_cb(LDAP_INSUFFICIENT_ACCESS, "no right", inside_ctx);
	await_error("the edge does not know us any more, but its subscription cannot be deleted: "
		"no right");
	deleted_inside = 0;
	AWAIT(loop, is_deleted_inside, NULL, PATIENCE_MS);
}
END_TEST

/* It was made anew meanwhile: the end of the one before says nothing of it. */
START_TEST(removed_and_made_anew)
{
	add_account("hub1.1", 10);
	subscription.removed = "TRUE";
	say();
	await_tried(2);
	clock_ahead_ms += 3 * LEASE_S * 1000;
	AWAIT(loop, is_deleted_inside, NULL, PATIENCE_MS);
	subscription.removed = NULL;
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	ck_assert_uint_ge(forgotten_inside, 1);
	await_state(TARGET_HOLDER);
	ck_assert_uint_eq(deleted_inside, 1);
}
END_TEST

/* --- what it says while the organization may say something else --- */

static void set_as_of(uint64_t as_of_ms)
{
	pushers_set_organization(common.pushers, snapshot, NULL, as_of_ms, 0);
	target_set_settled(target, as_of_ms != 0);
}

static bool has_made_account(void *ctx)
{
	(void)ctx;
	return edge.accounts_made > 0;
}

/* The edge shows that we have none. What was known before the lease is ours does not count. */
START_TEST(accounts_of_before_the_lease)
{
	subscription.sync_site = "London";
	add_account("hub1.1", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	set_as_of(clock_mono_ms());
	await_state(TARGET_HOLDER);
	let_it_work(10);
	ck_assert_uint_eq(edge.accounts_made, 0);
	clock_ahead_ms += 10;
	set_as_of(clock_mono_ms());
	AWAIT(loop, has_made_account, NULL, PATIENCE_MS);
}
END_TEST

static bool has_asked(void *ctx)
{
	(void)ctx;
	return edge.asked > 0;
}

static void wait_behind_another_site(const char *sync_site)
{
	strcpy(edge.holder, "cn=paris1.1" BELOW);
	subscription.sync_site = sync_site;
	edge_org_put_hub(builder, "paris1", "Paris", NULL, true);
	add_account("hub1.1", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	await_state(TARGET_STANDBY);
}

/* Who is of the edge's former site hands it over, and is asked to. */
START_TEST(former_site_is_asked)
{
	wait_behind_another_site("Paris");
	AWAIT(loop, has_asked, NULL, PATIENCE_MS);
}
END_TEST

/* One of our site has claimed it: so whoever holds it now knows of a move that we have not seen. */
START_TEST(next_site_is_not_asked)
{
	wait_behind_another_site("London");
	let_it_work(20);
	ck_assert_uint_eq(edge.asked, 0);
}
END_TEST

/* --- what is asked for --- */

static void on_started(const struct push_result *r, void *ctx)
{
	(void)ctx;
	answers++;
	snprintf(answer, sizeof(answer), "%s", r->error != NULL ? r->error : "");
}

static bool is_answered(void *ctx)
{
	(void)ctx;
	return answers > 0;
}

/* Whoever holds the lease does not give it. */
START_TEST(start_at_who_waits)
{
	edge_org_put_hub(builder, "hub2", "London", &edge_der, true);
	strcpy(edge.holder, "cn=hub2.1" BELOW);
	add_account("hub1.1", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	await_state(TARGET_STANDBY);
	target_start(target, true, false, on_started, NULL);
	let_it_work(2);
	ck_assert_uint_eq(answers, 0);
	clock_ahead_ms += LEASE_S * 1000;
	AWAIT(loop, is_answered, NULL, PATIENCE_MS);
	ck_assert_msg(strstr(answer, "the lease is held by cn=hub2.1") != NULL, "%s", answer);
	ck_assert_uint_eq(answers, 1);
}
END_TEST

START_TEST(start_and_forget)
{
	strcpy(edge.holder, "cn=hub2.1" BELOW);
	add_account("hub1.1", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	await_state(TARGET_STANDBY);
	target_start(target, true, false, on_started, &edge);
	target_forget(target, &edge);
	clock_ahead_ms += LEASE_S * 1000;
	let_it_work(5);
	ck_assert_uint_eq(answers, 0);
}
END_TEST

static void on_released(struct target *t, void *ctx)
{
	(void)t;
	*(bool *)ctx = true;
}

static bool flag_holds(void *ctx)
{
	return *(const bool *)ctx;
}

START_TEST(released_while_somebody_waits)
{
	bool released = false;

	strcpy(edge.holder, "cn=hub2.1" BELOW);
	add_account("hub1.1", 10);
	let_in("hub1.1", LDAP_SUCCESS);
	say();
	await_state(TARGET_STANDBY);
	target_start(target, true, false, on_started, NULL);
	target_release(target, on_released, &released);
	ck_assert_uint_eq(answers, 1);
	ck_assert_str_eq(answer, "edgesyncd ends here");
	AWAIT(loop, flag_holds, &released, PATIENCE_MS);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("target");

	tcase_set_timeout(tc, 100);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, newest_account);
	tcase_add_test(tc, former_account);
	tcase_add_test(tc, newer_account);
	tcase_add_test(tc, former_account_and_a_new_connection);
	tcase_add_test(tc, all_are_refused);
	tcase_add_test(tc, all_are_refused_in_trouble);
	tcase_add_test(tc, expired_account);
	tcase_add_test(tc, expired_bootstrap);
	tcase_add_test(tc, ended_by_its_administrator);
	tcase_add_test(tc, removed_and_unknown);
	tcase_add_test(tc, removed_and_in_trouble);
	tcase_add_test(tc, removed_and_not_deleted_inside);
	tcase_add_test(tc, removed_and_made_anew);
	tcase_add_test(tc, accounts_of_before_the_lease);
	tcase_add_test(tc, former_site_is_asked);
	tcase_add_test(tc, next_site_is_not_asked);
	tcase_add_test(tc, start_at_who_waits);
	tcase_add_test(tc, start_and_forget);
	tcase_add_test(tc, released_while_somebody_waits);
	return unit_run("target", &tc, 1);
}
