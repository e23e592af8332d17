/* Values, names, DNs and option names of libhub/org. */
#include "unit.h"

#include <arpa/inet.h>
#include <string.h>

#include "libhub/org/attr.h"
#include "libhub/org/connector.h"
#include "libhub/org/dn.h"
#include "libhub/org/print.h"
#include "libhub/org/value.h"

static const struct {
	const char *text, *type, *shown, *key;
	enum space_match match;
	uint32_t cost;
} spaces[] = {
	{ "contoso.com", "SMTP", "contoso.com", "contoso.com", SPACE_EXACT, 1 },
	{ "SMTP:Contoso.COM;1", "SMTP", "contoso.com", "contoso.com", SPACE_EXACT, 1 },
	{ "smtp:*.contoso.com;20", "SMTP", "*.contoso.com", "contoso.com", SPACE_SUBTREE, 20 },
	{ "*;100", "SMTP", "*", "", SPACE_ALL, 100 },
	{ "--", "SMTP", "--", "--", SPACE_INBOUND, 1 },
	{ "fax:*", "FAX", "*", "", SPACE_ALL, 1 },
	{ "FAX:+44 20*;7", "FAX", "+44 20*", "+44 20", SPACE_PREFIX, 7 },
	{ "NOTES:Sales Dept", "NOTES", "Sales Dept", "sales dept", SPACE_EXACT, 1 },
	{ "X400:c=US;a=ADATUM;p=Org;2", "X400", "c=US;a=ADATUM;p=Org", "c=us;a=adatum;p=org",
	  SPACE_EXACT, 2 },
};

START_TEST(address_space_parses)
{
	struct arena *a = arena_new();
	struct address_space s;
	struct err e;

	ck_assert_msg(value_address_space(a, spaces[_i].text, &s, &e) == 0, "%s", e.text);
	ck_assert_str_eq(s.type, spaces[_i].type);
	ck_assert_str_eq(s.text, spaces[_i].shown);
	ck_assert_str_eq(s.key, spaces[_i].key);
	ck_assert_int_eq(s.match, spaces[_i].match);
	ck_assert_uint_eq(s.cost, spaces[_i].cost);
	arena_free(&a);
}
END_TEST

static const char *const bad_spaces[] = {
	"", ";1", "SMTP:", "*contoso.com", "a.*.com", "*.*.com", "**", "contoso.com;",
		"contoso.com;0",
	"contoso.com;101", "contoso.com;1;2", "contoso.com;+1", "contoso..com", ".com", "-a.com",
	"münchen.de", ":contoso.com", "FA X:1", "FAX:", "FAX:;1", "FAX:a;b", "FAX:--", "192.0.2.1",
	"a\tb", "X400:c=usa;a=x;1", "X400:c=us;c=de;a=x;1", "X400:c=us;a=;1",
};

START_TEST(address_space_refuses)
{
	struct arena *a = arena_new();
	struct address_space s;
	struct err e;

	ck_assert_msg(value_address_space(a, bad_spaces[_i], &s, &e) < 0, "%s", bad_spaces[_i]);
	ck_assert_uint_gt(strlen(e.text), 10);
	arena_free(&a);
}
END_TEST

static const struct {
	const char *text, *canonical;	/* NULL: refused */
	uint16_t port;
} hosts[] = {
	{ "[192.0.2.1]", "[192.0.2.1]", 0 },
	{ "[192.0.2.1]:2525", "[192.0.2.1]:2525", 2525 },
	{ "[IPv6:2001:DB8::1]", "[IPv6:2001:db8::1]", 0 },
	{ "[IPv6:2001:db8:0::1]:26", "[IPv6:2001:db8::1]:26", 26 },
	{ "Relay.Example:587", "relay.example:587", 587 },
	{ "relay", "relay", 0 },
	{ "--", "--", 0 },
	{ "192.0.2.1", NULL, 0 }, { "192.0.2.1:25", NULL, 0 }, { "2001:db8::1", NULL, 0 },
	{ "[2001:db8::1]", NULL, 0 }, { "[IPv6:192.0.2.1]", NULL, 0 }, { "[192.0.2.1", NULL, 0 },
	{ "[192.0.2.1]x", NULL, 0 }, { "relay:", NULL, 0 }, { "relay:0", NULL, 0 },
	{ "relay:65536", NULL, 0 }, { "relay:25x", NULL, 0 }, { "a b", NULL, 0 }, { "", NULL, 0 },
	{ "relay..example", NULL, 0 }, { "*.example", NULL, 0 }, { "[IPv6:fe80::1%eth0]", NULL, 0 },
};

