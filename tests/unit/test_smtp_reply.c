/* test_smtp_reply.c - libhub/smtp/reply and capability: written, read, and refused. */
#include <string.h>

#include "libhub/smtp/capability.h"
#include "libhub/smtp/reply.h"
#include "unit.h"

START_TEST(format)
{
	char wire[SMTP_REPLY_WIRE_MAX], joined[SMTP_REPLY_JOINED_MAX], status[SMTP_STATUS_SIZE];
	struct smtp_reply r;

	smtp_reply_set(&r, 250, "2.1.0", "sender %s ok", "a@b");
	ck_assert_uint_eq(smtp_reply_format(&r, true, wire), strlen(wire));
	ck_assert_str_eq(wire, "250 2.1.0 sender a@b ok\r\n");
	smtp_reply_format(&r, false, wire);
	ck_assert_str_eq(wire, "250 sender a@b ok\r\n");
	ck_assert_str_eq(smtp_reply_join(&r, joined, sizeof(joined)), "250 2.1.0 sender a@b ok");
	ck_assert(smtp_reply_is_ok(&r) && !smtp_reply_is_temporary(&r));

	smtp_reply_set(&r, 250, NULL, "hub.example");
	smtp_reply_add_line(&r, "SIZE %d", 100);
	smtp_reply_add_line(&r, "PIPELINING");
	smtp_reply_format(&r, true, wire);
	ck_assert_str_eq(wire, "250-hub.example\r\n250-SIZE 100\r\n250 PIPELINING\r\n");

	smtp_reply_set(&r, 550, "5.7.1", "one");
	smtp_reply_add_line(&r, "two");
	smtp_reply_format(&r, true, wire);
	ck_assert_str_eq(wire, "550-5.7.1 one\r\n550 5.7.1 two\r\n");
	ck_assert_str_eq(smtp_reply_join(&r, joined, sizeof(joined)), "550 5.7.1 one; two");
	ck_assert_str_eq(smtp_reply_join(&r, joined, 8), "550 5.7");
	ck_assert_str_eq(smtp_reply_status(&r, status), "5.7.1");
	ck_assert(smtp_reply_is_permanent(&r));

	smtp_reply_set(&r, 421, NULL, "%s", "");
	smtp_reply_format(&r, true, wire);
	ck_assert_str_eq(wire, "421 \r\n");
	ck_assert_str_eq(smtp_reply_join(&r, joined, sizeof(joined)), "421");
	ck_assert_str_eq(smtp_reply_status(&r, status), "4.0.0");
}
END_TEST

/* What a peer said cannot add a line or a control byte to our answer. */
START_TEST(format_is_clean)
{
	char wire[SMTP_REPLY_WIRE_MAX];
	struct smtp_reply r;

	smtp_reply_set(&r, 501, "5.5.4", "bad: %s", "a\r\n250 ok\tb\177\303\244");
	smtp_reply_format(&r, true, wire);
	ck_assert_str_eq(wire, "501 5.5.4 bad: a??250 ok?b???\r\n");
}
END_TEST

START_TEST(format_is_bounded)
{
	char wire[SMTP_REPLY_WIRE_MAX], big[3000];
	const char *p;
	struct smtp_reply r;
	unsigned lines = 0;
	int i;

	memset(big, 'x', sizeof(big) - 1);
	big[sizeof(big) - 1] = '\0';
	smtp_reply_set(&r, 550, "5.999.999", "%s", big);
	for (i = 0; i < 300; i++)
		smtp_reply_add_line(&r, "%s", big);
	ck_assert(r.truncated);
	ck_assert_uint_eq(smtp_reply_format(&r, true, wire), strlen(wire));
	for (p = wire; *p != '\0'; p = strstr(p, "\r\n") + 2, lines++)
		ck_assert_int_le(strstr(p, "\r\n") - p, 510);
	ck_assert_uint_eq(lines, SMTP_REPLY_LINES_MAX);
}
END_TEST

static const struct {
	const char *lines;	/* by '|' */
	const char *joined;
	const char *status;
} read_well[] = {
	{ "250 ok", "250 ok", "2.0.0" },
	{ "250", "250", "2.0.0" },
	{ "250 ", "250", "2.0.0" },
	{ "250\tok", "250 ok", "2.0.0" },
	{ "250   ok  \r", "250 ok", "2.0.0" },
	{ "250-|250", "250", "2.0.0" },
	{ "250-|250-a|250-|250-|250 b", "250 a; b", "2.0.0" },
	{ "250-a|250-b|250 c", "250 a; b; c", "2.0.0" },
	{ "550 5.1.1 no such user", "550 5.1.1 no such user", "5.1.1" },
	{ "550 5.1.1", "550 5.1.1", "5.1.1" },
	{ "550-5.7.26 one|550-5.7.26 two|550 5.7.26 three", "550 5.7.26 one; two; three",
		"5.7.26" },
	{ "550-one|550 5.7.1 two", "550 5.7.1 one; two", "5.7.1" },
	{ "550 4.1.1 other class", "550 4.1.1 other class", "5.0.0" },
	{ "550 5.1.1234 too long", "550 5.1.1234 too long", "5.0.0" },
	{ "550 5.01.1 zero", "550 5.01.1 zero", "5.0.0" },
	{ "550 5.1.1x", "550 5.1.1x", "5.0.0" },
	{ "550 5.1", "550 5.1", "5.0.0" },
	{ "354 go on", "354 go on", "3.0.0" },
	{ "250 a\001\303\244", "250 a???", "2.0.0" },
};

