/* scan.c - recovery reads one segment: its records, and what is not one.
 *
 * Bytes that are no record, with a record after them, are damage: they are set aside. Nothing valid
 * after them: the end of the log, or a torn tail. A power cut may persist the pages of one unsynced
 * batch in any order, so damage may also be a hole in a batch that was never acknowledged. A
 * message behind such a hole is taken (at worst it comes twice), an outcome behind it is not unless
 * its record says that the hole had been synced: the report it relies on may be what is missing.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "hubd/spool/envelope.h"
#include "hubd/spool/recover.h"
#include "libhub/base/mem.h"

struct scan {
	struct recovery *r;
	struct segment *seg;
	unsigned char *buf;
	size_t limit;		/* records end here at the latest */
	uint64_t hole;		/* first damage in this segment; UINT64_MAX = none */
};

struct record {
	struct record_header h;
	uint32_t offset;
	const unsigned char *payload;
};

/* Unreadable stretches come back as zeros, which are no record. */
static void read_segment(const struct found_file *f, unsigned char *buf)
{
	enum { STEP = 1024 * 1024 };
	size_t at = 0, want;
	ssize_t n;

	memset(buf, 0, f->size);
	while (at < f->size) {
		want = f->size - at < STEP ? f->size - at : STEP;
		n = pread(f->fd, buf + at, want, (off_t)at);
		if (n < 0 && errno == EINTR)
			continue;
		at += n > 0 ? (size_t)n : want;
	}
}

/* ---- records ---- */

static void seen_id(struct recovery *r, uint64_t next)
{
	if (next > r->next_id)
		r->next_id = next;
}

static void on_chunk(struct scan *sc, const struct record *rec)
{
	struct known_chunk *k = xcalloc(1, sizeof(*k));

	k->key.sequence = sc->seg->sequence;
	k->key.offset = rec->offset;
	k->id = rec->h.id;
	k->seg = sc->seg;
	k->length = rec->h.length;
	HASH_ADD(hh, sc->r->chunks, key, sizeof(k->key), k);
}

static struct known_chunk *find_chunk(struct recovery *r, const struct record_extent *x,
	uint64_t id)
{
	struct known_chunk *k, probe = { .key = { x->sequence, x->offset } };

	HASH_FIND(hh, r->chunks, &probe.key, sizeof(probe.key), k);
	return k != NULL && k->id == id && k->length == x->length ? k : NULL;
}

/* The message's place; *whole is false if a chunk is missing (it is left out). */
static struct place *place_of(struct scan *sc, const struct record *rec,
	const struct record_tail *tail, bool *whole)
{
	const unsigned char *list = rec->payload + tail->inline_size + tail->envelope_size;
	struct place *p = place_new(tail->extents);
	uint64_t size = tail->inline_size;
	struct record_extent x;
	struct known_chunk *k;
	uint32_t i, n = 0;

	for (i = 0; i < tail->extents; i++) {
		memcpy(&x, list + i * sizeof(x), sizeof(x));
		k = find_chunk(sc->r, &x, rec->h.id);
		if (k == NULL)
			continue;
		p->chunk[n++] = (struct extent){ .seg = k->seg, .offset = x.offset,
			.length = x.length };
		size += x.length;
	}
	*whole = n == tail->extents && size == tail->body_size;
	p->extents = n;
	p->body_size = tail->body_size;
	p->body_crc = tail->body_crc;
	p->envelope_size = tail->envelope_size;
	p->inline_size = tail->inline_size;
	p->message = (struct extent){ .seg = sc->seg, .offset = rec->offset,
		.length = rec->h.length };
	place_hold(p);
	return p;
}

static void broken_set(struct recovery *r, uint64_t id, bool broken)
{
	struct broken *b;

	HASH_FIND(hh, r->broken, &id, sizeof(id), b);
	if (broken && b == NULL) {
		b = xcalloc(1, sizeof(*b));
		b->id = id;
		HASH_ADD(hh, r->broken, id, sizeof(b->id), b);
	} else if (!broken && b != NULL) {
		HASH_DEL(r->broken, b);
		free(b);
	}
}

static void apply_done(struct index *ix, uint64_t id, const struct record_tail *tail,
	const unsigned char *words)
{
	uint64_t word = 0;
	uint32_t i;

	if (tail->done_words == 0)
		return;
	for (i = 0; i < tail->recipients; i++) {
		if (i % 64 == 0)
			memcpy(&word, words + i / 64 * sizeof(word), sizeof(word));
		if ((word >> (i % 64) & 1) != 0)
			index_finish(ix, id, i);
	}
}

static void on_message(struct scan *sc, const struct record *rec)
{
	struct index *ix = &sc->r->spool->index;
	struct record_tail tail;
	struct place *p;
	bool whole;

	if (!record_tail_get(rec->payload, rec->h.length, &tail)
		|| tail.recipients > ENVELOPE_RECIPIENTS_MAX) {
		quarantine_bytes(sc->r, sc->seg, rec->offset, sc->buf + rec->offset,
			RECORD_SPACE(rec->h.length));
		return;
	}
	p = place_of(sc, rec, &tail, &whole);
	if (index_find(ix, rec->h.id) != NULL)
		index_move(ix, rec->h.id, p);
	else
		index_add(ix, rec->h.id, p, tail.recipients, NULL);
	broken_set(sc->r, rec->h.id, !whole);
	apply_done(ix, rec->h.id, &tail, rec->payload + tail.inline_size + tail.envelope_size
		+ tail.extents * sizeof(struct record_extent));
}

