/* ticket.c - see ticket.h */
#include "libhub/tls/ticket.h"

#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/params.h>
#include <openssl/rand.h>
#include <openssl/ssl.h>
#include <stdatomic.h>
#include <string.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"

enum { NAME_SIZE = 16, KEY_SIZE = 32, IV_SIZE = 16 };

struct keys {
	unsigned char name[NAME_SIZE], cipher[KEY_SIZE], mac[KEY_SIZE];
};

struct tls_tickets {
	struct keys keys[2];	/* now, before */
	int n;
	EVP_CIPHER *cipher;	/* looked up once: that is dearer than its use */
	atomic_uint refs;
};

struct tls_tickets *tls_tickets_new(const struct tls_tickets *before)
{
	struct tls_tickets *t = xcalloc(1, sizeof(*t));

	atomic_init(&t->refs, 1);
	t->cipher = EVP_CIPHER_fetch(NULL, "AES-256-CBC", NULL);
	BUG_ON(t->cipher == NULL);
	BUG_ON(RAND_bytes(t->keys[0].name, NAME_SIZE) != 1);
	BUG_ON(RAND_priv_bytes(t->keys[0].cipher, KEY_SIZE) != 1);
	BUG_ON(RAND_priv_bytes(t->keys[0].mac, KEY_SIZE) != 1);
	t->n = 1;
	if (before != NULL)
		t->keys[t->n++] = before->keys[0];
	return t;
}

struct tls_tickets *tls_tickets_ref(struct tls_tickets *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void tls_tickets_unref(struct tls_tickets **tp)
{
	struct tls_tickets *t = *tp;

	*tp = NULL;
	if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	EVP_CIPHER_free(t->cipher);
	OPENSSL_cleanse(t->keys, sizeof(t->keys));
	free(t);
}

static const struct keys *find(const struct tls_tickets *t, const unsigned char *name)
{
	int i;

	for (i = 0; i < t->n; i++)
		if (memcmp(t->keys[i].name, name, NAME_SIZE) == 0)
			return &t->keys[i];
	return NULL;
}

static int set_mac(EVP_MAC_CTX *mac, const struct keys *k)
{
	char digest[] = "SHA256";
	OSSL_PARAM params[] = {
		OSSL_PARAM_construct_octet_string(OSSL_MAC_PARAM_KEY,
			(void *)(uintptr_t)k->mac, KEY_SIZE),
		OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
		OSSL_PARAM_construct_end(),
	};

	return EVP_MAC_CTX_set_params(mac, params);
}

int tls_tickets_key(const struct tls_tickets *t, unsigned char *name, unsigned char *iv,
	struct evp_cipher_ctx_st *cipher, struct evp_mac_ctx_st *mac, int encrypt)
{
	const struct keys *k = &t->keys[0];

	if (encrypt) {
		if (RAND_bytes(iv, IV_SIZE) != 1)
			return -1;
		memcpy(name, k->name, NAME_SIZE);
		return EVP_EncryptInit_ex(cipher, t->cipher, NULL, k->cipher, iv) == 1 &&
			set_mac(mac, k) == 1 ? 1 : -1;
	}
	k = find(t, name);
	if (k == NULL)
		return 0;
	if (EVP_DecryptInit_ex(cipher, t->cipher, NULL, k->cipher, iv) != 1 || set_mac(mac, k) != 1)
		return -1;
	/* 2: taken, and a new one is due */
	return k == &t->keys[0] ? 1 : 2;
}