START_TEST(reads)
{
	char joined[SMTP_REPLY_JOINED_MAX], status[SMTP_STATUS_SIZE];
	const char *p = read_well[_i].lines, *end;
	struct smtp_reply r;
	struct err e;

	smtp_reply_begin(&r);
	for (;; p = end + 1) {
		end = strchrnul(p, '|');
		ck_assert_int_eq(smtp_reply_feed(&r, p, (size_t)(end - p), &e), *end == '|');
		if (*end == '\0')
			break;
	}
	ck_assert(r.complete && !r.truncated);
	ck_assert_str_eq(smtp_reply_join(&r, joined, sizeof(joined)), read_well[_i].joined);
	ck_assert_str_eq(smtp_reply_status(&r, status), read_well[_i].status);
}
END_TEST

static const struct {
	const char *line, *reason;
} read_badly[] = {
	{ "", "not an SMTP reply: \"\"" },
	{ "25", "not an SMTP reply: \"25\"" },
	{ "hello\001", "not an SMTP reply: \"hello?\"" },
	{ "HTTP/1.1 400 Bad Request", "not an SMTP reply: \"HTTP" },
	{ "199 x", "not an SMTP reply" },
	{ "600 x", "not an SMTP reply" },
	{ "2500 x", "not an SMTP reply" },
	{ "250ok", "not an SMTP reply" },
	{ " 250 ok", "not an SMTP reply" },
	{ "550 x", "begins with code 250 and goes on with 550" },
};

START_TEST(refuses)
{
	struct smtp_reply r;
	struct err e = { 0 };
	const char *line = read_badly[_i].line;

	smtp_reply_begin(&r);
	ck_assert_int_eq(smtp_reply_feed(&r, "250-a", 5, &e), 1);
	ck_assert_int_eq(smtp_reply_feed(&r, line, strlen(line), &e), -1);
	ck_assert_msg(strstr(e.text, read_badly[_i].reason) != NULL, "%s", e.text);
	ck_assert_int_eq(e.class, ERR_TEMP);
}
END_TEST

START_TEST(reading_is_bounded)
{
	static char big[SMTP_REPLY_LINE_MAX + 1];
	struct smtp_reply r;
	struct err e;
	int i;

	memset(big, 'x', sizeof(big));
	memcpy(big, "250-", 4);
	smtp_reply_begin(&r);
	ck_assert_int_eq(smtp_reply_feed(&r, big, sizeof(big), &e), -1);
	smtp_reply_begin(&r);
	for (i = 0; i < SMTP_REPLY_LINES_MAX; i++)
		ck_assert_int_eq(smtp_reply_feed(&r, big, sizeof(big) - 1, &e), 1);
	ck_assert(r.truncated);
	ck_assert_uint_lt(r.length, SMTP_REPLY_TEXT_MAX);
	ck_assert_int_eq(smtp_reply_feed(&r, "250 x", 5, &e), -1);
	ck_assert_ptr_nonnull(strstr(e.text, "more than 100 lines"));
}
END_TEST

START_TEST(lines)
{
	struct smtp_reply r;
	const char *p;
	size_t n;

	smtp_reply_set(&r, 250, NULL, "one");
	smtp_reply_add_line(&r, "%s", "");
	smtp_reply_add_line(&r, "three");
	p = smtp_reply_line(&r, 0, &n);
	ck_assert(n == 3 && strncmp(p, "one", 3) == 0);
	ck_assert_ptr_nonnull(smtp_reply_line(&r, 1, &n));
	ck_assert_uint_eq(n, 0);
	ck_assert_ptr_nonnull(smtp_reply_line(&r, 2, &n));
	ck_assert_uint_eq(n, 5);
	ck_assert_ptr_null(smtp_reply_line(&r, 3, &n));
}
END_TEST

