/* connection.c - see connection.h.
 *
 * A connection that is closed, perhaps by one of its own callbacks, stops at once; its memory goes
 * at the end of the loop's turn.
 */
#include "libhub/directory/connection.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent_ssl.h>
#include <fcntl.h>
#include <openldap.h>
#include <openssl/crypto.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <pthread.h>
#include <stdarg.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <uthash.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/directory/connection_priv.h"
#include "libhub/directory/dial.h"

enum {
	MESSAGES_PER_TURN = 200,
	MESSAGE_MAX = 64 * 1024 * 1024,	/* one entry, perhaps a group of many thousands */
	INPUT_MAX = 256 * 1024,		/* read and not yet decoded */
	PASSWORD_MAX = 1024,
};

struct request {
	int id;
	int result;			/* LDAP_RES_*: what ends it */
	bool stream;			/* intermediate messages may come too */
	directory_message_cb *cb;
	void *ctx;
	uint64_t heard_ms;		/* when it was sent, or had a message last */
	UT_hash_handle hh;
};

struct directory_connection {
	struct loop *loop;
	const struct directory_config *cfg;
	char *uri;
	bool bind;
	const struct directory_callbacks *cbs;
	void *ctx;

	struct dial *dial;
	struct bufferevent *bev;
	LDAP *ld;
	struct event *more;		/* input is left from the turn before */
	struct event *limit;		/* of opening, or of the bind in it */
	struct event *silence, *overdue;	/* run while there are requests */
	bool limited;
	struct request *requests;	/* by id */
	bool abandoned_write;		/* nobody hears whether it was done */
	const char *password;		/* the end of what is written next; see send_bind */
	bool ready;
	bool eof;
	bool dead;			/* lost or closed: nothing is called any more */
};

static void drop_requests(struct directory_connection *c)
{
	struct request *r, *next;

	HASH_ITER(hh, c->requests, r, next) {
		HASH_DEL(c->requests, r);
		free(r);
	}
}

static void free_now(void *ctx)
{
	struct directory_connection *c = ctx;

	drop_requests(c);
	if (c->ld != NULL)
		ldap_unbind_ext(c->ld, NULL, NULL);
	if (c->bev != NULL)
		bufferevent_free(c->bev);
	event_free(c->more);
	event_free(c->limit);
	event_free(c->silence);
	event_free(c->overdue);
	free(c->uri);
	free(c);
}

static bool is_write(const struct request *r)
{
	return r->result == LDAP_RES_ADD || r->result == LDAP_RES_MODIFY ||
		r->result == LDAP_RES_DELETE;
}

static bool writes_are_under_way(const struct directory_connection *c)
{
	const struct request *r;

	for (r = c->requests; r != NULL; r = r->hh.next)
		if (is_write(r))
			return true;
	return c->abandoned_write;
}

/*
 * What the kernel has not got through yet it would go on sending after a plain close: a write would
 * be done when nobody counts on it any more, perhaps after the same account has begun anew on
 * another connection. So a connection that is given up in the middle of writes is reset.
 */
static void drop_unsent_writes(struct directory_connection *c)
{
	static const struct linger reset = { .l_onoff = 1, .l_linger = 0 };

	if (c->bev != NULL && writes_are_under_way(c))
		(void)setsockopt(bufferevent_getfd(c->bev), SOL_SOCKET, SO_LINGER, &reset,
			sizeof(reset));
}

static void stop(struct directory_connection *c)
{
	drop_unsent_writes(c);
	c->dead = true;
	dial_cancel(&c->dial);
	if (c->bev != NULL) {
		bufferevent_setcb(c->bev, NULL, NULL, NULL, NULL);
		bufferevent_disable(c->bev, EV_READ | EV_WRITE);
	}
	event_del(c->more);
	event_del(c->limit);
	event_del(c->silence);
	event_del(c->overdue);
}

void directory_close(struct directory_connection **cp)
{
	struct directory_connection *c = *cp;

	if (c == NULL)
		return;
	*cp = NULL;
	stop(c);
	c->cbs = NULL;
	drop_requests(c);
	loop_defer(c->loop, free_now, c);
}

