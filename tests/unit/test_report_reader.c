/* test_report_reader.c - what the sender of a message may read (hubd/report/reader.h). */
#include <string.h>

#include "hubd/report/reader.h"
#include "org_text.h"
#include "unit.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))
#define BASE "cn=Transport,dc=example,dc=com"
#define DOMAINS "cn=Accepted Domains," BASE
#define WORLD "dn: " BASE "\nobjectClass: hubOrganization\ncn: Transport\n\n" \
	"dn: cn=Ours," DOMAINS "\nobjectClass: hubAcceptedDomain\ncn: Ours\n" \
	"hubDomain: contoso.com\nhubDomainType: Authoritative\n\n" \
	"dn: cn=Customer," DOMAINS "\nobjectClass: hubAcceptedDomain\ncn: Customer\n" \
	"hubDomain: customer.example\nhubDomainType: ExternalRelay\n"

static struct live live;
static struct arena *arena;

static void setup(void)
{
	struct builder *b = builder_new(BASE);

	org_text_put(b, WORLD);
	live = (struct live){ .snapshot = builder_build(b, NULL) };
	builder_free(&b);
	arena = arena_new();
}

static void teardown(void)
{
	arena_free(&arena);
	snapshot_unref(&live.snapshot);
}

/* The one line that is made of a recipient. */
static struct report_line read_by(const char *sender, enum envelope_auth auth, bool public_hop,
	struct envelope_recipient r, struct queue_report_recipient v)
{
	struct envelope env = { .sender = sender, .auth = auth, .recipients = &r,
		.recipient_count = 1 };
	struct report_request q = { .live = &live, .env = &env, .v = &v, .n = 1,
		.public_hop = public_hop };
	struct report_line *line;
	uint32_t due = 0;

	ck_assert_uint_eq(reader_lines(&q, &due, 1, arena, &line), 1);
	return *line;
}

static const struct {
	enum envelope_auth auth;
	const char *orcpt, *original, *address;		/* of the recipient */
	const char *told;
} names[] = {
	{ ENVELOPE_AUTH_ANONYMOUS, "", "", "anna@contoso.com", "anna@contoso.com" },
	{ ENVELOPE_AUTH_ANONYMOUS, "", "alias@contoso.com", "b@far.example", "alias@contoso.com" },
	/* what a stranger makes up says nothing of our rewriting */
	{ ENVELOPE_AUTH_ANONYMOUS, "rfc822;x@evil.example", "alias@contoso.com", "b@far.example",
		"alias@contoso.com" },
	{ ENVELOPE_AUTH_ANONYMOUS, "rfc822;x@evil.example", "", "anna@contoso.com",
		"anna@contoso.com" },
	/* a hub before this one rewrote it */
	{ ENVELOPE_AUTH_HUB, "rfc822;a+2Bb@contoso.com", "", "b@far.example", "a+b@contoso.com" },
	{ ENVELOPE_AUTH_HUB, "rfc822;x@evil.example", "", "b@far.example", "x@evil.example" },
	{ ENVELOPE_AUTH_HUB, "rfc822;x@evil.example", "c@contoso.com", "b@far.example",
		"x@evil.example" },
	{ ENVELOPE_AUTH_HUB, "utf-8;j\\x{F6}rg@contoso.com", "", "b@far.example",
		"j\303\266rg@contoso.com" },
	{ ENVELOPE_AUTH_HUB, "utf-8;j\303\266rg@evil.example", "", "b@far.example",
		"j\303\266rg@evil.example" },
	{ ENVELOPE_AUTH_HUB, "x400;/C=DE/S=X", "", "b@far.example", "/C=DE/S=X" },
	{ ENVELOPE_AUTH_HUB, "utf-8;bad\\x{", "", "b@far.example", "bad\\x{" },
	{ ENVELOPE_AUTH_HUB, "rfc822;ANNA@contoso.com", "", "anna@contoso.com",
		"anna@contoso.com" },
};

START_TEST(name)
{
	const struct report_line l = read_by("someone@outside.example", names[_i].auth, true,
		(struct envelope_recipient){ .orcpt = names[_i].orcpt,
			.original = names[_i].original, .address = names[_i].address },
		(struct queue_report_recipient){ .status = "5.1.1", .diagnostic = "550 5.1.1 no",
			.from_peer = true, .remote = "mx.hoster.example" });

	ck_assert_str_eq(l.address, names[_i].told);
	ck_assert_str_eq(l.via, "");
}
END_TEST

/* What a reply to left@contoso.com, whose address is private@address.example, may tell. */
static const struct {
	const char *words, *told;
} replies[] = {
	{ "550 5.1.1 nobody of that name", "550 5.1.1 nobody of that name" },
	{ "550 5.1.1 <Private@Address.Example> left", "550 5.1.1 <left@contoso.com> left" },
	{ "550 5.1.1 private left", "550 5.1.1" },
	{ "550 no mailbox at ADDRESS.example", "550" },
	{ "450 4.7.1 mail.address.example is busy", "450 4.7.1" },
	{ "450 4.7.1 mx.hoster.example is busy", "450 4.7.1" },
	{ "550 10.9.8.7 of address.example refuses", "550" },
};

