/* test_failover.c - which connectors are judged failed, probed, and back (hubd/queue/failover.h)
 *
 * The queues are replaced by queues_post below, which notes what is probed.
 */
#include <stdio.h>
#include <string.h>

#include "await.h"
#include "hubd/config/live.h"
#include "hubd/queue/failover.h"
#include "libhub/base/mem.h"
#include "org_text.h"
#include "unit.h"

#define BASE "cn=Transport,dc=example,dc=com"
#define ORG "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n"
#define SITE "\ndn: cn=London,cn=Sites," BASE "\nobjectClass: hubSite\ncn: London\n\n"
#define HUB(name) "dn: cn=" name ",cn=Servers," BASE "\nobjectClass: hubServer\ncn: " name "\n" \
	"hubRole: Hub\nhubServerSite: cn=London,cn=Sites," BASE "\nhubGlitchRetryInterval: 1\n\n"
#define CONNECTOR(name, source, more) "dn: cn=" name ",cn=Connectors," BASE "\n" \
	"objectClass: hubSendConnector\ncn: " name "\nhubAddressSpace: *\n" \
	"hubSourceServer: cn=" source ",cn=Servers," BASE "\n" more "\n"
#define HOSTS "hubSmartHost: [192.0.2.1]\nhubSmartHost: [192.0.2.2]\n"
#define ALL SITE HUB("hub1") HUB("hub2") CONNECTOR("Smart", "hub1", HOSTS) \
	CONNECTOR("Two", "hub1", "") CONNECTOR("Three", "hub1", "") \
	CONNECTOR("Policy", "hub1", "") CONNECTOR("Lucky", "hub1", "") \
	CONNECTOR("Elsewhere", "hub2", HOSTS)

static struct loop *l;
static struct builder *builder;
static const struct snapshot *snapshot;
static const struct live *live;
static struct failover *judge;
static struct failover_port *port;
static unsigned n_changes;
static char probed[1000];

void queues_post(struct queues *q, struct queue_item *item)
{
	size_t n = strlen(probed);

	(void)q;
	ck_assert(item->probe);
	ck_assert_str_eq(item->connector->obj.name, item->key.connector);
	snprintf(probed + n, sizeof(probed) - n, "%s/%s ", item->key.connector, item->key.domain);
	queue_item_free(&item);
}

static void on_change(void *ctx)
{
	(void)ctx;
	n_changes++;
}

static void configure(const char *text)
{
	struct err e;

	org_text_put(builder, text);
	snapshot_unref(&snapshot);
	live_unref(&live);
	snapshot = builder_build(builder, NULL);
	ck_assert_uint_eq(snapshot->rejection_count, 0);
	live = live_new(snapshot, "hub1", NULL, NULL, NULL, &e);
	ck_assert_msg(live != NULL, "%s", e.text);
	failover_adopt(judge, live);
}

static void setup(void)
{
	n_changes = 0;
	probed[0] = '\0';
	l = loop_new("test");
	builder = builder_new(BASE);
	judge = failover_new(l, NULL, on_change, NULL);
	port = failover_port_new(judge);
	configure(ORG "hubConnectorFailoverDelay: 1\n" ALL);
}

static void teardown(void)
{
	failover_port_free(&port);
	failover_free(&judge);
	live_unref(&live);
	snapshot_unref(&snapshot);
	builder_free(&builder);
	loop_free(&l);
}

static void fails(const char *connector, const char *domain, const char *status)
{
	const struct queue_key key = { QUEUE_DNS_CONNECTOR, domain, connector };

	failover_port_failure(port, &key, status, "no answer");
}

static const struct queue_key smart = { QUEUE_SMART_HOST_CONNECTOR, "[192.0.2.1],[192.0.2.2]",
	"Smart" };

static bool has_failed(const char *connector)
{
	const struct failed_set *set = failover_set(judge);
	size_t i;

	for (i = 0; set != NULL && i < set->connectors.n; i++)
		if (strcmp(set->connectors.names[i], connector) == 0)
			return true;
	return false;
}

static bool failed(void *ctx)
{
	return has_failed(ctx);
}

static bool good(void *ctx)
{
	return !has_failed(ctx);
}

static bool is_probed(void *ctx)
{
	return strstr(probed, ctx) != NULL;
}

static uint64_t failed_now(void)
{
	uint64_t n, judged;

	failover_counts(judge, &n, &judged);
	return n;
}

START_TEST(judged)
{
	const struct queue_key lucky = { QUEUE_DNS_CONNECTOR, "d.example", "Lucky" };
	const struct queue_key elsewhere = { QUEUE_SMART_HOST_CONNECTOR, "[192.0.2.1]",
		"Elsewhere" };
	char name[] = "x.example";
	int i;

	for (i = 0; i < 3; i++) {
		name[0] = (char)('a' + i);
		fails("Two", i < 2 ? name : "a.example", "4.4.1");
		fails("Policy", name, i < 2 ? "4.4.1" : "4.7.0");
		fails("Lucky", name, "4.4.1");
	}
	failover_port_success(port, &lucky);
	fails("Lucky", "a.example", "4.4.1");
	failover_port_failure(port, &elsewhere, "4.4.1", NULL);
	/* last, so that the others would have been judged before it */
	for (i = 0; i < 3; i++) {
		name[0] = (char)('a' + i);
		fails("Three", name, "4.4.1");
	}
	AWAIT(l, failed, "Three", PATIENCE_MS);
	ck_assert_uint_eq(failed_now(), 1);
	fails("Two", "c.example", "4.4.3");
	AWAIT(l, failed, "Two", PATIENCE_MS);
	ck_assert(has_failed("Three"));
	ck_assert_uint_eq(n_changes, 2);
}
END_TEST

