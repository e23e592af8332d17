/* test_smtp_command.c - libhub/smtp/command: what is understood, and what is refused and why. */
#include <string.h>

#include "libhub/smtp/command.h"
#include "unit.h"

#define ALL 0xffffffffu
#define NO_UTF8 (ALL & ~(uint32_t)SMTP_EXT_SMTPUTF8)
#define NO_DSN (ALL & ~(uint32_t)SMTP_EXT_DSN)
#define NO_BINARY (ALL & ~(uint32_t)SMTP_EXT_BINARYMIME)

static int parse(struct smtp_command *c, const char *line, uint32_t extensions, bool utf8,
	struct smtp_reply *r)
{
	struct smtp_command_context context = { extensions, utf8, NULL };

	return smtp_command_parse(c, line, strlen(line), &context, r);
}

static const struct {
	const char *line;
	uint32_t extensions;
	int code;
	const char *enhanced;
	const char *text;	/* a part of it */
} refused[] = {
	{ "", ALL, 500, "5.5.1", "not recognized" },
	{ "   ", ALL, 500, "5.5.1", "not recognized" },
	{ "FOO", ALL, 500, "5.5.1", "not recognized" },
	{ "MAILFROM:<a@b>", ALL, 500, "5.5.1", "not recognized" },
	{ "UNKNOWN", ALL, 500, "5.5.1", "not recognized" },
	{ "GET / HTTP/1.1", ALL, 500, "5.5.1", "not recognized" },
	{ "EHLO", ALL, 501, "5.5.4", "EHLO needs the name" },
	{ "EHLO a..b", ALL, 501, "5.5.4", "EHLO: domain has an empty label" },
	{ "HELO [1.2.3]", ALL, 501, "5.5.4", "HELO: address literal" },
	{ "EHLO a..", ALL, 501, "5.5.4", "EHLO: domain has an empty label" },
	{ "EHLO .", ALL, 501, "5.5.4", "EHLO: domain has an empty label" },
	{ "EHLO []", ALL, 501, "5.5.4", "EHLO: address literal" },
	{ "EHLO [::1", ALL, 501, "5.5.4", "EHLO: address literal" },
	{ "EHLO [::12345]", ALL, 501, "5.5.4", "EHLO: address literal" },
	{ "EHLO 1234567890123456789012345678901234567890123456789012345678901234", ALL, 501,
	  "5.5.4", "longer than 63" },
	{ "EHLO 192.0.2", ALL, 501, "5.5.4", "brackets" },
	{ "EHLO 192.0.2.256", ALL, 501, "5.5.4", "brackets" },
	{ "DATA now", ALL, 501, "5.5.4", "DATA takes no argument" },
	{ "RSET x", ALL, 501, "5.5.4", "RSET takes no argument" },
	{ "QUIT x", ALL, 501, "5.5.4", "QUIT takes no argument" },
	{ "STARTTLS x", ALL, 501, "5.5.4", "STARTTLS takes no argument" },
	{ "VRFY", ALL, 501, "5.5.4", "VRFY needs" },
	{ "MAIL", ALL, 501, "5.5.4", "MAIL is written MAIL FROM:<address>" },
	{ "MAIL <a@b>", ALL, 501, "5.5.4", "MAIL is written" },
	{ "MAIL TO:<a@b>", ALL, 501, "5.5.4", "MAIL is written" },
	{ "RCPT FROM:<a@b>", ALL, 501, "5.5.4", "RCPT is written" },
	{ "MAIL FROM:", ALL, 501, "5.1.7", "does not begin with <" },
	{ "MAIL FROM:a@b", ALL, 501, "5.1.7", "does not begin with <" },
	{ "MAIL FROM:<a@b", ALL, 501, "5.1.7", "no closing >" },
	{ "MAIL FROM:<a>", ALL, 501, "5.1.7", "domain is missing" },
	{ "MAIL FROM:<postmaster>", ALL, 501, "5.1.7", "domain is missing" },
	{ "MAIL FROM:<a@>", ALL, 501, "5.1.7", "domain is missing" },
	{ "MAIL FROM:<@b>", ALL, 501, "5.1.7", "source route" },
	{ "MAIL FROM:<a@b>SIZE=1", ALL, 501, "5.1.7", "something follows" },
	{ "MAIL FROM:<\303\244@b>", NO_UTF8, 501, "5.1.7", "SMTPUTF8" },
	{ "MAIL FROM:<\303\244@b>", ALL, 553, "5.6.7", "SMTPUTF8" },
	{ "MAIL FROM:<a@\303\244>", ALL, 553, "5.6.7", "SMTPUTF8" },
	{ "RCPT TO:<>", ALL, 501, "5.1.3", "empty" },
	{ "RCPT TO:<a b@c>", ALL, 501, "5.1.3", "quotes" },
	{ "RCPT TO:<\303\244@b>", ALL, 553, "5.6.7", "MAIL with SMTPUTF8" },
	{ "MAIL FROM:<a@b> FOO=1", ALL, 555, "5.5.4", "not known here: FOO" },
	{ "MAIL FROM:<a@b> SIZE=1", 0, 555, "5.5.4", "not known here: SIZE" },
	{ "MAIL FROM:<a@b> BODY=8BITMIME", 0, 555, "5.5.4", "BODY" },
	{ "MAIL FROM:<a@b> BODY=BINARYMIME", NO_BINARY, 555, "5.5.4", "BINARYMIME" },
	{ "MAIL FROM:<a@b> RET=FULL", NO_DSN, 555, "5.5.4", "RET" },
	{ "MAIL FROM:<a@b> ENVID=x", NO_DSN, 555, "5.5.4", "ENVID" },
	{ "MAIL FROM:<a@b> AUTH=<>", ALL & ~(uint32_t)SMTP_EXT_AUTH, 555, "5.5.4", "AUTH" },
	{ "MAIL FROM:<a@b> SMTPUTF8", NO_UTF8, 555, "5.5.4", "SMTPUTF8" },
	{ "RCPT TO:<a@b> NOTIFY=NEVER", NO_DSN, 555, "5.5.4", "NOTIFY" },
	{ "MAIL FROM:<a@b> NOTIFY=NEVER", ALL, 555, "5.5.4", "NOTIFY" },
	{ "RCPT TO:<a@b> SIZE=1", ALL, 555, "5.5.4", "SIZE" },
	{ "MAIL FROM:<a@b> SIZE=1 size=1", ALL, 501, "5.5.4", "twice: SIZE" },
	{ "MAIL FROM:<a@b> SIZE", ALL, 501, "5.5.4", "SIZE= needs" },
	{ "MAIL FROM:<a@b> SIZE=", ALL, 501, "5.5.4", "SIZE= needs" },
	{ "MAIL FROM:<a@b> SIZE=1k", ALL, 501, "5.5.4", "SIZE= needs" },
	{ "MAIL FROM:<a@b> SIZE=-1", ALL, 501, "5.5.4", "SIZE= needs" },
	{ "MAIL FROM:<a@b> SIZE=18446744073709551616", ALL, 501, "5.5.4", "SIZE= needs" },
	{ "MAIL FROM:<a@b> BODY=9BIT", ALL, 501, "5.5.4", "BODY= takes" },
	{ "MAIL FROM:<a@b> SMTPUTF8=1", ALL, 501, "5.5.4", "SMTPUTF8 takes no value" },
	{ "MAIL FROM:<a@b> RET=ALL", ALL, 501, "5.5.4", "RET= takes" },
	{ "MAIL FROM:<a@b> ENVID=", ALL, 501, "5.5.4", "ENVID=" },
	{ "MAIL FROM:<a@b> ENVID=a+4", ALL, 501, "5.5.4", "ENVID=" },
	{ "MAIL FROM:<a@b> ENVID=a+00", ALL, 501, "5.5.4", "ENVID=" },
	{ "MAIL FROM:<a@b> AUTH=", ALL, 501, "5.5.4", "AUTH=" },
	{ "MAIL FROM:<a@b> AUTH=a+4", ALL, 501, "5.5.4", "AUTH= is not xtext" },
	{ "MAIL FROM:<a@b> AUTH=nobody", ALL, 501, "5.5.4", "AUTH=: bad address: domain" },
	{ "RCPT TO:<a@b> NOTIFY", ALL, 501, "5.5.4", "NOTIFY=" },
	{ "RCPT TO:<a@b> NOTIFY=", ALL, 501, "5.5.4", "NOTIFY=" },
	{ "RCPT TO:<a@b> NOTIFY=SUCCESS,", ALL, 501, "5.5.4", "NOTIFY=" },
	{ "RCPT TO:<a@b> NOTIFY=NEVER,DELAY", ALL, 501, "5.5.4", "NEVER stands alone" },
	{ "RCPT TO:<a@b> ORCPT=a@b", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=;a@b", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=rfc822;", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=rfc822;a+0Ab", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=utf-8;\303", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=utf-8;a=b", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=utf-8;\303\244", NO_UTF8, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=utf-8;a\\b", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=utf-8;\\x{0A}", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=utf-8;\\x{D800}", ALL, 501, "5.5.4", "ORCPT=" },
	{ "RCPT TO:<a@b> ORCPT=rfc_822;a", ALL, 501, "5.5.4", "ORCPT=" },
	{ "BDAT", ALL, 501, "5.5.4", "BDAT needs" },
	{ "BDAT x", ALL, 501, "5.5.4", "BDAT needs" },
	{ "BDAT 99999999999999999999999", ALL, 501, "5.5.4", "BDAT needs" },
	{ "BDAT 1 FIRST", ALL, 501, "5.5.4", "LAST or nothing" },
	{ "BDAT 1 LAST x", ALL, 501, "5.5.4", "LAST or nothing" },
	{ "AUTH", ALL, 501, "5.5.4", "AUTH needs" },
	{ "AUTH PL@IN", ALL, 501, "5.5.4", "AUTH needs" },
	{ "AUTH PLAIN a b", ALL, 501, "5.5.4", "no more" },
	{ "NOOP a\rb", ALL, 501, "5.5.2", "CR" },
	{ "MAIL FROM:<a@b> \n", ALL, 501, "5.5.2", "LF" },
};

START_TEST(refuses)
{
	struct smtp_command c;
	struct smtp_reply r;
	char joined[SMTP_REPLY_JOINED_MAX], code[16];

	ck_assert_msg(parse(&c, refused[_i].line, refused[_i].extensions, false, &r) == -1,
		"accepted: %s", refused[_i].line);
	smtp_reply_join(&r, joined, sizeof(joined));
	snprintf(code, sizeof(code), "%d %s ", refused[_i].code, refused[_i].enhanced);
	ck_assert_msg(strncmp(joined, code, strlen(code)) == 0, "%s: %s", refused[_i].line, joined);
	ck_assert_msg(strstr(joined, refused[_i].text) != NULL, "%s: %s", refused[_i].line, joined);
}
END_TEST

START_TEST(mail)
{
	struct smtp_command c;
	struct smtp_reply r;

	ck_assert_int_eq(parse(&c, "mail from:<A.b@Example.ORG> size=1000 BODY=8bitmime RET=HDRS "
		"ENVID=QQ314159 AUTH=e+3Dmc2@example.com SMTPUTF8", ALL, false, &r), 0);
	ck_assert_int_eq(c.verb, SMTP_VERB_MAIL);
	ck_assert_str_eq(c.mail.from.text, "A.b@example.org");
	ck_assert(c.mail.size_given);
	ck_assert_uint_eq(c.mail.size, 1000);
	ck_assert_int_eq(c.mail.body, SMTP_BODY_8BITMIME);
	ck_assert_int_eq(c.mail.ret, SMTP_RET_HDRS);
	ck_assert_str_eq(c.mail.envid, "QQ314159");
	ck_assert(c.mail.auth_given);
	ck_assert_str_eq(c.mail.auth.text, "e=mc2@example.com");
	ck_assert(c.mail.utf8);

	ck_assert_int_eq(parse(&c, "MAIL FROM:<>", 0, false, &r), 0);
	ck_assert(smtp_address_is_null(&c.mail.from));
	ck_assert(!c.mail.size_given && !c.mail.auth_given && !c.mail.utf8);
	ck_assert_int_eq(c.mail.body, SMTP_BODY_UNSPECIFIED);
	ck_assert_int_eq(c.mail.ret, SMTP_RET_UNSPECIFIED);
	ck_assert_str_eq(c.mail.envid, "");

	ck_assert_int_eq(parse(&c, " MAIL  FROM : <a@b>\t SIZE=0 AUTH=<> ", ALL, false, &r), 0);
	ck_assert_str_eq(c.mail.from.text, "a@b");
	ck_assert(c.mail.size_given && c.mail.auth_given);
	ck_assert(smtp_address_is_null(&c.mail.auth));

	ck_assert_int_eq(parse(&c, "MAIL FROM:<\"a> SIZE=1\"@b> SIZE=2", ALL, false, &r), 0);
	ck_assert_str_eq(c.mail.from.text, "\"a> SIZE=1\"@b");
	ck_assert_uint_eq(c.mail.size, 2);

	ck_assert_int_eq(parse(&c, "MAIL FROM:<\303\244@b\303\274cher.example> SMTPUTF8", ALL,
		false, &r), 0);
	ck_assert_str_eq(c.mail.from.text, "\303\244@xn--bcher-kva.example");
}
END_TEST

START_TEST(rcpt)
{
	struct smtp_command c;
	struct smtp_reply r;

	ck_assert_int_eq(parse(&c, "RCPT TO:<a@b> NOTIFY=SUCCESS,delay ORCPT=rfc822;Bob+2B@b", ALL,
		false, &r), 0);
	ck_assert_int_eq(c.verb, SMTP_VERB_RCPT);
	ck_assert_str_eq(c.rcpt.to.text, "a@b");
	ck_assert_uint_eq(c.rcpt.notify, SMTP_NOTIFY_SUCCESS | SMTP_NOTIFY_DELAY);
	ck_assert_str_eq(c.rcpt.orcpt, "rfc822;Bob+2B@b");
	ck_assert_int_eq(parse(&c, "RCPT TO:<Postmaster> NOTIFY=NEVER", ALL, false, &r), 0);
	ck_assert_str_eq(c.rcpt.to.text, "Postmaster");
	ck_assert_str_eq(smtp_address_domain(&c.rcpt.to), "");
	ck_assert_uint_eq(c.rcpt.notify, SMTP_NOTIFY_NEVER);
	ck_assert_str_eq(c.rcpt.orcpt, "");
	ck_assert_int_eq(parse(&c, "RCPT TO:<@x,@y:a@b>", ALL, false, &r), 0);
	ck_assert_str_eq(c.rcpt.to.text, "a@b");
	ck_assert_uint_eq(c.rcpt.notify, 0);
	ck_assert_int_eq(parse(&c, "RCPT TO:<\303\244@b> ORCPT=utf-8;\303\244@b", ALL, true,
		&r), 0);
	ck_assert(c.rcpt.to.utf8);
}
END_TEST

static const struct {
	const char *line;
	enum smtp_body body;
	enum smtp_ret ret;
} choices[] = {
	{ "MAIL FROM:<> BODY=7BIT RET=FULL", SMTP_BODY_7BIT, SMTP_RET_FULL },
	{ "MAIL FROM:<> body=8bitmime ret=hdrs", SMTP_BODY_8BITMIME, SMTP_RET_HDRS },
	{ "MAIL FROM:<> BODY=BINARYMIME", SMTP_BODY_BINARYMIME, SMTP_RET_UNSPECIFIED },
};

START_TEST(mail_choices)
{
	struct smtp_command c;
	struct smtp_reply r;

	ck_assert_int_eq(parse(&c, choices[_i].line, ALL, false, &r), 0);
	ck_assert_int_eq(c.mail.body, choices[_i].body);
	ck_assert_int_eq(c.mail.ret, choices[_i].ret);
}
END_TEST

/* Values of just the length that is allowed, and of one more. */
static const struct {
	const char *before;
	int length;		/* of the x behind it */
	int rc;
} limits[] = {
	{ "MAIL FROM:<a@b> ENVID=", 100, 0 }, { "MAIL FROM:<a@b> ENVID=", 101, -1 },
	{ "MAIL FROM:<a@b> AUTH=", 501, -1 },
	{ "RCPT TO:<a@b> ORCPT=rfc822;", 493, 0 }, { "RCPT TO:<a@b> ORCPT=rfc822;", 494, -1 },
	{ "RCPT TO:<a@b> ORCPT=utf-8;", 494, 0 }, { "RCPT TO:<a@b> ORCPT=utf-8;", 495, -1 },
	{ "AUTH ", 20, 0 }, { "AUTH ", 21, -1 },
	{ "EHLO ", 63, 0 }, { "EHLO ", 64, -1 },
};

START_TEST(value_limits)
{
	char line[1000], x[600];
	struct smtp_command c;
	struct smtp_reply r;

	memset(x, 'x', sizeof(x));
	snprintf(line, sizeof(line), "%s%.*s", limits[_i].before, limits[_i].length, x);
	ck_assert_int_eq(parse(&c, line, ALL, false, &r), limits[_i].rc);
}
END_TEST

/* What real clients call themselves; RFC 5321 allows only some of it. */
static const struct {
	const char *line, *name;
	bool literal;
} names[] = {
	{ "ehlo Mail.Example.org", "mail.example.org", false },
	{ "EHLO my_pc", "my_pc", false },
	{ "HELO mail.example.org.", "mail.example.org", false },
	{ "EHLO 123456789012", "123456789012", false },
	{ "EHLO office pc", "office", false },
	{ "LHLO [IPv6:2001:DB8::0:1]", "[IPv6:2001:db8::1]", true },
	{ "EHLO 192.0.2.1", "[192.0.2.1]", true },
	{ "EHLO 255.255.255.255 and more", "[255.255.255.255]", true },
	{ "EHLO ::1", "[IPv6:::1]", true },
	{ "EHLO [0:0:0:0:0:0:0:1]", "[IPv6:::1]", true },
	{ "EHLO ipv6:::1", "[IPv6:::1]", true },
	{ "EHLO [FE80::1%eth0]", "[IPv6:fe80::1]", true },
	{ "EHLO [IPv6:fe80:0:0:0:0:0:0:1%4]", "[IPv6:fe80::1]", true },
};

START_TEST(names_of_clients)
{
	struct smtp_command c;
	struct smtp_reply r;

	ck_assert_int_eq(parse(&c, names[_i].line, 0, false, &r), 0);
	ck_assert_str_eq(c.helo.name, names[_i].name);
	ck_assert_int_eq(c.helo.literal, names[_i].literal);
}
END_TEST

/* Line, what the address becomes; NULL = refused. */
static const struct { const char *line, *text; } completed[] = {
	{ "MAIL FROM:<anna>", "anna@contoso.com" },
	{ "MAIL FROM:<postmaster>", "postmaster@contoso.com" },
	{ "MAIL FROM:<anna@b.example>", "anna@b.example" },
	{ "MAIL FROM:<\"a b\">", "\"a b\"@contoso.com" },
	{ "MAIL FROM:<>", "" },
	{ "MAIL FROM:<anna@>", NULL },
	{ "MAIL FROM:<@b.example>", NULL },
	{ "MAIL FROM:anna", NULL },
	{ "RCPT TO:<anna>", "anna@contoso.com" },
	{ "RCPT TO:<Postmaster>", "Postmaster" },
	{ "RCPT TO:<@relay.example:anna>", "anna@contoso.com" },
	{ "RCPT TO:<>", NULL },
	{ "RCPT TO:<a b>", NULL },
};

START_TEST(default_domain)
{
	static const struct smtp_command_context context = { ALL, false, "contoso.com" };
	const char *line = completed[_i].line, *text = completed[_i].text;
	const struct smtp_address *a;
	struct smtp_command c;
	struct smtp_reply r;
	int rc = smtp_command_parse(&c, line, strlen(line), &context, &r);

	ck_assert_int_eq(rc, text == NULL ? -1 : 0);
	if (text == NULL)
		return;
	a = c.verb == SMTP_VERB_MAIL ? &c.mail.from : &c.rcpt.to;
	ck_assert_str_eq(a->text, text);
	ck_assert_uint_eq(a->length, strlen(text));
	ck_assert_str_eq(smtp_address_domain(a), strchr(text, '@') == NULL ? "" :
		strrchr(text, '@') + 1);
}
END_TEST

START_TEST(default_domain_too_long)
{
	static char domain[252];
	const struct smtp_command_context context = { ALL, false, domain };
	struct smtp_command c;
	struct smtp_reply r;

	memset(domain, 'x', sizeof(domain) - 1);
	ck_assert_int_eq(smtp_command_parse(&c, "RCPT TO:<ab>", 12, &context, &r), 0);
	ck_assert_int_eq(smtp_command_parse(&c, "RCPT TO:<abc>", 13, &context, &r), -1);
	ck_assert_int_eq(r.code, 501);
}
END_TEST

START_TEST(others)
{
	static const struct smtp_command_context none = { 0, false, NULL };
	struct smtp_command c;
	struct smtp_reply r;

	ck_assert_int_eq(parse(&c, "BDAT 86 last", 0, false, &r), 0);
	ck_assert(c.bdat.last && c.bdat.size == 86);
	ck_assert_int_eq(parse(&c, "BDAT 0", 0, false, &r), 0);
	ck_assert(!c.bdat.last && c.bdat.size == 0);
	ck_assert_int_eq(parse(&c, "AUTH PLAIN", 0, false, &r), 0);
	ck_assert_ptr_null(c.auth.initial);
	ck_assert_int_eq(parse(&c, "AUTH PLAIN =", 0, false, &r), 0);
	ck_assert_ptr_nonnull(c.auth.initial);
	ck_assert_uint_eq(c.auth.initial_length, 0);
	ck_assert_int_eq(parse(&c, "AUTH LOGIN dGVzdA==", 0, false, &r), 0);
	ck_assert_uint_eq(c.auth.initial_length, 8);
	ck_assert_int_eq(strncmp(c.auth.mechanism, "LOGIN", c.auth.mechanism_length), 0);
	ck_assert_int_eq(parse(&c, "NOOP hello there ", 0, false, &r), 0);
	ck_assert_uint_eq(c.text.length, strlen("hello there"));
	ck_assert_int_eq(parse(&c, "VRFY bob", 0, false, &r), 0);
	ck_assert_uint_eq(c.text.length, 3);
	ck_assert_int_eq(parse(&c, "data ", 0, false, &r), 0);
	ck_assert_int_eq(c.verb, SMTP_VERB_DATA);
	ck_assert_int_eq(parse(&c, "QUIT", 0, false, &r), 0);
	ck_assert_int_eq(parse(&c, "NOOP", 0, false, &r), 0);
	ck_assert_int_eq(smtp_command_parse(&c, "NOOP \0", 6, &none, &r), -1);
	ck_assert_str_eq(smtp_verb_name(SMTP_VERB_EXPN), "EXPN");
}
END_TEST

int main(void)
{
	TCase *command = tcase_create("command");

	tcase_add_loop_test(command, refuses, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(command, mail);
	tcase_add_loop_test(command, mail_choices, 0, sizeof(choices) / sizeof(choices[0]));
	tcase_add_loop_test(command, value_limits, 0, sizeof(limits) / sizeof(limits[0]));
	tcase_add_test(command, rcpt);
	tcase_add_loop_test(command, names_of_clients, 0, sizeof(names) / sizeof(names[0]));
	tcase_add_test(command, others);
	tcase_add_loop_test(command, default_domain, 0,
		sizeof(completed) / sizeof(completed[0]));
	tcase_add_test(command, default_domain_too_long);
	return unit_run("smtp_command", &command, 1);
}
