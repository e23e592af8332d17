/* test_resolver.c - libhub/base/resolver against a private knotd on loopback.
 *
 * Without knotd (Debian: knot) the program exits 77 and counts as skipped. One server for all
 * tests, started before them in a folder of its own, ended by its pid.
 */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/base/resolver.h"
#include "unit.h"

#define KNOTD "/usr/sbin/knotd"

enum { PATIENCE_S = 30, MANY = 150, EXIT_SKIPPED = 77 };

static char folder[] = "/tmp/hub-test-resolver.XXXXXX";
static char servers[40];
static pid_t knotd;

/* --- the server --- */

static const char zone_text[] =
	"$ORIGIN test.\n"
	"$TTL 60\n"
	"@ SOA ns.test. admin.test. 1 3600 600 86400 60\n"
	"@ NS ns.test.\n"
	"ns A 127.0.0.1\n"
	"contoso MX 20 mx3.contoso\n"
	"contoso MX 10 mx1.contoso\n"
	"contoso MX 10 mx2.contoso\n"
	"nomail MX 0 .\n"
	"text TXT \"here\"\n"
	"a A 192.0.2.1\n"
	"aaaa AAAA 2001:db8::1\n"
	"both A 192.0.2.1\n"
	"both A 192.0.2.2\n"
	"both AAAA 2001:db8::1\n"
	"alias CNAME both\n"
	"mxalias CNAME contoso\n"
	"dangling CNAME nothing.test.\n"
	"nonsense MX 10 two\\032words.test.\n"
	"nonsense MX 20 \\000nul.test.\n"
	"nonsense MX 30 a\\.b.test.\n"
	"mixed MX 10 two\\032words.test.\n"
	"mixed MX 20 mx1.contoso\n"
	"mixed MX 30 .\n";

static const char conf_text[] =
	"server:\n"
	"    listen: 127.0.0.1@%d\n"
	"    rundir: %s\n"
	"    udp-workers: 1\n"
	"    tcp-workers: 1\n"
	"    background-workers: 1\n"
	"log:\n"
	"  - target: stderr\n"
	"    any: error\n"
	"database:\n"
	"    storage: %s\n"
	"zone:\n"
	"  - domain: test\n"
	"    storage: %s\n"
	"    file: test.zone\n"
	"    journal-content: none\n"
	"    semantic-checks: off\n";

static FILE *create(const char *name)
{
	char path[100];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	BUG_ON(f == NULL);
	return f;
}

static void write_zone(void)
{
	FILE *f = create("test.zone");
	int i;

	fputs(zone_text, f);
	/* more than fits a UDP answer, more than is kept */
	for (i = 0; i < MANY; i++) {
		fprintf(f, "many MX %d a-rather-long-name-for-a-host-%d.test.\n", 2000 - i, i);
		fprintf(f, "many A 10.0.0.%d\n", i);
	}
	BUG_ON(fclose(f) != 0);
}

/* A port free for UDP and TCP; the kernel chooses. */
static int free_port(void)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int udp, tcp, found = 0;

	while (found == 0) {
		udp = socket(AF_INET, SOCK_DGRAM, 0);
		tcp = socket(AF_INET, SOCK_STREAM, 0);
		sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
		sin.sin_port = 0;
		BUG_ON(bind(udp, (struct sockaddr *)&sin, sizeof(sin)) != 0);
		BUG_ON(getsockname(udp, (struct sockaddr *)&sin, &len) != 0);
		if (bind(tcp, (struct sockaddr *)&sin, sizeof(sin)) == 0)
			found = ntohs(sin.sin_port);
		close(udp);
		close(tcp);
	}
	return found;
}

static void start_knotd(void)
{
	int port = free_port();
	char conf[100];
	FILE *f;

	BUG_ON(mkdtemp(folder) == NULL);
	write_zone();
	f = create("knot.conf");
	fprintf(f, conf_text, port, folder, folder, folder);
	BUG_ON(fclose(f) != 0);
	snprintf(servers, sizeof(servers), "127.0.0.1:%d", port);
	snprintf(conf, sizeof(conf), "%s/knot.conf", folder);
	knotd = fork();
	BUG_ON(knotd < 0);
	if (knotd == 0) {
		prctl(PR_SET_PDEATHSIG, SIGTERM);
		execl(KNOTD, KNOTD, "-c", conf, (char *)NULL);
		_exit(127);
	}
}

