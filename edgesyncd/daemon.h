/* daemon.h - edgesyncd as a whole: it starts, runs until it is told to end, and ends. */
#ifndef HUB_EDGESYNCD_DAEMON_H
#define HUB_EDGESYNCD_DAEMON_H

#include "edgesyncd/settings.h"

/* The exit status: 0 after SIGTERM, 1 or 2 if it could not start. */
int daemon_run(const struct edge_settings *settings);
/* What can be checked of the settings beside the file itself. */
int daemon_check(const struct edge_settings *settings, struct err *e) MUST_CHECK;

#endif
