/* subscription_file.c - see subscription_file.h; reading and writing */
#include "libhub/edge/subscription_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "libhub/directory/draft.h"
#include "libhub/directory/generalized_time.h"
#include "libhub/directory/ldif.h"
#include "libhub/edge/credential.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/replica_digest.h"
#include "libhub/tls/pin.h"

#define DIGEST_LINE "hubFileDigest: "

enum { DIGEST_LINE_SIZE = sizeof(DIGEST_LINE) - 1 + REPLICA_DIGEST_TEXT - 1 + 1, UUID_SIZE = 16 };

static void digest_of(const char *text, size_t size, char out[REPLICA_DIGEST_TEXT])
{
	unsigned char digest[REPLICA_DIGEST_SIZE];

	BUG_ON(EVP_Digest(text, size, digest, NULL, EVP_sha256(), NULL) != 1);
	replica_digest_text(digest, out);
}

/* --- writing --- */

static void add(struct draft *d, const char *name, const void *value, size_t size)
{
	BUG_ON(draft_add(d, name, strlen(name), value, size, NULL) < 0);
}

static void add_text(struct draft *d, const char *name, const char *text)
{
	add(d, name, text, strlen(text));
}

static void add_texts(struct draft *d, const char *name, const struct strings *texts)
{
	size_t i;

	for (i = 0; i < texts->n; i++)
		add_text(d, name, texts->v[i]);
}

static void add_blobs(struct draft *d, const char *name, const struct blobs *blobs)
{
	size_t i;

	for (i = 0; i < blobs->n; i++)
		add(d, name, blobs->v[i].data, blobs->v[i].size);
}

static void add_time(struct draft *d, const char *name, int64_t time_s)
{
	char text[GENERALIZED_TIME_TEXT];

	generalized_time_format(time_s, text);
	add_text(d, name, text);
}

/* RFC 9562 section 5.4 */
static const char *make_uuid(struct arena *a)
{
	unsigned char bytes[UUID_SIZE];
	char *text = arena_alloc(a, ENTRY_UUID_TEXT);

	BUG_ON(RAND_bytes(bytes, sizeof(bytes)) != 1);
	bytes[6] = (unsigned char)((bytes[6] & 0x0f) | 0x40);
	bytes[8] = (unsigned char)((bytes[8] & 0x3f) | 0x80);
	entry_uuid_format(bytes, text);
	return text;
}

static const struct entry *make_record(struct arena *a, const struct subscription_file *f)
{
	struct draft *d = arena_alloc(a, sizeof(*d));

	draft_init(d, a);
	d->entry.dn = arena_printf(a, "cn=%s", f->edge);
	add_text(d, "objectClass", "hubSubscriptionFile");
	add_text(d, "cn", f->edge);
	add_text(d, "hubFormatVersion", arena_printf(a, "%d", SUBSCRIPTION_FILE_VERSION));
	add_text(d, "hubFileSerial", f->uuid != NULL ? f->uuid : make_uuid(a));
	add_text(d, "hubFQDN", f->fqdn);
	add_text(d, "hubDirectoryPort", arena_printf(a, "%u", (unsigned int)f->port));
	add_blobs(d, "hubDirectoryCertificate", &f->directory_certificates);
	add_blobs(d, "hubCertificate", &f->certificates);
	add_texts(d, "hubKeyDigest", &f->key_digests);
	add_texts(d, "hubAddress", &f->addresses);
	add_text(d, "hubAccountRef", f->account);
	add_text(d, "userPassword", f->password);
	add_time(d, "hubValidFrom", f->from_s);
	add_time(d, "hubValidTo", f->to_s);
	return draft_entry(d);
}

static int save(int fd, const char *text, size_t size)
{
	ssize_t n;

	for (; size != 0; text += n, size -= (size_t)n) {
		n = write(fd, text, size);
		if (n < 0 && errno == EINTR)
			n = 0;
		if (n < 0)
			return -1;
	}
	return fsync(fd);
}

