/* id_index.c - see id_index.h */
#include "libhub/org/id_index.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/base/mem.h"

/* A part is at most 7/8 full and 7/12 right after it grew. */
enum { EMPTY = 0, FULL_OF_8 = 7, SIZE_MIN = 8 };
static const uint32_t gone = UINT32_MAX;

uint64_t id_index_mix(uint64_t state, const void *data, size_t size)
{
	const unsigned char *p = data;

	for (; size > 0; size--)
		state = (state ^ *p++) * 0x100000001b3u;
	return state;
}

uint64_t id_index_hash(uint64_t state)
{
	/* FNV leaves the upper bits of short keys poor, and these choose the part */
	state = (state ^ state >> 32) * 0x9e3779b97f4a7c15u;
	state = (state ^ state >> 29) * 0xbf58476d1ce4e5b9u;
	return state ^ state >> 32;
}

static unsigned int part_of(uint64_t hash)
{
	return (unsigned int)(hash >> 56);
}

static uint32_t slot_of(uint64_t hash, uint32_t id)
{
	return ((uint32_t)(hash >> 24) & 0xff000000u) | id;
}

static uint32_t home_of(uint64_t hash, uint32_t size)
{
	return (uint32_t)((hash & 0xffffffffu) * size >> 32);
}

static uint32_t after(uint32_t at, uint32_t size)
{
	return at + 1 < size ? at + 1 : 0;
}

void id_index_init(struct id_index *x, id_index_hashes_cb *hashes, const void *ctx)
{
	memset(x, 0, sizeof(*x));
	x->hashes = hashes;
	x->ctx = ctx;
}

void id_index_deinit(struct id_index *x)
{
	size_t i;

	for (i = 0; i < ID_INDEX_PARTS; i++)
		free(x->parts[i].slots);
}

size_t id_index_memory(const struct id_index *x)
{
	size_t total = 0, i;

	for (i = 0; i < ID_INDEX_PARTS; i++)
		total += x->parts[i].size * sizeof(*x->parts[i].slots);
	return total;
}

/*
 * An id whose slot is met on the way has been put there for another key of it: who looks for this
 * key meets it too.
 */
static void place(struct id_index_part *part, uint64_t hash, uint32_t id)
{
	uint32_t slot = slot_of(hash, id), at = home_of(hash, part->size), free_at = part->size;

	for (; part->slots[at] != EMPTY; at = after(at, part->size)) {
		if (part->slots[at] == slot)
			return;
		if (part->slots[at] == gone && free_at == part->size)
			free_at = at;
	}
	if (free_at == part->size) {
		free_at = at;
		part->used++;
	}
	part->slots[free_at] = slot;
	part->live++;
}

/* The keys of this part by which its old slots are found, into the new ones. */
static void move_slot(struct id_index *x, struct id_index_part *part, uint32_t slot)
{
	uint64_t hashes[ID_INDEX_HASHES_MAX];
	uint32_t id = slot & 0xffffffu;
	size_t n = x->hashes(id, hashes, x->ctx), i;

	for (i = 0; i < n; i++)
		if (part_of(hashes[i]) == part - x->parts && slot_of(hashes[i], id) == slot)
			place(part, hashes[i], id);
}

static void resize(struct id_index *x, struct id_index_part *part, uint32_t size)
{
	struct id_index_part old = *part;
	uint32_t i;

	part->slots = xcalloc(size, sizeof(*part->slots));
	part->size = size;
	part->live = part->used = 0;
	for (i = 0; i < old.size; i++)
		if (old.slots[i] != EMPTY && old.slots[i] != gone)
			move_slot(x, part, old.slots[i]);
	free(old.slots);
}

void id_index_reserve(struct id_index *x, size_t n)
{
	size_t size = n / ID_INDEX_PARTS * 10 / FULL_OF_8 + SIZE_MIN, i;

	for (i = 0; i < ID_INDEX_PARTS; i++)
		if (x->parts[i].size < size)
			resize(x, &x->parts[i], (uint32_t)size);
}

void id_index_add(struct id_index *x, uint64_t hash, uint32_t id)
{
	struct id_index_part *part = &x->parts[part_of(hash)];

	/* 64 bits: a part may have more than 2^29 slots in theory */
	if ((uint64_t)(part->used + 1) * 8 > (uint64_t)part->size * FULL_OF_8)
		resize(x, part, part->live + part->live / 2 + SIZE_MIN);
	place(part, hash, id);
}

void id_index_remove(struct id_index *x, uint64_t hash, uint32_t id)
{
	struct id_index_part *part = &x->parts[part_of(hash)];
	uint32_t slot = slot_of(hash, id), at;

	if (part->size == 0)
		return;
	for (at = home_of(hash, part->size); part->slots[at] != EMPTY;
	     at = after(at, part->size)) {
		if (part->slots[at] != slot)
			continue;
		/* the end of a run needs no mark that something was there */
		if (part->slots[after(at, part->size)] == EMPTY) {
			part->slots[at] = EMPTY;
			part->used--;
		} else {
			part->slots[at] = gone;
		}
		part->live--;
		return;
	}
}

void id_index_begin(const struct id_index *x, uint64_t hash, struct id_index_probe *p)
{
	p->part = &x->parts[part_of(hash)];
	p->left = p->part->size;
	p->at = home_of(hash, p->part->size);
	p->tag = slot_of(hash, 0);
}

uint32_t id_index_next(struct id_index_probe *p)
{
	uint32_t slot;

	for (; p->left > 0; p->left--) {
		slot = p->part->slots[p->at];
		if (slot == EMPTY)
			break;
		p->at = after(p->at, p->part->size);
		if (slot != gone && (slot & 0xff000000u) == p->tag) {
			p->left--;
			return slot & 0xffffffu;
		}
	}
	p->left = 0;
	return 0;
}
