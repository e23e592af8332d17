/* test_stream_tls.c - libhub/smtp/stream: STARTTLS over socket pairs. */
#include <string.h>
#include <unistd.h>

#include "identity.h"
#include "libhub/tls/pin.h"
#include "stream_ends.h"

static struct identity server_id, client_id;
static struct tls_context *server_tls, *client_tls, *anonymous_tls;
static const struct tls_accept anybody;

static void setup_tls(void)
{
	struct err e;

	ends_setup();
	identity_make(&server_id, "hub1.example.com", 10);
	identity_make(&client_id, "hub2.example.com", -10);	/* expired: pins do not care */
	server_tls = tls_context_new_server(server_id.certificate, server_id.key,
		server_id.certificate, &e);
	ck_assert_msg(server_tls != NULL, "%s", e.text);
	client_tls = tls_context_new_client(client_id.certificate, client_id.key,
		server_id.certificate, &e);
	ck_assert_msg(client_tls != NULL, "%s", e.text);
	anonymous_tls = tls_context_new_client(NULL, NULL, NULL, &e);
	ck_assert_msg(anonymous_tls != NULL, "%s", e.text);
}

static void teardown_tls(void)
{
	tls_context_unref(&server_tls);
	tls_context_unref(&client_tls);
	tls_context_unref(&anonymous_tls);
	identity_remove(&server_id);
	identity_remove(&client_id);
	ends_teardown();
}

static void starttls(struct end *server, struct end *client, struct tls_context *client_context,
	bool request_cert)
{
	char *text;
	size_t len;
	struct err e;

	ends_both(server, client);
	stream_write(client->s, "STARTTLS\r\n", 10);
	WAIT(server->readable == 1);
	ck_assert_int_eq(stream_line(server->s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_int_eq(stream_starttls_server(server->s, server_tls,
		&(struct tls_accept){ .request_cert = request_cert }, "220 ready\r\n", &e), 0);
	WAIT(client->readable == 1);
	ck_assert_int_eq(stream_line(client->s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_str_eq(text, "220 ready");
	ck_assert(!stream_is_tls(client->s));
	ck_assert_int_eq(stream_starttls_client(client->s, client_context,
		&(struct tls_connect){ .name = "hub1.example.com" }, &e),
		0);
}

START_TEST(tls_mutual)
{
	struct end a, b;
	char pin[TLS_PIN_SIZE], buf[100];
	struct err e;

	starttls(&a, &b, client_tls, true);
	WAIT(a.tls == 1 && b.tls == 1);
	ck_assert(stream_is_tls(a.s) && stream_is_tls(b.s));
	ck_assert_int_eq(tls_pin_of_file(client_id.certificate, pin, &e), 0);
	ck_assert_str_eq(stream_peer_key_digest(a.s), pin);
	ck_assert_str_eq(tls_context_key_digest(client_tls), pin);
	ck_assert_int_eq(tls_pin_of_file(server_id.certificate, pin, &e), 0);
	ck_assert_str_eq(stream_peer_key_digest(b.s), pin);
	ck_assert_str_eq(stream_tls_version(a.s), "TLSv1.3");
	ck_assert_int_ge(stream_tls_bits(a.s), 128);
	stream_write(b.s, "EHLO x\r\n", 8);
	WAIT(a.readable == 2);
	ends_take(&a, buf, sizeof(buf));
	ck_assert_str_eq(buf, "EHLO x\r\n");
	ends_pump(&a, &b, 2000000);
	ends_pump(&b, &a, 1000000);
	stream_close(&b.s);
	WAIT(a.closed == 1);
	ck_assert_int_eq(a.reason, STREAM_END_EOF);
	stream_finish(&a.s);
}
END_TEST

START_TEST(tls_without_client_certificate)
{
	struct end a, b;

	starttls(&a, &b, anonymous_tls, true);
	WAIT(a.tls == 1 && b.tls == 1);
	ck_assert_ptr_null(stream_peer_key_digest(a.s));
	ck_assert_ptr_nonnull(stream_peer_key_digest(b.s));
	stream_close(&a.s);
	stream_close(&b.s);
	/* and where none is asked for, none is shown */
	starttls(&a, &b, client_tls, false);
	WAIT(a.tls == 1 && b.tls == 1);
	ck_assert_ptr_null(stream_peer_key_digest(a.s));
	stream_close(&a.s);
	stream_close(&b.s);
}
END_TEST

START_TEST(tls_verification)
{
	struct end a, b, c, d;
	struct err e;

	starttls(&a, &b, client_tls, true);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_ENCRYPTION, NULL, &e), -1);
	starttls(&c, &d, anonymous_tls, false);
	WAIT(a.tls == 1 && b.tls == 1 && c.tls == 1 && d.tls == 1);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_ENCRYPTION, NULL, &e), 0);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_CERTIFICATE, NULL, &e), 0);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, "hub1.example.com", &e), 0);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, "*.example.com", &e), 0);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, "*.com", &e), -1);
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, "hub2.example.com", &e), -1);
	ck_assert_str_eq(e.text, "certificate is not for hub2.example.com");
	ck_assert_int_eq(stream_peer_verify(b.s, TLS_VERIFY_DOMAIN, NULL, &e), -1);
	/* unknown authority and expired: told, though the handshake let it pass */
	ck_assert_int_eq(stream_peer_verify(a.s, TLS_VERIFY_CERTIFICATE, NULL, &e), -1);
	/* another client that does not know the authority */
	ck_assert_int_eq(stream_peer_verify(d.s, TLS_VERIFY_ENCRYPTION, NULL, &e), 0);
	ck_assert_int_eq(stream_peer_verify(d.s, TLS_VERIFY_CERTIFICATE, NULL, &e), -1);
	ck_assert_int_eq(stream_peer_verify(c.s, TLS_VERIFY_CERTIFICATE, NULL, &e), -1);
	stream_close(&a.s);
	stream_close(&b.s);
	stream_close(&c.s);
	stream_close(&d.s);
}
END_TEST

