/* identity.c - see identity.h */
#include "identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/err.h"

static void add_name(X509 *cert, const char *name)
{
	char value[200];
	X509_EXTENSION *ext;

	snprintf(value, sizeof(value), "DNS:%s", name);
	ext = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, value);
	BUG_ON(ext == NULL || !X509_add_ext(cert, ext, -1));
	X509_EXTENSION_free(ext);
}

static X509 *sign(EVP_PKEY *key, const char *name, int days)
{
	X509 *cert = X509_new();
	X509_NAME *subject = X509_get_subject_name(cert);
	long from = days < 0 ? days - 1 : 0;

	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), from * 86400 - 60);
	X509_gmtime_adj(X509_getm_notAfter(cert), days * 86400L);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
		0);
	X509_set_issuer_name(cert, subject);
	X509_set_pubkey(cert, key);
	add_name(cert, name);
	BUG_ON(!X509_sign(cert, key, EVP_sha256()));
	return cert;
}

void identity_make(struct identity *id, const char *name, int days)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");
	X509 *cert = sign(key, name, days);
	FILE *f;

	strcpy(id->directory, "/tmp/hub-test-identity.XXXXXX");
	BUG_ON(mkdtemp(id->directory) == NULL);
	snprintf(id->certificate, sizeof(id->certificate), "%s/cert.pem", id->directory);
	snprintf(id->key, sizeof(id->key), "%s/key.pem", id->directory);
	f = fopen(id->certificate, "w");
	BUG_ON(f == NULL || !PEM_write_X509(f, cert) || fclose(f) != 0);
	f = fopen(id->key, "w");
	BUG_ON(f == NULL || !PEM_write_PrivateKey(f, key, NULL, NULL, 0, NULL, NULL) ||
		fclose(f) != 0);
	X509_free(cert);
	EVP_PKEY_free(key);
}

void identity_remove(struct identity *id)
{
	unlink(id->certificate);
	unlink(id->key);
	rmdir(id->directory);
}