static void stop_knotd(void)
{
	char command[100];

	kill(knotd, SIGTERM);
	waitpid(knotd, NULL, 0);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	BUG_ON(system(command) != 0);
}

/* --- asking --- */

struct asked {
	int calls;
	enum resolve_outcome outcome;
	char text[300];
	size_t n;
	struct resolver_mx mx[RESOLVER_MX_MAX];
	union resolver_sockaddr addr[RESOLVER_ADDR_MAX];
	struct resolver **free_this;
};

static struct loop *l;
static struct resolver *r;
static struct event *guard;

static void on_guard(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)ctx;
	ck_abort_msg("no answer came");
}

static struct resolver *make(const char *list, uint32_t timeout_ms)
{
	struct resolver_options o = { .servers = list, .timeout_ms = timeout_ms, .tries = 1 };
	struct err e;
	struct resolver *made = resolver_new(l, &o, &e);

	BUG_ON(made == NULL);
	return made;
}

static void setup(void)
{
	l = loop_new("test");
	guard = evtimer_new(loop_base(l), on_guard, NULL);
	r = make(servers, 5000);
}

static void teardown(void)
{
	resolver_free(&r);
	event_free(guard);
	loop_free(&l);
}

static void wait_for(const struct asked *a)
{
	struct timeval tv = { .tv_sec = PATIENCE_S };

	event_add(guard, &tv);
	while (a->calls == 0)
		loop_run(l);
	event_del(guard);
}

static void stop_soon(void *ctx)
{
	(void)ctx;
	loop_stop(l);
}

static void on_mx(const struct resolver_mx_result *res, void *ctx)
{
	struct asked *a = ctx;

	a->calls++;
	a->outcome = res->outcome;
	snprintf(a->text, sizeof(a->text), "%s", res->text);
	a->n = res->n;
	ck_assert_int_eq(res->outcome == RESOLVE_OK, res->n > 0);
	ck_assert_uint_le(res->n, RESOLVER_MX_MAX);
	if (res->n > 0)
		memcpy(a->mx, res->mx, res->n * sizeof(a->mx[0]));
	if (a->free_this != NULL)
		resolver_free(a->free_this);
	loop_stop(l);
}

static void on_addr(const struct resolver_addr_result *res, void *ctx)
{
	struct asked *a = ctx;

	a->calls++;
	a->outcome = res->outcome;
	snprintf(a->text, sizeof(a->text), "%s", res->text);
	a->n = res->n;
	ck_assert_int_eq(res->outcome == RESOLVE_OK, res->n > 0);
	ck_assert_uint_le(res->n, RESOLVER_ADDR_MAX);
	memcpy(a->addr, res->addr, res->n * sizeof(a->addr[0]));
	loop_stop(l);
}

static void ask_mx(struct resolver *of, const char *domain, struct asked *a)
{
	memset(a, 0, sizeof(*a));
	ck_assert_ptr_nonnull(resolver_mx(of, domain, on_mx, a));
	ck_assert_int_eq(a->calls, 0);
	wait_for(a);
	ck_assert_int_eq(a->calls, 1);
}

static void ask_addr(struct resolver *of, const char *host, enum resolver_family family,
	struct asked *a)
{
	memset(a, 0, sizeof(*a));
	ck_assert_ptr_nonnull(resolver_addr(of, host, 25, family, on_addr, a));
	ck_assert_int_eq(a->calls, 0);
	wait_for(a);
	ck_assert_int_eq(a->calls, 1);
}

static const char *show(const union resolver_sockaddr *addr)
{
	static char text[80];
	const struct sockaddr_in *sin = (const struct sockaddr_in *)addr;
	const struct sockaddr_in6 *sin6 = (const struct sockaddr_in6 *)addr;

	if (addr->sa.sa_family == AF_INET)
		inet_ntop(AF_INET, &sin->sin_addr, text, sizeof(text));
	else
		inet_ntop(AF_INET6, &sin6->sin6_addr, text, sizeof(text));
	ck_assert_int_eq(ntohs(sin->sin_port), 25);
	return text;
}

