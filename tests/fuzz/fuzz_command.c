/* fuzz_command.c - fuzz target for the values of libhub/smtp.
 *
 * The first byte of the input is a letter that chooses what is tried (see the end of this file);
 * for streams the second is the size of the pieces they are fed in. Beside memory errors it looks
 * for broken promises: canonical forms that are not stable, results that depend on where the input
 * is cut, a decoder that does not read back what the encoder wrote, replies not well formed.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/err.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/address.h"
#include "libhub/smtp/body.h"
#include "libhub/smtp/capability.h"
#include "libhub/smtp/command.h"
#include "libhub/smtp/header.h"
#include "libhub/smtp/reply.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

struct sink {
	char *text;
	size_t length;
	size_t room;
};

static struct sink sink_new(size_t room)
{
	return (struct sink){ xmalloc(room + 1), 0, room };
}

static void take(void *ctx, const char *p, size_t n)
{
	struct sink *s = ctx;

	BUG_ON(n == 0 || n > s->room - s->length);
	memcpy(s->text + s->length, p, n);
	s->length += n;
}

static bool same(const struct sink *a, const struct sink *b)
{
	return a->length == b->length && memcmp(a->text, b->text, a->length) == 0;
}

/* What a server sends is CRLF lines of at most 512 bytes, printable, all with one code. */
static void check_reply(const struct smtp_reply *r)
{
	char wire[SMTP_REPLY_WIRE_MAX], joined[SMTP_REPLY_JOINED_MAX];
	struct smtp_reply back;
	const char *p = wire, *end;
	struct err e;
	int rc = 1;

	smtp_reply_join(r, joined, sizeof(joined));
	BUG_ON(smtp_reply_format(r, true, wire) != strlen(wire));
	smtp_reply_begin(&back);
	while (*p != '\0') {
		end = strstr(p, "\r\n");
		BUG_ON(end == NULL || end - p > 510 || rc != 1);
		rc = smtp_reply_feed(&back, p, (size_t)(end - p), &e);
		p = end + 2;
	}
	BUG_ON(rc != 0 || back.code != r->code || back.lines != r->lines);
}

/* A canonical address is an address, and its own canonical form. */
static void check_address(const struct smtp_address *a)
{
	struct smtp_address back;
	struct err e = { 0 };

	BUG_ON(a->length > SMTP_ADDRESS_MAX || strlen(a->text) != a->length);
	BUG_ON(a->domain > a->length);
	BUG_ON(strpbrk(a->text, "\r\n") != NULL);
	BUG_ON(smtp_address_parse(&back, a->text, a->length, SMTP_ADDRESS_NULL
		| SMTP_ADDRESS_POSTMASTER | SMTP_ADDRESS_UTF8, &e) != 0);
	BUG_ON(!smtp_address_equal(a, &back) || a->domain != back.domain
		|| a->literal != back.literal);
}

static void try_command(const char *p, size_t n)
{
	static const uint32_t sets[] = { UINT32_MAX, 0, SMTP_EXT_SIZE | SMTP_EXT_8BITMIME };
	struct smtp_command_context context = { 0, false };
	struct smtp_command c;
	struct smtp_reply r;
	size_t i;

	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++) {
		context.extensions = sets[i];
		context.utf8 = i == 0;
		if (smtp_command_parse(&c, p, n, &context, &r) != 0) {
			BUG_ON(r.code < 500);
			check_reply(&r);
			continue;
		}
		if (c.verb == SMTP_VERB_MAIL) {
			check_address(&c.mail.from);
			check_address(&c.mail.auth);
			BUG_ON(strlen(c.mail.envid) > SMTP_ENVID_MAX);
		} else if (c.verb == SMTP_VERB_RCPT) {
			check_address(&c.rcpt.to);
			BUG_ON(strlen(c.rcpt.orcpt) > SMTP_ORCPT_MAX);
		}
	}
}

static void try_address(const char *p, size_t n)
{
	uint32_t flags;
	struct smtp_address a;
	struct err e;
	size_t used;

	for (flags = 0; flags < 8; flags++) {
		if (smtp_path_parse(&a, p, n, &used, flags, &e) == 0) {
			BUG_ON(used > n || p[used - 1] != '>');
			check_address(&a);
		}
		if (smtp_address_parse(&a, p, n, flags, &e) == 0)
			check_address(&a);
	}
}

static void try_xtext(const char *p, size_t n)
{
	char coded[3 * 300 + 1], plain[301], back[301];
	int length = smtp_xtext_decode(plain, sizeof(plain), p, n), again;

	if (length >= 0) {
		again = smtp_xtext_encode(coded, sizeof(coded), plain, (size_t)length);
		BUG_ON(again < length);
		BUG_ON(smtp_xtext_decode(back, sizeof(back), coded, (size_t)again) != length);
		BUG_ON(memcmp(plain, back, (size_t)length) != 0);
	}
	smtp_utf8_is_valid(p, n);
}

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
		take(out, p + i, 1);
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
	smtp_body_decoder_init(&d, take, &out);
	for (at = 0; at < n && !d.ended; ) {
		part = n - at < piece ? n - at : piece;
		at += smtp_body_decode(&d, p + at, part);
	}
	BUG_ON(d.ended != ended || at != end || d.faults != faults || d.size != out.length);
	/* a last CR that may yet begin the end is held back */
	if (!ended && plain.length == out.length + 1 && plain.text[out.length] == '\r')
		plain.length--;
	BUG_ON(faults == 0 && !same(&plain, &out));
	smtp_body_check_init(&c);
	for (at = 0; at < end; at += part) {
		part = end - at < piece ? end - at : piece;
		smtp_body_check_feed(&c, p + at, part);
	}
	BUG_ON(c.faults != faults);
	free(plain.text);
	free(out.text);
}

