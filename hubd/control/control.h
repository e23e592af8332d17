/* control.h - what hubd tells and does for administrators (libhub/admin/endpoint.h).
 *
 *	GET /status	what is in force and how the daemon is (status.c)
 *	GET /metrics	the counters, OpenMetrics
 *	POST /queue	a request of hubd/queue/admin.h, and its answer
 */
#ifndef HUB_CONTROL_CONTROL_H
#define HUB_CONTROL_CONTROL_H

#include "hubd/config/live.h"
#include "hubd/config/settings.h"
#include "hubd/queue/queue.h"
#include "libhub/directory/authenticate.h"
#include "libhub/org/mirror.h"

struct control;

typedef void control_binding_cb(const char *binding, const char *problem, void *ctx);

/* What it shows; all of it outlives the control. Main thread. */
struct control_config {
	struct loop *loop;
	struct resolver *resolver;
	const struct settings *settings;
	struct tls_context *tls_server;	/* until the first live; may be NULL without admin */
	struct mirror *mirror;
	struct spool *spool;
	struct queues *queues;
	struct failover *failover;
	struct authenticator *authenticator;
	/* Of the listeners: calls cb for each binding; connections open now. */
	void (*each_binding)(void *ctx, control_binding_cb *cb, void *cb_ctx);
	uint64_t (*connections)(void *ctx);
	void *ctx;
};

/* NULL and *e if a socket cannot be opened. */
struct control *control_new(const struct control_config *cfg, struct err *e) MUST_CHECK;
/*
 * A configuration is being put in force: until control_set_live is called for it, once for each of
 * these, what is told is of the one before.
 */
void control_expect_live(struct control *c);
void control_set_live(struct control *c, const struct live *live);
/*
 * After the workers' loops have ended, before the queues are freed. Requests under way end without
 * answer. Accepts a pointer to NULL.
 */
void control_free(struct control **c);

#endif
