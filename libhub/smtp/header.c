/* header.c - the streaming header scanner. */
#include "libhub/smtp/header.h"

#include <string.h>
#include <strings.h>

enum {
	AT_LINE,	/* at the start of a line */
	AT_CR,		/* behind a CR that starts a line; it is held */
	IN_NAME,	/* the name is not complete; it is held */
	IN_FIELD,
	IN_BODY,
};

enum {
	KIND_NONE,	/* no field is open */
	KIND_OTHER,
	KIND_RECEIVED,
	KIND_DATE,
	KIND_FROM,
	KIND_MESSAGE_ID,
	KIND_SUBJECT,
};

/* A place in the input being fed. */
struct place {
	const char *start;	/* what is kept from here on is not given out yet */
	const char *line;	/* the current line, or its part in this input */
	const char *at;
	const char *end;
};

void smtp_header_init(struct smtp_header_scan *s, const struct smtp_header_rule *rules,
	size_t n_rules, smtp_span_cb emit, smtp_header_cb on_field, void *ctx)
{
	memset(s, 0, sizeof(*s));
	s->rules = rules;
	s->n_rules = n_rules;
	s->emit = emit;
	s->on_field = on_field;
	s->ctx = ctx;
	s->state = AT_LINE;
	s->kind = KIND_NONE;
}

static void give(struct smtp_header_scan *s, const char *from, const char *to)
{
	if (from < to)
		s->emit(s->ctx, from, (size_t)(to - from));
}

static void give_held(struct smtp_header_scan *s)
{
	give(s, s->name, s->name + s->held);
	s->held = 0;
}

static bool dropping(const struct smtp_header_scan *s)
{
	return s->rule != NULL && s->rule->drop;
}

