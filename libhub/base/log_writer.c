/* log_writer.c - see log_writer.h: a writer (writer.h) whose lines go to stderr. */
#include "libhub/base/log_writer.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "libhub/base/clock.h"
#include "libhub/base/writer.h"

/* Made once and kept: a thread that outlives log_writer_stop may still log. */
static struct writer *writer;

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

static void on_lines(const char *text, size_t n, uint64_t dropped, void *ctx)
{
	(void)ctx;
	write_all(text, n);
	if (dropped != 0)
		tell_dropped(dropped);
}

void log_writer_start(void)
{
	static const struct writer_config cfg = { .name = "log", .max = LOG_WRITER_MAX,
		.write = on_lines };

	if (writer == NULL)
		writer = writer_new(&cfg);
	writer_start(writer);
}

void log_writer_stop(void)
{
	if (writer != NULL)
		writer_stop(writer);
}

void log_writer_put(const char *line, size_t n)
{
	if (writer == NULL || !writer_put(writer, line, n))
		write_all(line, n);
}

uint64_t log_writer_dropped(void)
{
	return writer == NULL ? 0 : writer_dropped(writer);
}
