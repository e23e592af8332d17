/* xtext.c - the encodings of RFC 3461 §4 and RFC 6533 §3, and whether bytes are UTF-8 (see
 * address.h).
 */
#include "libhub/smtp/address.h"

#include "libhub/smtp/chars_priv.h"

#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static int hex_value(char c)
{
	if (smtp_is_digit(c))
		return c - '0';
	/* RFC 3461 has upper case only; lower case is in use and cannot be misread */
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

int smtp_xtext_encode(char *out, size_t size, const char *p, size_t n)
{
	static const char hex[] = "0123456789ABCDEF";
	size_t i, length = 0;

	for (i = 0; i < n; i++) {
		unsigned char c = (unsigned char)p[i];
		bool plain = c >= 0x21 && c <= 0x7e && c != '+' && c != '=';

		if (length + (plain ? 1 : 3) >= size || length > INT_MAX - 4)
			return -1;
		if (plain) {
			out[length++] = (char)c;
		} else {
			out[length++] = '+';
			out[length++] = hex[c >> 4];
			out[length++] = hex[c & 15];
		}
	}
	if (size == 0)
		return -1;
	out[length] = '\0';
	return (int)length;
}

int smtp_xtext_decode(char *out, size_t size, const char *p, size_t n)
{
	size_t i, length = 0;
	int high, low;

	for (i = 0; i < n; i++) {
		if (length + 1 >= size || length == INT_MAX)
			return -1;
		if (p[i] < 0x21 || p[i] > 0x7e || p[i] == '=')
			return -1;
		if (p[i] != '+') {
			out[length++] = p[i];
			continue;
		}
		if (n - i < 3)
			return -1;
		high = hex_value(p[i + 1]);
		low = hex_value(p[i + 2]);
		if (high < 0 || low < 0)
			return -1;
		out[length++] = (char)(high * 16 + low);
		i += 2;
	}
	if (size == 0)
		return -1;
	out[length] = '\0';
	return (int)length;
}

/* Length of the sequence that a first byte begins, and the range of its second byte, which shuts
 * out overlong forms, surrogates and what is beyond U+10FFFF (RFC 3629 §4). 0: begins none. */
static size_t utf8_sequence(unsigned char c, unsigned char *low, unsigned char *high)
{
	*low = c == 0xe0 ? 0xa0 : c == 0xf0 ? 0x90 : 0x80;
	*high = c == 0xed ? 0x9f : c == 0xf4 ? 0x8f : 0xbf;
	if (c < 0x80)
		return 1;
	if (c < 0xc2 || c > 0xf4)
		return 0;
	return c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* Own code, since neither libc nor libidn2 has a check that takes a length and any byte. */
bool smtp_utf8_is_valid(const char *p, size_t n)
{
	unsigned char low, high, c;
	size_t i, length;

	while (n > 0) {
		length = utf8_sequence((unsigned char)*p, &low, &high);
		if (length == 0 || length > n)
			return false;
		for (i = 1; i < length; i++) {
			c = (unsigned char)p[i];
			if (c < low || c > high)
				return false;
			low = 0x80;
			high = 0xbf;
		}
		p += length;
		n -= length;
	}
	return true;
}

bool smtp_is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s > 0x7f)
			return false;
	return true;
}

/* --- RFC 6533 section 3 --- */

enum { ESCAPE_DIGITS_MAX = 6, UTF8_MAX = 4 };

/* Reads "\x{65E5}"; the bytes taken, or 0. */
static size_t take_escape(uint32_t *point, const char *p, size_t n)
{
	size_t i;
	int digit;

	*point = 0;
	if (n < 4 || memcmp(p, "\\x{", 3) != 0)
		return 0;
	for (i = 3; i < n && i <= 3 + ESCAPE_DIGITS_MAX; i++) {
		if (p[i] == '}')
			return i > 4 && *point <= 0x10ffff ? i + 1 : 0;
		digit = hex_value(p[i]);
		if (digit < 0)
			return 0;
		*point = *point * 16 + (uint32_t)digit;
	}
	return 0;
}

static size_t put_utf8(char out[UTF8_MAX], uint32_t point)
{
	size_t n = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4, i;
	static const unsigned char first[] = { 0, 0, 0xc0, 0xe0, 0xf0 };

	for (i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (point & 0x3f));
		point >>= 6;
	}
	out[0] = (char)(first[n] | point);
	return n;
}

int smtp_utf8_address_decode(char *out, size_t size, const char *p, size_t n)
{
	size_t i, length = 0, taken, used;
	char text[UTF8_MAX];
	uint32_t point;

	for (i = 0; i < n; i += taken) {
		taken = used = 1;
		text[0] = p[i];
		if (p[i] == '\\') {
			taken = take_escape(&point, p + i, n - i);
			if (taken == 0)
				return -1;
			used = put_utf8(text, point);
		}
		if (length + used >= size || length > INT_MAX - UTF8_MAX)
			return -1;
		memcpy(out + length, text, used);
		length += used;
	}
	if (size == 0 || !smtp_utf8_is_valid(out, length))
		return -1;
	out[length] = '\0';
	return (int)length;
}

/* The character that begins at p, which is UTF-8. */
static size_t take_utf8(uint32_t *point, const char *p)
{
	static const unsigned char mask[] = { 0, 0x7f, 0x1f, 0x0f, 0x07 };
	unsigned char low, high;
	size_t n = utf8_sequence((unsigned char)*p, &low, &high), i;

	*point = (unsigned char)*p & mask[n];
	for (i = 1; i < n; i++)
		*point = *point << 6 | ((unsigned char)p[i] & 0x3f);
	return n;
}

int smtp_utf8_address_encode(char *out, size_t size, const char *p, size_t n, bool specials)
{
	size_t i, length = 0, taken;
	uint32_t point;
	bool escaped;
	int used;

	if (size == 0 || !smtp_utf8_is_valid(p, n))
		return -1;
	for (i = 0; i < n; i += taken) {
		taken = take_utf8(&point, p + i);
		escaped = point > 0x7e || (specials && (point <= ' ' || point == '+' ||
			point == '=' || point == '\\'));
		used = snprintf(out + length, size - length, escaped ? "\\x{%02X}" : "%c", point);
		if (used < 0 || (size_t)used >= size - length || length > INT_MAX - 16)
			return -1;
		length += (size_t)used;
	}
	out[length] = '\0';
	return (int)length;
}
