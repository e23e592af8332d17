/* match.c - see match.h */
#include "hubd/receive/match.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

/* How well a binding fits a local address. */
enum fit { FIT_NONE, FIT_WILDCARD, FIT_EXACT };

static uint16_t port_of(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 *in6 = (const void *)a;
	const struct sockaddr_in *in = (const void *)a;

	return ntohs(a->ss_family == AF_INET ? in->sin_port : in6->sin6_port);
}

static const void *bytes_of(const struct sockaddr_storage *a, size_t *n)
{
	const struct sockaddr_in6 *in6 = (const void *)a;
	const struct sockaddr_in *in = (const void *)a;

	*n = a->ss_family == AF_INET ? sizeof(in->sin_addr) : sizeof(in6->sin6_addr);
	return a->ss_family == AF_INET ? (const void *)&in->sin_addr :
		(const void *)&in6->sin6_addr;
}

static enum fit binding_fit(const struct endpoint *binding, const struct sockaddr_storage *local)
{
	static const unsigned char zeros[16];
	const void *want, *have;
	size_t want_n, have_n;

	if (binding->addr.ss_family != local->ss_family ||
		port_of(&binding->addr) != port_of(local))
		return FIT_NONE;
	want = bytes_of(&binding->addr, &want_n);
	have = bytes_of(local, &have_n);
	if (memcmp(want, have, want_n) == 0)
		return FIT_EXACT;
	return memcmp(want, zeros, want_n) == 0 ? FIT_WILDCARD : FIT_NONE;
}

/* The binding that fits best, NULL if none does. */
static const struct endpoint *best_binding(const struct receive_connector *rc,
	const struct sockaddr_storage *local, enum fit *best)
{
	const struct endpoint *found = NULL;
	enum fit f;
	size_t i;

	*best = FIT_NONE;
	for (i = 0; i < rc->bindings.n; i++) {
		f = binding_fit(&rc->bindings.v[i], local);
		if (f > *best) {
			*best = f;
			found = &rc->bindings.v[i];
		}
	}
	return found;
}

/* The narrowest range of the connector that holds the peer; *all when it takes everyone. */
static const struct ip_range *narrowest(const struct receive_connector *rc,
	const struct sockaddr_storage *peer, bool *all)
{
	const struct ip_range *best = NULL, *r;
	size_t i;

	*all = rc->remotes.n == 0;
	for (i = 0; i < rc->remotes.n; i++) {
		r = &rc->remotes.v[i];
		if (ip_range_contains(r, (const struct sockaddr *)peer) &&
			(best == NULL || ip_range_within(r, best)))
			best = r;
	}
	return best;
}

struct candidate {
	struct connector_match match;
	enum fit fit;
	const struct ip_range *range;	/* NULL = all */
};

static bool better(const struct candidate *a, const struct candidate *b)
{
	if (b->match.connector == NULL || a->fit != b->fit)
		return b->match.connector == NULL || a->fit > b->fit;
	if (a->range == NULL || b->range == NULL)
		return a->range != NULL;
	return ip_range_within(a->range, b->range) && !ip_range_within(b->range, a->range);
}

struct connector_match connector_match(const struct live *live,
	const struct sockaddr_storage *local, const struct sockaddr_storage *peer)
{
	struct objects own = snapshot_server_connectors(live->snapshot, live->self);
	struct candidate best = { 0 }, c;
	bool all;
	size_t i;

	for (i = 0; i < own.n; i++) {
		c.match.connector = (const void *)own.v[i];
		if (!own.v[i]->enabled)
			continue;
		c.match.binding = best_binding(c.match.connector, local, &c.fit);
		if (c.match.binding == NULL)
			continue;
		c.range = narrowest(c.match.connector, peer, &all);
		if ((all || c.range != NULL) && better(&c, &best))
			best = c;
	}
	return best.match;
}
