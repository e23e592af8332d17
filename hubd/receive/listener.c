/* listener.c - see listener.h
 *
 * Linux refuses a specific address beside a wildcard that listens on the same port, unless both
 * sockets have SO_REUSEPORT. In the long run there is one socket then, the wildcard's: it serves
 * both bindings, and the connector is chosen by the local address of the connection. SO_REUSEPORT
 * is set only for the moment in which one takes over from the other, so that nobody is refused in
 * between; were it set for good, a second hub of the same user would share the port by mistake.
 *
 *   to the wildcard	sockets of specific addresses stay beside it; they do no harm
 *   from the wildcard	it goes on for LINGER_MS, since handshakes that it began come back to it
 *
 * Whoever waits in the queue of a socket that closes is accepted first.
 */
#include "hubd/receive/listener.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

#include "hubd/receive/address_watch.h"
#include "hubd/receive/admission.h"
#include "hubd/receive/listen_socket.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum {
	ACCEPTS_PER_TURN = 64,
	ACCEPTS_AT_END = 2 * LISTEN_SOCKET_BACKLOG,
	RETRY_S = 5,		/* bindings that are off */
	PAUSE_MS = 200,		/* after running out of descriptors */
	LINGER_MS = 1000,	/* a handshake comes to its end meanwhile */
};

/* One binding, with a socket or without. */
struct listener {
	struct listener *next;
	struct listeners *all;
	struct endpoint at;	/* its text is ours */
	char *problem;		/* why it is off, or NULL */
	struct event *readable;	/* NULL without a socket */
	int fd;
	bool wanted;		/* the configuration names it */
};

struct listeners {
	struct loop *loop;
	struct admission *admission;
	struct address_watch *addresses;
	struct listener *list;
	struct event *retry, *unpause, *linger;
	void (*on_change)(void *ctx);
	void *ctx;
	bool stopped;
};

static bool is_wildcard(const struct listener *one)
{
	const struct sockaddr_in6 *in6 = (const void *)&one->at.addr;
	const struct sockaddr_in *in = (const void *)&one->at.addr;

	return one->at.addr.ss_family == AF_INET ? in->sin_addr.s_addr == htonl(INADDR_ANY) :
		IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

static bool is_open(const struct listener *one)
{
	return one->readable != NULL;
}

/* One of the two may be the wildcard of the other. */
static bool same_port(const struct listener *a, const struct listener *b)
{
	return a->at.port == b->at.port && a->at.addr.ss_family == b->at.addr.ss_family;
}

/* Does a wildcard that is wanted and open serve it? */
static bool is_covered(const struct listener *one)
{
	const struct listener *other;

	if (is_wildcard(one))
		return false;
	LL_FOREACH(one->all->list, other)
		if (other->wanted && is_open(other) && is_wildcard(other) && same_port(one, other))
			return true;
	return false;
}

/* --- accept --- */

static void set_accepting(struct listeners *l, bool on)
{
	struct listener *one;

	LL_FOREACH(l->list, one) {
		if (is_open(one) && on)
			event_add(one->readable, NULL);
		else if (is_open(one))
			event_del(one->readable);
	}
}

static void on_unpause(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	set_accepting(ctx, true);
}

static void pause_accepting(struct listener *one, const char *why)
{
	static const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };

	log_event(LOG_LEVEL_ERROR, "accept-failed", LOG_STR("binding", one->at.text),
		LOG_STR("why", why), LOG_END);
	set_accepting(one->all, false);
	evtimer_add(one->all->unpause, &pause);
}

/* True if there may be more to accept. */
static bool accept_one(struct listener *one)
{
	struct sockaddr_storage peer = { 0 }, local = { 0 };
	socklen_t n = sizeof(peer), local_n = sizeof(local);
	int fd = accept4(one->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		pause_accepting(one, strerror(errno));
		return false;
	}
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	if (!is_wildcard(one))
		admission_take(one->all->admission, fd, &peer, &one->at.addr);
	else if (getsockname(fd, (struct sockaddr *)&local, &local_n) == 0)
		admission_take(one->all->admission, fd, &peer, &local);
	else
		close(fd);
	return true;
}

