/* mx.c - see mx.h. One operation asks MX once, then the addresses of all hosts at the same time. */
#include "hubd/deliver/mx.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

enum { CACHE_MAX = 4096, KEY_SIZE = RESOLVER_NAME_SIZE + 32, TEXT_SIZE = 300, SMTP_PORT = 25 };

struct cached {
	UT_hash_handle hh;
	char key[KEY_SIZE];
	uint64_t until_ms;
	size_t n;
	struct mx_target targets[];
};

struct mx {
	struct loop *loop;
	struct resolver *resolver;
	struct cached *cache;		/* oldest first */
	struct mx_target literal;	/* behind the answer of mx_cached */
};

/* One host of the list and its look-up. */
struct host {
	struct mx_op *op;
	struct resolver_op *lookup;
	char name[RESOLVER_NAME_SIZE];
	enum resolve_outcome outcome;
	size_t n;
	union resolver_sockaddr addr[4];
};

struct mx_op {
	struct mx *mx;
	mx_cb *cb;
	void *ctx;
	char key[KEY_SIZE];
	char name[RESOLVER_NAME_SIZE];
	char own_name[RESOLVER_NAME_SIZE];
	uint16_t port;
	union resolver_sockaddr own[8];
	size_t n_own;
	bool cut;			/* we were in the list: what is behind us is left out */
	struct resolver_op *lookup;
	size_t n_hosts, pending;
	struct host hosts[MX_HOSTS];
};

/* --- literals and the cache --- */

static uint16_t port_of(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
	return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
}

static bool literal_parse(const char *name, uint16_t port, union resolver_sockaddr *out)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)(void *)out;
	struct sockaddr_in *v4 = (struct sockaddr_in *)(void *)out;
	char text[INET6_ADDRSTRLEN + 8];
	size_t n = strlen(name);

	if (n < 3 || n - 2 >= sizeof(text) || name[0] != '[' || name[n - 1] != ']')
		return false;
	memcpy(text, name + 1, n - 2);
	text[n - 2] = '\0';
	memset(out, 0, sizeof(*out));
	if (strncasecmp(text, "IPv6:", 5) == 0) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		return inet_pton(AF_INET6, text + 5, &v6->sin6_addr) == 1;
	}
	v4->sin_family = AF_INET;
	v4->sin_port = htons(port);
	return inet_pton(AF_INET, text, &v4->sin_addr) == 1;
}

static void key_of(const struct mx_question *q, char key[KEY_SIZE])
{
	snprintf(key, KEY_SIZE, "%s|%u|%d", q->name, (unsigned)q->port, q->host);
}

static void cache_drop(struct mx *mx, struct cached *c)
{
	HASH_DEL(mx->cache, c);
	free(c);
}

static void cache_keep(struct mx *mx, const char *key, const struct mx_target *targets, size_t n)
{
	struct cached *c;

	HASH_FIND_STR(mx->cache, key, c);
	if (c != NULL)
		cache_drop(mx, c);
	else if (HASH_COUNT(mx->cache) >= CACHE_MAX)
		cache_drop(mx, mx->cache);
	c = xcalloc(1, sizeof(*c) + n * sizeof(*targets));
	snprintf(c->key, sizeof(c->key), "%s", key);
	c->until_ms = clock_mono_ms() + MX_KEEP_MS;
	c->n = n;
	memcpy(c->targets, targets, n * sizeof(*targets));
	HASH_ADD_STR(mx->cache, key, c);
}

bool mx_cached(struct mx *mx, const struct mx_question *q, struct mx_answer *out)
{
	char key[KEY_SIZE];
	struct cached *c;

	if (literal_parse(q->name, q->port, &mx->literal.addr)) {
		mx->literal.host[0] = '\0';
		*out = (struct mx_answer){ .ok = true, .text = "", .n = 1,
			.targets = &mx->literal };
		return true;
	}
	key_of(q, key);
	HASH_FIND_STR(mx->cache, key, c);
	if (c == NULL)
		return false;
	if (c->until_ms <= clock_mono_ms()) {
		cache_drop(mx, c);
		return false;
	}
	*out = (struct mx_answer){ .ok = true, .text = "", .n = c->n, .targets = c->targets };
	return true;
}

