/* agents.h - delivery agents as the transport of queues. One per worker, its thread.
 *
 * Registers itself for queues of Delivery Agent connectors. A connection of such a queue is a
 * process: the executable of the folder that has the name of the connector's protocol, which is
 * spoken to by the protocol of hub-agent(7). Whatever an agent does, a recipient ends only by a
 * verdict that was given for it, once, at its time; everything else is tried again.
 */
#ifndef HUB_AGENT_AGENTS_H
#define HUB_AGENT_AGENTS_H

#include "hubd/queue/queue.h"

struct agents;

struct agents_config {
	const char *folder;	/* NULL = there are none */
	uint32_t timeout_ms;	/* an agent may be silent for so long where it has to speak */
};

/* Copies cfg. */
struct agents *agents_new(struct queue_set *set, const struct agents_config *cfg);
/* After queue_set_stop said done; ends processes that are still there. Sets *a to NULL. */
void agents_free(struct agents **a);

#endif
