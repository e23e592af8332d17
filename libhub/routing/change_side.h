/* change_side.h - inside of a comparison of snapshots. Private to libhub/routing. */
#ifndef HUB_ROUTING_CHANGE_SIDE_H
#define HUB_ROUTING_CHANGE_SIDE_H

#include "libhub/routing/change.h"
#include "libhub/routing/table.h"

/* One snapshot of the two. */
struct change_side {
	const struct routing_base *base;
	uint32_t *twin;			/* by site index: the same on the other side, or none */
	bool *changed;			/* by rank: other than on the other side */
	uint32_t *sourced_first;	/* by server index: where its connectors begin */
	uint32_t *sourced;		/* ranks of enabled connectors by source server */
};

/* Slots that an address is looked for in, in order; -- is for edges. */
struct change_slots {
	uint32_t *v;
	size_t n, room;
	uint32_t inbound;		/* or GRAPH_NONE */
};

struct change_address {
	const char *type, *text;
	bool domain_same;		/* the accepted domain means the same */
	struct change_slots before, after;
};

struct routing_change {
	struct arena *arena;
	struct change_side before, after;
	bool *site_same;		/* by site index before: itself and who stands there */
	bool ways_same;			/* all sites and links are, by the same indices */
	struct change_address *addresses;
	size_t address_count, address_room;
};

#endif
