/* test_authenticate.c - libhub/directory/authenticate against a real slapd. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "libhub/directory/authenticate.h"
#include "slapd.h"
#include "unit.h"

enum { SKIPPED = 77, MANY = 200 };

static const char data[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: ou=people,o=x\nobjectClass: organizationalUnit\nou: people\n\n"
	"dn: uid=anna,ou=people,o=x\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna\nsn: A\n"
	"mail: anna@x.example\nuserPassword: open sesame\n\n"
	"dn: uid=both,ou=people,o=x\nobjectClass: inetOrgPerson\nuid: both\ncn: B\nsn: B\n"
	"userPassword: b\n\n"
	"dn: cn=other,ou=people,o=x\nobjectClass: inetOrgPerson\ncn: other\nsn: B\nmail: both\n"
	"userPassword: b\n\n"
	"dn: uid=bare,ou=people,o=x\nobjectClass: inetOrgPerson\nuid: bare\ncn: C\nsn: C\n\n"
	"dn: uid=outside,o=x\nobjectClass: inetOrgPerson\nuid: outside\ncn: D\nsn: D\n"
	"userPassword: d\n\n";

struct answer {
	int calls;
	enum authenticate_outcome outcome;
	char dn[100], mail[100], text[300];
	struct authenticator **free_it;
};

static struct loop *loop;
static struct slapd server;
static const char *uris[3];
static struct directory_config config;
static struct authenticator *authenticator;
static struct answer answers[MANY];

static void set_up(void)
{
	memset(answers, 0, sizeof(answers));
	loop = loop_new("test");
	slapd_make(&server, data, false);
	slapd_start(&server);
	uris[0] = server.ldap;
	uris[1] = NULL;
	config = (struct directory_config){
		.uris = uris, .bind_dn = SLAPD_ADMIN, .password_file = server.password_file,
	};
	authenticator = authenticator_new(loop, NULL, &config, "ou=people,o=x");
}

static void tear_down(void)
{
	authenticator_free(&authenticator);
	loop_free(&loop);
	slapd_remove(&server);
}

static void on_answer(const struct authenticate_result *r, void *ctx)
{
	struct answer *a = ctx;

	a->calls++;
	a->outcome = r->outcome;
	snprintf(a->dn, sizeof(a->dn), "%s", r->dn);
	snprintf(a->mail, sizeof(a->mail), "%s", r->mail);
	snprintf(a->text, sizeof(a->text), "%s", r->text);
	if (a->free_it != NULL)
		authenticator_free(a->free_it);
}

static bool is_answered(void *ctx)
{
	return ((struct answer *)ctx)->calls > 0;
}

static bool is_freed(void *ctx)
{
	return *(struct authenticator **)ctx == NULL;
}

static const struct answer *ask(const char *name, const char *password)
{
	struct answer *a = &answers[0];

	memset(a, 0, sizeof(*a));
	authenticate_start(authenticator, name, password, on_answer, a);
	ck_assert_int_eq(a->calls, 0);
	AWAIT(loop, is_answered, a, PATIENCE_MS);
	ck_assert_int_eq(a->calls, 1);
	return a;
}

static const struct {
	const char *name, *password;
	enum authenticate_outcome outcome;
	const char *dn, *text;
} rows[] = {
	{ "anna", "open sesame", AUTHENTICATE_OK, "uid=anna,ou=people,o=x", "bound" },
	{ "ANNA@x.example", "open sesame", AUTHENTICATE_OK, "uid=anna,ou=people,o=x", "bound" },
	{ "anna", "wrong", AUTHENTICATE_REFUSED, "uid=anna,ou=people,o=x", "Invalid credentials" },
	{ "anna", "", AUTHENTICATE_REFUSED, "", "password empty" },
	{ "", "x", AUTHENTICATE_REFUSED, "", "name empty" },
	{ "nobody", "x", AUTHENTICATE_REFUSED, "", "no entry has" },
	{ "*", "open sesame", AUTHENTICATE_REFUSED, "", "no entry has" },
	{ "a*", "open sesame", AUTHENTICATE_REFUSED, "", "no entry has" },
	{ "anna)(uid=*", "open sesame", AUTHENTICATE_REFUSED, "", "no entry has" },
	{ "both", "b", AUTHENTICATE_REFUSED, "", "more than one entry" },
	{ "outside", "d", AUTHENTICATE_REFUSED, "", "no entry has" },
	{ "bare", "x", AUTHENTICATE_REFUSED, "uid=bare,ou=people,o=x", "bind as" },
};

START_TEST(answers_by_name_and_password)
{
	const struct answer *a = ask(rows[_i].name, rows[_i].password);

	ck_assert_msg(a->outcome == rows[_i].outcome, "%d: %s", (int)a->outcome, a->text);
	ck_assert_str_eq(a->dn, rows[_i].dn);
	ck_assert_msg(strstr(a->text, rows[_i].text) != NULL, "%s", a->text);
	if (a->outcome == AUTHENTICATE_OK)
		ck_assert_str_eq(a->mail, "anna@x.example");
}
END_TEST

static const struct {
	const char *filter;
	enum authenticate_outcome outcome;
} anybody[] = {
	{ "(uid=anna)", AUTHENTICATE_OK },
	{ "(uid=*)", AUTHENTICATE_OK },
	{ "(uid=nobody)", AUTHENTICATE_REFUSED },
	{ "(uid=outside)", AUTHENTICATE_REFUSED },
	{ "(noSuchAttribute=*)", AUTHENTICATE_REFUSED },
};

START_TEST(whether_there_is_anybody)
{
	struct answer *a = &answers[0];

	memset(a, 0, sizeof(*a));
	authenticate_any_start(authenticator, anybody[_i].filter, on_answer, a);
	AWAIT(loop, is_answered, a, PATIENCE_MS);
	ck_assert_msg(a->outcome == anybody[_i].outcome, "%d: %s", (int)a->outcome, a->text);
	ck_assert_str_eq(a->dn, "");
}
END_TEST

static bool all_answered(void *ctx)
{
	int i;

	(void)ctx;
	for (i = 0; i < MANY; i++)
		if (answers[i].calls == 0)
			return false;
	return true;
}

START_TEST(many_at_once)
{
	int i;

	for (i = 0; i < MANY; i++)
		authenticate_start(authenticator, "anna", i % 3 != 0 ? "open sesame" : "wrong",
			on_answer, &answers[i]);
	AWAIT(loop, all_answered, NULL, PATIENCE_MS);
	for (i = 0; i < MANY; i++) {
		ck_assert_int_eq(answers[i].calls, 1);
		ck_assert_int_eq(answers[i].outcome,
			i % 3 != 0 ? AUTHENTICATE_OK : AUTHENTICATE_REFUSED);
	}
}
END_TEST

START_TEST(survives_a_restart)
{
	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_OK);
	slapd_stop(&server, SIGKILL);
	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_UNAVAILABLE);
	ck_assert_msg(strstr(answers[0].text, "Connection refused") != NULL, "%s",
		answers[0].text);
	slapd_start(&server);
	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_OK);
	/* the connections are there, and dead without our having noticed */
	slapd_stop(&server, SIGKILL);
	slapd_start(&server);
	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_OK);
}
END_TEST

