/* value_space.c - address spaces: [type:]space[;cost] (hub-directory(7) section 3).
 *
 * The cost follows the last ';'. A space of another type than SMTP may itself hold ';', and then
 * the cost must be written, since nothing else tells where the space ends.
 */
#include "libhub/org/value.h"

#include <string.h>

#include "libhub/org/x400.h"

enum { SPACE_TEXT_MAX = 512, SPACE_TYPE_MAX = 32, COST_DEFAULT = 1, COST_MAX = 100 };

/* 1-100 in at most three digits; 0 if it is none. */
static uint32_t parse_cost(const char *text)
{
	size_t n = strlen(text);
	uint32_t cost = 0;
	size_t i;

	if (n == 0 || n > 3)
		return 0;
	for (i = 0; i < n; i++) {
		if (text[i] < '0' || text[i] > '9')
			return 0;
		cost = cost * 10 + (uint32_t)(text[i] - '0');
	}
	return cost <= COST_MAX ? cost : 0;
}

static int bad_space(const char *text, const char *rule, struct err *e)
{
	return err_config(e, "address space \"%.100s\": %s", text, rule);
}

/* SMTP: *, *.domain, domain, --; part is lower case. */
static int smtp_space(const char *text, const char *part, struct address_space *out, struct err *e)
{
	out->text = out->key = part;
	if (strcmp(part, "*") == 0) {
		out->match = SPACE_ALL;
		out->key = "";
		return 0;
	}
	if (strcmp(part, "--") == 0) {
		out->match = SPACE_INBOUND;
		return 0;
	}
	out->match = SPACE_EXACT;
	if (strncmp(part, "*.", 2) == 0) {
		out->match = SPACE_SUBTREE;
		out->key = part + 2;
	}
	if (strchr(out->key, '*') != NULL)
		return bad_space(text,
			"a wildcard stands alone or as a whole first label, *.domain", e);
	if (!value_is_domain(out->key))
		return bad_space(text, "not a domain name (A-labels), *.domain, * or --", e);
	return 0;
}

/* Other types: free text; a trailing '*' makes it a prefix. */
static int other_space(struct arena *a, const char *text, struct address_space *out,
	struct err *e)
{
	size_t n = strlen(out->text);

	if (strcmp(out->type, "X400") == 0 && strcmp(out->text, "*") != 0 &&
	    x400_check(out->text, e) < 0)
		return -1;
	if (strcmp(out->text, "--") == 0)
		return bad_space(text, "-- is of type SMTP only", e);
	out->key = value_lower(a, out->text);
	out->match = SPACE_EXACT;
	if (out->text[n - 1] == '*') {
		out->match = n == 1 ? SPACE_ALL : SPACE_PREFIX;
		out->key = arena_strndup(a, out->key, n - 1);
	}
	return 0;
}

/* Cuts the type off the front of *rest. */
static int cut_type(struct arena *a, const char *text, char **rest, const char **type,
	struct err *e)
{
	char *colon = strchr(*rest, ':');
	char *p;

	*type = "SMTP";
	if (colon == NULL)
		return 0;
	*colon = '\0';
	if (colon == *rest || strlen(*rest) > SPACE_TYPE_MAX || strpbrk(*rest, " ;*") != NULL)
		return bad_space(text, "not a type before the colon", e);
	p = value_lower(a, *rest);
	*type = p;
	for (; *p != '\0'; p++)
		if (*p >= 'a' && *p <= 'z')
			*p = (char)(*p - 'a' + 'A');
	*rest = colon + 1;
	return 0;
}

/* Cuts ";cost" off the end of rest. */
static int cut_cost(const char *text, bool smtp, char *rest, uint32_t *cost, struct err *e)
{
	char *semicolon = strrchr(rest, ';');

	*cost = COST_DEFAULT;
	if (semicolon == NULL)
		return 0;
	*cost = parse_cost(semicolon + 1);
	if (*cost == 0 && !smtp && semicolon[1 + strspn(semicolon + 1, "0123456789")] != '\0')
		return bad_space(text,
			"a space with a semicolon needs a cost of 1 to 100 at its end", e);
	if (*cost == 0)
		return bad_space(text, "the cost after the last semicolon must be 1 to 100", e);
	*semicolon = '\0';
	return 0;
}

int value_address_space(struct arena *a, const char *text, struct address_space *out,
	struct err *e)
{
	size_t n = strlen(text);
	char *rest;
	bool smtp;

	memset(out, 0, sizeof(*out));
	if (n > SPACE_TEXT_MAX)
		return bad_space(text, "longer than 512 bytes", e);
	if (!value_is_text(text, n))
		return bad_space(text, "control characters or no UTF-8", e);
	rest = arena_strndup(a, text, n);
	if (cut_type(a, text, &rest, &out->type, e) < 0)
		return -1;
	smtp = strcmp(out->type, "SMTP") == 0;
	if (cut_cost(text, smtp, rest, &out->cost, e) < 0)
		return -1;
	if (rest[strspn(rest, " ")] == '\0')
		return bad_space(text, "empty", e);
	if (smtp)
		return smtp_space(text, value_lower(a, rest), out, e);
	out->text = rest;
	return other_space(a, text, out, e);
}
