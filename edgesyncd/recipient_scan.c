/* recipient_scan.c - see recipient_scan.h */
#include "edgesyncd/recipient_scan.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

enum {
	STEP = 64,		/* records, or buckets, between two looks at the clock */
	ADDRESS_MAX = 2048,	/* folding may make one longer than any that is written */
};

struct recipient_scan {
	struct loop *loop;
	const struct recipients *r;
	struct bucket_hasher *hasher;
	struct event *more;
	void (*done)(void *ctx);
	void *ctx;
	uint32_t id;			/* of the next record */
	unsigned int sorted;		/* buckets that are finished */
	size_t count;
	struct bucket buckets[BUCKETS];
	unsigned char digests[BUCKETS][BUCKET_DIGEST];
};

static void take_address(struct recipient_scan *s, const struct roster *roster,
	const struct roster_part *part)
{
	unsigned char hash[BUCKET_HASH];
	char text[ADDRESS_MAX];
	const char *domain;
	size_t size;

	domain = roster_text(roster, part->text, &size);
	if (part->size + 1 + size > sizeof(text))
		return;
	memcpy(text, part->head, part->size);
	text[part->size] = '@';
	memcpy(text + part->size + 1, domain, size);
	bucket_hash(s->hasher, text, part->size + 1 + size, hash);
	bucket_append(&s->buckets[bucket_number(hash)], hash);
}

static void take_record(struct recipient_scan *s, const struct roster *roster, uint32_t id)
{
	struct roster_view v;
	struct roster_part part;
	size_t i;

	roster_look(roster, id, &v);
	if (v.refuse_outside_mail)
		return;
	for (i = 0; i < v.address_count; i++) {
		roster_next_address(&v.addresses, &part);
		take_address(s, roster, &part);
	}
}

/* Each returns false when there is nothing left to do. */
static bool take_some(struct recipient_scan *s)
{
	const struct roster *roster = recipients_roster(s->r);
	uint32_t end = roster_end(roster), stop;

	if (s->id >= end)
		return false;
	for (stop = s->id + STEP; s->id < stop && s->id < end; s->id++)
		if (roster_has(roster, s->id))
			take_record(s, roster, s->id);
	return true;
}

static bool sort_some(struct recipient_scan *s)
{
	unsigned int stop;

	for (stop = s->sorted + STEP / 8; s->sorted < stop && s->sorted < BUCKETS; s->sorted++) {
		struct bucket *b = &s->buckets[s->sorted];

		bucket_sort(b);
		bucket_digest(b->hashes, b->n * BUCKET_HASH, s->digests[s->sorted]);
		s->count += b->n;
	}
	return s->sorted < BUCKETS;
}

static void on_more(evutil_socket_t fd, short what, void *ctx)
{
	static const struct timeval at_once = { 0, 0 };
	struct recipient_scan *s = ctx;
	uint64_t begin = clock_mono_ms();

	(void)fd;
	(void)what;
	loop_touch(s->loop);
	while ((s->sorted == 0 && take_some(s)) || sort_some(s)) {
		if (clock_mono_ms() - begin < SCAN_SLICE_MS)
			continue;
		/* a timer, so that everything else on the loop has its turn */
		evtimer_add(s->more, &at_once);
		return;
	}
	s->done(s->ctx);
}

struct recipient_scan *recipient_scan_start(struct loop *loop, const struct recipients *r,
	const unsigned char key[BUCKET_KEY], void (*done)(void *ctx), void *ctx)
{
	static const struct timeval at_once = { 0, 0 };
	struct recipient_scan *s = xcalloc(1, sizeof(*s));

	s->loop = loop;
	s->r = r;
	s->done = done;
	s->ctx = ctx;
	s->id = 1;
	s->hasher = bucket_hasher_new(key);
	s->more = evtimer_new(loop_base(loop), on_more, s);
	BUG_ON(s->more == NULL);
	evtimer_add(s->more, &at_once);
	return s;
}

void recipient_scan_free(struct recipient_scan **sp)
{
	struct recipient_scan *s = *sp;
	size_t i;

	*sp = NULL;
	if (s == NULL)
		return;
	event_free(s->more);
	bucket_hasher_free(&s->hasher);
	for (i = 0; i < BUCKETS; i++)
		bucket_deinit(&s->buckets[i]);
	free(s);
}

const struct bucket *recipient_scan_bucket(const struct recipient_scan *s, unsigned int number)
{
	return &s->buckets[number];
}

const unsigned char (*recipient_scan_digests(const struct recipient_scan *s))[BUCKET_DIGEST]
{
	return s->digests;
}

size_t recipient_scan_count(const struct recipient_scan *s)
{
	return s->count;
}
