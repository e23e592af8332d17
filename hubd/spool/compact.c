/* compact.c - copying old messages forward; a thread of its own, because it waits for the disk.
 *
 * Segments are recycled in order, so a few old messages in the oldest ones keep many segments. When
 * most of what is in use is waste, the messages of the oldest segment are written again. A copy
 * goes through the committer like any message; until it is synced the original counts, so a crash
 * at any point loses nothing. Only undamaged bodies are copied.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <unistd.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

enum { COPY_BUFFER = 64 * 1024 };

/* ---- answers from the committer ---- */

void compact_answer(struct spool *s, struct item *it)
{
	pthread_mutex_lock(&s->compact_lock);
	item_list_add(&s->compact_answers, it);
	pthread_cond_broadcast(&s->compact_changed);
	pthread_mutex_unlock(&s->compact_lock);
}

static struct item *wait_answer(struct spool *s)
{
	struct item *it;

	pthread_mutex_lock(&s->compact_lock);
	while (s->compact_answers.head == NULL)
		pthread_cond_wait(&s->compact_changed, &s->compact_lock);
	it = item_list_pop(&s->compact_answers);
	pthread_mutex_unlock(&s->compact_lock);
	return it;
}

static bool stop_wanted(struct spool *s)
{
	bool stop;

	pthread_mutex_lock(&s->compact_lock);
	stop = s->compact_stop;
	pthread_mutex_unlock(&s->compact_lock);
	return stop;
}

/* ---- copying one message ---- */

static int read_all(const struct segment *seg, void *buf, size_t size, uint64_t offset)
{
	char *p = buf;
	ssize_t n;

	while (size > 0) {
		n = pread(seg->fd, p, size, (off_t)offset);
		if (n == 0 || (n < 0 && errno != EINTR))
			return -1;
		if (n > 0) {
			p += n;
			offset += (uint64_t)n;
			size -= (size_t)n;
		}
	}
	return 0;
}

static int copy_part(struct spool *s, struct spool_draft *d, const struct extent *x, uint32_t size)
{
	uint64_t at = x->offset + sizeof(struct record_header);
	unsigned char buf[COPY_BUFFER];
	size_t n;

	for (; size > 0; size -= (uint32_t)n, at += n) {
		n = size < sizeof(buf) ? size : sizeof(buf);
		if (stop_wanted(s) || read_all(x->seg, buf, n, at) != 0)
			return -1;
		if (spool_draft_write(d, buf, n))
			continue;
		while (d->waiting > RESUME_BYTES)
			draft_answered(wait_answer(s));
	}
	return 0;
}

static int copy_body(struct spool *s, struct spool_draft *d, const struct place *p)
{
	uint32_t i;

	for (i = 0; i < p->extents; i++) {
		if (copy_part(s, d, &p->chunk[i], p->chunk[i].length) != 0)
			return -1;
	}
	return copy_part(s, d, &p->message, p->inline_size);
}

/* After commit or abort: until its last answer. false if the disk refused it. */
static bool copy_finish(struct spool *s)
{
	struct item *it;
	bool last, stored;

	do {
		it = wait_answer(s);
		last = it->kind != ITEM_CHUNK;
		stored = it->err == NULL || it->err->class == ERR_PERM;
		draft_answered(it);
	} while (!last);
	return stored;
}

static void copy_abort(struct spool *s, struct spool_draft *d)
{
	bool answered = d->chunks > 0;

	spool_draft_abort(&d);
	if (answered)
		(void)copy_finish(s);
}

static void keep_where_it_is(struct spool *s, uint64_t id)
{
	struct stored *m;

	pthread_mutex_lock(&s->index.lock);
	m = index_find(&s->index, id);
	if (m != NULL)
		m->fixed = true;
	pthread_mutex_unlock(&s->index.lock);
	log_event(LOG_LEVEL_ERROR, "spool-copy-damaged", LOG_UINT("id", id), LOG_END);
}

