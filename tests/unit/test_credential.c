/* test_credential.c - libhub/edge/credential: sealed, opened, and what cannot be. */
#include "libhub/edge/credential.h"

#include <stdio.h>
#include <string.h>

#include <openssl/cms.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "identity.h"
#include "libhub/base/mem.h"
#include "libhub/tls/certificate.h"
#include "unit.h"

enum { OLD, NEW, OTHER, IDENTITIES };

static struct identity ids[IDENTITIES];
static struct tls_certificate *own[IDENTITIES];
static struct blob der[IDENTITIES];

static struct blob to_der(const char *path)
{
	unsigned char *out = NULL;
	FILE *f = fopen(path, "r");
	X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
	int n = i2d_X509(cert, &out);

	fclose(f);
	X509_free(cert);
	ck_assert_int_gt(n, 0);
	return (struct blob){ out, (size_t)n };
}

static void set_up(void)
{
	static const struct identity_wish rsa = { .names = "DNS:hub1.example", .rsa = true,
		.days = 9 };
	struct err e;
	int i;

	identity_make_as(&ids[OLD], &rsa);
	identity_make(&ids[NEW], "hub1.example", 9);
	identity_make(&ids[OTHER], "hub2.example", 9);
	for (i = 0; i < IDENTITIES; i++) {
		own[i] = tls_certificate_load(ids[i].certificate, ids[i].key, &e);
		ck_assert_msg(own[i] != NULL, "%s", e.text);
		der[i] = to_der(ids[i].certificate);
	}
}

static void tear_down(void)
{
	int i;

	for (i = 0; i < IDENTITIES; i++) {
		identity_remove(&ids[i]);
		tls_certificate_unref(&own[i]);
		OPENSSL_free((void *)(uintptr_t)der[i].data);
	}
}

static void fill(struct credential *c)
{
	memset(c, 0, sizeof(*c));
	c->kind = CREDENTIAL_ACCOUNT;
	strcpy(c->account, "cn=hub1.1,cn=Sync Accounts,cn=Transport,o=Ed\"ge");
	strcpy(c->password, "secret-of-hub1");
	strcpy(c->hub, "hub1");
	c->from_s = 1700000000;
	c->to_s = 1707776000;
}

static struct blob seal(const struct blob *certificates, size_t n)
{
	struct credential c;
	struct blob out;
	struct err e;

	fill(&c);
	ck_assert_msg(credential_seal(&c, certificates, n, &out, &e) == 0, "%s", e.text);
	return out;
}

START_TEST(opens_with_either_key)
{
	struct blob sealed = seal(der, 2);
	struct credential wanted, c;
	struct err e;
	int i;

	fill(&wanted);
	for (i = 0; i < 2; i++) {
		ck_assert_msg(credential_open(&sealed, &own[i], 1, &c, &e) == CREDENTIAL_OPENED,
			"%d: %s", i, e.text);
		ck_assert_mem_eq(&c, &wanted, sizeof(c));
	}
	ck_assert_int_eq(credential_open(&sealed, &own[OTHER], 1, &c, &e), CREDENTIAL_NOT_OURS);
	ck_assert_str_eq(c.password, "");
	/* one that does not fit before one that does */
	ck_assert_int_eq(credential_open(&sealed, (struct tls_certificate *[]){ own[OTHER],
		own[NEW] }, 2, &c, &e), CREDENTIAL_OPENED);
	ck_assert_uint_lt(sealed.size, CREDENTIAL_SEALED_MAX);
	ck_assert_ptr_null(memmem(sealed.data, sealed.size, "secret-of-hub1", 14));
	ck_assert_ptr_null(memmem(sealed.data, sealed.size, "Sync Accounts", 13));
	free((void *)(uintptr_t)sealed.data);
}
END_TEST

/* RFC 3218: of the older padding who may ask often learns what is in it. */
START_TEST(rsa_has_oaep)
{
	struct blob sealed = seal(der, 1);
	const unsigned char *p = sealed.data;
	CMS_ContentInfo *cms = d2i_CMS_ContentInfo(NULL, &p, (long)sealed.size);
	CMS_RecipientInfo *info = sk_CMS_RecipientInfo_value(CMS_get0_RecipientInfos(cms), 0);
	X509_ALGOR *algorithm;
	const ASN1_OBJECT *name;

	ck_assert_int_eq(CMS_RecipientInfo_ktri_get0_algs(info, NULL, NULL, &algorithm), 1);
	X509_ALGOR_get0(&name, NULL, NULL, algorithm);
	ck_assert_int_eq(OBJ_obj2nid(name), NID_rsaesOaep);
	CMS_ContentInfo_free(cms);
	free((void *)(uintptr_t)sealed.data);
}
END_TEST