static void on_acceptable(evutil_socket_t fd, short what, void *ctx)
{
	struct listener *one = ctx;
	int i;

	(void)fd;
	(void)what;
	loop_touch(one->all->loop);
	for (i = 0; i < ACCEPTS_PER_TURN && accept_one(one); i++)
		;
}

/* --- sockets --- */

/* Lets sockets of ours that have this port share it, or no longer. True if there are any. */
static bool set_sharing(const struct listener *one, bool on)
{
	const struct listener *other;
	bool any = false;

	LL_FOREACH(one->all->list, other) {
		if (other == one || !is_open(other) || !same_port(one, other))
			continue;
		any = true;
		listen_socket_share(other->fd, on);
	}
	return any;
}

static int open_beside_others(const struct listener *one)
{
	bool share = set_sharing(one, true);
	int fd = listen_socket_open(&one->at.addr, share), saved = errno;

	if (!share)
		return fd;
	set_sharing(one, false);
	if (fd >= 0)
		listen_socket_share(fd, false);
	errno = saved;
	return fd;
}

/* --- one binding --- */

/* why NULL = it is on. */
static void set_problem(struct listener *one, const char *why)
{
	if (why != NULL && (one->problem == NULL || strcmp(one->problem, why) != 0))
		log_event(LOG_LEVEL_ERROR, "binding-off", LOG_STR("binding", one->at.text),
			LOG_STR("why", why), LOG_END);
	else if (why == NULL && one->problem != NULL)
		log_event(LOG_LEVEL_INFO, "binding-on", LOG_STR("binding", one->at.text), LOG_END);
	free(one->problem);
	one->problem = why != NULL ? xstrdup(why) : NULL;
}

static bool listener_open(struct listener *one)
{
	one->fd = open_beside_others(one);
	if (one->fd < 0)
		return false;
	one->readable = event_new(loop_base(one->all->loop), one->fd, EV_READ | EV_PERSIST,
		on_acceptable, one);
	BUG_ON(one->readable == NULL || event_add(one->readable, NULL) != 0);
	log_event(LOG_LEVEL_INFO, "listening", LOG_STR("binding", one->at.text), LOG_END);
	return true;
}

/* Opens it if it has no socket and needs one; otherwise the address may have come or gone. */
static void listener_refresh(struct listener *one)
{
	bool ok = !is_open(one) && !is_covered(one) ? listener_open(one) :
		is_wildcard(one) || host_has_address(&one->at.addr);

	set_problem(one, ok ? NULL : strerror(errno));
}

/* serve: those who have connected are let in first. */
static void listener_free(struct listener *one, bool serve)
{
	int i;

	LL_DELETE(one->all->list, one);
	if (is_open(one)) {
		for (i = 0; serve && i < ACCEPTS_AT_END && accept_one(one); i++)
			;
		event_free(one->readable);
		close(one->fd);
		log_event(LOG_LEVEL_INFO, "not-listening", LOG_STR("binding", one->at.text),
			LOG_END);
	}
	free(one->problem);
	free((char *)(uintptr_t)one->at.text);
	free(one);
}

/* --- all of them --- */

/* A wildcard whose port goes on with other addresses. */
static bool hands_over(const struct listener *one)
{
	const struct listener *other;

	if (!is_open(one) || !is_wildcard(one))
		return false;
	LL_FOREACH(one->all->list, other)
		if (other->wanted && is_open(other) && same_port(one, other))
			return true;
	return false;
}

/* Frees what is no longer wanted and serves nobody. True if some still have to linger. */
static bool sweep(struct listeners *l, bool may_linger)
{
	struct listener *one, *next;
	bool left = false;

	LL_FOREACH_SAFE(l->list, one, next) {
		if (one->wanted || (is_open(one) && is_covered(one)))
			continue;
		if (may_linger && hands_over(one))
			left = true;
		else
			listener_free(one, true);
	}
	return left;
}

static void on_linger_over(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	(void)sweep(ctx, false);
}

