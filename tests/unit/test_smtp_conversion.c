/* test_smtp_conversion.c - libhub/smtp/conversion: what goes in, what comes out, at every cut. */
#include <stdio.h>
#include <string.h>

#include "libhub/smtp/conversion.h"
#include "libhub/smtp/header.h"
#include "unit.h"

struct sink {
	char text[1 << 16];
	size_t length;
};

static void take(void *ctx, const char *p, size_t n)
{
	struct sink *s = ctx;

	ck_assert_uint_gt(n, 0);
	ck_assert_uint_le(s->length + n, sizeof(s->text));
	memcpy(s->text + s->length, p, n);
	s->length += n;
}

static void feed(struct smtp_conversion *x, const char *p, size_t n, size_t piece)
{
	size_t part;

	for (; n > 0; p += part, n -= part) {
		part = n < piece ? n : piece;
		smtp_conversion_feed(x, p, part);
	}
	smtp_conversion_end(x);
}

enum { IN7 = 1, IN8 = 2, BOTH = IN7 | IN8 };

#define MIME "MIME-Version: 1.0\r\n"
#define TEXT "Content-Type: text/plain; charset=utf-8\r\n"
#define CTE "Content-Transfer-Encoding: "
#define QP CTE "quoted-printable\r\n"
#define MIXED "Content-Type: multipart/mixed; boundary=b\r\n"
#define A_UML "\xc3\xa4"
#define X75 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X100 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" \
	"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
#define X1000 X100 X100 X100 X100 X100 X100 X100 X100 X100 X100

