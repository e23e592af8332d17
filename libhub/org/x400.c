/* x400.c - see x400.h
 *
 * RFC 1685 section 2 names the labels; the upper bounds are those of X.411 (ub-...), which it
 * refers to. Order is free, since the RFC only recommends one. Only the form is checked: whether a
 * country or an administration domain exists is not ours to say.
 */
#include "libhub/org/x400.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

static const struct x400_label {
	const char *name;
	size_t max;		/* characters of the value */
} labels[] = {
	{ "C", 3 }, { "A", 16 }, { "P", 16 }, { "O", 64 },
	{ "OU", 32 }, { "OU1", 32 }, { "OU2", 32 }, { "OU3", 32 }, { "OU4", 32 },
	{ "CN", 64 }, { "S", 40 }, { "G", 16 }, { "I", 5 }, { "Q", 3 },
	{ "X.121", 15 }, { "N-ID", 32 }, { "T-ID", 24 },
	{ "DDA", 8 + 1 + 128 },
};

enum { LABELS = sizeof(labels) / sizeof(labels[0]), LABEL_C = 0, LABEL_A = 1,
	LABEL_DDA = LABELS - 1 };

static int find_label(const char *s, size_t n)
{
	int i;

	/* DDA:type=value carries its own name before the sign */
	if (n > 4 && strncasecmp(s, "DDA:", 4) == 0)
		return LABEL_DDA;
	for (i = 0; i < LABEL_DDA; i++)
		if (strlen(labels[i].name) == n && strncasecmp(labels[i].name, s, n) == 0)
			return i;
	return -1;
}

static bool is_country(const char *s, size_t n)
{
	size_t i, letters = 0, digits = 0;

	if (n == 1 && *s == '*')
		return true;
	for (i = 0; i < n; i++) {
		letters += (s[i] | 0x20) >= 'a' && (s[i] | 0x20) <= 'z';
		digits += s[i] >= '0' && s[i] <= '9';
	}
	return (n == 2 && letters == 2) || (n == 3 && digits == 3);
}

static int check_part(const char *text, const char *part, size_t n, uint32_t *seen, struct err *e)
{
	const char *sign = memchr(part, '=', n);
	size_t value;
	int label;

	if (sign == NULL)
		return err_config(e, "X400 space \"%.80s\": \"%.*s\" is not LABEL=value "
			"(RFC 1685)", text, (int)(n > 40 ? 40 : n), part);
	label = find_label(part, (size_t)(sign - part));
	if (label < 0)
		return err_config(e, "X400 space \"%.80s\": unknown label \"%.*s\" "
			"(RFC 1685)", text, (int)(sign - part > 40 ? 40 : sign - part), part);
	value = n - (size_t)(sign + 1 - part);
	if (value == 0 || value > labels[label].max ||
	    (label == LABEL_C && !is_country(sign + 1, value)))
		return err_config(e, "X400 space \"%.80s\": the value of %s is empty, too "
			"long or no country (RFC 1685)", text, labels[label].name);
	if (label != LABEL_DDA && (*seen & UINT32_C(1) << label) != 0)
		return err_config(e, "X400 space \"%.80s\": %s stands there twice "
			"(RFC 1685)", text, labels[label].name);
	*seen |= UINT32_C(1) << label;
	return 0;
}

int x400_check(const char *text, struct err *e)
{
	const uint32_t needed = UINT32_C(1) << LABEL_C | UINT32_C(1) << LABEL_A;
	const char *divider = ";";
	const char *p = text;
	uint32_t seen = 0;

	if (*p == '/') {
		divider = "/";
		p++;
	}
	while (*p != '\0') {
		size_t n = strcspn(p, divider);

		if (check_part(text, p, n, &seen, e) < 0)
			return -1;
		p += n;
		if (*p != '\0')
			p++;
	}
	if ((seen & needed) != needed)
		return err_config(e, "X400 space \"%.80s\": C (country) and A "
			"(administration domain) are needed (RFC 1685)", text);
	return 0;
}
