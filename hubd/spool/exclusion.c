/* exclusion.c - see exclusion.h */
#include "hubd/spool/exclusion.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/org/value.h"

enum { GROWTH = 4 };

/* --- names: anything but letters, digits and -._ is written as %XX --- */

static bool is_plain(unsigned char c)
{
	return c < 0x80 && (isalnum(c) || c == '-' || c == '.' || c == '_');
}

static char *name_encode(const char *name, struct arena *a)
{
	char *text = arena_alloc(a, 3 * strlen(name) + 1), *out = text;

	for (; *name != '\0'; name++) {
		unsigned char c = (unsigned char)*name;

		if (is_plain(c))
			*out++ = *name;
		else
			out += snprintf(out, 4, "%%%02X", c);
	}
	return text;
}

static int hex_digit(char c)
{
	static const char digits[] = "0123456789ABCDEF";
	const char *at = c != '\0' ? strchr(digits, toupper((unsigned char)c)) : NULL;

	return at != NULL ? (int)(at - digits) : -1;
}

/* NULL if it is none, or empty. */
static const char *name_decode(const char *text, size_t n, struct arena *a)
{
	char *name = arena_alloc(a, n + 1), *out = name;
	size_t i;

	for (i = 0; i < n; i++) {
		if (is_plain((unsigned char)text[i])) {
			*out++ = text[i];
			continue;
		}
		if (text[i] != '%' || i + 2 >= n || hex_digit(text[i + 1]) < 0 ||
			hex_digit(text[i + 2]) < 0)
			return NULL;
		*out = (char)(hex_digit(text[i + 1]) << 4 | hex_digit(text[i + 2]));
		if (*out++ == '\0')
			return NULL;
		i += 2;
	}
	return out != name ? name : NULL;
}

/* --- lists --- */

static struct exclusion *find(struct exclusions *x, const char *connector)
{
	size_t i;

	for (i = 0; i < x->n; i++)
		if (name_compare(x->v[i].connector, connector) == 0)
			return &x->v[i];
	return NULL;
}

/* As the newest; the oldest gives way. */
static void append(struct exclusions *x, struct exclusion e)
{
	struct exclusion *old = find(x, e.connector);

	if (old == NULL && x->n == EXCLUSIONS_MAX)
		old = x->v;
	if (old != NULL) {
		x->n--;
		memmove(old, old + 1, (size_t)(x->v + x->n - old) * sizeof(*old));
	}
	x->v[x->n++] = e;
}

static bool parse_line(const char *line, size_t n, struct arena *a, struct exclusion *out)
{
	const char *text = arena_strndup(a, line, n);
	size_t name = strcspn(text, ";");
	char expires[16], lasts[10];	/* digits alone: %u would take a sign */
	int end = -1;

	if (sscanf(text + name, "; expires=%15[0-9]; lasts=%9[0-9]%n", expires, lasts, &end) != 2 ||
		end < 0 || text[name + (size_t)end] != '\0')
		return false;
	out->expires_s = strtoll(expires, NULL, 10);
	out->lasts_s = (uint32_t)strtoul(lasts, NULL, 10);
	out->connector = name_decode(text, name, a);
	return out->connector != NULL;
}

void exclusions_parse(const char *text, struct arena *a, struct exclusions *out)
{
	struct exclusion e;
	size_t n;

	out->n = 0;
	for (; *text != '\0'; text += n + (text[n] == '\n')) {
		n = strcspn(text, "\n");
		if (parse_line(text, n, a, &e))
			append(out, e);
	}
}

const char *exclusions_text(const struct exclusions *x, struct arena *a)
{
	const char *text = "", *longer;
	size_t i;

	for (i = x->n; i > 0; i--) {
		const struct exclusion *e = &x->v[i - 1];

		longer = arena_printf(a, "%s; expires=%" PRId64 "; lasts=%" PRIu32 "%s%s",
			name_encode(e->connector, a), e->expires_s, e->lasts_s,
			*text != '\0' ? "\n" : "", text);
		if (strlen(longer) > EXCLUSIONS_TEXT_MAX)
			break;
		text = longer;
	}
	return text;
}

void exclusions_renew(struct exclusions *x, const char *connector, int64_t now_s, uint64_t lasts_s)
{
	const struct exclusion *old = find(x, connector);
	uint64_t lasts = old != NULL ? (uint64_t)old->lasts_s * GROWTH : lasts_s;

	/* it is still in force: this is the same failure, met on another way here */
	if (old != NULL && old->expires_s > now_s)
		return;
	if (lasts < EXCLUSION_SHORTEST_S)
		lasts = EXCLUSION_SHORTEST_S;
	if (lasts > EXCLUSION_LONGEST_S)
		lasts = EXCLUSION_LONGEST_S;
	append(x, (struct exclusion){ connector, now_s + (int64_t)lasts, (uint32_t)lasts });
}

void exclusions_merge(struct exclusions *x, const struct exclusions *other)
{
	size_t i;

	for (i = 0; i < other->n; i++) {
		const struct exclusion *old = find(x, other->v[i].connector);

		if (old == NULL || old->expires_s < other->v[i].expires_s)
			append(x, other->v[i]);
	}
}
