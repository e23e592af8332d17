/* writer.h - carries finished lines to where they are kept without ever holding up who has them.
 *
 * Lines are put into a buffer from any thread; a thread of the writer's own takes, every few
 * milliseconds, what has gathered and hands it to a callback, which may block: on a slow disk, a
 * full pipe. Order is kept. Beyond max bytes lines are dropped and counted.
 */
#ifndef HUB_BASE_WRITER_H
#define HUB_BASE_WRITER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer;

/*
 * On the writer's thread: n bytes of whole lines, and how many lines were dropped since the last
 * call. n is 0 after writer_wake, and once in idle_ms when nothing is put.
 */
typedef void writer_cb(const char *text, size_t n, uint64_t dropped, void *ctx);

struct writer_config {
	const char *name;	/* of the thread, 15 bytes at most; a constant */
	size_t max;		/* bytes that wait at most */
	uint32_t idle_ms;	/* 0 = never called without need */
	writer_cb *write;
	void *ctx;
};

struct writer *writer_new(const struct writer_config *cfg);
/* Stops it. Nobody puts any more. Accepts a pointer to NULL; sets it to NULL. */
void writer_free(struct writer **w);
/* Starts the thread; again after writer_stop. One thread calls this and writer_stop. */
void writer_start(struct writer *w);
/* Writes what is left and ends the thread. Idempotent. */
void writer_stop(struct writer *w);
/* One line with its newline, or several. Any thread. False: no thread runs, nothing was done. */
bool writer_put(struct writer *w, const char *line, size_t n);
/* The callback is called soon, with lines or without. Any thread. */
void writer_wake(struct writer *w);
/* Lines dropped since writer_new. Any thread. */
uint64_t writer_dropped(struct writer *w);

#endif
