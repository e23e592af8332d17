/* resolver_answer.h - what an answer of a DNS server says about the name that was asked. Pure.
 *
 * Only records of that name count, or of the name that its aliases (CNAME) lead to; whatever else
 * a server puts into the answer is passed over. An alias that leads nowhere in RESOLVER_ALIASES
 * steps makes the answer a bad one.
 */
#ifndef HUB_BASE_RESOLVER_ANSWER_H
#define HUB_BASE_RESOLVER_ANSWER_H

#include "libhub/base/resolver_priv.h"

#include <netinet/in.h>

enum { RESOLVER_ALIASES = 8 };

/*
 * MX in the order to be tried, names only that are host names. *mx is allocated, of *n; both are
 * untouched unless ARES_SUCCESS. ARES_SUCCESS with *n 0: no MX names a host; *null: RFC 7505.
 */
int resolver_answer_mx(const unsigned char *data, int len, const char *name,
	struct resolver_mx **mx, size_t *n, bool *null, uint32_t *ttl_s);
/* family AF_INET or AF_INET6; the addresses carry port. At least one with ARES_SUCCESS. */
int resolver_answer_addr(const unsigned char *data, int len, const char *name, int family,
	uint16_t port, union resolver_sockaddr **addr, size_t *n, uint32_t *ttl_s);

/* For others that have a binary address. */
void resolver_sockaddr_set(union resolver_sockaddr *out, int family, const void *addr,
	uint16_t port);

#endif
