/* host.h - what one worker remembers of the addresses it delivers to. Owning loop's thread.
 *
 * An address that could not be used is left out until its time, while others of the same list take
 * its share; an address whose TLS handshake failed is spoken to in clear for a while where TLS is
 * not required; and one that was slower than another of its host comes after it for a while.
 */
#ifndef HUB_DELIVER_HOST_H
#define HUB_DELIVER_HOST_H

#include <sys/socket.h>

#include "libhub/org/topology.h"

enum { HOST_CLEAR_MS = 15 * 60 * 1000, HOST_SLOW_MS = 10 * 60 * 1000, HOST_TRY_MS = 30 * 1000 };

struct host_table;

struct host_table *host_table_new(void);
/* Accepts a pointer to NULL; sets it to NULL. */
void host_table_free(struct host_table **t);

/* A connection to it begins. Of an address that failed, nobody else needs to find out meanwhile. */
void host_try(struct host_table *t, const struct sockaddr *sa);
void host_failed(struct host_table *t, const struct sockaddr *sa, const struct server *self);
void host_good(struct host_table *t, const struct sockaddr *sa);
/* Failed, and its next probe is not yet due? */
bool host_is_out(struct host_table *t, const struct sockaddr *sa);
void host_set_clear(struct host_table *t, const struct sockaddr *sa);
bool host_is_clear(struct host_table *t, const struct sockaddr *sa);
void host_set_slow(struct host_table *t, const struct sockaddr *sa);
bool host_is_slow(struct host_table *t, const struct sockaddr *sa);

#endif
