/* protocol_log.c - see protocol_log.h */
#include "hubd/track/protocol_log.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "hubd/track/counters.h"
#include "hubd/track/csv.h"
#include "hubd/track/log_file.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"
#include "libhub/base/writer.h"

enum {
	RETRY_MS = 1000,		/* after a failure nothing is tried for that long */
	TELL_MS = 60 * 1000,		/* dropped lines are told no more often */
	TIDY_MS = 60 * 60 * 1000,
};

static const struct {
	const char *folder, *prefix, *type, *thread;
	enum counter lines, lost;
} sides[] = {
	[PROTOCOL_LOG_RECEIVE] = { "smtp-receive", "RECV", "SMTP Receive Protocol Log", "log-recv",
		COUNTER_PROTOCOL_LOG_RECEIVE_LINES, COUNTER_PROTOCOL_LOG_RECEIVE_LOST },
	[PROTOCOL_LOG_SEND] = { "smtp-send", "SEND", "SMTP Send Protocol Log", "log-send",
		COUNTER_PROTOCOL_LOG_SEND_LINES, COUNTER_PROTOCOL_LOG_SEND_LOST },
};

static const char fields[] = "date-time,connector-id,session-id,sequence-number,local-endpoint,"
	"remote-endpoint,event,data,context";

/* What follows writer and reopen belongs to the writer's thread. */
struct protocol_log {
	enum protocol_log_side side;
	struct writer *writer;
	atomic_bool reopen;
	struct log_file *file;
	bool failing;
	uint64_t retry_at_ms;
	uint64_t lost;			/* since the failure began */
	uint64_t dropped, tell_at_ms;	/* not yet told; when it may be */
};

/* --- the writer's thread --- */

static uint64_t count_lines(const char *p, size_t n)
{
	uint64_t lines = 0;
	size_t i;

	for (i = 0; i < n; i++)
		lines += p[i] == '\n';
	return lines;
}

static void lose(struct protocol_log *log, const char *text, size_t n)
{
	uint64_t lines = count_lines(text, n);

	counter_add(sides[log->side].lost, lines);
	log->lost += lines;
}

static void note_failure(struct protocol_log *log, const struct err *e)
{
	log->retry_at_ms = clock_mono_ms() + RETRY_MS;
	if (log->failing)
		return;
	log->failing = true;
	log_event(LOG_LEVEL_ERROR, "protocol-log-failed", LOG_STR("log", sides[log->side].folder),
		LOG_STR("why", e->text), LOG_END);
}

static void note_success(struct protocol_log *log)
{
	if (!log->failing)
		return;
	log_event(LOG_LEVEL_INFO, "protocol-log-resumed", LOG_STR("log", sides[log->side].folder),
		LOG_UINT("lines_lost", log->lost), LOG_END);
	log->failing = false;
	log->lost = 0;
}

static void write_lines(struct protocol_log *log, const char *text, size_t n)
{
	size_t done = 0;
	struct err e;

	if (!log->failing || clock_mono_ms() >= log->retry_at_ms) {
		done = log_file_write(log->file, text, n, &e);
		if (done == n)
			note_success(log);
		else
			note_failure(log, &e);
	}
	counter_add(sides[log->side].lines, count_lines(text, done));
	lose(log, text + done, n - done);
}

/* More was said than the disk takes, or the processor. */
static void note_dropped(struct protocol_log *log, uint64_t lines)
{
	uint64_t now = clock_mono_ms();

	counter_add(sides[log->side].lost, lines);
	log->dropped += lines;
	if (log->dropped == 0 || now < log->tell_at_ms)
		return;
	log_event(LOG_LEVEL_WARNING, "protocol-log-lines-dropped",
		LOG_STR("log", sides[log->side].folder), LOG_UINT("lines", log->dropped), LOG_END);
	log->dropped = 0;
	log->tell_at_ms = now + TELL_MS;
}

static void on_lines(const char *text, size_t n, uint64_t dropped, void *ctx)
{
	struct protocol_log *log = ctx;

	if (atomic_exchange(&log->reopen, false))
		log_file_close(log->file);
	note_dropped(log, dropped);
	if (n != 0)
		write_lines(log, text, n);
	else
		log_file_tidy(log->file);
}

/* --- contract --- */

void protocol_endpoint(const struct sockaddr_storage *a, char out[PROTOCOL_ENDPOINT_SIZE])
{
	const struct sockaddr_in6 *in6 = (const void *)a;
	const struct sockaddr_in *in = (const void *)a;
	char text[INET6_ADDRSTRLEN] = "";

	if (a->ss_family == AF_INET6 && inet_ntop(AF_INET6, &in6->sin6_addr, text, sizeof(text)))
		snprintf(out, PROTOCOL_ENDPOINT_SIZE, "[%s]:%u", text, ntohs(in6->sin6_port));
	else if (a->ss_family == AF_INET && inet_ntop(AF_INET, &in->sin_addr, text, sizeof(text)))
		snprintf(out, PROTOCOL_ENDPOINT_SIZE, "%s:%u", text, ntohs(in->sin_port));
	else
		*out = '\0';
}

struct protocol_log *protocol_log_new(const struct protocol_log_config *cfg)
{
	struct protocol_log *log = xcalloc(1, sizeof(*log));
	char *folder = xasprintf("%s/%s", cfg->folder, sides[cfg->side].folder);
	struct log_file_config file = { .folder = folder, .prefix = sides[cfg->side].prefix,
		.type = sides[cfg->side].type, .fields = fields, .file_size = cfg->file_size,
		.total_size = cfg->total_size, .age_s = (uint64_t)cfg->age_days * 24 * 3600 };
	struct writer_config writer = { .name = sides[cfg->side].thread,
		.max = PROTOCOL_LOG_WAITING, .idle_ms = TIDY_MS, .write = on_lines, .ctx = log };

	log->side = cfg->side;
	log->file = log_file_new(&file);
	free(folder);
	log->writer = writer_new(&writer);
	writer_start(log->writer);
	return log;
}

void protocol_log_free(struct protocol_log **lp)
{
	struct protocol_log *log = *lp;

	if (log == NULL)
		return;
	writer_free(&log->writer);
	log_file_free(&log->file);
	free(log);
	*lp = NULL;
}

void protocol_log_reopen(struct protocol_log *log)
{
	atomic_store(&log->reopen, true);
	writer_wake(log->writer);
}

void protocol_log_write(struct protocol_log *log, struct protocol_session *s,
	enum protocol_event event, const char *data, size_t n, const char *context)
{
	static const char *const events[] = { "+", "-", ">", "<", "*" };
	struct csv line;
	char when[32];

	clock_rfc3339(clock_wall_ms(), when, sizeof(when));
	csv_begin(&line);
	csv_put_plain(&line, when);
	csv_put_text(&line, s->connector);
	csv_put_uint(&line, s->id);
	csv_put_uint(&line, s->sequence++);
	csv_put_plain(&line, s->local);
	csv_put_plain(&line, s->remote);
	csv_put_plain(&line, events[event]);
	csv_put(&line, data, n);
	csv_put_text(&line, context);
	csv_end(&line);
	writer_put(log->writer, line.text, line.used);
}

void protocol_log_note(struct protocol_log *log, struct protocol_session *s, const char *context,
	const char *fmt, va_list ap)
{
	char text[PROTOCOL_NOTE_MAX];
	int n = vsnprintf(text, sizeof(text), fmt, ap);

	BUG_ON(n < 0);
	protocol_log_write(log, s, PROTOCOL_NOTE, text,
		(size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1, context);
}
