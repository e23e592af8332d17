/* replica_digest.c - see replica_digest.h */
#include "libhub/org/replica_digest.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <openssl/evp.h>

#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"

struct replica_digest {
	unsigned char (*entries)[REPLICA_DIGEST_SIZE];
	size_t n, room;
};

static void add_number(EVP_MD_CTX *md, size_t n)
{
	unsigned char bytes[4] = { (unsigned char)(n >> 24), (unsigned char)(n >> 16),
		(unsigned char)(n >> 8), (unsigned char)n };

	EVP_DigestUpdate(md, bytes, sizeof(bytes));
}

static void add_string(EVP_MD_CTX *md, const void *data, size_t n)
{
	add_number(md, n);
	EVP_DigestUpdate(md, data, n);
}

static int compare_blobs(const void *x, const void *y)
{
	const struct blob *a = x, *b = y;
	size_t n = a->size < b->size ? a->size : b->size;
	int r = n != 0 ? memcmp(a->data, b->data, n) : 0;

	return r != 0 ? r : (a->size > b->size) - (a->size < b->size);
}

static int compare_names(const void *x, const void *y)
{
	const struct entry_attr *const *a = x, *const *b = y;

	return strcasecmp((*a)->name, (*b)->name);
}

static bool is_reference(const struct obj_class *class, const char *name)
{
	const struct attr_def *def = class != NULL ? obj_class_attr(class, name) : NULL;

	return def != NULL && (def->kind == ATTR_REF || def->kind == ATTR_REFS);
}

/* A directory writes a DN in a form of its own; one that is none stays as it is. */
static struct blob normalize(struct arena *a, const struct blob *value)
{
	const char *ndn = dn_normalize(a, arena_strndup(a, (const char *)value->data,
		value->size));

	return ndn == NULL ? *value :
		(struct blob){ (const unsigned char *)ndn, strlen(ndn) };
}

static void add_attr(EVP_MD_CTX *md, struct arena *a, const struct obj_class *class,
	const struct entry_attr *attr)
{
	struct blob *v = arena_alloc(a, attr->n * sizeof(*v));
	bool reference = is_reference(class, attr->name);
	const char *name = value_lower(a, attr->name);
	size_t i;

	for (i = 0; i < attr->n; i++)
		v[i] = reference ? normalize(a, &attr->values[i]) : attr->values[i];
	qsort(v, attr->n, sizeof(*v), compare_blobs);
	add_string(md, name, strlen(name));
	add_number(md, attr->n);
	for (i = 0; i < attr->n; i++)
		add_string(md, v[i].data, v[i].size);
}

void replica_digest_entry(const char *rdn, const struct entry *e,
	unsigned char out[REPLICA_DIGEST_SIZE])
{
	const struct obj_class *class = edge_layout_class(e);
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct arena *a = arena_new();
	const struct entry_attr **attrs = arena_alloc(a, e->n * sizeof(const struct entry_attr *));
	size_t i, n = 0;

	BUG_ON(md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1);
	for (i = 0; i < e->n; i++)
		if (e->attrs[i].n != 0 && edge_layout_is_pushed(class, e->attrs[i].name))
			attrs[n++] = &e->attrs[i];
	qsort(attrs, n, sizeof(const struct entry_attr *), compare_names);
	add_string(md, rdn, strlen(rdn));
	add_number(md, n);
	for (i = 0; i < n; i++)
		add_attr(md, a, class, attrs[i]);
	BUG_ON(EVP_DigestFinal_ex(md, out, NULL) != 1);
	EVP_MD_CTX_free(md);
	/* the passwords of connectors pass through */
	arena_free_wiped(&a);
}

struct replica_digest *replica_digest_new(void)
{
	return xcalloc(1, sizeof(struct replica_digest));
}

void replica_digest_add(struct replica_digest *d, const unsigned char entry[REPLICA_DIGEST_SIZE])
{
	if (d->n == d->room) {
		d->room = d->room != 0 ? 2 * d->room : 64;
		d->entries = xreallocarray(d->entries, d->room, REPLICA_DIGEST_SIZE);
	}
	memcpy(d->entries[d->n++], entry, REPLICA_DIGEST_SIZE);
}

static int compare_digests(const void *x, const void *y)
{
	return memcmp(x, y, REPLICA_DIGEST_SIZE);
}

void replica_digest_text(const unsigned char digest[REPLICA_DIGEST_SIZE],
	char out[REPLICA_DIGEST_TEXT])
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < REPLICA_DIGEST_SIZE; i++) {
		out[2 * i] = digits[digest[i] >> 4];
		out[2 * i + 1] = digits[digest[i] & 15];
	}
	out[2 * i] = '\0';
}

void replica_digest_finish(struct replica_digest **dp, char out[REPLICA_DIGEST_TEXT])
{
	struct replica_digest *d = *dp;
	unsigned char digest[REPLICA_DIGEST_SIZE];

	if (d->n != 0)
		qsort(d->entries, d->n, REPLICA_DIGEST_SIZE, compare_digests);
	BUG_ON(EVP_Digest(d->n != 0 ? (const void *)d->entries : "", d->n * REPLICA_DIGEST_SIZE,
		digest, NULL, EVP_sha256(), NULL) != 1);
	replica_digest_text(digest, out);
	free(d->entries);
	free(d);
	*dp = NULL;
}
