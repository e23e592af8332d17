/* builder.c - the entries that a builder holds (see builder.h); build.c makes snapshots of them. */
#include "libhub/org/builder.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "libhub/org/builder_impl.h"
#include "libhub/org/dn.h"
#include "libhub/org/snapshot_impl.h"

struct builder *builder_new(const char *base)
{
	struct builder *b = xcalloc(1, sizeof(*b));

	b->base = xstrdup(base);
	b->arena = arena_new();
	b->nbase = dn_normalize(b->arena, base);
	/* A base that is no DN holds nothing: no entry is under it. */
	if (b->nbase == NULL)
		b->nbase = b->base;
	return b;
}

static void slot_remove(struct builder *b, struct slot *slot)
{
	if (slot->record->raw.has_uuid)
		HASH_DELETE(by_uuid, b->by_uuid, slot);
	HASH_DELETE(by_dn, b->by_dn, slot);
	record_unref(&slot->record);
	free(slot);
}

static void slot_add(struct builder *b, struct slot *slot)
{
	struct record *r = slot->record;

	HASH_ADD_KEYPTR(by_dn, b->by_dn, r->ndn, strlen(r->ndn), slot);
	if (r->raw.has_uuid)
		HASH_ADD_KEYPTR(by_uuid, b->by_uuid, r->raw.uuid, sizeof(r->raw.uuid), slot);
}

static struct slot *find_uuid(const struct builder *b, const unsigned char uuid[16])
{
	struct slot *slot;

	HASH_FIND(by_uuid, b->by_uuid, uuid, 16, slot);
	return slot;
}

static struct slot *find_dn(const struct builder *b, const char *ndn)
{
	struct slot *slot;

	HASH_FIND(by_dn, b->by_dn, ndn, strlen(ndn), slot);
	return slot;
}

struct record *builder_record(const struct builder *b, const char *ndn)
{
	const struct slot *slot = find_dn(b, ndn);

	return slot != NULL ? slot->record : NULL;
}

struct record *builder_record_by_uuid(const struct builder *b, const unsigned char uuid[16])
{
	const struct slot *slot = find_uuid(b, uuid);

	return slot != NULL ? slot->record : NULL;
}

/* The key of a kept form: the UUID where there is one, else the DN. */
static const void *identity(const struct record *r, size_t *size)
{
	*size = r->raw.has_uuid ? sizeof(r->raw.uuid) : strlen(r->ndn);
	return r->raw.has_uuid ? (const void *)r->raw.uuid : r->ndn;
}

static struct kept_form *find_kept(const struct builder *b, const struct record *r)
{
	struct kept_form *kept;
	size_t size;
	const void *key = identity(r, &size);

	HASH_FIND(hh, b->kept, key, size, kept);
	return kept;
}

struct record *builder_kept_form(const struct builder *b, const struct record *record)
{
	struct kept_form *kept = find_kept(b, record);

	return kept != NULL ? kept->record : NULL;
}

static void kept_remove(struct builder *b, struct kept_form *kept)
{
	if (kept == NULL)
		return;
	HASH_DELETE(hh, b->kept, kept);
	record_unref(&kept->record);
	free(kept);
}

/* Takes over the reference. */
static void keep(struct builder *b, struct record *r)
{
	struct kept_form *kept;
	size_t size;
	const void *key;

	kept_remove(b, find_kept(b, r));
	kept = xcalloc(1, sizeof(*kept));
	kept->record = r;
	key = identity(r, &size);
	HASH_ADD_KEYPTR(hh, b->kept, key, size, kept);
}

void builder_put_last_good(struct builder *b, const struct entry *e)
{
	struct record *r = record_new(e, b->nbase);

	if (r == NULL)
		return;
	record_decode(r);
	keep(b, r);
}

void builder_free(struct builder **bp)
{
	struct builder *b = *bp;
	struct slot *slot, *next;
	struct kept_form *kept, *next_kept;

	*bp = NULL;
	if (b == NULL)
		return;
	HASH_ITER(by_dn, b->by_dn, slot, next)
		slot_remove(b, slot);
	HASH_ITER(hh, b->kept, kept, next_kept)
		kept_remove(b, kept);
	arena_free(&b->arena);
	free(b->base);
	free(b);
}

/* An entry keeps its slot when it is renamed; another entry under its new name is gone. */
static struct slot *slot_of(struct builder *b, const struct record *r)
{
	struct slot *same = r->raw.has_uuid ? find_uuid(b, r->raw.uuid) : NULL;
	struct slot *named = find_dn(b, r->ndn);

	if (same == NULL)
		return named;
	if (named != NULL && named != same)
		slot_remove(b, named);
	return same;
}

static void slot_replace(struct builder *b, struct slot *slot, struct record *r)
{
	uint64_t order = slot->order;

	slot_remove(b, slot);
	slot = xcalloc(1, sizeof(*slot));
	slot->record = r;
	slot->round = b->round;
	slot->order = order;
	slot_add(b, slot);
}

/* What the directory deleted has no last good form either. */
static void slot_delete(struct builder *b, struct slot *slot)
{
	if (slot == NULL)
		return;
	b->changes++;
	kept_remove(b, find_kept(b, slot->record));
	slot_remove(b, slot);
}

