/* send_log.h - what the sessions of one delivery write to the Send protocol log. Loop thread.
 *
 * A connector's sessions are logged while its hubProtocolLogging is Verbose in the configuration
 * that is in force now, whatever the delivery was opened with; those to servers of the organization
 * and to mailbox servers, which have no connector, while this server's hubIntraOrgProtocolLogging
 * is. A session begins with the first line after the last one's end, so that it also has what was
 * decided before there was a connection.
 */
#ifndef HUB_DELIVER_SEND_LOG_H
#define HUB_DELIVER_SEND_LOG_H

#include <stdarg.h>
#include <stdbool.h>

#include "hubd/track/protocol_log.h"
#include "libhub/base/err.h"

struct live;
struct queue_set;
struct send_connector;
struct stream;

/* Of one worker. */
struct send_log_shared {
	struct protocol_log *file;	/* NULL = none is kept */
	const struct queue_set *set;	/* whose configuration is in force */
	uint64_t next_id;
};

struct send_log_lines;

/* Private but for its size. */
struct send_log {
	struct send_log_shared *shared;
	const struct send_connector *connector;	/* NULL = between servers of the organization */
	uint64_t checked;		/* generation of the snapshot that verbose is of */
	bool verbose;
	bool has_session;
	struct send_log_lines *lines;	/* NULL until the first line */
};

void send_log_shared_init(struct send_log_shared *shared, uint32_t worker);

/* connector stays valid as long as the log. */
void send_log_init(struct send_log *g, struct send_log_shared *shared,
	const struct send_connector *connector);
void send_log_deinit(struct send_log *g);
/* Two comparisons, and once for each configuration a search. g may be NULL: never. */
bool send_log_is_on(struct send_log *g);

/*
 * A line of information ("*"): what was decided, and in context why or about what; NULL for none.
 * Never a credential. Arguments are evaluated only while it is on.
 */
#define send_log_note(g, context, ...)                                           \
	do {                                                                    \
		if (send_log_is_on(g))                                          \
			send_log_note_write((g), (context), __VA_ARGS__);       \
	} while (0)
void send_log_note_write(struct send_log *g, const char *context, const char *fmt, ...)
	PRINTF_LIKE(3, 4);

/* These do nothing while it is off. */

/* The stream whose ends stand on the lines from now on, as they are now. */
void send_log_ends(struct send_log *g, const struct stream *s);
void send_log_line(struct send_log *g, enum protocol_event event, const char *data, size_t n,
	const char *context);
/* A part of a command, until send_log_put_end makes a line of the parts. */
void send_log_put(struct send_log *g, const char *fmt, va_list ap);
void send_log_put_end(struct send_log *g);

/* The session has ended; was_connected: a line "-" says so, with context. Whether on or off. */
void send_log_session_end(struct send_log *g, bool was_connected, const char *context);

/* Says in the event log which connectors want a protocol log where none is kept. Any thread. */
void send_log_check(const struct live *live, bool is_kept);

#endif
