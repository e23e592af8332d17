/* listener.c - see listener.h */
#include "hubd/receive/listener.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

#include "hubd/receive/refusal.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum {
	BACKLOG = 1024,
	ACCEPTS_PER_TURN = 64,
	RETRY_S = 5,		/* bindings that could not be opened */
	PAUSE_MS = 200,		/* after running out of descriptors */
};

/* One socket. */
struct listener {
	struct listener *next;
	struct listeners *all;
	struct sockaddr_storage addr;
	char *text;
	char *problem;		/* NULL while it listens */
	struct event *readable;	/* NULL while it does not */
	int fd;
	bool wanted;		/* mark and sweep at a new configuration */
};

/* Connections of one source on one connector. Source "" counts the connector as a whole. */
struct slot {
	UT_hash_handle hh;
	uint64_t connections;
	struct slot *connector;	/* the connector's own slot */
	char key[];
};

struct listeners {
	struct loop *loop;
	const struct live *live;
	struct listener *list;
	struct slot *slots;
	struct inbox *departures;
	struct event *retry, *unpause;
	struct refusals *refusals;
	struct inbox *const *receivers;
	size_t receiver_count, next_receiver;
	atomic_uint_fast64_t connections;
	void (*on_change)(void *ctx);
	void *ctx;
	bool stopped;
};

/* --- accounting --- */

static struct slot *slot_get(struct listeners *l, const char *connector, const char *source)
{
	char key[512];
	struct slot *s;
	size_t n;

	n = (size_t)snprintf(key, sizeof(key), "%.300s|%.64s", connector, source);
	HASH_FIND(hh, l->slots, key, n, s);
	if (s == NULL) {
		s = xcalloc(1, sizeof(*s) + n + 1);
		memcpy(s->key, key, n);
		HASH_ADD_KEYPTR(hh, l->slots, s->key, n, s);
	}
	return s;
}

static void slot_drop(struct listeners *l, struct slot *s)
{
	if (--s->connections != 0)
		return;
	HASH_DEL(l->slots, s);
	free(s);
}

static void on_departure(struct inbox_node *node, void *ctx)
{
	struct arrival *a = INBOX_ENTRY(node, struct arrival, node);
	struct listeners *l = ctx;
	struct slot *source = a->slot, *connector = source->connector;

	slot_drop(l, source);
	slot_drop(l, connector);
	atomic_fetch_sub(&l->connections, 1);
	free(a);
}

/* Why this connection is one too many, or NULL. 0 = unlimited everywhere. */
static const char *over_limit(const struct receive_connector *rc, const struct slot *connector,
	const struct slot *source)
{
	uint64_t left, share;

	if (rc->max_connections != 0 && connector->connections >= rc->max_connections)
		return "too many concurrent connections";
	if (rc->max_per_source != 0 && source->connections >= rc->max_per_source)
		return "too many concurrent connections from your address";
	if (rc->max_connections == 0 || rc->max_percent_per_source == 0 ||
		rc->max_percent_per_source >= 100)
		return NULL;
	left = rc->max_connections - connector->connections;
	share = left * rc->max_percent_per_source / 100;
	return source->connections >= (share != 0 ? share : 1) ?
		"too large a share of connections from your address" : NULL;
}

/* --- accept --- */

static void source_text(const struct sockaddr_storage *peer, char *buf, size_t size)
{
	const struct sockaddr_in6 *in6 = (const void *)peer;
	const struct sockaddr_in *in = (const void *)peer;

	inet_ntop(peer->ss_family, peer->ss_family == AF_INET ? (const void *)&in->sin_addr :
		(const void *)&in6->sin6_addr, buf, (socklen_t)size);
}

static void turn_away(struct listeners *l, int fd, const char *source,
	const struct receive_connector *rc, const char *why)
{
	char text[200];
	int n = snprintf(text, sizeof(text), "421 4.3.2 %s\r\n", why);
	/* a fresh socket takes this much without blocking; if not, it is only courtesy */
	ssize_t sent = send(fd, text, (size_t)n, MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)sent;
	refusals_log(l->refusals, source, rc != NULL ? rc->obj.name : NULL, why);
	close(fd);
}

