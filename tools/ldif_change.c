/* ldif_change.c - see ldif_change.h
 *
 * libldap parses a record; what it means for an entry is done here, on the entries that org holds.
 */
#include "tools/ldif_change.h"

#include <string.h>
#include <strings.h>

#include "libhub/directory/draft.h"
#include "libhub/org/dn.h"
#include "tools/table.h"

enum { FILE_MAX = 16 * 1024 * 1024 };

struct work {
	struct org *org;
	struct arena *a;		/* of ctl: entries live as long as org */
	struct ldif_change *out;
	const char *path;
	const char **changed;		/* normalized DNs of entries made or changed */
	size_t n_changed, room_changed;
	const char **gone;		/* and of those removed or renamed */
	size_t n_gone, room_gone;
};

static void keep_dn(struct arena *a, const char ***list, size_t *n, size_t *room, const char *dn)
{
	const char *ndn = dn_normalize(a, dn);

	if (*n == *room) {
		*room = *room != 0 ? 2 * *room : 16;
		*list = xreallocarray(*list, *room, sizeof(**list));
	}
	(*list)[(*n)++] = ndn;
}

static bool holds_dn(const char *const *list, size_t n, const char *ndn)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (strcmp(list[i], ndn) == 0)
			return true;
	return false;
}

/* Neither text need be UTF-8; a refusal must not be lost for that. */
static void refuse(struct work *w, const char *dn, const char *reason)
{
	json_array_append_new(w->out->refused, json_pack("{s:o, s:o}", "dn", table_string(dn),
		"reason", table_string(reason)));
}

/* --- where an entry stands --- */

/* One of the two lists of org: the organization, or what else a file holds. */
struct place {
	const struct entry ***list;
	size_t *n, *room;
	bool in_organization;
};

static bool is_below(const char *ndn, const char *base, struct arena *a)
{
	return dn_relative(a, ndn, base) != NULL;
}

static int place_of(struct work *w, const char *dn, struct place *out, struct err *e)
{
	const char *ndn = dn_normalize(w->a, dn), *base = dn_normalize(w->a, w->org->base);

	if (ndn == NULL || base == NULL)
		return err_set(e, ERR_PERM, 0, "%s is no DN", dn);
	if (is_below(ndn, base, w->a))
		*out = (struct place){ &w->org->entries, &w->org->n, &w->org->room, true };
	else if (w->org->session == NULL)
		*out = (struct place){ &w->org->others, &w->org->n_others, &w->org->room_others,
			false };
	else
		return err_set(e, ERR_PERM, 0, "%s is not below %s", dn, w->org->base);
	return 0;
}

static const struct entry **find(const struct place *p, const char *dn)
{
	size_t i;

	for (i = 0; i < *p->n; i++)
		if (org_same_dn((*p->list)[i]->dn, dn))
			return &(*p->list)[i];
	return NULL;
}

static void append(struct place *p, const struct entry *entry)
{
	if (*p->n == *p->room) {
		*p->room = *p->room != 0 ? 2 * *p->room : 256;
		*p->list = xreallocarray(*p->list, *p->room, sizeof(**p->list));
	}
	(*p->list)[(*p->n)++] = entry;
}

static void put(struct work *w, struct place *p, const struct entry *entry)
{
	const struct entry **old = find(p, entry->dn);

	if (old != NULL)
		*old = entry;
	else
		append(p, entry);
	if (p->in_organization)
		builder_put(w->org->builder, entry);
	keep_dn(w->a, &w->changed, &w->n_changed, &w->room_changed, entry->dn);
}

static void take_away(struct work *w, struct place *p, const struct entry **at)
{
	const char *dn = (*at)->dn;
	size_t i = (size_t)(at - *p->list);

	memmove(at, at + 1, (*p->n - i - 1) * sizeof(*at));
	--*p->n;
	if (p->in_organization)
		builder_delete_dn(w->org->builder, dn);
	keep_dn(w->a, &w->gone, &w->n_gone, &w->room_gone, dn);
}

