/* test_connection.c - writes, pinned keys and silent servers: libhub/directory/connection against a
 * real slapd.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "await.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/directory/connection.h"
#include "libhub/directory/sync.h"
#include "libhub/tls/pin.h"
#include "slapd.h"
#include "unit.h"

enum { SKIPPED = 77, MANY = 100 };

static const char data[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: cn=one,o=x\nobjectClass: device\ncn: one\ndescription: first\n\n";

struct answer {
	int calls;
	int code;			/* -1 = the connection was lost */
	char text[200];
	char read[100];			/* description after the write */
	bool has_csn;
};

static struct loop *loop;
static struct slapd server;
static char pin[TLS_PIN_SIZE];
static const char *pins[3];
static struct directory_config config;
static struct directory_connection *connection;
static bool ready;
static int lost;
static char lost_text[400];
static struct answer answers[MANY];

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

static const struct directory_callbacks callbacks = { on_ready, on_lost };

static void on_answer(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct arena *arena = arena_new();
	struct answer *a = ctx;
	struct draft draft;

	a->calls++;
	a->code = m != NULL ? directory_result(ld, m, a->text, sizeof(a->text)) : -1;
	draft_init(&draft, arena);
	if (m != NULL && directory_post_read(ld, m, &draft, NULL) == 0) {
		const struct entry *e = draft_entry(&draft);
		const char *text = entry_text(e, "description");

		snprintf(a->read, sizeof(a->read), "%s", text != NULL ? text : "");
		a->has_csn = entry_text(e, "entryCSN") != NULL;
	}
	arena_free(&arena);
}

static bool is_answered(void *ctx)
{
	return ((struct answer *)ctx)->calls > 0;
}

static bool is_settled(void *ctx)
{
	(void)ctx;
	return ready || lost > 0;
}

static bool is_lost(void *ctx)
{
	(void)ctx;
	return lost > 0;
}

static void set_up(void)
{
	char path[60];

	memset(answers, 0, sizeof(answers));
	ready = false;
	lost = 0;
	loop = loop_new("test");
	slapd_make(&server, data, true);
	slapd_start(&server);
	snprintf(path, sizeof(path), "%s/server.pem", server.dir);
	ck_assert_int_eq(tls_pin_of_file(path, pin, NULL), 0);
	pins[0] = "sha256:0000000000000000000000000000000000000000000000000000000000000000";
	pins[1] = pin;
	pins[2] = NULL;
	config = (struct directory_config){
		.bind_dn = SLAPD_ADMIN, .password_file = server.password_file, .pins = pins,
	};
}

static void tear_down(void)
{
	directory_close(&connection);
	loop_free(&loop);
	slapd_remove(&server);
}

static void open_it(void)
{
	connection = directory_open(loop, NULL, &config, server.ldaps, true, 0, &callbacks, NULL);
	AWAIT(loop, is_settled, NULL, PATIENCE_MS);
}

static void open_well(void)
{
	open_it();
	ck_assert_msg(ready, "%s", lost_text);
}

static struct blob blob(const char *text)
{
	return (struct blob){ (const unsigned char *)text, strlen(text) };
}

static int add(const char *dn, const char *cn, struct answer *a)
{
	struct blob class = blob("device"), name = blob(cn);
	struct entry_attr attrs[] = { { "objectClass", &class, 1 }, { "cn", &name, 1 } };
	struct entry e = { .dn = dn, .attrs = attrs, .n = 2 };

	return directory_add(connection, &e, NULL, on_answer, a, NULL);
}

static int describe(const char *text, const char *assertion, struct answer *a)
{
	static const char *const wanted[] = { "description", "entryCSN", NULL };
	struct blob value = blob(text);
	struct directory_change change = { DIRECTORY_REPLACE, "description", &value, 1 };
	struct directory_extras extras = { assertion, wanted };

	return directory_modify(connection, "cn=one,o=x", &change, 1, &extras, on_answer, a, NULL);
}

static void expect(struct answer *a, int code)
{
	AWAIT(loop, is_answered, a, PATIENCE_MS);
	ck_assert_msg(a->code == code, "%d: %s", a->code, a->text);
	ck_assert_int_eq(a->calls, 1);
}

