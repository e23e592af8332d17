/* xtext.c - the encoding of RFC 3461 §4, and whether bytes are UTF-8 (see address.h). */
#include "libhub/smtp/address.h"

#include "libhub/smtp/chars_priv.h"

#include <limits.h>

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
