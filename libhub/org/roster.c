/* roster.c - see roster.h
 *
 * Here are records as a whole: where they lie, their ids and indexes. What is in one: roster_pack.c
 */
#include "libhub/org/roster_impl.h"

#include <stdlib.h>
#include <string.h>

enum {
	BLOCK_UNITS = 1 << 18,		/* a megabyte */
	BLOCKS_MAX = 1 << 13,
	TIDY_RECORDS = 32,		/* moved with one change */
	TIDY_PART = 8,			/* this part of all may be garbage */
};
/* In offsets: not a record but the next unused id. */
static const uint32_t unused_bit = UINT32_C(1) << 31;

static uint32_t *offset_of(const struct roster *r, uint32_t id)
{
	return &r->offsets[id / ROSTER_CHUNK][id % ROSTER_CHUNK];
}

bool roster_has(const struct roster *r, uint32_t id)
{
	return id != 0 && id < r->next_id && (*offset_of(r, id) & unused_bit) == 0;
}

const struct record *roster_record(const struct roster *r, uint32_t id)
{
	uint32_t offset = *offset_of(r, id);

	return (const struct record *)(r->blocks[offset / BLOCK_UNITS].units +
		offset % BLOCK_UNITS);
}

static uint32_t units_of(const struct roster *r, uint32_t id)
{
	const struct record *record = roster_record(r, id);

	return record->units != 0 ? record->units :
		r->blocks[*offset_of(r, id) / BLOCK_UNITS].size;
}

void roster_look(const struct roster *r, uint32_t id, struct roster_view *v)
{
	const struct record *record = roster_record(r, id);

	roster_look_at(record, v);
	v->end = (const unsigned char *)record + (size_t)units_of(r, id) * ROSTER_UNIT;
}

/* --- hashes --- */

static uint64_t hash_uuid(const struct roster *r, const unsigned char uuid[16])
{
	return id_index_hash(id_index_mix(r->seed, uuid, 16));
}

static uint64_t hash_name(const struct roster *r, uint32_t parent, const char *rdn, size_t size)
{
	return id_index_hash(id_index_mix(id_index_mix(r->seed, &parent, sizeof(parent)), rdn,
		size));
}

static uint64_t hash_address(const struct roster *r, const struct roster_part *part)
{
	uint64_t state = id_index_mix(r->seed, part->head, part->size);
	const char *domain;
	size_t size;

	domain = roster_text(r, part->text, &size);
	state = id_index_mix(state, "@", 1);
	return id_index_hash(id_index_mix(state, domain, size));
}

static size_t uuid_hashes(uint32_t id, uint64_t out[ID_INDEX_HASHES_MAX], const void *ctx)
{
	out[0] = hash_uuid(ctx, roster_record(ctx, id)->uuid);
	return 1;
}

static size_t dn_hashes(uint32_t id, uint64_t out[ID_INDEX_HASHES_MAX], const void *ctx)
{
	struct roster_view v;

	roster_look(ctx, id, &v);
	out[0] = hash_name(ctx, v.parent, v.rdn, v.rdn_size);
	return 1;
}

static size_t address_hashes(uint32_t id, uint64_t out[ID_INDEX_HASHES_MAX], const void *ctx)
{
	struct roster_view v;
	struct roster_part part;
	size_t i;

	roster_look(ctx, id, &v);
	for (i = 0; i < v.address_count; i++) {
		roster_next_address(&v.addresses, &part);
		out[i] = hash_address(ctx, &part);
	}
	return i;
}

struct roster *roster_new(void)
{
	struct roster *r = xcalloc(1, sizeof(*r));

	arc4random_buf(&r->seed, sizeof(r->seed));
	r->texts = intern_new(r->seed);
	r->next_id = 1;
	r->current = r->victim = UINT32_MAX;
	id_index_init(&r->by_uuid, uuid_hashes, r);
	id_index_init(&r->by_dn, dn_hashes, r);
	id_index_init(&r->by_address, address_hashes, r);
	return r;
}

void roster_free(struct roster **rp)
{
	struct roster *r = *rp;
	uint32_t i;

	*rp = NULL;
	if (r == NULL)
		return;
	for (i = 0; i < r->block_count; i++)
		free(r->blocks[i].units);
	for (i = 0; i < ROSTER_CHUNKS; i++)
		free(r->offsets[i]);
	free(r->blocks);
	id_index_deinit(&r->by_uuid);
	id_index_deinit(&r->by_dn);
	id_index_deinit(&r->by_address);
	intern_free(&r->texts);
	free(r);
}

