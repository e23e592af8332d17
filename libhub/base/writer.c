/* writer.c - two buffers: one is filled by whoever has lines while the other is being written. */
#include "libhub/base/writer.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "libhub/base/mem.h"

enum { GATHER_MS = 5, BUFFER_FIRST = 64 * 1024 };

struct buffer {
	char *text;
	size_t used, capacity;
};

/* The lock is held for a copy of one line; it guards all but cfg and thread. */
struct writer {
	struct writer_config cfg;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t filled;
	bool running, stopping, asleep, woken;
	struct buffer filling;
	uint64_t dropped, dropped_told;
};

static struct timespec after(uint32_t ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000L;
	t.tv_sec += t.tv_nsec / 1000000000L;
	t.tv_nsec %= 1000000000L;
	return t;
}

/* With the lock held: until there is something to do. */
static void wait_for_lines(struct writer *w)
{
	struct timespec until = after(w->cfg.idle_ms);
	int rc = 0;

	while (w->filling.used == 0 && !w->stopping && !w->woken && rc == 0) {
		w->asleep = true;
		rc = w->cfg.idle_ms == 0 ? pthread_cond_wait(&w->filled, &w->lock) :
			pthread_cond_clockwait(&w->filled, &w->lock, CLOCK_MONOTONIC, &until);
	}
	w->asleep = false;
}

/* With the lock held: gives the next lines a moment, or a busy hub wakes this thread for each. */
static void gather(struct writer *w)
{
	struct timespec until = after(GATHER_MS);
	int rc = 0;

	while (!w->stopping && !w->woken && rc == 0)
		rc = pthread_cond_clockwait(&w->filled, &w->lock, CLOCK_MONOTONIC, &until);
	w->woken = false;
}

/* Takes what has gathered; waits for it. False when there is no more and never will be. */
static bool take(struct writer *w, struct buffer *b, uint64_t *lost)
{
	struct buffer empty = { b->text, 0, b->capacity };
	bool more;

	pthread_mutex_lock(&w->lock);
	wait_for_lines(w);
	gather(w);
	*b = w->filling;
	w->filling = empty;
	*lost = w->dropped - w->dropped_told;
	w->dropped_told = w->dropped;
	more = b->used != 0 || !w->stopping;
	pthread_mutex_unlock(&w->lock);
	return more;
}

static void *run(void *arg)
{
	struct writer *w = arg;
	struct buffer b = { NULL, 0, 0 };
	uint64_t lost;

	pthread_setname_np(pthread_self(), w->cfg.name);
	while (take(w, &b, &lost))
		w->cfg.write(b.text, b.used, lost, w->cfg.ctx);
	free(b.text);
	return NULL;
}

struct writer *writer_new(const struct writer_config *cfg)
{
	struct writer *w = xcalloc(1, sizeof(*w));

	w->cfg = *cfg;
	pthread_mutex_init(&w->lock, NULL);
	pthread_cond_init(&w->filled, NULL);
	return w;
}

void writer_free(struct writer **wp)
{
	struct writer *w = *wp;

	if (w == NULL)
		return;
	writer_stop(w);
	pthread_cond_destroy(&w->filled);
	pthread_mutex_destroy(&w->lock);
	free(w);
	*wp = NULL;
}

void writer_start(struct writer *w)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	w->stopping = false;
	w->running = pthread_create(&w->thread, NULL, run, w) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void writer_stop(struct writer *w)
{
	bool was_running;

	pthread_mutex_lock(&w->lock);
	was_running = w->running;
	w->running = false;
	w->stopping = true;
	pthread_cond_signal(&w->filled);
	pthread_mutex_unlock(&w->lock);
	if (!was_running)
		return;
	pthread_join(w->thread, NULL);
	free(w->filling.text);
	w->filling = (struct buffer){ NULL, 0, 0 };
}

static void append(struct writer *w, const char *line, size_t n)
{
	struct buffer *b = &w->filling;

	if (n > w->cfg.max - b->used) {
		w->dropped++;
		return;
	}
	while (b->capacity - b->used < n) {
		b->capacity = b->capacity == 0 ? BUFFER_FIRST : b->capacity * 2;
		b->text = xrealloc(b->text, b->capacity);
	}
	memcpy(b->text + b->used, line, n);
	b->used += n;
}

bool writer_put(struct writer *w, const char *line, size_t n)
{
	bool running;

	pthread_mutex_lock(&w->lock);
	running = w->running;
	if (running) {
		append(w, line, n);
		if (w->asleep)
			pthread_cond_signal(&w->filled);
		w->asleep = false;
	}
	pthread_mutex_unlock(&w->lock);
	return running;
}

void writer_wake(struct writer *w)
{
	pthread_mutex_lock(&w->lock);
	w->woken = true;
	pthread_cond_signal(&w->filled);
	pthread_mutex_unlock(&w->lock);
}

uint64_t writer_dropped(struct writer *w)
{
	uint64_t n;

	pthread_mutex_lock(&w->lock);
	n = w->dropped;
	pthread_mutex_unlock(&w->lock);
	return n;
}
