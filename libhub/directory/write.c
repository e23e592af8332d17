/* write.c - requests that change the directory, and the controls that go with them; see
 * connection.h.
 */
#include <string.h>

#include "libhub/base/mem.h"
#include "libhub/directory/connection_priv.h"

/* Until the request is encoded. */
struct request_controls {
	LDAPControl *list[3];
	LDAPControl assertion, post_read;
	struct berval assertion_value;
	struct berval *post_read_value;
};

static int add_assertion(struct request_controls *rc, LDAP *ld, const char *filter, struct err *e)
{
	char *copy = xstrdup(filter);
	int code = ldap_create_assertion_control_value(ld, copy, &rc->assertion_value);

	free(copy);
	if (code != LDAP_SUCCESS)
		return err_set(e, ERR_CONFIG, 0, "cannot assert %s: %s", filter,
			ldap_err2string(code));
	rc->assertion = (LDAPControl){ (char *)(uintptr_t)LDAP_CONTROL_ASSERT,
		rc->assertion_value, 1 };
	rc->list[0] = &rc->assertion;
	return 0;
}

/* AttributeSelection ::= SEQUENCE OF LDAPString (RFC 4527 section 3.1) */
static void add_post_read(struct request_controls *rc, const char *const *attrs)
{
	BerElement *ber = ber_alloc_t(LBER_USE_DER);

	BUG_ON(ber == NULL || ber_printf(ber, "{v}", attrs) < 0 ||
		ber_flatten(ber, &rc->post_read_value) < 0);
	ber_free(ber, 1);
	rc->post_read = (LDAPControl){ (char *)(uintptr_t)LDAP_CONTROL_POST_READ,
		*rc->post_read_value, 1 };
	rc->list[rc->list[0] != NULL] = &rc->post_read;
}

static int begin_controls(struct request_controls *rc, LDAP *ld,
	const struct directory_extras *extras, struct err *e)
{
	memset(rc, 0, sizeof(*rc));
	if (extras == NULL)
		return 0;
	if (extras->assertion != NULL && add_assertion(rc, ld, extras->assertion, e) != 0)
		return -1;
	if (extras->post_read != NULL)
		add_post_read(rc, extras->post_read);
	return 0;
}

static void end_controls(struct request_controls *rc)
{
	ber_memfree(rc->assertion_value.bv_val);
	ber_bvfree(rc->post_read_value);
}

/* libldap only reads them. */
static struct berval **borrow_values(struct arena *a, const struct blob *values, size_t n)
{
	struct berval **list = arena_alloc(a, (n + 1) * sizeof(struct berval *));
	size_t i;

	for (i = 0; i < n; i++) {
		list[i] = arena_alloc(a, sizeof(**list));
		list[i]->bv_val = (char *)(uintptr_t)values[i].data;
		list[i]->bv_len = values[i].size;
	}
	return list;
}

static LDAPMod *borrow_mod(struct arena *a, enum directory_how how, const char *attr,
	const struct blob *values, size_t n)
{
	LDAPMod *mod = arena_alloc(a, sizeof(*mod));

	mod->mod_op = (int)how | LDAP_MOD_BVALUES;
	mod->mod_type = (char *)(uintptr_t)attr;
	mod->mod_bvalues = n > 0 ? borrow_values(a, values, n) : NULL;
	return mod;
}

/* code and id are those of the libldap call. */
static int sent(struct directory_connection *c, int code, int id, int result, const char *what,
	const char *dn, directory_message_cb *cb, void *ctx, struct err *e)
{
	if (code != LDAP_SUCCESS)
		return err_set(e, ERR_TEMP, 0, "cannot %s %s: %s", what, dn,
			ldap_err2string(code));
	directory_expect(c, id, result, cb, ctx);
	return id;
}

int directory_add(struct directory_connection *c, const struct entry *entry,
	const struct directory_extras *extras, directory_message_cb *cb, void *ctx, struct err *e)
{
	LDAP *ld = directory_handle(c);
	struct request_controls rc;
	struct arena *a;
	LDAPMod **mods;
	int code, id = -1;
	size_t i;

	if (begin_controls(&rc, ld, extras, e) != 0)
		return -1;
	a = arena_new();
	mods = arena_alloc(a, (entry->n + 1) * sizeof(LDAPMod *));
	for (i = 0; i < entry->n; i++)
		mods[i] = borrow_mod(a, DIRECTORY_ADD, entry->attrs[i].name,
			entry->attrs[i].values, entry->attrs[i].n);
	code = ldap_add_ext(ld, entry->dn, mods, rc.list, NULL, &id);
	arena_free(&a);
	end_controls(&rc);
	return sent(c, code, id, LDAP_RES_ADD, "add", entry->dn, cb, ctx, e);
}

