/* route_map_svg.h - the map of route_map.c as SVG 1.1 with nothing outside itself. */
#ifndef HUB_TOOLS_ROUTE_MAP_SVG_H
#define HUB_TOOLS_ROUTE_MAP_SVG_H

#include <jansson.h>
#include <stdio.h>

struct arena;

void route_map_svg(FILE *out, struct arena *a, const json_t *map);

#endif
