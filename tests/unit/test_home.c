/* test_home.c - edgesyncd/home.c against a slapd: what is told of a write whose answer is lost. */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "edgesyncd/home.h"
#include "slapd.h"
#include "unit.h"

enum { SKIPPED = 77, LOOPS = 20 };

static const char data[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: cn=one,o=x\nobjectClass: device\ncn: one\n\n";

static struct loop *loop;
static struct slapd server;
static struct directory_config config;
static const char *uris[3];
static struct home *home;
static int calls, told;

static void on_done(int code, const char *text, void *ctx)
{
	(void)text;
	(void)ctx;
	calls++;
	told = code;
}

static bool is_done(void *ctx)
{
	(void)ctx;
	return calls > 0;
}

static void set_up(void)
{
	loop = loop_new("test");
	slapd_make(&server, data, false);
	uris[0] = server.ldapi;
	uris[1] = uris[2] = NULL;
	config = (struct directory_config){ .uris = uris, .bind_dn = SLAPD_ADMIN,
		.password_file = server.password_file };
	home = home_new(loop, NULL, &config);
}

static void tear_down(void)
{
	home_free(&home);
	loop_free(&loop);
	slapd_remove(&server);
}

static void ask(const char *dn, const char *value)
{
	struct blob blob = { (const unsigned char *)value, strlen(value) };
	struct directory_change change = { DIRECTORY_ADD, "description", &blob, 1 };

	calls = 0;
	home_modify(home, dn, &change, 1, on_done, NULL);
}

static int answer(void)
{
	AWAIT(loop, is_done, NULL, PATIENCE_MS);
	ck_assert_int_eq(calls, 1);
	return told;
}

static int write_value(const char *dn, const char *value)
{
	ask(dn, value);
	return answer();
}

/* It stands still when it is asked, and ends without a word. */
static void lose(const char *value)
{
	int i;

	ck_assert_int_eq(write_value("cn=one,o=x", "first"), LDAP_SUCCESS);
	slapd_signal(&server, SIGSTOP);
	ask("cn=one,o=x", value);
	for (i = 0; i < LOOPS; i++)
		event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	slapd_stop(&server, SIGKILL);
}

START_TEST(answered)
{
	slapd_start(&server);
	ck_assert_int_eq(write_value("cn=one,o=x", "a"), LDAP_SUCCESS);
	ck_assert_int_eq(write_value("cn=one,o=x", "a"), LDAP_TYPE_OR_VALUE_EXISTS);
	ck_assert_int_eq(write_value("cn=two,o=x", "a"), LDAP_NO_SUCH_OBJECT);
}
END_TEST

START_TEST(never_asked)
{
	ck_assert_int_eq(write_value("cn=one,o=x", "a"), HOME_FAILED);
}
END_TEST

START_TEST(answer_lost)
{
	slapd_start(&server);
	lose("second");
	ck_assert_int_eq(answer(), HOME_UNCLEAR);
	/* that says nothing of the next */
	ck_assert_int_eq(write_value("cn=one,o=x", "third"), HOME_FAILED);
}
END_TEST

START_TEST(next_server_answers)
{
	uris[1] = server.ldap;
	slapd_start(&server);
	lose("second");
	slapd_start(&server);
	ck_assert_int_eq(answer(), LDAP_SUCCESS);
}
END_TEST

START_TEST(next_server_finds_it_done)
{
	uris[1] = server.ldap;
	slapd_start(&server);
	lose("second");
	ck_assert_int_eq(slapd_modify(&server, "dn: cn=one,o=x\nchangetype: modify\n"
		"add: description\ndescription: second\n"), 0);
	slapd_start(&server);
	ck_assert_int_eq(answer(), LDAP_TYPE_OR_VALUE_EXISTS);
}
END_TEST

/* The line is let go of for other settings: what was asked may have been done. */
START_TEST(other_settings_amid_a_request)
{
	static const char *const nowhere[] = { "ldapi://%2Fnowhere", NULL };
	struct directory_config other = config;
	int i;

	slapd_start(&server);
	ck_assert_int_eq(write_value("cn=one,o=x", "first"), LDAP_SUCCESS);
	slapd_signal(&server, SIGSTOP);
	ask("cn=one,o=x", "second");
	for (i = 0; i < LOOPS; i++)
		event_base_loop(loop_base(loop), EVLOOP_NONBLOCK);
	other.uris = nowhere;
	home_set_config(home, &other);
	ck_assert_int_eq(answer(), HOME_UNCLEAR);
	slapd_signal(&server, SIGCONT);
	home_set_config(home, &config);
	ck_assert_int_eq(write_value("cn=one,o=x", "third"), LDAP_SUCCESS);
}
END_TEST

static void on_forgotten(int code, const char *text, void *ctx)
{
	(void)code;
	(void)text;
	(void)ctx;
	ck_abort_msg("it was forgotten");
}

/* It is done all the same. */
START_TEST(forgotten)
{
	struct blob blob = { (const unsigned char *)"a", 1 };
	struct directory_change change = { DIRECTORY_ADD, "description", &blob, 1 };

	slapd_start(&server);
	home_modify(home, "cn=one,o=x", &change, 1, on_forgotten, &change);
	home_forget(home, &change);
	ck_assert_int_eq(write_value("cn=one,o=x", "a"), LDAP_TYPE_OR_VALUE_EXISTS);
}
END_TEST

static int delete_if(const char *assertion)
{
	calls = 0;
	home_delete(home, "cn=one,o=x", assertion, on_done, NULL);
	return answer();
}

START_TEST(deleted_if_it_fits)
{
	slapd_start(&server);
	ck_assert_int_eq(delete_if("(cn=another)"), LDAP_ASSERTION_FAILED);
	ck_assert_int_eq(delete_if("(cn=one)"), LDAP_SUCCESS);
	ck_assert_int_eq(delete_if("(cn=one)"), LDAP_NO_SUCH_OBJECT);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("home");

	if (!slapd_available())
		return SKIPPED;
	tcase_set_timeout(tc, 100);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, answered);
	tcase_add_test(tc, never_asked);
	tcase_add_test(tc, answer_lost);
	tcase_add_test(tc, next_server_answers);
	tcase_add_test(tc, next_server_finds_it_done);
	tcase_add_test(tc, other_settings_amid_a_request);
	tcase_add_test(tc, forgotten);
	tcase_add_test(tc, deleted_if_it_fits);
	return unit_run("home", &tc, 1);
}
