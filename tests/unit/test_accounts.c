/* test_accounts.c - edgesyncd/accounts.c: rounds over the accounts of an edge that is a list behind
 * a socket; what is written inside comes to functions of this file.
 */
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "edgesyncd/accounts.h"
#include "edgesyncd/edge_state.h"
#include "identity.h"
#include "ldap_peer.h"
#include "libhub/directory/generalized_time.h"
#include "libhub/tls/certificate.h"
#include "stepped_clock.h"
#include "unit.h"

#define BASE "cn=Transport,o=Edge"
#define BELOW ",cn=Sync Accounts," BASE
#define BOOTSTRAP "cn=bootstrap.ab" BELOW

enum { LIFETIME_S = 90 * 86400, RENEWAL_S = 7 * 86400, HUBS = 2, MANY = 30 };

static struct loop *loop;
static struct directory_config config;
static struct directory_connection *connection;
static struct accounts *accounts;
static struct identity identities[HUBS];
static struct tls_certificate *keys[HUBS];

/* The edge. */
static struct ldap_peer peer;
static struct {
	const char *subscribed;
	/* accounts as they were added, each of a record of the add */
	struct ldap_request list[MANY];
	size_t n;
	int add_codes[MANY];		/* of adds, by their number */
	size_t adds, abandons;
	bool hold_search;
	struct ldap_request search;
} edge;

/* What was written inside, or is to be. */
static struct {
	enum directory_how how;
	char dn[200], attr[40];
	unsigned char values[4][CREDENTIAL_SEALED_MAX];
	size_t sizes[4], n;
	home_done_cb *cb;
	void *ctx;
	size_t calls, forgotten;
} inside;

/* What our hub sees of the subscription. */
static struct sealed sealed;
static struct account_hub hubs[HUBS];
static struct blobs certificates[HUBS];
static struct blob ders[HUBS], blobs[MANY];
static struct account_value values[MANY];

static bool ready, done, changed;
static char error[300];
static size_t made;
static struct credential made_credential;

/* --- inside --- */

void home_modify(struct home *h, const char *dn, const struct directory_change *changes, size_t n,
	home_done_cb *cb, void *ctx)
{
	size_t i;

	(void)h;
	ck_assert_uint_eq(n, 1);
	snprintf(inside.attr, sizeof(inside.attr), "%s", changes->attr);
	inside.how = changes->how;
	inside.n = changes->n;
	snprintf(inside.dn, sizeof(inside.dn), "%s", dn);
	for (i = 0; i < changes->n && i < 4; i++) {
		memcpy(inside.values[i], changes->values[i].data, changes->values[i].size);
		inside.sizes[i] = changes->values[i].size;
	}
	inside.cb = cb;
	inside.ctx = ctx;
	inside.calls++;
}

void home_forget(struct home *h, void *ctx)
{
	(void)h;
	inside.forgotten += inside.ctx == ctx;
}

/* --- the edge --- */

static const char *value_of(const struct ldap_request *r, const char *attr)
{
	size_t i;

	for (i = 0; i < r->n; i++)
		if (strcmp(r->changes[i].attr, attr) == 0)
			return r->changes[i].value;
	return NULL;
}

static void show(const struct ldap_request *account, int id)
{
	const char *const attrs[] = {
		"hubAccountServer", value_of(account, "hubAccountServer"),
		"description", value_of(account, "description"),
		"hubValidFrom", value_of(account, "hubValidFrom"),
		"hubValidTo", value_of(account, "hubValidTo"), NULL,
	};

	ldap_peer_entry(&peer, id, account->dn, attrs);
}

static void show_state(int id)
{
	const char *const attrs[] = { "hubSubscribed", edge.subscribed, NULL };

	ldap_peer_entry(&peer, id, "cn=Edge State," BASE, attrs);
}

static void show_all(const struct ldap_request *r)
{
	size_t i;

	show_state(r->id);
	for (i = 0; i < edge.n; i++)
		show(&edge.list[i], r->id);
	ldap_peer_answer(&peer, r, LDAP_SUCCESS);
}

