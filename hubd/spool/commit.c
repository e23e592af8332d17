/* commit.c - the committer: the one thread that writes the log.
 *
 * It takes whatever waits, gathers it from the submitters' own memory into few writes, syncs once
 * if a message is among it, and answers all. It never waits for more work to come: what piles up
 * during one sync is the next batch.
 *
 * What is written together, and what becomes of it, is in group.c.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/clock.h"
#include "libhub/base/crc32c.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* A group is synced when it is this large, so that large bodies do not hold up small messages. */
enum { GROUP_BYTES = 16 * 1024 * 1024 };
/* An item never needs more pieces than this: a chunk's or message's blocks (see draft.c). */
enum { IOV_ITEM_MAX = 16 };

/* ---- segments ---- */

/* Has the oldest segment cleared when most of the space in use is waste. */
static void consider_compaction(struct spool *s)
{
	struct segment *seg;
	uint64_t live = 0, size = 0;

	if (atomic_load(&s->store.used) <= s->compact_segments)
		return;
	for (seg = s->store.oldest; seg != NULL; seg = seg->next) {
		live += atomic_load(&seg->live_bytes);
		size += seg->size;
	}
	if (live >= size / 2)
		return;
	compact_want(s, s->store.oldest->sequence);
}

static void close_segment(struct spool *s)
{
	struct committer *c = &s->c;

	if (group_settle(s, true) != 0)
		return;
	c->cur->end = c->pos;
	c->cur = NULL;
	consider_compaction(s);
}

static void head_fill(struct spool *s, struct record_head *head)
{
	struct segment *seg;
	uint64_t n = 0;

	memset(head, 0, sizeof(*head));
	head->next_id = atomic_load(&s->next_id);
	for (seg = s->store.oldest; seg != s->store.newest; seg = seg->next)
		n++;
	for (seg = s->store.oldest; seg != s->store.newest; seg = seg->next) {
		if (n-- > RECORD_ENDS)
			continue;
		head->ends[head->count++] = (struct record_end){ .sequence = seg->sequence,
			.end = seg->end };
	}
}

static void header_fill(struct spool *s, struct record_header *h, enum record_type type,
	uint64_t id, uint32_t length, uint32_t payload_crc)
{
	*h = (struct record_header){ .nonce = s->c.cur->nonce, .payload_crc = payload_crc,
		.id = id, .length = length, .synced = s->c.synced, .type = (uint16_t)type };
	record_seal(h);
}

static void put_bytes(struct committer *c, const void *data, size_t size)
{
	c->iov[c->iovs].iov_base = (void *)(uintptr_t)data;
	c->iov[c->iovs++].iov_len = size;
	c->pos += (uint32_t)size;
}

static int open_segment(struct spool *s, bool reserve, struct err *e)
{
	struct committer *c = &s->c;

	c->cur = store_take(&s->store, reserve, e);
	if (c->cur == NULL)
		return -1;
	c->pos = c->flushed = c->synced = c->group_start = 0;
	c->iovs = 0;
	head_fill(s, &c->head);
	header_fill(s, &c->head_header, RECORD_HEAD, 0, sizeof(c->head),
		crc32c(0, &c->head, sizeof(c->head)));
	put_bytes(c, &c->head_header, sizeof(c->head_header));
	put_bytes(c, &c->head, sizeof(c->head));
	return 0;
}

/*
 * Messages are being refused for lack of a segment: a few old messages must not keep the oldest
 * one, and all behind it, from being used again. Their copies may take the reserve, so there must
 * be few of them; the segment they leave is the next reserve.
 */
static void make_space(struct spool *s)
{
	struct segment *oldest = s->store.oldest;

	if (oldest != NULL && oldest != s->c.cur &&
		atomic_load(&oldest->live_bytes) <= oldest->size / 4)
		compact_want(s, oldest->sequence);
}

/*
 * A segment with room for a record of length bytes; the record may be put when this returns 0.
 * reserve: an outcome or the copy of an old message, by which space comes back.
 */
