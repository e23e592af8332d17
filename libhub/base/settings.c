/* settings.c - see settings.h */
#include "libhub/base/settings.h"

#include <ctype.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

enum { SETTINGS_LINE_MAX = 4096, SETTINGS_ROWS_MAX = 64 };

struct reader {
	const char *path;
	unsigned int line;
	const struct setting *table;
	unsigned int seen[SETTINGS_ROWS_MAX];	/* line of each row, 0 = not yet */
	void *target;
	struct arena *arena;
	struct err *err;
};

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

static int fail(struct reader *r, const char *what, const char *which)
{
	return err_set(r->err, ERR_CONFIG, 0, "%s:%u: %s%s%s", r->path, r->line, what,
		which != NULL ? ": " : "", which != NULL ? which : "");
}

static int store_uint(struct reader *r, const struct setting *row, const char *value)
{
	char *end;
	unsigned long n;

	errno = 0;
	n = strtoul(value, &end, 10);
	if (errno != 0 || *end != '\0' || !isdigit((unsigned char)*value) || n < row->min ||
		n > row->max)
		return err_set(r->err, ERR_CONFIG, 0, "%s:%u: %s must be a number from %u to %u",
			r->path, r->line, row->key, row->min, row->max);
	*(uint32_t *)((char *)r->target + row->offset) = (uint32_t)n;
	return 0;
}

static int store_size(struct reader *r, const struct setting *row, const char *value)
{
	static const char units[] = "KMG";
	const char *unit;
	char *end;
	unsigned long long n;
	unsigned int shift = 0;

	errno = 0;
	n = strtoull(value, &end, 10);
	unit = *end != '\0' ? strchr(units, *end) : NULL;
	if (unit != NULL) {
		shift = 10 * (unsigned int)(unit - units + 1);
		end++;
	}
	if (errno != 0 || *end != '\0' || !isdigit((unsigned char)*value) ||
		n > UINT64_MAX >> shift || n << shift < (uint64_t)row->min << 10 ||
		n << shift > (uint64_t)row->max << 10)
		return err_set(r->err, ERR_CONFIG, 0, "%s:%u: %s must be a size in bytes, or with "
			"K, M or G, from %uK to %uK", r->path, r->line, row->key, row->min,
			row->max);
	*(uint64_t *)(void *)((char *)r->target + row->offset) = n << shift;
	return 0;
}

static int store_choice(struct reader *r, const struct setting *row, const char *value)
{
	int i;

	for (i = 0; row->choices[i] != NULL; i++) {
		if (strcmp(row->choices[i], value) == 0) {
			*(int *)((char *)r->target + row->offset) = i;
			return 0;
		}
	}
	return err_set(r->err, ERR_CONFIG, 0, "%s:%u: %s cannot be \"%s\"", r->path, r->line,
		row->key, value);
}

static int store_flag(struct reader *r, const struct setting *row, const char *value)
{
	bool yes = strcmp(value, "yes") == 0;

	if (!yes && strcmp(value, "no") != 0)
		return err_set(r->err, ERR_CONFIG, 0, "%s:%u: %s must be yes or no", r->path,
			r->line, row->key);
	*(bool *)((char *)r->target + row->offset) = yes;
	return 0;
}

static int store(struct reader *r, const struct setting *row, const char *value)
{
	if (*value == '\0')
		return fail(r, "no value for", row->key);
	switch (row->kind) {
	case SETTING_UINT:
		return store_uint(r, row, value);
	case SETTING_SIZE:
		return store_size(r, row, value);
	case SETTING_CHOICE:
		return store_choice(r, row, value);
	case SETTING_FLAG:
		return store_flag(r, row, value);
	case SETTING_PATH:
		if (*value != '/')
			return fail(r, "path must begin with /", row->key);
		break;
	case SETTING_TEXT:
		break;
	}
	*(const char **)(void *)((char *)r->target + row->offset) = arena_strdup(r->arena, value);
	return 0;
}

static int read_line(struct reader *r, char *text)
{
	char *key = trim(text), *eq, *value;
	size_t i;

	if (*key == '\0' || *key == '#')
		return 0;
	eq = strchr(key, '=');
	if (eq == NULL)
		return fail(r, "not \"key = value\"", key);
	*eq = '\0';
	value = trim(eq + 1);
	key = trim(key);
	if (*key == '\0')
		return fail(r, "no key before", value);
	for (i = 0; r->table[i].key != NULL; i++) {
		if (strcmp(r->table[i].key, key) != 0)
			continue;
		if (r->seen[i] != 0)
			return fail(r, "given twice", key);
		r->seen[i] = r->line;
		return store(r, &r->table[i], value);
	}
	return fail(r, "unknown key", key);
}

static int read_lines(struct reader *r, FILE *f)
{
	char text[SETTINGS_LINE_MAX];

	while (fgets(text, sizeof(text), f) != NULL) {
		r->line++;
		if (strchr(text, '\n') == NULL && !feof(f))
			return fail(r, "line too long", NULL);
		if (read_line(r, text) != 0)
			return -1;
	}
	if (ferror(f))
		return err_set(r->err, ERR_CONFIG, errno, "%s: cannot read", r->path);
	return 0;
}

static int check_required(struct reader *r)
{
	size_t i;

	for (i = 0; r->table[i].key != NULL; i++)
		if ((r->table[i].flags & SETTING_REQUIRED) != 0 && r->seen[i] == 0)
			return fail(r, "missing key", r->table[i].key);
	return 0;
}

int settings_read(const char *path, const struct setting *table, void *target, struct arena *arena,
	struct err *e)
{
	return settings_read_lines(path, table, target, arena, NULL, e);
}

int settings_read_lines(const char *path, const struct setting *table, void *target,
	struct arena *arena, unsigned int *lines, struct err *e)
{
	struct reader r = { .path = path, .table = table, .target = target, .arena = arena,
		.err = e };
	size_t rows = 0;
	FILE *f;
	int rc;

	while (table[rows].key != NULL)
		rows++;
	BUG_ON(rows > SETTINGS_ROWS_MAX);
	f = fopen(path, "re");
	if (f == NULL)
		return err_set(e, ERR_CONFIG, errno, "%s:0: cannot open", path);
	rc = read_lines(&r, f);
	fclose(f);
	if (lines != NULL)
		memcpy(lines, r.seen, rows * sizeof(*lines));
	return rc != 0 ? rc : check_required(&r);
}
