/* log_writer.h - carries finished log lines to stderr without ever holding up who logs. Any thread.
 *
 * Before log_writer_start and after log_writer_stop a line is written at once. In between a thread
 * of its own writes, every few milliseconds, what has gathered, so a slow journal or a full pipe
 * blocks nobody; beyond LOG_WRITER_MAX bytes lines are dropped, counted, and the log says how many.
 */
#ifndef HUB_BASE_LOG_WRITER_H
#define HUB_BASE_LOG_WRITER_H

#include <stddef.h>
#include <stdint.h>

enum { LOG_WRITER_MAX = 4 * 1024 * 1024 };

/* Main thread, before other threads log. */
void log_writer_start(void);
/* Main thread: writes what is left and ends the writer's thread. Idempotent. */
void log_writer_stop(void);
/* One line with its newline. */
void log_writer_put(const char *line, size_t n);
/* Lines dropped since start. */
uint64_t log_writer_dropped(void);

#endif
