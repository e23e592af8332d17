/* authenticate.c - see authenticate.h.
 *
 * An operation looks the name up on one connection that is bound as this server, then binds as the
 * entry found on one of a few others, each of which carries one bind at a time and stays open a
 * while. Operations wait in one list until a connection has room. A connection that is lost, or
 * whose server does not answer, sends its operations back to wait, each a few times only; the next
 * one goes to the next URI. With several URIs a server has less time to answer.
 */
#include "libhub/directory/authenticate.h"

#include <openssl/crypto.h>
#include <stdarg.h>
#include <string.h>

#include <utlist.h>

#include "libhub/base/mem.h"
#include "libhub/directory/connection.h"
#include "libhub/directory/providers.h"

enum {
	OPS_MAX = 1000,			/* waiting and under way */
	SEARCHES_MAX = 32,		/* at a time */
	BINDS_MAX = 4,			/* connections that carry binds */
	DEADLINE_MS = 10 * 1000,	/* of an operation in all */
	ANSWER_MS = 3000,		/* of one request */
	ANSWER_AMONG_MS = 1500,		/* while there is another server to ask */
	OPEN_MAX_MS = 8000,
	IDLE_MS = 30 * 1000,
	ANY_LIMIT_S = 1,		/* less than any of the above, lest it look like silence */
	NAME_MAX_SIZE = 512,
	PASSWORD_MAX_SIZE = 1024,
};

enum phase { WAIT_SEARCH, SEARCHING, WAIT_BIND, BINDING, DECIDED };

struct link {
	struct authenticator *a;
	struct directory_connection *c;	/* NULL = closed */
	bool ready;
	bool binds;
	size_t uri;			/* that it goes to */
	size_t under_way;
	struct event *timer;		/* for an answer, or idle */
};

struct authenticate_op {
	struct authenticator *a;
	char *filter, *password;	/* no password: the entry is only to be found */
	const char *also;
	bool any;			/* nobody is to be found, only whether there is one */
	authenticate_cb *cb;
	void *ctx;
	enum phase phase;
	struct link *link;		/* while SEARCHING or BINDING */
	int request;
	unsigned int tries;		/* lost connections that it will still bear */
	size_t found;
	struct arena *arena;		/* of the entry, once there is one */
	const struct entry *entry;
	enum authenticate_outcome outcome;
	char text[300];
	struct event *timer;		/* the deadline, or delivery of what is decided at once */
	struct authenticate_op *prev, *next;
};

struct authenticator {
	struct loop *loop;
	struct resolver *resolver;
	const struct directory_config *cfg;
	char *base;
	size_t uris, uri;
	unsigned int open_ms;		/* limit for opening, with several URIs */
	struct link search, binds[BINDS_MAX];
	struct authenticate_op *ops;	/* oldest first */
	size_t n, searching;
	bool freed;
};

static void advance(struct authenticator *a);

static void set_timer(struct event *timer, unsigned int ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	evtimer_add(timer, &tv);
}

/* --- connections --- */

static void link_watch(struct link *l)
{
	set_timer(l->timer, l->under_way == 0 ? IDLE_MS : l->a->uris > 1 ? ANSWER_AMONG_MS :
		ANSWER_MS);
}

static void link_close(struct link *l)
{
	directory_close(&l->c);
	l->ready = false;
	l->under_way = 0;
	event_del(l->timer);
}

static void leave_link(struct authenticate_op *op)
{
	if (op->link == NULL)
		return;
	op->a->searching -= op->phase == SEARCHING;
	op->link->under_way--;
	op->link = NULL;
}

static void wipe_password(struct authenticate_op *op)
{
	if (op->password != NULL)
		OPENSSL_cleanse(op->password, strlen(op->password));
}

static void op_free(struct authenticate_op *op)
{
	leave_link(op);
	DL_DELETE(op->a->ops, op);
	op->a->n--;
	event_free(op->timer);
	wipe_password(op);
	free(op->password);
	free(op->filter);
	arena_free(&op->arena);
	free(op);
}

static void decide(struct authenticate_op *op, enum authenticate_outcome outcome, const char *fmt,
	...) PRINTF_LIKE(3, 4);
