/* config_change.h - hubctl config check of a file of changes: would the directory take them? */
#ifndef HUB_TOOLS_CONFIG_CHANGE_H
#define HUB_TOOLS_CONFIG_CHANGE_H

#include "tools/ctl.h"

/* Does the file hold changes, not entries? false also if it cannot be read. */
bool config_change_is(struct ctl *ctl, const char *path);
/* Judges the changes by the organization in the directory, and says what would be refused. */
enum ctl_status config_change_check(struct ctl *ctl, const char *path);

#endif
