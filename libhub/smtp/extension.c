/* extension.c - names of the extensions. */
#include "libhub/smtp/extension.h"

#include "libhub/base/err.h"

#include <stdbool.h>
#include <string.h>
#include <strings.h>

static const struct {
	uint32_t bit;
	const char *name;
} names[] = {
	{ SMTP_EXT_PIPELINING, "PIPELINING" },
	{ SMTP_EXT_SIZE, "SIZE" },
	{ SMTP_EXT_8BITMIME, "8BITMIME" },
	{ SMTP_EXT_BINARYMIME, "BINARYMIME" },
	{ SMTP_EXT_CHUNKING, "CHUNKING" },
	{ SMTP_EXT_DSN, "DSN" },
	{ SMTP_EXT_SMTPUTF8, "SMTPUTF8" },
	{ SMTP_EXT_ENHANCEDSTATUSCODES, "ENHANCEDSTATUSCODES" },
	{ SMTP_EXT_AUTH, "AUTH" },
	{ SMTP_EXT_STARTTLS, "STARTTLS" },
	{ SMTP_EXT_LIMITS, "LIMITS" },
};

enum { NAMES = sizeof(names) / sizeof(names[0]) };

const char *smtp_extension_name(uint32_t extension)
{
	size_t i;

	for (i = 0; i < NAMES; i++)
		if (names[i].bit == extension)
			return names[i].name;
	BUG_ON(true);
	return "";
}

uint32_t smtp_extension_find(const char *keyword, size_t n)
{
	size_t i;

	for (i = 0; i < NAMES; i++)
		if (strlen(names[i].name) == n && strncasecmp(names[i].name, keyword, n) == 0)
			return names[i].bit;
	return 0;
}
