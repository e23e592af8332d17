/* author.c - see author.h */
#include "hubd/receive/author.h"

#include <string.h>
#include <strings.h>

#include "hubd/receive/session.h"
#include "libhub/smtp/address.h"

/* One element of an address list, its address without what RFC 5322 allows around it. */
struct element {
	const char *p, *end;		/* what is left of the value */
	char text[SMTP_ADDRESS_SIZE];
	size_t n;
	bool angle;			/* the address stood in <> and is complete */
	bool bad;
};

bool author_is_own(const struct session *s, const char *address)
{
	struct recipient_info info;
	bool own;

	if (s->identity_mail != NULL && strcasecmp(s->identity_mail, address) == 0)
		return true;
	recipients_find(s->receiver->live->recipients, address, &info);
	own = info.outcome == RECIPIENT_MAILBOX && s->identity_mail != NULL &&
		strcasecmp(info.mail, s->identity_mail) == 0;
	recipient_info_clear(&info);
	return own;
}

static void put(struct element *e, char c)
{
	if (e->n == sizeof(e->text))
		e->bad = true;
	else
		e->text[e->n++] = c;
}

/* Behind the bracket or quote that closes what begins at e->p; keep: into the address. */
static void take_until(struct element *e, char open, char close, bool keep)
{
	unsigned depth = 0;

	do {
		char c = *e->p++;

		if (keep)
			put(e, c);
		if (c == '\\' && e->p < e->end) {
			if (keep)
				put(e, *e->p);
			e->p++;
		} else if (c == close && (open != close || depth > 0)) {
			depth--;
		} else if (c == open) {
			depth++;
		}
	} while (depth > 0 && e->p < e->end);
	e->bad = e->bad || depth > 0;
}

static void take_angle(struct element *e)
{
	e->n = 0;
	e->bad = e->bad || e->angle;
	e->angle = true;
	for (e->p++; e->p < e->end && *e->p != '>'; ) {
		if (*e->p == '"')
			take_until(e, '"', '"', true);
		else
			put(e, *e->p++);
	}
	e->bad = e->bad || e->p == e->end;
	e->p++;
}

/* The next address; false at the end of the list. What stands before <> is a name, or a group's. */
static bool next(struct element *e)
{
	bool over = false;

	e->n = 0;
	e->angle = false;
	if (e->p >= e->end)
		return false;
	while (e->p < e->end && !over) {
		char c = *e->p;

		if (c == '(') {
			take_until(e, '(', ')', false);
		} else if (c == '"') {
			take_until(e, '"', '"', !e->angle);
		} else if (c == '<') {
			take_angle(e);
		} else {
			over = c == ',' || c == ';';
			if (c == ':')
				e->n = 0;
			else if (!over && c != ' ' && c != '\t' && !e->angle)
				put(e, c);
			e->p++;
		}
	}
	return true;
}

bool author_may(const char *value, size_t n, void *session)
{
	struct element e = { .p = value, .end = value + n };
	struct smtp_address a;
	struct err why;
	size_t found = 0;

	if (n >= SMTP_HEADER_VALUE_MAX)
		return false;
	for (; next(&e) && !e.bad; ) {
		if (e.n == 0 && !e.angle)
			continue;
		if (smtp_address_parse(&a, e.text, e.n, SMTP_ADDRESS_UTF8, &why) != 0 ||
			!author_is_own(session, a.text))
			return false;
		found++;
	}
	return !e.bad && found > 0;
}
