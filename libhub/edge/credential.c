/* credential.c - see credential.h */
#include "libhub/edge/credential.h"

#include <string.h>

#include <jansson.h>
#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <openssl/rsa.h>
#include <openssl/x509.h>

#include "libhub/base/mem.h"
#include "libhub/tls/certificate.h"
#include "libhub/tls/error.h"

enum { SECRET = 32, SALT = 8, SHA1_SIZE = 20, RECIPIENTS_MAX = 64 };

static const char *const kinds[] = { "bootstrap", "account" };

/* --- secrets --- */

void credential_make_password(char out[CREDENTIAL_PASSWORD_MADE])
{
	/* base64 of 33 bytes has no padding */
	unsigned char secret[SECRET + 1] = { 0 };
	char text[CREDENTIAL_PASSWORD_MADE + 1];
	char *p;

	BUG_ON(RAND_bytes(secret, SECRET) != 1);
	EVP_EncodeBlock((unsigned char *)text, secret, sizeof(secret));
	for (p = text; *p != '\0'; p++)
		*p = *p == '+' ? '-' : *p == '/' ? '_' : *p;
	memcpy(out, text, CREDENTIAL_PASSWORD_MADE - 1);
	out[CREDENTIAL_PASSWORD_MADE - 1] = '\0';
	explicit_bzero(secret, sizeof(secret));
	explicit_bzero(text, sizeof(text));
}

void credential_hash_password(const char *password, char out[CREDENTIAL_HASH_TEXT])
{
	static const char scheme[] = "{SSHA}";
	unsigned char hash[SHA1_SIZE + SALT];
	EVP_MD_CTX *md = EVP_MD_CTX_new();

	BUG_ON(md == NULL || RAND_bytes(hash + SHA1_SIZE, SALT) != 1 ||
		EVP_DigestInit_ex(md, EVP_sha1(), NULL) != 1 ||
		EVP_DigestUpdate(md, password, strlen(password)) != 1 ||
		EVP_DigestUpdate(md, hash + SHA1_SIZE, SALT) != 1 ||
		EVP_DigestFinal_ex(md, hash, NULL) != 1);
	EVP_MD_CTX_free(md);
	strcpy(out, scheme);
	EVP_EncodeBlock((unsigned char *)out + sizeof(scheme) - 1, hash, sizeof(hash));
}

void credential_wipe(struct credential *c)
{
	explicit_bzero(c, sizeof(*c));
}

/* --- JSON --- */

char *credential_to_json(const struct credential *c)
{
	json_t *root = json_pack("{s:s, s:s, s:I, s:I, s:s, s:s}", "account", c->account,
		"password", c->password, "from", (json_int_t)c->from_s, "to", (json_int_t)c->to_s,
		"kind", kinds[c->kind], "hub", c->hub);
	char *text;

	BUG_ON(root == NULL);
	text = json_dumps(root, JSON_COMPACT);
	BUG_ON(text == NULL);
	json_decref(root);
	return text;
}

static int take_text(json_t *root, const char *name, char *out, size_t size, struct err *e)
{
	const char *text = json_string_value(json_object_get(root, name));

	/* one with a NUL in it ends there: it names nothing that exists */
	if (text == NULL || *text == '\0' || strlen(text) >= size)
		return err_set(e, ERR_PERM, 0, "sealed credential: no usable \"%s\"", name);
	strcpy(out, text);
	return 0;
}

static int take_time(json_t *root, const char *name, int64_t *out, struct err *e)
{
	const json_t *value = json_object_get(root, name);

	if (!json_is_integer(value))
		return err_set(e, ERR_PERM, 0, "sealed credential: no usable \"%s\"", name);
	*out = json_integer_value(value);
	return 0;
}

static int take_kind(json_t *root, enum credential_kind *kind, struct err *e)
{
	const char *text = json_string_value(json_object_get(root, "kind"));
	int i;

	for (i = 0; text != NULL && i < 2; i++)
		if (strcmp(text, kinds[i]) == 0) {
			*kind = i == 0 ? CREDENTIAL_BOOTSTRAP : CREDENTIAL_ACCOUNT;
			return 0;
		}
	return err_set(e, ERR_PERM, 0, "sealed credential: no usable \"kind\"");
}

int credential_from_json(const char *text, size_t size, struct credential *c, struct err *e)
{
	json_t *root = json_loadb(text, size, JSON_REJECT_DUPLICATES, NULL);
	int rc = 0;

	memset(c, 0, sizeof(*c));
	if (root == NULL)
		return err_set(e, ERR_PERM, 0, "sealed credential: no JSON");
	if (take_text(root, "account", c->account, sizeof(c->account), e) < 0 ||
	    take_text(root, "password", c->password, sizeof(c->password), e) < 0 ||
	    take_text(root, "hub", c->hub, sizeof(c->hub), e) < 0 ||
	    take_time(root, "from", &c->from_s, e) < 0 || take_time(root, "to", &c->to_s, e) < 0 ||
	    take_kind(root, &c->kind, e) < 0) {
		credential_wipe(c);
		rc = -1;
	}
	json_decref(root);
	return rc;
}

