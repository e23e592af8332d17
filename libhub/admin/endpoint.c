/* endpoint.c - see endpoint.h; requests are answered in call.c */
#include "libhub/admin/endpoint.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "libhub/admin/endpoint_priv.h"
#include "libhub/base/mem.h"
#include "libhub/org/value.h"
#include "libhub/tls/context.h"

enum { BACKLOG = 64 };

/* --- places --- */

static void place_init(struct endpoint_place *place, struct admin_endpoint *ep, bool remote)
{
	place->endpoint = ep;
	place->remote = remote;
	place->http = evhttp_new(loop_base(ep->cfg.loop));
	BUG_ON(place->http == NULL);
	evhttp_set_max_headers_size(place->http, ENDPOINT_HEADERS_MAX);
	evhttp_set_max_body_size(place->http, ENDPOINT_BODY_MAX);
	evhttp_set_timeout(place->http, ENDPOINT_TIMEOUT_S);
	evhttp_set_allowed_methods(place->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_gencb(place->http, endpoint_request, place);
}

static int place_listen(struct endpoint_place *place, int fd, const char *name, struct err *e)
{
	if (listen(fd, BACKLOG) != 0) {
		err_set(e, ERR_CONFIG, errno, "cannot listen on %s", name);
		close(fd);
		return -1;
	}
	place->listener = evconnlistener_new(loop_base(place->endpoint->cfg.loop), NULL, NULL,
		LEV_OPT_CLOSE_ON_FREE | LEV_OPT_CLOSE_ON_EXEC, 0, fd);
	BUG_ON(place->listener == NULL || evhttp_bind_listener(place->http,
		place->listener) == NULL);
	return 0;
}

/* --- the local socket --- */

/* What a daemon that was killed left behind is in the way; anything else is not ours to remove. */
static void remove_stale(const char *path)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISSOCK(st.st_mode))
		(void)unlink(path);
}

static int open_local(struct admin_endpoint *ep, const char *path, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(e, ERR_CONFIG, 0, "control: %s is longer than a socket's path can "
			"be",
			path);
	strcpy(addr.sun_path, path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_TEMP, errno, "control: socket");
	remove_stale(path);
	/* nobody can connect before it listens, so its mode is in time */
	if (bind(fd, (const struct sockaddr *)&addr, sizeof(addr)) != 0 || chmod(path, 0660) != 0) {
		err_set(e, ERR_CONFIG, errno, "control: %s", path);
		close(fd);
		return -1;
	}
	place_init(&ep->local, ep, false);
	return place_listen(&ep->local, fd, path, e);
}

/* --- the address for others --- */

static int count_index = -1;

static void sessions_release(struct remote_sessions *sessions)
{
	if (sessions->endpoint == NULL && sessions->n == 0)
		free(sessions);
}

/* OpenSSL calls it when a session ends, whatever the reason. */
static void on_session_end(void *parent, void *ptr, CRYPTO_EX_DATA *data, int index, long argl,
	void *argp)
{
	struct remote_sessions *sessions = ptr;

	(void)parent;
	(void)data;
	(void)index;
	(void)argl;
	(void)argp;
	if (sessions == NULL)
		return;
	if (sessions->n-- == ENDPOINT_REMOTE_MAX && sessions->endpoint != NULL &&
		sessions->endpoint->remote.listener != NULL)
		evconnlistener_enable(sessions->endpoint->remote.listener);
	sessions_release(sessions);
}

static void make_count_index(void)
{
	count_index = SSL_get_ex_new_index(0, NULL, NULL, NULL, on_session_end);
	BUG_ON(count_index < 0);
}

/* evhttp asks for the stream of a connection that it has accepted. */
static struct bufferevent *new_stream(struct event_base *base, void *ctx)
{
	struct admin_endpoint *ep = ctx;
	/* no name: who comes here, knows the key */
	static const struct tls_accept how = { .request_cert = true, .service = "admin" };
	SSL *ssl = tls_context_accept(ep->tls, -1, &how);
	struct bufferevent *bev;

	/* libevent looks for input on the socket only: none may wait in the session */
	SSL_set_read_ahead(ssl, 0);
	bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
		BEV_OPT_CLOSE_ON_FREE);
	/* without one evhttp would go on in clear text */
	BUG_ON(bev == NULL);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	BUG_ON(!SSL_set_ex_data(ssl, count_index, ep->sessions));
	if (++ep->sessions->n == ENDPOINT_REMOTE_MAX)
		evconnlistener_disable(ep->remote.listener);
	return bev;
}

static int open_remote(struct admin_endpoint *ep, const char *text, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct arena *a = arena_new();
	struct endpoint at;
	socklen_t size;
	int fd, on = 1, rc;

	pthread_once(&once, make_count_index);
	rc = value_endpoint(a, text, true, &at, e);
	arena_free(&a);
	if (rc != 0)
		return -1;
	if (ep->tls == NULL)
		return err_set(e, ERR_CONFIG, 0, "admin needs certificate and key");
	size = at.addr.ss_family == AF_INET6 ? sizeof(struct sockaddr_in6) :
		sizeof(struct sockaddr_in);
	fd = socket(at.addr.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return err_set(e, ERR_TEMP, errno, "admin: socket");
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (at.addr.ss_family == AF_INET6)
		(void)setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&at.addr, size) != 0) {
		err_set(e, ERR_CONFIG, errno, "admin: %s", text);
		close(fd);
		return -1;
	}
	place_init(&ep->remote, ep, true);
	evhttp_set_bevcb(ep->remote.http, new_stream, ep);
	return place_listen(&ep->remote, fd, text, e);
}

/* --- life --- */

struct admin_endpoint *admin_endpoint_new(const struct admin_endpoint_config *cfg, struct err *e)
{
	struct admin_endpoint *ep = xcalloc(1, sizeof(*ep));
	const struct common_settings *s = cfg->settings;

	ep->cfg = *cfg;
	ep->tls = cfg->tls != NULL ? tls_context_ref(cfg->tls) : NULL;
	ep->sessions = xcalloc(1, sizeof(*ep->sessions));
	ep->sessions->endpoint = ep;
	ep->logins = (struct admin_login_config){ .loop = cfg->loop, .resolver = cfg->resolver,
		.directory = &s->directory, .base = s->base, .authenticator = cfg->authenticator };
	if ((s->control == NULL || open_local(ep, s->control, e) == 0) &&
		(s->admin == NULL || open_remote(ep, s->admin, e) == 0))
		return ep;
	admin_endpoint_free(&ep);
	return NULL;
}

void admin_endpoint_set_tls(struct admin_endpoint *ep, struct tls_context *tls)
{
	tls_context_unref(&ep->tls);
	ep->tls = tls_context_ref(tls);
}

static void place_deinit(struct endpoint_place *place)
{
	/* the listener goes with it */
	place->listener = NULL;
	if (place->http != NULL)
		evhttp_free(place->http);
	place->http = NULL;
}

void admin_endpoint_free(struct admin_endpoint **epp)
{
	struct admin_endpoint *ep = *epp;

	if (ep == NULL)
		return;
	*epp = NULL;
	endpoint_calls_cancel(ep);
	if (ep->local.http != NULL)
		(void)unlink(ep->cfg.settings->control);
	place_deinit(&ep->local);
	place_deinit(&ep->remote);
	ep->sessions->endpoint = NULL;
	sessions_release(ep->sessions);
	tls_context_unref(&ep->tls);
	free(ep);
}