/* cbs NULL means closed: a callback may do that at any step here. */
static void lose(struct directory_connection *c, const char *text)
{
	struct request *r;

	stop(c);
	while (c->cbs != NULL && (r = c->requests) != NULL) {
		HASH_DEL(c->requests, r);
		r->cb(c->ld, NULL, r->ctx);
		free(r);
	}
	if (c->cbs != NULL)
		c->cbs->on_lost(text, c->ctx);
}

static void losef(struct directory_connection *c, const char *fmt, ...) PRINTF_LIKE(2, 3);
static void losef(struct directory_connection *c, const char *fmt, ...)
{
	char text[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	lose(c, text);
}

/* --- the socket buffer of libldap on top of the bufferevent --- */

static int io_setup(Sockbuf_IO_Desc *d, void *arg)
{
	d->sbiod_pvt = arg;
	return 0;
}

static int io_nothing(Sockbuf_IO_Desc *d)
{
	(void)d;
	return 0;
}

static int io_ctrl(Sockbuf_IO_Desc *d, int opt, void *arg)
{
	struct directory_connection *c = d->sbiod_pvt;

	(void)arg;
	return opt == LBER_SB_OPT_DATA_READY &&
		evbuffer_get_length(bufferevent_get_input(c->bev)) > 0;
}

static ber_slen_t io_read(Sockbuf_IO_Desc *d, void *buf, ber_len_t size)
{
	struct directory_connection *c = d->sbiod_pvt;
	int n = evbuffer_remove(bufferevent_get_input(c->bev), buf, size);

	if (n > 0 || c->eof)
		return n > 0 ? n : 0;
	errno = EAGAIN;
	return -1;
}

static void wipe(const void *data, size_t size, void *ctx)
{
	(void)data;
	OPENSSL_cleanse(ctx, size);
	free(ctx);
}

/* In place of the last bytes, from memory that is wiped as soon as it is sent. */
static int write_password(struct directory_connection *c, const void *buf, size_t size)
{
	size_t n = strlen(c->password);
	char *copy = xmemdup(buf, size);

	BUG_ON(n > size);
	memcpy(copy + size - n, c->password, n);
	c->password = NULL;
	return evbuffer_add_reference(bufferevent_get_output(c->bev), copy, size, wipe, copy);
}

static ber_slen_t io_write(Sockbuf_IO_Desc *d, void *buf, ber_len_t size)
{
	struct directory_connection *c = d->sbiod_pvt;

	if ((c->password != NULL ? write_password(c, buf, size) :
		bufferevent_write(c->bev, buf, size)) == 0)
		return (ber_slen_t)size;
	errno = EPIPE;
	return -1;
}

static Sockbuf_IO io = { io_setup, io_nothing, io_ctrl, io_read, io_write, io_nothing };

/* --- silence --- */

static void start_timer(struct event *timer, unsigned int ms)
{
	struct timeval tv = { .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };

	evtimer_add(timer, &tv);
}

/* The server gave a sign, or is expected to from now on. */
static void restart_silence(struct directory_connection *c)
{
	if (c->requests == NULL)
		event_del(c->silence);
	else if (c->cfg->silence_ms != 0)
		start_timer(c->silence, c->cfg->silence_ms);
}

static void on_silence(evutil_socket_t fd, short what, void *ctx)
{
	struct directory_connection *c = ctx;

	(void)fd;
	(void)what;
	losef(c, "lost %s: no answer within %u ms", c->uri, c->cfg->silence_ms);
}

/* Others may be answered all the time: so each is looked at, at the earliest time it may be due. */
static void on_overdue(evutil_socket_t fd, short what, void *ctx)
{
	struct directory_connection *c = ctx;
	uint64_t now = clock_mono_ms(), oldest = now, limit = c->cfg->answer_ms;
	struct request *r;

	(void)fd;
	(void)what;
	for (r = c->requests; r != NULL; r = r->hh.next)
		if (r->heard_ms < oldest)
			oldest = r->heard_ms;
	if (now - oldest >= limit)
		losef(c, "lost %s: a request had no answer within %u ms", c->uri,
			c->cfg->answer_ms);
	else
		start_timer(c->overdue, (unsigned int)(limit - (now - oldest)));
}

static void forget(struct directory_connection *c, struct request *r)
{
	HASH_DEL(c->requests, r);
	free(r);
	if (c->requests != NULL)
		return;
	event_del(c->silence);
	event_del(c->overdue);
}

/* --- answers --- */

static void notice_of_disconnection(struct directory_connection *c, LDAPMessage *m)
{
	char text[200];

	directory_result(c->ld, m, text, sizeof(text));
	losef(c, "lost %s: the server says: %s", c->uri, text);
}

static const char *type_name(int type)
{
	static const struct {
		int type;
		const char *name;
	} names[] = {
		{ LDAP_RES_BIND, "bind" }, { LDAP_RES_SEARCH_ENTRY, "entry" },
		{ LDAP_RES_SEARCH_REFERENCE, "reference" }, { LDAP_RES_SEARCH_RESULT, "search" },
		{ LDAP_RES_MODIFY, "modify" }, { LDAP_RES_ADD, "add" },
		{ LDAP_RES_DELETE, "delete" }, { LDAP_RES_INTERMEDIATE, "intermediate response" },
		{ LDAP_RES_EXTENDED, "extended response" },
	};
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].type == type)
			return names[i].name;
	return "unknown response";
}

