/* body.c - reading a stored body without blocking a loop.
 *
 * What the page cache holds is read at once (RWF_NOWAIT); else one thread of the spool reads ahead
 * and the loop is told. The checksum runs along and is compared before the end is reported.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

#include "hubd/spool/spool_priv.h"
#include "libhub/base/crc32c.h"
#include "libhub/base/mem.h"

enum { READ_AHEAD = 128 * 1024 };

struct spool_body {
	struct spool_port *port;
	struct place *place;
	spool_ready_cb *on_ready;
	void *ctx;
	uint64_t id;
	uint64_t at;			/* in the body */
	uint32_t part;			/* chunk number; extents = the inline part */
	uint32_t part_at;		/* in it */
	uint32_t crc;
	bool waiting, closed;
	struct read_request *ahead;	/* an answered request with data for at.., or NULL */
};

struct spool_body *spool_body_open(struct spool_port *p, uint64_t id, spool_ready_cb *on_ready,
	void *ctx, struct err *e)
{
	struct place *place = index_place(&p->spool->index, id);
	struct spool_body *b;

	if (place == NULL) {
		err_set(e, ERR_PERM, 0, "message %016" PRIx64 " is not in the spool", id);
		return NULL;
	}
	b = xcalloc(1, sizeof(*b));
	b->port = p;
	b->place = place;
	b->on_ready = on_ready;
	b->ctx = ctx;
	b->id = id;
	return b;
}

uint64_t spool_body_size(const struct spool_body *b)
{
	return b->place->body_size;
}

void spool_body_rewind(struct spool_body *b)
{
	BUG_ON(b->waiting);
	free(b->ahead);
	b->ahead = NULL;
	b->at = 0;
	b->part = b->part_at = 0;
	b->crc = 0;
}

void spool_body_close(struct spool_body **bp)
{
	struct spool_body *b = *bp;

	*bp = NULL;
	if (b == NULL)
		return;
	place_unref(&b->place);
	if (b->waiting) {
		/* body_answered frees it */
		b->closed = true;
		return;
	}
	free(b->ahead);
	free(b);
}

/* ---- where the next bytes are ---- */

static uint32_t part_size(const struct spool_body *b)
{
	const struct place *p = b->place;

	return b->part < p->extents ? p->chunk[b->part].length : p->inline_size;
}

static const struct extent *part_record(const struct spool_body *b)
{
	const struct place *p = b->place;

	return b->part < p->extents ? &p->chunk[b->part] : &p->message;
}

static void advance(struct spool_body *b, const void *data, size_t n)
{
	b->crc = crc32c(b->crc, data, n);
	b->at += n;
	b->part_at += (uint32_t)n;
	if (b->part_at == part_size(b) && b->part < b->place->extents) {
		b->part++;
		b->part_at = 0;
	}
}

/* ---- reading ---- */

static void ask_reader(struct spool_body *b, int fd, uint64_t offset, size_t size)
{
	struct spool *s = b->port->spool;
	struct read_request *r;

	if (size > READ_AHEAD)
		size = READ_AHEAD;
	r = xmalloc(sizeof(*r) + size);
	memset(r, 0, sizeof(*r));
	r->item.kind = ITEM_READ;
	r->item.port = b->port;
	r->body = b;
	r->place = place_ref(b->place);
	r->fd = fd;
	r->offset = offset;
	r->size = size;
	b->waiting = true;
	pthread_mutex_lock(&s->reader_lock);
	*s->reads_tail = r;
	s->reads_tail = &r->next;
	pthread_cond_signal(&s->reader_ready);
	pthread_mutex_unlock(&s->reader_lock);
}

/* Data that the reader thread brought; its own failure comes out here. */
static ssize_t take_ahead(struct spool_body *b, void *buf, size_t size, struct err *e)
{
	struct read_request *r = b->ahead;
	ssize_t n = r->got;

	if (n <= 0) {
		err_set(e, ERR_TEMP, n < 0 ? (int)-n : EIO, "spool: message %016" PRIx64, b->id);
		n = -1;
	} else {
		if ((size_t)n > size)
			n = (ssize_t)size;
		memcpy(buf, r->data + r->offset, (size_t)n);
		r->offset += (uint64_t)n;
		r->got -= n;
	}
	if (r->got <= 0) {
		free(r);
		b->ahead = NULL;
	}
	return n;
}

static ssize_t read_part(struct spool_body *b, void *buf, size_t size, struct err *e)
{
	const struct extent *x = part_record(b);
	uint32_t left = part_size(b) - b->part_at;
	uint64_t offset = x->offset + sizeof(struct record_header) + b->part_at;
	struct iovec iov = { .iov_base = buf, .iov_len = size < left ? size : left };
	ssize_t n;

	if (b->ahead != NULL)
		return take_ahead(b, buf, size, e);
	do
		n = preadv2(x->seg->fd, &iov, 1, (off_t)offset, RWF_NOWAIT);
	while (n < 0 && errno == EINTR);
	if (n > 0)
		return n;
	if (n == 0 || (errno != EAGAIN && errno != EOPNOTSUPP))
		return err_set(e, ERR_TEMP, n < 0 ? errno : EIO, "spool: message %016" PRIx64,
			b->id);
	ask_reader(b, x->seg->fd, offset, left);
	return SPOOL_BODY_WAIT;
}

ssize_t spool_body_read(struct spool_body *b, void *buf, size_t size, struct err *e)
{
	ssize_t n;

	BUG_ON(b->waiting);
	if (b->at == b->place->body_size) {
		if (b->crc == b->place->body_crc)
			return 0;
		return err_set(e, ERR_PERM, 0, "spool: body of message %016" PRIx64 " is damaged",
			b->id);
	}
	n = read_part(b, buf, size, e);
	if (n > 0)
		advance(b, buf, (size_t)n);
	return n;
}

void body_answered(struct item *it)
{
	struct read_request *r = INBOX_ENTRY(it, struct read_request, item);
	struct spool_body *b = r->body;

	b->waiting = false;
	if (b->closed) {
		free(r);
		free(b);
		return;
	}
	r->offset = 0;
	b->ahead = r;
	b->on_ready(b->ctx);
}

/* ---- the reader thread ---- */

static struct read_request *next_request(struct spool *s)
{
	struct read_request *r;

	pthread_mutex_lock(&s->reader_lock);
	while (s->reads == NULL && !s->reader_stopping)
		pthread_cond_wait(&s->reader_ready, &s->reader_lock);
	r = s->reads;
	if (r != NULL && (s->reads = r->next) == NULL)
		s->reads_tail = &s->reads;
	pthread_mutex_unlock(&s->reader_lock);
	return r;
}

void *reader_run(void *spool)
{
	struct spool *s = spool;
	struct read_request *r;

	pthread_setname_np(pthread_self(), "spool-read");
	while ((r = next_request(s)) != NULL) {
		do
			r->got = pread(r->fd, r->data, r->size, (off_t)r->offset);
		while (r->got < 0 && errno == EINTR);
		if (r->got < 0)
			r->got = -errno;
		place_unref(&r->place);
		inbox_post(r->item.port->inbox, &r->item.node);
	}
	return NULL;
}