/* Takes over the reference. slot: what the record replaces, or NULL. */
static void put_record(struct builder *b, struct slot *slot, struct record *r, uint64_t order)
{
	b->changes++;
	if (slot != NULL) {
		slot_replace(b, slot, r);
		return;
	}
	slot = xcalloc(1, sizeof(*slot));
	slot->record = r;
	slot->round = b->round;
	slot->order = order;
	slot_add(b, slot);
}

void builder_put_ordered(struct builder *b, const struct entry *e, uint64_t order)
{
	struct record *r = record_new(e, b->nbase);
	struct slot *slot;

	/* it has moved to where it is none of ours */
	if (r == NULL) {
		if (e->has_uuid)
			slot_delete(b, find_uuid(b, e->uuid));
		return;
	}
	slot = slot_of(b, r);
	if (slot != NULL && slot->record->class != NULL && record_equal(slot->record, r)) {
		slot->round = b->round;
		record_unref(&r);
		return;
	}
	record_decode(r);
	put_record(b, slot, r, order);
}

void builder_adopt(struct builder *b, struct record *r, bool last_good)
{
	if (last_good)
		keep(b, record_ref(r));
	else
		put_record(b, slot_of(b, r), record_ref(r), 0);
}

void builder_put(struct builder *b, const struct entry *e)
{
	builder_put_ordered(b, e, 0);
}

void builder_delete(struct builder *b, const unsigned char uuid[16])
{
	slot_delete(b, find_uuid(b, uuid));
}

void builder_drop(struct builder *b, const char *ndn)
{
	slot_delete(b, find_dn(b, ndn));
}

void builder_delete_dn(struct builder *b, const char *dn)
{
	struct arena *a = arena_new();
	const char *ndn = dn_normalize(a, dn);

	if (ndn != NULL)
		builder_drop(b, ndn);
	arena_free(&a);
}

void builder_refresh_begin(struct builder *b)
{
	b->round++;
}

void builder_refresh_end(struct builder *b)
{
	struct slot *slot, *next;

	HASH_ITER(by_dn, b->by_dn, slot, next)
		if (slot->round != b->round)
			slot_delete(b, slot);
}

static const struct entry_attr *find_attr(const struct entry *e, const char *name)
{
	size_t i;

	for (i = 0; i < e->n; i++)
		if (strcasecmp(e->attrs[i].name, name) == 0)
			return &e->attrs[i];
	return NULL;
}

/* Connectors, sites and so on stand in containers right below the organization. */
static size_t kind_of(const struct builder *b, const struct record *r)
{
	const char *parent = dn_parent(r->ndn);

	if (r->class != NULL)
		return r->class->kind;
	return parent != NULL && strcmp(parent, b->nbase) == 0 ? OBJ_KINDS + 1 : OBJ_KINDS;
}

void builder_losses_of(const struct builder *b, bool (*counts)(const struct record *r),
	struct guard_loss losses[BUILDER_LOSSES])
{
	const struct slot *slot;
	size_t i;

	for (i = 0; i < OBJ_KINDS; i++)
		losses[i] = (struct guard_loss){ .what = obj_classes[i]->ldap_class };
	losses[OBJ_KINDS] = (struct guard_loss){ .what = "other entries" };
	losses[OBJ_KINDS + 1] = (struct guard_loss){ .what = "containers", .any = true };
	for (slot = b->by_dn; slot != NULL; slot = slot->by_dn.next) {
		if (counts != NULL && !counts(slot->record))
			continue;
		i = kind_of(b, slot->record);
		losses[i].before++;
		losses[i].lost += slot->round != b->round;
	}
}

void builder_losses(const struct builder *b, struct guard_loss losses[BUILDER_LOSSES])
{
	builder_losses_of(b, NULL, losses);
}

uint64_t builder_changes(const struct builder *b)
{
	return b->changes;
}

void builder_identity(const struct builder *b, struct guard_state *out)
{
	const struct slot *slot = find_dn(b, b->nbase);
	const struct entry_attr *epoch;

	memset(out->uuid, 0, sizeof(out->uuid));
	out->epoch[0] = '\0';
	if (slot == NULL)
		return;
	if (slot->record->raw.has_uuid)
		memcpy(out->uuid, slot->record->raw.uuid, sizeof(out->uuid));
	epoch = find_attr(&slot->record->raw, "hubEpoch");
	if (epoch != NULL && epoch->n != 0 && epoch->values[0].size < sizeof(out->epoch))
		snprintf(out->epoch, sizeof(out->epoch), "%s",
			(const char *)epoch->values[0].data);
}

void builder_set_unpushed(struct builder *b, bool unpushed)
{
	b->unpushed = unpushed;
}

size_t builder_count(const struct builder *b)
{
	return HASH_CNT(by_dn, b->by_dn);
}

void builder_each(const struct builder *b, void (*cb)(const struct entry *e, void *ctx), void *ctx)
{
	const struct slot *slot;

	for (slot = b->by_dn; slot != NULL; slot = slot->by_dn.next)
		cb(&slot->record->raw, ctx);
}

void builder_each_last_good(const struct snapshot *s,
	void (*cb)(const struct entry *e, void *ctx), void *ctx)
{
	const struct snapshot_impl *impl = (const void *)s;
	const struct in_force *f;

	for (f = impl->by_dn; f != NULL; f = f->by_dn.next)
		if (f->last_good)
			cb(&f->record->raw, ctx);
}
