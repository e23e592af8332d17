/* test_acceptor.c - who connects is not kept waiting by the main thread (hubd/receive/acceptor.h)
 *
 * The main loop turns only where a test says so; arrivals come to the loop of a worker, which the
 * test runs instead.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "await.h"
#include "hubd/receive/acceptor.h"
#include "libhub/base/mem.h"
#include "org_text.h"
#include "unit.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define SITE "cn=London,cn=Sites," BASE
#define SERVER "cn=hub1,cn=Servers," BASE
#define WORLD "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	"dn: " SITE "\nobjectClass: hubSite\ncn: London\n\n" \
	"dn: " SERVER "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n" \
	"hubServerSite: " SITE "\n\n" \
	"dn: cn=In," SERVER "\nobjectClass: hubReceiveConnector\ncn: In\n" \
	"hubMaxInboundConnections: 3\nhubMaxInboundPerSource: 3\n" \
	"hubMaxInboundPercentPerSource: 100\n"

static struct loop *main_loop, *worker_loop;
static struct inbox *arrivals;
static struct acceptor *acceptor;
static struct builder *builder;
static const struct live *live;
static struct arrival *arrived[8];
static size_t n_arrived;
static unsigned n_done;
static uint16_t ports[2];

/* --- the hub around it --- */

static void on_arrival(struct inbox_node *node, void *ctx)
{
	(void)ctx;
	arrived[n_arrived++] = INBOX_ENTRY(node, struct arrival, node);
}

static void on_done(const struct live *l, void *ctx)
{
	(void)l;
	(void)ctx;
	n_done++;
}

/* As a session does at its end. */
static void depart(size_t i)
{
	close(arrived[i]->fd);
	live_unref(&arrived[i]->live);
	inbox_post(acceptor_departures(acceptor), &arrived[i]->node);
}

static void order_live(uint16_t port)
{
	const struct snapshot *s;
	struct err e;
	char text[2000];

	snprintf(text, sizeof(text), WORLD "hubBinding: 127.0.0.1:%u\n\n", (unsigned)port);
	org_text_put(builder, text);
	s = builder_build(builder, NULL);
	ck_assert_msg(s->rejection_count == 0, "%s", s->rejection_count > 0 ?
		s->rejections[0].reason : "");
	live_unref(&live);
	live = live_new(s, "hub1", NULL, NULL, NULL, &e);
	ck_assert_msg(live != NULL, "%s", e.text);
	snapshot_unref(&s);
	acceptor_set_live(acceptor, live, on_done, NULL);
}

static uint16_t free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr = { htonl(INADDR_LOOPBACK) } };
	socklen_t n = sizeof(in);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, n), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &n), 0);
	close(fd);
	return ntohs(in.sin_port);
}

static void setup(void)
{
	struct err e;

	n_arrived = n_done = 0;
	live = NULL;
	ports[0] = free_port();
	ports[1] = free_port();
	main_loop = loop_new("main");
	worker_loop = loop_new("worker");
	arrivals = inbox_new(worker_loop, on_arrival, NULL);
	builder = builder_new(BASE);
	acceptor = acceptor_new(main_loop);
	acceptor_set_receivers(acceptor, &arrivals, 1);
	ck_assert_int_eq(acceptor_start(acceptor, &e), 0);
}

static void teardown(void)
{
	acceptor_join(acceptor);
	acceptor_free(&acceptor);
	live_unref(&live);
	builder_free(&builder);
	inbox_free(&arrivals);
	loop_free(&worker_loop);
	loop_free(&main_loop);
}

/* --- what the tests wait for --- */

static bool done(void *ctx)
{
	return n_done == *(const unsigned *)ctx;
}

static bool have_arrived(void *ctx)
{
	return n_arrived == *(const size_t *)ctx;
}

static bool are_open(void *ctx)
{
	return acceptor_connections(acceptor) == *(const uint64_t *)ctx;
}

static void await_done(unsigned n)
{
	AWAIT(main_loop, done, &n, PATIENCE_MS);
}