/* To 7-bit, to 8-bit, or to both with the same result; text NULL: it cannot be. */
static const struct {
	const char *name;
	int targets;
	const char *in;
	const char *out;
	uint32_t faults;
} rows[] = {
	{ "nothing to do", BOTH, MIME TEXT "\r\nabc\r\n", MIME TEXT "\r\nabc\r\n", 0 },
	{ "empty", BOTH, "", "", 0 },
	{ "header only", BOTH, "A: b\r\n", "A: b\r\n", 0 },
	{ "no header", BOTH, "\r\nabc\r\n", "\r\nabc\r\n", 0 },
	{ "8-bit is 8-bit", IN8, MIME TEXT CTE "8bit\r\n\r\n" A_UML "\r\n",
		MIME TEXT CTE "8bit\r\n\r\n" A_UML "\r\n", 0 },
	{ "text", IN7, MIME TEXT CTE "8bit\r\n\r\n" A_UML " =\r\n",
		MIME TEXT QP "\r\n=C3=A4 =3D\r\n", 0 },
	{ "the label before the type", IN7, MIME CTE "8bit\r\n" TEXT "\r\n" A_UML "\r\n",
		MIME TEXT QP "\r\n=C3=A4\r\n", 0 },
	{ "the label folded, in odd case, twice", IN7, MIME
		"content-transfer-encoding:\r\n 8BIT\r\n" TEXT CTE "7bit\r\n\r\n"
		A_UML "\r\n", MIME TEXT QP "\r\n=C3=A4\r\n", 0 },
	{ "no MIME at all", IN7, "Subject: x\r\n\r\n" A_UML "\r\n", "Subject: x\r\n" MIME
		"Content-Type: text/plain; charset=unknown-8bit\r\n" QP "\r\n=C3=A4\r\n", 0 },
	{ "a type without version", IN7, TEXT "\r\n" A_UML "\r\n", TEXT MIME QP "\r\n=C3=A4\r\n",
		0 },
	{ "blanks at the end of a line", IN7, MIME TEXT "\r\n" A_UML " \r\n\t\r\n",
		MIME TEXT QP "\r\n=C3=A4=20\r\n=09\r\n", 0 },
	{ "a boundary within a line stays there", IN7, MIME MIXED "\r\n--b\r\n\r\n" A_UML "\r\n"
		X75 "--b\r\n" X75 "--b--\r\n--b--\r\n", MIME MIXED "\r\n--b\r\n" QP
		"\r\n=C3=A4\r\n" X75 "=\r\n=2D-b\r\n" X75 "=\r\n=2D-b--\r\n--b--\r\n", 0 },
	{ "no last line end", IN7, MIME TEXT "\r\n" A_UML, MIME TEXT QP "\r\n=C3=A4=\r\n", 0 },
	{ "much of it is not ASCII", IN7, MIME TEXT "\r\n" A_UML A_UML A_UML A_UML A_UML A_UML A_UML
		A_UML A_UML A_UML A_UML A_UML A_UML A_UML A_UML A_UML A_UML A_UML A_UML A_UML
		"\r\n", MIME TEXT CTE "base64\r\n\r\n"
		"w6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpMOkw6TDpA0K\r\n", 0 },
	{ "only the parts that need it", IN7, MIME MIXED CTE "8bit\r\n\r\nfirst\r\n--b\r\n"
		TEXT "\r\nabc\r\n--b\r\n" TEXT CTE "8bit\r\n\r\n" A_UML "\r\n--b--\r\nlast\r\n",
		MIME MIXED CTE "7bit\r\n\r\nfirst\r\n--b\r\n" TEXT "\r\nabc\r\n--b\r\n" TEXT QP
		"\r\n=C3=A4\r\n--b--\r\nlast\r\n", 0 },
	{ "around the parts", IN7, MIME MIXED "\r\n" A_UML "\r\nx\r\n--b\r\n\r\nabc\r\n--b--\r\n"
		A_UML "\r\ny\r\n", MIME MIXED "\r\nx\r\n--b\r\n\r\nabc\r\n--b--\r\ny\r\n", 0 },
	{ "no boundary comes", IN7, MIME MIXED "\r\n" A_UML "\r\n--c\r\n", NULL,
		SMTP_CONVERSION_OPAQUE },
	{ "no boundary is named", IN7, MIME "Content-Type: multipart/mixed\r\n\r\n" A_UML "\r\n",
		NULL, SMTP_CONVERSION_OPAQUE },
	{ "boundaries that are none", IN7, MIME MIXED
		"\r\n--b\r\n\r\n--bc\r\n --b\r\n--b-\r\n--b---\r\n" A_UML
		"\r\n--b-- \t\r\n", MIME MIXED "\r\n--b\r\n" QP
		"\r\n--bc\r\n --b\r\n--b-\r\n--b---\r\n=C3=A4\r\n--b-- \t\r\n", 0 },
	{ "quoted boundary, comments", IN7, MIME "Content-Type: (a \\) (b)) multipart/mixed (c)\r\n"
		"\t; x=\"boundary=\\\"y\"; BOUNDARY=\"a\\ b;\"\r\n\r\n--a b;\r\n\r\n" A_UML
		"\r\n--a b;--\r\n", MIME "Content-Type: (a \\) (b)) multipart/mixed (c)\r\n"
		"\t; x=\"boundary=\\\"y\"; BOUNDARY=\"a\\ b;\"\r\n\r\n--a b;\r\n" QP
		"\r\n=C3=A4\r\n--a b;--\r\n", 0 },
	{ "nested; the outer boundary closes the inner", IN7, MIME MIXED "\r\n--b\r\n"
		"Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\n" A_UML
		"\r\n--b\r\n\r\n" A_UML "\r\n--c\r\nx\r\n--b--\r\n", MIME MIXED "\r\n--b\r\n"
		"Content-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n" QP
		"\r\n=C3=A4\r\n--b\r\n" QP "\r\n=C3=A4\r\n--c\r\nx\r\n--b--\r\n", 0 },
	{ "a message in a message", IN7, MIME "Content-Type: message/rfc822\r\n" CTE "8bit\r\n\r\n"
		"Subject: y\r\n\r\n" A_UML "\r\n", MIME "Content-Type: message/rfc822\r\n" CTE
		"7bit\r\n\r\nSubject: y\r\n" MIME "Content-Type: text/plain; charset=unknown-8bit"
		"\r\n" QP "\r\n=C3=A4\r\n", 0 },
	{ "digest", IN7, MIME "Content-Type: multipart/digest; boundary=b\r\n\r\n--b\r\n\r\n" TEXT
		"\r\n" A_UML "\r\n--b--\r\n", MIME "Content-Type: multipart/digest; boundary=b\r\n"
		"\r\n--b\r\n\r\n" TEXT MIME QP "\r\n=C3=A4\r\n--b--\r\n", 0 },
	{ "a UTF-8 message in a message", IN7, MIME "Content-Type: message/global\r\n\r\nSubject: "
		A_UML "\r\n\r\n", MIME "Content-Type: message/global\r\n" QP
		"\r\nSubject: =C3=A4\r\n\r\n", 0 },
	{ "a part without header end", IN7, MIME MIXED "\r\n--b\r\n" A_UML "\r\n--b--\r\n",
		MIME MIXED "\r\n--b\r\n" QP "\r\n=C3=A4\r\n--b--\r\n", 0 },
	{ "encoded already", IN7, MIME MIXED CTE "8bit\r\n\r\n--b\r\n" CTE
		"base64\r\n\r\nw6Q=\r\n--b--\r\n", MIME MIXED CTE "7bit\r\n\r\n--b\r\n" CTE
		"base64\r\n\r\nw6Q=\r\n--b--\r\n", 0 },
	{ "encoded, but not so", IN7, MIME CTE "base64\r\n\r\n" A_UML "\r\n", NULL,
		SMTP_CONVERSION_OPAQUE },
	{ "partial", IN7, MIME "Content-Type: message/partial\r\n\r\n" A_UML "\r\n", NULL,
		SMTP_CONVERSION_OPAQUE },
	{ "header", IN7, "Subject: " A_UML "\r\n\r\n", NULL, SMTP_CONVERSION_HEADER },
	{ "header", IN8, "Subject: " A_UML "\r\n\r\n", "Subject: " A_UML "\r\n\r\n", 0 },
	{ "header of a part", IN7, MIME MIXED "\r\n--b\r\nX: " A_UML "\r\n\r\n--b--\r\n", NULL,
		SMTP_CONVERSION_HEADER },
	{ "signed", IN7, MIME "Content-Type: multipart/signed; boundary=b\r\n\r\n--b\r\n\r\n" A_UML
		"\r\n--b--\r\n", NULL, SMTP_CONVERSION_SIGNED },
	{ "signed, but fits", IN7, MIME MIXED "\r\n--b\r\n"
		"Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n" CTE
		"8bit\r\n\r\nabc\r\n--c--\r\n--b\r\n\r\n" A_UML
		"\r\n--b--\r\n", MIME MIXED "\r\n--b\r\n"
		"Content-Type: multipart/signed; boundary=c\r\n\r\n--c\r\n" CTE
		"8bit\r\n\r\nabc\r\n--c--\r\n--b\r\n" QP "\r\n=C3=A4\r\n--b--\r\n", 0 },
	{ "line of 998", BOTH, "A: b\r\n\r\n" X100 X100 X100 X100 X100 X100 X100 X100 X100
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n",
		"A: b\r\n\r\n" X100 X100 X100 X100 X100 X100 X100 X100 X100
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\r\n", 0 },
	/* binary */
	{ "binary text", BOTH, MIME TEXT CTE "binary\r\n\r\na\nb\rc\r\nd\r\n",
		MIME TEXT QP "\r\na=0Ab=0Dc\r\nd\r\n", 0 },
	{ "binary data", BOTH, MIME "Content-Type: application/x\r\n" CTE "binary\r\n\r\na\nb",
		MIME "Content-Type: application/x\r\n" CTE "base64\r\n\r\nYQpi\r\n", 0 },
	{ "binary in name only", IN8, MIME TEXT CTE "binary\r\n\r\n" A_UML "\r\n",
		MIME TEXT CTE "8bit\r\n\r\n" A_UML "\r\n", 0 },
	{ "bare LF in a header", BOTH, "A: b\nC: d\r\n\r\n", NULL, SMTP_CONVERSION_HEADER },
};

START_TEST(test_rows)
{
	static const enum smtp_conversion_target targets[] = {
		SMTP_CONVERSION_TO_7BIT, SMTP_CONVERSION_TO_8BIT };
	static struct smtp_conversion x;
	static struct sink out;
	size_t i, piece, n;

	for (i = 0; i < 2; i++) {
		if ((rows[_i].targets & 1 << i) == 0)
			continue;
		n = strlen(rows[_i].in);
		for (piece = 1; piece <= n + 1; piece++) {
			smtp_conversion_init(&x, targets[i]);
			feed(&x, rows[_i].in, n, piece);
			ck_assert_msg(x.faults == rows[_i].faults, "%s: faults %x", rows[_i].name,
				x.faults);
			if (rows[_i].out == NULL)
				continue;
			out.length = 0;
			smtp_conversion_rewind(&x, take, &out);
			feed(&x, rows[_i].in, n, piece);
			ck_assert_msg(out.length == strlen(rows[_i].out) &&
				memcmp(out.text, rows[_i].out, out.length) == 0,
				"%s, pieces of %zu: %.*s", rows[_i].name, piece, (int)out.length,
				out.text);
		}
	}
}
END_TEST

/* Lines of a header and of a body that are too long, and parts beyond all bounds. */
START_TEST(test_bounds)
{
	static struct smtp_conversion x;
	static struct sink out;
	static const char head[] = "A: " X1000 X1000 "\r\n\r\n" X1000 A_UML "\r\n";
	char part[64];
	size_t i;

	smtp_conversion_init(&x, SMTP_CONVERSION_TO_7BIT);
	feed(&x, head, strlen(head), 100);
	ck_assert_uint_eq(x.faults, 0);
	ck_assert(x.needed && x.has_8bit && !x.has_8bit_header);
	smtp_conversion_rewind(&x, take, &out);
	feed(&x, head, strlen(head), 100);
	for (i = 0; i < out.length; i += strcspn(out.text + i, "\n") + 1)
		ck_assert_uint_le(strcspn(out.text + i, "\r"), SMTP_CONVERSION_LINE);
	smtp_conversion_init(&x, SMTP_CONVERSION_TO_7BIT);
	smtp_conversion_feed(&x, MIME MIXED "\r\n", strlen(MIME MIXED "\r\n"));
	for (i = 0; i <= SMTP_CONVERSION_PARTS; i++) {
		snprintf(part, sizeof(part), "--b\r\n\r\n%s\r\n",
			i < SMTP_CONVERSION_PARTS ? "x" : A_UML);
		smtp_conversion_feed(&x, part, strlen(part));
	}
	smtp_conversion_end(&x);
	ck_assert_uint_eq(x.faults, SMTP_CONVERSION_OPAQUE);
	smtp_conversion_init(&x, SMTP_CONVERSION_TO_7BIT);
	for (i = 0; i <= SMTP_CONVERSION_DEPTH; i++) {
		snprintf(part, sizeof(part), "Content-Type: multipart/x; boundary=%zu\r\n\r\n", i);
		smtp_conversion_feed(&x, part, strlen(part));
		snprintf(part, sizeof(part), "--%zu\r\n", i);
		smtp_conversion_feed(&x, part, strlen(part));
	}
	feed(&x, "\r\n" A_UML, 4, 4);
	ck_assert_uint_eq(x.faults, SMTP_CONVERSION_OPAQUE);
}
END_TEST

static void forget(void *ctx, const char *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
}

/* Where the header ends is what libhub/smtp/header says: 8-bit text there cannot be encoded. */
START_TEST(test_same_header)
{
	static const char *const ends[] = { ":", " : a", "", " a", " a:" };
	struct smtp_header_scan scan;
	struct smtp_conversion x;
	char text[1100];
	size_t length, k, n;

	for (length = 120; length <= 1000; length += length == 135 ? 855 : 1)
		for (k = 0; k < sizeof(ends) / sizeof(ends[0]); k++) {
			n = (size_t)snprintf(text, sizeof(text), "A: b\r\n%.*s%s\r\nB: " A_UML
				"\r\n\r\nabc\r\n", (int)length, X1000, ends[k]);
			smtp_header_init(&scan, NULL, 0, forget, NULL, NULL);
			smtp_header_feed(&scan, text, n);
			smtp_conversion_init(&x, SMTP_CONVERSION_TO_7BIT);
			feed(&x, text, n, n);
			ck_assert_msg((x.faults == SMTP_CONVERSION_HEADER) == !scan.malformed,
				"%zu%s", length, ends[k]);
		}
}
END_TEST

int main(void)
{
	TCase *cases[] = { tcase_create("conversion") };

	tcase_add_loop_test(cases[0], test_rows, 0, sizeof(rows) / sizeof(rows[0]));
	tcase_add_test(cases[0], test_bounds);
	tcase_add_test(cases[0], test_same_header);
	return unit_run("smtp_conversion", cases, 1);
}
