/* route_view.h - one server's decisions about all destinations there are, for table and what-if.
 *
 * A destination is what decisions differ by: a site, a mailbox server, or an address space (of a
 * connector or an accepted domain). Each is stood for by one address that nothing narrower matches.
 * Recipients are not looked up: for a domain that is resolved in the directory that is the answer.
 */
#ifndef HUB_TOOLS_ROUTE_VIEW_H
#define HUB_TOOLS_ROUTE_VIEW_H

#include <jansson.h>

#include "libhub/routing/route.h"
#include "tools/ctl.h"

enum destination_kind { DESTINATION_SITE, DESTINATION_MAILBOX_SERVER, DESTINATION_SPACE };

struct destination {
	enum destination_kind kind;
	const char *name;	/* for people: site, server, *.contoso.com, FAX:+1* */
	const char *type;	/* of a space: SMTP, FAX ... */
	const char *text;	/* of a space: the domain or text that stands for it */
	const char *address;	/* with type SMTP: an address of that domain */
};

struct destinations {
	const struct destination *v;
	size_t n, room;
};

extern const char *const destination_kind_names[];

/* Adds all of a snapshot that are not there yet; finish puts them in order. Memory is ctl's. */
void destinations_add(struct ctl *ctl, struct destinations *d, const struct snapshot *s);
void destinations_finish(struct destinations *d);
/* Is the address that stands for a destination one of this address space? */
bool destination_matches(const struct destination *d, const struct address_space *space);
void destinations_clear(struct destinations *d);

/* A decision, for as long as the table and the arena are there. */
struct route_view {
	/* as explain names it; "directory" where recipients are resolved, "none": no such place */
	const char *decision;
	struct route route;
};

/* Can the server have mail for it? An edge has none for sites: it leaves what is ours to a hub. */
bool route_view_has(const struct routing_table *t, const struct destination *d);
void route_view_get(const struct routing_table *t, const struct destination *d, uint64_t size,
	struct arena *a, struct route_view *out);
/* Do both mean the same? Cost alone is no other decision. */
bool route_view_same(const struct route_view *a, const struct route_view *b);
/*
 * As a document with the members of explain that tell what happens: decision, connector, cost,
 * path, next_site, next_servers, fallback, queue_type, status, text. A new reference.
 */
json_t *route_view_json(const struct route_view *view);
/* One line for people, of that document: what happens and where to. In the arena. */
const char *route_view_text(struct arena *a, const json_t *view);

#endif
