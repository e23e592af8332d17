/* The mirror of recipients: look-up by any address, duplicates, groups, refreshes, threads. */
#include "unit.h"

#include "org_text.h"
#include "libhub/directory/draft.h"
#include "libhub/org/recipients.h"
#include "libhub/org/recipients_codec.h"

#define PEOPLE ",ou=people,dc=example,dc=com"
#define UUID1 "entryUUID: 00000000000000000000000000000001\n"
#define UUID2 "entryUUID: 00000000000000000000000000000002\n"
#define UUID3 "entryUUID: 00000000000000000000000000000003\n"

static const char ann[] =
	"dn: cn=Ann" PEOPLE "\nobjectClass: inetOrgPerson\n" UUID1
	"mail: Ann@Example.com\nmailLocalAddress: a.smith@example.com\n"
	"mailLocalAddress: ann@example.com\nmailHost: mbx1.example.com\n\n";
static const char bob[] =
	"dn: cn=Bob" PEOPLE "\nobjectClass: inetOrgPerson\n" UUID2
	"mail: bob@example.com\nmailRoutingAddress: bob@elsewhere.example\n"
	"hubRefuseOutsideMail: TRUE\n\n";
static const char staff[] =
	"dn: cn=Staff" PEOPLE "\nobjectClass: groupOfNames\nobjectClass: hubMailGroup\n" UUID3
	"mail: staff@example.com\nmember: CN=ann, ou=people,dc=example,dc=com\n"
	"member: cn=bob" PEOPLE "\nmember: cn=nobody" PEOPLE "\n"
	"hubExpansionServer: cn=Hub1,cn=Servers,cn=Transport,dc=example,dc=com\n\n";

static struct recipients *r;
static struct recipient_info info;

static void put_one(const struct entry *e, void *ctx)
{
	recipients_put(ctx, e);
}

struct kept {
	struct arena *arena;
	struct entry **e;
};

static void keep(const struct entry *e, void *ctx)
{
	struct kept *k = ctx;

	*k->e = entry_copy(k->arena, e);
}

static void put(const char *text)
{
	org_text_each(text, put_one, r);
}

static enum recipient_outcome find(const char *address)
{
	recipient_info_clear(&info);
	recipients_find(r, address, &info);
	return info.outcome;
}

static void setup(void)
{
	r = recipients_new();
	put(ann);
	put(bob);
	put(staff);
	recipients_set_loaded(r);
}

static void teardown(void)
{
	recipient_info_clear(&info);
	recipients_free(&r);
}

START_TEST(not_loaded_until_told)
{
	struct recipients *fresh = recipients_new();

	ck_assert(!recipients_loaded(fresh));
	recipients_find(fresh, "ann@example.com", &info);
	ck_assert_int_eq(info.outcome, RECIPIENT_NOT_LOADED);
	recipients_refresh_begin(fresh, false);
	recipients_refresh_end(fresh);
	ck_assert(recipients_loaded(fresh));
	recipients_find(fresh, "ann@example.com", &info);
	ck_assert_int_eq(info.outcome, RECIPIENT_UNKNOWN);
	recipients_free(&fresh);
}
END_TEST

START_TEST(finds_by_any_address_in_any_case)
{
	ck_assert_int_eq(find("ANN@example.COM"), RECIPIENT_MAILBOX);
	ck_assert_str_eq(info.mail, "Ann@Example.com");
	ck_assert_str_eq(info.mail_host, "mbx1.example.com");
	ck_assert_int_eq(find("A.Smith@example.com"), RECIPIENT_MAILBOX);
	ck_assert(!info.refuse_outside_mail);
	ck_assert_int_eq(find("bob@example.com"), RECIPIENT_MAILBOX);
	ck_assert_str_eq(info.routing_address, "bob@elsewhere.example");
	ck_assert(info.refuse_outside_mail);
	ck_assert_int_eq(find("carl@example.com"), RECIPIENT_UNKNOWN);
	ck_assert_uint_eq(recipients_count(r), 3);
}
END_TEST

START_TEST(group_members_are_addresses)
{
	ck_assert_int_eq(find("staff@example.com"), RECIPIENT_GROUP);
	ck_assert_uint_eq(info.member_count, 2);
	ck_assert_str_eq(info.members[0], "Ann@Example.com");
	ck_assert_str_eq(info.members[1], "bob@example.com");
	ck_assert_str_eq(info.expansion_server,
		"cn=hub1,cn=servers,cn=transport,dc=example,dc=com");
}
END_TEST

