/* backoff.c - who takes mail for a site that does not answer (routing, section 3)
 *
 * "Queue at the point of failure": mail goes straight to its next stop, which is the destination or
 * the nearest hub site before it. When no hub there answers, the mail is handed to a site on the
 * path between us and that stop, the nearer to the stop the better, and waits there. These sites
 * are the stop's ladder. What is in it, and why it is safe:
 *
 * - A site without an enabled hub, or drained, is passed over: nobody there could take the mail.
 * - The ladder begins before the stop and never leads past it. A stop that is a hub site and does
 *   not answer must not be gone around, for every message has to be categorized there. Before the
 *   stop no site on the path is a hub site, or mail would stop there first; so nothing is skipped.
 * - The ladder ends before our own site: with no answer the mail stays here, in Retry. Inside our
 *   own site there is no ladder, for nobody is nearer to the stop than we are.
 * - No loop. Every suffix of a chosen path is the path chosen from its first site (graph.c), and it
 *   has the same first hub site. So whoever is handed the mail computes the same stop, and its
 *   ladder is the part of ours above it. Mail that is backed off moves forward along one path or
 *   stays; it cannot come back, however differently two servers see who is alive. (A connector
 *   chosen here is chosen there as well: its cost and hops lose what lies behind us, and no other
 *   connector's lose more. Only a scoped one of that very site can win, and mail leaves by it.
 *   While two servers run different snapshots, the Received trace cuts what goes round.)
 *
 * With more than LINEAR_HOPS hops from us to the stop the ladder is searched by bisection, else one
 * site after the other (hubd/deliver/ladder.h).
 */
#include "libhub/routing/table.h"

enum { LINEAR_HOPS = 4 };

static void site_ladder(struct routing_ways *w, uint32_t site)
{
	struct site_view *view = &w->sites[site];
	struct server_pool *ladder;
	uint32_t x;

	ladder = arena_alloc(w->arena, w->graph.v[site].hops * sizeof(*ladder));
	for (x = w->graph.v[site].pred; x != w->site; x = w->graph.v[x].pred)
		if (w->sites[x].hubs.n != 0)
			ladder[view->ladder_n++] = w->sites[x].hubs;
	view->ladder = ladder;
	view->bisect = view->ladder_n != 0 && w->graph.v[site].hops > LINEAR_HOPS;
}

void ways_ladders_build(struct routing_ways *w)
{
	uint32_t i;

	for (i = 0; i < w->graph.n; i++) {
		const struct graph_node *node = &w->graph.v[i];

		/* Mail stops at no site behind a hub site. */
		if (node->reachable && i != w->site &&
		    (w->sites[i].stop == GRAPH_NONE || w->sites[i].stop == i))
			site_ladder(w, i);
	}
}
