/* edge_sync_show.c - see edge_sync_show.h */
#include "tools/edge_sync_show.h"

#include <stdio.h>
#include <string.h>

#include "tools/table.h"

static const char *const data[] = { "configuration", "recipients" };
enum { DATA = sizeof(data) / sizeof(data[0]), PRINT_SHOWN = 12 };

static const char *text_of(const json_t *o, const char *name)
{
	return json_string_value(json_object_get(o, name));
}

static const json_t *edges_of(const json_t *answer)
{
	return json_object_get(answer, "edges");
}

/* --- is it in step? --- */

static bool is_reached(const json_t *edge)
{
	const char *state = text_of(edge, "state");

	return state != NULL && strcmp(state, "waiting") != 0 && strcmp(state, "connecting") != 0;
}

static bool is_known(const json_t *verified, const char *where)
{
	return json_is_true(json_object_get(verified, where));
}

/* What was looked at differs, or a recipient is on one side only. */
static bool look_finds_fault(const json_t *edge)
{
	const json_t *verified = json_object_get(edge, "verified");

	return json_integer_value(json_object_get(edge, "different")) != 0 ||
		is_known(verified, "here") != is_known(verified, "edge");
}

static const char *edge_state(const json_t *edge)
{
	const json_t *steps = json_object_get(edge, "in_step"), *step;
	size_t i;

	if (!is_reached(edge))
		return "unreachable";
	if (text_of(edge, "held") != NULL)
		return "held";
	for (i = 0; i < DATA; i++) {
		step = json_object_get(steps, data[i]);
		if (json_is_false(step))
			return "differs";
		if (!json_is_true(step))
			return "not known";
	}
	if (look_finds_fault(edge))
		return "differs";
	return text_of(edge, "error") != NULL ? "failed" : "in step";
}

/* Why what edgesyncd compares with may be old, or NULL. */
static const char *organization_problem(struct arena *a, const json_t *answer)
{
	const json_t *directory = json_object_get(answer, "directory"),
		*recipients = json_object_get(answer, "recipients");
	const char *held = text_of(directory, "held"), *state = text_of(directory, "state"),
		*error = text_of(directory, "error");

	if (held == NULL)
		held = text_of(recipients, "held");
	if (held != NULL)
		return arena_printf(a, "it does not believe the organization's directory: %s",
			held);
	if (state != NULL && strcmp(state, "live") == 0)
		state = text_of(recipients, "state");
	if (state != NULL && strcmp(state, "live") == 0)
		return NULL;
	return arena_printf(a, "it does not have the organization's directory (%s%s%s): edges are "
		"compared with what it knew last", state != NULL ? state : "not known",
		error != NULL ? "; " : "", error != NULL ? error : "");
}

/* Is the recipient, if one was asked for, known on both sides? */
static bool verifies(const json_t *edge)
{
	const json_t *verified = json_object_get(edge, "verified");

	return verified == NULL || (is_known(verified, "here") && is_known(verified, "edge"));
}

bool edge_sync_in_step(const json_t *answer)
{
	struct arena *a = arena_new();
	bool well = organization_problem(a, answer) == NULL;
	const json_t *o;
	size_t i;

	arena_free(&a);
	json_array_foreach(edges_of(answer), i, o)
		well = well && strcmp(edge_state(o), "in step") == 0 && verifies(o);
	return well;
}

/* --- test, for people --- */

static const char *enrolled(struct arena *a, const json_t *edge)
{
	const json_t *hubs = json_object_get(edge, "hubs"), *o;
	size_t i, n = 0;

	json_array_foreach(hubs, i, o)
		n += json_is_true(json_object_get(o, "enrolled"));
	return json_array_size(hubs) != 0 ? arena_printf(a, "%zu/%zu", n, json_array_size(hubs)) :
		NULL;
}

static const char *count_of(struct arena *a, const json_t *edge, const char *kind)
{
	return table_text(a, json_object_get(json_object_get(edge, kind), "count"));
}

static const char *shortened(struct arena *a, const char *print)
{
	return print != NULL ? arena_strndup(a, print, strnlen(print, PRINT_SHOWN)) : NULL;
}

static void print_edges(struct arena *a, const json_t *edges)
{
	static const char *const heads[] = { "edge", "state", "age_s", "here", "there", "lease",
		"hubs", "objects", "recipients", "note", NULL };
	struct table *t = table_new(a, heads);
	const json_t *o, *print;
	size_t i;

	json_array_foreach(edges, i, o) {
		print = json_object_get(o, "fingerprint");
		table_row(t, (const char *[]){ text_of(o, "name"), edge_state(o),
			table_text(a, json_object_get(o, "age_s")),
			shortened(a, text_of(print, "here")), shortened(a, text_of(print, "edge")),
			text_of(json_object_get(o, "lease"), "holder"), enrolled(a, o),
			count_of(a, o, "configuration"), count_of(a, o, "recipients"),
			text_of(o, "held") != NULL ? text_of(o, "held") : text_of(o, "error") });
	}
	table_print(t);
}

