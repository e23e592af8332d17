/* request.c - one HTTP request: who asks, what for, and the answer.
 *
 * A request is answered at once, or becomes a call that waits: for the login, for the queues.
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

#include "hubd/control/control_priv.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/tls/pin.h"

enum { BASIC_MAX = 2048 };

/* --- answers --- */

static void send_json(struct evhttp_request *r, int status, const json_t *answer)
{
	struct evbuffer *out = evbuffer_new();
	char *text = json_dumps(answer, JSON_COMPACT);

	BUG_ON(out == NULL || text == NULL);
	evbuffer_add_printf(out, "%s\n", text);
	free(text);
	evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type", "application/json");
	evhttp_send_reply(r, status, NULL, out);
	evbuffer_free(out);
}

static void send_error(struct evhttp_request *r, int status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);
static void send_error(struct evhttp_request *r, int status, const char *fmt, ...)
{
	char text[400];
	json_t *o;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	o = json_pack("{s:s}", "error", text);
	/* what the peer sent may not be UTF-8 */
	if (o == NULL)
		o = json_pack("{s:s}", "error", "the request is not UTF-8");
	send_json(r, status, o);
	json_decref(o);
}

static void send_metrics(struct control *c, struct evhttp_request *r)
{
	struct evbuffer *out = evbuffer_new();

	BUG_ON(out == NULL);
	control_metrics(c, out);
	evhttp_add_header(evhttp_request_get_output_headers(r), "Content-Type",
		"application/openmetrics-text; version=1.0.0; charset=utf-8");
	evhttp_send_reply(r, HTTP_OK, NULL, out);
	evbuffer_free(out);
}

/* --- calls that wait --- */

static struct call *call_new(struct control *c, struct evhttp_request *r)
{
	struct call *call = xcalloc(1, sizeof(*call));

	call->control = c;
	call->request = r;
	DL_APPEND(c->calls, call);
	return call;
}

static void call_free(struct call *call)
{
	DL_DELETE(call->control->calls, call);
	admin_login_cancel(&call->login);
	queue_admin_cancel(&call->op);
	free(call);
}

void control_calls_cancel(struct control *c)
{
	struct call *call, *next;

	DL_FOREACH_SAFE(c->calls, call, next) {
		/* evhttp frees those that still have a connection with it */
		if (evhttp_request_get_connection(call->request) == NULL)
			evhttp_request_free(call->request);
		call_free(call);
	}
}

/* --- queues --- */

static void on_queue_answer(json_t *answer, void *ctx)
{
	struct call *call = ctx;

	call->op = NULL;
	send_json(call->request, HTTP_OK, answer);
	call_free(call);
}

static bool is_reading(const char *op)
{
	return strcmp(op, "queue-list") == 0 || strcmp(op, "message-list") == 0 ||
		strcmp(op, "message-get") == 0;
}

static json_t *read_body(struct evhttp_request *r, struct err *e)
{
	struct evbuffer *in = evhttp_request_get_input_buffer(r);
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
	else if (json_string_value(json_object_get(body, "op")) == NULL)
		err_set(e, ERR_PERM, 0, "body needs a member \"op\" with a text");
	else
		return body;
	json_decref(body);
	return NULL;
}

static void log_change(const struct call *call, const char *op, const json_t *body)
{
	log_event(LOG_LEVEL_INFO, "administration", LOG_STR("who", call->who), LOG_STR("op", op),
		LOG_STR("queue", json_string_value(json_object_get(body, "queue"))),
		LOG_STR("message", json_string_value(json_object_get(body, "message"))), LOG_END);
}

static void serve_queue(struct control *c, struct evhttp_request *r, enum admin_right right,
	const char *who)
{
	struct err e;
	json_t *body = read_body(r, &e);
	struct call *call;
	const char *op;

	if (body == NULL) {
		send_error(r, HTTP_BADREQUEST, "%s", e.text);
		return;
	}
	op = json_string_value(json_object_get(body, "op"));
	if (right != ADMIN_ALL && !is_reading(op)) {
		send_error(r, 403, "not allowed: %s needs Organization Management or Server "
			"Management",
			op);
	} else {
		call = call_new(c, r);
		snprintf(call->who, sizeof(call->who), "%s", who);
		if (!is_reading(op))
			log_change(call, op, body);
		call->op = queue_admin_start(c->queue_admin, body, on_queue_answer, call);
	}
	json_decref(body);
}

/* --- what is asked for --- */

static void serve_status(struct control *c, struct evhttp_request *r)
{
	json_t *status = control_status(c);

	send_json(r, HTTP_OK, status);
	json_decref(status);
}

static void serve(struct control *c, struct evhttp_request *r, enum admin_right right,
	const char *who)
{
	const char *path = evhttp_uri_get_path(evhttp_request_get_evhttp_uri(r));
	bool post = path != NULL && strcmp(path, "/queue") == 0;

	if (path == NULL || (!post && strcmp(path, "/status") != 0 && strcmp(path,
		"/metrics") != 0)) {
		send_error(r, HTTP_NOTFOUND, "there is no path %s: /status, /metrics and /queue "
			"are",
			path != NULL ? path : "\"\"");
	} else if (evhttp_request_get_command(r) != (post ? EVHTTP_REQ_POST : EVHTTP_REQ_GET)) {
		evhttp_add_header(evhttp_request_get_output_headers(r), "Allow", post ? "POST" :
			"GET");
		send_error(r, HTTP_BADMETHOD, "%s takes %s only", path, post ? "POST" : "GET");
	} else if (right == ADMIN_NOTHING) {
		send_error(r, 403, "not allowed: needs a role of the organization");
	} else if (post) {
		serve_queue(c, r, right, who);
	} else if (strcmp(path, "/status") == 0) {
		serve_status(c, r);
	} else {
		send_metrics(c, r);
	}
}

