/* pin.c - see pin.h */
#include "libhub/tls/pin.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <string.h>
#include <strings.h>

#include "libhub/tls/error.h"

#define PIN_PREFIX "sha256:"

enum { PREFIX_LEN = sizeof(PIN_PREFIX) - 1, DIGEST_SIZE = 32 };

static void write_hex(const unsigned char *digest, char out[TLS_PIN_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	char *p = out + PREFIX_LEN;
	size_t i;

	memcpy(out, PIN_PREFIX, PREFIX_LEN);
	for (i = 0; i < DIGEST_SIZE; i++) {
		*p++ = digits[digest[i] >> 4];
		*p++ = digits[digest[i] & 15];
	}
	*p = '\0';
}

int tls_pin_of_x509(const struct x509_st *cert, char out[TLS_PIN_SIZE], struct err *e)
{
	unsigned char *spki = NULL, digest[DIGEST_SIZE];
	int len, ok;

	tls_error_clear();
	len = i2d_X509_PUBKEY(X509_get_X509_PUBKEY(cert), &spki);
	if (len <= 0)
		return tls_error_set(e, ERR_PERM, "certificate without a usable public key");
	ok = EVP_Digest(spki, (size_t)len, digest, NULL, EVP_sha256(), NULL);
	OPENSSL_free(spki);
	if (!ok)
		return tls_error_set(e, ERR_PERM, "SHA-256 of a public key");
	write_hex(digest, out);
	return 0;
}

int tls_pin_of_der(const void *der, size_t len, char out[TLS_PIN_SIZE], struct err *e)
{
	const unsigned char *p = der;
	X509 *cert;
	int rc;

	if (len == 0 || len > TLS_PIN_DER_MAX)
		return err_set(e, ERR_CONFIG, 0, "certificate of %zu bytes (1 to %d expected)", len,
			TLS_PIN_DER_MAX);
	tls_error_clear();
	cert = d2i_X509(NULL, &p, (long)len);
	if (cert == NULL)
		return tls_error_set(e, ERR_CONFIG, "not a DER certificate");
	if (p != (const unsigned char *)der + len)
		rc = err_set(e, ERR_CONFIG, 0, "bytes behind the end of a DER certificate");
	else
		rc = tls_pin_of_x509(cert, out, e);
	X509_free(cert);
	return rc;
}

int tls_pin_of_file(const char *path, char out[TLS_PIN_SIZE], struct err *e)
{
	X509 *cert;
	BIO *bio;
	int rc;

	tls_error_clear();
	bio = BIO_new_file(path, "r");
	if (bio == NULL)
		return tls_error_set(e, ERR_CONFIG, "%s", path);
	cert = PEM_read_bio_X509(bio, NULL, NULL, NULL);
	BIO_free(bio);
	if (cert == NULL)
		return tls_error_set(e, ERR_CONFIG, "%s: no certificate", path);
	rc = tls_pin_of_x509(cert, out, e);
	X509_free(cert);
	return rc;
}

int tls_pin_normalize(const char *text, char out[TLS_PIN_SIZE], struct err *e)
{
	static const char hex[] = "0123456789abcdefABCDEF";

	if (strncasecmp(text, PIN_PREFIX, PREFIX_LEN) != 0 || strlen(text) != TLS_PIN_SIZE - 1 ||
		strspn(text + PREFIX_LEN, hex) != 2 * DIGEST_SIZE)
		return err_set(e, ERR_CONFIG, 0, "not \"sha256:\" and 64 hex digits");
	for (; *text != '\0'; text++, out++)
		*out = *text >= 'A' && *text <= 'Z' ? (char)(*text - 'A' + 'a') : *text;
	*out = '\0';
	return 0;
}

bool tls_pin_equal(const char *a, const char *b)
{
	char na[TLS_PIN_SIZE], nb[TLS_PIN_SIZE];

	return a != NULL && b != NULL && tls_pin_normalize(a, na, NULL) == 0 &&
		tls_pin_normalize(b, nb, NULL) == 0 && strcmp(na, nb) == 0;
}

bool tls_pin_match(const char *digest, const char *const *digests, size_t n_digests,
	const struct tls_pin_der *certs, size_t n_certs)
{
	char pin[TLS_PIN_SIZE];
	size_t i;

	for (i = 0; i < n_digests; i++)
		if (tls_pin_equal(digest, digests[i]))
			return true;
	for (i = 0; i < n_certs; i++)
		if (tls_pin_of_der(certs[i].data, certs[i].len, pin, NULL) == 0 &&
			tls_pin_equal(digest, pin))
			return true;
	return false;
}
