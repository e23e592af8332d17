/* route_show.h - the document of route explain as text for people. */
#ifndef HUB_TOOLS_ROUTE_SHOW_H
#define HUB_TOOLS_ROUTE_SHOW_H

#include <jansson.h>

#include "tools/ctl.h"

/* All hops, to standard output. With -o wide all connectors that do not match are named, too. */
void route_show(struct ctl *ctl, const json_t *route);

#endif
