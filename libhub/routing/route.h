/* route.h - where one recipient goes next, seen from one server.
 *
 * A routing table belongs to one (snapshot, server) pair, is built off the hot path on the main
 * thread, and is immutable and reference-counted from then on; look-ups are pure and may run on any
 * thread at the same time. Rules: hub-routing(7); the numbers in comments are
 * its sections.
 */
#ifndef HUB_ROUTING_ROUTE_H
#define HUB_ROUTING_ROUTE_H

#include <jansson.h>

#include "libhub/org/recipients.h"
#include "libhub/org/snapshot.h"

struct routing_table;

/* self: cn of the server whose point of view this is. NULL and *e if it does not exist. */
const struct routing_table *routing_table_new(const struct snapshot *s, const char *self,
	struct err *e) MUST_CHECK;
const struct routing_table *routing_table_ref(const struct routing_table *t);
void routing_table_unref(const struct routing_table **t);
const struct snapshot *routing_table_snapshot(const struct routing_table *t);
const struct server *routing_table_self(const struct routing_table *t);
/* The enabled hubs of its own site, of an edge those of the site that it is subscribed to. */
struct server_pool routing_table_hubs(const struct routing_table *t);

enum route_decision {
	ROUTE_CONNECTOR,	/* this server delivers with the connector */
	ROUTE_RELAY,		/* to a hub or edge by the implicit connector */
	ROUTE_MAILBOX,		/* to a mailbox server of this site */
	ROUTE_REPORT,		/* non-delivery report with status and text */
	ROUTE_UNREACHABLE,	/* waits in the Unreachable queue */
};

/* The delivery types of queues, named as in the reference (section 9.4). */
enum queue_type {
	QUEUE_DNS_CONNECTOR,
	QUEUE_SMART_HOST_CONNECTOR,
	QUEUE_FOREIGN_CONNECTOR,
	QUEUE_DELIVERY_AGENT,
	QUEUE_RELAY_WITHIN_SITE,
	QUEUE_RELAY_TO_SITE,
	QUEUE_RELAY_TO_CONNECTOR_SOURCES,
	QUEUE_RELAY_TO_EDGE,
	QUEUE_RELAY_TO_ROUTING_GROUP,
	QUEUE_MAILBOX,
	QUEUE_UNREACHABLE,
	QUEUE_TYPES
};
extern const char *const queue_type_names[QUEUE_TYPES];

/*
 * Identity of a queue: all recipients with equal keys share one, and with it one next hop. By type,
 * domain is: the recipient's domain (DNS_CONNECTOR), the sorted list of smart hosts or target
 * servers joined by commas (SMART_HOST_CONNECTOR, RELAY_TO_ROUTING_GROUP), the address space
 * (FOREIGN_CONNECTOR, DELIVERY_AGENT), the servers joined by commas (RELAY_WITHIN_SITE,
 * RELAY_TO_CONNECTOR_SOURCES, RELAY_TO_EDGE), the site (RELAY_TO_SITE), the mailbox server, or "".
 * connector is the name of the connector that this server delivers with, "" for a relay: two
 * connectors behind one next hop do not make two copies.
 */
struct queue_key {
	enum queue_type type;
	const char *domain;
	const char *connector;
};

/* Servers tried together, balanced; the next pool is tried when none of the first answers. */
struct server_pool {
	const struct server *const *v;
	size_t n;
};
/* Of two snapshots, by name and in the same order. */
bool server_pool_same(const struct server_pool *a, const struct server_pool *b);

/*
 * Connectors that failed where they deliver (5, connector failover), by name: passed over while
 * another of the same specificity takes the message. When none does, it is as if nothing were
 * excluded: the mail waits for the connector that it belongs to, and never falls to a wider one.
 */
struct route_excluded {
	const char *const *names;
	size_t n;
};

/* Result of a look-up. Pointers live as long as the table, or in the arena given. */
struct route {
	enum route_decision decision;
	const struct pool_connector *connector;	/* chosen, also when another server will use it */
	/*
	 * Of those excluded, the ones that compete for the message and come before it, best first:
	 * they were passed over, or there is no other and it is one of them. Whoever gets the
	 * message next must know of them, or would send it back.
	 */
	const struct pool_connector *const *passed;
	size_t passed_count;
	const struct mailbox_server *mailbox_server;
	/*
	 * ROUTE_RELAY: first choice; ROUTE_CONNECTOR: what an edge's smart host -- stands for.
	 * Lives as long as the table.
	 */
	struct server_pool next;
	/*
	 * ROUTE_RELAY: tried after it, in order; lives as long as the table. From ladder_at on
	 * these are the hubs of sites on the path, the one nearest to next_site first: the ladder
	 * for mail that cannot get there (3), to be searched by bisection if bisect is set.
	 */
	const struct server_pool *fallback;
	size_t fallback_count, ladder_at;
	bool bisect;
	const struct site *next_site;
	const struct site *const *path;		/* mine first, destination last */
	size_t path_len;
	int64_t cost;				/* aggregate, -1 = none */
	struct queue_key queue;
	char status[12];			/* ROUTE_REPORT, such as 5.3.4 */
	char text[200];			/* ROUTE_REPORT, ROUTE_UNREACHABLE: why, for people */
};

