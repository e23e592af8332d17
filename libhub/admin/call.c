/* call.c - one HTTP request: who asks, what for, and the answer.
 *
 * evhttp keeps a request whose connection was lost until it is answered, so every call ends by an
 * answer.
 */
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <event2/keyvalq_struct.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdarg.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include <utlist.h>

#include "libhub/admin/answer.h"
#include "libhub/admin/endpoint_priv.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/tls/pin.h"

enum { BASIC_MAX = 2048 };

static struct admin_call *call_new(struct admin_endpoint *ep, struct evhttp_request *r)
{
	struct admin_call *call = xcalloc(1, sizeof(*call));

	call->endpoint = ep;
	call->request = r;
	DL_APPEND(ep->calls, call);
	return call;
}

static void call_free(struct admin_call *call)
{
	DL_DELETE(call->endpoint->calls, call);
	admin_login_cancel(&call->login);
	free(call);
}

void endpoint_calls_cancel(struct admin_endpoint *ep)
{
	struct admin_call *call, *next;

	DL_FOREACH_SAFE(ep->calls, call, next) {
		if (call->cancel != NULL)
			call->cancel(call->ctx);
		/* evhttp frees those that still have a connection with it */
		if (evhttp_request_get_connection(call->request) == NULL)
			evhttp_request_free(call->request);
		call_free(call);
	}
}

/* --- what the daemon sees of it --- */

enum admin_right admin_call_right(const struct admin_call *call)
{
	return call->right;
}

const char *admin_call_who(const struct admin_call *call)
{
	return call->who;
}

json_t *admin_call_body(const struct admin_call *call, struct err *e)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(call->request);
	size_t size = evbuffer_get_length(in);
	json_error_t why;
	json_t *body;

	if (size == 0) {
		err_set(e, ERR_PERM, 0, "no body: a JSON object is needed");
		return NULL;
	}
	body = json_loadb((const char *)evbuffer_pullup(in, -1), size, JSON_REJECT_DUPLICATES,
		&why);
	if (body == NULL)
		err_set(e, ERR_PERM, 0, "body is no JSON: line %d column %d: %s", why.line,
			why.column,
			why.text);
	return body;
}

void admin_call_wait(struct admin_call *call, void (*cancel)(void *ctx), void *ctx)
{
	call->cancel = cancel;
	call->ctx = ctx;
}

/* --- answers --- */

/* The call is gone before libevent may call anybody. */
static struct evhttp_request *end_call(struct admin_call *call)
{
	struct evhttp_request *r = call->request;

	call_free(call);
	return r;
}

void admin_answer_json(struct admin_call *call, int status, const json_t *answer)
{
	struct evhttp_request *r = end_call(call);
	struct evbuffer *out = evbuffer_new();
	char *text = json_dumps(answer, JSON_COMPACT);

	BUG_ON(out == NULL || text == NULL);
	evbuffer_add_printf(out, "%s\n", text);
	free(text);
	evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type", "application/json");
	evhttp_send_reply(r, status, NULL, out);
	evbuffer_free(out);
}

void admin_answer_error(struct admin_call *call, int status, const char *fmt, ...)
{
	char text[400];
	json_t *o;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o = json_object();
	answer_put(o, "error", answer_text(text));
	admin_answer_json(call, status, o);
	json_decref(o);
}

void admin_answer_metrics(struct admin_call *call, struct evbuffer *out)
{
	struct evhttp_request *r = end_call(call);

	evbuffer_add_printf(out, "# EOF\n");
	evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type",
		"application/openmetrics-text; version=1.0.0; charset=utf-8");
	evhttp_send_reply(r, HTTP_OK, NULL, out);
}

/* --- what is asked for --- */

/* "/status, /metrics and /queue" */
static void list_paths(const struct admin_route *routes, char *buf, size_t size)
{
	size_t i, n = 0;
	const char *between;

	for (i = 0; routes[i].path != NULL && n < size; i++) {
		between = i == 0 ? "" : routes[i + 1].path != NULL ? ", " : " and ";
		n += (size_t)snprintf(buf + n, size - n, "%s%s", between, routes[i].path);
	}
}

static void refuse_path(struct admin_call *call, const char *path)
{
	char paths[200] = "";

	list_paths(call->endpoint->cfg.routes, paths, sizeof(paths));
	admin_answer_error(call, HTTP_NOTFOUND, "there is no path %s: %s are",
		path != NULL ? path : "\"\"", paths);
}

static void refuse_method(struct admin_call *call, const struct admin_route *route)
{
	const char *method = route->method == EVHTTP_REQ_POST ? "POST" : "GET";

	evhttp_add_header(evhttp_request_get_output_headers(call->request), "Allow", method);
	admin_answer_error(call, HTTP_BADMETHOD, "%s takes %s only", route->path, method);
}

static const struct admin_route *find_route(const struct admin_route *routes, const char *path)
{
	for (; routes->path != NULL; routes++)
		if (path != NULL && strcmp(path, routes->path) == 0)
			return routes;
	return NULL;
}

