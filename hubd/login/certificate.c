/* certificate.c - see certificate.h */
#include "hubd/login/certificate.h"

#include <lber.h>
#include <ldap.h>
#include <openssl/bn.h>
#include <openssl/x509.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/directory/entry.h"

enum { TEXT_MAX = 2048 };

/* RFC 4514, every byte beyond ASCII escaped; the caller's, by free. */
static char *issuer_of(const X509 *cert)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *data, *copy = NULL;
	long n;

	BUG_ON(out == NULL);
	if (X509_NAME_print_ex(out, X509_get_issuer_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
		n = BIO_get_mem_data(out, &data);
		/* of an empty name there is no data */
		if (n == 0)
			copy = xstrdup("");
		else if (n > 0 && n <= TEXT_MAX && memchr(data, '\0', (size_t)n) == NULL)
			copy = xstrndup(data, (size_t)n);
	}
	BIO_free(out);
	return copy;
}

/* In decimal digits; the caller's, by OPENSSL_free. */
static char *serial_of(X509 *cert)
{
	BIGNUM *n = ASN1_INTEGER_to_BN(X509_get_serialNumber(cert), NULL);
	char *text = n != NULL ? BN_bn2dec(n) : NULL;

	BN_free(n);
	return text;
}

/* A quote within a text of RFC 3641 is doubled. */
static char *doubled_quotes(const char *text)
{
	char *out = xmalloc(2 * strlen(text) + 1), *to = out;

	for (; *text != '\0'; text++) {
		*to++ = *text;
		if (*text == '"')
			*to++ = '"';
	}
	*to = '\0';
	return out;
}

static char *filter_of(const char *serial, const char *issuer)
{
	char *quoted = doubled_quotes(issuer), *filter = NULL;
	char *assertion = xasprintf("{ serialNumber %s, issuer rdnSequence:\"%s\" }", serial,
		quoted);
	struct berval in = { strlen(assertion), assertion }, out = { 0, NULL };

	if (ldap_bv2escaped_filter_value(&in, &out) == 0) {
		filter = xasprintf("(userCertificate=%s)", out.bv_val);
		ber_memfree(out.bv_val);
	}
	free(assertion);
	free(quoted);
	return filter;
}

char *certificate_filter(const unsigned char *der, size_t size)
{
	X509 *cert = d2i_X509(NULL, &der, (long)size);
	char *issuer, *serial, *filter = NULL;

	if (cert == NULL)
		return NULL;
	issuer = issuer_of(cert);
	serial = serial_of(cert);
	if (issuer != NULL && serial != NULL && strlen(serial) <= TEXT_MAX)
		filter = filter_of(serial, issuer);
	free(issuer);
	OPENSSL_free(serial);
	X509_free(cert);
	return filter;
}

bool certificate_is_of(const struct entry *e, const unsigned char *der, size_t size)
{
	const struct entry_attr *a = entry_attr(e, "userCertificate");
	size_t i;

	for (i = 0; a != NULL && i < a->n; i++)
		if (a->values[i].size == size && memcmp(a->values[i].data, der, size) == 0)
			return true;
	return false;
}
