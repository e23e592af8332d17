/* ticket.c - see ticket.h */
#include "hubd/proof/ticket.h"

#include <krb5.h>
#include <stdbool.h>
#include <string.h>

#include "hubd/login/keytab.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

struct ticket_office {
	const char *keytab;
	char *own;			/* the principal to be by default */
	char *holder;			/* whose ticket there is, or was tried for; NULL = none */
	int64_t until_s;		/* wall: it is good enough */
	int64_t failed_until_s;		/* wall */
	struct err failure;
};

/* One visit. */
struct visit {
	krb5_context k;
	krb5_keytab keytab;
	krb5_principal who;
	krb5_ccache cache;
	krb5_creds creds;
	bool has_creds;
};

struct ticket_office *ticket_office_new(const char *keytab)
{
	struct ticket_office *o = xcalloc(1, sizeof(*o));

	o->keytab = keytab;
	if (keytab != NULL)
		o->own = keytab_name(keytab);
	return o;
}

void ticket_office_free(struct ticket_office **op)
{
	if (*op == NULL)
		return;
	free((*op)->holder);
	free((*op)->own);
	free(*op);
	*op = NULL;
}

static void leave(struct visit *v)
{
	if (v->k == NULL)
		return;
	if (v->has_creds)
		krb5_free_cred_contents(v->k, &v->creds);
	if (v->cache != NULL)
		(void)krb5_cc_close(v->k, v->cache);
	if (v->who != NULL)
		krb5_free_principal(v->k, v->who);
	if (v->keytab != NULL)
		(void)krb5_kt_close(v->k, v->keytab);
	krb5_free_context(v->k);
}

static krb5_error_code fetch(struct visit *v, const char *path, const char *principal)
{
	char *name = xasprintf("FILE:%s", path);
	krb5_error_code rc = krb5_init_context(&v->k);

	if (rc == 0)
		rc = krb5_kt_resolve(v->k, name, &v->keytab);
	free(name);
	if (rc == 0)
		rc = krb5_parse_name(v->k, principal, &v->who);
	if (rc == 0)
		rc = krb5_get_init_creds_keytab(v->k, &v->creds, v->who, v->keytab, 0, NULL, NULL);
	v->has_creds = rc == 0;
	if (rc == 0)
		rc = krb5_cc_default(v->k, &v->cache);
	if (rc == 0)
		rc = krb5_cc_initialize(v->k, v->cache, v->who);
	if (rc == 0)
		rc = krb5_cc_store_cred(v->k, v->cache, &v->creds);
	return rc;
}

static int fail(struct ticket_office *o, struct visit *v, krb5_error_code rc,
	const char *principal, struct err *e)
{
	const char *text = v->k != NULL ? krb5_get_error_message(v->k, rc) : NULL;

	(void)err_set(&o->failure, ERR_TEMP, 0, "no Kerberos ticket for %.100s: %.150s",
		principal,
		text != NULL ? text : "no context");
	if (text != NULL)
		krb5_free_error_message(v->k, text);
	o->failed_until_s = clock_wall_s() + TICKET_FAILURE_S;
	*e = o->failure;
	return -1;
}

/* *e if there is none and none may be asked for now. */
static bool is_known(struct ticket_office *o, const char *principal, int *result, struct err *e)
{
	int64_t now = clock_wall_s();

	if (o->holder == NULL || strcmp(o->holder, principal) != 0)
		return false;
	*result = now < o->until_s ? 0 : -1;
	if (*result != 0 && now < o->failed_until_s)
		*e = o->failure;
	return now < o->until_s || now < o->failed_until_s;
}

int ticket_need(struct ticket_office *o, const char *principal, struct err *e)
{
	struct visit v = { .k = NULL };
	krb5_error_code rc;
	int result = 0;

	if (o->own == NULL)
		return err_set(e, ERR_CONFIG, 0, "this server has no keytab");
	if (principal == NULL)
		principal = o->own;
	if (is_known(o, principal, &result, e))
		return result;
	free(o->holder);
	o->holder = xstrdup(principal);
	o->until_s = o->failed_until_s = 0;
	rc = fetch(&v, o->keytab, principal);
	if (rc != 0)
		result = fail(o, &v, rc, principal, e);
	else
		o->until_s = (int64_t)(uint32_t)v.creds.times.endtime - TICKET_LEFT_S;
	leave(&v);
	return result;
}
