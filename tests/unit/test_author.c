/* test_author.c - whose addresses a logged in user may write as (hubd/receive/author.h). */
#include <string.h>

#include "hubd/receive/author.h"
#include "hubd/receive/session.h"
#include "org_text.h"
#include "unit.h"

#define PEOPLE ",ou=people,dc=example,dc=com\nobjectClass: inetOrgPerson\n"
#define UUID(n) "entryUUID: 0000000000000000000000000000000" n "\n"

static const char people[] =
	"dn: uid=ann" PEOPLE UUID("1") "mail: ann@x.example\n"
	"mailLocalAddress: a.smith@x.example\n\n"
	"dn: uid=bob" PEOPLE UUID("2") "mail: bob@x.example\n\n"
	/* none is shown */
	"dn: uid=local" PEOPLE UUID("3") "mailLocalAddress: l1@x.example\n"
	"mailLocalAddress: l2@x.example\n\n"
	/* the lowest is shown */
	"dn: uid=many" PEOPLE UUID("4") "mail: m2@x.example\nmail: m1@x.example\n"
	"mailLocalAddress: m3@x.example\n\n"
	"dn: uid=twin1" PEOPLE UUID("5") "mail: twin@x.example\nmailLocalAddress: t1@x.example\n\n"
	"dn: uid=twin2" PEOPLE UUID("6") "mail: twin@x.example\nmailLocalAddress: t2@x.example\n\n"
	"dn: cn=staff,ou=people,dc=example,dc=com\nobjectClass: groupOfNames\n"
	"objectClass: hubMailGroup\n" UUID("7") "mail: staff@x.example\n"
	"member: uid=ann,ou=people,dc=example,dc=com\n\n";

static struct recipients *recipients;
static struct live live;
static struct receiver receiver;
static struct session session;
static char identity[100];

static void put_one(const struct entry *e, void *ctx)
{
	recipients_put(ctx, e);
}

static void setup(void)
{
	recipients = recipients_new();
	org_text_each(people, put_one, recipients);
	recipients_set_loaded(recipients);
	live.recipients = recipients;
	receiver.live = &live;
	session.receiver = &receiver;
	session.identity_mail = identity;
}

static void teardown(void)
{
	recipients_free(&recipients);
}

static enum author author(const char *as, const char *address)
{
	snprintf(identity, sizeof(identity), "%s", as);
	return author_of(&session, address);
}

static const struct {
	const char *as, *address;
	enum author author;
} addresses[] = {
	{ "ann@x.example", "ann@x.example", AUTHOR_OWN },
	{ "ann@x.example", "Ann@X.Example", AUTHOR_OWN },
	{ "ann@x.example", "A.SMITH@x.example", AUTHOR_OWN },
	{ "ann@x.example", "bob@x.example", AUTHOR_FOREIGN },
	{ "ann@x.example", "nobody@x.example", AUTHOR_FOREIGN },
	{ "ann@x.example", "staff@x.example", AUTHOR_FOREIGN },
	{ "l1@x.example", "l1@x.example", AUTHOR_OWN },
	{ "l1@x.example", "l2@x.example", AUTHOR_OWN },
	{ "l2@x.example", "l1@x.example", AUTHOR_OWN },
	{ "l1@x.example", "ann@x.example", AUTHOR_FOREIGN },
	{ "m1@x.example", "m2@x.example", AUTHOR_OWN },
	{ "m2@x.example", "m1@x.example", AUTHOR_OWN },
	{ "m2@x.example", "m3@x.example", AUTHOR_OWN },
	{ "twin@x.example", "twin@x.example", AUTHOR_OWN },
	{ "twin@x.example", "t2@x.example", AUTHOR_FOREIGN },
	{ "", "", AUTHOR_OWN },
	{ "", "ann@x.example", AUTHOR_FOREIGN },
};

START_TEST(own_addresses)
{
	ck_assert_int_eq(author(addresses[_i].as, addresses[_i].address), addresses[_i].author);
}
END_TEST

