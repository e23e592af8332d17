/* share.h - the connections that a Send connector may hold at once, on this server.
 *
 * hubMaxConcurrentConnections counts over all queues of the connector and all workers; how many of
 * them one queue may have says fair.h. A queue that finds no room takes a ticket and waits; while
 * one waits nobody overtakes it, and the lowest ticket of all workers has the next turn, for one
 * connection. When a connection ends, the set where that ticket is gets told; each set also looks
 * every SHARE_MS. Idle connections end for who waits; for those that have none, as many busy ones
 * end after their message as there are such queues.
 *
 * The lock is taken when a queue is made or ends, never for a connection.
 */
#ifndef HUB_QUEUE_SHARE_H
#define HUB_QUEUE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

enum { SHARE_MS = 100 };

struct share;
struct queue;
struct queue_conn;
struct queue_set;
struct queues;

/* Of the process. */
void share_init(struct queues *all);
void share_deinit(struct queues *all);
/* Of one set; its thread, like all below. */
void share_set_init(struct queue_set *s);
void share_set_deinit(struct queue_set *s);

/* q has its connector from now on, and to its end. */
void share_join(struct queue *q);
void share_leave(struct queue *q);

/* May the queue's connector hold one more? Then it is counted; else the queue waits its turn. */
bool share_take(struct queue *q);
/*
 * May q have one more of those, see fair.h? own_max: what a queue may have. With MX routing the
 * last one is for a domain that has none: who hangs on to all others does not hold up the rest.
 */
bool share_may_grow(const struct queue *q, uint64_t own_max);
/* It is not counted any more; gave_way: what share_gives_way said of it. */
void share_give(struct queue *q, bool gave_way);
/* Does another queue wait for what q's connections hold? Then none is kept idle. */
bool share_is_wanted(const struct queue *q);
/* Is the busy connection to end for a queue that has none? Then it has to. */
bool share_gives_way(struct queue_conn *qc);

#endif
