/* org.c - see org.h */
#include "tools/org.h"

#include <string.h>
#include <strings.h>

#include "libhub/directory/cache.h"
#include "libhub/directory/ldif.h"
#include "libhub/directory/draft.h"
#include "libhub/org/attr.h"
#include "libhub/org/dn.h"
#include "libhub/org/hash.h"
#include "tools/edge_tree.h"

/* the address itself and 20 that it is rewritten to */
enum { ALIAS_STEPS = 21, MEMBERS_MAX = 1000 };

struct org_place {
	const struct entry *entry;
	UT_hash_handle hh;
};

static const char stand_in[] = "(not readable)";

const char *org_entry_value(const struct entry *entry, const char *name)
{
	size_t i;

	for (i = 0; i < entry->n; i++)
		if (strcasecmp(entry->attrs[i].name, name) == 0 && entry->attrs[i].n > 0)
			return (const char *)entry->attrs[i].values[0].data;
	return NULL;
}

bool org_is_stand_in(const struct entry_attr *attr)
{
	return strcasecmp(attr->name, "hubAuthPassword") == 0 && attr->n == 1 &&
		strcmp((const char *)attr->values[0].data, stand_in) == 0;
}

const struct obj_class *org_entry_class(const struct entry *entry)
{
	const struct obj_class *class;
	size_t i, j;

	for (i = 0; i < entry->n; i++) {
		if (strcasecmp(entry->attrs[i].name, "objectClass") != 0)
			continue;
		for (j = 0; j < entry->attrs[i].n; j++) {
			class = obj_class_by_ldap((const char *)entry->attrs[i].values[j].data);
			if (class != NULL)
				return class;
		}
	}
	return NULL;
}

bool org_same_dn(const char *x, const char *y)
{
	struct arena *a = arena_new();
	const char *nx = dn_normalize(a, x), *ny = dn_normalize(a, y);
	bool same = nx != NULL && ny != NULL && strcmp(nx, ny) == 0;

	arena_free(&a);
	return same;
}

const struct entry *org_entry(const struct org *org, const char *dn)
{
	struct arena *a = arena_new();
	const char *ndn = dn_normalize(a, dn);
	struct org_place *place = NULL;

	if (ndn != NULL)
		HASH_FIND_STR(org->by_dn, ndn, place);
	arena_free(&a);
	return place != NULL ? place->entry : NULL;
}

const char *org_rejection(const struct snapshot *s, const char *dn)
{
	size_t i;

	for (i = 0; i < s->rejection_count; i++)
		if (org_same_dn(s->rejections[i].dn, dn))
			return s->rejections[i].reason;
	return NULL;
}

const struct obj *org_object(const struct snapshot *s, enum obj_kind kind, const char *dn)
{
	struct arena *a = arena_new();
	const char *ndn = dn_normalize(a, dn);
	const struct obj *found = NULL;
	size_t i;

	for (i = 0; ndn != NULL && found == NULL && i < s->all[kind].n; i++)
		if (strcmp(s->all[kind].v[i]->ndn, ndn) == 0)
			found = s->all[kind].v[i];
	arena_free(&a);
	return found;
}

const char *org_point_of_view(const struct org *org, const char *from)
{
	if (from == NULL)
		from = org->ctl->server;
	if (from == NULL)
		from = org->ctl->local_server;
	if (from == NULL && org->snapshot->all[OBJ_SERVER].n == 1)
		from = org->snapshot->all[OBJ_SERVER].v[0]->name;
	return from;
}

/* --- reading --- */

static void keep(const struct entry ***list, size_t *n, size_t *room, const struct entry *entry)
{
	if (*n == *room) {
		*room = *room != 0 ? *room * 2 : 256;
		*list = xreallocarray(*list, *room, sizeof(**list));
	}
	(*list)[(*n)++] = entry;
}

