/* control_priv.h - what the files of the control share. */
#ifndef HUB_EDGESYNCD_CONTROL_PRIV_H
#define HUB_EDGESYNCD_CONTROL_PRIV_H

#include "edgesyncd/control.h"
#include "libhub/admin/endpoint.h"

struct control {
	struct control_config cfg;
	struct admin_endpoint *endpoint;
};

/* request.c; their ctx is the control. */
extern const struct admin_route control_routes[];

/* status.c, new references. */
json_t *control_status(const struct control *c);
/* looked: at the edge itself, just now. */
json_t *control_edge(const struct target_status *s, bool looked);
/* 1, 0, or -1: nobody knows, here and now. */
int control_in_step(const struct target_status *s, enum push_type type, bool looked);
/* {"scanned": ..., "added": ...} */
json_t *control_counts(const struct push_counts *counts);
/* metrics.c */
void control_metrics(const struct control *c, struct evbuffer *out);

#endif
