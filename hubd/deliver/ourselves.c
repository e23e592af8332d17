/* ourselves.c - see ourselves.h */
#include "hubd/deliver/ourselves.h"

#include <ifaddrs.h>
#include <netinet/in.h>
#include <string.h>

#include "hubd/config/live.h"
#include "libhub/base/clock.h"
#include "libhub/base/mem.h"
#include "libhub/org/connector.h"

enum { SMTP_PORT = 25 };

struct ourselves {
	struct ifaddrs *host;		/* NULL before the first time, and if it cannot be read */
	uint64_t read_ms;
};

struct ourselves *ourselves_new(void)
{
	return xcalloc(1, sizeof(struct ourselves));
}

void ourselves_free(struct ourselves **op)
{
	struct ourselves *o = *op;

	if (o == NULL)
		return;
	freeifaddrs(o->host);
	free(o);
	*op = NULL;
}

static uint16_t port_of(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)sa)->sin6_port);
	return ntohs(((const struct sockaddr_in *)(const void *)sa)->sin_port);
}

static bool same_host(const struct sockaddr *a, const struct sockaddr *b)
{
	const struct sockaddr_in *a4 = (const void *)a, *b4 = (const void *)b;
	const struct sockaddr_in6 *a6 = (const void *)a, *b6 = (const void *)b;

	if (a->sa_family != b->sa_family)
		return false;
	if (a->sa_family == AF_INET)
		return a4->sin_addr.s_addr == b4->sin_addr.s_addr;
	return memcmp(&a6->sin6_addr, &b6->sin6_addr, sizeof(a6->sin6_addr)) == 0;
}

static bool is_anywhere(const struct sockaddr *sa)
{
	const struct sockaddr_in6 *v6 = (const void *)sa;
	const struct sockaddr_in *v4 = (const void *)sa;

	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr);
	return v4->sin_addr.s_addr == INADDR_ANY;
}

/* Connecting to it ends on this host, whatever addresses it has. */
static bool is_loopback(const struct sockaddr *sa)
{
	const struct sockaddr_in6 *v6 = (const void *)sa;
	const struct sockaddr_in *v4 = (const void *)sa;

	if (is_anywhere(sa))
		return true;
	if (sa->sa_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
	return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
}

static void read_host(struct ourselves *o)
{
	uint64_t now_ms = clock_mono_ms();

	if (o->read_ms != 0 && now_ms - o->read_ms < OURSELVES_MS)
		return;
	freeifaddrs(o->host);
	if (getifaddrs(&o->host) != 0)
		o->host = NULL;
	o->read_ms = now_ms;
}

static bool is_of_host(struct ourselves *o, const struct sockaddr *sa)
{
	const struct ifaddrs *i;

	if (is_loopback(sa))
		return true;
	read_host(o);
	for (i = o->host; i != NULL; i = i->ifa_next)
		if (i->ifa_addr != NULL && same_host(i->ifa_addr, sa))
			return true;
	return false;
}

static bool listens(struct ourselves *o, const struct endpoint *binding, const struct sockaddr *sa)
{
	const struct sockaddr *at = (const void *)&binding->addr;

	if (binding->port != port_of(sa) || at->sa_family != sa->sa_family)
		return false;
	return same_host(at, sa) || (is_anywhere(at) && is_of_host(o, sa)) ||
		(is_anywhere(sa) && is_loopback(at));
}

bool ourselves_is(struct ourselves *o, const struct live *live, const struct sockaddr *sa)
{
	const struct endpoints *known = &live->self->addresses;
	struct objects own = snapshot_server_connectors(live->snapshot, live->self);
	size_t i, j;

	for (i = 0; i < known->n; i++)
		if (same_host((const void *)&known->v[i].addr, sa) && port_of(sa) ==
			(known->v[i].port != 0 ? known->v[i].port : SMTP_PORT))
			return true;
	for (i = 0; i < own.n; i++) {
		const struct receive_connector *rc = (const void *)own.v[i];

		for (j = 0; rc->obj.enabled && j < rc->bindings.n; j++)
			if (listens(o, &rc->bindings.v[j], sa))
				return true;
	}
	return false;
}
