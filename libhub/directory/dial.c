/* dial.c - see dial.h */
#include "libhub/directory/dial.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <ldap.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "libhub/base/inet.h"
#include "libhub/base/mem.h"
#include "libhub/tls/context.h"
#include "libhub/tls/pin.h"
#include "libhub/tls/verify.h"

static const char default_socket[] = "/run/slapd/ldapi";

struct address {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
		struct sockaddr_storage storage;
	} u;
	socklen_t len;
};

struct dial {
	struct loop *loop;
	struct resolver *resolver;
	const struct directory_config *cfg;
	char *uri;
	dial_cb *cb;
	void *ctx;

	bool tls;
	char *host;			/* path of the socket for ldapi */
	uint16_t port;
	struct address addresses[DIAL_ADDRESSES];
	size_t n, next;

	struct event *timer;		/* first step, then the limit of the present phase */
	bool begun;
	struct resolver_op *look_up;
	int fd;				/* while connecting, -1 else */
	struct event *writable;
	struct bufferevent *bev;
	struct err last;		/* why the address before failed */
};

static void set_limit(struct dial *d, unsigned int ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	evtimer_add(d->timer, &tv);
}

static void drop_socket(struct dial *d)
{
	if (d->writable != NULL)
		event_free(d->writable);
	d->writable = NULL;
	if (d->fd >= 0)
		close(d->fd);
	d->fd = -1;
}

static void dial_free(struct dial *d)
{
	resolver_cancel(&d->look_up);
	drop_socket(d);
	if (d->bev != NULL)
		bufferevent_free(d->bev);
	event_free(d->timer);
	free(d->host);
	free(d->uri);
	free(d);
}

static void succeed(struct dial *d)
{
	struct bufferevent *bev = d->bev;

	d->bev = NULL;
	bufferevent_setcb(bev, NULL, NULL, NULL, NULL);
	bufferevent_disable(bev, EV_READ | EV_WRITE);
	d->cb(bev, NULL, d->ctx);
	dial_free(d);
}

static void fail(struct dial *d, enum err_class class, int sys, const char *reason)
{
	struct err e = { 0 };

	err_set(&e, class, sys, "cannot connect to %s: %s", d->uri, reason);
	d->cb(NULL, &e, d->ctx);
	dial_free(d);
}

/* X509_check_host, which tls_verify_peer uses, does not look at address SANs. */
static int verify_name(const SSL *ssl, const char *host, struct err *e)
{
	unsigned char address[16];

	if (inet_pton(AF_INET, host, address) != 1 && inet_pton(AF_INET6, host, address) != 1)
		return tls_verify_peer(ssl, TLS_VERIFY_DOMAIN, host, e);
	if (tls_verify_peer(ssl, TLS_VERIFY_CERTIFICATE, NULL, e) != 0)
		return -1;
	if (X509_check_ip_asc(SSL_get0_peer_certificate(ssl), host, 0) != 1)
		return err_set(e, ERR_TEMP, 0, "certificate is not for %s", host);
	return 0;
}

static int verify_key(const SSL *ssl, const char *const *pins, struct err *e)
{
	const X509 *certificate = SSL_get0_peer_certificate(ssl);
	char pin[TLS_PIN_SIZE];
	size_t n = 0;

	if (certificate == NULL)
		return err_set(e, ERR_TEMP, 0, "it presents no certificate");
	if (tls_pin_of_x509(certificate, pin, e) != 0)
		return -1;
	while (pins[n] != NULL)
		n++;
	if (!tls_pin_match(pin, pins, n, NULL, 0))
		return err_set(e, ERR_CONFIG, 0, "it presents a certificate that is not pinned: %s",
			pin);
	return 0;
}

static int verify(const struct dial *d, struct err *e)
{
	const SSL *ssl = bufferevent_openssl_get_ssl(d->bev);

	return d->cfg->pins != NULL ? verify_key(ssl, d->cfg->pins, e) :
		verify_name(ssl, d->host, e);
}

static void tls_reason(struct bufferevent *bev, short what, char *text, size_t size)
{
	unsigned long code = bufferevent_get_openssl_error(bev);

	if (code != 0)
		snprintf(text, size, "TLS: %s", ERR_reason_error_string(code) != NULL ?
			ERR_reason_error_string(code) : "handshake failed");
	else
		snprintf(text, size, "TLS: %s", (what & BEV_EVENT_EOF) != 0 || errno == 0 ?
			"the server closed the connection" : strerror(errno));
}

