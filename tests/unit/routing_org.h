/* routing_org.h - one organization for rows of routing tests, and connectors written as text.
 *
 *	London (hub1 hub2, edge1) -10- Paris (hub3 hub4) -10- Rome (hub5, hub6 disabled)
 *	London -10- Oslo (no hub, edge2) -10- Rome        Bern (hub8) -5- Paris, 1 MB at most
 *	London -20- Zurich (hub9)
 *	Island (hub7) without links; mailbox servers mbx-SITE at London, Paris, Rome, Oslo, Island
 */
#ifndef HUB_TESTS_ROUTING_ORG_H
#define HUB_TESTS_ROUTING_ORG_H

#include "libhub/routing/route.h"
#include "org_fixture.h"

struct fixture *routing_org_new(void);

/*
 * Adds connectors, one a line: "kind name spaces sources [option ...]" where kind is send, foreign
 * or agent; sources may be "-"; options: scoped, off, max=BYTES, hosts=A,B.
 */
void routing_org_connectors(struct fixture *f, const char *text);

/*
 * A decision in one line:
 *	connector NAME cost C queue TYPE DOMAIN
 *	relay NAME cost C to SITE servers fallback [servers] queue TYPE DOMAIN
 *	mailbox NAME | report STATUS | unreachable
 */
void routing_org_text(const struct route *r, char *buf, size_t size);

#endif
