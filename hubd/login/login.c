/* login.c - see login.h */
#include "hubd/login/login.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "libhub/base/mem.h"

struct login *login_new(struct inbox *reply_to, uint64_t session, enum login_mechanism m)
{
	struct login *l = xcalloc(1, sizeof(*l));

	l->reply_to = reply_to;
	l->session = session;
	l->mechanism = m;
	return l;
}

void login_bytes_set(struct login_bytes *b, const void *data, size_t size)
{
	if (b->data != NULL)
		OPENSSL_cleanse(b->data, b->size);
	free(b->data);
	b->data = NULL;
	b->size = 0;
	if (data == NULL)
		return;
	b->data = xmalloc(size + 1);
	memcpy(b->data, data, size);
	b->data[size] = '\0';
	b->size = size;
}

void login_password_wipe(struct login *l)
{
	if (l->password == NULL)
		return;
	OPENSSL_cleanse(l->password, strlen(l->password));
	free(l->password);
	l->password = NULL;
}

void login_free(struct login **lp)
{
	struct login *l = *lp;

	if (l == NULL)
		return;
	BUG_ON(l->scram != NULL || l->gssapi != NULL);
	login_password_wipe(l);
	login_bytes_set(&l->certificate, NULL, 0);
	login_bytes_set(&l->response, NULL, 0);
	login_bytes_set(&l->challenge, NULL, 0);
	free(l->name);
	free(l->fqdn);
	free(l->epoch);
	free(l);
	*lp = NULL;
}

void login_abandon(struct login **lp, struct inbox *service)
{
	struct login *l = *lp;

	*lp = NULL;
	if (l == NULL)
		return;
	l->abandoned = true;
	inbox_post(service, &l->node);
}

void login_answer(struct login *l, enum login_outcome outcome, const char *fmt, ...)
{
	va_list ap;

	login_password_wipe(l);
	login_bytes_set(&l->response, NULL, 0);
	l->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(l->text, sizeof(l->text), fmt, ap);
	va_end(ap);
	inbox_post(l->reply_to, &l->node);
}