/* --- values --- */

static bool is_value(const struct blob *a, const struct berval *b)
{
	return a->size == b->bv_len &&
		strncasecmp((const char *)a->data, b->bv_val, a->size) == 0;
}

static bool in_mod(const LDAPMod *mod, const struct blob *value)
{
	size_t i;

	for (i = 0; mod->mod_bvalues != NULL && mod->mod_bvalues[i] != NULL; i++)
		if (is_value(value, mod->mod_bvalues[i]))
			return true;
	return false;
}

static const struct entry_attr *attr_of(const struct entry *entry, const char *name)
{
	size_t i;

	for (i = 0; i < entry->n; i++)
		if (strcasecmp(entry->attrs[i].name, name) == 0)
			return &entry->attrs[i];
	return NULL;
}

static bool has_value(const struct entry_attr *attr, const struct berval *value)
{
	size_t i;

	for (i = 0; attr != NULL && i < attr->n; i++)
		if (is_value(&attr->values[i], value))
			return true;
	return false;
}

static int draft_values(struct draft *d, const char *name, const struct berval *const *values,
	struct err *e)
{
	for (; values != NULL && *values != NULL; values++)
		if (draft_add(d, name, strlen(name), (*values)->bv_val, (*values)->bv_len, e) != 0)
			return -1;
	return 0;
}

/* What stays of an attribute after the mod. */
static int draft_rest(struct draft *d, const struct entry_attr *attr, const LDAPMod *mod,
	struct err *e)
{
	int op = mod->mod_op & ~LDAP_MOD_BVALUES;
	size_t i;

	for (i = 0; i < attr->n; i++) {
		bool stays = op == LDAP_MOD_ADD ||
			(op == LDAP_MOD_DELETE && mod->mod_bvalues != NULL &&
			!in_mod(mod, &attr->values[i]));

		if (stays && draft_add(d, attr->name, strlen(attr->name), attr->values[i].data,
			attr->values[i].size, e) != 0)
			return -1;
	}
	return 0;
}

/* Refuses what the directory would: a value twice, or one to remove that is not there. */
static int check_mod(const struct entry *old, const LDAPMod *mod, struct err *e)
{
	const struct entry_attr *attr = attr_of(old, mod->mod_type);
	int op = mod->mod_op & ~LDAP_MOD_BVALUES;
	size_t i;

	if (op != LDAP_MOD_ADD && op != LDAP_MOD_DELETE && op != LDAP_MOD_REPLACE)
		return err_set(e, ERR_PERM, 0, "%s: only add, delete and replace are known",
			mod->mod_type);
	if (op == LDAP_MOD_DELETE && attr == NULL)
		return err_set(e, ERR_PERM, 0, "%s: there is no such attribute", mod->mod_type);
	for (i = 0; mod->mod_bvalues != NULL && mod->mod_bvalues[i] != NULL; i++) {
		bool there = has_value(attr, mod->mod_bvalues[i]);

		if (op != LDAP_MOD_REPLACE && there != (op == LDAP_MOD_DELETE))
			return err_set(e, ERR_PERM, 0, "%s: the value \"%.100s\" is %s",
				mod->mod_type, mod->mod_bvalues[i]->bv_val,
				there ? "there already" : "not there");
	}
	return 0;
}

/* In the arena, for the entry that comes of it is part of it. */
static struct draft *draft_begin(struct work *w, const struct entry *old, const char *dn)
{
	struct draft *d = arena_alloc(w->a, sizeof(*d));

	draft_init(d, w->a);
	d->entry.dn = arena_strdup(w->a, dn);
	if (old != NULL) {
		d->entry.has_uuid = old->has_uuid;
		memcpy(d->entry.uuid, old->uuid, sizeof(d->entry.uuid));
	}
	return d;
}

