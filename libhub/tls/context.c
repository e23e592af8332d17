/* context.c - see context.h and context_priv.h */
#include "libhub/tls/context_priv.h"

#include <openssl/x509v3.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/tls/certificate.h"
#include "libhub/tls/error.h"
#include "libhub/tls/ticket.h"

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

static _Atomic uint64_t numbers;

struct tls_context *tls_context_begin(struct tls_authorities *authorities)
{
	struct tls_context *t = xcalloc(1, sizeof(*t));

	tls_error_clear();
	atomic_init(&t->refs, 1);
	t->number = atomic_fetch_add(&numbers, 1) + 1;
	t->authorities = tls_authorities_ref(authorities);
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
	cfg.authorities = cfg.own != NULL ? tls_authorities_load(ca, NULL, e) : NULL;
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
	authorities = tls_authorities_load(ca, NULL, e);
	if (authorities != NULL)
		t = tls_context_client(&(struct tls_client_config){ .own = own, .all = &own,
			.n = own != NULL, .authorities = authorities }, e);
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
	size_t i;

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
	for (i = 0; i < t->n_all; i++)
		tls_certificate_unref(&t->all[i]);
	free(t->all);
	tls_authorities_unref(&t->authorities);
	tls_tickets_unref(&t->tickets);
	free(t);
}

uint64_t tls_context_number(const struct tls_context *t)
{
	return t->number;
}

const char *tls_context_key_digest(const struct tls_context *t)
{
	return t->key_digest;
}

/* --- names --- */

bool tls_name_fold_n(const char *name, size_t n, char out[TLS_NAME_MAX + 1])
{
	size_t i;

	if (n > 0 && name[n - 1] == '.')
		n--;
	if (n == 0 || n > TLS_NAME_MAX || memchr(name, '\0', n) != NULL)
		return false;
	for (i = 0; i < n; i++)
		out[i] = (char)(name[i] >= 'A' && name[i] <= 'Z' ? name[i] - 'A' + 'a' : name[i]);
	out[n] = '\0';
	return true;
}

bool tls_name_fold(const char *name, char out[TLS_NAME_MAX + 1])
{
	return tls_name_fold_n(name, strlen(name), out);
}
