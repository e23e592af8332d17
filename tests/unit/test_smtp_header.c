/* test_smtp_header.c - libhub/smtp/header: what is kept, dropped and noticed, at every cut. */
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libhub/smtp/header.h"
#include "unit.h"

struct sink {
	char text[8192];
	size_t length;
	char fields[4096];	/* "name=value;" of what the rules matched */
};

static const struct smtp_header_rule rules[] = {
	{ "X-Hub-Organization-", true, false },
	{ "X-Hub-Forest-", true, false },
	{ "List-", false, false },
	{ "Via", true, true },
};

static void take(void *ctx, const char *p, size_t n)
{
	struct sink *s = ctx;

	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(s->length + n, sizeof(s->text) - 1);
	memcpy(s->text + s->length, p, n);
	s->length += n;
	s->text[s->length] = '\0';
}

static void on_field(void *ctx, const struct smtp_header_rule *rule, const char *name,
	const char *value, size_t n)
{
	struct sink *s = ctx;
	size_t at = strlen(s->fields);

	ck_assert_int_eq(strncasecmp(rule->prefix, name, strlen(rule->prefix)), 0);
	ck_assert_uint_eq(strlen(value), n);
	snprintf(s->fields + at, sizeof(s->fields) - at, "%s=%s;", name, value);
}

static const struct {
	const char *text;
	const char *kept;	/* NULL: all */
	const char *fields;
	size_t size;
	unsigned received;
	unsigned dropped;
	bool malformed;
	const char *message_id;
	const char *subject;
	const char *has;	/* of d, f, m */
} rows[] = {
	{ "", NULL, "", 0, 0, 0, false, "", "", "" },
	{ "\r\n", NULL, "", 2, 0, 0, false, "", "", "" },
	{ "\r\nA: b\r\n", NULL, "", 2, 0, 0, false, "", "", "" },
	{ "A: b\r\n\r\nFrom: x\r\n", NULL, "", 8, 0, 0, false, "", "", "" },
	{ "From: x\r\nDate: y\r\nMessage-ID: <1@x>\r\nSubject: hello\r\n\r\n", NULL,
		"", 55, 0, 0, false,
		"<1@x>", "hello", "dfm" },
	{ "FROM : x\r\nmessage-id:\r\n <1@x> \r\nSubject:  a\r\n b \t\r\n", NULL,
		"", 51, 0, 0, false,
		"<1@x>", "a b", "fm" },
	{ "Subject: a\r\nSubject: b\r\nMessage-ID: 1\r\nMessage-ID: 2\r\n", NULL,
		"", 54, 0, 0, false,
		"1", "a", "m" },
	{ "Received: a\r\n\tb\r\nreceived: c\r\nX-Received: d\r\n"
		"Received-SPF: e\r\n\r\nReceived: f\r\n",
		NULL, "", 64, 2, 0, false, "", "", "" },
	{ "A: b\r\nX-Hub-Organization-OriginalSize: 12\r\nC: d\r\n\r\nx",
		"A: b\r\nC: d\r\n\r\nx", "X-Hub-Organization-OriginalSize=12;", 51, 0, 1, false,
		"", "", "" },
	{ "X-HUB-FOREST-a: 1\r\n 2\r\n\t3\r\nx-hub-organization-: z\r\n\r\n"
		"X-Hub-Forest-B: kept\r\n",
		"\r\nX-Hub-Forest-B: kept\r\n",
		"X-HUB-FOREST-a=1 2\t3;x-hub-organization-=z;", 53, 0, 2,
		false, "", "", "" },
	{ "X-Hub-Forest-A : 1\r\n", "", "X-Hub-Forest-A=1;", 20, 0, 1, false, "", "", "" },
	{ "X-Hub-Forest-A: 1", "", "X-Hub-Forest-A=1;", 17, 0, 1, false, "", "", "" },
	{ "X-Hub-Forest-A:\r\nX-Hub-Forest-B:\r\nA:\r\n", "A:\r\n",
		"X-Hub-Forest-A=;X-Hub-Forest-B=;", 38, 0, 2, false, "", "", "" },
	{ "X-Hub-Organization: a\r\nX-Hub: b\r\n\r\n", NULL, "", 35, 0, 0, false, "", "", "" },
	{ "X-Hub-Organization-A: a\r\nX-Hub: b\r\n\r\n", "X-Hub: b\r\n\r\n",
		"X-Hub-Organization-A=a;", 37, 0, 1, false, "", "", "" },
	{ "via: a\r\nVia-B: c\r\nVi: d\r\nVia : e\r\n", "Via-B: c\r\nVi: d\r\n",
		"via=a;Via=e;", 34, 0, 2, false, "", "", "" },
	{ "List-Id: q\r\n\r\n", NULL, "List-Id=q;", 14, 0, 0, false, "", "", "" },
	/* a field cannot hide behind bare LF */
	{ "A: b\nX-Hub-Forest-A: 1\n c\nB: c\n\nX-Hub-Forest-A: 2",
		"A: b\nB: c\n\nX-Hub-Forest-A: 2",
		"X-Hub-Forest-A=1 c;", 32, 0, 1, false, "", "", "" },
	/* not a header, or no longer: an empty line comes before it */
	{ "hello\r\n\r\nFrom: x\r\n", "\r\nhello\r\n\r\nFrom: x\r\n", "", 0, 0, 0, true, "", "",
		"" },
	{ "From me\r\nA: b\r\n", "\r\nFrom me\r\nA: b\r\n", "", 0, 0, 0, true, "", "", "" },
	{ "A: b\r\nnot a field\r\nX-Hub-Forest-A: 1\r\n",
		"A: b\r\n\r\nnot a field\r\nX-Hub-Forest-A: 1\r\n", "", 6, 0, 0, true, "", "", "" },
	{ " folded\r\nA: b\r\n", "\r\n folded\r\nA: b\r\n", "", 0, 0, 0, true, "", "", "" },
	{ ": b\r\n", "\r\n: b\r\n", "", 0, 0, 0, true, "", "", "" },
	{ "A: b\r\n\rX: y\r\n", "A: b\r\n\r\n\rX: y\r\n", "", 6, 0, 0, true, "", "", "" },
	{ "A: b\r\n\r", "A: b\r\n\r\n\r", "", 6, 0, 0, true, "", "", "" },
	{ "A: b\r\nX-Hub-Forest-", "A: b\r\n\r\nX-Hub-Forest-", "", 6, 0, 0, true, "", "", "" },
	{ "\303\244: b\r\n", "\r\n\303\244: b\r\n", "", 0, 0, 0, true, "", "", "" },
	{ "A: \303\244\r\n", NULL, "", 7, 0, 0, false, "", "", "" },
};