static int draft_old(struct draft *d, const struct entry *old, const char *except, struct err *e)
{
	size_t i, j;

	for (i = 0; i < old->n; i++) {
		const struct entry_attr *attr = &old->attrs[i];

		if (except != NULL && strcasecmp(attr->name, except) == 0)
			continue;
		for (j = 0; j < attr->n; j++)
			if (draft_add(d, attr->name, strlen(attr->name), attr->values[j].data,
				attr->values[j].size, e) != 0)
				return -1;
	}
	return 0;
}

static const struct entry *apply_mod(struct work *w, const struct entry *old, const LDAPMod *mod,
	struct err *e)
{
	const struct entry_attr *attr = attr_of(old, mod->mod_type);
	struct draft *d = draft_begin(w, old, old->dn);

	if (check_mod(old, mod, e) != 0 || draft_old(d, old, mod->mod_type, e) != 0 ||
	    (attr != NULL && draft_rest(d, attr, mod, e) != 0))
		return NULL;
	if ((mod->mod_op & ~LDAP_MOD_BVALUES) != LDAP_MOD_DELETE &&
	    draft_values(d, mod->mod_type, (const struct berval *const *)mod->mod_bvalues, e) != 0)
		return NULL;
	return draft_entry(d);
}

/* --- the operations --- */

static int do_add(struct work *w, struct place *p, const LDIFRecord *r, struct err *e)
{
	struct draft *d;
	size_t i;

	if (find(p, r->lr_dn.bv_val) != NULL)
		return err_set(e, ERR_PERM, 0, "it is there already");
	d = draft_begin(w, NULL, r->lr_dn.bv_val);
	for (i = 0; r->lrop_mods != NULL && r->lrop_mods[i] != NULL; i++)
		if (draft_values(d, r->lrop_mods[i]->mod_type,
			(const struct berval *const *)r->lrop_mods[i]->mod_bvalues, e) != 0)
			return -1;
	put(w, p, draft_entry(d));
	return 0;
}

static int do_modify(struct work *w, struct place *p, const struct entry *old,
	const LDIFRecord *r, struct err *e)
{
	size_t i;

	for (i = 0; r->lrop_mods != NULL && r->lrop_mods[i] != NULL; i++) {
		old = apply_mod(w, old, r->lrop_mods[i], e);
		if (old == NULL)
			return -1;
	}
	put(w, p, old);
	return 0;
}

static bool has_children(struct work *w, const struct place *p, const char *ndn)
{
	size_t i;

	for (i = 0; i < *p->n; i++) {
		const char *other = dn_normalize(w->a, (*p->list)[i]->dn);

		if (other != NULL && strcmp(other, ndn) != 0 && is_below(other, ndn, w->a))
			return true;
	}
	return false;
}

/* Moves what stands in the name: the new value comes, the old one goes if the change says so. */
static int rename_entry(struct work *w, const struct entry *old, const char *dn,
	const LDIFRecord *r, const struct entry **out, struct err *e)
{
	const char *equals = strchr(r->lrop_newrdn.bv_val, '='), *type;
	const struct entry_attr *attr;
	struct draft *d;
	size_t i;

	if (equals == NULL)
		return err_set(e, ERR_PERM, 0, "newrdn %s is no name", r->lrop_newrdn.bv_val);
	type = arena_strndup(w->a, r->lrop_newrdn.bv_val,
		(size_t)(equals - r->lrop_newrdn.bv_val));
	attr = attr_of(old, type);
	d = draft_begin(w, old, dn);
	if (draft_old(d, old, type, e) != 0)
		return -1;
	for (i = 0; !r->lrop_delold && attr != NULL && i < attr->n; i++)
		if (draft_add(d, type, strlen(type), attr->values[i].data, attr->values[i].size,
			e) != 0)
			return -1;
	if (draft_add(d, type, strlen(type), equals + 1, strlen(equals + 1), e) != 0)
		return -1;
	*out = draft_entry(d);
	return 0;
}

