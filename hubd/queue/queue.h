/* queue.h - the next-hop queues: what waits for whom, when it is tried, and what became of it.
 *
 * Each worker owns one struct queue_set; a queue lives in the set that its key hashes to, so all
 * messages for one next hop meet in one place and no lock is needed. Items are posted from any
 * thread. The set decides when to open connections and to whom the next message goes; how a
 * connection works is the business of a transport (hubd/deliver for SMTP and LMTP; drop directory
 * and delivery agents likewise), which is registered by queue type.
 *
 * Retry (hubServer attributes): a queue whose connections fail waits hubGlitchRetryCount times
 * hubGlitchRetryInterval, then hubTransientRetryCount times hubTransientRetryInterval, then
 * hubConnectionFailureRetryInterval for ever. A message whose recipients were put off waits
 * hubMessageRetryInterval while its queue goes on. What is older than hubMessageExpiration is
 * reported and ends.
 *
 * On a new configuration every message that is not in flight goes back to the categorizer, oldest
 * first; one whose route did not change returns to the same queue in the same order with its retry
 * state. Limits: QUEUE_TEXT_MAX for what a peer says.
 */
#ifndef HUB_QUEUE_QUEUE_H
#define HUB_QUEUE_QUEUE_H

#include <sys/queue.h>

#include "hubd/spool/envelope.h"
#include "hubd/spool/spool.h"
#include "libhub/base/inbox.h"
#include "libhub/routing/route.h"

struct live;		/* hubd/config/live.h */
struct failover;	/* failover.h */
struct queues;		/* of the process; any thread where a function says so */
struct queue_set;	/* of one worker; its thread only, like all below */
struct queue;
struct queue_conn;

enum { QUEUE_TEXT_MAX = 600, QUEUE_STATUS_SIZE = 12 };

/* ---- items ---- */

enum queue_item_state {
	QUEUE_ITEM_READY,
	QUEUE_ITEM_ACTIVE,	/* a connection has it */
	QUEUE_ITEM_RETRY,	/* waits for its own time */
	QUEUE_ITEM_SUSPENDED,
};

/*
 * The recipients of one message that share a next hop. Everything lives in its arena; it belongs to
 * who made it until posted, then to the queue, during delivery to the connection (read only).
 */
struct queue_item {
	struct inbox_node node;
	TAILQ_ENTRY(queue_item) link;
	struct arena *arena;
	const struct live *live;	/* pinned: the configuration it was routed with */
	uint64_t id;			/* of the message in the spool */
	uint64_t body_size;
	struct envelope env;		/* its recipients only */
	uint32_t *index;		/* of each recipient in the spool's envelope */

	/* the route */
	enum route_decision decision;
	struct queue_key key;
	const char *security;		/* connections are shared by equal ones only */
	const struct pool_connector *connector;
	const struct mailbox_server *mailbox_server;
	/* ROUTE_RELAY: as in the route; of live's table */
	struct server_pool next;
	const struct server_pool *fallback;
	size_t fallback_count, ladder_at;
	bool bisect;
	const char *why;		/* ROUTE_UNREACHABLE: for people; else "" */
	const char *excluded;		/* told to the next hop of ours, see exclusion.h; or "" */
	int64_t reroute_at_ms;		/* wall: an exclusion expires then; 0 = none */

	/* progress, kept when it is routed again */
	enum queue_item_state state;
	bool suspended;			/* by an administrator */
	bool removing;			/* administrator wants it gone; in flight until then */
	bool remove_silently;
	bool delay_reported;
	bool probe;			/* no message: see queue_item_new_probe */
	uint32_t retry_count;
	uint64_t retry_at_ms;		/* monotonic clock; 0 = now */
	char last_status[QUEUE_STATUS_SIZE];
	char *last_error;		/* malloc'd; NULL = none */
	struct queue_refusal *refusals;	/* of each recipient last time, malloc'd; NULL = none */
	struct queue *queue;
};

/* How a recipient was put off. */
struct queue_refusal {
	char status[QUEUE_STATUS_SIZE];
	bool from_peer;			/* text is an SMTP reply */
	const char *text, *remote;	/* behind the array, and shared where equal */
};

/*
 * An item with recipients pick[0..n-1] (positions in env; NULL = the first n) of env. index[i] is
 * the number of env's recipient i in the spool's envelope; NULL when env is the spool's. Copies
 * everything, pins live. route may be of any decision but ROUTE_REPORT. from (may be NULL) is the
 * item this one continues: retry state and suspension are taken from it. Any thread.
 */
