/* fuzz_certificate.c - fuzz target for what is read of a peer's certificate: words for the log, the
 * filter that looks for whose it is, its pin, and the names it is good for.
 *
 * The first byte chooses: d is DER; n describes a certificate that is made here, by lines of a
 * letter and bytes: c common name, b the same as a BMPString, i common name of the issuer, d
 * alternative name of a host, m of a mailbox, # serial number. Texts are printable and filters well
 * formed whatever comes; nobody is taken for a host whose name, byte by byte, is not there.
 */
#include <ctype.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "hubd/login/certificate.h"
#include "libhub/base/mem.h"
#include "libhub/tls/peer.h"
#include "libhub/tls/pin.h"
#include "libhub/tls/verify.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 14, NAMES_MAX = 64 };

#define DOMAIN_NAME "contoso.com"
#define HOST "mail." DOMAIN_NAME

struct name {
	const char *p;
	size_t n;
};

/* What a made certificate says: hosts and common names. */
static struct name names[NAMES_MAX];
static size_t name_count;

/* --- making one --- */

static void add_entry(X509_NAME *name, int type, const char *p, size_t n)
{
	/* what does not fit its type is left out */
	(void)X509_NAME_add_entry_by_NID(name, NID_commonName, type, (const unsigned char *)p,
		(int)n, -1, 0);
}

static void add_alternative(GENERAL_NAMES *all, int type, const char *p, size_t n)
{
	GENERAL_NAME *name = GENERAL_NAME_new();
	ASN1_IA5STRING *text = ASN1_IA5STRING_new();

	BUG_ON(name == NULL || text == NULL || ASN1_STRING_set(text, p, (int)n) != 1);
	GENERAL_NAME_set0_value(name, type, text);
	BUG_ON(sk_GENERAL_NAME_push(all, name) == 0);
}

static void take_line(X509 *cert, GENERAL_NAMES *all, const char *p, size_t n)
{
	char kind = *p++;

	n--;
	if ((kind == 'c' || kind == 'd') && name_count < NAMES_MAX)
		names[name_count++] = (struct name){ p, n };
	if (kind == 'c')
		add_entry(X509_get_subject_name(cert), V_ASN1_UTF8STRING, p, n);
	else if (kind == 'b')
		add_entry(X509_get_subject_name(cert), V_ASN1_BMPSTRING, p, n);
	else if (kind == 'i')
		add_entry(X509_get_issuer_name(cert), V_ASN1_UTF8STRING, p, n);
	else if (kind == 'd' || kind == 'm')
		add_alternative(all, kind == 'd' ? GEN_DNS : GEN_EMAIL, p, n);
	else if (kind == '#')
		ASN1_STRING_set(X509_get_serialNumber(cert), p, (int)n);
}

static void take_lines(X509 *cert, const char *p, const char *end)
{
	GENERAL_NAMES *all = sk_GENERAL_NAME_new_null();
	const char *lf;

	name_count = 0;
	for (; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		lf = lf != NULL ? lf : end;
		if (lf > p && name_count < NAMES_MAX)
			take_line(cert, all, p, (size_t)(lf - p));
	}
	if (sk_GENERAL_NAME_num(all) > 0)
		BUG_ON(X509_add1_ext_i2d(cert, NID_subject_alt_name, all, 0, 0) != 1);
	GENERAL_NAMES_free(all);
}

static size_t make(const char *p, size_t n, unsigned char **der)
{
	static EVP_PKEY *key;
	X509 *cert = X509_new();
	int size;

	if (key == NULL)
		key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	BUG_ON(key == NULL || cert == NULL);
	X509_set_version(cert, 2);
	ASN1_TIME_set_string(X509_getm_notBefore(cert), "20200101000000Z");
	ASN1_TIME_set_string(X509_getm_notAfter(cert), "20700101000000Z");
	X509_set_pubkey(cert, key);
	take_lines(cert, p, p + n);
	/* a name in which a character is none cannot be written */
	size = X509_sign(cert, key, NULL) != 0 ? i2d_X509(cert, der) : 0;
	X509_free(cert);
	return size > 0 ? (size_t)size : 0;
}

/* --- a session in which it was shown --- */

static void put_head(unsigned char **at, unsigned int tag, size_t n)
{
	unsigned char head[] = { (unsigned char)tag, 0x83, (unsigned char)(n >> 16),
		(unsigned char)(n >> 8), (unsigned char)n };

	memcpy(*at, head, sizeof(head));
	*at += sizeof(head);
}

