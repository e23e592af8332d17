/* config_edge.h - hubctl config status, of an edge: what it has got from its organization. */
#ifndef HUB_TOOLS_CONFIG_EDGE_H
#define HUB_TOOLS_CONFIG_EDGE_H

#include <jansson.h>
#include <stdbool.h>

/* server: what is told of one, whether edge or hub. */
bool config_edge_is_incomplete(const json_t *server);
/* Nothing for a hub. */
void config_edge_print(const json_t *server);

#endif
