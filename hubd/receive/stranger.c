/* stranger.c - see stranger.h */
#include "hubd/receive/stranger.h"

#include <stdio.h>
#include <string.h>

#include "hubd/receive/session.h"
#include "libhub/base/clock.h"
#include "libhub/base/log.h"

bool strangers_admit(struct strangers *list, const char *key, uint64_t now_ms)
{
	uint32_t i;

	if (now_ms >= list->until_ms) {
		list->until_ms = now_ms + STRANGER_WINDOW_MS;
		list->n = 0;
	}
	for (i = 0; i < list->n; i++)
		if (strcmp(list->told[i], key) == 0)
			break;
	if (i < list->n || list->n == STRANGER_LINES) {
		list->left_out++;
		return false;
	}
	snprintf(list->told[list->n++], STRANGER_KEY_SIZE, "%s", key);
	return true;
}

void stranger_note(struct session *s)
{
	struct strangers *list = &s->receiver->strangers;
	const char *key = stream_peer_key_digest(s->stream);
	struct tls_peer_text peer;

	/* a known key has made it a hub; a connector not for servers looks at nobody's */
	if (key == NULL || s->principal == PRINCIPAL_HUB ||
		(s->connector->auth >> AUTH_MECH_HUB_SERVER & 1) == 0)
		return;
	if (!strangers_admit(list, key, clock_mono_ms()) || !stream_peer_text(s->stream, &peer))
		return;
	log_event(LOG_LEVEL_WARNING, "unknown-key", LOG_STR("peer", s->peer_address),
		LOG_STR("connector", s->connector->obj.name), LOG_STR("key", key),
		LOG_STR("subject", peer.subject), LOG_STR("names", peer.names),
		LOG_UINT("not_logged", list->left_out), LOG_END);
	list->left_out = 0;
}
