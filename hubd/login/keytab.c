/* keytab.c - see keytab.h */
#include "hubd/login/keytab.h"

#include <krb5.h>
#include <string.h>

#include "libhub/base/mem.h"

/* realm NULL: any. */
static bool is_ours(krb5_const_principal p, const char *realm)
{
	return p->length == 2 && p->data[0].length == 4 &&
		memcmp(p->data[0].data, "smtp", 4) == 0 &&
		(realm == NULL || (p->realm.length == strlen(realm) &&
			memcmp(p->realm.data, realm, p->realm.length) == 0));
}

static char *name_of(krb5_context k, krb5_const_principal p)
{
	char *text = NULL, *copy;

	if (krb5_unparse_name(k, p, &text) != 0)
		return NULL;
	copy = xstrdup(text);
	krb5_free_unparsed_name(k, text);
	return copy;
}

/* name, if it is not NULL: the caller's, by free. */
static krb5_error_code look_through(krb5_context k, krb5_keytab keytab, const char *realm,
	bool *found, char **name)
{
	krb5_kt_cursor cursor;
	krb5_keytab_entry entry;
	krb5_error_code rc = krb5_kt_start_seq_get(k, keytab, &cursor);

	if (rc != 0)
		return rc;
	while (!*found && krb5_kt_next_entry(k, keytab, &entry, &cursor) == 0) {
		*found = is_ours(entry.principal, realm);
		if (*found && name != NULL)
			*name = name_of(k, entry.principal);
		(void)krb5_free_keytab_entry_contents(k, &entry);
	}
	return krb5_kt_end_seq_get(k, keytab, &cursor);
}

static int look(const char *path, const char *realm, bool *found, char **principal, struct err *e)
{
	char *name = xasprintf("FILE:%s", path);
	krb5_keytab keytab = NULL;
	krb5_context k = NULL;
	krb5_error_code rc;
	const char *text;

	*found = false;
	rc = krb5_init_context(&k);
	if (rc == 0)
		rc = krb5_kt_resolve(k, name, &keytab);
	if (rc == 0)
		rc = look_through(k, keytab, realm, found, principal);
	if (rc != 0) {
		text = krb5_get_error_message(k, rc);
		(void)err_set(e, ERR_CONFIG, 0, "%s: %.150s", path, text);
		krb5_free_error_message(k, text);
	}
	if (keytab != NULL)
		(void)krb5_kt_close(k, keytab);
	if (k != NULL)
		krb5_free_context(k);
	free(name);
	return rc == 0 ? 0 : -1;
}

int keytab_check(const char *path, struct err *e)
{
	bool found;

	if (look(path, NULL, &found, NULL, e) != 0)
		return -1;
	return found ? 0 : err_set(e, ERR_CONFIG, 0, "%s has no key of smtp/<host>", path);
}

bool keytab_has_realm(const char *path, const char *realm)
{
	struct err e;
	bool found;

	return look(path, realm, &found, NULL, &e) == 0 && found;
}

char *keytab_name(const char *path)
{
	char *name = NULL;
	struct err e;
	bool found;

	return look(path, NULL, &found, &name, &e) == 0 ? name : NULL;
}