static void admit(struct listeners *l, int fd, const struct sockaddr_storage *peer,
	const struct sockaddr_storage *local, const char *source)
{
	struct listener_match match = listener_match(l->live, local, peer);
	const struct receive_connector *rc = match.connector;
	struct slot *connector, *own;
	struct arrival *a;
	const char *why;

	if (rc == NULL) {
		turn_away(l, fd, source, NULL, "no connector for your address");
		return;
	}
	connector = slot_get(l, rc->obj.rdn, "");
	own = slot_get(l, rc->obj.rdn, source);
	own->connector = connector;
	why = over_limit(rc, connector, own);
	connector->connections++;
	own->connections++;
	if (why != NULL) {
		turn_away(l, fd, source, rc, why);
		slot_drop(l, own);
		slot_drop(l, connector);
		return;
	}
	a = xcalloc(1, sizeof(*a));
	a->fd = fd;
	a->live = live_ref(l->live);
	a->connector = rc;
	a->tls = match.binding->tls;
	a->slot = own;
	snprintf(a->source, sizeof(a->source), "%s", source);
	atomic_fetch_add(&l->connections, 1);
	inbox_post(l->receivers[l->next_receiver], &a->node);
	l->next_receiver = (l->next_receiver + 1) % l->receiver_count;
}

static void set_accepting(struct listeners *l, bool on)
{
	struct listener *one;

	for (one = l->list; one != NULL; one = one->next) {
		if (one->readable != NULL && on)
			event_add(one->readable, NULL);
		else if (one->readable != NULL)
			event_del(one->readable);
	}
}

static void on_unpause(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	set_accepting(ctx, true);
}