/* The old key's part is damaged, the new one's is not. */
START_TEST(broken_for_one_key_only)
{
	struct blob sealed = seal(der, 2);
	unsigned char *wrapped = memmem(sealed.data, sealed.size, "\x04\x82\x01\x00", 4);
	struct credential wanted, c;
	struct err e;

	fill(&wanted);
	ck_assert_ptr_nonnull(wrapped);
	wrapped[100] ^= 1;
	ck_assert_int_eq(credential_open(&sealed, own, 1, &c, &e), CREDENTIAL_BROKEN);
	ck_assert_int_eq(credential_open(&sealed, (struct tls_certificate *[]){ own[OLD],
		own[OTHER] }, 2, &c, &e), CREDENTIAL_BROKEN);
	ck_assert_int_eq(credential_open(&sealed, own, 2, &c, &e), CREDENTIAL_OPENED);
	ck_assert_mem_eq(&c, &wanted, sizeof(c));
	free((void *)(uintptr_t)sealed.data);
}
END_TEST

#define GOOD "\"account\":\"a\",\"password\":\"p\",\"from\":1,\"to\":2," \
	"\"kind\":\"bootstrap\",\"hub\":\"h\""

/* Whatever who writes the directory likes, to the new key. Room for a byte more. */
static struct blob seal_anything(const void *text, size_t size)
{
	const unsigned char *p = der[NEW].data;
	X509 *cert = d2i_X509(NULL, &p, (long)der[NEW].size);
	BIO *in = BIO_new_mem_buf(text, (int)size);
	CMS_ContentInfo *cms = CMS_encrypt(NULL, NULL, EVP_aes_256_gcm(),
		CMS_PARTIAL | CMS_BINARY);
	unsigned char *out = NULL, *room;
	int n;

	ck_assert_ptr_nonnull(CMS_add1_recipient_cert(cms, cert, 0));
	ck_assert_int_eq(CMS_final(cms, in, NULL, CMS_BINARY), 1);
	n = i2d_CMS_ContentInfo(cms, &out);
	ck_assert_int_gt(n, 0);
	room = xcalloc(1, (size_t)n + 1);
	memcpy(room, out, (size_t)n);
	OPENSSL_free(out);
	CMS_ContentInfo_free(cms);
	BIO_free(in);
	X509_free(cert);
	return (struct blob){ room, (size_t)n };
}

static enum credential_opening open_anything(const void *text, size_t size)
{
	struct blob sealed = seal_anything(text, size);
	struct credential c;
	struct err e;
	enum credential_opening result = credential_open(&sealed, &own[NEW], 1, &c, &e);

	if (result != CREDENTIAL_OPENED)
		ck_assert_str_eq(c.password, "");
	free((void *)(uintptr_t)sealed.data);
	return result;
}

START_TEST(nothing_may_follow)
{
	static const char good[] = "{" GOOD "}";
	struct blob sealed = seal_anything(good, sizeof(good) - 1);
	struct credential c;
	struct err e;

	ck_assert_int_eq(open_anything(good, sizeof(good) - 1), CREDENTIAL_OPENED);
	/* its NUL, too */
	ck_assert_int_eq(open_anything(good, sizeof(good)), CREDENTIAL_BROKEN);
	ck_assert_int_eq(open_anything("{" GOOD "}x", sizeof(good)), CREDENTIAL_BROKEN);
	sealed.size++;
	ck_assert_int_eq(credential_open(&sealed, &own[NEW], 1, &c, &e), CREDENTIAL_BROKEN);
	ck_assert_ptr_nonnull(strstr(e.text, "no sealed credential"));
	ck_assert_int_eq(credential_recipients(&sealed, der, 2, NULL), -1);
	free((void *)(uintptr_t)sealed.data);
}
END_TEST

