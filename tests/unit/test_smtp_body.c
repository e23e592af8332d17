/* test_smtp_body.c - libhub/smtp/body: what is decoded, refused and encoded, at every cut. */
#include <string.h>

#include "libhub/smtp/body.h"
#include "unit.h"

struct sink {
	char text[4096];
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

#define CR SMTP_BODY_BARE_CR
#define LF SMTP_BODY_BARE_LF

static const struct {
	const char *wire;
	const char *text;	/* NULL: not looked at, since the message is refused */
	const char *rest;	/* what follows the end; NULL: the end is not there */
	uint32_t faults;
} decoded[] = {
	{ ".\r\n", "", "", 0 },
	{ ".\r\nQUIT\r\n", "", "QUIT\r\n", 0 },
	{ "\r\n.\r\n", "\r\n", "", 0 },
	{ "a\r\n.\r\n", "a\r\n", "", 0 },
	{ "a\r\n..\r\n.\r\n", "a\r\n.\r\n", "", 0 },
	{ "..a\r\n.b\r\n.\r\n", ".a\r\nb\r\n", "", 0 },
	{ "a.\r\n...\r\n.\r\n.\r\n", "a.\r\n..\r\n", ".\r\n", 0 },
	{ "\r\n\r\n..\r\n\r\n.\r\nx", "\r\n\r\n.\r\n\r\n", "x", 0 },
	{ "a\r\n. \r\n.\r\n", "a\r\n \r\n", "", 0 },
	{ "a\r\n", "a\r\n", NULL, 0 },
	{ "a\r\n.", "a\r\n", NULL, 0 },
	{ "a\r\n.\r", "a\r\n", NULL, 0 },
	{ "a", "a", NULL, 0 },
	{ "", "", NULL, 0 },
	/* none of these is an end: SMTP smuggling */
	{ "a\n.\n", NULL, NULL, LF },
	{ "a\n.\r\nb\r\n.\r\n", NULL, "", LF },
	{ "a\r.\rb\r\n.\r\n", NULL, "", CR },
	{ "a\r\n.\nb\r\n.\r\n", NULL, "", LF },
	{ "a\r\n.\rb\r\n.\r\n", NULL, "", CR },
	{ "a\r.\r\nb\r\n.\r\n", NULL, "", CR },
	{ "a\r\r\n.\r\nx", NULL, "x", CR },
	{ "a\r\n.\r\r\n.\r\nx", NULL, "x", CR },
	{ "\n.\r\n\r\n.\r\n", NULL, "", LF },
	{ "\r.\r\n.\r\n", NULL, "", CR },
	{ "\r\r\r\n\n\r\n.\r\n", NULL, "", CR | LF },
	{ "a\rb\nc\r\n.\r\n", NULL, "", CR | LF },
	{ ".\n.\r\n.\r\n", NULL, "", LF },
	{ ".\r.\r\n.\r\n", NULL, "", CR },
};

/* Decodes row i in pieces that end at first, second and the end. */
static void decode_cut(int i, size_t first, size_t second)
{
	const char *wire = decoded[i].wire;
	size_t n = strlen(wire), cuts[] = { first, second, n }, at = 0, c;
	struct smtp_body_decoder d;
	struct sink out = { .length = 0 };

	smtp_body_decoder_init(&d, take, &out);
	for (c = 0; c < 3 && !d.ended; c++) {
		size_t taken = smtp_body_decode(&d, wire + at, cuts[c] - at);

		ck_assert(d.ended || taken == cuts[c] - at);
		at += taken;
	}
	ck_assert_msg(d.ended == (decoded[i].rest != NULL), "row %d cut %zu %zu", i, first, second);
	if (d.ended)
		ck_assert_str_eq(wire + at, decoded[i].rest);
	ck_assert_msg(d.faults == decoded[i].faults, "row %d cut %zu %zu: %u", i, first, second,
		d.faults);
	if (decoded[i].text == NULL)
		return;
	ck_assert_uint_eq(out.length, strlen(decoded[i].text));
	ck_assert_uint_eq(d.size, out.length);
	ck_assert_msg(memcmp(out.text, decoded[i].text, out.length) == 0, "row %d cut %zu %zu", i,
		first, second);
}

START_TEST(decode)
{
	size_t n = strlen(decoded[_i].wire), first, second;

	for (first = 0; first <= n; first++)
		for (second = first; second <= n; second++)
			decode_cut(_i, first, second);
}
END_TEST

static const struct {
	const char *text;
	const char *wire;
} encoded[] = {
	{ "", ".\r\n" },
	{ "a", "a\r\n.\r\n" },
	{ "a\r\n", "a\r\n.\r\n" },
	{ ".", "..\r\n.\r\n" },
	{ ".\r\n", "..\r\n.\r\n" },
	{ "a\r\n.\r\n..b\r\n", "a\r\n..\r\n...b\r\n.\r\n" },
	{ "\r\n\r\n.", "\r\n\r\n..\r\n.\r\n" },
	{ "a.b\r\nc.\r\n", "a.b\r\nc.\r\n.\r\n" },
	{ "a\n.\nb", "a\r\n..\r\nb\r\n.\r\n" },
	{ "a\r.\rb", "a\r\n..\r\nb\r\n.\r\n" },
	{ "a\r", "a\r\n.\r\n" },
	{ "\r\r\n.", "\r\n\r\n..\r\n.\r\n" },
	{ "\n\n", "\r\n\r\n.\r\n" },
};

START_TEST(encode)
{
	const char *text = encoded[_i].text;
	size_t n = strlen(text), first, second;
	struct smtp_body_encoder x;
	struct sink out;

	for (first = 0; first <= n; first++)
		for (second = first; second <= n; second++) {
			out.length = 0;
			smtp_body_encoder_init(&x, take, &out);
			smtp_body_encode(&x, text, first);
			smtp_body_encode(&x, text + first, second - first);
			smtp_body_encode(&x, text + second, n - second);
			smtp_body_encode_end(&x);
			ck_assert_uint_eq(out.length, strlen(encoded[_i].wire));
			ck_assert_uint_eq(x.size, out.length);
			ck_assert_int_eq(memcmp(out.text, encoded[_i].wire, out.length), 0);
		}
}
END_TEST

static const struct {
	const char *text;
	uint32_t faults;
} checked[] = {
	{ "", 0 }, { "a", 0 }, { "a\r\n", 0 }, { "\r\n\r\n.\r\n", 0 }, { "a\r\nb", 0 },
	{ "\n", LF }, { "a\nb", LF }, { "a\r\n\nb", LF }, { "a\r", CR }, { "\ra", CR },
	{ "\r\r\n", CR }, { "a\rb\n", CR | LF }, { "\n\r", CR | LF },
};

START_TEST(check_chunks)
{
	const char *text = checked[_i].text;
	size_t n = strlen(text), cut;
	struct smtp_body_check c;

	for (cut = 0; cut <= n; cut++) {
		smtp_body_check_init(&c);
		smtp_body_check_feed(&c, text, cut);
		smtp_body_check_feed(&c, text + cut, n - cut);
		smtp_body_check_end(&c);
		ck_assert_msg(c.faults == checked[_i].faults, "row %d cut %zu: %u", _i, cut,
			c.faults);
	}
}
END_TEST

/* What the encoder makes of a text before dots: CRLF lines, and CRLF at the end. */
static size_t normalize(char *to, const char *text, size_t n)
{
	size_t i, length = 0;

	for (i = 0; i < n; i++) {
		if (text[i] != '\r' && text[i] != '\n') {
			to[length++] = text[i];
			continue;
		}
		to[length++] = '\r';
		to[length++] = '\n';
		if (text[i] == '\r' && i + 1 < n && text[i + 1] == '\n')
			i++;
	}
	if (length > 0 && to[length - 1] != '\n') {
		to[length++] = '\r';
		to[length++] = '\n';
	}
	return length;
}

static void round_trip_one(const char *text, size_t n)
{
	struct smtp_body_encoder x;
	struct smtp_body_decoder d;
	struct sink wire = { .length = 0 }, back = { .length = 0 };
	char expected[32];
	size_t i, length = normalize(expected, text, n);

	smtp_body_encoder_init(&x, take, &wire);
	smtp_body_encode(&x, text, n);
	smtp_body_encode_end(&x);
	smtp_body_decoder_init(&d, take, &back);
	for (i = 0; i < wire.length; i++) {
		ck_assert(!d.ended);
		ck_assert_uint_eq(smtp_body_decode(&d, wire.text + i, 1), 1);
	}
	ck_assert(d.ended);
	ck_assert_uint_eq(d.faults, 0);
	ck_assert_uint_eq(back.length, length);
	ck_assert_int_eq(memcmp(back.text, expected, length), 0);
}

/* Every text of up to 6 bytes out of CR, LF, dot and letter: what the encoder writes, the decoder
 * reads back, and finds the end at the end only. */
START_TEST(round_trip)
{
	static const char letters[] = "\r\n.a";
	char text[6] = "";
	unsigned number, rest;
	size_t n, i;

	for (n = 0; n <= sizeof(text); n++)
		for (number = 0; number < 1u << (2 * n); number++) {
			for (i = 0, rest = number; i < n; i++, rest >>= 2)
				text[i] = letters[rest & 3];
			round_trip_one(text, n);
		}
}
END_TEST

struct outcome {
	struct sink out;
	size_t taken;
	bool ended;
	bool refused;
};

static struct outcome decode_by(size_t step, const char *text, size_t n)
{
	struct outcome o = { .out.length = 0 };
	struct smtp_body_decoder d;
	size_t piece;

