/* answer.c - see answer.h */
#include "libhub/admin/answer.h"

#include <event2/buffer.h>
#include <inttypes.h>
#include <stdlib.h>

#include "libhub/base/clock.h"
#include "libhub/base/mem.h"

void answer_put(json_t *o, const char *name, json_t *value)
{
	BUG_ON(value == NULL || json_object_set_new(o, name, value) != 0);
}

json_t *answer_number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* A reason that was cut within a letter is a reason nevertheless. */
static json_t *ascii_of(const char *s)
{
	char *text = xstrdup(s), *p;
	json_t *value;

	for (p = text; *p != '\0'; p++)
		if ((unsigned char)*p >= 0x80)
			*p = '?';
	value = json_string(text);
	free(text);
	return value;
}

json_t *answer_text(const char *s)
{
	json_t *value;

	if (s == NULL)
		return json_null();
	value = json_string(s);
	return value != NULL ? value : ascii_of(s);
}

json_t *answer_time(int64_t wall_ms)
{
	char buf[40];

	clock_rfc3339(wall_ms, buf, sizeof(buf));
	return json_string(buf);
}

json_t *answer_known_text(const char *s)
{
	return answer_text(s != NULL && *s != '\0' ? s : NULL);
}

json_t *answer_known_time(int64_t wall_ms)
{
	return wall_ms != 0 ? answer_time(wall_ms) : json_null();
}

void answer_metric(struct evbuffer *out, enum answer_metric kind, const char *name,
	const char *help)
{
	evbuffer_add_printf(out, "# TYPE hub_%s %s\n# HELP hub_%s %s\n", name,
		kind == ANSWER_COUNTER ? "counter" : "gauge", name, help);
}

void answer_sample(struct evbuffer *out, enum answer_metric kind, const char *name,
	const char *labels, uint64_t value)
{
	evbuffer_add_printf(out, "hub_%s%s%s %" PRIu64 "\n", name,
		kind == ANSWER_COUNTER ? "_total" : "", labels, value);
}

void answer_gauge(struct evbuffer *out, const char *name, const char *help, uint64_t value)
{
	answer_metric(out, ANSWER_GAUGE, name, help);
	answer_sample(out, ANSWER_GAUGE, name, "", value);
}

void answer_counter(struct evbuffer *out, const char *name, const char *help, uint64_t value)
{
	answer_metric(out, ANSWER_COUNTER, name, help);
	answer_sample(out, ANSWER_COUNTER, name, "", value);
}