START_TEST(two_claims_are_ambiguous_until_one_goes)
{
	static const unsigned char second[16] = { [15] = 9 };

	put("dn: cn=Anna" PEOPLE "\nentryUUID: 00000000000000000000000000000009\n"
		"mail: ann@example.com\n\n");
	ck_assert_int_eq(find("ann@example.com"), RECIPIENT_AMBIGUOUS);
	ck_assert_int_eq(find("a.smith@example.com"), RECIPIENT_MAILBOX);
	recipients_delete(r, second);
	ck_assert_int_eq(find("ann@example.com"), RECIPIENT_MAILBOX);

	put("dn: cn=Anna" PEOPLE "\nentryUUID: 00000000000000000000000000000009\n"
		"mail: ann@example.com\n\n");
	put("dn: cn=Ann" PEOPLE "\n" UUID1 "mail: new@example.com\n\n");
	ck_assert_int_eq(find("ann@example.com"), RECIPIENT_MAILBOX);
	ck_assert_str_eq(info.mail, "ann@example.com");
	ck_assert_int_eq(find("a.smith@example.com"), RECIPIENT_UNKNOWN);
}
END_TEST

START_TEST(renamed_and_emptied_entries)
{
	put("dn: cn=Robert" PEOPLE "\n" UUID2 "mail: bob@example.com\n\n");
	ck_assert_uint_eq(recipients_count(r), 3);
	find("staff@example.com");
	ck_assert_uint_eq(info.member_count, 1);
	put("dn: cn=Robert" PEOPLE "\n" UUID2 "description: left\n\n");
	ck_assert_int_eq(find("bob@example.com"), RECIPIENT_UNKNOWN);
	ck_assert_uint_eq(recipients_count(r), 2);
}
END_TEST

START_TEST(refresh_sweeps_what_was_not_shown)
{
	recipients_refresh_begin(r, false);
	put(ann);
	ck_assert_uint_eq(recipients_missing(r), 2);
	recipients_refresh_end(r);
	ck_assert_uint_eq(recipients_count(r), 3);
	while (recipients_sweep(r, 1))
		;
	ck_assert_uint_eq(recipients_count(r), 1);
	ck_assert_int_eq(find("ann@example.com"), RECIPIENT_MAILBOX);
	ck_assert_int_eq(find("bob@example.com"), RECIPIENT_UNKNOWN);
}
END_TEST

START_TEST(hidden_addresses_are_missing)
{
	static const char hidden[] = "dn: cn=Ann" PEOPLE "\nobjectClass: person\n" UUID1 "\n";

	recipients_refresh_begin(r, true);
	put(hidden);
	put(bob);
	put(staff);
	ck_assert_uint_eq(recipients_missing(r), 1);
	/* not believed */
	recipients_refresh_abort(r);
	ck_assert_int_eq(find("ann@example.com"), RECIPIENT_MAILBOX);
	/* believed */
	recipients_refresh_begin(r, true);
	put(hidden);
	put(bob);
	put(staff);
	recipients_refresh_end(r);
	recipients_sweep(r, 1000);
	ck_assert_int_eq(find("ann@example.com"), RECIPIENT_UNKNOWN);
	ck_assert_uint_eq(recipients_count(r), 2);
	/* told as a change */
	recipients_refresh_begin(r, false);
	put("dn: cn=Bob" PEOPLE "\nobjectClass: inetOrgPerson\n" UUID2 "\n");
	ck_assert_int_eq(find("bob@example.com"), RECIPIENT_UNKNOWN);
	ck_assert_uint_eq(recipients_missing(r), 1);
	recipients_refresh_abort(r);
	put(hidden);
	put(bob);
	put("dn: cn=Bob" PEOPLE "\nobjectClass: inetOrgPerson\n" UUID2 "\n");
	ck_assert_uint_eq(recipients_count(r), 1);
}
END_TEST

START_TEST(what_is_present_is_not_swept)
{
	static const unsigned char second[16] = { [15] = 2 };

	recipients_refresh_begin(r, false);
	recipients_present(r, second);
	put("dn: cn=Bob" PEOPLE "\n" UUID2 "mail: robert@example.com\n\n");
	ck_assert_uint_eq(recipients_missing(r), 2);
	recipients_refresh_end(r);
	recipients_sweep(r, 1000);
	ck_assert_uint_eq(recipients_count(r), 1);
	ck_assert_int_eq(find("robert@example.com"), RECIPIENT_MAILBOX);
	/* one that counts for nothing */
	recipients_refresh_begin(r, false);
	recipients_refresh_abort(r);
	ck_assert(!recipients_sweep(r, 1000));
	ck_assert_uint_eq(recipients_count(r), 1);
}
END_TEST

