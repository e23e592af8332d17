/* context.c - see context.h */
#include "libhub/tls/context.h"

#include <arpa/inet.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdatomic.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/tls/error.h"
#include "libhub/tls/pin.h"

struct tls_context {
	SSL_CTX *ssl;
	atomic_uint refs;
	char key_digest[TLS_PIN_SIZE];	/* "" without certificate */
};

/*
 * Verifies, keeps the result for tls_verify_peer, and lets the handshake go on: pinned peers show
 * certificates that no authority knows.
 */
static int on_verify(X509_STORE_CTX *store, void *ctx)
{
	(void)ctx;
	if (X509_verify_cert(store) <= 0 && X509_STORE_CTX_get_error(store) == X509_V_OK)
		X509_STORE_CTX_set_error(store, X509_V_ERR_UNSPECIFIED);
	tls_error_clear();
	return 1;
}

/* Never prompts: an encrypted key is refused, a daemon has nobody to ask. */
static int no_passphrase(char *buf, int size, int writing, void *ctx)
{
	(void)buf;
	(void)size;
	(void)writing;
	(void)ctx;
	return -1;
}

static SSL_CTX *context_base(const SSL_METHOD *method)
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
	SSL_CTX_set_default_passwd_cb(c, no_passphrase);
	return c;
}

static int load_identity(struct tls_context *t, const char *certificate, const char *key,
	struct err *e)
{
	if (SSL_CTX_use_certificate_chain_file(t->ssl, certificate) != 1)
		return tls_error_set(e, ERR_CONFIG, "certificate %s", certificate);
	if (SSL_CTX_use_PrivateKey_file(t->ssl, key, SSL_FILETYPE_PEM) != 1)
		return tls_error_set(e, ERR_CONFIG, "key %s", key);
	if (SSL_CTX_check_private_key(t->ssl) != 1)
		return tls_error_set(e, ERR_CONFIG, "key %s does not belong to certificate %s", key,
			certificate);
	return tls_pin_of_x509(SSL_CTX_get0_certificate(t->ssl), t->key_digest, e);
}

static int load_authorities(struct tls_context *t, const char *ca, struct err *e)
{
	if (ca == NULL) {
		/* an empty or absent system store verifies nobody, which is what it should do */
		(void)SSL_CTX_set_default_verify_paths(t->ssl);
		tls_error_clear();
		return 0;
	}
	if (SSL_CTX_load_verify_locations(t->ssl, ca, NULL) != 1)
		return tls_error_set(e, ERR_CONFIG, "authorities %s", ca);
	return 0;
}

static struct tls_context *context_new(const SSL_METHOD *method, const char *certificate,
	const char *key, const char *ca, struct err *e)
{
	struct tls_context *t = xcalloc(1, sizeof(*t));

	tls_error_clear();
	atomic_init(&t->refs, 1);
	t->ssl = context_base(method);
	if ((certificate == NULL || load_identity(t, certificate, key, e) == 0) &&
		load_authorities(t, ca, e) == 0)
		return t;
	tls_context_unref(&t);
	return NULL;
}

struct tls_context *tls_context_new_server(const char *certificate, const char *key, const char *ca,
	struct err *e)
{
	struct tls_context *t;

	if (certificate == NULL || key == NULL) {
		err_set(e, ERR_CONFIG, 0, "TLS needs a certificate and a key");
		return NULL;
	}
	t = context_new(TLS_server_method(), certificate, key, ca, e);
	if (t == NULL)
		return NULL;
	SSL_CTX_set_options(t->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA);
	SSL_CTX_set_num_tickets(t->ssl, 1);
	return t;
}

struct tls_context *tls_context_new_client(const char *certificate, const char *key, const char *ca,
	struct err *e)
{
	if ((certificate == NULL) != (key == NULL)) {
		err_set(e, ERR_CONFIG, 0, "certificate and key go together");
		return NULL;
	}
	return context_new(TLS_client_method(), certificate, key, ca, e);
}

struct tls_context *tls_context_ref(struct tls_context *t)
{
	atomic_fetch_add_explicit(&t->refs, 1, memory_order_relaxed);
	return t;
}

void tls_context_unref(struct tls_context **tp)
{
	struct tls_context *t = *tp;

	*tp = NULL;
	if (t == NULL || atomic_fetch_sub_explicit(&t->refs, 1, memory_order_acq_rel) != 1)
		return;
	SSL_CTX_free(t->ssl);
	free(t);
}

const char *tls_context_key_digest(const struct tls_context *t)
{
	return t->key_digest[0] != '\0' ? t->key_digest : NULL;
}

static SSL *session_new(struct tls_context *t, int fd)
{
	SSL *ssl = SSL_new(t->ssl);

	BUG_ON(ssl == NULL);
	BUG_ON(!SSL_set_fd(ssl, fd));
	return ssl;
}

struct ssl_st *tls_context_accept(struct tls_context *t, int fd, bool request_cert)
{
	/* apart, so that a ticket got without a certificate cannot resume where one is asked for */
	static const unsigned char ids[2][4] = { "hub0", "hub1" };
	SSL *ssl = session_new(t, fd);

	BUG_ON(!SSL_set_session_id_context(ssl, ids[request_cert], sizeof(ids[0])));
	SSL_set_verify(ssl, request_cert ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_set_accept_state(ssl);
	return ssl;
}

static bool is_address(const char *name)
{
	struct in6_addr a;

	return inet_pton(AF_INET, name, &a) == 1 || inet_pton(AF_INET6, name, &a) == 1;
}

struct ssl_st *tls_context_connect(struct tls_context *t, int fd, const char *name)
{
	SSL *ssl = session_new(t, fd);

	/* RFC 6066 §3: no literal addresses */
	if (name != NULL && !is_address(name))
		(void)SSL_set_tlsext_host_name(ssl, name);
	SSL_set_connect_state(ssl);
	return ssl;
}
