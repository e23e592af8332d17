/* table.h - inside of a routing table. Private to libhub/routing.
 *
 * Everything that does not depend on the recipient is decided when the table is built: which
 * connectors can be used at all from here, what their way costs, which servers stand for them, and
 * for every address space the connectors in order of preference. A look-up walks from the most
 * specific address space to the least and takes the first connector that is large enough.
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
	/* Of hubs: the remaining ones of the site (others: 1, or 0 without), then its ladder. */
	const struct server_pool *fallback;
	size_t fallback_n, others;
	bool edges;
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
	const char *smart_hosts;	/* or target servers: the list that names its queue */
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

struct routing_table {
	atomic_uint refs;
	struct arena *arena;
	const struct snapshot *snapshot;
	const struct server *self;
	uint32_t site;			/* of self; GRAPH_NONE if it has none */
	struct graph graph;
	struct site_view *sites;	/* by site index */
	uint32_t *server_sites;		/* by server index: where it counts, GRAPH_NONE = nowhere */
	struct choice *choices;		/* in the order of rank */
	size_t choice_count;
	const char **rejected;		/* names of connectors not in force at all */
	size_t rejected_count;
	struct space_index spaces;
	struct linked *linked;
	size_t linked_count;
};

/* choices.c: values of the directory have no order, so the list that names a queue is sorted. */
const char *table_smart_hosts(struct arena *a, const struct smart_hosts *hosts);
/* backoff.c: the ladder of every site that mail may stop at. */
void table_ladders_build(struct routing_table *t);
/* choices.c: the connectors of the snapshot as this server sees them, into t. */
void table_choices_build(struct routing_table *t);

/* Whether a limit (0 = none) lets a message of this size pass. */
static inline bool size_fits(uint64_t limit, uint64_t size)
{
	return limit == 0 || size <= limit;
}

#endif