static void print_time(const char *edge, const char *what, const char *until)
{
	if (until != NULL)
		printf("%s: %s until %s\n", edge, what, until);
}

static void print_hubs(const char *edge, const json_t *hubs)
{
	const json_t *o;
	size_t i;

	json_array_foreach(hubs, i, o)
		if (!json_is_true(json_object_get(o, "enrolled")))
			printf("%s: hub %s has no account there\n", edge, text_of(o, "name"));
}

static void print_differences(const char *edge, const json_t *o)
{
	json_int_t left_out = json_integer_value(json_object_get(o, "differences_left_out"));
	const json_t *one;
	size_t i;

	json_array_foreach(json_object_get(o, "differences"), i, one)
		printf("%s: %s: %s: %s\n", edge, text_of(one, "data"), text_of(one, "what"),
			text_of(one, "object"));
	if (left_out != 0)
		printf("%s: and %" JSON_INTEGER_FORMAT " more\n", edge, left_out);
}

static void print_verified(const char *edge, const json_t *verified)
{
	bool here = is_known(verified, "here"), there = is_known(verified, "edge");

	if (verified != NULL)
		printf("%s: %s is %s\n", edge, text_of(verified, "address"),
			here && there ? "known there" :
			here ? "known here but not there" :
			there ? "known there but not here" : "known neither here nor there");
}

static void print_edge(const struct ctl *ctl, const json_t *o)
{
	const json_t *lease = json_object_get(o, "lease");
	const char *edge = text_of(o, "name"), *preferred = text_of(lease, "preferred"),
		*former = text_of(o, "former_site");

	if (former != NULL)
		printf("%s: moved to %s, the hubs of %s hand it over\n", edge,
			text_of(o, "site"), former);
	if (preferred != NULL)
		printf("%s: %s is asked to take the lease\n", edge, preferred);
	if (ctl->output == CTL_WIDE) {
		print_time(edge, "lease", text_of(lease, "expiry"));
		print_time(edge, "certificate of its directory",
			text_of(o, "certificate_expires"));
		print_time(edge, "account of this hub", text_of(o, "account_expires"));
	}
	print_hubs(edge, json_object_get(o, "hubs"));
	print_differences(edge, o);
	print_verified(edge, json_object_get(o, "verified"));
}

void edge_sync_show_test(struct ctl *ctl, const json_t *answer)
{
	const char *problem = organization_problem(ctl->arena, answer);
	const json_t *edges = edges_of(answer), *o;
	size_t i;

	if (json_array_size(edges) == 0)
		printf("%s: no edge is subscribed to its site\n", text_of(answer, "server"));
	else
		print_edges(ctl->arena, edges);
	json_array_foreach(edges, i, o)
		print_edge(ctl, o);
	if (problem != NULL)
		printf("%s: %s\n", text_of(answer, "server"), problem);
}

/* --- start --- */

static const char *start_problem(const json_t *edge)
{
	const char *held = text_of(edge, "held");

	return held != NULL ? held : text_of(edge, "error");
}

bool edge_sync_pushed(const json_t *answer)
{
	const json_t *o;
	size_t i;

	json_array_foreach(edges_of(answer), i, o)
		if (!json_is_true(json_object_get(o, "in_step")))
			return false;
	return true;
}

void edge_sync_show_start(struct ctl *ctl, const json_t *answer)
{
	static const char *const heads[] = { "edge", "data", "scanned", "added", "changed",
		"deleted", "failed", NULL };
	struct table *t = table_new(ctl->arena, heads);
	const json_t *edges = edges_of(answer), *o, *counts;
	const char *cells[sizeof(heads) / sizeof(heads[0])];
	size_t i, kind, column, rows = 0;

	json_array_foreach(edges, i, o) {
		for (kind = 0; kind < DATA; kind++) {
			counts = json_object_get(o, data[kind]);
			if (counts == NULL)
				continue;
			cells[0] = text_of(o, "name");
			cells[1] = data[kind];
			for (column = 2; heads[column] != NULL; column++)
				cells[column] = table_text(ctl->arena, json_object_get(counts,
					heads[column]));
			table_row(t, cells);
			rows++;
		}
	}
	if (rows != 0)
		table_print(t);
	json_array_foreach(edges, i, o)
		if (start_problem(o) != NULL)
			printf("%s: %s%s\n", text_of(o, "name"),
				text_of(o, "held") != NULL ? "held: " : "", start_problem(o));
	if (json_array_size(edges) == 0)
		printf("%s: no edge is subscribed to its site\n", text_of(answer, "server"));
}
