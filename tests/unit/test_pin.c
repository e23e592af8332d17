/* test_pin.c - libhub/tls: pins of keys, and contexts that cannot be made. */
#include <stdio.h>
#include <string.h>

#include "identity.h"
#include "libhub/tls/context.h"
#include "libhub/tls/pin.h"
#include "unit.h"

static struct identity server_id, client_id;

static void setup(void)
{
	identity_make(&server_id, "hub1.example.com", 10);
	identity_make(&client_id, "hub2.example.com", 10);
}

static void teardown(void)
{
	identity_remove(&server_id);
	identity_remove(&client_id);
}

START_TEST(pins)
{
	char pin[TLS_PIN_SIZE], upper[TLS_PIN_SIZE], other[TLS_PIN_SIZE];
	struct err e;
	const char *list[2] = { "nonsense", upper };
	size_t i;

	ck_assert_int_eq(tls_pin_of_file(server_id.certificate, pin, &e), 0);
	ck_assert_int_eq(tls_pin_of_file(client_id.certificate, other, &e), 0);
	ck_assert_uint_eq(strlen(pin), TLS_PIN_SIZE - 1);
	for (i = 0; i < TLS_PIN_SIZE; i++)
		upper[i] = pin[i] >= 'a' && pin[i] <= 'z' ? (char)(pin[i] - 'a' + 'A') : pin[i];
	ck_assert(tls_pin_equal(pin, upper));
	ck_assert(!tls_pin_equal(pin, other));
	ck_assert(!tls_pin_equal(NULL, pin));
	ck_assert(!tls_pin_equal("nonsense", "nonsense"));
	ck_assert(tls_pin_match(pin, list, 2, NULL, 0));
	ck_assert(!tls_pin_match(other, list, 2, NULL, 0));
	ck_assert(!tls_pin_match(NULL, list, 2, NULL, 0));
	ck_assert_int_eq(tls_pin_normalize("sha256:12", other, &e), -1);
	ck_assert_int_eq(tls_pin_of_der("garbage", 7, other, &e), -1);
	ck_assert_int_eq(tls_pin_of_der("", 0, other, &e), -1);
	ck_assert_int_eq(tls_pin_of_file("/nonexistent", other, &e), -1);
	ck_assert_int_eq(strncmp(e.text, "/nonexistent: ", 14), 0);
}
END_TEST

/* What openssl itself computes for the same key, and a certificate in DER as the pin. */
START_TEST(pin_of_der)
{
	char command[400], pin[TLS_PIN_SIZE], want[100] = "sha256:", der[2000];
	struct tls_pin_der cert = { .data = der };
	struct err e;
	FILE *f;

	snprintf(command, sizeof(command), "openssl x509 -in %s -noout -pubkey | "
		"openssl pkey -pubin -outform DER | sha256sum", server_id.certificate);
	f = popen(command, "r");
	ck_assert_int_eq(fscanf(f, "%64s", want + 7), 1);
	pclose(f);
	snprintf(command, sizeof(command), "openssl x509 -in %s -outform DER",
		server_id.certificate);
	f = popen(command, "r");
	cert.len = fread(der, 1, sizeof(der) - 1, f);
	pclose(f);
	ck_assert_int_eq(tls_pin_of_der(cert.data, cert.len, pin, &e), 0);
	ck_assert_str_eq(pin, want);
	ck_assert(tls_pin_match(want, NULL, 0, &cert, 1));
	cert.len++;
	ck_assert(!tls_pin_match(want, NULL, 0, &cert, 1));
}
END_TEST

START_TEST(contexts_bad)
{
	struct err e;

	ck_assert_ptr_null(tls_context_new_server("/nonexistent", server_id.key, NULL, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent"));
	ck_assert_ptr_null(tls_context_new_server(NULL, NULL, NULL, &e));
	ck_assert_ptr_null(tls_context_new_server(server_id.certificate, client_id.key, NULL, &e));
	ck_assert_ptr_nonnull(strstr(e.text, client_id.key));
	ck_assert_ptr_null(tls_context_new_client(server_id.certificate, NULL, NULL, &e));
	ck_assert_ptr_null(tls_context_new_client(NULL, NULL, server_id.key, &e));
	ck_assert_int_eq(e.class, ERR_CONFIG);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("pin");

	tcase_add_checked_fixture(c, setup, teardown);
	tcase_set_timeout(c, 60);
	tcase_add_test(c, pins);
	tcase_add_test(c, pin_of_der);
	tcase_add_test(c, contexts_bad);
	return unit_run("pin", &c, 1);
}