struct queue_item *queue_item_new(const struct live *live, uint64_t id, uint64_t body_size,
	const struct envelope *env, const uint32_t *index, const uint32_t *pick, uint32_t n,
	const struct route *route, const struct queue_item *from);
/* Before it is posted: what goes with it to the next hop (copied), and until when it holds. */
void queue_item_exclude(struct queue_item *item, const char *excluded, int64_t reroute_at_ms);
/*
 * Before it is posted: the message is from before the start, and the process that had it wrote to
 * the spool at written_ms (wall clock). If the report of its delay was due then, it was sent, for
 * that is written there too.
 */
void queue_item_note_recovery(struct queue_item *item, int64_t written_ms);
/*
 * No message, but a wish to know whether the next hop can be reached: when posted, its queue opens
 * one connection, unless it has one or will try by itself. key's texts are copied. Any thread.
 */
struct queue_item *queue_item_new_probe(const struct live *live,
	const struct pool_connector *connector, const struct queue_key *key);
/* Accepts a pointer to NULL; sets it to NULL. */
void queue_item_free(struct queue_item **item);
/* When it expires, by the configuration given. Wall clock. */
int64_t queue_item_expires_ms(const struct queue_item *item, const struct live *live);

/* ---- what others do for the queues ---- */

enum queue_report_kind {
	QUEUE_REPORT_FAILED,
	QUEUE_REPORT_DELAYED,
	QUEUE_REPORT_RELAYED,		/* NOTIFY=SUCCESS, to a hop without DSN */
	QUEUE_REPORT_EXPANDED,		/* NOTIFY=SUCCESS, a group: to its members */
	QUEUE_REPORT_DELIVERED,		/* NOTIFY=SUCCESS, at its final place */
	QUEUE_REPORT_KINDS
};

struct queue_report_recipient {
	enum queue_report_kind kind;
	uint32_t i;			/* in item->env.recipients */
	const char *status;		/* 5.1.1 */
	const char *diagnostic;		/* the peer's reply, or our own words */
	bool from_peer;			/* diagnostic is an SMTP reply */
	const char *remote;		/* name of the host that spoke; "" = none did */
};

/* Valid during the call. */
struct queue_report {
	const struct queue_item *item;
	const struct queue_report_recipient *v;
	size_t n;
	int64_t expires_ms;
};

/* The right to end recipients; see queue_ticket_done. */
struct queue_ticket;

struct queue_hooks {
	/* A new configuration is in force: route it again with that. The callee owns item. */
	void (*recategorize)(struct queue_item *item, void *ctx);
	/*
	 * Sends the report if one is due (NOTIFY, remote domain's rules, null sender are the
	 * callee's to check). queue_ticket_done must follow, from inside or later, when the report
	 * is safe in the spool or none is needed.
	 */
	void (*report)(const struct queue_report *r, struct queue_ticket *t, void *ctx);
};

/*
 * ok false: the report could not be stored; it is asked for again, and until then its recipients
 * have no outcome in the spool. The set's thread. Tickets still open when the set is freed are
 * dropped with it.
 */
void queue_ticket_done(struct queue_ticket *t, bool ok);

/* ---- the process's queues ---- */

struct queues *queues_new(uint32_t workers);
/* Who wants to know how connectors fare; before the sets exist, and outlives them. */
void queues_set_failover(struct queues *q, struct failover *f);
/* After all sets are freed. */
void queues_free(struct queues **q);
/* Hands the item to the set that owns its queue. Any thread, while the sets exist. */
void queues_post(struct queues *q, struct queue_item *item);

/* live may be NULL: then nothing moves until queue_set_config. hooks must outlive the set. */
struct queue_set *queue_set_new(struct queues *q, uint32_t worker, struct loop *loop,
	struct spool_port *port, const struct live *live, const struct queue_hooks *hooks,
	void *ctx);
/* All connections have ended (queue_set_stop). What is queued is freed; the spool still has it. */
void queue_set_free(struct queue_set **s);
/* From now on this configuration; takes its own reference. */
void queue_set_config(struct queue_set *s, const struct live *live);
const struct live *queue_set_live(const struct queue_set *s);
struct loop *queue_set_loop(const struct queue_set *s);
struct spool_port *queue_set_port(const struct queue_set *s);
/* No new deliveries; idle connections end, busy ones after the present message. done comes once. */
void queue_set_stop(struct queue_set *s, void (*done)(void *ctx), void *ctx);

