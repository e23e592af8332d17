/* control.c - see control.h; requests are answered in request.c */
#include "hubd/control/control.h"

#include <errno.h>
#include <event2/bufferevent_ssl.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "hubd/control/control_priv.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/tls/context.h"

enum { BACKLOG = 64 };

/* --- places --- */

static void place_init(struct control_place *place, struct control *c, bool remote)
{
	place->control = c;
	place->remote = remote;
	place->http = evhttp_new(loop_base(c->cfg.loop));
	BUG_ON(place->http == NULL);
	evhttp_set_max_headers_size(place->http, CONTROL_HEADERS_MAX);
	evhttp_set_max_body_size(place->http, CONTROL_BODY_MAX);
	evhttp_set_timeout(place->http, CONTROL_TIMEOUT_S);
	evhttp_set_allowed_methods(place->http, EVHTTP_REQ_GET | EVHTTP_REQ_POST);
	evhttp_set_gencb(place->http, control_request, place);
}

static int place_listen(struct control_place *place, int fd, const char *name, struct err *e)
{
	if (listen(fd, BACKLOG) != 0) {
		err_set(e, ERR_CONFIG, errno, "cannot listen on %s", name);
		close(fd);
		return -1;
	}
	place->listener = evconnlistener_new(loop_base(place->control->cfg.loop), NULL, NULL,
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

static int open_local(struct control *c, const char *path, struct err *e)
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
	place_init(&c->local, c, false);
	return place_listen(&c->local, fd, path, e);
}

/* --- the address for others --- */

static int count_index = -1;

static void sessions_release(struct remote_sessions *sessions)
{
	if (sessions->control == NULL && sessions->n == 0)
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
	if (sessions->n-- == CONTROL_REMOTE_MAX && sessions->control != NULL &&
		sessions->control->remote.listener != NULL)
		evconnlistener_enable(sessions->control->remote.listener);
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
	struct control *c = ctx;
	/* no name: who comes here, knows the key */
	static const struct tls_accept how = { .request_cert = true, .service = "admin" };
	SSL *ssl = tls_context_accept(c->tls, -1, &how);
	struct bufferevent *bev;

	/* libevent looks for input on the socket only: none may wait in the session */
	SSL_set_read_ahead(ssl, 0);
	bev = bufferevent_openssl_socket_new(base, -1, ssl, BUFFEREVENT_SSL_ACCEPTING,
		BEV_OPT_CLOSE_ON_FREE);
	/* without one evhttp would go on in clear text */
	BUG_ON(bev == NULL);
	bufferevent_openssl_set_allow_dirty_shutdown(bev, 1);
	BUG_ON(!SSL_set_ex_data(ssl, count_index, c->sessions));
	if (++c->sessions->n == CONTROL_REMOTE_MAX)
		evconnlistener_disable(c->remote.listener);
	return bev;
}

static int open_remote(struct control *c, const char *text, struct err *e)
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
	if (c->tls == NULL)
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
	place_init(&c->remote, c, true);
	evhttp_set_bevcb(c->remote.http, new_stream, c);
	return place_listen(&c->remote, fd, text, e);
}

/* --- life --- */

struct control *control_new(const struct control_config *cfg, struct err *e)
{
	struct control *c = xcalloc(1, sizeof(*c));
	const struct common_settings *s = &cfg->settings->common;

	c->cfg = *cfg;
	c->tls = cfg->tls_server != NULL ? tls_context_ref(cfg->tls_server) : NULL;
	c->sessions = xcalloc(1, sizeof(*c->sessions));
	c->sessions->control = c;
	c->queue_admin = queue_admin_new(cfg->queues, cfg->loop);
	c->logins = (struct admin_login_config){ .loop = cfg->loop, .resolver = cfg->resolver,
		.directory = &s->directory, .base = s->base, .authenticator = cfg->authenticator };
	if ((s->control == NULL || open_local(c, s->control, e) == 0) &&
		(s->admin == NULL || open_remote(c, s->admin, e) == 0))
		return c;
	control_free(&c);
	return NULL;
}

void control_expect_live(struct control *c)
{
	c->expected++;
}

void control_set_live(struct control *c, const struct live *live)
{
	c->expected--;
	live_unref(&c->live);
	c->live = live_ref(live);
	if (live->tls_server == NULL)
		return;
	tls_context_unref(&c->tls);
	c->tls = tls_context_ref(live->tls_server);
}

bool control_is_settled(const struct control *c)
{
	return c->expected == 0;
}

const struct snapshot *control_snapshot(const struct control *c)
{
	if (control_is_settled(c))
		return mirror_snapshot(c->cfg.mirror);
	return c->live != NULL ? c->live->snapshot : NULL;
}

static void place_deinit(struct control_place *place)
{
	/* the listener goes with it */
	place->listener = NULL;
	if (place->http != NULL)
		evhttp_free(place->http);
	place->http = NULL;
}

void control_free(struct control **cp)
{
	struct control *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	control_calls_cancel(c);
	if (c->local.http != NULL)
		(void)unlink(c->cfg.settings->common.control);
	place_deinit(&c->local);
	place_deinit(&c->remote);
	c->sessions->control = NULL;
	sessions_release(c->sessions);
	queue_admin_free(&c->queue_admin);
	tls_context_unref(&c->tls);
	live_unref(&c->live);
	free(c);
}
