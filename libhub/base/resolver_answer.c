/* resolver_answer.c - see resolver_answer.h. The C library takes the message apart.
 *
 * It refuses a message for a fault anywhere, and for a byte behind the last record. Some boxes on
 * the way put one there, and mail would wait for ever; so it sees no more than counts.
 */
#include "libhub/base/resolver_answer.h"

#include <arpa/inet.h>
#include <arpa/nameser.h>
#include <resolv.h>
#include <string.h>

#include "libhub/base/mem.h"

/* An answer whose records are looked at. */
struct answer {
	unsigned char data[NS_MAXMSG];
	ns_msg msg;			/* in data */
	char name[NS_MAXDNAME];		/* whose records count */
	uint32_t ttl_s;			/* the least on the way */
};

static bool belongs(const struct answer *a, const ns_rr *rr, int type)
{
	return ns_rr_class(*rr) == ns_c_in && (int)ns_rr_type(*rr) == type &&
		strcasecmp(ns_rr_name(*rr), a->name) == 0;
}

static void note_ttl(struct answer *a, const ns_rr *rr)
{
	/* RFC 2181 section 8: with the highest bit set it counts as 0 */
	uint32_t ttl_s = ns_rr_ttl(*rr) > INT32_MAX ? 0 : ns_rr_ttl(*rr);

	if (ttl_s < a->ttl_s)
		a->ttl_s = ttl_s;
}

static int follow(struct answer *a, const ns_rr *rr)
{
	char target[NS_MAXDNAME];

	if (dn_expand(ns_msg_base(a->msg), ns_msg_end(a->msg), ns_rr_rdata(*rr), target,
		sizeof(target)) < 0)
		return -1;
	note_ttl(a, rr);
	memcpy(a->name, target, sizeof(target));
	return 0;
}

/* Goes from the name that was asked to the one that has the records. */
static int follow_aliases(struct answer *a)
{
	int count = ns_msg_count(a->msg, ns_s_an), steps = 0, before, i;
	ns_rr rr;

	do {
		before = steps;
		for (i = 0; i < count && steps <= RESOLVER_ALIASES; i++) {
			if (ns_parserr(&a->msg, ns_s_an, i, &rr) != 0)
				return ARES_EBADRESP;
			if (!belongs(a, &rr, ns_t_cname))
				continue;
			if (follow(a, &rr) != 0)
				return ARES_EBADRESP;
			steps++;
		}
	} while (steps != before && steps <= RESOLVER_ALIASES);
	return steps <= RESOLVER_ALIASES ? ARES_SUCCESS : ARES_EBADRESP;
}

/* The bytes of that many records from at on, -1 = they are not all there. */
static int records_length(const unsigned char *data, int len, int at, ns_sect section)
{
	const unsigned char *count = data + NS_HFIXEDSZ - (ns_s_max - section) * NS_INT16SZ;

	return ns_skiprr(data + at, data + len, section, (int)ns_get16(count));
}

/* Keeps header, question and answers, as if nothing came behind them. */
static int keep_answers(struct answer *a, const unsigned char *data, int len)
{
	const size_t counts = (ns_s_max - ns_s_ns) * NS_INT16SZ;
	int question, answers;

	if (len < NS_HFIXEDSZ || len > NS_MAXMSG)
		return -1;
	question = records_length(data, len, NS_HFIXEDSZ, ns_s_qd);
	if (question < 0)
		return -1;
	answers = records_length(data, len, NS_HFIXEDSZ + question, ns_s_an);
	if (answers < 0)
		return -1;
	len = NS_HFIXEDSZ + question + answers;
	memcpy(a->data, data, (size_t)len);
	memset(a->data + NS_HFIXEDSZ - counts, 0, counts);
	return ns_initparse(a->data, len, &a->msg);
}

static int answer_open(struct answer *a, const unsigned char *data, int len, const char *name)
{
	a->ttl_s = UINT32_MAX;
	snprintf(a->name, sizeof(a->name), "%s", name);
	if (keep_answers(a, data, len) != 0)
		return ARES_EBADRESP;
	return follow_aliases(a);
}

/* The next record of that type from *at on; 0 = none, -1 = it cannot be read. */
static int answer_next(struct answer *a, int type, int *at, ns_rr *rr)
{
	while (*at < ns_msg_count(a->msg, ns_s_an)) {
		if (ns_parserr(&a->msg, ns_s_an, (*at)++, rr) != 0)
			return -1;
		if (belongs(a, rr, type)) {
			note_ttl(a, rr);
			return 1;
		}
	}
	return 0;
}

/* --- addresses --- */

