/* edge_state.c - see edge_state.h */
#include "edgesyncd/edge_state.h"

#include <ldap.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "libhub/directory/generalized_time.h"
#include "libhub/org/dn.h"
#include "libhub/org/edge_layout.h"
#include "libhub/org/value.h"

#define SEALED_PREFIX "sealed sha256:"
#define BOOTSTRAP_PREFIX "cn=bootstrap."

enum { DIGEST_HEX = ACCOUNT_DIGEST_SIZE - 1, HUB_NAME_MAX = 255 };

/* --- names of accounts --- */

/* RFC 4514 section 2.4 */
static const char *escape_rdn_value(struct arena *a, const char *value)
{
	size_t n = strlen(value), i;
	char *out = arena_alloc(a, 2 * n + 1), *w = out;

	for (i = 0; i < n; i++) {
		if (strchr("\\\",+;<>=", value[i]) != NULL ||
		    (i == 0 && (value[i] == '#' || value[i] == ' ')) ||
		    (i == n - 1 && value[i] == ' '))
			*w++ = '\\';
		*w++ = value[i];
	}
	*w = '\0';
	return out;
}

const char *edge_account_dn(struct arena *a, const char *hub, unsigned int number, const char *base)
{
	return arena_printf(a, "cn=%s.%u,%s,%s", escape_rdn_value(a, hub), number,
		EDGE_ACCOUNTS_DN, base);
}

/* The value of the first RDN, without escapes; NULL if it is not one cn. */
static const char *first_cn(struct arena *a, const char *dn)
{
	const char *value = NULL;
	LDAPDN parsed = NULL;

	if (ldap_str2dn(dn, &parsed, LDAP_DN_FORMAT_LDAPV3) != LDAP_SUCCESS)
		return NULL;
	if (parsed != NULL && parsed[0] != NULL && parsed[0][0] != NULL && parsed[0][1] == NULL &&
	    parsed[0][0]->la_attr.bv_len == 2 &&
	    strncasecmp(parsed[0][0]->la_attr.bv_val, "cn", 2) == 0)
		value = arena_strndup(a, parsed[0][0]->la_value.bv_val,
			parsed[0][0]->la_value.bv_len);
	ldap_dnfree(parsed);
	return value;
}

static bool is_number(const char *text)
{
	size_t n = strlen(text);

	return n > 0 && n <= 9 && strspn(text, "0123456789") == n;
}

const char *edge_account_hub(struct arena *a, const char *dn, const char *base,
	unsigned int *number)
{
	const char *ndn = dn_normalize(a, dn), *nbase = dn_normalize(a, base), *name, *dot, *parent;

	if (ndn == NULL || nbase == NULL)
		return NULL;
	parent = dn_relative(a, dn_parent(ndn), nbase);
	name = parent != NULL && strcmp(parent, EDGE_ACCOUNTS_RDN) == 0 ? first_cn(a, ndn) : NULL;
	dot = name != NULL ? strrchr(name, '.') : NULL;
	if (dot == NULL || dot == name || dot - name > HUB_NAME_MAX || !is_number(dot + 1))
		return NULL;
	if (number != NULL)
		*number = (unsigned int)strtoul(dot + 1, NULL, 10);
	return value_lower(a, arena_strndup(a, name, (size_t)(dot - name)));
}

const char *edge_account_base(const char *dn)
{
	const char *base = dn_parent(dn_parent(dn));

	return *base != '\0' ? base : NULL;
}

/* --- accounts --- */

void edge_account_sealed_text(const char *digest, char *out, size_t size)
{
	snprintf(out, size, "%s%s", SEALED_PREFIX, digest);
}

static void take_sealed(const char *text, char digest[ACCOUNT_DIGEST_SIZE])
{
	const size_t n = sizeof(SEALED_PREFIX) - 1;

	digest[0] = '\0';
	if (text != NULL && strncmp(text, SEALED_PREFIX, n) == 0 &&
	    strlen(text) == n + DIGEST_HEX &&
	    strspn(text + n, "0123456789abcdef") == DIGEST_HEX)
		strcpy(digest, text + n);
}

static int take_time(const struct entry *e, const char *attr, int64_t *s, struct err *err)
{
	const char *text = entry_text(e, attr);

	*s = 0;
	if (text != NULL && generalized_time_parse(text, s) != 0)
		return err_set(err, ERR_TEMP, 0, "%s of %s on the edge is no time", attr, e->dn);
	return 0;
}

int edge_account_decode(const struct entry *e, const char *base, struct arena *a,
	struct account *out, struct err *err)
{
	const char *server = entry_text(e, "hubAccountServer");
	const char *modifier = entry_text(e, "modifiersName");