static void decide(struct authenticate_op *op, enum authenticate_outcome outcome, const char *fmt,
	...)
{
	va_list ap;

	op->outcome = outcome;
	va_start(ap, fmt);
	vsnprintf(op->text, sizeof(op->text), fmt, ap);
	va_end(ap);
}

/* For where no callback may come from: the operation's timer delivers. */
static void decide_later(struct authenticate_op *op, enum authenticate_outcome outcome,
	const char *text)
{
	decide(op, outcome, "%s", text);
	op->phase = DECIDED;
	set_timer(op->timer, 0);
}

static bool other_link_open(const struct authenticator *a, const struct link *but)
{
	size_t i;

	for (i = 0; i < BINDS_MAX; i++)
		if (&a->binds[i] != but && a->binds[i].c != NULL)
			return true;
	return false;
}

/* Closes connections to other servers, unless they have work. */
static void use_server(struct authenticator *a, size_t uri)
{
	size_t i;

	a->uri = uri;
	if (a->search.uri != uri && a->search.under_way == 0)
		link_close(&a->search);
	for (i = 0; i < BINDS_MAX; i++)
		if (a->binds[i].uri != uri && a->binds[i].under_way == 0)
			link_close(&a->binds[i]);
}

/* Whoever fails on one connection would fail on the next to the same server. */
static void change_server(struct authenticator *a, const struct link *failed)
{
	/* nobody may be quick enough: then all get more time */
	if (!failed->ready && a->open_ms < OPEN_MAX_MS)
		a->open_ms *= 2;
	if (failed->uri == a->uri)
		use_server(a, (a->uri + 1) % a->uris);
}

void authenticator_prefer(struct authenticator *a, size_t uri)
{
	if (uri < a->uris && uri != a->uri) {
		use_server(a, uri);
		advance(a);
	}
}

size_t authenticator_uri(const struct authenticator *a)
{
	return a->uri;
}

/* Those that were on the link or have no other to wait for go back, or have tried enough. */
static void link_lost(struct link *l, const char *text)
{
	struct authenticator *a = l->a;
	enum phase waiting = l->binds ? WAIT_BIND : WAIT_SEARCH;
	bool others = l->binds && other_link_open(a, l);
	struct authenticate_op *op;
	bool was_on;

	DL_FOREACH(a->ops, op) {
		was_on = op->link == l;
		if (was_on) {
			leave_link(op);
			op->phase = waiting;
		}
		if ((was_on || (op->phase == waiting && !others)) && op->tries-- == 0)
			decide_later(op, AUTHENTICATE_UNAVAILABLE, text);
	}
	change_server(a, l);
	link_close(l);
	advance(a);
}

static void on_link_ready(void *ctx)
{
	struct link *l = ctx;

	l->ready = true;
	l->a->open_ms = PROVIDERS_OPEN_MS;
	link_watch(l);
	advance(l->a);
}

static void on_link_lost(const char *text, void *ctx)
{
	link_lost(ctx, text);
}

static void on_link_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct link *l = ctx;

	(void)fd;
	(void)what;
	if (l->under_way > 0)
		link_lost(l, "the directory has stopped answering");
	else
		link_close(l);
}

static void link_open(struct link *l)
{
	static const struct directory_callbacks cbs = { on_link_ready, on_link_lost };
	struct authenticator *a = l->a;

	l->uri = a->uri;
	l->c = directory_open(a->loop, a->resolver, a->cfg, a->cfg->uris[l->uri], !l->binds,
		a->uris > 1 ? a->open_ms : 0, &cbs, l);
}

/* A connection with room for a bind; opens another one if there is none. */
static struct link *free_bind_link(struct authenticator *a)
{
	struct link *closed = NULL;
	bool opening = false;
	size_t i;

	for (i = 0; i < BINDS_MAX; i++) {
		if (a->binds[i].ready && a->binds[i].under_way == 0)
			return &a->binds[i];
		opening = opening || (a->binds[i].c != NULL && !a->binds[i].ready);
		if (a->binds[i].c == NULL)
			closed = &a->binds[i];
	}
	if (closed != NULL && !opening)
		link_open(closed);
	return NULL;
}