static void drop(const char *dn)
{
	size_t i, n = 0;

	for (i = 0; i < edge.n; i++)
		if (strcasecmp(edge.list[i].dn, dn) != 0)
			edge.list[n++] = edge.list[i];
	edge.n = n;
}

static void on_request(const struct ldap_request *r, void *ctx)
{
	int code;

	(void)ctx;
	if (r->op == LDAP_REQ_SEARCH) {
		edge.search = *r;
		if (!edge.hold_search)
			show_all(r);
	} else if (r->op == LDAP_REQ_ADD) {
		code = edge.add_codes[edge.adds++];
		if (code == LDAP_SUCCESS)
			edge.list[edge.n++] = *r;
		ldap_peer_answer(&peer, r, code);
	} else if (r->op == LDAP_REQ_DELETE) {
		drop(r->dn);
		ldap_peer_answer(&peer, r, LDAP_SUCCESS);
	} else if (r->op == LDAP_REQ_ABANDON) {
		edge.abandons++;
	}
}

static bool is_there(const char *cn)
{
	char dn[200];
	size_t i;

	snprintf(dn, sizeof(dn), "cn=%s" BELOW, cn);
	for (i = 0; i < edge.n; i++)
		if (strcasecmp(edge.list[i].dn, dn) == 0)
			return true;
	return false;
}

static void put_account(const char *cn, const char *hub, int64_t to_s)
{
	struct ldap_request *r = &edge.list[edge.n++];
	char to[GENERALIZED_TIME_TEXT];

	*r = (struct ldap_request){ .id = 0 };
	snprintf(r->dn, sizeof(r->dn), "cn=%s" BELOW, cn);
	if (hub != NULL) {
		strcpy(r->changes[r->n].attr, "hubAccountServer");
		strcpy(r->changes[r->n++].value, hub);
	}
	generalized_time_format(to_s, to);
	strcpy(r->changes[r->n].attr, "hubValidTo");
	strcpy(r->changes[r->n++].value, to);
}

/* --- around every test --- */

static void on_made(const struct credential *cred, void *ctx)
{
	(void)ctx;
	made++;
	made_credential = *cred;
}

