/* session_identity.c - see session_identity.h. One table of the fields serves both functions: what
 * is compared is what the digest is made of.
 */
#include "hubd/deliver/session_identity.h"

#include <netinet/in.h>
#include <openssl/evp.h>
#include <stddef.h>
#include <string.h>

#include "libhub/base/err.h"

enum kind { KIND_ADDRESS, KIND_TEXT, KIND_BOOL, KIND_INT, KIND_NUMBER };

#define FIELD(kind, member) { kind, #member, offsetof(struct session_identity, member) }

static const struct field {
	enum kind kind;
	const char *name;
	size_t offset;
} fields[] = {
	FIELD(KIND_ADDRESS, to),
	FIELD(KIND_ADDRESS, from),
	FIELD(KIND_TEXT, owner),
	FIELD(KIND_TEXT, name),
	FIELD(KIND_NUMBER, context),
	FIELD(KIND_TEXT, user),
	FIELD(KIND_TEXT, password),
	FIELD(KIND_INT, auth),
	FIELD(KIND_BOOL, lmtp),
	FIELD(KIND_BOOL, force_helo),
	FIELD(KIND_INT, tls),
	FIELD(KIND_INT, trust),
	FIELD(KIND_INT, verify),
	FIELD(KIND_BOOL, mutual),
	FIELD(KIND_TEXT, verify_name),
	FIELD(KIND_TEXT, asked_name),
	FIELD(KIND_BOOL, require_tls),
};

enum { FIELDS = sizeof(fields) / sizeof(fields[0]), ADDRESS_SIZE = 2 + 2 + 16 + 4 };

/* What counts of a field: its bytes. */
struct value {
	unsigned char address[ADDRESS_SIZE];
	const void *data;		/* NULL = a text that is not there */
	size_t size;
};

static void address_value(const union resolver_sockaddr *a, struct value *out)
{
	const struct sockaddr_in6 *v6 = (const void *)a;
	const struct sockaddr_in *v4 = (const void *)a;
	unsigned char *p = out->address;

	memset(p, 0, ADDRESS_SIZE);
	memcpy(p, &a->sa.sa_family, 2);
	if (a->sa.sa_family == AF_INET6) {
		memcpy(p + 2, &v6->sin6_port, 2);
		memcpy(p + 4, &v6->sin6_addr, 16);
		memcpy(p + 20, &v6->sin6_scope_id, 4);
	} else if (a->sa.sa_family == AF_INET) {
		memcpy(p + 2, &v4->sin_port, 2);
		memcpy(p + 4, &v4->sin_addr, 4);
	}
	out->data = p;
	out->size = ADDRESS_SIZE;
}

static void value_of(const struct session_identity *id, const struct field *f, struct value *out)
{
	const void *p = (const char *)id + f->offset;

	switch (f->kind) {
	case KIND_ADDRESS:
		address_value(p, out);
		return;
	case KIND_TEXT:
		out->data = *(const char *const *)p;
		out->size = out->data != NULL ? strlen(out->data) : 0;
		return;
	case KIND_BOOL:
		out->data = p;
		out->size = sizeof(bool);
		return;
	case KIND_INT:
		out->data = p;
		out->size = sizeof(int);
		return;
	case KIND_NUMBER:
		out->data = p;
		out->size = sizeof(uint64_t);
		return;
	}
	err_bug(__FILE__, __LINE__, "unknown kind");
}

const char *session_identity_differs(const struct session_identity *a,
	const struct session_identity *b)
{
	struct value x, y;
	size_t i;

	for (i = 0; i < FIELDS; i++) {
		value_of(a, &fields[i], &x);
		value_of(b, &fields[i], &y);
		if (x.size != y.size || (x.data == NULL) != (y.data == NULL) ||
			(x.size != 0 && memcmp(x.data, y.data, x.size) != 0))
			return fields[i].name;
	}
	return NULL;
}

void session_identity_digest(const struct session_identity *id,
	unsigned char out[SESSION_IDENTITY_DIGEST])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	struct value v;
	uint64_t size;
	size_t i;

	BUG_ON(md == NULL || !EVP_DigestInit_ex(md, EVP_sha256(), NULL));
	for (i = 0; i < FIELDS; i++) {
		value_of(id, &fields[i], &v);
		/* sizes before the bytes, so that no two identities are written alike */
		size = v.data != NULL ? v.size : UINT64_MAX;
		BUG_ON(!EVP_DigestUpdate(md, &size, sizeof(size)));
		if (v.data != NULL)
			BUG_ON(!EVP_DigestUpdate(md, v.data, v.size));
	}
	BUG_ON(!EVP_DigestFinal_ex(md, out, NULL));
	EVP_MD_CTX_free(md);
}
