/* test_clearing.c - edgesyncd/clearing.c against a socket: in which order an edge is cleared, and
 * edges that show nonsense meanwhile.
 */
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "edgesyncd/clearing.h"
#include "ldap_peer.h"
#include "libhub/base/mem.h"
#include "stepped_clock.h"
#include "unit.h"

#define BASE "cn=Transport,o=Edge"
#define ACCOUNTS "cn=Sync Accounts," BASE
#define BOUND "cn=hub1.1,cn=sync accounts,cn=transport,o=edge"

enum { LONG_DN = 2000, MANY_BUCKETS = 120, MINUTE_MS = 60 * 1000 };

static struct loop *loop;
static struct ldap_peer peer;
static struct directory_config config;
static struct directory_connection *connection;
static struct clearing *clearing;
static void (*show)(int id);		/* what a search is answered with */
static struct ldap_request search;	/* the last one */
static bool ready, done;
static char error[300];
static int modified;
static int mentions;			/* of hubPostmaster in that */
static int codes[200];			/* of deletes, by their number */
static char writes[20000];		/* one line each, as they came */
static size_t deletes, outstanding, most, lasts;
static bool hold_back;			/* no answer to deletes for now */
static struct ldap_request held_back[200];

static void send_entry(int id, const char *dn, const char *class)
{
	const char *const attrs[] = { "objectClass", class, "hubPostmaster", "a@b.example", NULL };

	ldap_peer_entry(&peer, id, dn, attrs);
}

static void end_search(void)
{
	ldap_peer_answer(&peer, &search, LDAP_SUCCESS);
}

static void note(const char *what, const char *dn)
{
	size_t n = strlen(writes);

	snprintf(writes + n, sizeof(writes) - n, "%s %.*s\n", what, (int)strcspn(dn, ","), dn);
}

static void note_modify(const struct ldap_request *r)
{
	size_t i;

	modified++;
	note(r->n > 0 ? r->changes[0].attr : "?", r->dn);
	for (i = 0; i < r->n; i++)
		mentions += strcmp(r->changes[i].attr, "hubPostmaster") == 0;
	ldap_peer_answer(&peer, r, LDAP_SUCCESS);
}