static void on_done(const char *text, bool has_changed, void *ctx)
{
	(void)ctx;
	ck_assert(!done);
	done = true;
	changed = has_changed;
	snprintf(error, sizeof(error), "%s", text != NULL ? text : "");
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

static bool is_asked_inside(void *ctx)
{
	return inside.calls >= *(const size_t *)ctx;
}

static void await_inside(size_t calls)
{
	AWAIT(loop, is_asked_inside, &calls, PATIENCE_MS);
}

static void make_hub(size_t i, const char *name)
{
	unsigned char *der = NULL;
	struct err e;
	int n;

	identity_make(&identities[i], name, 1);
	keys[i] = tls_certificate_load(identities[i].certificate, identities[i].key, &e);
	ck_assert_msg(keys[i] != NULL, "%s", e.text);
	n = i2d_X509(tls_certificate_x509(keys[i]), &der);
	ders[i] = (struct blob){ der, (size_t)n };
	certificates[i] = (struct blobs){ &ders[i], 1 };
	hubs[i] = (struct account_hub){ .name = name, .sealable = true };
}

static void set_up(void)
{
	static const struct directory_callbacks callbacks = { on_ready, on_lost };
	static const struct accounts_callbacks cbs = { on_made, on_done };

	memset(&edge, 0, sizeof(edge));
	memset(&inside, 0, sizeof(inside));
	edge.subscribed = "TRUE";
	ready = done = false;
	made = 0;
	clock_ahead_ms = 0;
	make_hub(0, "hub1");
	make_hub(1, "hub2");
	sealed = (struct sealed){ .values = values, .blobs = blobs, .hubs = hubs,
		.certificates = certificates, .n_hubs = 1 };
	loop = loop_new("test");
	ldap_peer_open(&peer, loop, NULL, on_request, NULL);
	connection = directory_open(loop, NULL, &config, peer.uri, false, 0, &callbacks, NULL);
	AWAIT(loop, flag_holds, &ready, PATIENCE_MS);
	accounts = accounts_new(NULL, &cbs, NULL);
}

static void tear_down(void)
{
	size_t i;

	accounts_free(&accounts);
	directory_close(&connection);
	ldap_peer_close(&peer);
	loop_free(&loop);
	for (i = 0; i < HUBS; i++) {
		tls_certificate_unref(&keys[i]);
		OPENSSL_free((void *)(uintptr_t)ders[i].data);
		identity_remove(&identities[i]);
	}
}

/* What else is said of the edge. */
static const char *claim;
static bool former;

static void begin(bool enrol)
{
	struct accounts_task task = { .c = connection, .base = BASE, .hub = "hub1",
		.bound = enrol ? "cn=bootstrap.ab,cn=sync accounts,cn=transport,o=edge" : "",
		.subscription = "cn=Edge1,cn=Inside", .site = "Paris", .claim = claim,
		.former = former, .sealed = &sealed,
		.edge_now_s = clock_wall_s(), .lifetime_s = LIFETIME_S, .renewal_s = RENEWAL_S,
		.keep = !enrol, .enrol = enrol };
	struct err e;

	done = false;
	ck_assert_int_eq(accounts_start(accounts, &task, &e), 0);
}

static void finished(void)
{
	AWAIT(loop, flag_holds, &done, PATIENCE_MS);
	ck_assert(!accounts_busy(accounts));
}

static void answer_inside(int code)
{
	inside.cb(code, "the answer", inside.ctx);
}

/* The snapshot shows what was written inside. */
static void take_in(const char *hub)
{
	struct blob *b = &blobs[sealed.n];

	*b = (struct blob){ inside.values[0], inside.sizes[0] };
	values[sealed.n] = (struct account_value){ .hub = hub };
	sealed_digest(b, values[sealed.n++].digest);
}

/* --- a round --- */

static void is_password(const char *hash, const char *password)
{
	unsigned char bytes[64], md[20];
	char text[200];
	size_t n = strlen(password);

	ck_assert_int_eq(strncmp(hash, "{SSHA}", 6), 0);
	/* 20 bytes of hash, 8 of salt, and what the padding adds */
	ck_assert_int_eq(EVP_DecodeBlock(bytes, (const unsigned char *)hash + 6,
		(int)strlen(hash + 6)), 30);
	memcpy(text, password, n);
	memcpy(text + n, bytes + 20, 8);
	ck_assert(EVP_Digest(text, n + 8, md, NULL, EVP_sha1(), NULL));
	ck_assert_int_eq(memcmp(md, bytes, sizeof(md)), 0);
}

/* What is on the edge and what is inside are of one secret, until the same time. */
START_TEST(first_account)
{
	char digest[ACCOUNT_DIGEST_SIZE], described[100];
	const struct ldap_request *a = &edge.list[0];
	struct credential c;
	struct blob value;
	struct err e;
	int64_t s;

	begin(false);
	await_inside(1);
	ck_assert(is_there("hub1.1"));
	ck_assert_str_eq(inside.dn, "cn=Edge1,cn=Inside");
	ck_assert_int_eq(inside.how, DIRECTORY_ADD);
	value = (struct blob){ inside.values[0], inside.sizes[0] };
	ck_assert_int_eq(credential_open(&value, keys, 1, &c, &e), CREDENTIAL_OPENED);
	ck_assert_str_eq(c.hub, "hub1");
	ck_assert_str_eq(c.account, a->dn);
	is_password(value_of(a, "userPassword"), c.password);
	sealed_digest(&value, digest);
	edge_account_sealed_text(digest, described, sizeof(described));
	ck_assert_str_eq(value_of(a, "description"), described);
	ck_assert_str_eq(value_of(a, "hubAccountServer"), "hub1");
	ck_assert_int_eq(generalized_time_parse(value_of(a, "hubValidTo"), &s), 0);
	ck_assert_int_eq(s, c.to_s);
	ck_assert_int_eq(c.to_s - c.from_s, LIFETIME_S);
	/* the server itself ends it then */
	ck_assert_str_eq(value_of(a, "pwdEndTime"), value_of(a, "hubValidTo"));
	ck_assert(!done);
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_str_eq(error, "");
	ck_assert(changed);
	ck_assert_uint_eq(made, 1);
	ck_assert_str_eq(made_credential.password, c.password);
}
END_TEST

/* Of another hub the secret is none of ours. */
START_TEST(account_of_another_hub)
{
	sealed.n_hubs = 2;
	begin(false);
	await_inside(1);
	answer_inside(LDAP_SUCCESS);
	await_inside(2);
	ck_assert(is_there("hub2.1"));
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_uint_eq(made, 1);
	ck_assert_str_eq(made_credential.hub, "hub1");
}
END_TEST

/* What was written comes back with a snapshot; until then it is there all the same. */
START_TEST(written_and_not_seen_yet)
{
	int64_t expires_s;

	begin(false);
	await_inside(1);
	answer_inside(LDAP_TYPE_OR_VALUE_EXISTS);
	finished();
	ck_assert_str_eq(error, "");
	begin(false);
	finished();
	ck_assert_uint_eq(edge.n, 1);
	ck_assert_uint_eq(inside.calls, 1);
	ck_assert(!changed);
	ck_assert(accounts_enrolled(accounts, "HUB1", &expires_s));
	ck_assert(!accounts_enrolled(accounts, "hub2", &expires_s));
	take_in("hub1");
	begin(false);
	finished();
	ck_assert_uint_eq(edge.n, 1);
	ck_assert_uint_eq(inside.calls, 1);
}
END_TEST

/* What never comes back was not written, or is gone. */
START_TEST(written_and_never_seen)
{
	begin(false);
	await_inside(1);
	answer_inside(LDAP_SUCCESS);
	finished();
	clock_ahead_ms += 61 * 1000;
	begin(false);
	await_inside(2);
	ck_assert(is_there("hub1.2"));
	answer_inside(LDAP_SUCCESS);
	finished();
}
END_TEST

/* --- what is refused --- */

/* Nobody would know its secret. */
START_TEST(refused_inside)
{
	begin(false);
	await_inside(1);
	ck_assert_uint_eq(edge.n, 1);
	answer_inside(HOME_FAILED);
	finished();
	ck_assert_uint_eq(edge.n, 0);
	ck_assert_msg(strstr(error, "the credential for hub1 cannot be written inside: the answer")
		!= NULL, "%s", error);
	ck_assert_uint_eq(made, 0);
	ck_assert(!changed);
}
END_TEST

/* It may have been written: the account stays, and there is no second one meanwhile. */
START_TEST(nobody_knows_inside)
{
	begin(false);
	await_inside(1);
	answer_inside(HOME_UNCLEAR);
	finished();
	ck_assert(is_there("hub1.1"));
	ck_assert_msg(strstr(error, "nobody knows whether") != NULL, "%s", error);
	ck_assert_uint_eq(made, 0);
	begin(false);
	finished();
	ck_assert_uint_eq(edge.adds, 1);
	/* it was */
	take_in("hub1");
	begin(false);
	finished();
	ck_assert_uint_eq(edge.adds, 1);
	ck_assert(is_there("hub1.1"));
}
END_TEST

START_TEST(name_is_taken)
{
	edge.add_codes[0] = edge.add_codes[1] = LDAP_ALREADY_EXISTS;
	begin(false);
	await_inside(1);
	ck_assert(is_there("hub1.3"));
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_str_eq(error, "");
}
END_TEST

START_TEST(all_names_are_taken)
{
	size_t i;

	for (i = 0; i < MANY; i++)
		edge.add_codes[i] = LDAP_ALREADY_EXISTS;
	begin(false);
	finished();
	ck_assert_msg(strstr(error, "the edge refuses an account for hub1") != NULL, "%s", error);
	ck_assert_uint_eq(edge.adds, 11);
}
END_TEST

/* What cannot be done for one is done for the other. */
START_TEST(one_is_refused)
{
	edge.add_codes[0] = LDAP_UNWILLING_TO_PERFORM;
	sealed.n_hubs = 2;
	begin(false);
	await_inside(1);
	ck_assert(is_there("hub2.1"));
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_msg(strstr(error, "the edge refuses an account for hub1") != NULL, "%s", error);
	ck_assert(changed);
}
END_TEST

START_TEST(one_cannot_be_sealed_to)
{
	hubs[0].sealable = false;
	hubs[0].trouble = "a key of stone";
	sealed.n_hubs = 2;
	begin(false);
	await_inside(1);
	ck_assert(is_there("hub2.1"));
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_str_eq(error, "no account can be made for hub1: a key of stone");
}
END_TEST

/* Whose the accounts are is written before one is made or deleted. */
START_TEST(claimed)
{
	claim = "cn=Paris,cn=Sites";
	begin(false);
	claim = NULL;
	await_inside(1);
	ck_assert_str_eq(inside.attr, "hubSyncSite");
	ck_assert_int_eq(inside.how, DIRECTORY_REPLACE);
	ck_assert_uint_eq(inside.n, 1);
	ck_assert_int_eq(memcmp(inside.values[0], "cn=Paris,cn=Sites", inside.sizes[0]), 0);
	ck_assert_uint_eq(edge.adds, 0);
	answer_inside(_i == 0 ? LDAP_SUCCESS : LDAP_INSUFFICIENT_ACCESS);
	await_inside(2);
	ck_assert_str_eq(inside.attr, "hubCredential");
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_str_eq(error, _i == 0 ? "" : "it cannot be written inside that the hubs of Paris "
		"have the edge now: the answer");
}
END_TEST

/* The edge has been moved, and those that are to have it cannot. */
START_TEST(nobody_to_hand_it_to)
{
	hubs[0].former = true;
	former = true;
	sealed.n_hubs = 2;
	hubs[1].sealable = false;
	begin(false);
	former = false;
	await_inside(1);
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_str_eq(error, "it cannot be handed over to site Paris, none of whose hubs is "
		"enabled and has a hubCertificate to seal an account to");
	ck_assert(!is_there("hub2.1"));
}
END_TEST

/* Its administrator ends the subscription: he finds no new accounts. */
START_TEST(not_subscribed)
{
	edge.subscribed = "FALSE";
	begin(false);
	finished();
	ck_assert_str_eq(error, "the edge is not subscribed any more");
	ck_assert_uint_eq(edge.adds, 0);
}
END_TEST

/* --- values inside --- */

START_TEST(values_of_no_account)
{
	static const unsigned char stale[] = "stale";

	begin(false);
	await_inside(1);
	answer_inside(LDAP_SUCCESS);
	finished();
	take_in("hub1");
	blobs[sealed.n] = (struct blob){ stale, 5 };
	values[sealed.n] = (struct account_value){ .hub = "hub1" };
	sealed_digest(&blobs[sealed.n], values[sealed.n].digest);
	sealed.n++;
	begin(false);
	await_inside(2);
	ck_assert_int_eq(inside.how, DIRECTORY_DELETE);
	ck_assert_uint_eq(inside.n, 1);
	ck_assert_uint_eq(inside.sizes[0], 5);
	/* somebody else was quicker */
	answer_inside(LDAP_NO_SUCH_ATTRIBUTE);
	finished();
	ck_assert_str_eq(error, "");
	ck_assert(is_there("hub1.1"));
}
END_TEST

/* --- the first account --- */

/* Those of ours that are there are dead: else we would not come with the bootstrap account. */
START_TEST(enrolment)
{
	put_account("bootstrap.ab", NULL, clock_wall_s() + 3600);
	put_account("hub1.7", "hub1", clock_wall_s() + 3600);
	put_account("hub2.1", "hub2", clock_wall_s() + 3600);
	sealed.n_hubs = 2;
	begin(true);
	await_inside(1);
	ck_assert(!is_there("hub1.7"));
	ck_assert(is_there("hub2.1"));
	ck_assert(is_there("bootstrap.ab"));
	ck_assert(is_there("hub1.8"));
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_uint_eq(made, 1);
	ck_assert_uint_eq(edge.adds, 1);
	ck_assert(is_there("bootstrap.ab"));
}
END_TEST

/* --- an edge that takes its time, or shows too much --- */

static bool is_searched(void *ctx)
{
	(void)ctx;
	return edge.search.id != 0;
}

static void show_stranger(size_t i)
{
	const char *const attrs[] = { "hubAccountServer", "hub1", NULL };
	char dn[100];

	snprintf(dn, sizeof(dn), "cn=hub1.%zu" BELOW, i);
	ldap_peer_entry(&peer, edge.search.id, dn, attrs);
}

static bool is_abandoned(void *ctx)
{
	(void)ctx;
	return edge.abandons == 1;
}

static void makes_no_sense(const char *why)
{
	char text[200];

	finished();
	snprintf(text, sizeof(text), "the accounts on the edge make no sense: %s", why);
	ck_assert_str_eq(error, text);
	AWAIT(loop, is_abandoned, NULL, PATIENCE_MS);
	ck_assert_uint_eq(edge.adds, 0);
}

START_TEST(too_slow)
{
	edge.hold_search = true;
	begin(false);
	AWAIT(loop, is_searched, NULL, PATIENCE_MS);
	show_stranger(1);
	clock_ahead_ms += 61 * 1000;
	show_stranger(2);
	makes_no_sense("they come too slowly");
}
END_TEST

START_TEST(slow)
{
	edge.hold_search = true;
	begin(false);
	AWAIT(loop, is_searched, NULL, PATIENCE_MS);
	clock_ahead_ms += 58 * 1000;
	show_all(&edge.search);
	await_inside(1);
	answer_inside(LDAP_SUCCESS);
	finished();
	ck_assert_str_eq(error, "");
}
END_TEST

START_TEST(too_many)
{
	size_t i;

	edge.hold_search = true;
	begin(false);
	AWAIT(loop, is_searched, NULL, PATIENCE_MS);
	for (i = 0; i <= ACCOUNTS_MAX; i++)
		show_stranger(i);
	makes_no_sense("there are too many");
}
END_TEST

START_TEST(cancelled)
{
	begin(false);
	await_inside(1);
	accounts_cancel(accounts);
	ck_assert(!accounts_busy(accounts));
	ck_assert_uint_eq(inside.forgotten, 1);
	ck_assert(!done);
	edge.hold_search = true;
	edge.search.id = 0;
	begin(false);
	AWAIT(loop, is_searched, NULL, PATIENCE_MS);
	accounts_cancel(accounts);
	AWAIT(loop, is_abandoned, NULL, PATIENCE_MS);
	ck_assert_uint_eq(inside.forgotten, 1);
	ck_assert(!done);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("accounts");

	tcase_set_timeout(tc, 100);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, first_account);
	tcase_add_test(tc, account_of_another_hub);
	tcase_add_test(tc, written_and_not_seen_yet);
	tcase_add_test(tc, written_and_never_seen);
	tcase_add_test(tc, refused_inside);
	tcase_add_test(tc, nobody_knows_inside);
	tcase_add_test(tc, name_is_taken);
	tcase_add_test(tc, all_names_are_taken);
	tcase_add_test(tc, one_is_refused);
	tcase_add_test(tc, one_cannot_be_sealed_to);
	tcase_add_loop_test(tc, claimed, 0, 2);
	tcase_add_test(tc, nobody_to_hand_it_to);
	tcase_add_test(tc, not_subscribed);
	tcase_add_test(tc, values_of_no_account);
	tcase_add_test(tc, enrolment);
	tcase_add_test(tc, too_slow);
	tcase_add_test(tc, slow);
	tcase_add_test(tc, too_many);
	tcase_add_test(tc, cancelled);
	return unit_run("accounts", &tc, 1);
}
