/* fuzz_subscription.c - fuzz target for what comes from an edge and for edges: the subscription
 * file, the sealed credential, and the text in it.
 *
 * The first byte chooses. Files get the digest that fits before they are read as they are, since
 * nothing but that would ever be looked at; what is read may be written, and is then the same.
 */
#include <stdio.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/edge/credential.h"
#include "libhub/edge/subscription_file.h"
#include "libhub/org/buckets.h"
#include "libhub/org/replica_digest.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16, RECORD = 'r', FILE_AS_IT_IS = 'f', JSON = 'j', SEALED = 's' };

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
	default:
		read_sealed(data + 1, size - 1);
		break;
	}
	return 0;
}
