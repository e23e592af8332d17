/* fuzz_header.c - fuzz target for the header scan: the first byte is the size of the pieces.
 *
 * The result does not depend on the cuts, and what stays has nothing more to take out.
 */
#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "fuzz_checks.h"
#include "libhub/base/err.h"
#include "libhub/smtp/header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

static const struct smtp_header_rule rules[] = {
	{ "X-Hub-Organization-", true, false },
	{ "X-Hub-Forest-", true, false },
	{ "List-", false, true },
};

/* As a hub puts its own before what it had. */
static const char own[] = "Own: field\r\n";

static void on_field(void *ctx, const struct smtp_header_rule *rule, const char *name,
	const char *value, size_t n)
{
	(void)ctx;
	BUG_ON(strncasecmp(name, rule->prefix, strlen(rule->prefix)) != 0);
	BUG_ON(n > SMTP_HEADER_VALUE_MAX || value[n] != '\0');
}

static void scan(struct smtp_header_scan *s, struct sink *out, const char *p, size_t n,
	size_t piece, bool behind_own)
{
	size_t at, part;

	smtp_header_init(s, rules, 3, sink_take, on_field, out);
	if (behind_own)
		smtp_header_feed(s, own, sizeof(own) - 1);
	for (at = 0; at < n; at += part) {
		part = n - at < piece ? n - at : piece;
		smtp_header_feed(s, p + at, part);
	}
	smtp_header_end(s);
}

/* Said byte by byte: does the header have a CR or LF that is not one with the other? */
static bool has_bare(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if ((p[i] == '\n' && (i == 0 || p[i - 1] != '\r')) ||
			(p[i] == '\r' && i + 1 < n && p[i + 1] != '\n'))
			return true;
	return false;
}

static void try_header(const char *p, size_t n, size_t piece)
{
	/* room for an empty line that is put in */
	size_t room = n + 2;
	struct sink whole = sink_new(room), out = sink_new(room), again = sink_new(room),
		behind = sink_new(room + sizeof(own));
	struct smtp_header_scan a, b;

	scan(&a, &whole, p, n, n > 0 ? n : 1, false);
	scan(&b, &out, p, n, piece, false);
	BUG_ON(!sink_same(&whole, &out));
	BUG_ON(a.size != b.size || a.received != b.received || a.dropped != b.dropped
		|| a.malformed != b.malformed || a.bare != b.bare
		|| strcmp(a.message_id, b.message_id) != 0
		|| strcmp(a.subject, b.subject) != 0 || a.has_from != b.has_from
		|| a.has_date != b.has_date || a.has_message_id != b.has_message_id);
	BUG_ON(a.bare != has_bare(p, a.size));
	BUG_ON(a.size > n || (a.dropped == 0 && out.length != n + (a.malformed ? 2 : 0)));
	/* what stays has nothing more to drop, nor has it behind other fields */
	scan(&b, &again, out.text, out.length, 7, false);
	BUG_ON(b.dropped != 0 || b.malformed || !sink_same(&again, &out));
	scan(&b, &behind, out.text, out.length, 7, true);
	BUG_ON(b.dropped != 0);
	sink_free(&behind);
	sink_free(&whole);
	sink_free(&out);
	sink_free(&again);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	size_t n = size, piece;

	if (size <= INPUT_MAX && cut_size(&p, &n, &piece))
		try_header(p, n, piece);
	return 0;
}
