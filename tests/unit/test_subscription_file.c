/* test_subscription_file.c - libhub/edge/subscription_file: written, read, and every refusal. */
#include "libhub/edge/subscription_file.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "identity.h"
#include "libhub/directory/generalized_time.h"
#include "libhub/org/replica_digest.h"
#include "org_text.h"
#include "unit.h"

enum { MADE_AT = 1763806771, DAY_S = 86400 };

static struct identity ids[2];
static struct blob der[2];
static char dir[] = "/tmp/hub-test-sub.XXXXXX";
static char path[sizeof(dir) + 20];

static struct blob to_der(const char *file)
{
	unsigned char *out = NULL;
	FILE *f = fopen(file, "r");
	X509 *cert = PEM_read_X509(f, NULL, NULL, NULL);
	int n = i2d_X509(cert, &out);

	fclose(f);
	X509_free(cert);
	ck_assert_int_gt(n, 0);
	return (struct blob){ out, (size_t)n };
}

static void set_up(void)
{
	int i;

	ck_assert_ptr_nonnull(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/edge1.sub", dir);
	for (i = 0; i < 2; i++) {
		identity_make(&ids[i], "edge1.example", 9);
		der[i] = to_der(ids[i].certificate);
	}
}

static void tear_down(void)
{
	int i;

	unlink(path);
	ck_assert_int_eq(rmdir(dir), 0);
	for (i = 0; i < 2; i++) {
		identity_remove(&ids[i]);
		OPENSSL_free((void *)(uintptr_t)der[i].data);
	}
}

#define DIGEST "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

static void fill(struct subscription_file *f)
{
	static const char *const digests[] = { DIGEST };
	static const char *const addresses[] = { "192.0.2.1:2525", "2001:db8::1" };

	*f = (struct subscription_file){
		.edge = "edge1", .fqdn = "edge1.example", .port = 636,
		.uuid = "0123abcd-0000-4000-8000-00000000ffff",
		.directory_certificates = { der, 1 }, .certificates = { der, 2 },
		.key_digests = { digests, 1 }, .addresses = { addresses, 2 },
		.account = "cn=bootstrap.ab,cn=Sync Accounts,cn=Transport,o=Edge One",
		.password = "one time", .from_s = MADE_AT, .to_s = MADE_AT + DAY_S,
	};
}

/* Over what is there. */
static int write_over(const struct subscription_file *f, struct err *e)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600), rc;

	ck_assert_int_ge(fd, 0);
	rc = subscription_file_write(fd, path, f, e);
	close(fd);
	return rc;
}

static struct subscription_file *back(const struct subscription_file *f)
{
	struct subscription_file *got;
	struct err e;

	ck_assert_msg(write_over(f, &e) == 0, "%s", e.text);
	got = subscription_file_read(path, &e);
	ck_assert_msg(got != NULL, "%s", e.text);
	return got;
}

START_TEST(there_and_back)
{
	struct subscription_file f, *got;
	size_t i;

	fill(&f);
	got = back(&f);
	ck_assert_str_eq(got->edge, f.edge);
	ck_assert_str_eq(got->uuid, f.uuid);
	ck_assert_str_eq(got->fqdn, f.fqdn);
	ck_assert_uint_eq(got->port, 636);
	ck_assert_str_eq(got->account, f.account);
	ck_assert_str_eq(got->password, f.password);
	ck_assert_int_eq(got->from_s, f.from_s);
	ck_assert_int_eq(got->to_s, f.to_s);
	ck_assert_uint_eq(got->directory_certificates.n, 1);
	ck_assert_uint_eq(got->certificates.n, 2);
	for (i = 0; i < 2; i++) {
		ck_assert_uint_eq(got->certificates.v[i].size, der[i].size);
		ck_assert_mem_eq(got->certificates.v[i].data, der[i].data, der[i].size);
		ck_assert_str_eq(got->addresses.v[i], f.addresses.v[i]);
	}
	ck_assert_str_eq(got->key_digests.v[0], f.key_digests.v[0]);
	subscription_file_free(&got);
	ck_assert_ptr_null(got);
	subscription_file_free(&got);
}
END_TEST

