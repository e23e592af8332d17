/* login.c - see login.h
 *
 * A login goes through two steps: the bind (by the authenticator, or for a DN by a connection of
 * its own), then the search for roles on a connection bound as this server. Administrators are few,
 * so each step has its own short-lived connection. It goes where the authenticator goes; the next
 * URI is tried when a server is lost or does not answer.
 */
#include "libhub/admin/login.h"

#include <openssl/crypto.h>
#include <string.h>
#include <strings.h>

#include "libhub/base/mem.h"
#include "libhub/directory/connection.h"
#include "libhub/directory/draft.h"

enum {
	LOGIN_MS = 10 * 1000,
	STEP_MS = 1500,			/* of a connection, while there is another server to ask */
	NAME_SIZE_MAX = 1024,
	PASSWORD_SIZE_MAX = 1024,
};

struct admin_login {
	const struct admin_login_config *cfg;
	char *name, *password, *dn;
	admin_login_cb *cb;
	void *ctx;
	struct authenticate_op *authentication;
	struct directory_connection *connection;
	size_t tried;			/* URIs of this step, beginning with the authenticator's */
	struct event *step_timer;
	bool bound;			/* the first step is done */
	enum admin_right right;
	enum authenticate_outcome outcome;
	char text[300];
	struct event *timer;		/* the deadline, or the delivery of what is decided */
};

static const struct {
	const char *cn;
	enum admin_right right;
} roles[] = {
	{ "Organization Management", ADMIN_ALL },
	{ "Server Management", ADMIN_ALL },
	{ "View-Only", ADMIN_READ },
};

static void login_free(struct admin_login *l)
{
	authenticate_cancel(&l->authentication);
	directory_close(&l->connection);
	event_free(l->timer);
	event_free(l->step_timer);
	OPENSSL_cleanse(l->password, strlen(l->password));
	free(l->password);
	free(l->name);
	free(l->dn);
	free(l);
}

/* The answer is given from the timer, outside of what brought it. */
static void decide(struct admin_login *l, enum authenticate_outcome outcome, const char *text)
{
	static const struct timeval now = { 0, 0 };

	l->outcome = outcome;
	snprintf(l->text, sizeof(l->text), "%s", text);
	evtimer_add(l->timer, &now);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct admin_login *l = ctx;

	(void)fd;
	(void)what;
	l->cb(l->outcome, l->right, l->text, l->ctx);
	login_free(l);
}

/* --- one connection after the other --- */

static void close_connection(struct admin_login *l)
{
	event_del(l->step_timer);
	directory_close(&l->connection);
}

static void on_ready(void *ctx);
static void on_lost(const char *text, void *ctx);

static size_t uri_count(const struct admin_login *l)
{
	size_t n = 0;

	while (l->cfg->directory->uris[n] != NULL)
		n++;
	return n;
}

static void open_connection(struct admin_login *l)
{
	static const struct directory_callbacks cbs = { on_ready, on_lost };
	static const struct timeval limit = { STEP_MS / 1000, STEP_MS % 1000 * 1000 };
	const struct admin_login_config *cfg = l->cfg;
	size_t n = uri_count(l);

	if (l->tried + 1 < n)
		evtimer_add(l->step_timer, &limit);
	l->connection = directory_open(cfg->loop, cfg->resolver, cfg->directory,
		cfg->directory->uris[(authenticator_uri(cfg->authenticator) + l->tried) % n],
		l->bound, 0, &cbs, l);
}

static void on_lost(const char *text, void *ctx)
{
	struct admin_login *l = ctx;

	close_connection(l);
	l->tried++;
	if (l->tried < uri_count(l))
		open_connection(l);
	else
		decide(l, AUTHENTICATE_UNAVAILABLE, text);
}

static void on_step_timer(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	on_lost("the directory has stopped answering", ctx);
}

/* --- roles --- */

static void take_role(struct admin_login *l, LDAP *ld, LDAPMessage *m)
{
	struct arena *a = arena_new();
	struct draft r;
	struct err e;
	const char *cn;
	size_t i;

	draft_init(&r, a);
	if (directory_entry(ld, m, &r, &e) == 0 && draft_entry(&r)->n > 0) {
		cn = (const char *)r.entry.attrs[0].values[0].data;
		for (i = 0; i < sizeof(roles) / sizeof(roles[0]); i++)
			if (strcasecmp(cn, roles[i].cn) == 0 && roles[i].right > l->right)
				l->right = roles[i].right;
	}
	arena_free(&a);
}

