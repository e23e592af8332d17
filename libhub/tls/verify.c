/* verify.c - see verify.h */
#include "libhub/tls/verify.h"

#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>

#include "libhub/tls/error.h"
#include "libhub/tls/staple.h"

/* "*.example.com" here means any host of the domain; OpenSSL writes that ".example.com". */
static int check_name(X509 *cert, const char *name, struct err *e)
{
	unsigned int flags = X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS;
	int rc;

	if (name == NULL || *name == '\0')
		return err_set(e, ERR_CONFIG, 0, "no name to check the certificate against");
	if (strncmp(name, "*.", 2) == 0) {
		name++;
		flags |= X509_CHECK_FLAG_SINGLE_LABEL_SUBDOMAINS;
	}
	tls_error_clear();
	rc = X509_check_host(cert, name, 0, flags, NULL);
	if (rc < 0)
		return tls_error_set(e, ERR_TEMP, "checking the certificate's name");
	if (rc == 0)
		return err_set(e, ERR_TEMP, 0, "certificate is not for %s%s",
			*name == '.' ? "*" : "", name);
	return 0;
}

int tls_verify_peer(const struct ssl_st *ssl, enum tls_verify mode, const char *name,
	struct err *e)
{
	X509 *cert = SSL_get0_peer_certificate(ssl);
	long result;

	if (mode == TLS_VERIFY_ENCRYPTION)
		return 0;
	if (cert == NULL)
		return err_set(e, ERR_TEMP, 0, "peer showed no certificate");
	result = SSL_get_verify_result(ssl);
	/* a resumed session was verified when it began */
	if (result == X509_V_OK && X509_cmp_timeframe(NULL,
		X509_get0_notBefore(cert), X509_get0_notAfter(cert)) != 0)
		result = X509_V_ERR_CERT_HAS_EXPIRED;
	if (result != X509_V_OK)
		return err_set(e, ERR_TEMP, 0, "certificate not accepted: %s",
			X509_verify_cert_error_string(result));
	/* only who opens a session is sent a staple, and when it is resumed none is */
	if (!SSL_is_server(ssl) && !SSL_session_reused(ssl) && staple_check(ssl, e) != 0)
		return -1;
	return mode == TLS_VERIFY_DOMAIN ? check_name(cert, name, e) : 0;
}