/* --- outcomes --- */

static const struct mx_row {
	const char *domain;
	enum resolve_outcome outcome;
	size_t n;
} mx_rows[] = {
	{ "contoso.test", RESOLVE_OK, 3 },
	{ "CONTOSO.Test", RESOLVE_OK, 3 },
	{ "mxalias.test", RESOLVE_OK, 3 },
	{ "many.test", RESOLVE_OK, RESOLVER_MX_MAX },
	{ "mixed.test", RESOLVE_OK, 1 },
	{ "nomail.test", RESOLVE_NULL_MX, 0 },
	{ "text.test", RESOLVE_NO_DATA, 0 },
	{ "nothing.test", RESOLVE_NX_DOMAIN, 0 },
	{ "dangling.test", RESOLVE_NX_DOMAIN, 0 },
	{ "nonsense.test", RESOLVE_UNUSABLE, 0 },
	{ "refused.example", RESOLVE_TEMP_FAILURE, 0 },
	{ "", RESOLVE_UNUSABLE, 0 },
	{ ".", RESOLVE_UNUSABLE, 0 },
	{ "two words.test", RESOLVE_UNUSABLE, 0 },
	{ "a..test", RESOLVE_UNUSABLE, 0 },
	{ "a.test.", RESOLVE_UNUSABLE, 0 },
	{ "[192.0.2.1]", RESOLVE_UNUSABLE, 0 },
	{ "0123456789012345678901234567890123456789012345678901234567890123.test",
		RESOLVE_UNUSABLE, 0 },
};

START_TEST(mx_outcomes)
{
	const struct mx_row *row = &mx_rows[_i];
	struct asked a;
	size_t i;

	ask_mx(r, row->domain, &a);
	ck_assert_msg(a.outcome == row->outcome, "%s", a.text);
	ck_assert_uint_eq(a.n, row->n);
	ck_assert_int_eq(strncmp(a.text, "MX of ", 6), 0);
	for (i = 1; i < a.n; i++)
		ck_assert_uint_le(a.mx[i - 1].preference, a.mx[i].preference);
}
END_TEST

/* Best first; among equals each is first some time. */
START_TEST(mx_order)
{
	bool first1 = false, first2 = false;
	struct asked a;
	int i;

	for (i = 0; i < 200 && !(first1 && first2); i++) {
		ask_mx(r, "contoso.test", &a);
		ck_assert_uint_eq(a.mx[0].preference, 10);
		ck_assert_str_eq(a.mx[2].host, "mx3.contoso.test");
		ck_assert_str_ne(a.mx[0].host, a.mx[1].host);
		first1 = first1 || strcmp(a.mx[0].host, "mx1.contoso.test") == 0;
		first2 = first2 || strcmp(a.mx[0].host, "mx2.contoso.test") == 0;
	}
	ck_assert(first1 && first2);
	ask_mx(r, "many.test", &a);
	ck_assert_uint_eq(a.mx[0].preference, 2000 - MANY + 1);
	ask_mx(r, "mixed.test", &a);
	ck_assert_str_eq(a.mx[0].host, "mx1.contoso.test");
}
END_TEST