static void on_role(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct admin_login *l = ctx;
	char text[200];
	int code;

	/* on_lost follows */
	if (m == NULL)
		return;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		take_role(l, ld, m);
	if (ldap_msgtype(m) != LDAP_RES_SEARCH_RESULT)
		return;
	code = directory_result(ld, m, text, sizeof(text));
	close_connection(l);
	if (code == LDAP_SUCCESS || code == LDAP_NO_SUCH_OBJECT)
		decide(l, AUTHENTICATE_OK, l->dn);
	else
		decide(l, AUTHENTICATE_UNAVAILABLE, text);
}

static void search_roles(struct admin_login *l)
{
	static const char *const attrs[] = { "cn", NULL };
	struct berval in = { strlen(l->dn), l->dn }, out = { 0, NULL };
	struct directory_query q = { .scope = LDAP_SCOPE_ONELEVEL, .attrs = attrs };
	char *base = xasprintf("cn=Roles,%s", l->cfg->base), *filter;
	struct err e;

	BUG_ON(ldap_bv2escaped_filter_value(&in, &out) != 0);
	filter = xasprintf("(member=%s)", out.bv_val);
	ber_memfree(out.bv_val);
	q.base = base;
	q.filter = filter;
	if (directory_search(l->connection, &q, on_role, l, &e) < 0)
		decide(l, AUTHENTICATE_UNAVAILABLE, e.text);
	free(base);
	free(filter);
}

static void begin_roles(struct admin_login *l)
{
	l->bound = true;
	l->tried = 0;
	open_connection(l);
}

/* --- the password --- */

static void on_bound(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct admin_login *l = ctx;
	char text[200];
	int code;

	if (m == NULL)
		return;
	code = directory_result(ld, m, text, sizeof(text));
	close_connection(l);
	if (code == LDAP_SUCCESS)
		begin_roles(l);
	else if (code == LDAP_BUSY || code == LDAP_UNAVAILABLE || code == LDAP_OTHER)
		decide(l, AUTHENTICATE_UNAVAILABLE, text);
	else
		decide(l, AUTHENTICATE_REFUSED, text);
}

static void on_ready(void *ctx)
{
	struct admin_login *l = ctx;
	struct err e;

	if (l->bound)
		search_roles(l);
	else if (directory_bind(l->connection, l->dn, l->password, on_bound, l, &e) < 0)
		decide(l, AUTHENTICATE_REFUSED, e.text);
}

static void on_authenticated(const struct authenticate_result *r, void *ctx)
{
	struct admin_login *l = ctx;

	l->authentication = NULL;
	if (r->outcome != AUTHENTICATE_OK) {
		decide(l, r->outcome, r->text);
		return;
	}
	l->dn = xstrdup(r->dn);
	begin_roles(l);
}

static void begin(struct admin_login *l)
{
	/* a bind without a password succeeds as nobody (RFC 4513 section 5.1.2) */
	if (l->password[0] == '\0' || strlen(l->password) > PASSWORD_SIZE_MAX ||
		strlen(l->name) > NAME_SIZE_MAX) {
		decide(l, AUTHENTICATE_REFUSED, "name or password empty or too long");
	} else if (strchr(l->name, '=') != NULL) {
		l->dn = xstrdup(l->name);
		open_connection(l);
	} else {
		l->authentication = authenticate_start(l->cfg->authenticator, l->name, l->password,
			on_authenticated, l);
	}
}

struct admin_login *admin_login_start(const struct admin_login_config *cfg, const char *name,
	const char *password, admin_login_cb *cb, void *ctx)
{
	static const struct timeval limit = { .tv_sec = LOGIN_MS / 1000 };
	struct admin_login *l = xcalloc(1, sizeof(*l));

	l->cfg = cfg;
	l->name = xstrdup(name);
	l->password = xstrdup(password);
	l->cb = cb;
	l->ctx = ctx;
	l->outcome = AUTHENTICATE_UNAVAILABLE;
	snprintf(l->text, sizeof(l->text), "the directory did not answer in time");
	l->timer = evtimer_new(loop_base(cfg->loop), on_timer, l);
	l->step_timer = evtimer_new(loop_base(cfg->loop), on_step_timer, l);
	BUG_ON(l->step_timer == NULL || l->timer == NULL || evtimer_add(l->timer, &limit) != 0);
	begin(l);
	return l;
}

void admin_login_cancel(struct admin_login **lp)
{
	struct admin_login *l = *lp;

	*lp = NULL;
	if (l != NULL)
		login_free(l);
}
