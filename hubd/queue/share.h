/* share.h - the connections that a Send connector may hold at once, on this server.
 *
 * hubMaxConcurrentConnections counts over all queues of the connector and all workers. A queue that
 * finds no room waits in a list of its set, whose queues are asked in turn when a connection ends
 * here, and every SHARE_MS for those that ended elsewhere; while one waits nobody overtakes it. How
 * many of them one queue may have says fair.h. The lock is taken when a queue is made or ends,
 * never for a connection.
 */
#ifndef HUB_QUEUE_SHARE_H
#define HUB_QUEUE_SHARE_H

#include <stdbool.h>
#include <stdint.h>

enum { SHARE_MS = 100 };

struct share;
struct queue;
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
void share_give(struct queue *q);
/* May q have one more of those, see fair.h? own_max: what a queue may have. */
bool share_may_grow(const struct queue *q, uint64_t own_max);
/* Does another queue wait for what q's connections hold? Then none is kept idle. */
bool share_is_wanted(const struct queue *q);

#endif
