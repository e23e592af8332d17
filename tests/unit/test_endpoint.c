/* test_endpoint.c - libhub/admin/endpoint.c and call.c: who asks, hangs up, waits, and how many. */
#include <arpa/inet.h>
#include <event2/buffer.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "asker.h"
#include "await.h"
#include "identity.h"
#include "libhub/admin/endpoint_priv.h"
#include "libhub/base/mem.h"
#include "libhub/tls/context.h"
#include "unit.h"

enum { MANY = 300, NOBODY = 65534, REMOTE_SURPLUS = 6 };

static char dir[] = "/tmp/endpoint-XXXXXX";
static struct loop *loop;
static struct common_settings settings;
static char *control;
static struct admin_endpoint *endpoint;
static struct admin_call *waiting[MANY];	/* in the order that they came */
static size_t n_waiting, cancelled;

/* --- what it serves --- */

static void serve_echo(struct admin_call *call, void *ctx)
{
	struct err e;
	json_t *body = admin_call_body(call, &e);

	(void)ctx;
	if (body == NULL) {
		admin_answer_error(call, 400, "%s", e.text);
		return;
	}
	admin_answer_json(call, 200, body);
	json_decref(body);
}

static void on_cancel(void *ctx)
{
	(void)ctx;
	cancelled++;
}

static void serve_wait(struct admin_call *call, void *ctx)
{
	(void)ctx;
	ck_assert_uint_lt(n_waiting, MANY);
	waiting[n_waiting++] = call;
	admin_call_wait(call, on_cancel, NULL);
}

static void serve_who(struct admin_call *call, void *ctx)
{
	json_t *o = json_pack("{s:s, s:i}", "who", admin_call_who(call), "right",
		(int)admin_call_right(call));

	(void)ctx;
	admin_answer_json(call, 200, o);
	json_decref(o);
}

/* More than an error may have, of a letter that takes two bytes. */
static void serve_long_error(struct admin_call *call, void *ctx)
{
	struct err e;
	json_t *body = admin_call_body(call, &e);
	const char *before = json_string_value(json_object_get(body, "before"));
	char text[601];
	size_t i;

	(void)ctx;
	for (i = 0; i + 1 < sizeof(text); i += 2)
		memcpy(text + i, "\xc3\xa9", 2);
	text[sizeof(text) - 1] = '\0';
	admin_answer_error(call, 400, "%s%s", before, text);
	json_decref(body);
}

static const struct admin_route routes[] = {
	{ "/who", EVHTTP_REQ_GET, serve_who },
	{ "/wait", EVHTTP_REQ_POST, serve_wait },
	{ "/echo", EVHTTP_REQ_POST, serve_echo },
	{ "/error", EVHTTP_REQ_POST, serve_long_error },
	{ NULL, EVHTTP_REQ_GET, NULL },
};

static const struct snapshot *no_snapshot(void *ctx)
{
	(void)ctx;
	return NULL;
}

static int open_endpoint(struct tls_context *tls, struct err *e)
{
	struct admin_endpoint_config cfg = { .loop = loop, .settings = &settings,
		.program = "testd", .tls = tls, .routes = routes, .snapshot = no_snapshot };

	endpoint = admin_endpoint_new(&cfg, e);
	return endpoint != NULL ? 0 : -1;
}

