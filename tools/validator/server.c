/* server.c - see server.h */
#include "tools/validator/server.h"

#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/listener.h>
#include <ldap.h>
#include <utlist.h>

#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum {
	PEERS_MAX = 256,	/* slapd has 16 threads unless told otherwise */
	REQUEST_S = 10,		/* for one request to come, and for its answer to go */
	HOLD_MS = 4000,		/* for the view to be in step, or certain: above PENDING_MS */
	SETTLE_MS = 20,		/* mostly the directory shows an earlier change long before */
};

static const char out_of_step[] = "hub-validator is not in step with the directory";
static const char unsettled[] = "this depends on changes that the directory is still making: "
	"try again";

struct peer {
	struct server_socket *server;
	struct bufferevent *bev;
	bool waiting, answered;
	bool impatient;		/* no longer waits for all that is pending */
	struct event *hold_timer, *settle_timer;
	struct peer *prev, *next;
};

struct server_socket {
	struct loop *loop;
	char *path;
	struct view *view;
	struct evconnlistener *listener;
	struct peer *peers;
	size_t count;
};

static void peer_free(struct peer *p)
{
	DL_DELETE(p->server->peers, p);
	p->server->count--;
	event_free(p->hold_timer);
	event_free(p->settle_timer);
	bufferevent_free(p->bev);
	free(p);
}

static void answer(struct peer *p, const struct verdict *verdict)
{
	struct evbuffer *out = bufferevent_get_output(p->bev);
	char text[sizeof(verdict->text)];
	char *c;

	snprintf(text, sizeof(text), "%s", verdict->text);
	for (c = text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	/* slapd passes on everything after the colon of info */
	if (verdict->code == 0)
		evbuffer_add_printf(out, "CONTINUE\n");
	else
		evbuffer_add_printf(out, "RESULT\ncode: %d\ninfo:%s\n\n", verdict->code, text);
	p->answered = true;
	p->waiting = false;
	evtimer_del(p->hold_timer);
	evtimer_del(p->settle_timer);
}

static void log_refusal(const struct request *r, const struct verdict *verdict)
{
	log_event(LOG_LEVEL_INFO, "refused", LOG_STR("dn", r->dn), LOG_STR("by", r->bind_dn),
		LOG_INT("code", verdict->code), LOG_STR("reason", verdict->text), LOG_END);
}

static void refuse(struct peer *p, int code, const char *text)
{
	struct verdict verdict = { .code = code };

	snprintf(verdict.text, sizeof(verdict.text), "%s", text);
	answer(p, &verdict);
}

/* A change, in step. */
static void judge(struct peer *p, const struct request *r)
{
	struct verdict verdict = { 0 };

	p->waiting = (!p->impatient && !view_is_settled(p->server->view)) ||
		view_judge(p->server->view, r, &verdict) == VIEW_LATER;
	if (p->waiting)
		return;
	if (verdict.code != 0)
		log_refusal(r, &verdict);
	answer(p, &verdict);
}

static void refuse_senseless(struct peer *p, const char *why)
{
	log_text(LOG_LEVEL_WARNING, "request-refused", "%s", why);
	refuse(p, LDAP_OTHER, why);
}

static void wait_for(struct event *timer, int ms)
{
	const struct timeval tv = { ms / 1000, ms % 1000 * 1000 };

	if (!evtimer_pending(timer, NULL))
		evtimer_add(timer, &tv);
}

/* The request is complete: judge it now, later, or not at all. */
static void proceed(struct peer *p)
{
	static const struct verdict pass = { 0 };
	struct evbuffer *in = bufferevent_get_input(p->bev);
	size_t size = evbuffer_get_length(in);
	const char *text = (const char *)evbuffer_pullup(in, -1);
	enum view_state state = view_state(p->server->view);
	struct arena *a = arena_new();
	struct request r;
	struct err e;

	loop_touch(p->server->loop);
	p->waiting = false;
	if (request_parse(a, text, request_end(text, size), &r, &e) != 0)
		refuse_senseless(p, e.text);
	else if (!request_is_change(&r))
		answer(p, &pass);
	else if (state == VIEW_IN_STEP)
		judge(p, &r);
	else if (state == VIEW_OUT_OF_STEP)
		refuse(p, LDAP_BUSY, out_of_step);
	else
		p->waiting = true;
	if (p->waiting)
		wait_for(p->hold_timer, HOLD_MS);
	if (p->waiting && !p->impatient)
		wait_for(p->settle_timer, SETTLE_MS);
	arena_free(&a);
}

static void on_hold_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct peer *p = ctx;

	(void)fd;
	(void)what;
	refuse(p, LDAP_BUSY, view_state(p->server->view) == VIEW_IN_STEP ? unsettled :
		out_of_step);
}

static void on_settle_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct peer *p = ctx;

	(void)fd;
	(void)what;
	p->impatient = true;
	proceed(p);
}

