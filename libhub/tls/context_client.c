/* context_client.c - sessions that we open; see context.h.
 *
 * A session remembers whether the server asked for our certificate, and keeps the newest ticket
 * that came, for whoever will open the next one. Which certificate is shown is decided when it is
 * asked for, so most sessions spend nothing on it.
 */
#include "libhub/tls/context_priv.h"

#include <arpa/inet.h>
#include <time.h>

#include "libhub/base/mem.h"
#include "libhub/tls/certificate.h"
#include "libhub/tls/error.h"

/* What a session that we open remembers; goes with it. */
struct opening {
	struct tls_context *context;
	SSL_SESSION *newest;
	bool asked, mutual;
	char own_name[TLS_NAME_MAX + 1];	/* lower case; "" = the own certificate */
};

static int opening_index;

static void opening_free(void *parent, void *data, CRYPTO_EX_DATA *ad, int index, long argl,
	void *argp)
{
	struct opening *o = data;

	(void)parent;
	(void)ad;
	(void)index;
	(void)argl;
	(void)argp;
	if (o == NULL)
		return;
	SSL_SESSION_free(o->newest);
	tls_context_unref(&o->context);
	free(o);
}

static void make_index(void)
{
	opening_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, opening_free);
	BUG_ON(opening_index < 0);
}

/* --- while it shakes hands --- */

static struct tls_certificate *named(const struct tls_context *t, const char *name)
{
	struct tls_certificate **found, *best = NULL;

	if (name[0] == '\0' || t->n_all == 0)
		return NULL;
	found = xcalloc(t->n_all, sizeof(struct tls_certificate *));
	if (tls_certificate_choose(t->all, t->n_all, name, time(NULL), found) > 0)
		best = found[0];
	free(found);
	return best;
}

/* See tls_connect in context.h; NULL = none. */
static struct tls_certificate *for_strangers(const struct opening *o)
{
	struct tls_certificate *best = named(o->context, o->own_name);

	if (o->mutual)
		return best != NULL ? best : o->context->own->certificates[0];
	return best != NULL && !tls_certificate_is_self_signed(best) ? best : NULL;
}

/* The server asks who we are. */
static int on_asked(SSL *ssl, void *ctx)
{
	struct opening *o = SSL_get_ex_data(ssl, opening_index);
	struct tls_certificate *best;

	(void)ctx;
	if (o == NULL || o->asked)
		return 1;
	o->asked = true;
	if (o->own_name[0] == '\0')
		return 1;
	best = for_strangers(o);
	SSL_certs_clear(ssl);
	return best == NULL || tls_certificate_use_once(best, ssl) == 0;
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
	struct opening *o = SSL_get_ex_data(ssl, opening_index);

	if (o == NULL)
		return 0;
	SSL_SESSION_free(o->newest);
	o->newest = session;
	return 1;
}

/* --- opening one --- */

static bool is_address(const char *name)
{
	struct in6_addr a;

	return inet_pton(AF_INET, name, &a) == 1 || inet_pton(AF_INET6, name, &a) == 1;
}

struct ssl_st *tls_context_connect(struct tls_context *t, int fd, const struct tls_connect *how)
{
	struct opening *o = xcalloc(1, sizeof(*o));
	SSL *ssl = SSL_new(t->own->ssl);

	BUG_ON(ssl == NULL);
	o->context = tls_context_ref(t);
	if (how->own_name != NULL && !tls_name_fold(how->own_name, o->own_name))
		o->own_name[0] = '\0';
	o->mutual = how->mutual;
	BUG_ON(!SSL_set_ex_data(ssl, opening_index, o));
	BUG_ON(fd >= 0 && !SSL_set_fd(ssl, fd));
	/* RFC 6066 section 3: no literal addresses */
	if (how->name != NULL && !is_address(how->name))
		(void)SSL_set_tlsext_host_name(ssl, how->name);
	if (how->status)
		(void)SSL_set_tlsext_status_type(ssl, TLSEXT_STATUSTYPE_ocsp);
	if (how->session != NULL)
		(void)SSL_set_session(ssl, how->session);
	SSL_set_connect_state(ssl);
	tls_error_clear();
	return ssl;
}

bool tls_was_asked(const struct ssl_st *ssl)
{
	const struct opening *o = SSL_get_ex_data(ssl, opening_index);

	return o != NULL && o->asked;
}

struct ssl_session_st *tls_session_take(const struct ssl_st *ssl)
{
	struct opening *o = SSL_get_ex_data(ssl, opening_index);
	SSL_SESSION *taken = o != NULL ? o->newest : NULL;

	if (o != NULL)
		o->newest = NULL;
	if (taken == NULL || SSL_SESSION_is_resumable(taken))
		return taken;
	SSL_SESSION_free(taken);
	return NULL;
}

/* --- building --- */

struct tls_context *tls_context_client(const struct tls_client_config *cfg, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct tls_context *t = tls_context_begin(cfg->authorities);
	struct tls_certificate *own = cfg->own;
	size_t i;

	pthread_once(&once, make_index);
	t->all = xcalloc(cfg->n + 1, sizeof(struct tls_certificate *));
	for (i = 0; i < cfg->n; i++)
		t->all[t->n_all++] = tls_certificate_ref(cfg->all[i]);
	t->own = tls_group_new(t, TLS_client_method(), &own, own != NULL, e);
	if (t->own == NULL) {
		tls_context_unref(&t);
		return NULL;
	}
	if (own != NULL)
		t->key_digest = tls_certificate_key_digest(own);
	SSL_CTX_set_cert_cb(t->own->ssl, on_asked, NULL);
	/* whoever opens the sessions keeps them, apart for each identity */
	SSL_CTX_set_session_cache_mode(t->own->ssl,
		SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
	SSL_CTX_sess_set_new_cb(t->own->ssl, on_ticket);
	return t;
}