/* --- sealing --- */

/*
 * RSA with OAEP, for the older padding lets who may ask often guess (RFC 3218). Named by its key
 * where the certificate tells that: self-signed ones of one name often have one serial, too.
 */
static int add_recipient(CMS_ContentInfo *cms, const struct blob *der, struct err *e)
{
	const unsigned char *p = der->data;
	X509 *cert = d2i_X509(NULL, &p, (long)der->size);
	unsigned int flags = CMS_KEY_PARAM;
	CMS_RecipientInfo *info;
	EVP_PKEY_CTX *ctx;
	int rc = 0;

	if (cert == NULL || p != der->data + der->size) {
		X509_free(cert);
		return tls_error_set(e, ERR_CONFIG, "not a DER certificate");
	}
	if (X509_get0_subject_key_id(cert) != NULL)
		flags |= CMS_USE_KEYID;
	info = CMS_add1_recipient_cert(cms, cert, flags);
	ctx = info != NULL ? CMS_RecipientInfo_get0_pkey_ctx(info) : NULL;
	if (info == NULL)
		rc = tls_error_set(e, ERR_CONFIG, "nothing can be sealed to its key");
	else if (CMS_RecipientInfo_type(info) == CMS_RECIPINFO_TRANS &&
		EVP_PKEY_CTX_set_rsa_padding(ctx, RSA_PKCS1_OAEP_PADDING) != 1)
		rc = tls_error_set(e, ERR_CONFIG, "OAEP");
	X509_free(cert);
	return rc;
}

static int add_recipients(CMS_ContentInfo *cms, const struct credential *c,
	const struct blob *certificates, size_t n, struct err *e)
{
	struct err why;
	size_t i;

	for (i = 0; i < n; i++)
		if (certificates[i].size > CREDENTIAL_SEALED_MAX ||
		    add_recipient(cms, &certificates[i], &why) < 0)
			return err_set(e, ERR_CONFIG, 0, "hubCertificate of %.100s, value %zu: %s",
				c->hub, i + 1, certificates[i].size > CREDENTIAL_SEALED_MAX ?
				"too large" : why.text);
	return 0;
}

static int encode(CMS_ContentInfo *cms, struct blob *out, struct err *e)
{
	unsigned char *der = NULL;
	int size = i2d_CMS_ContentInfo(cms, &der);

	if (size <= 0)
		return tls_error_set(e, ERR_PERM, "cannot encode a sealed credential");
	if (size > CREDENTIAL_SEALED_MAX) {
		OPENSSL_free(der);
		return err_set(e, ERR_CONFIG, 0, "a sealed credential of %d bytes is too large",
			size);
	}
	*out = (struct blob){ xmemdup(der, (size_t)size), (size_t)size };
	OPENSSL_free(der);
	return 0;
}

static int seal_text(const struct credential *c, const char *text,
	const struct blob *certificates, size_t n, struct blob *out, struct err *e)
{
	BIO *bio = BIO_new_mem_buf(text, -1);
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(),
		CMS_PARTIAL | CMS_BINARY);
	int rc;

	BUG_ON(bio == NULL);
	if (cms == NULL)
		rc = tls_error_set(e, ERR_PERM, "cannot seal a credential");
	else if ((rc = add_recipients(cms, c, certificates, n, e)) == 0)
		rc = CMS_final(cms, bio, NULL, CMS_BINARY) == 1 ? encode(cms, out, e) :
			tls_error_set(e, ERR_PERM, "cannot seal a credential for %.100s", c->hub);
	CMS_ContentInfo_free(cms);
	BIO_free(bio);
	return rc;
}

int credential_seal(const struct credential *c, const struct blob *certificates, size_t n,
	struct blob *out, struct err *e)
{
	char *text;
	int rc;

	if (n == 0)
		return err_set(e, ERR_CONFIG, 0, "%.100s has no hubCertificate: nothing can be "
			"sealed for it", c->hub);
	tls_error_clear();
	text = credential_to_json(c);
	rc = seal_text(c, text, certificates, n, out, e);
	explicit_bzero(text, strlen(text));
	free(text);
	return rc;
}

/* --- opening --- */

