/* session_log.c - see session.h: what a session writes to the Receive protocol log. */
#include "hubd/receive/session.h"

#include <stdarg.h>
#include <string.h>

#include "libhub/base/log.h"

/* The connector as it is now; its name may have changed since it admitted the session. */
static const struct receive_connector *current_connector(const struct session *s)
{
	const struct live *live = s->receiver->live;
	struct objects mine = snapshot_server_connectors(live->snapshot, live->self);
	size_t i;

	for (i = 0; i < mine.n; i++) {
		const struct receive_connector *rc = (const void *)mine.v[i];

		if (memcmp(rc->obj.uuid, s->connector->obj.uuid, sizeof(rc->obj.uuid)) == 0)
			return rc;
	}
	return NULL;
}

bool session_is_logged(struct session *s)
{
	const struct receive_connector *rc;

	if (s->log_checked != s->receiver->lives) {
		s->log_checked = s->receiver->lives;
		rc = current_connector(s);
		s->log_verbose = rc != NULL && rc->logging == PROTOCOL_LOGGING_VERBOSE;
	}
	return s->log_verbose;
}

void session_note_write(struct session *s, const char *context, const char *fmt, ...)
{
	char text[1000];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	log_event(LOG_LEVEL_INFO, "session-note", LOG_UINT("session", s->id),
		LOG_STR("context", context), LOG_STR("text", text), LOG_END);
}