void roster_reserve(struct roster *r, size_t n)
{
	if (n > ID_INDEX_ID_MAX)
		n = ID_INDEX_ID_MAX;
	id_index_reserve(&r->by_uuid, n);
	id_index_reserve(&r->by_dn, n);
	id_index_reserve(&r->by_address, n);
}

size_t roster_memory(const struct roster *r)
{
	size_t total = sizeof(*r) + intern_memory(r->texts);
	uint32_t i;

	for (i = 0; i < r->block_count; i++)
		total += (size_t)r->blocks[i].size * ROSTER_UNIT + sizeof(*r->blocks);
	total += (r->next_id / ROSTER_CHUNK + 1) * ROSTER_CHUNK * sizeof(**r->offsets);
	return total + id_index_memory(&r->by_uuid) + id_index_memory(&r->by_dn) +
		id_index_memory(&r->by_address);
}

/* --- blocks --- */

/* Place for a new block; UINT32_MAX if there are as many as can be. */
static uint32_t block_new(struct roster *r, uint32_t size)
{
	uint32_t i;

	for (i = 0; i < r->block_count && r->blocks[i].units != NULL; i++)
		;
	if (i == BLOCKS_MAX)
		return UINT32_MAX;
	if (i == r->block_count) {
		r->blocks = xreallocarray(r->blocks, i + 1, sizeof(*r->blocks));
		r->block_count++;
	}
	r->blocks[i] = (struct block){ .size = size };
	r->blocks[i].units = xreallocarray(NULL, size, ROSTER_UNIT);
	return i;
}

static void block_drop(struct roster *r, uint32_t i)
{
	free(r->blocks[i].units);
	r->blocks[i] = (struct block){ .units = NULL };
	if (i == r->victim)
		r->victim = UINT32_MAX;
	if (i == r->current)
		r->current = UINT32_MAX;
}

/* Where so many units fit: behind the last record, or a block of their own. */
static uint32_t block_for(struct roster *r, uint32_t units)
{
	uint32_t i;

	if (units > ROSTER_SMALL_MAX)
		return block_new(r, units);
	if (r->current != UINT32_MAX &&
	    r->blocks[r->current].used + units <= r->blocks[r->current].size)
		return r->current;
	i = block_new(r, BLOCK_UNITS);
	if (i != UINT32_MAX)
		r->current = i;
	return i;
}

/* Copies a record to its place. False when there is none. */
static bool store(struct roster *r, uint32_t id, const struct record *record, uint32_t units)
{
	uint32_t i = block_for(r, units);
	struct block *b;

	if (i == UINT32_MAX)
		return false;
	b = &r->blocks[i];
	memcpy(b->units + b->used, record, (size_t)units * ROSTER_UNIT);
	*offset_of(r, id) = i * BLOCK_UNITS + b->used;
	b->used += units;
	b->live += units;
	r->live_units += units;
	r->used_units += units;
	return true;
}

/* The place of a record is garbage from now on. */
static void discard(struct roster *r, uint32_t id)
{
	uint32_t i = *offset_of(r, id) / BLOCK_UNITS;
	struct record *record = (struct record *)(uintptr_t)roster_record(r, id);
	struct block *b = &r->blocks[i];
	uint32_t units = units_of(r, id);

	record->id_flags &= ~(uint32_t)ROSTER_ID_MASK;
	b->live -= units;
	r->live_units -= units;
	if (b->live == 0) {
		r->used_units -= b->used;
		block_drop(r, i);
	}
}

/* The block with the most garbage, if there is enough of it in all. */
static void choose_victim(struct roster *r)
{
	uint64_t garbage = r->used_units - r->live_units;
	uint32_t best = 0, i;

	if (garbage <= BLOCK_UNITS + r->live_units / TIDY_PART)
		return;
	for (i = 0; i < r->block_count; i++) {
		struct block *b = &r->blocks[i];

		if (b->units != NULL && i != r->current && b->used - b->live > best) {
			best = b->used - b->live;
			r->victim = i;
			r->victim_at = 0;
		}
	}
}

