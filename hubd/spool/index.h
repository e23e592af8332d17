/* index.h - the messages of a spool that are not finished, and where they lie.
 *
 * The committer (before it, recovery) adds, replaces and finishes; any thread looks up. The lock is
 * inside and held for a few instructions. A queued message costs about 170 bytes here.
 *
 * A place is immutable: where body and envelope lie. Whoever holds a reference keeps its segments
 * from being recycled.
 */
#ifndef HUB_SPOOL_INDEX_H
#define HUB_SPOOL_INDEX_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <uthash.h>

#include "hubd/spool/spool.h"
#include "hubd/spool/store.h"

struct extent {
	struct segment *seg;
	uint32_t offset;		/* of the chunk's record header */
	uint32_t length;		/* of its payload */
};

struct place {
	atomic_uint refs;
	uint32_t extents;		/* chunks, before the inline part */
	uint64_t body_size;
	uint32_t body_crc;
	uint32_t envelope_size;
	/* the MESSAGE record; its payload begins with the inline part */
	struct extent message;
	uint32_t inline_size;
	struct extent chunk[];
};

struct stored {
	UT_hash_handle hh;
	uint64_t id;
	struct place *place;
	uint32_t recipients, left;
	union {
		uint64_t bits;		/* up to 64 recipients */
		uint64_t *words;
	} done;
	bool fixed;			/* cannot be copied forward: its body is damaged */
};

struct index {
	pthread_mutex_t lock;
	struct stored *messages;	/* in the order they were added */
};

/* extents uninitialized; one reference. Complete it, then call place_hold. */
struct place *place_new(uint32_t extents);
/* Counts the place in its segments. Once, before anyone else sees it. */
void place_hold(struct place *p);
struct place *place_ref(struct place *p);
void place_unref(struct place **p);
/* Oldest segment it needs. */
uint64_t place_first_sequence(const struct place *p);

/* One record of a draft's own, before there is a place. */
void extent_hold(const struct extent *x);
void extent_release(const struct extent *x);

void index_init(struct index *ix);
void index_deinit(struct index *ix);
uint64_t index_count(struct index *ix);
/* Takes over place. done may be NULL (nobody finished). */
struct stored *index_add(struct index *ix, uint64_t id, struct place *place, uint32_t recipients,
	const uint64_t *done);
/* The message moved. Takes over place; false (and place dropped) if it has finished since. */
bool index_move(struct index *ix, uint64_t id, struct place *place);
/*
 * The recipient is finished; the message leaves with its last one. true if that changed anything.
 */
bool index_finish(struct index *ix, uint64_t id, uint32_t recipient);
void index_remove(struct index *ix, struct stored *m);
/* A reference to the place of a message, or NULL. */
struct place *index_place(struct index *ix, uint64_t id);
/* Without the lock: committer and recovery only, who alone change it. */
struct stored *index_find(struct index *ix, uint64_t id);
const uint64_t *stored_done(const struct stored *m);

#endif
