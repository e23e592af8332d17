/* daemon.h - hubd as a whole: the main thread's loop and everything it owns. */
#ifndef HUB_DAEMON_H
#define HUB_DAEMON_H

#include "hubd/config/settings.h"

/* Runs until a signal ends it. The exit status. settings must outlive the call. */
int daemon_run(const struct settings *settings);
/* hubd -t: what can be checked without starting. 0, or -1 with the reason. */
int daemon_check(const struct settings *settings, struct err *e) MUST_CHECK;

#endif
