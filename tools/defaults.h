/* defaults.h - where hubctl finds what the command line does not say. */
#ifndef HUB_TOOLS_DEFAULTS_H
#define HUB_TOOLS_DEFAULTS_H

#include "tools/ctl.h"

/*
 * Fills what is NULL in ctl from a settings file: file (-f) if not NULL, else $HUBD_CONF, else
 * ~/.config/hubctl.conf if it is there. Keys are those of hubd.conf and edgesyncd.conf.
 */
int defaults_fill(struct ctl *ctl, const char *file, struct err *e) MUST_CHECK;
/*
 * For what edgesyncd is asked: if its control socket was not named on the command line, that of
 * its own settings file, $EDGESYNCD_CONF or the usual one, and what else of it is NULL in ctl.
 */
int defaults_fill_edgesyncd(struct ctl *ctl, struct err *e) MUST_CHECK;

#endif
