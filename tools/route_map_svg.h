/* route_map_svg.h - the map of route_map.c as SVG 1.1 with nothing outside itself. */
#ifndef HUB_TOOLS_ROUTE_MAP_SVG_H
#define HUB_TOOLS_ROUTE_MAP_SVG_H

#include <jansson.h>
#include <stdio.h>

struct arena;

/* route_map.c: what a connector of the map reaches: its address spaces, or a routing group's. */
const char *route_map_reach(struct arena *a, const json_t *connector);

void route_map_svg(FILE *out, struct arena *a, const json_t *map);

#endif
