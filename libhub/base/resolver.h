/* resolver.h - DNS look-ups by c-ares, one resolver per loop. Owning thread only.
 *
 * Names that DNS answers bring are outside input: those that are no host names are dropped, and so
 * are records of other names than the one asked for or its aliases. With explicit servers only they
 * are asked; with the system's servers an address look-up reads the hosts file first. Results are
 * not cached here.
 *
 * resolver_mx and resolver_addr keep the contract for asynchronous calls: exactly one callback,
 * never before the call returns, none after resolver_cancel.
 */
#ifndef HUB_BASE_RESOLVER_H
#define HUB_BASE_RESOLVER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "libhub/base/err.h"
#include "libhub/base/loop.h"

/* Records beyond these are ignored (the best are kept). */
enum { RESOLVER_MX_MAX = 100, RESOLVER_ADDR_MAX = 64 };
/*
 * Questions asked at once, lest a server's or our socket overflow; further look-ups wait for their
 * turn. One not answered after RESOLVER_SLOW_MS stands in nobody's way, up to RESOLVER_SLOW.
 */
enum { RESOLVER_PARALLEL = 100, RESOLVER_SLOW = 900, RESOLVER_SLOW_MS = 1000 };
enum { RESOLVER_SERVERS_MAX = 16 };
/* So long one family's addresses wait for the other's (RFC 8305 section 3, at mail's leisure). */
enum { RESOLVER_OTHER_MS = 500 };
enum { RESOLVER_NAME_SIZE = 254 };	/* of a host name with its NUL */

enum resolve_outcome {
	RESOLVE_OK,
	RESOLVE_NO_DATA,	/* the name exists, without such records */
	RESOLVE_NX_DOMAIN,	/* the name does not exist */
	RESOLVE_NULL_MX,	/* RFC 7505: the domain accepts no mail */
	/* permanent: no host name asked for, or only nonsense in the answer */
	RESOLVE_UNUSABLE,
	RESOLVE_TEMP_FAILURE,	/* no or no good answer; try later */
};

struct resolver;
struct resolver_op;

struct resolver_mx {
	uint16_t preference;
	char host[RESOLVER_NAME_SIZE];		/* no final dot, as the server wrote it */
};

/* By preference, equal ones shuffled. Valid during the callback only. */
struct resolver_mx_result {
	enum resolve_outcome outcome;
	const char *text;			/* one line for people, also when OK */
	size_t n;				/* > 0 if and only if RESOLVE_OK */
	const struct resolver_mx *mx;
	uint32_t ttl_s;				/* of RESOLVE_OK: so long it holds */
};

union resolver_sockaddr {
	struct sockaddr sa;
	struct sockaddr_storage storage;
};

/* In the order to be tried. Valid during the callback only. */
struct resolver_addr_result {
	enum resolve_outcome outcome;		/* never RESOLVE_NULL_MX */
	const char *text;
	size_t n;				/* > 0 if and only if RESOLVE_OK */
	const union resolver_sockaddr *addr;
	uint32_t ttl_s;				/* of RESOLVE_OK: so long it holds */
};

enum resolver_family {
	RESOLVER_IPV4_FIRST,
	RESOLVER_IPV6_FIRST,
	RESOLVER_IPV4_ONLY,
	RESOLVER_IPV6_ONLY,
};

typedef void resolver_mx_cb(const struct resolver_mx_result *res, void *ctx);
typedef void resolver_addr_cb(const struct resolver_addr_result *res, void *ctx);

struct resolver_options {
	/* "address[:port],…", IPv6 as [address]:port; NULL or "": system's */
	const char *servers;
	uint32_t timeout_ms;	/* of the first try, doubled for each further one; 0 = 3000 */
	uint32_t tries;		/* per server; 0 = 2 */
};

/* options may be NULL. */
struct resolver *resolver_new(struct loop *l, const struct resolver_options *options,
	struct err *e) MUST_CHECK;
/* Ends all look-ups without callback. Sets *r to NULL; accepts a pointer to NULL. */
void resolver_free(struct resolver **r);
/* From now on other servers are asked; look-ups under way end with the old ones. */
int resolver_servers_set(struct resolver *r, const char *servers, struct err *e) MUST_CHECK;
/* Would resolver_servers_set take it? Any thread. */
int resolver_servers_check(const char *servers, struct err *e) MUST_CHECK;

struct resolver_op *resolver_mx(struct resolver *r, const char *domain, resolver_mx_cb *cb,
	void *ctx);
/*
 * The result's addresses carry port. host may be an address ("192.0.2.1", "2001:db8::1"); then
 * nothing is asked and family does not matter.
 */
struct resolver_op *resolver_addr(struct resolver *r, const char *host, uint16_t port,
	enum resolver_family family, resolver_addr_cb *cb, void *ctx);
/* Accepts a pointer to NULL. After the callback the handle is gone; do not cancel it then. */
void resolver_cancel(struct resolver_op **op);

/* Letters, digits, hyphens, underscores and dots, labels of 1-63 bytes, 253 in all. Any thread. */
bool resolver_name_valid(const char *name);

#endif
