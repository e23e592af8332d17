/* test_smtp_address.c - libhub/smtp/address: canonical forms, refusals, limits, xtext, UTF-8. */
#include <string.h>

#include "libhub/smtp/address.h"
#include "unit.h"

#define NUL SMTP_ADDRESS_NULL
#define PM SMTP_ADDRESS_POSTMASTER
#define U8 SMTP_ADDRESS_UTF8

#define X10 "xxxxxxxxxx"
#define X60 X10 X10 X10 X10 X10 X10
#define X63 X60 "xxx"
#define X64 X60 "xxxx"

static const struct {
	const char *path;
	uint32_t flags;
	const char *text;
	const char *domain;
	bool literal;
	bool utf8;
} good[] = {
	{ "<>", NUL, "", "", false, false },
	{ "<a@b>", 0, "a@b", "b", false, false },
	{ "<A.B+c@Example.ORG>", 0, "A.B+c@example.org", "example.org", false, false },
	{ "<!#$%&'*+-/=?^_`{|}~@b>", 0, "!#$%&'*+-/=?^_`{|}~@b", "b", false, false },
	{ "<@one,@two.example:a@b>", 0, "a@b", "b", false, false },
	{ "<@[192.0.2.1]:a@b>", 0, "a@b", "b", false, false },
	{ "<\"a\"@b>", 0, "a@b", "b", false, false },
	{ "<\"a.b\"@b>", 0, "a.b@b", "b", false, false },
	{ "<\"\\a\\.\\b\"@b>", 0, "a.b@b", "b", false, false },
	{ "<\"a b\"@b>", 0, "\"a b\"@b", "b", false, false },
	{ "<\"a@x\"@b>", 0, "\"a@x\"@b", "b", false, false },
	{ "<\"a>\"@b>", 0, "\"a>\"@b", "b", false, false },
	{ "<\"a..b\"@b>", 0, "\"a..b\"@b", "b", false, false },
	{ "<\".a\"@b>", 0, "\".a\"@b", "b", false, false },
	{ "<\"\"@b>", 0, "\"\"@b", "b", false, false },
	{ "<\"\\\"\\\\\"@b>", 0, "\"\\\"\\\\\"@b", "b", false, false },
	{ "<Postmaster>", PM, "Postmaster", "", false, false },
	{ "<\"postmaster\">", PM, "postmaster", "", false, false },
	{ "<a@[192.0.2.1]>", 0, "a@[192.0.2.1]", "[192.0.2.1]", true, false },
	{ "<a@[ipv6:2001:DB8:0:0::1]>", 0, "a@[IPv6:2001:db8::1]", "[IPv6:2001:db8::1]", true,
		false },
	{ "<a@under_score.example>", 0, "a@under_score.example", "under_score.example", false,
		false },
	{ "<a@1.example>", 0, "a@1.example", "1.example", false, false },
	{ "<a@xn--BCHER-kva.example>", 0, "a@xn--bcher-kva.example", "xn--bcher-kva.example", false,
		false },
	{ "<" X64 "@b>", 0, X64 "@b", "b", false, false },
	{ "<\303\244@b>", U8, "\303\244@b", "b", false, true },
	{ "<\"\303\244\"@b>", U8, "\303\244@b", "b", false, true },
	{ "<a@B\303\234cher.example>", U8, "a@xn--bcher-kva.example", "xn--bcher-kva.example",
		false, true },
	{ "<a@fa\303\237.de>", U8, "a@xn--fa-hia.de", "xn--fa-hia.de", false, true },
};

START_TEST(accepts)
{
	struct smtp_address a, again;
	struct err e = { 0 };
	const char *path = good[_i].path;
	size_t used;

	ck_assert_msg(smtp_path_parse(&a, path, strlen(path), NULL, good[_i].flags, &e) == 0,
		"%s: %s", path, e.text);
	ck_assert_str_eq(a.text, good[_i].text);
	ck_assert_uint_eq(a.length, strlen(good[_i].text));
	ck_assert_str_eq(smtp_address_domain(&a), good[_i].domain);
	ck_assert_int_eq(a.literal, good[_i].literal);
	ck_assert_int_eq(a.utf8, good[_i].utf8);
	ck_assert_int_eq(smtp_address_is_null(&a), good[_i].text[0] == '\0');
	ck_assert_uint_eq(smtp_address_local_length(&a),
		a.length - strlen(good[_i].domain) - (good[_i].domain[0] != '\0'));
	ck_assert_int_eq(smtp_address_parse(&again, a.text, a.length, NUL | PM | U8, &e), 0);
	ck_assert(smtp_address_equal(&a, &again));
	ck_assert_int_eq(smtp_path_parse(&a, path, strlen(path), &used, good[_i].flags, &e), 0);
	ck_assert_uint_eq(used, strlen(path));
}
END_TEST