START_TEST(how_large)
{
	static char text[CREDENTIAL_SEALED_MAX + 1] = "{" GOOD "}";
	struct blob many[40], sealed, large = { (unsigned char *)text, sizeof(text) };
	struct credential c;
	struct err e;
	size_t i, size = sizeof(text) - 1024;

	/* JSON may end in blanks; one byte more in it is one more of the value */
	memset(text + strlen(text), ' ', sizeof(text) - strlen(text));
	sealed = seal_anything(text, size);
	size += CREDENTIAL_SEALED_MAX - sealed.size;
	free((void *)(uintptr_t)sealed.data);
	ck_assert_uint_lt(size, sizeof(text));
	ck_assert_int_eq(open_anything(text, size), CREDENTIAL_OPENED);
	ck_assert_int_eq(open_anything(text, size + 1), CREDENTIAL_BROKEN);
	fill(&c);
	for (i = 0; i < 40; i++)
		many[i] = der[OLD];
	ck_assert_int_eq(credential_seal(&c, many, 40, &sealed, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "is too large"));
	ck_assert_int_eq(credential_seal(&c, &large, 1, &sealed, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "value 1: too large"));
}
END_TEST

START_TEST(for_whom)
{
	struct blob both = seal(der, 2), one = seal(&der[NEW], 1);
	size_t others;

	ck_assert_int_eq(credential_recipients(&both, der, 2, &others), 2);
	ck_assert_uint_eq(others, 0);
	ck_assert_int_eq(credential_recipients(&both, &der[NEW], 2, &others), 1);
	ck_assert_uint_eq(others, 1);
	ck_assert_int_eq(credential_recipients(&one, der, 2, &others), 1);
	ck_assert_uint_eq(others, 0);
	ck_assert_int_eq(credential_recipients(&one, &der[OTHER], 1, &others), 0);
	ck_assert_uint_eq(others, 1);
	ck_assert_int_eq(credential_recipients(&one, NULL, 0, NULL), 0);
	ck_assert_int_eq(credential_recipients(&der[0], der, 1, NULL), -1);
	free((void *)(uintptr_t)both.data);
	free((void *)(uintptr_t)one.data);
}
END_TEST

/* A byte changed anywhere: never opened, and never anything else in it. */
START_TEST(damage_shows)
{
	struct blob sealed = seal(&der[_i], 1);
	unsigned char *bytes = (unsigned char *)(uintptr_t)sealed.data;
	struct credential c, wanted;
	struct err e;
	size_t i;

	fill(&wanted);
	for (i = 0; i < sealed.size; i += 3) {
		bytes[i] ^= 0x55;
		/* what nothing covers may still open: then as it was */
		if (credential_open(&sealed, &own[_i], 1, &c, &e) == CREDENTIAL_OPENED)
			ck_assert_mem_eq(&c, &wanted, sizeof(c));
		bytes[i] ^= 0x55;
	}
	/* the last bytes are the tag of the content */
	bytes[sealed.size - 1] ^= 1;
	ck_assert_int_eq(credential_open(&sealed, &own[_i], 1, &c, &e), CREDENTIAL_BROKEN);
	ck_assert_ptr_nonnull(strstr(e.text, "cannot be opened"));
	ck_assert_str_eq(c.password, "");
	bytes[sealed.size - 1] ^= 1;
	sealed.size--;
	ck_assert_int_eq(credential_open(&sealed, &own[_i], 1, &c, &e), CREDENTIAL_BROKEN);
	ck_assert_ptr_nonnull(strstr(e.text, "hubCredential"));
	sealed.size = 0;
	ck_assert_int_eq(credential_open(&sealed, &own[_i], 1, &c, &e), CREDENTIAL_BROKEN);
	free(bytes);
}
END_TEST

static struct blob ed25519(void)
{
	EVP_PKEY *key = EVP_PKEY_Q_keygen(NULL, NULL, "ED25519");
	X509 *cert = X509_new();
	unsigned char *out = NULL;
	int n;

	X509_gmtime_adj(X509_getm_notBefore(cert), 0);
	X509_gmtime_adj(X509_getm_notAfter(cert), 3600);
	X509_set_pubkey(cert, key);
	ck_assert_int_gt(X509_sign(cert, key, NULL), 0);
	n = i2d_X509(cert, &out);
	X509_free(cert);
	EVP_PKEY_free(key);
	return (struct blob){ out, (size_t)n };
}

START_TEST(what_cannot_be_sealed_to)
{
	static const unsigned char junk[] = "junk";
	struct blob certificates[2] = { der[0], { junk, 4 } }, out, ed = ed25519();
	struct credential c;
	struct err e;

	fill(&c);
	ck_assert_int_eq(credential_seal(&c, NULL, 0, &out, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "hub1 has no hubCertificate"));
	ck_assert_int_eq(credential_seal(&c, certificates, 2, &out, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "hubCertificate of hub1, value 2"));
	ck_assert_int_eq(credential_seal(&c, &ed, 1, &out, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "nothing can be sealed to its key"));
	OPENSSL_free((void *)(uintptr_t)ed.data);
}
END_TEST

