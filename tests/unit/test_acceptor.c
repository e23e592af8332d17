/* test_acceptor.c - who connects is not kept waiting by the main thread (hubd/receive/acceptor.h)
 *
 * The main loop turns only where a test says so; arrivals come to the loop of a worker, which the
 * test runs instead.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <linux/sockios.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "await.h"
#include "hubd/receive/acceptor.h"
#include "hubd/track/counters.h"
#include "libhub/base/mem.h"
#include "org_text.h"
#include "own_network.h"
#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BASE "cn=Transport,dc=example,dc=com"
#define SITE "cn=London,cn=Sites," BASE
#define SERVER "cn=hub1,cn=Servers," BASE
#define WORLD "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	"dn: " SITE "\nobjectClass: hubSite\ncn: London\n\n" \
	"dn: " SERVER "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n" \
	"hubServerSite: " SITE "\n\n" \
	"dn: cn=In," SERVER "\nobjectClass: hubReceiveConnector\ncn: In\n"
#define UNLIMITED "hubMaxInboundConnections: 0\nhubMaxInboundPerSource: 0\n"

static struct loop *main_loop, *worker_loop;
static struct inbox *arrivals;
static struct acceptor *acceptor;
static struct builder *builder;
static const struct live *live;
static struct arrival *arrived[8];
static size_t n_arrived, n_ever;
static bool ends_at_once;
static unsigned n_done;
static uint16_t ports[2];

/* --- the hub around it --- */

static void on_done(const struct live *l, void *ctx)
{
	(void)l;
	(void)ctx;
	n_done++;
}

/* As a session does at its end. */
static void end(struct arrival *a)
{
	close(a->fd);
	live_unref(&a->live);
	inbox_post(acceptor_departures(acceptor), &a->node);
}

static void depart(size_t i)
{
	end(arrived[i]);
}

static void on_arrival(struct inbox_node *node, void *ctx)
{
	struct arrival *a = INBOX_ENTRY(node, struct arrival, node);

	(void)ctx;
	n_ever++;
	if (ends_at_once) {
		end(a);
		return;
	}
	ck_assert_uint_lt(n_arrived, COUNT(arrived));
	arrived[n_arrived++] = a;
}

/* lines: of the connector */
static void order(const char *lines)
{
	const struct snapshot *s;
	struct err e;
	char text[2000];

	snprintf(text, sizeof(text), WORLD "%s\n", lines);
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

static void order_live(uint16_t port)
{
	char lines[100];

	snprintf(lines, sizeof(lines), UNLIMITED "hubBinding: 127.0.0.1:%u\n", (unsigned)port);
	order(lines);
}

/* At no address, and below those that the kernel gives to outgoing connections. */
static uint16_t free_port(void)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	unsigned seed = (unsigned)getpid() * 7919;
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	do {
		seed = seed * 1103515245 + 12345;
		in.sin_port = htons((uint16_t)(10000 + (seed >> 16) % 20000));
	} while (in.sin_port == htons(ports[0]) ||
		bind(fd, (struct sockaddr *)&in, sizeof(in)) != 0);
	close(fd);
	return ntohs(in.sin_port);
}

static void setup(void)
{
	struct err e;

	n_arrived = n_ever = n_done = 0;
	ends_at_once = false;
	live = NULL;
	(void)own_network_enter();
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

static int connect_to(int fd, in_addr_t address, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr = { htonl(address) } };

	return connect(fd, (struct sockaddr *)&in, sizeof(in));
}

