/* test_tls_choice.c - libhub/tls: which certificate is shown, and which sessions are resumed. */
#include <openssl/ssl.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "identity.h"
#include "libhub/tls/certificate.h"
#include "libhub/tls/context.h"
#include "libhub/tls/error.h"
#include "libhub/tls/pin.h"
#include "libhub/tls/ticket.h"
#include "unit.h"

/* The certificates of all tests, read once; in the order of the table. */
enum { OWN, AUTHORITY, MAIL, MAIL_OLD, MAIL_RSA, MAIL_SELF, WILD, EXPIRED, CERTIFICATES };

static const struct identity_wish wishes[CERTIFICATES] = {
	[OWN] = { .names = "DNS:hub1.example.com", .days = 10 },
	[AUTHORITY] = { .names = "DNS:authority.example", .authority = true, .days = 10 },
	[MAIL] = { .names = "DNS:mail.example.com,DNS:Smtp.Example.com", .age_days = 1,
		.days = 10 },
	[MAIL_OLD] = { .names = "DNS:mail.example.com", .age_days = 5, .days = 100 },
	[MAIL_RSA] = { .names = "DNS:mail.example.com", .rsa = true, .days = 10 },
	[MAIL_SELF] = { .names = "DNS:mail.example.com,DNS:self.example.com", .days = 100 },
	[WILD] = { .names = "DNS:*.example.com,DNS:*.com,DNS:a*.example.com,IP:192.0.2.1",
		.age_days = 1, .days = 10 },
	[EXPIRED] = { .names = "DNS:late.example.com,DNS:mail.example.com", .age_days = 3,
		.days = -1 },
};

static struct identity ids[CERTIFICATES];
static struct tls_certificate *all[CERTIFICATES];
static struct tls_authorities *authorities;
static struct tls_tickets *tickets;

static void setup(void)
{
	struct err e;
	size_t i;

	for (i = 0; i < CERTIFICATES; i++) {
		struct identity_wish wish = wishes[i];

		if (i != OWN && i != AUTHORITY && i != MAIL_SELF)
			wish.issuer = &ids[AUTHORITY];
		identity_make_as(&ids[i], &wish);
		all[i] = tls_certificate_load(ids[i].certificate, ids[i].key, &e);
		ck_assert_msg(all[i] != NULL, "%s", e.text);
	}
	authorities = tls_authorities_load(ids[AUTHORITY].certificate, NULL, &e);
	ck_assert_ptr_nonnull(authorities);
	tickets = tls_tickets_new(NULL);
}

static void teardown(void)
{
	size_t i;

	for (i = 0; i < CERTIFICATES; i++) {
		tls_certificate_unref(&all[i]);
		identity_remove(&ids[i]);
	}
	tls_authorities_unref(&authorities);
	tls_tickets_unref(&tickets);
}

/* --- names --- */

static const struct {
	const char *name, *host;
	bool fits;
} fits[] = {
	{ "mail.example.com", "mail.example.com", true },
	{ "mail.example.com", "mail.example.org", false },
	{ "*.example.com", "mail.example.com", true },
	{ "*.example.com", "example.com", false },
	{ "*.example.com", "a.mail.example.com", false },
	{ "*.example.com", ".example.com", false },
	{ "*.example.com", "mailexample.com", false },
	{ "example.com", "mail.example.com", false },
	{ "*.example.com", "", false },
	{ "", "mail.example.com", false },
};

START_TEST(name_fit)
{
	ck_assert_int_eq(tls_name_fit(fits[_i].name, fits[_i].host) > 0, fits[_i].fits);
}
END_TEST

START_TEST(exact_fits_better)
{
	ck_assert_uint_gt(tls_name_fit("a.b", "a.b"),
		tls_name_fit("*.a-long-domain.example.com", "x.a-long-domain.example.com"));
}
END_TEST

