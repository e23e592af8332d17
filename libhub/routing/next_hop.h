/* next_hop.h - from what was chosen to the servers that get the mail now.
 *
 * Routing, sections 3 and 6, without what depends on who answers. Private to libhub/routing.
 */
#ifndef HUB_ROUTING_NEXT_HOP_H
#define HUB_ROUTING_NEXT_HOP_H

#include "libhub/routing/table.h"

void route_set_report(struct route *out, const char *status, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* To any hub of a reachable site that mail may stop at; else those of its ladder. */
void route_relay_to_site(const struct routing_table *t, uint32_t site, struct route *out);

/* out is initialized; domain as given to route_external. */
void next_hop_connector(const struct routing_table *t, const struct space_entry *entry,
	const char *domain, uint64_t size, struct arena *a, struct route *out);

/*
 * To one hub, which is not this server: straight within the site, elsewhere by any hub of its site,
 * so that it shares the copy that goes there anyway.
 */
void route_to_hub(const struct routing_table *t, const struct server *hub, uint64_t size,
	struct arena *a, struct route *out);

/* choose.c: as route_external, by the address space -- only (edges, section 4). */
void route_inbound(const struct routing_table *t, const char *domain, uint64_t size,
	const struct route_excluded *excluded, struct arena *a, struct route_trace *trace,
	struct route *out);
/* choose.c: is the domain matched by anything narrower than *? */
bool route_has_own_space(const struct routing_table *t, const char *domain);

#endif
