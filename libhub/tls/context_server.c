/* context_server.c - what a server shows and resumes; see context.h.
 *
 * Which certificate: decided in OpenSSL's first callback of a handshake, which sees the name that
 * the client asks for (SNI) before a ticket is looked at. So the context of what a session may be
 * resumed as covers that name too, as RFC 6066 section 3 wants.
 */
#include "libhub/tls/context_priv.h"

#include <openssl/sha.h>
#include <string.h>
#include <time.h>

#include "libhub/base/mem.h"
#include "libhub/tls/certificate.h"
#include "libhub/tls/error.h"
#include "libhub/tls/ticket.h"

/* What a session that we accept remembers; goes with it. */
struct acceptance {
	struct tls_context *context;
	struct tls_group *group;	/* for a client that asks for no name of ours */
	bool by_name;			/* the client may choose */
	bool request_cert;
	char service[];
};

static int acceptance_index;

static void acceptance_free(void *parent, void *data, CRYPTO_EX_DATA *ad, int index, long argl,
	void *argp)
{
	struct acceptance *a = data;

	(void)parent;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (a == NULL)
		return;
	tls_context_unref(&a->context);
	free(a);
}

static void make_index(void)
{
	acceptance_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, acceptance_free);
	BUG_ON(acceptance_index < 0);
}

/* --- names --- */

static const struct tls_name *find_exact(const struct tls_context *t, const char *name)
{
	struct tls_name *found;

	HASH_FIND_STR(t->names, name, found);
	return found;
}

/* name in lower case. */
static struct tls_group *find_group(const struct tls_context *t, const char *name)
{
	const struct tls_name *found = find_exact(t, name);
	const char *rest = strchr(name, '.');
	char wildcard[TLS_NAME_MAX + 2];

	if (found == NULL && rest != NULL && rest != name &&
		strlen(rest) < sizeof(wildcard) - 1) {
		wildcard[0] = '*';
		strcpy(wildcard + 1, rest);
		found = find_exact(t, wildcard);
	}
	return found != NULL ? found->group : NULL;
}

static struct tls_group *group_of(const struct tls_context *t, const char *name)
{
	char folded[TLS_NAME_MAX + 1];

	return name != NULL && tls_name_fold(name, folded) ? find_group(t, folded) : NULL;
}

bool tls_context_has_name(const struct tls_context *t, const char *name)
{
	return group_of(t, name) != NULL;
}

/* --- a handshake --- */

/*
 * RFC 6066 section 3: a list with one name of type 0. False without one that could be a host's;
 * what is malformed OpenSSL refuses later.
 */
static bool asked_name(SSL *ssl, char out[TLS_NAME_MAX + 1])
{
	const unsigned char *p;
	size_t n, len;

	if (SSL_client_hello_get0_ext(ssl, TLSEXT_TYPE_server_name, &p, &n) != 1 || n < 5 ||
		p[2] != TLSEXT_NAMETYPE_host_name)
		return false;
	len = (size_t)p[3] << 8 | p[4];
	return len <= n - 5 && tls_name_fold_n((const char *)p + 5, len, out);
}

/* Everything that has to be the same for a session to be resumed. */
static void limit_resumption(SSL *ssl, const struct acceptance *a, const char *name)
{
	unsigned char id[SHA256_DIGEST_LENGTH], text[TLS_DIGEST_SIZE + 2 * TLS_NAME_MAX + 4];
	size_t n = 0, service = strnlen(a->service, TLS_NAME_MAX), len = strlen(name);

	text[n++] = a->request_cert;
	/* who was verified then need not be now */
	if (a->request_cert) {
		memcpy(text + n, a->context->authorities->digest, TLS_DIGEST_SIZE);
		n += TLS_DIGEST_SIZE;
	}
	memcpy(text + n, a->service, service);
	n += service;
	text[n++] = '\0';
	memcpy(text + n, name, len);
	SHA256(text, n + len, id);
	BUG_ON(!SSL_set_session_id_context(ssl, id, sizeof(id)));
}

static int on_hello(SSL *ssl, int *alert, void *ctx)
{
	const struct acceptance *a = SSL_get_ex_data(ssl, acceptance_index);
	struct tls_group *group = a->group, *asked = NULL;
	char name[TLS_NAME_MAX + 1] = "";

	(void)alert;
	(void)ctx;
	if (a->by_name && asked_name(ssl, name))
		asked = strcmp(name, TLS_HUB_NAME) == 0 ? a->context->own :
			find_group(a->context, name);
	if (asked == NULL)
		name[0] = '\0';
	else
		group = asked;
	if (group->ssl != SSL_get_SSL_CTX(ssl) && SSL_set_SSL_CTX(ssl, group->ssl) == NULL)
		return SSL_CLIENT_HELLO_ERROR;
	limit_resumption(ssl, a, name);
	return SSL_CLIENT_HELLO_SUCCESS;
}

/* The name was looked at in on_hello: whatever it is, it is taken note of. */
static int on_name(SSL *ssl, int *alert, void *ctx)
{
	(void)ssl;
	(void)alert;
	(void)ctx;
	return SSL_TLSEXT_ERR_OK;
}

