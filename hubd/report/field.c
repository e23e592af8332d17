/* field.c - see field.h */
#include "hubd/report/field.h"

#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/smtp/address.h"

enum {
	COLUMNS = 76,
	WORD_MAX = 400,		/* longer ones are cut into lines: RFC 5322 section 2.1.1 */
};

static char clean(char c, bool utf8)
{
	unsigned char ch = (unsigned char)c;

	if (ch < ' ' || ch == 0x7f)
		return ' ';
	return ch >= 0x80 && !utf8 ? '?' : c;
}

void field_put_clean(FILE *f, const char *text, bool utf8)
{
	utf8 = utf8 && smtp_utf8_is_valid(text, strlen(text));
	for (; *text != '\0'; text++)
		fputc(clean(*text, utf8), f);
}

void field_put(FILE *f, const char *name, const char *type, const char *text, bool utf8)
{
	fprintf(f, "%s: %s%s", name, type != NULL ? type : "", type != NULL ? "; " : "");
	field_put_clean(f, text, utf8);
	fputs("\r\n", f);
}

static bool is_blank(char c)
{
	return c != '\0' && clean(c, true) == ' ';
}

static size_t word_length(const char *p)
{
	size_t n = 0;

	while (p[n] != '\0' && !is_blank(p[n]) &&
		(n < WORD_MAX || ((unsigned char)p[n] & 0xc0) == 0x80))
		n++;
	return n;
}

/* The words of text from column on; a new line begins with so many blanks. */
static void put_words(FILE *f, const char *text, size_t column, int indent, bool utf8)
{
	bool first = true;
	size_t n, i;

	utf8 = utf8 && smtp_utf8_is_valid(text, strlen(text));
	for (;; text += n, first = false) {
		while (is_blank(*text))
			text++;
		n = word_length(text);
		if (n == 0)
			break;
		if (!first && column + 1 + n > COLUMNS) {
			fprintf(f, "\r\n%*s", indent, "");
			column = (size_t)indent;
		} else if (!first) {
			fputc(' ', f);
			column++;
		}
		for (i = 0; i < n; i++)
			fputc(clean(text[i], utf8), f);
		column += n;
	}
	fputs("\r\n", f);
}

void field_put_folded(FILE *f, const char *name, const char *type, const char *text, bool utf8)
{
	int n = fprintf(f, "%s: %s%s", name, type != NULL ? type : "", type != NULL ? "; " : "");

	put_words(f, text, (size_t)n, 1, utf8);
}

void field_put_date(FILE *f, const char *name, int64_t wall_s)
{
	char date[64];

	clock_rfc5322(wall_s, date, sizeof(date));
	fprintf(f, "%s: %s\r\n", name, date);
}

void field_put_wrapped(FILE *f, int indent, const char *text, bool utf8)
{
	fprintf(f, "%*s", indent, "");
	put_words(f, text, (size_t)indent, indent, utf8);
}
