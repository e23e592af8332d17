/* draft.c - a message on its way into the spool; worker's side, on the thread of its port.
 *
 * The body waits in blocks. A small one stays there until the commit, where the envelope is added
 * behind it, so that the record is written from one piece of memory. A body over inline_max leaves
 * in chunks of exactly chunk_size bytes as it comes. Blocks grow so that chunks end at their ends.
 */
#include <stdlib.h>
#include <string.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/crc32c.h"
#include "libhub/base/mem.h"

enum { BLOCK_MIN = 8 * 1024 };

static struct block *block_new(uint32_t size)
{
	struct block *b = xmalloc(sizeof(*b) + size);

	b->next = NULL;
	b->used = 0;
	b->size = size;
	return b;
}

static void blocks_free(struct block **list)
{
	struct block *b;

	while ((b = *list) != NULL) {
		*list = b->next;
		free(b);
	}
}

struct spool_draft *draft_new(struct spool *s, struct spool_port *port, uint64_t id)
{
	struct spool_draft *d = xcalloc(1, sizeof(*d));

	d->spool = s;
	d->item.port = port;
	d->id = id;
	return d;
}

void draft_free(struct spool_draft *d)
{
	blocks_free(&d->blocks);
	free(d->extent);
	free(d->item.err);
	free(d);
}

struct spool_draft *spool_draft_new(struct spool_port *p, spool_resume_cb *on_resume, void *ctx)
{
	struct spool_draft *d = draft_new(p->spool, p, atomic_fetch_add(&p->spool->next_id, 1));

	d->on_resume = on_resume;
	d->ctx = ctx;
	return d;
}

uint64_t spool_draft_id(const struct spool_draft *d)
{
	return d->id;
}

uint64_t spool_draft_size(const struct spool_draft *d)
{
	return d->body_size;
}

bool spool_draft_failed(const struct spool_draft *d)
{
	return d->failed;
}

/* ---- writing ---- */

static void block_add(struct spool_draft *d, struct block *b)
{
	if (d->last != NULL)
		d->last->next = b;
	else
		d->blocks = b;
	d->last = b;
}

/*
 * The next block doubles what the present chunk has, and ends where the chunk ends at the latest.
 */
static struct block *block_grow(struct spool_draft *d)
{
	uint32_t chunk = d->spool->chunk_size, have = d->pending % chunk, size;

	if (have == 0)
		have = d->pending;
	size = d->chunks > 0 ? chunk : have > BLOCK_MIN ? have : BLOCK_MIN;
	if (size > chunk - d->pending % chunk)
		size = chunk - d->pending % chunk;
	block_add(d, block_new(size));
	return d->last;
}

static void chunk_submit(struct spool_draft *d)
{
	struct chunk *k = xcalloc(1, sizeof(*k));
	struct block **b = &d->blocks;

	k->item.kind = ITEM_CHUNK;
	k->item.port = d->item.port;
	k->draft = d;
	k->blocks = d->blocks;
	while (k->length < d->spool->chunk_size) {
		k->length += (*b)->used;
		b = &(*b)->next;
	}
	BUG_ON(k->length != d->spool->chunk_size);
	d->blocks = *b;
	*b = NULL;
	if (d->blocks == NULL)
		d->last = NULL;
	d->pending -= k->length;
	d->waiting += k->length;
	d->chunks++;
	spool_submit(d->spool, &k->item);
}

/* Hands over what need not stay in memory; called when more data is there. */
static void chunks_submit(struct spool_draft *d)
{
	if (d->chunks == 0 && d->pending < d->spool->inline_max)
		return;
	while (d->pending >= d->spool->chunk_size)
		chunk_submit(d);
}

bool spool_draft_write(struct spool_draft *d, const void *data, size_t size)
{
	const unsigned char *p = data;
	struct block *b;
	uint32_t n;

	d->body_crc = crc32c(d->body_crc, data, size);
	d->body_size += size;
	/* what cannot be stored need not be kept */
	if (d->failed)
		return true;
	while (size > 0) {
		b = d->last;
		if (b == NULL || b->used == b->size) {
			chunks_submit(d);
			b = block_grow(d);
		}
		n = size < b->size - b->used ? (uint32_t)size : b->size - b->used;
		memcpy(b->data + b->used, p, n);
		b->used += n;
		d->pending += n;
		p += n;
		size -= n;
	}
	d->paused = d->waiting > PAUSE_BYTES;
	return !d->paused;
}

