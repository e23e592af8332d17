/* index.c - see index.h */
#include "hubd/spool/index.h"

#include <stdlib.h>
#include <string.h>

#include "libhub/base/mem.h"

/* A message that does not fit in memory ends the process anyway (mem.h). */
#undef uthash_fatal
#define uthash_fatal(msg) err_bug(__FILE__, __LINE__, msg)

enum { INLINE_RECIPIENTS = 64 };

/* ---- places ---- */

void extent_hold(const struct extent *x)
{
	atomic_fetch_add(&x->seg->live_bytes, RECORD_SPACE(x->length));
	atomic_fetch_add(&x->seg->live, 1);
}

void extent_release(const struct extent *x)
{
	atomic_fetch_sub(&x->seg->live_bytes, RECORD_SPACE(x->length));
	/* last: from here on the segment may go */
	atomic_fetch_sub(&x->seg->live, 1);
}

struct place *place_new(uint32_t extents)
{
	struct place *p = xcalloc(1, sizeof(*p) + extents * sizeof(p->chunk[0]));

	atomic_init(&p->refs, 1);
	p->extents = extents;
	return p;
}

void place_hold(struct place *p)
{
	uint32_t i;

	for (i = 0; i < p->extents; i++)
		extent_hold(&p->chunk[i]);
	extent_hold(&p->message);
}

struct place *place_ref(struct place *p)
{
	atomic_fetch_add(&p->refs, 1);
	return p;
}

void place_unref(struct place **pp)
{
	struct place *p = *pp;
	uint32_t i;

	*pp = NULL;
	if (p == NULL || atomic_fetch_sub(&p->refs, 1) != 1)
		return;
	for (i = 0; i < p->extents; i++)
		extent_release(&p->chunk[i]);
	extent_release(&p->message);
	free(p);
}

uint64_t place_first_sequence(const struct place *p)
{
	return p->extents != 0 ? p->chunk[0].seg->sequence : p->message.seg->sequence;
}

/* ---- messages ---- */

static uint64_t *done_words(struct stored *m)
{
	return m->recipients > INLINE_RECIPIENTS ? m->done.words : &m->done.bits;
}

const uint64_t *stored_done(const struct stored *m)
{
	return m->recipients > INLINE_RECIPIENTS ? m->done.words : &m->done.bits;
}

static void stored_free(struct stored *m)
{
	if (m->recipients > INLINE_RECIPIENTS)
		free(m->done.words);
	place_unref(&m->place);
	free(m);
}

void index_init(struct index *ix)
{
	memset(ix, 0, sizeof(*ix));
	pthread_mutex_init(&ix->lock, NULL);
}

void index_deinit(struct index *ix)
{
	struct stored *m, *next;

	HASH_ITER(hh, ix->messages, m, next) {
		HASH_DEL(ix->messages, m);
		stored_free(m);
	}
	pthread_mutex_destroy(&ix->lock);
}

uint64_t index_count(struct index *ix)
{
	uint64_t n;

	pthread_mutex_lock(&ix->lock);
	n = HASH_COUNT(ix->messages);
	pthread_mutex_unlock(&ix->lock);
	return n;
}

struct stored *index_find(struct index *ix, uint64_t id)
{
	struct stored *m;

	HASH_FIND(hh, ix->messages, &id, sizeof(id), m);
	return m;
}

static void done_set(struct stored *m, const uint64_t *done)
{
	uint64_t *words = done_words(m);
	uint32_t i;

	for (i = 0; i < m->recipients; i++) {
		if ((done[i / 64] >> (i % 64) & 1) == 0)
			continue;
		words[i / 64] |= (uint64_t)1 << (i % 64);
		m->left--;
	}
}

struct stored *index_add(struct index *ix, uint64_t id, struct place *place, uint32_t recipients,
	const uint64_t *done)
{
	struct stored *m = xcalloc(1, sizeof(*m));

	m->id = id;
	m->place = place;
	m->recipients = m->left = recipients;
	if (recipients > INLINE_RECIPIENTS)
		m->done.words = xcalloc((recipients + 63) / 64, sizeof(uint64_t));
	if (done != NULL)
		done_set(m, done);
	pthread_mutex_lock(&ix->lock);
	HASH_ADD(hh, ix->messages, id, sizeof(m->id), m);
	pthread_mutex_unlock(&ix->lock);
	return m;
}

bool index_move(struct index *ix, uint64_t id, struct place *place)
{
	struct stored *m = index_find(ix, id);
	struct place *old;

	if (m == NULL) {
		place_unref(&place);
		return false;
	}
	pthread_mutex_lock(&ix->lock);
	old = m->place;
	m->place = place;
	pthread_mutex_unlock(&ix->lock);
	place_unref(&old);
	return true;
}

void index_remove(struct index *ix, struct stored *m)
{
	pthread_mutex_lock(&ix->lock);
	HASH_DEL(ix->messages, m);
	pthread_mutex_unlock(&ix->lock);
	stored_free(m);
}

bool index_finish(struct index *ix, uint64_t id, uint32_t recipient)
{
	struct stored *m = index_find(ix, id);
	uint64_t bit = (uint64_t)1 << (recipient % 64), *word;

	if (m == NULL || recipient >= m->recipients)
		return false;
	word = &done_words(m)[recipient / 64];
	if ((*word & bit) != 0)
		return false;
	*word |= bit;
	if (--m->left == 0)
		index_remove(ix, m);
	return true;
}

struct place *index_place(struct index *ix, uint64_t id)
{
	struct stored *m;
	struct place *p;

	pthread_mutex_lock(&ix->lock);
	m = index_find(ix, id);
	p = m != NULL ? place_ref(m->place) : NULL;
	pthread_mutex_unlock(&ix->lock);
	return p;
}