void roster_tidy(struct roster *r)
{
	unsigned int n;

	if (r->victim == UINT32_MAX)
		choose_victim(r);
	for (n = 0; n < TIDY_RECORDS && r->victim != UINT32_MAX; n++) {
		struct block *b = &r->blocks[r->victim];
		const struct record *record = (const void *)(b->units + r->victim_at);
		uint32_t id = record->id_flags & ROSTER_ID_MASK, units = record->units;

		/* store() may move the array of blocks, not what they hold */
		if (id != 0 && !store(r, id, record, units))
			return;
		r->victim_at += units;
		if (id == 0)
			continue;
		b = &r->blocks[r->victim];
		b->live -= units;
		r->live_units -= units;
		if (b->live == 0) {
			r->used_units -= b->used;
			block_drop(r, r->victim);
		}
	}
}

/* --- ids --- */

static uint32_t new_id(struct roster *r)
{
	uint32_t id = r->unused_id;

	if (id != 0) {
		r->unused_id = *offset_of(r, id) & ~unused_bit;
		return id;
	}
	id = r->next_id;
	if (id > ID_INDEX_ID_MAX)
		return 0;
	if (r->offsets[id / ROSTER_CHUNK] == NULL)
		r->offsets[id / ROSTER_CHUNK] = xcalloc(ROSTER_CHUNK, sizeof(**r->offsets));
	*offset_of(r, id) = unused_bit;
	r->next_id++;
	return id;
}

static void drop_id(struct roster *r, uint32_t id)
{
	*offset_of(r, id) = unused_bit | r->unused_id;
	r->unused_id = id;
}

uint32_t roster_end(const struct roster *r)
{
	return r->next_id;
}

/* --- records in and out --- */

static void link_record(struct roster *r, uint32_t id)
{
	struct roster_view v;
	struct roster_part part;
	size_t i;

	roster_look(r, id, &v);
	if (v.has_uuid)
		id_index_add(&r->by_uuid, hash_uuid(r, v.uuid), id);
	id_index_add(&r->by_dn, hash_name(r, v.parent, v.rdn, v.rdn_size), id);
	for (i = 0; i < v.address_count; i++) {
		roster_next_address(&v.addresses, &part);
		id_index_add(&r->by_address, hash_address(r, &part), id);
	}
	intern_count_add(r->texts, v.parent, 1);
	r->count++;
	r->recipients += v.address_count != 0;
}

static void unlink_record(struct roster *r, uint32_t id)
{
	struct roster_view v;
	struct roster_part part;
	size_t i;

	roster_look(r, id, &v);
	if (v.has_uuid)
		id_index_remove(&r->by_uuid, hash_uuid(r, v.uuid), id);
	id_index_remove(&r->by_dn, hash_name(r, v.parent, v.rdn, v.rdn_size), id);
	for (i = 0; i < v.address_count; i++) {
		roster_next_address(&v.addresses, &part);
		id_index_remove(&r->by_address, hash_address(r, &part), id);
	}
	intern_count_add(r->texts, v.parent, -1);
	r->count--;
	r->recipients -= v.address_count != 0;
}

void roster_delete(struct roster *r, uint32_t id)
{
	unlink_record(r, id);
	roster_unref_texts(r, roster_record(r, id));
	discard(r, id);
	drop_id(r, id);
}

uint32_t roster_replace(struct roster *r, struct roster_pack **pp)
{
	struct roster_pack *p = *pp;
	const struct record *record = roster_pack_record(p);
	struct roster_view v;
	uint32_t id;

	roster_look_at(record, &v);
	id = v.has_uuid ? roster_find_uuid(r, v.uuid) : 0;
	if (id != 0)
		roster_delete(r, id);
	id = roster_find_part(r, &(struct roster_part){ v.parent, v.rdn, v.rdn_size });
	if (id != 0)
		roster_delete(r, id);
	id = new_id(r);
	if (id == 0) {
		roster_drop_pack(r, pp);
		return 0;
	}
	roster_pack_name(p, id);
	if (!store(r, id, record, roster_pack_units(p))) {
		drop_id(r, id);
		roster_drop_pack(r, pp);
		return 0;
	}
	link_record(r, id);
	roster_pack_free(pp);
	return id;
}

