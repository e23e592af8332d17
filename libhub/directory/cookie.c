/* cookie.c - see cookie.h */
#include "libhub/directory/cookie.h"

#include <string.h>

/* "20261121211335.123456Z#000000#001#000000" */
enum { CSN_SIZE = 40, SID_AT = 30, SID_SIZE = 3, CSNS_MAX = COOKIE_MAX / (CSN_SIZE + 1) - 1 };

struct csns {
	const char *at[CSNS_MAX];
	size_t n;
};

void cookie_set(struct cookie *c, const void *text, size_t size)
{
	c->size = size <= COOKIE_MAX ? size : 0;
	if (c->size != 0)
		memcpy(c->text, text, c->size);
}

static bool is_csn(const char *text, size_t size)
{
	return size == CSN_SIZE && text[14] == '.' && text[21] == 'Z' && text[22] == '#' &&
		text[29] == '#' && text[33] == '#';
}

/* A later one of the same server replaces the earlier one. False when there is no room. */
static bool add_csn(struct csns *c, const char *csn)
{
	size_t i;

	for (i = 0; i < c->n; i++) {
		if (memcmp(c->at[i] + SID_AT, csn + SID_AT, SID_SIZE) != 0)
			continue;
		if (memcmp(csn, c->at[i], CSN_SIZE) > 0)
			c->at[i] = csn;
		return true;
	}
	if (c->n == CSNS_MAX)
		return false;
	c->at[c->n++] = csn;
	return true;
}

/* The CSNs after "csn=", to the end or a comma. */
static bool add_csns(struct csns *c, const char *at, const char *end)
{
	for (;;) {
		const char *stop = at;

		while (stop < end && *stop != ';' && *stop != ',')
			stop++;
		if (!is_csn(at, (size_t)(stop - at)) || !add_csn(c, at))
			return false;
		if (stop == end || *stop == ',')
			return true;
		at = stop + 1;
	}
}

/* False if it is not of the form of OpenLDAP, or names no CSN. */
static bool parse(const struct cookie *cookie, struct csns *c)
{
	const char *at = cookie->text, *end = at + cookie->size;
	bool found = false;

	if (cookie->size < 4 || memcmp(at, "rid=", 4) != 0)
		return false;
	while (at < end) {
		if (end - at > 4 && memcmp(at, "csn=", 4) == 0) {
			if (!add_csns(c, at + 4, end))
				return false;
			found = true;
		}
		while (at < end && *at++ != ',')
			;
	}
	return found;
}

void cookie_merge(struct cookie *to, const struct cookie *from)
{
	static const char head[] = "rid=000,csn=";
	struct cookie old = *to;
	struct csns c = { .n = 0 };
	size_t i;

	if (from->size == 0)
		return;
	if (!parse(from, &c) || (old.size != 0 && !parse(&old, &c))) {
		*to = *from;
		return;
	}
	cookie_set(to, head, strlen(head));
	for (i = 0; i < c.n; i++) {
		if (i != 0)
			to->text[to->size++] = ';';
		memcpy(to->text + to->size, c.at[i], CSN_SIZE);
		to->size += CSN_SIZE;
	}
}

static bool is_covered(const struct csns *shown, const char *csn)
{
	size_t i;

	for (i = 0; i < shown->n; i++)
		if (memcmp(shown->at[i] + SID_AT, csn + SID_AT, SID_SIZE) == 0)
			return memcmp(shown->at[i], csn, CSN_SIZE) >= 0;
	return false;
}

bool cookie_covers(const struct cookie *shown, const struct cookie *answer)
{
	struct csns have = { .n = 0 }, wanted = { .n = 0 };
	size_t i;

	if (!parse(answer, &wanted))
		return true;
	if (!parse(shown, &have))
		return false;
	for (i = 0; i < wanted.n; i++)
		if (!is_covered(&have, wanted.at[i]))
			return false;
	return true;
}

bool cookie_newest(const struct cookie *cookie, char csn[COOKIE_CSN_SIZE])
{
	struct csns c = { .n = 0 };
	const char *newest = NULL;
	size_t i;

	if (!parse(cookie, &c))
		return false;
	for (i = 0; i < c.n; i++)
		if (newest == NULL || memcmp(c.at[i], newest, CSN_SIZE) > 0)
			newest = c.at[i];
	memcpy(csn, newest, CSN_SIZE);
	csn[CSN_SIZE] = '\0';
	return true;
}