START_TEST(writes)
{
	static const struct directory_change gone = { DIRECTORY_DELETE, "description", NULL, 0 };

	open_well();
	ck_assert_int_ge(add("cn=two,o=x", "two", &answers[0]), 0);
	expect(&answers[0], LDAP_SUCCESS);
	ck_assert_int_ge(add("cn=two,o=x", "two", &answers[1]), 0);
	expect(&answers[1], LDAP_ALREADY_EXISTS);
	ck_assert_int_ge(describe("second", NULL, &answers[2]), 0);
	expect(&answers[2], LDAP_SUCCESS);
	ck_assert_str_eq(answers[2].read, "second");
	ck_assert(answers[2].has_csn);
	ck_assert_int_ge(directory_modify(connection, "cn=one,o=x", &gone, 1, NULL, on_answer,
		&answers[3], NULL), 0);
	expect(&answers[3], LDAP_SUCCESS);
	ck_assert_int_ge(directory_delete(connection, "cn=two,o=x", NULL, on_answer, &answers[4],
		NULL), 0);
	expect(&answers[4], LDAP_SUCCESS);
	ck_assert_int_ge(directory_delete(connection, "cn=two,o=x", NULL, on_answer, &answers[5],
		NULL), 0);
	expect(&answers[5], LDAP_NO_SUCH_OBJECT);
}
END_TEST

START_TEST(assertions)
{
	struct err e = { 0 };

	open_well();
	ck_assert_int_ge(describe("second", "(description=first)", &answers[0]), 0);
	expect(&answers[0], LDAP_SUCCESS);
	ck_assert_int_ge(describe("third", "(description=first)", &answers[1]), 0);
	expect(&answers[1], LDAP_ASSERTION_FAILED);
	ck_assert_int_ge(describe("third", "(!(serialNumber=*))", &answers[2]), 0);
	expect(&answers[2], LDAP_SUCCESS);
	ck_assert_int_eq(directory_delete(connection, "cn=one,o=x",
		&(struct directory_extras){ .assertion = "(((" }, on_answer, &answers[3], &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "((("));
	ck_assert_int_eq(answers[3].calls, 0);
}
END_TEST

START_TEST(many_at_once)
{
	char dn[MANY][40], cn[MANY][16];
	size_t i;

	open_well();
	for (i = 0; i < MANY; i++) {
		snprintf(cn[i], sizeof(cn[i]), "many%zu", i);
		snprintf(dn[i], sizeof(dn[i]), "cn=%.15s,o=x", cn[i]);
		ck_assert_int_ge(add(dn[i], cn[i], &answers[i]), 0);
	}
	for (i = 0; i < MANY; i++)
		expect(&answers[i], LDAP_SUCCESS);
}
END_TEST

START_TEST(pinned)
{
	open_well();
	ck_assert_int_gt(directory_certificate_expires(connection), clock_wall_s());
}
END_TEST

START_TEST(not_pinned)
{
	pins[1] = NULL;
	open_it();
	ck_assert(!ready);
	ck_assert_ptr_nonnull(strstr(lost_text,
		"presents a certificate that is not pinned: sha256:"));
	ck_assert_ptr_nonnull(strstr(lost_text, pin));
}
END_TEST

START_TEST(nothing_pinned)
{
	pins[0] = NULL;
	open_it();
	ck_assert(!ready);
}
END_TEST

START_TEST(silence)
{
	config.silence_ms = 300;
	open_well();
	ck_assert_int_ge(describe("second", NULL, &answers[0]), 0);
	expect(&answers[0], LDAP_SUCCESS);
	slapd_signal(&server, SIGSTOP);
	ck_assert_int_ge(describe("third", NULL, &answers[1]), 0);
	AWAIT(loop, is_lost, NULL, PATIENCE_MS);
	slapd_signal(&server, SIGCONT);
	ck_assert_int_eq(answers[1].calls, 1);
	ck_assert_int_eq(answers[1].code, -1);
	ck_assert_int_eq(lost, 1);
	ck_assert_ptr_nonnull(strstr(lost_text, "no answer within 300 ms"));
}
END_TEST

static void on_persistent(LDAP *ld, LDAPMessage *m, void *ctx)
{
	(void)ld;
	*(int *)ctx += m != NULL;
}

static bool has_told(void *ctx)
{
	return *(int *)ctx >= 2;
}

/* All but one are answered all the time: a search that never ends is told by its own silence. */
START_TEST(one_search_without_end)
{
	LDAPControl *controls[] = { sync_request_new(NULL), NULL };
	const struct directory_query q = { .base = "o=x", .scope = LDAP_SCOPE_SUBTREE,
		.filter = "(objectClass=*)", .controls = controls };
	int messages = 0, answered;

	config.answer_ms = 500;
	open_well();
	ck_assert_int_ge(directory_search(connection, &q, on_persistent, &messages, NULL), 0);
	AWAIT(loop, has_told, &messages, PATIENCE_MS);
	for (answered = 0; lost == 0; answered++) {
		memset(&answers[0], 0, sizeof(answers[0]));
		ck_assert_int_ge(add("o=x", "x", &answers[0]), 0);
		AWAIT(loop, is_answered, &answers[0], PATIENCE_MS);
	}
	ck_assert_int_ge(answered, 2);
	ck_assert_ptr_nonnull(strstr(lost_text, "a request had no answer within 500 ms"));
	ldap_control_free(controls[0]);
}
END_TEST

