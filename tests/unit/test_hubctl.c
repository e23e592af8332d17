/* What hubctl makes of its command line, and the changes that follow from it. */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "libhub/org/attr.h"
#include "tools/edge_sync_show.h"
#include "tools/ldif_out.h"
#include "tools/object.h"
#include "tools/table.h"

#define BASE "cn=Transport,o=Contoso"
#define SERVERS "cn=Servers," BASE

static const char world[] =
	"dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n"
	"dn: cn=Connectors," BASE "\nobjectClass: hubContainer\ncn: Connectors\n\n"
	"dn: cn=London,cn=Sites," BASE "\nobjectClass: hubSite\ncn: London\n\n"
	"dn: cn=Paris,cn=Sites," BASE "\nobjectClass: hubSite\ncn: Paris\n\n"
	"dn: cn=hub1," SERVERS "\nobjectClass: hubServer\ncn: hub1\nhubRole: Hub\n"
	"hubServerSite: cn=London,cn=Sites," BASE "\n\n"
	"dn: cn=hub2," SERVERS "\nobjectClass: hubServer\ncn: hub2\nhubRole: Hub\n"
	"hubServerSite: cn=Paris,cn=Sites," BASE "\n\n"
	"dn: cn=In,cn=hub1," SERVERS "\nobjectClass: hubReceiveConnector\ncn: In\n"
	"hubBinding: 192.0.2.1:25\n\n"
	"dn: cn=In,cn=hub2," SERVERS "\nobjectClass: hubReceiveConnector\ncn: In\n"
	"hubBinding: 192.0.2.2:25\n\n";

static struct ctl ctl;
static struct org org;

static void open_world(void)
{
	char path[] = "/tmp/test-hubctl-XXXXXX";
	int fd = mkstemp(path);
	struct err e;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(write(fd, world, sizeof(world) - 1), (ssize_t)sizeof(world) - 1);
	close(fd);
	ctl = (struct ctl){ .arena = arena_new() };
	ctl.directory = arena_printf(ctl.arena, "file:%s", path);
	ck_assert_msg(org_open(&ctl, &org, &e) == 0, "%s", e.text);
	unlink(path);
}

static void close_world(void)
{
	org_close(&org);
	arena_free(&ctl.arena);
}

/* The values of the one option given, joined by "|", or the error. */
static const char *values_of(const struct obj_class *class, enum change_kind kind,
	const char *option, const char *value)
{
	struct change *c = change_new(&ctl, kind, "cn=x," BASE, class, "x");
	struct arg arg = { option, value, ARG_SET };
	struct args args = { .v = &arg, .n = 1 };
	size_t made = c->n, i;
	const char *out;
	struct err e;

	if (object_take_options(&org, &args, c, &e) != 0)
		return arena_strdup(ctl.arena, e.text);
	if (c->n == made)
		return "(not set)";
	out = c->v[made]->name;
	for (i = 0; i < c->v[made]->n; i++)
		out = arena_printf(ctl.arena, "%s|%s", out,
			(const char *)c->v[made]->values[i].data);
	return out;
}

static const struct option_row {
	const struct obj_class *class;
	enum change_kind kind;
	const char *option, *value, *expect;
} option_rows[] = {
	{ &send_connector_class, CHANGE_ADD, "address-space", "a.example,*.b.example;3",
		"hubAddressSpace|a.example|*.b.example;3" },
	{ &send_connector_class, CHANGE_ADD, "address-space", "SMTP:a.example, b.example",
		"hubAddressSpace|SMTP:a.example|b.example" },
	{ &send_connector_class, CHANGE_ADD, "address-space", "FAX:a,b;1",
		"hubAddressSpace|FAX:a,b;1" },
	{ &send_connector_class, CHANGE_ADD, "source-server", "hub1,hub2",
		"hubSourceServer|cn=hub1," SERVERS "|cn=hub2," SERVERS },
	{ &send_connector_class, CHANGE_ADD, "source-server", "HUB1",
		"hubSourceServer|cn=hub1," SERVERS },
	{ &send_connector_class, CHANGE_ADD, "source-server", "cn=any,o=x",
		"hubSourceServer|cn=any,o=x" },
	{ &send_connector_class, CHANGE_ADD, "source-server", "hub1,hub9",
		"--source-server: there is no server \"hub9\"; there are: hub1, hub2" },
	{ &send_connector_class, CHANGE_ADD, "linked-receive-connector", "hub2/In",
		"hubLinkedReceiveConnector|cn=In,cn=hub2," SERVERS },
	{ &send_connector_class, CHANGE_ADD, "linked-receive-connector", "In",
		"--linked-receive-connector: several servers have a receive-connector \"In\": "
		"say which by --server" },
	{ &send_connector_class, CHANGE_ADD, "scoped", "yes", "hubScoped|TRUE" },
	{ &send_connector_class, CHANGE_ADD, "auth-password", "a,b", "hubAuthPassword|a,b" },
	{ &send_connector_class, CHANGE_ADD, "comment", "one, two", "hubComment|one, two" },
	{ &send_connector_class, CHANGE_ADD, "comment", "", "(not set)" },
	{ &send_connector_class, CHANGE_MODIFY, "comment", "", "hubComment" },
	{ &send_connector_class, CHANGE_MODIFY, "smart-host", NULL, "hubSmartHost" },
	{ &site_link_class, CHANGE_ADD, "site-list", "London,Paris",
		"hubSiteList|cn=London,cn=Sites," BASE "|cn=Paris,cn=Sites," BASE },
	{ &server_class, CHANGE_ADD, "site", "Paris", "hubServerSite|cn=Paris,cn=Sites," BASE },
	{ &server_class, CHANGE_ADD, "certificate", "/nowhere",
		"--certificate: /nowhere: No such file or directory" },
};

