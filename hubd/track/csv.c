/* csv.c - see csv.h */
#include "hubd/track/csv.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "libhub/base/err.h"
#include "libhub/smtp/address.h"

/* What a full field takes: each byte as \xNN, quotes around it, and the word that it was cut. */
enum { FIELD_ROOM = 4 * CSV_FIELD_MAX + 64 };

void csv_begin(struct csv *c)
{
	c->used = c->fields = 0;
}

/* Fields are few and bounded: a line that does not fit is a bug of who made it. */
static void separate(struct csv *c, size_t room)
{
	BUG_ON(sizeof(c->text) - c->used < room + 2);
	if (c->fields++ != 0)
		c->text[c->used++] = ',';
}

static void put_byte(struct csv *c, char byte)
{
	c->text[c->used++] = byte;
}

static void put_hex(struct csv *c, char byte)
{
	static const char digits[] = "0123456789ABCDEF";

	put_byte(c, '\\');
	put_byte(c, 'x');
	put_byte(c, digits[(unsigned char)byte >> 4]);
	put_byte(c, digits[(unsigned char)byte & 15]);
}

/* Bytes of the character at p that may be shown, 0 if its first byte may not. */
static size_t shown(const char *p, size_t n)
{
	unsigned char c = (unsigned char)*p;
	size_t length = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;

	if (c < 0x20 || c == 0x7f || length > n || !smtp_utf8_is_valid(p, length))
		return 0;
	if (c == '\\' && n > 1 && p[1] == 'x')
		return 0;
	/* U+0080 to U+009F are control characters as well */
	if (c == 0xc2 && (unsigned char)p[1] < 0xa0)
		return 0;
	return length;
}

/* Not in the midst of a character. */
static size_t cut(const char *p, size_t n)
{
	if (n <= CSV_FIELD_MAX)
		return n;
	n = CSV_FIELD_MAX;
	while (n > CSV_FIELD_MAX - 4 && ((unsigned char)p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

void csv_put(struct csv *c, const char *p, size_t n)
{
	size_t kept = n == 0 ? 0 : cut(p, n), i = 0, length;
	bool quoted = kept != 0 && (memchr(p, ',', kept) != NULL || memchr(p, '"', kept) != NULL);

	separate(c, FIELD_ROOM);
	if (quoted)
		put_byte(c, '"');
	while (i < kept) {
		length = shown(p + i, kept - i);
		if (length == 0)
			put_hex(c, p[i++]);
		else if (p[i] == '"')
			put_byte(c, '"');
		for (; length != 0; length--)
			put_byte(c, p[i++]);
	}
	if (kept < n)
		c->used += (size_t)sprintf(c->text + c->used, " (%zu more bytes)", n - kept);
	if (quoted)
		put_byte(c, '"');
}

void csv_put_text(struct csv *c, const char *text)
{
	csv_put(c, text, text == NULL ? 0 : strlen(text));
}

void csv_put_plain(struct csv *c, const char *text)
{
	size_t n = strlen(text);

	separate(c, n);
	memcpy(c->text + c->used, text, n);
	c->used += n;
}

void csv_put_uint(struct csv *c, uint64_t n)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	csv_put_plain(c, text);
}

void csv_end(struct csv *c)
{
	c->text[c->used++] = '\n';
}
