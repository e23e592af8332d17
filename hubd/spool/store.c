/* store.c - see store.h */
#include "hubd/spool/store.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

/* After a failure the disk is asked again this often. */
enum { RETRY_MS = 500 };
enum { ZERO_SIZE = 1024 * 1024, FILL_STEP = 4 * 1024 * 1024 };

static int io_create(int folder, const char *name)
{
	return openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
}

static ssize_t io_pwritev(int fd, const struct iovec *iov, int n, off_t offset)
{
	return pwritev(fd, iov, n, offset);
}

static int io_fdatasync(int fd)
{
	return fdatasync(fd);
}

const struct spool_io spool_io_system = { io_create, io_pwritev, io_fdatasync };

struct segment *store_segment_add(struct store *st, uint64_t sequence, int fd, uint32_t size)
{
	struct segment *seg = xcalloc(1, sizeof(*seg));

	seg->sequence = sequence;
	seg->nonce = record_nonce(st->key, sequence);
	seg->fd = fd;
	seg->size = seg->end = size;
	if (st->newest != NULL)
		st->newest->next = seg;
	else
		st->oldest = seg;
	st->newest = seg;
	if (sequence >= st->next_sequence)
		st->next_sequence = sequence + 1;
	atomic_fetch_add(&st->used, 1);
	return seg;
}

static void push_free(struct store *st, uint64_t number, int fd)
{
	struct store_free *f = xcalloc(1, sizeof(*f));

	f->number = number;
	f->fd = fd;
	f->next = st->free;
	st->free = f;
	st->free_count++;
	if (number >= st->next_free)
		st->next_free = number + 1;
}

void store_free_add(struct store *st, uint64_t number, int fd)
{
	push_free(st, number, fd);
}

void store_close(struct store *st)
{
	struct store_free *f;
	struct segment *seg;

	while ((f = st->free) != NULL) {
		st->free = f->next;
		close(f->fd);
		free(f);
	}
	while ((seg = st->oldest) != NULL) {
		st->oldest = seg->next;
		close(seg->fd);
		free(seg);
	}
	if (st->folder >= 0)
		close(st->folder);
	free(st->path);
	pthread_cond_destroy(&st->changed);
	pthread_mutex_destroy(&st->lock);
}

/* ---- taking ---- */

/* With the lock held: wait until need free files are there or cannot be made at present. */
static bool wait_for_free(struct store *st, uint32_t need, struct err *e)
{
	while (st->free_count < need && st->failed_ms == 0 && !st->stopping) {
		pthread_cond_broadcast(&st->changed);
		pthread_cond_wait(&st->changed, &st->lock);
	}
	if (st->free_count >= need)
		return true;
	if (st->failed_ms != 0)
		*e = st->failure;
	else
		err_set(e, ERR_TEMP, 0, "spool %s: stopping", st->path);
	return false;
}

bool store_reserve_ready(struct store *st, struct err *e)
{
	bool ready;

	pthread_mutex_lock(&st->lock);
	ready = wait_for_free(st, 1, e);
	pthread_mutex_unlock(&st->lock);
	return ready;
}

static struct store_free *pop_free(struct store *st, bool reserve, struct err *e)
{
	struct store_free *f = NULL;

	pthread_mutex_lock(&st->lock);
	if (wait_for_free(st, reserve ? 1 : 2, e)) {
		f = st->free;
		st->free = f->next;
		st->free_count--;
		pthread_cond_broadcast(&st->changed);
	}
	pthread_mutex_unlock(&st->lock);
	return f;
}

struct segment *store_take(struct store *st, bool reserve, struct err *e)
{
	struct store_free *f = pop_free(st, reserve, e);
	uint64_t sequence = st->next_sequence;
	char from[40], to[40];
	int fd;

	if (f == NULL)
		return NULL;
	snprintf(from, sizeof(from), "free-%016" PRIx64, f->number);
	snprintf(to, sizeof(to), "segment-%016" PRIx64, sequence);
	fd = f->fd;
	/* the new name is on disk before anything in the file counts */
	if (renameat(st->folder, from, st->folder, to) != 0 || fsync(st->folder) != 0) {
		err_set(e, ERR_TEMP, errno, "spool %s: cannot take %s", st->path, from);
		st->next_sequence++;
		unlinkat(st->folder, from, 0);
		unlinkat(st->folder, to, 0);
		close(fd);
		free(f);
		return NULL;
	}
	free(f);
	return store_segment_add(st, sequence, fd, st->segment_size);
}

/* ---- recycling ---- */

static void recycle_one(struct store *st, struct segment *seg)
{
	char from[40], to[40];
	bool again;

	snprintf(from, sizeof(from), "segment-%016" PRIx64, seg->sequence);
	pthread_mutex_lock(&st->lock);
	again = !seg->retire && seg->size == st->segment_size && st->free_count < st->keep;
	snprintf(to, sizeof(to), "free-%016" PRIx64, st->next_free);
	if (again && renameat(st->folder, from, st->folder, to) == 0) {
		push_free(st, st->next_free, seg->fd);
		if (st->free_count >= st->target)
			st->failed_ms = 0;
		pthread_cond_broadcast(&st->changed);
	} else {
		unlinkat(st->folder, from, 0);
		close(seg->fd);
	}
	pthread_mutex_unlock(&st->lock);
}