int subscription_file_write(int fd, const char *path, const struct subscription_file *f,
	struct err *e)
{
	struct arena *a = arena_new();
	char digest[REPLICA_DIGEST_TEXT], *text = NULL;
	size_t size = 0;
	FILE *out = open_memstream(&text, &size);
	int rc = 0;

	BUG_ON(out == NULL);
	ldif_print(out, make_record(a, f));
	fflush(out);
	digest_of(text, size, digest);
	fprintf(out, DIGEST_LINE "%s\n", digest);
	BUG_ON(fclose(out) != 0);
	if (save(fd, text, size) < 0)
		rc = err_set(e, ERR_TEMP, errno, "cannot write %.200s", path);
	explicit_bzero(text, size);
	free(text);
	arena_free_wiped(&a);
	return rc;
}

/* --- reading --- */

struct reading {
	const char *name;
	struct err *err;
	struct subscription_file *file;
	const struct entry *record;
	size_t records;
};

static int refuse(struct reading *r, const char *what)
{
	return err_set(r->err, ERR_PERM, 0, "%.100s: %s", r->name, what);
}

static int refuse_attr(struct reading *r, const char *attr)
{
	return err_set(r->err, ERR_PERM, 0, "%.100s: no usable %s in it", r->name, attr);
}

/* One value that is text and has at most max bytes; the file's own copy, or NULL. */
static const char *one_text(struct reading *r, const char *attr, size_t max)
{
	const struct entry_attr *a = entry_attr(r->record, attr);

	if (a == NULL || a->n != 1 || a->values[0].size == 0 || a->values[0].size > max ||
	    !value_is_text((const char *)a->values[0].data, a->values[0].size)) {
		refuse_attr(r, attr);
		return NULL;
	}
	return arena_strdup(r->file->arena, (const char *)a->values[0].data);
}

static int take_time(struct reading *r, const char *attr, int64_t *out)
{
	const char *text = one_text(r, attr, 40);

	if (text == NULL)
		return -1;
	return generalized_time_parse(text, out) < 0 ? refuse_attr(r, attr) : 0;
}

static int take_certificates(struct reading *r, const char *attr, size_t least, struct blobs *out)
{
	const struct entry_attr *a = entry_attr(r->record, attr);
	size_t n = a != NULL ? a->n : 0, i;
	struct blob *v = arena_alloc(r->file->arena, n * sizeof(*v));
	char pin[TLS_PIN_SIZE];

	if (n < least || n > SUBSCRIPTION_FILE_CERTIFICATES)
		return refuse_attr(r, attr);
	for (i = 0; i < n; i++) {
		if (a->values[i].size > CREDENTIAL_SEALED_MAX ||
		    tls_pin_of_der(a->values[i].data, a->values[i].size, pin, NULL) < 0)
			return refuse_attr(r, attr);
		v[i] = (struct blob){ arena_memdup(r->file->arena, a->values[i].data,
			a->values[i].size), a->values[i].size };
	}
	*out = (struct blobs){ v, n };
	return 0;
}

static bool is_pin(struct arena *a, const char *text, const char **out)
{
	char *pin = arena_alloc(a, TLS_PIN_SIZE);

	*out = pin;
	return tls_pin_normalize(text, pin, NULL) == 0;
}

static bool is_address(struct arena *a, const char *text, const char **out)
{
	struct endpoint endpoint;

	*out = arena_strdup(a, text);
	return value_endpoint(a, text, false, &endpoint, NULL) == 0;
}

static int take_texts(struct reading *r, const char *attr, size_t most,
	bool (*is_good)(struct arena *a, const char *text, const char **out), struct strings *out)
{
	const struct entry_attr *a = entry_attr(r->record, attr);
	size_t n = a != NULL ? a->n : 0, i;
	const char **v = arena_alloc(r->file->arena, n * sizeof(*v));

	if (n > most)
		return refuse_attr(r, attr);
	for (i = 0; i < n; i++) {
		const char *text = (const char *)a->values[i].data;

		if (!value_is_text(text, a->values[i].size) ||
		    !is_good(r->file->arena, text, &v[i]))
			return refuse_attr(r, attr);
	}
	*out = (struct strings){ v, n };
	return 0;
}