START_TEST(smart_host_parses_or_refuses)
{
	struct arena *a = arena_new();
	struct smart_host h;
	struct err e;
	int r = value_smart_host(a, hosts[_i].text, &h, &e);

	ck_assert_msg((r == 0) == (hosts[_i].canonical != NULL), "%s", hosts[_i].text);
	if (r == 0) {
		ck_assert_str_eq(h.text, hosts[_i].canonical);
		ck_assert_uint_eq(h.port, hosts[_i].port);
		ck_assert_int_eq(h.inbound, strcmp(h.text, "--") == 0);
		ck_assert_int_eq(h.name != NULL, h.text[0] == 'r');
	}
	arena_free(&a);
}
END_TEST

static const struct {
	const char *text, *canonical;
	bool port_required;
} endpoints[] = {
	{ "0.0.0.0:25", "0.0.0.0:25", true },
	{ "[::]:587", "[::]:587", true },
	{ "192.0.2.1", "192.0.2.1", false },
	{ "[2001:DB8::1]", "[2001:db8::1]", false },
	{ "2001:db8::1", "[2001:db8::1]", false },
	{ "192.0.2.1", NULL, true }, { "[::]", NULL, true }, { "2001:db8::1:25", NULL, true },
	{ "[192.0.2.1]:25", NULL, true }, { "host:25", NULL, true }, { "1.2.3:25", NULL, true },
	{ "192.0.2.1:025", NULL, true }, { "192.0.2.1:", NULL, false }, { "", NULL, false },
};

START_TEST(endpoint_parses_or_refuses)
{
	struct arena *a = arena_new();
	struct endpoint p;
	struct err e;
	int r = value_endpoint(a, endpoints[_i].text, endpoints[_i].port_required, &p, &e);

	ck_assert_msg((r == 0) == (endpoints[_i].canonical != NULL), "%s", endpoints[_i].text);
	if (r == 0)
		ck_assert_str_eq(p.text, endpoints[_i].canonical);
	arena_free(&a);
}
END_TEST

static const struct {
	const char *text, *canonical;
	bool tls;
} bindings[] = {
	{ "0.0.0.0:25", "0.0.0.0:25", false },
	{ "0.0.0.0:465 tls", "0.0.0.0:465 tls", true },
	{ "[2001:DB8::1]:465 tls", "[2001:db8::1]:465 tls", true },
	{ "0.0.0.0:465  tls", NULL, false }, { "0.0.0.0:465 TLS", NULL, false },
	{ "0.0.0.0:465 tls ", NULL, false }, { "0.0.0.0:465 ", NULL, false },
	{ "0.0.0.0:465 starttls", NULL, false }, { "0.0.0.0 tls", NULL, false },
	{ " tls", NULL, false }, { "0.0.0.0", NULL, false }, { "[::]", NULL, false },
	{ "[::ffff:192.0.2.1]:25", NULL, false }, { "224.0.0.1:25", NULL, false },
	{ "[ff02::1]:25", NULL, false }, { "[fe80::1%lo]:25", NULL, false },
};

START_TEST(binding_parses_or_refuses)
{
	struct arena *a = arena_new();
	struct endpoint p;
	struct err e;
	int r = value_binding(a, bindings[_i].text, &p, &e);

	ck_assert_msg((r == 0) == (bindings[_i].canonical != NULL), "%s", bindings[_i].text);
	if (r == 0) {
		ck_assert_str_eq(p.text, bindings[_i].canonical);
		ck_assert_int_eq(p.tls, bindings[_i].tls);
	}
	arena_free(&a);
}
END_TEST

static struct ip_range range(struct arena *a, const char *text)
{
	struct ip_range r;
	struct err e;

	ck_assert_msg(value_ip_range(a, text, &r, &e) == 0, "%s", e.text);
	return r;
}

static bool contains(struct arena *a, const char *text, const char *number)
{
	struct ip_range r = range(a, text);
	struct endpoint p;
	struct err e;

	ck_assert(value_endpoint(a, number, false, &p, &e) == 0);
	return ip_range_contains(&r, (const struct sockaddr *)&p.addr);
}

