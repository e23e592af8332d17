/* context.c - see context.h and context_priv.h */
#include "libhub/tls/context_priv.h"

#include <arpa/inet.h>
#include <openssl/evp.h>
#include <openssl/x509v3.h>
#include <stdio.h>

#include "libhub/base/mem.h"
#include "libhub/tls/certificate.h"
#include "libhub/tls/error.h"
#include "libhub/tls/ticket.h"

/* --- authorities --- */

/* The sessions that were verified by one set of authorities are told from those of another. */
static int digest_file(const char *path, unsigned char out[TLS_DIGEST_SIZE])
{
	EVP_MD_CTX *md = EVP_MD_CTX_new();
	FILE *f = fopen(path, "re");
	char buf[8192];
	size_t n;
	int rc = -1;

	BUG_ON(md == NULL || !EVP_DigestInit_ex(md, EVP_sha256(), NULL));
	if (f != NULL) {
		while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
			BUG_ON(!EVP_DigestUpdate(md, buf, n));
		rc = ferror(f) ? -1 : 0;
		fclose(f);
	}
	BUG_ON(!EVP_DigestFinal_ex(md, out, NULL));
	EVP_MD_CTX_free(md);
	return rc;
}

static int load_authorities(struct tls_authorities *a, const char *ca, struct err *e)
{
	if (ca == NULL) {
		/* an empty or absent system store verifies nobody, which is what it should do */
		(void)X509_STORE_set_default_paths(a->store);
		(void)digest_file(X509_get_default_cert_file(), a->digest);
		tls_error_clear();
		return 0;
	}
	if (X509_STORE_load_file(a->store, ca) != 1)
		return tls_error_set(e, ERR_CONFIG, "authorities %s", ca);
	if (digest_file(ca, a->digest) != 0)
		return err_set(e, ERR_CONFIG, 0, "authorities %s: cannot read", ca);
	return 0;
}

struct tls_authorities *tls_authorities_load(const char *ca, struct err *e)
{
	struct tls_authorities *a = xcalloc(1, sizeof(*a));

	tls_error_clear();
	atomic_init(&a->refs, 1);
	a->store = X509_STORE_new();
	BUG_ON(a->store == NULL);
	if (load_authorities(a, ca, e) != 0)
		tls_authorities_unref(&a);
	return a;
}

struct tls_authorities *tls_authorities_ref(struct tls_authorities *a)
{
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
	return a;
}

void tls_authorities_unref(struct tls_authorities **ap)
{
	struct tls_authorities *a = *ap;

	*ap = NULL;
	if (a == NULL || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
		return;
	X509_STORE_free(a->store);
	free(a);
}

/* --- what all contexts have in common --- */

/*
 * A mail server's certificate need not say that it is for clients, and public authorities no longer
 * write that. It proves the name all the same when its owner connects.
 */
static void take_servers_too(X509_STORE_CTX *store)
{
	X509_VERIFY_PARAM *param = X509_STORE_CTX_get0_param(store);
	X509 *cert = X509_STORE_CTX_get0_cert(store);

	if (X509_check_purpose(cert, X509_PURPOSE_SSL_CLIENT, 0) == 1 ||
		X509_check_purpose(cert, X509_PURPOSE_SSL_SERVER, 0) != 1)
		return;
	(void)X509_VERIFY_PARAM_set_purpose(param, X509_PURPOSE_SSL_SERVER);
	(void)X509_VERIFY_PARAM_set_trust(param, X509_TRUST_SSL_SERVER);
}

/*
 * Verifies, keeps the result for tls_verify_peer, and lets the handshake go on: pinned peers show
 * certificates that no authority knows.
 */
static int on_verify(X509_STORE_CTX *store, void *ctx)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());

	(void)ctx;
	if (SSL_is_server(ssl))
		take_servers_too(store);
	if (X509_verify_cert(store) <= 0 && X509_STORE_CTX_get_error(store) == X509_V_OK)
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
	tls_error_clear();
	return 1;
}

static SSL_CTX *options(const SSL_METHOD *method)
{
	SSL_CTX *c = SSL_CTX_new(method);

	BUG_ON(c == NULL);
	BUG_ON(!SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION));
	/* mail servers often leave without close_notify; SMTP itself marks where data ends */
	SSL_CTX_set_options(c, SSL_OP_IGNORE_UNEXPECTED_EOF | SSL_OP_NO_RENEGOTIATION |
		SSL_OP_NO_COMPRESSION);
	/* idle sessions give their buffers back; output may move between attempts */
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS | SSL_MODE_ENABLE_PARTIAL_WRITE |
		SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
	/* one read for a record's header and body */
	SSL_CTX_set_read_ahead(c, 1);
	/* tickets only: no state is kept here */
	SSL_CTX_set_session_cache_mode(c, SSL_SESS_CACHE_OFF);
	SSL_CTX_set_cert_verify_callback(c, on_verify, NULL);
	return c;
}