static int take_version(struct reading *r)
{
	const char *text = entry_text(r->record, "hubFormatVersion");

	if (text == NULL)
		return refuse_attr(r, "hubFormatVersion");
	if (strcmp(text, "1") != 0)
		return err_set(r->err, ERR_PERM, 0, "%.100s: format version %.20s, and this "
			"hubctl knows version %d", r->name, text, SUBSCRIPTION_FILE_VERSION);
	return 0;
}

static int take_port(struct reading *r)
{
	const char *text = one_text(r, "hubDirectoryPort", 5);
	char *end;
	long port;

	if (text == NULL)
		return -1;
	port = strtol(text, &end, 10);
	if (*end != '\0' || strspn(text, "0123456789") == 0 || port < 1 || port > 65535)
		return refuse_attr(r, "hubDirectoryPort");
	r->file->port = (uint16_t)port;
	return 0;
}

/* cn=X,cn=Sync Accounts,TREE */
static int take_account(struct reading *r)
{
	const char *ndn, *parent;

	r->file->account = one_text(r, "hubAccountRef", ENTRY_DN_MAX);
	if (r->file->account == NULL)
		return -1;
	ndn = dn_normalize(r->file->arena, r->file->account);
	parent = ndn != NULL ? dn_parent(ndn) : "";
	if (strncmp(parent, EDGE_ACCOUNTS_RDN ",", sizeof(EDGE_ACCOUNTS_RDN)) != 0)
		return refuse_attr(r, "hubAccountRef");
	return 0;
}

static int take_identity(struct reading *r)
{
	struct subscription_file *f = r->file;
	unsigned char uuid[UUID_SIZE];

	f->edge = one_text(r, "cn", 256);
	if (f->edge == NULL)
		return -1;
	if (strpbrk(f->edge, "[]*()+,;<>=#/\"`\\") != NULL)
		return refuse_attr(r, "cn");
	f->uuid = one_text(r, "hubFileSerial", ENTRY_UUID_TEXT - 1);
	if (f->uuid == NULL)
		return -1;
	if (entry_uuid_parse(f->uuid, uuid) < 0)
		return refuse_attr(r, "hubFileSerial");
	f->fqdn = one_text(r, "hubFQDN", 253);
	if (f->fqdn == NULL)
		return -1;
	return value_is_domain(f->fqdn) ? 0 : refuse_attr(r, "hubFQDN");
}

static int take_peer(struct reading *r)
{
	struct subscription_file *f = r->file;

	if (take_port(r) < 0 ||
	    take_certificates(r, "hubDirectoryCertificate", 1, &f->directory_certificates) < 0 ||
	    take_certificates(r, "hubCertificate", 0, &f->certificates) < 0 ||
	    take_texts(r, "hubKeyDigest", SUBSCRIPTION_FILE_CERTIFICATES, is_pin,
		&f->key_digests) < 0 ||
	    take_texts(r, "hubAddress", SUBSCRIPTION_FILE_ADDRESSES, is_address,
		&f->addresses) < 0)
		return -1;
	if (f->certificates.n == 0 && f->key_digests.n == 0)
		return refuse(r, "neither hubCertificate nor hubKeyDigest in it");
	return 0;
}

static int take_record(struct reading *r)
{
	struct subscription_file *f = r->file;

	if (take_version(r) < 0 || take_identity(r) < 0 || take_peer(r) < 0 || take_account(r) < 0)
		return -1;
	f->password = one_text(r, "userPassword", CREDENTIAL_PASSWORD - 1);
	if (f->password == NULL || take_time(r, "hubValidFrom", &f->from_s) < 0 ||
	    take_time(r, "hubValidTo", &f->to_s) < 0)
		return -1;
	return f->from_s < f->to_s ? 0 : refuse_attr(r, "hubValidTo");
}

