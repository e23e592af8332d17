/* id_index.h - from hashes to ids: open addressing, four bytes a key, no keys of its own.
 *
 * In 256 parts of which each grows alone, so that no single call has more than one part in 256 to
 * put in order, however many keys there are. A slot holds an id of 24 bits and 8 bits of the hash;
 * whoever looks up compares the key itself. Writers one at a time; readers not during a write.
 */
#ifndef HUB_ORG_ID_INDEX_H
#define HUB_ORG_ID_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { ID_INDEX_PARTS = 256, ID_INDEX_HASHES_MAX = 1000, ID_INDEX_ID_MAX = 0xfffffe };

/* Hashes of all keys under which the id is (or is about to be) in the index; their number. */
typedef size_t id_index_hashes_cb(uint32_t id, uint64_t hashes[ID_INDEX_HASHES_MAX],
	const void *ctx);

struct id_index_part {
	uint32_t *slots;
	uint32_t size, live, used;	/* used: live ones and those that were */
};

struct id_index {
	struct id_index_part parts[ID_INDEX_PARTS];
	id_index_hashes_cb *hashes;
	const void *ctx;
};

void id_index_init(struct id_index *x, id_index_hashes_cb *hashes, const void *ctx);
void id_index_deinit(struct id_index *x);
/* Room for about that many. */
void id_index_reserve(struct id_index *x, size_t n);
/* id: 1 to ID_INDEX_ID_MAX. Once for each key. */
void id_index_add(struct id_index *x, uint64_t hash, uint32_t id);
void id_index_remove(struct id_index *x, uint64_t hash, uint32_t id);
size_t id_index_memory(const struct id_index *x);

/* Candidates for a key one by one; an id may come more than once. */
struct id_index_probe {
	const struct id_index_part *part;
	uint32_t at, left;
	uint32_t tag;
};

void id_index_begin(const struct id_index *x, uint64_t hash, struct id_index_probe *p);
/* 0 = no more. */
uint32_t id_index_next(struct id_index_probe *p);

/* FNV-1a, to be continued; id_index_hash makes a hash of its state. Begin with a random seed. */
uint64_t id_index_mix(uint64_t state, const void *data, size_t size);
uint64_t id_index_hash(uint64_t state);

#endif
