/* fuzz_fields.c - fuzz target for header fields that hubs read and write.
 *
 * The first byte chooses: x for the values of exclusion fields, one a line, each after its list is
 * written the same when read again; t for the Received field, made of texts divided by NULs, which
 * is one field of printable lines of at most 998 bytes, whoever reads it.
 */
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "hubd/receive/trace.h"
#include "hubd/spool/exclusion.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/command.h"
#include "libhub/smtp/header.h"

#include "fuzz_checks.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 14, LINE_MAX_BYTES = 998 };

static void try_exclusions(struct arena *a, char *text)
{
	struct exclusions one, again, both = { 0 };
	const char *written;
	size_t i;

	exclusions_parse(text, a, &one);
	BUG_ON(one.n > EXCLUSIONS_MAX);
	for (i = 0; i < one.n; i++)
		BUG_ON(one.v[i].connector[0] == '\0' || one.v[i].expires_s < 0);
	written = exclusions_text(&one, a);
	BUG_ON(strlen(written) > EXCLUSIONS_TEXT_MAX || strchr(written, '\r') != NULL);
	exclusions_parse(written, a, &again);
	BUG_ON(again.n > one.n || strcmp(exclusions_text(&again, a), written) != 0);
	exclusions_merge(&both, &one);
	exclusions_merge(&both, &again);
	BUG_ON(both.n != one.n);
	exclusions_renew(&both, "To Internet", 1763760000, 600);
	BUG_ON(both.n > EXCLUSIONS_MAX || both.n == 0);
}

/* The next text, as a command would have brought it; "" when there is none. */
static const char *next(char **text)
{
	char *at = *text;

	*text = at + strlen(at) + (at[strlen(at) + 1] != '\0');
	return at;
}

static void check_lines(const char *p, size_t n)
{
	const char *end = p + n, *lf;

	for (; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		BUG_ON(lf == NULL || lf == p || lf[-1] != '\r' || lf - p - 1 > LINE_MAX_BYTES);
		BUG_ON(memchr(p, '\r', (size_t)(lf - p - 1)) != NULL || lf - p == 1);
	}
}

static void check_one_field(const char *p, size_t n)
{
	struct smtp_header_scan scan;
	struct sink out = sink_new(n);

	smtp_header_init(&scan, NULL, 0, sink_take, NULL, &out);
	smtp_header_feed(&scan, p, n);
	BUG_ON(scan.ended || scan.malformed || scan.received != 1 || scan.size != n);
	smtp_header_end(&scan);
	BUG_ON(scan.malformed || out.length != n);
	sink_free(&out);
}

/* Names come from EHLO, addresses from RCPT: what the parsers let through. */
static void try_trace(struct arena *a, char *text)
{
	static const struct smtp_command_context context = { UINT32_MAX, true, NULL };
	char *line = arena_printf(a, "EHLO %s", next(&text)), field[TRACE_MAX];
	struct smtp_command helo, rcpt;
	struct smtp_reply refused;
	struct trace t = { .peer_address = "2001:db8::1", .by = "hub1.contoso.com",
		.id = "0123456789abcdef", .tls_version = "TLSv1.3",
		.tls_cipher = "TLS_AES_256_GCM_SHA384", .tls_bits = 256, .esmtp = true };
	size_t n;

	if (smtp_command_parse(&helo, line, strlen(line), &context, &refused) != 0)
		return;
	t.helo = helo.helo.name;
	line = arena_printf(a, "RCPT TO:%s", next(&text));
	if (smtp_command_parse(&rcpt, line, strlen(line), &context, &refused) == 0)
		t.recipient = rcpt.rcpt.to.text;
	n = trace_format(&t, field);
	BUG_ON(n >= TRACE_MAX);
	check_lines(field, n);
	check_one_field(field, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a;
	char *text;

	if (size < 1 || size > INPUT_MAX)
		return 0;
	a = arena_new();
	/* ends by two NULs, whatever it holds */
	text = arena_alloc(a, size + 1);
	memcpy(text, data + 1, size - 1);
	text[size - 1] = text[size] = '\0';
	if (data[0] == 'x')
		try_exclusions(a, text);
	else if (data[0] == 't')
		try_trace(a, text);
	arena_free(&a);
	return 0;
}