/* libldap passes on whatever has the id of a request. */
static bool fits(const struct request *r, int type)
{
	if (type == r->result)
		return true;
	if (r->result != LDAP_RES_SEARCH_RESULT)
		return false;
	return type == LDAP_RES_SEARCH_ENTRY || type == LDAP_RES_SEARCH_REFERENCE ||
		(type == LDAP_RES_INTERMEDIATE && r->stream);
}

static void dispatch(struct directory_connection *c, LDAPMessage *m)
{
	int id = ldap_msgid(m), type = ldap_msgtype(m);
	directory_message_cb *cb;
	struct request *r;
	void *ctx;

	if (id == LDAP_RES_UNSOLICITED) {
		notice_of_disconnection(c, m);
		return;
	}
	HASH_FIND_INT(c->requests, &id, r);
	if (r == NULL)
		return;
	if (!fits(r, type)) {
		losef(c, "lost %s: the server answers a request of type \"%s\" with \"%s\"", c->uri,
			type_name(r->result), type_name(type));
		return;
	}
	r->heard_ms = clock_mono_ms();
	cb = r->cb;
	ctx = r->ctx;
	if (type == r->result)
		forget(c, r);
	cb(c->ld, m, ctx);
}

/* Returns false when the budget of this turn was used up, true when there is no more or no c. */
static bool drain(struct directory_connection *c)
{
	struct timeval zero = { 0, 0 };
	LDAPMessage *m = NULL;
	int left, rc;

	for (left = MESSAGES_PER_TURN; left > 0; left--) {
		rc = ldap_result(c->ld, LDAP_RES_ANY, LDAP_MSG_ONE, &zero, &m);
		if (rc == 0)
			return true;
		if (rc < 0) {
			losef(c, "lost %s: %s", c->uri, c->eof ?
				"the server closed the connection" : "not LDAP, or too large");
			return true;
		}
		dispatch(c, m);
		ldap_msgfree(m);
		if (c->dead)
			return true;
	}
	return false;
}

static void drain_or_later(struct directory_connection *c)
{
	static const struct timeval at_once = { 0, 0 };

	loop_touch(c->loop);
	/* a timer, not event_active: other connections get their turn in between */
	if (!drain(c))
		evtimer_add(c->more, &at_once);
}

static void on_readable(struct bufferevent *bev, void *ctx)
{
	(void)bev;
	restart_silence(ctx);
	drain_or_later(ctx);
}

static void on_more(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	drain_or_later(ctx);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	struct directory_connection *c = ctx;

	(void)bev;
	if ((what & BEV_EVENT_EOF) != 0) {
		/* what came before still counts; then libldap finds the end */
		c->eof = true;
		drain_or_later(c);
	} else if ((what & BEV_EVENT_ERROR) != 0) {
		losef(c, "lost %s: %s", c->uri, errno != 0 ? strerror(errno) : "TLS failure");
	}
}

