/* verb_starttls.c - STARTTLS (RFC 3207), TLS from the first byte (RFC 8314), and who the peer is by
 * its key (direct trust).
 */
#include "hubd/receive/mechanism.h"

#include "hubd/receive/partner.h"
#include "hubd/track/counters.h"
#include "libhub/base/log.h"
#include "libhub/base/mem.h"

#define READY "220 2.0.0 ready to start TLS\r\n"

/* ready NULL: TLS from the first byte. */
static int start(struct session *s, const char *ready, struct err *e)
{
	const struct receive_connector *rc = s->connector;
	const struct tls_accept how = {
		/* asked for only where somebody looks at it */
		.request_cert = mechanism_wants_certificate(rc),
		.name = session_fqdn(s),
		.service = rc->obj.name,
	};

	return stream_starttls_server(s->stream, s->arrival->live->tls_server, &how, ready, e);
}

void verb_starttls(struct session *s, const struct smtp_command *c)
{
	struct err e;

	(void)c;
	if ((s->extensions & SMTP_EXT_STARTTLS) == 0) {
		session_reply(s, 502, "5.5.1", "STARTTLS is not offered");
		session_fault(s);
		return;
	}
	if (start(s, READY, &e) != 0) {
		/* input behind STARTTLS: RFC 3207 section 5, never to be obeyed after TLS */
		session_shutdown(s, "4.7.0", "input after STARTTLS");
		return;
	}
	session_log_sent(s, READY, sizeof(READY) - 1);
	s->wait = WAIT_TLS;
}

void implicit_tls_begin(struct session *s)
{
	struct err e;

	if (s->arrival->live->tls_server == NULL) {
		session_end(s);
		return;
	}
	/* nothing has been read yet, so nothing can stand before the handshake */
	BUG_ON(start(s, NULL, &e) != 0);
	s->wait = WAIT_TLS;
}

/* RFC 3207 section 4.2: all knowledge from before TLS is forgotten. */
static void forget(struct session *s)
{
	session_reset(s);
	free(s->helo);
	s->helo = NULL;
	s->extensions = 0;
	s->logged_in = false;
	s->esmtp = false;
	session_forget_peer(s);
}

/* What the protocol log says of a handshake. */
static void note(struct session *s)
{
	struct tls_peer_text peer;

	session_note(s, NULL, "%s with %s%s", stream_tls_version(s->stream),
		stream_tls_cipher(s->stream), stream_tls_resumed(s->stream) ? ", resumed" : "");
	if (!session_is_logged(s) || !stream_peer_text(s->stream, &peer))
		return;
	session_note(s, "Certificate subject", "%s", peer.subject);
	session_note(s, "Certificate issuer name", "%s", peer.issuer);
	session_note(s, "Certificate serial number", "%s", peer.serial);
	session_note(s, "Certificate thumbprint", "%s", peer.thumbprint);
	session_note(s, "Certificate alternate names", "%s", peer.names);
}

void starttls_done(struct session *s)
{
	const struct live *live = s->receiver->live;
	const char *digest = stream_peer_key_digest(s->stream);
	const struct server *hub = NULL;

	counter_add(stream_tls_resumed(s->stream) ? COUNTER_TLS_RESUMED : COUNTER_TLS_FULL, 1);
	forget(s);
	note(s);
	if (digest != NULL && (s->connector->auth >> AUTH_MECH_HUB_SERVER & 1) != 0)
		hub = snapshot_server_by_key(live->snapshot, digest);
	if (hub != NULL && permission_is_member(live, hub)) {
		s->principal = PRINCIPAL_HUB;
		s->identity = xstrdup(hub->obj.name);
		log_event(LOG_LEVEL_DEBUG, "hub-authenticated", LOG_UINT("session", s->id),
			LOG_STR("hub", hub->obj.name), LOG_STR("peer", s->peer_address), LOG_END);
	}
	session_judge(s);
	partner_judge(s);
	if (!s->greeted)
		session_greet(s);
	session_resume(s);
}