static void try_encoder(const char *p, size_t n, size_t piece)
{
	size_t room = 3 * n + 8;
	struct sink whole = sink_new(room), out = sink_new(room), back = sink_new(room);
	struct smtp_body_encoder x;
	struct smtp_body_decoder d;
	struct smtp_body_check c;
	size_t at, part;

	smtp_body_encoder_init(&x, take, &whole);
	smtp_body_encode(&x, p, n);
	smtp_body_encode_end(&x);
	smtp_body_encoder_init(&x, take, &out);
	for (at = 0; at < n; at += part) {
		part = n - at < piece ? n - at : piece;
		smtp_body_encode(&x, p + at, part);
	}
	smtp_body_encode_end(&x);
	BUG_ON(!same(&whole, &out));
	smtp_body_decoder_init(&d, take, &back);
	BUG_ON(smtp_body_decode(&d, out.text, out.length) != out.length);
	BUG_ON(!d.ended || d.faults != 0);
	smtp_body_check_init(&c);
	smtp_body_check_feed(&c, p, n);
	smtp_body_check_end(&c);
	if (c.faults == 0) {
		BUG_ON(back.length < n || memcmp(back.text, p, n) != 0);
		BUG_ON(back.length != n && (back.length != n + 2 || p[n - 1] == '\n'));
	}
	free(whole.text);
	free(out.text);
	free(back.text);
}

static const struct smtp_header_rule rules[] = {
	{ "X-Hub-Organization-", true },
	{ "X-Hub-Forest-", true },
	{ "List-", false },
};

static void on_field(void *ctx, const struct smtp_header_rule *rule, const char *name,
	const char *value, size_t n)
{
	(void)ctx;
	BUG_ON(strncasecmp(name, rule->prefix, strlen(rule->prefix)) != 0);
	BUG_ON(n > SMTP_HEADER_VALUE_MAX || value[n] != '\0');
}

static void scan(struct smtp_header_scan *s, struct sink *out, const char *p, size_t n,
	size_t piece)
{
	size_t at, part;

	smtp_header_init(s, rules, 3, take, on_field, out);
	for (at = 0; at < n; at += part) {
		part = n - at < piece ? n - at : piece;
		smtp_header_feed(s, p + at, part);
	}
	smtp_header_end(s);
}

static void try_header(const char *p, size_t n, size_t piece)
{
	struct sink whole = sink_new(n), out = sink_new(n), again = sink_new(n);
	struct smtp_header_scan a, b;

	scan(&a, &whole, p, n, n > 0 ? n : 1);
	scan(&b, &out, p, n, piece);
	BUG_ON(!same(&whole, &out));
	BUG_ON(a.size != b.size || a.received != b.received || a.dropped != b.dropped
		|| a.malformed != b.malformed || strcmp(a.message_id, b.message_id) != 0
		|| strcmp(a.subject, b.subject) != 0 || a.has_from != b.has_from
		|| a.has_date != b.has_date || a.has_message_id != b.has_message_id);
	BUG_ON(a.size > n || (a.dropped == 0 && out.length != n));
	/* what stays has nothing more to drop */
	scan(&b, &again, out.text, out.length, 7);
	BUG_ON(b.dropped != 0 || !same(&again, &out));
	free(whole.text);
	free(out.text);
	free(again.text);
}

static void try_reply(const char *p, size_t n)
{
	const char *lf, *end = p + n;
	struct smtp_capability c;
	struct smtp_reply r;
	struct err e;
	int rc = 1;

	smtp_reply_begin(&r);
	for (; rc == 1 && p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL)
			lf = end;
		rc = smtp_reply_feed(&r, p, (size_t)(lf - p), &e);
	}
	if (rc != 0)
		return;
	BUG_ON(strlen(r.text) != r.length);
	check_reply(&r);
	smtp_capability_parse(&c, &r);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data + 1;
	size_t n = size - 1, piece;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	switch (data[0]) {
	case 'c':
		try_command(p, n);
		return 0;
	case 'a':
		try_address(p, n);
		return 0;
	case 'x':
		try_xtext(p, n);
		return 0;
	case 'r':
		try_reply(p, n);
		return 0;
	}
	if (n < 1)
		return 0;
	piece = (uint8_t)*p++ - '0';
	piece = piece > 0 && piece < 208 ? piece : 1;
	n--;
	switch (data[0]) {
	case 'd':
		try_decoder(p, n, piece);
		break;
	case 'e':
		try_encoder(p, n, piece);
		break;
	case 'h':
		try_header(p, n, piece);
		break;
	}
	return 0;
}
