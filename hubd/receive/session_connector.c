/* session_connector.c - see session.h: a session whose connector changes meanwhile.
 *
 * From one transaction to the next a session goes on with its connector as it is now: limits,
 * rights and all. Where the connector is gone or takes no mail of this peer any more, or where what
 * the peer has proven may no longer count, the session ends politely and the peer may come anew.
 * Bindings are not looked at, so those that come and go end no session.
 */
#include "hubd/receive/session.h"

#include <string.h>

const struct receive_connector *session_current_connector(const struct session *s)
{
	const struct live *live = s->receiver->live;
	struct objects mine = snapshot_server_connectors(live->snapshot, live->self);
	const struct receive_connector *rc;
	size_t i;

	for (i = 0; i < mine.n; i++) {
		rc = (const void *)mine.v[i];
		if (memcmp(rc->obj.uuid, s->connector->obj.uuid, sizeof(rc->obj.uuid)) == 0)
			return rc;
	}
	return NULL;
}

static bool takes(const struct receive_connector *rc, const struct sockaddr_storage *peer)
{
	size_t i;

	for (i = 0; i < rc->remotes.n; i++)
		if (ip_range_contains(&rc->remotes.v[i], (const struct sockaddr *)peer))
			return true;
	return rc->remotes.n == 0;
}

static bool may_go_on(const struct session *s, const struct receive_connector *rc)
{
	return rc != NULL && rc->obj.enabled && takes(rc, stream_peer(s->stream)) &&
		rc->auth == s->connector->auth &&
		rc->domain_secure == s->connector->domain_secure &&
		(s->principal != PRINCIPAL_HUB || session_peer_server(s) != NULL);
}

/* By what the peer has shown, not by who the connector takes everybody for. */
static bool is_proven(enum principal p)
{
	return p == PRINCIPAL_USER || p == PRINCIPAL_HUB || p == PRINCIPAL_PARTNER;
}

bool session_renew(struct session *s)
{
	const struct live *live = s->receiver->live;
	const struct receive_connector *rc;

	if (s->arrival->live == live)
		return true;
	rc = session_current_connector(s);
	if (!may_go_on(s, rc)) {
		session_shutdown(s, "4.3.2", "the configuration has changed, connect again");
		return false;
	}
	live_unref(&s->arrival->live);
	s->arrival->live = live_ref(live);
	s->arrival->connector = s->connector = rc;
	stream_set_inactivity(s->stream, (uint32_t)rc->inactivity_timeout_s);
	if (!is_proven(s->principal))
		session_forget_peer(s);
	session_judge(s);
	return true;
}
