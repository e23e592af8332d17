/* test_resolve.c - one address to its route or refusal: a row a rule of hub-routing(7) section 4 */
#include <stdio.h>
#include <string.h>

#include "routing_org.h"
#include "unit.h"

enum { CHAIN = 30 };

/*
 * contoso.com authoritative, *.relay.com internal relay, ext.com external relay,
 * auth.relay.com authoritative; connectors: all for everything, relay for *.relay.com.
 */
static struct fixture *org_new(void)
{
	struct fixture *f = routing_org_new();
	char from[40], to[40];
	int i;

	fixture_accepted(f, "contoso.com", ACCEPTED_AUTHORITATIVE);
	fixture_accepted(f, "*.relay.com", ACCEPTED_INTERNAL_RELAY);
	fixture_accepted(f, "auth.relay.com", ACCEPTED_AUTHORITATIVE);
	fixture_accepted(f, "ext.com", ACCEPTED_EXTERNAL_RELAY);
	fixture_organization(f)->postmaster = "chief@contoso.com";
	fixture_person(f, "local@contoso.com", "", "mbx-London");
	fixture_person(f, "far@contoso.com", "", "MBX-Rome.example");
	fixture_person(f, "chief@contoso.com", "", "mbx-London");
	fixture_person(f, "store@contoso.com", "id7@store.lan", "mbx-London");
	fixture_person(f, "farstore@contoso.com", "id8@store.lan", "mbx-Rome");
	fixture_person(f, "moved@contoso.com", "local@contoso.com", "");
	fixture_person(f, "left@contoso.com", "someone@other.org", "");
	fixture_person(f, "homeless@contoso.com", "", "");
	fixture_person(f, "lost@contoso.com", "", "nowhere.example");
	fixture_person(f, "lost2@contoso.com", "x@y.z", "nowhere.example");
	fixture_person(f, "known@a.relay.com", "", "mbx-London");
	fixture_person(f, "a@contoso.com", "b@contoso.com", "");
	fixture_person(f, "b@contoso.com", "a@contoso.com", "");
	fixture_person(f, "faxed@contoso.com", "FAX:+44 1", "");
	fixture_person(f, "gone@contoso.com", "FAX:\t1", "");
	fixture_person(f, "IMCEAFAX-known@contoso.com", "", "mbx-London");
	fixture_recipient(f, "two@contoso.com", RECIPIENT_AMBIGUOUS);
	fixture_recipient(f, "list@contoso.com", RECIPIENT_GROUP);
	for (i = 0; i < CHAIN; i++) {
		snprintf(from, sizeof(from), "chain%d@contoso.com", i);
		snprintf(to, sizeof(to), "chain%d@contoso.com", i + 1);
		fixture_person(f, from, to, "");
	}
	fixture_person(f, "chain30@contoso.com", "", "mbx-London");
	routing_org_connectors(f, "send all * hub1\nsend relay *.relay.com hub3\n"
		"agent fax FAX:* hub1\nsend inbound -- edge1 hosts=--\nsend out * edge1\n"
		"send contoso contoso.com hub5");
	return f;
}