int directory_modify(struct directory_connection *c, const char *dn,
	const struct directory_change *changes, size_t n, const struct directory_extras *extras,
	directory_message_cb *cb, void *ctx, struct err *e)
{
	LDAP *ld = directory_handle(c);
	struct request_controls rc;
	struct arena *a;
	LDAPMod **mods;
	int code, id = -1;
	size_t i;

	if (begin_controls(&rc, ld, extras, e) != 0)
		return -1;
	a = arena_new();
	mods = arena_alloc(a, (n + 1) * sizeof(LDAPMod *));
	for (i = 0; i < n; i++)
		mods[i] = borrow_mod(a, changes[i].how, changes[i].attr, changes[i].values,
			changes[i].n);
	code = ldap_modify_ext(ld, dn, mods, rc.list, NULL, &id);
	arena_free(&a);
	end_controls(&rc);
	return sent(c, code, id, LDAP_RES_MODIFY, "modify", dn, cb, ctx, e);
}

int directory_delete(struct directory_connection *c, const char *dn,
	const struct directory_extras *extras, directory_message_cb *cb, void *ctx, struct err *e)
{
	LDAP *ld = directory_handle(c);
	struct request_controls rc;
	int code, id = -1;

	if (begin_controls(&rc, ld, extras, e) != 0)
		return -1;
	code = ldap_delete_ext(ld, dn, rc.list, NULL, &id);
	end_controls(&rc);
	return sent(c, code, id, LDAP_RES_DELETE, "delete", dn, cb, ctx, e);
}

/* --- what came with the result --- */

/* SearchResultEntry (RFC 4511 section 4.5.2): objectName, then the attributes with their values */
static int decode_entry(BerElement *ber, struct draft *r, struct err *e)
{
	struct berval name, value;
	ber_tag_t tag, inner;
	ber_len_t len;
	char *end, *inner_end;

	if (ber_scanf(ber, "{m", &name) == LBER_ERROR || name.bv_len > ENTRY_DN_MAX)
		return err_set(e, ERR_TEMP, 0, "an entry that came with a result has no DN");
	r->entry.dn = arena_strndup(r->arena, name.bv_val, name.bv_len);
	for (tag = ber_first_element(ber, &len, &end); tag != LBER_DEFAULT;
	     tag = ber_next_element(ber, &len, end)) {
		if (ber_scanf(ber, "{m", &name) == LBER_ERROR)
			return err_set(e, ERR_TEMP, 0, "entry %s cannot be decoded", r->entry.dn);
		for (inner = ber_first_element(ber, &len, &inner_end); inner != LBER_DEFAULT;
		     inner = ber_next_element(ber, &len, inner_end))
			if (ber_scanf(ber, "m", &value) == LBER_ERROR ||
			    draft_add(r, name.bv_val, name.bv_len, value.bv_val, value.bv_len,
					e) != 0)
				return err_set(e, ERR_TEMP, 0, "entry %s cannot be decoded",
					r->entry.dn);
	}
	return 0;
}

int directory_post_read(LDAP *ld, LDAPMessage *m, struct draft *r, struct err *e)
{
	LDAPControl **controls = NULL, *found;
	BerElement *ber;
	int code, rc;

	if (ldap_parse_result(ld, m, &code, NULL, NULL, NULL, &controls, 0) != LDAP_SUCCESS)
		return err_set(e, ERR_TEMP, 0, "a result that cannot be decoded");
	found = ldap_control_find(LDAP_CONTROL_POST_READ, controls, NULL);
	ber = found != NULL ? ber_init(&found->ldctl_value) : NULL;
	rc = ber != NULL ? decode_entry(ber, r, e) :
		err_set(e, ERR_TEMP, 0, "the server does not tell how the entry is now");
	ber_free(ber, 1);
	ldap_controls_free(controls);
	return rc;
}