/* A descriptor, or -1 and errno. */
static int call(uint16_t port)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0), saved;

	if (connect_to(fd, INADDR_LOOPBACK, port) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
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

static const struct {
	const char *limits, *refusal;
	size_t in;			/* so many of one address come in, and one more does not */
	enum counter counter;
} limit_rows[] = {
	{ "hubMaxInboundConnections: 3\nhubMaxInboundPerSource: 0\n"
	  "hubMaxInboundPercentPerSource: 100\n", "421 4.3.2 too many concurrent connections\r\n",
	  3, COUNTER_LIMIT_CONNECTIONS },
	{ "hubMaxInboundConnections: 0\nhubMaxInboundPerSource: 3\n"
	  "hubMaxInboundPercentPerSource: 1\n", "421 4.3.2 too many concurrent connections from",
	  3, COUNTER_LIMIT_PER_SOURCE },
	{ "hubMaxInboundConnections: 100\nhubMaxInboundPerSource: 0\n"
	  "hubMaxInboundPercentPerSource: 4\n", "421 4.3.2 too large a share",
	  3, COUNTER_LIMIT_PERCENT_PER_SOURCE },	/* 4 % of 97 that are left are 3 */
	{ "hubMaxInboundConnections: 10\nhubMaxInboundPerSource: 0\n"
	  "hubMaxInboundPercentPerSource: 1\n", "421 4.3.2 too large a share",
	  1, COUNTER_LIMIT_PERCENT_PER_SOURCE },	/* never less than one */
};

START_TEST(limits_hold)
{
	char lines[200], got[200] = "";
	uint64_t counted = counter_get(limit_rows[_i].counter);
	size_t n = limit_rows[_i].in, i;
	int fds[4];

	snprintf(lines, sizeof(lines), "%shubBinding: 127.0.0.1:%u\n", limit_rows[_i].limits,
		(unsigned)ports[0]);
	order(lines);
	await_done(1);
	for (i = 0; i <= n; i++)
		fds[i] = call(ports[0]);
	ck_assert_int_gt(recv(fds[n], got, sizeof(got) - 1, 0), 0);
	ck_assert_msg(strncmp(got, limit_rows[_i].refusal, strlen(limit_rows[_i].refusal)) == 0,
		"%s", got);
	await_arrivals(n);
	ck_assert_uint_eq(acceptor_connections(acceptor), n);
	ck_assert_uint_eq(counter_get(limit_rows[_i].counter), counted + 1);
	/* one leaves, one comes */
	depart(0);
	await_open(n - 1);
	close(fds[n]);
	fds[n] = call(ports[0]);
	await_arrivals(n + 1);
	for (i = 1; i <= n; i++)
		depart(i);
	await_open(0);
	for (i = 0; i <= n; i++)
		close(fds[i]);
}
END_TEST

/* Has the other host acknowledged all, so that the connection stands there? */
static bool stands(void *ctx)
{
	int left = 1;

	ck_assert_int_eq(ioctl(*(const int *)ctx, SIOCOUTQ, &left), 0);
	return left == 0;
}

/* Those who are connected but not accepted yet when their binding goes are served. */
START_TEST(queue_is_served_before_the_end)
{
	struct rlimit limit, none;
	int fds[3], i;

	order_live(ports[0]);
	await_done(1);
	for (i = 0; i < 3; i++)
		fds[i] = socket(AF_INET, SOCK_STREAM, 0);
	/* it pauses for want of descriptors */
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = limit;
	none.rlim_cur = 0;
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	for (i = 0; i < 3; i++)
		ck_assert_int_eq(connect_to(fds[i], INADDR_LOOPBACK, ports[0]), 0);
	for (i = 0; i < 3; i++) {
		ck_assert_int_eq(send(fds[i], "x", 1, 0), 1);
		AWAIT(main_loop, stands, &fds[i], PATIENCE_MS);
	}
	/* after two orders it has seen them */
	for (i = 2; i <= 3; i++) {
		order_live(ports[0]);
		await_done((unsigned)i);
	}
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	order_live(ports[1]);
	await_arrivals(3);
	for (i = 0; i < 3; i++) {
		depart((size_t)i);
		close(fds[i]);
	}
	await_open(0);
}
END_TEST

/* --- from one address to all and back --- */

struct caller {
	pthread_t thread;
	atomic_bool stop;
	atomic_uint called, failed;
	atomic_int why;			/* of the last that failed: errno */
};

static void *call_on(void *arg)
{
	struct caller *c = arg;
	int fd;

	while (!atomic_load(&c->stop)) {
		fd = call(ports[0]);
		if (fd < 0)
			atomic_store(&c->why, errno);
		atomic_fetch_add(fd >= 0 ? &c->called : &c->failed, 1);
		if (fd >= 0)
			close(fd);
	}
	return NULL;
}

struct called_more {
	struct caller *caller;
	unsigned than;
};

static bool has_called_more(void *ctx)
{
	const struct called_more *m = ctx;

	return atomic_load(&m->caller->called) > m->than || atomic_load(&m->caller->failed) != 0;
}

static bool everyone_came(void *ctx)
{
	const struct caller *c = ctx;

	return n_ever == atomic_load(&c->called);
}

START_TEST(nobody_is_refused_while_sockets_change)
{
	static const char *const hosts[] = { "127.0.0.1", "0.0.0.0", "127.0.0.1", "0.0.0.0",
		"127.0.0.1" };
	struct caller c = { .why = 0 };
	struct called_more more = { &c, 0 };
	char lines[200];
	unsigned i;

	ends_at_once = true;
	order_live(ports[0]);
	await_done(1);
	ck_assert_int_eq(pthread_create(&c.thread, NULL, call_on, &c), 0);
	for (i = 0; i < 30; i++) {
		snprintf(lines, sizeof(lines), UNLIMITED "hubBinding: %s:%u\n",
			hosts[i % COUNT(hosts)], (unsigned)ports[0]);
		order(lines);
		await_done(i + 2);
		more.than = atomic_load(&c.called) + 20;
		AWAIT(worker_loop, has_called_more, &more, PATIENCE_MS);
	}
	atomic_store(&c.stop, true);
	pthread_join(c.thread, NULL);
	ck_assert_msg(atomic_load(&c.failed) == 0, "%u of %u: %s", atomic_load(&c.failed),
		atomic_load(&c.called), strerror(atomic_load(&c.why)));
	AWAIT(worker_loop, everyone_came, &c, PATIENCE_MS);
	await_open(0);
}
END_TEST

/* An address that this host lacks is off beside a wildcard too, and nothing else is. */
START_TEST(absent_address_is_off_alone)
{
	char all[300] = "", expect[300], lines[300];
	unsigned port = ports[0], other = ports[1];
	int fd;

	snprintf(lines, sizeof(lines), "hubBinding: 0.0.0.0:%u\nhubBinding: 192.0.2.7:%u\n"
		"hubBinding: 192.0.2.7:%u\nhubBinding: 127.0.0.1:%u\n", port, port, other, other);
	order(lines);
	await_done(1);
	acceptor_each_binding(acceptor, note_binding, all);
	snprintf(expect, sizeof(expect), "0.0.0.0:%u ", port);
	ck_assert_ptr_nonnull(strstr(all, expect));
	snprintf(expect, sizeof(expect), "192.0.2.7:%u off ", port);
	ck_assert_ptr_nonnull(strstr(all, expect));
	snprintf(expect, sizeof(expect), "192.0.2.7:%u off ", other);
	ck_assert_ptr_nonnull(strstr(all, expect));
	snprintf(expect, sizeof(expect), "127.0.0.1:%u ", other);
	ck_assert_ptr_nonnull(strstr(all, expect));
	fd = call(ports[0]);
	ck_assert_int_ge(fd, 0);
	close(fd);
	fd = call(ports[1]);
	ck_assert_int_ge(fd, 0);
	close(fd);
	await_arrivals(2);
	depart(0);
	depart(1);
	await_open(0);
}
END_TEST

/* Somebody else has the port at one address: the wildcard is off, not what stands beside it. */
START_TEST(port_in_use_elsewhere)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(ports[0]),
		.sin_addr = { htonl(INADDR_LOOPBACK + 1) } };
	int other = socket(AF_INET, SOCK_STREAM, 0), fd;
	char all[300] = "", expect[300], lines[300];

	ck_assert_int_eq(bind(other, (struct sockaddr *)&in, sizeof(in)), 0);
	ck_assert_int_eq(listen(other, 1), 0);
	snprintf(lines, sizeof(lines), "hubBinding: 0.0.0.0:%u\nhubBinding: 127.0.0.1:%u\n",
		(unsigned)ports[0], (unsigned)ports[0]);
	order(lines);
	await_done(1);
	acceptor_each_binding(acceptor, note_binding, all);
	snprintf(expect, sizeof(expect), "0.0.0.0:%u off ", (unsigned)ports[0]);
	ck_assert_ptr_nonnull(strstr(all, expect));
	snprintf(expect, sizeof(expect), "127.0.0.1:%u ", (unsigned)ports[0]);
	ck_assert_ptr_nonnull(strstr(all, expect));
	fd = call(ports[0]);
	ck_assert_int_ge(fd, 0);
	await_arrivals(1);
	depart(0);
	close(fd);
	close(other);
	await_open(0);
}
END_TEST

/* A second hub, whose sockets are made like ours, still learns that the port is taken. */
START_TEST(port_is_not_left_shared)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(ports[0]),
		.sin_addr = { htonl(INADDR_LOOPBACK) } };
	int fd = socket(AF_INET, SOCK_STREAM, 0), on = 1;
	char lines[100];

	order_live(ports[0]);
	await_done(1);
	snprintf(lines, sizeof(lines), "hubBinding: 0.0.0.0:%u\n", (unsigned)ports[0]);
	order(lines);
	await_done(2);
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)), 0);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, sizeof(in)), -1);
	ck_assert_int_eq(errno, EADDRINUSE);
	close(fd);
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
	tcase_add_loop_test(all[0], limits_hold, 0, COUNT(limit_rows));
	tcase_add_test(all[0], queue_is_served_before_the_end);
	tcase_add_test(all[0], nobody_is_refused_while_sockets_change);
	tcase_add_test(all[0], absent_address_is_off_alone);
	tcase_add_test(all[0], port_in_use_elsewhere);
	tcase_add_test(all[0], port_is_not_left_shared);
	tcase_add_test(all[0], owes_no_callback);
	return unit_run("acceptor", all, 1);
}