START_TEST(options_become_values)
{
	const struct option_row *row = &option_rows[_i];

	ck_assert_str_eq(values_of(row->class, row->kind, row->option, row->value), row->expect);
}
END_TEST

START_TEST(names_find_objects)
{
	struct err e;

	ck_assert_str_eq(object_find(&org, &server_class, "Hub1", &e), "cn=hub1," SERVERS);
	ck_assert_str_eq(object_find(&org, &server_class, "CN=hub1, " SERVERS, &e),
		"cn=hub1," SERVERS);
	ck_assert_ptr_null(object_find(&org, &site_class, "hub1", &e));
	ck_assert_ptr_null(object_find(&org, &site_class, "cn=hub1," SERVERS, &e));
	ctl.server = "hub2";
	ck_assert_str_eq(object_find(&org, &receive_connector_class, "in", &e),
		"cn=In,cn=hub2," SERVERS);
	ck_assert_str_eq(object_find(&org, &receive_connector_class, "hub1/In", &e),
		"cn=In,cn=hub1," SERVERS);
	ctl.server = "hub";
	ck_assert_ptr_null(object_find(&org, &receive_connector_class, "In", &e));
	ck_assert_str_eq(object_dn(&org, &send_connector_class, "New", NULL),
		"cn=New,cn=Connectors," BASE);
}
END_TEST

/* A change is judged by what it breaks, not by what was broken before. */
START_TEST(changes_are_judged_as_a_whole)
{
	struct change *c = change_new(&ctl, CHANGE_MODIFY, "cn=hub1," SERVERS, &server_class, NULL);
	struct change *link = change_new(&ctl, CHANGE_ADD, "cn=L,cn=Site Links," BASE,
		&site_link_class, "L");
	struct err e;

	change_put(&ctl, c, "hubMaxPerDomainConnections", "2000");
	ck_assert_int_eq(change_check(&org, c, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "hubMaxPerDomainConnections"));
	change_put(&ctl, link, "hubSiteList", "cn=London,cn=Sites," BASE);
	change_put(&ctl, link, "hubSiteList", "cn=Paris,cn=Sites," BASE);
	ck_assert_msg(change_check(&org, link, &e) == 0, "%s", e.text);
	ck_assert_ptr_nonnull(snapshot_find(org.snapshot, OBJ_SITE_LINK, "l"));
}
END_TEST

static const struct ldif_row {
	const char *value, *expect;
} ldif_rows[] = {
	{ "plain", "a: plain\n" },
	{ "", "a: \n" },
	{ " leading", "a:: IGxlYWRpbmc=\n" },
	{ "trailing ", "a:: dHJhaWxpbmcg\n" },
	{ ":colon", "a:: OmNvbG9u\n" },
	{ "<less", "a:: PGxlc3M=\n" },
	{ "two\nlines", "a:: dHdvCmxpbmVz\n" },
	{ "J\303\274rgen", "a:: SsO8cmdlbg==\n" },
	{ "x: y", "a: x: y\n" },
};

START_TEST(ldif_is_encoded_where_it_must)
{
	const struct ldif_row *row = &ldif_rows[_i];
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ldif_out_value(out, "a", row->value, strlen(row->value));
	fclose(out);
	ck_assert_str_eq(text, row->expect);
	free(text);
}
END_TEST

START_TEST(numbers_of_options)
{
	struct arg given[] = {
		{ .name = "n", .value = "7" }, { .name = "bad", .value = "7x" },
		{ .name = "minus", .value = "-1" }, { .name = "high", .value = "11" },
	};
	struct args args = { .v = given, .n = 4 };
	uint64_t n = 5;
	struct err e;

	ck_assert_int_eq(args_number(&args, "absent", 1, 10, &n, &e), 0);
	ck_assert_uint_eq(n, 5);
	ck_assert_int_eq(args_number(&args, "n", 1, 10, &n, &e), 0);
	ck_assert_uint_eq(n, 7);
	ck_assert_int_eq(args_number(&args, "bad", 1, 10, &n, &e), -1);
	ck_assert_int_eq(args_number(&args, "minus", 1, 10, &n, &e), -1);
	ck_assert_int_eq(args_number(&args, "high", 1, 10, &n, &e), -1);
}
END_TEST