START_TEST(ranges_contain_and_overlap)
{
	struct arena *a = arena_new();
	struct ip_range big = range(a, "10.0.0.0/8"), small = range(a, "10.1.0.0-10.1.0.9");
	struct ip_range across = range(a, "10.255.0.0-11.0.0.0"), v6 = range(a, "::/0");

	ck_assert_str_eq(big.text, "10.0.0.0-10.255.255.255");
	ck_assert_str_eq(range(a, "192.0.2.1/32").text, "192.0.2.1");
	ck_assert_str_eq(range(a, "2001:db8::/127").text, "2001:db8::-2001:db8::1");
	ck_assert_str_eq(range(a, "::/80").text, "::-::ffff:255.255.255.255");
	ck_assert(range(a, "::-::ffff:255.255.255.255").v6);
	ck_assert(contains(a, "10.0.0.0/8", "10.255.255.255"));
	ck_assert(!contains(a, "10.0.0.0/8", "11.0.0.0"));
	ck_assert(contains(a, "10.0.0.0/8", "[::ffff:10.0.0.1]"));
	ck_assert(!contains(a, "::/0", "10.0.0.1"));
	ck_assert(contains(a, "::/0", "[2001:db8::1]"));
	ck_assert(!contains(a, "0.0.0.0/0", "[2001:db8::1]"));
	ck_assert(ip_range_within(&small, &big) && !ip_range_within(&big, &small));
	ck_assert(ip_range_overlaps(&across, &big) && !ip_range_within(&across, &big));
	ck_assert(!ip_range_overlaps(&across, &small) && !ip_range_overlaps(&v6, &big));
	arena_free(&a);
}
END_TEST

/* Each pair in order. The last three compare beyond ASCII: fold before order. */
static const char *const ordered[][2] = {
	{ "alpha", "Beta" }, { "Alpha", "alpha1" }, { "a b", "a-b" }, { "Z", "zürich" },
	{ "Straße 1", "STRASSE 2" }, { "zebra", "Äther" }, { "b", "Z\xff" },
};

START_TEST(names_order_by_folding)
{
	struct arena *a = arena_new();

	ck_assert_int_lt(name_compare(ordered[_i][0], ordered[_i][1]), 0);
	ck_assert_int_gt(name_compare(ordered[_i][1], ordered[_i][0]), 0);
	ck_assert_int_lt(strcmp(name_fold(a, ordered[_i][0]), name_fold(a, ordered[_i][1])), 0);
	ck_assert_int_eq(name_compare("STRASSE", "straße"), 0);
	ck_assert_int_eq(name_compare("ÉCOLE", "école"), 0);
	ck_assert_int_eq(name_compare("Hub1", "hUB1"), 0);
	arena_free(&a);
}
END_TEST

static const struct {
	const char *dn, *ndn;
} dns[] = {
	{ "CN=Hub1, CN=Servers,DC=Example,dc=com", "cn=hub1,cn=servers,dc=example,dc=com" },
	{ "cn = a  b ,dc=x", "cn=a b,dc=x" },
	{ "cn=A+ou=B,dc=x", "cn=a+ou=b,dc=x" },
	{ "ou=B+cn=A,dc=x", "cn=a+ou=b,dc=x" },
	{ "cn=Größe,dc=x", "cn=grösse,dc=x" },
	{ "", "" },
	{ "nothing", NULL }, { "cn=,dc=x", NULL }, { "=x", NULL }, { "cn=a,", NULL }, { ",cn=a",
		NULL },
	{ "cn=a;dc=", NULL }, { "cn=\\,,dc=x", "cn=\\2C,dc=x" },
};

START_TEST(dn_normalizes)
{
	struct arena *a = arena_new();
	const char *ndn = dn_normalize(a, dns[_i].dn);

	if (dns[_i].ndn == NULL) {
		ck_assert_msg(ndn == NULL, "%s: %s", dns[_i].dn, ndn);
	} else if (strstr(dns[_i].ndn, "gr") != NULL) {
		/* libldap may print beyond ASCII as it likes: both spellings must agree */
		ck_assert_str_eq(ndn, dn_normalize(a, "CN=GRÖSSE,DC=x"));
	} else {
		ck_assert_str_eq(ndn, dns[_i].ndn);
	}
	arena_free(&a);
}
END_TEST

START_TEST(dn_relates)
{
	struct arena *a = arena_new();
	const char *escaped = dn_normalize(a, "cn=a\\,b,cn=c,dc=x");

	ck_assert_str_eq(dn_relative(a, "cn=a,cn=b,dc=x", "dc=x"), "cn=a,cn=b");
	ck_assert_str_eq(dn_relative(a, "dc=x", "dc=x"), "");
	ck_assert_ptr_null(dn_relative(a, "cn=a,dc=xx", "dc=x"));
	ck_assert_ptr_null(dn_relative(a, "cn=adc=x", "dc=x"));
	ck_assert_str_eq(dn_parent("cn=a,cn=b,dc=x"), "cn=b,dc=x");
	ck_assert_str_eq(dn_parent(escaped), "cn=c,dc=x");
	ck_assert_str_eq(dn_parent("dc=x"), "");
	arena_free(&a);
}
END_TEST

