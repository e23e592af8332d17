/* edge_sync_show.h - what edgesyncd has answered, for people and for exit statuses. */
#ifndef HUB_TOOLS_EDGE_SYNC_SHOW_H
#define HUB_TOOLS_EDGE_SYNC_SHOW_H

#include <jansson.h>

#include "tools/ctl.h"

/* Of the answer to /test. */
void edge_sync_show_test(struct ctl *ctl, const json_t *answer);
/* Is the organization known, and all of it on every edge? */
bool edge_sync_in_step(const json_t *answer);

/* Of the answer to /start. */
void edge_sync_show_start(struct ctl *ctl, const json_t *answer);
bool edge_sync_pushed(const json_t *answer);

#endif
