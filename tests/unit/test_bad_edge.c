/* test_bad_edge.c - pushers against an edge whose slapd shows what it likes.
 *
 * That is a stand-in, each with threads of its own: it says yes to every write, has an organization
 * and nothing below it, but for what its fault adds. One that is honest answers late.
 */
#include "unit.h"

#include <lber.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "await.h"
#include "edgesyncd/pusher.h"
#include "libhub/base/mem.h"
#include "org_text.h"

#define T "cn=Transport,dc=org"
#define B "cn=Transport,o=x"
#define SERVERS ",cn=Servers," T

static const char organization[] =
	"dn: " T "\nobjectClass: hubOrganization\ncn: Transport\n\n"
	"dn: cn=London,cn=Sites," T "\nobjectClass: hubSite\ncn: London\n\n"
	"dn: cn=Hub1" SERVERS "\nobjectClass: hubServer\ncn: Hub1\nhubRole: Hub\n"
	"hubServerSite: cn=London,cn=Sites," T "\n\n"
	"dn: cn=Edge1" SERVERS "\nobjectClass: hubServer\ncn: Edge1\nhubRole: Edge\n\n"
	"dn: cn=Edge1,cn=Edge Subscriptions," T "\nobjectClass: hubEdgeSubscription\ncn: Edge1\n"
	"hubServerRef: cn=Edge1" SERVERS "\nhubServerSite: cn=London,cn=Sites," T "\n\n";

enum { MANY = 100100, MANY_LARGE = 70 };

enum { LATE_MAX = 64, LATE_MS = 100 };

enum fault {
	NO_FAULT, ANSWERS_LATE, BUCKET_TWICE, BUCKETS_SLOWLY, STRAYS, MANY_ENTRIES, LARGE_ENTRIES
};

static const struct {
	enum fault fault;
	enum push_type type;
	unsigned int pace_ms;
	const char *text;
} faults[] = {
	{ BUCKET_TWICE, PUSH_RECIPIENTS, 0, "a bucket twice" },
	{ BUCKETS_SLOWLY, PUSH_RECIPIENTS, 500, "does not show its buckets in time" },
	{ STRAYS, PUSH_RECIPIENTS, 0, "more than 100000 entries" },
	{ MANY_ENTRIES, PUSH_CONFIGURATION, 0, "more than 100000 entries or 64 MB" },
	{ LARGE_ENTRIES, PUSH_CONFIGURATION, 0, "more than 100000 entries or 64 MB" },
};

/* --- the stand-in --- */

struct edge {
	enum fault fault;
	char path[100], uri[320];
	const char *uris[2];
	struct directory_config config;
	int listener;
	struct directory_connection *connection;
	struct pusher *pusher;
	bool ready;
	/* additions that came while one above them was not answered; of ANSWERS_LATE */
	_Atomic unsigned int early, late;
};

/* One connection to it. */
struct link {
	struct edge *edge;
	int fd;
	Sockbuf *sb;
	ber_int_t id;			/* of the request being answered */
	struct addition {
		ber_int_t id;
		char dn[200];
	} late[LATE_MAX];
	size_t late_count;
};

static char dir[] = "/tmp/bad-edge-XXXXXX";

static bool send_it(struct link *l, BerElement *ber)
{
	return ber_flush2(l->sb, ber, LBER_FLUSH_FREE_ALWAYS) == 0;
}

static bool send_result(struct link *l, ber_tag_t tag)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ber_printf(ber, "{it{ess}}", l->id, tag, (ber_int_t)0, "", "");
	return send_it(l, ber);
}

static bool send_entry(struct link *l, const char *dn, const char *attr, const char *value)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	ber_printf(ber, "{it{s{{s[s]}}}}", l->id, (ber_tag_t)LDAP_RES_SEARCH_ENTRY, dn, attr,
		value);
	return send_it(l, ber);
}

static void show_recipients(struct link *l)
{
	bool slow = l->edge->fault == BUCKETS_SLOWLY, strays = l->edge->fault == STRAYS;
	char dn[100];
	unsigned int i;

	for (i = 0; i < MANY && (strays || slow || (l->edge->fault == BUCKET_TWICE && i < 2));
	     i++) {
		snprintf(dn, sizeof(dn), "cn=%s%03x,cn=Recipients," B, strays ? "s" : "",
			slow || strays ? i : 1);
		if (!send_entry(l, dn, "hubBucketHash", "0123456789abcdef"))
			return;
		if (slow)
			usleep(50000);
	}
}

static void show_connectors(struct link *l)
{
	bool large = l->edge->fault == LARGE_ENTRIES;
	size_t size = large ? 1000000 : 1;
	char dn[100], *value = xmalloc(size + 1);
	unsigned int i;

	memset(value, 'x', size);
	value[size] = '\0';
	for (i = 0; i < (large ? MANY_LARGE : l->edge->fault == MANY_ENTRIES ? MANY : 0); i++) {
		snprintf(dn, sizeof(dn), "cn=c%u,cn=Connectors," B, i);
		if (!send_entry(l, dn, "description", value))
			break;
	}
	free(value);
}

