/* schema_tables - the tables of libhub/org and ldap-schema/ say the same.
 *
 * For every row: the attribute exists, its syntax can hold the kind, SINGLE-VALUE where the field
 * is single, and its class allows it; for every attribute that a class allows: there is a row.
 * Ranges and words in the file "constraints" are those of the table. Run with srcdir set, as make
 * check does.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"
#include "libhub/org/print.h"

enum { ATTRS_MAX = 400, CLASSES_MAX = 60, MEMBERS_MAX = 80 };

struct schema_attr {
	char *name, *syntax;
	bool single;
};

struct schema_class {
	char *name;
	char *may[MEMBERS_MAX], *must[MEMBERS_MAX];
	size_t may_count, must_count;
};

static struct schema_attr attrs[ATTRS_MAX];
static struct schema_class classes[CLASSES_MAX];
static size_t attr_count, class_count;
static unsigned int faults;

static void fault(const char *class, const char *attr, const char *what)
{
	fprintf(stderr, "%s: %s: %s\n", class, attr, what);
	faults++;
}

static char *read_source(const char *name)
{
	const char *srcdir = getenv("srcdir");
	char *path = xasprintf("%s/ldap-schema/%s", srcdir != NULL ? srcdir : ".", name);
	FILE *in = fopen(path, "r");
	char *text = NULL;
	size_t size = 0, n = 0;
	ssize_t got;
	char *line = NULL;

	if (in == NULL) {
		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		exit(1);
	}
	while ((got = getline(&line, &n, in)) >= 0) {
		if (line[0] == '#')
			continue;
		text = xrealloc(text, size + (size_t)got + 1);
		memcpy(text + size, line, (size_t)got + 1);
		size += (size_t)got;
	}
	free(line);
	fclose(in);
	free(path);
	return text != NULL ? text : xstrdup("");
}

/* The next word, quoted string, '(' or ')' or '$'; NULL at the end. Freed by the caller. */
static char *next_token(const char **p)
{
	const char *s = *p + strspn(*p, " \t\n");
	size_t n;

	if (*s == '\0')
		return NULL;
	if (*s == '\'') {
		n = strcspn(s + 1, "'");
		*p = s + n + 2;
		return xstrndup(s + 1, n);
	}
	n = strchr("()$", *s) != NULL ? 1 : strcspn(s, " \t\n()$'");
	*p = s + n;
	return xstrndup(s, n);
}

/* "NAME" or "( NAME $ NAME )" */
static void read_members(const char **p, char **list, size_t *n)
{
	char *token = next_token(p);

	if (strcmp(token, "(") != 0) {
		list[(*n)++] = token;
		return;
	}
	for (free(token); (token = next_token(p)) != NULL && strcmp(token, ")") != 0;) {
		if (strcmp(token, "$") == 0 || *n == MEMBERS_MAX)
			free(token);
		else
			list[(*n)++] = token;
	}
	free(token);
}

static void read_attr(const char **p)
{
	struct schema_attr *a = &attrs[attr_count++];
	char *token;
	int depth = 0;

	do {
		token = next_token(p);
		depth += (strcmp(token, "(") == 0) - (strcmp(token, ")") == 0);
		if (strcmp(token, "NAME") == 0)
			a->name = next_token(p);
		else if (strcmp(token, "DESC") == 0)
			free(next_token(p));
		else if (strcmp(token, "SYNTAX") == 0)
			a->syntax = next_token(p);
		else if (strcmp(token, "SINGLE-VALUE") == 0)
			a->single = true;
		free(token);
	} while (depth > 0);
}

static void read_class(const char **p)
{
	struct schema_class *c = &classes[class_count++];
	char *token;
	int depth = 0;

	do {
		token = next_token(p);
		depth += (strcmp(token, "(") == 0) - (strcmp(token, ")") == 0);
		if (strcmp(token, "NAME") == 0)
			c->name = next_token(p);
		else if (strcmp(token, "DESC") == 0)
			free(next_token(p));
		else if (strcmp(token, "MAY") == 0)
			read_members(p, c->may, &c->may_count);
		else if (strcmp(token, "MUST") == 0)
			read_members(p, c->must, &c->must_count);
		free(token);
	} while (depth > 0);
}

static void read_schema(void)
{
	char *text = read_source("hub-transport.schema");
	const char *p = text;
	char *token;

	while ((token = next_token(&p)) != NULL) {
		if (strcmp(token, "attributetype") == 0 && attr_count < ATTRS_MAX)
			read_attr(&p);
		else if (strcmp(token, "objectclass") == 0 && class_count < CLASSES_MAX)
			read_class(&p);
		free(token);
	}
	free(text);
}

static const struct schema_attr *find_attr(const char *name)
{
	size_t i;

	for (i = 0; i < attr_count; i++)
		if (strcmp(attrs[i].name, name) == 0)
			return &attrs[i];
	return NULL;
}

static const struct schema_class *find_class(const char *name)
{
	size_t i;

	for (i = 0; i < class_count; i++)
		if (strcmp(classes[i].name, name) == 0)
			return &classes[i];
	return NULL;
}

static bool in_list(char *const *list, size_t n, const char *name)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(list[i], name) == 0)
			return true;
	return false;
}

