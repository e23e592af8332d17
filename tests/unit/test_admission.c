/* test_admission.c - who comes in, of how many from where (hubd/receive/admission.h); the peers are
 * made up.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "await.h"
#include "hubd/receive/admission.h"
#include "hubd/receive/peer_network.h"
#include "libhub/base/mem.h"
#include "org_text.h"
#include "socket_address.h"
#include "unit.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define SITE "cn=London,cn=Sites," BASE
#define SERVER "cn=hub1,cn=Servers," BASE
#define WORLD "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	"dn: " SITE "\nobjectClass: hubSite\ncn: London\n\n" \
	"dn: " SERVER "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n" \
	"hubServerSite: " SITE "\n\n" \
	"dn: cn=In," SERVER "\nobjectClass: hubReceiveConnector\ncn: In\n" \
	"hubMaxInboundConnections: 0\nhubMaxInboundPerSource: 2\n\n"

static struct loop *loop;
static struct inbox *arrivals;
static struct admission *admission;
static const struct live *live;
static struct arrival *arrived[16];
static size_t n_arrived;

static void on_arrival(struct inbox_node *node, void *ctx)
{
	(void)ctx;
	arrived[n_arrived++] = INBOX_ENTRY(node, struct arrival, node);
}

static bool all_arrived(void *ctx)
{
	return n_arrived == *(const size_t *)ctx;
}

static bool none_open(void *ctx)
{
	return admission_connections(ctx) == 0;
}

static void setup(void)
{
	struct builder *b = builder_new(BASE);
	const struct snapshot *s;
	struct err e;

	n_arrived = 0;
	org_text_put(b, WORLD);
	s = builder_build(b, NULL);
	live = live_new(s, "hub1", NULL, NULL, NULL, &e);
	ck_assert_msg(live != NULL, "%s", e.text);
	snapshot_unref(&s);
	builder_free(&b);
	loop = loop_new("test");
	arrivals = inbox_new(loop, on_arrival, NULL);
	admission = admission_new(loop);
	admission_set_receivers(admission, &arrivals, 1);
	admission_set_live(admission, live);
}

static void teardown(void)
{
	size_t i;

	for (i = 0; i < n_arrived; i++) {
		close(arrived[i]->fd);
		live_unref(&arrived[i]->live);
		inbox_post(admission_departures(admission), &arrived[i]->node);
	}
	AWAIT(loop, none_open, admission, 5000);
	admission_free(&admission);
	inbox_free(&arrivals);
	loop_free(&loop);
	live_unref(&live);
}

/* What a peer of that address hears at once; NULL: it came in. */
static const char *call(const char *from)
{
	static char said[200];
	struct sockaddr_storage peer = socket_address(from, 40000);
	struct sockaddr_storage local = socket_address(strchr(from, ':') != NULL ? "2001:db8::25" :
		"192.0.2.25", 25);
	size_t expected = n_arrived + 1;
	ssize_t n;
	int fds[2];

	ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	admission_take(admission, fds[0], &peer, &local);
	n = recv(fds[1], said, sizeof(said) - 1, MSG_DONTWAIT);
	close(fds[1]);
	if (n > 0) {
		said[n] = '\0';
		return said;
	}
	AWAIT(loop, all_arrived, &expected, 5000);
	ck_assert_str_eq(arrived[n_arrived - 1]->source, from);
	return NULL;
}

static const struct {
	const char *one, *other;
	bool same;
} sources[] = {
	{ "192.0.2.1", "192.0.2.1", true },
	{ "192.0.2.1", "192.0.2.2", false },
	{ "2001:db8:0:1::1", "2001:db8:0:1::1", true },
	{ "2001:db8:0:1::1", "2001:db8:0:1:ffff:ffff:ffff:ffff", true },
	{ "2001:db8:0:1::1", "2001:db8:0:2::1", false },
	{ "2001:db8:0:1:ffff:ffff:ffff:ffff", "2001:db8:0:2::", false },
	{ "fe80::1", "fe80::2", true },
	{ "::1", "2001:db8::1", false },
};

START_TEST(one_source)
{
	const char *why;

	ck_assert_ptr_null(call(sources[_i].one));
	ck_assert_ptr_null(call(sources[_i].other));
	why = call(sources[_i].one);
	ck_assert_int_eq(why != NULL, sources[_i].same);
	if (why != NULL)
		ck_assert_ptr_nonnull(strstr(why, "421 4.3.2 too many concurrent"));
}
END_TEST

START_TEST(text)
{
	char one[PEER_NETWORK_TEXT], other[PEER_NETWORK_TEXT];
	struct sockaddr_storage a = socket_address(sources[_i].one, 1);
	struct sockaddr_storage b = socket_address(sources[_i].other, 2);

	peer_network_text(&a, one);
	peer_network_text(&b, other);
	ck_assert_int_eq(strcmp(one, other) == 0, sources[_i].same);
}
END_TEST

START_TEST(text_of_ipv6)
{
	struct sockaddr_storage a = socket_address("2001:db8:1:2:3:4:5:6", 25);
	char buf[PEER_NETWORK_TEXT];

	peer_network_text(&a, buf);
	ck_assert_str_eq(buf, "2001:db8:1:2::/64");
}
END_TEST

int main(void)
{
	TCase *in = tcase_create("in"), *pure = tcase_create("network");
	TCase *const all[] = { in, pure };
	int n = (int)(sizeof(sources) / sizeof(sources[0]));

	tcase_add_checked_fixture(in, setup, teardown);
	tcase_add_loop_test(in, one_source, 0, n);
	tcase_add_loop_test(pure, text, 0, n);
	tcase_add_test(pure, text_of_ipv6);
	return unit_run("admission", all, 2);
}
