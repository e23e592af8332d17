/* copy.c - see copy.h */
#include "hubd/spool/copy.h"

#include <string.h>

#include "hubd/spool/firewall.h"
#include "libhub/base/loop.h"
#include "libhub/base/mem.h"

enum { CHUNK = 32 * 1024 };

struct spool_copy {
	struct spool_port *port;
	struct loop *loop;
	struct spool_draft *draft;
	struct spool_body *body;
	struct firewall *firewall;	/* NULL = nothing is left out */
	spool_copy_cb *cb;
	void *ctx;
	void *envelope;
	size_t envelope_size;
	uint32_t recipients;
	enum spool_copy_part part;
	void *suffix;
	size_t suffix_size;
	uint64_t size;			/* of the new body, once committed */
	char tail[2];			/* last bytes read, to find the header's end across reads */
	size_t header_max, header_size;	/* bytes; max 0 = any */
	bool held;			/* a CR that may begin the empty line; not written yet */
	bool paused;
	struct err err;
	char chunk[CHUNK];
};

static void pump(void *ctx);

static void on_room(void *ctx)
{
	struct spool_copy *c = ctx;

	c->paused = false;
	pump(c);
}

struct spool_copy *spool_copy_new(struct spool_port *p, struct loop *loop, spool_copy_cb *cb,
	void *ctx)
{
	struct spool_copy *c = xcalloc(1, sizeof(*c));

	c->port = p;
	c->loop = loop;
	c->tail[1] = '\n';	/* an empty line may come first */
	c->cb = cb;
	c->ctx = ctx;
	c->draft = spool_draft_new(p, on_room, c);
	return c;
}

uint64_t spool_copy_id(const struct spool_copy *c)
{
	return spool_draft_id(c->draft);
}

void spool_copy_prefix(struct spool_copy *c, const void *data, size_t size)
{
	if (!spool_draft_write(c->draft, data, size))
		c->paused = true;
}

void spool_copy_suffix(struct spool_copy *c, const void *data, size_t size)
{
	free(c->suffix);
	c->suffix = xmemdup(data, size);
	c->suffix_size = size;
}

void spool_copy_strip(struct spool_copy *c, uint32_t classes)
{
	if (c->firewall == NULL)
		c->firewall = xcalloc(1, sizeof(*c->firewall));
	firewall_init(c->firewall, classes);
}

void spool_copy_limit_header(struct spool_copy *c, size_t size)
{
	c->header_max = size;
}

static void finish(struct spool_copy *c, uint64_t id, const struct err *e)
{
	spool_body_close(&c->body);
	spool_draft_abort(&c->draft);
	c->cb(id, c->size, e, c->ctx);
	free(c->envelope);
	free(c->suffix);
	free(c->firewall);
	free(c);
}

static void on_committed(uint64_t id, const struct err *e, void *ctx)
{
	finish(ctx, id, e);
}

static void commit(struct spool_copy *c)
{
	spool_body_close(&c->body);
	if (c->suffix_size != 0)
		(void)spool_draft_write(c->draft, c->suffix, c->suffix_size);
	c->size = spool_draft_size(c->draft);
	spool_draft_commit(&c->draft, c->envelope, c->envelope_size, c->recipients, on_committed,
		c);
}

/*
 * How much of the chunk belongs to the header; *ended when its end is in it. The end is an empty
 * line: LF, then CRLF or LF.
 */
static size_t header_part(struct spool_copy *c, size_t n, bool *ended)
{
	char before = c->tail[1], before2 = c->tail[0], ch = before;
	size_t i;

	for (i = 0; i < n; i++) {
		ch = c->chunk[i];
		if (ch == '\n' && (before == '\n' || (before == '\r' && before2 == '\n'))) {
			*ended = true;
			return before == '\r' && i > 0 ? i - 1 : i;
		}
		before2 = before;
		before = ch;
	}
	c->tail[0] = before2;
	c->tail[1] = before;
	return n;
}

static void put(struct spool_copy *c, const char *p, size_t n)
{
	if (n != 0 && !spool_draft_write(c->draft, p, n))
		c->paused = true;
}

/* Too much of it: the last whole line of the chunk ends it. */
static size_t cut_header(struct spool_copy *c, size_t n, bool *ended)
{
	const char *last = memrchr(c->chunk, '\n', n);

	c->header_size += n;
	if (*ended || c->header_max == 0 || c->header_size < c->header_max)
		return n;
	/* of a line without end nothing comes with it */
	*ended = true;
	return last != NULL ? (size_t)(last - c->chunk) + 1 : 0;
}

static void put_header(struct spool_copy *c, size_t n, bool *ended)
{
	size_t keep = cut_header(c, header_part(c, n, ended), ended);

	if (c->held && !(*ended && keep == 0))
		put(c, "\r", 1);
	c->held = !*ended && keep != 0 && c->tail[0] == '\n' && c->tail[1] == '\r';
	put(c, c->chunk, c->held ? keep - 1 : keep);
}

/* Takes one chunk; false when there is nothing more to do now. */
static bool pump_once(struct spool_copy *c)
{
	ssize_t n = c->firewall != NULL ?
		firewall_read(c->firewall, c->body, c->chunk, sizeof(c->chunk), &c->err) :
		spool_body_read(c->body, c->chunk, sizeof(c->chunk), &c->err);
	bool ended = n == 0;

	if (n == SPOOL_BODY_WAIT)
		return false;
	if (n < 0) {
		finish(c, 0, &c->err);
		return false;
	}
	if (c->part == SPOOL_COPY_HEADER)
		put_header(c, (size_t)n, &ended);
	else
		put(c, c->chunk, (size_t)n);
	if (ended) {
		commit(c);
		return false;
	}
	return !c->paused;
}

static void pump(void *ctx)
{
	struct spool_copy *c = ctx;

	while (pump_once(c))
		;
}

static void fail_later(void *ctx)
{
	struct spool_copy *c = ctx;

	finish(c, 0, &c->err);
}

void spool_copy_start(struct spool_copy *c, uint64_t id, enum spool_copy_part part,
	const void *envelope, size_t envelope_size, uint32_t recipients)
{
	c->part = part;
	c->envelope = xmemdup(envelope, envelope_size);
	c->envelope_size = envelope_size;
	c->recipients = recipients;
	if (part == SPOOL_COPY_NOTHING) {
		commit(c);
		return;
	}
	c->body = spool_body_open(c->port, id, pump, c, &c->err);
	if (c->body == NULL)
		loop_defer(c->loop, fail_later, c);
	else if (!c->paused)
		pump(c);
}