static const struct {
	const char *path;
	uint32_t flags;
	const char *reason;
} bad[] = {
	{ "", NUL | PM, "does not begin with <" },
	{ "a@b", 0, "does not begin with <" },
	{ "<", NUL, "local part is missing" },
	{ "<>", PM, "address is empty" },
	{ "< >", NUL, "local part is missing" },
	{ "<a@b", 0, "no closing >" },
	{ "<a@b>>", 0, "something follows" },
	{ "<a@b> ", 0, "something follows" },
	{ "<a>", NUL, "domain is missing" },
	{ "<a>", PM, "domain is missing" },
	{ "<postmaster>", NUL, "domain is missing" },
	{ "<a@>", 0, "domain is missing" },
	{ "<a b@c>", 0, "only in quotes" },
	{ "<a@b c>", 0, "no closing >" },
	{ "<a@b@c>", 0, "no letter, digit or hyphen" },
	{ "<(x)a@b>", 0, "local part is missing" },
	{ "<.a@b>", 0, "dot at the end" },
	{ "<a.@b>", 0, "dot at the end" },
	{ "<a..b@c>", 0, "beside another" },
	{ "<\"a@b>", 0, "no closing quote" },
	{ "<\"a\\", 0, "no closing quote" },
	{ "<\"a\"b@c>", 0, "only in quotes" },
	{ "<\"a\tb\"@c>", 0, "control character" },
	{ "<\"a\\\rb\"@c>", 0, "control character" },
	{ "<\"a\177\"@c>", 0, "control character" },
	{ "<\"a\\\303\244\"@c>", U8, "backslash before" },
	{ "<\"" X64 "x\"@c>", 0, "longer than 64" },
	{ "<a@\303\244" X60 X60 X60 X60 ".x>", U8, "IDNA" },
	{ "<a@.b>", 0, "empty label" },
	{ "<a@b.>", 0, "empty label" },
	{ "<a@b..c>", 0, "empty label" },
	{ "<a@-b>", 0, "begins with a hyphen" },
	{ "<a@b-.c>", 0, "ends with a hyphen" },
	{ "<a@192.0.2.1>", 0, "in brackets" },
	{ "<a@[192.0.2.256]>", 0, "no IP address" },
	{ "<a@[192.0.2.1>", 0, "no closing bracket" },
	{ "<a@[2001:db8::1]>", 0, "no IP address" },
	{ "<a@[IPv6:192.0.2.1]>", 0, "no IP address" },
	{ "<a@[IPv6:]>", 0, "no IP address" },
	{ "<a@[]>", 0, "no IP address" },
	{ "<a@[192.0.2.1]x>", 0, "no closing >" },
	{ "<@b>", 0, "no colon" },
	{ "<@b:>", 0, "local part is missing" },
	{ "<@b,:a@c>", 0, "not made of @domain" },
	{ "<@b,c:a@d>", 0, "not made of @domain" },
	{ "<@:a@d>", 0, "domain is missing" },
	{ "<" X64 "x@b>", 0, "longer than 64" },
	{ "<\"" X63 "\"@b>", 0, NULL },		/* quotes not needed: 63 */
	{ "<\"" X63 " \"@b>", 0, "longer than 64" },	/* 66 with its quotes */
	{ "<\"" X60 " x\"@b>", 0, NULL },		/* 64 with its quotes */
	{ "<\"" X60 " xx\"@b>", 0, "longer than 64" },
	{ "<a@" X63 "x>", 0, "longer than 63" },
	{ "<a@" X63 "." X63 "." X63 "." X63 ".x>", 0, "longer than 255" },
	{ "<a@" X63 "." X63 "." X63 "." X60 ".x>", 0, "longer than 254" },
	{ "<" X60 "@" X63 "." X63 "." X63 ".x>", 0, NULL },			/* 254 */
	{ "<" X60 "@" X63 "." X63 "." X63 ".xx>", 0, "longer than 254" },
	{ "<" X10 "@" X63 "." X63 "." X63 ".x>", 0, NULL },
	{ "<\303\244@b>", 0, "SMTPUTF8" },
	{ "<a\303\244@b>", 0, "SMTPUTF8" },
	{ "<\"\303\244\"@b>", 0, "SMTPUTF8" },
	{ "<a@\303\244>", 0, "SMTPUTF8" },
	{ "<\303@b>", U8, "not UTF-8" },
	{ "<\355\240\200@b>", U8, "not UTF-8" },
	{ "<a@\303>", U8, "not UTF-8" },
	{ "<a@\342\200\250.example>", U8, "IDNA" },
};

