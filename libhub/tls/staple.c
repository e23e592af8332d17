/* staple.c - see staple.h */
#include "libhub/tls/staple.h"

#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdbool.h>

#include "libhub/tls/error.h"

enum {
	STAPLE_SKEW_S = 300,		/* clocks may differ by that */
	STAPLE_AGE_MAX_S = 7 * 86400,	/* of a response that does not say until when it counts */
	FEATURE_STATUS_REQUEST = 5,	/* RFC 7633: the number of the TLS extension */
};

/* What the responder said, or V_OCSP_CERTSTATUS_UNKNOWN with the reason why nothing counts. */
struct answer {
	int status;
	const char *why;
};

static bool has_to_be_stapled(X509 *cert)
{
	STACK_OF(ASN1_INTEGER) *list = X509_get_ext_d2i(cert, NID_tlsfeature, NULL, NULL);
	bool found = false;
	int i;

	for (i = 0; i < sk_ASN1_INTEGER_num(list); i++)
		if (ASN1_INTEGER_get(sk_ASN1_INTEGER_value(list, i)) == FEATURE_STATUS_REQUEST)
			found = true;
	sk_ASN1_INTEGER_pop_free(list, ASN1_INTEGER_free);
	return found;
}

/* Is it about that certificate? Responders hash its issuer by SHA-1, or by what they like. */
static bool is_about(OCSP_SINGLERESP *one, X509 *cert, X509 *issuer)
{
	const OCSP_CERTID *id = OCSP_SINGLERESP_get0_id(one);
	ASN1_OBJECT *hash = NULL;
	const EVP_MD *md;
	OCSP_CERTID *own;
	bool same;

	(void)OCSP_id_get0_info(NULL, &hash, NULL, NULL, (OCSP_CERTID *)(uintptr_t)id);
	md = hash != NULL ? EVP_get_digestbyobj(hash) : NULL;
	if (md == NULL)
		return false;
	own = OCSP_cert_to_id(md, cert, issuer);
	same = own != NULL && OCSP_id_cmp(own, id) == 0;
	OCSP_CERTID_free(own);
	return same;
}

static struct answer find(OCSP_BASICRESP *basic, X509 *cert, X509 *issuer)
{
	struct answer a = { V_OCSP_CERTSTATUS_UNKNOWN, "it is about another certificate" };
	ASN1_GENERALIZEDTIME *from, *to;
	int i;

	for (i = 0; i < OCSP_resp_count(basic); i++) {
		OCSP_SINGLERESP *one = OCSP_resp_get0(basic, i);

		if (!is_about(one, cert, issuer))
			continue;
		a.status = OCSP_single_get0_status(one, NULL, NULL, &from, &to);
		/* one that does not say until when is believed for a while */
		if (OCSP_check_validity(from, to, STAPLE_SKEW_S,
			to == NULL ? STAPLE_AGE_MAX_S : -1) == 1) {
			a.why = "the issuer does not know the certificate";
			return a;
		}
		a = (struct answer){ V_OCSP_CERTSTATUS_UNKNOWN, "it is not of now" };
	}
	return a;
}

static struct answer judge(OCSP_RESPONSE *resp, const SSL *ssl, STACK_OF(X509) *chain)
{
	struct answer a = { V_OCSP_CERTSTATUS_UNKNOWN, "it is no OCSP response" };
	X509_STORE *store = SSL_CTX_get_cert_store(SSL_get_SSL_CTX(ssl));
	X509 *cert = sk_X509_value(chain, 0), *issuer = sk_X509_value(chain, 1);
	OCSP_BASICRESP *basic;

	if (resp == NULL)
		return a;
	basic = OCSP_response_get1_basic(resp);
	if (basic == NULL) {
		a.why = "the responder had no answer";
		return a;
	}
	if (OCSP_basic_verify(basic, chain, store, 0) == 1)
		/* an authority that we were told to trust as it is has issued itself */
		a = find(basic, cert, issuer != NULL ? issuer : cert);
	else
		a.why = "its signature does not count";
	OCSP_BASICRESP_free(basic);
	return a;
}

static struct answer stapled(const SSL *ssl, STACK_OF(X509) *chain)
{
	struct answer a = { V_OCSP_CERTSTATUS_UNKNOWN, "nothing is stapled" };
	const unsigned char *p = NULL;
	long n = SSL_get_tlsext_status_ocsp_resp((SSL *)(uintptr_t)ssl, &p);
	OCSP_RESPONSE *resp;

	if (p == NULL || n <= 0)
		return a;
	resp = d2i_OCSP_RESPONSE(NULL, &p, n);
	a = judge(resp, ssl, chain);
	OCSP_RESPONSE_free(resp);
	return a;
}

int staple_check(const struct ssl_st *ssl, struct err *e)
{
	STACK_OF(X509) *chain = SSL_get0_verified_chain(ssl);
	struct answer a;

	if (chain == NULL || sk_X509_num(chain) == 0)
		return 0;
	a = stapled(ssl, chain);
	tls_error_clear();
	if (a.status == V_OCSP_CERTSTATUS_GOOD)
		return 0;
	if (a.status == V_OCSP_CERTSTATUS_REVOKED)
		return err_set(e, ERR_TEMP, 0,
			"certificate not accepted: revoked, as its stapled OCSP response says");
	if (has_to_be_stapled(sk_X509_value(chain, 0)))
		return err_set(e, ERR_TEMP, 0, "certificate not accepted: it has to come with an "
			"OCSP response that proves it good, but %s", a.why);
	return 0;
}