START_TEST(every_file_has_a_serial_of_its_own)
{
	struct subscription_file f, *one, *two;
	char serial[SUBSCRIPTION_FILE_SERIAL];

	fill(&f);
	f.uuid = NULL;
	one = back(&f);
	two = back(&f);
	ck_assert_str_ne(one->uuid, two->uuid);
	subscription_file_serial(one, serial);
	ck_assert_int_eq(strncmp(serial, "20251122101931Z ", 16), 0);
	ck_assert_str_eq(serial + 16, one->uuid);
	subscription_file_free(&one);
	subscription_file_free(&two);
}
END_TEST

static char *slurp(size_t *size)
{
	FILE *f = fopen(path, "r");
	char *text = xcalloc(1, 65536);

	*size = fread(text, 1, 65535, f);
	fclose(f);
	return text;
}

static void refused(const char *text, size_t size, const char *why)
{
	struct err e = { .text = "" };
	struct subscription_file *f = subscription_file_parse("F", text, size, &e);

	ck_assert_msg(f == NULL, "taken: %s", why);
	ck_assert_msg(strstr(e.text, why) != NULL, "%s, not: %s", e.text, why);
	ck_assert_int_eq(strncmp(e.text, "F:", 2), 0);
}

/* A record with its digest, well made, but not what it should be. */
static char *seal(const char *text)
{
	unsigned char digest[REPLICA_DIGEST_SIZE];
	char hex[REPLICA_DIGEST_TEXT];

	EVP_Digest(text, strlen(text), digest, NULL, EVP_sha256(), NULL);
	replica_digest_text(digest, hex);
	return xasprintf("%shubFileDigest: %s\n", text, hex);
}

START_TEST(damage)
{
	struct subscription_file f, *got;
	struct err e;
	size_t size, i;
	char *text;

	fill(&f);
	got = back(&f);
	subscription_file_free(&got);
	text = slurp(&size);
	for (i = 0; i < size; i++) {
		text[i] ^= 1;
		got = subscription_file_parse("F", text, size, &e);
		ck_assert_msg(got == NULL, "byte %zu", i);
		text[i] ^= 1;
	}
	for (i = 0; i < size; i++)
		ck_assert_ptr_null(subscription_file_parse("F", text, i, &e));
	refused(text, size - 1, "damaged");
	text[20] ^= 1;
	refused(text, size, "damaged: its digest does not fit");
	text[20] ^= 1;
	strcpy(text + size, "cn: more\n");
	refused(text, size + 9, "damaged");
	refused("", 0, "damaged");
	free(text);
	/* a digest that fits, but stands on the line of something else */
	text = seal("dn: cn=x");
	refused(text, strlen(text), "does not end with its digest");
	free(text);
}
END_TEST

