/* route_table.h - hubctl route table: all of one server's routing. */
#ifndef HUB_TOOLS_ROUTE_TABLE_H
#define HUB_TOOLS_ROUTE_TABLE_H

#include "tools/args.h"

enum ctl_status route_table_run(struct ctl *ctl, const struct args *args);

#endif