/* CVE-2011-0411: what came in clear behind STARTTLS is never read as if it had come by TLS. */
START_TEST(tls_injection)
{
	struct end e;
	int fd = ends_bare(&e);
	struct err err;
	char *text;
	size_t len;

	ends_say(fd, "STARTTLS\r\nMAIL FROM:<>\r\n");
	WAIT(e.readable == 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_int_eq(stream_starttls_server(e.s, server_tls, &anybody, "220 ready\r\n",
		&err), -1);
	ck_assert_uint_eq(stream_input_len(e.s), 0);
	ck_assert_uint_eq(stream_pending_output(e.s), 0);
	stream_close(&e.s);
	close(fd);

	fd = ends_bare(&e);
	ends_say(fd, "220 ready\r\n250 injected\r\n");
	WAIT(e.readable == 1);
	ck_assert_int_eq(stream_line(e.s, &text, &len, 100), STREAM_LINE_OK);
	ck_assert_int_eq(stream_starttls_client(e.s, client_tls,
		&(struct tls_connect){ 0 }, &err), -1);
	stream_close(&e.s);
	close(fd);
}
END_TEST

START_TEST(tls_garbage)
{
	struct end e;
	int fd = ends_bare(&e);
	struct err err;
	char buf[100];

	e.close_in_closed = true;
	ck_assert_int_eq(stream_starttls_server(e.s, server_tls, &anybody, NULL, &err), 0);
	ends_say(fd, "EHLO this is not a handshake at all\r\n");
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_TLS);
	ck_assert_int_eq(strncmp(e.text, "TLS handshake failed: ", 22), 0);
	close(fd);

	/* and a peer that goes away in the middle */
	fd = ends_bare(&e);
	ck_assert_int_eq(stream_starttls_client(e.s, client_tls,
		&(struct tls_connect){ 0 }, &err), 0);
	ends_turn();
	ck_assert_int_gt(recv(fd, buf, sizeof(buf), MSG_DONTWAIT), 0);
	close(fd);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_TLS);
	stream_close(&e.s);
}
END_TEST

