/* ourselves.h - does an address lead back to this server? One per worker, its thread.
 *
 * RFC 5321 section 5.1: mail must not go to exchangers that are ourselves. We are where peers reach
 * us (hubAddress), and where our Receive connectors listen: at their addresses, or, where they
 * listen everywhere, at any address of this host and of loopback. The host's addresses are read
 * anew every OURSELVES_MS.
 */
#ifndef HUB_DELIVER_OURSELVES_H
#define HUB_DELIVER_OURSELVES_H

#include <stdbool.h>
#include <sys/socket.h>

struct live;
struct ourselves;

enum { OURSELVES_MS = 30 * 1000 };

struct ourselves *ourselves_new(void);
/* Accepts a pointer to NULL; sets it to NULL. */
void ourselves_free(struct ourselves **o);

/* sa with its port. */
bool ourselves_is(struct ourselves *o, const struct live *live, const struct sockaddr *sa);

#endif