static int kind_of(const char *name, size_t n)
{
	static const struct {
		const char *name;
		size_t n;
		int kind;
	} kinds[] = {
		{ "Received", 8, KIND_RECEIVED }, { "Date", 4, KIND_DATE },
		{ "From", 4, KIND_FROM }, { "Message-ID", 10, KIND_MESSAGE_ID },
		{ "Subject", 7, KIND_SUBJECT },
	};
	size_t i;

	for (i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (kinds[i].n == n && strncasecmp(name, kinds[i].name, n) == 0)
			return kinds[i].kind;
	return KIND_OTHER;
}

static bool matches(const struct smtp_header_scan *s, const struct smtp_header_rule *r)
{
	size_t n;

	/* nearly all are told apart by a letter, those of X- by the one behind it */
	if (((s->name[0] ^ r->prefix[0]) & 0xdf) != 0)
		return false;
	n = strlen(r->prefix);
	if (n > 2 && ((s->name[2] ^ r->prefix[2]) & 0xdf) != 0)
		return false;
	return (r->whole ? n == s->name_length : n <= s->name_length) &&
		strncasecmp(s->name, r->prefix, n) == 0;
}

/* The name is complete: what kind of field is it, and does it stay? */
static void field_begin(struct smtp_header_scan *s, struct place *pl)
{
	size_t i;

	while (s->name_length > 0
		&& (s->name[s->name_length - 1] == ' ' || s->name[s->name_length - 1] == '\t'))
		s->name_length--;
	s->value_length = 0;
	s->rule = NULL;
	for (i = 0; i < s->n_rules && s->rule == NULL; i++)
		if (matches(s, &s->rules[i]))
			s->rule = &s->rules[i];
	if (dropping(s)) {
		give(s, pl->start, pl->line);
		pl->start = pl->end;
		s->held = 0;
		s->dropped++;
	} else {
		give_held(s);
	}
	s->name[s->name_length] = '\0';
	s->kind = kind_of(s->name, s->name_length);
	s->received += s->kind == KIND_RECEIVED;
	s->has_date = s->has_date || s->kind == KIND_DATE;
	s->has_from = s->has_from || s->kind == KIND_FROM;
	s->state = IN_FIELD;
}

static void copy_text(char *to, size_t max, const char *from, size_t n)
{
	if (n > max)
		n = max;
	memcpy(to, from, n);
	to[n] = '\0';
}

/* The open field, if any, is complete. */
static void field_end(struct smtp_header_scan *s, struct place *pl)
{
	size_t n = s->value_length;

	if (s->kind == KIND_NONE)
		return;
	while (n > 0 && (s->value[n - 1] == ' ' || s->value[n - 1] == '\t'))
		n--;
	s->value[n] = '\0';
	if (s->kind == KIND_MESSAGE_ID && !s->has_message_id) {
		s->has_message_id = true;
		copy_text(s->message_id, SMTP_HEADER_ID_MAX, s->value, n);
	}
	if (s->kind == KIND_SUBJECT && s->subject[0] == '\0')
		copy_text(s->subject, SMTP_HEADER_SUBJECT_MAX, s->value, n);
	if (dropping(s))
		pl->start = pl->at;
	if (s->rule != NULL && s->on_field != NULL)
		s->on_field(s->ctx, s->rule, s->name, s->value, n);
	s->kind = KIND_NONE;
	s->rule = NULL;
}

/* The line at hand, of which read bytes were taken, is no field: it begins the body. */
static void body_begin(struct smtp_header_scan *s, struct place *pl, size_t read)
{
	static const char line_end[] = "\r\n";

	give(s, pl->start, pl->line);
	pl->start = pl->line;
	give(s, line_end, line_end + 2);
	give_held(s);
	s->size -= read;
	s->malformed = true;
	s->ended = true;
	s->state = IN_BODY;
}

/* The empty line is complete. */
static void header_end(struct smtp_header_scan *s)
{
	give_held(s);
	s->ended = true;
	s->state = IN_BODY;
}

/* RFC 5322 section 3.6.8: printable but the colon. */
static bool is_name_char(char c)
{
	return c > 0x20 && c < 0x7f && c != ':';
}

size_t smtp_header_name(const char *line, size_t n, size_t *colon)
{
	size_t max = n <= SMTP_HEADER_NAME_MAX ? n : SMTP_HEADER_NAME_MAX + 1, name = 0;

	while (name < max && is_name_char(line[name]))
		name++;
	*colon = name;
	while (*colon < max && (line[*colon] == ' ' || line[*colon] == '\t'))
		++*colon;
	return *colon < max && line[*colon] == ':' ? name : 0;
}

/* The name that begins here, as nearly all do and end: at once. False: byte by byte. */
static bool take_name(struct smtp_header_scan *s, struct place *pl)
{
	size_t n = 0, room = (size_t)(pl->end - pl->at);

	if (room > SMTP_HEADER_NAME_MAX)
		room = SMTP_HEADER_NAME_MAX;
	for (; n < room && is_name_char(pl->at[n]); n++)
		s->name[n] = pl->at[n];
	if (n == 0 || n == room || pl->at[n] != ':')
		return false;
	s->name_length = n;
	field_begin(s, pl);
	pl->at += n + 1;
	s->size += n + 1;
	return true;
}

static void at_line(struct smtp_header_scan *s, struct place *pl)
{
	char c = *pl->at;

	pl->line = pl->at;
	if ((c == ' ' || c == '\t') && s->kind != KIND_NONE) {
		s->state = IN_FIELD;
		return;
	}
	field_end(s, pl);
	s->name_length = 0;
	if (c == '\n') {
		s->bare = true;
		pl->at++;
		s->size++;
		header_end(s);
	} else if (c == '\r') {
		s->name[s->name_length++] = c;
		pl->at++;
		s->size++;
		s->state = AT_CR;
	} else if (!take_name(s, pl)) {
		s->state = IN_NAME;
	}
}

static void at_cr(struct smtp_header_scan *s, struct place *pl)
{
	if (*pl->at == '\n') {
		pl->at++;
		s->size++;
		header_end(s);
	} else {
		body_begin(s, pl, 1);
	}
}

/* One byte of a name, as smtp_header_name judges them. */
static void in_name(struct smtp_header_scan *s, struct place *pl)
{
	char c = *pl->at;
	bool blank = c == ' ' || c == '\t';
	bool after_blank = s->name_length > 0 && (s->name[s->name_length - 1] == ' '
		|| s->name[s->name_length - 1] == '\t');

	if (c == ':' && s->name_length > 0) {
		field_begin(s, pl);
		pl->at++;
		s->size++;
	} else if (c == ':' || (blank && s->name_length == 0) || (!blank && after_blank)
			|| (!blank && !is_name_char(c))
			|| s->name_length == SMTP_HEADER_NAME_MAX) {
		body_begin(s, pl, s->name_length);
	} else {
		s->name[s->name_length++] = c;
		pl->at++;
		s->size++;
	}
}

/* Line ends within n > 0 bytes of a field; lf is the last of them, or NULL. */
static void look_for_bare(struct smtp_header_scan *s, const char *p, size_t n, const char *lf)
{
	const char *end = p + n, *cr = memchr(p, '\r', n);
	bool crlf = lf != NULL && (lf == p ? s->cr : lf[-1] == '\r');

	s->bare = s->bare || (s->cr && lf != p) || (lf != NULL && !crlf) ||
		(cr != NULL && cr + 1 != end && cr + 1 != lf);
	s->cr = end[-1] == '\r';
}

/* Without blanks before the value, and without line ends. */
static void keep_value(struct smtp_header_scan *s, const char *p, const char *stop)
{
	size_t n, room;
	const char *cr;

	while (stop > p && stop[-1] == '\n')
		stop--;
	while (p < stop && s->value_length < SMTP_HEADER_VALUE_MAX) {
		if (*p == '\r' || (s->value_length == 0 && (*p == ' ' || *p == '\t'))) {
			p++;
			continue;
		}
		cr = memchr(p, '\r', (size_t)(stop - p));
		n = (size_t)((cr != NULL ? cr : stop) - p);
		room = SMTP_HEADER_VALUE_MAX - s->value_length;
		n = n < room ? n : room;
		/* of memcpy with so small a bound gcc makes "rep movs", which begins slowly */
		memmove(s->value + s->value_length, p, n);
		s->value_length += n;
		p += n;
	}
}

/* To the end of the line or of the input; the value without line ends and leading blanks. */
static void in_field(struct smtp_header_scan *s, struct place *pl)
{
	const char *lf = memchr(pl->at, '\n', (size_t)(pl->end - pl->at));
	const char *stop = lf != NULL ? lf + 1 : pl->end;

	if ((s->rule != NULL && s->on_field != NULL) || s->kind == KIND_MESSAGE_ID ||
		s->kind == KIND_SUBJECT)
		keep_value(s, pl->at, stop);
	s->size += (uint64_t)(stop - pl->at);
	look_for_bare(s, pl->at, (size_t)(stop - pl->at), lf);
	s->nul = s->nul || memchr(pl->at, '\0', (size_t)(stop - pl->at)) != NULL;
	pl->at = stop;
	if (lf != NULL)
		s->state = AT_LINE;
}

void smtp_header_feed(struct smtp_header_scan *s, const char *p, size_t n)
{
	struct place pl = { p, p, p, p + n };

	if (dropping(s))
		pl.start = pl.end;
	while (pl.at < pl.end && s->state != IN_BODY) {
		switch (s->state) {
		case AT_LINE:
			at_line(s, &pl);
			break;
		case AT_CR:
			at_cr(s, &pl);
			break;
		case IN_NAME:
			in_name(s, &pl);
			break;
		default:
			in_field(s, &pl);
		}
	}
	if (s->state == AT_CR || s->state == IN_NAME) {
		/* undecided: the line stays behind, in name */
		give(s, pl.start, pl.line);
		s->held = s->name_length;
	} else {
		give(s, pl.start, pl.end);
	}
}

void smtp_header_end(struct smtp_header_scan *s)
{
	struct place pl = { 0 };

	if (s->state == AT_CR || (s->state == IN_NAME && s->name_length > 0))
		body_begin(s, &pl, s->name_length);
	field_end(s, &pl);
	s->ended = true;
	s->state = IN_BODY;
}