static void on_read(struct bufferevent *bev, void *ctx)
{
	struct peer *p = ctx;
	struct evbuffer *in = bufferevent_get_input(bev);
	struct evbuffer_ptr end;

	if (p->answered || p->waiting) {
		/* one request a connection */
		peer_free(p);
		return;
	}
	end = evbuffer_search(in, "\n\n", 2, NULL);
	if (end.pos >= 0)
		proceed(p);
	else if (evbuffer_get_length(in) > REQUEST_MAX)
		peer_free(p);
}

static void on_written(struct bufferevent *bev, void *ctx)
{
	struct peer *p = ctx;

	(void)bev;
	if (p->answered)
		peer_free(p);
}

static void on_event(struct bufferevent *bev, short what, void *ctx)
{
	(void)bev;
	(void)what;
	peer_free(ctx);
}

static void on_accept(struct evconnlistener *listener, evutil_socket_t fd, struct sockaddr *from,
	int size, void *ctx)
{
	static const struct timeval limit = { .tv_sec = REQUEST_S };
	struct server_socket *s = ctx;
	struct peer *p;

	(void)listener;
	(void)from;
	(void)size;
	if (s->count == PEERS_MAX) {
		evutil_closesocket(fd);
		return;
	}
	p = xcalloc(1, sizeof(*p));
	p->server = s;
	p->bev = bufferevent_socket_new(loop_base(s->loop), fd, BEV_OPT_CLOSE_ON_FREE);
	p->hold_timer = evtimer_new(loop_base(s->loop), on_hold_timer, p);
	p->settle_timer = evtimer_new(loop_base(s->loop), on_settle_timer, p);
	BUG_ON(p->bev == NULL || p->hold_timer == NULL || p->settle_timer == NULL);
	DL_APPEND(s->peers, p);
	s->count++;
	bufferevent_setcb(p->bev, on_read, on_written, on_event, p);
	bufferevent_set_timeouts(p->bev, &limit, &limit);
	bufferevent_enable(p->bev, EV_READ | EV_WRITE);
}

void server_socket_wake(struct server_socket *s)
{
	struct peer *p, *next;

	DL_FOREACH_SAFE(s->peers, p, next)
		if (p->waiting)
			proceed(p);
}

/* --- the socket --- */

/* Nobody else may be listening: two validators would not know of each other's changes. */
static int make_way(const struct sockaddr_un *addr, struct err *e)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct stat st;
	int rc;

	if (fd < 0)
		return err_set(e, ERR_TEMP, errno, "cannot make a socket");
	rc = connect(fd, (const struct sockaddr *)addr, sizeof(*addr));
	close(fd);
	if (rc == 0)
		return err_set(e, ERR_CONFIG, 0, "%s: another process listens there",
			addr->sun_path);
	if (lstat(addr->sun_path, &st) != 0)
		return 0;
	if (!S_ISSOCK(st.st_mode))
		return err_set(e, ERR_CONFIG, 0, "%s exists and is no socket", addr->sun_path);
	unlink(addr->sun_path);
	return 0;
}

static int give_to_group(const char *path, const char *group, struct err *e)
{
	const struct group *g = getgrnam(group);

	if (g == NULL)
		return err_set(e, ERR_CONFIG, 0, "there is no group %s", group);
	if (chown(path, (uid_t)-1, g->gr_gid) != 0 || chmod(path, 0660) != 0)
		return err_set(e, ERR_CONFIG, errno, "cannot give %s to group %s", path, group);
	return 0;
}

static int bind_socket(const char *path, const char *group, struct err *e)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	mode_t mask;
	int fd, rc;

	if (strlen(path) >= sizeof(addr.sun_path))
		return err_set(e, ERR_CONFIG, 0, "%s is too long for a socket", path);
	strcpy(addr.sun_path, path);
	if (make_way(&addr, e) != 0)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mask = umask(0177);
	rc = fd < 0 ? -1 : bind(fd, (const struct sockaddr *)&addr, sizeof(addr));
	umask(mask);
	if (rc != 0)
		rc = err_set(e, ERR_CONFIG, errno, "cannot listen on %s", path);
	else if (group != NULL)
		rc = give_to_group(path, group, e);
	if (rc == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

struct server_socket *server_socket_new(struct loop *loop, const char *path, const char *group,
	struct view *view, struct err *e)
{
	struct server_socket *s;
	int fd = bind_socket(path, group, e);

	if (fd < 0)
		return NULL;
	s = xcalloc(1, sizeof(*s));
	s->loop = loop;
	s->path = xstrdup(path);
	s->view = view;
	s->listener = evconnlistener_new(loop_base(loop), on_accept, s, LEV_OPT_CLOSE_ON_FREE, 128,
		fd);
	BUG_ON(s->listener == NULL);
	return s;
}

void server_socket_free(struct server_socket **sp)
{
	struct server_socket *s = *sp;

	*sp = NULL;
	if (s == NULL)
		return;
	evconnlistener_free(s->listener);
	unlink(s->path);
	while (s->peers != NULL)
		peer_free(s->peers);
	free(s->path);
	free(s);
}
