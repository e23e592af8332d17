/* route_map_layout.h - where boxes that lines join are best drawn. Pure; the same input gives the
 * same picture.
 */
#ifndef HUB_TOOLS_ROUTE_MAP_LAYOUT_H
#define HUB_TOOLS_ROUTE_MAP_LAYOUT_H

#include <stddef.h>

/* x, y: the middle. */
struct map_box {
	double x, y, width, height;
};

struct map_line {
	size_t from, to;
};

/* Fills x and y; boxes do not overlap, and the upper left corner of all is at 0, 0. */
void map_layout(struct map_box *v, size_t n, const struct map_line *lines, size_t n_lines);

#endif
