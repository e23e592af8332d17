/* server.c - see server.h */
#include "tools/server.h"

#include <string.h>
#include <strings.h>

#include "libhub/org/attr.h"
#include "libhub/org/topology.h"
#include "libhub/tls/pin.h"
#include "tools/object.h"

struct preset {
	const char *name, *value;
};

/* Usable as they are, neither open to strangers. */
static const struct preset default_connector[] = {
	{ "hubBinding", "0.0.0.0:25" }, { "hubBinding", "[::]:25" },
	{ "hubAuthMechanism", "Tls" }, { "hubAuthMechanism", "BasicAuth" },
	{ "hubAuthMechanism", "BasicAuthRequireTLS" }, { "hubAuthMechanism", "Integrated" },
	{ "hubAuthMechanism", "HubServer" },
	{ "hubPermissionGroup", "HubUsers" }, { "hubPermissionGroup", "HubServers" },
	{ "hubPermissionGroup", "LegacyServers" },
	{ "hubMaxRecipients", "5000" },
	{ "hubMaxInboundPerSource", "0" }, { "hubMaxInboundPercentPerSource", "100" },
	{ NULL, NULL },
};

static const struct preset client_connector[] = {
	{ "hubUsage", "Client" },
	{ "hubBinding", "0.0.0.0:587" }, { "hubBinding", "[::]:587" },
	{ "hubAuthMechanism", "Tls" }, { "hubAuthMechanism", "BasicAuth" },
	{ "hubAuthMechanism", "BasicAuthRequireTLS" }, { "hubAuthMechanism", "Integrated" },
	{ "hubPermissionGroup", "HubUsers" },
	{ "hubMessageRateLimit", "5" }, { "hubMessageRateSource", "User" },
	{ NULL, NULL },
};

static struct change_attr *find_attr(struct change *c, const char *name)
{
	size_t i;

	for (i = 0; i < c->n; i++)
		if (strcasecmp(c->v[i]->name, name) == 0)
			return c->v[i];
	return NULL;
}

static struct change *connector(struct org *org, const char *name, const char *parent,
	const struct preset *p)
{
	struct change *c = change_new(org->ctl, CHANGE_ADD,
		object_dn(org, &receive_connector_class, name, parent), &receive_connector_class,
		name);

	for (; p->name != NULL; p++)
		change_put(org->ctl, c, p->name, p->value);
	return c;
}

/* --- site by subnet --- */

/* a has more in common with the address than b. */
static bool is_narrower(const struct ip_range *a, const struct ip_range *b)
{
	return b == NULL || (ip_range_within(a, b) && !ip_range_within(b, a));
}

static const char *site_of(const struct org *org, const struct sockaddr *address)
{
	const struct objects *sites = &org->snapshot->all[OBJ_SITE];
	const struct ip_range *best = NULL;
	const char *dn = NULL;
	struct ip_range *range;
	struct err ignored;
	size_t i, j;

	for (i = 0; i < sites->n; i++) {
		const struct site *site = SNAPSHOT_AT(org->snapshot, OBJ_SITE, site, i);

		for (j = 0; j < site->subnets.n; j++) {
			range = arena_alloc(org->ctl->arena, sizeof(*range));
			if (value_ip_range(org->ctl->arena, site->subnets.v[j], range,
				&ignored) != 0 ||
				!ip_range_contains(range, address) || !is_narrower(range, best))
				continue;
			best = range;
			dn = site->obj.dn;
		}
	}
	return dn;
}

static int choose_site(struct org *org, struct change *c, struct err *e)
{
	struct change_attr *address = find_attr(c, "hubAddress");
	struct endpoint endpoint;
	const char *dn;

	if (find_attr(c, "hubServerSite") != NULL)
		return 0;
	if (address == NULL)
		return err_set(e, ERR_CONFIG, 0, "which site? Give --site, or --address for the "
			"site "
			"whose hubSubnet has it");
	if (value_endpoint(org->ctl->arena, (const char *)address->values[0].data, false, &endpoint,
		e) != 0)
		return -1;
	dn = site_of(org, (const struct sockaddr *)&endpoint.addr);
	if (dn == NULL)
		return err_set(e, ERR_CONFIG, 0, "no site has a hubSubnet with %s: give --site",
			endpoint.text);
	change_put(org->ctl, c, "hubServerSite", dn);
	return 0;
}

/* --- keys --- */

static bool has_text(const struct change_attr *attr, const char *text)
{
	size_t i;

	for (i = 0; i < attr->n; i++)
		if (strcasecmp((const char *)attr->values[i].data, text) == 0)
			return true;
	return false;
}

