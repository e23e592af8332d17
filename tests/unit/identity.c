/* identity.c - see identity.h */
#include "identity.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "libhub/base/err.h"

static void add_extension(X509 *cert, int nid, const char *value)
{
	X509_EXTENSION *ext;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, cert, cert, NULL, NULL, 0);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	BUG_ON(ext == NULL || !X509_add_ext(cert, ext, -1));
	X509_EXTENSION_free(ext);
}

static X509 *read_certificate(const char *path)
{
	FILE *f = fopen(path, "r");
	X509 *cert;

	BUG_ON(f == NULL);
	cert = PEM_read_X509(f, NULL, NULL, NULL);
	fclose(f);
	BUG_ON(cert == NULL);
	return cert;
}

static EVP_PKEY *read_key(const char *path)
{
	FILE *f = fopen(path, "r");
	EVP_PKEY *key;

	BUG_ON(f == NULL);
	key = PEM_read_PrivateKey(f, NULL, NULL, NULL);
	fclose(f);
	BUG_ON(key == NULL);
	return key;
}

/* The first name without its type. */
static void common_name(const char *names, char *out, size_t size)
{
	const char *colon = strchr(names, ':');

	snprintf(out, size, "%.*s", (int)strcspn(colon + 1, ","), colon + 1);
}

static X509 *sign(EVP_PKEY *key, const struct identity_wish *wish)
{
	X509 *cert = X509_new(), *issuer = NULL;
	X509_NAME *subject = X509_get_subject_name(cert);
	EVP_PKEY *signer = key;
	char name[200];

	common_name(wish->names, name, sizeof(name));
	X509_set_version(cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(cert), 1);
	X509_gmtime_adj(X509_getm_notBefore(cert), wish->age_days * -86400L - 60);
	X509_gmtime_adj(X509_getm_notAfter(cert), wish->days * 86400L);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, (const unsigned char *)name, -1, -1,
		0);
	if (wish->issuer != NULL) {
		issuer = read_certificate(wish->issuer->certificate);
		signer = read_key(wish->issuer->key);
	}
	X509_set_issuer_name(cert, issuer != NULL ? X509_get_subject_name(issuer) : subject);
	X509_set_pubkey(cert, key);
	add_extension(cert, NID_subject_alt_name, wish->names);
	add_extension(cert, NID_subject_key_identifier, "hash");
	if (wish->authority)
		add_extension(cert, NID_basic_constraints, "critical,CA:TRUE");
	BUG_ON(!X509_sign(cert, signer, EVP_sha256()));
	if (issuer != NULL) {
		X509_free(issuer);
		EVP_PKEY_free(signer);
	}
	return cert;
}

void identity_make_as(struct identity *id, const struct identity_wish *wish)
{
	EVP_PKEY *key = wish->rsa ? EVP_RSA_gen(2048) : EVP_EC_gen("P-256");
	X509 *cert = sign(key, wish);
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

void identity_make(struct identity *id, const char *name, int days)
{
	char names[200];
	const struct identity_wish wish = { .names = names, .age_days = days < 0 ? 1 - days : 0,
		.days = days };

	snprintf(names, sizeof(names), "DNS:%s", name);
	identity_make_as(id, &wish);
}

void identity_remove(struct identity *id)
{
	unlink(id->certificate);
	unlink(id->key);
	rmdir(id->directory);
}