/* ---- ending ---- */

/* The place behind the body for envelope, extents, done words and tail, in one piece. */
static unsigned char *trailer_place(struct spool_draft *d, uint32_t size)
{
	unsigned char *p;

	if (d->last == NULL || d->last->size - d->last->used < size)
		block_add(d, block_new(size));
	p = d->last->data + d->last->used;
	d->last->used += size;
	memset(p, 0, size);
	return p;
}

static uint32_t pending_crc(const struct spool_draft *d)
{
	const struct block *b;
	uint32_t crc = 0;

	if (d->chunks == 0)
		return d->body_crc;
	for (b = d->blocks; b != NULL; b = b->next)
		crc = crc32c(crc, b->data, b->used);
	return crc;
}

void draft_submit(struct spool_draft *d, const void *envelope, size_t envelope_size,
	uint32_t recipients)
{
	uint64_t length = d->pending + envelope_size + d->chunks * sizeof(struct record_extent)
		+ (d->copy ? (recipients + 63ull) / 64 * 8 : 0) + sizeof(struct record_tail);
	uint32_t space;
	unsigned char *p;

	d->item.kind = ITEM_MESSAGE;
	d->recipients = recipients;
	d->envelope_size = (uint32_t)envelope_size;
	d->inline_size = d->pending;
	if (RECORD_SPACE(length) > d->spool->store.segment_size / 2 || recipients == 0) {
		d->item.err = xcalloc(1, sizeof(*d->item.err));
		err_set(d->item.err, ERR_PERM, 0, "spool: envelope of %zu bytes and %u recipients",
			envelope_size, recipients);
		spool_submit(d->spool, &d->item);
		return;
	}
	d->length = (uint32_t)length;
	d->payload_crc = crc32c(pending_crc(d), envelope, envelope_size);
	space = (uint32_t)(RECORD_SPACE(length) - sizeof(struct record_header) - d->pending);
	p = trailer_place(d, space);
	if (envelope_size != 0)
		memcpy(p, envelope, envelope_size);
	d->fixed = p + envelope_size;
	spool_submit(d->spool, &d->item);
}

void spool_draft_commit(struct spool_draft **dp, const void *envelope, size_t envelope_size,
	uint32_t recipients, spool_commit_cb *cb, void *ctx)
{
	struct spool_draft *d = *dp;

	*dp = NULL;
	d->paused = false;
	d->on_commit = cb;
	d->ctx = ctx;
	draft_submit(d, envelope, envelope_size, recipients);
}

void spool_draft_abort(struct spool_draft **dp)
{
	struct spool_draft *d = *dp;

	*dp = NULL;
	if (d == NULL)
		return;
	if (d->chunks == 0) {
		draft_free(d);
		return;
	}
	/* its chunks come back first, then this */
	d->aborted = true;
	d->paused = false;
	d->item.kind = ITEM_ABORT;
	spool_submit(d->spool, &d->item);
}

/* ---- answers ---- */

static void chunk_answered(struct item *it)
{
	struct chunk *k = INBOX_ENTRY(it, struct chunk, item);
	struct spool_draft *d = k->draft;

	d->waiting -= k->length;
	if (it->err != NULL)
		d->failed = true;
	free(it->err);
	blocks_free(&k->blocks);
	free(k);
	if (!d->paused || d->waiting > RESUME_BYTES)
		return;
	d->paused = false;
	if (d->on_resume != NULL)
		d->on_resume(d->ctx);
}

void draft_answered(struct item *it)
{
	struct spool_draft *d;

	if (it->kind == ITEM_CHUNK) {
		chunk_answered(it);
		return;
	}
	d = INBOX_ENTRY(it, struct spool_draft, item);
	if (it->kind == ITEM_MESSAGE && d->on_commit != NULL)
		d->on_commit(d->id, it->err, d->ctx);
	draft_free(d);
}