static struct slapd second;

/* The authenticator of the fixture knows one server; here it knows two. */
static void begin_with_two(void)
{
	slapd_make(&second, data, false);
	slapd_start(&second);
	uris[1] = second.ldap;
	uris[2] = NULL;
	authenticator_free(&authenticator);
	authenticator = authenticator_new(loop, NULL, &config, "ou=people,o=x");
	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_OK);
	ck_assert_uint_eq(authenticator_uri(authenticator), 0);
}

static void ask_within(unsigned int limit_ms)
{
	uint64_t began_ms = clock_mono_ms();

	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_OK);
	ck_assert_uint_lt(clock_mono_ms() - began_ms, limit_ms);
}

START_TEST(second_server_when_the_first_hangs)
{
	begin_with_two();
	slapd_signal(&server, SIGSTOP);
	ask_within(2000);
	ck_assert_uint_eq(authenticator_uri(authenticator), 1);
	ask_within(500);
	slapd_signal(&server, SIGCONT);
	slapd_remove(&second);
}
END_TEST

START_TEST(second_server_when_the_first_hangs_from_the_start)
{
	begin_with_two();
	authenticator_free(&authenticator);
	slapd_signal(&server, SIGSTOP);
	authenticator = authenticator_new(loop, NULL, &config, "ou=people,o=x");
	ask_within(2000);
	slapd_signal(&server, SIGCONT);
	slapd_remove(&second);
}
END_TEST