static void keep_entry(struct org *org, const struct entry *entry)
{
	const char *ndn = dn_normalize(org->ctl->arena, entry->dn);
	struct org_place *place;

	keep(&org->entries, &org->n, &org->room, entry);
	if (ndn == NULL)
		return;
	/* of two in a file the later one counts, as it does for the builder */
	HASH_FIND_STR(org->by_dn, ndn, place);
	if (place == NULL) {
		place = arena_alloc(org->ctl->arena, sizeof(*place));
		HASH_ADD_KEYPTR(hh, org->by_dn, ndn, strlen(ndn), place);
	}
	place->entry = entry;
}

/* A copy whose missing password is a stand-in; see org.h. */
static const struct entry *copy_readable(struct arena *a, const struct entry *entry)
{
	struct entry *copy = entry_copy(a, entry);
	struct entry_attr *attrs;
	struct blob *value;

	if (org_entry_value(entry, "hubAuthUser") == NULL ||
		org_entry_value(entry, "hubAuthPassword") != NULL)
		return copy;
	attrs = arena_alloc(a, (copy->n + 1) * sizeof(*attrs));
	memcpy(attrs, copy->attrs, copy->n * sizeof(*attrs));
	value = arena_alloc(a, sizeof(*value));
	*value = (struct blob){ (const unsigned char *)stand_in, sizeof(stand_in) - 1 };
	attrs[copy->n] = (struct entry_attr){ "hubAuthPassword", value, 1 };
	copy->attrs = attrs;
	copy->n++;
	return copy;
}

static void take_live(const struct entry *entry, void *ctx)
{
	struct org *org = ctx;

	keep_entry(org, copy_readable(org->ctl->arena, entry));
	builder_put(org->builder, org->entries[org->n - 1]);
}

static void find_base(const struct entry *entry, void *ctx)
{
	struct org *org = ctx;
	const struct obj_class *class = org_entry_class(entry);

	if (org->base == NULL && class != NULL && class->kind == OBJ_ORGANIZATION)
		org->base = arena_strdup(org->ctl->arena, entry->dn);
}

enum { CONTEXTS_MAX = 32 };

static char **naming_contexts(LDAP *ld, struct arena *a)
{
	static char name[] = "namingContexts", *attrs[] = { name, NULL };
	LDAPMessage *m = NULL;
	struct berval **values = NULL;
	char **list = arena_alloc(a, (CONTEXTS_MAX + 1) * sizeof(*list));
	size_t n;

	if (ldap_search_ext_s(ld, "", LDAP_SCOPE_BASE, "(objectClass=*)", attrs, 0, NULL, NULL,
		NULL,
		0, &m) == LDAP_SUCCESS && ldap_first_entry(ld, m) != NULL)
		values = ldap_get_values_len(ld, ldap_first_entry(ld, m), name);
	for (n = 0; values != NULL && values[n] != NULL && n < CONTEXTS_MAX; n++)
		list[n] = arena_strndup(a, values[n]->bv_val, values[n]->bv_len);
	ldap_value_free_len(values);
	ldap_msgfree(m);
	return list;
}

/* The first organization in what the directory says it holds. */
static int look_for_base(struct org *org, struct err *e)
{
	char **contexts = naming_contexts(session_ldap(org->session), org->ctl->arena);
	struct err ignored;
	int code;

	for (; *contexts != NULL && org->base == NULL; contexts++)
		if (session_search(org->session, *contexts, LDAP_SCOPE_SUBTREE,
			"(objectClass=hubOrganization)", find_base, org, &code, &ignored) != 0)
			continue;
	if (org->base != NULL)
		return 0;
	return err_set(e, ERR_CONFIG, 0, "no hubOrganization is readable in this directory; name "
		"it by "
		"--base, and who you are by -D DN -y FILE or -Y EXTERNAL");
}

