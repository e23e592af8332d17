/* bucket_cache.h - the recipients of a subscribed edge on disk: those in force. Main thread.
 *
 * Beside the cache of the organization, written by itself: a set of 1,000,000 is 22 MB, and changes
 * when nothing of the configuration does.
 */
#ifndef HUB_ORG_BUCKET_CACHE_H
#define HUB_ORG_BUCKET_CACHE_H

#include "libhub/base/loop.h"
#include "libhub/org/replica.h"

struct bucket_cache;

/* dir: of the file, NULL = there is none. base: DN of the organization. r has to stay. */
struct bucket_cache *bucket_cache_new(struct loop *loop, const char *dir, const char *base,
	struct replica *r);
/* Writes the file if it is behind. */
void bucket_cache_free(struct bucket_cache **c);

/* What the file has is shown in r, before the directory shows anything: to be settled. */
void bucket_cache_load(struct bucket_cache *c);
/* After a settle. */
void bucket_cache_settled(struct bucket_cache *c);

#endif