static const struct {
	const char *line;
	uint32_t extensions;
	uint32_t mechanisms;
	uint64_t size;
} announced[] = {
	{ "PIPELINING", SMTP_EXT_PIPELINING, 0, 0 },
	{ "pipelining", SMTP_EXT_PIPELINING, 0, 0 },
	{ "8BITMIME", SMTP_EXT_8BITMIME, 0, 0 },
	{ "BINARYMIME", SMTP_EXT_BINARYMIME, 0, 0 },
	{ "CHUNKING", SMTP_EXT_CHUNKING, 0, 0 },
	{ "DSN", SMTP_EXT_DSN, 0, 0 },
	{ "SMTPUTF8", SMTP_EXT_SMTPUTF8, 0, 0 },
	{ "ENHANCEDSTATUSCODES", SMTP_EXT_ENHANCEDSTATUSCODES, 0, 0 },
	{ "STARTTLS", SMTP_EXT_STARTTLS, 0, 0 },
	{ "SIZE", SMTP_EXT_SIZE, 0, 0 },
	{ "SIZE 35882577", SMTP_EXT_SIZE, 0, 35882577 },
	{ "SIZE 0", SMTP_EXT_SIZE, 0, 0 },
	{ "SIZE 10M", SMTP_EXT_SIZE, 0, 0 },
	{ "SIZE 99999999999999999999", SMTP_EXT_SIZE, 0, 0 },
	{ "AUTH PLAIN  LOGIN X-NEW", SMTP_EXT_AUTH, SMTP_MECH_PLAIN | SMTP_MECH_LOGIN, 0 },
	{ "AUTH=login external", SMTP_EXT_AUTH, SMTP_MECH_LOGIN | SMTP_MECH_EXTERNAL, 0 },
	{ "AUTH", SMTP_EXT_AUTH, 0, 0 },
	{ "AUTH CRAM-MD5 GSSAPI XOAUTH2", SMTP_EXT_AUTH,
		SMTP_MECH_CRAM_MD5 | SMTP_MECH_GSSAPI | SMTP_MECH_XOAUTH2, 0 },
	{ "LIMITS RCPTMAX=1", SMTP_EXT_LIMITS, 0, 0 },
	{ "PIPELININGS", 0, 0, 0 },
	{ "X-PIPELINING", 0, 0, 0 },
	{ "", 0, 0, 0 },
};

START_TEST(capabilities)
{
	struct smtp_capability c;
	struct smtp_reply r;

	smtp_reply_set(&r, 250, NULL, "DSN");	/* a server's name, not an extension */
	smtp_reply_add_line(&r, "%s", announced[_i].line);
	smtp_capability_parse(&c, &r);
	ck_assert_uint_eq(c.extensions, announced[_i].extensions);
	ck_assert_uint_eq(c.mechanisms, announced[_i].mechanisms);
	ck_assert_uint_eq(c.size_max, announced[_i].size);
	ck_assert(smtp_capability_has(&c, announced[_i].extensions));
	ck_assert(!smtp_capability_has(&c, 1u << 31 | announced[_i].extensions));
}
END_TEST

static const struct {
	const char *line;
	uint32_t mail, rcpt, domain;
} limited[] = {
	{ "LIMITS", 0, 0, 0 },
	{ "LIMITS RCPTMAX=100 MAILMAX=7 RCPTDOMAINMAX=1", 7, 100, 1 },
	{ "limits  rcptmax=999999 X-NEW=5 X-FLAG", 0, 999999, 0 },
	{ "LIMITS RCPTMAX=1000000 MAILMAX=x RCPTDOMAINMAX=", 0, 0, 0 },
	{ "LIMITS RCPTMAX MAILMAX=-1 RCPTMAX=1x", 0, 0, 0 },
	{ "LIMITS MAILMAX=1;2 XRCPTMAX=3", 0, 0, 0 },
};

START_TEST(limits)
{
	struct smtp_capability c;
	struct smtp_reply r;

	smtp_reply_set(&r, 250, NULL, "server");
	smtp_reply_add_line(&r, "%s", limited[_i].line);
	smtp_capability_parse(&c, &r);
	ck_assert_uint_eq(c.mail_max, limited[_i].mail);
	ck_assert_uint_eq(c.rcpt_max, limited[_i].rcpt);
	ck_assert_uint_eq(c.rcpt_domain_max, limited[_i].domain);
}
END_TEST

START_TEST(extension_names)
{
	uint32_t bit;

	for (bit = SMTP_EXT_PIPELINING; bit <= SMTP_EXT_STARTTLS; bit <<= 1)
		ck_assert_uint_eq(smtp_extension_find(smtp_extension_name(bit),
			strlen(smtp_extension_name(bit))), bit);
}
END_TEST

int main(void)
{
	TCase *reply = tcase_create("reply");

	tcase_add_test(reply, format);
	tcase_add_test(reply, format_is_clean);
	tcase_add_test(reply, format_is_bounded);
	tcase_add_loop_test(reply, reads, 0, sizeof(read_well) / sizeof(read_well[0]));
	tcase_add_loop_test(reply, refuses, 0, sizeof(read_badly) / sizeof(read_badly[0]));
	tcase_add_test(reply, reading_is_bounded);
	tcase_add_test(reply, lines);
	tcase_add_loop_test(reply, capabilities, 0, sizeof(announced) / sizeof(announced[0]));
	tcase_add_loop_test(reply, limits, 0, sizeof(limited) / sizeof(limited[0]));
	tcase_add_test(reply, extension_names);
	return unit_run("smtp_reply", &reply, 1);
}
