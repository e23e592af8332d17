/* delivery_tls.c - what a connection asks of TLS, and what becomes of it. See delivery.h.
 *
 * A failed handshake: the session that was to be resumed is forgotten and a full handshake tried,
 * once. Where TLS is only taken when offered (no hubRequireTLS, DomainSecure, pins, REQUIRETLS,
 * authentication), the host is then spoken to in clear, on a new connection, for HOST_CLEAR_MS;
 * everywhere else it is of no use, and no word of mail was said to it. A certificate that does not
 * satisfy is never answered by clear text.
 */
#include "hubd/deliver/delivery.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

#include "hubd/config/live.h"
#include "hubd/track/counters.h"
#include "libhub/base/inet.h"
#include "libhub/base/log.h"

/* --- before --- */

/*
 * Of ours it is asked for the key that we know, elsewhere, and where its certificate is looked at,
 * for that of its name.
 */
static const char *asked_name(const struct delivery *s)
{
	if (s->policy.trust == POLICY_TRUST_SERVER || (s->policy.trust == POLICY_TRUST_ANY_SERVER &&
		s->policy.verify == TLS_VERIFY_ENCRYPTION))
		return TLS_HUB_NAME;
	return s->target->host[0] != '\0' ? s->target->host : NULL;
}

/* Who pins keys, or might, is shown the key that the directory has. */
static bool shows_own_key(const struct delivery *s)
{
	return s->mailbox != NULL || s->policy.trust == POLICY_TRUST_SERVER ||
		s->policy.trust == POLICY_TRUST_ANY_SERVER;
}

/* Nor does a credential where TLS was in sight. */
static bool may_go_in_clear(const struct delivery *s)
{
	return s->policy.tls == CLIENT_TLS_IF_OFFERED && s->policy.auth == CLIENT_AUTH_NONE;
}

static const char *owner_of(const struct delivery *s)
{
	if (s->place->server != NULL)
		return s->place->server->obj.ndn;
	if (s->mailbox != NULL)
		return s->mailbox->obj.ndn;
	return queue_conn_name(s->qc);
}

static void identity_of(const struct delivery *s, const struct client_config *cfg,
	const struct sockaddr *source, struct session_identity *out)
{
	*out = (struct session_identity){
		.to = s->target->addr, .owner = owner_of(s), .name = cfg->name,
		.context = tls_context_number(cfg->context), .user = cfg->user,
		.password = cfg->password, .auth = (int)cfg->auth, .lmtp = cfg->lmtp,
		.force_helo = cfg->force_helo,
		.tls = (int)cfg->tls, .trust = (int)s->policy.trust,
		.verify = (int)s->policy.verify, .mutual = s->policy.mutual,
		.verify_name = s->policy.verify_name, .asked_name = cfg->handshake.name,
		.require_tls = s->require_tls,
	};
	if (source != NULL)
		memcpy(&out->from, source, inet_size(source));
}

void delivery_tls_prepare(struct delivery *s, const struct sockaddr *source,
	struct client_config *cfg)
{
	struct session_identity id;

	delivery_tls_forget(s);
	s->peer_judged = false;
	if (may_go_in_clear(s) && host_is_clear(s->d->hosts, &s->target->addr.sa))
		cfg->tls = CLIENT_TLS_NEVER;
	if (cfg->tls == CLIENT_TLS_NEVER)
		return;
	cfg->context = s->live->tls_client;
	cfg->handshake = (struct tls_connect){
		.name = asked_name(s), .own_name = shows_own_key(s) ? NULL : cfg->name,
		.mutual = s->policy.mutual, .status = s->policy.verify != TLS_VERIFY_ENCRYPTION,
	};
	identity_of(s, cfg, source, &id);
	session_identity_digest(&id, s->identity);
	s->resuming = resume_get(s->d->resume, s->identity);
	/* the table may let go of it before the peer has said 220 */
	if (s->resuming != NULL)
		BUG_ON(SSL_SESSION_up_ref(s->resuming) != 1);
	cfg->handshake.session = s->resuming;
}

void delivery_tls_forget(struct delivery *s)
{
	SSL_SESSION_free(s->resuming);
	s->resuming = NULL;
}

/* --- after --- */

void delivery_tls_judged(struct delivery *s, const struct stream *stream, bool trusted)
{
	bool resumed = stream_tls_resumed(stream);

	s->peer_judged = true;
	counter_add(!trusted ? COUNTER_SEND_TLS_REFUSED : resumed ? COUNTER_SEND_TLS_RESUMED :
		COUNTER_SEND_TLS_FULL, 1);
	if (trusted && s->policy.mutual)
		counter_add(COUNTER_SEND_DOMAIN_SECURE_PROVEN, 1);
}

void delivery_tls_ready(struct delivery *s)
{
	resume_put(s->d->resume, s->identity, client_tls_session_take(s->client),
		client_tls_resumed(s->client));
	delivery_tls_forget(s);
}

bool delivery_tls_again(struct delivery *s, const struct client_fact *why)
{
	if (why->stage != STAGE_TLS || why->event != EVENT_LOST)
		return false;
	counter_add(COUNTER_SEND_TLS_FAILED, 1);
	if (s->resuming != NULL) {
		resume_drop(s->d->resume, s->identity);
		return true;
	}
	if (!may_go_in_clear(s))
		return false;
	counter_add(COUNTER_SEND_TLS_CLEAR, 1);
	log_event(LOG_LEVEL_WARNING, "tls-given-up", LOG_STR("queue", queue_conn_name(s->qc)),
		LOG_STR("hop", s->hop_text), LOG_STR("reason", why->text), LOG_END);
	delivery_note(s, NULL, "in clear on a new connection: TLS is not required here");
	host_set_clear(s->d->hosts, &s->target->addr.sa);
	return true;
}

const char *delivery_tls_blame(const struct delivery *s, const struct client_fact *why,
	char text[QUEUE_TEXT_MAX])
{
	if (!s->policy.mutual || why->stage != STAGE_TLS)
		return why->text;
	snprintf(text, QUEUE_TEXT_MAX, "mail for %.100s is sent with mutual TLS only "
		"(hubTLSSendDomainSecure): %.400s", s->domain, why->text);
	counter_add(s->peer_judged ? COUNTER_SEND_DOMAIN_SECURE_UNPROVEN :
		COUNTER_SEND_DOMAIN_SECURE_NO_TLS, 1);
	log_event(LOG_LEVEL_WARNING, "domain-secure-failed",
		LOG_STR("queue", queue_conn_name(s->qc)), LOG_STR("domain", s->domain),
		LOG_STR("hop", s->hop_text), LOG_STR("reason", why->text), LOG_END);
	return text;
}
