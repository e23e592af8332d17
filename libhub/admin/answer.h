/* answer.h - what daemons answer administrators with: members of JSON objects, metrics. Pure. */
#ifndef HUB_ADMIN_ANSWER_H
#define HUB_ADMIN_ANSWER_H

#include <jansson.h>
#include <stdint.h>

struct evbuffer;

/* Takes over value. */
void answer_put(json_t *o, const char *name, json_t *value);
json_t *answer_number(uint64_t n);
/* NULL = null. Of a text that is not UTF-8, or was cut, with ? for all but ASCII. */
json_t *answer_text(const char *s);
/* RFC 3339. */
json_t *answer_time(int64_t wall_ms);
/* The same; what is not known ("" or NULL, or 0) is null. */
json_t *answer_known_text(const char *s);
json_t *answer_known_time(int64_t wall_ms);

/*
 * OpenMetrics: the lines of type and help of hub_NAME, then samples of it. Those of a counter have
 * names that end in _total; help is one sentence.
 */
enum answer_metric { ANSWER_GAUGE, ANSWER_COUNTER };
void answer_metric(struct evbuffer *out, enum answer_metric kind, const char *name,
	const char *help);
/* labels: such as {edge="edge1"}, or "" */
void answer_sample(struct evbuffer *out, enum answer_metric kind, const char *name,
	const char *labels, uint64_t value);
/* Both, for a metric without labels. */
void answer_gauge(struct evbuffer *out, const char *name, const char *help, uint64_t value);
void answer_counter(struct evbuffer *out, const char *name, const char *help, uint64_t value);

#endif
