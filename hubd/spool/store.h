/* store.h - the segment files of a spool: made, taken, recycled.
 *
 * A file is filled with zeros and synced once, before anything is promised on it; from then on
 * writing needs no space and fdatasync no journal. Files wait as free-N, are renamed to segment-N
 * when taken, and back when all their messages are finished. The last free one is the reserve: only
 * outcomes and the copies of old messages may take it, by which a full disk is emptied again.
 *
 * The committer takes and recycles; a thread of its own fills. The pool's lock is inside.
 */
#ifndef HUB_SPOOL_STORE_H
#define HUB_SPOOL_STORE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "hubd/spool/record.h"
#include "hubd/spool/spool.h"

struct segment {
	struct segment *next;		/* the one written after this */
	uint64_t sequence;
	uint64_t nonce;
	int fd;
	uint32_t size;
	uint32_t end;			/* once closed; see struct record_end */
	bool poisoned;			/* a sync failed: what is in it now cannot be promised */
	bool retire;			/* do not use the file again */
	atomic_uint_fast32_t live;	/* records that something still needs */
	atomic_uint_fast64_t live_bytes;
};

struct store_free {
	struct store_free *next;
	uint64_t number;
	int fd;
};

struct store {
	const struct spool_io *io;
	int folder;			/* of the spool */
	char *path;
	uint32_t segment_size;
	uint32_t target, keep;		/* free files: at least, at most */
	unsigned char key[RECORD_KEY_SIZE];
	char incarnation[37];

	/* committer's (recovery's before): segments in use, oldest first */
	struct segment *oldest, *newest;
	uint64_t next_sequence;

	pthread_mutex_t lock;		/* guards what follows */
	pthread_cond_t changed;
	struct store_free *free;
	uint32_t free_count;
	uint64_t next_free;
	/* last attempt to make a file failed then; 0 = it did not */
	uint64_t failed_ms;
	struct err failure;
	bool stopping;

	atomic_uint_fast64_t used;	/* segments in use, for figures */
};

/* Folder, lock, incarnation. */
int store_open(struct store *st, const struct spool_config *cfg, struct err *e) MUST_CHECK;
void store_close(struct store *st);
/* Adds a segment found or taken at the end of the list in use. */
struct segment *store_segment_add(struct store *st, uint64_t sequence, int fd, uint32_t size);
/* Puts a free file into the pool; it owns fd now. Start-up only. */
void store_free_add(struct store *st, uint64_t number, int fd);

/*
 * Committer. A fresh segment at the end of the list, or NULL and *e. Waits while a file is being
 * made; with no space left only who may take the reserve gets one.
 */
struct segment *store_take(struct store *st, bool reserve, struct err *e);
/* Committer. May a message be written to the present segment: is there a reserve besides it? */
bool store_reserve_ready(struct store *st, struct err *e);
/*
 * Committer. Drops the oldest segments that nothing needs; never the newest, which knows the ids.
 */
void store_recycle(struct store *st);

/* The thread that keeps the pool filled, until store_stop. */
void *store_run(void *store);
/* Any thread. Free files, and whether a message may come: the disk has room or has not failed. */
void store_figures(struct store *st, uint64_t *free_count, bool *accepting);
/* Ends every wait for good. */
void store_stop(struct store *st);

#endif