START_TEST(names_of_a_certificate)
{
	const char *const *names;

	ck_assert_uint_eq(tls_certificate_names(all[MAIL], &names), 2);
	ck_assert_str_eq(names[0], "mail.example.com");
	ck_assert_str_eq(names[1], "smtp.example.com");
	/* not all of a top level domain, no part of a label, no address */
	ck_assert_uint_eq(tls_certificate_names(all[WILD], &names), 1);
	ck_assert_str_eq(names[0], "*.example.com");
}
END_TEST

static const struct {
	const char *host;
	int first, second;	/* -1 = none */
} choices[] = {
	{ "mail.example.com", MAIL, MAIL_RSA },	/* newest of each type, signed, valid */
	{ "smtp.example.com", MAIL, -1 },
	{ "self.example.com", MAIL_SELF, -1 },	/* the exact name before who signed */
	{ "late.example.com", EXPIRED, -1 },
	{ "other.example.com", WILD, -1 },
	{ "hub1.example.com", OWN, -1 },
	{ "example.com", -1, -1 },
	{ "elsewhere.example.org", -1, -1 },
};

START_TEST(choice)
{
	struct tls_certificate *out[CERTIFICATES];
	size_t n = tls_certificate_choose(all, CERTIFICATES, choices[_i].host, time(NULL), out);

	ck_assert_uint_eq(n, (choices[_i].first >= 0) + (size_t)(choices[_i].second >= 0));
	if (n > 0)
		ck_assert_ptr_eq(out[0], all[choices[_i].first]);
	if (n > 1)
		ck_assert_ptr_eq(out[1], all[choices[_i].second]);
}
END_TEST

/* --- handshakes --- */

struct pair {
	SSL *server, *client;
	int fds[2];
	bool resumed;
	char shown[TLS_PIN_SIZE];
	SSL_SESSION *session;	/* by which the client may resume */
};

struct client {
	const char *sni;
	const char *sigalgs;
	int version;
	struct tls_certificate *own;
	SSL_SESSION *session;
};

static struct tls_context *server_new(size_t own, struct tls_tickets *t)
{
	struct tls_server_config cfg = { .own = all[own], .all = all, .n = CERTIFICATES,
		.authorities = authorities, .tickets = t };
	struct err e;
	struct tls_context *server = tls_context_server(&cfg, &e);

	ck_assert_msg(server != NULL, "%s", e.text);
	return server;
}

static SSL_SESSION *got;

static int on_session(SSL *ssl, SSL_SESSION *session)
{
	(void)ssl;
	SSL_SESSION_free(got);
	got = session;
	return 1;
}

static SSL *client_new(const struct client *c, int fd)
{
	SSL_CTX *ctx = SSL_CTX_new(TLS_client_method());
	SSL *ssl;
	struct err e;

	SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(ctx, on_session);
	if (c->own != NULL)
		ck_assert_int_eq(tls_certificate_use(c->own, ctx, &e), 0);
	if (c->version != 0)
		SSL_CTX_set_max_proto_version(ctx, c->version);
	if (c->sigalgs != NULL)
		ck_assert_int_eq(SSL_CTX_set1_sigalgs_list(ctx, c->sigalgs), 1);
	ssl = SSL_new(ctx);
	SSL_CTX_free(ctx);
	SSL_set_fd(ssl, fd);
	if (c->sni != NULL)
		SSL_set_tlsext_host_name(ssl, c->sni);
	if (c->session != NULL)
		SSL_set_session(ssl, c->session);
	SSL_set_connect_state(ssl);
	return ssl;
}

/* Both ends until neither has anything to say; tickets come behind the handshake. */
static void converse(struct pair *p)
{
	char buf[10];
	int i;

	for (i = 0; i < 20; i++) {
		(void)SSL_do_handshake(p->client);
		(void)SSL_do_handshake(p->server);
	}
	ck_assert(SSL_is_init_finished(p->client) && SSL_is_init_finished(p->server));
	(void)SSL_read(p->client, buf, sizeof(buf));
	tls_error_clear();
}

