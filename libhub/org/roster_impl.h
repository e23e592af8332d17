/* roster_impl.h - what roster.c and roster_pack.c share. */
#ifndef HUB_ORG_ROSTER_IMPL_H
#define HUB_ORG_ROSTER_IMPL_H

#include "libhub/base/mem.h"
#include "libhub/org/id_index.h"
#include "libhub/org/intern.h"
#include "libhub/org/roster.h"

enum {
	ROSTER_UNIT = 4,		/* records begin and end at multiples of it */
	ROSTER_SMALL_MAX = UINT16_MAX,	/* units; larger ones have a block of their own */
	ROSTER_CHUNK = 1 << 16, ROSTER_CHUNKS = 1 << 8,	/* of the table of offsets */
	ROSTER_ID_MASK = 0xffffff,	/* in id_flags; 0 = garbage */
};

/* The rest follows in body, see roster_pack.c; at the end it is zero up to a whole unit. */
struct record {
	unsigned char uuid[16];
	uint32_t id_flags;		/* flags in the upper eight bits */
	uint32_t parent;
	uint16_t units;			/* 0 = as many as its block has */
	unsigned char body[];
};

typedef uint32_t roster_unit;

struct block {
	roster_unit *units;		/* NULL = the place is free */
	uint32_t size, used, live;	/* in units */
};

struct roster {
	uint64_t seed;
	struct intern *texts;		/* their count: records with that DN as parent */
	struct block *blocks;
	uint32_t block_count;
	uint32_t current;		/* block being filled, UINT32_MAX = none */
	uint32_t victim, victim_at;	/* block being emptied */
	uint64_t live_units, used_units;
	uint32_t *offsets[ROSTER_CHUNKS];	/* by id, in units */
	uint32_t next_id, unused_id;
	struct id_index by_uuid, by_dn, by_address;
	size_t count, recipients;
};

const struct record *roster_record(const struct roster *r, uint32_t id);
/* Without the end. */
void roster_look_at(const struct record *record, struct roster_view *v);
/* Size of the RDN of a normalized DN; the parent. */
const char *roster_split(const char *ndn, size_t *size);
void roster_unref_texts(struct roster *r, const struct record *record);

const struct record *roster_pack_record(const struct roster_pack *p);
uint32_t roster_pack_units(const struct roster_pack *p);
void roster_pack_name(struct roster_pack *p, uint32_t id);
bool roster_pack_equals(const struct roster_pack *p, const struct record *record, uint32_t units);
/* Without giving back references. */
void roster_pack_free(struct roster_pack **p);

#endif
