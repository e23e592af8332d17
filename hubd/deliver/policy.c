/* policy.c - see policy.h. */
#include "hubd/deliver/policy.h"

#include <string.h>
#include <strings.h>

#include "hubd/config/live.h"
#include "libhub/tls/pin.h"

static bool listed(const struct strings *list, const char *domain)
{
	size_t i;

	for (i = 0; i < list->n; i++)
		if (strcasecmp(list->v[i], domain) == 0)
			return true;
	return false;
}

static void verify(struct policy *p, enum tls_verify mode, const char *name)
{
	p->tls = CLIENT_TLS_ALWAYS;
	p->verify = mode;
	p->verify_name = name;
}

/* hubRequireTLS and hubTLSAuthLevel. */
static void by_level(const struct send_connector *sc, const char *domain, struct policy *p)
{
	p->tls = CLIENT_TLS_ALWAYS;
	if (sc->tls_auth_level == TLS_AUTH_CERTIFICATE)
		verify(p, TLS_VERIFY_CERTIFICATE, NULL);
	else if (sc->tls_auth_level == TLS_AUTH_DOMAIN)
		verify(p, TLS_VERIFY_DOMAIN, sc->tls_domain != NULL ? sc->tls_domain : domain);
}

static void by_auth(const struct policy_case *pc, struct policy *p)
{
	const struct send_connector *sc = pc->connector;

	switch (sc->auth) {
	case SMART_HOST_AUTH_BASIC_TLS:
		verify(p, TLS_VERIFY_DOMAIN, sc->tls_domain != NULL ? sc->tls_domain : pc->host);
		/* fall through */
	case SMART_HOST_AUTH_BASIC:
		p->auth = CLIENT_AUTH_PASSWORD;
		p->user = sc->auth_user;
		p->password = sc->auth_password;
		break;
	case SMART_HOST_AUTH_HUB_SERVER:
		p->tls = CLIENT_TLS_ALWAYS;
		p->trust = POLICY_TRUST_ANY_SERVER;
		p->auth = pc->has_keytab ? CLIENT_AUTH_KERBEROS : CLIENT_AUTH_NONE;
		p->user = sc->auth_user;
		break;
	}
}

/* Mutual TLS: both prove by a certificate who they are. */
static void by_domain_secure(const struct policy_case *pc, struct policy *p)
{
	verify(p, TLS_VERIFY_DOMAIN, pc->domain);
	p->mutual = true;
	if (pc->live->tls_client == NULL || tls_context_key_digest(pc->live->tls_client) == NULL)
		p->refusal = "mutual TLS is required and this server has no certificate";
}

static void by_connector(const struct policy_case *pc, struct policy *p)
{
	const struct send_connector *sc = pc->connector;
	bool secure = listed(&pc->live->snapshot->org->tls_send_domains, pc->domain);

	if (sc->ignore_starttls || sc->force_helo)
		p->tls = CLIENT_TLS_NEVER;
	if (sc->require_tls)
		by_level(sc, pc->domain, p);
	by_auth(pc, p);
	if (sc->usage == SEND_PARTNER && !secure)
		p->refusal = "the domain is not in hubTLSSendDomainSecure";
	else if (secure && (sc->domain_secure || sc->usage == SEND_PARTNER))
		by_domain_secure(pc, p);
}

void policy_make(const struct policy_case *pc, struct policy *out)
{
	*out = (struct policy){ .tls = CLIENT_TLS_IF_OFFERED };
	if (pc->server != NULL) {
		out->tls = CLIENT_TLS_ALWAYS;
		out->trust = POLICY_TRUST_SERVER;
		out->server = pc->server;
	} else if (pc->mailbox != NULL) {
		if (pc->mailbox->pins.n > 0) {
			out->trust = POLICY_TRUST_MAILBOX;
			out->mailbox = pc->mailbox;
		}
		if (pc->mailbox->require_tls || out->trust == POLICY_TRUST_MAILBOX)
			out->tls = CLIENT_TLS_ALWAYS;
	} else if (pc->connector != NULL) {
		by_connector(pc, out);
	}
	if (pc->require_tls && out->tls == CLIENT_TLS_NEVER)
		out->refusal = "the message requires TLS and the connector ignores STARTTLS";
	else if (pc->require_tls)
		out->tls = CLIENT_TLS_ALWAYS;
	if (out->tls == CLIENT_TLS_ALWAYS && pc->live->tls_client == NULL)
		out->refusal = "TLS is required and this server has no certificate";
	else if (pc->live->tls_client == NULL)
		out->tls = CLIENT_TLS_NEVER;
}

static int wrong_key(const char *digest, const char *whose, struct err *e)
{
	return err_set(e, ERR_PERM, 0, "the peer's key %s is not in the directory for %s",
		digest != NULL ? digest : "(none shown)", whose);
}

/* By authority, perhaps by name; resumed, it is what was found then. */
static int check_certificate(const struct policy *p, const struct stream *s, struct err *e)
{
	if (p->verify != TLS_VERIFY_ENCRYPTION &&
		stream_peer_verify(s, p->verify, p->verify_name, e) != 0)
		return -1;
	/* a session that is resumed had been asked: only what was trusted is kept */
	if (p->mutual && !stream_tls_resumed(s) && !stream_tls_was_asked(s))
		return err_set(e, ERR_PERM, 0, "the peer does not ask for our certificate");
	return 0;
}

static int check_mailbox(const struct mailbox_server *m, const char *digest, struct err *e)
{
	size_t i;

	for (i = 0; i < m->pins.n; i++)
		if (tls_pin_equal(m->pins.v[i], digest))
			return 0;
	return wrong_key(digest, m->obj.name, e);
}

int policy_check(const struct policy *p, const struct live *live, const struct stream *s,
	struct err *e)
{
	const char *digest = stream_peer_key_digest(s);

	if (check_certificate(p, s, e) != 0)
		return -1;
	switch (p->trust) {
	case POLICY_TRUST_ANYBODY:
		return 0;
	case POLICY_TRUST_SERVER:
		if (digest != NULL && server_has_key(p->server, digest))
			return 0;
		return wrong_key(digest, p->server->obj.name, e);
	case POLICY_TRUST_ANY_SERVER:
		if (digest != NULL && snapshot_server_by_key(live->snapshot, digest) != NULL)
			return 0;
		/* Kerberos is mutual: the peer shows there that it has the key of its name */
		if (p->auth == CLIENT_AUTH_KERBEROS)
			return POLICY_UNPROVEN;
		return wrong_key(digest, "any server", e);
	case POLICY_TRUST_MAILBOX:
		return check_mailbox(p->mailbox, digest, e);
	}
	err_bug(__FILE__, __LINE__, "unknown trust");
}