static int make_room(struct spool *s, uint64_t length, bool reserve, struct err *e)
{
	struct committer *c = &s->c;

	if (c->cur != NULL && c->pos - c->group_start >= GROUP_BYTES)
		(void)group_settle(s, false);
	if (c->cur != NULL && c->pos + RECORD_SPACE(length) > c->cur->size)
		close_segment(s);
	/* a failed flush closes the segment: the next one is asked once */
	if (c->cur != NULL && c->iovs + IOV_ITEM_MAX > IOV_MAX_OURS)
		(void)group_flush(s);
	if ((c->cur != NULL || open_segment(s, reserve, e) == 0) &&
		(reserve || store_reserve_ready(&s->store, e)))
		return 0;
	if (!reserve)
		make_space(s);
	return -1;
}

/* ---- items ---- */

static void put_blocks(struct committer *c, struct block *b)
{
	/* the header is in the headroom of the first */
	put_bytes(c, &b->head, sizeof(b->head) + b->used);
	while ((b = b->next) != NULL)
		put_bytes(c, b->data, b->used);
}

static void put_chunk(struct spool *s, struct item *it)
{
	struct chunk *k = INBOX_ENTRY(it, struct chunk, item);
	struct spool_draft *d = k->draft;
	struct committer *c = &s->c;
	struct extent *x;
	struct block *b;
	uint32_t crc = 0;
	struct err e;

	if (d->broken || make_room(s, k->length, d->copy, &e) != 0) {
		if (d->broken)
			err_set(&e, ERR_TEMP, 0, "spool: part of the message is missing");
		group_refuse(s, it, &e);
		return;
	}
	for (b = k->blocks; b != NULL; b = b->next)
		crc = crc32c(crc, b->data, b->used);
	d->extent = xreallocarray(d->extent, d->extents + 1, sizeof(*d->extent));
	x = &d->extent[d->extents++];
	*x = (struct extent){ .seg = c->cur, .offset = c->pos, .length = k->length };
	extent_hold(x);
	header_fill(s, &k->blocks->head, RECORD_CHUNK, d->id, k->length, crc);
	put_blocks(c, k->blocks);
	item_list_add(&c->group, it);
}

/* Extents, finished recipients and tail, behind the envelope; the rest of the checksum. */
static uint32_t message_complete(struct spool *s, struct spool_draft *d)
{
	struct record_tail tail = { .body_size = d->body_size, .body_crc = d->body_crc,
		.envelope_size = d->envelope_size, .recipients = d->recipients,
		.extents = d->extents, .inline_size = d->inline_size };
	unsigned char *p = d->fixed;
	struct record_extent x;
	uint32_t i;

	for (i = 0; i < d->extents; i++, p += sizeof(x)) {
		x = (struct record_extent){ .sequence = d->extent[i].seg->sequence,
			.offset = d->extent[i].offset, .length = d->extent[i].length };
		memcpy(p, &x, sizeof(x));
	}
	if (d->copy) {
		tail.done_words = (d->recipients + 63) / 64;
		memcpy(p, stored_done(index_find(&s->index, d->id)), tail.done_words * 8ull);
		p += tail.done_words * 8ull;
	}
	memcpy(p, &tail, sizeof(tail));
	p += sizeof(tail);
	return crc32c(d->payload_crc, d->fixed, (size_t)(p - d->fixed));
}

static struct place *message_place(struct spool *s, const struct spool_draft *d)
{
	struct place *p = place_new(d->extents);

	p->body_size = d->body_size;
	p->body_crc = d->body_crc;
	p->envelope_size = d->envelope_size;
	p->inline_size = d->inline_size;
	p->message = (struct extent){ .seg = s->c.cur, .offset = s->c.pos, .length = d->length };
	if (d->extents != 0)
		memcpy(p->chunk, d->extent, d->extents * sizeof(*d->extent));
	place_hold(p);
	return p;
}