static void set_up(void)
{
	struct err e;

	strcpy(strrchr(dir, '-'), "-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	loop = loop_new("test");
	control = xasprintf("%s/control", dir);
	settings = (struct common_settings){ .server = "hub1", .base = "o=x", .control = control };
	n_waiting = cancelled = 0;
	ck_assert_msg(open_endpoint(NULL, &e) == 0, "%s", e.text);
}

static void tear_down(void)
{
	admin_endpoint_free(&endpoint);
	loop_free(&loop);
	unlink(control);
	free(control);
	ck_assert_int_eq(rmdir(dir), 0);
}

/* --- waiting for it --- */

static bool one_waits(void *ctx)
{
	return n_waiting >= *(const size_t *)ctx;
}

static void await_waiting(size_t n)
{
	AWAIT(loop, one_waits, &n, PATIENCE_MS);
}

static void answer_waiting(size_t i)
{
	json_t *o = json_pack("{s:i}", "number", (int)i);

	admin_answer_json(waiting[i], 200, o);
	json_decref(o);
}

static void is_served(void)
{
	json_t *o = asker_ask(loop, control, "GET", "/who", NULL, 200);

	ck_assert_int_eq(json_integer_value(json_object_get(o, "right")), ADMIN_ALL);
	json_decref(o);
}

static const char *error_of(json_t *o)
{
	return json_string_value(json_object_get(o, "error"));
}

/* --- those who wait, and go --- */

START_TEST(answered_later)
{
	struct asker a;
	json_t *o;

	asker_connect(&a, loop, control);
	asker_request(&a, "POST", "/wait", NULL);
	await_waiting(1);
	is_served();
	ck_assert(!asker_is_answered(&a));
	answer_waiting(0);
	o = asker_json(&a, 200);
	ck_assert_int_eq(json_integer_value(json_object_get(o, "number")), 0);
	json_decref(o);
	asker_close(&a);
	ck_assert_uint_eq(cancelled, 0);
}
END_TEST

/* What was begun goes on; its answer is for nobody. */
START_TEST(hangs_up_while_it_waits)
{
	struct asker a;

	asker_connect(&a, loop, control);
	asker_request(&a, "POST", "/wait", NULL);
	await_waiting(1);
	asker_close(&a);
	is_served();
	ck_assert_uint_eq(cancelled, 0);
	ck_assert_ptr_nonnull(endpoint->calls);
	answer_waiting(0);
	ck_assert_ptr_null(endpoint->calls);
	is_served();
}
END_TEST

/* One has gone before the end, the other learns of it. */
START_TEST(freed_while_two_wait)
{
	struct asker gone, there;

	asker_connect(&gone, loop, control);
	asker_request(&gone, "POST", "/wait", NULL);
	await_waiting(1);
	asker_close(&gone);
	is_served();
	asker_connect(&there, loop, control);
	asker_request(&there, "POST", "/wait", NULL);
	await_waiting(2);
	admin_endpoint_free(&endpoint);
	ck_assert_uint_eq(cancelled, 2);
	AWAIT(loop, asker_is_closed, &there, PATIENCE_MS);
	ck_assert_int_eq(asker_take(&there, NULL), 0);
	asker_close(&there);
	ck_assert_int_ne(access(control, F_OK), 0);
}
END_TEST

/* Each of many gets its own answer, whatever the order. */
START_TEST(many_wait_at_once)
{
	static struct asker a[MANY];
	size_t i;

	for (i = 0; i < MANY; i++) {
		asker_connect(&a[i], loop, control);
		asker_request(&a[i], "POST", "/wait", NULL);
		await_waiting(i + 1);
	}
	is_served();
	for (i = MANY; i-- > 0;)
		answer_waiting(i);
	for (i = 0; i < MANY; i++) {
		json_t *o = asker_json(&a[i], 200);

		ck_assert_int_eq(json_integer_value(json_object_get(o, "number")), (int)i);
		json_decref(o);
		asker_close(&a[i]);
	}
	ck_assert_ptr_null(endpoint->calls);
}
END_TEST

/* The second is not looked at before the first has its answer. */
START_TEST(one_after_the_other_on_a_connection)
{
	struct asker a;

	asker_connect(&a, loop, control);
	asker_request(&a, "POST", "/wait", NULL);
	asker_request(&a, "POST", "/wait", NULL);
	await_waiting(1);
	is_served();
	ck_assert_uint_eq(n_waiting, 1);
	answer_waiting(0);
	json_decref(asker_json(&a, 200));
	await_waiting(2);
	answer_waiting(1);
	json_decref(asker_json(&a, 200));
	asker_close(&a);
}
END_TEST

/* --- what is too much --- */

static char *object_of(size_t size)
{
	char *text = xmalloc(size + 1);

	memset(text, ' ', size);
	memcpy(text, "{}", 2);
	text[size] = '\0';
	return text;
}

START_TEST(largest_body)
{
	char *text = object_of(ENDPOINT_BODY_MAX);

	json_decref(asker_ask(loop, control, "POST", "/echo", text, 200));
	free(text);
}
END_TEST

/* However it comes: told of first, or in pieces. */
START_TEST(larger_body)
{
	char *text = object_of(ENDPOINT_BODY_MAX + 1);
	struct asker a;

	asker_connect(&a, loop, control);
	asker_request(&a, "POST", "/wait", text);
	AWAIT(loop, asker_is_answered, &a, PATIENCE_MS);
	ck_assert_int_eq(asker_take(&a, NULL), 413);
	asker_close(&a);
	asker_connect(&a, loop, control);
	asker_send(&a, "POST /wait HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
		"8000\r\n");
	text[0x8000] = '\0';
	asker_send(&a, text);
	asker_send(&a, "\r\n8001\r\n");
	AWAIT(loop, asker_is_answered, &a, PATIENCE_MS);
	ck_assert_int_ne(asker_take(&a, NULL), 200);
	asker_close(&a);
	ck_assert_uint_eq(n_waiting, 0);
	is_served();
	free(text);
}
END_TEST

START_TEST(larger_head)
{
	char text[ENDPOINT_HEADERS_MAX + 100];
	struct asker a;

	memset(text, 'x', sizeof(text));
	text[sizeof(text) - 1] = '\0';
	asker_connect(&a, loop, control);
	asker_send(&a, "GET /who HTTP/1.1\r\nHost: x\r\nX: ");
	asker_send(&a, text);
	AWAIT(loop, asker_is_answered, &a, PATIENCE_MS);
	ck_assert_int_eq(asker_take(&a, NULL), 400);
	asker_close(&a);
	is_served();
}
END_TEST

/* Even if the limit falls within a letter the reason is told. */
START_TEST(long_error)
{
	static const char *const bodies[] = { "{\"before\": \"reason \"}",
		"{\"before\": \"reason\"}" };
	json_t *o = asker_ask(loop, control, "POST", "/error", bodies[_i], 400);

	ck_assert_msg(strncmp(error_of(o), "reason", 6) == 0, "%s", error_of(o));
	ck_assert_uint_ge(strlen(error_of(o)), 390);
	json_decref(o);
}
END_TEST

START_TEST(error_in_no_text)
{
	json_t *o = asker_ask(loop, control, "POST", "/n%ff\xff", NULL, 404);

	ck_assert_msg(strstr(error_of(o), "no path /n%ff?:") != NULL, "%s", error_of(o));
	json_decref(o);
}
END_TEST

/* --- who asks --- */

START_TEST(another_account)
{
	struct asker a;
	json_t *o;

	ck_assert_int_eq(chmod(control, 0666), 0);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	ck_assert_int_eq(seteuid(NOBODY), 0);
	asker_connect(&a, loop, control);
	ck_assert_int_eq(seteuid(0), 0);
	asker_request(&a, "POST", "/wait", NULL);
	o = asker_json(&a, 403);
	ck_assert_msg(strstr(error_of(o), "the account of testd") != NULL, "%s", error_of(o));
	json_decref(o);
	asker_close(&a);
	ck_assert_uint_eq(n_waiting, 0);
}
END_TEST

/* The daemon's own account may do all that root may. */
START_TEST(own_account)
{
	struct asker a, root;
	json_t *o;

	ck_assert_int_eq(chmod(control, 0666), 0);
	ck_assert_int_eq(chmod(dir, 0755), 0);
	asker_connect(&root, loop, control);
	ck_assert_int_eq(seteuid(NOBODY), 0);
	asker_connect(&a, loop, control);
	asker_request(&a, "GET", "/who", NULL);
	o = asker_json(&a, 200);
	ck_assert_str_eq(json_string_value(json_object_get(o, "who")), "uid 65534");
	json_decref(o);
	asker_request(&root, "GET", "/who", NULL);
	o = asker_json(&root, 200);
	ck_assert_str_eq(json_string_value(json_object_get(o, "who")), "uid 0");
	json_decref(o);
	asker_close(&a);
	asker_close(&root);
	ck_assert_int_eq(seteuid(0), 0);
}
END_TEST

/* --- the socket --- */

START_TEST(mode_of_the_socket)
{
	struct stat st;

	ck_assert_int_eq(stat(control, &st), 0);
	ck_assert_uint_eq(st.st_mode & 07777, 0660);
}
END_TEST

START_TEST(socket_that_was_left_behind)
{
	char *kept = xasprintf("%s/kept", dir);
	struct err e;

	ck_assert_int_eq(link(control, kept), 0);
	admin_endpoint_free(&endpoint);
	ck_assert_int_eq(rename(kept, control), 0);
	ck_assert_msg(open_endpoint(NULL, &e) == 0, "%s", e.text);
	is_served();
	free(kept);
}
END_TEST

START_TEST(file_in_the_way)
{
	struct err e;
	FILE *f;

	admin_endpoint_free(&endpoint);
	f = fopen(control, "w");
	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert_int_ne(open_endpoint(NULL, &e), 0);
	ck_assert_int_eq(e.class, ERR_CONFIG);
	ck_assert_msg(strstr(e.text, control) != NULL, "%s", e.text);
	ck_assert_int_eq(access(control, F_OK), 0);
}
END_TEST

START_TEST(path_that_is_too_long)
{
	char path[200];
	struct err e;

	admin_endpoint_free(&endpoint);
	memset(path, 'x', sizeof(path));
	path[0] = '/';
	path[sizeof(path) - 1] = '\0';
	settings.control = path;
	ck_assert_int_ne(open_endpoint(NULL, &e), 0);
	ck_assert_msg(strstr(e.text, "longer than a socket's path") != NULL, "%s", e.text);
}
END_TEST

/* --- from elsewhere --- */

static uint32_t remote_sessions(void)
{
	return endpoint->sessions->n;
}

static bool is_full(void *ctx)
{
	(void)ctx;
	return remote_sessions() == ENDPOINT_REMOTE_MAX;
}

/* *held keeps its port. */
static void choose_address(int *held)
{
	static char text[40];
	struct sockaddr_in at = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(at);
	int on = 1;

	*held = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(*held, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ck_assert_int_eq(bind(*held, (struct sockaddr *)&at, size), 0);
	ck_assert_int_eq(getsockname(*held, (struct sockaddr *)&at, &size), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(at.sin_port));
	settings.admin = text;
}

static int connect_remote(void)
{
	struct sockaddr_in at;
	socklen_t size = sizeof(at);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_eq(getsockname(evconnlistener_get_fd(endpoint->remote.listener),
		(struct sockaddr *)&at, &size), 0);
	(void)connect(fd, (struct sockaddr *)&at, sizeof(at));
	return fd;
}

static bool only_the_last_are_left(void *ctx)
{
	(void)ctx;
	return remote_sessions() == REMOTE_SURPLUS;
}

/* Who comes when the house is full waits at the door, and is let in when another leaves. */
START_TEST(many_from_elsewhere)
{
	int fds[ENDPOINT_REMOTE_MAX + REMOTE_SURPLUS];
	struct tls_context *tls;
	struct identity id;
	struct err e;
	size_t i;
	int held;

	admin_endpoint_free(&endpoint);
	identity_make(&id, "hub1", 1);
	tls = tls_context_new_server(id.certificate, id.key, id.certificate, &e);
	ck_assert_msg(tls != NULL, "%s", e.text);
	choose_address(&held);
	ck_assert_msg(open_endpoint(tls, &e) == 0, "%s", e.text);
	for (i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		fds[i] = connect_remote();
	AWAIT(loop, is_full, NULL, PATIENCE_MS);
	/* nobody more for many turns of the loop, who were there before them */
	is_served();
	is_served();
	ck_assert_uint_eq(remote_sessions(), ENDPOINT_REMOTE_MAX);
	for (i = 0; i < ENDPOINT_REMOTE_MAX; i++)
		close(fds[i]);
	AWAIT(loop, only_the_last_are_left, NULL, PATIENCE_MS);
	for (; i < sizeof(fds) / sizeof(fds[0]); i++)
		close(fds[i]);
	close(held);
	tls_context_unref(&tls);
	identity_remove(&id);
}
END_TEST

START_TEST(address_without_a_key)
{
	struct err e;

	admin_endpoint_free(&endpoint);
	settings.admin = "127.0.0.1:1";
	ck_assert_int_ne(open_endpoint(NULL, &e), 0);
	ck_assert_str_eq(e.text, "admin needs certificate and key");
	ck_assert_int_ne(access(control, F_OK), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("endpoint");

	tcase_set_timeout(tc, 100);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, answered_later);
	tcase_add_test(tc, hangs_up_while_it_waits);
	tcase_add_test(tc, freed_while_two_wait);
	tcase_add_test(tc, many_wait_at_once);
	tcase_add_test(tc, one_after_the_other_on_a_connection);
	tcase_add_test(tc, largest_body);
	tcase_add_test(tc, larger_body);
	tcase_add_test(tc, larger_head);
	tcase_add_loop_test(tc, long_error, 0, 2);
	tcase_add_test(tc, error_in_no_text);
	if (geteuid() == 0) {
		tcase_add_test(tc, another_account);
		tcase_add_test(tc, own_account);
	}
	tcase_add_test(tc, mode_of_the_socket);
	tcase_add_test(tc, socket_that_was_left_behind);
	tcase_add_test(tc, file_in_the_way);
	tcase_add_test(tc, path_that_is_too_long);
	tcase_add_test(tc, many_from_elsewhere);
	tcase_add_test(tc, address_without_a_key);
	return unit_run("endpoint", &tc, 1);
}