static const struct {
	const char *line;	/* "attr: " begins the lines to replace */
	const char *with;	/* or NULL: they go */
	const char *why;
} forms[] = {
	{ "objectClass: ", "objectClass: hubServer", "no subscription file" },
	{ "hubFormatVersion: ", "hubFormatVersion: 2", "version 2" },
	{ "hubFormatVersion: ", NULL, "hubFormatVersion" },
	{ "cn: ", NULL, "cn" },
	{ "cn: ", "cn: a=b", "cn" },
	{ "hubFileSerial: ", "hubFileSerial: 1", "hubFileSerial" },
	{ "hubFileSerial: ", NULL, "hubFileSerial" },
	{ "hubFQDN: ", "hubFQDN: a b", "hubFQDN" },
	{ "hubFQDN: ", "hubFQDN: a\nhubFQDN: b", "hubFQDN" },
	{ "hubDirectoryPort: ", "hubDirectoryPort: 0", "hubDirectoryPort" },
	{ "hubDirectoryPort: ", "hubDirectoryPort: 65536", "hubDirectoryPort" },
	{ "hubDirectoryPort: ", "hubDirectoryPort: -1", "hubDirectoryPort" },
	{ "hubDirectoryPort: ", "hubDirectoryPort: 1x", "hubDirectoryPort" },
	{ "hubDirectoryCertificate:: ", NULL, "hubDirectoryCertificate" },
	{ "hubDirectoryCertificate:: ", "hubDirectoryCertificate: x", "hubDirectoryCertificate" },
	{ "hubCertificate:: ", "hubCertificate: x", "hubCertificate" },
	{ "hubKeyDigest: ", "hubKeyDigest: sha256:ab", "hubKeyDigest" },
	{ "hubAddress: ", "hubAddress: nowhere", "hubAddress" },
	{ "hubAccountRef: ", NULL, "hubAccountRef" },
	{ "hubAccountRef: ", "hubAccountRef: cn=admin,o=Edge", "hubAccountRef" },
	{ "hubAccountRef: ", "hubAccountRef: cn=Sync Accounts,o=Edge", "hubAccountRef" },
	{ "hubAccountRef: ", "hubAccountRef: =", "hubAccountRef" },
	{ "userPassword:: ", NULL, "userPassword" },
	{ "userPassword:: ", "userPassword:: AGE=", "userPassword" },
	{ "hubValidFrom: ", "hubValidFrom: now", "hubValidFrom" },
	{ "hubValidTo: ", "hubValidTo: 20200101000000Z", "hubValidTo" },
	{ "hubValidTo: ", "hubValidTo: 20260231000000Z", "hubValidTo" },
	/* when it is valid from */
	{ "hubValidTo: ", "hubValidTo: 20251122101931Z", "hubValidTo" },
	/* a good record, and one more after it */
	{ "hubValidTo: ", "hubValidTo: 20251123101931Z\n\ndn: cn=y\ncn: y", "not one record" },
	{ "dn: ", "dn: cn=x\ncn: x\n\ndn: cn=y", "no subscription file" },
	{ "dn: ", "change: x", "must begin with dn:" },
	{ "hubFQDN: ", "hubFQDN:< file:///etc/passwd", "URL" },
};

/* Folded lines of an attribute go with it. */
static char *replace_lines(const char *text, const char *line, const char *with)
{
	char *out = NULL;
	size_t size;
	FILE *f = open_memstream(&out, &size);
	bool in = false;

	while (*text != '\0') {
		size_t n = strcspn(text, "\n") + 1;

		if (strncmp(text, "hubFileDigest", 13) == 0)
			break;
		in = strncmp(text, line, strlen(line)) == 0 || (in && *text == ' ');
		if (!in)
			fwrite(text, 1, n, f);
		else if (with != NULL && *text != ' ')
			fprintf(f, "%s\n", with);
		/* once, however many values there were */
		with = in ? NULL : with;
		text += n;
	}
	fclose(f);
	return out;
}

START_TEST(other_forms)
{
	struct subscription_file f, *got;
	char *text, *changed, *sealed;
	size_t size;

	fill(&f);
	got = back(&f);
	subscription_file_free(&got);
	text = slurp(&size);
	changed = replace_lines(text, forms[_i].line, forms[_i].with);
	ck_assert_int_ne(strncmp(changed, text, strlen(changed)), 0);
	sealed = seal(changed);
	refused(sealed, strlen(sealed), forms[_i].why);
	free(sealed);
	free(changed);
	/* the same way, nothing changed, it is taken */
	changed = replace_lines(text, "no such line", NULL);
	sealed = seal(changed);
	ck_assert_str_eq(sealed, text);
	free(sealed);
	free(changed);
	free(text);
}
END_TEST

START_TEST(without_a_key_of_hubd)
{
	struct subscription_file f, *got;
	struct err e;

	fill(&f);
	f.certificates.n = 0;
	got = back(&f);
	subscription_file_free(&got);
	f.key_digests.n = 0;
	ck_assert_int_eq(write_over(&f, &e), 0);
	ck_assert_ptr_null(subscription_file_read(path, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "neither hubCertificate nor hubKeyDigest"));
}
END_TEST

/* As many as may be, and one more. */
static void expect_limit(const struct subscription_file *f, size_t *n, size_t max,
	const char *attr)
{
	struct subscription_file *got;
	struct err e;

	*n = max;
	got = back(f);
	subscription_file_free(&got);
	*n = max + 1;
	ck_assert_int_eq(write_over(f, &e), 0);
	ck_assert_ptr_null(subscription_file_read(path, &e));
	ck_assert_msg(strstr(e.text, attr) != NULL, "%s", e.text);
	*n = 1;
}