static const struct addr_row {
	const char *host;
	enum resolver_family family;
	enum resolve_outcome outcome;
	size_t n;
	const char *first, *last;
} addr_rows[] = {
	{ "a.test", RESOLVER_IPV4_FIRST, RESOLVE_OK, 1, "192.0.2.1", NULL },
	{ "a.test", RESOLVER_IPV6_FIRST, RESOLVE_OK, 1, "192.0.2.1", NULL },
	{ "a.test", RESOLVER_IPV6_ONLY, RESOLVE_NO_DATA, 0, NULL, NULL },
	{ "aaaa.test", RESOLVER_IPV4_FIRST, RESOLVE_OK, 1, "2001:db8::1", NULL },
	{ "aaaa.test", RESOLVER_IPV4_ONLY, RESOLVE_NO_DATA, 0, NULL, NULL },
	{ "both.test", RESOLVER_IPV4_FIRST, RESOLVE_OK, 3, NULL, "2001:db8::1" },
	{ "both.test", RESOLVER_IPV6_FIRST, RESOLVE_OK, 3, "2001:db8::1", NULL },
	{ "both.test", RESOLVER_IPV6_ONLY, RESOLVE_OK, 1, "2001:db8::1", NULL },
	{ "alias.test", RESOLVER_IPV6_FIRST, RESOLVE_OK, 3, "2001:db8::1", NULL },
	{ "many.test", RESOLVER_IPV4_FIRST, RESOLVE_OK, RESOLVER_ADDR_MAX, NULL, NULL },
	{ "text.test", RESOLVER_IPV4_FIRST, RESOLVE_NO_DATA, 0, NULL, NULL },
	{ "nothing.test", RESOLVER_IPV4_FIRST, RESOLVE_NX_DOMAIN, 0, NULL, NULL },
	{ "nothing.test", RESOLVER_IPV6_ONLY, RESOLVE_NX_DOMAIN, 0, NULL, NULL },
	{ "localhost", RESOLVER_IPV4_FIRST, RESOLVE_TEMP_FAILURE, 0, NULL, NULL },
	{ "192.0.2.9", RESOLVER_IPV4_FIRST, RESOLVE_OK, 1, "192.0.2.9", NULL },
	{ "2001:db8::9", RESOLVER_IPV4_ONLY, RESOLVE_OK, 1, "2001:db8::9", NULL },
	{ "not a host", RESOLVER_IPV4_FIRST, RESOLVE_UNUSABLE, 0, NULL, NULL },
};

START_TEST(addr_outcomes)
{
	const struct addr_row *row = &addr_rows[_i];
	struct asked a;

	ask_addr(r, row->host, row->family, &a);
	ck_assert_msg(a.outcome == row->outcome, "%s", a.text);
	ck_assert_uint_eq(a.n, row->n);
	if (row->first != NULL)
		ck_assert_str_eq(show(&a.addr[0]), row->first);
	if (row->last != NULL)
		ck_assert_str_eq(show(&a.addr[a.n - 1]), row->last);
}
END_TEST

/* --- servers --- */

/* A socket that nobody reads, and a port where nobody is. */
START_TEST(server_dead)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM, 0), closed_port;
	struct resolver *dead;
	struct asked a;
	char list[80];

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	snprintf(list, sizeof(list), "127.0.0.1:%d", ntohs(sin.sin_port));
	dead = make(list, 200);
	ask_mx(dead, "contoso.test", &a);
	ck_assert_int_eq(a.outcome, RESOLVE_TEMP_FAILURE);
	ask_addr(dead, "a.test", RESOLVER_IPV4_FIRST, &a);
	ck_assert_int_eq(a.outcome, RESOLVE_TEMP_FAILURE);
	resolver_free(&dead);

	closed_port = free_port();
	snprintf(list, sizeof(list), "127.0.0.1:%d", closed_port);
	dead = make(list, 200);
	ask_mx(dead, "contoso.test", &a);
	ck_assert_int_eq(a.outcome, RESOLVE_TEMP_FAILURE);
	resolver_free(&dead);

	/* a dead one first costs time, not the answer */
	snprintf(list, sizeof(list), "127.0.0.1:%d,%s", closed_port, servers);
	dead = make(list, 200);
	ask_mx(dead, "contoso.test", &a);
	ck_assert_int_eq(a.outcome, RESOLVE_OK);
	resolver_free(&dead);
	close(fd);
}
END_TEST

/* New questions go to the new servers while an old one still waits. */
START_TEST(server_change)
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	struct asked old = { 0 }, a;
	struct resolver *changing;
	char list[80];
	struct err e;

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	snprintf(list, sizeof(list), "127.0.0.1:%d", ntohs(sin.sin_port));
	changing = make(list, 2000);
	resolver_mx(changing, "contoso.test", on_mx, &old);
	ck_assert_int_eq(resolver_servers_set(changing, "nonsense", &e), -1);
	ck_assert_int_eq(resolver_servers_set(changing, servers, &e), 0);
	ask_mx(changing, "contoso.test", &a);
	ck_assert_int_eq(a.outcome, RESOLVE_OK);
	ck_assert_int_eq(old.calls, 0);
	wait_for(&old);
	ck_assert_int_eq(old.outcome, RESOLVE_TEMP_FAILURE);
	ck_assert_int_eq(resolver_servers_set(changing, servers, &e), 0);
	resolver_free(&changing);
	close(fd);
}
END_TEST