/* But one that has messages, or is answered, is not lost, however long others take. */
START_TEST(answers_in_time)
{
	uint64_t end = clock_mono_ms() + 1000;

	config.answer_ms = 500;
	open_well();
	while (clock_mono_ms() < end) {
		memset(&answers[0], 0, sizeof(answers[0]));
		ck_assert_int_ge(describe("again", NULL, &answers[0]), 0);
		expect(&answers[0], LDAP_SUCCESS);
	}
	ck_assert_int_eq(lost, 0);
}
END_TEST

START_TEST(idle_is_not_silence)
{
	config.silence_ms = config.answer_ms = 100;
	open_well();
	ck_assert_int_ge(describe("second", NULL, &answers[0]), 0);
	expect(&answers[0], LDAP_SUCCESS);
	/* nothing is asked for meanwhile */
	ck_assert_int_eq(await_for(loop, is_lost, NULL, 400), -1);
	ck_assert_int_ge(describe("third", NULL, &answers[1]), 0);
	expect(&answers[1], LDAP_SUCCESS);
}
END_TEST

START_TEST(large_answers)
{
	static const char *const wanted[] = { "description", NULL };
	struct directory_extras extras = { NULL, wanted };
	char *text = xmalloc(100001);
	struct blob value = { (unsigned char *)text, 100000 };
	struct directory_change change = { DIRECTORY_REPLACE, "description", &value, 1 };

	memset(text, 'x', 100000);
	config.message_max = 50000;
	open_well();
	ck_assert_int_ge(directory_modify(connection, "cn=one,o=x", &change, 1, &extras, on_answer,
		&answers[0], NULL), 0);
	expect(&answers[0], -1);
	ck_assert_int_eq(lost, 1);
	free(text);
}
END_TEST

/* --- how a connection ends for a server that has read nothing --- */

struct end {
	bool write, abandon, wait_for_silence;
	int error;			/* of the server's socket */
};

static const struct end ends[] = {
	{ true, false, true, ECONNRESET },
	{ true, false, false, ECONNRESET },
	{ true, true, false, ECONNRESET },
	{ false, false, true, 0 },
	{ false, false, false, 0 },
};

static int listen_somewhere(char *uri, size_t size)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, len), 0);
	ck_assert_int_eq(listen(fd, 1), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	snprintf(uri, size, "ldap://127.0.0.1:%u", (unsigned int)ntohs(sin.sin_port));
	return fd;
}

static bool is_ended(void *ctx)
{
	struct pollfd p = { .fd = *(int *)ctx, .events = POLLRDHUP };

	return poll(&p, 1, 0) == 1;
}

static int ask_for(const struct end *end)
{
	struct directory_query q = { .base = "o=x", .filter = "(cn=*)" };

	return end->write ? describe("second", NULL, &answers[0]) :
		directory_search(connection, &q, on_answer, &answers[0], NULL);
}

START_TEST(ending)
{
	const struct end *end = &ends[_i];
	char uri[40];
	int listener = listen_somewhere(uri, sizeof(uri)), peer, id, error = -1;
	socklen_t len = sizeof(error);

	config = (struct directory_config){ .silence_ms = end->wait_for_silence ? 50 : 0 };
	connection = directory_open(loop, NULL, &config, uri, false, 0, &callbacks, NULL);
	AWAIT(loop, is_settled, NULL, PATIENCE_MS);
	ck_assert_msg(ready, "%s", lost_text);
	peer = accept(listener, NULL, NULL);
	id = ask_for(end);
	ck_assert_int_ge(id, 0);
	if (end->abandon)
		directory_abandon(connection, id);
	if (end->wait_for_silence)
		AWAIT(loop, is_lost, NULL, PATIENCE_MS);
	directory_close(&connection);
	AWAIT(loop, is_ended, &peer, PATIENCE_MS);
	ck_assert_int_eq(getsockopt(peer, SOL_SOCKET, SO_ERROR, &error, &len), 0);
	ck_assert_int_eq(error, end->error);
	close(peer);
	close(listener);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("connection");

	if (!slapd_available())
		return SKIPPED;
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, writes);
	tcase_add_test(tc, assertions);
	tcase_add_test(tc, many_at_once);
	tcase_add_test(tc, pinned);
	tcase_add_test(tc, not_pinned);
	tcase_add_test(tc, nothing_pinned);
	tcase_add_test(tc, silence);
	tcase_add_test(tc, one_search_without_end);
	tcase_add_test(tc, answers_in_time);
	tcase_add_test(tc, idle_is_not_silence);
	tcase_add_test(tc, large_answers);
	tcase_add_loop_test(tc, ending, 0, sizeof(ends) / sizeof(ends[0]));
	return unit_run("connection", &tc, 1);
}