/* --- opening --- */

static void ready(struct directory_connection *c)
{
	c->ready = true;
	event_del(c->limit);
	c->cbs->on_ready(c->ctx);
}

static void on_bound(LDAP *ld, LDAPMessage *m, void *ctx)
{
	struct directory_connection *c = ctx;
	char text[200];

	if (m == NULL)
		return;
	if (directory_result(ld, m, text, sizeof(text)) == LDAP_SUCCESS)
		ready(c);
	else if (c->cfg->bind_external)
		losef(c, "%s refuses the bind by certificate or socket owner (EXTERNAL): %s",
			c->uri, text);
	else
		losef(c, "%s refuses the bind as %s: %s", c->uri, c->cfg->bind_dn, text);
}

static struct request *expect(struct directory_connection *c, int id, int result,
	directory_message_cb *cb, void *ctx)
{
	struct request *r = xcalloc(1, sizeof(*r));
	bool first = c->requests == NULL;

	r->id = id;
	r->result = result;
	r->cb = cb;
	r->ctx = ctx;
	r->heard_ms = clock_mono_ms();
	HASH_ADD_INT(c->requests, id, r);
	if (!first)
		return r;
	restart_silence(c);
	if (c->cfg->answer_ms != 0)
		start_timer(c->overdue, c->cfg->answer_ms);
	return r;
}

void directory_expect(struct directory_connection *c, int id, int result,
	directory_message_cb *cb, void *ctx)
{
	expect(c, id, result, cb, ctx);
}

LDAP *directory_handle(struct directory_connection *c)
{
	BUG_ON(!c->ready);
	return c->ld;
}

static int send_bind(struct directory_connection *c, const char *dn, const char *mechanism,
	struct berval *secret, struct err *e)
{
	int id, rc = ldap_sasl_bind(c->ld, dn, mechanism, secret, NULL, NULL, &id);

	if (rc != LDAP_SUCCESS)
		return err_set(e, ERR_TEMP, 0, "cannot send a bind: %s", ldap_err2string(rc));
	return id;
}

static int send_external(struct directory_connection *c, struct err *e)
{
	struct berval nothing = { 0, (char[]){ "" } };

	return send_bind(c, "", "EXTERNAL", &nothing, e);
}

/*
 * libldap keeps the request until it is answered, and wipes nothing. So it is given something else
 * of that length; a bind request without controls ends by its password (RFC 4511 section 4.2).
 */
static int send_password(struct directory_connection *c, const char *dn, const char *password,
	struct err *e)
{
	size_t n = strlen(password);
	struct berval mask = { n, xmalloc(n + 1) };
	int id;

	memset(mask.bv_val, '*', n);
	mask.bv_val[n] = '\0';
	c->password = password;
	id = send_bind(c, dn, LDAP_SASL_SIMPLE, &mask, e);
	BUG_ON(id >= 0 && c->password != NULL);
	c->password = NULL;
	free(mask.bv_val);
	return id;
}

/* An empty password would be an anonymous bind that succeeds (RFC 4513 section 5.1.2). */
static int read_password(const char *path, char *password, size_t size, struct err *e)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	ssize_t n = fd >= 0 ? read(fd, password, size - 1) : -1;
	int error = errno;

	if (fd >= 0)
		close(fd);
	if (n < 0)
		return err_set(e, ERR_CONFIG, error, "password file %s", path);
	if (n == (ssize_t)size - 1)
		return err_set(e, ERR_CONFIG, 0, "password file %s is too long", path);
	password[n] = '\0';
	password[strcspn(password, "\r\n")] = '\0';
	if (password[0] == '\0')
		return err_set(e, ERR_CONFIG, 0, "password file %s is empty", path);
	return 0;
}

static int bind_by_password(struct directory_connection *c, struct err *e)
{
	char password[PASSWORD_MAX + 2];
	int id = -1;

	if (c->cfg->password_file == NULL)
		return err_set(e, ERR_CONFIG, 0, "no password file for %s", c->cfg->bind_dn);
	if (read_password(c->cfg->password_file, password, sizeof(password), e) == 0)
		id = send_password(c, c->cfg->bind_dn, password, e);
	OPENSSL_cleanse(password, sizeof(password));
	return id;
}

