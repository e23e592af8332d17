/* route_show.c - see route_show.h
 *
 * One numbered paragraph a hop: what this server does with the message, the path with the cost of
 * each hop and whom it beat, the queue, and why each other connector lost, the nearest rival first.
 */
#include "tools/route_show.h"

#include <stdio.h>
#include <string.h>

#include "tools/table.h"

enum { NAMES_MAX = 20 };

/* Rules by which connectors lose, from who nearly won to who was never asked. */
static const struct {
	const char *rule, *meaning;
} rules[] = {
	{ "cost", "costs more" },
	{ "proximity", "costs the same, but is farther" },
	{ "name", "costs the same and is as near: the lowest name wins" },
	{ "size", "takes smaller messages only" },
	{ "failed", "has failed: another takes over" },
	{ "less-specific", "a more specific space wins" },
	{ "scope", "is for the site of its source servers only" },
	{ "unreachable", "no path leads to its source servers" },
	{ "no-source", "has no source server that is enabled" },
	{ "disabled", "is switched off" },
	{ "invalid", "breaks a rule, so it is not in force" },
};

static const char *text_of(struct arena *a, const json_t *o, const char *name)
{
	const char *text = table_text(a, json_object_get(o, name));

	return text != NULL ? text : "";
}

static bool is(const json_t *o, const char *name, const char *value)
{
	const char *text = json_string_value(json_object_get(o, name));

	return text != NULL && strcmp(text, value) == 0;
}