	memset(out, 0, sizeof(*out));
	if (strlen(e->dn) > ENTRY_DN_MAX || (modifier != NULL && strlen(modifier) > ENTRY_DN_MAX))
		return err_set(err, ERR_TEMP, 0, "%.100s on the edge is too long", e->dn);
	out->dn = arena_strdup(a, e->dn);
	out->ndn = dn_normalize(a, e->dn);
	if (out->ndn == NULL || strlen(out->ndn) >= LEASE_DN_SIZE)
		return err_set(err, ERR_TEMP, 0, "%.100s on the edge is no account", e->dn);
	out->bootstrap = server == NULL &&
		strncmp(out->ndn, BOOTSTRAP_PREFIX, sizeof(BOOTSTRAP_PREFIX) - 1) == 0;
	if (server == NULL && !out->bootstrap)
		server = edge_account_hub(a, out->ndn, base, NULL);
	out->server = server != NULL && strlen(server) <= HUB_NAME_MAX ? arena_strdup(a, server) :
		"";
	take_sealed(entry_text(e, "description"), out->sealed);
	modifier = modifier != NULL ? dn_normalize(a, modifier) : NULL;
	out->used = modifier != NULL && strcmp(modifier, out->ndn) == 0;
	return take_time(e, "hubValidFrom", &out->from_s, err) != 0 ||
		take_time(e, "hubValidTo", &out->to_s, err) != 0 ? -1 : 0;
}

/* --- the lease --- */

static enum lease_whose whose(struct arena *a, const char *dn, const char *base, const char *bound,
	const char *hub)
{
	const char *ndn = dn_normalize(a, dn), *name;

	if (*dn == '\0')
		return LEASE_NOBODY;
	if (ndn != NULL && strcmp(ndn, bound) == 0)
		return LEASE_OURS;
	name = edge_account_hub(a, dn, base, NULL);
	return name != NULL && strcasecmp(name, hub) == 0 ? LEASE_OUR_OTHER : LEASE_OTHERS;
}

static int take_text(const struct entry *e, const char *attr, char *out, size_t size,
	struct err *err)
{
	const char *text = entry_text(e, attr);

	if (text != NULL && strlen(text) >= size)
		return err_set(err, ERR_TEMP, 0, "%s on the edge is too long", attr);
	snprintf(out, size, "%s", text != NULL ? text : "");
	return 0;
}

int edge_state_decode(const struct entry *e, const char *base, const char *bound, const char *hub,
	struct edge_state *out, struct err *err)
{
	const char *subscribed = entry_text(e, "hubSubscribed");
	struct lease_view *v = &out->lease;
	struct arena *a;

	memset(out, 0, sizeof(*out));
	out->subscribed = subscribed != NULL && strcasecmp(subscribed, "TRUE") == 0;
	if (take_text(e, "hubLeaseHolder", v->holder, sizeof(v->holder), err) != 0 ||
	    take_text(e, "hubLeasePreferred", v->preferred, sizeof(v->preferred), err) != 0 ||
	    take_text(e, "hubLeaseExpiry", v->expiry, sizeof(v->expiry), err) != 0)
		return -1;
	/* without a time that can be read it runs out by our own clock */
	if (generalized_time_parse(v->expiry, &v->expiry_s) != 0)
		v->expiry_s = 0;
	a = arena_new();
	v->whose = whose(a, v->holder, base, bound, hub);
	v->prefers = whose(a, v->preferred, base, bound, hub);
	arena_free(&a);
	/* to ask ourselves for it is to ask nobody else */
	if (v->prefers == LEASE_OUR_OTHER)
		v->prefers = LEASE_OURS;
	return 0;
}

const char *edge_equals_filter(struct arena *a, const char *attr, const char *value)
{
	struct berval in = { strlen(value), (char *)(uintptr_t)value }, out;
	const char *filter;

	BUG_ON(ldap_bv2escaped_filter_value(&in, &out) != 0);
	filter = arena_printf(a, "(%s=%s)", attr, out.bv_val);
	ldap_memfree(out.bv_val);
	return filter;
}

static const char *stands_filter(struct arena *a, const char *attr, const char *value)
{
	return *value != '\0' ? edge_equals_filter(a, attr, value) :
		arena_printf(a, "(!(%s=*))", attr);
}

const char *edge_state_filter(struct arena *a, const struct lease_view *seen)
{
	return arena_printf(a, "(&%s%s%s)", stands_filter(a, "hubLeaseHolder", seen->holder),
		stands_filter(a, "hubLeaseExpiry", seen->expiry),
		stands_filter(a, "hubLeasePreferred", seen->preferred));
}

int64_t edge_clock_ms(const struct entry *e)
{
	const char *time = entry_text(e, "modifyTimestamp");
	int64_t s;

	return time != NULL && generalized_time_parse(time, &s) == 0 ? s * 1000 : 0;
}