START_TEST(too_many_values)
{
	const char *digests[SUBSCRIPTION_FILE_CERTIFICATES + 1];
	const char *addresses[SUBSCRIPTION_FILE_ADDRESSES + 1];
	struct blob many[SUBSCRIPTION_FILE_CERTIFICATES + 1];
	struct subscription_file f;
	size_t i;

	for (i = 0; i <= SUBSCRIPTION_FILE_CERTIFICATES; i++) {
		many[i] = der[i % 2];
		digests[i] = DIGEST;
	}
	for (i = 0; i <= SUBSCRIPTION_FILE_ADDRESSES; i++)
		addresses[i] = "192.0.2.1";
	fill(&f);
	f.directory_certificates.v = f.certificates.v = many;
	f.key_digests.v = digests;
	f.addresses.v = addresses;
	expect_limit(&f, &f.directory_certificates.n, SUBSCRIPTION_FILE_CERTIFICATES,
		"hubDirectoryCertificate");
	expect_limit(&f, &f.certificates.n, SUBSCRIPTION_FILE_CERTIFICATES, "hubCertificate");
	expect_limit(&f, &f.key_digests.n, SUBSCRIPTION_FILE_CERTIFICATES, "hubKeyDigest");
	expect_limit(&f, &f.addresses.n, SUBSCRIPTION_FILE_ADDRESSES, "hubAddress");
}
END_TEST

START_TEST(unreadable)
{
	struct subscription_file f;
	struct err e;
	FILE *large;
	int fd;

	ck_assert_ptr_null(subscription_file_read("/nonexistent/f", &e));
	ck_assert_ptr_nonnull(strstr(e.text, "/nonexistent/f"));
	ck_assert_ptr_null(subscription_file_read(dir, &e));
	large = fopen(path, "w");
	ck_assert_int_eq(ftruncate(fileno(large), SUBSCRIPTION_FILE_SIZE_MAX + 1), 0);
	fclose(large);
	ck_assert_ptr_null(subscription_file_read(path, &e));
	ck_assert_ptr_nonnull(strstr(e.text, "too large"));
	fill(&f);
	fd = open("/dev/full", O_WRONLY | O_CLOEXEC);
	ck_assert_int_eq(subscription_file_write(fd, "/the/file", &f, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "cannot write /the/file"));
	close(fd);
}
END_TEST

/* --- what the organization says --- */

#define T "cn=Transport,o=x"
#define SERVER(name, role, more) \
	"dn: cn=" name ",cn=Servers," T "\nobjectClass: hubServer\ncn: " name "\nhubRole: " role \
	"\n" more "\n"
#define EDGE1(more) SERVER("edge1", "Edge", "hubFQDN: edge1.example\n") \
	"dn: cn=edge1,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\n" \
	"cn: edge1\nhubServerRef: cn=edge1,cn=Servers," T "\n" more "\n"
#define LONDON_SITE "hubServerSite: cn=London,cn=Sites," T "\n"

static const char sites[] =
	"dn: " T "\nobjectClass: hubOrganization\ncn: Transport\n\n"
	"dn: cn=London,cn=Sites," T "\nobjectClass: hubSite\ncn: London\n\n"
	"dn: cn=Paris,cn=Sites," T "\nobjectClass: hubSite\ncn: Paris\n\n";

enum { SAME_KEY = 1, OTHER_KEY = 2, SUBSCRIBED_KEY_OF_EDGE2 = 4, REPLACE = 8, HUB_KEY = 16 };

