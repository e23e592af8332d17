/* peer.c - see peer.h */
#include "libhub/tls/peer.h"

#include <openssl/bn.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>

#include "libhub/base/err.h"
#include "libhub/tls/error.h"

/* Appends n bytes of text, unprintable ones as '?', as far as there is room. */
static void append(char *out, size_t size, const char *text, size_t n)
{
	size_t used = strlen(out), i;

	for (i = 0; i < n && used + 1 < size; i++)
		out[used++] = (char)(text[i] > ' ' && text[i] < 0x7f ? text[i] : text[i] == ' ' ?
			' ' : '?');
	out[used] = '\0';
}

static void name_text(const X509_NAME *name, char *out, size_t size)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char *text;
	long n;

	BUG_ON(bio == NULL);
	out[0] = '\0';
	if (X509_NAME_print_ex(bio, name, 0, XN_FLAG_RFC2253) >= 0) {
		n = BIO_get_mem_data(bio, &text);
		append(out, size, text, n > 0 ? (size_t)n : 0);
	}
	BIO_free(bio);
}

static void serial_text(const X509 *cert, char *out, size_t size)
{
	BIGNUM *bn = ASN1_INTEGER_to_BN(X509_get0_serialNumber(cert), NULL);
	char *hex = bn != NULL ? BN_bn2hex(bn) : NULL;

	snprintf(out, size, "%s", hex != NULL ? hex : "");
	OPENSSL_free(hex);
	BN_free(bn);
}

static void thumbprint_text(const X509 *cert, char *out, size_t size)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0, i;

	out[0] = '\0';
	if (X509_digest(cert, EVP_sha256(), digest, &n) != 1)
		return;
	for (i = 0; i < n && 2 * i + 2 < size; i++)
		snprintf(out + (size_t)2 * i, 3, "%02x", digest[i]);
}

static void names_text(const X509 *cert, char *out, size_t size)
{
	GENERAL_NAMES *all = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	const ASN1_STRING *value;
	int i, type;

	out[0] = '\0';
	for (i = 0; i < sk_GENERAL_NAME_num(all); i++) {
		value = GENERAL_NAME_get0_value(sk_GENERAL_NAME_value(all, i), &type);
		if (type != GEN_DNS)
			continue;
		if (out[0] != '\0')
			append(out, size, " ", 1);
		append(out, size, (const char *)ASN1_STRING_get0_data(value),
			(size_t)ASN1_STRING_length(value));
	}
	GENERAL_NAMES_free(all);
}

bool tls_peer_text(const struct ssl_st *ssl, struct tls_peer_text *out)
{
	const X509 *cert = SSL_get0_peer_certificate(ssl);

	if (cert == NULL)
		return false;
	name_text(X509_get_subject_name(cert), out->subject, sizeof(out->subject));
	name_text(X509_get_issuer_name(cert), out->issuer, sizeof(out->issuer));
	serial_text(cert, out->serial, sizeof(out->serial));
	thumbprint_text(cert, out->thumbprint, sizeof(out->thumbprint));
	names_text(cert, out->names, sizeof(out->names));
	tls_error_clear();
	return true;
}
