/* value_name.c - names: domains, case, and the order of names.
 *
 * Almost every name is ASCII, so that is decided byte by byte; only the rest asks libunistring.
 * In what is no UTF-8 (a file, not a directory, may hold it) only ASCII letters fold.
 */
#include "libhub/org/value.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <unicase.h>
#include <unistr.h>

enum { LABEL_MAX = 63, DOMAIN_MAX = 253 };

static unsigned char ascii_lower(unsigned char c)
{
	return c >= 'A' && c <= 'Z' ? (unsigned char)(c + ('a' - 'A')) : c;
}

static bool label_char(unsigned char c)
{
	c = ascii_lower(c);
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
}

static bool is_label(const char *s, size_t n)
{
	size_t i;

	if (n == 0 || n > LABEL_MAX || s[0] == '-' || s[n - 1] == '-')
		return false;
	for (i = 0; i < n; i++)
		if (!label_char((unsigned char)s[i]))
			return false;
	return true;
}

bool value_is_domain(const char *text)
{
	const char *dot;

	if (strlen(text) > DOMAIN_MAX)
		return false;
	/* digits and dots only would be an IPv4 address, which has forms of its own */
	if (text[strspn(text, "0123456789.")] == '\0')
		return false;
	for (; (dot = strchr(text, '.')) != NULL; text = dot + 1)
		if (!is_label(text, (size_t)(dot - text)))
			return false;
	return is_label(text, strlen(text));
}

static void lower_in_place(char *s)
{
	for (; *s != '\0'; s++)
		*s = (char)ascii_lower((unsigned char)*s);
}

char *value_lower(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text);

	lower_in_place(copy);
	return copy;
}

bool value_is_text(const char *text, size_t size)
{
	bool ascii = true;
	size_t i;

	for (i = 0; i < size; i++) {
		unsigned char c = (unsigned char)text[i];

		if (c < 0x20 || c == 0x7f)
			return false;
		ascii = ascii && c < 0x80;
	}
	return ascii || u8_check((const uint8_t *)text, size) == NULL;
}

/* Folded copy from malloc. */
static char *fold_unicode(const char *name)
{
	size_t n = strlen(name), size = 0;
	uint8_t *folded = NULL;
	char *out;

	if (u8_check((const uint8_t *)name, n) == NULL)
		folded = u8_casefold((const uint8_t *)name, n, NULL, NULL, NULL, &size);
	if (folded == NULL) {
		out = xstrdup(name);
		lower_in_place(out);
		return out;
	}
	out = xstrndup((const char *)folded, size);
	free(folded);
	return out;
}

static bool is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

static int compare_unicode(const char *a, const char *b)
{
	char *fa = fold_unicode(a), *fb = fold_unicode(b);
	int r = strcmp(fa, fb);

	free(fa);
	free(fb);
	return r;
}

int name_compare(const char *a, const char *b)
{
	const char *p = a, *q = b;
	unsigned char x, y;

	do {
		x = ascii_lower((unsigned char)*p++);
		y = ascii_lower((unsigned char)*q++);
		/* Everything before was ASCII and equal, but the rest may fold to more. */
		if (x >= 0x80 || y >= 0x80)
			return compare_unicode(a, b);
	} while (x == y && x != '\0');
	return x - y;
}

const char *name_fold(struct arena *a, const char *name)
{
	const char *kept;
	char *folded;

	if (is_ascii(name))
		return value_lower(a, name);
	folded = fold_unicode(name);
	kept = arena_strdup(a, folded);
	free(folded);
	return kept;
}
