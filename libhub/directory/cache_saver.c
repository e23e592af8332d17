/* cache_saver.c - see cache_saver.h.
 *
 * The timer is never armed while the file is written: a change then only leaves a mark, and the
 * end of the write plans the next one.
 */
#include "libhub/directory/cache_saver.h"

#include "libhub/base/clock.h"
#include "libhub/base/log.h"

enum {
	SAVE_MS = 2000,			/* after a change, before the file is written */
	SAVE_PART = 50,			/* writing may take this part of the time */
};

struct cache_saver {
	struct loop *loop;
	const char *name;
	char *path, *base;
	const struct cache_saver_callbacks *cbs;
	void *ctx;
	struct cache_writer *writer;
	struct event *timer;
	bool behind;			/* the file is older than what is here */
	bool due;			/* as soon as it has settled */
	bool failed;			/* to write it, said so already */
	uint64_t began_ms;
	uint64_t delay_ms;
};

static void log_result(struct cache_saver *s, const struct err *error)
{
	if (error != NULL && !s->failed)
		log_event(LOG_LEVEL_ERROR, "cache-not-written", LOG_STR("tree", s->name),
			LOG_STR("reason", error->text), LOG_END);
	s->failed = error != NULL;
}

void cache_saver_changed(struct cache_saver *s)
{
	struct timeval tv = { .tv_sec = (time_t)(s->delay_ms / 1000),
		.tv_usec = (long)(s->delay_ms % 1000) * 1000 };

	s->behind = true;
	if (!cache_writer_busy(s->writer) && !evtimer_pending(s->timer, NULL))
		evtimer_add(s->timer, &tv);
}

static void save(struct cache_saver *s)
{
	loop_touch(s->loop);
	/* armed by a change since it fired, which is in the batch */
	event_del(s->timer);
	s->due = false;
	s->behind = false;
	s->began_ms = clock_mono_ms();
	cache_writer_start(s->writer, s->cbs->batch(s->ctx));
}

static void on_timer(evutil_socket_t fd, short what, void *ctx)
{
	struct cache_saver *s = ctx;
	enum cache_state state = s->cbs->state(s->ctx);

	(void)fd;
	(void)what;
	if (state == CACHE_STATE_MIXED)
		return;
	s->due = state == CACHE_STATE_UNSETTLED;
	if (!s->due)
		save(s);
}

void cache_saver_settled(struct cache_saver *s)
{
	if (s->due)
		save(s);
}

static void on_written(const struct err *error, void *ctx)
{
	struct cache_saver *s = ctx;
	uint64_t took_ms = clock_mono_ms() - s->began_ms;

	/* a large tree that changes all the time is not written all the time */
	s->delay_ms = took_ms * SAVE_PART > SAVE_MS ? took_ms * SAVE_PART : SAVE_MS;
	log_result(s, error);
	if (s->behind || error != NULL)
		cache_saver_changed(s);
}

struct cache_saver *cache_saver_new(struct loop *loop, const char *name, const char *path,
	const char *base, const struct cache_saver_callbacks *cbs, void *ctx)
{
	struct cache_saver *s = xcalloc(1, sizeof(*s));

	s->loop = loop;
	s->name = name;
	s->path = xstrdup(path);
	s->base = xstrdup(base);
	s->cbs = cbs;
	s->ctx = ctx;
	s->delay_ms = 0;	/* the first at once: a restart without directory needs it */
	s->timer = evtimer_new(loop_base(loop), on_timer, s);
	BUG_ON(s->timer == NULL);
	s->writer = cache_writer_new(loop, path, base, on_written, s);
	return s;
}

static void save_rest(struct cache_saver *s)
{
	struct cache_batch *b = s->cbs->batch(s->ctx);
	struct err e = { 0 };

	if (cache_batch_write(b, s->path, s->base, &e) != 0)
		log_result(s, &e);
	cache_batch_free(&b);
}

void cache_saver_free(struct cache_saver **sp)
{
	struct cache_saver *s = *sp;
	bool busy;

	if (s == NULL)
		return;
	*sp = NULL;
	event_free(s->timer);
	busy = cache_writer_busy(s->writer);
	/* one under way must not overtake the last one */
	cache_writer_free(&s->writer);
	if ((s->behind || busy) && s->cbs->state(s->ctx) != CACHE_STATE_MIXED)
		save_rest(s);
	free(s->path);
	free(s->base);
	free(s);
}
