/* cache_saver.h - when a tree is written to its cache file (cache.h).
 *
 * The first change is written at once, others are gathered; one that comes while the file is
 * written is written afterwards. A tree that takes long to write is written less often. What is
 * there may have to settle first. Everything is called on the owning loop.
 */
#ifndef HUB_DIRECTORY_CACHE_SAVER_H
#define HUB_DIRECTORY_CACHE_SAVER_H

#include "libhub/directory/cache.h"

enum cache_state {
	CACHE_STATE_WHOLE,		/* may be written */
	CACHE_STATE_UNSETTLED,		/* as soon as cache_saver_settled is called */
	CACHE_STATE_MIXED,		/* not before the next change */
};

struct cache_saver_callbacks {
	enum cache_state (*state)(void *ctx);
	/* The saver's. Also of what is unsettled, when the saver is freed. */
	struct cache_batch *(*batch)(void *ctx);
};

struct cache_saver;

/* name: of the tree, for the log; it and cbs have to stay. */
struct cache_saver *cache_saver_new(struct loop *loop, const char *name, const char *path,
	const char *base, const struct cache_saver_callbacks *cbs, void *ctx);
/* Writes what is not written, unless it is mixed: blocks. */
void cache_saver_free(struct cache_saver **s);
void cache_saver_changed(struct cache_saver *s);
void cache_saver_settled(struct cache_saver *s);

#endif