START_TEST(server_that_is_preferred)
{
	begin_with_two();
	authenticator_prefer(authenticator, 1);
	slapd_signal(&server, SIGSTOP);
	ask_within(500);
	authenticator_prefer(authenticator, 0);
	slapd_signal(&server, SIGCONT);
	slapd_stop(&second, SIGKILL);
	ask_within(500);
	slapd_remove(&second);
}
END_TEST

START_TEST(hung_server_is_unavailable)
{
	slapd_signal(&server, SIGSTOP);
	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_UNAVAILABLE);
	slapd_signal(&server, SIGCONT);
	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_OK);
}
END_TEST

START_TEST(cancelled_ones_stay_silent)
{
	struct authenticate_op *ops[3];
	int i;

	for (i = 0; i < 3; i++)
		ops[i] = authenticate_start(authenticator, "anna", "open sesame", on_answer,
			&answers[i]);
	authenticate_cancel(&ops[1]);
	ck_assert_ptr_null(ops[1]);
	authenticate_cancel(&ops[1]);
	AWAIT(loop, is_answered, &answers[0], PATIENCE_MS);
	AWAIT(loop, is_answered, &answers[2], PATIENCE_MS);
	ck_assert_int_eq(answers[1].calls, 0);
	/* and one more that is cancelled while under way */
	ops[0] = authenticate_start(authenticator, "anna", "open sesame", on_answer, &answers[3]);
	authenticate_cancel(&ops[0]);
	ck_assert_int_eq(ask("anna", "open sesame")->outcome, AUTHENTICATE_OK);
	ck_assert_int_eq(answers[3].calls, 0);
}
END_TEST

/* The two binds may be answered in either order; whichever comes first frees. */
START_TEST(freed_in_a_callback)
{
	int i, other;

	for (i = 0; i < 2; i++) {
		answers[i].free_it = &authenticator;
		authenticate_start(authenticator, "anna", "open sesame", on_answer, &answers[i]);
	}
	AWAIT(loop, is_freed, &authenticator, PATIENCE_MS);
	other = answers[0].calls == 0 ? 0 : 1;
	ck_assert_int_eq(await_for(loop, is_answered, &answers[other], 100), -1);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("authenticate");

	if (!slapd_available())
		return SKIPPED;
	tcase_set_timeout(t, 60);
	tcase_add_checked_fixture(t, set_up, tear_down);
	tcase_add_loop_test(t, answers_by_name_and_password, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(t, whether_there_is_anybody, 0, sizeof(anybody) / sizeof(anybody[0]));
	tcase_add_test(t, many_at_once);
	tcase_add_test(t, survives_a_restart);
	tcase_add_test(t, second_server_when_the_first_hangs);
	tcase_add_test(t, second_server_when_the_first_hangs_from_the_start);
	tcase_add_test(t, server_that_is_preferred);
	if (unit_slow())
		tcase_add_test(t, hung_server_is_unavailable);
	tcase_add_test(t, cancelled_ones_stay_silent);
	tcase_add_test(t, freed_in_a_callback);
	return unit_run("authenticate", &t, 1);
}
