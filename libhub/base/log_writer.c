/* log_writer.c - two buffers: one is filled by whoever logs while the other is being written. */
#include "libhub/base/log_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

enum { GATHER_MS = 5 };

/* The lock is held for a copy of one line. All below belongs to it but the thread. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t filled = PTHREAD_COND_INITIALIZER;
static pthread_t thread;
static bool running, stopping, asleep;
static char *buffer;
static size_t used, capacity;
static uint64_t dropped, dropped_told;

/* Nobody is left to tell when the log itself cannot be written. */
static void write_all(const char *p, size_t n)
{
	ssize_t done;

	while (n > 0) {
		done = write(STDERR_FILENO, p, n);
		if (done < 0 && errno != EINTR)
			return;
		if (done > 0) {
			p += done;
			n -= (size_t)done;
		}
	}
}

static void tell_dropped(uint64_t count)
{
	char when[32], line[160];
	int n;

	clock_rfc3339(clock_wall_ms(), when, sizeof(when));
	n = snprintf(line, sizeof(line), "time=%s level=error event=log-lines-dropped "
		"count=%" PRIu64
		"\n", when, count);
	write_all(line, (size_t)n);
}

/* With the lock held: gives the next lines a moment, or a busy hub wakes this thread for each. */
static void gather(void)
{
	struct timespec until;
	int rc = 0;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += GATHER_MS * 1000000L;
	until.tv_sec += until.tv_nsec / 1000000000L;
	until.tv_nsec %= 1000000000L;
	while (!stopping && rc == 0)
		rc = pthread_cond_clockwait(&filled, &lock, CLOCK_MONOTONIC, &until);
}

/* Takes what has gathered; waits for it. False when there is no more and never will be. */
static bool take(char **text, size_t *size, size_t *room, uint64_t *lost)
{
	char *empty = *text;
	size_t empty_room = *room;

	pthread_mutex_lock(&lock);
	while (used == 0 && !stopping) {
		asleep = true;
		pthread_cond_wait(&filled, &lock);
	}
	asleep = false;
	gather();
	*text = buffer;
	*size = used;
	*room = capacity;
	buffer = empty;
	used = 0;
	capacity = empty_room;
	*lost = dropped - dropped_told;
	dropped_told = dropped;
	pthread_mutex_unlock(&lock);
	return *size != 0;
}

static void *run(void *arg)
{
	char *text = NULL;
	size_t size, room = 0;
	uint64_t lost;

	pthread_setname_np(pthread_self(), "log");
	while (take(&text, &size, &room, &lost)) {
		write_all(text, size);
		if (lost != 0)
			tell_dropped(lost);
	}
	free(text);
	return arg;
}

void log_writer_start(void)
{
	sigset_t all, before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	stopping = false;
	running = pthread_create(&thread, NULL, run, NULL) == 0;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

void log_writer_stop(void)
{
	bool was_running;

	pthread_mutex_lock(&lock);
	was_running = running;
	running = false;
	stopping = true;
	pthread_cond_signal(&filled);
	pthread_mutex_unlock(&lock);
	if (!was_running)
		return;
	pthread_join(thread, NULL);
	free(buffer);
	buffer = NULL;
	capacity = 0;
}

static void append(const char *line, size_t n)
{
	if (used + n > LOG_WRITER_MAX) {
		dropped++;
		return;
	}
	if (used + n > capacity) {
		capacity = capacity == 0 ? 64 * 1024 : capacity * 2;
		buffer = xrealloc(buffer, capacity);
	}
	memcpy(buffer + used, line, n);
	used += n;
}

void log_writer_put(const char *line, size_t n)
{
	pthread_mutex_lock(&lock);
	if (running) {
		append(line, n);
		if (asleep)
			pthread_cond_signal(&filled);
		asleep = false;
		pthread_mutex_unlock(&lock);
		return;
	}
	pthread_mutex_unlock(&lock);
	write_all(line, n);
}

uint64_t log_writer_dropped(void)
{
	uint64_t n;

	pthread_mutex_lock(&lock);
	n = dropped;
	pthread_mutex_unlock(&lock);
	return n;
}
