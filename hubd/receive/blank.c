/* blank.c - see blank.h */
#include "hubd/receive/blank.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Longer words are no verbs of anything. */
enum { WORD_MAX = 16 };

/* A mechanism that does not exist is perhaps the response, sent in its place. */
static const char *const mechanisms[] = { "PLAIN", "LOGIN", "EXTERNAL", "ANONYMOUS", "GSSAPI",
	"GSS-SPNEGO", "NTLM", "CRAM-MD5", "DIGEST-MD5", "SCRAM-SHA-1", "SCRAM-SHA-1-PLUS",
	"SCRAM-SHA-256", "SCRAM-SHA-256-PLUS", "SCRAM-SHA-512", "XOAUTH2", "OAUTHBEARER" };

void blank_all(size_t n, char text[BLANK_MAX])
{
	snprintf(text, BLANK_MAX, "<%zu bytes>", n);
}

/* Letters, digits and hyphens at p. */
static size_t word(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (isalnum((unsigned char)p[i]) || p[i] == '-'))
		i++;
	return i;
}

static const char *mechanism(const char *p, size_t n)
{
	size_t i;

	for (i = 0; i < sizeof(mechanisms) / sizeof(mechanisms[0]); i++)
		if (strlen(mechanisms[i]) == n && strncasecmp(mechanisms[i], p, n) == 0)
			return mechanisms[i];
	return NULL;
}

static size_t blanks(const char *p, size_t n)
{
	size_t i = 0;

	while (i < n && (p[i] == ' ' || p[i] == '\t'))
		i++;
	return i;
}

/* What follows the verb. */
static const char *argument(const struct blank_line *line, size_t *n)
{
	size_t i = blanks(line->p, line->n);

	i += word(line->p + i, line->n - i);
	i += blanks(line->p + i, line->n - i);
	*n = line->n - i;
	return line->p + i;
}

static void blank_auth(const struct blank_line *line, char text[BLANK_MAX])
{
	size_t n, length = 0;
	const char *p = argument(line, &n), *name;

	while (length < n && p[length] != ' ' && p[length] != '\t')
		length++;
	name = mechanism(p, length);
	if (name == NULL)
		snprintf(text, BLANK_MAX, "AUTH <%zu bytes>", n);
	else if (length == n)
		snprintf(text, BLANK_MAX, "AUTH %s", name);
	else
		snprintf(text, BLANK_MAX, "AUTH %s <%zu bytes>", name, n - length - 1);
}

/* Verbs that take any text, which a line of a message may be. */
static bool takes_text(enum smtp_verb verb)
{
	return verb == SMTP_VERB_NOOP || verb == SMTP_VERB_HELP || verb == SMTP_VERB_VRFY ||
		verb == SMTP_VERB_EXPN;
}

static enum blank blank_known(const struct blank_line *line, char text[BLANK_MAX])
{
	size_t n;

	(void)argument(line, &n);
	if (!line->secretive || n == 0 || (line->well_formed && !takes_text(line->verb)))
		return BLANK_NOTHING;
	snprintf(text, BLANK_MAX, "%s <%zu bytes>", smtp_verb_name(line->verb), n);
	return BLANK_TEXT;
}

/* The word of a line that is no command, if it looks like one. */
static enum blank blank_unknown(const struct blank_line *line, char text[BLANK_MAX])
{
	size_t first = word(line->p, line->n);

	if (line->secretive || first == 0 || first > WORD_MAX ||
		(first < line->n && line->p[first] != ' '))
		blank_all(line->n, text);
	else if (first == line->n)
		return BLANK_NOTHING;
	else
		snprintf(text, BLANK_MAX, "%.*s <%zu bytes>", (int)first, line->p,
			line->n - first - 1);
	return BLANK_TEXT;
}

enum blank blank_command(const struct blank_line *line, char text[BLANK_MAX])
{
	if (line->verb == SMTP_VERB_UNKNOWN)
		return blank_unknown(line, text);
	if (line->verb != SMTP_VERB_AUTH)
		return blank_known(line, text);
	blank_auth(line, text);
	return BLANK_TEXT;
}