/* Seen from hub1 unless self is given. */
static const struct { const char *self, *address, *what, *envelope; } rows[] = {
	/* authoritative: home server here and elsewhere; never a connector, however it matches */
	{ NULL, "local@contoso.com", "mailbox mbx-London", "local@contoso.com" },
	{ NULL, "LOCAL@Contoso.COM", "mailbox mbx-London", "LOCAL@Contoso.COM" },
	{ NULL, "far@contoso.com", "relay mbx-Rome cost 20 to Rome hub5 "
		"queue SmtpRelayToSite Rome", "far@contoso.com" },
	{ NULL, "nobody@contoso.com", "reject 5.1.1", NULL },
	{ NULL, "local+tag@contoso.com", "reject 5.1.1", NULL },
	{ NULL, "two@contoso.com", "reject 5.1.4", NULL },
	{ NULL, "homeless@contoso.com", "reject 5.1.1", NULL },
	{ NULL, "lost@contoso.com", "reject 5.1.1", NULL },
	{ NULL, "lost2@contoso.com", "reject 5.1.1", NULL },
	{ NULL, "list@contoso.com", "group", "list@contoso.com" },
	/* a subdomain is another domain, unless accepted */
	{ NULL, "x@sub.contoso.com", "connector all cost 1 queue DnsConnectorDelivery "
		"sub.contoso.com", "x@sub.contoso.com" },
	/* mailRoutingAddress with mailHost only rewrites, and where the mailbox is */
	{ NULL, "store@contoso.com", "mailbox mbx-London", "id7@store.lan" },
	{ NULL, "farstore@contoso.com", "relay mbx-Rome cost 20 to Rome hub5 "
		"queue SmtpRelayToSite Rome", "farstore@contoso.com" },
	{ "hub5", "farstore@contoso.com", "mailbox mbx-Rome", "id8@store.lan" },
	/* without mailHost: resolved again, also to the outside, at most 20 steps */
	{ NULL, "moved@contoso.com", "mailbox mbx-London", "local@contoso.com" },
	{ NULL, "left@contoso.com", "connector all cost 1 queue DnsConnectorDelivery other.org",
		"someone@other.org" },
	{ NULL, "chain10@contoso.com", "mailbox mbx-London", "chain30@contoso.com" },
	{ NULL, "chain9@contoso.com", "reject 5.4.6", NULL },
	{ NULL, "a@contoso.com", "reject 5.4.6", NULL },
	/* internal relay: resolved first, unknown to the connector */
	{ NULL, "known@a.relay.com", "mailbox mbx-London", "known@a.relay.com" },
	{ NULL, "new@a.relay.com", "relay relay cost 11 to Paris hub3 fallback hub4 "
		"queue SmtpRelayToConnectorSources hub3", "new@a.relay.com" },
	/* the most specific accepted domain counts */
	{ NULL, "new@auth.relay.com", "reject 5.1.1", NULL },
	/* external relay, and anything else */
	{ NULL, "x@ext.com", "connector all cost 1 queue DnsConnectorDelivery ext.com",
		"x@ext.com" },
	{ NULL, "x@Other.ORG", "connector all cost 1 queue DnsConnectorDelivery other.org",
		"x@Other.ORG" },
	{ NULL, "x@[192.0.2.1]", "connector all cost 1 queue DnsConnectorDelivery [192.0.2.1]",
		"x@[192.0.2.1]" },
	{ NULL, "\"a@b\"@other.org", "connector all cost 1 queue DnsConnectorDelivery other.org",
		"\"a@b\"@other.org" },
	/* other types */
	{ NULL, "FAX:+44 1", "connector fax cost 1 queue DeliveryAgent *", "FAX:+44 1" },
	{ NULL, "fax:1", "connector fax cost 1 queue DeliveryAgent *", "fax:1" },
	{ NULL, "SMS:1", "report 5.1.2", "SMS:1" },
	{ NULL, "smtp:local@contoso.com", "mailbox mbx-London", "local@contoso.com" },
	/* the same within SMTP, of an authoritative domain; a person of that name comes first */
	{ NULL, "IMCEAFAX-+2B44+201@contoso.com", "connector fax cost 1 queue DeliveryAgent *",
		"IMCEAFAX-+2B44+201@contoso.com" },
	{ NULL, "imceafax-1@Contoso.com", "connector fax cost 1 queue DeliveryAgent *",
		"imceafax-1@Contoso.com" },
	{ "hub2", "IMCEAFAX-1@contoso.com", "relay fax cost 1 to London hub1 queue "
		"SmtpRelayWithinSite hub1", "IMCEAFAX-1@contoso.com" },
	{ NULL, "IMCEAFAX-known@contoso.com", "mailbox mbx-London", "IMCEAFAX-known@contoso.com" },
	{ NULL, "IMCEASMS-1@contoso.com", "report 5.1.2", "IMCEASMS-1@contoso.com" },
	{ NULL, "IMCEAFAX-+2@contoso.com", "reject 5.1.2", NULL },
	{ NULL, "IMCEAFAX-@contoso.com", "reject 5.1.2", NULL },
	{ NULL, "IMCEASMTP-x+40other.org@contoso.com", "reject 5.1.2", NULL },
	{ NULL, "IMCEA@contoso.com", "reject 5.1.1", NULL },
	{ NULL, "IMCEAFAX-1@new.relay.com", "relay relay cost 11 to Paris hub3 fallback hub4 "
		"queue SmtpRelayToConnectorSources hub3", "IMCEAFAX-1@new.relay.com" },
	{ NULL, "IMCEAFAX-1@other.org", "connector all cost 1 queue DnsConnectorDelivery other.org",
		"IMCEAFAX-1@other.org" },
	{ "edge1", "IMCEAFAX-1@contoso.com", "connector inbound cost 1 "
		"queue SmartHostConnectorDelivery --", "IMCEAFAX-1@contoso.com" },
	{ "edge1", "IMCEAFAX-+2@contoso.com", "reject 5.1.1", NULL },
	/* and where mailRoutingAddress names one */
	{ NULL, "faxed@contoso.com", "connector fax cost 1 queue DeliveryAgent *",
		"IMCEAFAX-+2B44+201@contoso.com" },
	{ NULL, "gone@contoso.com", "reject 5.1.2", NULL },
	/* postmaster, with and without domain */
	{ NULL, "postmaster", "mailbox mbx-London", "chief@contoso.com" },
	{ NULL, "PostMaster@contoso.com", "mailbox mbx-London", "chief@contoso.com" },
	{ NULL, "postmaster@auth.relay.com", "mailbox mbx-London", "chief@contoso.com" },
	{ NULL, "postmaster@other.org", "connector all cost 1 queue DnsConnectorDelivery other.org",
		"postmaster@other.org" },
	{ NULL, "postmasters@contoso.com", "reject 5.1.1", NULL },
	/* no addresses */
	{ NULL, "local", "reject 5.1.3", NULL },
	{ NULL, "@contoso.com", "reject 5.1.3", NULL },
	{ NULL, "local@", "reject 5.1.3", NULL },
	/* an edge: ours by --, others by its connectors, external relay never by * */
	{ "edge1", "local@contoso.com", "connector inbound cost 1 "
		"queue SmartHostConnectorDelivery --", "local@contoso.com" },
	{ "edge1", "moved@contoso.com", "connector inbound cost 1 "
		"queue SmartHostConnectorDelivery --", "moved@contoso.com" },
	{ "edge1", "nobody@contoso.com", "reject 5.1.1", NULL },
	{ "edge1", "postmaster@contoso.com", "connector inbound cost 1 "
		"queue SmartHostConnectorDelivery --", "postmaster@contoso.com" },
	{ "edge1", "new@a.relay.com", "connector inbound cost 1 "
		"queue SmartHostConnectorDelivery --", "new@a.relay.com" },
	{ "edge1", "x@other.org", "connector out cost 1 queue DnsConnectorDelivery other.org",
		"x@other.org" },
	{ "edge1", "x@ext.com", "reject 5.4.4", NULL },
};

