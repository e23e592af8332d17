/* change.h - which decisions can differ between two snapshots, and the tables to ask about them.
 *
 * A decision is a function of what the code of routing reads: the paths from the server's site, who
 * stands on them, the connectors that claim the address, the accepted domain. Where all of that is
 * equal in both snapshots the decision is equal, and nobody has to be asked; everything else is for
 * the caller to ask both tables about. So what is told here may be too much, never too little.
 *
 * Costs: once for all O(connectors + links); for each site that servers stand at, O(links log
 * sites) for its paths and one look at each address space.
 */
#ifndef HUB_ROUTING_CHANGE_H
#define HUB_ROUTING_CHANGE_H

#include "libhub/routing/route.h"

struct routing_change;

struct routing_change *routing_change_new(const struct snapshot *before,
	const struct snapshot *after);
void routing_change_free(struct routing_change **c);

/*
 * Prepares questions about one address, as route_external takes it; returns its number. All are to
 * be added before the first pair is made; from then on the change is immutable and pairs of it may
 * be used on several threads, each on one.
 */
size_t routing_change_add(struct routing_change *c, const char *type, const char *text);

/* The number of a site of that very name. */
uint32_t routing_change_site(const struct routing_change *c, const char *name);

/* Servers of equal keys see the same changes, but for connectors that they deliver with. */
struct routing_change_key {
	uint32_t before, after;		/* sites */
	const struct server *edge;	/* an edge is alone; NULL: a hub */
};

/* server: cn of one that exists before and after. */
void routing_change_key(const struct routing_change *c, const char *server,
	struct routing_change_key *out);

/* Both sides of the change, seen from the site of a server. */
struct routing_pair;

struct routing_pair *routing_pair_new(const struct routing_change *c, const char *server);
void routing_pair_free(struct routing_pair **p);
/* Can mail for the site, for a mailbox server of the site, or for the address go differently? */
bool routing_pair_reaches_site(const struct routing_pair *p, uint32_t site);
bool routing_pair_reaches(const struct routing_pair *p, size_t number);
/* The same for hubs that deliver mail for the address with no connector themselves: more exact. */
bool routing_pair_reaches_plain(struct routing_pair *p, size_t number);

/*
 * Makes is_own tell of this server, which has the pair's key: can it deliver mail for the address
 * with a connector itself, before or after? All others decide about it as a plain one does.
 */
void routing_pair_turn(struct routing_pair *p, const char *server);
bool routing_pair_is_own(const struct routing_pair *p, size_t number);

/*
 * The tables of a server that has the pair's key; with plain, of a hub there that delivers with no
 * connector itself. They are lazy: for this thread alone.
 */
const struct routing_table *routing_pair_before(const struct routing_pair *p, const char *server,
	bool plain);
const struct routing_table *routing_pair_after(const struct routing_pair *p, const char *server,
	bool plain);

/*
 * Calls back with the limits, in no order, at which a table's decision about an address or a site
 * can change with the size of the message: it is the same for all sizes between two of them.
 */
typedef void routing_limit_cb(uint64_t limit, void *ctx);
void routing_change_limits(const struct routing_change *c, size_t number,
	const struct routing_table *t, routing_limit_cb *cb, void *ctx);
void routing_table_site_limits(const struct routing_table *t, const char *site,
	routing_limit_cb *cb, void *ctx);

#endif