static void meet(struct pair *p, struct tls_context *server, const struct tls_accept *how,
	const struct client *c)
{
	X509 *cert;

	got = NULL;
	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, p->fds), 0);
	p->server = tls_context_accept(server, p->fds[0], how);
	p->client = client_new(c, p->fds[1]);
	converse(p);
	cert = SSL_get0_peer_certificate(p->client);
	ck_assert_int_eq(tls_pin_of_x509(cert, p->shown, NULL), 0);
	p->resumed = SSL_session_reused(p->server);
	p->session = got;
}

static void part(struct pair *p)
{
	SSL_free(p->server);
	SSL_free(p->client);
	SSL_SESSION_free(p->session);
	close(p->fds[0]);
	close(p->fds[1]);
}

static const struct {
	const char *name, *sni, *sigalgs;
	int shown;
} shows[] = {
	{ "nowhere.example.org", NULL, NULL, OWN },
	{ "nowhere.example.org", "nobody.example.org", NULL, OWN },
	{ "mail.example.com", NULL, NULL, MAIL },
	{ "mail.example.com", NULL, "RSA-PSS+SHA256:RSA+SHA256", MAIL_RSA },
	{ "mail.example.com", "nobody.example.org", NULL, MAIL },
	{ "mail.example.com", "other.EXAMPLE.com", NULL, WILD },
	{ "mail.example.com", "self.example.com", NULL, MAIL_SELF },
	{ "nowhere.example.org", "mail.example.com", "RSA-PSS+SHA256", MAIL_RSA },
	/* hubs ask for the key that they know */
	{ "mail.example.com", TLS_HUB_NAME, NULL, OWN },
	/* where no name is given, none is listened to */
	{ NULL, "mail.example.com", NULL, OWN },
};

START_TEST(shown)
{
	struct tls_context *server = server_new(OWN, tickets);
	const struct tls_accept how = { .name = shows[_i].name };
	const struct client c = { .sni = shows[_i].sni, .sigalgs = shows[_i].sigalgs };
	struct pair p;

	meet(&p, server, &how, &c);
	ck_assert_str_eq(p.shown, tls_certificate_key_digest(all[shows[_i].shown]));
	part(&p);
	tls_context_unref(&server);
}
END_TEST

START_TEST(has_name)
{
	struct tls_context *server = server_new(OWN, tickets);

	ck_assert(tls_context_has_name(server, "Mail.example.com."));
	ck_assert(tls_context_has_name(server, "any.example.com"));
	ck_assert(!tls_context_has_name(server, "a.b.example.com"));
	ck_assert(!tls_context_has_name(server, "example.org"));
	ck_assert(!tls_context_has_name(server, ""));
	ck_assert(!tls_context_has_name(server, "."));
	tls_context_unref(&server);
}
END_TEST

static const struct {
	const char *what;
	struct tls_accept first, second;
	const char *sni_first, *sni_second;
	bool resumed;
} resumptions[] = {
	{ "the same again", { false, "a.example", "one" }, { false, "a.example", "one" }, NULL,
		NULL, true },
	{ "by name", { false, "a.example", "one" }, { false, "a.example", "one" },
		"mail.example.com", "mail.example.com", true },
	{ "a name that is none of ours", { false, "a.example", "one" },
		{ false, "a.example", "one" }, "x.example.org", "x.example.org", true },
	{ "with a request", { true, "a.example", "one" }, { true, "a.example", "one" }, NULL, NULL,
		true },
	{ "elsewhere", { true, "a.example", "one" }, { true, "a.example", "two" }, NULL, NULL,
		false },
	{ "by another name", { false, "a.example", "one" }, { false, "a.example", "one" },
		"mail.example.com", "self.example.com", false },
	{ "as a hub", { true, "a.example", "one" }, { true, "a.example", "one" },
		"mail.example.com", TLS_HUB_NAME, false },
	{ "where a certificate is asked for", { false, "a.example", "one" },
		{ true, "a.example", "one" }, NULL, NULL, false },
};

