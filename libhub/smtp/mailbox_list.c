/* mailbox_list.c - see mailbox_list.h */
#include "libhub/smtp/mailbox_list.h"

#include <string.h>

static bool joins(char c)
{
	return c == '.' || c == '@';
}

/* RFC 5322 section 4.4 has blanks and comments around "." and "@", and nowhere else. */
static void put(struct mailbox_list *l, char c)
{
	l->split = l->split || (l->gap && !joins(c) && !joins(l->text[l->n - 1]));
	l->gap = false;
	if (l->n == sizeof(l->text))
		l->full = true;
	else
		l->text[l->n++] = c;
}

static void put_gap(struct mailbox_list *l)
{
	l->gap = l->n > 0;
}

/* What was put is no address but a name. */
static void drop_text(struct mailbox_list *l)
{
	l->n = 0;
	l->gap = l->split = l->full = false;
}

/* Behind the bracket or quote that closes what begins at l->p; keep: into the address. */
static void take_until(struct mailbox_list *l, char open, char close, bool keep)
{
	unsigned depth = 0;

	do {
		char c = *l->p++;

		if (keep)
			put(l, c);
		if (c == '\\' && l->p < l->end) {
			if (keep)
				put(l, *l->p);
			l->p++;
		} else if (c == close && (open != close || depth > 0)) {
			depth--;
		} else if (c == open) {
			depth++;
		}
	} while (depth > 0 && l->p < l->end);
	l->bad = l->bad || depth > 0;
}

static void take_angle(struct mailbox_list *l)
{
	drop_text(l);
	l->bad = l->bad || l->angle;
	l->angle = true;
	for (l->p++; l->p < l->end && *l->p != '>'; ) {
		if (*l->p == '"')
			take_until(l, '"', '"', true);
		else
			put(l, *l->p++);
	}
	l->bad = l->bad || l->p == l->end;
	l->p++;
}

/* Outside of quotes, comments and <>. True at the end of the element. */
static bool take_plain(struct mailbox_list *l)
{
	char c = *l->p++;

	if (c == ',' || c == ';')
		return true;
	if (c == ' ' || c == '\t') {
		put_gap(l);
	} else if (c == ':') {
		/* a group's name: one that looks like an address is for those who know no groups */
		l->bad = l->bad || l->angle || memchr(l->text, '@', l->n) != NULL;
		drop_text(l);
	} else {
		/* behind <> there is nothing, or others may take it for the address */
		l->bad = l->bad || l->angle;
		put(l, c);
	}
	return false;
}

/* The next address; false at the end of the list. What stands before <> is a name, or a group's. */
static bool next_element(struct mailbox_list *l)
{
	bool over = false;

	drop_text(l);
	l->angle = false;
	if (l->p >= l->end)
		return false;
	while (l->p < l->end && !over) {
		if (*l->p == '(') {
			take_until(l, '(', ')', false);
			put_gap(l);
		} else if (*l->p == '"') {
			l->bad = l->bad || l->angle;
			take_until(l, '"', '"', true);
		} else if (*l->p == '<') {
			take_angle(l);
		} else {
			over = take_plain(l);
		}
	}
	l->bad = l->bad || l->full || (l->split && !l->angle);
	return true;
}

void mailbox_list_init(struct mailbox_list *l, const char *value, size_t n)
{
	l->p = value;
	l->end = value + n;
	l->bad = l->angle = false;
	drop_text(l);
}

int mailbox_list_next(struct mailbox_list *l, struct smtp_address *a)
{
	struct err why;

	while (next_element(l)) {
		if (l->bad)
			return -1;
		if (l->n == 0 && !l->angle)
			continue;
		return smtp_address_parse(a, l->text, l->n, SMTP_ADDRESS_UTF8, &why) == 0 ? 1 : -1;
	}
	return 0;
}