static const struct {
	const char *text, *complaint;
} texts[] = {
	{ "{" GOOD "}", NULL },
	{ "{" GOOD ",\"more\":[1]}", NULL },
	{ "{" GOOD "}x", "no JSON" }, { "{" GOOD "}{}", "no JSON" },
	{ "", "no JSON" }, { "[]", "account" }, { "{" GOOD, "no JSON" },
	{ "{" GOOD ",\"hub\":\"other\"}", "no JSON" },
	{ "{\"account\":\"\"}", "account" },
	{ "{\"account\":1}", "account" },
	{ "{\"account\":\"a\"}", "password" },
	{ "{\"account\":\"a\",\"password\":\"p\"}", "hub" },
	{ "{\"account\":\"a\",\"password\":\"p\",\"hub\":\"h\"}", "from" },
	{ "{\"account\":\"a\",\"password\":\"p\",\"hub\":\"h\",\"from\":\"1\"}", "from" },
	{ "{\"account\":\"a\",\"password\":\"p\",\"hub\":\"h\",\"from\":1,\"to\":2.5}", "to" },
	{ "{\"account\":\"a\",\"password\":\"p\",\"hub\":\"h\",\"from\":1,\"to\":2,"
		"\"kind\":\"x\"}", "kind" },
};

START_TEST(reading_json)
{
	struct credential c;
	struct err e = { .text = "" };
	int rc = credential_from_json(texts[_i].text, strlen(texts[_i].text), &c, &e);

	if (texts[_i].complaint == NULL) {
		ck_assert_int_eq(rc, 0);
		ck_assert_int_eq(c.kind, CREDENTIAL_BOOTSTRAP);
		ck_assert_int_eq(c.to_s, 2);
	} else {
		ck_assert_int_eq(rc, -1);
		ck_assert_msg(strstr(e.text, texts[_i].complaint) != NULL, "%s", e.text);
		ck_assert_str_eq(c.account, "");
	}
}
END_TEST

START_TEST(too_long_is_refused)
{
	char *text = xasprintf("{\"account\":\"a\",\"password\":\"%0*d\",\"from\":1,\"to\":2,"
		"\"kind\":\"account\",\"hub\":\"h\"}", CREDENTIAL_PASSWORD, 1);
	struct credential c;
	struct err e;

	ck_assert_int_eq(credential_from_json(text, strlen(text), &c, &e), -1);
	free(text);
	text = xasprintf("{\"account\":\"a\",\"password\":\"%0*d\",\"from\":1,\"to\":2,"
		"\"kind\":\"account\",\"hub\":\"h\"}", CREDENTIAL_PASSWORD - 1, 1);
	ck_assert_int_eq(credential_from_json(text, strlen(text), &c, &e), 0);
	free(text);
}
END_TEST

START_TEST(passwords)
{
	static const char chars[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	char one[CREDENTIAL_PASSWORD_MADE], two[CREDENTIAL_PASSWORD_MADE];
	char a[CREDENTIAL_HASH_TEXT], b[CREDENTIAL_HASH_TEXT];

	credential_make_password(one);
	credential_make_password(two);
	ck_assert_str_ne(one, two);
	ck_assert_uint_eq(strlen(one), 43);
	ck_assert_uint_eq(strspn(one, chars), 43);
	credential_hash_password(one, a);
	credential_hash_password(one, b);
	ck_assert_int_eq(strncmp(a, "{SSHA}", 6), 0);
	ck_assert_str_ne(a, b);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("sealed"), *j = tcase_create("plain");

	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_test(t, opens_with_either_key);
	tcase_add_test(t, rsa_has_oaep);
	tcase_add_test(t, broken_for_one_key_only);
	tcase_add_test(t, nothing_may_follow);
	tcase_add_test(t, how_large);
	tcase_add_test(t, for_whom);
	tcase_add_loop_test(t, damage_shows, 0, 2);
	tcase_add_test(t, what_cannot_be_sealed_to);
	tcase_add_loop_test(j, reading_json, 0, (int)(sizeof(texts) / sizeof(*texts)));
	tcase_add_test(j, too_long_is_refused);
	tcase_add_test(j, passwords);
	return unit_run("credential", (TCase *[]){ t, j }, 2);
}