static bool is_file_class(const struct entry *e)
{
	const struct entry_attr *classes = entry_attr(e, "objectClass");
	size_t i;

	for (i = 0; classes != NULL && i < classes->n; i++)
		if (strcasecmp((const char *)classes->values[i].data, "hubSubscriptionFile") == 0)
			return true;
	return false;
}

static void on_record(const struct entry *e, void *ctx)
{
	struct reading *r = ctx;

	if (r->records++ == 0 && is_file_class(e))
		r->record = entry_copy(r->file->arena, e);
}

/* The digest stands for exactly the lines before it, and nothing follows it. */
static int check_digest(struct reading *r, const char *text, size_t size)
{
	char digest[REPLICA_DIGEST_TEXT];
	const char *line = text + size - DIGEST_LINE_SIZE;

	if (size <= DIGEST_LINE_SIZE || line[-1] != '\n' ||
	    strncmp(line, DIGEST_LINE, sizeof(DIGEST_LINE) - 1) != 0)
		return refuse(r, "damaged or no subscription file: it does not end with its "
			"digest");
	digest_of(text, size - DIGEST_LINE_SIZE, digest);
	if (memcmp(line + sizeof(DIGEST_LINE) - 1, digest, REPLICA_DIGEST_TEXT - 1) != 0 ||
	    line[DIGEST_LINE_SIZE - 1] != '\n')
		return refuse(r, "damaged: its digest does not fit");
	return 0;
}

static int parse(struct reading *r, const char *text, size_t size)
{
	if (check_digest(r, text, size) < 0 ||
	    ldif_read_text(r->name, text, size, on_record, r, r->err) < 0)
		return -1;
	if (r->records != 1 || r->record == NULL)
		return refuse(r, "no subscription file: not one record of hubSubscriptionFile");
	return take_record(r);
}

struct subscription_file *subscription_file_parse(const char *name, const char *text, size_t size,
	struct err *e)
{
	struct arena *a = arena_new();
	struct reading r = { .name = name, .err = e, .file = arena_alloc(a, sizeof(*r.file)) };

	r.file->arena = a;
	if (parse(&r, text, size) < 0)
		subscription_file_free(&r.file);
	return r.file;
}

/* At most max bytes of the file, or -1. */
static ssize_t read_all(int fd, char *text, size_t max)
{
	size_t size = 0;
	ssize_t n;

	do {
		n = read(fd, text + size, max - size);
		if (n < 0 && errno != EINTR)
			return -1;
		size += n > 0 ? (size_t)n : 0;
	} while (n != 0 && size < max);
	return (ssize_t)size;
}

struct subscription_file *subscription_file_read(const char *path, struct err *e)
{
	enum { ROOM = SUBSCRIPTION_FILE_SIZE_MAX + 1 };
	struct subscription_file *f = NULL;
	char *text = xmalloc(ROOM);
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t size = fd >= 0 ? read_all(fd, text, ROOM) : -1;

	if (size < 0)
		err_set(e, ERR_TEMP, errno, "cannot read %.200s", path);
	else if (size == ROOM)
		err_set(e, ERR_PERM, 0, "%.200s is too large for a subscription file", path);
	else
		f = subscription_file_parse(path, text, (size_t)size, e);
	if (fd >= 0)
		close(fd);
	explicit_bzero(text, ROOM);
	free(text);
	return f;
}

void subscription_file_free(struct subscription_file **fp)
{
	struct subscription_file *f = *fp;
	struct arena *a;

	*fp = NULL;
	if (f == NULL)
		return;
	a = f->arena;
	arena_free_wiped(&a);
}

void subscription_file_serial(const struct subscription_file *f,
	char out[SUBSCRIPTION_FILE_SERIAL])
{
	char when[GENERALIZED_TIME_TEXT];

	generalized_time_format(f->from_s, when);
	snprintf(out, SUBSCRIPTION_FILE_SERIAL, "%s %s", when, f->uuid);
}
