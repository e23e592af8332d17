/* fuzz_subscription.c - fuzz target for what comes from an edge and for edges: the subscription
 * file, the sealed credential, and the text in it.
 *
 * The first byte chooses. Files get the digest that fits before they are read as they are, since
 * nothing but that would ever be looked at; what is read may be written, and is then the same.
 * Credentials are sealed here, for keys of this run alone, and then changed: three bytes each, two
 * for the place and one to combine; what still opens is what was sealed.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/x509.h>

#include "libhub/base/mem.h"
#include "libhub/edge/credential.h"
#include "libhub/edge/subscription_file.h"
#include "libhub/org/buckets.h"
#include "libhub/org/replica_digest.h"
#include "libhub/tls/certificate.h"
#include "tests/unit/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16, RECORD = 'r', FILE_AS_IT_IS = 'f', JSON = 'j', SEALED = 's' };
/* Two kinds of keys, two kinds of recipients (RFC 5652 section 6.2). */
enum { CHANGED_EC = 'e', CHANGED_RSA = 'o', KEYS = 2 };

static void check_complaint(const struct err *e)
{
	BUG_ON(e->text[0] == '\0' || strchr(e->text, '\n') != NULL);
}

static void check_file(const struct subscription_file *f)
{
	char serial[SUBSCRIPTION_FILE_SERIAL];

	BUG_ON(f->edge[0] == '\0' || f->fqdn[0] == '\0' || f->port == 0 || f->password[0] == '\0');
	BUG_ON(f->directory_certificates.n < 1 ||
		f->directory_certificates.n > SUBSCRIPTION_FILE_CERTIFICATES);
	BUG_ON(f->certificates.n > SUBSCRIPTION_FILE_CERTIFICATES ||
		f->certificates.n + f->key_digests.n == 0);
	BUG_ON(f->from_s >= f->to_s || strlen(f->account) > ENTRY_DN_MAX);
	subscription_file_serial(f, serial);
	BUG_ON(serial[15] != ' ');
}

static void read_file(const char *text, size_t size)
{
	struct err e = { .text = "" };
	struct subscription_file *f = subscription_file_parse("F", text, size, &e);

	if (f != NULL)
		check_file(f);
	else
		check_complaint(&e);
	subscription_file_free(&f);
}

static void read_record(const char *text, size_t size)
{
	unsigned char digest[REPLICA_DIGEST_SIZE];
	char hex[REPLICA_DIGEST_TEXT], *whole;
	int n;

	bucket_digest((const unsigned char *)text, size, digest);
	replica_digest_text(digest, hex);
	whole = xmalloc(size + 100);
	memcpy(whole, text, size);
	n = sprintf(whole + size, "hubFileDigest: %s\n", hex);
	read_file(whole, size + (size_t)n);
	free(whole);
}

static void read_json(const char *text, size_t size)
{
	struct err e = { .text = "" };
	struct credential c, again;
	char *back;

	if (credential_from_json(text, size, &c, &e) < 0) {
		check_complaint(&e);
		return;
	}
	back = credential_to_json(&c);
	BUG_ON(credential_from_json(back, strlen(back), &again, &e) < 0);
	BUG_ON(memcmp(&c, &again, sizeof(c)) != 0);
	free(back);
}

static void read_sealed(const unsigned char *data, size_t size)
{
	const struct blob sealed = { data, size };
	struct err e = { .text = "" };
	struct credential c;
	size_t others;

	if (credential_recipients(&sealed, NULL, 0, &others) < 0) {
		BUG_ON(credential_open(&sealed, NULL, 0, &c, &e) != CREDENTIAL_BROKEN);
		check_complaint(&e);
	} else {
		BUG_ON(credential_open(&sealed, NULL, 0, &c, &e) != CREDENTIAL_NOT_OURS);
	}
}

/* --- changed ones --- */

static struct tls_certificate *own[KEYS];
static struct blob sealed[KEYS];
static const struct credential inside = { .kind = CREDENTIAL_ACCOUNT,
	.account = "cn=hub1.1,cn=Sync Accounts,cn=Transport,o=edge", .password = "secret",
	.hub = "hub1", .from_s = 1700000000, .to_s = 1707776000 };

static void seal(int k)
{
	const struct identity_wish wish = { .names = "DNS:hub1.example", .rsa = k != 0, .days = 9 };
	struct identity id;
	struct blob der;
	unsigned char *p = NULL;
	struct err e;
	int n;

	identity_make_as(&id, &wish);
	own[k] = tls_certificate_load(id.certificate, id.key, &e);
	BUG_ON(own[k] == NULL);
	n = i2d_X509(tls_certificate_x509(own[k]), &p);
	BUG_ON(n <= 0);
	der = (struct blob){ p, (size_t)n };
	BUG_ON(credential_seal(&inside, &der, 1, &sealed[k], &e) < 0);
	OPENSSL_free(p);
	identity_remove(&id);
}

static void read_changed(int k, const unsigned char *change, size_t size)
{
	struct err e = { .text = "" };
	struct credential c;
	unsigned char *copy;
	size_t i;

	if (own[k] == NULL)
		seal(k);
	copy = xmemdup(sealed[k].data, sealed[k].size);
	for (i = 0; i + 3 <= size; i += 3)
		copy[((size_t)change[i] << 8 | change[i + 1]) % sealed[k].size] ^= change[i + 2];
	switch (credential_open(&(struct blob){ copy, sealed[k].size }, &own[k], 1, &c, &e)) {
	case CREDENTIAL_OPENED:
		BUG_ON(memcmp(&c, &inside, sizeof(c)) != 0);
		break;
	case CREDENTIAL_BROKEN:
		check_complaint(&e);
		/* fall through */
	case CREDENTIAL_NOT_OURS:
		BUG_ON(size < 3 || c.password[0] != '\0');
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	switch (data[0]) {
	case RECORD:
		read_record((const char *)data + 1, size - 1);
		break;
	case FILE_AS_IT_IS:
		read_file((const char *)data + 1, size - 1);
		break;
	case JSON:
		read_json((const char *)data + 1, size - 1);
		break;
	case CHANGED_EC:
	case CHANGED_RSA:
		read_changed(data[0] == CHANGED_RSA, data + 1, size - 1);
		break;
	default:
		read_sealed(data + 1, size - 1);
		break;
	}
	return 0;
}