static void on_outcome(struct scan *sc, const struct record *rec)
{
	struct spool_outcome o;
	size_t at;

	if (rec->h.synced <= sc->hole && sc->hole != UINT64_MAX)
		return;
	for (at = 0; at + sizeof(o) <= rec->h.length; at += sizeof(o)) {
		memcpy(&o, rec->payload + at, sizeof(o));
		index_finish(&sc->r->spool->index, rec->h.id, o.recipient);
	}
}

static void on_ids(struct scan *sc, const struct record *rec)
{
	uint64_t next_id;

	/* the first field of both HEAD and MARK */
	if (rec->h.length < sizeof(next_id))
		return;
	memcpy(&next_id, rec->payload, sizeof(next_id));
	seen_id(sc->r, next_id);
}

static void on_record(struct scan *sc, const struct record *rec)
{
	seen_id(sc->r, rec->h.id + 1);
	switch (rec->h.type) {
	case RECORD_HEAD:
	case RECORD_MARK:
		on_ids(sc, rec);
		break;
	case RECORD_CHUNK:
		on_chunk(sc, rec);
		break;
	case RECORD_MESSAGE:
		on_message(sc, rec);
		break;
	case RECORD_OUTCOME:
		on_outcome(sc, rec);
		break;
	default:
		/* whole, yet of a kind that this version does not know */
		quarantine_bytes(sc->r, sc->seg, rec->offset, sc->buf + rec->offset,
			RECORD_SPACE(rec->h.length));
	}
}

/* ---- the walk ---- */

static bool nonce_at(const struct scan *sc, size_t at)
{
	return at + sizeof(struct record_header) <= sc->limit
		&& memcmp(sc->buf + at, &sc->seg->nonce, sizeof(sc->seg->nonce)) == 0;
}

/* The next whole record at or after at; limit if there is none. */
static size_t next_record(const struct scan *sc, size_t at)
{
	for (; at + sizeof(struct record_header) <= sc->limit; at += 8) {
		if (nonce_at(sc, at)
			&& record_valid(sc->buf + at, sc->limit - at, sc->seg->nonce))
			return at;
	}
	return sc->limit;
}

static size_t take_record(struct scan *sc, size_t at)
{
	struct record rec = { .offset = (uint32_t)at };

	memcpy(&rec.h, sc->buf + at, sizeof(rec.h));
	rec.payload = sc->buf + at + sizeof(rec.h);
	on_record(sc, &rec);
	return RECORD_SPACE(rec.h.length);
}

static void set_aside(struct scan *sc, size_t at, size_t size)
{
	quarantine_bytes(sc->r, sc->seg, (uint32_t)at, sc->buf + at, size);
	if (sc->hole == UINT64_MAX)
		sc->hole = at;
}

/* Nothing valid follows at; sealed: the log says that records went on to limit. */
static void end_of_records(struct scan *sc, size_t at, bool sealed, bool last)
{
	if (sealed ? at < sc->limit : !last && nonce_at(sc, at))
		set_aside(sc, at, sc->limit - at);
	else if (nonce_at(sc, at))
		sc->r->report->torn_bytes += sc->limit - at;
	sc->seg->end = sealed ? (uint32_t)sc->limit : (uint32_t)at;
}

static void walk(struct scan *sc, bool sealed, bool last)
{
	size_t at = 0, next;

	while ((next = next_record(sc, at)) < sc->limit) {
		if (next != at)
			set_aside(sc, at, next - at);
		at = next + take_record(sc, next);
	}
	end_of_records(sc, at, sealed, last);
}

int recover_scan(struct recovery *r, struct found_file *f, bool last, struct err *e)
{
	struct store *st = &r->spool->store;
	struct scan sc = { .r = r, .limit = f->size, .hole = UINT64_MAX };
	bool sealed = f->end <= f->size;

	sc.seg = store_segment_add(st, f->number, f->fd, f->size);
	f->fd = -1;
	if (sealed)
		sc.limit = f->end;
	sc.buf = xmalloc(f->size);
	read_segment(&(struct found_file){ .fd = sc.seg->fd, .size = f->size }, sc.buf);
	walk(&sc, sealed, last);
	free(sc.buf);
	r->report->segments++;
	if (last && fdatasync(sc.seg->fd) != 0)
		return err_set(e, ERR_TEMP, errno, "spool %s: sync", st->path);
	return 0;
}

bool recover_has_record(struct recovery *r, const struct found_file *f)
{
	struct segment seg = { .nonce = record_nonce(r->spool->store.key, f->number) };
	struct scan sc = { .r = r, .seg = &seg, .limit = f->size };
	bool any;

	sc.buf = xmalloc(f->size);
	read_segment(f, sc.buf);
	any = next_record(&sc, 0) < sc.limit;
	free(sc.buf);
	return any;
}

void recover_forget(struct recovery *r)
{
	struct known_chunk *k, *next_k;
	struct broken *b, *next_b;

	HASH_ITER(hh, r->chunks, k, next_k) {
		HASH_DEL(r->chunks, k);
		free(k);
	}
	HASH_ITER(hh, r->broken, b, next_b) {
		HASH_DEL(r->broken, b);
		free(b);
	}
}
