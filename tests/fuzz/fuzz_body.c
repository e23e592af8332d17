/* fuzz_body.c - fuzz target for the bytes of DATA: decoder, encoder, and the check for BDAT.
 *
 * The first byte chooses, d the decoder and e the encoder; the second is the size of the pieces.
 * The decoder is compared with one that goes byte by byte. What the encoder gives out has one end
 * of the message, at its end, for everyone: also for a reader that takes a lone CR or LF for the
 * end of a line.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "fuzz_checks.h"
#include "libhub/base/err.h"
#include "libhub/smtp/body.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

/* RFC 5321 §4.1.1.4 and §4.5.2 said byte by byte. Returns the bytes taken. */
static size_t decode_plainly(const char *p, size_t n, struct sink *out, bool *ended,
	uint32_t *faults)
{
	bool line = true;
	size_t i;

	*ended = false;
	*faults = 0;
	for (i = 0; i < n; i++) {
		if (line && n - i >= 3 && memcmp(p + i, ".\r\n", 3) == 0) {
			*ended = true;
			return i + 3;
		}
		if (line && p[i] == '.') {
			line = false;
			continue;
		}
		line = p[i] == '\n' && i > 0 && p[i - 1] == '\r';
		if (p[i] == '\n' && !line)
			*faults |= SMTP_BODY_BARE_LF;
		if (p[i] == '\r' && i + 1 < n && p[i + 1] != '\n')
			*faults |= SMTP_BODY_BARE_CR;
		sink_take(out, p + i, 1);
	}
	return n;
}

static void try_decoder(const char *p, size_t n, size_t piece)
{
	struct sink plain = sink_new(n), out = sink_new(n);
	struct smtp_body_decoder d;
	struct smtp_body_check c;
	uint32_t faults;
	size_t end, at, part;
	bool ended;

	end = decode_plainly(p, n, &plain, &ended, &faults);
	smtp_body_decoder_init(&d, sink_take, &out);
	for (at = 0; at < n && !d.ended; ) {
		part = n - at < piece ? n - at : piece;
		at += smtp_body_decode(&d, p + at, part);
	}
	BUG_ON(d.ended != ended || at != end || d.faults != faults || d.size != out.length);
	/* a last CR that may yet begin the end is held back */
	if (!ended && plain.length == out.length + 1 && plain.text[out.length] == '\r')
		plain.length--;
	BUG_ON(faults == 0 && !sink_same(&plain, &out));
	smtp_body_check_init(&c);
	for (at = 0; at < end; at += part) {
		part = end - at < piece ? end - at : piece;
		smtp_body_check_feed(&c, p + at, part);
	}
	BUG_ON(c.faults != faults);
	sink_free(&plain);
	sink_free(&out);
}

/*
 * How many ends of a message a reader finds for whom CR, LF and CRLF all end lines; the last has to
 * be at the end of the text. Where LF alone or CR alone ends lines it is no more.
 */
static size_t lenient_ends(const char *p, size_t n)
{
	size_t at, end, ends = 0;

	for (at = 0; at < n; at = end + 1) {
		for (end = at; end < n && p[end] != '\r' && p[end] != '\n'; end++)
			;
		ends += end - at == 1 && p[at] == '.';
		if (end + 1 < n && p[end] == '\r' && p[end + 1] == '\n')
			end++;
	}
	return ends;
}

static void try_encoder(const char *p, size_t n, size_t piece)
{
	size_t room = 3 * n + 8;
	struct sink whole = sink_new(room), out = sink_new(room), back = sink_new(room);
	struct smtp_body_encoder x;
	struct smtp_body_decoder d;
	struct smtp_body_check c;
	size_t at, part;

	smtp_body_encoder_init(&x, sink_take, &whole);
	smtp_body_encode(&x, p, n);
	smtp_body_encode_end(&x);
	smtp_body_encoder_init(&x, sink_take, &out);
	for (at = 0; at < n; at += part) {
		part = n - at < piece ? n - at : piece;
		smtp_body_encode(&x, p + at, part);
	}
	smtp_body_encode_end(&x);
	BUG_ON(!sink_same(&whole, &out));
	BUG_ON(lenient_ends(out.text, out.length) != 1);
	BUG_ON(out.length < 3 || memcmp(out.text + out.length - 3, ".\r\n", 3) != 0);
	smtp_body_decoder_init(&d, sink_take, &back);
	BUG_ON(smtp_body_decode(&d, out.text, out.length) != out.length);
	BUG_ON(!d.ended || d.faults != 0);
	smtp_body_check_init(&c);
	smtp_body_check_feed(&c, p, n);
	smtp_body_check_end(&c);
	if (c.faults == 0) {
		BUG_ON(back.length < n || memcmp(back.text, p, n) != 0);
		BUG_ON(back.length != n && (back.length != n + 2 || p[n - 1] == '\n'));
	}
	sink_free(&whole);
	sink_free(&out);
	sink_free(&back);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	size_t n = size - 1, piece;

	if (size < 1 || size > INPUT_MAX || !cut_size(&p, &n, &piece))
		return 0;
	if (data[0] == 'd')
		try_decoder(p, n, piece);
	else if (data[0] == 'e')
		try_encoder(p, n, piece);
	return 0;
}