/* false: not now, try the rest another time. */
static bool copy_place(struct spool *s, uint64_t id, const struct place *p, uint32_t recipients)
{
	struct spool_draft *d = draft_new(s, NULL, id);
	void *envelope = xmalloc(p->envelope_size);
	uint64_t at = p->message.offset + sizeof(struct record_header) + p->inline_size;
	bool ok;

	d->copy = true;
	ok = copy_body(s, d, p) == 0
		&& read_all(p->message.seg, envelope, p->envelope_size, at) == 0;
	if (ok && d->body_crc == p->body_crc) {
		draft_submit(d, envelope, p->envelope_size, recipients);
		ok = copy_finish(s);
	} else {
		copy_abort(s, d);
		if (!stop_wanted(s))
			keep_where_it_is(s, id);
	}
	free(envelope);
	return ok;
}

static bool copy_message(struct spool *s, uint64_t id)
{
	struct place *p = NULL;
	struct stored *m;
	uint32_t recipients = 0;
	bool ok;

	pthread_mutex_lock(&s->index.lock);
	m = index_find(&s->index, id);
	if (m != NULL && !m->fixed) {
		p = place_ref(m->place);
		recipients = m->recipients;
	}
	pthread_mutex_unlock(&s->index.lock);
	if (p == NULL)
		return true;
	ok = copy_place(s, id, p, recipients);
	place_unref(&p);
	return ok;
}

/* ---- clearing a segment ---- */

/* Ids of the messages that need a segment up to sequence; *n of them, to be freed. */
static uint64_t *ids_to_move(struct spool *s, uint64_t sequence, size_t *n)
{
	uint64_t *ids = NULL;
	struct stored *m;
	size_t room = 0;

	*n = 0;
	pthread_mutex_lock(&s->index.lock);
	for (m = s->index.messages; m != NULL; m = m->hh.next) {
		if (m->fixed || place_first_sequence(m->place) > sequence)
			continue;
		if (*n == room) {
			room = room != 0 ? 2 * room : 64;
			ids = xreallocarray(ids, room, sizeof(*ids));
		}
		ids[(*n)++] = m->id;
	}
	pthread_mutex_unlock(&s->index.lock);
	return ids;
}

static void compact(struct spool *s, uint64_t sequence)
{
	uint64_t *ids;
	size_t n, i;

	ids = ids_to_move(s, sequence, &n);
	for (i = 0; i < n; i++) {
		if (stop_wanted(s) || !copy_message(s, ids[i]))
			break;
	}
	free(ids);
}

void compact_want(struct spool *s, uint64_t sequence)
{
	pthread_mutex_lock(&s->compact_lock);
	s->compact_sequence = sequence;
	pthread_cond_broadcast(&s->compact_changed);
	pthread_mutex_unlock(&s->compact_lock);
}

/* The segment to clear, 0 when it is time to end. */
static uint64_t wait_wanted(struct spool *s)
{
	uint64_t sequence;

	pthread_mutex_lock(&s->compact_lock);
	while (s->compact_sequence == 0 && !s->compact_stop)
		pthread_cond_wait(&s->compact_changed, &s->compact_lock);
	sequence = s->compact_stop ? 0 : s->compact_sequence;
	s->compact_sequence = 0;
	pthread_mutex_unlock(&s->compact_lock);
	return sequence;
}

void compact_stop(struct spool *s)
{
	pthread_mutex_lock(&s->compact_lock);
	s->compact_stop = true;
	pthread_cond_broadcast(&s->compact_changed);
	pthread_mutex_unlock(&s->compact_lock);
}

void *compact_run(void *spool)
{
	struct spool *s = spool;
	uint64_t sequence;

	pthread_setname_np(pthread_self(), "spool-compact");
	while ((sequence = wait_wanted(s)) != 0)
		compact(s, sequence);
	return NULL;
}