static int read_live(struct org *org, struct err *e)
{
	const struct obj_class *class;
	const struct entry *root;
	int code;

	org->session = session_open(org->ctl, e);
	if (org->session == NULL || (org->base == NULL && look_for_base(org, e) != 0))
		return -1;
	org->builder = builder_new(org->base);
	if (session_search(org->session, org->base, LDAP_SCOPE_SUBTREE, "(objectClass=*)",
		take_live,
		org, &code, e) != 0) {
		if (code == LDAP_NO_SUCH_OBJECT)
			err_set(e, ERR_PERM, 0, "%s is not there, or not readable for %s",
				org->base,
				org->ctl->bind_dn != NULL ? org->ctl->bind_dn :
				org->ctl->external ? "this account" : "anonymous (-D, -Y)");
		return -1;
	}
	root = org_entry(org, org->base);
	if (root == NULL)
		return err_set(e, ERR_PERM, 0, "%s is not readable for this account", org->base);
	class = org_entry_class(root);
	if (class == NULL || class->kind != OBJ_ORGANIZATION)
		return err_set(e, ERR_CONFIG, 0, "--base %s is no hubOrganization; without --base "
			"it is looked for", org->base);
	return 0;
}

static void take_from_file(const struct entry *entry, void *ctx)
{
	struct org *org = ctx;
	struct entry last_good;

	if (cache_entry_last_good(entry, org->ctl->arena, &last_good))
		return;
	find_base(entry, org);
	keep(&org->others, &org->n_others, &org->room_others, entry_copy(org->ctl->arena, entry));
}

static void divide(struct org *org)
{
	struct arena *a = arena_new();
	const char *base = dn_normalize(a, org->base), *ndn;
	size_t i, rest = 0;

	for (i = 0; i < org->n_others; i++) {
		ndn = dn_normalize(a, org->others[i]->dn);
		if (base != NULL && ndn != NULL && dn_relative(a, ndn, base) != NULL)
			keep_entry(org, org->others[i]);
		else
			org->others[rest++] = org->others[i];
	}
	org->n_others = rest;
	arena_free(&a);
}

static int read_file(struct org *org, const char *path, struct err *e)
{
	if (ctl_check_regular(path, e) != 0 || ldif_read(path, take_from_file, org, e) != 0)
		return -1;
	if (org->base == NULL)
		return err_set(e, ERR_CONFIG, 0, "%s: no entry is a hubOrganization", path);
	divide(org);
	org->builder = builder_new(org->base);
	return builder_read_ldif(org->builder, path, e);
}

int org_open(struct ctl *ctl, struct org *org, struct err *e)
{
	const char *file = ctl->directory;
	size_t n = sizeof(CTL_FILE_PREFIX) - 1;
	int rc;

	*org = (struct org){ .ctl = ctl, .base = ctl->base };
	if (file != NULL && strncmp(file, CTL_FILE_PREFIX, n) == 0)
		rc = read_file(org, file + n, e);
	else
		rc = read_live(org, e);
	if (rc == 0)
		org->snapshot = builder_build(org->builder, NULL);
	return rc;
}

void org_close(struct org *org)
{
	snapshot_unref(&org->snapshot);
	if (org->builder != NULL)
		builder_free(&org->builder);
	if (org->recipients != NULL)
		recipients_free(&org->recipients);
	session_close(&org->session);
	HASH_CLEAR(hh, org->by_dn);
	free(org->entries);
	free(org->others);
	org->entries = org->others = NULL;
	org->n = org->n_others = 0;
}

/* --- recipients --- */

/* Recipients on their way from the directory, and whom the groups among them have as members. */
struct loading {
	struct org *org;
	char **members;
	size_t n_members;
};

static void take_members(struct loading *l, const struct entry_attr *attr)
{
	size_t i;

	l->members = xreallocarray(l->members, l->n_members + attr->n, sizeof(*l->members));
	for (i = 0; i < attr->n && l->n_members < MEMBERS_MAX; i++)
		l->members[l->n_members++] = xstrdup((const char *)attr->values[i].data);
}

static void take_recipient(const struct entry *entry, void *ctx)
{
	struct loading *l = ctx;
	size_t i;

	recipients_put(l->org->recipients, entry);
	for (i = 0; i < entry->n; i++)
		if (strcasecmp(entry->attrs[i].name, "member") == 0)
			take_members(l, &entry->attrs[i]);
}

static void take_member(const struct entry *entry, void *ctx)
{
	recipients_put(ctx, entry);
}