static void begin_bind(struct directory_connection *c)
{
	struct err e = { 0 };
	int id;

	if (!c->bind || (!c->cfg->bind_external && c->cfg->bind_dn == NULL)) {
		ready(c);
		return;
	}
	id = c->cfg->bind_external ? send_external(c, &e) : bind_by_password(c, &e);
	if (id < 0) {
		lose(c, e.text);
		return;
	}
	expect(c, id, LDAP_RES_BIND, on_bound, c);
	if (!c->limited)
		start_timer(c->limit, DIRECTORY_BIND_MS);
}

static void on_limit(evutil_socket_t fd, short what, void *ctx)
{
	struct directory_connection *c = ctx;

	(void)fd;
	(void)what;
	losef(c, "%s does not answer%s", c->uri, c->ld != NULL ? " the bind" : "");
}

static int begin_ldap(struct directory_connection *c)
{
	static const int version = LDAP_VERSION3;
	ber_len_t max = c->cfg->message_max != 0 ? c->cfg->message_max : MESSAGE_MAX;
	Sockbuf *sb = NULL;

	if (ldap_init_fd(bufferevent_getfd(c->bev), LDAP_PROTO_EXT, "ldap://hub", &c->ld) !=
	    LDAP_SUCCESS)
		return -1;
	ldap_set_option(c->ld, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(c->ld, LDAP_OPT_REFERRALS, LDAP_OPT_OFF);
	ldap_get_option(c->ld, LDAP_OPT_SOCKBUF, &sb);
	ber_sockbuf_ctrl(sb, LBER_SB_OPT_SET_MAX_INCOMING, &max);
	return ber_sockbuf_add_io(sb, &io, LBER_SBIOD_LEVEL_PROVIDER, c);
}

static void on_dialled(struct bufferevent *bev, const struct err *e, void *ctx)
{
	struct directory_connection *c = ctx;

	c->dial = NULL;
	if (bev == NULL) {
		lose(c, e->text);
		return;
	}
	c->bev = bev;
	if (begin_ldap(c) != 0) {
		losef(c, "cannot use %s: libldap refuses the socket", c->uri);
		return;
	}
	bufferevent_setcb(bev, on_readable, NULL, on_event, c);
	bufferevent_setwatermark(bev, EV_READ, 0, INPUT_MAX);
	bufferevent_enable(bev, EV_READ | EV_WRITE);
	begin_bind(c);
}

/* Neither ldap.conf nor LDAP* variables may change how we connect; read at the first call. */
static void before_libldap(void)
{
	setenv("LDAPNOINIT", "1", 1);
}

struct directory_connection *directory_open(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *uri, bool bind, unsigned int limit_ms,
	const struct directory_callbacks *cbs, void *ctx)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct directory_connection *c = xcalloc(1, sizeof(*c));

	pthread_once(&once, before_libldap);
	c->loop = loop;
	c->cfg = cfg;
	c->uri = xstrdup(uri);
	c->bind = bind;
	c->cbs = cbs;
	c->ctx = ctx;
	c->more = evtimer_new(loop_base(loop), on_more, c);
	c->limit = evtimer_new(loop_base(loop), on_limit, c);
	c->silence = evtimer_new(loop_base(loop), on_silence, c);
	c->overdue = evtimer_new(loop_base(loop), on_overdue, c);
	BUG_ON(c->more == NULL || c->limit == NULL || c->silence == NULL || c->overdue == NULL);
	c->limited = limit_ms != 0;
	if (c->limited)
		start_timer(c->limit, limit_ms);
	c->dial = dial_start(loop, resolver, cfg, uri, on_dialled, c);
	return c;
}

/* --- requests --- */

int directory_search(struct directory_connection *c, const struct directory_query *q,
	directory_message_cb *cb, void *ctx, struct err *e)
{
	struct timeval limit = { .tv_sec = q->time_limit_s };
	int id, rc;

	BUG_ON(!c->ready);
	rc = ldap_search_ext(c->ld, q->base, q->scope, q->filter, (char **)(uintptr_t)q->attrs, 0,
		q->controls, NULL, q->time_limit_s != 0 ? &limit : NULL, q->size_limit, &id);
	if (rc != LDAP_SUCCESS)
		return err_set(e, ERR_CONFIG, 0, "cannot search %s with %s: %s", q->base, q->filter,
			ldap_err2string(rc));
	expect(c, id, LDAP_RES_SEARCH_RESULT, cb, ctx)->stream = q->controls != NULL;
	return id;
}

