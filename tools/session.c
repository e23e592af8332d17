/* session.c - see session.h */
#include "tools/session.h"

#include <string.h>

#include "libhub/directory/draft.h"
#include "tools/pick.h"

struct session {
	LDAP *ld;
	const char *uri;
};

static int set_tls(LDAP *ld, const struct ctl *ctl)
{
	int fresh = 0;
	bool ok = true;

	if (ctl->ca != NULL)
		ok = ldap_set_option(ld, LDAP_OPT_X_TLS_CACERTFILE, ctl->ca) == 0;
	if (ctl->certificate != NULL && ctl->key != NULL)
		ok = ok && ldap_set_option(ld, LDAP_OPT_X_TLS_CERTFILE, ctl->certificate) == 0 &&
			ldap_set_option(ld, LDAP_OPT_X_TLS_KEYFILE, ctl->key) == 0;
	if (ctl->ca != NULL || ctl->certificate != NULL)
		ok = ok && ldap_set_option(ld, LDAP_OPT_X_TLS_NEWCTX, &fresh) == 0;
	return ok ? 0 : -1;
}

static int set_options(struct session *s, const struct ctl *ctl)
{
	struct timeval network = { .tv_sec = CTL_NETWORK_TIMEOUT_S };
	struct timeval answer = { .tv_sec = CTL_ANSWER_TIMEOUT_S };
	int version = LDAP_VERSION3;

	if (ldap_set_option(s->ld, LDAP_OPT_PROTOCOL_VERSION, &version) != 0 ||
		ldap_set_option(s->ld, LDAP_OPT_NETWORK_TIMEOUT, &network) != 0 ||
		ldap_set_option(s->ld, LDAP_OPT_TIMEOUT, &answer) != 0 ||
		ldap_set_option(s->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF) != 0)
		return -1;
	/* the files need not be readable where they are not needed */
	return strstr(s->uri, "ldaps://") != NULL ? set_tls(s->ld, ctl) : 0;
}

static int bind_as_told(struct session *s, const struct ctl *ctl, int *code, struct err *e)
{
	struct berval password = { 0, NULL };
	const char *text;

	if (ctl->external) {
		/* the identity is the connection's: nothing is said */
		*code = ldap_sasl_bind_s(s->ld, NULL, "EXTERNAL", &password, NULL, NULL, NULL);
		return 0;
	}
	if (ctl->bind_dn != NULL) {
		text = ctl_password(ctl, e);
		if (text == NULL)
			return -1;
		password.bv_val = (char *)(uintptr_t)text;
		password.bv_len = strlen(text);
	}
	*code = ldap_sasl_bind_s(s->ld, ctl->bind_dn, LDAP_SASL_SIMPLE, &password, NULL, NULL,
		NULL);
	return 0;
}

void session_error(struct session *s, int code, char *text, size_t size)
{
	char *more = NULL;

	ldap_get_option(s->ld, LDAP_OPT_DIAGNOSTIC_MESSAGE, &more);
	if (more != NULL && *more != '\0')
		snprintf(text, size, "%s (%d): %s", ldap_err2string(code), code, more);
	else
		snprintf(text, size, "%s (%d)", ldap_err2string(code), code);
	ldap_memfree(more);
}

static int connect_and_bind(struct session *s, const struct ctl *ctl, struct err *e)
{
	char text[200];
	int code = LDAP_SUCCESS;

	code = ldap_initialize(&s->ld, s->uri);
	if (code != LDAP_SUCCESS)
		return err_set(e, ERR_CONFIG, 0, "directory \"%s\": %s", s->uri,
			ldap_err2string(code));
	if (set_options(s, ctl) != 0)
		return err_set(e, ERR_CONFIG, 0, "directory %s: an option is refused; are the "
			"files of "
			"ca, certificate and key there?", s->uri);
	if (bind_as_told(s, ctl, &code, e) != 0)
		return -1;
	if (code == LDAP_SUCCESS)
		return 0;
	session_error(s, code, text, sizeof(text));
	if (code == LDAP_INVALID_CREDENTIALS)
		return err_set(e, ERR_PERM, 0, "%s does not know %s with that password", s->uri,
			ctl->bind_dn != NULL ? ctl->bind_dn : "this account");
	if (code == LDAP_SERVER_DOWN)
		return err_set(e, ERR_TEMP, 0, "directory %s cannot be reached: %s", s->uri, text);
	return err_set(e, ERR_PERM, 0, "directory %s: %s", s->uri, text);
}