/* STARTTLS and no more: the owner waits for the handshake and has to be told that none comes. */
START_TEST(tls_after_eof)
{
	struct end e;
	int fd = ends_bare(&e);
	struct err err;

	shutdown(fd, SHUT_WR);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_EOF);
	ck_assert_int_eq(stream_starttls_server(e.s, server_tls, &anybody, NULL, &err), 0);
	WAIT(e.closed == 2);
	ck_assert_int_eq(e.reason, STREAM_END_TLS);
	stream_close(&e.s);
	close(fd);
}
END_TEST

START_TEST(tls_timeout)
{
	struct end e;
	int fd = ends_bare(&e);
	struct err err;

	ck_assert_int_eq(stream_starttls_server(e.s, server_tls, &anybody, NULL, &err), 0);
	stream_set_inactivity(e.s, 1);
	WAIT(e.closed == 1);
	ck_assert_int_eq(e.reason, STREAM_END_INACTIVE);
	stream_close(&e.s);
	close(fd);
}
END_TEST

START_TEST(tls_close_in_callback)
{
	struct end a, b;

	starttls(&a, &b, client_tls, true);
	a.close_in_tls = true;
	WAIT(a.tls == 1 && b.closed == 1);
	ck_assert_ptr_null(a.s);
	stream_close(&b.s);

	/* closing in the middle of the handshake */
	starttls(&a, &b, client_tls, true);
	stream_close(&a.s);
	WAIT(b.closed == 1);
	stream_finish(&b.s);
}
END_TEST

/* The owner writes before the handshake is over: not one byte of it goes out in clear. */
START_TEST(tls_early_output)
{
	struct end a, b;
	char buf[100];

	starttls(&a, &b, client_tls, true);
	stream_write(b.s, "EHLO x\r\n", 8);
	WAIT(a.readable == 2);
	ck_assert(stream_is_tls(a.s));
	ends_take(&a, buf, sizeof(buf));
	ck_assert_str_eq(buf, "EHLO x\r\n");
	/* a last reply by TLS is not lost either */
	stream_write(a.s, "221 bye\r\n", 9);
	stream_finish(&a.s);
	WAIT(b.closed == 1);
	ck_assert_int_eq(b.reason, STREAM_END_EOF);
	ends_take(&b, buf, sizeof(buf));
	ck_assert_str_eq(buf, "221 bye\r\n");
	stream_close(&b.s);
	/* the other end reads close_notify, then the end, and is gone too, or it would leak here */
	ends_turn();
	ends_turn();
}
END_TEST

START_TEST(tls_paused)
{
	struct end a, b;
	char buf[10001];

	starttls(&a, &b, client_tls, true);
	WAIT(a.tls == 1 && b.tls == 1);
	/* a record larger than the limit: the rest waits inside OpenSSL, with no event to come */
	stream_set_input_limit(a.s, 4000);
	memset(buf, 'x', 10000);
	stream_write(b.s, buf, 10000);
	WAIT(stream_input_len(a.s) == 4000);
	ends_turn();
	stream_pause(a.s);
	ends_take(&a, buf, sizeof(buf));
	ends_turn();
	ends_turn();
	ck_assert_uint_eq(stream_input_len(a.s), 0);
	stream_resume(a.s);
	WAIT(stream_input_len(a.s) == 4000);
	/* and consuming alone brings the last of it */
	ends_take(&a, buf, sizeof(buf));
	WAIT(stream_input_len(a.s) == 2000);
	stream_close(&a.s);
	stream_close(&b.s);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("stream_tls");

	tcase_add_checked_fixture(c, setup_tls, teardown_tls);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, tls_mutual);
	tcase_add_test(c, tls_without_client_certificate);
	tcase_add_test(c, tls_verification);
	tcase_add_test(c, tls_injection);
	tcase_add_test(c, tls_garbage);
	tcase_add_test(c, tls_after_eof);
	tcase_add_test(c, tls_timeout);
	tcase_add_test(c, tls_close_in_callback);
	tcase_add_test(c, tls_early_output);
	tcase_add_test(c, tls_paused);
	return unit_run("stream_tls", &c, 1);
}
