/* recipient_edits.h - addresses that changed, as edits of buckets. Pure but for the slices.
 *
 * Hashes sorted, each once, with whether it is to be there: as things stand now, for what changes
 * later comes later in the log.
 */
#ifndef HUB_EDGESYNCD_RECIPIENT_EDITS_H
#define HUB_EDGESYNCD_RECIPIENT_EDITS_H

#include "edgesyncd/change_log.h"
#include "libhub/org/buckets.h"
#include "libhub/org/recipients.h"

struct recipient_edit {
	unsigned char hash[BUCKET_HASH];
	bool present;
};

struct recipient_edits {
	struct recipient_edit *v;
	size_t n, room;
	size_t removals;
};

void recipient_edits_clear(struct recipient_edits *e);
/*
 * Takes the addresses of the log from *place to end, for about max_ms; true when it has them all.
 */
bool recipient_edits_take(struct recipient_edits *e, const struct change_log *log, uint64_t *place,
	uint64_t end, const struct recipients *r, struct bucket_hasher *h, unsigned int max_ms);
/* After the last: sorts, and counts the removals. */
void recipient_edits_finish(struct recipient_edits *e);
/* The end of the edits of the bucket of the first one. */
size_t recipient_edits_bucket(const struct recipient_edits *e, size_t first);
/* Edits of one bucket; how many were added and removed. */
void recipient_edits_apply(const struct recipient_edits *e, size_t first, size_t end,
	struct bucket *b, uint64_t *added, uint64_t *removed);

#endif