/* Adds the digest of each certificate's key that is not there yet. */
static int put_digests(const struct org *org, struct change_attr *digests,
	const struct blob *certs, size_t n, struct err *e)
{
	char pin[TLS_PIN_SIZE];
	size_t i;

	for (i = 0; i < n; i++)
		if (tls_pin_of_der(certs[i].data, certs[i].size, pin, e) != 0 ||
			(!has_text(digests, pin) && change_add_value(org->ctl, digests, pin,
			strlen(pin), e) != 0))
			return -1;
	return 0;
}

/*
 * The digests that the entry has, which may be of keys without a certificate, but for those of
 * certificates that are taken away.
 */
static int keep_digests(const struct org *org, const struct change *c,
	const struct change_attr *certs, struct change_attr *digests, struct err *e)
{
	struct change_attr *gone = arena_alloc(org->ctl->arena, sizeof(*gone));
	const struct entry *entry = org_entry(org, c->dn);
	const struct entry_attr *there = entry != NULL ? entry_attr(entry, "hubKeyDigest") : NULL;
	size_t i;

	gone->name = digests->name;
	if (put_digests(org, gone, certs->deleted, certs->n_deleted, e) != 0)
		return -1;
	for (i = 0; there != NULL && i < there->n; i++)
		if (!has_text(gone, (const char *)there->values[i].data) &&
			change_add_value(org->ctl, digests, there->values[i].data,
			there->values[i].size, e) != 0)
			return -1;
	return 0;
}

int server_add_key_digests(const struct org *org, struct change *c, struct err *e)
{
	const struct change_attr *certs = find_attr(c, "hubCertificate");
	struct change_attr *digests;

	if (certs == NULL || find_attr(c, "hubKeyDigest") != NULL)
		return 0;
	digests = change_attr(org->ctl, c, "hubKeyDigest");
	if (certs->n_added + certs->n_deleted != 0 && keep_digests(org, c, certs, digests, e) != 0)
		return -1;
	return put_digests(org, digests, certs->values, certs->n, e);
}

enum ctl_status server_set_password(struct org *org, const char *dn, const char *file)
{
	struct berval user = { strlen(dn), (char *)(uintptr_t)dn }, new = { 0, NULL };
	struct berval made = { 0, NULL };
	struct ctl with = *org->ctl;
	struct err e;
	char text[200];
	const char *password;
	int code;

	with.password_file = file;
	password = ctl_password(&with, &e);
	if (password == NULL)
		return ctl_fail("--password-file: %s", e.text);
	if (org->ctl->what_if)
		return CTL_DONE;
	new.bv_val = (char *)(uintptr_t)password;
	new.bv_len = strlen(password);
	/* RFC 3062: the directory chooses how to keep it */
	code = ldap_passwd_s(session_ldap(org->session), &user, NULL, &new, &made, NULL, NULL);
	ber_memfree(made.bv_val);
	if (code == LDAP_SUCCESS)
		return CTL_DONE;
	if (code == LDAP_INSUFFICIENT_ACCESS)
		return ctl_fail("%s: not allowed to set its password: needs Organization "
			"Management", dn);
	session_error(org->session, code, text, sizeof(text));
	return ctl_fail("%s: the directory refuses the password: %s", dn, text);
}

/* --- new --- */

enum ctl_status server_new(struct org *org, const struct args *args)
{
	struct arena *a = org->ctl->arena;
	const char *name = args->words[0], *role = args_value(args, "role");
	const char *password = args_value(args, "password-file");
	struct change *c = change_new(org->ctl, CHANGE_ADD, object_dn(org, &server_class, name,
		NULL),
		&server_class, name);
	bool hub = role == NULL || strcmp(role, "Hub") == 0;
	struct err e;
	enum ctl_status status;

	if (role == NULL)
		change_put(org->ctl, c, "hubRole", "Hub");
	if (object_take_options(org, args, c, &e) != 0 ||
		(hub && choose_site(org, c, &e) != 0) || server_add_key_digests(org, c, &e) != 0)
		return ctl_fail("%s", e.text);
	if (hub && find_attr(c, "hubFQDN") == NULL)
		return ctl_usage("server new needs --fqdn: the name it is known by");
	if (hub) {
		c->next = connector(org, arena_printf(a, "Default %s", name), c->dn,
			default_connector);
		c->next->next = connector(org, arena_printf(a, "Client %s", name), c->dn,
			client_connector);
	}
	status = object_commit(org, c);
	if (status == CTL_DONE && password != NULL)
		status = server_set_password(org, c->dn, password);
	return status;
}
