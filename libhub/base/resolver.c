/* resolver.c - see resolver.h.
 *
 * Questions go out by ares_query only, never by c-ares' own host look-up: so nothing but the
 * servers answers. A change of servers makes a new channel; the old one lives until its last
 * question is over. Results are always handed on at the end of a turn, outside c-ares.
 *
 * At most RESOLVER_PARALLEL questions that may still be answered soon are with the servers, and
 * RESOLVER_SLOW others; look-ups beyond them wait in order. An address look-up that has one
 * family's answer waits RESOLVER_OTHER_MS for the other's.
 */
#include "libhub/base/resolver_priv.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <event2/event_struct.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>
#include <utlist.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/base/resolver_answer.h"

enum { DEFAULT_TIMEOUT_MS = 3000, DEFAULT_TRIES = 2 };

struct resolver {
	struct loop *loop;
	struct resolver_channel *ch;		/* new questions go here */
	struct resolver_channel *retired;
	struct resolver_op *ops;
	struct resolver_op *waiting;		/* of ops, those whose turn to ask has not come */
	struct event *slow_timer;		/* runs while look-ups wait */
	unsigned int asking, slow;		/* questions with the servers */
	uint32_t timeout_ms, tries;
};

/* What one query for one family of addresses, or for MX, came to. */
struct answer {
	enum resolve_outcome outcome;
	uint32_t ttl_s;			/* of RESOLVE_OK */
	char why[80];
};

enum question {
	QUESTION_MX = 1,
	QUESTION_A = 2,
	QUESTION_AAAA = 4,
};

struct resolver_op {
	struct resolver_op *next, *prev;
	struct resolver_op *next_waiting, *prev_waiting;
	struct resolver *r;
	struct loop *loop;
	struct resolver_channel *ch;		/* NULL once the resolver is gone */
	resolver_mx_cb *mx_cb;		/* one of the two */
	resolver_addr_cb *addr_cb;
	void *ctx;
	unsigned int pending;		/* questions under way */
	unsigned int questions;		/* bits */
	unsigned int open;		/* of them, with the servers */
	uint64_t asked_ms;
	bool waits, slow;
	bool cancelled;			/* or answered already */
	struct event other_timer;	/* runs while one family's answer waits for the other's */
	char name[RESOLVER_NAME_SIZE];
	struct answer answer, answer6;	/* MX or A; AAAA */
	size_t n, n6;
	struct resolver_mx *mx;
	union resolver_sockaddr *addr, *addr6;
	uint16_t port;
	enum resolver_family family;
};

bool resolver_name_valid(const char *name)
{
	static const char allowed[] =
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
	size_t label, total = 0;

	for (;;) {
		label = strspn(name + total, allowed);
		if (label == 0 || label > 63)
			return false;
		total += label;
		if (total >= RESOLVER_NAME_SIZE)
			return false;
		if (name[total] == '\0')
			return true;
		if (name[total++] != '.')
			return false;
	}
}

static void question_over(struct resolver_op *op);
static void ask(struct resolver_op *op);
static void on_slow_timer(evutil_socket_t fd, short what, void *ctx);

/* --- resolver --- */

struct resolver *resolver_new(struct loop *l, const struct resolver_options *options,
	struct err *e)
{
	static const struct resolver_options defaults;
	struct resolver *r = xcalloc(1, sizeof(*r));

	if (options == NULL)
		options = &defaults;
	r->loop = l;
	r->timeout_ms = options->timeout_ms != 0 ? options->timeout_ms : DEFAULT_TIMEOUT_MS;
	r->tries = options->tries != 0 ? options->tries : DEFAULT_TRIES;
	r->ch = resolver_channel_new(l, options->servers, r->timeout_ms, r->tries, e);
	if (r->ch == NULL) {
		free(r);
		return NULL;
	}
	r->slow_timer = evtimer_new(loop_base(l), on_slow_timer, r);
	BUG_ON(r->slow_timer == NULL);
	return r;
}

void resolver_free(struct resolver **rp)
{
	struct resolver *r = *rp;
	struct resolver_op *op, *next_op;
	struct resolver_channel *ch, *next_ch;

	*rp = NULL;
	if (r == NULL)
		return;
	DL_FOREACH_SAFE(r->ops, op, next_op) {
		DL_DELETE(r->ops, op);
		op->cancelled = true;
		op->ch = NULL;
		if (op->waits)
			question_over(op);
	}
	DL_FOREACH_SAFE(r->retired, ch, next_ch)
		resolver_channel_free(ch);
	resolver_channel_free(r->ch);
	event_free(r->slow_timer);
	free(r);
}