	smtp_body_decoder_init(&d, take, &o.out);
	while (o.taken < n && !d.ended) {
		piece = step < n - o.taken ? step : n - o.taken;
		o.taken += smtp_body_decode(&d, text + o.taken, piece);
	}
	o.ended = d.ended;
	o.refused = d.faults != 0;
	return o;
}

static struct outcome encode_by(size_t step, const char *text, size_t n)
{
	struct outcome o = { .out.length = 0 };
	struct smtp_body_encoder x;
	size_t piece;

	smtp_body_encoder_init(&x, take, &o.out);
	for (; o.taken < n; o.taken += piece) {
		piece = step < n - o.taken ? step : n - o.taken;
		smtp_body_encode(&x, text + o.taken, piece);
	}
	smtp_body_encode_end(&x);
	return o;
}

static void ck_same(const struct outcome *a, const struct outcome *b, const char *text)
{
	ck_assert_msg(a->taken == b->taken && a->ended == b->ended && a->refused == b->refused &&
		(a->refused || (a->out.length == b->out.length &&
		memcmp(a->out.text, b->out.text, a->out.length) == 0)), "%s", text);
}

/*
 * Two letters that may be odd, anywhere in lines of some length: text that is looked at in blocks
 * gives what it gives byte by byte.
 */
START_TEST(large_pieces)
{
	static const char letters[] = "\r\n.a";
	enum { SIZE = 260 };
	size_t line = (size_t)_i, at;
	unsigned pair;

	for (at = 0; at + 1 < SIZE; at++)
		for (pair = 0; pair < 16; pair++) {
			char text[SIZE + 1] = "";
			struct outcome whole, bytes;
			size_t i;

			for (i = 0; i < SIZE; i++)
				text[i] = i % line == line - 2 ? '\r' :
					i % line == line - 1 ? '\n' : 'a';
			text[at] = letters[pair & 3];
			text[at + 1] = letters[pair >> 2];
			whole = decode_by(SIZE, text, SIZE);
			bytes = decode_by(1, text, SIZE);
			ck_same(&whole, &bytes, text);
			whole = encode_by(SIZE, text, SIZE);
			bytes = encode_by(1, text, SIZE);
			ck_same(&whole, &bytes, text);
		}
}
END_TEST

static unsigned spans;

static void count(void *ctx, const char *p, size_t n)
{
	(void)ctx;
	(void)p;
	(void)n;
	spans++;
}

/* Text without dots goes through in one span per input, and a flood of CRs in linear time. */
START_TEST(few_spans)
{
	enum { BIG = 4 << 20 };
	static char text[BIG];
	struct smtp_body_decoder d;
	struct smtp_body_encoder x;
	size_t i;

	for (i = 0; i < BIG; i += 2)
		memcpy(text + i, "\r\n", 2);
	spans = 0;
	smtp_body_decoder_init(&d, count, NULL);
	smtp_body_decode(&d, text, BIG);
	ck_assert_uint_eq(spans, 1);
	smtp_body_encoder_init(&x, count, NULL);
	smtp_body_encode(&x, text, BIG);
	ck_assert_uint_eq(spans, 2);
	memset(text, '\r', BIG);
	smtp_body_decoder_init(&d, count, NULL);
	smtp_body_decode(&d, text, BIG);
	ck_assert_uint_eq(d.faults, CR);
	smtp_body_encode(&x, text, BIG);
}
END_TEST

int main(void)
{
	TCase *body = tcase_create("body");

	tcase_add_loop_test(body, decode, 0, sizeof(decoded) / sizeof(decoded[0]));
	tcase_add_loop_test(body, encode, 0, sizeof(encoded) / sizeof(encoded[0]));
	tcase_add_loop_test(body, check_chunks, 0, sizeof(checked) / sizeof(checked[0]));
	tcase_add_test(body, round_trip);
	tcase_add_loop_test(body, large_pieces, 2, 12);
	tcase_add_loop_test(body, large_pieces, 62, 67);
	tcase_add_test(body, few_spans);
	return unit_run("smtp_body", &body, 1);
}