static const struct {
	const char *org, *site;
	int flags;
	int later_s;		/* than it was made */
	const char *why;	/* NULL = may be imported */
} rows[] = {
	{ "", "London", 0, 0, NULL },
	{ "", "london", 0, DAY_S, NULL },
	{ "", "Rome", 0, 0, "there is no site Rome" },
	{ "", "London", 0, DAY_S + 1, "expired at 20251123101931Z" },
	{ "", "London", 0, -300, NULL },
	{ "", "London", 0, -301, "not valid before 20251122101931Z" },
	{ SERVER("edge1", "Hub", LONDON_SITE), "London", 0, 0, "name of a hub" },
	{ SERVER("EDGE1", "Hub", LONDON_SITE), "London", REPLACE, 0, "name of a hub" },
	{ "dn: cn=edge1,cn=Servers," T "\nobjectClass: hubMailboxServer\ncn: edge1\n\n",
		"London",
		0, 0, "name of a mailbox server" },
	{ SERVER("edge2", "Edge", "hubFQDN: EDGE1.example\n"), "London", REPLACE, 0,
		"hubFQDN edge1.example is that of edge2" },
	{ SERVER("hub1", "Hub", LONDON_SITE), "London", HUB_KEY, 0,
		"the key of edge1 is that of hub1" },
	{ SERVER("hub1", "Hub", LONDON_SITE "hubKeyDigest: " DIGEST "\n"), "London", REPLACE, 0,
		"the key of edge1 is that of hub1" },
	{ EDGE1(LONDON_SITE), "London", SAME_KEY, 0, NULL },
	{ EDGE1(LONDON_SITE), "Paris", SAME_KEY, 0, "subscribed to site London already" },
	{ EDGE1(LONDON_SITE "hubRemoved: TRUE\n"), "London", SAME_KEY | REPLACE, 0,
		"being removed" },
	{ EDGE1(LONDON_SITE), "London", OTHER_KEY, 0,
		"the file is of another edge: its directory" },
	{ EDGE1(LONDON_SITE), "London", OTHER_KEY | REPLACE, 0, NULL },
	{ SERVER("edge1", "Edge", "hubFQDN: old.example\n")
		"dn: cn=edge1,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\n"
		"cn: edge1\n\n", "London", SAME_KEY, 0,
		"edge1 is subscribed as old.example, the file says edge1.example" },
	{ SERVER("edge1", "Edge", "hubFQDN: old.example\n")
		"dn: cn=edge1,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\n"
		"cn: edge1\n\n", "London", OTHER_KEY | REPLACE, 0, NULL },
	{ EDGE1(LONDON_SITE "hubSubscriptionSerial: 20251122101931Z "
		"0123ABCD-0000-4000-8000-00000000FFFF\n"), "London", SAME_KEY | REPLACE, 0,
		"imported before" },
	{ EDGE1(LONDON_SITE "hubSubscriptionSerial: 20251122101932Z "
		"11111111-0000-4000-8000-00000000ffff\n"), "London", SAME_KEY | REPLACE, 0,
		"a newer file of edge1 was imported before, made at 20251122101932Z" },
	{ EDGE1(LONDON_SITE "hubSubscriptionSerial: 20251122101930Z "
		"11111111-0000-4000-8000-00000000ffff\n"), "London", SAME_KEY, 0, NULL },
	{ "", "London", SUBSCRIBED_KEY_OF_EDGE2 | REPLACE, 0, "has the key of that of edge2" },
};

static void put_with(struct builder *b, const char *text, const char *attr,
	const struct blob *value)
{
	/* a certificate is no text: the entry gets it as an attribute more */
	struct entry e = { .dn = NULL };
	struct entry_attr attrs[8] = {
		{ "objectClass", &(struct blob){ (const void *)text, strlen(text) }, 1 },
		{ attr, value, 1 },
	};
	bool server = strcmp(text, "hubServer") == 0;

	attrs[2] = (struct entry_attr){ "cn", &(struct blob){ (const void *)(server ? "hub1" :
		"edge2"), server ? 4 : 5 }, 1 };
	attrs[3] = (struct entry_attr){ "hubRole", &(struct blob){ (const void *)"Hub", 3 }, 1 };
	e.dn = server ? "cn=hub1,cn=Servers," T : "cn=edge2,cn=Edge Subscriptions," T;
	e.attrs = attrs;
	e.n = server ? 4 : 3;
	builder_put(b, &e);
}

static void put_attr(const struct entry *e, void *ctx)
{
	struct builder *b = ((void **)ctx)[0];
	const struct blob *value = ((void **)ctx)[1];
	struct entry_attr attrs[66];
	struct entry with = *e;

	memcpy(attrs, e->attrs, e->n * sizeof(*attrs));
	if (strstr(e->dn, "cn=Edge Subscriptions") != NULL && value != NULL) {
		attrs[with.n++] = (struct entry_attr){ "hubDirectoryCertificate", value, 1 };
		with.attrs = attrs;
	}
	builder_put(b, &with);
}