static void await_arrivals(size_t n)
{
	AWAIT(worker_loop, have_arrived, &n, PATIENCE_MS);
}

static void await_open(uint64_t n)
{
	AWAIT(worker_loop, are_open, &n, PATIENCE_MS);
}

/* A descriptor, or -1. */
static int call(uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (connect(fd, (struct sockaddr *)&in, sizeof(in)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void note_binding(const char *binding, const char *problem, void *ctx)
{
	char *all = ctx;

	sprintf(all + strlen(all), "%s%s ", binding, problem != NULL ? " off" : "");
}

static void assert_bindings(uint16_t port)
{
	char all[200] = "", expect[40] = "";

	if (port != 0)
		snprintf(expect, sizeof(expect), "127.0.0.1:%u ", (unsigned)port);
	acceptor_each_binding(acceptor, note_binding, all);
	ck_assert_str_eq(all, expect);
}

/* --- tests --- */

START_TEST(accepts_while_main_stands_still)
{
	int fd;

	order_live(ports[0]);
	await_done(1);
	fd = call(ports[0]);
	ck_assert_int_ge(fd, 0);
	await_arrivals(1);
	ck_assert_str_eq(arrived[0]->connector->obj.name, "In");
	ck_assert_str_eq(arrived[0]->source, "127.0.0.1");
	await_open(1);
	depart(0);
	await_open(0);
	close(fd);
}
END_TEST

START_TEST(is_told_when_sockets_are_as_ordered)
{
	int fd;

	assert_bindings(0);
	order_live(ports[0]);
	await_done(1);
	assert_bindings(ports[0]);
	order_live(ports[1]);
	await_done(2);
	assert_bindings(ports[1]);
	ck_assert_int_eq(call(ports[0]), -1);
	fd = call(ports[1]);
	ck_assert_int_ge(fd, 0);
	await_arrivals(1);
	acceptor_stop(acceptor, on_done, NULL);
	await_done(3);
	assert_bindings(0);
	ck_assert_int_eq(call(ports[1]), -1);
	/* the session goes on, and ends after the thread */
	ck_assert_uint_eq(acceptor_connections(acceptor), 1);
	acceptor_join(acceptor);
	depart(0);
	close(fd);
}
END_TEST

START_TEST(limits_hold)
{
	static const char refusal[] = "421 4.3.2 too many concurrent connections";
	char got[200] = "";
	int fds[4], i;

	order_live(ports[0]);
	await_done(1);
	for (i = 0; i < 4; i++)
		fds[i] = call(ports[0]);
	ck_assert_int_gt(recv(fds[3], got, sizeof(got) - 1, 0), 0);
	ck_assert_msg(strncmp(got, refusal, strlen(refusal)) == 0, "%s", got);
	await_arrivals(3);
	ck_assert_uint_eq(acceptor_connections(acceptor), 3);
	depart(1);
	await_open(2);
	close(fds[3]);
	fds[3] = call(ports[0]);
	await_arrivals(4);
	depart(0);
	depart(2);
	depart(3);
	await_open(0);
	for (i = 0; i < 4; i++)
		close(fds[i]);
}
END_TEST

/* Callbacks that main has not seen come at the end. */
START_TEST(owes_no_callback)
{
	order_live(ports[0]);
	acceptor_stop(acceptor, on_done, NULL);
	acceptor_join(acceptor);
	ck_assert_uint_eq(n_done, 0);
	acceptor_free(&acceptor);
	ck_assert_uint_eq(n_done, 2);
	acceptor = acceptor_new(main_loop);
}
END_TEST

int main(void)
{
	TCase *all[] = { tcase_create("acceptor") };

	tcase_add_checked_fixture(all[0], setup, teardown);
	tcase_add_test(all[0], accepts_while_main_stands_still);
	tcase_add_test(all[0], is_told_when_sockets_are_as_ordered);
	tcase_add_test(all[0], limits_hold);
	tcase_add_test(all[0], owes_no_callback);
	return unit_run("acceptor", all, 1);
}