START_TEST(reply_about_hidden)
{
	const struct report_line l = read_by("someone@outside.example", ENVELOPE_AUTH_ANONYMOUS,
		true, (struct envelope_recipient){ .orcpt = "", .original = "left@contoso.com",
			.address = "private@address.example" },
		(struct queue_report_recipient){ .status = "5.1.1",
			.diagnostic = replies[_i].words, .from_peer = true,
			.remote = "mx.hoster.example" });

	ck_assert_str_eq(l.words, replies[_i].told);
	ck_assert_str_eq(l.remote, "");
}
END_TEST

/* What a host within says of itself is for those within. */
static const struct {
	const char *sender, *words;
	bool public_hop;
	const char *told, *remote;
} hosts[] = {
	{ "x@outside.example", "452 4.3.1 MBX1.contoso.com: over quota", false, "452 4.3.1", "" },
	{ "x@outside.example", "452 4.3.1 over quota", false, "452 4.3.1 over quota", "" },
	{ "x@outside.example", "452 4.3.1 mbx1.contoso.com: over quota", true,
		"452 4.3.1 mbx1.contoso.com: over quota", "mbx1.contoso.com" },
	/* we only pass on what is for that domain: its people are not ours */
	{ "buyer@customer.example", "452 4.3.1 mbx1.contoso.com: over quota", false,
		"452 4.3.1", "" },
	{ "bruno@contoso.com", "452 4.3.1 mbx1.contoso.com: over quota", false,
		"452 4.3.1 mbx1.contoso.com: over quota", "mbx1.contoso.com" },
};

START_TEST(host)
{
	const struct report_line l = read_by(hosts[_i].sender, ENVELOPE_AUTH_ANONYMOUS,
		hosts[_i].public_hop, (struct envelope_recipient){ .orcpt = "", .original = "",
			.address = "anna@contoso.com" },
		(struct queue_report_recipient){ .status = "4.3.1", .diagnostic = hosts[_i].words,
			.from_peer = true, .remote = "mbx1.contoso.com" });

	ck_assert_str_eq(l.words, hosts[_i].told);
	ck_assert_str_eq(l.remote, hosts[_i].remote);
}
END_TEST

/* Whether the whole message comes back, or its header. */
static const struct {
	enum queue_report_kind kind;
	enum envelope_ret ret;
	enum envelope_body body;
	bool require_tls;
	uint64_t size;
	bool whole;
} originals[] = {
	{ QUEUE_REPORT_FAILED, ENVELOPE_RET_NONE, ENVELOPE_BODY_7BIT, false, 65536, true },
	{ QUEUE_REPORT_FAILED, ENVELOPE_RET_NONE, ENVELOPE_BODY_7BIT, false, 65537, false },
	{ QUEUE_REPORT_FAILED, ENVELOPE_RET_FULL, ENVELOPE_BODY_7BIT, false, 65537, true },
	{ QUEUE_REPORT_FAILED, ENVELOPE_RET_FULL, ENVELOPE_BODY_7BIT, false, 99999999, false },
	{ QUEUE_REPORT_FAILED, ENVELOPE_RET_HDRS, ENVELOPE_BODY_7BIT, false, 1, false },
	{ QUEUE_REPORT_FAILED, ENVELOPE_RET_FULL, ENVELOPE_BODY_BINARYMIME, false, 1, false },
	{ QUEUE_REPORT_FAILED, ENVELOPE_RET_FULL, ENVELOPE_BODY_7BIT, true, 1, false },
	{ QUEUE_REPORT_DELAYED, ENVELOPE_RET_FULL, ENVELOPE_BODY_7BIT, false, 1, false },
};

START_TEST(original)
{
	struct envelope env = { .ret = originals[_i].ret, .body = originals[_i].body,
		.require_tls = originals[_i].require_tls };
	struct report_request q = { .env = &env, .body_size = originals[_i].size };
	struct report_line lines[] = { { .kind = QUEUE_REPORT_RELAYED },
		{ .kind = originals[_i].kind } };

	ck_assert_int_eq(reader_gets_whole(&q, lines, COUNT(lines)), originals[_i].whole);
}
END_TEST

int main(void)
{
	TCase *reader = tcase_create("reader");

	tcase_add_checked_fixture(reader, setup, teardown);
	tcase_add_loop_test(reader, name, 0, COUNT(names));
	tcase_add_loop_test(reader, reply_about_hidden, 0, COUNT(replies));
	tcase_add_loop_test(reader, host, 0, COUNT(hosts));
	tcase_add_loop_test(reader, original, 0, COUNT(originals));
	return unit_run("report_reader", &reader, 1);
}