static CMS_ContentInfo *decode(const struct blob *sealed)
{
	const unsigned char *p = sealed->data;
	CMS_ContentInfo *cms;

	if (sealed->size == 0 || sealed->size > CREDENTIAL_SEALED_MAX)
		return NULL;
	cms = d2i_CMS_ContentInfo(NULL, &p, (long)sealed->size);
	if (cms != NULL && (p != sealed->data + sealed->size ||
		CMS_get0_RecipientInfos(cms) == NULL ||
		sk_CMS_RecipientInfo_num(CMS_get0_RecipientInfos(cms)) > RECIPIENTS_MAX)) {
		CMS_ContentInfo_free(cms);
		cms = NULL;
	}
	tls_error_clear();
	return cms;
}

static bool agreement_is_for(CMS_RecipientInfo *info, X509 *cert)
{
	STACK_OF(CMS_RecipientEncryptedKey) *keys = CMS_RecipientInfo_kari_get0_reks(info);
	int i;

	for (i = 0; i < sk_CMS_RecipientEncryptedKey_num(keys); i++)
		if (CMS_RecipientEncryptedKey_cert_cmp(
			sk_CMS_RecipientEncryptedKey_value(keys, i), cert) == 0)
			return true;
	return false;
}

static bool info_is_for(CMS_RecipientInfo *info, X509 *cert)
{
	switch (CMS_RecipientInfo_type(info)) {
	case CMS_RECIPINFO_TRANS:
		return CMS_RecipientInfo_ktri_cert_cmp(info, cert) == 0;
	case CMS_RECIPINFO_AGREE:
		return agreement_is_for(info, cert);
	default:
		return false;
	}
}

static bool is_for(CMS_ContentInfo *cms, X509 *cert)
{
	STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);
	int i;

	for (i = 0; i < sk_CMS_RecipientInfo_num(all); i++)
		if (info_is_for(sk_CMS_RecipientInfo_value(all, i), cert))
			return true;
	return false;
}

/* The text in it. Who made it may have put in whatever was liked. */
static int open_with(CMS_ContentInfo *cms, const struct tls_certificate *own, struct credential *c,
	struct err *e)
{
	BIO *out = BIO_new(BIO_s_mem());
	char *text;
	long size;
	int rc;

	BUG_ON(out == NULL);
	if (CMS_decrypt(cms, tls_certificate_private_key(own), tls_certificate_x509(own), NULL, out,
		CMS_BINARY) != 1) {
		rc = tls_error_set(e, ERR_PERM, "sealed credential: cannot be opened");
	} else {
		size = BIO_get_mem_data(out, &text);
		rc = credential_from_json(text, (size_t)size, c, e);
	}
	size = BIO_get_mem_data(out, &text);
	if (size > 0)
		explicit_bzero(text, (size_t)size);
	BIO_free(out);
	return rc;
}

enum credential_opening credential_open(const struct blob *sealed,
	struct tls_certificate *const *own, size_t n, struct credential *c, struct err *e)
{
	enum credential_opening result = CREDENTIAL_NOT_OURS;
	CMS_ContentInfo *cms;
	size_t i;

	memset(c, 0, sizeof(*c));
	tls_error_clear();
	cms = decode(sealed);
	if (cms == NULL) {
		err_set(e, ERR_PERM, 0, "a value of hubCredential is no sealed credential");
		return CREDENTIAL_BROKEN;
	}
	for (i = 0; i < n && result != CREDENTIAL_OPENED; i++)
		if (is_for(cms, tls_certificate_x509(own[i])))
			result = open_with(cms, own[i], c, e) == 0 ? CREDENTIAL_OPENED :
				CREDENTIAL_BROKEN;
	CMS_ContentInfo_free(cms);
	return result;
}

/* Recipients that are none of the certificates. */
static size_t count_others(CMS_ContentInfo *cms, X509 *const *certificates, size_t n)
{
	STACK_OF(CMS_RecipientInfo) *all = CMS_get0_RecipientInfos(cms);
	size_t others = 0, k;
	int i;

	for (i = 0; i < sk_CMS_RecipientInfo_num(all); i++) {
		for (k = 0; k < n && (certificates[k] == NULL ||
			!info_is_for(sk_CMS_RecipientInfo_value(all, i), certificates[k])); k++)
			;
		others += k == n;
	}
	return others;
}

int credential_recipients(const struct blob *sealed, const struct blob *certificates, size_t n,
	size_t *others)
{
	CMS_ContentInfo *cms = decode(sealed);
	X509 **list;
	size_t i;
	int found = 0;

	if (cms == NULL)
		return -1;
	list = xcalloc(n + 1, sizeof(X509 *));
	for (i = 0; i < n; i++) {
		const unsigned char *p = certificates[i].data;

		list[i] = d2i_X509(NULL, &p, (long)certificates[i].size);
		found += list[i] != NULL && is_for(cms, list[i]);
	}
	if (others != NULL)
		*others = count_others(cms, list, n);
	for (i = 0; i < n; i++)
		X509_free(list[i]);
	free(list);
	tls_error_clear();
	CMS_ContentInfo_free(cms);
	return found;
}