START_TEST(refuses)
{
	struct smtp_address a;
	struct err e = { 0 };
	int rc = smtp_path_parse(&a, bad[_i].path, strlen(bad[_i].path), NULL, bad[_i].flags, &e);

	if (bad[_i].reason == NULL) {
		ck_assert_msg(rc == 0, "%s: %s", bad[_i].path, e.text);
		return;
	}
	ck_assert_msg(rc == -1, "accepted: %s", bad[_i].path);
	ck_assert_msg(strstr(e.text, bad[_i].reason) != NULL, "%s: %s", bad[_i].path, e.text);
	ck_assert_int_eq(e.class, ERR_PERM);
}
END_TEST

/* NUL is a byte like another: it never ends anything early. */
START_TEST(refuses_nul)
{
	static const struct {
		const char *path;
		size_t n;
	} rows[] = {
		{ "<a\0@b>", 6 }, { "<a@b\0>", 6 }, { "<\"a\0\"@b>", 8 },
		{ "<a@[192.0.2.1\0]>", 16 },
		{ "<a@\303\244\0.c>", 9 }, { "\0<a@b>", 6 },
	};
	struct smtp_address a;
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ck_assert_int_eq(smtp_path_parse(&a, rows[i].path, rows[i].n, NULL, U8, NULL), -1);
}
END_TEST

START_TEST(what_follows)
{
	static const char line[] = "<\"a>\"@b> SIZE=1";
	struct smtp_address a;
	size_t used;

	ck_assert_int_eq(smtp_path_parse(&a, line, strlen(line), &used, 0, NULL), 0);
	ck_assert_str_eq(line + used, " SIZE=1");
}
END_TEST

START_TEST(mailbox)
{
	struct smtp_address a, b;

	ck_assert_int_eq(smtp_address_parse(&a, "a@B", 3, 0, NULL), 0);
	ck_assert_str_eq(a.text, "a@b");
	ck_assert_int_eq(smtp_address_parse(&a, "<a@b>", 5, 0, NULL), -1);
	ck_assert_int_eq(smtp_address_parse(&a, "a@b>", 4, 0, NULL), -1);
	ck_assert_int_eq(smtp_address_parse(&a, "a@b c", 5, 0, NULL), -1);
	ck_assert_int_eq(smtp_address_parse(&a, "", 0, 0, NULL), -1);
	ck_assert_int_eq(smtp_address_parse(&a, "", 0, NUL, NULL), 0);

	ck_assert_int_eq(smtp_address_parse(&a, "Bob@x", 5, 0, NULL), 0);
	ck_assert_int_eq(smtp_address_parse(&b, "bob@X", 5, 0, NULL), 0);
	ck_assert(!smtp_address_equal(&a, &b));
	ck_assert(smtp_address_equal_folded(&a, &b));
	ck_assert_int_eq(smtp_address_parse(&b, "bob@xy", 6, 0, NULL), 0);
	ck_assert(!smtp_address_equal_folded(&a, &b));
}
END_TEST

START_TEST(hostnames)
{
	static const char *const yes[] = { "a", "a.b", "mx-1.example.org", "a_b.c", "1a.2",
		X63 ".x" };
	static const char *const no[] = { "", ".", "a.", ".a", "a b", "-a", "a-", "1.2.3.4", "127",
		"[a]", "a\303\244", X64, "a/b", "*.a" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		ck_assert_msg(smtp_hostname_is_valid(yes[i], strlen(yes[i])), "%s", yes[i]);
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ck_assert_msg(!smtp_hostname_is_valid(no[i], strlen(no[i])), "%s", no[i]);
}
END_TEST

/* RFC 6533 section 3: text, as written without and with the specials; NULL: not so */
START_TEST(utf8_address)
{
	static const struct {
		const char *text, *coded, *special;
	} rows[] = {
		{ "a@b", "a@b", "a@b" },
		{ "\xc3\xa4@b", "\\x{E4}@b", "\\x{E4}@b" },
		{ "\xe6\x97\xa5\xf0\x9f\x98\x80", "\\x{65E5}\\x{1F600}", "\\x{65E5}\\x{1F600}" },
		{ "a+b=c", "a+b=c", "a\\x{2B}b\\x{3D}c" },
		{ "a b", "a b", "a\\x{20}b" },
		{ "a\\b", NULL, "a\\x{5C}b" },
	};
	static const char *const no[] = { "\\", "\\x", "\\x{}", "\\x{4}", "\\x{41", "\\x{g1}",
		"\\x{D800}", "\\x{110000}", "\\x{0000041}", "\\y{41}", "\xff" };
	char out[64];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *text = rows[i].text, *special = rows[i].special;

		ck_assert_int_gt(smtp_utf8_address_encode(out, sizeof(out), text, strlen(text),
			true), 0);
		ck_assert_str_eq(out, special);
		ck_assert_int_gt(smtp_utf8_address_decode(out, sizeof(out), special,
			strlen(special)), 0);
		ck_assert_str_eq(out, text);
		if (rows[i].coded == NULL)
			continue;
		ck_assert_int_gt(smtp_utf8_address_encode(out, sizeof(out), text, strlen(text),
			false), 0);
		ck_assert_str_eq(out, rows[i].coded);
	}
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ck_assert_int_eq(smtp_utf8_address_decode(out, sizeof(out), no[i], strlen(no[i])),
			-1);
	ck_assert_int_eq(smtp_utf8_address_encode(out, sizeof(out), "\xff", 1, false), -1);
	ck_assert_int_eq(smtp_utf8_address_encode(out, 6, "\xc3\xa4", 2, false), -1);
	ck_assert_int_eq(smtp_utf8_address_encode(out, 7, "\xc3\xa4", 2, false), 6);
	ck_assert_int_eq(smtp_utf8_address_decode(out, 2, "\xc3\xa4", 2), -1);
	ck_assert_int_eq(smtp_utf8_address_decode(out, 3, "\xc3\xa4", 2), 2);
}
END_TEST

