/* fuzz_log.c - fuzz target for what is written of a peer to the protocol log.
 *
 * The first byte chooses: c for a field of comma-separated values, which stays one field of one
 * line of UTF-8, and is found again; b for a line of a client of which only a part may be shown,
 * and never what follows the mechanism of AUTH.
 */
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "hubd/receive/blank.h"
#include "hubd/track/csv.h"
#include "libhub/base/mem.h"
#include "libhub/smtp/address.h"
#include "libhub/smtp/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 14 };

/* Reads a field as any program would; *p stands behind it. Returns its length. */
static size_t read_field(const char **p, char *out)
{
	bool quoted = **p == '"';
	size_t n = 0;

	for (*p += quoted; quoted || (**p != ',' && **p != '\n'); ++*p) {
		if (quoted && **p == '"' && *++*p != '"')
			break;
		BUG_ON(**p == '\0');
		out[n++] = **p;
	}
	return n;
}

/* \xNN is a byte again. */
static size_t unescape(char *p, size_t n)
{
	size_t i, kept = 0;
	unsigned int byte;

	for (i = 0; i < n; i++) {
		if (p[i] == '\\' && i + 3 < n && p[i + 1] == 'x' &&
			sscanf(p + i + 2, "%2X", &byte) == 1) {
			p[kept++] = (char)byte;
			i += 3;
		} else {
			p[kept++] = p[i];
		}
	}
	return kept;
}

static void try_csv(const char *p, size_t n)
{
	static struct csv c;
	static char field[CSV_LINE_MAX + 1];
	const char *at = c.text;
	size_t got, i;

	csv_begin(&c);
	csv_put_uint(&c, 7);
	csv_put(&c, p, n);
	csv_put_text(&c, "end");
	csv_end(&c);
	BUG_ON(c.used >= CSV_LINE_MAX || c.text[c.used - 1] != '\n');
	c.text[c.used] = '\0';
	for (i = 0; i + 1 < c.used; i++)
		BUG_ON((unsigned char)c.text[i] < ' ' || c.text[i] == 127);
	BUG_ON(!smtp_utf8_is_valid(c.text, c.used));
	BUG_ON(read_field(&at, field) != 1 || *at++ != ',');
	got = read_field(&at, field);
	field[got] = '\0';
	BUG_ON(strcmp(at, ",end\n") != 0);
	got = unescape(field, got);
	BUG_ON(n <= CSV_FIELD_MAX && (got != n || memcmp(field, p, n) != 0));
	BUG_ON(n > CSV_FIELD_MAX && memmem(field, got, " more bytes)", 12) == NULL);
}

static void try_blank(const char *p, size_t n)
{
	static const struct smtp_command_context context = { .extensions = UINT32_MAX };
	char text[BLANK_MAX], secret[BLANK_MAX + 1];
	struct smtp_command c;
	struct smtp_reply refused;
	struct blank_line line = { .p = p, .n = n };
	int secretive;

	line.well_formed = smtp_command_parse(&c, p, n, &context, &refused) == 0;
	line.verb = c.verb;
	for (secretive = 0; secretive < 2; secretive++) {
		line.secretive = secretive;
		memset(text, 'x', sizeof(text));
		if (blank_command(&line, text) == BLANK_TEXT)
			BUG_ON(memchr(text, '\0', sizeof(text)) == NULL);
		else
			BUG_ON(line.verb == SMTP_VERB_AUTH && line.well_formed &&
				c.auth.initial != NULL);
		if (!line.well_formed || line.verb != SMTP_VERB_AUTH || c.auth.initial == NULL ||
			c.auth.initial_length < 8)
			continue;
		snprintf(secret, sizeof(secret), "%.*s", (int)(c.auth.initial_length < BLANK_MAX ?
			c.auth.initial_length : BLANK_MAX), c.auth.initial);
		BUG_ON(strlen(secret) >= 8 && memchr(c.auth.mechanism, secret[0],
			c.auth.mechanism_length) == NULL && strstr(text, secret) != NULL);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 1 || size > INPUT_MAX)
		return 0;
	if (data[0] == 'c')
		try_csv((const char *)data + 1, size - 1);
	else if (data[0] == 'b')
		try_blank((const char *)data + 1, size - 1);
	return 0;
}