uint32_t roster_same(const struct roster *r, const struct roster_pack *p)
{
	struct roster_view v;
	uint32_t id;

	roster_look_at(roster_pack_record(p), &v);
	id = roster_find_part(r, &(struct roster_part){ v.parent, v.rdn, v.rdn_size });
	if (id == 0 || !roster_pack_equals(p, roster_record(r, id), units_of(r, id)))
		return 0;
	return id;
}

/* --- look-ups --- */

uint32_t roster_find_uuid(const struct roster *r, const unsigned char uuid[16])
{
	struct id_index_probe p;
	uint32_t id;

	id_index_begin(&r->by_uuid, hash_uuid(r, uuid), &p);
	while ((id = id_index_next(&p)) != 0)
		if (memcmp(roster_record(r, id)->uuid, uuid, 16) == 0)
			break;
	return id;
}

uint32_t roster_find_part(const struct roster *r, const struct roster_part *dn)
{
	struct id_index_probe p;
	struct roster_view v;
	uint32_t id;

	id_index_begin(&r->by_dn, hash_name(r, dn->text, dn->head, dn->size), &p);
	while ((id = id_index_next(&p)) != 0) {
		roster_look(r, id, &v);
		if (v.parent == dn->text && v.rdn_size == dn->size &&
		    memcmp(v.rdn, dn->head, dn->size) == 0)
			break;
	}
	return id;
}

uint32_t roster_find_dn(const struct roster *r, const char *ndn)
{
	struct roster_part dn;
	const char *parent = roster_split(ndn, &dn.size);

	dn.head = ndn;
	dn.text = intern_find(r->texts, parent, strlen(parent));
	return dn.text != 0 ? roster_find_part(r, &dn) : 0;
}

bool roster_has_children(const struct roster *r, const char *ndn)
{
	uint32_t text = intern_find(r->texts, ndn, strlen(ndn));

	return text != 0 && intern_count(r->texts, text) != 0;
}

static bool claims(const struct roster *r, uint32_t id, const char *folded, size_t local,
	size_t size)
{
	struct roster_view v;
	struct roster_part part;
	const char *domain;
	size_t i, n;

	roster_look(r, id, &v);
	for (i = 0; i < v.address_count; i++) {
		roster_next_address(&v.addresses, &part);
		if (part.size != local || memcmp(part.head, folded, local) != 0)
			continue;
		domain = roster_text(r, part.text, &n);
		if (local + 1 + n == size && memcmp(domain, folded + local + 1, n) == 0)
			return true;
	}
	return false;
}

unsigned int roster_find_address(const struct roster *r, const char *folded, uint32_t *id)
{
	const char *at = strrchr(folded, '@');
	size_t size = strlen(folded);
	struct id_index_probe p;
	uint32_t candidate;

	*id = 0;
	if (at == NULL)
		return 0;
	id_index_begin(&r->by_address, id_index_hash(id_index_mix(r->seed, folded, size)), &p);
	while ((candidate = id_index_next(&p)) != 0) {
		if (candidate == *id || !claims(r, candidate, folded, (size_t)(at - folded), size))
			continue;
		if (*id != 0)
			return 2;
		*id = candidate;
	}
	return *id != 0;
}

bool roster_takes_outside_mail(const struct roster *r, const char *folded)
{
	const char *at = strrchr(folded, '@');
	size_t size = strlen(folded);
	struct id_index_probe p;
	struct roster_view v;
	uint32_t candidate;

	if (at == NULL)
		return false;
	id_index_begin(&r->by_address, id_index_hash(id_index_mix(r->seed, folded, size)), &p);
	while ((candidate = id_index_next(&p)) != 0) {
		if (!claims(r, candidate, folded, (size_t)(at - folded), size))
			continue;
		roster_look(r, candidate, &v);
		if (!v.refuse_outside_mail)
			return true;
	}
	return false;
}

size_t roster_recipients(const struct roster *r)
{
	return r->recipients;
}

size_t roster_count(const struct roster *r)
{
	return r->count;
}

const char *roster_text(const struct roster *r, uint32_t text, size_t *size)
{
	return intern_text(r->texts, text, size);
}

void roster_hold(struct roster *r)
{
	intern_hold(r->texts);
}

void roster_release(struct roster *r)
{
	intern_release(r->texts);
}