struct tls_group *tls_group_new(struct tls_context *t, const SSL_METHOD *method,
	struct tls_certificate *const *certificates, size_t n, struct err *e)
{
	struct tls_group *g = xcalloc(1, sizeof(*g));
	size_t i;

	g->ssl = options(method);
	SSL_CTX_set1_cert_store(g->ssl, t->authorities->store);
	g->certificates = xcalloc(n + 1, sizeof(struct tls_certificate *));
	g->next = t->groups;
	t->groups = g;
	for (i = 0; i < n; i++) {
		g->certificates[g->n++] = tls_certificate_ref(certificates[i]);
		if (tls_certificate_use(certificates[i], g->ssl, e) != 0)
			return NULL;
	}
	return g;
}

static void group_free(struct tls_group *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		tls_certificate_unref(&g->certificates[i]);
	free(g->certificates);
	SSL_CTX_free(g->ssl);
	free(g);
}

/* --- life --- */

struct tls_context *tls_context_begin(struct tls_authorities *authorities)
{
	struct tls_context *t = xcalloc(1, sizeof(*t));

	tls_error_clear();
	atomic_init(&t->refs, 1);
	t->authorities = tls_authorities_ref(authorities);
	return t;
}

struct tls_context *tls_context_client(struct tls_certificate *own,
	struct tls_authorities *authorities, struct err *e)
{
	struct tls_context *t = tls_context_begin(authorities);

	t->own = tls_group_new(t, TLS_client_method(), &own, own != NULL, e);
	if (t->own == NULL)
		tls_context_unref(&t);
	else if (own != NULL)
		t->key_digest = tls_certificate_key_digest(own);
	return t;
}

struct tls_context *tls_context_new_server(const char *certificate, const char *key, const char *ca,
	struct err *e)
{
	struct tls_server_config cfg = { .n = 1 };
	struct tls_context *t = NULL;

	if (certificate == NULL || key == NULL) {
		err_set(e, ERR_CONFIG, 0, "TLS needs a certificate and a key");
		return NULL;
	}
	cfg.own = tls_certificate_load(certificate, key, e);
	cfg.all = &cfg.own;
	cfg.authorities = cfg.own != NULL ? tls_authorities_load(ca, e) : NULL;
	if (cfg.authorities != NULL) {
		cfg.tickets = tls_tickets_new(NULL);
		t = tls_context_server(&cfg, e);
	}
	tls_tickets_unref(&cfg.tickets);
	tls_authorities_unref(&cfg.authorities);
	tls_certificate_unref(&cfg.own);
	return t;
}

struct tls_context *tls_context_new_client(const char *certificate, const char *key, const char *ca,
	struct err *e)
{
	struct tls_authorities *authorities;
	struct tls_certificate *own = NULL;
	struct tls_context *t = NULL;

	if ((certificate == NULL) != (key == NULL)) {
		err_set(e, ERR_CONFIG, 0, "certificate and key go together");
		return NULL;
	}
	if (certificate != NULL) {
		own = tls_certificate_load(certificate, key, e);
		if (own == NULL)
			return NULL;
	}
	authorities = tls_authorities_load(ca, e);
	if (authorities != NULL)
		t = tls_context_client(own, authorities, e);
	tls_authorities_unref(&authorities);
	tls_certificate_unref(&own);
	return t;
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void tls_context_unref(struct tls_context **tp)
{
	struct tls_context *t = *tp;
	struct tls_name *name, *next_name;
	struct tls_group *next;

	*tp = NULL;
	if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	HASH_ITER(hh, t->names, name, next_name) {
		HASH_DEL(t->names, name);
		free(name);
	}
	for (; t->groups != NULL; t->groups = next) {
		next = t->groups->next;
		group_free(t->groups);
	}
	tls_authorities_unref(&t->authorities);
	tls_tickets_unref(&t->tickets);
	free(t);
}

const char *tls_context_key_digest(const struct tls_context *t)
{
	return t->key_digest;
}

/* --- sessions that we open --- */

static bool is_address(const char *name)
{
	struct in6_addr a;

	return inet_pton(AF_INET, name, &a) == 1 || inet_pton(AF_INET6, name, &a) == 1;
}

struct ssl_st *tls_context_connect(struct tls_context *t, int fd, const char *name)
{
	SSL *ssl = SSL_new(t->own->ssl);

	BUG_ON(ssl == NULL);
	BUG_ON(!SSL_set_fd(ssl, fd));
	/* RFC 6066 section 3: no literal addresses */
	if (name != NULL && !is_address(name))
		(void)SSL_set_tlsext_host_name(ssl, name);
	SSL_set_connect_state(ssl);
	return ssl;
}