START_TEST(json_as_one_line)
{
	json_t *list = json_pack("[s, n, b, i]", "a", 1, 7);

	ck_assert_str_eq(table_text(ctl.arena, list), "a, yes, 7");
	ck_assert_ptr_null(table_text(ctl.arena, json_object_get(NULL, "x")));
	json_decref(list);
}
END_TEST

#define LIVE "'directory': {'state': 'live'}, 'recipients': {'state': 'live'}"
#define STEPS(configuration, recipients) \
	"'in_step': {'configuration': " configuration ", 'recipients': " recipients "}"
#define HELD_BY_US "'name': 'e', 'state': 'holder', "
#define EDGE(text) "{" LIVE ", 'edges': [{" text "}]}"

static const struct {
	const char *answer;
	bool in_step;
} step_rows[] = {
	{ "{" LIVE ", 'edges': []}", true },
	{ EDGE(HELD_BY_US STEPS("true", "true")), true },
	{ EDGE("'name': 'e', 'state': 'standby', " STEPS("true", "true")), true },
	{ EDGE(HELD_BY_US STEPS("true", "false")), false },
	{ EDGE(HELD_BY_US STEPS("null", "true")), false },
	{ EDGE(HELD_BY_US "'x': 1"), false },
	{ EDGE("'name': 'e', 'state': 'waiting', " STEPS("true", "true")), false },
	{ EDGE("'name': 'e', 'state': 'connecting', " STEPS("true", "true")), false },
	{ EDGE("'name': 'e', " STEPS("true", "true")), false },
	{ EDGE(HELD_BY_US STEPS("true", "true") ", 'held': 'much'"), false },
	{ EDGE(HELD_BY_US STEPS("true", "true") ", 'error': 'no'"), false },
	{ EDGE(HELD_BY_US STEPS("true", "true") ", 'different': 1"), false },
	{ EDGE(HELD_BY_US STEPS("true", "true") ", 'different': 0, 'held': null"), true },
	{ EDGE(HELD_BY_US STEPS("true", "true") ", 'verified': {'here': true, 'edge': true}"),
		true },
	{ EDGE(HELD_BY_US STEPS("true", "true") ", 'verified': {'here': true, 'edge': false}"),
		false },
	{ EDGE(HELD_BY_US STEPS("true", "true") ", 'verified': {'here': false, 'edge': false}"),
		false },
	{ "{'edges': []}", false },
	{ "{'directory': {'state': 'down'}, 'recipients': {'state': 'live'}, 'edges': []}", false },
	{ "{'directory': {'state': 'live'}, 'recipients': {'state': 'down'}, 'edges': []}", false },
	{ "{'directory': {'state': 'live', 'held': 'x'}, 'recipients': {'state': 'live'}, "
		"'edges': []}", false },
	{ "{'directory': {'state': 'live'}, 'recipients': {'state': 'live', 'held': 'x'}, "
		"'edges': []}", false },
};

START_TEST(what_is_in_step)
{
	char *text = strdup(step_rows[_i].answer), *s;
	json_t *answer;

	for (s = text; *s != '\0'; s++)
		if (*s == '\'')
			*s = '"';
	answer = json_loads(text, 0, NULL);
	ck_assert_ptr_nonnull(answer);
	ck_assert_msg(edge_sync_in_step(answer) == step_rows[_i].in_step, "%s", text);
	json_decref(answer);
	free(text);
}
END_TEST

int main(void)
{
	TCase *with_world = tcase_create("organization"), *pure = tcase_create("values");
	TCase *cases[] = { with_world, pure };

	tcase_add_checked_fixture(with_world, open_world, close_world);
	tcase_add_loop_test(with_world, options_become_values, 0,
		sizeof(option_rows) / sizeof(option_rows[0]));
	tcase_add_test(with_world, names_find_objects);
	tcase_add_test(with_world, changes_are_judged_as_a_whole);
	tcase_add_test(with_world, json_as_one_line);
	tcase_add_loop_test(pure, ldif_is_encoded_where_it_must, 0,
		sizeof(ldif_rows) / sizeof(ldif_rows[0]));
	tcase_add_test(pure, numbers_of_options);
	tcase_add_loop_test(pure, what_is_in_step, 0, sizeof(step_rows) / sizeof(step_rows[0]));
	return unit_run("hubctl", cases, 2);
}
