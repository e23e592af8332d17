/* defaults.h - where hubctl finds what the command line does not say. */
#ifndef HUB_TOOLS_DEFAULTS_H
#define HUB_TOOLS_DEFAULTS_H

#include "tools/ctl.h"

/*
 * Fills what is NULL in ctl from a settings file: file (-f) if not NULL, else $HUBD_CONF, else
 * ~/.config/hubctl.conf if it is there. Keys are those of hubd.conf.
 */
int defaults_fill(struct ctl *ctl, const char *file, struct err *e) MUST_CHECK;

#endif
