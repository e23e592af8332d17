/* answer_mirror.c - see answer_mirror.h */
#include "libhub/admin/answer_mirror.h"

#include "libhub/admin/answer.h"
#include "libhub/base/clock.h"

static const char *const states[] = {
	[WATCH_CONNECTING] = "connecting", [WATCH_REFRESHING] = "refreshing",
	[WATCH_LIVE] = "live", [WATCH_DOWN] = "down",
};

void answer_mirror_put(json_t *o, const struct mirror *m, bool change_told)
{
	struct recipients *r = mirror_recipients(m);
	json_t *directory = json_object(), *recipients = json_object();
	struct mirror_status status;

	mirror_status(m, &status);
	answer_put(directory, "state", answer_text(states[status.state]));
	answer_put(directory, "uri", answer_text(status.uri));
	answer_put(directory, "error", answer_known_text(status.error));
	answer_put(directory, "newest_change",
		change_told ? answer_known_text(status.csn) : json_null());
	answer_put(directory, "held", answer_text(status.held));
	answer_put(o, "directory", directory);
	answer_put(o, "from_cache", json_boolean(status.from_cache));
	answer_put(o, "in_step_since_ms", status.in_step_since_ms != 0 ?
		json_integer(status.in_step_since_ms) : json_null());
	answer_put(recipients, "count", answer_number(status.recipients));
	answer_put(recipients, "loaded", json_boolean(r != NULL && recipients_answer(r)));
	answer_put(recipients, "state", answer_text(states[status.recipients_state]));
	answer_put(recipients, "held", answer_text(status.recipients_held));
	answer_put(o, "recipients", recipients);
}

void answer_mirror_metrics(struct evbuffer *out, const struct mirror *m, const struct snapshot *s)
{
	struct mirror_status status;

	mirror_status(m, &status);
	answer_gauge(out, "directory_live", "1 while changes of the directory come at once.",
		status.state == WATCH_LIVE);
	answer_gauge(out, "recipients", "Recipients known.", status.recipients);
	answer_gauge(out, "directory_held", "1 while what the directory shows is not believed.",
		status.held != NULL);
	answer_gauge(out, "recipients_held",
		"1 while missing recipients are not believed to be gone.",
		status.recipients_held != NULL);
	if (s != NULL)
		answer_gauge(out, "configuration_age_seconds", "Since the configuration changed.",
			(uint64_t)(clock_wall_ms() - s->built_ms) / 1000);
}