START_TEST(xtext)
{
	static const struct {
		const char *plain, *coded;
	} rows[] = {
		{ "", "" }, { "abc", "abc" }, { "a+b=c", "a+2Bb+3Dc" }, { "a b", "a+20b" },
		{ "\377\001~", "+FF+01~" },
	};
	static const char *const no[] = { "a b", "a=b", "+", "+4", "+4G", "+-1", "\303\244",
		"a\177" };
	char out[64];
	size_t i;

	for (i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		ck_assert_int_eq(smtp_xtext_encode(out, sizeof(out), rows[i].plain,
			strlen(rows[i].plain)), (int)strlen(rows[i].coded));
		ck_assert_str_eq(out, rows[i].coded);
		ck_assert_int_eq(smtp_xtext_decode(out, sizeof(out), rows[i].coded,
			strlen(rows[i].coded)), (int)strlen(rows[i].plain));
		ck_assert_str_eq(out, rows[i].plain);
	}
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ck_assert_int_eq(smtp_xtext_decode(out, sizeof(out), no[i], strlen(no[i])), -1);
	ck_assert_int_eq(smtp_xtext_decode(out, sizeof(out), "+2b", 3), 1);
	ck_assert_int_eq(smtp_xtext_encode(out, 3, "+", 1), -1);
	ck_assert_int_eq(smtp_xtext_encode(out, 4, "+", 1), 3);
	ck_assert_int_eq(smtp_xtext_decode(out, 1, "a", 1), -1);
	ck_assert_int_eq(smtp_xtext_decode(out, 2, "a", 1), 1);
	ck_assert_int_eq(smtp_xtext_encode(out, 0, "", 0), -1);
}
END_TEST

START_TEST(utf8)
{
	static const char *const yes[] = { "", "a", "\302\200", "\337\277", "\340\240\200",
		"\355\237\277", "\357\277\277", "\360\220\200\200", "\364\217\277\277" };
	static const char *const no[] = { "\200", "\300\200", "\301\277", "\302", "\302a",
		"\340\237\277", "\355\240\200", "\360\217\277\277", "\364\220\200\200",
		"\365\200\200\200", "\342\202", "\360\237\230" };
	size_t i;

	for (i = 0; i < sizeof(yes) / sizeof(yes[0]); i++)
		ck_assert_msg(smtp_utf8_is_valid(yes[i], strlen(yes[i])), "%zu", i);
	for (i = 0; i < sizeof(no) / sizeof(no[0]); i++)
		ck_assert_msg(!smtp_utf8_is_valid(no[i], strlen(no[i])), "%zu", i);
}
END_TEST

int main(void)
{
	TCase *address = tcase_create("address");

	tcase_add_loop_test(address, accepts, 0, sizeof(good) / sizeof(good[0]));
	tcase_add_loop_test(address, refuses, 0, sizeof(bad) / sizeof(bad[0]));
	tcase_add_test(address, refuses_nul);
	tcase_add_test(address, what_follows);
	tcase_add_test(address, mailbox);
	tcase_add_test(address, hostnames);
	tcase_add_test(address, xtext);
	tcase_add_test(address, utf8_address);
	tcase_add_test(address, utf8);
	return unit_run("smtp_address", &address, 1);
}