static void resolved_text(const struct resolved *r, char *buf, size_t size)
{
	switch (r->outcome) {
	case RESOLVED_ROUTED:
		routing_org_text(&r->route, buf, size);
		break;
	case RESOLVED_GROUP:
		snprintf(buf, size, "group");
		break;
	case RESOLVED_REJECT:
		snprintf(buf, size, "reject %s", r->status);
		break;
	case RESOLVED_DEFER:
		snprintf(buf, size, "defer %s", r->status);
		break;
	}
}

static void resolve(struct fixture *f, const char *self, struct recipients *recipients,
	const char *address, struct resolved *out, char *text, size_t size)
{
	const struct routing_table *t = routing_table_new(fixture_snapshot(f), self, NULL);
	struct arena *a = arena_new();

	ck_assert_ptr_nonnull(t);
	route_resolve(t, recipients, address, 1, NULL, a, NULL, out);
	resolved_text(out, text, size);
	arena_free(&a);
	routing_table_unref(&t);
}

START_TEST(addresses)
{
	struct fixture *f = org_new();
	struct resolved r;
	char text[300];

	resolve(f, rows[_i].self != NULL ? rows[_i].self : "hub1", fixture_recipients(f),
		rows[_i].address, &r, text, sizeof(text));
	ck_assert_str_eq(text, rows[_i].what);
	if (rows[_i].envelope != NULL)
		ck_assert_str_eq(r.address, rows[_i].envelope);
	else
		ck_assert_str_ne(r.text, "");
	fixture_free(&f);
}
END_TEST

