/* resolver_channel.c - c-ares on libevent: one event per socket it opens, one timer. */
#include "libhub/base/resolver_priv.h"

#include <arpa/nameser.h>
#include <netinet/in.h>
#include <pthread.h>
#include <string.h>
#include <utlist.h>

#include "libhub/base/mem.h"

/* What fits a UDP answer without fragments on most paths; larger ones come by TCP. */
enum { EDNS_SIZE = 1232 };
/* Room for the answers that come in one turn, as much of it as the system grants. */
enum { RECEIVE_BUFFER = 512 * 1024 };

struct resolver_sock {
	struct resolver_sock *next, *prev;
	struct event *ev;
	int fd;
};

void resolver_channel_rearm(struct resolver_channel *ch)
{
	struct timeval tv, *next = ares_timeout(ch->ares, NULL, &tv);

	if (next != NULL)
		event_add(ch->timer, next);
	else
		event_del(ch->timer);
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver_channel *ch = ctx;

	(void)fd;
	(void)what;
	loop_touch(ch->loop);
	ares_process_fd(ch->ares, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	resolver_channel_rearm(ch);
}

static void on_sock(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver_channel *ch = ctx;

	loop_touch(ch->loop);
	ares_process_fd(ch->ares, (what & EV_READ) != 0 ? fd : ARES_SOCKET_BAD,
		(what & EV_WRITE) != 0 ? fd : ARES_SOCKET_BAD);
	resolver_channel_rearm(ch);
}

/* c-ares tells which events it wants of a socket; neither: it is about to close it. */
static void on_sock_state(void *ctx, ares_socket_t fd, int readable, int writable)
{
	struct resolver_channel *ch = ctx;
	short what = EV_PERSIST;
	struct resolver_sock *s;

	DL_SEARCH_SCALAR(ch->socks, s, fd, fd);
	if (s == NULL) {
		if (!readable && !writable)
			return;
		s = xcalloc(1, sizeof(*s));
		s->fd = fd;
		DL_APPEND(ch->socks, s);
	} else {
		event_free(s->ev);
	}
	if (!readable && !writable) {
		DL_DELETE(ch->socks, s);
		free(s);
		return;
	}
	what |= (short)((readable ? EV_READ : 0) | (writable ? EV_WRITE : 0));
	s->ev = event_new(loop_base(ch->loop), fd, what, on_sock, ch);
	BUG_ON(s->ev == NULL || event_add(s->ev, NULL) != 0);
}

static int add_server(struct ares_addr_port_node *node, const char *text, struct err *e)
{
	union resolver_sockaddr sa;
	int len = sizeof(sa), port;

	if (evutil_parse_sockaddr_port(text, &sa.sa, &len) != 0)
		return err_set(e, ERR_CONFIG, 0, "DNS server \"%.100s\" is not address[:port]",
			text);
	node->family = sa.sa.sa_family;
	if (node->family == AF_INET) {
		struct sockaddr_in *sin = (struct sockaddr_in *)&sa;

		node->addr.addr4 = sin->sin_addr;
		port = ntohs(sin->sin_port);
	} else {
		struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)&sa;

		memcpy(&node->addr.addr6, &sin6->sin6_addr, sizeof(node->addr.addr6));
		port = ntohs(sin6->sin6_port);
	}
	node->udp_port = node->tcp_port = port != 0 ? port : NAMESERVER_PORT;
	return 0;
}

/* "address[:port],…" into nodes linked in order; returns their number or -1. */
static int parse_servers(const char *servers,
	struct ares_addr_port_node nodes[RESOLVER_SERVERS_MAX], struct err *e)
{
	char *copy = xstrdup(servers), *rest = copy, *item;
	int n = 0, rc = 0;

	memset(nodes, 0, RESOLVER_SERVERS_MAX * sizeof(*nodes));
	while (rc == 0 && (item = strsep(&rest, ",")) != NULL) {
		item += strspn(item, " \t");
		item[strcspn(item, " \t")] = '\0';
		if (n == RESOLVER_SERVERS_MAX)
			rc = err_set(e, ERR_CONFIG, 0, "more than %d DNS servers",
				RESOLVER_SERVERS_MAX);
		else
			rc = add_server(&nodes[n], item, e);
		if (n > 0 && rc == 0)
			nodes[n - 1].next = &nodes[n];
		n++;
	}
	free(copy);
	return rc == 0 ? n : -1;
}

int resolver_servers_check(const char *servers, struct err *e)
{
	struct ares_addr_port_node nodes[RESOLVER_SERVERS_MAX];

	if (servers == NULL || *servers == '\0')
		return 0;
	return parse_servers(servers, nodes, e) > 0 ? 0 : -1;
}

void resolver_channel_free(struct resolver_channel *ch)
{
	ares_destroy(ch->ares);
	event_free(ch->timer);
	BUG_ON(ch->socks != NULL);
	free(ch);
}

static void init_library(void)
{
	BUG_ON(ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS);
}

struct resolver_channel *resolver_channel_new(struct loop *l, const char *servers,
	uint32_t timeout_ms, uint32_t tries, struct err *e)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	struct ares_addr_port_node nodes[RESOLVER_SERVERS_MAX];
	struct resolver_channel *ch = xcalloc(1, sizeof(*ch));
	struct ares_options o = { .flags = ARES_FLAG_EDNS | ARES_FLAG_NOALIASES };
	int rc;

	pthread_once(&once, init_library);
	ch->loop = l;
	ch->system = servers == NULL || *servers == '\0';
	o.timeout = (int)timeout_ms;
	o.tries = (int)tries;
	o.ednspsz = EDNS_SIZE;
	o.socket_receive_buffer_size = RECEIVE_BUFFER;
	o.sock_state_cb = on_sock_state;
	o.sock_state_cb_data = ch;
	if (!ch->system && parse_servers(servers, nodes, e) < 0) {
		free(ch);
		return NULL;
	}
	rc = ares_init_options(&ch->ares, &o, ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS |
		ARES_OPT_TRIES | ARES_OPT_EDNSPSZ | ARES_OPT_SOCK_RCVBUF |
		ARES_OPT_SOCK_STATE_CB);
	if (rc != ARES_SUCCESS) {
		err_set(e, ERR_TEMP, 0, "resolver: %s", ares_strerror(rc));
		free(ch);
		return NULL;
	}
	if (!ch->system)
		BUG_ON(ares_set_servers_ports(ch->ares, nodes) != ARES_SUCCESS);
	ch->timer = evtimer_new(loop_base(l), on_timer, ch);
	BUG_ON(ch->timer == NULL);
	return ch;
}
