/* recipient_edits.c - see recipient_edits.h */
#include "edgesyncd/recipient_edits.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

enum { STEP = 64 };	/* addresses between two looks at the clock */

void recipient_edits_clear(struct recipient_edits *e)
{
	free(e->v);
	*e = (struct recipient_edits){ .v = NULL };
}

static void take(struct recipient_edits *e, const char *address, const struct recipients *r,
	struct bucket_hasher *h)
{
	if (e->n == e->room) {
		e->room = e->room != 0 ? 2 * e->room : 16;
		e->v = xreallocarray(e->v, e->room, sizeof(*e->v));
	}
	bucket_hash(h, address, strlen(address), e->v[e->n].hash);
	e->v[e->n++].present = recipients_takes_outside_mail(r, address);
}

bool recipient_edits_take(struct recipient_edits *e, const struct change_log *log, uint64_t *place,
	uint64_t end, const struct recipients *r, struct bucket_hasher *h, unsigned int max_ms)
{
	uint64_t begin = clock_mono_ms();
	unsigned int i;

	while (*place < end) {
		for (i = 0; i < STEP && *place < end; i++, (*place)++)
			take(e, change_log_at(log, *place), r, h);
		if (clock_mono_ms() - begin >= max_ms)
			break;
	}
	return *place == end;
}

static int compare_edits(const void *x, const void *y)
{
	const struct recipient_edit *a = x, *b = y;
	int r = memcmp(a->hash, b->hash, BUCKET_HASH);

	/* taken in slices, so an address may have changed in between; the log has that too */
	return r != 0 ? r : a->present - b->present;
}

void recipient_edits_finish(struct recipient_edits *e)
{
	size_t i, n = 0;

	if (e->n != 0)
		qsort(e->v, e->n, sizeof(*e->v), compare_edits);
	for (i = 0; i < e->n; i++) {
		if (n != 0 && memcmp(e->v[n - 1].hash, e->v[i].hash, BUCKET_HASH) == 0)
			n--;
		e->v[n++] = e->v[i];
	}
	e->n = n;
	for (i = 0; i < n; i++)
		e->removals += !e->v[i].present;
}

size_t recipient_edits_bucket(const struct recipient_edits *e, size_t first)
{
	unsigned int number = bucket_number(e->v[first].hash);
	size_t i = first;

	while (i < e->n && bucket_number(e->v[i].hash) == number)
		i++;
	return i;
}

void recipient_edits_apply(const struct recipient_edits *e, size_t first, size_t end,
	struct bucket *b, uint64_t *added, uint64_t *removed)
{
	size_t i;

	for (i = first; i < end; i++) {
		if (e->v[i].present)
			*added += bucket_add(b, e->v[i].hash);
		else
			*removed += bucket_remove(b, e->v[i].hash);
	}
}
