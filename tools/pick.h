/* pick.h - the first of several directory servers that answers. */
#ifndef HUB_TOOLS_PICK_H
#define HUB_TOOLS_PICK_H

#include "tools/ctl.h"

/*
 * Of URIs divided by spaces or commas. With only one, or when none answers, the list as it is, so
 * that whoever connects finds the reason. Lives in the arena of ctl or is uris itself.
 */
const char *pick_uri(const struct ctl *ctl, const char *uris);

#endif
