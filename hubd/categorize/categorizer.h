/* categorizer.h - from a safe message to queue items: resolve, route, split. One per worker.
 *
 * Each recipient is resolved with the configuration pinned at that moment; recipients with equal
 * next hops share one queue item (delayed fan-out), groups become a message to their members, what
 * cannot be delivered is reported. Nothing is lost on the way: a recipient keeps its place in the
 * spool until its outcome is recorded, after its report is safe.
 */
#ifndef HUB_CATEGORIZE_CATEGORIZER_H
#define HUB_CATEGORIZE_CATEGORIZER_H

#include "hubd/queue/queue.h"
#include "hubd/report/reporter.h"
#include "hubd/spool/message.h"

struct categorizer;

struct categorizer_config {
	struct loop *loop;
	struct spool_port *port;
	struct queues *queues;
	struct reporter *reporter;
	struct failover *failover;	/* may be NULL */
};

struct categorizer *categorizer_new(const struct categorizer_config *cfg);
void categorizer_free(struct categorizer **c);
/* Something is on its way into the spool; it must end before the spool does. */
bool categorizer_is_busy(const struct categorizer *c);
/* Before the first live, messages wait here. Owner's thread, like all below. */
void categorizer_set_live(struct categorizer *c, const struct live *live);
/* Owns the message from now on. */
void categorizer_submit(struct categorizer *c, struct message *m);
/* The queue's hook: an item whose configuration is no longer in force. Owns it from now on. */
void categorizer_again(struct categorizer *c, struct queue_item *item);

#endif