/* Characters of UTF-8. */
static int width_of(const char *s)
{
	int n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static int width_all(struct arena *a, const json_t *list, const char *name)
{
	const json_t *row;
	int widest = 0;
	size_t i;

	json_array_foreach(list, i, row) {
		int width = width_of(text_of(a, row, name));

		widest = width > widest ? width : widest;
	}
	return widest;
}

static void print_padded(const char *text, int width)
{
	printf("%s%*s", text, width - width_of(text), "");
}

static void print_line(const char *name, const char *value)
{
	if (*value != '\0')
		printf("   %-10s %s\n", name, value);
}

/* --- what happens --- */

static void print_head(struct arena *a, const json_t *o, unsigned int number)
{
	const char *server = text_of(a, o, "server"), *next = text_of(a, o, "next_servers");

	printf("%u. %s ", number, server);
	if (is(o, "decision", "relay"))
		printf("relays to %s: %s\n", text_of(a, o, "next_site"), next);
	else if (is(o, "decision", "connector"))
		printf("delivers by %s%s%s\n", text_of(a, o, "connector"),
			*next != '\0' ? " to " : "", next);
	else if (is(o, "decision", "mailbox"))
		printf("delivers to the mailbox server %s\n", text_of(a, o, "mailbox_server"));
	else if (is(o, "decision", "report"))
		printf("reports %s: %s\n", text_of(a, o, "status"), text_of(a, o, "text"));
	else if (is(o, "decision", "unreachable"))
		printf("keeps it as Unreachable: %s\n", text_of(a, o, "text"));
	else
		printf("cannot tell: %s\n", text_of(a, o, "text"));
	print_line("members", text_of(a, o, "members"));
}

/* --- the path --- */

static void print_ties(struct arena *a, const json_t *ties)
{
	const json_t *tie;
	size_t i;

	json_array_foreach(ties, i, tie)
		printf("; by way of %s it costs the same in %s", text_of(a, tie, "instead_of"),
			is(tie, "by", "hops") ? "more hops" : "as many hops, by a higher name");
}

static void print_remarks(struct arena *a, const json_t *o, const json_t *hop)
{
	const char *limit = text_of(a, hop, "max_size");

	if (strcmp(limit, "0") != 0)
		printf(", at most %s bytes", limit);
	if (json_is_true(json_object_get(hop, "hub_site")))
		printf("; hub site%s", is(o, "next_site", text_of(a, hop, "site")) ?
			": mail stops here" : "");
	if (json_integer_value(json_object_get(hop, "hubs")) == 0)
		printf("; has no hub");
	print_ties(a, json_object_get(hop, "ties"));
}

static void print_path(struct arena *a, const json_t *o)
{
	const json_t *path = json_object_get(o, "path"), *hops = json_object_get(o, "hops"), *hop;
	int sites = width_all(a, hops, "site"), costs = width_all(a, hops, "cost");
	size_t i;

	if (json_array_size(hops) == 0)
		return;
	print_line("path", json_string_value(json_array_get(path, 0)));
	json_array_foreach(hops, i, hop) {
		printf("   %-10s > ", "");
		print_padded(text_of(a, hop, "site"), sites);
		printf("  cost %*s by %s", costs, text_of(a, hop, "cost"), text_of(a, hop, "link"));
		print_remarks(a, o, hop);
		putchar('\n');
	}
}

/* Servers tried together are divided by commas, those tried one after the other by semicolons. */
static void print_fallback(struct arena *a, const json_t *o)
{
	const json_t *pools = json_object_get(o, "fallback"), *pool;
	size_t i;

	if (json_array_size(pools) == 0)
		return;
	printf("   %-10s ", "fallback");
	json_array_foreach(pools, i, pool)
		printf("%s%s", i == 0 ? "" : "; ", table_text(a, pool));
	puts(json_is_true(json_object_get(o, "bisect")) ? " (sites by bisection)" : "");
}

static void print_queue(struct arena *a, const json_t *o)
{
	const json_t *queue = json_object_get(o, "queue");

	if (json_is_object(queue))
		print_line("queue", arena_printf(a, "%s %s", text_of(a, queue, "type"),
			text_of(a, queue, "domain")));
}

/* --- connectors --- */

struct widths {
	int name, space, cost;
};

static void print_candidate(struct arena *a, const json_t *row, const struct widths *w,
	const char *what, const char *rule, const char *meaning)
{
	printf("   %-10s ", what);
	print_padded(text_of(a, row, "connector"), w->name);
	fputs("  ", stdout);
	print_padded(text_of(a, row, "space"), w->space);
	printf("  %*s  %s%s%s\n", w->cost, text_of(a, row, "cost"), rule,
		meaning != NULL ? ": " : "", meaning != NULL ? meaning : "");
}

static void print_rule(struct arena *a, const json_t *list, const struct widths *w, size_t rule,
	bool *first)
{
	const json_t *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (is(row, "lost_by", rules[rule].rule)) {
			print_candidate(a, row, w, *first ? "lost" : "", rules[rule].rule,
				rules[rule].meaning);
			*first = false;
		}
}

static void print_no_match(struct ctl *ctl, const json_t *list)
{
	const json_t *row;
	size_t n = 0, i;

	json_array_foreach(list, i, row) {
		if (!is(row, "lost_by", "no-match"))
			continue;
		if (n++ == 0)
			printf("   %-10s ", "no match");
		if (n <= NAMES_MAX || ctl->output == CTL_WIDE)
			printf("%s%s", n == 1 ? "" : ", ", text_of(ctl->arena, row, "connector"));
	}
	if (n > NAMES_MAX && ctl->output != CTL_WIDE)
		printf(" and %zu more (-o wide)", n - NAMES_MAX);
	if (n != 0)
		putchar('\n');
}

/* Those that match, or would if they could be used; the others are only named. */
static json_t *rivals(const json_t *list)
{
	json_t *found = json_array(), *row;
	size_t i;

	json_array_foreach(list, i, row)
		if (!is(row, "lost_by", "no-match"))
			json_array_append(found, row);
	return found;
}

static void print_candidates(struct ctl *ctl, const json_t *o)
{
	const json_t *all = json_object_get(o, "candidates"), *row;
	struct arena *a = ctl->arena;
	json_t *list = rivals(all);
	struct widths w = { width_all(a, list, "connector"), width_all(a, list, "space"),
		width_all(a, list, "cost") };
	bool first = true;
	size_t i;

	json_array_foreach(list, i, row)
		if (json_is_null(json_object_get(row, "lost_by")))
			print_candidate(a, row, &w, "connector", "chosen", NULL);
	for (i = 0; i < sizeof(rules) / sizeof(rules[0]); i++)
		print_rule(a, list, &w, i, &first);
	print_no_match(ctl, all);
	json_decref(list);
}

/* --- all --- */

static void print_hop(struct ctl *ctl, const json_t *o, unsigned int number)
{
	struct arena *a = ctl->arena;

	print_head(a, o, number);
	if (strcmp(text_of(a, o, "envelope"), text_of(a, o, "address")) != 0)
		print_line("rewritten", text_of(a, o, "envelope"));
	print_path(a, o);
	print_line("cost", text_of(a, o, "cost"));
	print_fallback(a, o);
	print_queue(a, o);
	print_candidates(ctl, o);
	if (json_object_get(o, "loop") != NULL)
		print_line("loop", arena_printf(a, "%s had it before: the hop count ends this",
			text_of(a, o, "loop")));
}

void route_show(struct ctl *ctl, const json_t *o)
{
	struct arena *a = ctl->arena;
	unsigned int number = 1;

	printf("%s", text_of(a, o, "address"));
	if (json_integer_value(json_object_get(o, "size")) != 0)
		printf(", %s bytes", text_of(a, o, "size"));
	printf(", from %s\n", text_of(a, o, "server"));
	for (; json_is_object(o); o = json_object_get(o, "then"))
		print_hop(ctl, o, number++);
}