static char *recipient_filter(const char *address)
{
	struct berval in = { strlen(address), (char *)(uintptr_t)address }, out = { 0, NULL };
	char *filter;

	BUG_ON(ldap_bv2escaped_filter_value(&in, &out) != 0);
	filter = xasprintf("(|(mail=%s)(mailLocalAddress=%s))", out.bv_val, out.bv_val);
	ber_memfree(out.bv_val);
	return filter;
}

static const char *recipient_base(const struct org *org)
{
	const char *comma = strchr(org->base, ',');

	if (org->ctl->recipient_base != NULL)
		return org->ctl->recipient_base;
	return comma != NULL ? comma + 1 : org->base;
}

/* Everybody who has the address, and who may stand for it by plus-addressing. */
static int load_address(struct loading *l, const char *address, int *code, struct err *e)
{
	struct org *org = l->org;
	char base[RECIPIENT_TEXT_MAX + 1];
	const char *forms[] = { address, recipient_without_detail(address, base) ? base : NULL };
	size_t i;
	int rc = 0;

	for (i = 0; i < 2 && forms[i] != NULL && rc == 0; i++) {
		char *filter = recipient_filter(forms[i]);

		rc = session_search(org->session, recipient_base(org), LDAP_SCOPE_SUBTREE, filter,
			take_recipient, l, code, e);
		free(filter);
	}
	return rc;
}

/* Follows mailRoutingAddress as routing does, so that each entry on the way is there. */
static int load_chain(struct loading *l, const char *address, int *code, struct err *e)
{
	struct org *org = l->org;
	struct recipient_info info;
	char at[RECIPIENT_TEXT_MAX + 1];
	int step, rc = 0;

	snprintf(at, sizeof(at), "%s", address);
	for (step = 0; step < ALIAS_STEPS && at[0] != '\0' && rc == 0; step++) {
		rc = load_address(l, at, code, e);
		recipients_find_plus(org->recipients, org->snapshot->org->plus_addressing, at,
			&info);
		memcpy(at, info.routing_address, sizeof(at));
		recipient_info_clear(&info);
	}
	return rc;
}

/* Those that are gone, or not to be read, have no address to show. Frees the list. */
static int load_members(struct loading *l, struct err *e)
{
	int code, rc = 0;
	size_t i;

	for (i = 0; i < l->n_members; i++) {
		if (rc == 0 && session_search(l->org->session, l->members[i], LDAP_SCOPE_BASE,
			"(objectClass=*)", take_member, l->org->recipients, &code, e) != 0 &&
			code != LDAP_NO_SUCH_OBJECT && code != LDAP_INSUFFICIENT_ACCESS)
			rc = -1;
		free(l->members[i]);
	}
	free(l->members);
	return rc;
}

static int load_live(struct org *org, const char *address, bool *hidden, struct err *e)
{
	const char *postmaster = org->snapshot->org->postmaster;
	struct loading l = { .org = org };
	int code = 0, rc = load_chain(&l, address, &code, e);

	if (rc == 0 && postmaster != NULL && strncasecmp(address, "postmaster", 10) == 0)
		rc = load_chain(&l, postmaster, &code, e);
	/* who may not read people is told so by what explain leaves out */
	*hidden = rc != 0 && (code == LDAP_NO_SUCH_OBJECT || code == LDAP_INSUFFICIENT_ACCESS);
	if (load_members(&l, e) != 0)
		return -1;
	return *hidden ? 0 : rc;
}

int org_load_recipient(struct org *org, const char *address, struct err *e)
{
	struct recipients *r = org->recipients;
	bool hidden;
	size_t i;
	int rc = 0;

	if (r != NULL && org->session == NULL)
		return 0;
	/* it has hashes, which only its hubd can read */
	if (edge_tree_is_subscribed(org))
		return 0;
	if (r == NULL) {
		org->recipients = r = recipients_new();
		recipients_set_loaded(r);
		for (i = 0; i < org->n_others; i++)
			recipients_put(r, org->others[i]);
	}
	/* none in a file at all means that it holds the organization only */
	hidden = recipients_count(r) == 0;
	if (org->session != NULL)
		rc = load_live(org, address, &hidden, e);
	if (hidden)
		recipients_free(&org->recipients);
	return rc;
}