static int message_ready(struct spool *s, struct spool_draft *d, struct err *e)
{
	uint32_t i;

	if (d->item.err != NULL)
		return -1;
	if (d->copy && index_find(&s->index, d->id) == NULL)
		return err_set(e, ERR_PERM, 0, "spool: message has finished");
	for (i = 0; i < d->extents; i++)
		d->broken |= d->extent[i].seg->poisoned;
	if (d->broken)
		return err_set(e, ERR_TEMP, 0, "spool: part of the message could not be stored");
	return 0;
}

static void put_message(struct spool *s, struct item *it)
{
	struct spool_draft *d = INBOX_ENTRY(it, struct spool_draft, item);
	struct committer *c = &s->c;
	struct err e = { 0 };

	/* twice: making room may fail the segment that its chunks are in */
	if (message_ready(s, d, &e) != 0 || make_room(s, d->length, d->copy, &e) != 0
		|| message_ready(s, d, &e) != 0) {
		group_refuse(s, it, &e);
		return;
	}
	d->place = message_place(s, d);
	header_fill(s, &d->blocks->head, RECORD_MESSAGE, d->id, d->length, message_complete(s, d));
	draft_extents_release(d);
	put_blocks(c, d->blocks);
	c->group_sync = true;
	item_list_add(&c->group, it);
}

/* Keeps what the index did not know yet. */
static void outcome_apply(struct spool *s, struct outcomes *o)
{
	size_t i, kept = 0;

	for (i = 0; i < o->n; i++) {
		if (index_finish(&s->index, o->head.id, o->list[i].recipient))
			o->list[kept++] = o->list[i];
	}
	o->n = kept;
	o->applied = true;
	atomic_fetch_add(&s->figures.outcomes, kept);
	watch_tell(s, o->head.id);
}

static void put_outcome(struct spool *s, struct item *it)
{
	struct outcomes *o = INBOX_ENTRY(it, struct outcomes, item);
	struct committer *c = &s->c;
	uint32_t length;
	struct err e;

	if (!o->applied)
		outcome_apply(s, o);
	length = (uint32_t)(o->n * sizeof(o->list[0]));
	if (make_room(s, length, true, &e) != 0) {
		item_list_add(&c->retry, it);
		return;
	}
	if (o->n != 0) {
		header_fill(s, &o->head, RECORD_OUTCOME, o->head.id, length,
			crc32c(0, o->list, length));
		put_bytes(c, &o->head, sizeof(o->head) + length);
	}
	c->group_sync |= o->cb != NULL;
	item_list_add(&c->group, it);
}

static void put_item(struct spool *s, struct item *it)
{
	switch (it->kind) {
	case ITEM_CHUNK:
		put_chunk(s, it);
		break;
	case ITEM_MESSAGE:
		put_message(s, it);
		break;
	case ITEM_OUTCOME:
		put_outcome(s, it);
		break;
	case ITEM_ABORT:
		draft_extents_release(INBOX_ENTRY(it, struct spool_draft, item));
		group_answer(s, it);
		break;
	case ITEM_WATCH:
		watch_put(s, it);
		break;
	case ITEM_READ:
		BUG_ON(it->kind == ITEM_READ);
	}
}

/* ---- the loop ---- */

/*
 * Says in the log how much of it is synced, and how far ids are given out: after a crash this tells
 * damage from a torn tail, and ids are never used twice.
 */
static void put_mark(struct spool *s)
{
	struct committer *c = &s->c;

	if (c->cur == NULL || c->pos + RECORD_SPACE(sizeof(c->mark)) > c->cur->size)
		return;
	c->mark.next_id = atomic_load(&s->next_id);
	header_fill(s, &c->mark_header, RECORD_MARK, 0, sizeof(c->mark),
		crc32c(0, &c->mark, sizeof(c->mark)));
	put_bytes(c, &c->mark_header, sizeof(c->mark_header));
	put_bytes(c, &c->mark, sizeof(c->mark));
	c->marked = c->pos;
}

static bool recyclable(const struct spool *s)
{
	const struct segment *oldest = s->store.oldest;

	return oldest != NULL && oldest->next != NULL && atomic_load(&oldest->live) == 0;
}