struct mx *mx_new(struct loop *l, struct resolver *r)
{
	struct mx *mx = xcalloc(1, sizeof(*mx));

	mx->loop = l;
	mx->resolver = r;
	return mx;
}

void mx_free(struct mx **mxp)
{
	struct mx *mx = *mxp;

	if (mx == NULL)
		return;
	while (mx->cache != NULL)
		cache_drop(mx, mx->cache);
	free(mx);
	*mxp = NULL;
}

/* --- the answer --- */

static void answer(struct mx_op *op, const struct mx_answer *a)
{
	mx_cb *cb = op->cb;
	void *ctx = op->ctx;

	cb(a, ctx);
	free(op);
}

static void fail(struct mx_op *op, enum verdict_event event, const char *text)
{
	struct mx_answer a = { .event = event, .text = text };

	answer(op, &a);
}

static bool same_address(const struct sockaddr *a, const struct sockaddr *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->sa_family != b->sa_family || port_of(a) != port_of(b))
		return false;
	if (a->sa_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static bool is_own(const struct mx_op *op, const union resolver_sockaddr *addr)
{
	size_t i;

	for (i = 0; i < op->n_own; i++)
		if (same_address(&addr->sa, &op->own[i].sa))
			return true;
	return false;
}

/* Gathers the addresses in the order of the hosts, up to ourselves. */
static size_t gather(struct mx_op *op, struct mx_target *out)
{
	size_t i, j, n = 0;

	for (i = 0; i < op->n_hosts; i++) {
		const struct host *h = &op->hosts[i];

		for (j = 0; j < h->n && n < MX_TARGETS; j++) {
			if (is_own(op, &h->addr[j])) {
				op->cut = true;
				op->n_hosts = i;
				return n;
			}
			memcpy(out[n].host, h->name, sizeof(h->name));
			out[n++].addr = h->addr[j];
		}
	}
	return n;
}

static void no_target(struct mx_op *op)
{
	char text[TEXT_SIZE + RESOLVER_NAME_SIZE];
	bool temporary = false;
	size_t i;

	for (i = 0; i < op->n_hosts; i++)
		temporary = temporary || op->hosts[i].outcome == RESOLVE_TEMP_FAILURE;
	/* a better one than ourselves may be there, only nobody tells its address now */
	if (temporary) {
		snprintf(text, sizeof(text), "no answer for the address of %s's mail exchanger",
			op->name);
		fail(op, EVENT_DNS_TEMPORARY, text);
	} else if (op->cut) {
		snprintf(text, sizeof(text), "the mail exchanger of %s is this server", op->name);
		fail(op, EVENT_LOOP, text);
	} else {
		snprintf(text, sizeof(text), "no mail exchanger of %s has an address", op->name);
		fail(op, op->n_hosts == 1 && op->hosts[0].outcome == RESOLVE_NX_DOMAIN &&
			strcasecmp(op->hosts[0].name, op->name) == 0 ? EVENT_NX_DOMAIN :
			EVENT_NO_ADDRESS, text);
	}
}

static void conclude(struct mx_op *op)
{
	struct mx_target targets[MX_TARGETS];
	struct mx_answer a = { .ok = true, .text = "", .targets = targets };

	a.n = gather(op, targets);
	if (a.n == 0) {
		no_target(op);
		return;
	}
	cache_keep(op->mx, op->key, targets, a.n);
	answer(op, &a);
}

/* --- look-ups --- */

static void on_addr(const struct resolver_addr_result *res, void *ctx)
{
	struct host *h = ctx;
	struct mx_op *op = h->op;
	size_t i;

	h->lookup = NULL;
	h->outcome = res->outcome;
	for (i = 0; i < res->n && h->n < sizeof(h->addr) / sizeof(h->addr[0]); i++)
		h->addr[h->n++] = res->addr[i];
	if (--op->pending == 0)
		conclude(op);
}

static void ask_addresses(struct mx_op *op)
{
	size_t i;

	op->pending = op->n_hosts;
	for (i = 0; i < op->n_hosts; i++) {
		struct host *h = &op->hosts[i];

		h->op = op;
		h->lookup = resolver_addr(op->mx->resolver, h->name, op->port,
			RESOLVER_IPV4_FIRST, on_addr, h);
	}
}

static void add_host(struct mx_op *op, const char *name)
{
	struct host *h = &op->hosts[op->n_hosts++];

	snprintf(h->name, sizeof(h->name), "%s", name);
}

/* RFC 5321 section 5.1: hosts as good as we are, and worse ones, are left out. */
static size_t before_us(struct mx_op *op, const struct resolver_mx_result *res)
{
	size_t i, j;

	for (i = 0; i < res->n && op->own_name[0] != '\0'; i++) {
		if (strcasecmp(res->mx[i].host, op->own_name) != 0)
			continue;
		op->cut = true;
		for (j = 0; res->mx[j].preference < res->mx[i].preference; j++)
			;
		return j;
	}
	return res->n;
}

static void take_hosts(struct mx_op *op, const struct resolver_mx_result *res)
{
	size_t i, n = before_us(op, res);

	for (i = 0; i < n && op->n_hosts < MX_HOSTS; i++)
		add_host(op, res->mx[i].host);
	if (op->n_hosts == 0)
		no_target(op);
	else
		ask_addresses(op);
}

static void on_mx(const struct resolver_mx_result *res, void *ctx)
{
	struct mx_op *op = ctx;

	op->lookup = NULL;
	switch (res->outcome) {
	case RESOLVE_OK:
		take_hosts(op, res);
		return;
	case RESOLVE_NO_DATA:
		add_host(op, op->name);
		ask_addresses(op);
		return;
	case RESOLVE_NX_DOMAIN:
		fail(op, EVENT_NX_DOMAIN, res->text);
		return;
	case RESOLVE_NULL_MX:
		fail(op, EVENT_NULL_MX, res->text);
		return;
	case RESOLVE_UNUSABLE:
		fail(op, EVENT_NO_ADDRESS, res->text);
		return;
	case RESOLVE_TEMP_FAILURE:
		fail(op, EVENT_DNS_TEMPORARY, res->text);
		return;
	}
}

static void copy_own(struct mx_op *op, const struct mx_question *q)
{
	size_t i;

	if (q->own_name == NULL)
		return;
	snprintf(op->own_name, sizeof(op->own_name), "%s", q->own_name);
	for (i = 0; q->own != NULL && i < q->own->n && op->n_own < 8; i++) {
		union resolver_sockaddr *out = &op->own[op->n_own++];

		out->storage = q->own->v[i].addr;
		if (q->own->v[i].port != 0)
			continue;
		if (out->sa.sa_family == AF_INET6)
			((struct sockaddr_in6 *)(void *)out)->sin6_port = htons(SMTP_PORT);
		else
			((struct sockaddr_in *)(void *)out)->sin_port = htons(SMTP_PORT);
	}
}

struct mx_op *mx_start(struct mx *mx, const struct mx_question *q, mx_cb *cb, void *ctx)
{
	struct mx_op *op = xcalloc(1, sizeof(*op));

	op->mx = mx;
	op->cb = cb;
	op->ctx = ctx;
	key_of(q, op->key);
	snprintf(op->name, sizeof(op->name), "%s", q->name);
	op->port = q->port;
	copy_own(op, q);
	if (q->host) {
		add_host(op, q->name);
		ask_addresses(op);
	} else {
		op->lookup = resolver_mx(mx->resolver, op->name, on_mx, op);
	}
	return op;
}

void mx_cancel(struct mx_op **opp)
{
	struct mx_op *op = *opp;
	size_t i;

	if (op == NULL)
		return;
	*opp = NULL;
	resolver_cancel(&op->lookup);
	for (i = 0; i < op->n_hosts; i++)
		resolver_cancel(&op->hosts[i].lookup);
	free(op);
}
