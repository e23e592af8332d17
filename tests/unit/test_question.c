/* test_question.c - servers that answer the question for their newest change in a way of their
 * own: libhub/directory/watch against a few messages from a socket.
 */
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <ldap.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "libhub/base/mem.h"
#include "libhub/directory/watch.h"
#include "unit.h"

#define BEFORE "rid=000,csn=20261122100000.000000Z#000000#000#000000"
#define AFTER "rid=000,csn=20261122100001.000000Z#000000#000#000000"
/* two servers that replicate each other, the clock of the second is ahead */
#define FIRST_BEFORE "20261122100000.000000Z#000000#001#000000"
#define FIRST_AFTER "20261122100001.000000Z#000000#001#000000"
#define SECOND "20261122110000.000000Z#000000#002#000000"

/* --- BER --- */

struct bytes {
	unsigned char v[250];
	size_t n;
};

static struct bytes with(struct bytes b, struct bytes more)
{
	ck_assert_uint_lt(b.n + more.n, sizeof(b.v));
	memcpy(b.v + b.n, more.v, more.n);
	b.n += more.n;
	return b;
}

static struct bytes raw(const char *text, size_t n)
{
	struct bytes b = { .n = n };

	memcpy(b.v, text, n);
	return b;
}

static struct bytes tagged(unsigned char tag, struct bytes content)
{
	struct bytes head = { { tag, (unsigned char)content.n }, 2 };

	if (content.n > 127)
		head = (struct bytes){ { tag, 0x81, (unsigned char)content.n }, 3 };
	return with(head, content);
}

static struct bytes text(unsigned char tag, const char *s)
{
	return tagged(tag, raw(s, strlen(s)));
}

static struct bytes number(unsigned char tag, char n)
{
	return tagged(tag, raw(&n, 1));
}

static struct bytes control(const char *oid, struct bytes value)
{
	return tagged(0xa0, tagged(LBER_SEQUENCE, with(text(LBER_OCTETSTRING, oid),
		tagged(LBER_OCTETSTRING, value))));
}

static struct bytes entry(void)
{
	struct bytes state = tagged(LBER_SEQUENCE, with(number(LBER_ENUMERATED, LDAP_SYNC_ADD),
		text(LBER_OCTETSTRING, "0123456789abcdef")));

	return with(tagged(LDAP_RES_SEARCH_ENTRY, with(text(LBER_OCTETSTRING, "o=x"),
		tagged(LBER_SEQUENCE, raw("", 0)))), control(LDAP_CONTROL_SYNC_STATE, state));
}

static struct bytes info(unsigned char kind, struct bytes content)
{
	return tagged(LDAP_RES_INTERMEDIATE, with(text(LDAP_TAG_IM_RES_OID, LDAP_SYNC_INFO),
		tagged(LDAP_TAG_IM_RES_VALUE, tagged(kind, content))));
}

static struct bytes refresh_done(const char *cookie)
{
	return info(LDAP_TAG_SYNC_REFRESH_DELETE, text(LBER_OCTETSTRING, cookie));
}

static struct bytes new_cookie(const char *cookie)
{
	return info(LDAP_TAG_SYNC_NEW_COOKIE, raw(cookie, strlen(cookie)));
}

static struct bytes result(char code)
{
	struct bytes texts = with(text(LBER_OCTETSTRING, ""), text(LBER_OCTETSTRING, "because"));

	return tagged(LDAP_RES_SEARCH_RESULT, with(number(LBER_ENUMERATED, code), texts));
}

static struct bytes done(const char *cookie)
{
	return with(result(LDAP_SUCCESS), control(LDAP_CONTROL_SYNC_DONE,
		tagged(LBER_SEQUENCE, text(LBER_OCTETSTRING, cookie))));
}

/* --- the server --- */

enum answer {
	REACHED, NAMELESS, BEHIND, BEHIND_ONE, SHOWN_LATER, NO_CONTROL, NO_ENTRY, REFUSED,
};

static const struct {
	enum answer answer;
	const char *error;		/* NULL: it is reached */
} rows[] = {
	{ REACHED, NULL },
	{ NAMELESS, NULL },
	{ BEHIND, "does not show its newest change" },
	{ BEHIND_ONE, "does not show its newest change" },
	{ SHOWN_LATER, NULL },
	{ NO_CONTROL, "a result without a sync state" },
	{ NO_ENTRY, "does not show the entry o=x any more" },
	{ REFUSED, "ends the search for o=x: Server is unwilling to perform (53): because" },
};

static struct loop *loop;
static struct evconnlistener *listener;
static struct bufferevent *peer;
static unsigned int requests;
static enum answer answer;
static struct directory_config config;
static char uri[40];
static const char *uris[2] = { uri };
static struct watch *watch;
static unsigned int reached;
static char down[400];

