/* test_clearing.c - edges that show nonsense while they are cleared: edgesyncd/clearing against a
 * socket.
 */
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <netinet/in.h>
#include <openldap.h>
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "edgesyncd/clearing.h"
#include "libhub/base/mem.h"
#include "unit.h"

#define BASE "cn=Transport,o=Edge"
#define BOUND "cn=hub1.1,cn=sync accounts,cn=transport,o=edge"

enum { LONG_DN = 2000 };

static struct loop *loop;
static struct evconnlistener *listener;
static struct bufferevent *peer;
static struct directory_config config;
static struct directory_connection *connection;
static struct clearing *clearing;
static void (*show)(int id);		/* what a search is answered with */
static bool ready, done;
static char error[300];
static int modified;
static int mentions;			/* of hubPostmaster in that */

static void send_ber(BerElement *ber)
{
	struct berval *bytes = NULL;

	ck_assert_int_eq(ber_flatten(ber, &bytes), 0);
	bufferevent_write(peer, bytes->bv_val, bytes->bv_len);
	ber_bvfree(bytes);
	ber_free(ber, 1);
}

static void send_entry(int id, const char *dn, const char *class)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);
	char *classes[] = { (char *)(uintptr_t)class, NULL };
	char *postmaster[] = { (char *)(uintptr_t)"a@b.example", NULL };

	ck_assert_int_ge(ber_printf(ber, "{it{s{{s[v]}{s[v]}}}}", id, LDAP_RES_SEARCH_ENTRY, dn,
		"objectClass", classes, "hubPostmaster", postmaster), 0);
	send_ber(ber);
}

static void send_result(int id, ber_tag_t tag)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ck_assert_int_ge(ber_printf(ber, "{it{ess}}", id, tag, LDAP_SUCCESS, "", ""), 0);
	send_ber(ber);
}

static void on_request(struct bufferevent *bev, void *ctx)
{
	struct evbuffer *in = bufferevent_get_input(bev);
	size_t size = evbuffer_get_length(in);
	const char *data = (const char *)evbuffer_pullup(in, -1), *at;
	size_t number;			/* where it stands: behind the length */
	int id;

	(void)ctx;
	number = 4 + ((data[1] & 0x80) != 0 ? data[1] & 0x7f : 0);
	ck_assert_uint_gt(size, number + 1);
	id = data[number];
	switch (data[number + 1] & 0xff) {
	case LDAP_REQ_SEARCH & 0xff:
		show(id);
		break;
	case LDAP_REQ_MODIFY & 0xff:
		modified++;
		at = data;
		while ((at = memmem(at, size - (size_t)(at - data), "hubPostmaster", 13)) != NULL) {
			mentions++;
			at++;
		}
		send_result(id, LDAP_RES_MODIFY);
		break;
	}
	evbuffer_drain(in, size);
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
}

static void on_ready(void *ctx)
{
	(void)ctx;
	ready = true;
}

static void on_lost(const char *text, void *ctx)
{
	(void)ctx;
	ck_abort_msg("%s", text);
}

static void on_last(void *ctx)
{
	(void)ctx;
}

static void on_done(const char *text, void *ctx)
{
	(void)ctx;
	done = true;
	snprintf(error, sizeof(error), "%s", text != NULL ? text : "");
}

static bool is_ready(void *ctx)
{
	(void)ctx;
	return ready;
}

static bool is_done(void *ctx)
{
	(void)ctx;
	return done;
}

static void set_up(void)
{
	static const struct directory_callbacks callbacks = { on_ready, on_lost };
	struct sockaddr_in in = { .sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t size = sizeof(in);
	char uri[60];

	loop = loop_new("test");
	listener = evconnlistener_new_bind(loop_base(loop), on_accept, NULL,
		LEV_OPT_CLOSE_ON_FREE, -1, (struct sockaddr *)&in, sizeof(in));
	ck_assert_ptr_nonnull(listener);
	getsockname(evconnlistener_get_fd(listener), (struct sockaddr *)&in, &size);
	snprintf(uri, sizeof(uri), "ldap://127.0.0.1:%u", ntohs(in.sin_port));
	connection = directory_open(loop, NULL, &config, uri, false, 0, &callbacks, NULL);
	AWAIT(loop, is_ready, NULL, PATIENCE_MS);
}

static void tear_down(void)
{
	if (!done)
		clearing_cancel(&clearing);
	directory_close(&connection);
	bufferevent_free(peer);
	evconnlistener_free(listener);
	loop_free(&loop);
}

static void clear(void (*how)(int id))
{
	static const struct clearing_callbacks callbacks = { on_last, on_done };

	show = how;
	clearing = clearing_start(loop, connection, BASE, BOUND, &callbacks, NULL);
	AWAIT(loop, is_done, NULL, PATIENCE_MS);
}

static void fails(void (*how)(int id), const char *text)
{
	clear(how);
	ck_assert_msg(strstr(error, text) != NULL, "%s", error);
	ck_assert_int_eq(modified, 0);
}

/* No result ever comes. */
static void show_foreign(int id)
{
	send_entry(id, "cn=x,o=Elsewhere", "hubRemoteDomain");
}

START_TEST(foreign)
{
	fails(show_foreign, "it shows entries that do not belong there");
}
END_TEST

static char *long_dn(size_t size, int number)
{
	char *dn = xmalloc(size + 100);
	int n = snprintf(dn, size, "cn=%d", number);

	memset(dn + n, 'x', size - (size_t)n);
	strcpy(dn + size, ",cn=Remote Domains," BASE);
	return dn;
}

static void show_long(int id)
{
	char *dn = long_dn(5000, 1);

	send_entry(id, dn, "hubRemoteDomain");
	free(dn);
}

START_TEST(long_name)
{
	fails(show_long, "it shows entries that do not belong there");
}
END_TEST

static void show_many(int id)
{
	char *dn;
	int i;

	for (i = 0; i < 35000; i++) {
		dn = long_dn(LONG_DN, i);
		send_entry(id, dn, "hubRemoteDomain");
		free(dn);
	}
}

START_TEST(many_long_names)
{
	fails(show_many, "it shows too many entries");
}
END_TEST

static void show_twice(int id)
{
	int i;

	for (i = 0; i < 100; i++)
		send_entry(id, BASE, "hubOrganization");
	send_result(id, LDAP_RES_SEARCH_RESULT);
}

START_TEST(organization_again_and_again)
{
	clear(show_twice);
	ck_assert_str_eq(error, "");
	/* the organization's own, then twice the state */
	ck_assert_int_eq(modified, 3);
	ck_assert_int_eq(mentions, 1);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("clearing");

	tcase_set_timeout(tc, PATIENCE_MS / 1000);
	tcase_add_checked_fixture(tc, set_up, tear_down);
	tcase_add_test(tc, foreign);
	tcase_add_test(tc, long_name);
	tcase_add_test(tc, many_long_names);
	tcase_add_test(tc, organization_again_and_again);
	return unit_run("clearing", &tc, 1);
}
