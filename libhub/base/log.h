/* log.h - the event log: one line per event, key=value or JSON. Any thread.
 *
 * A line is an event name followed by fields; the first fields are those of the context (server,
 * session, message). Levels mean action: error = a person must act, warning = something was
 * refused or put off, info = normal business, debug = for developers. Values are quoted and
 * control bytes escaped, so nothing that a peer sent can forge a line. Secrets are never passed.
 */
#ifndef HUB_BASE_LOG_H
#define HUB_BASE_LOG_H

#include <stdbool.h>
#include <stdint.h>

#include "libhub/base/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARNING, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_TEXT, LOG_FORMAT_JSON };

/* Once at start, before threads. Lines go to stderr, see log_writer.h. */
void log_init(enum log_format format, enum log_level threshold);
bool log_enabled(enum log_level level);

/*
 * Writes one line. Fields are pairs of a name and a value of the type its macro makes; the list
 * ends with LOG_END. A string value of NULL leaves the field out.
 *
 *	log_event(LOG_LEVEL_INFO, "delivered", LOG_STR("queue", key), LOG_UINT("size", n), LOG_END);
 */
struct log_field {
	const char *name;
	enum { LOG_FIELD_END, LOG_FIELD_STR, LOG_FIELD_UINT, LOG_FIELD_INT } kind;
	const char *str;
	uint64_t uint;
	int64_t sint;
};

#define LOG_STR(n, v) (struct log_field){ .name = (n), .kind = LOG_FIELD_STR, .str = (v) }
#define LOG_UINT(n, v) (struct log_field){ .name = (n), .kind = LOG_FIELD_UINT, .uint = (v) }
#define LOG_INT(n, v) (struct log_field){ .name = (n), .kind = LOG_FIELD_INT, .sint = (v) }
#define LOG_END (struct log_field){ .kind = LOG_FIELD_END }

#define log_event(level, event, ...)                                                             \
	do {                                                                                     \
		if (log_enabled(level))                                                          \
			log_write((level), (event), (const struct log_field[]){ __VA_ARGS__ });  \
	} while (0)

void log_write(enum log_level level, const char *event, const struct log_field *fields);

/* Shorthand for an event whose only field is a text. */
void log_text(enum log_level level, const char *event, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
