/* log_file.h - a log kept in files of a folder, each followed by the next. One thread; may block.
 *
 * A file is called PREFIXyyyymmdd-n.log by the UTC day it was begun and its number on that day. It
 * is closed when it is full, when the day ends, and when somebody took it away. The oldest files
 * go so that all together, the present one full, stay within their total, and when they have not
 * been written for longer than their age. Other names in the folder are left alone.
 */
#ifndef HUB_TRACK_LOG_FILE_H
#define HUB_TRACK_LOG_FILE_H

#include <stdint.h>

#include "libhub/base/err.h"

struct log_file_config {
	const char *folder;		/* made when first needed, with those above it */
	const char *prefix;		/* such as "RECV" */
	const char *type, *fields;	/* for the header lines of each file */
	uint64_t file_size;		/* bytes; a line longer than that has a file of its own */
	uint64_t total_size;		/* bytes, 0 = no limit */
	uint64_t age_s;			/* 0 = no limit */
	int64_t (*now_ms)(void);	/* wall time, for tests; NULL = the clock */
};

struct log_file;

/* Copies what cfg points to. Touches nothing yet. */
struct log_file *log_file_new(const struct log_file_config *cfg);
/* Accepts a pointer to NULL; sets it to NULL. */
void log_file_free(struct log_file **f);
/*
 * Writes whole lines. Returns how many bytes of text are in files: n, or less with *e set when the
 * rest could not be written; no part of a line is left then.
 */
size_t log_file_write(struct log_file *f, const char *text, size_t n, struct err *e);
/* The next write opens anew. */
void log_file_close(struct log_file *f);
/* Removes what is too old or too much; also done with each new file. */
void log_file_tidy(struct log_file *f);

#endif