/* The second context is what another thread has after the files were read anew. */
static bool resumes(size_t row, int version, struct tls_tickets *then, struct tls_tickets *now)
{
	struct tls_context *before = server_new(OWN, then), *after = server_new(OWN, now);
	struct client c = { .sni = resumptions[row].sni_first, .version = version,
		.own = all[EXPIRED] };
	struct pair first, second;
	bool resumed;

	meet(&first, before, &resumptions[row].first, &c);
	ck_assert(!first.resumed);
	ck_assert_ptr_nonnull(first.session);
	c.sni = resumptions[row].sni_second;
	c.session = first.session;
	meet(&second, after, &resumptions[row].second, &c);
	resumed = second.resumed;
	/* who it was is known still */
	if (resumptions[row].second.request_cert)
		ck_assert_ptr_nonnull(SSL_get0_peer_certificate(second.server));
	part(&second);
	part(&first);
	tls_context_unref(&before);
	tls_context_unref(&after);
	return resumed;
}

START_TEST(resumption)
{
	ck_assert_msg(resumes(_i, TLS1_3_VERSION, tickets, tickets) == resumptions[_i].resumed,
		"TLS 1.3: %s", resumptions[_i].what);
	ck_assert_msg(resumes(_i, TLS1_2_VERSION, tickets, tickets) == resumptions[_i].resumed,
		"TLS 1.2: %s", resumptions[_i].what);
}
END_TEST

START_TEST(keys_of_tickets)
{
	struct tls_tickets *second = tls_tickets_new(tickets), *third = tls_tickets_new(second);

	ck_assert(resumes(0, TLS1_3_VERSION, tickets, second));
	ck_assert(resumes(0, TLS1_2_VERSION, tickets, second));
	ck_assert(!resumes(0, TLS1_3_VERSION, tickets, third));
	ck_assert(!resumes(0, TLS1_2_VERSION, tickets, third));
	tls_tickets_unref(&second);
	tls_tickets_unref(&third);
}
END_TEST

/* Who was verified by authorities that are not trusted any more is verified again. */
START_TEST(other_authorities)
{
	struct tls_authorities *kept = authorities;
	struct tls_context *before = server_new(OWN, tickets), *after;
	const struct tls_accept asks = { true, "a.example", "one" };
	struct client c = { .own = all[MAIL] };
	struct pair first, second;
	struct err e;

	meet(&first, before, &asks, &c);
	ck_assert_int_eq(SSL_get_verify_result(first.server), X509_V_OK);
	authorities = tls_authorities_load(ids[OWN].certificate, NULL, &e);
	after = server_new(OWN, tickets);
	c.session = first.session;
	meet(&second, after, &asks, &c);
	ck_assert(!second.resumed);
	ck_assert_int_ne(SSL_get_verify_result(second.server), X509_V_OK);
	part(&second);
	part(&first);
	tls_context_unref(&before);
	tls_context_unref(&after);
	tls_authorities_unref(&authorities);
	authorities = kept;
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("tls_choice");

	tcase_add_unchecked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_loop_test(c, name_fit, 0, sizeof(fits) / sizeof(fits[0]));
	tcase_add_test(c, exact_fits_better);
	tcase_add_test(c, names_of_a_certificate);
	tcase_add_loop_test(c, choice, 0, sizeof(choices) / sizeof(choices[0]));
	tcase_add_loop_test(c, shown, 0, sizeof(shows) / sizeof(shows[0]));
	tcase_add_test(c, has_name);
	tcase_add_loop_test(c, resumption, 0, sizeof(resumptions) / sizeof(resumptions[0]));
	tcase_add_test(c, keys_of_tickets);
	tcase_add_test(c, other_authorities);
	return unit_run("tls_choice", &c, 1);
}
