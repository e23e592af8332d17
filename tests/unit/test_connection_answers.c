/* test_connection_answers.c - servers that answer with what does not fit the request, or with what
 * is no result: libhub/directory/connection against a few bytes from a socket.
 */
#include <event2/bufferevent.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "ldap_peer.h"
#include "libhub/base/mem.h"
#include "libhub/directory/connection.h"
#include "unit.h"

enum { NUMBER = 4 };			/* where the message id stands in answers */
enum kind { BIND, SEARCH, WATCH, ADD, MODIFY, DELETE, KINDS };

struct bytes {
	const char *data;
	size_t size;
};

/* One message each; the id is put in. */
#define BYTES(text) { text, sizeof(text) - 1 }
#define RESULT(tag) BYTES("\x30\x0c\x02\x01?" tag "\x07\x0a\x01\x00\x04\x00\x04\x00")
static const struct bytes entry = BYTES("\x30\x09\x02\x01?\x64\x04\x04\x00\x30\x00");
static const struct bytes reference = BYTES("\x30\x0b\x02\x01?\x73\x06\x04\x04ldap");
static const struct bytes intermediate = BYTES("\x30\x07\x02\x01?\x79\x02\x81\x00");
static const struct bytes results[KINDS] = {
	RESULT("\x61"), RESULT("\x65"), RESULT("\x65"), RESULT("\x69"), RESULT("\x67"),
	RESULT("\x6b"),
};
/* of an add */
static const struct bytes minus_one =
	BYTES("\x30\x0c\x02\x01?\x69\x07\x0a\x01\xff\x04\x00\x04\x00");
static const struct bytes very_low =
	BYTES("\x30\x0f\x02\x01?\x69\x0a\x0a\x04\x80\x00\x00\x00\x04\x00\x04\x00");
static const struct bytes no_result = BYTES("\x30\x05\x02\x01?\x69\x00");
static const struct bytes unknown = BYTES("\x30\x0c\x02\x01?\x69\x07\x0a\x01\x7b\x04\x00\x04\x00");

static struct loop *loop;
static struct ldap_peer peer;
static const struct bytes *says[2];	/* to every request */
static struct directory_config config;
static struct directory_connection *connection;
static bool ready;
static int lost, messages, last_code;	/* -1 = lost */
static char lost_text[400], last_text[200];