static bool moves(const char *text)
{
	struct entry *e = NULL;
	struct arena *a = arena_new();
	bool yes;

	org_text_each(text, keep, &(struct kept){ a, &e });
	yes = recipients_moves(r, e);
	arena_free(&a);
	return yes;
}

START_TEST(parents_are_known_when_they_move)
{
	put("dn: ou=people,dc=example,dc=com\nentryUUID: 00000000000000000000000000000004\n\n");
	ck_assert_uint_eq(recipients_count(r), 3);
	ck_assert_uint_eq(recipients_entries(r), 4);
	ck_assert(!moves("dn: OU=People, dc=example,dc=com\n"
		"entryUUID: 00000000000000000000000000000004\n\n"));
	ck_assert(moves("dn: ou=staff,dc=example,dc=com\n"
		"entryUUID: 00000000000000000000000000000004\n\n"));
	ck_assert(!moves("dn: cn=Robert" PEOPLE "\n" UUID2 "\n"));
}
END_TEST

static void put_decoded(const struct roster_entry *e, void *copy)
{
	recipients_put_decoded(copy, e);
}

static void delete_one(const unsigned char uuid[16], void *copy)
{
	recipients_delete(copy, uuid);
}

START_TEST(records_read_back_the_same)
{
	struct recipients *copy = recipients_new(), *first = r;
	const struct roster *roster = recipients_roster(r);
	const struct codec_reader reader = { put_decoded, delete_one, copy };
	struct codec_chunk chunk;
	struct codec_out out;
	const unsigned char *at;
	uint32_t id;

	codec_out_init(&out);
	codec_begin(&out, 'R');
	for (id = 1; id < roster_end(roster); id++)
		codec_put_record(&out, roster, id);
	codec_end(&out);
	at = out.data;
	ck_assert(codec_read(&at, out.data + out.size, &chunk));
	ck_assert_ptr_eq(at, out.data + out.size);
	ck_assert_int_eq(codec_read_changes(&chunk, &reader), 0);
	recipients_set_loaded(copy);
	r = copy;
	ck_assert_uint_eq(recipients_count(copy), 3);
	ck_assert_int_eq(find("A.SMITH@example.com"), RECIPIENT_MAILBOX);
	ck_assert_str_eq(info.mail, "Ann@Example.com");
	ck_assert_str_eq(info.mail_host, "mbx1.example.com");
	ck_assert_int_eq(find("staff@example.com"), RECIPIENT_GROUP);
	ck_assert_uint_eq(info.member_count, 2);
	ck_assert_str_eq(info.expansion_server,
		"cn=hub1,cn=servers,cn=transport,dc=example,dc=com");
	ck_assert_int_eq(find("bob@example.com"), RECIPIENT_MAILBOX);
	ck_assert_str_eq(info.routing_address, "bob@elsewhere.example");
	ck_assert(info.refuse_outside_mail);
	/* no byte of it may be another one */
	for (; at > out.data; at--) {
		const unsigned char *again = out.data;

		out.data[at - out.data - 1] ^= 1;
		ck_assert(!codec_read(&again, out.data + out.size, &chunk));
		out.data[at - out.data - 1] ^= 1;
	}
	codec_out_deinit(&out);
	recipients_free(&first);
}
END_TEST

int main(void)
{
	TCase *cases[] = { tcase_create("recipients") };

	tcase_add_checked_fixture(cases[0], setup, teardown);
	tcase_add_test(cases[0], not_loaded_until_told);
	tcase_add_test(cases[0], finds_by_any_address_in_any_case);
	tcase_add_test(cases[0], group_members_are_addresses);
	tcase_add_test(cases[0], two_claims_are_ambiguous_until_one_goes);
	tcase_add_test(cases[0], renamed_and_emptied_entries);
	tcase_add_test(cases[0], refresh_sweeps_what_was_not_shown);
	tcase_add_test(cases[0], hidden_addresses_are_missing);
	tcase_add_test(cases[0], what_is_present_is_not_swept);
	tcase_add_test(cases[0], parents_are_known_when_they_move);
	tcase_add_test(cases[0], records_read_back_the_same);
	return unit_run("org_recipients", cases, 1);
}
