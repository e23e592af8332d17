/* line.c - see line.h */
#include "hubd/agent/line.h"

#include <string.h>

static const struct form {
	const char *name;
	bool number, recipient;
	char class;			/* first digit of the status, 0 = none is given */
	bool told;			/* status and text may not be left out */
} forms[AGENT_WORDS] = {
	[AGENT_READY] = { "READY", false, false, 0, false },
	[AGENT_DELIVERED] = { "DELIVERED", true, true, '2', false },
	[AGENT_RELAYED] = { "RELAYED", true, true, '2', false },
	[AGENT_FAILED] = { "FAILED", true, true, '5', true },
	[AGENT_DEFERRED] = { "DEFERRED", true, true, '4', true },
	[AGENT_FAIL_QUEUE] = { "FAIL-QUEUE", false, false, '5', true },
	[AGENT_DEFER_QUEUE] = { "DEFER-QUEUE", true, false, '4', true },
};

/* The next word of *at, which ends at a blank or at end; its length. */
static size_t take_word(const char **at, const char *end, const char **word)
{
	size_t n;

	while (*at < end && **at == ' ')
		(*at)++;
	*word = *at;
	while (*at < end && **at != ' ')
		(*at)++;
	n = (size_t)(*at - *word);
	return n;
}

static bool take_number(const char *word, size_t n, uint64_t *out)
{
	size_t i;

	*out = 0;
	for (i = 0; i < n; i++) {
		if (word[i] < '0' || word[i] > '9' || i == 18)
			return false;
		*out = *out * 10 + (uint64_t)(word[i] - '0');
	}
	return n > 0;
}

/* RFC 3463 section 2: class "." 1*3digit "." 1*3digit */
static bool take_status(const char *word, size_t n, char class, char *out)
{
	size_t i, digits = 0;
	int dots = 0;

	if (n < 5 || n >= QUEUE_STATUS_SIZE || word[0] != class || word[1] != '.')
		return false;
	for (i = 1; i < n; i++) {
		if (word[i] == '.') {
			dots++;
			digits = 0;
		} else if (word[i] < '0' || word[i] > '9' || ++digits > 3) {
			return false;
		}
		if (i > 1 && word[i] == '.' && word[i - 1] == '.')
			return false;
	}
	memcpy(out, word, n);
	out[n] = '\0';
	return dots == 2 && digits > 0;
}

/* It goes into logs and reports, which people read, and perhaps only ASCII. */
static void take_text(const char *at, const char *end, char *out)
{
	size_t n = 0;

	while (at < end && *at == ' ')
		at++;
	for (; at < end && n < AGENT_TEXT_MAX - 1; at++)
		out[n++] = *at >= ' ' && *at <= '~' ? *at : '?';
	while (n > 0 && out[n - 1] == ' ')
		n--;
	out[n] = '\0';
}

static int refuse(struct err *e, const char *why, const struct form *f)
{
	return err_set(e, ERR_PERM, 0, "%s %s", f->name, why);
}

/* What READY says of the agent. */
static int parse_promise(const struct form *f, const char *word, size_t n, const char **at,
	const char *end, struct agent_line *out, struct err *e)
{
	static const char promise[] = "REQUIRETLS";

	out->heeds_tls = n == strlen(promise) && memcmp(word, promise, n) == 0;
	if (out->heeds_tls)
		n = take_word(at, end, &word);
	return n == 0 ? 0 : refuse(e, "with an argument that it does not have", f);
}

static int parse_arguments(const struct form *f, const char *at, const char *end,
	struct agent_line *out, struct err *e)
{
	const char *word;
	size_t n;

	if (f->number) {
		n = take_word(&at, end, &word);
		out->all = f->recipient && n == 1 && *word == '*';
		if (!out->all && !take_number(word, n, &out->number))
			return refuse(e, "without a number", f);
		if (!f->recipient && out->number > AGENT_WAIT_MAX_S)
			return refuse(e, "for more than a day", f);
	}
	n = take_word(&at, end, &word);
	if (f->class == 0)
		return parse_promise(f, word, n, &at, end, out, e);
	if (n == 0 && !f->told)
		return 0;
	if (!take_status(word, n, f->class, out->status))
		return refuse(e, "without a status of its class", f);
	take_text(at, end, out->text);
	if (f->told && *out->text == '\0')
		return refuse(e, "without a text", f);
	return 0;
}

int agent_line_parse(const char *line, size_t size, struct agent_line *out, struct err *e)
{
	const char *at = line, *end = line + size, *word;
	size_t n = take_word(&at, end, &word), i;

	memset(out, 0, sizeof(*out));
	for (i = 0; i < AGENT_WORDS; i++) {
		if (strlen(forms[i].name) != n || memcmp(forms[i].name, word, n) != 0)
			continue;
		out->word = (enum agent_word)i;
		return parse_arguments(&forms[i], at, end, out, e);
	}
	return err_set(e, ERR_PERM, 0, "a line that is none of the protocol");
}