static void refresh(struct listeners *l)
{
	static const struct timeval later = { .tv_sec = RETRY_S };
	struct listener *one;
	bool off = false;

	/* wildcards first: what they cover needs no socket */
	LL_FOREACH(l->list, one)
		if (one->wanted && is_wildcard(one))
			listener_refresh(one);
	LL_FOREACH(l->list, one)
		if (one->wanted && !is_wildcard(one))
			listener_refresh(one);
	LL_FOREACH(l->list, one)
		off = off || (one->wanted && one->problem != NULL);
	if (off)
		evtimer_add(l->retry, &later);
	l->on_change(l->ctx);
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	refresh(ctx);
}

static void on_addresses(void *ctx)
{
	struct listeners *l = ctx;

	if (!l->stopped)
		refresh(l);
}

static void want(struct listeners *l, const struct endpoint *binding)
{
	struct listener *one;

	LL_FOREACH(l->list, one)
		if (endpoint_same_place(&one->at, binding))
			break;
	if (one == NULL) {
		one = xcalloc(1, sizeof(*one));
		one->all = l;
		LL_PREPEND(l->list, one);
	} else {
		/* whether TLS comes first may have changed */
		free((char *)(uintptr_t)one->at.text);
	}
	one->at = *binding;
	one->at.text = xstrdup(binding->text);
	one->wanted = true;
}

static void want_all(struct listeners *l, const struct live *live)
{
	struct objects own = snapshot_server_connectors(live->snapshot, live->self);
	const struct receive_connector *rc;
	size_t i, k;

	for (i = 0; i < own.n; i++) {
		rc = (const void *)own.v[i];
		for (k = 0; rc->obj.enabled && k < rc->bindings.n; k++)
			want(l, &rc->bindings.v[k]);
	}
}

void listeners_set_live(struct listeners *l, const struct live *live)
{
	static const struct timeval linger = { .tv_usec = (LINGER_MS % 1000) * 1000,
		.tv_sec = LINGER_MS / 1000 };
	struct listener *one;

	if (l->stopped)
		return;
	LL_FOREACH(l->list, one)
		one->wanted = false;
	want_all(l, live);
	refresh(l);
	/* who waits at a binding that goes comes in as it was */
	if (sweep(l, true))
		evtimer_add(l->linger, &linger);
	admission_set_live(l->admission, live);
}

static void close_all(struct listeners *l, bool serve)
{
	l->stopped = true;
	while (l->list != NULL)
		listener_free(l->list, serve);
	evtimer_del(l->retry);
	evtimer_del(l->unpause);
	evtimer_del(l->linger);
}

void listeners_stop(struct listeners *l)
{
	close_all(l, true);
	l->on_change(l->ctx);
}

/* --- life --- */

struct listeners *listeners_new(struct loop *loop, void (*on_change)(void *ctx), void *ctx)
{
	struct listeners *l = xcalloc(1, sizeof(*l));

	l->loop = loop;
	l->on_change = on_change;
	l->ctx = ctx;
	l->admission = admission_new(loop);
	l->retry = evtimer_new(loop_base(loop), on_retry, l);
	l->unpause = evtimer_new(loop_base(loop), on_unpause, l);
	l->linger = evtimer_new(loop_base(loop), on_linger_over, l);
	BUG_ON(l->retry == NULL || l->unpause == NULL || l->linger == NULL);
	l->addresses = address_watch_new(loop, on_addresses, l);
	return l;
}

void listeners_free(struct listeners **lp)
{
	struct listeners *l = *lp;

	if (l == NULL)
		return;
	close_all(l, false);
	address_watch_free(&l->addresses);
	admission_free(&l->admission);
	event_free(l->retry);
	event_free(l->unpause);
	event_free(l->linger);
	free(l);
	*lp = NULL;
}

void listeners_set_receivers(struct listeners *l, struct inbox *const *receivers, size_t n)
{
	admission_set_receivers(l->admission, receivers, n);
}

struct inbox *listeners_departures(struct listeners *l)
{
	return admission_departures(l->admission);
}

uint64_t listeners_connections(const struct listeners *l)
{
	return admission_connections(l->admission);
}

void listeners_each(const struct listeners *l,
	void (*cb)(const char *binding, const char *problem, void *ctx), void *ctx)
{
	const struct listener *one;

	LL_FOREACH(l->list, one)
		if (one->wanted)
			cb(one->at.text, one->problem, ctx);
}