/* True if there may be more to accept. */
static bool accept_one(struct listener *one)
{
	static const struct timeval pause = { .tv_usec = PAUSE_MS * 1000 };
	struct sockaddr_storage peer = { 0 }, local = { 0 };
	socklen_t n = sizeof(peer), local_n = sizeof(local);
	char source[64];
	int fd = accept4(one->fd, (struct sockaddr *)&peer, &n, SOCK_NONBLOCK | SOCK_CLOEXEC);

	if (fd < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
		log_event(LOG_LEVEL_ERROR, "accept-failed", LOG_STR("binding", one->text),
			LOG_STR("why", strerror(errno)), LOG_END);
		set_accepting(one->all, false);
		evtimer_add(one->all->unpause, &pause);
		return false;
	}
	if (fd < 0)
		return errno == ECONNABORTED || errno == EINTR;
	source_text(&peer, source, sizeof(source));
	if (getsockname(fd, (struct sockaddr *)&local, &local_n) != 0)
		close(fd);
	else
		admit(one->all, fd, &peer, &local, source);
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

/* --- opening and closing --- */

static socklen_t addr_len(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static int open_socket(const struct sockaddr_storage *addr)
{
	int fd = socket(addr->ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), one = 1;
	int saved;

	if (fd < 0)
		return -1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (addr->ss_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &one, sizeof(one));
	if (bind(fd, (const struct sockaddr *)addr, addr_len(addr)) == 0 && listen(fd,
		BACKLOG) == 0)
		return fd;
	saved = errno;
	close(fd);
	errno = saved;
	return -1;
}

static void listener_open(struct listener *one)
{
	char *problem;

	one->fd = open_socket(&one->addr);
	if (one->fd < 0) {
		problem = xstrdup(strerror(errno));
		if (one->problem == NULL || strcmp(one->problem, problem) != 0)
			log_event(LOG_LEVEL_ERROR, "binding-off", LOG_STR("binding", one->text),
				LOG_STR("why", problem), LOG_END);
		free(one->problem);
		one->problem = problem;
		return;
	}
	free(one->problem);
	one->problem = NULL;
	one->readable = event_new(loop_base(one->all->loop), one->fd, EV_READ | EV_PERSIST,
		on_acceptable, one);
	BUG_ON(one->readable == NULL || event_add(one->readable, NULL) != 0);
	log_event(LOG_LEVEL_INFO, "listening", LOG_STR("binding", one->text), LOG_END);
}

static void listener_free(struct listener *one)
{
	if (one->readable != NULL) {
		event_free(one->readable);
		close(one->fd);
		log_event(LOG_LEVEL_INFO, "not-listening", LOG_STR("binding", one->text), LOG_END);
	}
	free(one->problem);
	free(one->text);
	free(one);
}

static void sweep(struct listeners *l)
{
	struct listener **at = &l->list, *one;

	while ((one = *at) != NULL) {
		if (one->wanted) {
			at = &one->next;
			continue;
		}
		*at = one->next;
		listener_free(one);
	}
}

static void want(struct listeners *l, const struct endpoint *binding)
{
	struct listener *one;

	for (one = l->list; one != NULL; one = one->next) {
		if (strcmp(one->text, binding->text) == 0) {
			one->wanted = true;
			return;
		}
	}
	one = xcalloc(1, sizeof(*one));
	one->all = l;
	one->addr = binding->addr;
	one->text = xstrdup(binding->text);
	one->wanted = true;
	one->next = l->list;
	l->list = one;
}

static bool is_wildcard(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *in6 = (const void *)a;
	const struct sockaddr_in *in = (const void *)a;

	return a->ss_family == AF_INET ? in->sin_addr.s_addr == htonl(INADDR_ANY) :
		IN6_IS_ADDR_UNSPECIFIED(&in6->sin6_addr);
}

typedef void binding_cb(struct listeners *l, const struct endpoint *binding, void *ctx);

static void each_binding(struct listeners *l, binding_cb *cb, void *ctx)
{
	const struct snapshot *s = l->live->snapshot;
	const struct receive_connector *rc;
	size_t i, k;

	for (i = 0; i < s->all[OBJ_RECEIVE_CONNECTOR].n; i++) {
		rc = SNAPSHOT_AT(s, OBJ_RECEIVE_CONNECTOR, receive_connector, i);
		if (rc->server != l->live->self || !rc->obj.enabled)
			continue;
		for (k = 0; k < rc->bindings.n; k++)
			cb(l, &rc->bindings.v[k], ctx);
	}
}

struct cover {
	const struct endpoint *binding;
	bool found;
};

static void look_for_cover(struct listeners *l, const struct endpoint *other, void *ctx)
{
	struct cover *c = ctx;

	(void)l;
	if (is_wildcard(&other->addr) && other->port == c->binding->port &&
		other->addr.ss_family == c->binding->addr.ss_family)
		c->found = true;
}

/*
 * Linux refuses a specific address beside a wildcard that listens on the same port: the wildcard's
 * socket serves both, and the connector is chosen by the local address of the connection.
 */
static void want_unless_covered(struct listeners *l, const struct endpoint *binding, void *ctx)
{
	struct cover c = { .binding = binding };

	(void)ctx;
	if (!is_wildcard(&binding->addr))
		each_binding(l, look_for_cover, &c);
	if (!c.found)
		want(l, binding);
}

static void open_missing(struct listeners *l)
{
	static const struct timeval later = { .tv_sec = RETRY_S };
	struct listener *one;
	bool missing = false;

	for (one = l->list; one != NULL; one = one->next) {
		if (one->readable == NULL)
			listener_open(one);
		missing = missing || one->readable == NULL;
	}
	if (missing)
		evtimer_add(l->retry, &later);
	l->on_change(l->ctx);
}

static void on_retry(evutil_socket_t fd, short what, void *ctx)
{
	(void)fd;
	(void)what;
	open_missing(ctx);
}

void listeners_set_live(struct listeners *l, const struct live *live)
{
	struct listener *one;

	live_unref(&l->live);
	l->live = live_ref(live);
	if (l->stopped)
		return;
	for (one = l->list; one != NULL; one = one->next)
		one->wanted = false;
	each_binding(l, want_unless_covered, NULL);
	sweep(l);
	open_missing(l);
}

void listeners_stop(struct listeners *l)
{
	struct listener *one;

	l->stopped = true;
	for (one = l->list; one != NULL; one = one->next)
		one->wanted = false;
	sweep(l);
	evtimer_del(l->retry);
	evtimer_del(l->unpause);
	l->on_change(l->ctx);
}

struct listeners *listeners_new(struct loop *loop, void (*on_change)(void *ctx), void *ctx)
{
	struct listeners *l = xcalloc(1, sizeof(*l));

	l->loop = loop;
	l->on_change = on_change;
	l->ctx = ctx;
	l->departures = inbox_new(loop, on_departure, l);
	l->retry = evtimer_new(loop_base(loop), on_retry, l);
	l->unpause = evtimer_new(loop_base(loop), on_unpause, l);
	BUG_ON(l->retry == NULL || l->unpause == NULL);
	l->refusals = refusals_new(loop);
	return l;
}

void listeners_free(struct listeners **lp)
{
	struct listeners *l = *lp;

	if (l == NULL)
		return;
	listeners_stop(l);
	inbox_free(&l->departures);
	event_free(l->retry);
	event_free(l->unpause);
	refusals_free(&l->refusals);
	live_unref(&l->live);
	free(l);
	*lp = NULL;
}

void listeners_set_receivers(struct listeners *l, struct inbox *const *receivers, size_t n)
{
	l->receivers = receivers;
	l->receiver_count = n;
}

struct inbox *listeners_departures(struct listeners *l)
{
	return l->departures;
}

uint64_t listeners_connections(const struct listeners *l)
{
	return atomic_load(&l->connections);
}

void listeners_each(const struct listeners *l,
	void (*cb)(const char *binding, const char *problem, void *ctx), void *ctx)
{
	const struct listener *one;

	for (one = l->list; one != NULL; one = one->next)
		cb(one->text, one->problem, ctx);
}