static bool answer_search(struct link *l, BerElement *request)
{
	struct berval base;
	ber_int_t scope;
	static const char recipients[] = "cn=Recipients,", connectors[] = "cn=Connectors,";

	ck_assert(ber_scanf(request, "{me", &base, &scope) != LBER_ERROR);
	if (strcmp(base.bv_val, B) == 0)
		send_entry(l, B, "objectClass", "hubOrganization");
	else if (strncmp(base.bv_val, connectors, sizeof(connectors) - 1) == 0)
		show_connectors(l);
	else if (scope == LDAP_SCOPE_SUBTREE &&
		strncmp(base.bv_val, recipients, sizeof(recipients) - 1) == 0)
		show_recipients(l);
	return send_result(l, LDAP_RES_SEARCH_RESULT);
}

static bool is_below(const char *dn, const char *above)
{
	size_t n = strlen(dn), m = strlen(above);

	return n > m + 1 && dn[n - m - 1] == ',' && strcmp(dn + n - m, above) == 0;
}

/* The marker of the recipients is of the other half, which does not wait for this one. */
static void judge(struct edge *e, const char *dn, const char *other)
{
	if (strcmp(dn, "cn=Recipients,cn=Push," B) != 0 && is_below(dn, other))
		e->early++;
}

static bool answer_late(struct link *l)
{
	ber_int_t id = l->id;
	bool sent = true;
	size_t i;

	for (i = 0; i < l->late_count; i++) {
		l->id = l->late[i].id;
		sent = sent && send_result(l, LDAP_RES_ADD);
	}
	l->id = id;
	l->late_count = 0;
	return sent;
}

/* Together with all that come before a short silence. */
static bool take_addition(struct link *l, BerElement *request)
{
	struct pollfd more = { .fd = l->fd, .events = POLLIN };
	struct addition *a = &l->late[l->late_count++];
	struct berval dn;
	size_t i;

	ck_assert(ber_scanf(request, "{m", &dn) != LBER_ERROR);
	a->id = l->id;
	snprintf(a->dn, sizeof(a->dn), "%s", dn.bv_val);
	for (i = 0; i + 1 < l->late_count; i++) {
		judge(l->edge, a->dn, l->late[i].dn);
		judge(l->edge, l->late[i].dn, a->dn);
	}
	l->edge->late++;
	return (l->late_count < LATE_MAX && poll(&more, 1, LATE_MS) == 1) || answer_late(l);
}

static bool answer(struct link *l, BerElement *request)
{
	ber_tag_t tag;

	ck_assert(ber_scanf(request, "it", &l->id, &tag) != LBER_ERROR);
	if (tag == LDAP_REQ_ADD && l->edge->fault == ANSWERS_LATE)
		return take_addition(l, request);
	if (!answer_late(l))
		return false;
	switch (tag) {
	case LDAP_REQ_SEARCH:
		return answer_search(l, request);
	case LDAP_REQ_ABANDON:
		return true;
	case LDAP_REQ_UNBIND:
		return false;
	case LDAP_REQ_DELETE:
		return send_result(l, LDAP_RES_DELETE);
	default:
		/* an answer's tag is the next after the request's */
		return send_result(l, tag + 1);
	}
}

static void *serve(void *arg)
{
	struct link *l = arg;
	BerElement *request;
	ber_len_t size;
	bool more = true;

	l->sb = ber_sockbuf_alloc();
	ber_sockbuf_add_io(l->sb, &ber_sockbuf_io_tcp, LBER_SBIOD_LEVEL_PROVIDER, &l->fd);
	while (more) {
		request = ber_alloc_t(LBER_USE_DER);
		more = ber_get_next(l->sb, &size, request) == LDAP_TAG_MESSAGE &&
			answer(l, request);
		ber_free(request, 1);
	}
	ber_sockbuf_free(l->sb);
	free(l);
	return NULL;
}

static void *listen_on(void *arg)
{
	struct edge *e = arg;
	pthread_t thread;
	struct link *l;
	int fd;

	while ((fd = accept(e->listener, NULL, NULL)) >= 0) {
		l = xcalloc(1, sizeof(*l));
		l->edge = e;
		l->fd = fd;
		ck_assert_int_eq(pthread_create(&thread, NULL, serve, l), 0);
		pthread_detach(thread);
	}
	return NULL;
}

static void edge_start(struct edge *e, const char *name, enum fault fault)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	pthread_t thread;
	size_t i, n = 0;

	e->fault = fault;
	snprintf(e->path, sizeof(e->path), "%s/%s", dir, name);
	snprintf(at.sun_path, sizeof(at.sun_path), "%s", e->path);
	n = (size_t)snprintf(e->uri, sizeof(e->uri), "ldapi://");
	for (i = 0; e->path[i] != '\0'; i++)
		n += (size_t)snprintf(e->uri + n, sizeof(e->uri) - n, "%%%02x", e->path[i]);
	e->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(bind(e->listener, (struct sockaddr *)&at, sizeof(at)), 0);
	ck_assert_int_eq(listen(e->listener, 5), 0);
	ck_assert_int_eq(pthread_create(&thread, NULL, listen_on, e), 0);
	pthread_detach(thread);
}