static void serve(struct admin_call *call, enum admin_right right, const char *who)
{
	const struct admin_endpoint_config *cfg = &call->endpoint->cfg;
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(call->request));
	const struct admin_route *route = find_route(cfg->routes, path);

	call->right = right;
	snprintf(call->who, sizeof(call->who), "%s", who);
	if (route == NULL)
		refuse_path(call, path);
	else if (evhttp_request_get_command(call->request) != route->method)
		refuse_method(call, route);
	else if (right == ADMIN_NOTHING)
		admin_answer_error(call, 403, "not allowed: needs a role of the organization");
	else
		route->serve(call, cfg->ctx);
}

/* --- who asks --- */

static void refuse_login(struct admin_call *call, const char *text)
{
	evhttp_add_header(evhttp_request_get_output_headers(call->request), "WWW-Authenticate",
		"Basic realm=\"Hub Transport\", charset=\"UTF-8\"");
	admin_answer_error(call, 401, "%s", text);
}

static void on_login(enum authenticate_outcome outcome, enum admin_right right, const char *text,
	void *ctx)
{
	struct admin_call *call = ctx;

	/* the login frees itself */
	call->login = NULL;
	if (outcome == AUTHENTICATE_OK) {
		serve(call, right, text);
		return;
	}
	log_text(LOG_LEVEL_WARNING, "administration-refused", "%s", text);
	if (outcome == AUTHENTICATE_REFUSED)
		refuse_login(call, "no such name and password");
	else
		admin_answer_error(call, HTTP_SERVUNAVAIL, "the directory cannot be asked: %s",
			text);
}

static void start_login(struct admin_call *call, char *pair)
{
	char *colon = strchr(pair, ':');

	if (colon == NULL) {
		refuse_login(call, "Authorization is no Basic NAME:PASSWORD");
		return;
	}
	*colon = '\0';
	call->login = admin_login_start(&call->endpoint->logins, pair, colon + 1, on_login, call);
}

/* RFC 7617. */
static void take_basic(struct admin_call *call, const char *value)
{
	unsigned char pair[BASIC_MAX + 1];
	size_t n = strlen(value), length = n;
	int size;

	size = n % 4 == 0 && n / 4 * 3 <= BASIC_MAX ?
		EVP_DecodeBlock(pair, (const unsigned char *)value, (int)n) : -1;
	/* EVP_DecodeBlock counts the padding */
	while (size > 0 && n > 0 && value[n - 1] == '=') {
		size--;
		n--;
	}
	if (size <= 0 || memchr(pair, '\0', (size_t)size) != NULL) {
		refuse_login(call, "Authorization is no Basic NAME:PASSWORD");
		return;
	}
	pair[size] = '\0';
	/* the request's own, and of no more use */
	OPENSSL_cleanse((char *)(uintptr_t)value, length);
	start_login(call, (char *)pair);
	OPENSSL_cleanse(pair, sizeof(pair));
}

/*
 * Edges are pinned too, for mail, and stand where anybody may break in: they administer nothing but
 * themselves.
 */
static bool may_administer(const struct admin_call *call, const struct server *server)
{
	return server->role == ROLE_HUB || strcasecmp(server->obj.name,
		call->endpoint->cfg.settings->server) == 0;
}

/* The enabled server whose pinned key the peer holds, or NULL. */
static const struct server *peer_server(const struct admin_call *call)
{
	const struct admin_endpoint_config *cfg = &call->endpoint->cfg;
	struct bufferevent *bev =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(call->request));
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	X509 *cert = ssl != NULL ? SSL_get1_peer_certificate(ssl) : NULL;
	const struct snapshot *s = cfg->snapshot(cfg->ctx);
	char digest[TLS_PIN_SIZE];
	struct err e;
	int rc;

	if (cert == NULL)
		return NULL;
	rc = tls_pin_of_x509(cert, digest, &e);
	X509_free(cert);
	return rc == 0 && s != NULL ? snapshot_server_by_key(s, digest) : NULL;
}

static void admit_remote(struct admin_call *call)
{
	const struct server *peer = peer_server(call);
	const char *basic = evhttp_find_header(evhttp_request_get_input_headers(call->request),
		"Authorization");

	if (peer != NULL && may_administer(call, peer))
		serve(call, ADMIN_ALL, peer->obj.name);
	else if (basic != NULL && strncasecmp(basic, "Basic ", 6) == 0)
		take_basic(call, basic + 6 + strspn(basic + 6, " "));
	else
		refuse_login(call, "a client certificate of a server, or a login is needed");
}

/* The kernel says who connected. */
static void admit_local(struct admin_call *call)
{
	struct bufferevent *bev =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(call->request));
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char who[40];

	if (getsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
		(peer.uid != 0 && peer.uid != geteuid())) {
		admin_answer_error(call, 403, "not allowed: the control socket is for root and the "
			"account of %s; use the admin address and a directory login",
			call->endpoint->cfg.program);
		return;
	}
	snprintf(who, sizeof(who), "uid %u", peer.uid);
	serve(call, ADMIN_ALL, who);
}

void endpoint_request(struct evhttp_request *r, void *ctx)
{
	struct endpoint_place *place = ctx;
	struct admin_call *call = call_new(place->endpoint, r);

	loop_touch(place->endpoint->cfg.loop);
	if (place->remote)
		admit_remote(call);
	else
		admit_local(call);
}
