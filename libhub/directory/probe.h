/* probe.h - does this directory server answer? Owning thread only.
 *
 * Connects, binds as cfg says and reads the base entry, all within one limit.
 */
#ifndef HUB_DIRECTORY_PROBE_H
#define HUB_DIRECTORY_PROBE_H

#include "libhub/directory/watch.h"

struct probe;

typedef void probe_cb(bool good, void *ctx);

/*
 * Exactly one callback, never before this returns; none after cancel. Strings and cfg are the
 * caller's and outlive the probe.
 */
struct probe *probe_start(struct loop *loop, struct resolver *resolver,
	const struct directory_config *cfg, const char *uri, const char *base,
	unsigned int limit_ms, probe_cb *cb, void *ctx);
/* Sets *p to NULL; accepts a pointer to NULL. After the callback the handle is gone. */
void probe_cancel(struct probe **p);

#endif