/* Recycling forgets the outcomes in a segment: only when all the later ones are safe. */
static void recycle(struct spool *s)
{
	struct committer *c = &s->c;

	if (recyclable(s) && c->retry.head == NULL && c->unsynced.head == NULL)
		store_recycle(&s->store);
}

static void idle(struct spool *s)
{
	struct committer *c = &s->c;

	if (recyclable(s) || c->unsynced.head != NULL)
		(void)group_settle(s, c->sync_due_ms == 0 || clock_mono_ms() >= c->sync_due_ms);
	if (c->cur != NULL && c->pos != c->marked && c->unsynced.head == NULL) {
		put_mark(s);
		c->marked = c->pos;
		(void)group_settle(s, false);
	}
}

static bool something_pending(const struct spool *s)
{
	const struct committer *c = &s->c;

	return c->unsynced.head != NULL || c->retry.head != NULL || recyclable(s)
		|| (c->cur != NULL && c->pos != c->marked);
}

static void round_run(struct spool *s, struct item_list *work)
{
	struct item_list again = s->c.retry;
	struct item *it;

	if (again.head == NULL)
		item_list_init(&again);
	item_list_init(&s->c.retry);
	while ((it = item_list_pop(&again)) != NULL)
		put_item(s, it);
	if (work->head == NULL)
		idle(s);
	while ((it = item_list_pop(work)) != NULL)
		put_item(s, it);
	(void)group_settle(s, false);
	recycle(s);
}

static void deadline(struct timespec *at, unsigned int ms)
{
	clock_gettime(CLOCK_MONOTONIC, at);
	at->tv_nsec += (long)(ms % 1000) * 1000000L;
	at->tv_sec += ms / 1000 + at->tv_nsec / 1000000000L;
	at->tv_nsec %= 1000000000L;
}

/* Waits for work, or for the time to sync what is pending. false when it is time to end. */
static bool take_work(struct spool *s, struct item_list *work)
{
	struct timespec until;
	int rc = 0;
	bool go_on;

	deadline(&until, SYNC_DELAY_MS);
	item_list_init(work);
	pthread_mutex_lock(&s->queue_lock);
	s->sleeping = true;
	while (s->queue.head == NULL && !s->stopping && rc == 0) {
		if (something_pending(s))
			rc = pthread_cond_timedwait(&s->queue_ready, &s->queue_lock, &until);
		else
			pthread_cond_wait(&s->queue_ready, &s->queue_lock);
	}
	s->sleeping = false;
	go_on = s->queue.head != NULL || !s->stopping;
	if (s->queue.head != NULL) {
		*work = s->queue;
		item_list_init(&s->queue);
	}
	pthread_mutex_unlock(&s->queue_lock);
	return go_on;
}

/*
 * A fresh segment at once: its HEAD seals what recovery has read, and records how far ids are given
 * out, so that those of this run are not used again even if nothing is ever committed.
 */
static void begin(struct spool *s)
{
	struct err e;

	item_list_init(&s->c.group);
	item_list_init(&s->c.unsynced);
	item_list_init(&s->c.retry);
	if (open_segment(s, false, &e) == 0)
		(void)group_settle(s, true);
	recycle(s);
	consider_compaction(s);
}

/* Everything is answered, whatever the disk says. */
static void finish(struct spool *s)
{
	struct committer *c = &s->c;
	struct item_list none;

	item_list_init(&none);
	round_run(s, &none);
	put_mark(s);
	(void)group_settle(s, true);
	recycle(s);
	if (c->retry.head != NULL)
		log_text(LOG_LEVEL_ERROR, "spool-outcomes-lost",
			"outcomes could not be written: these recipients may get a message twice");
	group_retry_outcomes(c, &c->unsynced);
	while (c->retry.head != NULL)
		outcome_answer(s, item_list_pop(&c->retry));
	watch_forget(s);
}

void *committer_run(void *spool)
{
	struct spool *s = spool;
	struct item_list work;

	pthread_setname_np(pthread_self(), "spool-commit");
	begin(s);
	while (take_work(s, &work))
		round_run(s, &work);
	finish(s);
	return NULL;
}
