/* log.c - makes event lines; log_writer.c carries them to stderr. */
#include "libhub/base/log.h"

#include <inttypes.h>
#include <stdarg.h>
#include <string.h>

#include "libhub/base/clock.h"
#include "libhub/base/log_writer.h"

/* A line is cut at this length; fields of a mail event fit many times over. */
enum { LOG_LINE_MAX = 4096 };

struct line {
	char text[LOG_LINE_MAX];
	size_t used;
};

static enum log_format log_format = LOG_FORMAT_TEXT;
static enum log_level log_threshold = LOG_LEVEL_INFO;

static const char *const level_names[] = { "debug", "info", "warning", "error" };

void log_init(enum log_format format, enum log_level threshold)
{
	log_format = format;
	log_threshold = threshold;
}

bool log_enabled(enum log_level level)
{
	return level >= log_threshold;
}

/* Room is kept for the closing quote, brace and newline. */
static void put_char(struct line *l, char c)
{
	if (l->used < sizeof(l->text) - 4)
		l->text[l->used++] = c;
}

static void put_raw(struct line *l, const char *s)
{
	while (*s != '\0')
		put_char(l, *s++);
}

static void put_quoted(struct line *l, const char *s)
{
	static const char hex[] = "0123456789abcdef";
	unsigned char c;

	put_char(l, '"');
	for (; (c = (unsigned char)*s) != '\0'; s++) {
		if (c == '"' || c == '\\') {
			put_char(l, '\\');
			put_char(l, (char)c);
		} else if (c < 0x20 || c == 0x7f) {
			put_raw(l, "\\u00");
			put_char(l, hex[c >> 4]);
			put_char(l, hex[c & 15]);
		} else {
			put_char(l, (char)c);
		}
	}
	/* a line that is full ends in the quote of the field that filled it, and takes no other */
	if (l->used < sizeof(l->text) - 3)
		l->text[l->used++] = '"';
}

/* Is there room for a field of that name and some of its value? */
static bool has_room(const struct line *l, const char *name)
{
	return l->used + strlen(name) + 64 < sizeof(l->text);
}

static bool plain(const char *s)
{
	if (*s == '\0')
		return false;
	for (; *s != '\0'; s++)
		if ((unsigned char)*s <= ' ' || *s == '"' || *s == '\\' || *s == '=' || *s == 0x7f)
			return false;
	return true;
}

static void put_name(struct line *l, const char *name)
{
	if (log_format == LOG_FORMAT_JSON) {
		put_raw(l, l->used > 1 ? ",\"" : "\"");
		put_raw(l, name);
		put_raw(l, "\":");
	} else {
		if (l->used > 0)
			put_char(l, ' ');
		put_raw(l, name);
		put_char(l, '=');
	}
}

static void put_str(struct line *l, const char *name, const char *value)
{
	if (value == NULL || !has_room(l, name))
		return;
	put_name(l, name);
	if (log_format == LOG_FORMAT_TEXT && plain(value))
		put_raw(l, value);
	else
		put_quoted(l, value);
}

static void put_field(struct line *l, const struct log_field *f)
{
	char number[24];

	if (f->kind == LOG_FIELD_STR) {
		put_str(l, f->name, f->str);
		return;
	}
	if (!has_room(l, f->name))
		return;
	if (f->kind == LOG_FIELD_UINT)
		snprintf(number, sizeof(number), "%" PRIu64, f->uint);
	else
		snprintf(number, sizeof(number), "%" PRId64, f->sint);
	put_name(l, f->name);
	put_raw(l, number);
}

void log_write(enum log_level level, const char *event, const struct log_field *fields)
{
	struct line l = { .used = 0 };
	char when[32];

	clock_rfc3339(clock_wall_ms(), when, sizeof(when));
	if (log_format == LOG_FORMAT_JSON)
		put_char(&l, '{');
	put_str(&l, "time", when);
	put_str(&l, "level", level_names[level]);
	put_str(&l, "event", event);
	for (; fields->kind != LOG_FIELD_END; fields++)
		put_field(&l, fields);
	if (log_format == LOG_FORMAT_JSON)
		l.text[l.used++] = '}';
	l.text[l.used++] = '\n';
	log_writer_put(l.text, l.used);
}

void log_text(enum log_level level, const char *event, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	if (!log_enabled(level))
		return;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_event(level, event, LOG_STR("text", text), LOG_END);
}
