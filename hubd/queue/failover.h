/* failover.h - judges the Send connectors that this server is a source of: connector failover.
 *
 * A connector is judged failed when nothing was delivered by it for hubConnectorFailoverDelay of
 * the organization (0 = never), counted from its first failure since, and every smart host fails,
 * or, with MX routing, connections to FAILOVER_DOMAINS domains do (routing, section 5). What is
 * judged comes into force as a new struct live with another failed_set: all queued mail is then
 * routed again, around the connector or back to it.
 *
 * A failed connector is probed on the server's retry schedule, by connections without a message: to
 * its smart hosts, or with MX routing to domains that failed and to those that mail wanted last, so
 * that dead domains alone do not keep it out. A probe succeeds when the session has come to where
 * mail can be sent and the peer has answered MAIL; a greeting is not enough. The first success ends
 * the judgement; so does a configuration that gives it other hosts, or takes it away from this
 * server.
 *
 * One judge a process, on the loop of failover_new, which owns all state; workers tell it what
 * happened through their ports. Nothing is kept across a restart.
 */
#ifndef HUB_QUEUE_FAILOVER_H
#define HUB_QUEUE_FAILOVER_H

#include "hubd/queue/queue.h"

enum {
	FAILOVER_DOMAINS = 3,		/* with MX routing, so many must fail */
	FAILOVER_PROBES = 4,		/* domains of a kind that are probed together */
};

struct failed_set;

struct failover;

/* on_change, on the judge's loop: another set than failover_set is in force. */
struct failover *failover_new(struct loop *loop, struct queues *queues,
	void (*on_change)(void *ctx), void *ctx);
/* After all ports. Accepts a pointer to NULL; sets it to NULL. */
void failover_free(struct failover **f);
/* A new configuration, before it is in force; takes its own reference. No on_change follows. */
void failover_adopt(struct failover *f, const struct live *live);
/* Owner's thread, borrowed until the next change; NULL = none has failed since the start. */
const struct failed_set *failover_set(const struct failover *f);

/* A connector that has failed, for status. */
struct failover_row {
	const char *connector, *reason;
	int64_t since_ms, next_probe_ms;	/* wall clock */
};
/* Owner's thread. */
void failover_each(const struct failover *f, void (*cb)(const struct failover_row *row, void *ctx),
	void *ctx);
/* Failed just now; judgements since the start. Any thread. */
void failover_counts(const struct failover *f, uint64_t *failed, uint64_t *judged);

/* Mail for this domain went around the connector. Any thread; f may be NULL. */
void failover_passed(struct failover *f, const char *connector, const char *domain);

/* One worker's way to the judge: of many successes it passes on a few. Its thread. */
struct failover_port;

struct failover_port *failover_port_new(struct failover *f);
void failover_port_free(struct failover_port **p);
/* port may be NULL, below; a key that is not of a Send connector says nothing. */
void failover_port_success(struct failover_port *p, const struct queue_key *key);
/*
 * No host of the queue could be used, and why; both may be NULL. With MX routing a domain counts
 * only when the network is to blame (RFC 3463, status x.4.x), not when its host or our policy is.
 */
void failover_port_failure(struct failover_port *p, const struct queue_key *key,
	const char *status, const char *text);
/* A new configuration: names may be gone. */
void failover_port_forget(struct failover_port *p);

#endif