static void on_tls_event(struct bufferevent *bev, short what, void *ctx)
{
	struct dial *d = ctx;
	struct err e = { 0 };
	char text[200];

	if ((what & BEV_EVENT_CONNECTED) == 0) {
		tls_reason(bev, what, text, sizeof(text));
		fail(d, ERR_TEMP, 0, text);
	} else if (verify(d, &e) != 0) {
		fail(d, e.class, 0, e.text);
	} else {
		succeed(d);
	}
}

/* With pins there is nothing to be read, and nobody to be shown a certificate. */
static struct tls_context *make_context(const struct directory_config *cfg, struct err *e)
{
	struct tls_authorities *none;
	struct tls_context *tls;

	if (cfg->pins == NULL)
		return tls_context_new_client(cfg->certificate, cfg->key, cfg->ca, e);
	none = tls_authorities_none();
	tls = tls_context_client(&(struct tls_client_config){ .authorities = none }, e);
	tls_authorities_unref(&none);
	return tls;
}

static void begin_tls(struct dial *d, int fd)
{
	struct err e = { 0 };
	/* read at each connection, so that renewed certificates are used without a restart */
	struct tls_context *tls = make_context(d->cfg, &e);
	SSL *ssl;

	if (tls == NULL) {
		close(fd);
		fail(d, e.class, 0, e.text);
		return;
	}
	ssl = tls_context_connect(tls, fd, &(struct tls_connect){ .name = d->host });
	tls_context_unref(&tls);
	/* bufferevents ask SSL_pending, which does not see records that were read ahead */
	SSL_set_read_ahead(ssl, 0);
	d->bev = bufferevent_openssl_socket_new(loop_base(d->loop), fd, ssl,
		BUFFEREVENT_SSL_CONNECTING, BEV_OPT_CLOSE_ON_FREE);
	BUG_ON(d->bev == NULL);
	bufferevent_openssl_set_allow_dirty_shutdown(d->bev, 1);
	bufferevent_setcb(d->bev, NULL, NULL, on_tls_event, d);
	bufferevent_enable(d->bev, EV_READ | EV_WRITE);
	set_limit(d, DIAL_TLS_MS);
}

static void connected(struct dial *d)
{
	static const int on = 1;
	int fd = d->fd;

	d->fd = -1;
	drop_socket(d);
	/* requests are small and waited for; a Unix socket has no such option */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (d->tls) {
		begin_tls(d, fd);
		return;
	}
	d->bev = bufferevent_socket_new(loop_base(d->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	BUG_ON(d->bev == NULL);
	succeed(d);
}

static void try_next(struct dial *d);

static void on_writable(evutil_socket_t fd, short what, void *ctx)
{
	struct dial *d = ctx;
	int error = 0;
	socklen_t len = sizeof(error);

	(void)what;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) != 0)
		error = errno;
	if (error == 0) {
		connected(d);
		return;
	}
	d->last.sys = error;
	try_next(d);
}

