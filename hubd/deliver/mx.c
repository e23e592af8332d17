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

enum {
	CACHE_MAX = 4096,
	CACHE_TARGETS_MAX = 4 * CACHE_MAX,
	KEY_SIZE = RESOLVER_NAME_SIZE + 32,
	TEXT_SIZE = 300,
};

struct cached {
	UT_hash_handle hh;
	char key[KEY_SIZE];
	uint64_t until_ms;
	bool equals;			/* there is something to shuffle */
	size_t n;
	struct mx_target targets[];
};

struct mx {
	struct loop *loop;
	struct resolver *resolver;
	struct cached *cache;		/* oldest first */
	size_t n_targets;		/* in it */
	struct mx_target answer[MX_TARGETS];	/* behind the answer of mx_cached */
};

/* One host of the list and its look-up. */
struct host {
	struct mx_op *op;
	struct resolver_op *lookup;
	char name[RESOLVER_NAME_SIZE];
	uint16_t preference;
	enum resolve_outcome outcome;
	size_t n;
	union resolver_sockaddr addr[MX_ADDRESSES];
};

struct mx_op {
	struct mx *mx;
	mx_cb *cb;
	void *ctx;
	char key[KEY_SIZE];
	char name[RESOLVER_NAME_SIZE];
	char own_name[RESOLVER_NAME_SIZE];
	uint16_t port;
	bool (*is_own)(const struct sockaddr *sa, void *ctx);
	void *own_ctx;
	uint32_t ttl_s;			/* the least of all answers */
	bool cut;			/* we were in the list: only what is better is left */
	struct resolver_op *lookup;
	size_t n_hosts, pending;
	struct host hosts[MX_HOSTS];
};

/* --- literals and the cache --- */

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
	snprintf(key, KEY_SIZE, "%s|%u|%d%d", q->name, (unsigned)q->port, q->host,
		q->own_name != NULL);
}

static void cache_drop(struct mx *mx, struct cached *c)
{
	HASH_DEL(mx->cache, c);
	mx->n_targets -= c->n;
	free(c);
}

/* The targets of one host, from i on. */
static size_t run_end(const struct mx_target *v, size_t i, size_t n)
{
	size_t end = i + 1;

	while (end < n && strcmp(v[end].host, v[i].host) == 0)
		end++;
	return end;
}

static size_t group_end(const struct mx_target *v, size_t i, size_t n)
{
	size_t end = i + 1;

	while (end < n && v[end].preference == v[i].preference)
		end++;
	return end;
}

static bool has_equals(const struct mx_target *v, size_t n)
{
	size_t i;

	for (i = 0; i < n; i = group_end(v, i, n))
		if (run_end(v, i, n) < group_end(v, i, n))
			return true;
	return false;
}

/* Hosts of equal preference in another order, each with its addresses as they are. */
static void shuffle(const struct mx_target *v, size_t n, struct mx_target *out)
{
	size_t starts[MX_TARGETS], runs, from, to, i, pick, len;

	for (from = 0; from < n; from = to) {
		to = group_end(v, from, n);
		runs = 0;
		for (i = from; i < to; i = run_end(v, i, to))
			starts[runs++] = i;
		while (runs > 0) {
			pick = arc4random_uniform((uint32_t)runs);
			len = run_end(v, starts[pick], to) - starts[pick];
			memcpy(out, v + starts[pick], len * sizeof(*out));
			out += len;
			starts[pick] = starts[--runs];
		}
	}
}

static void cache_keep(struct mx *mx, const struct mx_op *op, const struct mx_target *targets,
	size_t n)
{
	uint64_t keep_ms = op->ttl_s < MX_KEEP_MS / 1000 ? op->ttl_s * 1000ULL : MX_KEEP_MS;
	struct cached *c;

	HASH_FIND_STR(mx->cache, op->key, c);
	if (c != NULL)
		cache_drop(mx, c);
	if (keep_ms == 0)
		return;
	while (HASH_COUNT(mx->cache) >= CACHE_MAX ||
		(mx->cache != NULL && mx->n_targets + n > CACHE_TARGETS_MAX))
		cache_drop(mx, mx->cache);
	c = xcalloc(1, sizeof(*c) + n * sizeof(*targets));
	snprintf(c->key, sizeof(c->key), "%s", op->key);
	c->until_ms = clock_mono_ms() + keep_ms;
	c->equals = has_equals(targets, n);
	c->n = n;
	memcpy(c->targets, targets, n * sizeof(*targets));
	mx->n_targets += n;
	HASH_ADD_STR(mx->cache, key, c);
}

void mx_forget(struct mx *mx)
{
	while (mx->cache != NULL)
		cache_drop(mx, mx->cache);
}