static void expect(int i, const struct smtp_header_scan *s, const struct sink *out, size_t cut)
{
	const char *kept = rows[i].kept != NULL ? rows[i].kept : rows[i].text;

	ck_assert_msg(strcmp(out->text, kept) == 0, "row %d cut %zu: %s", i, cut, out->text);
	ck_assert_msg(strcmp(out->fields, rows[i].fields) == 0, "row %d cut %zu: %s", i, cut,
		out->fields);
	ck_assert_msg(s->size == rows[i].size, "row %d cut %zu: size %llu", i, cut,
		(unsigned long long)s->size);
	ck_assert_uint_eq(s->received, rows[i].received);
	ck_assert_uint_eq(s->dropped, rows[i].dropped);
	ck_assert_msg(s->malformed == rows[i].malformed, "row %d cut %zu", i, cut);
	ck_assert(s->ended);
	ck_assert_str_eq(s->message_id, rows[i].message_id);
	ck_assert_str_eq(s->subject, rows[i].subject);
	ck_assert_int_eq(s->has_date, strchr(rows[i].has, 'd') != NULL);
	ck_assert_int_eq(s->has_from, strchr(rows[i].has, 'f') != NULL);
	ck_assert_int_eq(s->has_message_id, strchr(rows[i].has, 'm') != NULL);
}

START_TEST(scan)
{
	const char *text = rows[_i].text;
	size_t n = strlen(text), first, second;
	struct smtp_header_scan s;
	struct sink out;

	for (first = 0; first <= n; first++)
		for (second = first; second <= n; second++) {
			memset(&out, 0, sizeof(out));
			smtp_header_init(&s, rules, 4, take, on_field, &out);
			smtp_header_feed(&s, text, first);
			smtp_header_feed(&s, text + first, second - first);
			smtp_header_feed(&s, text + second, n - second);
			smtp_header_end(&s);
			expect(_i, &s, &out, first * 1000 + second);
		}
}
END_TEST

START_TEST(scan_bytes)
{
	const char *p;
	struct smtp_header_scan s;
	struct sink out = { .length = 0 };

	smtp_header_init(&s, rules, 4, take, on_field, &out);
	for (p = rows[_i].text; *p != '\0'; p++)
		smtp_header_feed(&s, p, 1);
	smtp_header_end(&s);
	expect(_i, &s, &out, 1);
}
END_TEST

