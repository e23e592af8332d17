/* cache.h - directory entries kept on disk, so that a server starts without its directory.
 *
 * One LDIF file per tree, readable by people. Each entry is kept as the directory showed it; an
 * object whose last good form is in force has that form too, marked by the pseudo attribute
 * hubCacheForm. A comment tells the newest change that is in it, where that is known. The last line
 * names the base and counts the entries: a file without it, written for another base or damaged
 * anywhere is refused as a whole.
 *
 * Writing is done by a helper thread from copies; everything here is called on the owning loop.
 */
#ifndef HUB_DIRECTORY_CACHE_H
#define HUB_DIRECTORY_CACHE_H

#include "libhub/base/loop.h"
#include "libhub/base/mem.h"
#include "libhub/directory/cookie.h"
#include "libhub/directory/entry.h"

/*
 * Calls cb for each entry, only after the whole file was found good. e->text is "FILE:LINE:
 * reason"; e->sys is ENOENT if there is no file. csn: of the newest change, or "".
 */
int cache_read(const char *path, const char *base, char csn[COOKIE_CSN_SIZE],
	void (*cb)(const struct entry *e, bool last_good, void *ctx), void *ctx,
	struct err *e) MUST_CHECK;

/*
 * For who reads such a file as any other LDIF: is this a last good form? Then *out is the entry
 * without the mark, for as long as e and the arena.
 */
bool cache_entry_last_good(const struct entry *e, struct arena *a, struct entry *out);

/* Copies of entries to be written. */
struct cache_batch;

struct cache_batch *cache_batch_new(void);
void cache_batch_add(struct cache_batch *b, const struct entry *e, bool last_good);
/* "" = not known. */
void cache_batch_set_csn(struct cache_batch *b, const char *csn);
void cache_batch_free(struct cache_batch **b);

/* Any thread: writes now. */
int cache_batch_write(const struct cache_batch *b, const char *path, const char *base,
	struct err *e) MUST_CHECK;

struct cache_writer;

/* error: NULL when it was written. */
typedef void cache_written_cb(const struct err *error, void *ctx);

struct cache_writer *cache_writer_new(struct loop *loop, const char *path, const char *base,
	cache_written_cb *cb, void *ctx);
/* Waits for the write under way, which ends without callback. */
void cache_writer_free(struct cache_writer **w);
bool cache_writer_busy(const struct cache_writer *w);
/* Takes the batch. Not while busy. */
void cache_writer_start(struct cache_writer *w, struct cache_batch *b);

#endif
