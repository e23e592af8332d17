/* fingerprint.c - see fingerprint.h */
#include "libhub/org/fingerprint.h"

#include <string.h>

#include <openssl/evp.h>

#include "libhub/org/attr.h"
#include "libhub/org/print.h"

/* The NUL goes in too: it divides what stands side by side. */
static void add_text(EVP_MD_CTX *md, const char *text)
{
	EVP_DigestUpdate(md, text, strlen(text) + 1);
}

static void add_secret(EVP_MD_CTX *md, const char *text)
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned int n = 0;

	EVP_Digest(text, strlen(text), digest, &n, EVP_sha256(), NULL);
	EVP_DigestUpdate(md, digest, n);
}

static void add_attr(EVP_MD_CTX *md, struct arena *a, const struct obj *o,
	const struct attr_def *def)
{
	size_t n, i;
	const char *const *v = print_values(a, o, def, true, &n);

	if (n == 0)
		return;
	add_text(md, def->name);
	for (i = 0; i < n; i++) {
		if ((def->flags & ATTR_SECRET) != 0)
			add_secret(md, v[i]);
		else
			add_text(md, v[i]);
	}
	add_text(md, "");
}

static void digest_object(const struct obj *o, bool secrets, unsigned char out[RECORD_DIGEST])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct arena *a = arena_new();
	const struct attr_def *def;
	size_t i;

	BUG_ON(md == NULL || EVP_DigestInit_ex(md, EVP_sha256(), NULL) != 1);
	add_text(md, o->rdn);
	add_text(md, o->class->ldap_class);
	for (i = 0; (def = obj_class_row(o->class, i)) != NULL; i++)
		if (secrets || (def->flags & ATTR_SECRET) == 0)
			add_attr(md, a, o, def);
	BUG_ON(EVP_DigestFinal_ex(md, out, NULL) != 1);
	EVP_MD_CTX_free(md);
	arena_free(&a);
}

void fingerprint_object(const struct obj *o, unsigned char out[RECORD_DIGEST])
{
	digest_object(o, true, out);
}

void fingerprint_object_visible(const struct obj *o, unsigned char out[RECORD_DIGEST])
{
	digest_object(o, false, out);
}

bool fingerprint_has_secret(const struct obj *o)
{
	const struct attr_def *def;

	for (def = o->class->attrs; def->name != NULL; def++) {
		if ((def->flags & ATTR_SECRET) == 0)
			continue;
		BUG_ON(def->kind != ATTR_TEXT && def->kind != ATTR_BLOBS);
		if (def->kind == ATTR_TEXT ? *ATTR_OF(const char *, o, def) != NULL :
			ATTR_OF(struct blobs, o, def)->n != 0)
			return true;
	}
	return false;
}
