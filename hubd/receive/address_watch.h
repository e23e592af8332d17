/* address_watch.h - tells when this host gets or loses an IP address (rtnetlink). Owner's loop. */
#ifndef HUB_RECEIVE_ADDRESS_WATCH_H
#define HUB_RECEIVE_ADDRESS_WATCH_H

#include "libhub/base/loop.h"

struct address_watch;

/* NULL, logged, where the kernel tells nothing: then ask now and then instead. */
struct address_watch *address_watch_new(struct loop *loop, void (*on_change)(void *ctx), void *ctx);
/* Sets *w to NULL; accepts a pointer to NULL. */
void address_watch_free(struct address_watch **w);

#endif