static int do_rename(struct work *w, struct place *p, const struct entry **at,
	const LDIFRecord *r, struct err *e)
{
	const struct entry *fresh = NULL;
	const char *parent, *dn;

	/* The parent as the DN was written, so that what is shown stays as people know it. */
	parent = r->lrop_newsup.bv_val;
	if (parent == NULL)
		parent = dn_parent((*at)->dn);
	dn = arena_printf(w->a, "%s%s%s", r->lrop_newrdn.bv_val, *parent != '\0' ? "," : "",
		parent);
	if (find(p, dn) != NULL && !org_same_dn(dn, (*at)->dn))
		return err_set(e, ERR_PERM, 0, "%s is there already", dn);
	if (rename_entry(w, *at, dn, r, &fresh, e) != 0)
		return -1;
	take_away(w, p, at);
	put(w, p, fresh);
	return 0;
}

static int apply(struct work *w, const LDIFRecord *r, struct err *e)
{
	const struct entry **at;
	const char *ndn;
	struct place p;

	if (place_of(w, r->lr_dn.bv_val, &p, e) != 0)
		return -1;
	if (r->lr_op == LDAP_REQ_ADD)
		return do_add(w, &p, r, e);
	at = find(&p, r->lr_dn.bv_val);
	if (at == NULL)
		return err_set(e, ERR_PERM, 0, "there is no such entry");
	if (r->lr_op == LDAP_REQ_MODIFY)
		return do_modify(w, &p, *at, r, e);
	ndn = dn_normalize(w->a, (*at)->dn);
	if (has_children(w, &p, ndn))
		return err_set(e, ERR_PERM, 0, "it has entries below it");
	if (r->lr_op == LDAP_REQ_RENAME)
		return do_rename(w, &p, at, r, e);
	if (r->lr_op != LDAP_REQ_DELETE)
		return err_set(e, ERR_PERM, 0, "only add, modify, delete and modrdn are known");
	take_away(w, &p, at);
	return 0;
}

/* --- the file --- */

/* Values are looked for in the file itself, never fetched from elsewhere. */
static bool names_url(const char *record)
{
	const char *line;

	for (line = record; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (*line != '#' && *line != ' ' && line[strcspn(line, ":\n")] == ':' &&
		    line[strcspn(line, ":\n") + 1] == '<')
			return true;
	}
	return false;
}

/* 1: refused and the rest is not tried; 0: go on; -1: cannot be understood. */
static int take_record(struct work *w, char *text, unsigned long line, struct err *e)
{
	struct berval raw = { strlen(text), text };
	LDIFRecord r = { 0 };
	struct err why;
	int rc;

	if (names_url(text))
		return err_set(e, ERR_PERM, 0, "%s:%lu: a value from a URL is not read", w->path,
			line);
	rc = ldap_parse_ldif_record(&raw, line, &r, "hubctl", LDIF_DEFAULT_ADD);
	if (rc != LDAP_SUCCESS) {
		err_set(e, ERR_PERM, 0, "%s:%lu: not a change record", w->path, line);
		rc = -1;
	} else if (apply(w, &r, &why) != 0) {
		refuse(w, r.lr_dn.bv_val, why.text);
		rc = 1;
	}
	ldap_ldif_record_done(&r);
	return rc;
}

static bool is_nothing(const char *text)
{
	for (; *text != '\0'; text += *text == '\n')
		if (*text == '#' || strncmp(text, "version:", 8) == 0)
			text += strcspn(text, "\n");
		else
			return false;
	return true;
}

/* Cuts CRs out, so that an empty line is one. */
static void cut_returns(char *text)
{
	char *out = text;

	for (; *text != '\0'; text++)
		if (*text != '\r' || text[1] != '\n')
			*out++ = *text;
	*out = '\0';
}