/* Values beyond what is kept: the field still goes or stays as a whole. */
START_TEST(long_fields)
{
	char text[8000], x[2500];
	struct smtp_header_scan s;
	struct sink out;
	size_t n, cut;

	memset(x, 'x', sizeof(x) - 1);
	x[sizeof(x) - 1] = '\0';
	n = (size_t)snprintf(text, sizeof(text), "X-Hub-Forest-%.115s: a\r\n", x);
	n += (size_t)snprintf(text + n, sizeof(text) - n,
		"%.128s: b\r\nX-Hub-Forest-A: %s\r\n", x, x);
	n += (size_t)snprintf(text + n, sizeof(text) - n,
		"Subject: %s\r\nMessage-ID: %.900s\r\n\r\n", x, x);
	for (cut = 0; cut <= n; cut++) {
		memset(&out, 0, sizeof(out));
		smtp_header_init(&s, rules, 4, take, NULL, &out);
		smtp_header_feed(&s, text, cut);
		smtp_header_feed(&s, text + cut, n - cut);
		smtp_header_end(&s);
		ck_assert_uint_eq(s.dropped, 2);
		ck_assert(!s.malformed);
		ck_assert_uint_eq(s.size, n);
		ck_assert_uint_eq(strlen(s.subject), SMTP_HEADER_SUBJECT_MAX);
		ck_assert_uint_eq(strlen(s.message_id), SMTP_HEADER_ID_MAX);
		ck_assert_int_eq(strncmp(out.text, x, 128), 0);
		ck_assert_int_eq(strncmp(out.text + 128, ": b\r\nSubject: xx", 16), 0);
	}
}
END_TEST

/* At every cut: a line is a field, or begins the body, as smtp_header_name says of it. */
START_TEST(long_names)
{
	static const size_t lengths[] = { 1, 126, 127, 128, 129, 130, 997, 998 };
	static const char *const ends[] = { ":", " :", " \t: a", ": a", "", " ", " a", "  a:" };
	char text[1100], x[1000];
	struct smtp_header_scan s;
	struct sink out;
	size_t n, cut, i, k, colon;
	bool field;

	memset(x, 'x', sizeof(x));
	for (i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++)
		for (k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
			n = (size_t)snprintf(text, sizeof(text), "%.*s%s\r\nFrom: a\r\n\r\n",
				(int)lengths[i], x, ends[k]);
			field = smtp_header_name(text, n, &colon) != 0;
			ck_assert(!field || text[colon] == ':');
			ck_assert_int_eq(field, lengths[i] + strcspn(ends[k], ":") <=
				SMTP_HEADER_NAME_MAX && k < 4);
			for (cut = 0; cut <= n; cut++) {
				out = (struct sink){ .length = 0 };
				smtp_header_init(&s, NULL, 0, take, NULL, &out);
				smtp_header_feed(&s, text, cut);
				smtp_header_feed(&s, text + cut, n - cut);
				smtp_header_end(&s);
				ck_assert_int_eq(s.malformed, !field);
				ck_assert_int_eq(s.has_from, field);
				ck_assert_uint_eq(out.length, field ? n : n + 2);
				ck_assert_str_eq(out.text + (field ? 0 : 2), text);
				ck_assert_uint_eq(s.size, field ? n : 0);
			}
		}
}
END_TEST

START_TEST(nul)
{
	static const char field[] = "A: b\0c\r\n\r\nd", body[] = "A: b\r\n\r\nc\0d";
	struct smtp_header_scan s;
	struct sink out = { .length = 0 };
	size_t cut;

	for (cut = 0; cut < sizeof(field); cut++) {
		smtp_header_init(&s, NULL, 0, take, NULL, &out);
		smtp_header_feed(&s, field, cut);
		smtp_header_feed(&s, field + cut, sizeof(field) - 1 - cut);
		ck_assert(s.nul);
	}
	smtp_header_init(&s, NULL, 0, take, NULL, &out);
	smtp_header_feed(&s, body, sizeof(body) - 1);
	ck_assert(!s.nul);
}
END_TEST

static unsigned spans;
static const char *last;

static void count(void *ctx, const char *p, size_t n)
{
	(void)ctx;
	(void)n;
	spans++;
	last = p;
}

/* Nothing is copied that need not be: one span per input, pointing into it. */
START_TEST(zero_copy)
{
	static const char text[] = "A: b\r\nC: d\r\n\r\nbody";
	struct smtp_header_scan s;

	spans = 0;
	smtp_header_init(&s, NULL, 0, count, NULL, NULL);
	smtp_header_feed(&s, text, strlen(text));
	ck_assert_uint_eq(spans, 1);
	ck_assert_ptr_eq(last, text);
	smtp_header_feed(&s, text, strlen(text));
	ck_assert_uint_eq(spans, 2);
	ck_assert_ptr_eq(last, text);
	smtp_header_end(&s);
	ck_assert_uint_eq(spans, 2);
}
END_TEST

int main(void)
{
	TCase *header = tcase_create("header");

	tcase_add_loop_test(header, scan, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_loop_test(header, scan_bytes, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(header, long_fields);
	tcase_add_test(header, long_names);
	tcase_add_test(header, nul);
	tcase_add_test(header, zero_copy);
	return unit_run("smtp_header", &header, 1);
}