static void on_request(const struct ldap_request *r, void *ctx)
{
	char answer[32];
	size_t i;

	(void)ctx;
	for (i = 0; i < 2 && says[i] != NULL; i++) {
		memcpy(answer, says[i]->data, says[i]->size);
		answer[NUMBER] = (char)r->id;
		bufferevent_write(peer.bev, answer, says[i]->size);
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
	lost++;
	snprintf(lost_text, sizeof(lost_text), "%s", text);
}

static void on_message(LDAP *ld, LDAPMessage *m, void *ctx)
{
	int type = m != NULL ? ldap_msgtype(m) : 0;

	(void)ctx;
	messages++;
	if (m == NULL)
		last_code = -1;
	else if (type != LDAP_RES_SEARCH_ENTRY && type != LDAP_RES_SEARCH_REFERENCE &&
		 type != LDAP_RES_INTERMEDIATE)
		last_code = directory_result(ld, m, last_text, sizeof(last_text));
}

static bool is_ready(void *ctx)
{
	(void)ctx;
	return ready;
}

static bool is_over(void *ctx)
{
	(void)ctx;
	return lost > 0 || last_code != -2;
}

static void set_up(void)
{
	static const struct directory_callbacks callbacks = { on_ready, on_lost };

	ready = false;
	lost = messages = 0;
	last_code = -2;
	lost_text[0] = '\0';
	memset(says, 0, sizeof(says));
	loop = loop_new("test");
	ldap_peer_open(&peer, loop, NULL, on_request, NULL);
	connection = directory_open(loop, NULL, &config, peer.uri, false, 0, &callbacks, NULL);
	AWAIT(loop, is_ready, NULL, PATIENCE_MS);
}

static void tear_down(void)
{
	directory_close(&connection);
	ldap_peer_close(&peer);
	loop_free(&loop);
}

static int search(bool watch)
{
	LDAPControl control = { (char *)(uintptr_t)LDAP_CONTROL_SYNC, { 0, NULL }, 0 };
	LDAPControl *controls[] = { &control, NULL };
	struct directory_query q = { .base = "o=x", .filter = "(cn=*)",
		.controls = watch ? controls : NULL };

	return directory_search(connection, &q, on_message, NULL, NULL);
}

static int ask(enum kind kind)
{
	static const struct directory_change gone = { DIRECTORY_DELETE, "cn", NULL, 0 };
	struct entry e = { .dn = "o=x" };

	switch (kind) {
	case BIND:
		return directory_bind(connection, "o=x", "secret", on_message, NULL, NULL);
	case SEARCH:
	case WATCH:
		return search(kind == WATCH);
	case ADD:
		return directory_add(connection, &e, NULL, on_message, NULL, NULL);
	case MODIFY:
		return directory_modify(connection, "o=x", &gone, 1, NULL, on_message, NULL, NULL);
	default:
		return directory_delete(connection, "o=x", NULL, on_message, NULL, NULL);
	}
}

static void answered(enum kind kind, const struct bytes *first, const struct bytes *second)
{
	says[0] = first;
	says[1] = second;
	ck_assert_int_ge(ask(kind), 0);
	AWAIT(loop, is_over, NULL, PATIENCE_MS);
}

/* Heard once, as the loss of the connection; what follows is not heard any more. */
static void loses(enum kind kind, const struct bytes *first, const char *text)
{
	answered(kind, first, &results[kind]);
	ck_assert_msg(lost == 1, "answer %d to request %d is taken", first->data[5] & 0xff, kind);
	ck_assert_int_eq(messages, 1);
	ck_assert_int_eq(last_code, -1);
	ck_assert_msg(strstr(lost_text, text) != NULL, "%s", lost_text);
	tear_down();
	set_up();
}

START_TEST(fitting)
{
	int kind;

	for (kind = 0; kind < KINDS; kind++) {
		last_code = -2;
		answered(kind, &results[kind], NULL);
		ck_assert_msg(lost == 0 && last_code == LDAP_SUCCESS, "%d: %s", kind, lost_text);
	}
	ck_assert_int_eq(messages, KINDS);
}
END_TEST

START_TEST(not_of_a_search)
{
	static const enum kind kinds[] = { BIND, ADD, MODIFY, DELETE };
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		loses(kinds[i], &entry, "\" with \"entry\"");
		loses(kinds[i], &reference, "\" with \"reference\"");
		loses(kinds[i], &intermediate, "\" with \"intermediate response\"");
	}
}
END_TEST

START_TEST(of_a_search)
{
	answered(SEARCH, &entry, &results[SEARCH]);
	ck_assert_int_eq(messages, 2);
	last_code = -2;
	answered(SEARCH, &reference, &results[SEARCH]);
	ck_assert_int_eq(messages, 4);
	last_code = -2;
	answered(WATCH, &intermediate, &results[WATCH]);
	ck_assert_int_eq(messages, 6);
	ck_assert_int_eq(lost, 0);
	messages = 0;
	last_code = -2;
	loses(SEARCH, &intermediate, "of type \"search\" with \"intermediate response\"");
}
END_TEST

START_TEST(result_of_another_kind)
{
	int asked, got;

	for (asked = 0; asked < KINDS; asked++)
		for (got = 0; got < KINDS; got++)
			if (results[asked].data[5] != results[got].data[5])
				loses(asked, &results[got], "the server answers a request of type");
}
END_TEST

/* -1 would be a lost connection to some. */
START_TEST(no_results)
{
	static const struct bytes *const all[] = { &minus_one, &very_low, &no_result };
	size_t i;

	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		last_code = -2;
		answered(ADD, all[i], NULL);
		ck_assert_msg(lost > 0 || last_code == LDAP_OTHER, "%zu: %d", i, last_code);
		tear_down();
		set_up();
	}
	answered(ADD, &unknown, NULL);
	ck_assert_int_eq(last_code, 0x7b);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("connection_answers");

	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, fitting);
	tcase_add_test(tc, not_of_a_search);
	tcase_add_test(tc, of_a_search);
	tcase_add_test(tc, result_of_another_kind);
	tcase_add_test(tc, no_results);
	return unit_run("connection_answers", &tc, 1);
}
