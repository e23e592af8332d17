/* table.c - see table.h */
#include "tools/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	COLUMNS_MAX = 16,
	GAP = 2,
	CELL_MAX = 300,		/* bytes; who wants all of it asks for one object, or JSON */
};

struct row {
	struct row *next;
	const char *cells[COLUMNS_MAX];
};

struct table {
	struct arena *a;
	const char *heads[COLUMNS_MAX];
	size_t columns;
	size_t width[COLUMNS_MAX];
	struct row *rows, **tail;
};

/* Characters of UTF-8; what is wider than one place is not known here. */
static size_t width_of(const char *s)
{
	size_t n = 0;

	for (; *s != '\0'; s++)
		n += ((unsigned char)*s & 0xc0) != 0x80;
	return n;
}

static const char *harmless(struct arena *a, const char *text)
{
	char *copy = arena_strdup(a, text), *s;

	for (s = copy; *s != '\0'; s++)
		if ((unsigned char)*s < 0x20 || *s == 0x7f)
			*s = '?';
	return copy;
}

struct table *table_new(struct arena *a, const char *const *heads)
{
	struct table *t = arena_alloc(a, sizeof(*t));

	t->a = a;
	t->tail = &t->rows;
	for (; heads[t->columns] != NULL; t->columns++) {
		BUG_ON(t->columns == COLUMNS_MAX);
		t->heads[t->columns] = heads[t->columns];
		t->width[t->columns] = width_of(heads[t->columns]);
	}
	return t;
}

/* What fits a cell; cut between characters. */
static const char *cut(struct arena *a, const char *text)
{
	size_t n = CELL_MAX;

	if (strlen(text) <= CELL_MAX)
		return text;
	while (((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return arena_printf(a, "%.*s...", (int)n, text);
}

void table_row(struct table *t, const char *const *cells)
{
	struct row *r = arena_alloc(t->a, sizeof(*r));
	size_t i, width;

	for (i = 0; i < t->columns; i++) {
		r->cells[i] = harmless(t->a, cells[i] != NULL && *cells[i] != '\0' ?
			cut(t->a, cells[i]) : "-");
		width = width_of(r->cells[i]);
		if (width > t->width[i])
			t->width[i] = width;
	}
	*t->tail = r;
	t->tail = &r->next;
}

static void print_row(const struct table *t, const char *lead, const char *const *cells)
{
	size_t i;

	fputs(lead, stdout);
	for (i = 0; i + 1 < t->columns; i++)
		printf("%s%*s", cells[i], (int)(t->width[i] - width_of(cells[i]) + GAP), "");
	puts(cells[i]);
}

void table_print_after(const struct table *t, const char *lead)
{
	const struct row *r;

	print_row(t, lead, t->heads);
	for (r = t->rows; r != NULL; r = r->next)
		print_row(t, lead, r->cells);
}

void table_print(const struct table *t)
{
	table_print_after(t, "");
}

static const char *join(struct arena *a, const json_t *list)
{
	const char *one, *joined = NULL;
	char *text = NULL;
	json_t *value;
	size_t size, i;
	FILE *out = open_memstream(&text, &size);

	BUG_ON(out == NULL);
	json_array_foreach(list, i, value) {
		one = table_text(a, value);
		if (one != NULL)
			fprintf(out, "%s%s", ftell(out) != 0 ? ", " : "", one);
	}
	BUG_ON(fclose(out) != 0);
	if (size != 0)
		joined = arena_strdup(a, text);
	free(text);
	return joined;
}

const char *table_text(struct arena *a, const json_t *value)
{
	char *dump;
	const char *text;

	switch (value != NULL ? json_typeof(value) : JSON_NULL) {
	case JSON_NULL:
		return NULL;
	case JSON_STRING:
		return json_string_value(value);
	case JSON_TRUE:
		return "yes";
	case JSON_FALSE:
		return "no";
	case JSON_ARRAY:
		return join(a, value);
	default:
		dump = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
		BUG_ON(dump == NULL);
		text = arena_strdup(a, dump);
		free(dump);
		return text;
	}
}

void table_print_objects(struct arena *a, const json_t *list, const char *const *heads)
{
	struct table *t = table_new(a, heads);
	const char *cells[COLUMNS_MAX];
	json_t *object;
	size_t i, j;

	json_array_foreach(list, i, object) {
		for (j = 0; j < t->columns; j++)
			cells[j] = table_text(a, json_object_get(object, heads[j]));
		table_row(t, cells);
	}
	table_print(t);
}

void table_print_members(struct arena *a, const json_t *object)
{
	size_t width = 0;
	const char *key, *text;
	json_t *value;

	json_object_foreach((json_t *)(uintptr_t)object, key, value)
		if (strlen(key) > width)
			width = strlen(key);
	json_object_foreach((json_t *)(uintptr_t)object, key, value) {
		text = table_text(a, value);
		printf("%-*s  %s\n", (int)width, key, text != NULL ? harmless(a, text) : "-");
	}
}

/* What is ASCII in it; a file may hold anything. */
static json_t *ascii_string(const char *text)
{
	char *copy = xstrdup(text), *s;
	json_t *value;

	for (s = copy; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			*s = '?';
	value = json_string(copy);
	free(copy);
	return value;
}

json_t *table_string(const char *text)
{
	json_t *value = text != NULL ? json_string(text) : json_null();

	return value != NULL ? value : ascii_string(text);
}

void table_print_json(const json_t *value)
{
	BUG_ON(json_dumpf(value, stdout, JSON_INDENT(2) | JSON_ENCODE_ANY) != 0);
	putchar('\n');
}
