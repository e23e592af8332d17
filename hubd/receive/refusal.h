/* refusal.h - log lines about connections turned away, at most REFUSAL_LINES in REFUSAL_WINDOW_S.
 *
 * Whoever floods the hub with connections must not fill the disk with lines about it. What is left
 * out is counted, and told when the window ends. On the listeners' thread.
 */
#ifndef HUB_RECEIVE_REFUSAL_H
#define HUB_RECEIVE_REFUSAL_H

#include "libhub/base/loop.h"

enum { REFUSAL_LINES = 20, REFUSAL_WINDOW_S = 10 };

struct refusals;

struct refusals *refusals_new(struct loop *loop);
/* Tells what has been left out. Sets *r to NULL; accepts a pointer to NULL. */
void refusals_free(struct refusals **r);
/* connector may be NULL. */
void refusals_log(struct refusals *r, const char *peer, const char *connector, const char *why);

#endif
