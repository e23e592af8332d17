/* spool_priv.h - what the files of the spool share; nobody else includes it.
 *
 * Work travels as struct item: from a port (or the compaction) through one queue to the committer,
 * and back through the port's inbox. Whoever holds an item owns it and what hangs on it.
 */
#ifndef HUB_SPOOL_PRIV_H
#define HUB_SPOOL_PRIV_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/uio.h>

#include "hubd/spool/index.h"
#include "hubd/spool/spool.h"
#include "hubd/spool/store.h"
#include "libhub/base/inbox.h"

enum {
	INLINE_MAX = 256 * 1024,	/* a larger body goes to disk in chunks as it arrives */
	CHUNK_SIZE = 128 * 1024,
	PAUSE_BYTES = 512 * 1024,	/* of one draft waiting for the disk */
	RESUME_BYTES = 256 * 1024,
	SEGMENT_MIN = 64 * 1024,
	SYNC_DELAY_MS = 1000,		/* an outcome is durable after at most this */
};

enum item_kind { ITEM_CHUNK, ITEM_MESSAGE, ITEM_ABORT, ITEM_OUTCOME, ITEM_WATCH, ITEM_READ };

struct item {
	struct item *next;
	struct inbox_node node;
	enum item_kind kind;
	struct spool_port *port;	/* NULL: a copy's, see compact.c */
	struct err *err;		/* answer: NULL = done */
};

/* Memory a body waits in. A record begins in the headroom of its first block. */
struct block {
	struct block *next;
	uint32_t used, size;
	struct record_header head;
	unsigned char data[];
};

struct chunk {
	struct item item;
	struct spool_draft *draft;
	struct block *blocks;
	uint32_t length;
};

struct spool_draft {
	struct item item;		/* its commit or its abort */
	struct spool *spool;
	uint64_t id;
	spool_resume_cb *on_resume;
	spool_commit_cb *on_commit;
	void *ctx;

	/* worker's */
	struct block *blocks, *last;
	uint64_t body_size;
	uint32_t body_crc;
	uint32_t pending;		/* bytes in blocks */
	uint32_t chunks;		/* handed to the committer */
	uint32_t waiting;		/* their bytes not yet written */
	bool paused, failed, aborted;

	/* what is committed; filled before it is handed over */
	uint32_t recipients, envelope_size, inline_size, length;
	uint32_t payload_crc;		/* of inline part and envelope; the committer goes on */
	unsigned char *fixed;		/* in the last block: extents, done words, tail, padding */
	bool copy;			/* of a message that the index knows: moves it */

	/* committer's */
	struct extent *extent;
	uint32_t extents;
	bool broken;
	struct place *place;		/* written, not yet in the index */
};

struct outcomes {
	struct item item;
	spool_outcome_cb *cb;
	void *ctx;
	bool applied;			/* to the index */
	size_t n;
	struct record_header head;	/* followed in memory by the list, as on disk */
	struct spool_outcome list[];
};

/* Somebody waits for a message's last outcome. */
struct watch {
	struct item item;
	UT_hash_handle hh;		/* while the message is there */
	uint64_t id, tag;
	spool_done_cb *cb;
	void *ctx;
};

struct read_request {
	struct item item;
	struct spool_body *body;
	struct place *place;
	struct read_request *next;
	int fd;
	uint64_t offset;
	ssize_t got;			/* answer: bytes, or -errno */
	size_t size;
	unsigned char data[];
};

struct spool_port {
	struct spool *spool;
	struct inbox *inbox;
};

enum { IOV_MAX_OURS = 1024 };

struct item_list {
	struct item *head, **tail;
};

/* The committer's own; nobody else touches it. */
struct committer {
	struct segment *cur;
	uint32_t pos;			/* end of the records in cur */
	uint32_t flushed;		/* written up to here; the rest is in iov */
	uint32_t synced;		/* on disk up to here */
	uint32_t group_start;
	bool group_sync;		/* somebody waits until the group is durable */
	struct iovec iov[IOV_MAX_OURS];
	int iovs;
	struct item_list group;		/* in cur since group_start, not answered */
	struct item_list unsynced;	/* outcomes written and not synced */
	struct item_list retry;		/* outcomes to be written again */
	struct watch *watches;		/* by id of the message */
	uint64_t sync_due_ms;		/* 0 = nothing waits for a sync */
	uint32_t marked;		/* pos after the last mark or record known as synced */
	struct record_header head_header, mark_header;
	struct record_head head;
	struct record_mark mark;
};

