/* test_login.c - hubd/login: verifiers, certificates, and the service with a real slapd. */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "hubd/login/certificate.h"
#include "hubd/login/service.h"
#include "hubd/login/verifier.h"
#include "identity.h"
#include "libhub/base/mem.h"
#include "libhub/directory/entry.h"
#include "slapd.h"
#include "unit.h"

#define KEY "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="
#define SALT_64 "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"

/* --- verifiers --- */

static const struct {
	const char *text;
	uint32_t iterations;		/* 0: refused */
	size_t salt_bytes;
} values[] = {
	{ "SCRAM-SHA-256$4096:c2FsdA==$" KEY ":" KEY, 4096, 4 },
	{ "scram-sha-256$10000000:c2E=$" KEY ":" KEY, 10000000, 2 },
	{ " SCRAM-SHA-256 $ 5000 : AAAA $ " KEY " : " KEY " ", 5000, 3 },
	{ "SCRAM-SHA-256$4095:AAAA$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$10000001:AAAA$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$-4096:AAAA$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$99999999999999999999:AAAA$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$:AAAA$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:AAA$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:AA=A$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:A===$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:AA A$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:" SALT_64 "AAAAAAAA$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:AAAA$AAAA:" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:AAAA$" KEY ":AAAA", 0, 0 },
	{ "SCRAM-SHA-256$4096:AAAA$" KEY, 0, 0 },
	{ "SCRAM-SHA-256$4096:AAAA$" KEY ":" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-1$4096:AAAA$" KEY ":" KEY, 0, 0 },
	{ "SCRAM-SHA-256", 0, 0 },
	{ "MD5$AAAA$AAAA", 0, 0 },
	{ "", 0, 0 },
};

START_TEST(values_of_auth_password)
{
	struct verifier v;
	bool good = verifier_parse(values[_i].text, strlen(values[_i].text), &v);

	ck_assert_msg(good == (values[_i].iterations != 0), "%s", values[_i].text);
	if (!good)
		return;
	ck_assert_uint_eq(v.iterations, values[_i].iterations);
	ck_assert_uint_eq(v.salt_bytes, values[_i].salt_bytes);
	ck_assert_str_eq(v.stored_key, KEY);
	ck_assert_str_eq(v.server_key, KEY);
}
END_TEST

START_TEST(values_cut_anywhere)
{
	const char *text = values[0].text;
	struct verifier v;
	size_t n;

	for (n = 0; n < strlen(text); n++)
		ck_assert(!verifier_parse(text, n, &v));
}
END_TEST

static struct verifier pretended(const char *name, const char *secret)
{
	const struct verifier like = { .iterations = 5000, .salt_bytes = 16 };
	struct verifier v;

	verifier_pretend(name, secret, strlen(secret), &like, &v);
	return v;
}

START_TEST(pretence_is_always_the_same)
{
	struct verifier a = pretended("anna", "s"), b = pretended("ANNA", "s"),
		other_name = pretended("annb", "s"), other_secret = pretended("anna", "t");

	ck_assert_uint_eq(a.iterations, 5000);
	ck_assert_uint_eq(strlen(a.salt), 24);
	ck_assert_uint_eq(strlen(a.stored_key), 44);
	ck_assert_str_eq(a.salt, b.salt);
	ck_assert_str_ne(a.salt, other_name.salt);
	ck_assert_str_ne(a.salt, other_secret.salt);
	ck_assert_str_ne(a.stored_key, a.server_key);
}
END_TEST

/* --- certificates --- */

static unsigned char *certificate_of(const struct identity *id, size_t *size)
{
	FILE *f = fopen(id->certificate, "r");
	unsigned char *der = NULL;
	X509 *cert;
	int n;

	ck_assert_ptr_nonnull(f);
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	ck_assert_ptr_nonnull(cert);
	n = i2d_X509(cert, &der);
	X509_free(cert);
	ck_assert_int_gt(n, 0);
	*size = (size_t)n;
	return der;
}

START_TEST(filter_of_a_certificate)
{
	struct identity id;
	unsigned char *der;
	char *filter;
	size_t n, cut;

	identity_make(&id, "anna", 1);
	der = certificate_of(&id, &n);
	filter = certificate_filter(der, n);
	ck_assert_ptr_nonnull(filter);
	ck_assert_msg(strncmp(filter, "(userCertificate={ serialNumber ", 32) == 0, "%s", filter);
	ck_assert_msg(strstr(filter, "rdnSequence:\"CN=anna\" })") != NULL, "%s", filter);
	free(filter);
	for (cut = 0; cut < n; cut++)
		ck_assert_ptr_null(certificate_filter(der, cut));
	OPENSSL_free(der);
	identity_remove(&id);
}
END_TEST

START_TEST(certificate_to_the_byte)
{
	static const unsigned char held[] = "held";
	const struct blob blobs[] = { { (const unsigned char *)"other", 5 }, { held, 4 } };
	const struct entry_attr attr = { "UserCertificate", blobs, 2 };
	const struct entry with = { .dn = "x", .attrs = &attr, .n = 1 }, without = { .dn = "x" };

	ck_assert(certificate_is_of(&with, held, 4));
	ck_assert(!certificate_is_of(&with, held, 3));
	ck_assert(!certificate_is_of(&with, (const unsigned char *)"helf", 4));
	ck_assert(!certificate_is_of(&without, held, 4));
}
END_TEST

/* --- the service --- */

static const char data[] =
	"dn: o=x\nobjectClass: organization\no: x\n\n"
	"dn: uid=anna,o=x\nobjectClass: inetOrgPerson\nuid: anna\ncn: Anna\nsn: A\n"
	"mail: anna@x.example\nuserPassword: open sesame\n\n";

struct worker {
	struct login_service *service;
	struct loop *loop;
	struct inbox *inbox;
	const char *password;
	int answers;
	enum login_outcome outcome;
	char user[LOGIN_NAME_SIZE], mail[LOGIN_NAME_SIZE];
	bool had_password;
};

static void on_answer(struct inbox_node *node, void *ctx)
{
	struct login *l = INBOX_ENTRY(node, struct login, node);
	struct worker *w = ctx;

	w->answers++;
	w->outcome = l->outcome;
	w->had_password = l->password != NULL;
	snprintf(w->user, sizeof(w->user), "%s", l->user);
	snprintf(w->mail, sizeof(w->mail), "%s", l->mail);
	login_abandon(&l, login_service_inbox(w->service));
	loop_stop(w->loop);
}

/* As a worker does it, on a loop of its own: logs in once, and one more gives up. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct login *l, *given_up;

	w->loop = loop_new("worker");
	w->inbox = inbox_new(w->loop, on_answer, w);
	given_up = login_new(w->inbox, 1, LOGIN_SCRAM);
	login_abandon(&given_up, login_service_inbox(w->service));
	l = login_new(w->inbox, 2, LOGIN_PASSWORD);
	l->name = xstrdup("Anna@x.example");
	l->password = xstrdup(w->password);
	inbox_post(login_service_inbox(w->service), &l->node);
	loop_run(w->loop);
	inbox_free(&w->inbox);
	loop_free(&w->loop);
	return NULL;
}

static const struct {
	const char *password;
	enum login_outcome outcome;
} attempts[] = {
	{ "open sesame", LOGIN_OK },
	{ "wrong", LOGIN_REFUSED },
};

/* The main thread has no loop that turns: it does nothing but wait for the worker's end. */
START_TEST(judged_while_the_main_thread_stands_still)
{
	struct worker w = { .password = attempts[_i].password };
	struct slapd server;
	const char *uris[2] = { NULL, NULL };
	struct directory_config directory = { .uris = uris, .bind_dn = SLAPD_ADMIN };
	struct login_service_config cfg = { .directory = &directory, .recipient_base = "o=x" };
	pthread_t thread;
	struct err e;

	slapd_make(&server, data, false);
	slapd_start(&server);
	uris[0] = server.ldapi;
	directory.password_file = server.password_file;
	w.service = login_service_new(&cfg, &e);
	ck_assert_msg(w.service != NULL, "%s", e.text);
	ck_assert_int_eq(login_service_start(w.service, &e), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, work, &w), 0);
	ck_assert_int_eq(pthread_join(thread, NULL), 0);
	login_service_join(w.service);
	login_service_free(&w.service);
	slapd_remove(&server);
	ck_assert_int_eq(w.answers, 1);
	ck_assert_int_eq(w.outcome, attempts[_i].outcome);
	ck_assert(!w.had_password);
	if (w.outcome == LOGIN_OK) {
		/* whatever name was given */
		ck_assert_str_eq(w.user, "anna");
		ck_assert_str_eq(w.mail, "anna@x.example");
	}
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("login");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, values_of_auth_password, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_test(t, values_cut_anywhere);
	tcase_add_test(t, pretence_is_always_the_same);
	tcase_add_test(t, filter_of_a_certificate);
	tcase_add_test(t, certificate_to_the_byte);
	if (slapd_available())
		tcase_add_loop_test(t, judged_while_the_main_thread_stands_still, 0,
			sizeof(attempts) / sizeof(attempts[0]));
	return unit_run("login", &t, 1);
}
