/* test_ways.c - what may leave by drop directories and delivery agents. */
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "deliver_kit.h"

static char folder[64], agent[80];

#define CONNECTOR(name, class, rest) "\ndn: cn=" name ",cn=Connectors," BASE "\nobjectClass: " \
	class "\ncn: " name "\nhubAddressSpace: x.example\nhubSourceServer: cn=hub1,cn=Servers," \
	BASE "\n" rest

static void write_agent(const char *ready)
{
	FILE *f = fopen(agent, "w");

	fprintf(f, "#!/bin/sh\necho %s\nwhile read -r line; do\ncase $line in\n"
		"END) echo 'DELIVERED *';;\nCLOSE) exit;;\nesac\ndone\n", ready);
	ck_assert_int_eq(fchmod(fileno(f), 0755), 0);
	fclose(f);
}

static void setup(void)
{
	char *text;

	snprintf(folder, sizeof(folder), "/tmp/test_ways.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chmod(folder, 0755), 0);
	snprintf(agent, sizeof(agent), "%s/A", folder);
	kit_setup();
	text = xasprintf("%shubDropRoot: %s\n%s%s", ORG, folder,
		CONNECTOR("Fax", "hubForeignConnector", "hubDropDirectory: drop\n"),
		CONNECTOR("Agent", "hubDeliveryAgentConnector", "hubDeliveryProtocol: A\n"));
	kit_configure(text);
	free(text);
	kit_agents_folder = folder;
	kit_begin();
}

static void teardown(void)
{
	kit_teardown();
	unlink(agent);
	ck_assert_int_eq(rmdir(folder), 0);
}

static const struct {
	int where;
	const char *ready;		/* what the agent says */
	bool requires_tls;
	const char *told;
} rows[] = {
	{ TO_AGENT, "READY", false, "1/0 delivered\n" },
	{ TO_AGENT, "READY REQUIRETLS", false, "1/0 delivered\n" },
	{ TO_AGENT, "READY REQUIRETLS", true, "1/0 delivered\n" },
	{ TO_AGENT, "READY", true, "report failed r1@x.example 5.7.30 the sender requires TLS on "
		"the whole way, which this way out does not promise\n1/0 failed\n" },
	{ TO_DROP, "", true, "report failed r1@x.example 5.7.30 the sender requires TLS on the "
		"whole way, which a drop directory does not promise\n1/0 failed\n" },
};

/* RFC 8689: it leaves with TLS, or not. */
START_TEST(message_that_requires_tls)
{
	struct queue_item *item = kit_item(1, 1, rows[_i].where, "x.example", 0);
	char drop[80];

	write_agent(rows[_i].ready);
	snprintf(drop, sizeof(drop), "%s/drop", folder);
	ck_assert_int_eq(mkdir(drop, 0755), 0);
	item->env.require_tls = rows[_i].requires_tls;
	queues_post(kit_queues, item);
	kit_await_log(rows[_i].told);
	/* nothing lies in it */
	ck_assert_int_eq(rmdir(drop), 0);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("ways");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, message_that_requires_tls, 0, sizeof(rows) / sizeof(rows[0]));
	return unit_run("ways", &tc, 1);
}