/* --- the two steps --- */

static void answered(struct authenticate_op *op)
{
	struct link *l = op->link;

	leave_link(op);
	link_watch(l);
}

static const char *text_of(const struct authenticate_op *op, const char *name)
{
	const char *text = op->entry != NULL ? entry_text(op->entry, name) : NULL;

	return text != NULL ? text : "";
}

/* One of its addresses, as good as any other to find the recipient by. */
static const char *address_of(const struct authenticate_op *op)
{
	const char *mail = text_of(op, "mail");

	return *mail != '\0' ? mail : text_of(op, "mailLocalAddress");
}

/* Hands the outcome over. The callback may free the authenticator. */
static void finish(struct authenticate_op *op)
{
	struct authenticator *a = op->a;
	struct authenticate_result r = {
		.outcome = op->outcome,
		.dn = op->entry != NULL ? op->entry->dn : "",
		.uid = text_of(op, "uid"),
		.mail = address_of(op),
		.entry = op->outcome == AUTHENTICATE_OK ? op->entry : NULL,
		.text = op->text,
	};

	op->phase = DECIDED;
	event_del(op->timer);
	wipe_password(op);
	op->cb(&r, op->ctx);
	if (a->freed)
		return;
	op_free(op);
	advance(a);
}

/* RFC 4511 appendix A: what is about this name and password; anything else is about the server. */
static bool is_refusal(int code)
{
	switch (code) {
	case LDAP_CONSTRAINT_VIOLATION:
	case LDAP_NO_SUCH_OBJECT:
	case LDAP_INAPPROPRIATE_AUTH:
	case LDAP_INVALID_CREDENTIALS:
	case LDAP_INSUFFICIENT_ACCESS:
	case LDAP_UNWILLING_TO_PERFORM:
		return true;
	default:
		return false;
	}
}

static void on_bound(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct authenticate_op *op = ctx;
	char text[200];
	int code;

	if (m == NULL)
		return;
	answered(op);
	code = directory_result(ld, m, text, sizeof(text));
	if (code == LDAP_SUCCESS)
		decide(op, AUTHENTICATE_OK, "bound as %s", op->entry->dn);
	else
		decide(op, is_refusal(code) ? AUTHENTICATE_REFUSED : AUTHENTICATE_UNAVAILABLE,
			"bind as %s: %s", op->entry->dn, text);
	finish(op);
}

static void begin_bind(struct authenticate_op *op, struct link *l)
{
	struct err e = { 0 };

	op->request = directory_bind(l->c, op->entry->dn, op->password, on_bound, op, &e);
	if (op->request < 0) {
		decide_later(op, AUTHENTICATE_UNAVAILABLE, e.text);
		return;
	}
	op->phase = BINDING;
	op->link = l;
	l->under_way++;
	link_watch(l);
}

/* The first one; that there is a second is enough to know. */
static void take_found(struct authenticate_op *op, LDAP *ld, LDAPMessage *m)
{
	struct arena *a = arena_new();
	struct err e = { 0 };
	struct draft r;

	draft_init(&r, a);
	if (directory_entry(ld, m, &r, &e) == 0 && op->found++ == 0) {
		op->entry = entry_copy(a, draft_entry(&r));
		op->arena = a;
	} else {
		arena_free(&a);
	}
}

static void forget_found(struct authenticate_op *op)
{
	op->found = 0;
	op->entry = NULL;
	arena_free(&op->arena);
}

static void on_found(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct authenticate_op *op = ctx;
	struct authenticator *a = op->a;
	char text[200];
	int code;

	if (m == NULL)
		return;
	if (ldap_msgtype(m) == LDAP_RES_SEARCH_ENTRY)
		take_found(op, ld, m);
	if (ldap_msgtype(m) != LDAP_RES_SEARCH_RESULT)
		return;
	answered(op);
	code = directory_result(ld, m, text, sizeof(text));
	if (op->any && op->found > 0) {
		forget_found(op);
		decide(op, AUTHENTICATE_OK, "there is one");
	} else if (code == LDAP_SIZELIMIT_EXCEEDED || op->found > 1) {
		forget_found(op);
		decide(op, AUTHENTICATE_REFUSED, "more than one entry has that name");
	} else if (code != LDAP_SUCCESS) {
		decide(op, AUTHENTICATE_UNAVAILABLE, "search below %s: %s", a->base, text);
	} else if (op->found == 0) {
		decide(op, AUTHENTICATE_REFUSED, "no entry has that name");
	} else if (op->password == NULL) {
		decide(op, AUTHENTICATE_OK, "found %s", op->entry->dn);
	} else {
		op->phase = WAIT_BIND;
	}
	if (op->phase == WAIT_BIND)
		advance(a);
	else
		finish(op);
}

