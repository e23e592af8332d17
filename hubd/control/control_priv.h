/* control_priv.h - what the files of hubd/control share. */
#ifndef HUB_CONTROL_CONTROL_PRIV_H
#define HUB_CONTROL_CONTROL_PRIV_H

#include "hubd/control/control.h"
#include "libhub/admin/endpoint.h"

struct control {
	struct control_config cfg;
	const struct live *live;	/* NULL before any */
	uint32_t expected;		/* configurations that are being put in force */
	struct tls_context *tls;	/* what the endpoint shows, or NULL */
	struct admin_endpoint *endpoint;
	struct queue_admin *queue_admin;
};

/* request.c; their ctx is the control. */
extern const struct admin_route control_routes[];

/* status.c, a new reference. */
json_t *control_status(const struct control *c);
/* metrics.c */
void control_metrics(const struct control *c, struct evbuffer *out);
/* status_edge.c; null on a hub, a new reference. */
json_t *control_status_edge(const struct control *c);
void control_metrics_edge(const struct control *c, struct evbuffer *out);

/* The directory as it is told of: the newest snapshot, unless that is still being put in force. */
const struct snapshot *control_snapshot(const struct control *c);
/* Is that the mirror's newest? */
bool control_is_settled(const struct control *c);

#endif
