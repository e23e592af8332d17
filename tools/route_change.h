/* route_change.h - hubctl route what-if. */
#ifndef HUB_TOOLS_ROUTE_CHANGE_H
#define HUB_TOOLS_ROUTE_CHANGE_H

#include "tools/args.h"

enum ctl_status route_what_if_run(struct ctl *ctl, const struct args *args);

#endif