struct session *session_open(const struct ctl *ctl, struct err *e)
{
	struct session *s = xcalloc(1, sizeof(*s));

	s->uri = ctl->directory != NULL ? pick_uri(ctl, ctl->directory) : "ldapi:///";
	if (connect_and_bind(s, ctl, e) == 0)
		return s;
	session_close(&s);
	return NULL;
}

void session_close(struct session **sp)
{
	struct session *s = *sp;

	if (s == NULL)
		return;
	if (s->ld != NULL)
		ldap_unbind_ext_s(s->ld, NULL, NULL);
	free(s);
	*sp = NULL;
}

LDAP *session_ldap(struct session *s)
{
	return s->ld;
}

static int take_values(LDAP *ld, LDAPMessage *m, const char *name, struct draft *r, struct err *e)
{
	struct berval **values = ldap_get_values_len(ld, m, name);
	int i, rc = 0;

	for (i = 0; rc == 0 && values != NULL && values[i] != NULL; i++)
		rc = draft_add(r, name, strlen(name), values[i]->bv_val, values[i]->bv_len, e);
	ldap_value_free_len(values);
	return rc;
}

static int take_entry(LDAP *ld, LDAPMessage *m, struct arena *a, struct draft *r, struct err *e)
{
	BerElement *ber = NULL;
	char *dn = ldap_get_dn(ld, m), *name;
	int rc = 0;

	if (dn == NULL)
		return err_set(e, ERR_TEMP, 0, "an entry without DN");
	r->entry.dn = arena_strdup(a, dn);
	ldap_memfree(dn);
	for (name = ldap_first_attribute(ld, m, &ber); name != NULL;
		name = ldap_next_attribute(ld, m, ber)) {
		if (rc == 0)
			rc = take_values(ld, m, name, r, e);
		ldap_memfree(name);
	}
	ber_free(ber, 0);
	return rc;
}

static int hand_out(LDAP *ld, LDAPMessage *m, void (*cb)(const struct entry *entry, void *ctx),
	void *ctx, struct err *e)
{
	struct arena *a = arena_new();
	struct draft r;
	int rc;

	draft_init(&r, a);
	rc = take_entry(ld, m, a, &r, e);
	if (rc == 0)
		cb(draft_entry(&r), ctx);
	arena_free(&a);
	return rc;
}

static int each_result(struct session *s, int id, void (*cb)(const struct entry *, void *),
	void *ctx,
	int *code, struct err *e)
{
	struct timeval limit = { .tv_sec = CTL_ANSWER_TIMEOUT_S };
	LDAPMessage *m = NULL;
	int type, rc = 0;

	do {
		type = ldap_result(s->ld, id, LDAP_MSG_ONE, &limit, &m);
		if (type <= 0) {
			*code = type == 0 ? LDAP_TIMEOUT : LDAP_SERVER_DOWN;
			return err_set(e, ERR_TEMP, 0, "the directory has stopped answering");
		}
		if (type == LDAP_RES_SEARCH_ENTRY)
			rc = hand_out(s->ld, m, cb, ctx, e);
		if (type == LDAP_RES_SEARCH_RESULT)
			ldap_parse_result(s->ld, m, code, NULL, NULL, NULL, NULL, 0);
		ldap_msgfree(m);
	} while (rc == 0 && type != LDAP_RES_SEARCH_RESULT);
	return rc;
}

int session_search(struct session *s, const char *base, int scope, const char *filter,
	void (*cb)(const struct entry *entry, void *ctx), void *ctx, int *code, struct err *e)
{
	static char all[] = "*", uuid[] = "entryUUID", *attrs[] = { all, uuid, NULL };
	char text[200];
	int id;

	*code = ldap_search_ext(s->ld, base, scope, filter, attrs, 0, NULL, NULL, NULL, 0, &id);
	if (*code == LDAP_SUCCESS && each_result(s, id, cb, ctx, code, e) != 0)
		return -1;
	if (*code == LDAP_SUCCESS)
		return 0;
	session_error(s, *code, text, sizeof(text));
	return err_set(e, ERR_PERM, 0, "search below %s: %s", *base != '\0' ? base : "the root",
		text);
}
