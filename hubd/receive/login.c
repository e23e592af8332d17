/* login.c - see login.h */
#include "hubd/receive/login.h"

#include <openssl/crypto.h>
#include <string.h>

#include "libhub/base/mem.h"

struct login_service {
	struct inbox *inbox;
	struct authenticator *authenticator;
};

struct login *login_new(struct inbox *reply_to, uint64_t session, const char *name,
	const char *password)
{
	struct login *l = xcalloc(1, sizeof(*l));

	l->reply_to = reply_to;
	l->session = session;
	l->name = xstrdup(name);
	l->password = xstrdup(password);
	return l;
}

static void wipe_password(struct login *l)
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
	wipe_password(l);
	free(l->name);
	free(l);
	*lp = NULL;
}

static void on_checked(const struct authenticate_result *r, void *ctx)
{
	struct login *l = ctx;

	l->outcome = r->outcome;
	snprintf(l->mail, sizeof(l->mail), "%s", r->mail != NULL ? r->mail : "");
	snprintf(l->text, sizeof(l->text), "%s", r->text != NULL ? r->text : "");
	inbox_post(l->reply_to, &l->node);
}

static void on_login(struct inbox_node *node, void *ctx)
{
	struct login_service *s = ctx;
	struct login *l = INBOX_ENTRY(node, struct login, node);

	/* the operation has its own copy of the password from here on */
	(void)authenticate_start(s->authenticator, l->name, l->password, on_checked, l);
	wipe_password(l);
}

struct login_service *login_service_new(struct loop *loop, struct authenticator *a)
{
	struct login_service *s = xcalloc(1, sizeof(*s));

	s->authenticator = a;
	s->inbox = inbox_new(loop, on_login, s);
	return s;
}

void login_service_free(struct login_service **sp)
{
	if (*sp == NULL)
		return;
	inbox_free(&(*sp)->inbox);
	free(*sp);
	*sp = NULL;
}

struct inbox *login_service_inbox(struct login_service *s)
{
	return s->inbox;
}