/* The last part of 1.3.6.1.4.1.1466.115.121.1.n: Boolean, INTEGER, DN, octet string, text. */
static bool syntax_fits(const struct attr_def *def, const char *oid)
{
	const char *last = strrchr(oid, '.');

	last = last != NULL ? last + 1 : "";
	switch (def->kind) {
	case ATTR_FLAG:
		return strcmp(last, "7") == 0;
	case ATTR_INT:
		return strcmp(last, "27") == 0;
	case ATTR_REF:
	case ATTR_REFS:
		return strcmp(last, "12") == 0;
	case ATTR_BLOBS:
		return strcmp(last, "40") == 0;
	case ATTR_NAME:
		return strcmp(last, "26") == 0;
	default:
		return strcmp(last, "15") == 0 || strcmp(last, "26") == 0 ||
			((def->flags & ATTR_SECRET) != 0 && strcmp(last, "40") == 0);
	}
}

static void check_row(const struct obj_class *class, const struct schema_class *sc,
	const struct attr_def *def)
{
	const struct schema_attr *a = find_attr(def->name);
	bool must = in_list(sc->must, sc->must_count, def->name);

	if (a == NULL) {
		fault(class->ldap_class, def->name, "no such attribute in the schema");
		return;
	}
	if (a->single == attr_is_multi(def))
		fault(class->ldap_class, def->name, "SINGLE-VALUE does not fit the field");
	if (!syntax_fits(def, a->syntax))
		fault(class->ldap_class, def->name, "the syntax does not fit the field");
	if (!must && !in_list(sc->may, sc->may_count, def->name))
		fault(class->ldap_class, def->name, "the class does not allow it");
	if (must && (def->flags & ATTR_REQUIRED) == 0)
		fault(class->ldap_class, def->name, "MUST in the schema, optional in the table");
}

static void check_allowed(const struct obj_class *class, char *const *list, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(list[i], "userPassword") != 0 && obj_class_attr(class, list[i]) == NULL)
			fault(class->ldap_class, list[i], "the table has no row");
}

static void check_class(const struct obj_class *class)
{
	const struct schema_class *sc = find_class(class->ldap_class);
	const struct attr_def *def;

	if (sc == NULL) {
		fault(class->ldap_class, "-", "no such class in the schema");
		return;
	}
	for (def = class->attrs; def->name != NULL; def++)
		check_row(class, sc, def);
	check_allowed(class, sc->may, sc->may_count);
	check_allowed(class, sc->must, sc->must_count);
}

/* Words after the attribute in one line of the constraints. */
static bool same_range(const struct attr_def *def, const char *rest)
{
	unsigned long long lo, hi;

	return def->kind == ATTR_INT && sscanf(rest, "%llu %llu", &lo, &hi) == 2 &&
		lo == def->min && hi == def->max;
}

static bool same_words(const struct attr_def *def, const char *rest)
{
	size_t words = 0, choices = 0, n, i;
	bool found = def->choices != NULL;

	for (i = 0; found && def->choices[i] != NULL; i++)
		choices += *def->choices[i] != '\0';
	for (rest += strspn(rest, " "); found && *rest != '\0'; rest += strspn(rest, " ")) {
		words++;
		n = strcspn(rest, " ");
		for (i = 0, found = false; !found && def->choices[i] != NULL; i++)
			found = strlen(def->choices[i]) == n &&
				strncmp(def->choices[i], rest, n) == 0;
		rest += n;
	}
	return found && words == choices;
}

/* "KIND ATTR[CLASS] REST": holds for every class that has the attribute, or for the one named. */
static void check_constraint(const char *kind, char *target, const char *rest)
{
	char *bracket = strchr(target, '[');
	const char *only = NULL;
	const struct attr_def *def;
	size_t i, seen = 0;
	bool range = strcmp(kind, "range") == 0;

	if (bracket != NULL) {
		*bracket = '\0';
		only = bracket + 1;
		bracket[1 + strcspn(only, "]")] = '\0';
	}
	for (i = 0; i < OBJ_KINDS; i++) {
		def = obj_class_attr(obj_classes[i], target);
		if (def == NULL || (only != NULL && strcmp(only, obj_classes[i]->ldap_class) != 0))
			continue;
		seen++;
		if (range ? !same_range(def, rest) : !same_words(def, rest))
			fault(obj_classes[i]->ldap_class, target, range ?
				"the range in constraints is not the table's" :
				"the words in constraints are not the table's");
	}
	if (seen == 0)
		fault(only != NULL ? only : "constraints", target, "no row has it");
}

static void check_constraints(void)
{
	char *text = read_source("constraints"), *line, *save = NULL;

	for (line = strtok_r(text, "\n", &save); line != NULL; line = strtok_r(NULL, "\n", &save)) {
		char *inner = NULL;
		char *kind = strtok_r(line, " ", &inner);
		char *target = strtok_r(NULL, " ", &inner);

		if (kind != NULL && target != NULL &&
		    (strcmp(kind, "range") == 0 || strcmp(kind, "enum") == 0))
			check_constraint(kind, target, inner);
	}
	free(text);
}

int main(void)
{
	size_t i;

	read_schema();
	for (i = 0; i < OBJ_KINDS; i++)
		check_class(obj_classes[i]);
	check_constraints();
	printf("%zu attributes, %zu classes, %u faults\n", attr_count, class_count, faults);
	/* far too few of them would mean that the schema was not understood */
	if (attr_count < 100 || class_count < OBJ_KINDS)
		faults++;
	return faults == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