/* --- the pushers --- */

static struct loop *loop;
static struct builder *builder;
static const struct snapshot *snapshot;
static struct recipients *recipients;
static struct pushers *pushers;
static struct edge bad, good;

static void on_ready(void *ctx)
{
	((struct edge *)ctx)->ready = true;
}

static void on_lost(const char *text, void *ctx)
{
	(void)ctx;
	ck_abort_msg("%s", text);
}

static void on_fenced(const char *text, void *ctx)
{
	(void)ctx;
	ck_abort_msg("%s", text);
}

static bool is_ready(void *ctx)
{
	return ((struct edge *)ctx)->ready;
}

static bool is_in_step(void *ctx)
{
	struct push_status s;

	pusher_status(((struct edge *)ctx)->pusher, &s);
	return s.side[PUSH_CONFIGURATION].in_step && s.side[PUSH_RECIPIENTS].in_step;
}

static const char *error_of(const struct edge *e, enum push_type type)
{
	static struct push_status s;

	pusher_status(e->pusher, &s);
	return s.side[type].error;
}

static bool has_error(void *ctx)
{
	return error_of(&bad, *(const enum push_type *)ctx) != NULL;
}

static void edge_attach(struct edge *e)
{
	static const struct directory_callbacks cbs = { on_ready, on_lost };
	static const struct pusher_callbacks pusher_cbs = { on_fenced, NULL };

	e->uris[0] = e->uri;
	e->config = (struct directory_config){ .uris = e->uris };
	e->connection = directory_open(loop, NULL, &e->config, e->uri, true, 0, &cbs, e);
	AWAIT(loop, is_ready, e, PATIENCE_MS);
	e->pusher = pusher_new(pushers, "Edge1", &pusher_cbs, NULL);
	pusher_attach(e->pusher, e->connection, B, "hub1");
}

static void edge_stop(struct edge *e)
{
	pusher_free(&e->pusher);
	directory_close(&e->connection);
	unlink(e->path);
}

static void setup(void)
{
	static const struct push_settings settings = { .recipient_delay_ms = 20,
		.comparison_interval_s = 3600 };

	signal(SIGPIPE, SIG_IGN);
	strcpy(strrchr(dir, '-'), "-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(dir));
	memset(&bad, 0, sizeof(bad));
	memset(&good, 0, sizeof(good));
	loop = loop_new("test");
	builder = builder_new(T);
	recipients = recipients_new();
	recipients_set_loaded(recipients);
	pushers = pushers_new(loop, &settings);
	org_text_put(builder, organization);
	snapshot = builder_build(builder, NULL);
	pushers_set_organization(pushers, snapshot, recipients, UINT64_MAX, UINT64_MAX);
}

static void teardown(void)
{
	edge_stop(&bad);
	edge_stop(&good);
	pushers_free(&pushers);
	recipients_free(&recipients);
	snapshot_unref(&snapshot);
	builder_free(&builder);
	loop_free(&loop);
	rmdir(dir);
}

/* Its round fails by a text, and another edge has its turn: it is none the worse. */
START_TEST(test_bad_edge)
{
	const struct push_settings settings = { .recipient_delay_ms = 20,
		.comparison_interval_s = 3600, .pace_ms = faults[_i].pace_ms };
	enum push_type type = faults[_i].type;

	pushers_set_settings(pushers, &settings);
	edge_start(&bad, "bad", faults[_i].fault);
	edge_start(&good, "good", NO_FAULT);
	edge_attach(&bad);
	edge_attach(&good);
	AWAIT(loop, has_error, &type, PATIENCE_MS);
	ck_assert_msg(strstr(error_of(&bad, type), faults[_i].text) != NULL, "%s",
		error_of(&bad, type));
	AWAIT(loop, is_in_step, &good, PATIENCE_MS);
	ck_assert(!is_in_step(&bad));
}
END_TEST

/* What stands below another entry is sent after the answer for that. */
START_TEST(test_late_answers)
{
	edge_start(&bad, "bad", ANSWERS_LATE);
	edge_start(&good, "good", NO_FAULT);
	edge_attach(&bad);
	edge_attach(&good);
	AWAIT(loop, is_in_step, &bad, PATIENCE_MS);
	ck_assert_uint_gt(bad.late, 6);
	ck_assert_uint_eq(bad.early, 0);
}
END_TEST

int main(void)
{
	TCase *c = tcase_create("bad edge");

	tcase_set_timeout(c, 60);
	tcase_add_checked_fixture(c, setup, teardown);
	tcase_add_loop_test(c, test_bad_edge, 0, sizeof(faults) / sizeof(faults[0]));
	tcase_add_test(c, test_late_answers);
	return unit_run("bad edge", &c, 1);
}