static void on_request(const struct ldap_request *r, void *ctx)
{
	(void)ctx;
	if (r->op == LDAP_REQ_SEARCH) {
		search = *r;
		show(r->id);
	} else if (r->op == LDAP_REQ_MODIFY) {
		note_modify(r);
	} else if (r->op == LDAP_REQ_DELETE) {
		note("delete", r->dn);
		if (++outstanding > most)
			most = outstanding;
		held_back[deletes++] = *r;
		if (hold_back)
			return;
		outstanding--;
		ldap_peer_answer(&peer, r, codes[deletes - 1]);
	}
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

static void on_last(void *ctx)
{
	(void)ctx;
	lasts++;
	note("last", "");
}

static void on_done(const char *text, void *ctx)
{
	(void)ctx;
	done = true;
	snprintf(error, sizeof(error), "%s", text != NULL ? text : "");
}

static bool is_ready(void *ctx)
{
	(void)ctx;
	return ready;
}

static bool is_done(void *ctx)
{
	(void)ctx;
	return done;
}

static void set_up(void)
{
	static const struct directory_callbacks callbacks = { on_ready, on_lost };

	ready = done = hold_back = false;
	modified = mentions = 0;
	deletes = outstanding = most = lasts = 0;
	writes[0] = '\0';
	clock_ahead_ms = 0;
	memset(codes, 0, sizeof(codes));
	loop = loop_new("test");
	ldap_peer_open(&peer, loop, NULL, on_request, NULL);
	connection = directory_open(loop, NULL, &config, peer.uri, false, 0, &callbacks, NULL);
	AWAIT(loop, is_ready, NULL, PATIENCE_MS);
}

static void tear_down(void)
{
	if (!done)
		clearing_cancel(&clearing);
	directory_close(&connection);
	ldap_peer_close(&peer);
	loop_free(&loop);
}

static void begin(void (*how)(int id))
{
	static const struct clearing_callbacks callbacks = { on_last, on_done };

	show = how;
	clearing = clearing_start(loop, connection, BASE, BOUND, &callbacks, NULL);
}

static void clear(void (*how)(int id))
{
	begin(how);
	AWAIT(loop, is_done, NULL, PATIENCE_MS);
}

static void fails(void (*how)(int id), const char *text)
{
	clear(how);
	ck_assert_msg(strstr(error, text) != NULL, "%s", error);
	ck_assert_int_eq(modified, 0);
}

/* No result ever comes. */
static void show_foreign(int id)
{
	send_entry(id, "cn=x,o=Elsewhere", "hubRemoteDomain");
}

START_TEST(foreign)
{
	fails(show_foreign, "it shows entries that do not belong there");
}
END_TEST

static char *long_dn(size_t size, int number)
{
	char *dn = xmalloc(size + 100);
	int n = snprintf(dn, size, "cn=%d", number);

	memset(dn + n, 'x', size - (size_t)n);
	strcpy(dn + size, ",cn=Remote Domains," BASE);
	return dn;
}

static void show_long(int id)
{
	char *dn = long_dn(5000, 1);

	send_entry(id, dn, "hubRemoteDomain");
	free(dn);
}

START_TEST(long_name)
{
	fails(show_long, "it shows entries that do not belong there");
}
END_TEST

static void show_many(int id)
{
	char *dn;
	int i;

	for (i = 0; i < 35000; i++) {
		dn = long_dn(LONG_DN, i);
		send_entry(id, dn, "hubRemoteDomain");
		free(dn);
	}
}

START_TEST(many_long_names)
{
	fails(show_many, "it shows too many entries");
}
END_TEST

static void show_twice(int id)
{
	int i;

	for (i = 0; i < 100; i++)
		send_entry(id, BASE, "hubOrganization");
	end_search();
}

START_TEST(organization_again_and_again)
{
	clear(show_twice);
	ck_assert_str_eq(error, "");
	/* the organization's own, then twice the state */
	ck_assert_int_eq(modified, 3);
	ck_assert_int_eq(mentions, 1);
}
END_TEST

/* --- in order --- */

static void show_all(int id)
{
	send_entry(id, BASE, "hubOrganization");
	send_entry(id, ACCOUNTS, "hubContainer");
	send_entry(id, "cn=hub2.1," ACCOUNTS, "hubSyncAccount");
	send_entry(id, "cn=hub1.1," ACCOUNTS, "hubSyncAccount");
	send_entry(id, "cn=Connectors," BASE, "hubContainer");
	send_entry(id, "cn=Parent,cn=Connectors," BASE, "hubContainer");
	send_entry(id, "cn=Child,cn=Parent,cn=Connectors," BASE, "hubSendConnector");
	send_entry(id, "cn=Recipients," BASE, "hubContainer");
	send_entry(id, "cn=0fa,cn=Recipients," BASE, "hubRecipientBucket");
	send_entry(id, "cn=Configuration,cn=Push," BASE, "hubPushMarker");
	send_entry(id, "cn=Edge State," BASE, "hubEdgeState");
	send_entry(id, "cn=Door,cn=Edge1,cn=Servers," BASE, "hubReceiveConnector");
	end_search();
}

/* Ours is the last, after the lease; what is the edge's own stays. */
START_TEST(all_of_it)
{
	clear(show_all);
	ck_assert_str_eq(error, "");
	ck_assert_str_eq(writes,
		"delete cn=Child\n"
		"delete cn=Parent\ndelete cn=0fa\ndelete cn=Configuration\n"
		"hubPostmaster cn=Transport\n"
		"hubSubscribed cn=Edge State\n"
		"delete cn=hub2.1\n"
		"last \n"
		"hubLeaseHolder cn=Edge State\n"
		"delete cn=hub1.1\n");
	ck_assert_uint_eq(lasts, 1);
}
END_TEST

static bool one_is_held_back(void *ctx)
{
	(void)ctx;
	return outstanding > 0;
}

/* What stands above is asked for when all below it is gone. */
START_TEST(children_first)
{
	hold_back = true;
	begin(show_all);
	AWAIT(loop, one_is_held_back, NULL, PATIENCE_MS);
	event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	ck_assert_str_eq(writes, "delete cn=Child\n");
	hold_back = false;
	outstanding = 0;
	ldap_peer_answer(&peer, &held_back[0], LDAP_SUCCESS);
	AWAIT(loop, is_done, NULL, PATIENCE_MS);
	ck_assert_uint_eq(deletes, 6);
}
END_TEST

/* What went before us, and a container that holds what is not ours, are no trouble. */
START_TEST(gone_already)
{
	codes[0] = LDAP_NO_SUCH_OBJECT;
	codes[1] = LDAP_NOT_ALLOWED_ON_NONLEAF;
	clear(show_all);
	ck_assert_str_eq(error, "");
	ck_assert_uint_eq(deletes, 6);
}
END_TEST

START_TEST(refused)
{
	codes[2] = LDAP_INSUFFICIENT_ACCESS;
	clear(show_all);
	ck_assert_msg(strstr(error, "the edge cannot be cleared: ") == error, "%s", error);
	ck_assert_int_eq(modified, 0);
	ck_assert_uint_eq(lasts, 0);
}
END_TEST

static void show_buckets(int id)
{
	char dn[100];
	int i;

	for (i = 0; i < MANY_BUCKETS; i++) {
		snprintf(dn, sizeof(dn), "cn=%03x,cn=Recipients," BASE, i);
		send_entry(id, dn, "hubRecipientBucket");
	}
	end_search();
}

static bool fifty_are_held_back(void *ctx)
{
	(void)ctx;
	return outstanding == 50;
}

/* Many at a time, but not all. */
START_TEST(many_at_a_time)
{
	size_t i;

	hold_back = true;
	begin(show_buckets);
	AWAIT(loop, fifty_are_held_back, NULL, PATIENCE_MS);
	event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	ck_assert_uint_eq(outstanding, 50);
	hold_back = false;
	outstanding = 0;
	for (i = 0; i < 50; i++)
		ldap_peer_answer(&peer, &held_back[i], LDAP_SUCCESS);
	AWAIT(loop, is_done, NULL, PATIENCE_MS);
	ck_assert_str_eq(error, "");
	ck_assert_uint_eq(deletes, MANY_BUCKETS);
	ck_assert_uint_le(most, 50);
}
END_TEST

/* --- in time --- */

static void show_first(int id)
{
	send_entry(id, "cn=001,cn=Recipients," BASE, "hubRecipientBucket");
}

static bool is_asked(void *ctx)
{
	(void)ctx;
	return search.id != 0;
}

/* It may take long, but not for ever. */
START_TEST(slow_search)
{
	search.id = 0;
	begin(show_first);
	AWAIT(loop, is_asked, NULL, PATIENCE_MS);
	clock_ahead_ms += 4 * MINUTE_MS;
	show_first(search.id);
	end_search();
	AWAIT(loop, is_done, NULL, PATIENCE_MS);
	ck_assert_str_eq(error, "");
	done = false;
	search.id = 0;
	begin(show_first);
	AWAIT(loop, is_asked, NULL, PATIENCE_MS);
	clock_ahead_ms += 6 * MINUTE_MS;
	show_first(search.id);
	AWAIT(loop, is_done, NULL, PATIENCE_MS);
	ck_assert_msg(strstr(error, "takes too long to show its entries") != NULL, "%s", error);
}
END_TEST

/* Nobody hears of what was under way. */
START_TEST(cancelled)
{
	hold_back = true;
	begin(show_all);
	AWAIT(loop, one_is_held_back, NULL, PATIENCE_MS);
	clearing_cancel(&clearing);
	ck_assert_ptr_null(clearing);
	ldap_peer_answer(&peer, &held_back[0], LDAP_SUCCESS);
	event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	ck_assert(!done);
	ck_assert_uint_eq(deletes, 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("clearing");

	tcase_set_timeout(tc, 100);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, foreign);
	tcase_add_test(tc, long_name);
	tcase_add_test(tc, many_long_names);
	tcase_add_test(tc, organization_again_and_again);
	tcase_add_test(tc, all_of_it);
	tcase_add_test(tc, children_first);
	tcase_add_test(tc, gone_already);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, many_at_a_time);
	tcase_add_test(tc, slow_search);
	tcase_add_test(tc, cancelled);
	return unit_run("clearing", &tc, 1);
}