static const struct server_row {
	const char *list;
	int rc;
} server_rows[] = {
	{ NULL, 0 },
	{ "", 0 },
	{ "192.0.2.1", 0 },
	{ "192.0.2.1:5353, 192.0.2.2", 0 },
	{ "2001:db8::1", 0 },
	{ "[2001:db8::1]:5353,192.0.2.2", 0 },
	{ "ns.example.com", -1 },
	{ "192.0.2.1:port", -1 },
	{ "192.0.2.1:70000", -1 },
	{ "192.0.2.1,", -1 },
	{ ",", -1 },
	{ "1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,"
		"1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1,1.1.1.1", -1 },
};

START_TEST(server_lists)
{
	const struct server_row *row = &server_rows[_i];
	struct err e;

	ck_assert_int_eq(resolver_servers_check(row->list, &e), row->rc);
	ck_assert_int_eq(resolver_servers_set(r, row->list, &e), row->rc);
}
END_TEST

/* With the system's servers the hosts file is read; every machine has localhost in it. */
START_TEST(server_system)
{
	struct resolver *system_r = make(NULL, 200);
	struct asked a;

	ask_addr(system_r, "localhost", RESOLVER_IPV4_ONLY, &a);
	ck_assert_int_eq(a.outcome, RESOLVE_OK);
	ck_assert_str_eq(show(&a.addr[0]), "127.0.0.1");
	resolver_free(&system_r);
}
END_TEST

/* --- many at once --- */

enum { CROWD = 1000 };

static int n_answered;

static void on_one_of_many(const struct resolver_addr_result *res, void *ctx)
{
	struct asked *last = ctx;

	ck_assert_int_eq(res->outcome, RESOLVE_OK);
	if (++n_answered < CROWD)
		return;
	last->calls++;
	loop_stop(l);
}

START_TEST(more_than_are_asked_at_once)
{
	struct asked last = { 0 };
	int i;

	n_answered = 0;
	for (i = 0; i < CROWD; i++)
		resolver_addr(r, "both.test", 25, RESOLVER_IPV4_FIRST, on_one_of_many, &last);
	wait_for(&last);
	ck_assert_int_eq(n_answered, CROWD);
}
END_TEST

static int silent_socket(char list[80])
{
	struct sockaddr_in sin = { .sin_family = AF_INET };
	socklen_t len = sizeof(sin);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	sin.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sin, sizeof(sin)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sin, &len), 0);
	snprintf(list, 80, "127.0.0.1:%d", ntohs(sin.sin_port));
	return fd;
}

/* As many as may be asked at once get no answer; the one behind them waits for it that long not. */
START_TEST(slow_ones_stand_aside)
{
	struct asked never = { 0 }, a;
	struct resolver *changing;
	struct resolver_op *op;
	char list[80];
	struct err e;
	int fd = silent_socket(list), i;
	uint64_t began_ms = clock_mono_ms();

	changing = make(list, (PATIENCE_S - 5) * 1000);
	for (i = 0; i < RESOLVER_PARALLEL; i++)
		resolver_mx(changing, "contoso.test", on_mx, &never);
	ck_assert_int_eq(resolver_servers_set(changing, servers, &e), 0);
	op = resolver_mx(changing, "contoso.test", on_mx, &never);
	resolver_cancel(&op);
	ask_mx(changing, "contoso.test", &a);
	ck_assert_int_eq(a.outcome, RESOLVE_OK);
	ck_assert_uint_ge(clock_mono_ms() - began_ms, RESOLVER_SLOW_MS);
	/* some ask, some wait */
	for (i = 0; i < 2 * RESOLVER_PARALLEL; i++)
		resolver_mx(changing, "contoso.test", on_mx, &never);
	resolver_free(&changing);
	ck_assert_int_eq(never.calls, 0);
	close(fd);
}
END_TEST

/* --- the contract --- */