static int on_ticket_key(SSL *ssl, unsigned char *name, unsigned char *iv, EVP_CIPHER_CTX *cipher,
	EVP_MAC_CTX *mac, int encrypt)
{
	const struct acceptance *a = SSL_get_ex_data(ssl, acceptance_index);

	return tls_tickets_key(a->context->tickets, name, iv, cipher, mac, encrypt);
}

struct ssl_st *tls_context_accept(struct tls_context *t, int fd, const struct tls_accept *how)
{
	const char *service = how->service != NULL ? how->service : "";
	size_t n = strlen(service);
	struct acceptance *a = xmalloc(sizeof(*a) + n + 1);
	struct tls_group *group = group_of(t, how->name);
	SSL *ssl;

	a->context = tls_context_ref(t);
	a->group = group != NULL ? group : t->own;
	a->by_name = how->name != NULL;
	a->request_cert = how->request_cert;
	memcpy(a->service, service, n + 1);
	ssl = SSL_new(a->group->ssl);
	BUG_ON(ssl == NULL);
	BUG_ON(!SSL_set_ex_data(ssl, acceptance_index, a));
	BUG_ON(fd >= 0 && !SSL_set_fd(ssl, fd));
	SSL_set_verify(ssl, how->request_cert ? SSL_VERIFY_PEER : SSL_VERIFY_NONE, NULL);
	SSL_set_accept_state(ssl);
	return ssl;
}

/* --- building --- */

static struct tls_group *server_group(struct tls_context *t,
	struct tls_certificate *const *certificates, size_t n, struct err *e)
{
	struct tls_group *g = tls_group_new(t, TLS_server_method(), certificates, n, e);

	if (g == NULL)
		return NULL;
	/* what clients say are passwords, too; bulk data is spared the time (stream_tls_cleanse) */
	SSL_CTX_set_options(g->ssl, SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_PRIORITIZE_CHACHA |
		SSL_OP_CLEANSE_PLAINTEXT);
	/*
	 * AES-128 first: as strong as the curves that agree on its key, and its SHA-256 makes the
	 * key schedule of a handshake cheaper than SHA-384 does.
	 */
	if (SSL_CTX_set_ciphersuites(g->ssl, "TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:"
		"TLS_CHACHA20_POLY1305_SHA256") != 1) {
		tls_error_set(e, ERR_CONFIG, "TLS 1.3 cipher suites");
		return NULL;
	}
	/* two are meant for browsers, which open several connections at once */
	SSL_CTX_set_num_tickets(g->ssl, 1);
	SSL_CTX_set_timeout(g->ssl, TLS_TICKET_LIFE_S);
	SSL_CTX_set_tlsext_ticket_key_evp_cb(g->ssl, on_ticket_key);
	SSL_CTX_set_client_hello_cb(g->ssl, on_hello, NULL);
	SSL_CTX_set_tlsext_servername_callback(g->ssl, on_name);
	return g;
}

static struct tls_group *same_group(const struct tls_context *t,
	struct tls_certificate *const *certificates, size_t n)
{
	struct tls_group *g;

	for (g = t->groups; g != NULL; g = g->next)
		if (g->n == n && memcmp(g->certificates, certificates,
			n * sizeof(struct tls_certificate *)) == 0)
			return g;
	return NULL;
}

/* Who is shown for that name, if that is not known yet. */
static int add_name(struct tls_context *t, const struct tls_server_config *cfg, const char *text,
	struct tls_certificate **chosen, struct err *e)
{
	struct tls_name *name;
	struct tls_group *g;
	size_t n;

	if (find_exact(t, text) != NULL)
		return 0;
	n = tls_certificate_choose(cfg->all, cfg->n, text, time(NULL), chosen);
	BUG_ON(n == 0);
	g = same_group(t, chosen, n);
	if (g == NULL)
		g = server_group(t, chosen, n, e);
	if (g == NULL)
		return -1;
	name = xmalloc(sizeof(*name) + strlen(text) + 1);
	strcpy(name->name, text);
	name->group = g;
	HASH_ADD_STR(t->names, name, name);
	return 0;
}

static int add_names(struct tls_context *t, const struct tls_server_config *cfg, struct err *e)
{
	struct tls_certificate **chosen = xcalloc(cfg->n + 1, sizeof(struct tls_certificate *));
	const char *const *names;
	size_t i, k, n;
	int rc = 0;

	for (i = 0; i < cfg->n && rc == 0; i++) {
		n = tls_certificate_names(cfg->all[i], &names);
		for (k = 0; k < n && rc == 0; k++)
			rc = add_name(t, cfg, names[k], chosen, e);
	}
	free(chosen);
	return rc;
}

struct tls_context *tls_context_server(const struct tls_server_config *cfg, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tls_context *t = tls_context_begin(cfg->authorities);

	pthread_once(&once, make_index);
	t->tickets = tls_tickets_ref(cfg->tickets);
	t->key_digest = tls_certificate_key_digest(cfg->own);
	t->own = server_group(t, &cfg->own, 1, e);
	if (t->own != NULL && add_names(t, cfg, e) == 0)
		return t;
	tls_context_unref(&t);
	return NULL;
}