struct queue_stats {
	uint64_t messages, connections, queues, retry_queues;
	uint64_t delivered, relayed, deferred, failed, expired;	/* recipients since start */
};
/* Sum over all sets; figures are a moment old. Any thread. */
void queues_stats(struct queues *q, struct queue_stats *out);

/* ---- transports: what carries messages of some queue types ---- */

/*
 * open begins a connection for the message head (valid during the call; what it names in its live
 * stays as long as qc) and returns its object; from then on the transport calls the functions below
 * for qc, never from inside open. wake: an idle connection (queue_conn_next gave NULL) may call
 * queue_conn_next again. stop: end after the message in flight, if any. queue_conn_end comes
 * exactly once, and may be called inside wake and stop.
 */
struct queue_transport {
	void *(*open)(struct queue_conn *qc, const struct queue_item *head, void *ctx);
	void (*wake)(void *conn);
	void (*stop)(void *conn);
};
void queue_set_transport(struct queue_set *s, enum queue_type type,
	const struct queue_transport *t, void *ctx);

/* A peer as it is named in logs and reports. */
struct queue_hop {
	const char *name;		/* host name, or "" */
	const char *text;		/* "mx.example.com[192.0.2.1]:25" */
	const char *tls;		/* "TLSv1.3", or NULL */
};

enum queue_verdict {
	QUEUE_VERDICT_DELIVERED,	/* at its final place */
	QUEUE_VERDICT_RELAYED,
	QUEUE_VERDICT_DEFERRED,		/* this recipient again after hubMessageRetryInterval */
	QUEUE_VERDICT_FAILED,
};

struct queue_result {
	enum queue_verdict verdict;
	bool from_peer;			/* text is an SMTP reply, to command */
	bool dsn_passed_on;		/* the peer took over NOTIFY=SUCCESS */
	char status[QUEUE_STATUS_SIZE];
	const char *text;		/* one line, valid during the call; NULL = "" */
	const char *command;		/* that the text is about, a constant; NULL = none */
};

/*
 * The configuration of the connection: that of the head it was opened for, or the one in force if
 * both route alike.
 */
const struct live *queue_conn_live(const struct queue_conn *qc);
/*
 * Takes the next message. NULL: none now; *end tells whether to end the connection (stopping, the
 * queue suspended, what the session was made by different in the configuration that the next one
 * was routed with or that is in force, other certificates, authorities or revocation lists, a queue
 * of the connector that has none) or to keep it for a while.
 */
const struct queue_item *queue_conn_next(struct queue_conn *qc, bool *end);
/*
 * The session is ready for mail. The retry schedule begins anew only when the peer has decided a
 * message (queue_conn_done): it may greet everybody and take nothing.
 */
void queue_conn_up(struct queue_conn *qc);
/*
 * The message taken last is decided: results[i] for each recipient. When the peer puts off several
 * in a row for what its system lacks (4.3.x, and not at RCPT), the queue waits as if it could not
 * be reached.
 */
void queue_conn_done(struct queue_conn *qc, const struct queue_result *results,
	const struct queue_hop *hop);
/* As queue_conn_done, but the peer did not do its part: the retry schedule does not begin anew. */
void queue_conn_broken(struct queue_conn *qc, const struct queue_result *results,
	const struct queue_hop *hop);
/*
 * Gives the message taken last back undecided: it stays first, nothing is counted against it, and
 * other connections may take it. This one ends, or calls queue_conn_up again.
 */
void queue_conn_return(struct queue_conn *qc);

/*
 * Before queue_conn_end with QUEUE_CONN_FAILED: the next hop wants the whole queue to wait, so long
 * (0 = as its schedule says), whatever other connections it has; these end after their message.
 */
void queue_conn_put_off(struct queue_conn *qc, uint32_t wait_s);

enum queue_conn_outcome {
	QUEUE_CONN_CLOSED,	/* nothing wrong */
	QUEUE_CONN_FAILED,	/* no host could be used: the queue goes to Retry */
	QUEUE_CONN_HOPELESS,	/* nor ever will: what is queued here fails */
};
/* qc is gone. A message still taken is given back first. text: one line, may be NULL. */
void queue_conn_end(struct queue_conn *qc, enum queue_conn_outcome outcome, const char *status,
	const char *text);
/* Such as "DnsConnectorDelivery/example.com/To Internet", for logs. */
const char *queue_conn_name(const struct queue_conn *qc);

#endif