/* Nobody is told that an address is not his own before that is known. */
START_TEST(not_loaded)
{
	recipients_free(&recipients);
	recipients = recipients_new();
	live.recipients = recipients;
	ck_assert_int_eq(author("ann@x.example", "ann@x.example"), AUTHOR_OWN);
	ck_assert_int_eq(author("ann@x.example", "a.smith@x.example"), AUTHOR_NOT_KNOWN);
	ck_assert_int_eq(author("", "a.smith@x.example"), AUTHOR_FOREIGN);
	snprintf(identity, sizeof(identity), "ann@x.example");
	ck_assert_int_eq(author_judge("ann@x.example, a.smith@x.example", 32, &session),
		AUTHOR_NOT_KNOWN);
	ck_assert_int_eq(author_judge("a.smith@x.example, ann", 22, &session), AUTHOR_FOREIGN);
}
END_TEST

/* Of ann. */
static const struct {
	const char *value;
	enum author author;
} values[] = {
	{ "ann@x.example", AUTHOR_OWN },
	{ "Ann <ann@x.example>", AUTHOR_OWN },
	{ "Ann Smith (the first) <ann@x.example> (really)", AUTHOR_OWN },
	{ "\"bob@x.example\" <ann@x.example>", AUTHOR_OWN },
	{ "ann @ x . example", AUTHOR_OWN },
	{ "(c)ann(c)@(c)x.example(c)", AUTHOR_OWN },
	{ " ann@x.example , <a.smith@x.example>,, ", AUTHOR_OWN },
	{ "Team: ann@x.example, A <a.smith@x.example>;", AUTHOR_OWN },
	{ "\"ann\"@x.example", AUTHOR_OWN },
	{ "bob@x.example", AUTHOR_FOREIGN },
	{ "ann@x.example, bob@x.example", AUTHOR_FOREIGN },
	{ "ann@x.example; bob@x.example", AUTHOR_FOREIGN },
	/* one address to us must be no other to somebody else */
	{ "an n@x.example", AUTHOR_FOREIGN },
	{ "an(c)n@x.example", AUTHOR_FOREIGN },
	{ "ann@x.exam ple", AUTHOR_FOREIGN },
	{ "ann @ x.example bob@x.example", AUTHOR_FOREIGN },
	{ "<ann@x.example> bob@x.example", AUTHOR_FOREIGN },
	{ "<ann@x.example> \"bob@x.example\"", AUTHOR_FOREIGN },
	{ "<ann@x.example> <bob@x.example>", AUTHOR_FOREIGN },
	{ "bob@x.example: ann@x.example", AUTHOR_FOREIGN },
	{ "bob@x.example: ann@x.example;", AUTHOR_FOREIGN },
	{ "\"bob@x.example\": ann@x.example;", AUTHOR_FOREIGN },
	{ "<ann@x.example>: bob", AUTHOR_FOREIGN },
	{ "<@bob:ann@x.example>", AUTHOR_FOREIGN },
	{ "ann\\@x.example", AUTHOR_FOREIGN },
	{ "<ann @x.example>", AUTHOR_FOREIGN },
	{ "Team:;", AUTHOR_FOREIGN },
	{ "<>", AUTHOR_FOREIGN },
	{ "", AUTHOR_FOREIGN },
	{ "ann", AUTHOR_FOREIGN },
	{ "<ann@x.example", AUTHOR_FOREIGN },
	{ "\"<ann@x.example>", AUTHOR_FOREIGN },
	{ "(<ann@x.example>", AUTHOR_FOREIGN },
	{ "ann@x.example(", AUTHOR_FOREIGN },
	{ "\\", AUTHOR_FOREIGN },
};

START_TEST(fields)
{
	const char *value = values[_i].value;

	snprintf(identity, sizeof(identity), "ann@x.example");
	ck_assert_msg(author_judge(value, strlen(value), &session) == values[_i].author, "%s",
		value);
}
END_TEST

int main(void)
{
	TCase *author_case = tcase_create("author");

	tcase_add_checked_fixture(author_case, setup, teardown);
	tcase_add_loop_test(author_case, own_addresses, 0,
		sizeof(addresses) / sizeof(addresses[0]));
	tcase_add_loop_test(author_case, fields, 0, sizeof(values) / sizeof(values[0]));
	tcase_add_test(author_case, not_loaded);
	return unit_run("author", &author_case, 1);
}
