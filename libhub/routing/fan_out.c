/* fan_out.c - one copy up to the fork (hub-routing(7) section 3, delayed fan-out)
 *
 * The paths of a message's recipients form a tree whose root is our site. Sorted by their sites,
 * the paths of a subtree stand together, and what all of them share is what its first and last
 * share. A path counts up to the site that gets the mail now: never past a hub site.
 */
#include <stdlib.h>
#include <string.h>

#include "libhub/routing/next_hop.h"

struct branch {
	struct route *route;
	size_t len;		/* sites up to and with next_site */
};

static int branch_compare(const void *a, const void *b)
{
	const struct branch *x = a, *y = b;
	size_t i;

	for (i = 0; i < x->len && i < y->len; i++) {
		uint32_t s = x->route->path[i]->index, t = y->route->path[i]->index;

		if (s != t)
			return s < t ? -1 : 1;
	}
	return (x->len > y->len) - (x->len < y->len);
}

static size_t branch_common(const struct branch *a, const struct branch *b)
{
	size_t i;

	for (i = 0; i < a->len && i < b->len; i++)
		if (a->route->path[i] != b->route->path[i])
			break;
	return i;
}

static bool branches_one_hop(const struct branch *v, size_t n)
{
	const struct queue_key *key = &v[0].route->queue;
	size_t i;

	for (i = 1; i < n; i++) {
		const struct queue_key *other = &v[i].route->queue;

		if (other->type != key->type || strcmp(other->domain, key->domain) != 0)
			return false;
	}
	return true;
}

static void branches_fork(const struct routing_table *t, const struct branch *v, size_t n,
	size_t depth);

/* Those that go the same way from `depth` on, each group by itself. */
static void branches_split(const struct routing_table *t, const struct branch *v, size_t n,
	size_t depth)
{
	size_t from, to;

	for (from = 0; from < n; from = to) {
		for (to = from + 1; to < n; to++)
			if (v[to].route->path[depth] != v[from].route->path[depth])
				break;
		branches_fork(t, v + from, to - from, depth);
	}
}

static void branches_fork(const struct routing_table *t, const struct branch *v, size_t n,
	size_t depth)
{
	size_t common, fork, i;

	if (branches_one_hop(v, n))
		return;
	common = branch_common(&v[0], &v[n - 1]);
	for (fork = common; fork-- > depth; )
		if (t->sites[v[0].route->path[fork]->index].hubs.n != 0)
			break;
	if (fork + 1 == depth) {
		/* No hub where they part; a path that ended there would have one. */
		branches_split(t, v, n, common);
		return;
	}
	for (i = 0; i < n; i++)
		route_relay_to_site(t, v[0].route->path[fork]->index, v[i].route);
}

void route_fan_out(const struct routing_table *t, struct route *const *routes, size_t n)
{
	struct branch *v = xcalloc(n, sizeof(*v));
	size_t used = 0, i, len;

	for (i = 0; i < n; i++) {
		struct route *r = routes[i];

		if (r->decision != ROUTE_RELAY || r->next_site->index == t->site)
			continue;
		for (len = 1; r->path[len - 1] != r->next_site; len++)
			BUG_ON(len == r->path_len);
		v[used++] = (struct branch){ r, len };
	}
	qsort(v, used, sizeof(*v), branch_compare);
	branches_split(t, v, used, 1);
	free(v);
}
