/* table.h - inside of a routing table. Private to libhub/routing.
 *
 * What does not depend on the recipient is decided when the table is built, in three layers. The
 * base is the snapshot made ready, the same whoever looks: which connectors there are, where their
 * source servers are, who stands at each site, which connectors claim an address space. The ways
 * are the paths and costs from one site, the same for all its servers. The table is one server's
 * view: what each connector costs from here, and for every address space those that can be used in
 * order of preference. A look-up walks from the most specific address space to the least and takes
 * the first connector that is large enough.
 *
 * A lazy table fills in choices and lists when they are first asked for. It saves nearly all the
 * work where few destinations are looked at (what-if), but belongs to one thread.
 */
#ifndef HUB_ROUTING_TABLE_H
#define HUB_ROUTING_TABLE_H

#include <stdatomic.h>

#include "libhub/routing/graph.h"
#include "libhub/routing/route.h"
#include "libhub/routing/spaces.h"

/* Section 5, step 5; in the order of preference. */
enum nearness { NEAR_SELF, NEAR_SITE, NEAR_REMOTE };

/* Source servers of connectors; connectors with the same ones share it. */
struct source_set {
	const char *names;		/* in order, joined by commas: names the next hop */
	struct server_pool pool;
	struct server_pool others;	/* the remaining hubs of the site; empty for edges */
	bool edges;
	uint32_t number;		/* counts up from 0 */
};

/* Who is tried after them: the others, then the ladder of their site. Differs from site to site. */
struct source_fallback {
	const struct server_pool *v;
	size_t n;
	bool ready;
};

/* Where source servers of a connector are. */
struct place {
	uint32_t site;
	const struct source_set *sources;
};

/* A connector, whoever looks. */
struct candidate {
	const struct pool_connector *connector;
	enum obj_kind kind;
	bool has_source;		/* one that exists and is enabled, wherever */
	const struct place *places;
	size_t place_count;
	const char *smart_hosts;	/* or target servers: the list that names its queue */
};

/* A connector as this server sees it. */
struct choice {
	const struct pool_connector *connector;
	enum obj_kind kind;
	const char *lost_by;		/* why it is out whatever the address, or NULL */
	enum nearness nearness;
	uint32_t site;			/* of the nearest sources; GRAPH_NONE with NEAR_SELF */
	int64_t path_cost;		/* and the connector's own, of a routing group */
	uint32_t hops;
	uint32_t rank;			/* in the order of names over all kinds */
	const struct source_set *sources;	/* NULL with NEAR_SELF */
	const struct source_fallback *fallback;	/* likewise */
	const char *smart_hosts;	/* or target servers: the list that names its queue */
};

/* One address space of one connector. */
struct space_entry {
	const struct choice *choice;
	const struct address_space *space;
	int64_t cost;			/* aggregate: the way and the space */
};

/* All entries of one address space that can be used from here, best first. */
struct space_list {
	struct space_entry *all;
	size_t all_count;
	/*
	 * Those that some message size can choose: an entry behind a better one that takes larger
	 * messages is left out, so few are left however many connectors share a space.
	 */
	struct space_entry *best;
	size_t best_count;
};

/* What stands at a site. */
struct site_view {
	struct server_pool hubs, edges;	/* enabled; in the order of names */
	uint32_t stop;			/* first hub site on the way there, or GRAPH_NONE */
	/* backoff.c: hubs of the sites on the way there, the farthest first; of a next stop only */
	const struct server_pool *ladder;
	size_t ladder_n;
	bool bisect;
};

struct linked {
	const struct receive_connector *from;
	const struct send_connector *to;
	const char *smart_hosts;	/* the list that names its queue */
};

/* The snapshot made ready (base.c, candidates.c). Immutable. */
struct routing_base {
	atomic_uint refs;
	struct arena *arena;
	const struct snapshot *snapshot;
	struct graph_net net;
	struct site_view *sites;	/* by site index; without what depends on the way */
	uint32_t *server_sites;		/* by server index: where it counts, GRAPH_NONE = nowhere */
	uint32_t set_count;		/* of source sets */
	bool *is_source;		/* by server index: of any connector in force */
	struct candidate *candidates;	/* in the order of names over all kinds */
	size_t candidate_count;
	const char **rejected;		/* names of connectors not in force at all */
	size_t rejected_count;
	struct space_index spaces;
	struct linked *linked;
	size_t linked_count;
};

/* The paths from one site (ways.c). Immutable. */
struct routing_ways {
	atomic_uint refs;
	struct arena *arena;
	uint32_t site;			/* GRAPH_NONE: of a server that has none */
	struct graph graph;
	struct site_view *sites;	/* by site index */
};

struct routing_table {
	atomic_uint refs;
	struct arena *arena;
	const struct routing_base *base;
	const struct routing_ways *ways;
	const struct server *self;
	bool plain;			/* as if self were no source server */
	struct choice **choices;	/* by rank; NULL = not looked at yet */
	struct source_fallback *fallbacks;	/* by the numbers of the base's source sets */
	struct space_list **lists;	/* by the numbers of the base's slots; NULL likewise */
	/* of the base and the ways, which live as long */
	const struct snapshot *snapshot;
	uint32_t site;			/* of self; GRAPH_NONE if it has none */
	struct graph graph;
	const struct site_view *sites;	/* by site index */
};

const struct routing_base *routing_base_new(const struct snapshot *s);
const struct routing_base *routing_base_ref(const struct routing_base *b);
void routing_base_unref(const struct routing_base **b);
/* candidates.c: the connectors of the snapshot and the index of their spaces, into b. */
void base_candidates_build(struct routing_base *b);
/* candidates.c: values of the directory have no order, so the list that names a queue is sorted. */
const char *base_smart_hosts(struct arena *a, const struct smart_hosts *hosts);

const struct routing_ways *routing_ways_new(const struct routing_base *b, uint32_t site);
const struct routing_ways *routing_ways_ref(const struct routing_ways *w);
void routing_ways_unref(const struct routing_ways **w);
/* backoff.c: the ladder of every site that mail may stop at. */
void ways_ladders_build(struct routing_ways *w);

/*
 * table.c: a lazy table; self is of b's snapshot, w are the ways from the site where it counts.
 * plain: of any hub there that delivers with no connector itself.
 */
const struct routing_table *routing_table_lazy(const struct routing_base *b,
	const struct routing_ways *w, const struct server *self, bool plain);

/* Where a server counts, seen from t: a drained site (hubInboundMail) has none for others. */
static inline uint32_t table_server_site(const struct routing_table *t, const struct server *server)
{
	uint32_t site = t->base->server_sites[server->index];

	return site == GRAPH_NONE || site == t->site || t->graph.v[site].site->inbound_mail ? site :
		GRAPH_NONE;
}

/* choices.c: the connector of that rank as self sees it. */
const struct choice *table_choice(const struct routing_table *t, uint32_t rank);
/* lists.c: NULL if no connector of the slot can be used from here. */
const struct space_list *table_list(const struct routing_table *t, const struct space_slot *slot);
/* lists.c: the list of the next slot that has one, or NULL. */
const struct space_list *table_list_next(const struct routing_table *t, struct space_cursor *c);
/*
 * lists.c: which of two entries is preferred (section 5, steps 4 to 6): less than 0 if a is. *by
 * tells what decided, as lost_by names it; NULL if the entries are of one connector.
 */
int space_entry_compare(const struct space_entry *a, const struct space_entry *b, const char **by);

/* Whether a limit (0 = none) lets a message of this size pass. */
static inline bool size_fits(uint64_t limit, uint64_t size)
{
	return limit == 0 || size <= limit;
}

#endif
