/* chars_priv.h - ASCII letters and digits whatever the locale; for the parsers of this folder. */
#ifndef HUB_SMTP_CHARS_PRIV_H
#define HUB_SMTP_CHARS_PRIV_H

#include <stdbool.h>

static inline bool smtp_is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static inline bool smtp_is_alnum(char c)
{
	return smtp_is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

#endif