START_TEST(not_loaded)
{
	struct fixture *f = org_new();
	struct resolved r;
	char text[300];

	resolve(f, "hub1", NULL, "local@contoso.com", &r, text, sizeof(text));
	ck_assert_str_eq(text, "defer 4.3.0");
	ck_assert_str_eq(r.text, "recipients were not examined");
	fixture_recipients_unload(f);
	resolve(f, "hub1", fixture_recipients(f), "nobody@contoso.com", &r, text, sizeof(text));
	ck_assert_str_eq(text, "defer 4.3.0");
	resolve(f, "hub1", fixture_recipients(f), "nobody@a.relay.com", &r, text, sizeof(text));
	ck_assert_str_eq(text, "defer 4.3.0");
	resolve(f, "edge1", fixture_recipients(f), "nobody@contoso.com", &r, text, sizeof(text));
	ck_assert_str_eq(text, "defer 4.3.0");
	resolve(f, "hub1", fixture_recipients(f), "x@other.org", &r, text, sizeof(text));
	ck_assert_str_eq(text, "connector all cost 1 queue DnsConnectorDelivery other.org");
	fixture_free(&f);
}
END_TEST

START_TEST(postmaster_waits)
{
	struct fixture *f = org_new();
	struct resolved r;
	char text[300];

	fixture_organization(f)->postmaster = NULL;
	resolve(f, "hub1", fixture_recipients(f), "postmaster", &r, text, sizeof(text));
	ck_assert_str_eq(text, "unreachable");
	fixture_organization(f)->postmaster = "postmaster@contoso.com";
	resolve(f, "hub1", fixture_recipients(f), "postmaster", &r, text, sizeof(text));
	ck_assert_str_eq(text, "unreachable");
	ck_assert_str_eq(r.route.text, "hubPostmaster postmaster@contoso.com leads to no mailbox");
	fixture_person(f, "postmaster@contoso.com", "", "mbx-London");
	resolve(f, "hub1", fixture_recipients(f), "postmaster", &r, text, sizeof(text));
	ck_assert_str_eq(text, "mailbox mbx-London");
	fixture_free(&f);
}
END_TEST

START_TEST(one_mailbox)
{
	struct fixture *f = org_new();
	struct resolved r;
	char text[300];

	resolve(f, "hub1", fixture_recipients(f), "moved@contoso.com", &r, text, sizeof(text));
	ck_assert_str_eq(r.mailbox, "local@contoso.com");
	resolve(f, "hub1", fixture_recipients(f), "LOCAL@contoso.com", &r, text, sizeof(text));
	ck_assert_str_eq(r.mailbox, "local@contoso.com");
	resolve(f, "hub1", fixture_recipients(f), "left@contoso.com", &r, text, sizeof(text));
	ck_assert_str_eq(r.mailbox, "");
	fixture_free(&f);
}
END_TEST

START_TEST(too_long)
{
	struct fixture *f = org_new();
	char address[400], text[300];
	struct resolved r;

	memset(address, 'a', sizeof(address));
	memcpy(address + 380, "@contoso.com", 13);
	resolve(f, "hub1", fixture_recipients(f), address, &r, text, sizeof(text));
	ck_assert_str_eq(text, "reject 5.1.3");
	fixture_free(&f);
}
END_TEST

int main(void)
{
	TCase *tc = tcase_create("resolve");

	tcase_add_loop_test(tc, addresses, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(tc, not_loaded);
	tcase_add_test(tc, postmaster_waits);
	tcase_add_test(tc, one_mailbox);
	tcase_add_test(tc, too_long);
	return unit_run("resolve", &tc, 1);
}
