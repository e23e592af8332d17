/* admin.h - administration of the queues of all workers from one place.
 *
 * A request is a JSON object, posted to every worker; the answers are merged. It runs on the loop
 * given to queue_admin_new (the control endpoint's), the work itself on the owning workers.
 *
 * Requests: {"op": ..., "queue": Q, "message": M, "limit": N}
 *	queue-list			-> {"queues": [QUEUE...]}; with "queue": that one only
 *	queue-suspend, queue-resume	queue Q -> {"changed": n}
 *	queue-retry			queue Q at once; with "resubmit": true its messages
 *					are routed again
 *	message-list			of queue Q, or of all -> {"messages": [MESSAGE...]};
 *					"limit" 1000
 *	message-get			message M, in every queue it sits in -> {"messages": [...]}
 *	message-suspend, message-resume	message M (and queue Q if given) -> {"changed": n}
 *	message-remove			likewise; "report": false removes without report
 *					(default true)
 * Q is a queue's "identity" or its "id"; M is the message's 16 digits. When nothing matched,
 * changed is 0 and "error" says so; an unknown op or a missing member gives {"error": text}.
 */
#ifndef HUB_QUEUE_ADMIN_H
#define HUB_QUEUE_ADMIN_H

#include <jansson.h>

#include "hubd/queue/queue.h"

struct queue_admin;
struct queue_admin_op;

/* answer: borrowed, valid during the call. */
typedef void queue_admin_cb(json_t *answer, void *ctx);

struct queue_admin *queue_admin_new(struct queues *q, struct loop *loop);
/* No operation is under way on any worker (their loops have ended, or all callbacks have come). */
void queue_admin_free(struct queue_admin **a);
/* request is copied. cb comes once, later. */
struct queue_admin_op *queue_admin_start(struct queue_admin *a, json_t *request,
	queue_admin_cb *cb, void *ctx);
/* No callback comes after it. Sets *op to NULL; accepts a pointer to NULL. */
void queue_admin_cancel(struct queue_admin_op **op);

#endif