/* Nothing under way any more: a channel that was replaced can go. */
static void channel_release(struct resolver *r, struct resolver_channel *ch)
{
	ch->n_ops--;
	if (!ch->retired || ch->n_ops > 0)
		return;
	DL_DELETE(r->retired, ch);
	resolver_channel_free(ch);
}

int resolver_servers_set(struct resolver *r, const char *servers, struct err *e)
{
	struct resolver_channel *ch, *old = r->ch;

	ch = resolver_channel_new(r->loop, servers, r->timeout_ms, r->tries, e);
	if (ch == NULL)
		return -1;
	r->ch = ch;
	if (old->n_ops == 0) {
		resolver_channel_free(old);
	} else {
		old->retired = true;
		DL_APPEND(r->retired, old);
	}
	return 0;
}

/* --- look-ups --- */

static void deliver_mx(const struct resolver_op *op)
{
	struct resolver_mx_result res = { .outcome = op->answer.outcome, .n = op->n, .mx = op->mx,
		.ttl_s = op->answer.ttl_s };
	char text[400];

	snprintf(text, sizeof(text), "MX of %s: %s", op->name, op->answer.why);
	res.text = text;
	op->mx_cb(&res, op->ctx);
}

/* One family's answer is enough; without any, the more hopeful failure counts. */
static const struct answer *better(const struct resolver_op *op)
{
	static const int rank[] = {
		[RESOLVE_OK] = 0, [RESOLVE_TEMP_FAILURE] = 1, [RESOLVE_NULL_MX] = 2,
		[RESOLVE_UNUSABLE] = 3, [RESOLVE_NO_DATA] = 4, [RESOLVE_NX_DOMAIN] = 5,
	};

	if (op->family == RESOLVER_IPV4_ONLY)
		return &op->answer;
	if (op->family == RESOLVER_IPV6_ONLY)
		return &op->answer6;
	return rank[op->answer.outcome] <= rank[op->answer6.outcome] ? &op->answer : &op->answer6;
}

static void deliver_addr(const struct resolver_op *op)
{
	const struct answer *a = better(op);
	struct resolver_addr_result res = { .outcome = a->outcome, .ttl_s = a->ttl_s };
	bool six_first = op->family == RESOLVER_IPV6_FIRST;
	union resolver_sockaddr *all = xcalloc(op->n + op->n6, sizeof(*all));
	char text[400];

	if (op->n > 0)
		memcpy(all + (six_first ? op->n6 : 0), op->addr, op->n * sizeof(*all));
	if (op->n6 > 0)
		memcpy(all + (six_first ? 0 : op->n), op->addr6, op->n6 * sizeof(*all));
	res.n = op->n + op->n6;
	if (res.n > RESOLVER_ADDR_MAX)
		res.n = RESOLVER_ADDR_MAX;
	res.addr = all;
	snprintf(text, sizeof(text), "address of %s: %s", op->name, a->why);
	res.text = text;
	op->addr_cb(&res, op->ctx);
	free(all);
}

static bool has_room(const struct resolver *r)
{
	return r->asking < RESOLVER_PARALLEL && r->slow < RESOLVER_SLOW;
}

/* The next ones ask, if there is room. */
static void ask_waiting(struct resolver *r)
{
	struct resolver_op *op;

	while ((op = r->waiting) != NULL && has_room(r)) {
		DL_DELETE2(r->waiting, op, prev_waiting, next_waiting);
		op->waits = false;
		if (!op->cancelled)
			ask(op);
		question_over(op);
	}
}

static void slow_timer_arm(struct resolver *r)
{
	static const struct timeval soon = { .tv_usec = RESOLVER_SLOW_MS * 1000 / 4 };

	if (!evtimer_pending(r->slow_timer, NULL))
		event_add(r->slow_timer, &soon);
}

static void on_slow_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver *r = ctx;
	uint64_t now_ms = clock_mono_ms();
	struct resolver_op *op;

	(void)fd;
	(void)what;
	loop_touch(r->loop);
	DL_FOREACH(r->ops, op) {
		if (op->waits || op->slow || op->asked_ms + RESOLVER_SLOW_MS > now_ms)
			continue;
		op->slow = true;
		r->asking -= op->open;
		r->slow += op->open;
	}
	ask_waiting(r);
	if (r->waiting != NULL)
		slow_timer_arm(r);
}

