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
	bool gap;			/* behind a blank or a comment */
	bool split;			/* with a gap where an address has none */
	bool bad;
};

/*
 * By the record that both addresses lead to: which of its addresses is shown is no matter, and two
 * entries with one address are not each other.
 */
enum author author_of(const struct session *s, const char *address)
{
	struct recipients *all = s->receiver->live->recipients;
	const char *mine = s->identity_mail != NULL ? s->identity_mail : "";
	struct recipient_info own, info;
	enum author found = AUTHOR_FOREIGN;

	if (strcasecmp(mine, address) == 0)
		return AUTHOR_OWN;
	if (*mine == '\0')
		return AUTHOR_FOREIGN;
	recipients_find(all, mine, &own);
	recipients_find(all, address, &info);
	if (info.outcome == RECIPIENT_NOT_LOADED || own.outcome == RECIPIENT_NOT_LOADED)
		found = AUTHOR_NOT_KNOWN;
	else if (info.outcome == RECIPIENT_MAILBOX && own.outcome == RECIPIENT_MAILBOX &&
		strcmp(info.mail, own.mail) == 0)
		found = AUTHOR_OWN;
	recipient_info_clear(&own);
	recipient_info_clear(&info);
	return found;
}

/* --- address lists --- */

static bool joins(char c)
{
	return c == '.' || c == '@';
}

/* RFC 5322 section 4.4 has blanks and comments around "." and "@", and nowhere else. */
static void put(struct element *e, char c)
{
	e->split = e->split || (e->gap && !joins(c) && !joins(e->text[e->n - 1]));
	e->gap = false;
	if (e->n == sizeof(e->text))
		e->bad = true;
	else
		e->text[e->n++] = c;
}

static void put_gap(struct element *e)
{
	e->gap = e->n > 0;
}

/* What was put is no address but a name. */
static void drop_text(struct element *e)
{
	e->n = 0;
	e->gap = e->split = false;
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
	drop_text(e);
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

/* Outside of quotes, comments and <>. True at the end of the element. */
static bool take_plain(struct element *e)
{
	char c = *e->p++;

	if (c == ',' || c == ';')
		return true;
	if (c == ' ' || c == '\t') {
		put_gap(e);
	} else if (c == ':') {
		/* a group's name: one that looks like an address is for those who know no groups */
		e->bad = e->bad || e->angle || memchr(e->text, '@', e->n) != NULL;
		drop_text(e);
	} else {
		/* behind <> there is nothing, or others may take it for the address */
		e->bad = e->bad || e->angle;
		put(e, c);
	}
	return false;
}

/* The next address; false at the end of the list. What stands before <> is a name, or a group's. */
static bool next(struct element *e)
{
	bool over = false;

	drop_text(e);
	e->angle = false;
	if (e->p >= e->end)
		return false;
	while (e->p < e->end && !over) {
		if (*e->p == '(') {
			take_until(e, '(', ')', false);
			put_gap(e);
		} else if (*e->p == '"') {
			e->bad = e->bad || e->angle;
			take_until(e, '"', '"', true);
		} else if (*e->p == '<') {
			take_angle(e);
		} else {
			over = take_plain(e);
		}
	}
	e->bad = e->bad || (e->split && !e->angle);
	return true;
}

enum author author_judge(const char *value, size_t n, void *session)
{
	struct element e = { .p = value, .end = value + n };
	enum author worst = AUTHOR_OWN, one;
	struct smtp_address a;
	struct err why;
	size_t found = 0;

	if (n >= SMTP_HEADER_VALUE_MAX)
		return AUTHOR_FOREIGN;
	while (next(&e) && !e.bad) {
		if (e.n == 0 && !e.angle)
			continue;
		if (smtp_address_parse(&a, e.text, e.n, SMTP_ADDRESS_UTF8, &why) != 0)
			return AUTHOR_FOREIGN;
		one = author_of(session, a.text);
		worst = one > worst ? one : worst;
		found++;
	}
	return e.bad || found == 0 ? AUTHOR_FOREIGN : worst;
}
