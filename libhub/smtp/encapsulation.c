/* encapsulation.c - see encapsulation.h.
 *
 * Type SMTP is refused: IMCEASMTP-user+40elsewhere.example@contoso.com would be a way around the
 * rules of relay.
 */
#include "libhub/smtp/encapsulation.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

static const char prefix[] = "IMCEA";
enum { PREFIX = sizeof(prefix) - 1 };

static bool is_plain(char c)
{
	return isalnum((unsigned char)c) || c == '=' || c == '-';
}

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)toupper((unsigned char)c);
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Bytes before the '@' that no quote hides: an encapsulated address has none. */
static size_t local_length(const char *address)
{
	return strcspn(address, "@");
}

/* One byte of the text at p, of n bytes; 0 when the code is bad. *used: bytes that stand for it. */
static char decode_one(const char *p, size_t n, size_t *used)
{
	int value;

	*used = 1;
	if (is_plain(*p))
		return *p;
	if (*p == '_')
		return '/';
	if (*p != '+' || n < 3 || digit(p[1]) < 0 || digit(p[2]) < 0)
		return 0;
	*used = 3;
	value = digit(p[1]) * 16 + digit(p[2]);
	return value >= ' ' && value <= '~' ? (char)value : 0;
}

static bool read_text(const char *p, size_t n, char *out)
{
	size_t used;

	if (n == 0 || n > SMTP_ADDRESS_MAX)
		return false;
	for (; n > 0; p += used, n -= used) {
		*out = decode_one(p, n, &used);
		if (*out++ == 0)
			return false;
	}
	*out = '\0';
	return true;
}

static bool set_type(const char *p, size_t n, char *out)
{
	size_t i;

	if (n == 0 || n > ENCAPSULATED_TYPE_MAX)
		return false;
	for (i = 0; i < n; i++) {
		if (!isalnum((unsigned char)p[i]))
			return false;
		out[i] = (char)toupper((unsigned char)p[i]);
	}
	out[n] = '\0';
	return strcmp(out, "SMTP") != 0;
}

enum encapsulation encapsulation_read(const char *address, struct encapsulated *out)
{
	size_t local = local_length(address), type = 0;

	if (local < PREFIX || strncasecmp(address, prefix, PREFIX) != 0)
		return ENCAPSULATION_NONE;
	address += PREFIX;
	local -= PREFIX;
	while (type < local && isalnum((unsigned char)address[type]))
		type++;
	if (type == local || address[type] != '-')
		return ENCAPSULATION_NONE;
	return set_type(address, type, out->type) &&
		read_text(address + type + 1, local - type - 1, out->text) ?
		ENCAPSULATION_WHOLE : ENCAPSULATION_BROKEN;
}

/* The text of one byte into out, of up to 3 bytes; its length, 0 when there is none. */
static size_t encode_one(char c, char *out)
{
	static const char digits[] = "0123456789ABCDEF";

	if (is_plain(c) || c == '/') {
		*out = c == '/' ? '_' : c;
		return 1;
	}
	if (c < ' ' || c > '~')
		return 0;
	out[0] = '+';
	out[1] = digits[(unsigned char)c >> 4];
	out[2] = digits[c & 15];
	return 3;
}

int encapsulation_write(char out[SMTP_ADDRESS_SIZE], const char *type, const char *text,
	const char *domain)
{
	char name[ENCAPSULATED_TYPE_MAX + 1];
	size_t n, used;
	int tail;

	if (!set_type(type, strlen(type), name) || *text == '\0')
		return -1;
	n = (size_t)snprintf(out, SMTP_ADDRESS_SIZE, "%s%s-", prefix, name);
	for (; *text != '\0'; text++, n += used) {
		if (n + 3 > SMTP_ADDRESS_MAX)
			return -1;
		used = encode_one(*text, out + n);
		if (used == 0)
			return -1;
	}
	tail = snprintf(out + n, SMTP_ADDRESS_SIZE - n, "@%s", domain);
	return tail < 0 || n + (size_t)tail > SMTP_ADDRESS_MAX ? -1 : 0;
}
