/* dn.c - see dn.h
 *
 * Nearly all names are plain ASCII without escapes and are rewritten in one pass; the others go
 * through libldap's parser.
 */
#include "libhub/org/dn.h"

#include <ldap.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "libhub/org/value.h"

/* A large group has 100,000 of them, so this is no strchr. */
static bool is_plain(const char *dn)
{
	for (; *dn != '\0'; dn++)
		switch (*dn) {
		case '\\': case '"': case '+': case '#': case ';': case '<': case '>':
			return false;
		default:
			if ((unsigned char)*dn >= 0x80)
				return false;
		}
	return true;
}

/* One pass over a plain DN; NULL if some RDN is not type=value. */
static const char *normalize_plain(struct arena *a, const char *dn)
{
	char *out = value_lower(a, dn), *w = out;
	const char *r = out;

	while (*r != '\0') {
		const char *end = r + strcspn(r, ",");
		const char *start;
		bool sign = false;

		r += strspn(r, " ");
		for (start = w; r < end; r++) {
			if (*r == ' ' && (w == start || w[-1] == ' ' || (sign && w[-1] == '=')))
				continue;
			if (*r == '=' && !sign) {
				while (w > start && w[-1] == ' ')
					w--;
				if (w == start)
					return NULL;
				sign = true;
			}
			*w++ = *r;
		}
		while (w > start && w[-1] == ' ')
			w--;
		if (!sign || w[-1] == '=')
			return NULL;
		if (*r == ',') {
			*w++ = *r++;
			if (*r == '\0')
				return NULL;
		}
	}
	*w = '\0';
	return out;
}

/* Value of an AVA: folded, spaces squeezed, in the arena. */
static struct berval fold_value(struct arena *a, const struct berval *v)
{
	const char *r = name_fold(a, arena_strndup(a, v->bv_val, v->bv_len));
	char *out = arena_alloc(a, strlen(r) + 2), *w = out;

	for (r += strspn(r, " "); *r != '\0'; r++)
		if (*r != ' ' || (r[1] != ' ' && r[1] != '\0'))
			*w++ = *r;
	/* a value of spaces alone is one space (X.520 string preparation), not nothing */
	if (w == out)
		*w++ = ' ';
	return (struct berval){ .bv_val = out, .bv_len = (ber_len_t)(w - out) };
}

static int compare_avas(const void *x, const void *y)
{
	const LDAPAVA *const *a = x, *const *b = y;
	int r = strcmp((*a)->la_attr.bv_val, (*b)->la_attr.bv_val);

	return r != 0 ? r : strcmp((*a)->la_value.bv_val, (*b)->la_value.bv_val);
}

/* Rewrites the parsed form in place with values of the arena, prints it, puts the old ones back. */
static void fold_rdn(struct arena *a, LDAPRDN rdn)
{
	size_t n = 0;

	for (; rdn[n] != NULL; n++) {
		rdn[n]->la_attr.bv_val = value_lower(a,
			arena_strndup(a, rdn[n]->la_attr.bv_val, rdn[n]->la_attr.bv_len));
		rdn[n]->la_value = fold_value(a, &rdn[n]->la_value);
	}
	qsort(rdn, n, sizeof(rdn[0]), compare_avas);
}

/* A copy of the parsed DN that lives in the arena, so that the library's stays as it made it. */
static LDAPDN copy_dn(struct arena *a, LDAPDN dn)
{
	size_t n = 0, m, i, j;
	LDAPDN copy;

	while (dn != NULL && dn[n] != NULL)
		n++;
	copy = arena_alloc(a, (n + 1) * sizeof(*copy));
	for (i = 0; i < n; i++) {
		for (m = 0; dn[i][m] != NULL; m++)
			;
		copy[i] = arena_alloc(a, (m + 1) * sizeof(*copy[i]));
		for (j = 0; j < m; j++)
			copy[i][j] = arena_memdup(a, dn[i][j], sizeof(*dn[i][j]));
		fold_rdn(a, copy[i]);
	}
	return copy;
}

/* libldap takes "cn=" and "cn=a;dc=" for DNs; an RDN without a value names nothing. */
static bool has_empty_value(LDAPDN dn)
{
	size_t i, j;

	for (i = 0; dn != NULL && dn[i] != NULL; i++)
		for (j = 0; dn[i][j] != NULL; j++)
			if (dn[i][j]->la_value.bv_len == 0 || dn[i][j]->la_attr.bv_len == 0)
				return true;
	return false;
}

static const char *normalize_any(struct arena *a, const char *dn)
{
	LDAPDN parsed = NULL;
	const char *out = NULL;
	char *text = NULL;

	if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
		return NULL;
	if (!has_empty_value(parsed) &&
	    ldap_dn2str(copy_dn(a, parsed), &text, LDAP_DN_FORMAT_LDAPV3) == LDAP_SUCCESS)
		out = arena_strdup(a, text);
	ldap_memfree(text);
	ldap_dnfree(parsed);
	return out;
}

const char *dn_normalize(struct arena *a, const char *dn)
{
	return is_plain(dn) ? normalize_plain(a, dn) : normalize_any(a, dn);
}

const char *dn_relative(struct arena *a, const char *ndn, const char *base)
{
	size_t n = strlen(ndn), b = strlen(base);

	if (n < b || strcmp(ndn + n - b, base) != 0)
		return NULL;
	if (n == b)
		return "";
	if (b == 0)
		return ndn;
	/* the comma must end an RDN, not be part of an escaped value */
	if (ndn[n - b - 1] != ',' || (n - b >= 2 && ndn[n - b - 2] == '\\'))
		return NULL;
	return arena_strndup(a, ndn, n - b - 1);
}

const char *dn_parent(const char *dn)
{
	for (; *dn != '\0'; dn++) {
		if (*dn == '\\' && dn[1] != '\0')
			dn++;
		else if (*dn == ',')
			return dn + 1;
	}
	return dn;
}