static char *escaped(const char *value)
{
	struct berval in = { strlen(value), (char *)(uintptr_t)value }, out = { 0, NULL };
	char *copy;

	BUG_ON(ldap_bv2escaped_filter_value(&in, &out) != 0);
	copy = xstrdup(out.bv_val);
	ber_memfree(out.bv_val);
	return copy;
}

char *authenticate_name_filter(const char *uid, const char *mail)
{
	char *u = escaped(uid), *m = escaped(mail), *filter;

	filter = xasprintf("(|(uid=%s)(mail=%s))", u, m);
	free(u);
	free(m);
	return filter;
}

static void begin_search(struct authenticate_op *op)
{
	const char *const wanted[] = { "uid", "mail", "mailLocalAddress", op->also, NULL };
	const char *const none[] = { LDAP_NO_ATTRS, NULL };
	struct authenticator *a = op->a;
	struct directory_query q = {
		.base = a->base, .filter = op->filter, .scope = LDAP_SCOPE_SUBTREE,
		.attrs = op->any ? none : wanted,
		.size_limit = op->any ? 1 : 2, .time_limit_s = op->any ? ANY_LIMIT_S : 0,
	};
	struct err e = { 0 };

	/* of a search whose connection was lost */
	forget_found(op);
	op->request = directory_search(a->search.c, &q, on_found, op, &e);
	if (op->request < 0) {
		decide_later(op, AUTHENTICATE_UNAVAILABLE, e.text);
		return;
	}
	op->phase = SEARCHING;
	op->link = &a->search;
	a->searching++;
	a->search.under_way++;
	link_watch(&a->search);
}

/* Gives every operation that waits what it waits for, as far as there is room. */
static void advance(struct authenticator *a)
{
	struct authenticate_op *op, *next;
	struct link *l;

	DL_FOREACH_SAFE(a->ops, op, next) {
		if (op->phase == WAIT_SEARCH) {
			if (a->search.ready && a->searching < SEARCHES_MAX)
				begin_search(op);
			else if (a->search.c == NULL)
				link_open(&a->search);
		} else if (op->phase == WAIT_BIND) {
			l = free_bind_link(a);
			if (l != NULL)
				begin_bind(op, l);
		}
	}
}

/* --- operations --- */

static void on_op_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct authenticate_op *op = ctx;
	struct link *l = op->phase == BINDING ? op->link : NULL;

	(void)fd;
	(void)what;
	if (op->phase != DECIDED)
		decide(op, AUTHENTICATE_UNAVAILABLE, "the directory did not answer in time");
	if (op->phase == SEARCHING)
		directory_abandon(op->link->c, op->request);
	/* a bind cannot be abandoned (RFC 4511 section 4.11) */
	leave_link(op);
	if (l != NULL)
		link_close(l);
	finish(op);
}

/* Takes the operation up, if there is room for it and nothing decided yet. */
static struct authenticate_op *begin(struct authenticate_op *op)
{
	struct authenticator *a = op->a;
	bool decided = op->phase == DECIDED;

	op->tries = (unsigned int)a->uris;
	op->timer = evtimer_new(loop_base(a->loop), on_op_timer, op);
	BUG_ON(op->timer == NULL);
	DL_APPEND(a->ops, op);
	a->n++;
	if (!decided && a->n > OPS_MAX)
		decide_later(op, AUTHENTICATE_UNAVAILABLE, "too many authentications at once");
	else if (!decided && a->uris == 0)
		decide_later(op, AUTHENTICATE_UNAVAILABLE, "no directory is configured");
	else
		set_timer(op->timer, decided ? 0 : DEADLINE_MS);
	if (op->phase != DECIDED)
		advance(a);
	return op;
}