static void op_done(void *ctx)
{
	struct resolver_op *op = ctx;

	event_del(&op->other_timer);
	if (op->ch != NULL) {
		DL_DELETE(op->r->ops, op);
		channel_release(op->r, op->ch);
		ask_waiting(op->r);
	}
	if (!op->cancelled && op->mx_cb != NULL)
		deliver_mx(op);
	else if (!op->cancelled)
		deliver_addr(op);
	free(op->mx);
	free(op->addr);
	free(op->addr6);
	free(op);
}

static void answer_set(struct answer *a, enum resolve_outcome outcome, const char *why)
{
	a->outcome = outcome;
	snprintf(a->why, sizeof(a->why), "%s", why);
}

static void answer_failure(struct answer *a, int status)
{
	switch (status) {
	case ARES_ENODATA:
		answer_set(a, RESOLVE_NO_DATA, "no such record");
		break;
	case ARES_ENOTFOUND:
		answer_set(a, RESOLVE_NX_DOMAIN, "no such domain");
		break;
	case ARES_EBADNAME:
		answer_set(a, RESOLVE_UNUSABLE, "not a host name");
		break;
	default:
		answer_set(a, RESOLVE_TEMP_FAILURE, ares_strerror(status));
	}
}

static void question_over(struct resolver_op *op)
{
	if (--op->pending == 0)
		loop_defer(op->loop, op_done, op);
}

/* The other family's answer is late: a server that drops such questions would hold all mail. */
static void on_other_late(evutil_socket_t fd, short what, void *ctx)
{
	struct resolver_op *op = ctx;

	(void)fd;
	(void)what;
	loop_touch(op->loop);
	if (op->cancelled)
		return;
	if (op->n == 0)
		answer_set(&op->answer, RESOLVE_TEMP_FAILURE, "late");
	else
		answer_set(&op->answer6, RESOLVE_TEMP_FAILURE, "late");
	op->cancelled = true;
	deliver_addr(op);
}

/* The servers have answered one question, or will not. */
static void answered(struct resolver_op *op)
{
	static const struct timeval other = { .tv_usec = RESOLVER_OTHER_MS * 1000 };

	if (op->ch != NULL) {
		op->open--;
		*(op->slow ? &op->r->slow : &op->r->asking) -= 1;
	}
	if (op->pending == 2 && op->n + op->n6 > 0 && !op->cancelled && op->ch != NULL)
		event_add(&op->other_timer, &other);
	question_over(op);
}

static void on_mx(void *ctx, int status, int timeouts, unsigned char *data, int len)
{
	struct resolver_op *op = ctx;
	bool null = false;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = resolver_answer_mx(data, len, op->name, &op->mx, &op->n, &null,
			&op->answer.ttl_s);
	if (status != ARES_SUCCESS)
		answer_failure(&op->answer, status);
	else if (null)
		answer_set(&op->answer, RESOLVE_NULL_MX, "domain accepts no mail (null MX)");
	else if (op->n > 0)
		answer_set(&op->answer, RESOLVE_OK, "found");
	else
		answer_set(&op->answer, RESOLVE_UNUSABLE, "no MX names a host");
	answered(op);
}

static void on_a(void *ctx, int status, int timeouts, unsigned char *data, int len)
{
	struct resolver_op *op = ctx;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = resolver_answer_addr(data, len, op->name, AF_INET, op->port, &op->addr,
			&op->n, &op->answer.ttl_s);
	if (status == ARES_SUCCESS)
		answer_set(&op->answer, RESOLVE_OK, "found");
	else
		answer_failure(&op->answer, status);
	answered(op);
}

static void on_aaaa(void *ctx, int status, int timeouts, unsigned char *data, int len)
{
	struct resolver_op *op = ctx;

	(void)timeouts;
	if (status == ARES_SUCCESS)
		status = resolver_answer_addr(data, len, op->name, AF_INET6, op->port, &op->addr6,
			&op->n6, &op->answer6.ttl_s);
	if (status == ARES_SUCCESS)
		answer_set(&op->answer6, RESOLVE_OK, "found");
	else
		answer_failure(&op->answer6, status);
	answered(op);
}

static void ask(struct resolver_op *op)
{
	static const struct {
		enum question question;
		int type;
		ares_callback cb;
	} all[] = {
		{ QUESTION_MX, T_MX, on_mx }, { QUESTION_A, T_A, on_a },
		{ QUESTION_AAAA, T_AAAA, on_aaaa },
	};
	size_t i;

	op->asked_ms = clock_mono_ms();
	for (i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if ((op->questions & all[i].question) == 0)
			continue;
		op->pending++;
		op->open++;
		op->r->asking++;
		ares_query(op->ch->ares, op->name, C_IN, all[i].type, all[i].cb, op);
	}
	if (op->questions != 0)
		resolver_channel_rearm(op->ch);
}