struct figures {
	atomic_uint_fast64_t committed, refused, outcomes, copied, syncs, writes, bytes;
};

struct spool {
	struct store store;
	struct index index;
	struct figures figures;
	atomic_uint_fast64_t next_id;
	uint32_t inline_max, chunk_size;
	uint32_t compact_segments;

	pthread_mutex_t queue_lock;	/* guards the queue and the two flags */
	pthread_cond_t queue_ready;
	struct item_list queue;
	bool sleeping, stopping;

	pthread_t committer_thread, filler_thread, compact_thread, reader_thread;
	struct committer c;

	pthread_mutex_t compact_lock;	/* guards what follows */
	pthread_cond_t compact_changed;
	struct item_list compact_answers;
	uint64_t compact_sequence;	/* clear segments up to this one; 0 = none */
	bool compact_stop;

	pthread_mutex_t reader_lock;
	pthread_cond_t reader_ready;
	struct read_request *reads, **reads_tail;
	bool reader_stopping;
};

static inline void item_list_init(struct item_list *l)
{
	l->head = NULL;
	l->tail = &l->head;
}

static inline void item_list_add(struct item_list *l, struct item *it)
{
	it->next = NULL;
	*l->tail = it;
	l->tail = &it->next;
}

static inline struct item *item_list_pop(struct item_list *l)
{
	struct item *it = l->head;

	if (it != NULL && (l->head = it->next) == NULL)
		l->tail = &l->head;
	return it;
}

/* spool.c: queue for the committer; any thread. */
void spool_submit(struct spool *s, struct item *it);

/* commit.c */
void *committer_run(void *spool);

/* group.c; committer. Refuses an item, now or with the group that its chunks may be in. */
void group_refuse(struct spool *s, struct item *it, const struct err *e);
/* Answers an item after those of the group. */
void group_answer(struct spool *s, struct item *it);
/* Writes what is gathered. On failure the group has failed and the segment is closed: -1. */
int group_flush(struct spool *s);
/*
 * Ends the group: writes, syncs if somebody waits for that or force says so, answers. -1 when it
 * failed, then everything in it is answered too.
 */
int group_settle(struct spool *s, bool force);
/* Outcomes are to be written again. */
void group_retry_outcomes(struct committer *c, struct item_list *from);
void outcome_answer(struct spool *s, struct item *it);
void draft_extents_release(struct spool_draft *d);

/* draft.c: the draft of a copy has no port; compact.c takes the answers to its items */
struct spool_draft *draft_new(struct spool *s, struct spool_port *port, uint64_t id);
void draft_submit(struct spool_draft *d, const void *envelope, size_t envelope_size,
	uint32_t recipients);
void draft_answered(struct item *it);
void draft_free(struct spool_draft *d);

/* watch.c; committer. Takes the item; answers at once if there is nothing to wait for any more. */
void watch_put(struct spool *s, struct item *it);
/* An outcome of that message was applied to the index. */
void watch_tell(struct spool *s, uint64_t id);
/* Nobody is told any more. */
void watch_forget(struct spool *s);
void watch_answered(struct item *it);

/* body.c */
void *reader_run(void *spool);
void body_answered(struct item *it);

/* compact.c: copies old messages forward */
void *compact_run(void *spool);
/* Committer. The segments up to this one should be cleared. */
void compact_want(struct spool *s, uint64_t sequence);
/* Committer. An item of a copy is finished. */
void compact_answer(struct spool *s, struct item *it);
/* Ends the thread as soon as the message under way is done or given up. */
void compact_stop(struct spool *s);

/* recover.c: fills index and store; before the threads. */
int spool_recover(struct spool *s, spool_recover_cb *cb, void *ctx, struct spool_report *report,
	struct err *e) MUST_CHECK;

#endif
