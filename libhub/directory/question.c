/* question.c - see question.h */
#include "libhub/directory/question.h"

#include <stdlib.h>

#include "libhub/base/mem.h"
#include "libhub/directory/sync.h"

struct question {
	struct directory_connection *c;
	const char *base;
	question_cb *cb;
	void *ctx;
	int search;			/* message id */
	bool base_seen;
};

static void answer(struct question *q, const struct cookie *newest, const struct err *e)
{
	question_cb *cb = q->cb;
	void *ctx = q->ctx;

	free(q);
	cb(newest, e, ctx);
}

static int take_result(const struct question *q, LDAP *ld, LDAPMessage *m, struct cookie *cookie,
	struct err *e)
{
	char text[200];

	if (directory_result(ld, m, text, sizeof(text)) != LDAP_SUCCESS)
		return err_set(e, ERR_TEMP, 0, "ends the search for %.100s: %s", q->base, text);
	if (!q->base_seen)
		return err_set(e, ERR_TEMP, 0, "does not show the entry %.100s any more", q->base);
	return sync_done_cookie(ld, m, cookie, e);
}

static void on_message(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct question *q = ctx;
	struct cookie cookie;
	struct err e = { 0 };

	if (m == NULL)
		return;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		q->base_seen = true;
	if (ldap_msgtype(m) != LDAP_RES_SEARCH_RESULT)
		return;
	if (take_result(q, ld, m, &cookie, &e) != 0)
		answer(q, NULL, &e);
	else
		answer(q, &cookie, NULL);
}

struct question *question_start(struct directory_connection *c, const char *base, question_cb *cb,
	void *ctx, struct err *e)
{
	static const char *const nothing[] = { LDAP_NO_ATTRS, NULL };
	LDAPControl *controls[] = { sync_once_new(), NULL };
	struct question *q = xcalloc(1, sizeof(*q));
	struct directory_query query = {
		.base = base, .filter = "(objectClass=*)", .scope = LDAP_SCOPE_BASE,
		.attrs = nothing, .controls = controls,
	};

	*q = (struct question){ .c = c, .base = base, .cb = cb, .ctx = ctx };
	q->search = directory_search(c, &query, on_message, q, e);
	ldap_control_free(controls[0]);
	if (q->search >= 0)
		return q;
	free(q);
	return NULL;
}

void question_cancel(struct question **qp)
{
	struct question *q = *qp;

	if (q == NULL)
		return;
	*qp = NULL;
	directory_abandon(q->c, q->search);
	free(q);
}