static const struct snapshot *organization(const char *text, int flags)
{
	struct builder *b = builder_new(T);
	const struct blob *value = flags & SAME_KEY ? &der[0] : flags & OTHER_KEY ? &der[1] : NULL;
	const struct snapshot *s;

	org_text_put(b, sites);
	org_text_each(text, put_attr, (void *[]){ b, (void *)(uintptr_t)value });
	if (flags & SUBSCRIBED_KEY_OF_EDGE2)
		put_with(b, "hubEdgeSubscription", "hubDirectoryCertificate", &der[0]);
	if (flags & HUB_KEY)
		put_with(b, "hubServer", "hubCertificate", &der[1]);
	s = builder_build(b, NULL);
	ck_assert_msg(s->rejection_count == 0, "%s", s->rejection_count != 0 ?
		s->rejections[0].reason : "");
	builder_free(&b);
	return s;
}

START_TEST(what_the_organization_says)
{
	const struct snapshot *s = organization(rows[_i].org, rows[_i].flags);
	struct subscription_file f, *got;
	struct err e = { .text = "" };
	int rc;

	fill(&f);
	got = back(&f);
	rc = subscription_file_check(got, s, rows[_i].site, MADE_AT + rows[_i].later_s,
		(rows[_i].flags & REPLACE) != 0, &e);
	if (rows[_i].why == NULL)
		ck_assert_msg(rc == 0, "row %d: %s", _i, e.text);
	else
		ck_assert_msg(rc == -1 && strstr(e.text, rows[_i].why) != NULL, "row %d: %d %s", _i,
			rc, e.text);
	subscription_file_free(&got);
	snapshot_unref(&s);
}
END_TEST

static const struct {
	const char *text;
	int64_t time_s;		/* -1: no time */
} times[] = {
	{ "19700101000000Z", 0 }, { "20251122101931Z", MADE_AT },
	{ "20251122101931.123456Z", MADE_AT }, { "20240229000000Z", 1709164800 },
	{ "99991231235959Z", INT64_C(253402300799) }, { "20230229000000Z", -1 },
	{ "20251122101931", -1 }, { "20251122101931+0100", -1 }, { "20251322101931Z", -1 },
	{ "20251122241931Z", -1 }, { "20251122101961Z", -1 }, { "20251122101931.Z", -1 },
	{ "", -1 },
	{ "20251122101931ZZ", -1 }, { "2025112210193Z", -1 }, { "00000000000000Z", -1 },
};

START_TEST(times_of_a_directory)
{
	char text[GENERALIZED_TIME_TEXT];
	int64_t t = 7;
	int rc = generalized_time_parse(times[_i].text, &t);

	if (times[_i].time_s < 0) {
		ck_assert_msg(rc == -1, "%s", times[_i].text);
		return;
	}
	ck_assert_msg(rc == 0, "%s", times[_i].text);
	ck_assert_int_eq(t, times[_i].time_s);
	generalized_time_format(t, text);
	ck_assert_int_eq(strncmp(text, times[_i].text, 14), 0);
	generalized_time_format(-5, text);
	ck_assert_str_eq(text, "19700101000000Z");
	generalized_time_format(INT64_MAX, text);
	ck_assert_str_eq(text, "99991231235959Z");
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("file");

	tcase_add_unchecked_fixture(t, set_up, tear_down);
	tcase_add_test(t, there_and_back);
	tcase_add_test(t, every_file_has_a_serial_of_its_own);
	tcase_add_test(t, damage);
	tcase_add_loop_test(t, other_forms, 0, (int)(sizeof(forms) / sizeof(*forms)));
	tcase_add_test(t, without_a_key_of_hubd);
	tcase_add_test(t, too_many_values);
	tcase_add_test(t, unreadable);
	tcase_add_loop_test(t, what_the_organization_says, 0, (int)(sizeof(rows) / sizeof(*rows)));
	tcase_add_loop_test(t, times_of_a_directory, 0, (int)(sizeof(times) / sizeof(*times)));
	return unit_run("subscription_file", &t, 1);
}
