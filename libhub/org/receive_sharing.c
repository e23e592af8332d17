/* receive_sharing.c - see receive_sharing.h: bindings and ranges of two Receive connectors
 * (hub-directory(7) sections 4 and 9).
 *
 * Two connectors of one server may share an address and port if their remote ranges differ; ranges
 * may overlap only by containment, so that the most specific one is always a single one. Whether
 * TLS begins with the first byte is settled before anybody knows what the peer is, so the two must
 * agree about it. A wildcard and a specific local address do not conflict: the specific one wins.
 */
#include "libhub/org/receive_sharing.h"

/* The ranges of c, or those that mean "all". */
static struct ip_ranges ranges_of(const struct receive_connector *c)
{
	static const struct ip_range all[] = {
		{ .lo = { [10] = 0xff, [11] = 0xff },
		  .hi = { [10] = 0xff, 0xff, 0xff, 0xff, 0xff, 0xff }, .text = "all of IPv4" },
		{ .hi = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
			0xff, 0xff, 0xff, 0xff }, .v6 = true, .text = "all of IPv6" },
	};

	return c->remotes.n != 0 ? c->remotes : (struct ip_ranges){ all, 2 };
}

/* A range of a that overlaps one of b, neither being properly inside the other; or NULL. */
static const struct ip_range *clash(const struct receive_connector *a,
	const struct receive_connector *b, bool v6)
{
	struct ip_ranges x = ranges_of(a), y = ranges_of(b);
	size_t i, j;

	for (i = 0; i < x.n; i++)
		for (j = 0; j < y.n; j++)
			if (x.v[i].v6 == v6 && ip_range_overlaps(&x.v[i], &y.v[j]) &&
				ip_range_within(&x.v[i], &y.v[j]) == ip_range_within(&y.v[j],
					&x.v[i]))
				return &x.v[i];
	return NULL;
}

static int check_binding(const struct receive_connector *c, const struct endpoint *own,
	const struct receive_connector *other, const struct endpoint *others, struct err *e)
{
	const struct ip_range *range;

	if (own->tls != others->tls)
		return err_config(e, "hubBinding %s stands beside %s of \"%s\" of the same "
			"server: TLS begins with the first byte for both or for neither", own->text,
			others->text, other->obj.name);
	range = clash(c, other, own->addr.ss_family == AF_INET6);
	if (range == NULL)
		return 0;
	return err_config(e, "hubBinding %s and hubRemoteIPRange %s overlap those of \"%s\" of "
		"the same server without one containing the other", own->text, range->text,
		other->obj.name);
}

int receive_sharing_check(const struct receive_connector *c, const struct receive_connector *other,
	struct err *e)
{
	const struct endpoint *own, *others;
	size_t i, j;

	if (other == c || !other->obj.enabled || !c->obj.enabled)
		return 0;
	for (i = 0; i < c->bindings.n; i++)
		for (j = 0; j < other->bindings.n; j++) {
			own = &c->bindings.v[i];
			others = &other->bindings.v[j];
			if (endpoint_same_place(own, others) &&
				check_binding(c, own, other, others, e) < 0)
				return -1;
		}
	return 0;
}