static int begin_connect(struct dial *d, const struct address *a)
{
	d->fd = socket(a->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (d->fd < 0)
		return -1;
	if (connect(d->fd, &a->u.sa, a->len) != 0 && errno != EINPROGRESS)
		return -1;
	d->writable = event_new(loop_base(d->loop), d->fd, EV_WRITE, on_writable, d);
	BUG_ON(d->writable == NULL);
	event_add(d->writable, NULL);
	set_limit(d, DIAL_CONNECT_MS);
	return 0;
}

static void try_next(struct dial *d)
{
	drop_socket(d);
	while (d->next < d->n) {
		if (begin_connect(d, &d->addresses[d->next++]) == 0)
			return;
		d->last.sys = errno;
		drop_socket(d);
	}
	fail(d, ERR_TEMP, 0, strerror(d->last.sys));
}

static void on_addresses(const struct resolver_addr_result *res, void *ctx)
{
	struct dial *d = ctx;

	d->look_up = NULL;
	if (res->outcome != RESOLVE_OK) {
		fail(d, ERR_TEMP, 0, res->text);
		return;
	}
	for (d->n = 0; d->n < res->n && d->n < DIAL_ADDRESSES; d->n++) {
		d->addresses[d->n].u.storage = res->addr[d->n].storage;
		d->addresses[d->n].len = inet_size(&res->addr[d->n].sa);
	}
	try_next(d);
}

static int unix_address(struct address *a, const char *path)
{
	if (strlen(path) >= sizeof(a->u.un.sun_path))
		return -1;
	a->u.un.sun_family = AF_UNIX;
	strcpy(a->u.un.sun_path, path);
	a->len = sizeof(a->u.un);
	return 0;
}

static int literal_address(struct address *a, const char *host, uint16_t port)
{
	if (inet_pton(AF_INET, host, &a->u.in.sin_addr) == 1) {
		a->u.in.sin_family = AF_INET;
		a->u.in.sin_port = htons(port);
		a->len = sizeof(a->u.in);
		return 0;
	}
	if (inet_pton(AF_INET6, host, &a->u.in6.sin6_addr) == 1) {
		a->u.in6.sin6_family = AF_INET6;
		a->u.in6.sin6_port = htons(port);
		a->len = sizeof(a->u.in6);
		return 0;
	}
	return -1;
}

/* Fills host, port, tls; a Unix socket's address at once. NULL or the reason why not. */
static const char *take_url(struct dial *d, const LDAPURLDesc *url)
{
	const char *host = url->lud_host != NULL ? url->lud_host : "";

	if (strcasecmp(url->lud_scheme, "ldapi") == 0) {
		d->host = xstrdup(*host != '\0' ? host : default_socket);
		d->n = 1;
		return unix_address(&d->addresses[0], d->host) == 0 ? NULL :
			"the path of the socket is too long";
	}
	d->tls = strcasecmp(url->lud_scheme, "ldaps") == 0;
	if (!d->tls && strcasecmp(url->lud_scheme, "ldap") != 0)
		return "the URI must begin with ldap, ldaps or ldapi";
	if (*host == '\0')
		return "the URI names no host";
	if (url->lud_port < 1 || url->lud_port > 65535)
		return "the URI has a bad port";
	d->host = xstrdup(host);
	d->port = (uint16_t)url->lud_port;
	return NULL;
}

static const char *parse(struct dial *d)
{
	LDAPURLDesc *url = NULL;
	const char *reason;

	if (ldap_url_parse(d->uri, &url) != LDAP_URL_SUCCESS)
		return "not an LDAP URI";
	reason = take_url(d, url);
	ldap_free_urldesc(url);
	return reason;
}

static void begin(struct dial *d)
{
	const char *reason = parse(d);

	if (reason != NULL) {
		fail(d, ERR_CONFIG, 0, reason);
		return;
	}
	if (d->n == 0 && literal_address(&d->addresses[0], d->host, d->port) == 0)
		d->n = 1;
	if (d->n != 0) {
		try_next(d);
	} else if (d->resolver == NULL) {
		fail(d, ERR_CONFIG, 0, "names are not looked up here, give an address");
	} else {
		set_limit(d, DIAL_RESOLVE_MS);
		d->look_up = resolver_addr(d->resolver, d->host, d->port, RESOLVER_IPV4_FIRST,
			on_addresses, d);
	}
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct dial *d = ctx;

	(void)fd;
	(void)what;
	if (!d->begun) {
		d->begun = true;
		begin(d);
	} else if (d->fd >= 0) {
		d->last.sys = ETIMEDOUT;
		try_next(d);
	} else {
		fail(d, ERR_TEMP, 0, d->bev != NULL ? "TLS: no answer in time" :
			"no answer to the name look-up in time");
	}
}

struct dial *dial_start(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *uri, dial_cb *cb, void *ctx)
{
	struct dial *d = xcalloc(1, sizeof(*d));

	d->loop = loop;
	d->resolver = resolver;
	d->cfg = cfg;
	d->uri = xstrdup(uri);
	d->cb = cb;
	d->ctx = ctx;
	d->fd = -1;
	d->timer = evtimer_new(loop_base(loop), on_timer, d);
	BUG_ON(d->timer == NULL);
	set_limit(d, 0);
	return d;
}

void dial_cancel(struct dial **dp)
{
	if (*dp == NULL)
		return;
	dial_free(*dp);
	*dp = NULL;
}

bool dial_is_local(const char *uri)
{
	static const char *const beginnings[] = {
		"ldapi:", "ldap://127.", "ldaps://127.", "ldap://[::1]", "ldaps://[::1]",
		"ldap://localhost", "ldaps://localhost",
	};
	size_t i;

	for (i = 0; i < sizeof(beginnings) / sizeof(beginnings[0]); i++)
		if (strncasecmp(uri, beginnings[i], strlen(beginnings[i])) == 0)
			return true;
	return false;
}