bool mx_cached(struct mx *mx, const struct mx_question *q, struct mx_answer *out)
{
	char key[KEY_SIZE];
	struct cached *c;

	*out = (struct mx_answer){ .ok = true, .text = "", .n = 1, .targets = mx->answer };
	if (literal_parse(q->name, q->port, &mx->answer[0].addr)) {
		mx->answer[0].host[0] = '\0';
		if (q->own_name != NULL && q->is_own != NULL &&
			q->is_own(&mx->answer[0].addr.sa, q->own_ctx))
			*out = (struct mx_answer){ .event = EVENT_LOOP,
				.text = "the address is this server" };
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
	out->n = c->n;
	if (c->equals)
		shuffle(c->targets, c->n, mx->answer);
	else
		out->targets = c->targets;
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
	mx_forget(mx);
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

static bool host_is_own(const struct mx_op *op, const struct host *h)
{
	size_t i;

	for (i = 0; op->is_own != NULL && i < h->n; i++)
		if (op->is_own(&h->addr[i].sa, op->own_ctx))
			return true;
	return false;
}

/*
 * RFC 5321 section 5.1: hosts as good as we are, and worse ones, are left out. Here by their
 * addresses; a list that named us is cut already.
 */
static void cut_at_us(struct mx_op *op)
{
	size_t i;

	for (i = 0; i < op->n_hosts && !host_is_own(op, &op->hosts[i]); i++)
		;
	if (i == op->n_hosts)
		return;
	op->cut = true;
	op->n_hosts = i;
	while (op->n_hosts > 0 &&
		op->hosts[op->n_hosts - 1].preference == op->hosts[i].preference)
		op->n_hosts--;
}

/* The addresses in the order of the hosts. */
static size_t gather(const struct mx_op *op, struct mx_target *out)
{
	size_t i, j, n = 0;

	for (i = 0; i < op->n_hosts; i++) {
		const struct host *h = &op->hosts[i];

		for (j = 0; j < h->n && n < MX_TARGETS; j++) {
			memcpy(out[n].host, h->name, sizeof(h->name));
			out[n].preference = h->preference;
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

	cut_at_us(op);
	a.n = gather(op, targets);
	if (a.n == 0) {
		no_target(op);
		return;
	}
	cache_keep(op->mx, op, targets, a.n);
	answer(op, &a);
}

/* --- look-ups --- */

static void note_ttl(struct mx_op *op, uint32_t ttl_s)
{
	if (ttl_s < op->ttl_s)
		op->ttl_s = ttl_s;
}

/* The families in turn. */
static void take_addresses(struct host *h, const struct resolver_addr_result *res)
{
	size_t split = 1, at[2] = { 0, 0 }, family = 0;

	while (split < res->n && res->addr[split].sa.sa_family == res->addr[0].sa.sa_family)
		split++;
	at[1] = split;
	while (h->n < MX_ADDRESSES && h->n < res->n) {
		if (at[family] < (family == 0 ? split : res->n))
			h->addr[h->n++] = res->addr[at[family]++];
		family = !family;
	}
}

static void on_addr(const struct resolver_addr_result *res, void *ctx)
{
	struct host *h = ctx;
	struct mx_op *op = h->op;

	h->lookup = NULL;
	h->outcome = res->outcome;
	if (res->outcome == RESOLVE_OK) {
		note_ttl(op, res->ttl_s);
		take_addresses(h, res);
	}
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
			RESOLVER_IPV6_FIRST, on_addr, h);
	}
}

static void add_host(struct mx_op *op, const char *name, uint16_t preference)
{
	struct host *h = &op->hosts[op->n_hosts++];

	snprintf(h->name, sizeof(h->name), "%s", name);
	h->preference = preference;
}

/* How many are left of the list, by our name. */
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
		add_host(op, res->mx[i].host, res->mx[i].preference);
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
		note_ttl(op, res->ttl_s);
		take_hosts(op, res);
		return;
	case RESOLVE_NO_DATA:
		add_host(op, op->name, 0);
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

struct mx_op *mx_start(struct mx *mx, const struct mx_question *q, mx_cb *cb, void *ctx)
{
	struct mx_op *op = xcalloc(1, sizeof(*op));

	op->mx = mx;
	op->cb = cb;
	op->ctx = ctx;
	key_of(q, op->key);
	snprintf(op->name, sizeof(op->name), "%s", q->name);
	op->port = q->port;
	op->ttl_s = UINT32_MAX;
	if (q->own_name != NULL) {
		snprintf(op->own_name, sizeof(op->own_name), "%s", q->own_name);
		op->is_own = q->is_own;
		op->own_ctx = q->own_ctx;
	}
	if (q->host) {
		add_host(op, q->name, 0);
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
