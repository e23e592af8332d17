/* protocol_log.h - what was said in SMTP sessions, line by line, as CSV.
 *
 * One log for each side of SMTP, shared by all connectors and worker threads. A line is made where
 * it is said and written by a thread of the log's own, so no session ever waits for a disk; lines
 * beyond PROTOCOL_LOG_WAITING bytes are dropped and counted. When the files cannot be written the
 * event log says so once, lines are lost and counted, and it is tried again every second.
 */
#ifndef HUB_TRACK_PROTOCOL_LOG_H
#define HUB_TRACK_PROTOCOL_LOG_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "libhub/base/err.h"

enum { PROTOCOL_LOG_WAITING = 4 * 1024 * 1024, PROTOCOL_ENDPOINT_SIZE = 64,
	PROTOCOL_NOTE_MAX = 1000 };

enum protocol_log_side { PROTOCOL_LOG_RECEIVE, PROTOCOL_LOG_SEND };

enum protocol_event {
	PROTOCOL_CONNECT,
	PROTOCOL_DISCONNECT,
	PROTOCOL_SENT,
	PROTOCOL_RECEIVED,
	PROTOCOL_NOTE,
};

struct protocol_log_config {
	enum protocol_log_side side;
	const char *folder;	/* of all protocol logs; each side has its own in it */
	uint64_t file_size, total_size;		/* bytes; total: 0 = no limit */
	uint32_t age_days;	/* 0 = no limit */
};

/* What stands on all lines of a session; its owner counts the lines. */
struct protocol_session {
	uint64_t id;
	uint32_t sequence;
	char connector[136];		/* SERVER\CONNECTOR, or CONNECTOR alone */
	char local[PROTOCOL_ENDPOINT_SIZE], remote[PROTOCOL_ENDPOINT_SIZE];
};

struct protocol_log;

/* "192.0.2.1:25", "[2001:db8::1]:25"; "" where there is no address. Any thread. */
void protocol_endpoint(const struct sockaddr_storage *a, char out[PROTOCOL_ENDPOINT_SIZE]);

/* Main thread, both. Nobody writes any more at protocol_log_free; a pointer to NULL is accepted. */
struct protocol_log *protocol_log_new(const struct protocol_log_config *cfg);
void protocol_log_free(struct protocol_log **log);
/* The file is opened anew: it may have been moved. Any thread. */
void protocol_log_reopen(struct protocol_log *log);
/*
 * One line; any thread, s is the caller's alone. data is from a peer or from us, n bytes of it, and
 * is no secret; context is ours, NULL for none.
 */
void protocol_log_write(struct protocol_log *log, struct protocol_session *s,
	enum protocol_event event, const char *data, size_t n, const char *context);
/* A line of information in words of ours, which are cut at PROTOCOL_NOTE_MAX. As above. */
void protocol_log_note(struct protocol_log *log, struct protocol_session *s, const char *context,
	const char *fmt, va_list ap);

#endif