static struct resolver_op *op_new(struct resolver *r, const char *name, void *ctx)
{
	struct resolver_op *op = xcalloc(1, sizeof(*op));

	op->r = r;
	op->loop = r->loop;
	op->ch = r->ch;
	op->ch->n_ops++;
	op->ctx = ctx;
	op->pending = 1;
	event_assign(&op->other_timer, loop_base(r->loop), -1, 0, on_other_late, op);
	snprintf(op->name, sizeof(op->name), "%s", name);
	DL_APPEND(r->ops, op);
	return op;
}

/* Held by the start until its questions are asked; then their answers hold it. */
static void op_started(struct resolver_op *op)
{
	struct resolver *r = op->r;

	if (op->questions != 0 && (r->waiting != NULL || !has_room(r))) {
		op->waits = true;
		DL_APPEND2(r->waiting, op, prev_waiting, next_waiting);
		slow_timer_arm(r);
		return;
	}
	ask(op);
	question_over(op);
}

struct resolver_op *resolver_mx(struct resolver *r, const char *domain, resolver_mx_cb *cb,
	void *ctx)
{
	struct resolver_op *op = op_new(r, domain, ctx);

	op->mx_cb = cb;
	if (resolver_name_valid(domain))
		op->questions = QUESTION_MX;
	else
		answer_failure(&op->answer, ARES_EBADNAME);
	op_started(op);
	return op;
}

/* The host is an address itself? */
static bool take_literal(struct resolver_op *op, const char *host)
{
	union resolver_sockaddr addr = { .storage = { 0 } };
	unsigned char binary[16];

	if (inet_pton(AF_INET, host, binary) == 1)
		resolver_sockaddr_set(&addr, AF_INET, binary, op->port);
	else if (inet_pton(AF_INET6, host, binary) == 1)
		resolver_sockaddr_set(&addr, AF_INET6, binary, op->port);
	else
		return false;
	op->addr = xmemdup(&addr, sizeof(addr));
	op->n = 1;
	answer_set(&op->answer, RESOLVE_OK, "given");
	op->answer.ttl_s = UINT32_MAX;
	op->answer6 = op->answer;
	return true;
}

/* The first entry of the system's hosts file for that family; read at each look-up, it is small. */
static size_t take_hosts(struct resolver_op *op, int family, union resolver_sockaddr **out)
{
	struct hostent *h;
	size_t n = 0, i;

	if (ares_gethostbyname_file(op->ch->ares, op->name, family, &h) != ARES_SUCCESS)
		return 0;
	while (n < RESOLVER_ADDR_MAX && h->h_addr_list[n] != NULL)
		n++;
	free(*out);
	*out = xcalloc(n, sizeof(**out));
	for (i = 0; i < n; i++)
		resolver_sockaddr_set(*out + i, family, h->h_addr_list[i], op->port);
	ares_free_hostent(h);
	return n;
}

static bool in_hosts_file(struct resolver_op *op)
{
	if (!op->ch->system)
		return false;
	if (op->family != RESOLVER_IPV6_ONLY)
		op->n = take_hosts(op, AF_INET, &op->addr);
	if (op->family != RESOLVER_IPV4_ONLY)
		op->n6 = take_hosts(op, AF_INET6, &op->addr6);
	answer_set(&op->answer, RESOLVE_OK, "in the hosts file");
	op->answer.ttl_s = UINT32_MAX;
	op->answer6 = op->answer;
	return op->n + op->n6 > 0;
}

struct resolver_op *resolver_addr(struct resolver *r, const char *host, uint16_t port,
	enum resolver_family family, resolver_addr_cb *cb, void *ctx)
{
	struct resolver_op *op = op_new(r, host, ctx);

	op->addr_cb = cb;
	op->port = port;
	op->family = family;
	if (take_literal(op, host)) {
		op_started(op);
		return op;
	}
	if (!resolver_name_valid(host)) {
		answer_failure(&op->answer, ARES_EBADNAME);
		op->answer6 = op->answer;
	} else if (!in_hosts_file(op)) {
		if (family != RESOLVER_IPV6_ONLY)
			op->questions |= QUESTION_A;
		if (family != RESOLVER_IPV4_ONLY)
			op->questions |= QUESTION_AAAA;
	}
	op_started(op);
	return op;
}

void resolver_cancel(struct resolver_op **opp)
{
	struct resolver_op *op = *opp;

	*opp = NULL;
	if (op != NULL)
		op->cancelled = true;
}