/* --- who asks --- */

static void refuse_login(struct evhttp_request *r, const char *text)
{
	evhttp_add_header(evhttp_request_get_output_headers(r), "WWW-Authenticate",
		"Basic realm=\"Hub Transport\", charset=\"UTF-8\"");
	send_error(r, 401, "%s", text);
}

static void on_login(enum authenticate_outcome outcome, enum admin_right right, const char *text,
	void *ctx)
{
	struct call *call = ctx;
	struct control *c = call->control;
	struct evhttp_request *r = call->request;

	/* the login frees itself */
	call->login = NULL;
	call_free(call);
	if (outcome == AUTHENTICATE_OK) {
		serve(c, r, right, text);
		return;
	}
	log_text(LOG_LEVEL_WARNING, "administration-refused", "%s", text);
	if (outcome == AUTHENTICATE_REFUSED)
		refuse_login(r, "no such name and password");
	else
		send_error(r, HTTP_SERVUNAVAIL, "the directory cannot be asked: %s", text);
}

static void start_login(struct control *c, struct evhttp_request *r, char *pair)
{
	char *colon = strchr(pair, ':');
	struct call *call;

	if (colon == NULL) {
		refuse_login(r, "Authorization is no Basic NAME:PASSWORD");
		return;
	}
	*colon = '\0';
	call = call_new(c, r);
	call->login = admin_login_start(&c->logins, pair, colon + 1, on_login, call);
}

/* RFC 7617. */
static void take_basic(struct control *c, struct evhttp_request *r, const char *value)
{
	unsigned char pair[BASIC_MAX + 1];
	size_t n = strlen(value);
	int size;

	size = n % 4 == 0 && n / 4 * 3 <= BASIC_MAX ?
		EVP_DecodeBlock(pair, (const unsigned char *)value, (int)n) : -1;
	/* EVP_DecodeBlock counts the padding */
	while (size > 0 && n > 0 && value[n - 1] == '=') {
		size--;
		n--;
	}
	if (size <= 0 || memchr(pair, '\0', (size_t)size) != NULL) {
		refuse_login(r, "Authorization is no Basic NAME:PASSWORD");
		return;
	}
	pair[size] = '\0';
	start_login(c, r, (char *)pair);
	OPENSSL_cleanse(pair, sizeof(pair));
	/* the request's own, and of no more use */
	OPENSSL_cleanse((char *)(uintptr_t)value, strlen(value));
}

/* The enabled server whose pinned key the peer holds, or NULL. */
static const struct server *peer_server(const struct control *c, struct evhttp_request *r)
{
	struct bufferevent *bev =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(r));
	SSL *ssl = bufferevent_openssl_get_ssl(bev);
	X509 *cert = ssl != NULL ? SSL_get1_peer_certificate(ssl) : NULL;
	char digest[TLS_PIN_SIZE];
	struct err e;
	int rc;

	if (cert == NULL)
		return NULL;
	rc = tls_pin_of_x509(cert, digest, &e);
	X509_free(cert);
	if (rc != 0 || c->live == NULL)
		return NULL;
	return snapshot_server_by_key(c->live->snapshot, digest);
}

static void admit_remote(struct control *c, struct evhttp_request *r)
{
	const struct server *peer = peer_server(c, r);
	const char *basic = evhttp_find_header(evhttp_request_get_input_headers(r),
		"Authorization");

	if (peer != NULL)
		serve(c, r, ADMIN_ALL, peer->obj.name);
	else if (basic != NULL && strncasecmp(basic, "Basic ", 6) == 0)
		take_basic(c, r, basic + 6 + strspn(basic + 6, " "));
	else
		refuse_login(r, "a client certificate of a server, or a login is needed");
}

/* The kernel says who connected. */
static void admit_local(struct control *c, struct evhttp_request *r)
{
	struct bufferevent *bev =
		evhttp_connection_get_bufferevent(evhttp_request_get_connection(r));
	struct ucred peer;
	socklen_t size = sizeof(peer);
	char who[40];

	if (getsockopt(bufferevent_getfd(bev), SOL_SOCKET, SO_PEERCRED, &peer, &size) != 0 ||
		(peer.uid != 0 && peer.uid != geteuid())) {
		send_error(r, 403, "not allowed: the control socket is for root and the account of "
			"hubd; use the admin address and a directory login");
		return;
	}
	snprintf(who, sizeof(who), "uid %u", peer.uid);
	serve(c, r, ADMIN_ALL, who);
}

void control_request(struct evhttp_request *r, void *ctx)
{
	struct control_place *place = ctx;

	loop_touch(place->control->cfg.loop);
	if (place->remote)
		admit_remote(place->control, r);
	else
		admit_local(place->control, r);
}