static void refuse(struct authenticate_op *op, const char *why)
{
	decide(op, AUTHENTICATE_REFUSED, "%s", why);
	op->phase = DECIDED;
}

struct authenticate_op *authenticate_find_start(struct authenticator *a, const char *filter,
	const char *also, authenticate_cb *cb, void *ctx)
{
	struct authenticate_op *op = xcalloc(1, sizeof(*op));

	*op = (struct authenticate_op){ .a = a, .also = also, .cb = cb, .ctx = ctx };
	if (strlen(filter) > AUTHENTICATE_FILTER_MAX)
		refuse(op, "name too long");
	else
		op->filter = xstrdup(filter);
	return begin(op);
}

struct authenticate_op *authenticate_any_start(struct authenticator *a, const char *filter,
	authenticate_cb *cb, void *ctx)
{
	struct authenticate_op *op = xcalloc(1, sizeof(*op));

	*op = (struct authenticate_op){ .a = a, .any = true, .filter = xstrdup(filter), .cb = cb,
		.ctx = ctx };
	return begin(op);
}

struct authenticate_op *authenticate_start(struct authenticator *a, const char *name,
	const char *password, authenticate_cb *cb, void *ctx)
{
	struct authenticate_op *op = xcalloc(1, sizeof(*op));

	*op = (struct authenticate_op){ .a = a, .cb = cb, .ctx = ctx };
	if (name[0] == '\0' || strlen(name) > NAME_MAX_SIZE) {
		refuse(op, "name empty or too long");
	} else if (password[0] == '\0' || strlen(password) > PASSWORD_MAX_SIZE) {
		/* a bind without a password succeeds as nobody (RFC 4513 section 5.1.2) */
		refuse(op, "password empty or too long");
	} else {
		op->filter = authenticate_name_filter(name, name);
		op->password = xstrdup(password);
	}
	return begin(op);
}

void authenticate_cancel(struct authenticate_op **opp)
{
	struct authenticate_op *op = *opp;
	struct link *l;

	if (op == NULL)
		return;
	*opp = NULL;
	l = op->phase == BINDING ? op->link : NULL;
	if (op->phase == SEARCHING)
		directory_abandon(op->link->c, op->request);
	leave_link(op);
	if (l != NULL)
		link_close(l);
	op_free(op);
}

static void link_init(struct link *l, struct authenticator *a, bool binds)
{
	l->a = a;
	l->binds = binds;
	l->timer = evtimer_new(loop_base(a->loop), on_link_timer, l);
	BUG_ON(l->timer == NULL);
}

static void link_deinit(struct link *l)
{
	link_close(l);
	event_free(l->timer);
}

struct authenticator *authenticator_new(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *recipient_base)
{
	struct authenticator *a = xcalloc(1, sizeof(*a));
	size_t i;

	a->loop = loop;
	a->resolver = resolver;
	a->cfg = cfg;
	a->base = xstrdup(recipient_base);
	a->open_ms = PROVIDERS_OPEN_MS;
	while (cfg->uris[a->uris] != NULL)
		a->uris++;
	link_init(&a->search, a, false);
	for (i = 0; i < BINDS_MAX; i++)
		link_init(&a->binds[i], a, true);
	return a;
}

static void free_now(void *ctx)
{
	struct authenticator *a = ctx;

	while (a->ops != NULL)
		op_free(a->ops);
	free(a->base);
	free(a);
}

void authenticator_free(struct authenticator **ap)
{
	struct authenticator *a = *ap;
	struct authenticate_op *op;
	size_t i;

	if (a == NULL)
		return;
	*ap = NULL;
	a->freed = true;
	DL_FOREACH(a->ops, op) {
		op->link = NULL;
		event_del(op->timer);
	}
	link_deinit(&a->search);
	for (i = 0; i < BINDS_MAX; i++)
		link_deinit(&a->binds[i]);
	loop_defer(a->loop, free_now, a);
}