START_TEST(probed_and_back)
{
	failover_port_failure(port, &smart, "4.7.0", "no TLS");
	AWAIT(l, failed, "Smart", PATIENCE_MS);
	AWAIT(l, is_probed, "Smart/[192.0.2.1],[192.0.2.2] ", PATIENCE_MS);
	failover_port_success(port, &smart);
	AWAIT(l, good, "Smart", PATIENCE_MS);
	ck_assert_uint_eq(n_changes, 2);
	ck_assert_uint_eq(failed_now(), 0);
}
END_TEST

START_TEST(domains_that_mail_wants_are_probed)
{
	fails("Three", "a.example", "4.4.1");
	fails("Three", "b.example", "4.4.1");
	fails("Three", "c.example", "4.4.1");
	failover_passed(judge, "Three", "early.example");
	AWAIT(l, failed, "Three", PATIENCE_MS);
	failover_passed(judge, "Three", "wanted.example");
	AWAIT(l, is_probed, "Three/wanted.example Three/a.example Three/b.example Three/c.example ",
		PATIENCE_MS);
	ck_assert_ptr_null(strstr(probed, "early"));
}
END_TEST

/* What ends a judgement without any success; all have failed before the first. */
static const struct { const char *name, *change; bool ends; } changes[] = {
	{ "A", CONNECTOR("Two", "hub1", "hubComment: nothing to do with it\n"), false },
	{ "A", CONNECTOR("A", "hub1", HOSTS "hubComment: no other hosts\n"), false },
	{ "A", CONNECTOR("A", "hub1", "hubSmartHost: [192.0.2.1]\n"), true },
	{ "B", CONNECTOR("B", "hub1", HOSTS "hubPort: 26\n"), true },
	{ "C", CONNECTOR("C", "hub1", ""), true },
	{ "D", CONNECTOR("D", "hub2", HOSTS), true },
	{ "E", CONNECTOR("E", "hub1", HOSTS "hubEnabled: FALSE\n"), true },
	{ "F", ORG "hubConnectorFailoverDelay: 900\n\n", false },
	{ "F", ORG "hubConnectorFailoverDelay: 0\n\n", true },
};

START_TEST(changed)
{
	struct queue_key key = smart;
	char name[2] = "A";
	size_t i;

	configure(CONNECTOR("A", "hub1", HOSTS) CONNECTOR("B", "hub1", HOSTS)
		CONNECTOR("C", "hub1", HOSTS) CONNECTOR("D", "hub1", HOSTS)
		CONNECTOR("E", "hub1", HOSTS) CONNECTOR("F", "hub1", HOSTS));
	key.connector = name;
	for (; name[0] <= 'F'; name[0]++)
		failover_port_failure(port, &key, "4.4.1", NULL);
	AWAIT(l, failed, "F", PATIENCE_MS);
	for (i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		ck_assert_msg(has_failed(changes[i].name), "before row %zu", i);
		configure(changes[i].change);
		ck_assert_msg(has_failed(changes[i].name) != changes[i].ends, "row %zu", i);
		/* the judge goes on with the configuration that is in force now */
		if (i == 1)
			AWAIT(l, is_probed, "F/", PATIENCE_MS);
	}
	ck_assert_uint_eq(failed_now(), 0);
}
END_TEST

/* A connection that fails after its connector was changed from smart hosts to MX. */
START_TEST(late_failure_of_another_mode)
{
	const struct queue_key late = { QUEUE_SMART_HOST_CONNECTOR, "[192.0.2.9]", "Two" };

	failover_port_failure(port, &late, "4.4.1", "no answer");
	failover_port_failure(port, &smart, "4.4.1", "no answer");
	AWAIT(l, failed, "Smart", PATIENCE_MS);
	ck_assert(!has_failed("Two"));
}
END_TEST

START_TEST(lives_in_order)
{
	const char *names[] = { "Smart" };
	const struct failed_set *first = failed_set_new(names, 1, 1);
	const struct failed_set *second = failed_set_new(NULL, 0, 2);
	const struct live *a = live_with_failed(live, NULL), *b = live_with_failed(live, first),
		*c = live_with_failed(live, second), *same = live_with_failed(live, first);

	ck_assert(live_routes_alike(a, live) && live_routes_alike(b, same));
	ck_assert(!live_routes_alike(a, b) && !live_routes_alike(b, c));
	ck_assert(live_is_older(a, b) && live_is_older(b, c) && !live_is_older(c, b));
	ck_assert(!live_is_older(b, same));
	ck_assert(live_has_failed(b, "SMART") && !live_has_failed(c, "Smart"));
	live_unref(&a);
	live_unref(&b);
	live_unref(&c);
	live_unref(&same);
	failed_set_unref(&first);
	failed_set_unref(&second);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("failover");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_test(tc, judged);
	tcase_add_test(tc, probed_and_back);
	tcase_add_test(tc, domains_that_mail_wants_are_probed);
	tcase_add_test(tc, changed);
	tcase_add_test(tc, late_failure_of_another_mode);
	tcase_add_test(tc, lives_in_order);
	return unit_run("failover", &tc, 1);
}
