/* control.h - what edgesyncd tells and does for administrators (libhub/admin/endpoint.h).
 *
 *	GET /status	the organization as it is known here, and how each edge is
 *	GET /metrics	the same, OpenMetrics
 *	POST /start	{"edge", "full", "allow_loss"}: push now; counts for each edge
 *	POST /test	{"edge", "full", "verify"}: look at the edges themselves; each as in
 *			/status, with what differs
 *
 * All members are optional; without "edge" all edges of the site are meant. Main thread.
 */
#ifndef HUB_EDGESYNCD_CONTROL_H
#define HUB_EDGESYNCD_CONTROL_H

#include "edgesyncd/settings.h"
#include "edgesyncd/targets.h"
#include "libhub/directory/authenticate.h"
#include "libhub/org/mirror.h"

struct control;
struct tls_context;

/* All of it outlives the control. */
struct control_config {
	struct loop *loop;
	struct resolver *resolver;
	const struct edge_settings *settings;
	struct tls_context *tls;	/* see control_set_tls */
	struct mirror *mirror;
	struct targets *targets;
	struct authenticator *authenticator;
};

/* NULL and *e if a socket cannot be opened. */
struct control *control_new(const struct control_config *cfg, struct err *e) MUST_CHECK;
void control_set_tls(struct control *c, struct tls_context *tls);
/* Calls under way end without answer. Accepts a pointer to NULL. */
void control_free(struct control **c);

#endif