void store_recycle(struct store *st)
{
	struct segment *seg;

	while ((seg = st->oldest) != NULL && seg->next != NULL && atomic_load(&seg->live) == 0) {
		recycle_one(st, seg);
		st->oldest = seg->next;
		atomic_fetch_sub(&st->used, 1);
		free(seg);
	}
}

/* ---- filling ---- */

/*
 * Synced in steps: a whole segment in one would hold up the syncs of the mail that comes in
 * meanwhile for as long as the disk needs for it.
 */
static int fill_zero(struct store *st, int fd)
{
	static const unsigned char zeros[ZERO_SIZE];
	uint64_t at = 0, synced = 0;
	struct iovec iov;
	ssize_t n;

	while (at < st->segment_size) {
		iov.iov_base = (void *)(uintptr_t)zeros;
		iov.iov_len = st->segment_size - at < ZERO_SIZE ? st->segment_size - at : ZERO_SIZE;
		n = st->io->pwritev(fd, &iov, 1, (off_t)at);
		if (n == 0)
			errno = ENOSPC;
		if (n == 0 || (n < 0 && errno != EINTR))
			return -1;
		at += n > 0 ? (uint64_t)n : 0;
		if (at - synced < FILL_STEP)
			continue;
		synced = at;
		if (st->io->fdatasync(fd) != 0)
			return -1;
	}
	return st->io->fdatasync(fd);
}

/* A zero-filled file under its free name -> fd, or -1 with *e. */
static int make_file(struct store *st, uint64_t number, struct err *e)
{
	char temp[40], name[40];
	int fd, saved;

	snprintf(temp, sizeof(temp), "new-%016" PRIx64, number);
	snprintf(name, sizeof(name), "free-%016" PRIx64, number);
	fd = st->io->create(st->folder, temp);
	if (fd >= 0 && fill_zero(st, fd) == 0
		&& renameat(st->folder, temp, st->folder, name) == 0)
		return fd;
	saved = errno;
	if (fd >= 0) {
		close(fd);
		unlinkat(st->folder, temp, 0);
	}
	return err_set(e, ERR_TEMP, saved, "spool %s: cannot make a segment of %u bytes", st->path,
		st->segment_size);
}

/* With the lock held. */
static bool fill_due(const struct store *st)
{
	return st->free_count < st->target
		&& (st->failed_ms == 0 || clock_mono_ms() - st->failed_ms >= RETRY_MS);
}

static void fill_done(struct store *st, uint64_t number, int fd, const struct err *e)
{
	bool was_failed = st->failed_ms != 0;

	if (fd >= 0) {
		push_free(st, number, fd);
		st->failed_ms = 0;
	} else {
		st->failed_ms = clock_mono_ms();
		st->failure = *e;
	}
	if (fd < 0 && !was_failed)
		log_event(LOG_LEVEL_ERROR, "spool-space", LOG_STR("reason", e->text), LOG_END);
	else if (fd >= 0 && was_failed)
		log_event(LOG_LEVEL_INFO, "spool-space-back", LOG_STR("path", st->path), LOG_END);
	pthread_cond_broadcast(&st->changed);
}

/* With the lock held; it is released while the file is made. */
static void fill_one(struct store *st)
{
	uint64_t number = st->next_free++;
	struct err e = { 0 };
	int fd;

	pthread_mutex_unlock(&st->lock);
	fd = make_file(st, number, &e);
	pthread_mutex_lock(&st->lock);
	fill_done(st, number, fd, &e);
}

/* With the lock held. */
static void wait_changed(struct store *st)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += RETRY_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	if (st->failed_ms != 0)
		pthread_cond_timedwait(&st->changed, &st->lock, &until);
	else
		pthread_cond_wait(&st->changed, &st->lock);
}

void *store_run(void *store)
{
	struct store *st = store;

	pthread_setname_np(pthread_self(), "spool-fill");
	pthread_mutex_lock(&st->lock);
	while (!st->stopping) {
		if (fill_due(st))
			fill_one(st);
		else
			wait_changed(st);
	}
	pthread_mutex_unlock(&st->lock);
	return NULL;
}

void store_figures(struct store *st, uint64_t *free_count, bool *accepting)
{
	pthread_mutex_lock(&st->lock);
	*free_count = st->free_count;
	*accepting = st->failed_ms == 0 || st->free_count > 0;
	pthread_mutex_unlock(&st->lock);
}

void store_stop(struct store *st)
{
	pthread_mutex_lock(&st->lock);
	st->stopping = true;
	pthread_cond_broadcast(&st->changed);
	pthread_mutex_unlock(&st->lock);
}
