/* fuzz_conversion.c - fuzz target for libhub/smtp/conversion.
 *
 * The first byte of the input is 7 or 8, the target; the second the size of the pieces that it is
 * fed in. Promises: the result does not depend on the cut; what comes out fits the way, in lines of
 * 998 bytes; and when looked at again it needs nothing more.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/smtp/conversion.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

struct sink {
	char *text;
	size_t length, room;
};

static void take(void *ctx, const char *p, size_t n)
{
	struct sink *s = ctx;

	BUG_ON(n == 0);
	if (n > s->room - s->length) {
		s->room = 2 * (s->room + n);
		s->text = xrealloc(s->text, s->room);
	}
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

/* Both passes; false if it cannot be. */
static bool convert(struct smtp_conversion *x, enum smtp_conversion_target to, const char *p,
	size_t n, size_t piece, struct sink *out)
{
	smtp_conversion_init(x, to);
	feed(x, p, n, piece);
	if (x->faults != 0)
		return false;
	smtp_conversion_rewind(x, take, out);
	feed(x, p, n, piece);
	return true;
}

static void check(const struct sink *out, bool seven)
{
	size_t i, line = 0;

	for (i = 0; i < out->length; i++) {
		unsigned char c = (unsigned char)out->text[i];

		BUG_ON(c == '\0' || (seven && c > 0x7f));
		if (c == '\r')
			BUG_ON(i + 1 == out->length || out->text[i + 1] != '\n');
		else if (c == '\n')
			BUG_ON(i == 0 || out->text[i - 1] != '\r');
		else
			line++;
		BUG_ON(line > SMTP_CONVERSION_LINE);
		if (c == '\n')
			line = 0;
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct smtp_conversion *x;
	struct sink whole = { 0 }, out = { 0 };
	const char *p = (const char *)data + 2;
	enum smtp_conversion_target to;
	size_t n = size - 2;
	bool can, is_signed;

	if (size <= 2 || size > INPUT_MAX)
		return 0;
	to = data[0] == '8' ? SMTP_CONVERSION_TO_8BIT : SMTP_CONVERSION_TO_7BIT;
	x = xmalloc(sizeof(*x));
	can = convert(x, to, p, n, n, &whole);
	BUG_ON(convert(x, to, p, n, data[1] > 0 ? data[1] : 1, &out) != can);
	if (can) {
		BUG_ON(whole.length != out.length);
		BUG_ON(out.length > 0 && memcmp(whole.text, out.text, out.length) != 0);
		/* the long lines of signed headers stay as they are */
		is_signed = memmem(p, n, "igned", 5) != NULL || memmem(p, n, "IGNED", 5) != NULL;
		if (!is_signed)
			check(&out, to == SMTP_CONVERSION_TO_7BIT);
		smtp_conversion_init(x, to);
		feed(x, out.text, out.length, n);
		BUG_ON(!is_signed && (x->needed || x->faults != 0));
	}
	free(x);
	free(whole.text);
	free(out.text);
	return 0;
}
