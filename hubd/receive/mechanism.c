/* mechanism.c - see mechanism.h */
#include "hubd/receive/mechanism.h"

#include <string.h>
#include <strings.h>

#define BIT(name) (UINT32_C(1) << MECHANISM_##name)

enum {
	BY_PASSWORD = BIT(PLAIN) | BIT(LOGIN) | BIT(SCRAM),
};

static const char *const names[MECHANISMS] = {
	[MECHANISM_PLAIN] = "PLAIN",
	[MECHANISM_LOGIN] = "LOGIN",
	[MECHANISM_SCRAM] = "SCRAM-SHA-256",
	[MECHANISM_SCRAM_PLUS] = "SCRAM-SHA-256-PLUS",
	[MECHANISM_GSSAPI] = "GSSAPI",
	[MECHANISM_EXTERNAL] = "EXTERNAL",
};

const char *mechanism_name(enum mechanism m)
{
	return names[m];
}

enum mechanism mechanism_find(const char *name, size_t n)
{
	enum mechanism m;

	for (m = 0; m < MECHANISMS; m++)
		if (strlen(names[m]) == n && strncasecmp(name, names[m], n) == 0)
			break;
	return m;
}

static bool has_auth(const struct receive_connector *rc, enum auth_mechanism m)
{
	return (rc->auth >> m & 1) != 0;
}

/* SCRAM is for those whose password's verifier is in the directory. */
static bool has_verifiers(const struct session *s)
{
	const atomic_bool *known = s->receiver->cfg.has_verifiers;

	return known == NULL || atomic_load_explicit(known, memory_order_relaxed);
}

/* Whoever may not submit gains nothing by logging in, so there is nothing to try passwords on. */
static bool takes_users(const struct receive_connector *rc)
{
	return (permission_rights(rc, PRINCIPAL_USER) >> RIGHT_SUBMIT & 1) != 0;
}

static bool takes_user_certificates(const struct receive_connector *rc)
{
	return has_auth(rc, AUTH_MECH_TLS) && takes_users(rc);
}

bool mechanism_wants_certificate(const struct receive_connector *rc)
{
	return has_auth(rc, AUTH_MECH_HUB_SERVER) || rc->domain_secure ||
		takes_user_certificates(rc);
}

static uint32_t offer_to_users(const struct session *s, bool tls)
{
	const struct receive_connector *rc = s->connector;
	uint32_t set = 0;

	if (!takes_users(rc))
		return 0;
	if (has_auth(rc, AUTH_MECH_BASIC) && (tls || !has_auth(rc, AUTH_MECH_BASIC_TLS)))
		set |= has_verifiers(s) ? BY_PASSWORD : BY_PASSWORD & ~BIT(SCRAM);
	if (has_auth(rc, AUTH_MECH_INTEGRATED) && s->receiver->cfg.gssapi)
		set |= BIT(GSSAPI);
	return set;
}

uint32_t mechanism_offer(const struct session *s)
{
	unsigned char binding[STREAM_BINDING_SIZE];
	uint32_t set = offer_to_users(s, stream_is_tls(s->stream));

	if ((set & BIT(SCRAM)) != 0 && stream_channel_binding(s->stream, binding))
		set |= BIT(SCRAM_PLUS);
	/* only who has shown a certificate can use it: RFC 4422 appendix A */
	if (stream_peer_key_digest(s->stream) != NULL &&
		(s->principal == PRINCIPAL_HUB || takes_user_certificates(s->connector)))
		set |= BIT(EXTERNAL);
	return set;
}

bool mechanism_needs_tls(const struct session *s, enum mechanism m)
{
	return !stream_is_tls(s->stream) && (offer_to_users(s, true) >> m & 1) != 0;
}