void resolver_sockaddr_set(union resolver_sockaddr *out, int family, const void *addr,
	uint16_t port)
{
	struct sockaddr_in *sin = (struct sockaddr_in *)(void *)out;
	struct sockaddr_in6 *sin6 = (struct sockaddr_in6 *)(void *)out;

	if (family == AF_INET) {
		sin->sin_family = AF_INET;
		sin->sin_port = htons(port);
		memcpy(&sin->sin_addr, addr, sizeof(sin->sin_addr));
	} else {
		sin6->sin6_family = AF_INET6;
		sin6->sin6_port = htons(port);
		memcpy(&sin6->sin6_addr, addr, sizeof(sin6->sin6_addr));
	}
}

int resolver_answer_addr(const unsigned char *data, int len, const char *name, int family,
	uint16_t port, union resolver_sockaddr **addr, size_t *n, uint32_t *ttl_s)
{
	union resolver_sockaddr found[RESOLVER_ADDR_MAX];
	size_t size = family == AF_INET ? NS_INADDRSZ : NS_IN6ADDRSZ, got = 0;
	struct answer a;
	int rc = answer_open(&a, data, len, name), at = 0, more = 0;
	ns_rr rr;

	if (rc != ARES_SUCCESS)
		return rc;
	memset(found, 0, sizeof(found));
	while (got < RESOLVER_ADDR_MAX && (more = answer_next(&a,
		family == AF_INET ? ns_t_a : ns_t_aaaa, &at, &rr)) > 0) {
		if (ns_rr_rdlen(rr) != size)
			return ARES_EBADRESP;
		resolver_sockaddr_set(&found[got++], family, ns_rr_rdata(rr), port);
	}
	if (more < 0)
		return ARES_EBADRESP;
	if (got == 0)
		return ARES_ENODATA;
	*addr = xmemdup(found, got * sizeof(found[0]));
	*n = got;
	*ttl_s = a.ttl_s;
	return ARES_SUCCESS;
}

/* --- MX --- */

static void mx_shuffle(struct resolver_mx *mx, size_t n)
{
	struct resolver_mx swap;
	size_t i, j;

	for (i = n; i > 1; i--) {
		j = arc4random_uniform((uint32_t)i);
		swap = mx[j];
		mx[j] = mx[i - 1];
		mx[i - 1] = swap;
	}
}

static int by_preference(const void *a, const void *b)
{
	const struct resolver_mx *x = a, *y = b;

	return x->preference - y->preference;
}

/* Sorts by preference and puts equal ones in random order (RFC 5321 section 5.1). */
static void mx_order(struct resolver_mx *mx, size_t n)
{
	size_t from, to;

	qsort(mx, n, sizeof(*mx), by_preference);
	for (from = 0; from < n; from = to) {
		to = from + 1;
		while (to < n && mx[to].preference == mx[from].preference)
			to++;
		mx_shuffle(mx + from, to - from);
	}
}

/* An exchanger is named (RFC 5321 section 5.1): an address in its place is no name. */
static bool names_host(const char *text)
{
	unsigned char binary[sizeof(struct in6_addr)];

	return resolver_name_valid(text) && inet_pton(AF_INET, text, binary) != 1;
}

static int mx_read(const struct answer *a, const ns_rr *rr, char host[NS_MAXDNAME],
	uint16_t *preference)
{
	if (ns_rr_rdlen(*rr) < NS_INT16SZ + 1 ||
		dn_expand(ns_msg_base(a->msg), ns_msg_end(a->msg), ns_rr_rdata(*rr) + NS_INT16SZ,
			host, NS_MAXDNAME) < 0)
		return -1;
	*preference = (uint16_t)ns_get16(ns_rr_rdata(*rr));
	return 0;
}

/* An answer is at most 64 KB, which bounds the list. */
int resolver_answer_mx(const unsigned char *data, int len, const char *name,
	struct resolver_mx **mx, size_t *n, bool *null, uint32_t *ttl_s)
{
	struct resolver_mx *list;
	size_t records = 0, got = 0;
	char host[NS_MAXDNAME];
	uint16_t preference;
	struct answer a;
	int rc = answer_open(&a, data, len, name), at = 0, more;
	ns_rr rr;

	if (rc != ARES_SUCCESS)
		return rc;
	list = xcalloc(ns_msg_count(a.msg, ns_s_an), sizeof(*list));
	while ((more = answer_next(&a, ns_t_mx, &at, &rr)) > 0) {
		if (mx_read(&a, &rr, host, &preference) != 0) {
			more = -1;
			break;
		}
		records++;
		*null = records == 1 && host[0] == '\0';
		if (!names_host(host))
			continue;
		list[got].preference = preference;
		strcpy(list[got++].host, host);		/* valid names fit */
	}
	if (more < 0 || records == 0) {
		free(list);
		return more < 0 ? ARES_EBADRESP : ARES_ENODATA;
	}
	mx_order(list, got);
	*mx = list;
	*n = got < RESOLVER_MX_MAX ? got : RESOLVER_MX_MAX;
	*ttl_s = a.ttl_s;
	return ARES_SUCCESS;
}