/* As OpenSSL stores sessions; NULL if it does not read the certificate. */
static SSL *session_with(const unsigned char *der, size_t n)
{
	/* versions, cipher, identifier, master secret */
	static const unsigned char head[] = { 2, 1, 1, 2, 2, 3, 3, 4, 2, 0xc0, 0x2f, 4, 1, 1, 4, 1,
		1 };
	static SSL_CTX *context;
	unsigned char *text = xmalloc(n + 64), *at = text;
	const unsigned char *p = text;
	SSL_SESSION *session;
	SSL *ssl = NULL;

	if (context == NULL)
		context = SSL_CTX_new(TLS_client_method());
	put_head(&at, 0x30, sizeof(head) + 5 + n);
	memcpy(at, head, sizeof(head));
	at += sizeof(head);
	put_head(&at, 0xa3, n);
	memcpy(at, der, n);
	session = d2i_SSL_SESSION(NULL, &p, (long)((size_t)(at - text) + n));
	if (session != NULL) {
		ssl = SSL_new(context);
		BUG_ON(ssl == NULL || SSL_set_session(ssl, session) != 1);
	}
	SSL_SESSION_free(session);
	free(text);
	return ssl;
}

/* --- what is read of it --- */

static void check_text(const char *p, size_t size)
{
	size_t n = strnlen(p, size), i;

	BUG_ON(n == size);
	for (i = 0; i < n; i++)
		BUG_ON(!isprint((unsigned char)p[i]));
}

static void check_texts(const SSL *ssl)
{
	struct tls_peer_text t;

	BUG_ON(!tls_peer_text(ssl, &t));
	check_text(t.subject, sizeof(t.subject));
	check_text(t.issuer, sizeof(t.issuer));
	check_text(t.serial, sizeof(t.serial));
	check_text(t.thumbprint, sizeof(t.thumbprint));
	check_text(t.names, sizeof(t.names));
	BUG_ON(strlen(t.thumbprint) != sizeof(t.thumbprint) - 1);
}

/* RFC 4515 section 3: within the value nothing that ends it or matches more. */
static void check_filter(const unsigned char *der, size_t n)
{
	static const char head[] = "(userCertificate={ serialNumber ";
	char *filter = certificate_filter(der, n);
	size_t i, length;

	if (filter == NULL)
		return;
	length = strlen(filter);
	BUG_ON(strncmp(filter, head, sizeof(head) - 1) != 0 || filter[length - 1] != ')');
	for (i = 1; i + 1 < length; i++)
		BUG_ON(strchr("()*", filter[i]) != NULL || !isprint((unsigned char)filter[i]));
	free(filter);
}

static void check_pin(const SSL *ssl, const unsigned char *der, size_t n)
{
	char whole[TLS_PIN_SIZE], shown[TLS_PIN_SIZE];
	struct err e;

	if (tls_pin_of_der(der, n, whole, &e) == 0) {
		BUG_ON(tls_pin_of_x509(SSL_get0_peer_certificate(ssl), shown, &e) != 0);
		BUG_ON(!tls_pin_equal(whole, shown));
	}
}

static bool is_text(const struct name *name, const char *text)
{
	return name->n == strlen(text) && strncasecmp(name->p, text, name->n) == 0;
}

/* Whoever may certify ".contoso.com" may certify all hosts of it. */
static bool is_of_domain(const struct name *name)
{
	static const char tail[] = "." DOMAIN_NAME;
	size_t n = sizeof(tail) - 1;

	return name->n >= n && strncasecmp(name->p + name->n - n, tail, n) == 0 &&
		memchr(name->p, '.', name->n - n) == NULL &&
		memchr(name->p, '\0', name->n) == NULL;
}

static bool is_said(bool whole_domain)
{
	size_t i;

	for (i = 0; i < name_count; i++)
		if (whole_domain ? is_of_domain(&names[i]) : is_text(&names[i], HOST) ||
			is_text(&names[i], "*." DOMAIN_NAME))
			return true;
	return false;
}

static void check_names(const SSL *ssl, bool known)
{
	struct err e;

	if (tls_verify_peer(ssl, TLS_VERIFY_DOMAIN, HOST, &e) == 0)
		BUG_ON(known && !is_said(false));
	else
		check_text(e.text, sizeof(e.text));
	if (tls_verify_peer(ssl, TLS_VERIFY_DOMAIN, "*." DOMAIN_NAME, &e) == 0)
		BUG_ON(known && !is_said(true));
}

static void try_certificate(const unsigned char *der, size_t n, bool known)
{
	SSL *ssl = session_with(der, n);

	check_filter(der, n);
	if (ssl == NULL)
		return;
	if (SSL_get0_peer_certificate(ssl) != NULL) {
		check_texts(ssl);
		check_pin(ssl, der, n);
		check_names(ssl, known);
	}
	SSL_free(ssl);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned char *der = NULL;
	size_t n;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (data[0] == 'd') {
		try_certificate(data + 1, size - 1, false);
	} else if (data[0] == 'n') {
		n = make((const char *)data + 1, size - 1, &der);
		if (n != 0)
			try_certificate(der, n, true);
		OPENSSL_free(der);
	}
	return 0;
}