START_TEST(cancelled)
{
	struct asked a = { 0 }, b;
	struct resolver_op *op;

	/* under way; answered at once (a name that is none); by literal */
	op = resolver_mx(r, "contoso.test", on_mx, &a);
	resolver_cancel(&op);
	ck_assert_ptr_null(op);
	op = resolver_mx(r, "", on_mx, &a);
	resolver_cancel(&op);
	op = resolver_addr(r, "192.0.2.1", 25, RESOLVER_IPV4_FIRST, on_addr, &a);
	resolver_cancel(&op);
	op = resolver_addr(r, "both.test", 25, RESOLVER_IPV4_FIRST, on_addr, &a);
	resolver_cancel(&op);
	resolver_cancel(&op);
	ask_mx(r, "contoso.test", &b);
	ask_addr(r, "both.test", RESOLVER_IPV4_FIRST, &b);
	ck_assert_int_eq(a.calls, 0);
}
END_TEST

/* Freed while questions are under way, answered but untold, and from inside a callback. */
START_TEST(freed)
{
	struct resolver *other = make(servers, 5000);
	struct asked a = { 0 }, b = { .free_this = &other };

	resolver_mx(other, "contoso.test", on_mx, &a);
	resolver_mx(other, "", on_mx, &a);
	resolver_free(&other);
	loop_defer(l, stop_soon, NULL);
	loop_run(l);
	ck_assert_int_eq(a.calls, 0);

	other = make(servers, 5000);
	resolver_mx(other, "", on_mx, &b);
	resolver_mx(other, "contoso.test", on_mx, &a);
	wait_for(&b);
	ck_assert_ptr_null(other);
	loop_defer(l, stop_soon, NULL);
	loop_run(l);
	ck_assert_int_eq(a.calls, 0);
}
END_TEST

static void on_up(const struct resolver_mx_result *res, void *ctx)
{
	*(enum resolve_outcome *)ctx = res->outcome;
	loop_stop(l);
}

static void on_pause(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	resolver_mx(r, "contoso.test", on_up, ctx);
}

/* knotd needs a moment: asks every 20 ms until it answers. Outside of any test: no ck_assert. */
static bool wait_until_up(void)
{
	uint64_t until = clock_mono_ms() + PATIENCE_S * 1000;
	enum resolve_outcome outcome = RESOLVE_TEMP_FAILURE;
	struct timeval tv = { .tv_usec = 20000 };
	struct event *pause_ev;

	l = loop_new("test");
	r = make(servers, 1000);
	pause_ev = evtimer_new(loop_base(l), on_pause, &outcome);
	while (outcome != RESOLVE_OK && clock_mono_ms() < until &&
		waitpid(knotd, NULL, WNOHANG) == 0) {
		event_add(pause_ev, &tv);
		loop_run(l);
	}
	event_free(pause_ev);
	resolver_free(&r);
	loop_free(&l);
	return outcome == RESOLVE_OK;
}

static int run_tests(void)
{
	TCase *look_ups = tcase_create("look-ups");
	TCase *const cases[] = { look_ups };

	tcase_add_checked_fixture(look_ups, setup, teardown);
	tcase_set_timeout(look_ups, 60);
	tcase_add_loop_test(look_ups, mx_outcomes, 0, sizeof(mx_rows) / sizeof(mx_rows[0]));
	tcase_add_test(look_ups, mx_order);
	tcase_add_loop_test(look_ups, addr_outcomes, 0, sizeof(addr_rows) / sizeof(addr_rows[0]));
	tcase_add_test(look_ups, server_dead);
	tcase_add_test(look_ups, server_change);
	tcase_add_loop_test(look_ups, server_lists, 0,
		sizeof(server_rows) / sizeof(server_rows[0]));
	tcase_add_test(look_ups, server_system);
	tcase_add_test(look_ups, more_than_are_asked_at_once);
	tcase_add_test(look_ups, slow_ones_stand_aside);
	tcase_add_test(look_ups, cancelled);
	tcase_add_test(look_ups, freed);
	return unit_run("resolver", cases, 1);
}

int main(void)
{
	int rc = EXIT_FAILURE;

	if (access(KNOTD, X_OK) != 0) {
		fputs("no " KNOTD ": skipped\n", stderr);
		return EXIT_SKIPPED;
	}
	start_knotd();
	if (wait_until_up())
		rc = run_tests();
	else
		fputs("knotd does not answer\n", stderr);
	stop_knotd();
	return rc;
}