int directory_bind(struct directory_connection *c, const char *dn, const char *password,
	directory_message_cb *cb, void *ctx, struct err *e)
{
	int id;

	BUG_ON(!c->ready || c->requests != NULL || *password == '\0');
	id = send_password(c, dn, password, e);
	if (id >= 0)
		expect(c, id, LDAP_RES_BIND, cb, ctx);
	return id;
}

void directory_abandon(struct directory_connection *c, int id)
{
	struct request *r;

	HASH_FIND_INT(c->requests, &id, r);
	if (r == NULL)
		return;
	c->abandoned_write |= is_write(r);
	forget(c, r);
	if (!c->dead)
		ldap_abandon_ext(c->ld, id, NULL, NULL);
}

int64_t directory_certificate_expires(const struct directory_connection *c)
{
	SSL *ssl = c->bev != NULL ? bufferevent_openssl_get_ssl(c->bev) : NULL;
	const X509 *certificate = ssl != NULL ? SSL_get0_peer_certificate(ssl) : NULL;
	struct tm tm;

	if (certificate == NULL || ASN1_TIME_to_tm(X509_get0_notAfter(certificate), &tm) != 1)
		return 0;
	return timegm(&tm);
}

int directory_result(LDAP *ld, LDAPMessage *m, char *text, size_t size)
{
	char *diagnostic = NULL;
	int code = LDAP_OTHER;

	if (ldap_parse_result(ld, m, &code, NULL, &diagnostic, NULL, NULL, 0) != LDAP_SUCCESS)
		code = LDAP_DECODING_ERROR;
	/* from 0 (RFC 4511 section 4.1.9): the rest means something else to callers */
	if (code < 0) {
		ldap_memfree(diagnostic);
		diagnostic = ldap_strdup("the server gives a result that is none");
		code = LDAP_OTHER;
	}
	if (text != NULL)
		snprintf(text, size, "%s (%d)%s%s", ldap_err2string(code), code,
			diagnostic != NULL && *diagnostic != '\0' ? ": " : "",
			diagnostic != NULL ? diagnostic : "");
	ldap_memfree(diagnostic);
	return code;
}

/* They are wiped in the message: some are secrets, and nobody reads it again. */
static int add_values(struct draft *r, const struct berval *name, const struct berval *values,
	struct err *e)
{
	size_t i;

	for (i = 0; values[i].bv_val != NULL; i++) {
		if (draft_add(r, name->bv_val, name->bv_len, values[i].bv_val, values[i].bv_len,
				e) != 0)
			return -1;
		explicit_bzero(values[i].bv_val, values[i].bv_len);
	}
	return 0;
}

int directory_entry(LDAP *ld, LDAPMessage *m, struct draft *r, struct err *e)
{
	struct berval dn, name, *values = NULL;
	BerElement *ber = NULL;
	int rc;

	if (ldap_get_dn_ber(ld, m, &ber, &dn) != LDAP_SUCCESS)
		return err_set(e, ERR_TEMP, 0, "entry without a DN");
	r->entry.dn = arena_strndup(r->arena, dn.bv_val, dn.bv_len);
	while ((rc = ldap_get_attribute_ber(ld, m, ber, &name, &values)) == LDAP_SUCCESS &&
	       name.bv_val != NULL) {
		if (values != NULL && add_values(r, &name, values, e) != 0) {
			rc = LDAP_OTHER;
			ber_memfree(values);
			break;
		}
		ber_memfree(values);
		values = NULL;
	}
	ber_free(ber, 0);
	if (rc == LDAP_DECODING_ERROR)
		return err_set(e, ERR_TEMP, 0, "entry %s cannot be decoded", r->entry.dn);
	return rc == LDAP_SUCCESS ? 0 : -1;
}
