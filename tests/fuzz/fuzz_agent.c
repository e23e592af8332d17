/* fuzz_agent.c - fuzz target for the lines of delivery agents.
 *
 * What is understood of a line is bounded: a verdict has a status of its class, a text is printable
 * and goes into a report as it is. Said again in that form, the line means the same.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "hubd/agent/line.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { INPUT_MAX = 1 << 16 };

static const struct {
	const char *name;
	char class;
	bool number;
} words[AGENT_WORDS] = {
	[AGENT_READY] = { "READY", 0, false }, [AGENT_DELIVERED] = { "DELIVERED", '2', true },
	[AGENT_RELAYED] = { "RELAYED", '2', true }, [AGENT_FAILED] = { "FAILED", '5', true },
	[AGENT_DEFERRED] = { "DEFERRED", '4', true },
	[AGENT_FAIL_QUEUE] = { "FAIL-QUEUE", '5', false },
	[AGENT_DEFER_QUEUE] = { "DEFER-QUEUE", '4', true },
};

/* RFC 3463 section 2 */
static void check_status(const struct agent_line *l)
{
	unsigned int subject, detail;
	int end = 0;

	if (*l->status == '\0') {
		BUG_ON(l->word == AGENT_FAILED || l->word == AGENT_DEFERRED || *l->text != '\0');
		return;
	}
	BUG_ON(l->status[0] != words[l->word].class);
	BUG_ON(sscanf(l->status + 1, ".%3u.%3u%n", &subject, &detail, &end) != 2);
	BUG_ON(l->status[1 + end] != '\0');
}

static void check_text(const char *text)
{
	BUG_ON(strlen(text) >= AGENT_TEXT_MAX);
	for (; *text != '\0'; text++)
		BUG_ON(*text < ' ' || *text > '~');
}

static void check_again(const struct agent_line *l)
{
	char line[AGENT_LINE_MAX + 1], number[24] = "";
	struct agent_line again;
	struct err e;
	int n;

	if (l->all)
		snprintf(number, sizeof(number), " *");
	else if (words[l->word].number)
		snprintf(number, sizeof(number), " %" PRIu64, l->number);
	n = snprintf(line, sizeof(line), "%s%s%s%s%s%s%s", words[l->word].name, number,
		l->heeds_tls ? " REQUIRETLS" : "", *l->status != '\0' ? " " : "", l->status,
		*l->text != '\0' ? " " : "", l->text);
	BUG_ON(agent_line_parse(line, (size_t)n, &again, &e) != 0);
	BUG_ON(again.word != l->word || again.all != l->all || again.number != l->number);
	BUG_ON(again.heeds_tls != l->heeds_tls || strcmp(again.status, l->status) != 0);
	BUG_ON(strcmp(again.text, l->text) != 0);
}

static void try_line(const char *p, size_t n)
{
	struct agent_line l;
	struct err e = { .text = "" };

	if (agent_line_parse(p, n, &l, &e) != 0) {
		BUG_ON(e.text[0] == '\0');
		return;
	}
	BUG_ON((unsigned int)l.word >= AGENT_WORDS);
	BUG_ON(l.word == AGENT_DEFER_QUEUE && (l.all || l.number > AGENT_WAIT_MAX_S));
	check_status(&l);
	check_text(l.text);
	check_again(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data, *end = p + size, *lf;

	if (size > INPUT_MAX)
		return 0;
	for (; p < end; p = lf + 1) {
		lf = memchr(p, '\n', (size_t)(end - p));
		if (lf == NULL)
			lf = end;
		try_line(p, (size_t)(lf - p));
	}
	return 0;
}