/* Recorder for explain: NULL on the hot path. */
struct route_trace;

/*
 * Routes to a connector by address space (5, 6). type is "SMTP" for ordinary addresses; space is
 * the domain (lower case) or, for other types, the address text. excluded may be NULL, here and
 * below.
 */
void route_external(const struct routing_table *t, const char *type, const char *space,
	uint64_t size, const struct route_excluded *excluded, struct arena *a,
	struct route_trace *trace, struct route *out);

/* Routes to the home server of a resolved recipient (4): directly, or by implicit connector. */
void route_mailbox(const struct routing_table *t, const struct mailbox_server *home,
	uint64_t size, struct arena *a, struct route_trace *trace, struct route *out);

/* A route to nowhere yet; and one of what waits in the Unreachable queue, for that reason. */
void route_init(struct route *out);
void route_set_unreachable(struct route *out, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Routes everything that came by a Receive connector that a Send connector is linked to (7). */
const struct send_connector *route_linked(const struct routing_table *t,
	const struct receive_connector *rc);

/*
 * How mail leaves by a connector that route_linked gave when it came in; smart hosts, whatever the
 * recipient. False when the connector is not linked any more, or disabled.
 */
bool route_to_linked(const struct routing_table *t, const struct send_connector *sc,
	struct arena *a, struct route *out);

/*
 * Delayed fan-out (3): routes are those of one message's recipients. Relays to other sites whose
 * paths share a prefix are changed to go to the last common site that has a hub, which splits them
 * there; all others stay as they are. Equal queue keys afterwards mean one copy.
 */
void route_fan_out(const struct routing_table *t, struct route *const *routes, size_t n);

/*
 * The same decision with its reasons (10), as the JSON document that hubctl(1) names, hop by
 * hop to the end in "then". address may be anything; recipients may be NULL (then recipients of
 * authoritative domains are reported as not examined). Returns a new reference; *e on failure
 * (unknown server, no address). What is excluded is so at every hop: it travels with the message.
 */
json_t *route_explain(const struct snapshot *s, const char *server, const char *address,
	uint64_t size, const struct route_excluded *excluded, struct recipients *recipients,
	struct err *e) MUST_CHECK;

/*
 * What the categorizer and explain share: one step of section 4 for one address. Follows
 * mailRoutingAddress (at most 20 steps); groups are the caller's to expand.
 */
enum resolved_outcome {
	RESOLVED_ROUTED,	/* out->route is set; out->address is the envelope recipient now */
	RESOLVED_GROUP,		/* out->info has the members; caller expands */
	RESOLVED_REJECT,		/* out->status, out->text: 5.1.1, 5.1.4 ... */
	RESOLVED_DEFER,		/* the mirror is not loaded: 451 4.3.0 */
};

struct resolved {
	enum resolved_outcome outcome;
	/*
	 * The envelope recipient for the next hop: the rewritten address where it is delivered to
	 * the mailbox here or routed anew; a hub elsewhere that finds the mailbox by this address
	 * gets it unchanged and rewrites it itself.
	 */
	char address[RECIPIENT_TEXT_MAX + 1];
	/* Of a mailbox: the person's own address in lower case, so that one reached twice shows. */
	char mailbox[RECIPIENT_TEXT_MAX + 1];
	/* Somebody on the way has hubRefuseOutsideMail; postmaster never counts as one. */
	bool refuses_outside;
	struct route route;
	struct recipient_info info;	/* RESOLVED_GROUP; clear with recipient_info_clear */
	char status[12];
	char text[200];
};

/* recipients may be NULL: then what needs them is RESOLVED_DEFER. */
void route_resolve(const struct routing_table *t, struct recipients *recipients,
	const char *address, uint64_t size, const struct route_excluded *excluded,
	struct arena *a, struct route_trace *trace, struct resolved *out);

#endif