static unsigned long count_lines(const char *from, const char *to)
{
	unsigned long n = 0;

	for (; from < to; from++)
		n += *from == '\n';
	return n;
}

static int take_file(struct work *w, char *text, struct err *e)
{
	unsigned long line = 1, lines;
	char *end;
	int rc = 0;

	cut_returns(text);
	for (; rc == 0 && *text != '\0'; text = end, line += lines) {
		if (*text == '\n') {
			end = text + 1;
			lines = 1;
			continue;
		}
		end = strstr(text, "\n\n");
		end = end != NULL ? end + 2 : text + strlen(text);
		lines = count_lines(text, end);
		if (end - text > 1 && end[-2] == '\n')
			end[-1] = '\0';
		if (!is_nothing(text))
			rc = take_record(w, text, line, e);
	}
	return rc < 0 ? -1 : 0;
}

/* --- judging --- */

static void judge_rejections(struct work *w)
{
	const struct snapshot *after = w->org->snapshot;
	struct arena *a = arena_new();
	size_t i;

	for (i = 0; i < after->rejection_count; i++) {
		const struct rejection *r = &after->rejections[i];

		if (holds_dn(w->changed, w->n_changed, dn_normalize(a, r->dn)) ||
		    org_rejection(w->out->before, r->dn) == NULL)
			refuse(w, r->dn, r->reason);
	}
	arena_free(&a);
}

static void still_named(const struct obj *referrer, const char *attr, void *ctx)
{
	struct work *w = ctx;

	if (attr != NULL)
		refuse(w, referrer->dn, arena_printf(w->a, "%s would name what is gone", attr));
}

/* What goes must not be named by what stays (hub-directory(7) section 9). */
static void judge_gone(struct work *w)
{
	const struct snapshot *before = w->out->before;
	size_t kind, i;

	for (kind = 0; kind < OBJ_KINDS; kind++)
		for (i = 0; i < before->all[kind].n; i++) {
			const struct obj *o = before->all[kind].v[i];

			if (holds_dn(w->gone, w->n_gone, o->ndn) &&
			    !holds_dn(w->changed, w->n_changed, o->ndn))
				snapshot_each_referrer(w->org->snapshot, o, still_named, w);
		}
}

static void judge(struct work *w)
{
	const struct snapshot *after = w->org->snapshot;
	size_t i;

	judge_rejections(w);
	judge_gone(w);
	for (i = 0; i < after->warning_count; i++)
		if (!snapshot_warns(w->out->before, after->warnings[i]))
			json_array_append_new(w->out->warnings, table_string(after->warnings[i]));
}

int ldif_change_apply(struct org *org, const char *path, struct ldif_change *out, struct err *e)
{
	struct work w = { .org = org, .a = org->ctl->arena, .out = out, .path = path };
	size_t size, i;
	char *text;
	int rc;

	*out = (struct ldif_change){ .refused = json_array(), .warnings = json_array() };
	text = ctl_read_file(org->ctl, path, FILE_MAX, &size, e);
	if (text == NULL)
		return -1;
	if (memchr(text, '\0', size) != NULL)
		return err_set(e, ERR_PERM, 0, "%s: NUL byte in the text", path);
	text[size] = '\0';
	rc = take_file(&w, text, e);
	if (rc == 0) {
		out->before = org->snapshot;
		org->snapshot = builder_build(org->builder, NULL);
		judge(&w);
	}
	out->touched_count = w.n_changed + w.n_gone;
	out->touched = arena_alloc(w.a, out->touched_count * sizeof(*out->touched));
	for (i = 0; i < out->touched_count; i++)
		out->touched[i] = i < w.n_changed ? w.changed[i] : w.gone[i - w.n_changed];
	free(w.changed);
	free(w.gone);
	return rc;
}

void ldif_change_clear(struct ldif_change *c)
{
	snapshot_unref(&c->before);
	json_decref(c->refused);
	json_decref(c->warnings);
}