static const char *const options[][2] = {
	{ "hubAddressSpace", "address-space" }, { "hubFQDN", "fqdn" }, { "hubTLSDomain",
		"tls-domain" },
	{ "hubExternalDNSServer", "external-dns-server" }, { "hubRequireTLS", "require-tls" },
	{ "hubIgnoreSTARTTLS", "ignore-starttls" }, { "hubForceHELO", "force-helo" },
	{ "hubRemoteIPRange", "remote-ip-range" }, { "hubNDR", "ndr" }, { "hubDNSRouting",
		"dns-routing" },
	{ "hubTLSSendDomainSecure", "tls-send-domain-secure" },
	{ "hubInternalSMTPServer", "internal-smtp-server" }, { "description", "description" },
};

START_TEST(option_names)
{
	char name[OPTION_NAME_MAX];

	option_name(options[_i][0], name);
	ck_assert_str_eq(name, options[_i][1]);
}
END_TEST

/* Every attribute has an option of its own, and is found by it. */
START_TEST(options_are_unambiguous)
{
	const struct attr_def *def;
	char name[OPTION_NAME_MAX];
	size_t i;

	for (i = 0; (def = obj_class_row(obj_classes[_i], i)) != NULL; i++) {
		option_name(def->name, name);
		ck_assert_ptr_eq(obj_class_option(obj_classes[_i], name), def);
		ck_assert_ptr_eq(obj_class_attr(obj_classes[_i], def->name), def);
	}
	ck_assert_ptr_eq(obj_class_by_noun(obj_classes[_i]->noun), obj_classes[_i]);
	ck_assert_ptr_eq(obj_class_by_ldap(obj_classes[_i]->ldap_class), obj_classes[_i]);
	ck_assert_int_eq(obj_classes[_i]->kind, _i);
}
END_TEST

START_TEST(grants_and_sources)
{
	struct arena *a = arena_new();
	struct source_address sa;
	struct grant g;
	struct err e;

	ck_assert_int_eq(value_grant("AnonymousUsers Accept-Any-Recipient", &g, &e), 0);
	ck_assert_uint_eq(g.groups, 1U << GROUP_ANONYMOUS);
	ck_assert_uint_eq(g.rights, 1U << RIGHT_ACCEPT_ANY_RECIPIENT);
	ck_assert_int_lt(value_grant("anonymoususers Submit", &g, &e), 0);
	ck_assert_int_lt(value_grant("HubUsers  Submit", &g, &e), 0);
	ck_assert_int_eq(value_source_address(a, "my hub 192.0.2.1", &sa, &e), 0);
	ck_assert_str_eq(sa.server, "my hub");
	ck_assert_int_eq(value_source_address(a, "2001:db8::1", &sa, &e), 0);
	ck_assert_ptr_null(sa.server);
	ck_assert_int_lt(value_source_address(a, " 192.0.2.1", &sa, &e), 0);
	/* the reference's table, two corners of it */
	ck_assert_uint_eq(permission_group_rights(GROUP_PARTNERS),
		1U << RIGHT_SUBMIT | 1U << RIGHT_ACCEPT_HEADERS_ROUTING);
	ck_assert((permission_group_rights(GROUP_ANONYMOUS) &
		1U << RIGHT_ACCEPT_ANY_RECIPIENT) == 0);
	arena_free(&a);
}
END_TEST

#define COUNT(a) ((int)(sizeof(a) / sizeof((a)[0])))

int main(void)
{
	TCase *cases[] = { tcase_create("values"), tcase_create("names") };

	tcase_add_loop_test(cases[0], address_space_parses, 0, COUNT(spaces));
	tcase_add_loop_test(cases[0], address_space_refuses, 0, COUNT(bad_spaces));
	tcase_add_loop_test(cases[0], smart_host_parses_or_refuses, 0, COUNT(hosts));
	tcase_add_loop_test(cases[0], endpoint_parses_or_refuses, 0, COUNT(endpoints));
	tcase_add_loop_test(cases[0], binding_parses_or_refuses, 0, COUNT(bindings));
	tcase_add_test(cases[0], ranges_contain_and_overlap);
	tcase_add_test(cases[0], grants_and_sources);
	tcase_add_loop_test(cases[1], names_order_by_folding, 0, COUNT(ordered));
	tcase_add_loop_test(cases[1], dn_normalizes, 0, COUNT(dns));
	tcase_add_test(cases[1], dn_relates);
	tcase_add_loop_test(cases[1], option_names, 0, COUNT(options));
	tcase_add_loop_test(cases[1], options_are_unambiguous, 0, OBJ_KINDS);
	return unit_run("org_value", cases, 2);
}
