/* route_map.h - hubctl route map: the topology drawn as text, for Graphviz, or as SVG. */
#ifndef HUB_TOOLS_ROUTE_MAP_H
#define HUB_TOOLS_ROUTE_MAP_H

#include "tools/args.h"

enum ctl_status route_map_run(struct ctl *ctl, const struct args *args);

#endif