static void say(char id, struct bytes message)
{
	struct bytes all = tagged(LBER_SEQUENCE, with(number(LBER_INTEGER, id), message));

	bufferevent_write(peer, all.v, all.n);
}

static bool of_two(void)
{
	return answer == BEHIND_ONE || answer == SHOWN_LATER;
}

static const char *newest(void)
{
	if (of_two())
		return "rid=000,csn=" FIRST_AFTER ";" SECOND;
	return answer == BEHIND ? AFTER : answer == NAMELESS ? "rid=001" : BEFORE;
}

static void answer_question(void)
{
	if (answer != NO_ENTRY)
		say(2, entry());
	if (answer == REFUSED)
		say(2, result(LDAP_UNWILLING_TO_PERFORM));
	else if (answer == NO_CONTROL)
		say(2, result(LDAP_SUCCESS));
	else
		say(2, done(newest()));
	/* only the server that changed is named then */
	if (answer == SHOWN_LATER)
		say(1, new_cookie("rid=000,sid=001,csn=" FIRST_AFTER));
}

/* The watch's search, and the question when that is answered. */
static void on_request(struct bufferevent *bev, void *ctx)
{
	char request[1000];

	(void)ctx;
	bufferevent_read(bev, request, sizeof(request));
	requests++;
	if (requests == 1) {
		say(1, entry());
		say(1, refresh_done(of_two() ? "rid=000,csn=" FIRST_BEFORE ";" SECOND : BEFORE));
	} else if (requests == 2) {
		answer_question();
	}
}

static void on_accept(struct evconnlistener *l, evutil_socket_t fd, struct sockaddr *address,
	int size, void *ctx)
{
	(void)address;
	(void)size;
	(void)ctx;
	peer = bufferevent_socket_new(evconnlistener_get_base(l), fd, BEV_OPT_CLOSE_ON_FREE);
	bufferevent_setcb(peer, on_request, NULL, NULL, NULL);
	bufferevent_enable(peer, EV_READ | EV_WRITE);
	/* the first one only */
	evconnlistener_disable(l);
}

static void listen_there(void)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(a);

	listener = evconnlistener_new_bind(loop_base(loop), on_accept, NULL,
		LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&a, sizeof(a));
	ck_assert_ptr_nonnull(listener);
	ck_assert_int_eq(getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&a,
		&size), 0);
	snprintf(uri, sizeof(uri), "ldap://127.0.0.1:%u", ntohs(a.sin_port));
}

/* --- the watch --- */

static void on_put(const struct entry *e, void *ctx)
{
	(void)ctx;
	ck_assert_str_eq(e->dn, "o=x");
}

static void on_nothing(void *ctx)
{
	(void)ctx;
}

static void on_state(enum watch_state state, const char *error, void *ctx)
{
	(void)ctx;
	if (state == WATCH_DOWN)
		snprintf(down, sizeof(down), "%s", error);
}

static void on_reached(void *ctx)
{
	(void)ctx;
	reached++;
}

static bool is_live(void *ctx)
{
	(void)ctx;
	return watch_state(watch) == WATCH_LIVE;
}

static bool is_over(void *ctx)
{
	(void)ctx;
	return reached != 0 || watch_state(watch) == WATCH_DOWN;
}

START_TEST(test_answers)
{
	static const struct watch_callbacks cbs = {
		.refresh_begin = on_nothing, .put = on_put, .refresh_end = on_nothing,
		.refresh_abort = on_nothing, .state = on_state, .reached = on_reached,
	};

	answer = rows[_i].answer;
	loop = loop_new("test");
	listen_there();
	config = (struct directory_config){ .uris = uris };
	watch = watch_new(loop, NULL, &config, "o=x", "(objectClass=*)", NULL, &cbs, NULL);
	AWAIT(loop, is_live, NULL, PATIENCE_MS);
	watch_ask(watch);
	AWAIT(loop, is_over, NULL, PATIENCE_MS);
	ck_assert_uint_eq(reached, rows[_i].error == NULL);
	if (rows[_i].error != NULL)
		ck_assert_msg(strstr(down, rows[_i].error) != NULL, "%s", down);
	ck_assert_int_eq(watch_as_of_ms(watch) != 0, rows[_i].error == NULL);
	watch_free(&watch);
	bufferevent_free(peer);
	evconnlistener_free(listener);
	loop_free(&loop);
}
END_TEST

int main(void)
{
	TCase *t = tcase_create("question");

	tcase_set_timeout(t, 60);
	tcase_add_loop_test(t, test_answers, 0, sizeof(rows) / sizeof(rows[0]));
	return unit_run("question", &t, 1);
}
