/* drop.h - Foreign connectors: the drop directory as the transport of queues. One per worker.
 *
 * Each connection has a thread of its own for what may block, so that a folder on a dead server
 * holds up its own queue only. A message passes through one buffer of DROP_PIECE bytes. A folder
 * that is missing, full, over hubDropQuota or not to be written puts the queue into Retry, with the
 * reason; a message is delivered when its file is synced under its name, see drop_file.h.
 *
 * What the foreign system does with a file is its business: a recipient who asked for a report of
 * success hears from there, or, with hubRelayDSNRequired, from here that it was relayed. Fields of
 * organization and forest do not leave. A message that requires TLS (RFC 8689) is returned.
 */
#ifndef HUB_DROP_DROP_H
#define HUB_DROP_DROP_H

#include "hubd/queue/queue.h"

enum { DROP_PIECE = 64 * 1024, DROP_IDLE_MS = 2000 };

struct drop;

/* set must outlive it. */
struct drop *drop_new(struct queue_set *set);
/* After queue_set_stop said done. Accepts a pointer to NULL; sets it to NULL. */
void drop_free(struct drop **d);

#endif
